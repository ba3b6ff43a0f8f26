//! Which key policies are put, by whom, and who can put others afterwards.

use keywright_model::{Address, Arn, Diagnostic, Diagnostics, ResourceKind};
use keywright_module::{Desired, Found, refusals, settle};
use keywright_policy::{Document, Principal};
use serde_json::Value;

use super::change::{Action, Bridge, KeyPolicyChange, Mode, Plan, PrerequisiteChange, ResourceChange};
use super::{Basis, prove, region_of};
use crate::address::InstanceKey;
use crate::authority::{self, KeyPlace};
use crate::provider::{Actor, Attributes};
use crate::schema::same_policy;

/// Adds the key policies, the roles that they need and the proofs to a plan.
pub(super) fn complete(plan: &mut Plan, basis: &Basis<'_>, desired: &[Desired], errors: &mut Diagnostics) {
    for module in desired {
        if plan.mode == Mode::Normal {
            add_prerequisites(plan, basis, module, errors);
            let locked = prove(plan, basis, module, errors);
            add_policies(plan, basis, module, &locked, errors);
        }
        add_delegations(plan, basis, module);
    }
}

/// A policy that names a role which does not exist is refused by KMS.
fn add_prerequisites(plan: &mut Plan, basis: &Basis<'_>, module: &Desired, errors: &mut Diagnostics) {
    let missing = |role: &Arn| basis.facts.roles.get(role) == Some(&false);
    for prerequisite in module.prerequisites.iter().filter(|prerequisite| missing(&prerequisite.role)) {
        if !prerequisite.create {
            errors.push(missing_role(prerequisite));
        } else if !plan.prerequisites.iter().any(|there| there.role == prerequisite.role) {
            let (service, role) = (prerequisite.service.to_owned(), prerequisite.role.clone());
            plan.prerequisites.push(PrerequisiteChange { service, role });
        }
    }
}

fn missing_role(prerequisite: &keywright_module::Prerequisite) -> Diagnostic {
    let (role, service) = (&prerequisite.role, prerequisite.service);
    Diagnostic::error("missing-service-linked-role", format!("the service-linked role `{role}` does not exist"))
        .because("the key policies name it, and KMS refuses a policy that names a role which does not exist")
        .help(format!(
            "make it with `aws iam create-service-linked-role --aws-service-name {service}`, or set \
             `create_autoscaling_service_linked_role = true`"
        ))
}

/// Proves what the final policies mean, or refuses. Gives the keys that it refuses.
fn prove(plan: &mut Plan, basis: &Basis<'_>, module: &Desired, errors: &mut Diagnostics) -> Vec<Address> {
    let proofs = prove::prove(plan, basis, module);
    plan.proofs.extend(proofs.proofs);
    plan.administrators.extend(proofs.administrators);
    let (refused, told) = refusals(settle(proofs.findings, &module.accepted, Found::Plan));
    plan.findings.extend(told);
    errors.extend(refused);
    let (locked, why): (Vec<Address>, Vec<Diagnostic>) = proofs.locked.into_iter().unzip();
    errors.extend(why);
    locked
}

fn add_policies(plan: &mut Plan, basis: &Basis<'_>, module: &Desired, locked: &[Address], errors: &mut Diagnostics) {
    let candidates = Candidates::new(basis, module);
    let changes: Vec<ResourceChange> =
        plan.changes.iter().filter(|change| change.address.module.as_ref() == Some(&module.module)).cloned().collect();
    for change in changes.iter().filter(|change| change.makes()) {
        let Some(wanted) = wanted_policy(change, &changes, basis, module).filter(|it| !locked.contains(&it.key)) else {
            continue;
        };
        match candidates.route(&wanted) {
            Ok((actors, bridge)) => {
                let mut put = KeyPolicyChange {
                    key: wanted.key,
                    region: wanted.place.region,
                    before: wanted.before,
                    after: wanted.after,
                    actors,
                    bridge,
                    resource: change.address.clone(),
                    gained_actions: None,
                    lost_actions: None,
                    leaves: false,
                    deposed: None,
                };
                let proofs = prove::prove_change(&mut put, plan, basis, module);
                plan.proofs.extend(proofs);
                plan.key_policies.push(put);
            }
            Err(error) => errors.push(error),
        }
    }
}

/// A key policy that is to be put.
struct Wanted {
    key: Address,
    place: KeyPlace,
    before: Option<String>,
    /// What the key has when the policy is put; none if that cannot be read.
    current: Option<Document>,
    after: String,
    target: Document,
}

