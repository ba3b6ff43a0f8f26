use std::sync::Arc;

use keywright_model::{Address, Arn, Diagnostic, Region, ResourceKind};
use keywright_module::{OutputBlocks, Secrets, Value as Template};
use keywright_policy::{Access, AccessChanges, access_changes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::outputs::{HandedOut, OutputChange};
use super::proof::Proof;
use crate::address::{self, InstanceKey};
use crate::authority;
use crate::drift::DriftReport;
use crate::provider::{Actor, Attributes, CallerIdentity};
use crate::schema::schema;

/// What a run is to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// What the inputs ask for.
    Normal,
    /// That nothing of the modules is left.
    Destroy,
}

/// What will be changed, and all that applying it needs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it is to bring about.
    pub mode: Mode,
    /// The changes, in the order in which they are shown; what does not change is among them.
    pub changes: Vec<ResourceChange>,
    /// What was changed outside since the state was written.
    pub drift: Vec<Drift>,
    /// The same, by what it means.
    pub drift_report: DriftReport,
    /// The root outputs of the state.
    pub outputs: Vec<OutputChange>,
    pub(crate) output_blocks: Arc<OutputBlocks>,
    pub(crate) handed_out: Vec<HandedOut>,
    /// The key policies that will be put.
    pub key_policies: Vec<KeyPolicyChange>,
    /// Service-linked roles that will be made.
    pub prerequisites: Vec<PrerequisiteChange>,
    /// Who is proven to be able to put each key's policy afterwards.
    pub administrators: Vec<Administrator>,
    /// What was proved, or could not be, of each final policy.
    pub proofs: Vec<Proof>,
    /// Who makes the calls on each key of the state.
    pub actors: Vec<KeyActor>,
    /// Whose credentials the run has.
    pub caller: CallerIdentity,
    /// Warnings and notes.
    pub findings: Vec<Diagnostic>,
    pub(crate) scopes: Vec<Scope>,
    /// Resources that stand at another address from now on.
    pub moves: Vec<Move>,
    /// Instances that were set aside and count again.
    pub(crate) reinstated: Vec<InstanceKey>,
}

/// A resource that stands at another address from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Where it stood.
    #[serde(deserialize_with = "address::deserialize")]
    pub from: Address,
    /// Where it stands.
    #[serde(deserialize_with = "address::deserialize")]
    pub to: Address,
}

/// What happens to one resource instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// Where it stands.
    #[serde(deserialize_with = "address::deserialize")]
    pub address: Address,
    /// Which of those that were replaced and are still to go; none for the one that counts.
    pub deposed: Option<String>,
    /// What happens.
    pub action: Action,
    /// The Region that it is in, or will be.
    pub region: Option<Region>,
    /// What it is, by what was read; none if it is not there.
    pub before: Option<Attributes>,
    /// What it will be; what is not known yet is missing. None if it goes.
    pub after: Option<Attributes>,
    /// `true` in place of each part that is known only after apply.
    pub after_unknown: Map<String, Value>,
    /// The attributes that change.
    pub changed: Vec<String>,
    /// The attributes that a sensitive input is in, now or then.
    pub sensitive: Vec<String>,
    /// Why it happens, where that is not plain.
    pub reason: Option<String>,
    pub(crate) recipe: Recipe,
}

/// What apply needs to work the attributes out again once references are known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Recipe {
    #[serde(with = "super::template")]
    pub(crate) arguments: Vec<(String, Template)>,
    pub(crate) interim_policy: Option<String>,
    /// What it refers to or must wait for.
    #[serde(deserialize_with = "address::deserialize_all")]
    pub(crate) depends_on: Vec<Address>,
    /// All that must outlive it, as a state lists it.
    pub(crate) dependencies: Vec<String>,
    /// A key that is there or on its way out, and takes its place, as it was read.
    pub(crate) rescued: Option<Attributes>,
    /// Whether that key is there to stay already.
    pub(crate) is_live: bool,
}

/// What happens to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// Another takes its place.
    Replace {
        /// Whether the new one is made before the old one goes.
        create_first: bool,
        /// The attributes that cannot be changed in place.
        because: Vec<String>,
    },
    /// The deletion of a key is cancelled, and the key brought to what it should be.
    Rescue,
    /// It goes; a key: its deletion is scheduled.
    Delete,
}

/// Something that was changed outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Where it stands.
    pub address: Address,
    /// As the state has it.
    pub before: Attributes,
    /// As AWS has it; none if it is gone.
    pub after: Option<Attributes>,
    /// The attributes that differ.
    pub changed: Vec<String>,
}

/// A key policy that will be put.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyPolicyChange {
    /// The key.
    #[serde(deserialize_with = "address::deserialize")]
    pub key: Address,
    /// The key's Region.
    pub region: Region,
    /// The policy that the key has; none for a new key.
    pub before: Option<String>,
    /// The policy that it will have in the end.
    pub after: String,
    /// Who may put it, the first that can be had.
    #[serde(with = "super::actors")]
    pub actors: Vec<Actor>,
    /// What is put first, and by whom, where nobody could go from one policy to the other at once.
    pub bridge: Option<Bridge>,
    /// The resource whose policy it is: an `aws_kms_key_policy`, or the key itself.
    #[serde(deserialize_with = "address::deserialize")]
    pub resource: Address,
    /// The actions that the new policy gives to somebody who did not have them; none where that could not be told.
    #[serde(default)]
    pub gained_actions: Option<Vec<String>>,
    /// The actions that it takes from somebody; none where that could not be told.
    #[serde(default)]
    pub lost_actions: Option<Vec<String>>,
    /// Whether it is put because the key is to go: its deletion must not need the actor any more.
    pub leaves: bool,
    pub(crate) deposed: Option<String>,
}

