//! Statements on who manages the key.

use keywright_model::Arn;
use keywright_policy::Statement;

use super::build::{KeyIn, allow, arn, named};

/// Lets the account's IAM policies decide, and the account's root user do everything.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-root-enable-iam>.
pub(crate) fn enable_iam_user_permissions(key: KeyIn<'_>) -> Statement {
    let root = format!("arn:{}:iam::{}:root", key.partition(), key.account());
    allow("EnableIAMUserPermissions", vec![arn(root)], &["kms:*"])
}

/// Lets the admin role manage the key, and not use it.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-administrators>.
pub(crate) fn allow_admin_role(role: &Arn) -> Statement {
    allow("AllowKMSAdminRoleKeyManagement", vec![arn(role.as_str())], MANAGEMENT_ACTIONS)
}

/// Lets `key_administrators` manage the key, and not use it.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-administrators>.
pub(crate) fn allow_key_administrators(key: KeyIn<'_>) -> Option<Statement> {
    let administrators = &key.inputs.key_administrators;
    (!administrators.is_empty()).then(|| allow("AllowKeyAdministrators", named(administrators), MANAGEMENT_ACTIONS))
}

/// Everything that manages a key; nothing that uses it.
pub(crate) const MANAGEMENT_ACTIONS: &[&str] = &[
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
];
