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
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html>.
pub(crate) fn management_policy(inputs: &Inputs, key_arns: Vec<String>) -> Document {
    let in_each_region = |resource: &str| -> Vec<String> {
        let regions = regions(inputs).into_iter();
        regions.map(|region| format!("arn:{}:kms:{region}:{}:{resource}", inputs.partition(), inputs.account)).collect()
    };
    document(vec![
        allow_on("CreateAndListKeys", &["kms:CreateKey", "kms:ListAliases", "kms:ListKeys"], vec!["*".to_owned()]),
        allow_on("TagKeys", &["kms:TagResource"], in_each_region("key/*")),
        allow_on(
            "ManageAliases",
            &["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"],
            in_each_region("alias/*"),
        ),
        allow_on("ManageKeys", MANAGEMENT_ACTIONS, key_arns),
    ])
}

fn regions(inputs: &Inputs) -> Vec<&Region> {
    std::iter::once(&inputs.region).chain(inputs.replication.as_ref().map(|replication| &replication.region)).collect()
}
