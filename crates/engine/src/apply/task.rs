//! One step, prepared from the state and carried out by the provider.

use keywright_model::{Address, Arn, Diagnostic, ResourceKind};
use keywright_module::Reference;
use serde_json::{Value, json};

use super::Execution;
use super::report::Doing;
use crate::authority::{self, KeyPlace};
use crate::error::call_failed;
use crate::plan::{Action, KeyPolicyChange, ResourceChange, Work, normalised_json, work_out};
use crate::provider::{Actor, Attributes, Creation, CreationToken, Provider, ProviderError};
use crate::refresh::is_key;
use crate::schema::schema;
use crate::state::{Begun, mark};

/// What one step asks of AWS.
#[derive(Debug, Clone)]
pub(super) enum Task {
    Create {
        begun: Box<Begun>,
        tagged: bool,
    },
    Update {
        actor: Actor,
        kind: ResourceKind,
        prior: Attributes,
        planned: Attributes,
    },
    Rescue {
        actor: Actor,
        kind: ResourceKind,
        known: Attributes,
        planned: Attributes,
        is_live: bool,
    },
    Settle {
        actor: Actor,
        kind: ResourceKind,
        known: Attributes,
        token: Option<CreationToken>,
    },
    Put {
        actors: Vec<Actor>,
        key: Arn,
        policy: String,
        resource: Option<Attributes>,
    },
    Delete {
        actor: Actor,
        kind: ResourceKind,
        prior: Attributes,
    },
    MakeServiceLinkedRole {
        service: String,
    },
    /// What goes has no call of its own.
    Forget,
}

/// Why a step failed.
#[derive(Debug)]
pub(super) enum TaskError {
    Call(ProviderError),
    /// None of the roles that could put the policy could be assumed.
    NoActor(Vec<(Arn, ProviderError)>),
    /// What the step refers to is not known.
    Unknown {
        attribute: String,
    },
}

impl TaskError {
    pub(super) fn diagnostic(&self, address: &str, doing: Doing) -> Diagnostic {
        match self {
            Self::Call(error) => call_failed(&format!("{doing} of `{address}`"), error),
            Self::NoActor(tried) => {
                let tried: Vec<_> = tried.iter().map(|(role, error)| format!("{role}: {error}")).collect();
                Diagnostic::error("no-actor", format!("`{address}` was not put: no role that may put it could be assumed"))
                    .because(format!("{}. The key keeps the policy that it had", tried.join("; ")))
                    .help("let your principal assume one of these roles (its trust policy and your IAM policy must allow it; give `--mfa-serial` and `--mfa-code` where it asks for MFA), then run again: only this is left to do")
            }
            Self::Unknown { attribute } => {
                Diagnostic::error("unknown-value", format!("`{attribute}` of `{address}` is not known yet"))
                    .because("what it refers to was not made")
                    .help("run again to go on from here")
            }
        }
    }
}

impl Task {
    pub(super) fn begun(&self) -> Option<&Begun> {
        match self {
            Self::Create { begun, .. } => Some(begun),
            _ => None,
        }
    }

    /// Under which key what it replaces is set aside.
    pub(super) fn deposed_key(&self) -> String {
        match self {
            Self::Create { begun, .. } => deposed_key(&begun.token),
            _ => deposed_key(&CreationToken(uuid::Uuid::new_v4().to_string())),
        }
    }
}

/// Eight hexadecimal digits, as Terraform has them.
pub(super) fn deposed_key(token: &CreationToken) -> String {
    token.0.chars().filter(char::is_ascii_hexdigit).take(8).collect()
}

/// Carries a task out. Gives the attributes of what was made or changed.
pub(super) async fn perform(provider: &dyn Provider, task: &Task) -> Result<Option<Attributes>, TaskError> {
    match task {
        Task::Create { begun, .. } => {
            let creation = creation(begun);
            provider.create(&begun.actor(), &creation).await.map(Some).map_err(TaskError::Call)
        }
        Task::Update { actor, kind, prior, planned } => {
            provider.update(actor, *kind, prior, planned).await.map(Some).map_err(TaskError::Call)
        }
        Task::Rescue { actor, kind, known, planned, is_live } => {
            rescue(provider, actor, *kind, known, planned, *is_live).await.map(Some).map_err(TaskError::Call)
        }
        Task::Settle { actor, kind, known, .. } => {
            provider.settle(actor, *kind, known).await.map(|()| None).map_err(TaskError::Call)
        }
        Task::Put { actors, key, policy, .. } => put(provider, actors, key, policy).await.map(|()| None),
        Task::Delete { actor, kind, prior } => {
            provider.delete(actor, *kind, prior).await.map(|()| None).map_err(TaskError::Call)
        }
        Task::MakeServiceLinkedRole { service } => {
            provider.create_service_linked_role(service).await.map(|()| None).map_err(TaskError::Call)
        }
        Task::Forget => Ok(None),
    }
}

