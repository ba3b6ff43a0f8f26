//! Carries a plan out: independent steps side by side, the state saved after each, creations journalled before they
//! are sent.
//!
//! All of it lives in one future. Dropped at any point, or with its process, it leaves a state and a journal from which
//! the next run goes on.

mod recover;
mod report;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::json;

pub(crate) use recover::{Recovered, recover};
pub use report::{Applied, Doing, Event, Failed, Happening, Left, Report};

use crate::address::InstanceKey;
use crate::error::EngineError;
use crate::plan::{Action, Plan, ResourceChange, Step, Work, known_in, put_outputs, steps};
use crate::provider::{Actor, Attributes, CreationToken, Provider};
use crate::refresh::key_of;
use crate::state::{Journal, State, StateError, StateLock, StateStore};
use task::{Task, TaskError, perform};

/// Asks a run to end: no step is begun any more, those in flight finish.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A run that nobody has asked to end.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to end.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to end.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// All that carrying out a plan needs.
pub(crate) struct Run<'a> {
    pub(crate) provider: &'a dyn Provider,
    pub(crate) store: &'a StateStore,
    pub(crate) plan: &'a Plan,
    /// The state with what was read and moved.
    pub(crate) state: State,
    pub(crate) journal: Journal,
    pub(crate) lock: StateLock,
    /// Whether the state differs from the file already.
    pub(crate) dirty: bool,
    pub(crate) parallelism: usize,
    pub(crate) cancel: &'a Cancel,
    pub(crate) on_event: &'a (dyn Fn(&Event) + Send + Sync),
}

/// How far each step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    InFlight,
    Done,
    Failed,
}

type InFlight<'a> = FuturesUnordered<BoxFuture<'a, (usize, Result<Option<Attributes>, TaskError>, Duration)>>;

/// Carries a plan out.
///
/// # Errors
/// When the state or the journal cannot be written. What failed in AWS is told by the report.
pub(crate) async fn apply(run: Run<'_>) -> Result<Report, EngineError> {
    let steps = steps(run.plan);
    let mut execution = Execution {
        progress: vec![Progress::Waiting; steps.len()],
        tasks: BTreeMap::new(),
        deposed: BTreeMap::new(),
        tokens: BTreeMap::new(),
        delegated: BTreeSet::new(),
        backed_up: false,
        broken: None,
        report: Report::default(),
        steps,
        run,
    };
    execution.carry_out().await;
    execution.finish()
}

struct Execution<'a> {
    run: Run<'a>,
    steps: Vec<Step>,
    progress: Vec<Progress>,
    /// What is in flight, by step.
    tasks: BTreeMap<usize, Task>,
    /// Under which key the old object of a replacement was set aside, by change.
    deposed: BTreeMap<usize, String>,
    /// What marks each creation, by change.
    tokens: BTreeMap<usize, CreationToken>,
    /// Keys that were left to IAM policies in this run.
    delegated: BTreeSet<InstanceKey>,
    backed_up: bool,
    /// The state could not be kept: nothing more is begun.
    broken: Option<EngineError>,
    report: Report,
}

impl<'a> Execution<'a> {
    async fn carry_out(&mut self) {
        let mut in_flight = InFlight::new();
        loop {
            if self.broken.is_none() && !self.run.cancel.is_cancelled() {
                self.begin_what_is_ready(&mut in_flight);
            }
            let Some(first) = in_flight.next().await else { break };
            let mut finished = vec![first];
            while let Some(Some(next)) = in_flight.next().now_or_never() {
                finished.push(next);
            }
            self.take_in(finished);
        }
    }

    fn begin_what_is_ready(&mut self, in_flight: &mut InFlight<'a>) {
        let mut begun = Vec::new();
        while in_flight.len() + begun.len() < self.run.parallelism.max(1) {
            let Some(at) = self.next_ready() else { break };
            match self.prepare(at) {
                Ok(task) => begun.push((at, task)),
                Err(error) => self.fail(at, error, Duration::ZERO),
            }
        }
        let creations: Vec<_> = begun.iter().filter_map(|(_, task)| task.begun()).collect();
        if !creations.is_empty()
            && let Err(error) = self.run.journal.begin(&creations)
        {
            self.broken = Some(error.into());
            return;
        }
        for (at, task) in begun {
            self.tell(at, Happening::Started);
            self.tasks.insert(at, task.clone());
            let provider = self.run.provider;
            let started = Instant::now();
            in_flight.push(async move { (at, perform(provider, &task).await, started.elapsed()) }.boxed());
        }
    }

    fn next_ready(&mut self) -> Option<usize> {
        let is_done = |at: &usize| self.progress.get(*at) == Some(&Progress::Done);
        let ready = self.steps.iter().enumerate().position(|(at, step)| {
            self.progress.get(at) == Some(&Progress::Waiting) && step.after.iter().all(is_done)
        })?;
        self.set(ready, Progress::InFlight);
        Some(ready)
    }

