use keywright_model::{Arn, ParseError};

use crate::error::AwsError;

/// Why KMS refuses: the exceptions of its API, each with what it must say.
///
/// The wire error is made from this in one place, by [`KmsError::code`] and the `Display` text.
/// Source: the errors of each operation in the KMS API model; the texts of the key state errors are those of
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KmsError {
    #[error("{message}")]
    NotFound { message: String },
    #[error("{message}")]
    AlreadyExists { message: String },
    #[error("{arn} is disabled.")]
    Disabled { arn: Arn },
    #[error("{arn} {why}.")]
    InvalidState { arn: Arn, why: &'static str },
    #[error("{message}")]
    InvalidArn { message: String },
    #[error("{message}")]
    InvalidAliasName { message: String },
    #[error("")]
    InvalidCiphertext,
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
    #[error("{message}")]
    InvalidKeyUsage { message: String },
    #[error("The grant token is not valid.")]
    InvalidGrantToken,
    #[error("{message}")]
    InvalidGrantId { message: String },
    #[error("The marker is not valid.")]
    InvalidMarker,
    #[error("{message}")]
    LimitExceeded { message: String },
    #[error("{message}")]
    MalformedPolicyDocument { message: String },
    #[error("{message}")]
    Tag { message: String },
    #[error("{message}")]
    Unsupported { message: String },
    #[error("{message}")]
    Conflict { message: String },
    #[error("{message}")]
    Validation { message: String },
    /// A resource of another account that does not exist: refused like one that the caller may not use.
    #[error("{message}")]
    Hidden { arn: Box<Arn>, message: String },
    #[error("The request would have succeeded, but the DryRun option is set.")]
    DryRun,
    #[error("{message}")]
    Internal { message: String },
}

impl KmsError {
    /// The name of the exception in the KMS API.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "NotFoundException",
            Self::AlreadyExists { .. } => "AlreadyExistsException",
            Self::Disabled { .. } => "DisabledException",
            Self::InvalidState { .. } => "KMSInvalidStateException",
            Self::InvalidArn { .. } => "InvalidArnException",
            Self::InvalidAliasName { .. } => "InvalidAliasNameException",
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::IncorrectKey => "IncorrectKeyException",
            Self::InvalidKeyUsage { .. } => "InvalidKeyUsageException",
            Self::InvalidGrantToken => "InvalidGrantTokenException",
            Self::InvalidGrantId { .. } => "InvalidGrantIdException",
            Self::InvalidMarker => "InvalidMarkerException",
            Self::LimitExceeded { .. } => "LimitExceededException",
            Self::MalformedPolicyDocument { .. } => "MalformedPolicyDocumentException",
            Self::Tag { .. } => "TagException",
            Self::Unsupported { .. } => "UnsupportedOperationException",
            Self::Conflict { .. } => "ConflictException",
            Self::Validation { .. } => "ValidationException",
            Self::Hidden { .. } => "AccessDeniedException",
            Self::DryRun => "DryRunOperationException",
            Self::Internal { .. } => "KMSInternalException",
        }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::Validation { message: message.into() }
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported { message: message.into() }
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::Internal { message: message.to_string() }
    }

    /// What must have been checked before, and was not.
    pub(crate) fn unparsable(error: &ParseError) -> Self {
        Self::internal(error)
    }

    /// A member of the request that breaks its constraint, in the words of AWS's validator. The value is left out
    /// where it is secret or long.
    pub(crate) fn constraint(member: &str, value: &str, constraint: &str) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
        ))
    }
}

/// The wire error. Every refusal is the caller's fault and has status 400, `NotFoundException` and
/// `AccessDeniedException` among them.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors>.
impl From<KmsError> for AwsError {
    fn from(error: KmsError) -> Self {
        let status = if matches!(error, KmsError::Internal { .. }) { 500 } else { 400 };
        Self::new(error.code(), status, error.to_string())
    }
}