fn wanted_policy(
    change: &ResourceChange,
    changes: &[ResourceChange],
    basis: &Basis<'_>,
    module: &Desired,
) -> Option<Wanted> {
    let (key, region, target) = match change.kind() {
        ResourceKind::KmsKeyPolicy => (change.refers("key_id")?, &module.region, &module.administration.primary_policy),
        ResourceKind::KmsReplicaKey => {
            let policy = module.administration.replica_policy.as_ref()?;
            (change.address.clone(), module.replication_region.as_ref()?, policy)
        }
        _ => return None,
    };
    let after = change.after.as_ref().and_then(|after| after.get("policy")).and_then(Value::as_str);
    let after = after.map_or_else(|| target.to_json(), str::to_owned);
    let target = authority::read(&after).unwrap_or_else(|| target.clone());
    let place = KeyPlace { account: module.account.clone(), region: region.clone() };
    let key_change = changes.iter().find(|other| other.address == key)?;
    let before = standing_policy(key_change, basis);
    let current = match &before {
        Some(text) => authority::read(text),
        None => Some(first_policy(key_change, &place)),
    };
    let is_there = before.clone().or_else(|| current.as_ref().map(Document::to_json));
    let is_same = is_there.is_some_and(|there| same_policy(&there, &after));
    // A key policy of its own is put even where the key already has it: AWS's default is nobody's resource.
    let is_put = !is_same || change.kind() == ResourceKind::KmsKeyPolicy && change.action != Action::Update;
    is_put.then_some(Wanted { key, place, before, current, after, target })
}

/// The policy that a key has now; none if it is about to be made.
fn standing_policy(key: &ResourceChange, basis: &Basis<'_>) -> Option<String> {
    let made = matches!(key.action, Action::Create | Action::Replace { .. });
    if let Some(rescued) = &key.recipe.rescued {
        return policy_text(rescued);
    }
    if made {
        return None;
    }
    basis.state.attributes(&key.address).and_then(policy_text)
}

/// The policy that a key is created with.
fn first_policy(key: &ResourceChange, place: &KeyPlace) -> Document {
    let planned = key.after.as_ref().and_then(policy_text);
    let text = key.recipe.interim_policy.clone().or(planned);
    text.and_then(|text| authority::read(&text)).unwrap_or_else(|| authority::with_delegation(&NOTHING, place))
}

fn policy_text(attributes: &Attributes) -> Option<String> {
    attributes.get("policy")?.as_str().map(str::to_owned)
}

/// Who could put key policies in this run.
struct Candidates {
    caller: Arn,
    /// Roles whose IAM policies are known to let them manage keys.
    admin_roles: Vec<Arn>,
    /// Roles that only a policy's naming them counts for.
    administrators: Vec<Arn>,
}

impl Candidates {
    fn new(basis: &Basis<'_>, module: &Desired) -> Self {
        let administration = &module.administration;
        let in_state = basis.state.held_in(&module.module).filter(|held| held.kind() == ResourceKind::IamRole);
        let state_roles: Vec<Arn> =
            in_state.filter_map(|held| Arn::parse(held.instance.attributes()?.get("arn")?.as_str()?).ok()).collect();
        let acting = basis.facts.actors.values().filter_map(|actor| match actor {
            Actor::Role(role) => Some(role.clone()),
            Actor::Caller => None,
        });
        let is_role = |arn: &&Arn| arn.resource_of_kind("role").is_some();
        let mut admin_roles: Vec<Arn> = administration.admin_role.iter().map(|role| role.arn.clone()).collect();
        let mut administrators: Vec<Arn> = administration.key_administrators.iter().filter(is_role).cloned().collect();
        for role in acting {
            let list = if state_roles.contains(&role) { &mut admin_roles } else { &mut administrators };
            if !list.contains(&role) {
                list.push(role);
            }
        }
        Self { caller: basis.facts.caller.arn.clone(), admin_roles, administrators }
    }

