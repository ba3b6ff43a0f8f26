use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::{AccountId, Address, Arn, Diagnostic, Diagnostics, ModuleName, ResourceKind};
use keywright_module::{Acceptance, Desired, Found, ModuleOutput, settle};
use keywright_policy::{Document, PolicyKind, Principal};
use serde_json::Value;

use crate::address::InstanceKey;
use crate::apply::{self, Cancel, Event, Recovered, Report, Run, recover};
use crate::authority;
use crate::drift::{self, DriftReport};
use crate::error::EngineError;
use crate::facts::Facts;
use crate::import::{self, ImportFrom, Imported};
use crate::plan::{
    Action, Basis, Mode, Move, Plan, ResourceChange, Scope, differences, find_moves, find_reinstated, handed_out,
    known_in, plan, scope,
};
use crate::provider::{Actor, Attributes, Provider};
use crate::refresh::{KeyReader, list_grants, readers, refresh, take_in};
use crate::saved::SavedPlan;
use crate::state::{Journal, PLAN, State, StateError, StateLock, StateStore};

/// How a run goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Who runs it, as `user@host`: another run that finds the state locked is told.
    pub who: String,
    /// Whether a primary key that is pending deletion is kept.
    pub rescue: bool,
    /// Whether roles are assumed with MFA.
    pub with_mfa: bool,
    /// How many calls may be in flight at once.
    pub parallelism: usize,
    /// Whether some of the modules were chosen: what the state has of others is left as it is.
    pub leaves_others: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { who: String::new(), rescue: false, with_mfa: false, parallelism: 10, leaves_others: false }
    }
}

/// Plans and applies.
pub struct Engine {
    provider: Arc<dyn Provider>,
    store: StateStore,
    options: Options,
}

/// A plan, and the lock on the state that it was made from. Dropped, it lets go of the lock.
#[derive(Debug)]
pub struct Planned {
    plan: Plan,
    facts: Facts,
    /// As the file has it.
    stored: State,
    /// With what was read and moved.
    state: State,
    /// Whether applying writes the state even if nothing changes in AWS.
    dirty: bool,
    recovered: Vec<Address>,
    journal: Journal,
    lock: StateLock,
}

impl Planned {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether applying it would change neither AWS nor the state.
    pub fn is_no_op(&self) -> bool {
        self.plan.is_no_op() && !self.dirty
    }

    /// What an earlier run had created and not written down, and is in the state now.
    pub fn recovered(&self) -> &[Address] {
        &self.recovered
    }

    /// The plan as it can be kept in a file and applied later.
    pub fn to_saved(&self) -> SavedPlan {
        SavedPlan::new(&self.plan, &self.stored, &self.facts)
    }
}

impl Engine {
    /// An engine on this AWS and this state.
    pub fn new(provider: Arc<dyn Provider>, store: StateStore, options: Options) -> Self {
        Self { provider, store, options }
    }

    /// Works out what changes.
    ///
    /// Takes the lock on the state, takes up what an earlier run has left, and reads each resource once.
    ///
    /// # Errors
    /// When the state cannot be had, AWS cannot be read, or the plan could not be carried out.
    pub async fn plan(&self, desired: &[Desired], mode: Mode) -> Result<Planned, EngineError> {
        let opened = self.open(if mode == Mode::Destroy { "destroy" } else { PLAN }).await?;
        self.plan_opened(opened, desired, mode).await
    }

