use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use keywright_model::AccountId;
use keywright_policy::{
    ContextConstraint, Document, Grant, Grantee, Match, PolicyError, PolicyKind, PrincipalPattern, Statement, Version,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::iam;

/// A policy as it was put, and which users and roles its principals were at that time.
///
/// A user or role that is deleted does not come back under its name: where a policy names it, its unique id is shown
/// and evaluated instead.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) struct StoredPolicy {
    text: String,
    kind: PolicyKind,
    /// The principals that are users, roles or sessions, as written, each with its unique id.
    principals: BTreeMap<String, String>,
    /// None where the text cannot be read: such a policy denies.
    document: Option<Arc<Document>>,
}

/// Why a policy is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyRefusal {
    /// It breaks the grammar.
    #[error("{}", first(errors))]
    Grammar {
        /// What is wrong, all of it.
        errors: Vec<PolicyError>,
    },
    /// It names a user or role that does not exist.
    #[error("the principal `{principal}` does not exist")]
    UnknownPrincipal {
        /// The principal as it is written.
        principal: String,
    },
}

impl StoredPolicy {
    /// Takes a policy whose principals must exist.
    ///
    /// # Errors
    /// When the text is no policy of that kind, or names a principal that does not exist.
    pub(crate) fn new(text: &str, kind: PolicyKind, iam: &iam::State) -> Result<Self, PolicyRefusal> {
        let document = Document::parse(text, kind).map_err(|errors| PolicyRefusal::Grammar { errors })?;
        let principals = bind_principals(&document, iam)?;
        Ok(Self { text: text.to_owned(), kind, principals, document: Some(Arc::new(document)) })
    }

    /// A policy that names no user or role; one that cannot be read denies.
    pub(crate) fn without_principals(text: &str, kind: PolicyKind) -> Self {
        let document = Document::parse(text, kind).ok().map(Arc::new);
        Self { text: text.to_owned(), kind, principals: BTreeMap::new(), document }
    }

    /// The text as it is to be shown now.
    pub(crate) fn text(&self, iam: &iam::State) -> Cow<'_, str> {
        let moved = self.moved_principals(iam);
        if moved.is_empty() {
            return Cow::Borrowed(&self.text);
        }
        let Ok(mut document) = serde_json::from_str::<Value>(&self.text) else {
            return Cow::Borrowed(&self.text);
        };
        rename_in_text(&mut document, &moved);
        Cow::Owned(document.to_string())
    }

    /// The document as it is to be evaluated now; none where it cannot be read.
    pub(crate) fn document(&self, iam: &iam::State) -> Option<Arc<Document>> {
        let moved = self.moved_principals(iam);
        let document = self.document.as_ref()?;
        if moved.is_empty() {
            return Some(Arc::clone(document));
        }
        let mut renamed = Document::clone(document);
        renamed.statements.iter_mut().for_each(|statement| rename_in_statement(statement, &moved));
        Some(Arc::new(renamed))
    }

    /// The policy for an evaluation that has no say without it: a KMS key's, a role's trust policy.
    pub(crate) fn as_mandatory(&self, iam: &iam::State) -> OwnedResourcePolicy {
        self.document(iam).map_or(OwnedResourcePolicy::Unreadable, OwnedResourcePolicy::Mandatory)
    }

    /// The policy for an evaluation in which it stands beside the caller's own: a topic's.
    pub(crate) fn as_optional(&self, iam: &iam::State) -> OwnedResourcePolicy {
        self.document(iam).map_or(OwnedResourcePolicy::Unreadable, OwnedResourcePolicy::Optional)
    }

    /// The principals that must be called otherwise than they were written.
    fn moved_principals(&self, iam: &iam::State) -> BTreeMap<&str, String> {
        self.principals
            .iter()
            .map(|(written, id)| (written.as_str(), iam.name_of_principal(written, id)))
            .filter(|(written, name)| written != name)
            .collect()
    }
}

/// The policy of a resource, held for the time of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnedResourcePolicy {
    /// The resource has none.
    None,
    /// Nothing is allowed without it.
    Mandatory(Arc<Document>),
    /// It may allow by itself, within the account.
    Optional(Arc<Document>),
    /// It cannot be read.
    Unreadable,
}

impl OwnedResourcePolicy {
    /// The policy of what does not exist, where that is not told from what admits nobody.
    pub(crate) fn admits_nobody() -> Self {
        Self::Mandatory(Arc::new(Document { version: Version::V2012, id: None, statements: Vec::new() }))
    }
}

/// A policy that has a say about a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldPolicy {
    pub(crate) name: String,
    /// None where it cannot be read: such a policy denies.
    pub(crate) document: Option<Arc<Document>>,
}

