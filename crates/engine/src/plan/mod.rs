//! From what is and what should be to what changes. Pure: no I/O, no clock, no randomness.
//!
//! `attributes.rs` works out what one resource will be, `alarms.rs` what the change of an alarm means, `policies.rs` who can
//! put the key policies, `prove.rs` what they will mean and whether somebody can still put another one afterwards,
//! `steps.rs` the order of the work, `json.rs` Terraform's JSON.

mod actors;
mod alarms;
mod attributes;
mod change;
mod creators;
mod json;
mod outputs;
mod place;
mod policies;
mod proof;
mod prove;
mod steps;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keywright_model::{Address, Diagnostic, Diagnostics, Index, Region, ResourceKind};
use keywright_module::{Desired, DesiredResource, Reference, Value as Template};
use serde_json::Value;

pub use attributes::normalised_json;
pub(crate) use attributes::work_out;
pub use change::*;
pub use json::access_json;
pub(crate) use outputs::{HandedOut, handed_out, known_in, put as put_outputs};
pub use outputs::{OutputChange, StoredOutput};
pub use proof::{Claim, Conclusion, Proof};
pub(crate) use steps::{Step, Work, steps};

use crate::address::InstanceKey;
use crate::drift::DriftReport;
use crate::facts::Facts;
use crate::provider::{Attributes, CallerIdentity, Standing};
use crate::refresh::is_key;
use crate::schema::schema;
use crate::state::{Instance, State};
use attributes::Prospect;

/// All that a plan follows from, beside what is desired.
#[derive(Debug)]
pub(crate) struct Basis<'a> {
    /// The state with what was read.
    pub(crate) state: &'a State,
    pub(crate) facts: &'a Facts,
    pub(crate) drift: Vec<Drift>,
    pub(crate) moves: Vec<Move>,
    pub(crate) reinstated: Vec<InstanceKey>,
    /// Whether keys that are pending deletion are to be kept.
    pub(crate) rescue: bool,
}

/// Works out what changes.
///
/// # Errors
/// When a key that is wanted is on its way out, a role that a policy needs is missing, nobody could put a policy, or
/// nobody could put another one afterwards.
pub(crate) fn plan(basis: Basis<'_>, desired: &[Desired], mode: Mode) -> Result<Plan, Diagnostics> {
    let mut planner = Planner::new(&basis);
    for module in desired {
        match mode {
            Mode::Normal => planner.plan_module(module),
            Mode::Destroy => planner.plan_destruction(module),
        }
    }
    let Planner { mut changes, prospects, errors, .. } = planner;
    desired.iter().for_each(|module| creators::let_in(&mut changes, &basis, module));
    for module in desired {
        let own = changes.iter_mut().filter(|change| change.address.module.as_ref() == Some(&module.module));
        own.for_each(|change| change.mark(&module.secrets));
    }
    let output_blocks = desired.first().map(|module| Arc::clone(&module.output_blocks)).unwrap_or_default();
    let handed_out = handed_out(desired);
    let modules = outputs::known(&handed_out, &|reference| look_up(&prospects, reference));
    let (outputs, left_alone) = outputs::changes(basis.state, &output_blocks, &modules, mode);
    let mut plan = Plan {
        mode,
        changes,
        outputs,
        output_blocks,
        handed_out,
        key_policies: Vec::new(),
        prerequisites: Vec::new(),
        administrators: Vec::new(),
        proofs: Vec::new(),
        actors: key_actors(basis.facts),
        caller: basis.facts.caller.clone(),
        findings: desired.iter().flat_map(|module| module.findings.clone()).chain(left_alone).collect(),
        scopes: desired.iter().map(scope).collect(),
        drift: Vec::new(),
        drift_report: DriftReport::default(),
        moves: Vec::new(),
        reinstated: Vec::new(),
    };
    plan.findings.extend(plan.changes.iter().filter(|change| stays_tainted(change, basis.state)).map(tainted));
    let mut errors = errors;
    errors.extend(plan.changes.iter().filter(|change| removes_caller(change, &plan.caller)).map(own_role));
    policies::complete(&mut plan, &basis, desired, &mut errors);
    plan.drift = basis.drift;
    plan.moves = basis.moves;
    plan.reinstated = basis.reinstated;
    if errors.has_errors() { Err(errors) } else { Ok(plan) }
}