    fn take_in(&mut self, finished: Vec<(usize, Result<Option<Attributes>, TaskError>, Duration)>) {
        let mut settled = Vec::new();
        for (at, result, elapsed) in finished {
            let Some(task) = self.tasks.remove(&at) else { continue };
            match result {
                Ok(attributes) => {
                    self.record(at, &task, attributes);
                    settled.push((at, task, elapsed));
                }
                Err(error) => self.fail(at, error, elapsed),
            }
        }
        self.save();
        for (at, task, elapsed) in settled {
            if self.broken.is_none() {
                self.strike_out(&task);
            }
            self.set(at, Progress::Done);
            let id = self.id(at);
            self.tell(at, Happening::Finished { id: id.clone(), elapsed });
            self.note_applied(at, id);
        }
    }

    /// Takes a step's success into the state.
    fn record(&mut self, at: usize, task: &Task, attributes: Option<Attributes>) {
        let Some(work) = self.steps.get(at).map(|step| step.work) else { return };
        match work {
            Work::Make(change) => self.record_made(change, task, attributes),
            Work::Delete(change) => {
                if let Some(key) = self.old_key(change) {
                    self.run.state.remove(&key);
                    self.run.dirty = true;
                }
            }
            Work::PutPolicy(policy) | Work::PutBridge(policy) | Work::Delegate(policy) => {
                self.record_policy(work, policy, task);
            }
            Work::Settle(_) | Work::MakeServiceLinkedRole(_) => {}
        }
    }

    fn record_made(&mut self, at: usize, task: &Task, attributes: Option<Attributes>) {
        let plan = self.run.plan;
        let (Some(change), Some(attributes)) = (plan.changes.get(at), attributes) else { return };
        if let Some(begun) = task.begun() {
            self.tokens.insert(at, begun.token.clone());
        }
        if let Action::Replace { create_first: true, .. } = change.action {
            let deposed = task.deposed_key();
            self.run.state.depose(&change.address, &deposed);
            self.deposed.insert(at, deposed);
        }
        let dependencies = Some(change.recipe.dependencies.clone());
        self.run.state.put(&InstanceKey::current(&change.address), attributes, dependencies);
        self.run.dirty = true;
    }

    fn record_policy(&mut self, work: Work, at: usize, task: &Task) {
        let plan = self.run.plan;
        let (Some(policy), Task::Put { policy: text, resource, .. }) = (plan.key_policies.get(at), task) else {
            return;
        };
        let Some(key) = self.policy_key(at) else { return };
        self.run.state.set_attribute(&key, "policy", json!(text));
        if let Some(delegated) = (work == Work::Delegate(at)).then_some(key) {
            self.delegated.insert(delegated);
        }
        if let (Work::PutPolicy(_), Some(attributes)) = (work, resource) {
            let change = plan.changes.iter().find(|change| change.address == policy.resource && change.makes());
            let dependencies = change.map(|change| change.recipe.dependencies.clone());
            self.run.state.put(&InstanceKey::current(&policy.resource), attributes.clone(), dependencies);
        }
        self.run.dirty = true;
    }

    /// A creation stays in the journal until its tag is off; one without a tag until it is in the state.
    fn strike_out(&mut self, task: &Task) {
        let token = match task {
            Task::Create { begun, tagged: false, .. } => &begun.token,
            Task::Settle { token: Some(token), .. } => token,
            _ => return,
        };
        if let Err(error) = self.run.journal.done(token) {
            self.broken.get_or_insert(error.into());
        }
    }

    fn save(&mut self) {
        if !self.run.dirty || self.broken.is_some() {
            return;
        }
        let backed_up = if self.backed_up { Ok(()) } else { self.run.store.back_up() };
        self.backed_up = true;
        match backed_up.and_then(|()| self.run.store.save(&mut self.run.lock, &mut self.run.state)) {
            Ok(()) => self.run.dirty = false,
            Err(error) => self.broken = Some(error.into()),
        }
    }

    fn fail(&mut self, at: usize, error: TaskError, elapsed: Duration) {
        self.set(at, Progress::Failed);
        let Some((address, doing)) = self.named(at) else { return };
        let diagnostic = error.diagnostic(&address, doing);
        self.tell(at, Happening::Failed { error: diagnostic.summary.clone(), elapsed });
        self.report.failed.push(Failed { address, doing, diagnostic });
    }

    fn finish(mut self) -> Result<Report, EngineError> {
        self.update_outputs();
        self.save();
        self.run.journal.close();
        if let Some(error) = self.broken {
            return Err(kept(self.run.store, &self.run.state, error));
        }
        let undone = (0..self.steps.len()).filter(|at| self.progress.get(*at) == Some(&Progress::Waiting));
        let left: Vec<Left> = undone
            .filter_map(|at| self.named(at))
            .filter(|(_, doing)| *doing != Doing::Settle)
            .map(|(address, doing)| Left { address, doing })
            .collect();
        self.report.left = left;
        self.report.cancelled = self.run.cancel.is_cancelled() && !self.report.left.is_empty();
        self.report.outputs = self.run.state.stored_outputs();
        self.report.modules = known_in(&self.run.plan.handed_out, &self.run.state);
        self.report.modules.retain(|module, _| self.run.state.held_in(module).next().is_some());
        self.report.serial = self.run.state.serial;
        Ok(self.report)
    }