    async fn plan_opened(&self, mut opened: Opened, desired: &[Desired], mode: Mode) -> Result<Planned, EngineError> {
        let scopes: Vec<Scope> = desired.iter().map(|module| scope_for(module, mode)).collect();
        self.refuse_forgotten(&opened.state, desired)?;
        refuse_other_accounts(&opened.state, &scopes).map_err(|refused| EngineError::Refused(refused.into()))?;
        let reinstated: Vec<InstanceKey> = match mode {
            Mode::Normal => desired.iter().flat_map(|module| find_reinstated(&opened.state, module)).collect(),
            Mode::Destroy => Vec::new(),
        };
        reinstated.iter().for_each(|key| opened.state.reinstate(key));
        let mut facts = self.refresh(&opened.state, &scopes).await?;
        if mode == Mode::Normal {
            list_grants(self.provider.as_ref(), &opened.state, &mut facts).await?;
        }
        let mut report = drift::compare(&opened.state, &facts);
        let mut state = opened.state.clone();
        let drift = take_in(&mut state, &facts);
        let wanted: BTreeSet<Address> = match mode {
            Mode::Normal => desired.iter().flat_map(|it| &it.resources).map(|it| it.address.clone()).collect(),
            Mode::Destroy => BTreeSet::new(),
        };
        let moves = find_moves(&state, &wanted);
        let facts = carry_over(facts, &moves, &mut state);
        let basis = Basis { state: &state, facts: &facts, drift, moves, reinstated, rescue: self.options.rescue };
        let mut plan = plan(basis, desired, mode).map_err(EngineError::Refused)?;
        drift::look_ahead(&mut report, &plan.changes, &plan.moves);
        let accepted: Vec<Acceptance> = desired.iter().flat_map(|module| module.accepted.clone()).collect();
        plan.findings.extend(settle(report.findings(), &accepted, Found::Drift));
        plan.drift_report = report;
        self.prove_assumptions(&plan).await?;
        Ok(opened.into_planned(plan, facts, state))
    }

    /// Adopts what is there already into the state, and plans what the first apply will change. AWS is only read.
    ///
    /// The state is written when all of it has gone well, and else left as it was.
    ///
    /// # Errors
    /// When the state cannot be had, has another key or is of an unfinished run; when the key cannot be found, read or
    /// made what the module wants; when the plan could not be carried out.
    pub async fn import(&self, desired: &Desired, from: ImportFrom) -> Result<Imported, EngineError> {
        let mut lock = self.store.lock("import", &self.options.who)?;
        let mut own = self.store.load_held(&mut lock)?;
        own.drop_secrets();
        let (journal, open) = Journal::open(self.store.journal_path())?;
        if !open.is_empty() {
            return Err(EngineError::Refused(import::unfinished().into()));
        }
        let (mut state, notes) = match from {
            ImportFrom::Key { key, replica } => {
                import::find(self.provider.as_ref(), own, desired, &key, replica.as_ref()).await?
            }
            ImportFrom::State(state) => (import::take(own, *state, desired)?, Diagnostics::new()),
        };
        let (stored, seen) = (state.clone(), state.clone());
        let opened = Opened { lock, journal, stored, state: seen, secrets: false, recovered: Recovered::default() };
        let mut planned = self.plan_opened(opened, std::slice::from_ref(desired), Mode::Normal).await?;
        import::refuse_unfit(&planned.plan, desired)?;
        import::keep_outputs(&mut state, &mut planned.plan);
        planned.plan.findings.extend(notes);
        self.store.back_up()?;
        self.store.save(&mut planned.lock, &mut state)?;
        Ok(Imported::new(&state, desired, planned))
    }

    /// Tells what was changed outside since the state was written, and what becomes of it by what is desired.
    ///
    /// Writes nothing and takes no lock.
    ///
    /// # Errors
    /// When the state cannot be had, holds nothing of the modules, or is another run's; when AWS cannot be read.
    pub async fn drift(&self, desired: &[Desired]) -> Result<DriftReport, EngineError> {
        let before = self.store.load_unheld()?;
        Self::check_applied(&before, desired)?;
        self.refuse_forgotten(&before, desired)?;
        let scopes: Vec<Scope> = desired.iter().map(scope).collect();
        refuse_other_accounts(&before, &scopes).map_err(|refused| EngineError::Refused(refused.into()))?;
        let mut facts = self.refresh(&before, &scopes).await?;
        list_grants(self.provider.as_ref(), &before, &mut facts).await?;
        if self.store.load_unheld()? != before {
            return Err(EngineError::Refused(changed_meanwhile().into()));
        }
        let mut report = drift::compare(&before, &facts);
        let mut state = before;
        let drift = take_in(&mut state, &facts);
        let wanted = desired.iter().flat_map(|it| &it.resources).map(|it| it.address.clone()).collect();
        let moves = find_moves(&state, &wanted);
        let facts = carry_over(facts, &moves, &mut state);
        let basis = Basis { state: &state, facts: &facts, drift, moves, reinstated: Vec::new(), rescue: false };
        drift::look_ahead(&mut report, &differences(&basis, desired), &basis.moves);
        Ok(report)
    }