/// Whether the state marks it for a replacement that the plan does not bring.
fn stays_tainted(change: &ResourceChange, state: &State) -> bool {
    !matches!(change.action, Action::Delete | Action::Replace { .. })
        && state.held_at(&change.key()).is_some_and(Instance::is_tainted)
}

fn tainted(change: &ResourceChange) -> Diagnostic {
    let address = &change.address;
    Diagnostic::warning("tainted", format!("`{address}` is marked for replacement in the state, and is not replaced"))
        .because(
            "a mark replaces nothing here, since what a key protects would go with it; what differs is changed in place",
        )
        .help(format!(
            "`terraform untaint '{address}'` takes the mark off; until then `terraform apply` would replace it"
        ))
}

/// Whether the run is a session of a role that goes. Its calls would be denied once the role's policies are off, and AWS
/// keeps a role that has policies of others.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>.
fn removes_caller(change: &ResourceChange, caller: &CallerIdentity) -> bool {
    let name = change.before.as_ref().and_then(|before| before.get("name")).and_then(Value::as_str);
    let session = caller.arn.resource().strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
    change.kind() == ResourceKind::IamRole
        && matches!(change.action, Action::Delete | Action::Replace { .. })
        && session.is_some()
        && session == name
}

fn own_role(change: &ResourceChange) -> Diagnostic {
    Diagnostic::error("own-role", format!("this run is a session of `{}`, which would go", change.address))
        .because("without the role it could not go on: it would end half-way")
        .help("run with other credentials, of somebody who may assume the role or has IAM policies of their own")
}

/// What differs from what is desired, whether or not somebody could change it.
pub(crate) fn differences(basis: &Basis<'_>, desired: &[Desired]) -> Vec<ResourceChange> {
    let mut planner = Planner::new(basis);
    desired.iter().for_each(|module| planner.plan_module(module));
    planner.changes
}

/// The resources of a module, each after what it refers to, and what must outlive it as a state lists that.
pub(crate) fn in_order(desired: &Desired) -> Vec<(&DesiredResource, Vec<String>)> {
    let graph = Graph::new(desired);
    graph.in_order(desired).into_iter().map(|it| (it, graph.transitive(&it.address))).collect()
}

/// What a resource will be, by what the state has of those that it refers to.
pub(crate) fn prospect(resource: &DesiredResource, state: &State) -> Attributes {
    let lookup = |reference: &Reference| state.attributes(&reference.address)?.get(reference.attribute).cloned();
    work_out(resource.address.kind, &arguments_of(resource), None, &lookup).after
}

/// What of a module decides what must be read.
pub(crate) fn scope(desired: &Desired) -> Scope {
    let replica = desired.resources.iter().find(|resource| resource.address.kind == ResourceKind::KmsReplicaKey);
    let replica = replica.map(|resource| resource.address.clone()).zip(desired.replication_region.clone());
    Scope {
        module: desired.module.clone(),
        account: desired.account.clone(),
        region: desired.region.clone(),
        admin_role: desired.administration.admin_role.as_ref().map(|role| role.arn.clone()),
        administrators: desired.administration.key_administrators.clone(),
        prerequisites: desired.prerequisites.iter().map(|prerequisite| prerequisite.role.clone()).collect(),
        replica,
    }
}

/// Resources that are the same under another instance key: `count` came or went, or a `for_each` key did.
pub(crate) fn find_moves(state: &State, wanted: &BTreeSet<Address>) -> Vec<Move> {
    let held: Vec<Address> = state.instances().map(|(address, _)| address).collect();
    let one_of = |address: &Address| matches!(address.index, None | Some(Index::Count(0)));
    let mut moves = Vec::new();
    for to in wanted.iter().filter(|to| one_of(to) && !held.contains(to)) {
        let is_kin = |from: &&Address| {
            from.module == to.module && from.kind == to.kind && from.name == to.name && !wanted.contains(*from)
        };
        let kin: Vec<_> = held.iter().filter(is_kin).collect();
        if let [from] = kin.as_slice() {
            moves.push(Move { from: (*from).clone(), to: to.clone() });
        }
    }
    moves
}

