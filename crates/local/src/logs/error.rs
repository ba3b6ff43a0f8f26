//! The errors of CloudWatch Logs.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html>.

use std::fmt;

use crate::error::AwsError;

pub(super) fn invalid_parameter(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", 400, message)
}

/// A value outside of its member's bounds.
pub(super) fn constraint(member: &str, value: impl fmt::Display, rule: &str) -> AwsError {
    invalid_parameter(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
    ))
}

pub(super) fn no_such_group() -> AwsError {
    AwsError::new("ResourceNotFoundException", 400, "The specified log group does not exist.")
}

pub(super) fn no_such_stream() -> AwsError {
    AwsError::new("ResourceNotFoundException", 400, "The specified log stream does not exist.")
}

pub(super) fn no_such_filter() -> AwsError {
    AwsError::new("ResourceNotFoundException", 400, "The specified metric filter does not exist.")
}

pub(super) fn no_such_resource(arn: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", 400, format!("The resource {arn} does not exist."))
}

pub(super) fn already_exists(what: &str) -> AwsError {
    AwsError::new("ResourceAlreadyExistsException", 400, format!("The specified {what} already exists"))
}

pub(super) fn limit_exceeded() -> AwsError {
    AwsError::new("LimitExceededException", 400, "Resource limit exceeded.")
}

pub(super) fn too_many_tags() -> AwsError {
    AwsError::new("TooManyTagsException", 400, "A resource can have no more than 50 tags.")
}

pub(super) fn invalid_token() -> AwsError {
    invalid_parameter("The specified nextToken is invalid.")
}

/// AWS does this, and this AWS does not.
pub(super) fn unsupported(what: &str) -> AwsError {
    AwsError::new("UnsupportedOperationException", 400, format!("{what} not supported by this local AWS"))
}