    /// Who puts the policy, and what comes in between where nobody could do it at once.
    fn route(&self, wanted: &Wanted) -> Result<(Vec<Actor>, Option<Bridge>), Diagnostic> {
        let from = |actor: &Actor| match &wanted.current {
            Some(current) => self.may(actor, current, &wanted.place),
            None => *actor == Actor::Caller,
        };
        let to = |actor: &Actor| self.may(actor, &wanted.target, &wanted.place);
        let both: Vec<Actor> = self.all().filter(|actor| from(actor) && to(actor)).collect();
        if !both.is_empty() {
            return self.unless_root(both, wanted);
        }
        let (starters, finishers): (Vec<_>, Vec<_>) =
            (self.all().filter(from).collect(), self.all().filter(to).collect());
        let (Some(current), false, false) = (&wanted.current, starters.is_empty(), finishers.is_empty()) else {
            return Err(no_actor(wanted));
        };
        let policy = authority::union(current, &wanted.target).to_json();
        let (actors, _) = self.unless_root(finishers, wanted)?;
        Ok((actors, Some(Bridge { policy, actors: starters })))
    }

    fn all(&self) -> impl Iterator<Item = Actor> {
        let roles = self.admin_roles.iter().chain(&self.administrators).cloned();
        std::iter::once(Actor::Caller).chain(roles.map(Actor::Role))
    }

    /// Whether a policy lets an actor put another one: by its name, or by leaving it to IAM policies that do.
    fn may(&self, actor: &Actor, document: &Document, place: &KeyPlace) -> bool {
        let (arn, has_permissions) = match actor {
            Actor::Caller => (&self.caller, true),
            Actor::Role(role) => (role, self.admin_roles.contains(role)),
        };
        let Some(principal) = Principal::of_arn(arn, &authority::named_arns(document)) else { return false };
        let delegated = has_permissions
            && arn.account() == place.account.as_str()
            && authority::delegates(document, place)
            && !authority::denies(document, principal.clone(), place);
        delegated || authority::names(document, principal, place)
    }

    /// The root user cannot assume roles.
    ///
    /// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
    fn unless_root(&self, actors: Vec<Actor>, wanted: &Wanted) -> Result<(Vec<Actor>, Option<Bridge>), Diagnostic> {
        let is_root = self.caller.resource() == "root";
        if is_root && !actors.contains(&Actor::Caller) {
            return Err(Diagnostic::error(
                "root-cannot-assume",
                format!("the account's root user cannot put the final policy of `{}`", wanted.key),
            )
            .because("the policy does not let the root user change it again, and the root user cannot assume a role that could")
            .help("run with the credentials of an IAM user or role"));
        }
        Ok((actors, None))
    }
}

fn no_actor(wanted: &Wanted) -> Diagnostic {
    Diagnostic::error("no-actor", format!("this run could not put the policy of `{}`", wanted.key))
        .because("KMS takes a policy only from somebody who could change it again: neither the caller, nor an admin role, nor a role among the key administrators is one")
        .help("run as one of the `key_administrators`, or set `enable_kms_admin_role = true`")
}

/// A key that goes is first left to the account's IAM policies, so that it can still be rescued.
fn add_delegations(plan: &mut Plan, basis: &Basis<'_>, module: &Desired) {
    let is_key = |kind| matches!(kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey);
    let leaves = |change: &&ResourceChange| {
        matches!(change.action, Action::Delete | Action::Replace { .. })
            && is_key(change.kind())
            && change.address.module.as_ref() == Some(&module.module)
    };
    let leaving: Vec<ResourceChange> = plan.changes.iter().filter(leaves).cloned().collect();
    plan.key_policies.extend(leaving.iter().filter_map(|change| delegation(change, basis, module)));
}

fn delegation(change: &ResourceChange, basis: &Basis<'_>, module: &Desired) -> Option<KeyPolicyChange> {
    let key = InstanceKey { address: change.address.clone(), deposed: change.deposed.clone() };
    let held = basis.state.held_at(&key)?.attributes()?;
    let place = KeyPlace { account: module.account.clone(), region: region_of(held)? };
    let before = policy_text(held)?;
    let current = authority::read(&before)?;
    let is_live = matches!(basis.facts.observed.get(&key), Some(Some(observed)) if observed.standing == crate::provider::Standing::Live);
    if authority::delegates(&current, &place) || !is_live {
        return None;
    }
    let actor = basis.facts.actors.get(&key).cloned().unwrap_or(Actor::Caller);
    Some(KeyPolicyChange {
        key: change.address.clone(),
        region: place.region.clone(),
        before: Some(before),
        after: authority::with_delegation(&current, &place).to_json(),
        actors: vec![actor],
        bridge: None,
        resource: change.address.clone(),
        gained_actions: None,
        lost_actions: None,
        leaves: true,
        deposed: change.deposed.clone(),
    })
}

const NOTHING: Document = Document { version: keywright_policy::Version::V2012, id: None, statements: Vec::new() };