/// A KMS grant, held for the time of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeldGrant {
    pub(crate) id: String,
    pub(crate) grantee: HeldGrantee,
    pub(crate) retiring: Option<HeldGrantee>,
    /// As KMS names them: `Decrypt`, `ReEncryptFrom`, …
    pub(crate) operations: Vec<String>,
    pub(crate) encryption_context: HeldConstraint,
    pub(crate) source_arn: Option<String>,
}

/// A principal of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeldGrantee {
    Arn(String),
    Service(String),
}

/// What the encryption context must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeldConstraint {
    Any,
    Equals(BTreeMap<String, String>),
    Subset(BTreeMap<String, String>),
}

impl HeldGrant {
    pub(crate) fn borrowed(&self) -> Grant<'_> {
        Grant {
            id: &self.id,
            grantee: self.grantee.borrowed(),
            retiring: self.retiring.as_ref().map(HeldGrantee::borrowed),
            operations: &self.operations,
            encryption_context: match &self.encryption_context {
                HeldConstraint::Any => ContextConstraint::Any,
                HeldConstraint::Equals(pairs) => ContextConstraint::Equals(pairs),
                HeldConstraint::Subset(pairs) => ContextConstraint::Subset(pairs),
            },
            source_arn: self.source_arn.as_deref(),
        }
    }
}

impl HeldGrantee {
    fn borrowed(&self) -> Grantee<'_> {
        match self {
            Self::Arn(arn) => Grantee::Arn(arn),
            Self::Service(name) => Grantee::Service(name),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    text: String,
    kind: Kind,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    principals: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Key,
    Identity,
    Trust,
    Resource,
}

impl From<StoredPolicy> for Stored {
    fn from(policy: StoredPolicy) -> Self {
        let kind = match policy.kind {
            PolicyKind::Key => Kind::Key,
            PolicyKind::Identity => Kind::Identity,
            PolicyKind::Trust => Kind::Trust,
            PolicyKind::Resource => Kind::Resource,
        };
        Self { text: policy.text, kind, principals: policy.principals }
    }
}

impl From<Stored> for StoredPolicy {
    fn from(stored: Stored) -> Self {
        let kind = match stored.kind {
            Kind::Key => PolicyKind::Key,
            Kind::Identity => PolicyKind::Identity,
            Kind::Trust => PolicyKind::Trust,
            Kind::Resource => PolicyKind::Resource,
        };
        let document = Document::parse(&stored.text, kind).ok().map(Arc::new);
        Self { text: stored.text, kind, principals: stored.principals, document }
    }
}

fn first(errors: &[PolicyError]) -> String {
    errors.first().map(ToString::to_string).unwrap_or_default()
}

/// The unique id of each user, role and session that the document names.
fn bind_principals(document: &Document, iam: &iam::State) -> Result<BTreeMap<String, String>, PolicyRefusal> {
    let mut bound = BTreeMap::new();
    for written in document.statements.iter().flat_map(named_principals) {
        if is_account(written) {
            continue;
        }
        let id = iam
            .principal_id(written)
            .ok_or_else(|| PolicyRefusal::UnknownPrincipal { principal: written.to_owned() })?;
        bound.insert(written.to_owned(), id);
    }
    Ok(bound)
}

fn named_principals(statement: &Statement) -> impl Iterator<Item = &str> {
    statement.principal.iter().flat_map(Match::inner).filter_map(|pattern| match pattern {
        PrincipalPattern::Aws(name) => Some(name.as_str()),
        _ => None,
    })
}

/// Whether the principal is an account: every account of twelve digits exists here.
fn is_account(written: &str) -> bool {
    if AccountId::parse(written).is_ok() {
        return true;
    }
    let parts: Vec<&str> = written.split(':').collect();
    matches!(parts.as_slice(), ["arn", _, "iam", "", account, "root"] if AccountId::parse(account).is_ok())
}

fn rename_in_statement(statement: &mut Statement, moved: &BTreeMap<&str, String>) {
    let (Some(Match::Is(principals)) | Some(Match::IsNot(principals))) = &mut statement.principal else {
        return;
    };
    for principal in principals {
        if let PrincipalPattern::Aws(name) = principal
            && let Some(new) = moved.get(name.as_str())
        {
            name.clone_from(new);
        }
    }
}

fn rename_in_text(document: &mut Value, moved: &BTreeMap<&str, String>) {
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            match statement.get_mut(element).and_then(|principals| principals.get_mut("AWS")) {
                Some(Value::Array(names)) => names.iter_mut().for_each(|name| rename(name, moved)),
                Some(name) => rename(name, moved),
                None => {}
            }
        }
    }
}

fn rename(name: &mut Value, moved: &BTreeMap<&str, String>) {
    if let Some(new) = name.as_str().and_then(|name| moved.get(name)) {
        *name = Value::String(new.clone());
    }
}
