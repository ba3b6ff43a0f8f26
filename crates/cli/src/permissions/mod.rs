//! The IAM policy that a person needs to plan, apply and destroy a folder: from what the calls of each kind need, and
//! from who makes them; and in `diagnosis.rs`, what `doctor` needs.
//!
//! Where root access is off, calls on keys that stand go through the admin role, so that the person needs no more than to
//! assume it. A key that is being made, or that goes, is left to the account's IAM policies: there the person acts.

mod diagnosis;

use std::collections::{BTreeMap, BTreeSet};

use keywright_aws::{Needed, On, When, needed};
use keywright_model::{Address, Arn, Partition, Region, ResourceKind};
use keywright_module::{Desired, DesiredResource, Module, Reference};
use keywright_policy::{Condition, Document, Effect, Match, Statement, Version};
use serde_json::Value;

/// What is to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Phase {
    /// `plan`
    Plan,
    /// `apply`, from nothing to all that the inputs ask for
    Apply,
    /// `destroy`
    Destroy,
    /// `plan`, `apply` and `destroy`
    All,
    /// `doctor`
    Doctor,
}

/// The policy that these modules need in a phase. The buckets are those that `doctor` is to look at.
pub(crate) fn policy(modules: &[Module], phase: Phase, buckets: &[String]) -> Document {
    let mut permissions = Permissions::default();
    for module in modules {
        match phase {
            Phase::Doctor => permissions.add_diagnosis(module, buckets),
            _ => permissions.add_module(&module.desired(), phase),
        }
    }
    permissions.document()
}

/// Actions by what they are asked on, and under which conditions.
#[derive(Debug, Default)]
struct Permissions(BTreeMap<Scope, Asked>);

/// What makes a statement of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    sid: &'static str,
    condition: Option<(&'static str, String)>,
}

