//! The errors of IAM, each in one place.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>, each operation's errors.

use keywright_policy::Problem;

use crate::error::AwsError;
use crate::policy::PolicyRefusal;

pub(super) fn no_such_entity(message: impl Into<String>) -> AwsError {
    AwsError::new("NoSuchEntity", 404, message)
}

pub(super) fn already_exists(message: impl Into<String>) -> AwsError {
    AwsError::new("EntityAlreadyExists", 409, message)
}

pub(super) fn delete_conflict(message: impl Into<String>) -> AwsError {
    AwsError::new("DeleteConflict", 409, message)
}

pub(super) fn limit_exceeded(quota: &str, limit: usize) -> AwsError {
    AwsError::new("LimitExceeded", 409, format!("Cannot exceed quota for {quota}: {limit}"))
}

pub(super) fn too_many_versions() -> AwsError {
    let message = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an \
                   existing version.";
    AwsError::new("LimitExceeded", 409, message)
}

pub(super) fn invalid_input(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidInput", 400, message)
}

pub(super) fn unmodifiable(role: &str) -> AwsError {
    let message =
        format!("Cannot perform the operation on the protected role '{role}' - this role is only modifiable by AWS");
    AwsError::new("UnmodifiableEntity", 400, message)
}

/// A member breaks a constraint of the service model.
pub(super) fn validation(member: &str, value: &str, constraint: &str) -> AwsError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
    );
    AwsError::new("ValidationError", 400, message)
}

pub(super) fn invalid_value(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", 400, message)
}

pub(super) fn member_missing(member: &str) -> AwsError {
    let message = format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    );
    AwsError::new("ValidationError", 400, message)
}

/// A policy that is not taken.
pub(crate) fn malformed_policy(refusal: &PolicyRefusal) -> AwsError {
    let message = match refusal {
        PolicyRefusal::UnknownPrincipal { principal } => {
            format!("Invalid principal in policy: \"AWS\":\"{principal}\"")
        }
        PolicyRefusal::Grammar { errors } => match errors.first().map(|error| &error.problem) {
            Some(Problem::NotJson { .. }) => "This policy contains invalid Json".to_owned(),
            _ => format!("Syntax errors in policy: {refusal}."),
        },
    };
    AwsError::new("MalformedPolicyDocument", 400, message)
}