/// Instances that were set aside and would do, where the one that counts would not: the inputs were changed back before
/// the old one was gone.
pub(crate) fn find_reinstated(state: &State, desired: &Desired) -> Vec<InstanceKey> {
    let mut state = state.clone();
    let mut reinstated = Vec::new();
    for resource in Graph::new(desired).in_order(desired) {
        if let Some(key) = better_one(&state, resource) {
            state.reinstate(&key);
            reinstated.push(key);
        }
    }
    reinstated
}

fn better_one(state: &State, resource: &DesiredResource) -> Option<InstanceKey> {
    let lookup = |reference: &Reference| state.attributes(&reference.address)?.get(reference.attribute).cloned();
    let arguments = arguments_of(resource);
    let kind = resource.address.kind;
    let does = |there: &Attributes| {
        let changed = work_out(kind, &arguments, Some(there), &lookup).changed(kind, there);
        !changed.iter().any(|attribute| attribute.force_new)
    };
    if state.attributes(&resource.address).is_some_and(does) {
        return None;
    }
    let mut aside = state.held().filter(|it| it.key.address == resource.address && it.key.deposed.is_some());
    aside.find(|held| does(&held.attributes())).map(|held| held.key)
}

fn arguments_of(resource: &DesiredResource) -> Vec<(String, Template)> {
    resource.arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn key_actors(facts: &Facts) -> Vec<KeyActor> {
    let actor = |(key, actor): (&InstanceKey, &crate::provider::Actor)| KeyActor {
        key: key.address.clone(),
        deposed: key.deposed.clone(),
        actor: actor.clone(),
    };
    facts.actors.iter().map(actor).collect()
}

struct Planner<'a> {
    basis: &'a Basis<'a>,
    errors: Diagnostics,
    changes: Vec<ResourceChange>,
    prospects: Prospects,
}

/// What the resources of a module will be, as far as it is worked out.
type Prospects = BTreeMap<Address, Prospect>;

impl<'a> Planner<'a> {
    fn new(basis: &'a Basis<'a>) -> Self {
        Self { basis, errors: Diagnostics::new(), changes: Vec::new(), prospects: Prospects::new() }
    }

    fn plan_module(&mut self, desired: &Desired) {
        let graph = Graph::new(desired);
        let mut prospects = Prospects::new();
        let mut changes = BTreeMap::new();
        for resource in graph.in_order(desired) {
            let mut change = self.plan_resource(resource, &graph, &mut prospects);
            go_first_with(&mut change, &changes);
            changes.insert(resource.address.clone(), change);
        }
        self.changes.extend(desired.resources.iter().filter_map(|resource| changes.remove(&resource.address)));
        let wanted: BTreeSet<_> = desired.resources.iter().map(|resource| &resource.address).collect();
        self.plan_deletions(&desired.module, &|key| key.deposed.is_some() || !wanted.contains(&key.address));
        self.prospects.extend(prospects);
    }

    fn plan_destruction(&mut self, desired: &Desired) {
        self.plan_deletions(&desired.module, &|_| true);
    }

    fn plan_deletions(&mut self, module: &keywright_model::ModuleName, goes: &dyn Fn(&InstanceKey) -> bool) {
        for held in self.basis.state.held_in(module).filter(|held| goes(&held.key)) {
            let before = held.attributes();
            let reason = held.key.deposed.is_some().then(|| "it was replaced".to_owned());
            self.changes.push(ResourceChange {
                address: held.key.address,
                deposed: held.key.deposed,
                action: Action::Delete,
                region: region_of(&before),
                before: Some(before),
                after: None,
                after_unknown: serde_json::Map::new(),
                changed: Vec::new(),
                sensitive: Vec::new(),
                reason,
                recipe: Recipe { dependencies: held.instance.dependencies.clone(), ..Recipe::default() },
            });
        }
    }

