//! The engine against an AWS in memory.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod cuts;
mod drift;
mod fake;
mod imports;
mod keys;
mod locks;
mod modules;
mod outputs;
mod plans;
mod proofs;
mod states;
mod wish;

use std::path::PathBuf;
use std::sync::Arc;

use keywright_engine::{Action, Cancel, Engine, EngineError, Event, Mode, Options, Planned, Report, State, StateStore};
use keywright_module::Desired;

use crate::fake::Fake;
use crate::wish::Wish;

/// An AWS, a state, and an engine on both.
pub(crate) struct Setup {
    pub(crate) aws: Arc<Fake>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) options: Options,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let options = Options { who: "tester@here".into(), ..Options::default() };
        Self { aws: Arc::new(Fake::new()), folder: tempfile::tempdir().expect("a folder"), options }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("terraform.tfstate")
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(self.aws.clone(), StateStore::new(self.path()), self.options.clone())
    }

    pub(crate) fn state(&self) -> State {
        self.engine().state().expect("a state")
    }

    pub(crate) async fn plan(&self, desired: &Desired) -> Result<Planned, EngineError> {
        self.engine().plan(std::slice::from_ref(desired), Mode::Normal).await
    }

    pub(crate) async fn try_run(&self, desired: &Desired, mode: Mode) -> Result<Report, EngineError> {
        let engine = self.engine();
        let planned = engine.plan(std::slice::from_ref(desired), mode).await?;
        engine.apply(planned, &Cancel::new(), &|_: &Event| {}).await
    }

    /// Applies, and expects all of it to work.
    pub(crate) async fn apply(&self, wish: &Wish) -> Report {
        let report = self.try_run(&wish.desired(), Mode::Normal).await.expect("a plan");
        assert!(report.is_complete(), "{:#?}", report.diagnostics());
        report
    }

    pub(crate) async fn destroy(&self, wish: &Wish) -> Report {
        let report = self.try_run(&wish.desired(), Mode::Destroy).await.expect("a plan");
        assert!(report.is_complete(), "{:#?}", report.diagnostics());
        report
    }

    /// Expects a plan that changes nothing.
    pub(crate) async fn expect_no_op(&self, wish: &Wish) {
        let planned = self.plan(&wish.desired()).await.expect("a plan");
        let changes: Vec<_> =
            planned.plan().active().map(|it| (it.address.to_string(), &it.action, &it.changed)).collect();
        assert!(
            planned.plan().is_no_op(),
            "{changes:#?} {:#?} {:#?}",
            planned.plan().key_policies,
            planned.plan().outputs
        );
        assert!(planned.plan().drift.is_empty(), "{:#?}", planned.plan().drift);
    }
}

/// The code of the error that a plan ends with.
pub(crate) async fn refusal(setup: &Setup, wish: &Wish) -> Vec<&'static str> {
    let error = setup.plan(&wish.desired()).await.expect_err("a refusal");
    error.diagnostics().iter().map(|diagnostic| diagnostic.code).collect()
}

pub(crate) fn action_of(planned: &Planned, address: &keywright_model::Address) -> Action {
    let change = planned.plan().changes.iter().find(|it| it.address == *address && it.deposed.is_none());
    change.expect("a change").action.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_go_on_in_a_task_of_its_own() {
    let setup = Setup::new();
    let engine = setup.engine();
    let run = tokio::spawn(async move {
        let planned = engine.plan(&[Wish::default().desired()], Mode::Normal).await.expect("a plan");
        engine.apply(planned, &Cancel::new(), &|_: &Event| {}).await.expect("a report")
    });
    assert!(run.await.expect("it ends").is_complete());
}
