//! The errors of CloudWatch.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html> and the common
//! errors page beside it.

use std::fmt;

use crate::error::AwsError;

/// A value that AWS does not take.
pub(super) fn invalid_value(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterValueException", 400, message).with_query_code("InvalidParameterValue")
}

/// Parameters that do not go together.
pub(super) fn invalid_combination(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterCombinationException", 400, message).with_query_code("InvalidParameterCombination")
}

/// A parameter that is needed here.
pub(super) fn missing(member: &str) -> AwsError {
    let message = format!("The parameter {member} is required.");
    AwsError::new("MissingRequiredParameterException", 400, message).with_query_code("MissingParameter")
}

/// A value outside of its member's bounds.
pub(super) fn constraint(member: &str, value: impl fmt::Display, rule: &str) -> AwsError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
    );
    AwsError::new("ValidationError", 400, message)
}

/// Alarms that do not exist.
pub(super) fn no_such_alarms(names: &[&str]) -> AwsError {
    AwsError::new("ResourceNotFound", 404, format!("No alarm has the name: {}", names.join(", ")))
}

/// A resource whose tags were asked for does not exist.
pub(super) fn no_such_resource(arn: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", 404, format!("The resource {arn} does not exist."))
}

pub(super) fn invalid_next_token() -> AwsError {
    AwsError::new("InvalidNextToken", 400, "The next token specified is invalid.")
}

/// AWS does this, and this AWS does not.
pub(super) fn unsupported(what: &str) -> AwsError {
    AwsError::new("UnsupportedOperationException", 400, format!("{what} not supported by this local AWS"))
        .with_query_code("UnsupportedOperation")
}