    /// Whether the state holds anything of the modules.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_applied(state: &State, desired: &[Desired]) -> Result<(), EngineError> {
        let is_empty = |module: &Desired| state.held_in(&module.module).next().is_none();
        if desired.iter().all(is_empty) { Err(EngineError::Refused(nothing_applied().into())) } else { Ok(()) }
    }

    /// The modules' keys that the state holds, and who may read each. Changes nothing, and takes no lock.
    ///
    /// # Errors
    /// When the state cannot be read, AWS cannot be asked, or nobody is found who may.
    pub async fn key_readers(&self, desired: &[Desired]) -> Result<Vec<KeyReader>, EngineError> {
        let scopes: Vec<Scope> = desired.iter().map(|module| scope_for(module, Mode::Normal)).collect();
        let state = self.store.load()?;
        self.refuse_forgotten(&state, desired)?;
        readers(self.provider.as_ref(), &state, &scopes).await
    }

    /// Takes a saved plan up again.
    ///
    /// # Errors
    /// As [`Engine::plan`], and when the state or AWS is not what the plan was made from.
    pub async fn resume(&self, saved: SavedPlan) -> Result<Planned, EngineError> {
        let mut opened = self.open("apply").await?;
        saved.check_state(&opened.state)?;
        let mut plan = saved.plan();
        plan.reinstated.iter().for_each(|key| opened.state.reinstate(key));
        let facts = self.refresh(&opened.state, &plan.scopes).await?;
        let mut state = opened.state.clone();
        plan.drift_report = drift::compare(&opened.state, &facts);
        drift::look_ahead(&mut plan.drift_report, &plan.changes, &plan.moves);
        plan.drift = take_in(&mut state, &facts);
        let facts = carry_over(facts, &plan.moves, &mut state);
        saved.check_facts(&facts)?;
        self.prove_assumptions(&plan).await?;
        Ok(opened.into_planned(plan, facts, state))
    }

    /// Carries a plan out.
    ///
    /// # Errors
    /// When the state cannot be written. What fails in AWS is told by the report, which is not complete then.
    pub async fn apply(
        &self,
        planned: Planned,
        cancel: &Cancel,
        on_event: &(dyn Fn(&Event) + Send + Sync),
    ) -> Result<Report, EngineError> {
        let Planned { plan, state, dirty, journal, mut lock, .. } = planned;
        self.store.begin_apply(&mut lock)?;
        let run = Run {
            provider: self.provider.as_ref(),
            store: &self.store,
            plan: &plan,
            state,
            journal,
            lock,
            dirty,
            parallelism: self.options.parallelism,
            cancel,
            on_event,
        };
        apply::apply(run).await
    }

    /// What each module hands out, by what the state has of its resources.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn module_outputs(&self, desired: &[Desired]) -> Result<IndexMap<ModuleName, Vec<ModuleOutput>>, StateError> {
        Ok(module_outputs(&self.store.load()?, desired))
    }

    /// The state.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(&self) -> Result<State, StateError> {
        self.store.load()
    }

    async fn open(&self, operation: &str) -> Result<Opened, EngineError> {
        let mut lock = self.store.lock(operation, &self.options.who)?;
        let mut state = self.store.load_held(&mut lock)?;
        let (mut journal, open) = Journal::open(self.store.journal_path())?;
        let recovered = if open.is_empty() {
            Recovered::default()
        } else {
            recover(self.provider.as_ref(), &self.store, &mut lock, &mut journal, open, &mut state).await?
        };
        let stored = state.clone();
        let secrets = state.drop_secrets();
        Ok(Opened { lock, journal, stored, state, secrets, recovered })
    }

    /// The key of a module that the inputs have no more would be forgotten, and a second one made where the module was
    /// only renamed.
    fn refuse_forgotten(&self, state: &State, desired: &[Desired]) -> Result<(), EngineError> {
        let is_key =
            |address: &Address| address.kind == ResourceKind::KmsKey && address.name == "general_encryption_key";
        let is_wanted = |module: &ModuleName| desired.iter().any(|wanted| wanted.module == *module);
        let keys = state.instances().map(|(address, _)| address).filter(is_key);
        let mut errors = Diagnostics::new();
        errors.extend(keys.filter_map(|key| key.module.filter(|module| !is_wanted(module))).map(|it| forgotten(&it)));
        if errors.has_errors() && !self.options.leaves_others { Err(EngineError::Refused(errors)) } else { Ok(()) }
    }

    async fn refresh(&self, state: &State, scopes: &[Scope]) -> Result<Facts, EngineError> {
        refresh(self.provider.as_ref(), state, scopes, self.options.parallelism).await
    }

    /// Before anything is changed, one of those that may put each policy must be someone whom this run can be: a role
    /// that exists by assuming it, one whose trust policy is yet to be put by what that will say.
    async fn prove_assumptions(&self, plan: &Plan) -> Result<(), EngineError> {
        for policy in &plan.key_policies {
            let bridge = policy.bridge.iter().map(|bridge| &bridge.actors);
            for actors in std::iter::once(&policy.actors).chain(bridge) {
                self.prove_one(plan, &policy.key, actors).await?;
            }
        }
        self.prove_access_afterwards(plan)
    }

    /// Whoever reaches a key through a role must be able to assume it afterwards as well.
    fn prove_access_afterwards(&self, plan: &Plan) -> Result<(), EngineError> {
        let is_put = |key: &Address| plan.key_policies.iter().any(|policy| policy.key == *key);
        for acting in plan.actors.iter().filter(|acting| !is_put(&acting.key)) {
            if let Actor::Role(role) = &acting.actor
                && let Some(trust) = future_trust(plan, role)
                && let Err(reason) = self.prove_from_text(plan, role, trust)
            {
                let tried = vec![(role.to_string(), reason)];
                return Err(EngineError::NoActor { key: acting.key.to_string(), tried, is_changed_outside: false });
            }
        }
        Ok(())
    }

    async fn prove_one(&self, plan: &Plan, key: &Address, actors: &[Actor]) -> Result<(), EngineError> {
        let mut tried = Vec::new();
        for actor in actors {
            let Actor::Role(role) = actor else { return Ok(()) };
            let proof = match future_trust(plan, role) {
                Some(trust) => self.prove_from_text(plan, role, trust),
                None => self.provider.assume(role).await.map_err(|error| error.to_string()),
            };
            match proof {
                Ok(()) => return Ok(()),
                Err(reason) => tried.push((role.to_string(), reason)),
            }
        }
        Err(EngineError::NoActor { key: key.to_string(), tried, is_changed_outside: false })
    }

    /// Trust in the account counts as met by whom it runs as: the account's IAM policies decide, which are not read.
    fn prove_from_text(&self, plan: &Plan, role: &Arn, trust: &str) -> Result<(), String> {
        let unreadable = |_| format!("its trust policy cannot be read: {trust}");
        let trust = Document::parse(trust, PolicyKind::Trust).map_err(unreadable)?;
        let caller = &plan.caller;
        let by_name = Principal::of_arn(&caller.arn, &authority::named_arns(&trust));
        let somebody = [by_name, Some(Principal::Root(caller.account.clone()))];
        let admits = |with_mfa| {
            let mut somebody = somebody.iter().flatten();
            somebody.any(|principal| authority::trusts(&trust, role, principal.clone(), with_mfa))
        };
        match (admits(self.options.with_mfa), admits(true)) {
            (true, _) => Ok(()),
            (false, true) => Err("its trust policy will ask for MFA, and this run has none".to_owned()),
            (false, false) => Err(format!("its trust policy will not admit `{}`", caller.arn)),
        }
    }
}

