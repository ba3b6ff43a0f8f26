//! What each resource departs from the state in.

use keywright_model::{Arn, ResourceKind};
use serde_json::Value;

use super::{Change, Departure, DriftReport, Outlook, PolicyOf, grants, policy};
use crate::address::InstanceKey;
use crate::facts::Facts;
use crate::provider::{Attributes, Observed, Standing};
use crate::refresh::{drifted, is_key, key_of};
use crate::schema::schema;
use crate::state::State;

/// What departs from this state, which is as it was before anything that was read was taken into it.
pub(crate) fn compare(before: &State, facts: &Facts) -> DriftReport {
    let mut report = DriftReport::default();
    for (key, observed) in facts.observed.iter().filter(|(key, _)| key.deposed.is_none()) {
        let known = before.attributes(&key.address).cloned().unwrap_or_default();
        let comparison = Comparison { before, key, known: &known };
        report.departures.extend(match observed {
            Some(observed) => comparison.departures(observed),
            None => vec![comparison.departure(Change::Gone, Vec::new())],
        });
    }
    grants::add(&mut report, before, facts);
    report.departures.sort_by(|left, right| left.address.cmp(&right.address));
    report
}

struct Comparison<'a> {
    before: &'a State,
    key: &'a InstanceKey,
    known: &'a Attributes,
}

impl Comparison<'_> {
    fn departures(&self, observed: &Observed) -> Vec<Departure> {
        let kind = self.key.address.kind;
        let after = schema(kind).merge(self.known, observed.attributes.clone());
        let mut changed = drifted(self.key, self.known, &after);
        let mut found = Vec::new();
        if let Standing::PendingDeletion { deletion_date } = &observed.standing
            && is_key(kind)
        {
            // A key that is going is disabled and not rotated: that follows.
            changed.retain(|name| !FOLLOW_DELETION.contains(&name.as_str()));
            let deletion_date = deletion_date.clone();
            found.push(self.departure(Change::DeletionScheduled { deletion_date }, Vec::new()));
        }
        self.leave_out_what_follows(&mut changed);
        for name in &changed {
            let what = self.what(name, value(self.known, name), value(&after, name));
            found.extend(what.into_iter().map(|change| self.departure(change, vec![name.clone()])));
        }
        if kind == ResourceKind::IamRole {
            found.extend(self.attached(&after));
        }
        found
    }

    fn departure(&self, what: Change, attributes: Vec<String>) -> Departure {
        Departure { address: self.key.address.clone(), what, outlook: Outlook::Left, attributes }
    }

    /// What is told by another attribute, or by another resource.
    fn leave_out_what_follows(&self, changed: &mut Vec<String>) {
        let is_changed = |changed: &[String], name: &str| changed.iter().any(|it| it == name);
        let made_again = is_changed(changed, "unique_id");
        let moved = is_changed(changed, "target_key_id");
        let stopped = is_changed(changed, "enable_key_rotation");
        changed.retain(|name| match name.as_str() {
            "tags_all" => false,
            "policy" => !self.has_policy_resource(),
            "target_key_arn" => !moved,
            "create_date" => !made_again,
            "rotation_period_in_days" => !stopped,
            "inline_policy" => self.is_administered(),
            _ => true,
        });
    }

    fn what(&self, name: &str, before: Value, after: Value) -> Vec<Change> {
        let switched = |on: Change, off: Change| vec![if after == Value::Bool(true) { on } else { off }];
        match (self.key.address.kind, name) {
            (ResourceKind::KmsKey, "is_enabled") | (ResourceKind::KmsReplicaKey, "enabled") => {
                switched(Change::Enabled, Change::Disabled)
            }
            (ResourceKind::KmsKey, "enable_key_rotation") => switched(Change::RotationStarted, Change::RotationStopped),
            (ResourceKind::KmsKey, "rotation_period_in_days") => vec![Change::RotationPeriod { before, after }],
            (ResourceKind::IamRole, "unique_id") => vec![Change::MadeAgain { before, after }],
            (ResourceKind::KmsAlias, "target_key_id" | "target_key_arn") => vec![Change::AliasMoved { before, after }],
            (kind, "policy" | "assume_role_policy") => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                policy::changes(sort(kind), &text(&before), &text(&after), self.policy_key().as_ref())
            }
            _ => vec![Change::Attribute { name: name.to_owned(), before, after }],
        }
    }

    /// The key whose policy it is.
    fn policy_key(&self) -> Option<Arn> {
        let key = key_of(self.before, self.key.address.kind, self.known)?;
        Arn::parse(self.before.attributes(&key.address)?.get("arn")?.as_str()?).ok()
    }

    /// Whether the key's policy is a resource of its own, which tells of it.
    fn has_policy_resource(&self) -> bool {
        let is_own = |held: &crate::state::Held<'_>| {
            held.kind() == ResourceKind::KmsKeyPolicy
                && key_of(self.before, held.kind(), &held.attributes()).as_ref() == Some(self.key)
        };
        is_key(self.key.address.kind) && self.before.held().any(|held| is_own(&held))
    }

    /// Whether what the role may do is ours to say. What the role that S3 replicates as may do is not.
    fn is_administered(&self) -> bool {
        !self.own_attachments().is_empty()
    }

    fn own_attachments(&self) -> Vec<String> {
        let name = self.known.get("name");
        let attachments = self.before.held().filter(|held| held.kind() == ResourceKind::IamRolePolicyAttachment);
        let own = attachments.filter_map(|held| held.instance.attributes()).filter(|it| it.get("role") == name);
        own.filter_map(|it| it.get("policy_arn")?.as_str().map(str::to_owned)).collect()
    }

    /// Policies that were attached to a role beside ours. That ours is not attached any more is told by its attachment.
    fn attached(&self, after: &Attributes) -> Vec<Departure> {
        let own = self.own_attachments();
        if own.is_empty() {
            return Vec::new();
        }
        let known = texts(self.known);
        let new = texts(after).into_iter().filter(|policy| !own.contains(policy) && !known.contains(policy));
        let attributes = || vec![ATTACHED.to_owned()];
        new.map(|policy| self.departure(Change::PolicyAttached { policy }, attributes())).collect()
    }
}

fn sort(kind: ResourceKind) -> PolicyOf {
    match kind {
        ResourceKind::IamRole => PolicyOf::Trust,
        ResourceKind::IamPolicy => PolicyOf::Identity,
        _ => PolicyOf::Key,
    }
}

fn value(attributes: &Attributes, name: &str) -> Value {
    attributes.get(name).cloned().unwrap_or_default()
}

fn texts(role: &Attributes) -> Vec<String> {
    let policies = role.get(ATTACHED).and_then(Value::as_array);
    policies.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

const ATTACHED: &str = "managed_policy_arns";
const FOLLOW_DELETION: &[&str] = &["is_enabled", "enabled", "enable_key_rotation", "rotation_period_in_days"];
