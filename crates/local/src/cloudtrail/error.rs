//! The errors of CloudTrail.
//!
//! Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html#API_CreateTrail_Errors>.

use std::fmt;

use crate::error::AwsError;

pub(super) fn invalid_name(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidTrailNameException", 400, message)
}

pub(super) fn invalid_arn(arn: &str) -> AwsError {
    AwsError::new("CloudTrailARNInvalidException", 400, format!("{arn} is not the ARN of a trail."))
}

pub(super) fn invalid_bucket(name: &str) -> AwsError {
    AwsError::new("InvalidS3BucketNameException", 400, format!("Bucket name {name} is not valid."))
}

pub(super) fn invalid_group(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidCloudWatchLogsLogGroupArnException", 400, message)
}

pub(super) fn invalid_role(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidCloudWatchLogsRoleArnException", 400, message)
}

pub(super) fn invalid_selectors(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidEventSelectorsException", 400, message)
}

pub(super) fn invalid_attributes(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidLookupAttributesException", 400, message)
}

pub(super) fn invalid_times() -> AwsError {
    AwsError::new("InvalidTimeRangeException", 400, "The start time must not be after the end time.")
}

pub(super) fn invalid_page_size() -> AwsError {
    AwsError::new("InvalidMaxResultsException", 400, "MaxResults must be between 1 and 50.")
}

pub(super) fn invalid_token() -> AwsError {
    AwsError::new("InvalidNextTokenException", 400, "The token is not valid.")
}

pub(super) fn invalid_category(category: &str) -> AwsError {
    AwsError::new("InvalidEventCategoryException", 400, format!("The event category {category} is not valid."))
}

pub(super) fn invalid_tags(refusal: impl fmt::Display) -> AwsError {
    AwsError::new("InvalidTagParameterException", 400, refusal.to_string())
}

pub(super) fn too_many_tags() -> AwsError {
    AwsError::new("TagsLimitExceededException", 400, "A trail can have no more than 50 tags.")
}

pub(super) fn no_such_trail(name: &str, account: &str) -> AwsError {
    AwsError::new("TrailNotFoundException", 400, format!("Unknown trail: {name} for the user: {account}"))
}

pub(super) fn no_such_resource(id: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", 400, format!("The resource {id} does not exist."))
}

pub(super) fn already_exists(name: &str, account: &str) -> AwsError {
    AwsError::new("TrailAlreadyExistsException", 400, format!("Trail {name} already exists for customer: {account}"))
}

pub(super) fn too_many_trails(region: &str) -> AwsError {
    AwsError::new("MaximumNumberOfTrailsExceededException", 400, format!("There are five trails in {region} already."))
}

pub(super) fn wrong_home(home: &str) -> AwsError {
    AwsError::new(
        "InvalidHomeRegionException",
        400,
        format!("The trail can be changed in its home Region only, which is {home}."),
    )
}

/// AWS does this, and this AWS does not.
pub(super) fn unsupported(what: &str) -> AwsError {
    AwsError::new("UnsupportedOperationException", 400, format!("{what} not supported by this local AWS"))
}
