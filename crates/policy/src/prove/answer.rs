use std::fmt;

use crate::document::Condition;
use crate::reason::{Cause, Decision, Reason, Source};
use crate::request::Request;

/// What a claim comes to, and what those that it speaks of could do to change that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether the claim holds.
    pub verdict: Verdict,
    /// How those whom the claim holds back could give themselves more. A claim stands beside these: it speaks of the
    /// policy as it is.
    pub escalations: Vec<Escalation>,
}

/// Whether a claim holds for all requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, as far as these hold.
    Proved {
        /// What was taken for granted.
        assumptions: Vec<Assumption>,
    },
    /// It does not hold: the evaluator answers this request otherwise than the claim says.
    Refuted {
        /// The request, and how it is decided.
        witness: Box<Witness>,
    },
    /// Neither was found.
    Unknown {
        /// Why.
        reason: Unknown,
    },
}

impl Verdict {
    /// Whether the claim holds.
    pub fn is_proved(&self) -> bool {
        matches!(self, Self::Proved { .. })
    }

    /// The request that shows that it does not hold.
    pub fn witness(&self) -> Option<&Witness> {
        match self {
            Self::Refuted { witness } => Some(witness),
            Self::Proved { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// A request, and how it is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The request.
    pub request: Request,
    /// How the evaluator decides it.
    pub decision: Decision,
    /// Whether it goes through only if the caller's own IAM policies, which are not known, allow it.
    pub needs_own_policy: bool,
}

impl Witness {
    /// The statements and grants that let the request through, without policies that were only supposed.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        let causes: &[Cause] = match &self.decision.reason {
            Reason::Allowed { by } => by,
            Reason::ExplicitDeny { by } => std::slice::from_ref(by),
            _ => &[],
        };
        causes.iter().filter(|it| it.source != Source::Identity || it.policy.as_deref() != Some(SUPPOSED))
    }
}

/// A way to more access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// `kms:PutKeyPolicy`, `kms:CreateGrant` or `kms:ReplicateKey`.
    pub action: &'static str,
    /// A request that does it; none where it could not be told whether there is one.
    pub witness: Option<Box<Witness>>,
}

/// Why a claim could be neither proved nor refuted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unknown {
    /// The bound on the work was reached.
    #[error("the policies are too intricate: the search was given up at its bound")]
    TooMuchWork,
    /// What the policies say here is not modelled.
    #[error("not modelled: {}", elements.join("; "))]
    NotModelled {
        /// The conditions, in words.
        elements: Vec<String>,
    },
    /// A request was found that the evaluator decides otherwise than the search did.
    #[error("the search and the evaluator disagree on a request by {}", request.principal)]
    Disagreement {
        /// The request.
        request: Box<Request>,
    },
    /// Somebody can, but only under conditions that nobody vouches for.
    #[error("only under conditions, on {}", keys.join(", "))]
    OnlyUnderConditions {
        /// The condition keys that it depends on.
        keys: Vec<String>,
        /// A request that goes through.
        witness: Box<Witness>,
    },
    /// None of the actions is one that a key policy decides.
    #[error("key policies do not decide {}", actions.join(", "))]
    NotDecidedByKeyPolicies {
        /// The actions.
        actions: Vec<String>,
    },
    /// A name that the claim was asked with is none that the prover knows how to read.
    #[error("`{name}` names no principal")]
    NoPrincipal {
        /// The name.
        name: String,
    },
}

/// What a proof takes for granted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assumption {
    /// `kms:CallerAccount` and `aws:PrincipalAccount` are the account of the caller's ARN, and `aws:PrincipalArn` of a
    /// session is its role's.
    CallerKeys,
    /// `aws:SourceArn`, `aws:SourceAccount` and their kin are there only where a service calls in its own name, and
    /// `kms:ViaService` only where it passes a caller's request on.
    ServiceKeys,
    /// Condition keys of one operation are absent from the others: `kms:GrantIsForAWSResource`, the encryption
    /// context, …
    OperationKeys,
    /// A key that is compared as a number, time, address, Boolean or ARN holds one, and a key that is compared without
    /// `ForAllValues` and `ForAnyValue` has at most one value.
    TypedKeys,
    /// These accounts' IAM policies are not known: they were taken to allow everything, or nothing, whichever is worse
    /// for the claim.
    UnknownIdentityPolicies {
        /// The accounts; none means every account.
        but_known: Vec<String>,
    },
    /// Service control policies, resource control policies, session policies and endpoint policies, and boundaries that
    /// were not given, only take access away.
    OnlyNarrowed,
    /// They take nothing away from these principals either.
    NotNarrowed,
    /// `kms:RetireGrant`, and operations that are about no key, are not looked at: key policies do not decide them.
    KeyOperationsOnly,
    /// Principals live in the key's partition, unless a policy names another.
    OnePartition,
    /// The principals that were given exist, and can be signed in as.
    PrincipalsExist,
    /// The request is a direct one, over TLS, and does not bypass the lock-out check.
    OrdinaryRequest,
    /// Services that call in their own name are left out.
    WithoutServices,
    /// Requests that a service passes on for its caller are left out.
    WithoutForwarded,
    /// Sources that a policy names in full and that bear no account, such as buckets, belong to the key's account.
    NamedSourcesAreOwn,
    /// In accounts whose IAM is known, nobody is there but those that were given.
    KnownAccountsAreComplete,
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CallerKeys => {
                "kms:CallerAccount and aws:PrincipalAccount are the account of the caller's ARN, and aws:PrincipalArn of a session is its role's"
            }
            Self::ServiceKeys => {
                "aws:SourceArn and aws:SourceAccount come with direct calls of a service only, kms:ViaService with forwarded calls only"
            }
            Self::OperationKeys => "condition keys of one operation are absent from the others",
            Self::TypedKeys => "condition keys have values of the type that they are compared as, and one unless compared as many",
            Self::UnknownIdentityPolicies { but_known } if but_known.is_empty() => {
                "IAM policies are not known, and taken for whatever is worse for the claim"
            }
            Self::UnknownIdentityPolicies { but_known } => {
                return write!(
                    f,
                    "IAM policies outside {} are not known, and taken for whatever is worse for the claim",
                    but_known.join(", ")
                );
            }
            Self::OnlyNarrowed => "policies that were not given (SCP, RCP, session, endpoint) can only take access away",
            Self::NotNarrowed => "policies that were not given (SCP, RCP, boundary, session, endpoint) take nothing from these principals",
            Self::KeyOperationsOnly => "kms:RetireGrant and operations on no key are left out: key policies do not decide them",
            Self::OnePartition => "principals live in the key's partition, unless a policy names another",
            Self::PrincipalsExist => "the principals that were given exist, and can be signed in as",
            Self::OrdinaryRequest => "the request is direct, over TLS, and does not bypass the lock-out check",
            Self::WithoutServices => "services that call in their own name are left out",
            Self::WithoutForwarded => "requests that a service passes on for its caller are left out",
            Self::NamedSourcesAreOwn => "sources named in full without an account, such as buckets, belong to the key's account",
            Self::KnownAccountsAreComplete => "accounts whose IAM is known hold nobody but those that were given",
        })
    }
}

/// A condition in words, for what is not modelled.
pub(super) fn describe(condition: &Condition) -> String {
    format!("{} {} [{}]", condition.operator, condition.key, condition.values.join(", "))
}

/// The name of the policy that stands for IAM policies that are not known.
pub(super) const SUPPOSED: &str = "supposed";
