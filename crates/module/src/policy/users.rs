//! Statements on named principals that use the key.

use keywright_policy::Statement;

use super::build::{KeyIn, USE_ACTIONS, When, allow, named};

/// Lets `key_users` use the key.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-users-crypto>.
pub(crate) fn allow_key_users(key: KeyIn<'_>) -> Option<Statement> {
    let users = &key.inputs.key_users;
    (!users.is_empty()).then(|| allow("AllowKeyUsers", named(users), USE_ACTIONS))
}

/// Lets `key_service_users` hand the key to AWS services through grants.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-service-integration>.
pub(crate) fn allow_key_service_users(key: KeyIn<'_>) -> Option<Statement> {
    let users = &key.inputs.key_service_users;
    let actions = &["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"];
    (!users.is_empty()).then(|| {
        allow("AllowKeyServiceUsers", named(users), actions).when_is("Bool", "kms:GrantIsForAWSResource", "true")
    })
}

/// Lets principals of other accounts use the key; their own IAM policies must allow it too.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html>.
pub(crate) fn allow_cross_account_use(key: KeyIn<'_>) -> Option<Statement> {
    let users = &key.inputs.cross_account_principals;
    (!users.is_empty()).then(|| allow("AllowCrossAccountUse", named(users), USE_ACTIONS))
}

/// Lets Session Manager encrypt sessions: it calls KMS as the user's role and as the node's.
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-enable-encryption.html>.
pub(crate) fn allow_session_manager(key: KeyIn<'_>) -> Option<Statement> {
    let mut principals = key.inputs.key_users.clone();
    for principal in &key.inputs.service_usage_principals {
        if !principals.contains(principal) {
            principals.push(principal.clone());
        }
    }
    let actions = &["kms:Decrypt", "kms:GenerateDataKey"];
    (!principals.is_empty()).then(|| allow("AllowSessionManager", named(&principals), actions))
}
