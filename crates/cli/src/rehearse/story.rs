//! The order in which a key's life is played.

use std::sync::Arc;

use jiff::Timestamp;
use keywright_aws::{AwsProvider, Options};
use keywright_engine::{Cancel, Engine, Mode, Report as Applied, StateStore};
use keywright_local::{Aws, Clock, Ids, OperatorCredentials};
use keywright_model::{Diagnostic, Diagnostics, Region};
use keywright_module::{Desired, Module, Value as Argument};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::client::system_time;
use super::probes;
use super::promise::{Expected, Probe, Promise};
use super::report::{Act, Report};
use super::scene::Scene;
use super::stage::{Stage, cannot};
use crate::{failure, rehearsal, session};

/// Plays the life of each module's key, each in an AWS of its own.
///
/// # Errors
/// When the stage cannot be set, or the configuration cannot be applied there.
pub(crate) async fn play(modules: &[Module]) -> Result<Report, Diagnostics> {
    let mut acts = Vec::new();
    for module in modules {
        acts.push(Rehearsed::open(module).await?.play().await?);
    }
    Ok(Report { acts, access: Value::Null })
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
    /// What a person should know about how it is played.
    notes: Vec<String>,
}

impl<'a> Rehearsed<'a> {
    async fn open(module: &'a Module) -> Result<Self, Diagnostics> {
        let mut desired = vec![module.desired()];
        let notes = desired.iter_mut().flat_map(lower_thresholds).collect();
        let clock = Clock::manual(Timestamp::now());
        let options = keywright_local::Options { data_dir: None, clock: clock.clone(), ids: Ids::random() };
        let aws = Aws::open(options).map_err(|error| cannot("open its AWS", &failure::chain(&error)))?;
        let operator = rehearsal::furnish_for(&aws, &desired)?;
        let folder =
            tempfile::tempdir().map_err(|error| cannot("make a folder for its state", &failure::chain(&error)))?;
        Ok(Self { module, desired, aws, clock, operator, folder, notes })
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
        let (probed, graphs) = probes::promises(&stage, &scene).await;
        promises.extend(probed);
        promises.push(self.finds_drift(&stage, &scene).await?);
        promises.push(self.destroys(&stage, &scene).await?);
        let mut notes = self.notes;
        notes.extend(without_root(&scene));
        Ok(Act { module: self.module.name().to_string(), promises, graphs, notes })
    }

    /// What is applied once is there: a second plan has nothing to do.
    async fn applies_once(&self) -> Result<Promise, Diagnostics> {
        let first = self.carry_out(Mode::Normal).await?;
        let changes = self.pending().await?;
        let probes = vec![
            Probe::of_fact("apply", &"complete", &if first.is_complete() { "complete" } else { "incomplete" }),
            Probe::of_fact("changes of a second plan", &0, &changes),
        ];
        Ok(Promise::new("applies-once", "one apply makes all of it, and a second plan has nothing to do", probes))
    }

    /// Somebody disables the primary outside: the next plan says so, and its apply repairs it.
    async fn finds_drift(&self, stage: &Stage, scene: &Scene) -> Result<Promise, Diagnostics> {
        let text = "a change that was made outside is found by the next plan, and repaired by its apply";
        let Some(primary) = scene.primary() else { return Ok(Promise::new("drift", text, Vec::new())) };
        let manager = stage.manager(scene, primary).await;
        let disabled = manager.kms(&primary.region, "DisableKey", primary.input()).await;
        let mut probes = vec![Probe::of_call("DisableKey outside", Expected::Allowed, &disabled)];
        probes.push(Probe::of_fact("resources that the plan repairs", &1, &self.pending().await?));
        self.carry_out(Mode::Normal).await?;
        probes.push(Probe::of_fact("resources to repair afterwards", &0, &self.pending().await?));
        Ok(Promise::new("drift", text, probes))
    }

