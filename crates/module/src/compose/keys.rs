//! The keys, their policies, aliases and grants.

use keywright_model::ResourceKind;

use super::build::{Composition, list, map, policy, refer, resource, tags, texts};
use crate::desired::DesiredResource;
use crate::inputs::{GrantConstraint, GrantInputs, Replication};
use crate::policy;
use crate::value::Value;

/// The primary: symmetric, multi-Region.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html>.
pub(crate) fn key(of: &Composition<'_>) -> DesiredResource {
    let inputs = of.inputs;
    let mut key = resource(
        of.key(),
        [
            ("region", of.region()),
            (
                "description",
                format!("General encryption key of {} ({})", inputs.name_prefix, inputs.environment).into(),
            ),
            ("multi_region", true.into()),
            ("is_enabled", true.into()),
            ("enable_key_rotation", inputs.rotation.is_some().into()),
            ("deletion_window_in_days", i64::from(inputs.deletion_window.days()).into()),
            ("tags", of.tags_and_name(of.names.key())),
        ],
    );
    if let Some(period) = inputs.rotation {
        key.arguments.insert("rotation_period_in_days", i64::from(period.days()).into());
    }
    key.interim_policy = policy::interim_policy(inputs, &inputs.region);
    key.depends_on = of.named_in_policies();
    key
}

/// The primary's final policy, as a resource of its own.
pub(crate) fn key_policy(of: &Composition<'_>) -> DesiredResource {
    let mut key_policy = resource(
        of.single(ResourceKind::KmsKeyPolicy, "general_encryption_key_policy"),
        [
            ("region", of.region()),
            ("key_id", refer(of.key(), "key_id")),
            ("policy", policy(&policy::key_policy(of.inputs, &of.inputs.region))),
        ],
    );
    key_policy.depends_on = of.named_in_policies();
    key_policy
}

/// The aliases of the primary.
pub(crate) fn aliases(of: &Composition<'_>) -> Vec<DesiredResource> {
    let alias = |name: &keywright_model::AliasName| {
        resource(
            of.each(ResourceKind::KmsAlias, "alias", name.as_str()),
            [("region", of.region()), ("name", name.as_str().into()), ("target_key_id", refer(of.key(), "key_id"))],
        )
    };
    of.inputs.aliases.iter().map(alias).collect()
}

/// The replica, with a policy of its own: without one AWS would attach the default, which delegates to IAM.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html>.
pub(crate) fn replica(of: &Composition<'_>, replication: &Replication) -> DesiredResource {
    let inputs = of.inputs;
    let description =
        format!("Replica of the general encryption key of {} ({})", inputs.name_prefix, inputs.environment);
    let mut replica = resource(
        of.replica(),
        [
            ("region", replication.region.as_str().into()),
            ("description", description.into()),
            ("primary_key_arn", refer(of.key(), "arn")),
            ("enabled", true.into()),
            ("deletion_window_in_days", i64::from(inputs.deletion_window.days()).into()),
            ("policy", policy(&policy::key_policy(inputs, &replication.region))),
            ("tags", of.tags_and_name(of.names.replica())),
        ],
    );
    replica.interim_policy = policy::interim_policy(inputs, &replication.region);
    replica.depends_on = of.named_in_policies();
    replica
}

/// What S3 replication needs on each side: it writes with the replica, and reads with the primary.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html>.
pub(crate) fn replication_grants(of: &Composition<'_>, replication: &Replication) -> [DesiredResource; 2] {
    let grantee = match &replication.role {
        Some(role) => role.as_str().into(),
        None => refer(of.replication_role(), "arn"),
    };
    let replica = ["Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"];
    [
        resource(
            of.optional(ResourceKind::KmsGrant, "s3_replication_grant"),
            [
                ("region", replication.region.as_str().into()),
                ("name", "S3ReplicationGrant".into()),
                ("key_id", refer(of.replica(), "arn")),
                ("grantee_principal", grantee.clone()),
                ("operations", texts(replica)),
            ],
        ),
        resource(
            of.optional(ResourceKind::KmsGrant, "s3_replication_source_grant"),
            [
                ("region", of.region()),
                ("name", "S3ReplicationSourceGrant".into()),
                ("key_id", refer(of.key(), "arn")),
                ("grantee_principal", grantee),
                ("operations", texts(["Decrypt", "DescribeKey"])),
            ],
        ),
    ]
}

/// The grants that people ask for, each on the key of its Region, by full ARN.
pub(crate) fn grants(of: &Composition<'_>) -> Vec<DesiredResource> {
    of.inputs.grants.iter().map(|grant| grant_resource(of, grant)).collect()
}

fn grant_resource(of: &Composition<'_>, grant: &GrantInputs) -> DesiredResource {
    let replica = of.inputs.replication.as_ref().filter(|_| grant.on_replica);
    let (region, key) = match replica {
        Some(replication) => (replication.region.as_str().into(), of.replica()),
        None => (of.region(), of.key()),
    };
    let mut made = resource(
        of.each(ResourceKind::KmsGrant, "grant", &grant.name),
        [
            ("region", region),
            ("name", grant.name.as_str().into()),
            ("key_id", refer(key, "arn")),
            ("grantee_principal", grant.grantee.as_str().into()),
            ("operations", texts(grant.operations.iter().map(String::as_str))),
        ],
    );
    if let Some(retiring) = &grant.retiring_principal {
        made.arguments.insert("retiring_principal", retiring.as_str().into());
    }
    if let Some(constraint) = &grant.constraint {
        made.arguments.insert("constraints", list([constraint_value(constraint)]));
    }
    made
}

fn constraint_value(constraint: &GrantConstraint) -> Value {
    match constraint {
        GrantConstraint::Equals(context) => map([("encryption_context_equals", tags(context))]),
        GrantConstraint::Subset(context) => map([("encryption_context_subset", tags(context))]),
    }
}