    fn plan_resource(
        &mut self,
        resource: &DesiredResource,
        graph: &Graph,
        prospects: &mut Prospects,
    ) -> ResourceChange {
        let address = &resource.address;
        let arguments = arguments_of(resource);
        let prior = self.basis.state.attributes(address);
        let pending = self.basis.facts.pending.get(address);
        let found = prior.or_else(|| pending.map(|pending| &pending.attributes));
        let lookup = |reference: &Reference| look_up(prospects, reference);
        let mut prospect = work_out(address.kind, &arguments, found, &lookup);
        let (action, changed) = self.action(resource, prior, pending.is_some(), &prospect);
        if matches!(action, Action::Replace { .. }) {
            prospect = work_out(address.kind, &arguments, None, &lookup);
        }
        let rescued = pending.map(|pending| pending.attributes.clone());
        let is_live = pending.is_some_and(|pending| pending.standing == Standing::Live);
        let change = ResourceChange {
            address: address.clone(),
            deposed: None,
            region: region_of(&prospect.after).or_else(|| found.and_then(region_of)),
            before: found.cloned(),
            after: Some(prospect.after.clone()),
            after_unknown: prospect.unknown.clone(),
            changed,
            sensitive: Vec::new(),
            reason: reason(&action, is_live).or_else(|| meaning(address.kind, &action, found?, &prospect.after)),
            action,
            recipe: Recipe {
                arguments,
                interim_policy: resource.interim_policy.as_ref().map(keywright_policy::Document::to_json),
                depends_on: graph.direct(address),
                dependencies: graph.transitive(address),
                rescued,
                is_live,
            },
        };
        prospects.insert(address.clone(), prospect);
        change
    }

    fn action(
        &mut self,
        resource: &DesiredResource,
        prior: Option<&Attributes>,
        is_pending: bool,
        prospect: &Prospect,
    ) -> (Action, Vec<String>) {
        let kind = resource.address.kind;
        let Some(prior) = prior else {
            return (if is_pending { Action::Rescue } else { Action::Create }, Vec::new());
        };
        let changed = prospect.changed(kind, prior);
        let because: Vec<_> =
            changed.iter().filter(|attribute| attribute.force_new).map(|it| it.name.to_owned()).collect();
        let names: Vec<_> = changed.iter().map(|attribute| attribute.name.to_owned()).collect();
        let action = if !because.is_empty() {
            Action::Replace { create_first: !same_identity(kind, prior, &prospect.after), because }
        } else if is_key(kind) && self.is_on_its_way_out(&resource.address) {
            self.check_rescue(&resource.address, prior);
            Action::Rescue
        } else if names.is_empty() {
            Action::NoOp
        } else {
            Action::Update
        };
        (action, names)
    }

    fn is_on_its_way_out(&self, address: &Address) -> bool {
        let observed = self.basis.facts.observed.get(&InstanceKey::current(address));
        matches!(observed, Some(Some(observed)) if observed.standing != Standing::Live)
    }

    /// A replica is rescued without asking, for a plan that wants it could not be carried out otherwise. A primary
    /// is not: somebody meant to lose what it protects.
    fn check_rescue(&mut self, address: &Address, prior: &Attributes) {
        if address.kind != ResourceKind::KmsKey || self.basis.rescue {
            return;
        }
        let observed = self.basis.facts.observed.get(&InstanceKey::current(address)).and_then(Option::as_ref);
        let until = match observed.map(|observed| &observed.standing) {
            Some(Standing::PendingDeletion { deletion_date: Some(date) }) => format!(" and goes on {date}"),
            _ => String::new(),
        };
        let key = prior.get("arn").and_then(Value::as_str).unwrap_or_default();
        let error =
            Diagnostic::error("key-pending-deletion", format!("the key of `{address}` is pending deletion{until}"))
                .because(format!(
                    "`{key}` was scheduled for deletion outside of this run; all that it protects goes with it"
                ))
                .help("to keep the key, run again with `--rescue`: it cancels the deletion and enables the key");
        self.errors.push(error);
    }
}

/// Where something that it refers to must go before its successor is made, it must go before that.
fn go_first_with(change: &mut ResourceChange, changes: &BTreeMap<Address, ResourceChange>) {
    let goes_first = |address: &Address| {
        changes.get(address).is_some_and(|it| matches!(it.action, Action::Replace { create_first: false, .. }))
    };
    if let Action::Replace { create_first, .. } = &mut change.action
        && change.recipe.depends_on.iter().any(goes_first)
    {
        *create_first = false;
    }
}

