//! What claims by their names come to.

use super::access::KeyAccess;
use super::answer::{Answer, Assumption, Escalation, Unknown, Verdict, Witness};
use super::change::{Standing, gives_nothing_new, standings};
use super::claim::{Scope, Who, assumptions, no_public_access, nobody_can, principals_by_arn, root_is_gone};
use super::control::somebody_keeps_control;
use super::deputy::confused_deputies;
use super::named::{Bounds, Claim};
use crate::reason::{Cause, Source};

/// What a claim about a key comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The claim.
    pub claim: Claim,
    /// Whether it holds.
    pub finding: ProofFinding,
    /// How those whom the claim holds back could give themselves more.
    pub escalations: Vec<Escalation>,
    /// Those who keep control, where that is the claim.
    pub keepers: Vec<Witness>,
}

/// Whether a claim holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofFinding {
    /// It does, as far as these hold.
    Proved {
        /// What was taken for granted.
        assumptions: Vec<Assumption>,
    },
    /// It does not, as these show.
    Refuted {
        /// One for each statement or grant that is against it.
        by: Vec<Counter>,
        /// What could not be told besides.
        unsure: Vec<Unsure>,
    },
    /// Neither could be shown.
    Unknown {
        /// What could not be told; never empty.
        unsure: Vec<Unsure>,
    },
}

/// What shows that a claim does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// The statement or grant that is against it; none where nothing is, as in a lock-out.
    pub by: Option<Cause>,
    /// What it is against it with.
    pub flaw: Flaw,
}

/// With what something is against a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It lets this request through.
    LetsThrough {
        /// The request.
        witness: Box<Witness>,
    },
    /// It gives these actions to somebody who did not have them.
    Gives {
        /// The actions.
        actions: Vec<String>,
        /// A request for one of them.
        witness: Box<Witness>,
    },
    /// This request, which somebody must be able to make, is refused.
    Refuses {
        /// The request.
        witness: Box<Witness>,
    },
    /// Without it every request would be decided the same.
    Redundant,
    /// It speaks of no request.
    NeverApplies,
}

/// What could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsure {
    /// The statement or grant that it is about; none where it is about all.
    pub by: Option<Cause>,
    /// Why.
    pub reason: Unknown,
}

impl Proof {
    /// Whether the claim holds.
    pub fn is_proved(&self) -> bool {
        matches!(self.finding, ProofFinding::Proved { .. })
    }
}

impl Flaw {
    /// The request that shows it.
    pub fn witness(&self) -> Option<&Witness> {
        match self {
            Self::LetsThrough { witness } | Self::Gives { witness, .. } | Self::Refuses { witness } => Some(witness),
            Self::Redundant | Self::NeverApplies => None,
        }
    }
}

/// Proves or refutes a claim about a key, or says why it can do neither.
pub fn prove(claim: &Claim, access: &KeyAccess<'_>) -> Proof {
    match claim {
        Claim::SomebodyKeepsControl { durable } => control(claim, access, durable),
        Claim::RootIsGone => of_answer(claim, root_is_gone(access)),
        Claim::NoPublicAccess => of_answer(claim, no_public_access(access)),
        Claim::NobodyOutside { accounts, bounds } => bounded(claim, access, &Who::Outside(accounts.clone()), bounds),
        Claim::NobodyBut { names, bounds } => bounded(claim, access, &Who::AllBut(names.clone()), bounds),
        Claim::Cannot { names, bounds } => bounded(claim, access, &Who::These(names.clone()), bounds),
        Claim::GivesNothingNew { old, .. } => change(claim, &KeyAccess { key_policy: old, ..access.clone() }, access),
        Claim::NoRedundantStatements { but } => redundancy(claim, access, but),
        Claim::NoLooseDeputies { but } => deputies(claim, access, but),
    }
}

fn bounded(claim: &Claim, access: &KeyAccess<'_>, who: &Who, bounds: &Bounds) -> Proof {
    let actions: Vec<&str> = bounds.actions.iter().map(String::as_str).collect();
    let scope = if bounds.is_direct { Scope::DIRECT } else { Scope::default() };
    of_answer(claim, nobody_can(access, who, &actions, scope))
}

fn of_answer(claim: &Claim, answer: Answer) -> Proof {
    let finding = match answer.verdict {
        Verdict::Proved { assumptions } => ProofFinding::Proved { assumptions },
        Verdict::Refuted { witness } => {
            let by = opener(&witness);
            refuted(vec![Counter { by, flaw: Flaw::LetsThrough { witness } }], Vec::new())
        }
        Verdict::Unknown { reason } => unknown(None, reason),
    };
    Proof { escalations: answer.escalations, ..plain(claim, finding) }
}

fn control(claim: &Claim, access: &KeyAccess<'_>, durable: &[String]) -> Proof {
    let named: Vec<String> = if durable.is_empty() { administrators(access) } else { durable.to_vec() };
    let names: Vec<&str> = named.iter().map(String::as_str).collect();
    let control = somebody_keeps_control(access, &names);
    let finding = match control.verdict {
        Verdict::Proved { assumptions } => ProofFinding::Proved { assumptions },
        Verdict::Refuted { witness } => {
            let by = witness.causes().next().cloned();
            refuted(vec![Counter { by, flaw: Flaw::Refuses { witness } }], Vec::new())
        }
        Verdict::Unknown { reason } => unknown(None, reason),
    };
    Proof { keepers: control.keepers, ..plain(claim, finding) }
}