pub(super) fn creation(begun: &Begun) -> Creation<'_> {
    Creation {
        kind: begun.address.kind,
        planned: &begun.planned,
        interim_policy: begun.interim_policy.as_deref(),
        token: &begun.token,
    }
}

async fn rescue(
    provider: &dyn Provider,
    actor: &Actor,
    kind: ResourceKind,
    known: &Attributes,
    planned: &Attributes,
    is_live: bool,
) -> Result<Attributes, ProviderError> {
    let prior = match is_live {
        true => known.clone(),
        false => schema(kind).merge(known, provider.rescue(actor, kind, known).await?.attributes),
    };
    let mut planned = planned.clone();
    planned.insert("policy".to_owned(), prior.get("policy").cloned().unwrap_or_default());
    let updated = provider.update(actor, kind, &prior, &planned).await?;
    if is_live {
        // The mark of a run that is not ours: nobody else takes it off any more.
        provider.settle(actor, kind, &updated).await?;
    }
    Ok(updated)
}

/// Puts a policy as the first actor that can be had.
async fn put(provider: &dyn Provider, actors: &[Actor], key: &Arn, policy: &str) -> Result<(), TaskError> {
    let mut tried = Vec::new();
    for actor in actors {
        if let Actor::Role(role) = actor
            && let Err(error) = provider.assume(role).await
        {
            tried.push((role.clone(), error));
            continue;
        }
        return provider.put_key_policy(actor, key, policy).await.map_err(TaskError::Call);
    }
    Err(TaskError::NoActor(tried))
}

