//! The claim that nobody is locked out.

use super::access::{KeyAccess, Supposed, replay};
use super::answer::{Assumption, Unknown, Verdict, Witness};
use super::callers;
use super::claim::{assumptions, search};
use super::model::{self, Interest, Model, Side, plain};
use super::region::{Region, Values};
use crate::document::{Condition, Effect, Version};
use crate::principal::is_deleted;

/// Who keeps control of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Whether somebody does: for all ordinary requests of one of the keepers, whatever else is known about them.
    pub verdict: Verdict,
    /// Those who do, each with an ordinary request.
    pub keepers: Vec<Witness>,
}

/// Claims that somebody who lasts keeps `kms:PutKeyPolicy`: one of these users and roles, which exist, or the root user
/// of the key's account.
///
/// Refuted, its witness is a request of one of them that is refused, as all are.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>.
pub fn somebody_keeps_control(access: &KeyAccess<'_>, durable: &[&str]) -> Control {
    let unknown = |reason| Control { verdict: Verdict::Unknown { reason }, keepers: Vec::new() };
    try_control(access, durable).unwrap_or_else(unknown)
}

fn try_control(access: &KeyAccess<'_>, durable: &[&str]) -> Result<Control, Unknown> {
    let root = access.account.as_str();
    let names: Vec<&str> = durable.iter().copied().chain([root]).collect();
    if let Some(name) = names.iter().find(|it| !callers::is_somebody(it) || is_deleted(it)) {
        return Err(Unknown::NoPrincipal { name: (*name).to_owned() });
    }
    let ordinary = ordinary();
    let interest = Interest { names: names.iter().map(ToString::to_string).collect(), conditions: ordinary.clone() };
    let model = Model::new(&[access], &interest)?;
    let put = model.actions_that(|it| it == PUT_KEY_POLICY);
    let callers: Vec<usize> = names.iter().filter_map(|it| model.caller_for(it)).collect();

    let surely = access.openings(&model, Side::Narrowest, Supposed::Nothing);
    let open: Vec<Region> = surely.into_iter().map(|it| it.region).chain(model.impossible.iter().cloned()).collect();
    let denials = access.denials(&model, Side::Widest);
    let mut keepers = Vec::new();
    for caller in &callers {
        let by = model.by(&Values::that(model.callers.len(), |at| at == *caller)).narrowed(model::ACTION, &put);
        let Some(region) = model.under(by, &ordinary, Version::V2008, Side::Widest) else { continue };
        // It must not lie in what cannot be: then everything would hold of it.
        let is_possible = model.remainder(&region, &model.impossible)?;
        let Some(possible) = is_possible else { continue };
        let mut is_kept = model.remainder(&region, &open)?.is_none();
        for denied in denials.iter().filter_map(|it| it.and(&region)) {
            is_kept = is_kept && model.remainder(&denied, &model.impossible)?.is_none();
        }
        if is_kept {
            let witness = replay(access, &model, &possible, Supposed::Nothing)?;
            if !witness.decision.is_allowed() {
                return Err(Unknown::Disagreement { request: Box::new(witness.request) });
            }
            keepers.push(witness);
        }
    }
    let verdict = if keepers.is_empty() {
        why_nobody(access, &model, &callers, &put)?
    } else {
        let more = [Assumption::PrincipalsExist, Assumption::NotNarrowed, Assumption::OrdinaryRequest];
        Verdict::Proved { assumptions: assumptions(access, &more) }
    };
    Ok(Control { verdict, keepers })
}

/// Nobody keeps control for sure: either nobody can at all, or somebody can under conditions.
fn why_nobody(access: &KeyAccess<'_>, model: &Model<'_>, callers: &[usize], put: &Values) -> Result<Verdict, Unknown> {
    let all = Values::that(model.callers.len(), |at| callers.contains(&at));
    let region = model.by(&all).narrowed(model::ACTION, put);
    Ok(match search(access, model, std::slice::from_ref(&region), None, &Vec::new) {
        Verdict::Proved { .. } => {
            let first = callers.first().map(|it| model.by(&Values::that(model.callers.len(), |at| at == *it)));
            let refused = model.under(
                first.unwrap_or(region).narrowed(model::ACTION, put),
                &ordinary(),
                Version::V2008,
                Side::Widest,
            );
            let request = refused.ok_or(Unknown::TooMuchWork)?;
            Verdict::Refuted { witness: Box::new(replay(access, model, &request, Supposed::Everything)?) }
        }
        Verdict::Refuted { witness } => {
            let mut keys: Vec<String> = witness.request.context.iter().map(|(key, _)| key.to_owned()).collect();
            keys.retain(|key| model.keys.iter().any(|it| it.name == *key));
            let denying = access.key_policy.statements.iter().filter(|it| it.effect == Effect::Deny);
            keys.extend(denying.flat_map(|it| &it.conditions).map(|it| it.key.clone()));
            if witness.needs_own_policy {
                keys.push("its own IAM policies".to_owned());
            }
            keys.sort();
            keys.dedup();
            Verdict::Unknown { reason: Unknown::OnlyUnderConditions { keys, witness } }
        }
        unknown @ Verdict::Unknown { .. } => unknown,
    })
}

/// What an administrator's ordinary request is like.
fn ordinary() -> Vec<Condition> {
    vec![
        plain("Null", VIA_SERVICE, ["true"]),
        plain("Bool", "aws:SecureTransport", ["true"]),
        plain("BoolIfExists", "aws:ViaAWSService", ["false"]),
        plain("Null", "aws:CalledVia", ["true"]),
        plain("BoolIfExists", "kms:BypassPolicyLockoutSafetyCheck", ["false"]),
    ]
}

const PUT_KEY_POLICY: &str = "kms:PutKeyPolicy";
const VIA_SERVICE: &str = "kms:ViaService";
