use std::collections::BTreeMap;
use std::sync::Arc;

use keywright_model::{AccountId, Arn};
use keywright_module::OutputBlocks;
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::facts::Facts;
use crate::plan::{
    Administrator, HandedOut, KeyPolicyChange, Mode, Move, OutputChange, Plan, PrerequisiteChange, Proof,
    ResourceChange, Scope,
};
use crate::provider::{Actor, CallerIdentity};
use crate::state::State;

/// A plan in a file: what is to be done, and what it was made from. It holds no secret but what sensitive outputs hand out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedPlan {
    format: String,
    keywright_version: String,
    lineage: String,
    serial: u64,
    facts: BTreeMap<String, String>,
    mode: Mode,
    changes: Vec<ResourceChange>,
    outputs: Vec<OutputChange>,
    output_blocks: OutputBlocks,
    handed_out: Vec<HandedOut>,
    key_policies: Vec<KeyPolicyChange>,
    prerequisites: Vec<PrerequisiteChange>,
    administrators: Vec<Administrator>,
    #[serde(default)]
    proofs: Vec<Proof>,
    actors: Vec<SavedActor>,
    moves: Vec<Move>,
    reinstated: Vec<crate::address::InstanceKey>,
    scopes: Vec<Scope>,
    caller_account: AccountId,
    caller: Arn,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SavedActor {
    #[serde(deserialize_with = "crate::address::deserialize")]
    key: keywright_model::Address,
    deposed: Option<String>,
    role: Option<Arn>,
}

impl SavedPlan {
    pub(crate) fn new(plan: &Plan, state: &State, facts: &Facts) -> Self {
        let saved_actor = |actor: &crate::plan::KeyActor| SavedActor {
            key: actor.key.clone(),
            deposed: actor.deposed.clone(),
            role: match &actor.actor {
                Actor::Caller => None,
                Actor::Role(role) => Some(role.clone()),
            },
        };
        Self {
            format: FORMAT.to_owned(),
            keywright_version: env!("CARGO_PKG_VERSION").to_owned(),
            lineage: state.lineage.clone(),
            serial: state.serial,
            facts: facts.fingerprint(),
            mode: plan.mode,
            changes: plan.changes.clone(),
            outputs: plan.outputs.clone(),
            output_blocks: plan.output_blocks.as_ref().clone(),
            handed_out: plan.handed_out.clone(),
            key_policies: plan.key_policies.clone(),
            prerequisites: plan.prerequisites.clone(),
            administrators: plan.administrators.clone(),
            proofs: plan.proofs.clone(),
            actors: plan.actors.iter().map(saved_actor).collect(),
            moves: plan.moves.clone(),
            reinstated: plan.reinstated.clone(),
            scopes: plan.scopes.clone(),
            caller_account: plan.caller.account.clone(),
            caller: plan.caller.arn.clone(),
        }
    }

    /// The text of a plan file.
    ///
    /// # Errors
    /// Never for a plan of ours; the type says so of any JSON.
    pub fn to_text(&self) -> Result<String, EngineError> {
        serde_json::to_string(self).map_err(|error| EngineError::SavedPlan { reason: error.to_string() })
    }

    /// Reads the text of a plan file.
    ///
    /// # Errors
    /// When it is not one, or was written by another version of the program.
    pub fn from_text(text: &str) -> Result<Self, EngineError> {
        let wrong = |reason: String| EngineError::SavedPlan { reason };
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let field = |name: &str| value.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        if field("format") != FORMAT {
            return Err(wrong("it is not a plan of keywright".to_owned()));
        }
        let (theirs, ours) = (field("keywright_version"), env!("CARGO_PKG_VERSION"));
        if theirs != ours {
            return Err(wrong(format!("it was made by keywright {theirs}, and this is {ours}")));
        }
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
    }

    /// The plan, without the findings and the drift that were told when it was made.
    pub fn plan(&self) -> Plan {
        let actor = |saved: &SavedActor| crate::plan::KeyActor {
            key: saved.key.clone(),
            deposed: saved.deposed.clone(),
            actor: saved.role.clone().map_or(Actor::Caller, Actor::Role),
        };
        Plan {
            mode: self.mode,
            changes: self.changes.clone(),
            drift: Vec::new(),
            drift_report: crate::drift::DriftReport::default(),
            outputs: self.outputs.clone(),
            output_blocks: Arc::new(self.output_blocks.clone()),
            handed_out: self.handed_out.clone(),
            key_policies: self.key_policies.clone(),
            prerequisites: self.prerequisites.clone(),
            administrators: self.administrators.clone(),
            proofs: self.proofs.clone(),
            actors: self.actors.iter().map(actor).collect(),
            caller: CallerIdentity { account: self.caller_account.clone(), arn: self.caller.clone() },
            findings: Vec::new(),
            scopes: self.scopes.clone(),
            moves: self.moves.clone(),
            reinstated: self.reinstated.clone(),
        }
    }

    pub(crate) fn check_state(&self, state: &State) -> Result<(), EngineError> {
        let moved = if state.lineage != self.lineage {
            "it was made from another state".to_owned()
        } else if state.serial != self.serial {
            format!("the state was at serial {} and is at {}", self.serial, state.serial)
        } else {
            return Ok(());
        };
        Err(EngineError::Moved { moved: vec![moved] })
    }

    pub(crate) fn check_facts(&self, facts: &Facts) -> Result<(), EngineError> {
        let now = facts.fingerprint();
        let names = self.facts.keys().chain(now.keys());
        let mut moved: Vec<String> = names.filter(|name| self.facts.get(*name) != now.get(*name)).cloned().collect();
        if facts.caller.arn.resource() != self.caller.resource() && is_another(&facts.caller.arn, &self.caller) {
            moved.push(format!("the caller (`{}` and now `{}`)", self.caller, facts.caller.arn));
        }
        moved.sort();
        moved.dedup();
        if moved.is_empty() { Ok(()) } else { Err(EngineError::Moved { moved }) }
    }
}

/// Sessions of one role are one caller.
fn is_another(now: &Arn, then: &Arn) -> bool {
    let role = |arn: &Arn| arn.resource_of_kind("assumed-role").and_then(|it| it.split('/').next()).map(str::to_owned);
    match (role(now), role(then)) {
        (Some(now), Some(then)) => now != then,
        _ => now != then,
    }
}

const FORMAT: &str = "keywright-plan-1";
