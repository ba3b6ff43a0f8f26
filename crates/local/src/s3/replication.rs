use keywright_model::Arn;
use serde::de::{self, DeserializeOwned, Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bucket::{Versioning, bucket_key};
use super::buckets::BucketInput;
use super::checks::{existing, on_named};
use super::error::{invalid_argument, invalid_request, malformed_xml, unsupported};
use super::settings::{SettingInput, changed};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::{Reply, decode_input};
use crate::world::World;

/// Says where new objects are replicated to, and in the name of which role.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html>.
pub(super) struct PutBucketReplication;

/// Tells where new objects are replicated to.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketReplication.html>.
pub(super) struct GetBucketReplication;

/// Ends the replication of new objects.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketReplication.html>.
pub(super) struct DeleteBucketReplication;

/// Where new objects of a bucket are replicated to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Configuration {
    pub(crate) role: Arn,
    pub(crate) rules: Vec<Rule>,
}

/// Which objects go to which bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    id: String,
    priority: u32,
    pub(crate) prefix: String,
    pub(crate) enabled: bool,
    /// Whether objects that KMS has a part in are replicated too.
    pub(crate) kms_objects: bool,
    /// The name of the bucket.
    pub(crate) destination: String,
    /// The key that encrypts replicas of objects that KMS has a part in.
    pub(crate) replica_kms_key: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ReplicationDocument {
    role: String,
    #[serde(deserialize_with = "one_or_many")]
    rule: Vec<RuleDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleDocument {
    #[serde(rename = "ID")]
    id: Option<String>,
    priority: Option<u32>,
    filter: Option<Filter>,
    prefix: Option<String>,
    status: String,
    source_selection_criteria: Option<SourceSelectionCriteria>,
    destination: Destination,
    delete_marker_replication: Option<Status>,
    existing_object_replication: Option<Status>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    prefix: Option<String>,
    #[serde(skip_serializing)]
    tag: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    and: Option<IgnoredAny>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SourceSelectionCriteria {
    sse_kms_encrypted_objects: Option<Status>,
    replica_modifications: Option<Status>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    bucket: String,
    encryption_configuration: Option<EncryptionConfiguration>,
    #[serde(skip_serializing)]
    account: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    access_control_translation: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    replication_time: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    metrics: Option<IgnoredAny>,
    storage_class: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptionConfiguration {
    #[serde(rename = "ReplicaKmsKeyID")]
    key: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    status: String,
}

impl Operation for PutBucketReplication {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "PutBucketReplication";
    const READ_ONLY: bool = false;
    type Input = SettingInput<ReplicationDocument>;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let role = input.document.as_ref().ok_or_else(malformed_xml)?.role()?;
        let action = "s3:PutReplicationConfiguration";
        let mut checks = on_named(action, &input.bucket, input.expected_owner.as_deref(), call, world)?;
        checks.push(Check::new(call, "iam:PassRole", role).with("iam:PassedToService", "s3.amazonaws.com"));
        Ok(checks)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let document = input.document.ok_or_else(malformed_xml)?;
        let configuration = document.configuration()?;
        if existing(&input.bucket, call, world)?.versioning != Versioning::Enabled {
            return Err(invalid_request(
                "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
            ));
        }
        for rule in &configuration.rules {
            check_destination(&rule.destination, &input.bucket, call, world)?;
        }
        changed(&input.bucket, call, world)?.replication = Some(configuration);
        Ok(Reply::empty(200))
    }
}

impl Operation for GetBucketReplication {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "GetBucketReplication";
    const READ_ONLY: bool = true;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:GetReplicationConfiguration", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let Some(configuration) = &existing(&input.bucket, call, world)?.replication else {
            let message = "The replication configuration was not found";
            return Err(AwsError::new("ReplicationConfigurationNotFoundError", 404, message));
        };
        let rule = configuration.rules.iter().map(|rule| shown(rule, call)).collect();
        let document = ReplicationDocument { role: configuration.role.to_string(), rule };
        Reply::document("ReplicationConfiguration", &document).map_err(|_| AwsError::internal())
    }
}

impl Operation for DeleteBucketReplication {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "DeleteBucketReplication";
    const READ_ONLY: bool = false;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:PutReplicationConfiguration", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        changed(&input.bucket, call, world)?.replication = None;
        Ok(Reply::empty(204))
    }
}

impl Configuration {
    /// The rule of an object: of those that fit, the one that comes first.
    pub(crate) fn rule(&self, key: &str) -> Option<&Rule> {
        let fitting = self.rules.iter().filter(|rule| rule.enabled && key.starts_with(&rule.prefix));
        // Of two with the same priority, the first.
        fitting.rev().max_by_key(|rule| rule.priority)
    }
}

impl ReplicationDocument {
    fn role(&self) -> Result<Arn, AwsError> {
        let role = Arn::parse(&self.role).ok();
        role.filter(|role| role.service() == "iam" && role.resource_of_kind("role").is_some())
            .ok_or_else(|| invalid_argument("Invalid Amazon Resource Name for Role"))
    }

