use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use keywright_engine::{Failure, ProviderError};
use keywright_model::Region;

/// What the engine needs to know of an SDK error.
pub(crate) fn failed<E>(operation: &'static str, region: &Region, error: SdkError<E, HttpResponse>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let request_id = error.request_id().map(str::to_owned);
    let failure = match &error {
        SdkError::ServiceError(answer) => answered(answer.err().code(), answer.err().message(), answer.raw()),
        SdkError::ResponseError(answer) => answered(None, None, answer.raw()),
        _ => unanswered(region, &error),
    };
    ProviderError { failure, operation: operation.into(), region: Some(region.clone()), request_id }
}

/// An error that is found on this side of the connection.
pub(crate) fn own_error(operation: &str, region: &Region, code: &str, message: impl Into<String>) -> ProviderError {
    let failure = Failure::Other { code: code.into(), message: message.into() };
    ProviderError { failure, operation: operation.into(), region: Some(region.clone()), request_id: None }
}

/// What is there already, and is not this run's.
pub(crate) fn already_exists(operation: &str, region: &Region, message: impl Into<String>) -> ProviderError {
    let failure = Failure::AlreadyExists { message: message.into() };
    ProviderError { failure, operation: operation.into(), region: Some(region.clone()), request_id: None }
}

/// None in place of "not found".
pub(crate) fn unless_gone<T>(result: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// "Not found" is as good as done, for a deletion.
pub(crate) fn fine_if_gone<T>(result: Result<T, ProviderError>) -> Result<(), ProviderError> {
    unless_gone(result).map(|_| ())
}

pub(crate) fn is_not_found(error: &ProviderError) -> bool {
    matches!(error.failure, Failure::NotFound { .. })
}

pub(crate) fn is_already_exists(error: &ProviderError) -> bool {
    matches!(error.failure, Failure::AlreadyExists { .. })
}

pub(crate) fn is_access_denied(error: &ProviderError) -> bool {
    matches!(error.failure, Failure::AccessDenied { .. })
}

pub(crate) fn has_code(error: &ProviderError, wanted: &str) -> bool {
    matches!(&error.failure, Failure::Other { code, .. } if code.trim_end_matches("Exception") == wanted)
}

/// Whether a principal may only not be visible yet. KMS says so in two ways.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html#API_CreateKey_RequestSyntax>
/// (`Policy`: principals "must exist and be visible to AWS KMS").
pub(crate) fn is_unseen_principal(error: &ProviderError) -> bool {
    matches!(error.failure, Failure::InvalidPrincipal { .. }) || has_code(error, "InvalidArn")
}

/// Whether the call may have been carried out although its answer is an error, or missing.
pub(crate) fn may_have_happened(error: &ProviderError) -> bool {
    matches!(error.failure, Failure::Unreachable { .. })
        || ["KMSInternal", "DependencyTimeout", "InternalFailure", "InternalServerError", "ServiceUnavailable"]
            .iter()
            .any(|code| has_code(error, code))
}

/// Dispatches on the code and never on the HTTP status: KMS answers most errors with 400.
fn answered(code: Option<&str>, message: Option<&str>, raw: &HttpResponse) -> Failure {
    told_failure(code, message, raw.status().as_u16())
}

/// What an error answer says, by its code; without one, by its HTTP status.
pub(crate) fn told_failure(code: Option<&str>, message: Option<&str>, status: u16) -> Failure {
    let Some(code) = code else {
        return Failure::Other { code: format!("HTTP {status}"), message: "the answer is not one of AWS's".to_owned() };
    };
    let message = one_line(message.unwrap_or("AWS gives no message"));
    match code.trim_end_matches("Exception") {
        "AccessDenied" | "AuthorizationError" | "UnauthorizedOperation" => Failure::AccessDenied { message },
        "NotFound" | "NoSuchEntity" | "ResourceNotFound" => Failure::NotFound { message },
        "AlreadyExists" | "EntityAlreadyExists" | "ResourceAlreadyExists" => Failure::AlreadyExists { message },
        "MalformedPolicyDocument" => refused_policy(code, message),
        other if CREDENTIAL_CODES.contains(&other) => {
            Failure::Credentials { message: format!("AWS answers {code}: {message}") }
        }
        _ => Failure::Other { code: code.into(), message },
    }
}

/// One code, two very different meanings: only AWS's wording tells them apart.
fn refused_policy(code: &str, message: String) -> Failure {
    let wording = message.to_lowercase();
    if wording.contains("invalid principal") {
        return Failure::InvalidPrincipal { message };
    }
    if wording.contains("not allow you to update the key policy") {
        return Failure::LockOut { message };
    }
    Failure::Other { code: code.into(), message }
}

/// Why there was no answer.
pub(crate) fn unanswered(region: &Region, error: &(dyn Error + 'static)) -> Failure {
    let chain = causes(error);
    if let Some(inner) = chain.iter().find_map(|cause| cause.downcast_ref::<ProviderError>()) {
        return inner.failure.clone();
    }
    let message = words_of(&chain);
    if chain.iter().any(|cause| cause.is::<CredentialsError>()) {
        let message = if message.is_empty() { "none were found".to_owned() } else { message };
        return Failure::Credentials { message };
    }
    Failure::Unreachable { message: format!("{region}: {message}") }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut chain = vec![error];
    let mut next = error.source();
    while let Some(cause) = next {
        chain.push(cause);
        next = cause.source();
    }
    chain
}

/// What each cause says, once: many say what their own cause says.
fn words_of(chain: &[&(dyn Error + 'static)]) -> String {
    let mut words: Vec<String> = Vec::new();
    for said in chain.iter().map(|cause| told(&cause.to_string())) {
        if !EMPTY_WORDS.contains(&said.as_str()) && !words.iter().any(|before| before.contains(&said)) {
            words.push(said);
        }
    }
    words.join(": ")
}

/// What a cause says of itself: neither the request that it shows whole, nor the list of what was tried.
fn told(message: &str) -> String {
    let line = one_line(message);
    let said = line.split(" to request `").next().unwrap_or_default();
    said.trim_end_matches(". Attempted:").to_owned()
}

/// The first line. What follows it in an answer about a signature repeats the request, with the token of the session.
fn one_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim().to_owned()
}

/// What the SDK says around a cause, and which says nothing.
const EMPTY_WORDS: &[&str] = &["dispatch failure", "io error", "other", "the credential provider was not enabled"];

/// Codes of requests whose credentials AWS does not take, without `Exception` at their end.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html>,
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>.
const CREDENTIAL_CODES: &[&str] = &[
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignature",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
];

#[cfg(test)]
mod tests {
    use keywright_engine::{Actor, Provider};
    use keywright_model::{Arn, ResourceKind};
    use serde_json::json;

    use super::*;
    use crate::testing::{Answer, Canned, SECRET, read};
    use crate::{AwsProvider, Options};

    async fn of_kms(code: &'static str, message: &'static str) -> ProviderError {
        let canned = Canned::new().error("kms:GetKeyPolicy", code, message);
        key_policy(&canned.provider().await).await
    }

    async fn key_policy(provider: &AwsProvider) -> ProviderError {
        let arn = Arn::parse("arn:aws:kms:eu-central-1:111122223333:key/k").expect("an ARN");
        provider.key_policy(&Actor::Caller, &arn).await.expect_err("an error")
    }

    #[tokio::test]
    async fn failures_are_told_apart_by_code() {
        let cases = [
            ("AccessDeniedException", "denied"),
            ("NotFoundException", "not found"),
            ("AlreadyExistsException", "already"),
            ("ExpiredTokenException", "credentials"),
            ("UnrecognizedClientException", "credentials"),
            ("InvalidSignatureException", "credentials"),
            ("InvalidClientTokenId", "credentials"),
            ("KMSInvalidStateException", "other"),
            ("MalformedPolicyDocumentException", "other"),
        ];
        for (code, expect) in cases {
            let found = match of_kms(code, "because").await.failure {
                Failure::AccessDenied { .. } => "denied",
                Failure::NotFound { .. } => "not found",
                Failure::AlreadyExists { .. } => "already",
                Failure::Credentials { .. } => "credentials",
                Failure::Other { .. } => "other",
                _ => "something else",
            };
            assert_eq!(found, expect, "{code}");
        }
    }

    #[tokio::test]
    async fn an_error_says_what_was_asked_and_where() {
        let error = of_kms("AccessDeniedException", "User: x is not authorized").await;
        assert_eq!(error.operation, "kms:GetKeyPolicy");
        assert_eq!(error.region.expect("a Region").as_str(), "eu-central-1");
        assert_eq!(error.request_id.as_deref(), Some("r-1"));
        assert_eq!(error.failure.to_string(), "access denied: User: x is not authorized");
    }

    #[tokio::test]
    async fn a_region_that_does_not_answer_is_named() {
        let canned = Canned::new().answer("kms:GetKeyPolicy", Answer::Nothing);
        let error = key_policy(&canned.provider().await).await;
        let Failure::Unreachable { message } = &error.failure else { panic!("{error:?}") };
        assert!(message == "eu-central-1: the connection was cut", "{message}");
    }

    #[tokio::test]
    async fn a_refused_signature_does_not_repeat_the_request() {
        let said = "The request signature does not match.\n\nThe Canonical String was\nx-amz-security-token:hush";
        let error = of_kms("InvalidSignatureException", said).await;
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }

    #[tokio::test]
    async fn iam_says_not_found_in_its_own_way() {
        let canned = Canned::new().error("iam:GetRole", "NoSuchEntity", "no such role").error(
            "iam:ListAttachedRolePolicies",
            "NoSuchEntity",
            "no such role",
        );
        assert_eq!(read(&canned, ResourceKind::IamRole, json!({ "id": "admin" })).await, None);
    }

    #[tokio::test]
    async fn a_missing_profile_is_about_credentials() {
        let options =
            Options { profile: Some("there-is-no-such-profile".into()), credentials: None, ..Canned::new().options() };
        let provider = AwsProvider::connect(options).await.expect("a provider");
        let error = key_policy(&provider).await;
        assert!(matches!(error.failure, Failure::Credentials { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn secrets_are_in_no_debug_output() {
        let canned = Canned::new();
        let shown = format!("{:?} {:?}", canned.options(), canned.provider().await);
        assert!(shown.contains("AKIACALLER") && !shown.contains(SECRET), "{shown}");
    }
}
