//! The policies that keywright renders: one file a family of statements, one function a statement.

mod administration;
mod build;
mod iam;
mod logs;
mod services;
mod users;

use keywright_model::{Arn, Region};
use keywright_policy::Document;

pub(crate) use build::KeyIn;
pub(crate) use iam::{admin_role_trust, management_policy, replication_role_trust};
pub use logs::UNTIED_STATEMENTS;
pub(crate) use services::AUTO_SCALING_ROLE;

use crate::compose::names::admin_role_arn;
use crate::inputs::Inputs;

/// The final policy of the key in a Region. Primary and replica differ in the Region alone.
pub(crate) fn key_policy(inputs: &Inputs, region: &Region) -> Document {
    let key = KeyIn { inputs, region };
    let admin_role: Option<Arn> = inputs.admin_role.as_ref().and_then(|_| admin_role_arn(inputs));
    let mut statements = Vec::new();
    statements.extend(inputs.root_access.then(|| administration::enable_iam_user_permissions(key)));
    statements.extend(admin_role.as_ref().map(administration::allow_admin_role));
    statements.extend(administration::allow_key_administrators(key));
    statements.extend(users::allow_key_users(key));
    statements.extend(users::allow_key_service_users(key));
    statements.extend(users::allow_cross_account_use(key));
    statements.push(services::allow_auto_scaling_usage(key));
    statements.push(services::allow_auto_scaling_create_grant(key));
    statements.push(services::allow_ec2_launch_grant(key));
    statements.push(services::allow_aws_services_usage(key));
    statements.push(services::allow_aws_services_create_grant(key));
    statements.extend(services::allow_dynamodb(key));
    statements.extend(users::allow_session_manager(key));
    statements.push(logs::allow_cloudwatch_logs(key));
    statements.push(logs::allow_log_delivery(key));
    statements.extend(logs::allow_cloudtrail(key));
    statements.extend(logs::allow_cloudwatch_alarms(key));
    statements.extend(logs::allow_event_sources(key));
    statements.extend(logs::allow_cloudfront(key));
    statements.extend(inputs.key_statements.iter().cloned());
    build::document(statements)
}

/// The policy that a key is created with: the final one, and delegation to IAM. None where that is the final one.
pub(crate) fn interim_policy(inputs: &Inputs, region: &Region) -> Option<Document> {
    if inputs.root_access {
        return None;
    }
    let mut policy = key_policy(inputs, region);
    policy.statements.insert(0, administration::enable_iam_user_permissions(KeyIn { inputs, region }));
    Some(policy)
}

/// Whether keywright names a statement of its own so.
pub(crate) fn is_own_sid(sid: &str) -> bool {
    OWN_SIDS.contains(&sid)
}

/// Every name that [`key_policy`] gives to a statement.
const OWN_SIDS: &[&str] = &[
    "AllowAWSServicesCreateGrant",
    "AllowAWSServicesUsage",
    "AllowAutoScalingServiceRoleCreateGrant",
    "AllowAutoScalingServiceRoleUsage",
    "AllowCloudFrontDistributions",
    "AllowCloudTrailDecrypt",
    "AllowCloudTrailDescribeKey",
    "AllowCloudTrailEncryptLogs",
    "AllowCloudWatchAlarms",
    "AllowCloudWatchLogs",
    "AllowCrossAccountUse",
    "AllowDynamoDBUsage",
    "AllowEC2LaunchGrant",
    "AllowEventBridgeEventSources",
    "AllowKMSAdminRoleKeyManagement",
    "AllowKeyAdministrators",
    "AllowKeyServiceUsers",
    "AllowKeyUsers",
    "AllowLogDelivery",
    "AllowS3EventSources",
    "AllowSNSEventSources",
    "AllowSessionManager",
    "EnableIAMUserPermissions",
];
