use std::fmt;
use std::ops::Range;

use crate::principal;

/// A policy document: the version of the language, and statements.
///
/// Made by [`Document::parse`] from text, or put together from its parts by who renders policies.
/// The parts are public because a document is data: any document that can be written can be held,
/// and what it means is decided by the evaluator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The version of the policy language.
    pub version: Version,
    /// The `Id` element, which has no meaning for decisions.
    pub id: Option<String>,
    /// The statements, in the order of the text.
    pub statements: Vec<Statement>,
}

impl Document {
    /// Every principal that a statement names, in the order of the text.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalPattern> {
        self.statements.iter().filter_map(|statement| statement.principal.as_ref()).flat_map(Match::inner)
    }
}

/// The versions of the policy language. The older one has no policy variables.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `2008-10-17`, also meant where the element is missing.
    V2008,
    /// `2012-10-17`.
    V2012,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The statement's name.
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`; none in identity policies.
    pub principal: Option<Match<Principals>>,
    /// `Action` or `NotAction`. A statement without one never applies.
    pub action: Option<Match<Vec<String>>>,
    /// `Resource` or `NotResource`. A statement without one never applies, but for trust policies.
    pub resource: Option<Match<Vec<String>>>,
    /// All of these must hold.
    pub conditions: Vec<Condition>,
    /// Which bytes of the text the statement was read from; none if it was not read.
    pub span: Option<Range<usize>>,
}

/// What a statement does to the requests that it applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// `Allow`.
    Allow,
    /// `Deny`, which no `Allow` outweighs.
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// An element that stands as itself or in its `Not…` form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match<T> {
    /// `Action`, `Resource`, `Principal`.
    Is(T),
    /// `NotAction`, `NotResource`, `NotPrincipal`.
    IsNot(T),
}

impl<T> Match<T> {
    /// What stands in the element, whichever form it has.
    pub fn inner(&self) -> &T {
        match self {
            Self::Is(inner) | Self::IsNot(inner) => inner,
        }
    }
}

/// The principals of a statement, in the order of the text.
///
/// `"Principal": "*"` is read as `{"AWS": "*"}` is: as [`PrincipalPattern::Everyone`].
pub type Principals = Vec<PrincipalPattern>;

/// One principal as a policy names it.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalPattern {
    /// `*`: everybody, also those that are not signed in.
    Everyone,
    /// `AWS`: an account, as twelve digits or its root's ARN; a user, role or session ARN; the unique ID of a
    /// deleted user or role.
    Aws(String),
    /// `Service`: a service principal such as `logs.eu-west-1.amazonaws.com`.
    Service(String),
    /// `Federated`: an identity provider.
    Federated(String),
    /// `CanonicalUser`: the canonical user ID of an account, which only S3 knows.
    CanonicalUser(String),
}

impl PrincipalPattern {
    /// Whether it is the unique ID that AWS puts in the place of a deleted user's or role's ARN. It is nobody, also where
    /// another one of that name was made.
    pub fn is_deleted(&self) -> bool {
        matches!(self, Self::Aws(name) if principal::is_deleted(name))
    }
}

/// One line of a `Condition` block: an operator, a key, and the values of which one must match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The operator as it is written: `StringEquals`, `ForAnyValue:ArnLikeIfExists`, …
    pub operator: String,
    /// The condition key as it is written; keys are compared without regard to case.
    pub key: String,
    /// The values, as strings.
    pub values: Vec<String>,
}