/// The users and roles of the key's account that the policy names.
fn administrators(access: &KeyAccess<'_>) -> Vec<String> {
    let is_own = |name: &String| {
        let parts: Vec<&str> = name.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, "iam", "", account, _] if *account == access.account.as_str())
    };
    principals_by_arn(access).into_iter().filter(is_own).collect()
}

fn change(claim: &Claim, old: &KeyAccess<'_>, new: &KeyAccess<'_>) -> Proof {
    let gains = gives_nothing_new(old, new);
    let by: Vec<Counter> = gains
        .gains
        .into_iter()
        .map(|it| Counter { by: Some(it.by), flaw: Flaw::Gives { actions: it.actions, witness: it.witness } })
        .collect();
    let reason = match &gains.verdict {
        Verdict::Unknown { reason } => reason.clone(),
        // What is unsure beside a gain bears no reason of its own.
        Verdict::Proved { .. } | Verdict::Refuted { .. } => {
            Unknown::NotModelled { elements: vec!["its conditions".to_owned()] }
        }
    };
    let unsure: Vec<Unsure> =
        gains.unsure.into_iter().map(|by| Unsure { by: Some(by), reason: reason.clone() }).collect();
    let finding = match gains.verdict {
        Verdict::Proved { assumptions } if by.is_empty() && unsure.is_empty() => ProofFinding::Proved { assumptions },
        _ if !by.is_empty() => refuted(by, unsure),
        _ if !unsure.is_empty() => ProofFinding::Unknown { unsure },
        _ => unknown(None, reason),
    };
    plain(claim, finding)
}

fn redundancy(claim: &Claim, access: &KeyAccess<'_>, but: &[String]) -> Proof {
    let (mut against, mut unsure) = (Vec::new(), Vec::new());
    for (at, standing) in standings(access).into_iter().enumerate() {
        let by = cause(access, at);
        if is_excused(&by, but) {
            continue;
        }
        match standing {
            Standing::Needed { .. } => {}
            Standing::Redundant => against.push(Counter { by: Some(by), flaw: Flaw::Redundant }),
            Standing::NeverApplies => against.push(Counter { by: Some(by), flaw: Flaw::NeverApplies }),
            Standing::Unknown { reason } => unsure.push(Unsure { by: Some(by), reason }),
        }
    }
    plain(claim, summed(against, unsure, assumptions(access, &[])))
}

fn deputies(claim: &Claim, access: &KeyAccess<'_>, but: &[String]) -> Proof {
    let (mut against, mut unsure) = (Vec::new(), Vec::new());
    for deputy in confused_deputies(access) {
        if is_excused(&deputy.by, but) {
            continue;
        }
        let by = Some(deputy.by);
        match deputy.verdict {
            Verdict::Proved { .. } => {}
            Verdict::Refuted { witness } => against.push(Counter { by, flaw: Flaw::LetsThrough { witness } }),
            Verdict::Unknown { reason } => unsure.push(Unsure { by, reason }),
        }
    }
    let assumptions = assumptions(access, &[Assumption::NamedSourcesAreOwn]);
    plain(claim, summed(against, unsure, assumptions))
}

fn is_excused(by: &Cause, but: &[String]) -> bool {
    by.sid.as_ref().is_some_and(|sid| but.contains(sid))
}

/// Proved only if nothing is against the claim and nothing could not be told.
fn summed(against: Vec<Counter>, unsure: Vec<Unsure>, assumptions: Vec<Assumption>) -> ProofFinding {
    match (against.is_empty(), unsure.is_empty()) {
        (true, true) => ProofFinding::Proved { assumptions },
        (true, false) => ProofFinding::Unknown { unsure },
        (false, _) => refuted(against, unsure),
    }
}

/// What of the key's own lets the request through: a statement of its policy before a grant.
fn opener(witness: &Witness) -> Option<Cause> {
    let of = |source: Source| witness.causes().find(|it| it.source == source);
    of(Source::Resource).or_else(|| of(Source::Grant)).or_else(|| witness.causes().next()).cloned()
}

fn cause(access: &KeyAccess<'_>, statement: usize) -> Cause {
    super::access::cause(access, super::access::Origin::Statement(statement))
}

fn refuted(by: Vec<Counter>, unsure: Vec<Unsure>) -> ProofFinding {
    ProofFinding::Refuted { by, unsure }
}

fn unknown(by: Option<Cause>, reason: Unknown) -> ProofFinding {
    ProofFinding::Unknown { unsure: vec![Unsure { by, reason }] }
}

fn plain(claim: &Claim, finding: ProofFinding) -> Proof {
    Proof { claim: claim.clone(), finding, escalations: Vec::new(), keepers: Vec::new() }
}