/// Whether AWS could not hold both at once.
fn same_identity(kind: ResourceKind, prior: &Attributes, after: &Attributes) -> bool {
    let identity = schema(kind).identity;
    !identity.is_empty()
        && identity.iter().all(|name| prior.get(*name).is_some_and(|value| after.get(*name) == Some(value)))
}

fn look_up(prospects: &Prospects, reference: &Reference) -> Option<Value> {
    let prospect = prospects.get(&reference.address)?;
    if prospect.unknown.contains_key(reference.attribute) {
        return None;
    }
    prospect.after.get(reference.attribute).cloned()
}

pub(crate) fn region_of(attributes: &Attributes) -> Option<Region> {
    Region::parse(attributes.get("region")?.as_str()?).ok()
}

fn reason(action: &Action, is_live: bool) -> Option<String> {
    match action {
        Action::Replace { because, .. } => Some(format!("`{}` cannot be changed in place", because.join("`, `"))),
        Action::Rescue if is_live => Some("it is there already, made by somebody else".to_owned()),
        Action::Rescue => Some("it is pending deletion, and wanted".to_owned()),
        _ => None,
    }
}

/// What a change in place means, where its attributes do not say it.
fn meaning(kind: ResourceKind, action: &Action, before: &Attributes, after: &Attributes) -> Option<String> {
    let is_alarm = kind == ResourceKind::MetricAlarm && *action == Action::Update;
    is_alarm.then(|| alarms::why(before, after)).flatten()
}

/// What waits for what in a module.
struct Graph {
    direct: BTreeMap<Address, BTreeSet<Address>>,
}

impl Graph {
    fn new(desired: &Desired) -> Self {
        let admin_role = desired.administration.admin_role.as_ref().map(|role| &role.address);
        let direct = desired.resources.iter().map(|resource| {
            let references = resource.arguments.values().flat_map(Template::references).map(|it| &it.address);
            let named_in_policies = admin_role.filter(|_| has_key_policy(resource.address.kind));
            let all = references.chain(&resource.depends_on).chain(named_in_policies);
            (resource.address.clone(), all.filter(|it| **it != resource.address).cloned().collect())
        });
        Self { direct: direct.collect() }
    }

    fn direct(&self, address: &Address) -> Vec<Address> {
        self.direct.get(address).into_iter().flatten().cloned().collect()
    }

    /// All that must outlive it, without instance keys, as a state lists it.
    fn transitive(&self, address: &Address) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut next = self.direct(address);
        while let Some(found) = next.pop() {
            if seen.insert(found.clone()) {
                next.extend(self.direct(&found));
            }
        }
        let texts: BTreeSet<_> = seen.iter().map(Address::without_index).collect();
        texts.into_iter().collect()
    }

    /// The resources, each after what it refers to.
    fn in_order<'a>(&self, desired: &'a Desired) -> Vec<&'a DesiredResource> {
        let mut waiting: Vec<&DesiredResource> = desired.resources.iter().collect();
        let mut ordered: Vec<&DesiredResource> = Vec::new();
        while !waiting.is_empty() {
            let is_waiting = |address: &Address| waiting.iter().any(|resource| resource.address == *address);
            let is_ready = |resource: &&DesiredResource| {
                self.direct.get(&resource.address).is_none_or(|needed| !needed.iter().any(is_waiting))
            };
            let (mut ready, rest): (Vec<_>, Vec<_>) = waiting.iter().copied().partition(is_ready);
            if ready.is_empty() {
                // A circle: what it leaves unknown is found out in apply, which refuses it there.
                ordered.extend(rest);
                break;
            }
            ordered.append(&mut ready);
            waiting = rest;
        }
        ordered
    }
}

fn has_key_policy(kind: ResourceKind) -> bool {
    matches!(kind, ResourceKind::KmsKey | ResourceKind::KmsKeyPolicy | ResourceKind::KmsReplicaKey)
}
