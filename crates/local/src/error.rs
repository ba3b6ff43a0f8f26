use std::fmt;

use keywright_policy::Decision;

use crate::check::Check;
use crate::service::{Dialect, Service};

/// An error as AWS answers it: the code, the HTTP status and the message.
///
/// What shape it takes on the wire is the protocol's business. The codes of a service are made in that
/// service's `error.rs`; those that every service has are made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsError {
    /// The error's name: the shape of JSON protocols, the code of Query.
    pub(crate) code: &'static str,
    /// The code of the Query protocol, where it differs.
    pub(crate) query_code: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl AwsError {
    pub(crate) fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, query_code: None, status, message: message.into() }
    }

    /// Names the code that the Query protocol uses for this error.
    pub(crate) fn with_query_code(self, query_code: &'static str) -> Self {
        Self { query_code: Some(query_code), ..self }
    }

    /// The code as the Query protocol has it.
    pub(crate) fn query_code(&self) -> &'static str {
        self.query_code.unwrap_or(self.code)
    }

    /// Whether a policy refuses it.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self.code, "AccessDeniedException" | "AccessDenied" | "AuthorizationError")
    }

    /// Whether the fault is the caller's.
    pub(crate) fn is_senders_fault(&self) -> bool {
        self.status < 500
    }

    /// Something on our side went wrong; what, stands in the log and not in the answer.
    pub(crate) fn internal() -> Self {
        Self::new("InternalFailure", 500, "The request processing has failed because of an unknown error.")
    }

    /// The service has no such operation.
    pub(crate) fn unknown_operation(service: Service, operation: &str) -> Self {
        match service.dialect() {
            Dialect::Json => Self::new("UnknownOperationException", 400, format!("Unknown operation {operation}")),
            Dialect::Query => {
                let version = service.api_version();
                let message = format!("Could not find operation {operation} for version {version}");
                Self::new("InvalidAction", 400, message)
            }
        }
    }

    /// The body cannot be read as the protocol.
    pub(crate) fn unreadable(service: Service, what: &str) -> Self {
        match service.dialect() {
            Dialect::Json => Self::new("SerializationException", 400, what),
            Dialect::Query => Self::new("MalformedQueryString", 400, what),
        }
    }

    /// The evaluator says no. The message is AWS's own sentence.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.
    pub(crate) fn access_denied(service: Service, check: &Check, decision: &Decision) -> Self {
        let request = &check.request;
        let message = check.refusal.clone().unwrap_or_else(|| {
            format!(
                "User: {} is not authorized to perform: {} on resource: {} {}",
                check.caller,
                request.action,
                request.resource,
                decision.reason.clause()
            )
        });
        match service {
            Service::Kms | Service::Logs | Service::CloudTrail => Self::new("AccessDeniedException", 400, message),
            Service::CloudWatch => Self::new("AccessDeniedException", 403, message).with_query_code("AccessDenied"),
            Service::Sns => Self::new("AuthorizationError", 403, message),
            Service::Iam | Service::Sts => Self::new("AccessDenied", 403, message),
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.message)
    }
}
