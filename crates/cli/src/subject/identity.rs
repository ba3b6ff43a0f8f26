use keywright_model::Arn;
use keywright_policy::prove::KnownPrincipal;
use keywright_policy::{Document, NamedPolicy};

/// A user or role, and all of its IAM policies.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The ARN, with its path.
    pub(crate) arn: Arn,
    /// Its policies, its groups' among them.
    pub(crate) policies: Vec<NamedDocument>,
    /// Its permissions boundary.
    pub(crate) boundary: Option<NamedDocument>,
}

/// A policy, and the name that answers give it.
#[derive(Debug, Clone)]
pub(crate) struct NamedDocument {
    /// The name, the ARN or the file.
    pub(crate) name: String,
    /// What it says.
    pub(crate) document: Document,
}

impl Identity {
    /// The same, as the prover takes it.
    pub(crate) fn known(&self) -> KnownPrincipal<'_> {
        KnownPrincipal {
            arn: &self.arn,
            policies: self.policies.iter().map(NamedDocument::named).collect(),
            boundary: self.boundary.as_ref().map(NamedDocument::named),
        }
    }
}

impl NamedDocument {
    /// The same, as the evaluator takes it.
    pub(crate) fn named(&self) -> NamedPolicy<'_> {
        NamedPolicy { name: &self.name, document: &self.document }
    }
}