    fn configuration(self) -> Result<Configuration, AwsError> {
        let role = self.role()?;
        if self.rule.is_empty() || self.rule.len() > MOST_RULES {
            return Err(malformed_xml());
        }
        let rules: Vec<Rule> = self.rule.into_iter().enumerate().map(RuleDocument::read).collect::<Result<_, _>>()?;
        Ok(Configuration { role, rules })
    }
}

impl RuleDocument {
    fn read((number, document): (usize, Self)) -> Result<Rule, AwsError> {
        document.check_supported()?;
        let enabled = is_enabled(&document.status)?;
        let criteria = document.source_selection_criteria.and_then(|criteria| criteria.sse_kms_encrypted_objects);
        let kms_objects = criteria.map_or(Ok(false), |criterion| is_enabled(&criterion.status))?;
        let replica_kms_key = document.destination.encryption_configuration.and_then(|encryption| encryption.key);
        if kms_objects != replica_kms_key.is_some() {
            return Err(invalid_request(
                "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present, and the other way around.",
            ));
        }
        let destination = Arn::parse(&document.destination.bucket).ok().filter(|arn| arn.service() == "s3");
        let destination = destination.ok_or_else(|| invalid_argument("Invalid bucket ARN"))?;
        Ok(Rule {
            id: document.id.unwrap_or_else(|| format!("rule-{}", number + 1)),
            priority: document.priority.unwrap_or_default(),
            prefix: document.filter.and_then(|filter| filter.prefix).or(document.prefix).unwrap_or_default(),
            enabled,
            kms_objects,
            destination: destination.resource().to_owned(),
            replica_kms_key,
        })
    }

    fn check_supported(&self) -> Result<(), AwsError> {
        let destination = &self.destination;
        let is_on = |status: &Option<Status>| status.as_ref().is_some_and(|status| status.status != "Disabled");
        let criteria = self.source_selection_criteria.as_ref();
        let asked = [
            (is_on(&self.delete_marker_replication), "The replication of delete markers is"),
            (is_on(&self.existing_object_replication), "The replication of existing objects is"),
            (criteria.is_some_and(|criteria| is_on(&criteria.replica_modifications)), "Replica modifications are"),
            (self.filter.as_ref().is_some_and(|filter| filter.tag.is_some()), "Filters by tag are"),
            (self.filter.as_ref().is_some_and(|filter| filter.and.is_some()), "Filters by several things are"),
            (destination.account.is_some(), "An account of the destination is"),
            (destination.access_control_translation.is_some(), "A change of owner is"),
            (destination.replication_time.is_some(), "Replication time control is"),
            (destination.metrics.is_some(), "Replication metrics are"),
            (
                destination.storage_class.as_deref().is_some_and(|class| class != "STANDARD"),
                "Storage classes other than STANDARD are",
            ),
        ];
        asked.into_iter().find(|(is_asked, _)| *is_asked).map_or(Ok(()), |(_, what)| Err(unsupported(what)))
    }
}

fn is_enabled(status: &str) -> Result<bool, AwsError> {
    match status {
        "Enabled" => Ok(true),
        "Disabled" => Ok(false),
        _ => Err(malformed_xml()),
    }
}

/// Replicas keep the versions of what they are replicas of.
fn check_destination(name: &str, source: &str, call: &CallContext, world: &World) -> Result<(), AwsError> {
    let destination = world.s3.buckets.get(&bucket_key(call.partition, name));
    match destination {
        None => Err(invalid_request("Destination bucket must exist.")),
        Some(_) if name == source => {
            Err(invalid_request("Destination bucket cannot be the same as the source bucket."))
        }
        Some(bucket) if bucket.versioning != Versioning::Enabled => {
            Err(invalid_request("Destination bucket must have versioning enabled."))
        }
        Some(_) => Ok(()),
    }
}

fn shown(rule: &Rule, call: &CallContext) -> RuleDocument {
    let status = |enabled: bool| if enabled { "Enabled" } else { "Disabled" }.to_owned();
    let kms = rule.kms_objects.then(|| Status { status: status(true) });
    RuleDocument {
        id: Some(rule.id.clone()),
        priority: Some(rule.priority),
        filter: Some(Filter { prefix: Some(rule.prefix.clone()), tag: None, and: None }),
        prefix: None,
        status: status(rule.enabled),
        source_selection_criteria: kms
            .map(|kms| SourceSelectionCriteria { sse_kms_encrypted_objects: Some(kms), replica_modifications: None }),
        destination: Destination {
            bucket: format!("arn:{}:s3:::{}", call.partition, rule.destination),
            encryption_configuration: rule
                .replica_kms_key
                .clone()
                .map(|key| EncryptionConfiguration { key: Some(key) }),
            account: None,
            access_control_translation: None,
            replication_time: None,
            metrics: None,
            storage_class: None,
        },
        delete_marker_replication: Some(Status { status: status(false) }),
        existing_object_replication: None,
    }
}

/// A list, which is not told from its only item where it has one.
fn one_or_many<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items = match Value::deserialize(deserializer)? {
        Value::Array(items) => items,
        item => vec![item],
    };
    items.into_iter().map(|item| decode_input(item, true).map_err(de::Error::custom)).collect()
}

const MOST_RULES: usize = 1000;