#[derive(Debug, Default)]
struct Asked {
    /// The resources of each action: those with the same become one statement.
    resources: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Permissions {
    fn add_module(&mut self, module: &Desired, phase: Phase) {
        for resource in &module.resources {
            let kind = resource.address.kind;
            let wanted = needed(kind).iter().filter(|it| is_sent(resource, it.when, phase));
            for each in wanted.filter(|it| module.administration.root_access || is_by_person(kind, it.when)) {
                self.add(module, resource, each);
            }
        }
        self.add_administration(module);
        self.add_prerequisites(module, phase);
    }

    fn add(&mut self, module: &Desired, resource: &DesiredResource, needed: &Needed) {
        for arn in resources(module, resource, needed.on) {
            let condition = condition(module, resource, needed.on);
            self.allow(sid(needed.on), needed.action, arn, condition);
        }
    }

    fn allow(
        &mut self,
        sid: &'static str,
        action: &'static str,
        resource: String,
        condition: Option<(&'static str, String)>,
    ) {
        let asked = self.0.entry(Scope { sid, condition }).or_default();
        asked.resources.entry(action).or_default().insert(resource);
    }

    /// Whoever reaches a key without IAM does so as somebody whom its policy names.
    fn add_administration(&mut self, module: &Desired) {
        let administration = &module.administration;
        if administration.root_access {
            return;
        }
        let role = administration.admin_role.as_ref().map(|role| &role.arn);
        let is_role = |arn: &&Arn| arn.resource_of_kind("role").is_some();
        let instead = administration.key_administrators.iter().filter(is_role).filter(|_| role.is_none());
        for role in role.into_iter().chain(instead) {
            self.allow("AssumeAdminRole", "sts:AssumeRole", role.to_string(), None);
        }
    }

    fn add_prerequisites(&mut self, module: &Desired, phase: Phase) {
        for prerequisite in module.prerequisites.iter().filter(|_| phase != Phase::Destroy) {
            let role = prerequisite.role.to_string();
            self.allow("ServiceLinkedRoles", "iam:GetRole", role.clone(), None);
            // Only the name is asked for, and a role that is not there has no path.
            let name = role.rsplit('/').next().unwrap_or_default();
            let bare = arn(module, "iam", None, &format!("role/{name}"));
            bare.into_iter().for_each(|bare| self.allow("ServiceLinkedRoles", "iam:GetRole", bare, None));
            if prerequisite.create && matches!(phase, Phase::Apply | Phase::All) {
                let service = Some((SERVICE_NAME, prerequisite.service.to_owned()));
                self.allow("MakeServiceLinkedRole", "iam:CreateServiceLinkedRole", role, service);
            }
        }
    }

    fn document(self) -> Document {
        let mut statements: Vec<Statement> = Vec::new();
        for (scope, asked) in self.0 {
            let mut by_resources: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
            for (action, resources) in asked.resources {
                by_resources.entry(resources).or_default().push(action.to_owned());
            }
            for (resources, actions) in by_resources {
                let sid = free_sid(&statements, scope.sid);
                statements.push(statement(sid, actions, resources, scope.condition.as_ref()));
            }
        }
        Document { version: Version::V2012, id: None, statements }
    }
}

fn statement(
    sid: String,
    actions: Vec<String>,
    resources: BTreeSet<String>,
    condition: Option<&(&'static str, String)>,
) -> Statement {
    let condition = condition.map(|(key, value)| Condition {
        operator: if value.starts_with("arn:") { "ArnLike" } else { "StringEquals" }.to_owned(),
        key: (*key).to_owned(),
        values: vec![value.clone()],
    });
    Statement {
        sid: Some(sid),
        effect: Effect::Allow,
        principal: None,
        action: Some(Match::Is(actions)),
        resource: Some(Match::Is(resources.into_iter().collect())),
        conditions: condition.into_iter().collect(),
        span: None,
    }
}

fn free_sid(statements: &[Statement], wanted: &str) -> String {
    let count = statements.iter().filter(|it| it.sid.as_deref().is_some_and(|sid| sid.starts_with(wanted))).count();
    if count == 0 { wanted.to_owned() } else { format!("{wanted}{}", count + 1) }
}

/// Whether a phase sends the call.
fn is_sent(resource: &DesiredResource, when: When, phase: Phase) -> bool {
    let rotates = || resource.arguments.get("enable_key_rotation").is_some_and(|it| *it == true.into());
    match when {
        When::Reading => true,
        When::Making | When::TakingUp => matches!(phase, Phase::Apply | Phase::All),
        When::MakingRotated => matches!(phase, Phase::Apply | Phase::All) && rotates(),
        When::Deleting => matches!(phase, Phase::Destroy | Phase::All),
    }
}

/// Whether the person makes the call where the keys' policies do not delegate to IAM: all but reading a key that stands,
/// and putting its final policy.
fn is_by_person(kind: ResourceKind, when: When) -> bool {
    let is_on_key = matches!(
        kind,
        ResourceKind::KmsKey
            | ResourceKind::KmsReplicaKey
            | ResourceKind::KmsKeyPolicy
            | ResourceKind::KmsAlias
            | ResourceKind::KmsGrant
    );
    !is_on_key || (when != When::Reading && kind != ResourceKind::KmsKeyPolicy)
}

fn sid(on: On) -> &'static str {
    match on {
        On::Anything => "WithoutResource",
        On::Key | On::Primary => "Keys",
        On::Alias => "Aliases",
        On::Role | On::Attachment => "Roles",
        On::Policy => "Policies",
        On::Alarm => "Alarms",
        On::LogGroup => "LogGroups",
        On::MultiRegionRole => "MakeMultiRegionRole",
    }
}

/// The ARNs that an action is asked on. The ID of a key is known only once it is made.
fn resources(module: &Desired, resource: &DesiredResource, on: On) -> Vec<String> {
    let region = text(module, resource, "region").and_then(|it| Region::parse(&it).ok());
    let region = region.unwrap_or_else(|| module.region.clone());
    let named = |argument: &str| text(module, resource, argument).unwrap_or_else(|| "*".to_owned());
    let regional = |service, what: String| arn(module, service, Some(&region), &what);
    let global = |what: String| arn(module, "iam", None, &what);
    let found = match on {
        On::Anything => Some("*".to_owned()),
        On::Key => regional("kms", "key/*".to_owned()),
        On::Primary => arn(module, "kms", Some(&module.region), "key/*"),
        On::Alias => regional("kms", named("name")),
        On::Role if resource.address.kind == ResourceKind::IamRole => global(format!("role/{}", named("name"))),
        On::Role | On::Attachment => global(format!("role/{}", named("role"))),
        On::Policy => global(format!("policy/{}", named("name"))),
        On::Alarm => regional("cloudwatch", format!("alarm:{}", named("alarm_name"))),
        // Actions on metric filters are asked on the group's streams too.
        On::LogGroup => regional("logs", format!("log-group:{}:*", named("log_group_name"))),
        On::MultiRegionRole => global(MULTI_REGION_ROLE.to_owned()),
    };
    found.into_iter().collect()
}

/// Who may attach any policy may give the role any access: only ours.
fn condition(module: &Desired, resource: &DesiredResource, on: On) -> Option<(&'static str, String)> {
    match on {
        On::Attachment => {
            let policy = referred(module, resource, "policy_arn")?;
            let name = text(module, policy, "name")?;
            Some((POLICY_ARN, arn(module, "iam", None, &format!("policy/{name}"))?))
        }
        On::MultiRegionRole => Some((SERVICE_NAME, "mrk.kms.amazonaws.com".to_owned())),
        _ => None,
    }
}

fn arn(module: &Desired, service: &str, region: Option<&Region>, resource: &str) -> Option<String> {
    let partition: Partition = module.region.partition();
    Arn::new(partition, service, region, Some(&module.account), resource).ok().map(|it| it.to_string())
}

/// An argument's text, also where it refers to an argument of another resource.
fn text(module: &Desired, resource: &DesiredResource, argument: &str) -> Option<String> {
    let look_up = |reference: &Reference| {
        let other = find(module, &reference.address)?;
        text(module, other, reference.attribute).map(Value::from)
    };
    resource.arguments.get(argument)?.resolve(&look_up).value.as_str().map(str::to_owned)
}

fn referred<'a>(module: &'a Desired, resource: &DesiredResource, argument: &str) -> Option<&'a DesiredResource> {
    let value = resource.arguments.get(argument)?;
    find(module, &value.references().first()?.address)
}

fn find<'a>(module: &'a Desired, address: &Address) -> Option<&'a DesiredResource> {
    module.resources.iter().find(|it| it.address == *address)
}

const SERVICE_NAME: &str = "iam:AWSServiceName";
const POLICY_ARN: &str = "iam:PolicyARN";

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-auth-slr.html>.
const MULTI_REGION_ROLE: &str =
    "role/aws-service-role/mrk.kms.amazonaws.com/AWSServiceRoleForKeyManagementServiceMultiRegionKeys";
