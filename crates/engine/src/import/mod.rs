//! Adopts a key that is there, and what belongs to it, into a state. AWS is only read.
//!
//! `live.rs` finds it in AWS by the names that the inputs give, `from_state.rs` takes it out of another state.

mod from_state;
mod live;

use keywright_model::{Address, Arn, Diagnostic, ResourceKind};
use keywright_module::Desired;

pub(crate) use from_state::take;
pub(crate) use live::find;

use crate::engine::Planned;
use crate::error::EngineError;
use crate::plan::{Action, Plan, ResourceChange, find_moves};
use crate::state::State;

/// What is adopted.
#[derive(Debug)]
pub enum ImportFrom {
    /// A key in AWS, and what belongs to it by the names that the inputs give.
    Key {
        /// Its ARN, ID or alias.
        key: String,
        /// The ARN that its replica must have.
        replica: Option<Arn>,
    },
    /// What another state holds of the module.
    State(Box<State>),
}

/// What was adopted.
#[derive(Debug)]
pub struct Imported {
    /// Where it stands in the state.
    pub adopted: Vec<Address>,
    /// What the inputs want, and was not found: the first apply makes it.
    pub missing: Vec<Address>,
    /// What the first apply will change, and the lock on the state.
    pub planned: Planned,
}

impl Imported {
    pub(crate) fn new(state: &State, desired: &Desired, planned: Planned) -> Self {
        let adopted = state.held_in(&desired.module).map(|held| held.key.address).collect();
        let is_made = |change: &&ResourceChange| change.action == Action::Create;
        let missing = planned.plan().changes.iter().filter(is_made).map(|change| change.address.clone()).collect();
        Self { adopted, missing, planned }
    }
}

/// A key that is not there, or that apply would replace, was not adopted by what was written.
pub(crate) fn refuse_unfit(plan: &Plan, desired: &Desired) -> Result<(), EngineError> {
    let Some(address) = key_address(desired) else { return Ok(()) };
    let change = plan.changes.iter().find(|change| change.address == address && change.deposed.is_none());
    let refused = match change.map(|change| &change.action) {
        Some(Action::Create) => not_found("the key that the state holds"),
        Some(Action::Replace { because, .. }) if because.iter().any(|name| name == "multi_region") => {
            not_multi_region("the key")
        }
        Some(Action::Replace { because, .. }) => unfit("the key", &because.join("`, `")),
        _ => return Ok(()),
    };
    Err(EngineError::Refused(refused.into()))
}

/// Where nothing is to be done, the outputs are what they will be.
pub(crate) fn keep_outputs(state: &mut State, plan: &mut Plan) {
    let is_idle = plan.active().next().is_none() && plan.key_policies.is_empty() && plan.prerequisites.is_empty();
    if is_idle {
        for output in plan.outputs.iter_mut().filter(|it| !it.after.value.is_null()) {
            state.put_output(&output.name, output.after.clone());
            output.before = output.after.clone();
        }
    }
}

/// Lets resources stand where the module has them, before anything is put beside them: what stands under another instance
/// key would be taken for a second one, and go.
fn settle_addresses(state: &mut State, desired: &Desired) {
    let wanted = desired.resources.iter().map(|it| it.address.clone()).collect();
    for it in find_moves(state, &wanted) {
        state.rename(&it.from, &it.to);
    }
}

/// The address of the module's primary key.
fn key_address(desired: &Desired) -> Option<Address> {
    desired.resources.iter().find(|it| it.address.kind == ResourceKind::KmsKey).map(|it| it.address.clone())
}

/// Whether the state has a key of the module already that is not this one.
fn refuse_another_key(own: &State, desired: &Desired, arn: &str) -> Result<(), EngineError> {
    let held = key_address(desired).and_then(|address| own.attributes(&address)?.get("arn")?.as_str());
    match held {
        Some(held) if held != arn => Err(EngineError::Refused(
            Diagnostic::error(
                "state-holds-another-key",
                format!("the state holds another key of module `{}`", desired.module),
            )
            .because(format!(
                "it has `{held}`, and `{arn}` would take its place; nothing would manage the former any more"
            ))
            .help("import into another folder; or destroy that key first, or move its state file away")
            .into(),
        )),
        _ => Ok(()),
    }
}

/// Whether the key is of the module's Region and account.
fn refuse_elsewhere(desired: &Desired, arn: &Arn) -> Result<(), EngineError> {
    if arn.account() != desired.account.as_str() {
        return Err(refused(
            "key-elsewhere",
            format!("`{arn}` is in account {}", arn.account()),
            format!("module `{}` is for account {}", desired.module, desired.account),
            "correct `aws_account_id`, or name another key",
        ));
    }
    if arn.region() != desired.region.as_str() {
        return Err(refused(
            "key-elsewhere",
            format!("`{arn}` is in {}", arn.region()),
            format!("module `{}` has its primary key in {}", desired.module, desired.region),
            "correct `aws_region`, or name the key of that Region",
        ));
    }
    Ok(())
}

fn refused(code: &'static str, summary: String, because: String, help: &'static str) -> EngineError {
    EngineError::Refused(Diagnostic::error(code, summary).because(because).help(help).into())
}

/// A run that was cut has created something that no state knows.
pub(crate) fn unfinished() -> Diagnostic {
    Diagnostic::error("run-unfinished", "an earlier run was cut, and what it made is not in the state yet")
        .help("run `keywright plan` first: it finds out what came of that run")
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html>.
fn not_multi_region(key: &str) -> Diagnostic {
    Diagnostic::error("key-not-multi-region", format!("{key} is a single-Region key, and the module's key is multi-Region"))
        .because("AWS cannot turn one into the other, and to replace it would make all that it has encrypted unreadable")
        .help("keep that key as it is, and let keywright make a new one beside it; re-encrypt before you let go of the old one")
}

fn unfit(key: &str, because: &str) -> Diagnostic {
    Diagnostic::error("key-unfit", format!("{key} cannot become the module's: its `{because}` cannot be changed"))
        .because("to replace it would make all that it has encrypted unreadable")
        .help("name another key, or correct the inputs")
}

fn not_found(key: &str) -> Diagnostic {
    Diagnostic::error("key-not-found", format!("{key} is not in AWS"))
        .help("look at the account, the Region and the spelling; nothing was written")
}
