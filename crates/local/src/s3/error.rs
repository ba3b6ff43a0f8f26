//! The errors of S3.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>.

use crate::error::AwsError;

pub(super) fn no_such_bucket(name: &str) -> AwsError {
    AwsError::new("NoSuchBucket", 404, "The specified bucket does not exist").detail("BucketName", name)
}

pub(super) fn no_such_key(key: &str) -> AwsError {
    AwsError::new("NoSuchKey", 404, "The specified key does not exist.").detail("Key", key)
}

pub(super) fn no_such_version(key: &str, version: &str) -> AwsError {
    let error = AwsError::new("NoSuchVersion", 404, "The specified version does not exist.");
    error.detail("Key", key).detail("VersionId", version)
}

pub(super) fn access_denied(message: impl Into<String>) -> AwsError {
    AwsError::new("AccessDenied", 403, message)
}

pub(super) fn invalid_argument(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidArgument", 400, message)
}

pub(super) fn invalid_request(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidRequest", 400, message)
}

pub(super) fn malformed_xml() -> AwsError {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    AwsError::new("MalformedXML", 400, message)
}

pub(super) fn malformed_policy(reason: impl Into<String>) -> AwsError {
    AwsError::new("MalformedPolicy", 400, reason)
}

pub(super) fn precondition_failed(condition: &str) -> AwsError {
    let message = "At least one of the pre-conditions you specified did not hold";
    AwsError::new("PreconditionFailed", 412, message).detail("Condition", condition)
}

/// AWS does this, and this AWS does not.
pub(super) fn unsupported(what: &str) -> AwsError {
    AwsError::new("NotImplemented", 501, format!("{what} not supported by this local AWS"))
}

/// What KMS answers, in S3's words.
///
/// A refusal by policy becomes S3's own, with the sentence of KMS; other errors keep their name behind `KMS.`.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#KMSErrorCodeList>.
pub(super) fn of_kms(error: AwsError) -> AwsError {
    let code = match error.code {
        "AccessDeniedException" => return access_denied(error.message),
        "DisabledException" => "KMS.DisabledException",
        "InvalidKeyUsageException" => "KMS.InvalidKeyUsageException",
        "KMSInvalidStateException" => "KMS.KMSInvalidStateException",
        "InvalidCiphertextException" => "KMS.InvalidCiphertextException",
        "NotFoundException" => "KMS.NotFoundException",
        "InvalidArnException" => "KMS.InvalidArnException",
        "ValidationException" => "KMS.ValidationException",
        _ => return AwsError::internal(),
    };
    AwsError::new(code, 400, error.message)
}