/// The state and what belongs to it, locked.
struct Opened {
    lock: StateLock,
    journal: Journal,
    stored: State,
    state: State,
    secrets: bool,
    recovered: Recovered,
}

impl Opened {
    fn into_planned(self, mut plan: Plan, facts: Facts, state: State) -> Planned {
        let dirty = self.secrets || !plan.drift.is_empty() || !plan.moves.is_empty() || !plan.reinstated.is_empty();
        let Self { lock, journal, stored, recovered: Recovered { found: recovered, strays }, .. } = self;
        plan.findings.splice(0..0, strays);
        Planned { plan, facts, stored, state, dirty, recovered, journal, lock }
    }
}

fn forgotten(module: &ModuleName) -> Diagnostic {
    Diagnostic::error("module-forgotten", format!("the state holds the key of module `{module}`, which the folder has no more"))
        .because("going on would leave its key where it is, and make another one if the module was only renamed")
        .help(format!(
            "give the module its name back; to be rid of its key, run `keywright destroy --module {module}` with it; to go on without it, name the others with `--module`"
        ))
}

/// What the state holds of another account cannot be seen from here: it would look as if it were gone, and be lost.
fn refuse_other_accounts(state: &State, scopes: &[Scope]) -> Result<(), Diagnostic> {
    for scope in scopes {
        for held in state.held_in(&scope.module) {
            let arn = held.attributes().get("arn").and_then(Value::as_str).and_then(|arn| Arn::parse(arn).ok());
            let is_elsewhere =
                |arn: &Arn| AccountId::parse(arn.account()).is_ok_and(|account| account != scope.account);
            if let Some(arn) = arn.filter(is_elsewhere) {
                return Err(of_another_account(&held.key, &arn, scope));
            }
        }
    }
    Ok(())
}

