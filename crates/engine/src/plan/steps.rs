//! The order of the work.
//!
//! Interim first, tightened last: what is made comes before the final key policies, and what those policies no longer
//! name, or what their actors need, goes after them.

use keywright_model::{Address, ResourceKind};

use super::change::{Action, Plan, ResourceChange};
use crate::schema::schema;

/// A piece of work, and the pieces that must be done before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) work: Work,
    /// Positions of other steps.
    pub(crate) after: Vec<usize>,
}

/// What is done. The numbers are positions in the plan's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Work {
    /// A service-linked role is made.
    MakeServiceLinkedRole(usize),
    /// A resource is created, changed or rescued.
    Make(usize),
    /// The tag that marked a creation is taken off.
    Settle(usize),
    /// A key that goes is left to IAM policies.
    Delegate(usize),
    /// A policy on the way to the final one is put.
    PutBridge(usize),
    /// A final key policy is put.
    PutPolicy(usize),
    /// A resource goes.
    Delete(usize),
}

/// The steps of a plan.
pub(crate) fn steps(plan: &Plan) -> Vec<Step> {
    let works = works(plan);
    let orders = Orders { plan };
    let after = |late: &Work| {
        works.iter().enumerate().filter(|(_, early)| orders.comes_first(**early, *late)).map(|(at, _)| at).collect()
    };
    works.iter().map(|work| Step { work: *work, after: after(work) }).collect()
}

fn works(plan: &Plan) -> Vec<Work> {
    let mut works: Vec<Work> = (0..plan.prerequisites.len()).map(Work::MakeServiceLinkedRole).collect();
    for (at, change) in plan.changes.iter().enumerate() {
        if change.makes() && !is_only_a_policy(plan, change) {
            works.push(Work::Make(at));
        }
        if creates(change) && schema(change.kind()).carries_tags() {
            works.push(Work::Settle(at));
        }
        if matches!(change.action, Action::Delete | Action::Replace { .. }) && !forgotten(change) {
            works.push(Work::Delete(at));
        }
    }
    for (at, policy) in plan.key_policies.iter().enumerate() {
        if policy.leaves {
            works.push(Work::Delegate(at));
            continue;
        }
        if policy.bridge.is_some() {
            works.push(Work::PutBridge(at));
        }
        works.push(Work::PutPolicy(at));
    }
    works
}

/// Whether the change is made by putting a key policy.
fn is_only_a_policy(plan: &Plan, change: &ResourceChange) -> bool {
    let is_put = plan.key_policies.iter().any(|policy| !policy.leaves && policy.resource == change.address);
    match change.kind() {
        ResourceKind::KmsKeyPolicy => is_put,
        ResourceKind::KmsReplicaKey => is_put && change.action == Action::Update && change.changed == ["policy"],
        _ => false,
    }
}

/// Whether another resource of AWS comes into being.
pub(crate) fn creates(change: &ResourceChange) -> bool {
    let made = matches!(change.action, Action::Create | Action::Replace { .. });
    made && change.recipe.rescued.is_none() && change.kind() != ResourceKind::KmsKeyPolicy
}

/// The old object of a replaced key policy is the key's business, not a thing of its own.
fn forgotten(change: &ResourceChange) -> bool {
    change.kind() == ResourceKind::KmsKeyPolicy && matches!(change.action, Action::Replace { .. })
}

struct Orders<'a> {
    plan: &'a Plan,
}

