//! Each promise, tried.

mod alarms;
mod copy;
mod life;
mod people;
mod replication;
mod services;

use super::promise::Promise;
use super::report::Graph;
use super::scene::Scene;
use super::stage::Stage;

pub(super) use people::root as root_access;

/// Tries every promise that can be tried on keys as they stand. What is changed of them is put back.
pub(crate) async fn promises(stage: &Stage, scene: &Scene) -> (Vec<Promise>, Vec<Graph>) {
    let mut promises = services::promises(stage, scene);
    promises.extend(people::promises(stage, scene).await);
    promises.extend(replication::promises(stage, scene).await);
    let (rung, graphs) = alarms::promises(stage, scene).await;
    promises.extend(rung);
    promises.extend(life::promises(stage, scene).await);
    (promises, graphs)
}