    fn update_outputs(&mut self) {
        let plan = self.run.plan;
        let is_complete = self.progress.iter().all(|progress| *progress == Progress::Done);
        self.run.dirty |=
            put_outputs(&mut self.run.state, &plan.outputs, &plan.output_blocks, &plan.handed_out, is_complete);
    }

    fn set(&mut self, at: usize, progress: Progress) {
        if let Some(slot) = self.progress.get_mut(at) {
            *slot = progress;
        }
    }

    fn named(&self, at: usize) -> Option<(String, Doing)> {
        let plan = self.run.plan;
        let change = |at: usize| plan.changes.get(at);
        let policy = |at: usize| plan.key_policies.get(at);
        Some(match self.steps.get(at)?.work {
            Work::MakeServiceLinkedRole(at) => (plan.prerequisites.get(at)?.role.to_string(), Doing::Create),
            Work::Make(at) => (change(at)?.address.to_string(), Doing::of(change(at)?)),
            Work::Settle(at) => (change(at)?.address.to_string(), Doing::Settle),
            Work::Delete(at) => (self.old_key(at)?.to_string(), Doing::Delete),
            Work::PutPolicy(at) => (policy(at)?.resource.to_string(), Doing::PutPolicy),
            Work::PutBridge(at) => (policy(at)?.resource.to_string(), Doing::PutInterimPolicy),
            Work::Delegate(at) => (self.policy_key(at)?.to_string(), Doing::PutInterimPolicy),
        })
    }

    fn tell(&self, at: usize, happening: Happening) {
        if let Some((address, doing)) = self.named(at).filter(|(_, doing)| *doing != Doing::Settle) {
            (self.run.on_event)(&Event { address, doing, happening });
        }
    }

    fn note_applied(&mut self, at: usize, id: Option<String>) {
        if let Some((address, doing)) = self.named(at).filter(|(_, doing)| *doing != Doing::Settle) {
            self.report.applied.push(Applied { address, doing, id });
        }
    }

    fn id(&self, at: usize) -> Option<String> {
        let change = match self.steps.get(at)?.work {
            Work::Make(change) => self.run.plan.changes.get(change)?,
            _ => return None,
        };
        self.run.state.attributes(&change.address)?.get("id")?.as_str().map(str::to_owned)
    }

    fn change(&self, at: usize) -> Option<&'a ResourceChange> {
        self.run.plan.changes.get(at)
    }

    /// Where the object that goes stands by now.
    fn old_key(&self, at: usize) -> Option<InstanceKey> {
        let key = self.change(at)?.key();
        let deposed = self.deposed.get(&at).cloned().or(key.deposed);
        Some(InstanceKey { deposed, ..key })
    }

    /// The key whose policy is put.
    fn policy_key(&self, at: usize) -> Option<InstanceKey> {
        let policy = self.run.plan.key_policies.get(at)?;
        let is_its_change = |change: &ResourceChange| change.address == policy.key && change.deposed.is_none();
        let replaced = self.run.plan.changes.iter().position(is_its_change).filter(|_| policy.leaves);
        let deposed = replaced.and_then(|change| self.deposed.get(&change).cloned());
        Some(InstanceKey { address: policy.key.clone(), deposed: policy.deposed.clone().or(deposed) })
    }

    /// Who makes the calls on a resource.
    fn actor(&self, kind: keywright_model::ResourceKind, attributes: &Attributes) -> Actor {
        let Some(key) = key_of(&self.run.state, kind, attributes) else { return Actor::Caller };
        self.actor_on(&key)
    }

    fn actor_on(&self, key: &InstanceKey) -> Actor {
        if self.delegated.contains(key) {
            return Actor::Caller;
        }
        let original = |actor: &&crate::plan::KeyActor| {
            actor.key == key.address
                && (actor.deposed == key.deposed || self.deposed.values().any(|it| Some(it) == key.deposed.as_ref()))
        };
        let is_new = key.deposed.is_none() && self.was_made(&key.address);
        if is_new {
            return Actor::Caller;
        }
        self.run.plan.actors.iter().find(original).map_or(Actor::Caller, |it| it.actor.clone())
    }

    /// Whether the key at an address came into being in this run.
    fn was_made(&self, address: &keywright_model::Address) -> bool {
        let change = self.run.plan.changes.iter().find(|change| change.address == *address && change.deposed.is_none());
        change.is_some_and(|change| matches!(change.action, Action::Create | Action::Replace { .. }))
    }
}

/// Where another program's state stands in the place of this run's, what this run has made is kept beside it.
fn kept(store: &StateStore, state: &State, error: EngineError) -> EngineError {
    match error {
        EngineError::State(StateError::Moved { path, found, seen, .. }) => match store.keep(state) {
            Ok(kept) => StateError::Moved { path, found, seen, kept: Some(kept) }.into(),
            Err(error) => error.into(),
        },
        error => error,
    }
}
