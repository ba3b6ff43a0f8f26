//! Takes up what a run that was cut has left in the journal.

use keywright_model::{Address, Diagnostic};

use super::task::{creation, deposed_key};
use crate::address::InstanceKey;
use crate::error::EngineError;
use crate::provider::{Actor, Attributes, CREATION_TAG, Provider, ProviderError, Standing};
use crate::schema::schema;
use crate::state::{Begun, Journal, State, StateLock, StateStore, mark};

/// What an earlier run has left.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The addresses of what was found, and is in the state now.
    pub(crate) found: Vec<Address>,
    /// What was found and has no place in the state.
    pub(crate) strays: Vec<Diagnostic>,
}

/// What became of a creation.
enum Outcome {
    /// It made nothing, or nothing that is still there under its mark: there is nothing to do about it.
    Nothing,
    /// What it made is in the state.
    InState(Attributes),
    /// What it made is there, and the state has another resource in its place.
    Stray(Attributes),
}

/// Settles each creation whose answer was never read: what it made is put into the state, what it did not make is
/// struck out. What the state has no place for stays in the journal until it is gone.
pub(crate) async fn recover(
    provider: &dyn Provider,
    store: &StateStore,
    lock: &mut StateLock,
    journal: &mut Journal,
    open: Vec<Begun>,
    state: &mut State,
) -> Result<Recovered, EngineError> {
    let mut recovered = Recovered::default();
    for begun in open {
        match made(provider, store, lock, &begun, state).await? {
            Outcome::Nothing => {}
            Outcome::InState(attributes) => {
                let actor = actor(provider, &begun).await;
                let settled = provider.settle(&actor, begun.address.kind, &attributes).await;
                settled.map_err(|error| call_failed(&begun, error))?;
                recovered.found.push(begun.address.clone());
            }
            Outcome::Stray(attributes) => {
                recovered.strays.push(stray(&begun, &attributes, state));
                continue;
            }
        }
        journal.done(&begun.token)?;
    }
    journal.close();
    Ok(recovered)
}

/// What the creation made, which is in the state when this returns, if that has a place for it.
async fn made(
    provider: &dyn Provider,
    store: &StateStore,
    lock: &mut StateLock,
    begun: &Begun,
    state: &mut State,
) -> Result<Outcome, EngineError> {
    let actor = actor(provider, begun).await;
    let found = provider.find_created(&actor, &creation(begun)).await.map_err(|error| call_failed(begun, error))?;
    let Some(attributes) = found else { return Ok(Outcome::Nothing) };
    match state.attributes(&begun.address).filter(|held| mark(held) != begun.replaces) {
        // Without a mark of its own, what was found by its name or shape may be somebody else's.
        Some(held) if mark(held) == mark(&attributes) || !schema(begun.address.kind).carries_tags() => {
            return Ok(Outcome::InState(held.clone()));
        }
        Some(_) => {
            let is_live = is_live(provider, &actor, begun, &attributes).await?;
            return Ok(if is_live { Outcome::Stray(attributes) } else { Outcome::Nothing });
        }
        None => {}
    }
    if begun.replaces.is_some() {
        state.depose(&begun.address, &deposed_key(&begun.token));
    }
    let key = InstanceKey::current(&begun.address);
    state.put(&key, attributes, Some(begun.dependencies.clone()));
    store.back_up()?;
    store.save(lock, state)?;
    Ok(state.attributes(&begun.address).cloned().map_or(Outcome::Nothing, Outcome::InState))
}

/// Whether it is there to stay: a key whose deletion is scheduled is seen to.
async fn is_live(
    provider: &dyn Provider,
    actor: &Actor,
    begun: &Begun,
    attributes: &Attributes,
) -> Result<bool, EngineError> {
    let observed = provider.read(actor, begun.address.kind, attributes).await;
    let observed = observed.map_err(|error| call_failed(begun, error))?;
    Ok(observed.is_some_and(|observed| observed.standing == Standing::Live))
}

fn stray(begun: &Begun, attributes: &Attributes, state: &State) -> Diagnostic {
    let made = mark(attributes).unwrap_or_default();
    let held = state.attributes(&begun.address).and_then(mark).unwrap_or_default();
    let summary = format!("`{made}` was made for `{}` by a run that was cut, and is in no state", begun.address);
    Diagnostic::warning("stray-creation", summary)
        .because(format!(
            "the state was given `{held}` in its place meanwhile, by another program. Both are live, and both are paid for"
        ))
        .help(format!(
            "if nothing uses `{made}`, delete it (a key: `aws kms schedule-key-deletion`); to keep it apart from this module, take its tag `{CREATION_TAG}` off. Until then the journal keeps it, and each plan tells"
        ))
}

/// Who made the call; the caller where that role cannot be assumed any more.
async fn actor(provider: &dyn Provider, begun: &Begun) -> Actor {
    match begun.actor() {
        Actor::Role(role) if provider.assume(&role).await.is_ok() => Actor::Role(role),
        _ => Actor::Caller,
    }
}

fn call_failed(begun: &Begun, error: ProviderError) -> EngineError {
    EngineError::Provider {
        doing: format!("taking up the creation of `{}` of an earlier run", begun.address),
        error: Box::new(error),
    }
}
