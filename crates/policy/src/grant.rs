//! KMS grants: allow-only, for one principal, some operations, and some encryption contexts.
//!
//! Source: <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html>.

use std::collections::BTreeMap;

use crate::principal::{self, Naming};
use crate::request::{Principal, Request};

/// A grant on the key that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The grant's ID.
    pub id: &'a str,
    /// Who may use the key.
    pub grantee: Grantee<'a>,
    /// Who may retire the grant, beside who else may.
    pub retiring: Option<Grantee<'a>>,
    /// The operations, as KMS names them: `Decrypt`, `ReEncryptFrom`, …
    pub operations: &'a [String],
    /// What the encryption context must be.
    pub encryption_context: ContextConstraint<'a>,
    /// The only `aws:SourceArn` that a service may use the grant for.
    pub source_arn: Option<&'a str>,
}

/// A principal of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grantee<'a> {
    /// The ARN of an account, user, role, session or federated user.
    Arn(&'a str),
    /// A service principal.
    Service(&'a str),
}

/// What the encryption context of a cryptographic operation must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextConstraint<'a> {
    /// Anything.
    Any,
    /// Exactly these pairs: `EncryptionContextEquals`.
    Equals(&'a BTreeMap<String, String>),
    /// At least these pairs: `EncryptionContextSubset`.
    Subset(&'a BTreeMap<String, String>),
}

impl Grant<'_> {
    /// How the grant names the caller, if it covers the request.
    pub(crate) fn naming(&self, request: &Request) -> Naming {
        let Some(operation) = operation_of(&request.action) else { return Naming::NotNamed };
        let as_grantee =
            if self.covers(operation, request) { self.grantee.naming(&request.principal) } else { Naming::NotNamed };
        let as_retiring = match self.retiring {
            Some(retiring) if operation == RETIRE => retiring.naming(&request.principal),
            _ => Naming::NotNamed,
        };
        as_grantee.max(as_retiring)
    }

    fn covers(&self, operation: &str, request: &Request) -> bool {
        self.operations.iter().any(|it| it.eq_ignore_ascii_case(operation))
            && (!takes_encryption_context(operation) || self.encryption_context.is_met(request))
            && self.source_is_met(operation, request)
    }

    /// The constraint on the source counts for services only, and never for retiring.
    fn source_is_met(&self, operation: &str, request: &Request) -> bool {
        match (self.source_arn, &request.principal) {
            (Some(wanted), Principal::Service { .. }) if operation != RETIRE => {
                request.context.single("aws:SourceArn") == Some(wanted)
            }
            // A grant to a service needs the constraint; one without it is not a grant that KMS makes.
            (None, Principal::Service { .. }) => !matches!(self.grantee, Grantee::Service(_)) || operation == RETIRE,
            _ => true,
        }
    }
}

impl Grantee<'_> {
    fn naming(self, caller: &Principal) -> Naming {
        match (self, caller) {
            (Self::Service(name), Principal::Service { name: own }) if name == own => Naming::Itself,
            (Self::Arn(arn), _) if arn != "*" => principal::naming_by_name(arn, caller),
            _ => Naming::NotNamed,
        }
    }
}

impl ContextConstraint<'_> {
    fn is_met(self, request: &Request) -> bool {
        match self {
            Self::Any => true,
            Self::Subset(pairs) => holds_all(pairs, request),
            // Names are keys of the context, so each stands there once, and equal counts are equal sets.
            Self::Equals(pairs) => request.encryption_context().count() == pairs.len() && holds_all(pairs, request),
        }
    }
}

/// Names are compared without regard to case, values with it.
fn holds_all(pairs: &BTreeMap<String, String>, request: &Request) -> bool {
    pairs.iter().all(|(name, value)| {
        let found = request.encryption_context().find(|(known, _)| known.eq_ignore_ascii_case(name));
        matches!(found, Some((_, [only])) if only == value)
    })
}

fn operation_of(action: &str) -> Option<&str> {
    let (service, operation) = action.split_once(':')?;
    service.eq_ignore_ascii_case("kms").then_some(operation)
}

/// The operations that an encryption context belongs to; constraints say nothing about the others.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/create-grant-overview.html>.
fn takes_encryption_context(operation: &str) -> bool {
    matches!(
        operation,
        "Encrypt"
            | "Decrypt"
            | "GenerateDataKey"
            | "GenerateDataKeyWithoutPlaintext"
            | "GenerateDataKeyPair"
            | "GenerateDataKeyPairWithoutPlaintext"
            | "ReEncryptFrom"
            | "ReEncryptTo"
    )
}

const RETIRE: &str = "RetireGrant";