impl Execution<'_> {
    /// What a step asks of AWS, from what is known by now.
    pub(super) fn prepare(&mut self, at: usize) -> Result<Task, TaskError> {
        let Some(work) = self.steps.get(at).map(|step| step.work) else { return Ok(Task::Forget) };
        match work {
            Work::MakeServiceLinkedRole(at) => {
                let service = self.run.plan.prerequisites.get(at).map(|it| it.service.clone()).unwrap_or_default();
                Ok(Task::MakeServiceLinkedRole { service })
            }
            Work::Make(at) => self.prepare_making(at),
            Work::Settle(at) => Ok(self.prepare_settling(at)),
            Work::Delete(at) => Ok(self.prepare_deletion(at)),
            Work::PutPolicy(at) | Work::PutBridge(at) | Work::Delegate(at) => self.prepare_policy(work, at),
        }
    }

    fn prepare_making(&self, at: usize) -> Result<Task, TaskError> {
        let Some(change) = self.change(at) else { return Ok(Task::Forget) };
        let kind = change.kind();
        match (&change.action, &change.recipe.rescued) {
            (Action::Create | Action::Replace { .. }, None) => self.prepare_creation(change),
            (Action::Create | Action::Replace { .. }, Some(known)) => {
                let planned = self.planned(change, Some(known))?;
                let actor = self.actor_for_rescue(change);
                let is_live = change.recipe.is_live;
                Ok(Task::Rescue { actor, kind, known: known.clone(), planned, is_live })
            }
            (Action::Rescue, rescued) => {
                let held = self.run.state.attributes(&change.address);
                let known = rescued.as_ref().or(held).cloned().unwrap_or_default();
                let planned = self.planned(change, Some(&known))?;
                let (actor, is_live) = (self.actor_for_rescue(change), change.recipe.is_live);
                Ok(Task::Rescue { actor, kind, known, planned, is_live })
            }
            _ => {
                let prior = self.run.state.attributes(&change.address).cloned().unwrap_or_default();
                let mut planned = self.planned(change, Some(&prior))?;
                if is_key(kind) {
                    // Its policy is put last, by who may.
                    planned.insert("policy".to_owned(), prior.get("policy").cloned().unwrap_or_default());
                }
                Ok(Task::Update { actor: self.actor(kind, &prior), kind, prior, planned })
            }
        }
    }

    fn prepare_creation(&self, change: &ResourceChange) -> Result<Task, TaskError> {
        let kind = change.kind();
        let planned = self.planned(change, None)?;
        let role = match self.actor_for_creation(change, &planned) {
            Actor::Role(role) => Some(role),
            Actor::Caller => None,
        };
        let prior = self.run.state.attributes(&change.address);
        let begun = Begun {
            address: change.address.clone(),
            token: CreationToken(uuid::Uuid::new_v4().to_string()),
            role,
            planned,
            interim_policy: change.recipe.interim_policy.clone(),
            dependencies: change.recipe.dependencies.clone(),
            replaces: prior.and_then(mark),
        };
        let tagged = schema(kind).attribute("tags").is_some();
        Ok(Task::Create { begun: Box::new(begun), tagged })
    }

    /// A replica is made from its primary, and so by who may use that.
    fn actor_for_creation(&self, change: &ResourceChange, planned: &Attributes) -> Actor {
        match change.kind() {
            ResourceKind::KmsKey => Actor::Caller,
            ResourceKind::KmsReplicaKey => {
                let primary = json!({"arn": planned.get("primary_key_arn")});
                self.actor(ResourceKind::KmsKey, &primary.as_object().cloned().unwrap_or_default())
            }
            kind => self.actor(kind, planned),
        }
    }

    /// Who acts on a key that is on its way out: as on any key of the state; else as its policy says.
    fn actor_for_rescue(&self, change: &ResourceChange) -> Actor {
        let key = change.key();
        if change.action == Action::Rescue && self.run.state.instance(&change.address).is_some() {
            return self.actor_on(&key);
        }
        let rescued = change.recipe.rescued.as_ref().and_then(|known| known.get("policy")).and_then(Value::as_str);
        let scope = self.run.plan.scopes.iter().find(|scope| Some(&scope.module) == change.address.module.as_ref());
        let (Some(policy), Some(scope), Some(region)) = (rescued.and_then(authority::read), scope, &change.region)
        else {
            return Actor::Caller;
        };
        let place = KeyPlace { account: scope.account.clone(), region: region.clone() };
        let roles = self.run.plan.actors.iter().filter(|it| it.key.module == change.address.module);
        let role = roles.map(|it| &it.actor).find(|actor| matches!(actor, Actor::Role(_))).cloned();
        role.filter(|_| !authority::delegates(&policy, &place)).unwrap_or(Actor::Caller)
    }

    /// All attributes as they are to be; every argument must be known by now.
    fn planned(&self, change: &ResourceChange, prior: Option<&Attributes>) -> Result<Attributes, TaskError> {
        let lookup = |reference: &Reference| self.run.state.look_up(reference);
        let prospect = work_out(change.kind(), &change.recipe.arguments, prior, &lookup);
        let configured = |name: &&String| change.recipe.arguments.iter().any(|(argument, _)| argument == *name);
        match prospect.unknown.keys().find(configured) {
            Some(attribute) => Err(TaskError::Unknown { attribute: attribute.clone() }),
            None => Ok(prospect.after),
        }
    }

    fn prepare_settling(&self, at: usize) -> Task {
        let Some(change) = self.change(at) else { return Task::Forget };
        let known = self.run.state.attributes(&change.address).cloned().unwrap_or_default();
        let token = self.tokens.get(&at).cloned();
        Task::Settle { actor: self.actor(change.kind(), &known), kind: change.kind(), known, token }
    }

    fn prepare_deletion(&self, at: usize) -> Task {
        let Some(key) = self.old_key(at) else { return Task::Forget };
        let prior = self.run.state.held_at(&key).and_then(|instance| instance.attributes().cloned());
        let Some(prior) = prior.filter(|_| key.address.kind != ResourceKind::KmsKeyPolicy) else { return Task::Forget };
        let kind = key.address.kind;
        let actor = if is_key(kind) { self.actor_on(&key) } else { self.actor(kind, &prior) };
        Task::Delete { actor, kind, prior }
    }

    fn prepare_policy(&self, work: Work, at: usize) -> Result<Task, TaskError> {
        let Some(change) = self.run.plan.key_policies.get(at) else { return Ok(Task::Forget) };
        let key = self.policy_key(at);
        let held = key.and_then(|key| self.run.state.held_at(&key)?.attributes());
        let arn = held.and_then(|it| it.get("arn")).and_then(Value::as_str);
        let unknown = |attribute: &str| TaskError::Unknown { attribute: attribute.to_owned() };
        let key = arn.and_then(|arn| Arn::parse(arn).ok()).ok_or_else(|| unknown("arn"))?;
        let (policy, actors) = match (work, &change.bridge) {
            (Work::PutBridge(_), Some(bridge)) => (bridge.policy.clone(), bridge.actors.clone()),
            _ => (change.after.clone(), change.actors.clone()),
        };
        let resource = self.policy_resource(work, change)?;
        // Arguments that were unknown in the plan are known by now.
        let own = resource.as_ref().and_then(|it| it.get("policy")).and_then(Value::as_str).map(str::to_owned);
        let policy = own.or_else(|| normalised_json(&policy)).unwrap_or(policy);
        Ok(Task::Put { actors, key, policy, resource })
    }

    /// The attributes of the policy's own resource, where it is one.
    fn policy_resource(&self, work: Work, change: &KeyPolicyChange) -> Result<Option<Attributes>, TaskError> {
        let is_own = change.resource.kind == ResourceKind::KmsKeyPolicy && matches!(work, Work::PutPolicy(_));
        let Some(planned) = self.making_of(&change.resource).filter(|_| is_own) else { return Ok(None) };
        let prior = self.run.state.attributes(&change.resource).filter(|_| planned.action == Action::Update);
        let mut attributes = self.planned(planned, prior)?;
        let id = attributes.get("key_id").cloned().unwrap_or_default();
        attributes.insert("id".to_owned(), id);
        Ok(Some(attributes))
    }

    fn making_of(&self, address: &Address) -> Option<&ResourceChange> {
        self.run.plan.changes.iter().find(|change| change.address == *address && change.makes())
    }
}
