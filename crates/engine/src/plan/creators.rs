//! Who makes a replica is let in by the policy that it is made with.
//!
//! KMS takes a new key's policy only from somebody who could put another one. Where root access is off, that is the role
//! that reaches the primary; what the inputs ask for may not name it any more, and its IAM policies need not know the
//! new key yet.

use keywright_model::{Address, Arn, ResourceKind};
use keywright_module::Desired;
use keywright_policy::{Document, Principal};
use serde_json::Value;

use super::Basis;
use super::change::{Action, ResourceChange};
use crate::address::InstanceKey;
use crate::authority::{self, KeyPlace};
use crate::provider::Actor;

/// Adds what the primary's policy says to the first policy of a replica that does not name who makes it.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html>, `Policy`.
pub(super) fn let_in(changes: &mut [ResourceChange], basis: &Basis<'_>, module: &Desired) {
    let Some((role, primary)) = maker(changes, basis, module) else { return };
    let ours = |change: &&mut ResourceChange| change.address.module.as_ref() == Some(&module.module);
    for change in changes.iter_mut().filter(ours).filter(|change| is_made(change)) {
        let place =
            module.replication_region.clone().map(|region| KeyPlace { account: module.account.clone(), region });
        let planned = change.after.as_ref().and_then(|after| after.get("policy")).and_then(Value::as_str);
        let first = change.recipe.interim_policy.as_deref().or(planned).and_then(authority::read);
        if let (Some(place), Some(first)) = (place, first.or_else(|| module.administration.replica_policy.clone()))
            && !names(&first, &role, &place)
        {
            change.recipe.interim_policy = Some(authority::union(&primary, &first).to_json());
        }
    }
}

/// The role that makes replicas of the module's primary, and the policy that lets it.
fn maker(changes: &[ResourceChange], basis: &Basis<'_>, module: &Desired) -> Option<(Arn, Document)> {
    let is_kept = |address: &&Address| {
        let change = changes.iter().find(|change| change.address == **address && change.deposed.is_none());
        change.is_some_and(|change| !matches!(change.action, Action::Create | Action::Replace { .. }))
    };
    let mut keys = module.resources.iter().map(|it| &it.address).filter(|address| address.kind == ResourceKind::KmsKey);
    let primary = keys.find(is_kept)?;
    let Some(Actor::Role(role)) = basis.facts.actors.get(&InstanceKey::current(primary)) else { return None };
    let policy = basis.state.attributes(primary)?.get("policy")?.as_str().and_then(authority::read)?;
    Some((role.clone(), policy))
}

fn is_made(change: &ResourceChange) -> bool {
    change.kind() == ResourceKind::KmsReplicaKey
        && change.recipe.rescued.is_none()
        && matches!(change.action, Action::Create | Action::Replace { .. })
}

fn names(document: &Document, role: &Arn, place: &KeyPlace) -> bool {
    Principal::of_arn(role, &[]).is_some_and(|role| authority::names(document, role, place))
}
