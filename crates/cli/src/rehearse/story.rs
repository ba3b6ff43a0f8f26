//! The order in which a key's life is played.

use std::sync::Arc;

use jiff::Timestamp;
use keywright_aws::{AwsProvider, Mfa, Options};
use keywright_engine::{Cancel, Engine, Mode, Report as Applied, StateStore};
use keywright_local::{Aws, Clock, Ids, OperatorCredentials};
use keywright_model::{Diagnostic, Diagnostics, Partition, Region, Secret};
use keywright_module::{Desired, Module, Value as Argument};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::client::{Client, system_time};
use super::probes;
use super::promise::{Expected, Probe, Promise};
use super::report::{Act, Report};
use super::scene::{Key, Scene};
use super::stage::{MFA_CODE, Stage, cannot, mfa_serial};
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
pub(super) struct Rehearsed<'a> {
    pub(super) module: &'a Module,
    pub(super) desired: Vec<Desired>,
    pub(super) aws: Aws,
    pub(super) clock: Clock,
    pub(super) operator: OperatorCredentials,
    /// Where the state is kept while it plays.
    folder: TempDir,
    /// What a person should know about how it is played.
    notes: Vec<String>,
}

impl<'a> Rehearsed<'a> {
    pub(super) async fn open(module: &'a Module) -> Result<Self, Diagnostics> {
        let (desired, notes) = prepared(module);
        let desired = vec![desired];
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
        let scene = self.scene().await?;
        let stage = self.stage(&scene).await?;
        let (probed, graphs) = probes::promises(&stage, &scene).await;
        promises.extend(probed);
        promises.push(self.finds_drift(&stage, &scene).await?);
        let mut root_removal = None;
        if scene.root_access {
            let (removal, promise) = self.root_removal().await?;
            promises.extend(promise);
            root_removal = Some(removal);
        }
        promises.push(self.destroys(&stage, &scene).await?);
        Ok(Act { module: self.module.name().to_string(), promises, graphs, root_removal, notes: self.notes })
    }

    /// What was applied, as it stands.
    pub(super) async fn scene(&self) -> Result<Scene, Diagnostics> {
        let desired = self.desired.first().ok_or_else(|| Diagnostic::error("no-module", "there is no module"))?;
        let outputs = self.outputs().await?;
        Scene::of(self.module.inputs(), desired, &outputs).map_err(|name| {
            Diagnostic::error("rehearsal-outputs", format!("the output `{name}` is not what was to be made")).into()
        })
    }

    /// The people who call.
    pub(super) async fn stage(&self, scene: &Scene) -> Result<Stage, Diagnostics> {
        let regions: Vec<Region> = scene.keys.iter().map(|key| key.region.clone()).collect();
        Stage::open(&self.aws, &self.clock, &self.operator, &regions, &scene.account).await
    }

    /// What is applied once is there: a second plan has nothing to do.
    pub(super) async fn applies_once(&self) -> Result<Promise, Diagnostics> {
        let first = self.carry_out(Mode::Normal).await?;
        let changes = self.pending().await?;
        let probes = vec![completes("apply", &first), Probe::of_fact("changes of a second plan", &0, &changes)];
        Ok(Promise::new("applies-once", "one apply makes all of it, and a second plan has nothing to do", probes))
    }

    /// Somebody disables the primary outside: the next plan says so, and its apply repairs it.
    pub(super) async fn finds_drift(&self, stage: &Stage, scene: &Scene) -> Result<Promise, Diagnostics> {
        let text = "a change that was made outside is found by the next plan, and repaired by its apply";
        let Some(primary) = scene.primary() else { return Ok(Promise::new("drift", text, Vec::new())) };
        let manager = stage.manager(scene, primary).await;
        let disabled = manager.kms(&primary.region, "DisableKey", primary.input()).await;
        let mut probes = vec![Probe::of_call("DisableKey outside", Expected::Allowed, &disabled)];
        probes.push(Probe::of_fact("resources that the plan repairs", &1, &self.pending().await?));
        self.carry_out(Mode::Normal).await?;
        probes.push(Probe::of_fact("resources to repair afterwards", &0, &self.pending().await?));
        let state = key_state(&stage.manager(scene, primary).await, primary).await;
        probes.push(Probe::of_fact("the primary's state afterwards", &"Enabled".to_owned(), &state));
        Ok(Promise::new("drift", text, probes))
    }

