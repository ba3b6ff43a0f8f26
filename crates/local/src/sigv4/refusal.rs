use crate::error::AwsError;
use crate::service::{Dialect, Service};

/// Why a request is not taken for signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no signature.
    Missing,
    /// The signature lacks a part.
    Incomplete { reason: String },
    /// Nobody has that access key, or the session token is not its own.
    UnknownAccessKey,
    /// The session is over.
    ExpiredToken,
    /// The signature was made for something else.
    Scope { reason: String },
    /// The signature is too old, or from the future.
    Skewed { reason: String },
    /// The signature is not the one that the secret makes.
    Mismatch,
    /// S3 is not told how the body is signed.
    MissingContentHash,
    /// The body has another hash than the header says.
    ContentHash,
    /// A body in chunks cannot be read.
    Chunks { reason: String },
    /// The body is not as long as was said.
    IncompleteBody,
    /// AWS has this, and this AWS does not.
    Unsupported { reason: String },
}

impl Refusal {
    /// The error in the words of the service.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html> and
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>.
    pub(super) fn into_error(self, service: Service) -> AwsError {
        let query_code = self.query_code();
        let error = match service.dialect() {
            Dialect::Json => AwsError::new(self.json_code(), 400, self.message()),
            Dialect::Query => AwsError::new(query_code, self.query_status(), self.message()),
            Dialect::Rest => {
                let (code, status) = self.rest_code();
                AwsError::new(code, status, self.message())
            }
        };
        match service {
            // It answers in JSON and CBOR with the names of JSON, and tells those of Query in a header.
            Service::CloudWatch => AwsError { code: self.json_code(), ..error }.with_query_code(query_code),
            _ => error,
        }
    }

    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>.
    fn rest_code(&self) -> (&'static str, u16) {
        match self {
            Self::Missing => ("AccessDenied", 403),
            Self::Incomplete { .. } | Self::Scope { .. } => ("AuthorizationHeaderMalformed", 400),
            Self::UnknownAccessKey => ("InvalidAccessKeyId", 403),
            Self::ExpiredToken => ("ExpiredToken", 400),
            Self::Skewed { .. } => ("RequestTimeTooSkewed", 403),
            Self::Mismatch => ("SignatureDoesNotMatch", 403),
            Self::MissingContentHash | Self::Chunks { .. } => ("InvalidRequest", 400),
            Self::ContentHash => ("XAmzContentSHA256Mismatch", 400),
            Self::IncompleteBody => ("IncompleteBody", 400),
            Self::Unsupported { .. } => ("NotImplemented", 501),
        }
    }

    fn json_code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete { .. } => "IncompleteSignatureException",
            Self::UnknownAccessKey => "UnrecognizedClientException",
            Self::ExpiredToken => "ExpiredTokenException",
            _ => "InvalidSignatureException",
        }
    }

    fn query_code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationToken",
            Self::Incomplete { .. } => "IncompleteSignature",
            Self::UnknownAccessKey => "InvalidClientTokenId",
            Self::ExpiredToken => "ExpiredToken",
            _ => "SignatureDoesNotMatch",
        }
    }

    fn query_status(&self) -> u16 {
        match self {
            Self::Incomplete { .. } => 400,
            _ => 403,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Missing => "Request is missing Authentication Token".into(),
            Self::Incomplete { reason } | Self::Scope { reason } | Self::Skewed { reason } => reason.clone(),
            Self::Chunks { reason } | Self::Unsupported { reason } => reason.clone(),
            Self::MissingContentHash => "Missing required header for this request: x-amz-content-sha256".into(),
            Self::ContentHash => "The provided 'x-amz-content-sha256' header does not match what was computed.".into(),
            Self::IncompleteBody => {
                "You did not provide the number of bytes specified by the Content-Length HTTP header.".into()
            }
            Self::UnknownAccessKey => "The security token included in the request is invalid.".into(),
            Self::ExpiredToken => "The security token included in the request is expired".into(),
            Self::Mismatch => "The request signature we calculated does not match the signature you provided. Check \
                               your AWS Secret Access Key and signing method. Consult the service documentation for \
                               details."
                .into(),
        }
    }
}
