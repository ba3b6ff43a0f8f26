//! What was claimed of a final policy, and what came of it, in words: it goes to people, to JSON and into saved plans.

use std::fmt;

use keywright_model::Address;
use keywright_policy::prove::{Escalation, Verdict, Witness};
use serde::{Deserialize, Serialize};

use crate::address;

/// A claim about the policy that a key will have, and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The key.
    #[serde(deserialize_with = "address::deserialize")]
    pub key: Address,
    /// The claim.
    pub claim: Claim,
    /// Whether it holds.
    pub verdict: Conclusion,
    /// The request that shows that it does not hold, or why it could not be told.
    pub because: Option<String>,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
    /// The actions by which those whom the claim holds back could give themselves more.
    pub escalations: Vec<String>,
}

/// What is claimed of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// Somebody who lasts can put another policy.
    SomebodyKeepsControl,
    /// Nobody uses the key itself but those whom the policy or a grant names.
    RootIsGone,
    /// Nobody has access whom no policy names.
    NoPublicAccess,
    /// The admin role has no cryptographic operation on the key itself.
    AdminRoleCannotUse,
    /// No service can be made to use the key for another account.
    NoConfusedDeputy,
    /// The policy gives nothing that the one before did not.
    GivesNothingNew,
    /// The policy takes nothing that the one before gave.
    TakesNothingAway,
}

/// Whether a claim holds for all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conclusion {
    /// It does.
    Proved,
    /// A request shows that it does not.
    Refuted,
    /// Neither was found.
    Unknown,
}

impl Proof {
    pub(super) fn new(key: &Address, claim: Claim, verdict: &Verdict) -> Self {
        let (conclusion, because, assumptions) = match verdict {
            Verdict::Proved { assumptions } => {
                (Conclusion::Proved, None, assumptions.iter().map(ToString::to_string).collect())
            }
            Verdict::Refuted { witness } => (Conclusion::Refuted, Some(told(witness)), Vec::new()),
            Verdict::Unknown { reason } => (Conclusion::Unknown, Some(reason.to_string()), Vec::new()),
        };
        Self { key: key.clone(), claim, verdict: conclusion, because, assumptions, escalations: Vec::new() }
    }

    pub(super) fn with_escalations(mut self, escalations: &[Escalation]) -> Self {
        self.escalations = escalations.iter().map(|it| it.action.to_owned()).collect();
        self
    }

    /// What else was taken for granted, where it is proved.
    pub(super) fn assuming(mut self, assumption: Option<&str>) -> Self {
        if self.is_proved() {
            self.assumptions.extend(assumption.map(str::to_owned));
        }
        self
    }

    /// Whether the claim holds.
    pub fn is_proved(&self) -> bool {
        self.verdict == Conclusion::Proved
    }
}

impl Claim {
    /// Whether it speaks of the policy that a key will have, and not of the way there.
    pub fn is_on_outcome(self) -> bool {
        !matches!(self, Self::GivesNothingNew | Self::TakesNothingAway)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SomebodyKeepsControl => "somebody keeps kms:PutKeyPolicy",
            Self::RootIsGone => "root is gone: nobody uses the key itself but whom the policy or a grant names",
            Self::NoPublicAccess => "nobody has access whom the policy does not name",
            Self::AdminRoleCannotUse => "the admin role cannot encrypt or decrypt with the key itself",
            Self::NoConfusedDeputy => "no service can be made to use the key for another account",
            Self::GivesNothingNew => "the new policy gives nothing that the old one did not",
            Self::TakesNothingAway => "the new policy takes nothing that the old one gave",
        })
    }
}

/// A request, and what decides it.
pub(super) fn told(witness: &Witness) -> String {
    let (who, action) = (&witness.request.principal, &witness.request.action);
    if !witness.decision.is_allowed() {
        return format!("`{who}` is refused {action}");
    }
    let by: Vec<String> = witness.causes().filter_map(|it| it.sid.as_ref().or(it.policy.as_ref())).cloned().collect();
    let by = if by.is_empty() { String::new() } else { format!(" by `{}`", by.join("`, `")) };
    let own = if witness.needs_own_policy { ", if its own IAM policies allow it" } else { "" };
    format!("`{who}` may call {action}{by}{own}")
}