impl Orders<'_> {
    fn comes_first(&self, early: Work, late: Work) -> bool {
        match (early, late) {
            (Work::MakeServiceLinkedRole(_), Work::Make(at)) => is_key(self.kind(at)),
            (Work::MakeServiceLinkedRole(_), Work::PutPolicy(_) | Work::PutBridge(_)) => true,
            (Work::Make(early), Work::Make(late)) => self.refers(late, early),
            (Work::Make(early), Work::Settle(late)) => early == late,
            (Work::Make(_), Work::PutPolicy(_) | Work::PutBridge(_)) => true,
            // Afterwards, who made the key may not touch its tags any more.
            (Work::Settle(early), Work::PutPolicy(_) | Work::PutBridge(_)) => is_key(self.kind(early)),
            (Work::Make(early), Work::Delegate(late)) => self.replaces_first(early, late),
            (Work::Make(early), Work::Delete(late)) => self.is_made_before_deletion(early, late),
            (Work::Settle(_), Work::Delete(late)) => is_iam(self.kind(late)) && !self.is_replaced_in_place(late),
            (Work::Delete(early), Work::Make(late)) => early == late && !self.creates_first(late),
            (Work::Delete(early), Work::Delete(late)) => self.is_deleted_before(early, late),
            (Work::Delete(early), Work::PutPolicy(_) | Work::PutBridge(_)) => !is_iam(self.kind(early)),
            (Work::PutBridge(early), Work::PutPolicy(late)) => early == late,
            (Work::PutPolicy(_), Work::Delete(late)) => is_iam(self.kind(late)) && !self.is_replaced_in_place(late),
            (Work::Delegate(policy), Work::Delete(late)) => {
                is_iam(self.kind(late)) && !self.is_replaced_in_place(late) || self.is_on_key(late, policy)
            }
            _ => false,
        }
    }

    fn change(&self, at: usize) -> Option<&ResourceChange> {
        self.plan.changes.get(at)
    }

    fn kind(&self, at: usize) -> Option<ResourceKind> {
        self.change(at).map(ResourceChange::kind)
    }

    fn refers(&self, late: usize, early: usize) -> bool {
        let (Some(late), Some(early)) = (self.change(late), self.change(early)) else { return false };
        late.recipe.depends_on.contains(&early.address)
    }

    fn creates_first(&self, at: usize) -> bool {
        matches!(self.change(at).map(|it| &it.action), Some(Action::Replace { create_first: true, .. }))
    }

    fn is_replaced_in_place(&self, at: usize) -> bool {
        matches!(self.change(at).map(|it| &it.action), Some(Action::Replace { create_first: false, .. }))
    }

    fn replaces_first(&self, made: usize, policy: usize) -> bool {
        let key = self.plan.key_policies.get(policy).map(|policy| &policy.key);
        self.creates_first(made) && self.change(made).map(|it| &it.address) == key
    }

    /// What takes its place, and what used to need it, is brought about before a thing goes.
    fn is_made_before_deletion(&self, made: usize, deleted: usize) -> bool {
        if made == deleted {
            return self.creates_first(made);
        }
        let (Some(user), Some(gone)) = (self.change(made), self.change(deleted)) else { return false };
        !self.is_replaced_in_place(deleted) && user.recipe.dependencies.contains(&gone.address.without_index())
            || !self.is_replaced_in_place(deleted) && used_to_need(user, gone)
    }

    fn is_deleted_before(&self, early: usize, late: usize) -> bool {
        let (Some(early), Some(late)) = (self.change(early), self.change(late)) else { return false };
        early.address.module == late.address.module && outlives(&late.address, &early.address)
    }

    /// Whether what is deleted is the key, or stands on the key, that is left to IAM policies.
    fn is_on_key(&self, deleted: usize, policy: usize) -> bool {
        let (Some(gone), Some(policy)) = (self.change(deleted), self.plan.key_policies.get(policy)) else {
            return false;
        };
        let is_it = gone.address == policy.key && (gone.deposed == policy.deposed);
        is_it || (stands_on_key(gone.kind()) && gone.address.module == policy.key.module)
    }
}

/// Whether the first must be there as long as the second is.
fn outlives(first: &Address, second: &Address) -> bool {
    use ResourceKind::{IamPolicy, IamRole, IamRolePolicyAttachment, KmsKey, KmsReplicaKey};
    match (first.kind, second.kind) {
        (KmsKey, kind) => kind == KmsReplicaKey || stands_on_key(kind),
        (KmsReplicaKey, kind) => stands_on_key(kind),
        (IamRole | IamPolicy, IamRolePolicyAttachment) => true,
        (IamRole, kind) => stands_on_key(kind),
        _ => false,
    }
}

/// Whether a resource, as it was, may have referred to another that goes.
fn used_to_need(user: &ResourceChange, gone: &ResourceChange) -> bool {
    matches!(user.action, Action::Update)
        && user.address.module == gone.address.module
        && outlives(&gone.address, &user.address)
}

fn stands_on_key(kind: ResourceKind) -> bool {
    matches!(kind, ResourceKind::KmsAlias | ResourceKind::KmsGrant | ResourceKind::KmsKeyPolicy)
}

fn is_key(kind: Option<ResourceKind>) -> bool {
    matches!(kind, Some(ResourceKind::KmsKey | ResourceKind::KmsReplicaKey))
}

fn is_iam(kind: Option<ResourceKind>) -> bool {
    matches!(kind, Some(ResourceKind::IamRole | ResourceKind::IamPolicy | ResourceKind::IamRolePolicyAttachment))
}
