//! The errors of SNS.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html> and the pages of the operations.

use crate::error::AwsError;

pub(super) fn invalid_parameter(member: &str, reason: &str) -> AwsError {
    AwsError::new("InvalidParameter", 400, format!("Invalid parameter: {member} Reason: {reason}"))
}

pub(super) fn invalid_policy(reason: &str) -> AwsError {
    AwsError::new("InvalidParameter", 400, format!("Invalid parameter: Policy Error: {reason}"))
}

pub(super) fn action_out_of_scope() -> AwsError {
    AwsError::new("InvalidParameter", 400, "Invalid parameter: Policy statement action out of service scope!")
}

pub(super) fn no_such_topic() -> AwsError {
    AwsError::new("NotFound", 404, "Topic does not exist")
}

pub(super) fn no_such_subscription() -> AwsError {
    AwsError::new("NotFound", 404, "Subscription does not exist")
}

/// The operations on tags have their own word for it.
pub(super) fn no_such_resource() -> AwsError {
    AwsError::new("ResourceNotFound", 404, "Resource does not exist")
}

pub(super) fn too_many_tags() -> AwsError {
    AwsError::new("TagLimitExceeded", 400, "Could not complete request: tag quota of per resource exceeded")
}

/// AWS does this, and this AWS does not.
pub(super) fn unsupported(what: &str) -> AwsError {
    AwsError::new("UnsupportedOperation", 400, format!("{what} not supported by this local AWS"))
}
