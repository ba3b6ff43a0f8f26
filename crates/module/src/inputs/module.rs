use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::{AccountId, AliasName, Arn, Diagnostic, ModuleName, Partition, Region, Span, Tags};
use keywright_policy::{Match, PrincipalPattern, Statement};

use crate::findings::Acceptance;
use crate::read::OutputBlocks;
use crate::secrets::Secrets;

use super::given::GivenInput;
use super::names::{
    DecryptThreshold, DeletionWindow, Environment, IamPrincipal, LogGroupName, NamePrefix, RotationPeriod, TopicArn,
};

/// One KMS module, all of whose inputs were checked.
///
/// Only [`load`](crate::load) makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Module {
    pub(crate) name: ModuleName,
    pub(crate) inputs: Inputs,
    /// The same, as they were given.
    pub(crate) given: IndexMap<&'static str, GivenInput>,
    /// What sensitive variables have put into them.
    pub(crate) secrets: Secrets,
    /// Where the module is written.
    pub(crate) place: Span,
    /// What was found while reading, and is no error.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The outputs of all that was read with it.
    pub(crate) output_blocks: Arc<OutputBlocks>,
}

impl Module {
    /// Its name.
    pub fn name(&self) -> &ModuleName {
        &self.name
    }

    /// Its inputs.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Its inputs as they were given, in the order of the table of inputs; those that were not given, or are null, are
    /// left out.
    pub fn given(&self) -> &IndexMap<&'static str, GivenInput> {
        &self.given
    }

    /// Whether a text holds something that a sensitive variable has put into the inputs.
    pub fn holds_secret(&self, text: &str) -> bool {
        self.secrets.are_in(text)
    }

    /// The names of all alarms that it makes under some inputs, wanted now or not.
    pub fn alarm_names(&self) -> Vec<String> {
        crate::compose::names::alarm_names(&self.inputs)
    }

    /// The same with `kms_root_access = false`. No rule binds that input to another, so that this is checked as well.
    #[must_use]
    pub fn without_root_access(&self) -> Self {
        let inputs = Inputs { root_access: false, ..self.inputs.clone() };
        Self { inputs, ..self.clone() }
    }

    /// Where it is written.
    pub fn place(&self) -> &Span {
        &self.place
    }
}

/// The inputs of a module. Rules that bind several inputs hold too: see the fields.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Inputs {
    /// `aws_account_id`.
    pub account: AccountId,
    /// `aws_region`.
    pub region: Region,
    /// The replica, when a replication bucket is enabled.
    pub replication: Option<Replication>,
    /// `name_prefix`; every derived name fits AWS's limits.
    pub name_prefix: NamePrefix,
    /// `environment`.
    pub environment: Environment,
    /// `tags`, with room for `Name` and for one tag of the tool.
    pub tags: Tags,
    /// How often the key rotates; none when rotation is off.
    pub rotation: Option<RotationPeriod>,
    /// `deletion_window_in_days`.
    pub deletion_window: DeletionWindow,
    /// `aliases`, none of them reserved, none twice.
    pub aliases: Vec<AliasName>,
    /// `kms_root_access`.
    pub root_access: bool,
    /// The admin role, when it is wanted.
    pub admin_role: Option<AdminRoleInputs>,
    /// `key_administrators`, of this account.
    pub key_administrators: Vec<IamPrincipal>,
    /// `key_users`, of this account.
    pub key_users: Vec<IamPrincipal>,
    /// `key_service_users`, of this account.
    pub key_service_users: Vec<IamPrincipal>,
    /// `service_usage_principals`, of this account.
    pub service_usage_principals: Vec<IamPrincipal>,
    /// `cross_account_principals`, of other accounts.
    pub cross_account_principals: Vec<IamPrincipal>,
    /// `accepted_findings`, by code.
    pub accepted_findings: Vec<Acceptance>,
    /// `key_statements`.
    pub key_statements: Vec<Statement>,
    /// `sns_topic_arn`.
    pub topic: Option<TopicArn>,
    /// The decrypt alarm, when monitoring is on.
    pub decrypt_alarm: Option<DecryptAlarmInputs>,
    /// The alarm on denied calls, unless it is switched off.
    pub access_denied_alarm: bool,
    /// `cloudtrail_log_group_name`.
    pub trail_log_group: Option<LogGroupName>,
    /// The log group that feeds the lifecycle alarm, when that is wanted.
    pub lifecycle_alarm: Option<LogGroupName>,
    /// Whether the bucket `cloudtrail` is enabled.
    pub cloudtrail: bool,
    /// `create_autoscaling_service_linked_role`.
    pub create_autoscaling_role: bool,
    /// `grants`.
    pub grants: Vec<GrantInputs>,
    /// The switches of services.
    pub services: Services,
}