fn of_another_account(key: &InstanceKey, arn: &Arn, scope: &Scope) -> Diagnostic {
    let summary = format!(
        "the state holds `{key}` in account {}, and module `{}` is for account {}",
        arn.account(),
        scope.module,
        scope.account
    );
    Diagnostic::error("state-of-another-account", summary)
        .because(format!("`{arn}` would be left behind, and nothing would manage it any more"))
        .help("correct `aws_account_id`; for a key in another account, use a folder of its own, or destroy this one first")
}

fn nothing_applied() -> Diagnostic {
    Diagnostic::error("nothing-applied", "the state holds nothing that could have been changed outside")
        .help("make it with `keywright apply`, or adopt what is there with `keywright import`")
}

fn changed_meanwhile() -> Diagnostic {
    Diagnostic::error("state-changed", "another run has changed the state while AWS was read")
        .because("what it did would look as if it had been done outside")
        .help("run again")
}

/// What a destruction must read: nothing that is only wanted.
fn scope_for(module: &Desired, mode: Mode) -> Scope {
    let scope = scope(module);
    match mode {
        Mode::Normal => scope,
        Mode::Destroy => Scope { replica: None, prerequisites: Vec::new(), ..scope },
    }
}

/// Moves what was read along with what moved.
fn carry_over(mut facts: Facts, moves: &[Move], state: &mut State) -> Facts {
    for Move { from, to } in moves {
        state.rename(from, to);
        let (from, to) = (InstanceKey::current(from), InstanceKey::current(to));
        if let Some(observed) = facts.observed.remove(&from) {
            facts.observed.insert(to.clone(), observed);
        }
        if let Some(actor) = facts.actors.remove(&from) {
            facts.actors.insert(to.clone(), actor);
        }
        if let Some(grants) = facts.grants.remove(&from) {
            facts.grants.insert(to, grants);
        }
    }
    facts
}

/// The trust policy that a plan gives a role; none if the role is there and keeps the one that it has.
fn future_trust<'a>(plan: &'a Plan, role: &Arn) -> Option<&'a str> {
    let is_it = |change: &&ResourceChange| {
        let arn = text(change.before.as_ref(), "arn").filter(|_| change.action == Action::Update);
        let named =
            text(change.after.as_ref(), "name").is_some_and(|name| role.resource().rsplit('/').next() == Some(name));
        change.address.kind == ResourceKind::IamRole && (named || arn == Some(role.as_str()))
    };
    let is_new = |change: &&ResourceChange| match change.action {
        Action::Update => change.changed.iter().any(|name| name == TRUST_POLICY),
        _ => change.makes(),
    };
    plan.changes.iter().filter(is_it).find(is_new).and_then(|change| text(change.after.as_ref(), TRUST_POLICY))
}

fn text<'a>(attributes: Option<&'a Attributes>, name: &str) -> Option<&'a str> {
    attributes?.get(name)?.as_str()
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("store", &self.store).field("options", &self.options).finish_non_exhaustive()
    }
}

/// What each module hands out, by what a state has of its resources.
pub fn module_outputs(state: &State, desired: &[Desired]) -> IndexMap<ModuleName, Vec<ModuleOutput>> {
    known_in(&handed_out(desired), state)
}

/// The modules that a state has something of.
pub fn modules_of(state: &State) -> Vec<ModuleName> {
    let modules: BTreeSet<ModuleName> = state.instances().filter_map(|(address, _)| address.module).collect();
    modules.into_iter().collect()
}

const TRUST_POLICY: &str = "assume_role_policy";
