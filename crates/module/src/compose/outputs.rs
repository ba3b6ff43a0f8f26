//! The outputs.

use indexmap::IndexMap;
use keywright_model::{Address, ResourceKind};

use super::build::{Composition, refer, texts};
use crate::desired::{DesiredResource, Output};
use crate::inputs::{OUTPUTS, OutputInfo};
use crate::secrets::Secrets;
use crate::value::{Reference, Value};

/// Every output, in the order of the table; null for what is not made.
pub(crate) fn outputs(
    of: &Composition<'_>,
    resources: &[DesiredResource],
    secrets: &Secrets,
) -> IndexMap<&'static str, Output> {
    let output = |info: &OutputInfo| {
        let value = value(of, info.name);
        let sensitive = !secrets.is_empty() && holds(&value, resources, secrets);
        Output { value, kind: info.kind, description: info.description, sensitive }
    };
    OUTPUTS.iter().map(|info| (info.name, output(info))).collect()
}

/// Whether a secret is in a value, or in an argument that it refers to.
///
/// As in Terraform, what a resource computes of its arguments is none of them: an ARN is not sensitive.
fn holds(value: &Value, resources: &[DesiredResource], secrets: &Secrets) -> bool {
    let argument = |reference: &Reference| {
        let resource = resources.iter().find(|resource| resource.address == reference.address)?;
        resource.arguments.get(reference.attribute)
    };
    let known = value.resolve(&|_| Some("".into())).value;
    secrets.are_in_value(&known)
        || value.references().into_iter().filter_map(argument).any(|value| holds(value, resources, secrets))
}

fn value(of: &Composition<'_>, name: &str) -> Value {
    let inputs = of.inputs;
    let alarm = |name| of.optional(ResourceKind::MetricAlarm, name);
    let (admin, replica) = (inputs.admin_role.is_some(), inputs.replication.is_some());
    match name {
        "kms_key_arn" => refer(of.key(), "arn"),
        "kms_key_id" => refer(of.key(), "key_id"),
        "kms_replica_key_arn" => made(replica, of.replica(), "arn"),
        "enable_kms_admin_role" => admin.into(),
        "kms_management_role_arn" => made(admin, of.admin_role(), "arn"),
        "kms_management_policy_arn" => {
            made(admin, of.optional(ResourceKind::IamPolicy, "kms_management_policy"), "arn")
        }
        "kms_decrypt_alarm_arn" => made(inputs.decrypt_alarm.is_some(), alarm("kms_decrypt_alarm"), "arn"),
        "kms_replica_key_id" => made(replica, of.replica(), "key_id"),
        "kms_alias_names" => texts(inputs.aliases.iter().map(keywright_model::AliasName::as_str)),
        "kms_access_denied_alarm_arn" => made(inputs.access_denied_alarm, alarm("kms_access_denied_alarm"), "arn"),
        "s3_replication_grant_id" => {
            made(replica, of.optional(ResourceKind::KmsGrant, "s3_replication_grant"), "grant_id")
        }
        "s3_replication_role_arn" => replication_role(of),
        "kms_key_policy" => refer(of.single(ResourceKind::KmsKeyPolicy, "general_encryption_key_policy"), "policy"),
        _ => Value::Null,
    }
}

fn made(condition: bool, address: Address, attribute: &'static str) -> Value {
    if condition { refer(address, attribute) } else { Value::Null }
}

fn replication_role(of: &Composition<'_>) -> Value {
    match of.inputs.replication.as_ref().map(|replication| &replication.role) {
        None => Value::Null,
        Some(Some(role)) => role.as_str().into(),
        Some(None) => refer(of.replication_role(), "arn"),
    }
}
