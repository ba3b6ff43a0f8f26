//! The errors of STS, each in one place.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors>.

use crate::error::AwsError;

/// A member breaks a rule.
pub(super) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", 400, message)
}

/// The operation is not for callers of this kind.
pub(super) fn access_denied(message: impl Into<String>) -> AwsError {
    AwsError::new("AccessDenied", 403, message)
}

pub(super) fn packed_policy_too_large(percent: usize) -> AwsError {
    let message = format!("PackedPolicySize is {percent}% of the size allowed: the session policies are too large.");
    AwsError::new("PackedPolicyTooLarge", 400, message)
}

/// AWS has it, and it does not exist here: never a silent success.
pub(super) fn not_supported(what: &str) -> AwsError {
    validation(format!("{what} is not supported by the embedded AWS."))
}
