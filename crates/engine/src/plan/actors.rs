//! Actors as JSON: null for the caller, else the role.

use keywright_model::Arn;
use serde::{Deserialize, Deserializer, Serializer};

use crate::provider::Actor;

pub(super) fn serialize<S: Serializer>(actors: &[Actor], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(actors.iter().map(|actor| match actor {
        Actor::Caller => None,
        Actor::Role(role) => Some(role),
    }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Actor>, D::Error> {
    let roles = Vec::<Option<Arn>>::deserialize(deserializer)?;
    Ok(roles.into_iter().map(|role| role.map_or(Actor::Caller, Actor::Role)).collect())
}