/// A policy on the way to another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bridge {
    /// The policy.
    pub policy: String,
    /// Who may put it.
    #[serde(with = "super::actors")]
    pub actors: Vec<Actor>,
}

impl KeyPolicyChange {
    /// Who gains and who loses what; none if one of the policies cannot be read.
    ///
    /// Told statement by statement, less what was proved to change for nobody.
    pub fn access(&self) -> Option<AccessChanges> {
        let before = match &self.before {
            Some(text) => Some(authority::read(text)?),
            None => None,
        };
        let AccessChanges { gained, lost } = access_changes(before.as_ref(), &authority::read(&self.after)?);
        Some(AccessChanges {
            gained: only(gained, self.gained_actions.as_deref()),
            lost: only(lost, self.lost_actions.as_deref()),
        })
    }
}

/// What of it is about one of the actions, where these are known.
fn only(all: Vec<Access>, actions: Option<&[String]>) -> Vec<Access> {
    let Some(actions) = actions else { return all };
    let is_one = |action: &String| action.contains('*') && !actions.is_empty() || actions.contains(action);
    let narrowed = |mut access: Access| {
        access.actions.retain(is_one);
        (!access.actions.is_empty()).then_some(access)
    };
    all.into_iter().filter_map(narrowed).collect()
}

/// A service-linked role that will be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrerequisiteChange {
    /// The service.
    pub service: String,
    /// The role.
    pub role: Arn,
}

/// Somebody who is proven to be able to put a key's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// The key.
    #[serde(deserialize_with = "address::deserialize")]
    pub key: Address,
    /// Who: an ARN, or the account.
    pub who: String,
    /// By what.
    pub how: String,
}

/// Who makes the calls on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyActor {
    /// The key.
    pub key: Address,
    /// Which of those that were replaced.
    pub deposed: Option<String>,
    /// Who.
    pub actor: Actor,
}

/// What of a module decides what must be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(crate) module: keywright_model::ModuleName,
    pub(crate) account: keywright_model::AccountId,
    pub(crate) region: Region,
    pub(crate) admin_role: Option<Arn>,
    pub(crate) administrators: Vec<Arn>,
    pub(crate) prerequisites: Vec<Arn>,
    /// A replica that is wanted: its address and Region.
    #[serde(with = "super::place")]
    pub(crate) replica: Option<(Address, Region)>,
}

impl ResourceChange {
    /// The kind of resource.
    pub fn kind(&self) -> ResourceKind {
        self.address.kind
    }

    /// Whether an attribute is not to be shown: by its kind, or since a sensitive input is in it.
    pub fn is_sensitive(&self, attribute: &str) -> bool {
        let by_kind = schema(self.kind()).attribute(attribute).is_some_and(|attribute| attribute.sensitive);
        by_kind || self.sensitive.iter().any(|name| name == attribute)
    }

    /// Notes the attributes that one of the secrets is in.
    pub(super) fn mark(&mut self, secrets: &Secrets) {
        let both = [&self.before, &self.after].into_iter().flatten().flatten();
        let mut names: Vec<String> =
            both.filter(|(_, value)| secrets.are_in_value(value)).map(|(name, _)| name.clone()).collect();
        names.sort();
        names.dedup();
        self.sensitive = names;
    }

    /// The resource that an argument refers to.
    pub(crate) fn refers(&self, argument: &str) -> Option<Address> {
        let (_, value) = self.recipe.arguments.iter().find(|(name, _)| name == argument)?;
        value.references().first().map(|reference| reference.address.clone())
    }

    pub(crate) fn key(&self) -> InstanceKey {
        InstanceKey { address: self.address.clone(), deposed: self.deposed.clone() }
    }

    /// Whether a key that is there already, made by somebody else, takes its place.
    pub fn is_adoption(&self) -> bool {
        self.action == Action::Rescue && self.recipe.is_live
    }

    /// Whether a resource is made or changed here.
    pub(crate) fn makes(&self) -> bool {
        matches!(self.action, Action::Create | Action::Update | Action::Replace { .. } | Action::Rescue)
    }
}

impl Plan {
    /// The changes that do something.
    pub fn active(&self) -> impl Iterator<Item = &ResourceChange> {
        self.changes.iter().filter(|change| change.action != Action::NoOp)
    }

    /// Whether applying it would change neither AWS nor an output.
    pub fn is_no_op(&self) -> bool {
        self.active().next().is_none()
            && self.prerequisites.is_empty()
            && self.key_policies.is_empty()
            && self.outputs.iter().all(|output| !output.is_changed())
    }

    /// How many are added, changed and destroyed, as Terraform counts them.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            match change.action {
                Action::NoOp => {}
                Action::Create => counts.add += 1,
                Action::Update | Action::Rescue => counts.change += 1,
                Action::Delete => counts.destroy += 1,
                Action::Replace { .. } => {
                    counts.add += 1;
                    counts.destroy += 1;
                }
            }
        }
        counts
    }
}

/// How many resources are added, changed and destroyed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Added.
    pub add: usize,
    /// Changed in place.
    pub change: usize,
    /// Destroyed.
    pub destroy: usize,
}
