//! The policies of the roles: who may assume them, and what the admin role may do beside the key policies.

use keywright_model::{AccountId, Region};
use keywright_policy::Document;

use super::administration::MANAGEMENT_ACTIONS;
use super::build::{When, allow_on, allow_without_resource, document, named, service};
use crate::inputs::{AdminRoleInputs, Inputs};

/// Who may assume the admin role.
///
/// Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user.html>, MFA
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html>.
pub(crate) fn admin_role_trust(role: &AdminRoleInputs) -> Document {
    let statement = allow_without_resource("AllowAssumeAdminRole", named(&role.trusted), &["sts:AssumeRole"]);
    let statement = match role.require_mfa {
        true => statement.when_is("Bool", "aws:MultiFactorAuthPresent", "true"),
        false => statement,
    };
    document(vec![statement])
}

/// Lets S3 replicate as a role of this account, and of no other.
///
/// Sources: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>.
pub(crate) fn replication_role_trust(account: &AccountId) -> Document {
    let statement = allow_without_resource("AllowS3Replication", service("s3.amazonaws.com"), &["sts:AssumeRole"]);
    document(vec![statement.when_is("StringEquals", "aws:SourceAccount", account.as_str())])
}

/// What the admin role needs and no key policy can give, and the management of both keys.
///
/// Tags are allowed in every Region: the policy is only put after the replica that it names, and a replica in another
/// Region is made with tags by this very role once the key no longer delegates to IAM policies.
///
/// Sources: <https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html>,
/// <https://docs.aws.amazon.com/kms/latest/developerguide/tag-permissions.html>.
pub(crate) fn management_policy(inputs: &Inputs, key_arns: Vec<String>) -> Document {
    let in_region =
        |region: &str, resource: &str| format!("arn:{}:kms:{region}:{}:{resource}", inputs.partition(), inputs.account);
    let aliases = regions(inputs).into_iter().map(|region| in_region(region.as_str(), "alias/*")).collect();
    document(vec![
        allow_on("CreateAndListKeys", &["kms:CreateKey", "kms:ListAliases", "kms:ListKeys"], vec!["*".to_owned()]),
        allow_on("TagKeys", &["kms:TagResource"], vec![in_region("*", "key/*")]),
        allow_on("ManageAliases", &["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"], aliases),
        allow_on("ManageKeys", MANAGEMENT_ACTIONS, key_arns),
    ])
}

fn regions(inputs: &Inputs) -> Vec<&Region> {
    std::iter::once(&inputs.region).chain(inputs.replication.as_ref().map(|replication| &replication.region)).collect()
}
