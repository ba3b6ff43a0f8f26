use std::fmt;
use std::ops::Range;

/// One thing that is wrong with the text of a policy.
///
/// Its display says what; [`PolicyError::span`] where, [`PolicyError::help`] what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// What is wrong.
    pub problem: Problem,
    /// Which bytes of the text it is about.
    pub span: Option<Range<usize>>,
    /// What to do about it.
    pub help: Option<&'static str>,
}

impl PolicyError {
    pub(crate) fn new(problem: Problem, span: Option<Range<usize>>) -> Self {
        let help = problem.help();
        Self { problem, span, help }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for PolicyError {}

/// The ways in which a text fails to be a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not JSON.
    #[error("the policy is not valid JSON: {reason}")]
    NotJson {
        /// What the reader met.
        reason: &'static str,
    },
    /// An object holds a name twice.
    #[error("`{name}` is given twice")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A value has the wrong type.
    #[error("`{element}` must be {expected}, not {found}")]
    WrongType {
        /// The element that the value stands in.
        element: String,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: &'static str,
    },
    /// An element that the policy language does not have.
    #[error("`{name}` is not an element of {parent}")]
    UnknownElement {
        /// The name as it is written.
        name: String,
        /// Where it stands.
        parent: &'static str,
    },
    /// A required element is not there.
    #[error("{parent} lacks `{element}`")]
    Missing {
        /// The element.
        element: &'static str,
        /// Where it is missing.
        parent: &'static str,
    },
    /// An element that this kind of policy does not have.
    #[error("`{element}` is not allowed in {kind}")]
    Prohibited {
        /// The element.
        element: &'static str,
        /// The kind of policy, with its article.
        kind: &'static str,
    },
    /// `Action` beside `NotAction`, and the like.
    #[error("`{element}` and `Not{element}` cannot stand in one statement")]
    BothForms {
        /// The element.
        element: &'static str,
    },
    /// `NotPrincipal`, `NotAction` or `NotResource` with nothing in it.
    #[error("`Not{element}` names nothing, and so would mean all there is")]
    EmptyExclusion {
        /// The element, without its `Not`.
        element: &'static str,
    },
    /// A version that does not exist.
    #[error("`{version}` is not a version of the policy language")]
    Version {
        /// The version as it is written.
        version: String,
    },
    /// An effect that does not exist.
    #[error("`{effect}` is not an effect")]
    Effect {
        /// The effect as it is written.
        effect: String,
    },
    /// A document without statements.
    #[error("the policy has no statement")]
    NoStatement,
    /// A `Sid` with characters that this kind of policy does not take.
    #[error("the statement ID `{sid}` may hold letters and digits only")]
    Sid {
        /// The `Sid`.
        sid: String,
    },
    /// Two statements of one name.
    #[error("two statements are called `{sid}`")]
    DuplicateSid {
        /// The `Sid`.
        sid: String,
    },
    /// An action that names no service.
    #[error("`{action}` is not an action")]
    Action {
        /// The action as it is written.
        action: String,
    },
    /// An action that a trust policy cannot hold.
    #[error("`{action}` is not an action that a trust policy can allow")]
    TrustAction {
        /// The action as it is written.
        action: String,
    },
    /// A resource that is neither `*` nor an ARN.
    #[error("`{resource}` is not a resource")]
    Resource {
        /// The resource as it is written.
        resource: String,
    },
    /// A principal that no policy of this kind can name.
    #[error("`{principal}` is not a principal that a policy can name")]
    Principal {
        /// The principal as it is written.
        principal: String,
    },
    /// A condition operator that does not exist.
    #[error("`{operator}` is not a condition operator")]
    Operator {
        /// The operator as it is written.
        operator: String,
    },
    /// A condition that is true whenever the key is absent, on keys where KMS does not allow that.
    #[error("`{operator}` on `{key}` would also match requests without it")]
    OverlyPermissive {
        /// The operator.
        operator: String,
        /// The condition key.
        key: String,
    },
}

impl Problem {
    fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Version { .. } => "write `\"Version\": \"2012-10-17\"`",
            Self::Effect { .. } => "write `Allow` or `Deny`, with the capital",
            Self::DuplicateName { .. } => {
                "a repeated name would silently override the first; put the values in one list"
            }
            Self::UnknownElement { .. } => "names of elements are written with capitals, such as `Principal`",
            Self::Action { .. } => "write `service:Action`, such as `kms:Decrypt`, or `*`",
            Self::EmptyExclusion { .. } => "name what is left out, or write the element itself with `*`",
            Self::TrustAction { .. } => "a trust policy decides about `sts:AssumeRole` and its kin only",
            Self::Resource { .. } => "write `*` or an ARN",
            Self::Principal { .. } => {
                "name an account, a user, a role or a session by its full ARN, or `*`; groups and partial wildcards are not principals"
            }
            Self::Sid { .. } => "only key policies take spaces and punctuation in a statement ID",
            Self::OverlyPermissive { .. } => "use the operator without `ForAllValues`",
            Self::NoStatement => "add at least one statement",
            _ => return None,
        })
    }
}
