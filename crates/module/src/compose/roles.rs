//! The roles: the admin role with its policy, and the role that S3 replicates as.

use keywright_model::ResourceKind;

use super::build::{Composition, placeholder, policy, refer, reference, resource, template};
use crate::desired::DesiredResource;
use crate::inputs::AdminRoleInputs;
use crate::policy;

/// The admin role, its policy, and the attachment of the two.
pub(crate) fn administration(of: &Composition<'_>, role: &AdminRoleInputs) -> [DesiredResource; 3] {
    let policy_address = of.optional(ResourceKind::IamPolicy, "kms_management_policy");
    [
        resource(
            of.admin_role(),
            [
                ("name", of.names.admin_role().into()),
                ("description", "Administers the KMS keys; cannot use them".into()),
                ("assume_role_policy", policy(&policy::admin_role_trust(role))),
                ("max_session_duration", SESSION_SECONDS.into()),
                ("tags", of.tags()),
            ],
        ),
        management_policy(of),
        resource(
            of.optional(ResourceKind::IamRolePolicyAttachment, "kms_management_attachment"),
            [("role", refer(of.admin_role(), "name")), ("policy_arn", refer(policy_address, "arn"))],
        ),
    ]
}

const SESSION_SECONDS: i64 = 3600;

/// The policy names the keys by ARN, which are known once they exist.
fn management_policy(of: &Composition<'_>) -> DesiredResource {
    let replica = of.inputs.replication.iter().map(|_| of.replica());
    let keys: Vec<_> = std::iter::once(of.key()).chain(replica).map(|key| reference(key, "arn")).collect();
    let document = policy::management_policy(of.inputs, (0..keys.len()).map(placeholder).collect());
    resource(
        of.optional(ResourceKind::IamPolicy, "kms_management_policy"),
        [
            ("name", of.names.management_policy().into()),
            ("description", "Manages the KMS keys, and makes keys and aliases".into()),
            ("policy", template(&document.to_json(), &keys).into()),
            ("tags", of.tags()),
        ],
    )
}

/// The role that S3 replicates as. What it may do in S3 is the business of who makes the buckets.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>.
pub(crate) fn replication_role(of: &Composition<'_>) -> DesiredResource {
    resource(
        of.replication_role(),
        [
            ("name", of.names.replication_role().into()),
            ("description", "S3 replicates objects that the KMS keys encrypt as this role".into()),
            ("assume_role_policy", policy(&policy::replication_role_trust(&of.inputs.account))),
            ("tags", of.tags()),
        ],
    )
}
