//! The errors of SNS.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html> and the pages of the operations.

use keywright_model::Arn;

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

/// What is wrong with a message, in SNS's own words.
pub(super) fn invalid_message(what: &str) -> AwsError {
    AwsError::new("InvalidParameter", 400, format!("Invalid parameter: {what}"))
}

/// What a service is told whom the topic's policy does not admit.
///
/// Source: <https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger>.
pub(super) fn not_authorized_to_publish(source: &Arn, topic: &Arn) -> AwsError {
    let message = format!("Resource: {source} is not authorized to perform: SNS:Publish on resource: {topic}");
    AwsError::new("AuthorizationError", 403, message)
}

/// What a service is told whom the topic's key does not admit.
///
/// Source: <https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns>.
pub(super) fn no_key_for_service(service: &str) -> AwsError {
    let name = if service == "cloudwatch.amazonaws.com" { "CloudWatch Alarms" } else { service };
    let message = format!("{name} does not have authorization to access the SNS topic encryption key.");
    AwsError::new("KMSAccessDenied", 400, message)
}

/// A refusal of KMS, as SNS passes it on.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors>.
pub(super) fn kms_refusal(error: &AwsError) -> AwsError {
    let code = match error.code {
        "AccessDeniedException" => "KMSAccessDenied",
        "DisabledException" => "KMSDisabled",
        "NotFoundException" => "KMSNotFound",
        "KMSInvalidStateException" => "KMSInvalidState",
        _ if error.is_senders_fault() => "InvalidParameter",
        _ => return AwsError::internal(),
    };
    AwsError::new(code, 400, error.message.clone())
}

/// Nobody knows whom a link was sent to, so that nothing else can be told.
pub(super) fn needs_signature() -> AwsError {
    AwsError::new("AuthorizationError", 403, "This subscription can be taken away by a signed request only")
}

pub(super) fn empty_batch() -> AwsError {
    AwsError::new("EmptyBatchRequest", 400, "The batch request doesn't contain any entries.")
}

pub(super) fn too_many_entries() -> AwsError {
    AwsError::new("TooManyEntriesInBatchRequest", 400, "The batch request contains more entries than permissible (10).")
}

pub(super) fn same_entry_ids() -> AwsError {
    AwsError::new("BatchEntryIdsNotDistinct", 400, "Two or more batch entries in the request have the same Id.")
}

pub(super) fn invalid_entry_id() -> AwsError {
    let message = "A batch entry's Id has 1 to 80 letters, digits, hyphens and underscores.";
    AwsError::new("InvalidBatchEntryId", 400, message)
}

pub(super) fn batch_too_long() -> AwsError {
    let message = "The length of all the batch messages put together is more than the limit.";
    AwsError::new("BatchRequestTooLong", 400, message)
}
