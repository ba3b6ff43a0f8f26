//! Takes up what a run that was cut has left in the journal.

use super::task::{creation, deposed_key};
use crate::address::InstanceKey;
use crate::error::EngineError;
use crate::provider::{Actor, Attributes, Provider, ProviderError};
use crate::state::{Begun, Journal, State, StateStore, mark};

/// Settles each creation whose answer was never read: what it made is put into the state, what it did not make is
/// struck out. Gives the addresses of what was found.
pub(crate) async fn recover(
    provider: &dyn Provider,
    store: &StateStore,
    journal: &mut Journal,
    open: Vec<Begun>,
    state: &mut State,
) -> Result<Vec<keywright_model::Address>, EngineError> {
    let mut found = Vec::new();
    for begun in open {
        if let Some(attributes) = made(provider, store, &begun, state).await? {
            let failed = |error| call_failed(&begun, error);
            with_session(provider, &begun.actor()).await.map_err(failed)?;
            provider.settle(&begun.actor(), begun.address.kind, &attributes).await.map_err(failed)?;
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
    begun: &Begun,
    state: &mut State,
) -> Result<Option<Attributes>, EngineError> {
    let held = state.attributes(&begun.address);
    if let Some(held) = held.filter(|held| mark(held) != begun.replaces) {
        return Ok(Some(held.clone()));
    }
    with_session(provider, &begun.actor()).await.map_err(|error| call_failed(begun, error))?;
    let found = provider.find_created(&begun.actor(), &creation(begun)).await;
    let Some(attributes) = found.map_err(|error| call_failed(begun, error))? else { return Ok(None) };
    if begun.replaces.is_some() {
        state.depose(&begun.address, &deposed_key(&begun.token));
    }
    let key = InstanceKey::current(&begun.address);
    state.put(&key, attributes, Some(begun.dependencies.clone()));
    store.back_up()?;
    store.save(state)?;
    Ok(state.attributes(&begun.address).cloned())
}

async fn with_session(provider: &dyn Provider, actor: &Actor) -> Result<(), ProviderError> {
    match actor {
        Actor::Caller => Ok(()),
        Actor::Role(role) => provider.assume(role).await,
    }
}

fn call_failed(begun: &Begun, error: ProviderError) -> EngineError {
    EngineError::Provider {
        doing: format!("taking up the creation of `{}` of an earlier run", begun.address),
        error: Box::new(error),
    }
}
