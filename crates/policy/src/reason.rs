use std::fmt;

/// The answer to a request, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub outcome: Outcome,
    /// What decided it.
    pub reason: Reason,
}

impl Decision {
    /// Whether the request goes through.
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allow
    }

    pub(crate) fn new(reason: Reason) -> Self {
        let outcome = match reason {
            Reason::Allowed { .. } => Outcome::Allow,
            Reason::ExplicitDeny { .. } => Outcome::ExplicitDeny,
            Reason::NoneAllows { .. } | Reason::Unreadable { .. } | Reason::CrossAccount { .. } => {
                Outcome::ImplicitDeny
            }
        };
        Self { outcome, reason }
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Something allows it and nothing denies it.
    Allow,
    /// Nothing allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

impl Outcome {
    /// The outcome as the IAM policy simulator writes it, with a small first letter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What decided a request. Displayed, it is the phrase that AWS ends its message with.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// These allow it together: what admits the caller to the resource, and the caller's own policies where they
    /// are needed.
    Allowed {
        /// What allows it.
        by: Vec<Cause>,
    },
    /// This statement denies it.
    ExplicitDeny {
        /// The statement.
        by: Cause,
    },
    /// No policy of that kind allows it.
    NoneAllows {
        /// The kind.
        source: Source,
        /// The action that was asked for.
        action: String,
    },
    /// A policy that has a say cannot be read.
    Unreadable {
        /// Which policy.
        policy: String,
    },
    /// The operation does not work on keys of other accounts, whatever the policies say.
    CrossAccount {
        /// The action that was asked for.
        action: String,
    },
}

impl Reason {
    /// The phrase as it follows `… is not authorized to perform: ACTION on resource: RESOURCE `.
    pub fn clause(&self) -> String {
        match self {
            Self::ExplicitDeny { .. } => self.to_string(),
            _ => format!("because {self}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed { by } => {
                f.write_str("allowed by ")?;
                for (at, cause) in by.iter().enumerate() {
                    write!(f, "{}{cause}", if at == 0 { "" } else { " and " })?;
                }
                Ok(())
            }
            Self::ExplicitDeny { by } => {
                write!(f, "with an explicit deny in {} {}", by.source.article(), by.source)
            }
            Self::NoneAllows { source, action } => write!(f, "no {source} allows the {action} action"),
            Self::Unreadable { policy } => write!(f, "the policy `{policy}` cannot be read"),
            Self::CrossAccount { action } => {
                write!(f, "the {action} action cannot be performed on a resource in a different account")
            }
        }
    }
}

/// One thing that had a say, down to the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The kind of policy.
    pub source: Source,
    /// The policy's name, or the grant's ID; none for the policy of the resource.
    pub policy: Option<String>,
    /// Which statement of the policy, counted from 0.
    pub statement: Option<usize>,
    /// The statement's `Sid`.
    pub sid: Option<String>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {}", self.source)?;
        if let Some(policy) = &self.policy {
            write!(f, " `{policy}`")?;
        }
        match (&self.sid, self.statement) {
            (Some(sid), _) => write!(f, ", statement `{sid}`"),
            (None, Some(at)) => write!(f, ", statement {}", at + 1),
            (None, None) => Ok(()),
        }
    }
}

/// The kinds of things that have a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A policy of the caller.
    Identity,
    /// The policy of the resource.
    Resource,
    /// The trust policy of the role that is to be assumed.
    Trust,
    /// The caller's permissions boundary.
    Boundary,
    /// A policy that was passed when the session was made.
    Session,
    /// A service control policy.
    ServiceControl,
    /// A resource control policy.
    ResourceControl,
    /// A KMS grant.
    Grant,
    /// The account's root user, which needs no policy of its own.
    RootUser,
}

impl Source {
    fn article(self) -> &'static str {
        match self {
            Self::Identity => "an",
            _ => "a",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::Grant => "grant",
            Self::RootUser => "root user",
        })
    }
}