impl Inputs {
    /// The partition of the Region.
    pub fn partition(&self) -> Partition {
        self.region.partition()
    }

    /// The topics that alarms notify.
    pub fn named_topics(&self) -> Vec<&TopicArn> {
        self.topic.iter().chain(self.replication.iter().filter_map(|replication| replication.topic.as_ref())).collect()
    }

    /// Every user and role that the inputs name, in any account, each once.
    pub fn named_principals(&self) -> Vec<Arn> {
        let lists = [
            &self.key_administrators,
            &self.key_users,
            &self.key_service_users,
            &self.service_usage_principals,
            &self.cross_account_principals,
        ];
        let trusted = self.admin_role.iter().flat_map(|role| &role.trusted);
        let listed = lists.into_iter().flatten().chain(trusted).map(|principal| principal.arn().clone());
        let replication = self.replication.iter().filter_map(|replication| replication.role.clone());
        let grants =
            self.grants.iter().flat_map(|grant| [Some(grant.grantee.clone()), grant.retiring_principal.clone()]);
        let mut named: Vec<Arn> =
            listed.chain(replication).chain(grants.flatten()).chain(self.statement_principals()).collect();
        named.retain(|arn| ["user", "role"].iter().any(|kind| arn.resource_of_kind(kind).is_some()));
        named.sort();
        named.dedup();
        named
    }

    fn statement_principals(&self) -> impl Iterator<Item = Arn> {
        let principals = self.key_statements.iter().filter_map(|statement| statement.principal.as_ref());
        principals.flat_map(Match::inner).filter_map(|pattern| match pattern {
            PrincipalPattern::Aws(text) => Arn::parse(text).ok(),
            _ => None,
        })
    }
}

/// What a replica needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replication {
    /// `replication_region`: another Region of the same partition.
    pub region: Region,
    /// `s3_replication_role_arn`; none when keywright makes the role.
    pub role: Option<Arn>,
    /// `replica_sns_topic_arn`, in the replica's Region.
    pub topic: Option<TopicArn>,
}

/// What the admin role needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdminRoleInputs {
    /// Who may assume it; never empty.
    pub trusted: Vec<IamPrincipal>,
    /// `admin_role_require_mfa`.
    pub require_mfa: bool,
}

/// What the decrypt alarm needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecryptAlarmInputs {
    /// `sns_topic_arn`.
    pub topic: TopicArn,
    /// `key_decrypt_threshold`.
    pub threshold: DecryptThreshold,
}

/// One of `grants`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantInputs {
    /// Its name.
    pub name: String,
    /// Who gets it: an account, a user, a role, or a session.
    pub grantee: Arn,
    /// What it allows; operations that a symmetric key has.
    pub operations: Vec<String>,
    /// Who may retire it.
    pub retiring_principal: Option<Arn>,
    /// Whether it stands on the replica.
    pub on_replica: bool,
    /// The encryption context that it is bound to.
    pub constraint: Option<GrantConstraint>,
}

/// The encryption context that a grant is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantConstraint {
    /// The context must be exactly this.
    Equals(Tags),
    /// The context must hold at least this.
    Subset(Tags),
}

/// The switches of services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Services {
    /// `enable_dynamodb`.
    pub dynamodb: bool,
    /// `enable_alb_firehose`.
    pub alb_firehose: bool,
    /// `enable_alb_waf_logging`.
    pub alb_waf_logging: bool,
    /// `enable_image_processor`.
    pub image_processor: bool,
    /// `enable_cloudfront_firehose`.
    pub cloudfront_firehose: bool,
    /// `enable_cloudfront_waf`.
    pub cloudfront_waf: bool,
    /// `enable_cloudfront_standard_logging_v2`.
    pub cloudfront_standard_logging_v2: bool,
}

impl Services {
    /// Whether Firehose is to use the key.
    pub fn firehose(self) -> bool {
        self.alb_firehose || self.cloudfront_firehose || self.alb_waf_logging || self.cloudfront_waf
    }

    /// Whether CloudFront is to use the key.
    pub fn cloudfront(self) -> bool {
        self.cloudfront_firehose || self.cloudfront_waf || self.cloudfront_standard_logging_v2
    }

    /// Whether logs come from the Region of global services.
    pub fn global_log_delivery(self) -> bool {
        self.cloudfront_waf || self.cloudfront_standard_logging_v2
    }
}
