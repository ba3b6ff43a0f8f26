//! Takes up what a run that was cut has left in the journal.

use super::task::{creation, deposed_key};
use crate::address::InstanceKey;
use crate::error::EngineError;
use crate::provider::{Actor, Attributes, Provider, ProviderError};
use crate::state::{Begun, Journal, State, StateLock, StateStore, mark};

/// Settles each creation whose answer was never read: what it made is put into the state, what it did not make is
/// struck out. Gives the addresses of what was found.
pub(crate) async fn recover(
    provider: &dyn Provider,
    store: &StateStore,
    lock: &mut StateLock,
    journal: &mut Journal,
    open: Vec<Begun>,
    state: &mut State,
) -> Result<Vec<keywright_model::Address>, EngineError> {
    let mut found = Vec::new();
    for begun in open {
        if let Some(attributes) = made(provider, store, lock, &begun, state).await? {
            let actor = actor(provider, &begun).await;
            let settled = provider.settle(&actor, begun.address.kind, &attributes).await;
            settled.map_err(|error| call_failed(&begun, error))?;
            found.push(begun.address.clone());
        }
        journal.done(&begun.token)?;
    }
    journal.close();
    Ok(found)
}

/// What the creation made, which is in the state when this returns.
async fn made(
    provider: &dyn Provider,
    store: &StateStore,
    lock: &mut StateLock,
    begun: &Begun,
    state: &mut State,
) -> Result<Option<Attributes>, EngineError> {
    let held = state.attributes(&begun.address);
    if let Some(held) = held.filter(|held| mark(held) != begun.replaces) {
        return Ok(Some(held.clone()));
    }
    let found = provider.find_created(&actor(provider, begun).await, &creation(begun)).await;
    let Some(attributes) = found.map_err(|error| call_failed(begun, error))? else { return Ok(None) };
    if begun.replaces.is_some() {
        state.depose(&begun.address, &deposed_key(&begun.token));
    }
    let key = InstanceKey::current(&begun.address);
    state.put(&key, attributes, Some(begun.dependencies.clone()));
    store.back_up()?;
    store.save(lock, state)?;
    Ok(state.attributes(&begun.address).cloned())
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