    /// Everything goes, and the keys can still be rescued: whom IAM policies let in can cancel the deletion.
    async fn destroys(&self, stage: &Stage, scene: &Scene) -> Result<Promise, Diagnostics> {
        let done = self.carry_out(Mode::Destroy).await?;
        let complete = if done.is_complete() { "complete" } else { "incomplete" };
        let mut probes = vec![Probe::of_fact("destroy", &"complete", &complete)];
        for key in &scene.keys {
            let described = stage.operator.kms(&key.region, "DescribeKey", key.input()).await;
            let state = described.answer().and_then(|it| it.pointer("/KeyMetadata/KeyState")?.as_str());
            let seen = state.map_or_else(|| described.to_string(), str::to_owned);
            // The primary's own window begins once its last replica is gone.
            let waits = key.label == "primary" && scene.replica().is_some();
            let expected = if waits { "PendingReplicaDeletion" } else { "PendingDeletion" };
            let what = format!("the {}'s state, as an administrator by IAM policies sees it", key.label);
            probes.push(Probe::of_fact(what, &expected.to_owned(), &seen));
        }
        let text = "destroy removes all of it, schedules the keys for deletion, and lets them be rescued until then";
        Ok(Promise::new("destroy", text, probes))
    }

    /// How many resources a plan would change.
    async fn pending(&self) -> Result<usize, Diagnostics> {
        let planned =
            self.engine().await?.plan(&self.desired, Mode::Normal).await.map_err(|error| error.diagnostics())?;
        Ok(planned.plan().active().count())
    }

    async fn carry_out(&self, mode: Mode) -> Result<Applied, Diagnostics> {
        let engine = self.engine().await?;
        let planned = engine.plan(&self.desired, mode).await.map_err(|error| error.diagnostics())?;
        engine.apply(planned, &Cancel::new(), &|_| {}).await.map_err(|error| error.diagnostics())
    }

    async fn outputs(&self) -> Result<Map<String, Value>, Diagnostics> {
        let outputs = self.engine().await?.module_outputs(&self.desired).map_err(|error| error.diagnostic())?;
        Ok(outputs.into_values().flatten().map(|output| (output.name, output.resolved.value)).collect())
    }

    /// An engine with sessions of its own: the clock may have moved since the last one.
    async fn engine(&self) -> Result<Engine, Diagnostics> {
        let home = self.module.inputs().region.clone();
        let clock = self.clock.clone();
        let options = Options {
            clock: Some(Arc::new(move || system_time(&clock))),
            ..session::embedded(home, &self.operator, &self.aws)
        };
        let provider =
            AwsProvider::connect(options).await.map_err(|error| cannot("reach its AWS", &failure::chain(&error)))?;
        let store = StateStore::new(self.folder.path().join("terraform.tfstate"));
        let options = keywright_engine::Options { who: "rehearsal".to_owned(), ..keywright_engine::Options::default() };
        Ok(Engine::new(Arc::new(provider), store, options))
    }
}

/// An alarm that waits for very many calls is rung with fewer: it would take minutes to make them.
fn lower_thresholds(desired: &mut Desired) -> Vec<String> {
    let mut notes = Vec::new();
    for resource in &mut desired.resources {
        let Some(Argument::Integer(threshold)) = resource.arguments.get_mut("threshold") else { continue };
        if *threshold > MOST_CALLS {
            notes.push(format!(
                "`{}` was rehearsed with a threshold of {MOST_CALLS} in place of {threshold}",
                resource.address
            ));
            *threshold = MOST_CALLS;
        }
    }
    notes
}

/// What removing root would come to, where it is not asked for.
fn without_root(scene: &Scene) -> Option<String> {
    let keeps = match (&scene.admin_role, scene.has_administrators) {
        (Some(_), _) => "the admin role would keep the keys, and nobody else",
        (None, true) => "the key administrators would keep the keys, and nobody else",
        (None, false) => {
            "nobody could change the key policies any more, so that the plan would be refused: set `enable_kms_admin_role = true` first"
        }
    };
    scene.root_access.then(|| format!("root access is on, as configured. With `kms_root_access = false`, {keeps}"))
}

/// How many calls over one period a rehearsal makes at most.
const MOST_CALLS: i64 = 100;
