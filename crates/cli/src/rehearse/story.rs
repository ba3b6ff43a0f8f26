//! The order in which a key's life is played.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use jiff::Timestamp;
use keywright_aws::{AwsProvider, Options, StaticCredentials, Transport};
use keywright_engine::{Cancel, Engine, EngineError, Mode, Report as Applied, StateStore};
use keywright_local::{Aws, Clock, Ids, OperatorCredentials};
use keywright_model::{Diagnostic, Diagnostics, Region};
use keywright_module::{Desired, Module};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::client::system_time;
use super::probes;
use super::promise::{Probe, Promise};
use super::report::{Act, Report};
use super::scene::Scene;
use super::stage::Stage;
use crate::{failure, rehearsal};

/// Plays the life of each module's key, each in an AWS of its own.
///
/// # Errors
/// When the stage cannot be set, or the configuration cannot be applied there.
pub(crate) async fn play(modules: &[Module]) -> Result<Report, Diagnostics> {
    let mut acts = Vec::new();
    for module in modules {
        acts.push(Rehearsed::open(module).await?.play().await?);
    }
    Ok(Report { acts })
}

/// One module in an AWS of its own.
struct Rehearsed<'a> {
    module: &'a Module,
    desired: Vec<Desired>,
    aws: Aws,
    clock: Clock,
    operator: OperatorCredentials,
    /// Where the state is kept while it plays.
    folder: TempDir,
}

impl<'a> Rehearsed<'a> {
    async fn open(module: &'a Module) -> Result<Self, Diagnostics> {
        let desired = vec![module.desired()];
        let clock = Clock::manual(Timestamp::now());
        let options = keywright_local::Options { data_dir: None, clock: clock.clone(), ids: Ids::random() };
        let aws = Aws::open(options).map_err(|error| cannot("open its AWS", &error))?;
        let operator = rehearsal::furnish_for(&aws, &desired)?;
        let folder = tempfile::tempdir().map_err(|error| cannot("make a folder for its state", &error))?;
        Ok(Self { module, desired, aws, clock, operator, folder })
    }

    async fn play(self) -> Result<Act, Diagnostics> {
        let mut promises = vec![self.applies_once().await?];
        let desired = self.desired.first().ok_or_else(|| Diagnostic::error("no-module", "there is no module"))?;
        let outputs = self.outputs().await?;
        let scene = Scene::of(self.module.inputs(), desired, &outputs).map_err(|name| {
            Diagnostic::error("rehearsal-outputs", format!("the output `{name}` is not what was to be made"))
        })?;
        let regions: Vec<Region> = scene.keys.iter().map(|key| key.region.clone()).collect();
        let stage = Stage::open(&self.aws, &self.clock, &self.operator, &regions, &scene.account).await?;
        promises.extend(probes::promises(&stage, &scene).await);
        promises.push(self.destroys().await?);
        Ok(Act { module: self.module.name().to_string(), promises })
    }

    /// What is applied once is there: a second plan has nothing to do.
    async fn applies_once(&self) -> Result<Promise, Diagnostics> {
        let first = self.carry_out(Mode::Normal).await?;
        let again = self.engine().await?.plan(&self.desired, Mode::Normal).await.map_err(told)?;
        let changes = again.plan().active().count();
        let probes = vec![
            Probe::of_fact("apply", &"complete", &if first.is_complete() { "complete" } else { "incomplete" }),
            Probe::of_fact("changes of a second plan", &0, &changes),
        ];
        Ok(Promise::new("applies-once", "one apply makes all of it, and a second plan has nothing to do", probes))
    }

    /// Everything goes, and the keys can still be rescued.
    async fn destroys(&self) -> Result<Promise, Diagnostics> {
        let done = self.carry_out(Mode::Destroy).await?;
        let probes =
            vec![Probe::of_fact("destroy", &"complete", &if done.is_complete() { "complete" } else { "incomplete" })];
        Ok(Promise::new("destroys", "destroy removes all of it, and schedules the keys for deletion", probes))
    }

    async fn carry_out(&self, mode: Mode) -> Result<Applied, Diagnostics> {
        let engine = self.engine().await?;
        let planned = engine.plan(&self.desired, mode).await.map_err(told)?;
        engine.apply(planned, &Cancel::new(), &|_| {}).await.map_err(told)
    }

    async fn outputs(&self) -> Result<Map<String, Value>, Diagnostics> {
        let outputs = self.engine().await?.outputs().map_err(|error| error.diagnostic())?;
        Ok(outputs.into_iter().next().map(|(_, outputs)| outputs).unwrap_or_default())
    }

    /// An engine with sessions of its own: the clock may have moved since the last one.
    async fn engine(&self) -> Result<Engine, Diagnostics> {
        let home = self.module.inputs().region.clone();
        let credentials = StaticCredentials {
            access_key_id: self.operator.access_key_id.clone(),
            secret_access_key: self.operator.secret_access_key.clone(),
            session_token: None,
        };
        let clock = self.clock.clone();
        let options = Options {
            clock: Some(Arc::new(move || system_time(&clock))),
            ..Options::in_process(home, credentials, transport(&self.aws))
        };
        let provider = AwsProvider::connect(options).await.map_err(|error| cannot("reach its AWS", &error))?;
        let store = StateStore::new(self.folder.path().join("terraform.tfstate"));
        let options = keywright_engine::Options { who: "rehearsal".to_owned(), ..keywright_engine::Options::default() };
        Ok(Engine::new(Arc::new(provider), store, options))
    }
}

/// Hands requests to the embedded AWS as they would go over the wire.
fn transport(aws: &Aws) -> Transport {
    let aws = aws.clone();
    Arc::new(move |request: http::Request<Bytes>| {
        let aws = aws.clone();
        async move { Ok(aws.handle(request).await) }.boxed()
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn told(error: EngineError) -> Diagnostics {
    error.diagnostics()
}

fn cannot(what: &str, error: &dyn std::error::Error) -> Diagnostics {
    Diagnostic::error("rehearsal-stage", format!("the rehearsal cannot {what}")).because(failure::chain(error)).into()
}
