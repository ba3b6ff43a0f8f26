//! What is probed: the keys, and what their inputs promise about them.

use keywright_model::{AccountId, Arn, Partition, Region, ResourceKind};
use keywright_module::{Desired, DesiredResource, Inputs, Services, Value as Argument};
use serde_json::{Map, Value, json};

use crate::rehearsal;

/// The keys of one module as they stand, and what was asked for. It does not matter who made them.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) account: AccountId,
    /// The primary, then the replica.
    pub(crate) keys: Vec<Key>,
    /// Whether the key policies leave the decision to IAM policies.
    pub(crate) root_access: bool,
    pub(crate) admin_role: Option<AdminRole>,
    pub(crate) services: Services,
    /// Whether CloudTrail is admitted.
    pub(crate) cloudtrail: bool,
    /// Whether an alarm notifies a topic.
    pub(crate) notifies: bool,
    /// Who reaches the keys through services; nobody in particular means everybody of the account.
    pub(crate) service_callers: Vec<Arn>,
    /// Who may use the keys by itself, and so by every service. Those who reach the keys through services are among them:
    /// Session Manager calls KMS as they would.
    pub(crate) users: Vec<Arn>,
    /// The role that S3 replicates as, where there is a replica.
    pub(crate) replication_role: Option<ReplicationRole>,
    /// The alarms on many decrypt calls.
    pub(crate) decrypt_alarms: Vec<Alarm>,
    /// The alarms on denied calls that something feeds.
    pub(crate) denied_alarms: Vec<Alarm>,
}

/// An alarm on a key.
#[derive(Debug, Clone)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    /// Where the alarm stands: not always where its key does.
    pub(crate) region: Region,
    pub(crate) threshold: u32,
    pub(crate) topic: Option<Arn>,
    /// Which of the keys it watches.
    pub(crate) key: &'static str,
}

/// The role that manages the keys.
#[derive(Debug, Clone)]
pub(crate) struct AdminRole {
    pub(crate) arn: Arn,
    pub(crate) requires_mfa: bool,
}

/// The role that S3 replicates as.
#[derive(Debug, Clone)]
pub(crate) struct ReplicationRole {
    pub(crate) arn: Arn,
    /// Whether the inputs name it: then the module does not make it, and says nothing of whom it trusts.
    pub(crate) is_named: bool,
}

/// A key that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// `primary` or `replica`.
    pub(crate) label: &'static str,
    pub(crate) arn: Arn,
    pub(crate) region: Region,
}

impl Key {
    /// The input of a call that is about the key and nothing else.
    pub(crate) fn input(&self) -> Value {
        json!({ "KeyId": self.arn.as_str() })
    }
}

impl Scene {
    /// The scene of a module that was applied, from its inputs and outputs.
    ///
    /// # Errors
    /// With the name of an output that is missing or is no ARN.
    pub(crate) fn of(inputs: &Inputs, desired: &Desired, outputs: &Map<String, Value>) -> Result<Self, &'static str> {
        let primary = arn(outputs, "kms_key_arn")?.ok_or("kms_key_arn")?;
        let replica = arn(outputs, "kms_replica_key_arn")?;
        let administration = &desired.administration;
        let admin_role = administration.admin_role.as_ref();
        let is_named = inputs.replication.as_ref().is_some_and(|replication| replication.role.is_some());
        let mut keys = vec![Key { label: "primary", arn: primary, region: desired.region.clone() }];
        if let (Some(arn), Some(region)) = (replica, &desired.replication_region) {
            keys.push(Key { label: "replica", arn, region: region.clone() });
        }
        Ok(Self {
            account: desired.account.clone(),
            keys,
            root_access: administration.root_access,
            admin_role: admin_role.map(|role| AdminRole { arn: role.arn.clone(), requires_mfa: role.requires_mfa }),
            services: inputs.services,
            cloudtrail: inputs.cloudtrail,
            notifies: !inputs.named_topics().is_empty(),
            service_callers: inputs.service_usage_principals.iter().map(|it| it.arn().clone()).collect(),
            users: inputs.key_users.iter().chain(&inputs.service_usage_principals).map(|it| it.arn().clone()).collect(),
            replication_role: arn(outputs, "s3_replication_role_arn")?.map(|arn| ReplicationRole { arn, is_named }),
            decrypt_alarms: alarms(
                desired,
                &[("kms_decrypt_alarm", "primary"), ("kms_replica_decrypt_alarm", "replica")],
            ),
            denied_alarms: fed_denied_alarms(inputs, desired),
        })
    }

    pub(crate) fn partition(&self) -> Partition {
        self.keys.first().map_or(Partition::Aws, |key| key.region.partition())
    }

    pub(crate) fn replica(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.label == "replica")
    }

    pub(crate) fn primary(&self) -> Option<&Key> {
        self.keys.first()
    }
}

/// Without a log group that receives CloudTrail nothing feeds them, as the plan warns.
fn fed_denied_alarms(inputs: &Inputs, desired: &Desired) -> Vec<Alarm> {
    let names = [("kms_access_denied_alarm", "primary"), ("kms_replica_access_denied_alarm", "replica")];
    if inputs.trail_log_group.is_some() { alarms(desired, &names) } else { Vec::new() }
}

fn alarms(desired: &Desired, names: &[(&str, &'static str)]) -> Vec<Alarm> {
    names.iter().filter_map(|(name, key)| alarm(desired, name, key)).collect()
}

fn alarm(desired: &Desired, name: &str, key: &'static str) -> Option<Alarm> {
    let is_it = |it: &&DesiredResource| it.address.kind == ResourceKind::MetricAlarm && it.address.name == name;
    let arguments = &desired.resources.iter().find(is_it)?.arguments;
    let text = |value: Option<&Argument>| value.and_then(rehearsal::literal);
    let topic = match arguments.get("alarm_actions") {
        Some(Argument::List(topics)) => text(topics.first()).and_then(|topic| Arn::parse(&topic).ok()),
        _ => None,
    };
    Some(Alarm {
        name: text(arguments.get("alarm_name"))?,
        region: Region::parse(&text(arguments.get("region"))?).ok()?,
        threshold: arguments.get("threshold").and_then(number)?,
        topic,
        key,
    })
}

fn number(value: &Argument) -> Option<u32> {
    match value {
        Argument::Integer(number) => u32::try_from(*number).ok(),
        _ => None,
    }
}

fn arn(outputs: &Map<String, Value>, name: &'static str) -> Result<Option<Arn>, &'static str> {
    match outputs.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().and_then(|text| Arn::parse(text).ok()).map(Some).ok_or(name),
    }
}
