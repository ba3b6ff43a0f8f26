//! What goes wrong, as Terraform shows it.

use keywright_engine::ProviderError;

use crate::protocol::Diagnostic;
use crate::protocol::diagnostic::Severity;
use crate::value::ValueError;

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    summary: String,
    detail: String,
}

impl Trouble {
    pub(crate) fn new(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { summary: summary.into(), detail: detail.into() }
    }

    /// As the only diagnostic of an answer.
    pub(crate) fn told(self) -> Vec<Diagnostic> {
        let Self { summary, detail } = self;
        vec![Diagnostic { severity: Severity::Error.into(), summary, detail, attribute: None }]
    }
}

impl From<ProviderError> for Trouble {
    fn from(error: ProviderError) -> Self {
        let region = error.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
        let request = error.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
        Self::new(format!("{}{region} failed", error.operation), format!("{}{request}", error.failure))
    }
}

impl From<ValueError> for Trouble {
    fn from(error: ValueError) -> Self {
        Self::new("Terraform and this provider do not agree about a value", error.to_string())
    }
}