    /// Everything goes, and the keys can still be rescued: whom IAM policies let in can cancel the deletion.
    pub(super) async fn destroys(&self, stage: &Stage, scene: &Scene) -> Result<Promise, Diagnostics> {
        let done = self.carry_out(Mode::Destroy).await?;
        let mut probes = vec![completes("destroy", &done)];
        for key in &scene.keys {
            let seen = key_state(&stage.operator, key).await;
            // The primary's own window begins once its last replica is gone.
            let waits = key.label == "primary" && scene.replica().is_some();
            let expected = if waits { "PendingReplicaDeletion" } else { "PendingDeletion" };
            let what = format!("the {}'s state, as an administrator by IAM policies sees it", key.label);
            probes.push(Probe::of_fact(what, &expected.to_owned(), &seen));
        }
        for key in &scene.keys {
            let rescued = stage.operator.kms(&key.region, "CancelKeyDeletion", key.input()).await;
            let what = format!("CancelKeyDeletion by an administrator by IAM policies on the {}", key.label);
            probes.push(Probe::of_call(what, Expected::Allowed, &rescued));
        }
        let text = "destroy removes all of it, schedules the keys for deletion, and lets them be rescued until then";
        Ok(Promise::new("destroy", text, probes))
    }

    /// How many resources a plan would change.
    pub(super) async fn pending(&self) -> Result<usize, Diagnostics> {
        let planned =
            self.engine().await?.plan(&self.desired, Mode::Normal).await.map_err(|error| error.diagnostics())?;
        Ok(planned.plan().active().count())
    }

    pub(super) async fn carry_out(&self, mode: Mode) -> Result<Applied, Diagnostics> {
        let engine = self.engine().await?;
        let planned = engine.plan(&self.desired, mode).await.map_err(|error| error.diagnostics())?;
        engine.apply(planned, &Cancel::new(), &|_| {}).await.map_err(|error| error.diagnostics())
    }

    async fn outputs(&self) -> Result<Map<String, Value>, Diagnostics> {
        let outputs = self.engine().await?.module_outputs(&self.desired).map_err(|error| error.diagnostic())?;
        Ok(outputs.into_values().flatten().map(|output| (output.name, output.resolved.value)).collect())
    }

    /// An engine with sessions of its own: the clock may have moved since the last one.
    pub(super) async fn engine(&self) -> Result<Engine, Diagnostics> {
        let home = self.module.inputs().region.clone();
        let clock = self.clock.clone();
        let mfa = self.mfa();
        let planning = keywright_engine::Options {
            who: "rehearsal".to_owned(),
            with_mfa: mfa.is_some(),
            ..keywright_engine::Options::default()
        };
        let options = Options {
            clock: Some(Arc::new(move || system_time(&clock))),
            mfa,
            ..session::embedded(home, &self.operator, &self.aws)
        };
        let provider =
            AwsProvider::connect(options).await.map_err(|error| cannot("reach its AWS", &failure::chain(&error)))?;
        let store = StateStore::new(self.folder.path().join("terraform.tfstate"));
        Ok(Engine::new(Arc::new(provider), store, planning))
    }

    /// What the admin role asks for, where it does.
    fn mfa(&self) -> Option<Mfa> {
        let desired = self.desired.first()?;
        let role = desired.administration.admin_role.as_ref().filter(|role| role.requires_mfa)?;
        let partition = Partition::from_name(role.arn.partition())?;
        Some(Mfa { serial: mfa_serial(partition, &desired.account), code: Secret::new(MFA_CODE.to_owned()) })
    }
}

/// Whether all of it was done.
pub(super) fn completes(what: &str, done: &Applied) -> Probe {
    Probe::of_fact(what, &"complete", &if done.is_complete() { "complete" } else { "incomplete" })
}

/// The key's state as this caller sees it, or why it does not.
async fn key_state(client: &Client, key: &Key) -> String {
    let described = client.kms(&key.region, "DescribeKey", key.input()).await;
    let state = described.answer().and_then(|it| it.pointer("/KeyMetadata/KeyState")?.as_str());
    state.map_or_else(|| described.to_string(), str::to_owned)
}

/// What is asked for, as it can be rehearsed, and what was changed for that.
pub(super) fn prepared(module: &Module) -> (Desired, Vec<String>) {
    let mut desired = module.desired();
    let notes = lower_thresholds(&mut desired);
    (desired, notes)
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

/// How many calls over one period a rehearsal makes at most.
const MOST_CALLS: i64 = 100;
