//! Reads each resource of the state once, side by side, as somebody who may.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use keywright_model::{AccountId, Address, Arn, ResourceKind};
use keywright_policy::{Document, PolicyKind, Principal};
use serde_json::{Value, json};

use crate::address::InstanceKey;
use crate::authority::{self, KeyPlace};
use crate::error::EngineError;
use crate::facts::Facts;
use crate::plan::{Drift, Scope, region_of};
use crate::provider::{Actor, Attributes, CallerIdentity, Failure, Observed, Provider, ProviderError};
use crate::schema::schema;
use crate::state::{Held, State};

/// Reads all that a plan follows from.
pub(crate) async fn refresh(
    provider: &dyn Provider,
    state: &State,
    scopes: &[Scope],
    parallelism: usize,
) -> Result<Facts, EngineError> {
    provider.begin_refresh();
    let caller = provider.caller().await.map_err(|error| failed("asking whose credentials these are", error))?;
    check_account(&caller, scopes)?;
    let reader = Reader { provider, state, scopes, caller };
    let actors = reader.actors().await?;
    let (observed, actors) = reader.observe(actors, parallelism).await?;
    let roles = reader.roles(&observed).await?;
    let pending = reader.pending().await?;
    Ok(Facts { caller: reader.caller, observed, roles, pending, actors, grants: BTreeMap::new() })
}

/// Lists the grants of each key that is there. That they may not be listed is a fact, too.
pub(crate) async fn list_grants(provider: &dyn Provider, state: &State, facts: &mut Facts) -> Result<(), EngineError> {
    let is_there = |key: &&InstanceKey| matches!(facts.observed.get(*key), Some(Some(_)));
    let keys = facts.actors.iter().filter(|(key, _)| key.deposed.is_none() && is_there(key));
    let lists = keys.filter_map(|(key, actor)| {
        let arn = Arn::parse(state.attributes(&key.address)?.get("arn")?.as_str()?).ok()?;
        Some(async move { (key.clone(), provider.grants(actor, &arn).await) })
    });
    let mut grants = BTreeMap::new();
    for (key, listed) in join_all(lists.collect::<Vec<_>>()).await {
        let listed = match listed {
            Ok(listed) => Ok(listed),
            Err(error) if is_denied(&error) => Err(error.to_string()),
            Err(error) => return Err(failed(format!("listing the grants of `{key}`"), error)),
        };
        grants.insert(key, listed);
    }
    facts.grants = grants;
    Ok(())
}

/// A key that the state holds, and who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReader {
    /// Its address.
    pub address: Address,
    /// Its ARN.
    pub arn: Arn,
    /// Who may probably read it; who comes first is tried first. Roles are assumed where they are needed.
    pub actors: Vec<Actor>,
}

/// Finds out who may read each key, without reading them.
pub(crate) async fn readers(
    provider: &dyn Provider,
    state: &State,
    scopes: &[Scope],
) -> Result<Vec<KeyReader>, EngineError> {
    provider.begin_refresh();
    let caller = provider.caller().await.map_err(|error| failed("asking whose credentials these are", error))?;
    check_account(&caller, scopes)?;
    let reader = Reader { provider, state, scopes, caller };
    let chosen = reader.actors().await?;
    let current = chosen.into_iter().filter(|(key, _)| key.deposed.is_none());
    let readers = current.filter_map(|(key, chosen)| {
        let arn = state.attributes(&key.address)?.get("arn").and_then(Value::as_str)?;
        let actors = std::iter::once(chosen.actor).chain(chosen.others).collect();
        Some(KeyReader { arn: Arn::parse(arn).ok()?, address: key.address, actors })
    });
    Ok(readers.collect())
}

/// Takes what was read into a state. What is gone is taken out. Gives what was changed outside.
pub(crate) fn take_in(state: &mut State, facts: &Facts) -> Vec<Drift> {
    let mut all = Vec::new();
    for (key, observed) in &facts.observed {
        let before = state.held_at(key).and_then(|instance| instance.attributes().cloned()).unwrap_or_default();
        let Some(observed) = observed else {
            all.push(Drift { address: key.address.clone(), before, after: None, changed: Vec::new() });
            state.remove(key);
            continue;
        };
        let after = schema(key.address.kind).merge(&before, observed.attributes.clone());
        let changed = drifted(key, &before, &after);
        if !changed.is_empty() {
            all.push(Drift { address: key.address.clone(), before, after: Some(after.clone()), changed });
        }
        state.put(key, after, None);
    }
    all
}

/// The attributes that were changed outside.
pub(crate) fn drifted(key: &InstanceKey, before: &Attributes, after: &Attributes) -> Vec<String> {
    let value = |attributes: &Attributes, name: &str| attributes.get(name).cloned().unwrap_or_default();
    let shown =
        schema(key.address.kind).attributes.iter().filter(|attribute| !attribute.volatile && !attribute.sensitive);
    let differs = shown.filter(|it| !it.equal(&value(before, it.name), &value(after, it.name)));
    differs.map(|attribute| attribute.name.to_owned()).collect()
}

/// The key that an instance stands on.
pub(crate) fn key_of(state: &State, kind: ResourceKind, attributes: &Attributes) -> Option<InstanceKey> {
    let text = |name: &str| attributes.get(name).and_then(Value::as_str);
    let named = match kind {
        ResourceKind::KmsKey | ResourceKind::KmsReplicaKey => text("arn"),
        ResourceKind::KmsKeyPolicy | ResourceKind::KmsGrant => text("key_id"),
        ResourceKind::KmsAlias => text("target_key_arn").or_else(|| text("target_key_id")),
        _ => None,
    }?;
    let region = region_of(attributes);
    let is_it = |key: &Attributes| {
        let value = |name: &str| key.get(name).and_then(Value::as_str);
        value("arn") == Some(named) || (value("key_id") == Some(named) && region_of(key) == region)
    };
    let mut keys = state.held().filter(|held| is_key(held.kind()));
    keys.find(|held| held.instance.attributes().is_some_and(is_it)).map(|held| held.key)
}

pub(crate) fn is_key(kind: ResourceKind) -> bool {
    matches!(kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey)
}

/// Who makes the calls on a key, and who else could.
struct Chosen {
    actor: Actor,
    others: Vec<Actor>,
}

/// Why a role could not be assumed.
#[derive(Debug, Clone)]
struct Refusal {
    reason: String,
    /// Whether that is because it was changed, or removed, outside.
    is_changed_outside: bool,
}

/// What each instance is, and who may reach each key.
type Read = (BTreeMap<InstanceKey, Option<Observed>>, BTreeMap<InstanceKey, Actor>);

struct Reader<'a> {
    provider: &'a dyn Provider,
    state: &'a State,
    scopes: &'a [Scope],
    caller: CallerIdentity,
}

impl Reader<'_> {
    /// Chooses, for each key, who makes the calls on it.
    async fn actors(&self) -> Result<BTreeMap<InstanceKey, Chosen>, EngineError> {
        let mut assumed = BTreeMap::new();
        let mut actors = BTreeMap::new();
        for scope in self.scopes {
            for held in self.state.held_in(&scope.module).filter(|held| is_key(held.kind())) {
                let chosen = self.actor(scope, &held.key, &held.attributes(), &mut assumed).await?;
                actors.insert(held.key, chosen);
            }
        }
        Ok(actors)
    }

    async fn actor(
        &self,
        scope: &Scope,
        key: &InstanceKey,
        attributes: &Attributes,
        assumed: &mut BTreeMap<Arn, Result<(), Refusal>>,
    ) -> Result<Chosen, EngineError> {
        let place = region_of(attributes).map(|region| KeyPlace { account: scope.account.clone(), region });
        let policy = self.last_policy(scope, key, attributes).and_then(|text| authority::read(&text));
        let (Some(place), Some(policy)) = (place, policy) else {
            return Ok(Chosen { actor: Actor::Caller, others: self.roles_of_module(scope) });
        };
        let caller = Principal::of_arn(&self.caller.arn, &authority::named_arns(&policy));
        let named = caller.is_some_and(|caller| authority::names(&policy, caller, &place));
        if named || authority::delegates(&policy, &place) {
            return Ok(Chosen { actor: Actor::Caller, others: self.roles_of_module(scope) });
        }
        let mut tried = Vec::new();
        let roles = self.in_preference(scope, authority::administrator_roles(&policy, &place));
        for role in &roles {
            if !assumed.contains_key(role) {
                assumed.insert(role.clone(), self.assume(role).await);
            }
            match assumed.get(role) {
                Some(Err(refusal)) => tried.push((role.to_string(), refusal.clone())),
                _ => {
                    let mut others = self.roles_of_module(scope);
                    // A role that was made again is none of those that the policy lets in; another one may be.
                    others.extend(
                        roles.iter().cloned().map(Actor::Role).filter(|it| !others.contains(it)).collect::<Vec<_>>(),
                    );
                    others.retain(|other| *other != Actor::Role(role.clone()));
                    others.push(Actor::Caller);
                    return Ok(Chosen { actor: Actor::Role(role.clone()), others });
                }
            }
        }
        self.by_trial(key, attributes, tried).await
    }

    /// Assumes a role, or says why that cannot be, and what to do about it.
    async fn assume(&self, role: &Arn) -> Result<(), Refusal> {
        let Err(error) = self.provider.assume(role).await else { return Ok(()) };
        let changed = self.changed_outside(role).await;
        let what = changed.as_ref().map(|what| format!(" ({what})")).unwrap_or_default();
        Err(Refusal { reason: format!("{error}{what}"), is_changed_outside: changed.is_some() })
    }

    /// What became of a role of the state, where that is why it cannot be assumed.
    async fn changed_outside(&self, role: &Arn) -> Option<String> {
        let before = self.role_in_state(role)?;
        let now = match self.provider.read(&Actor::Caller, ResourceKind::IamRole, &before).await.ok()? {
            Some(now) => schema(ResourceKind::IamRole).merge(&before, now.attributes),
            None => return Some("the role is gone, and one of the same name would be another principal".to_owned()),
        };
        let trust = schema(ResourceKind::IamRole).attribute("assume_role_policy")?;
        let value = |role: &Attributes| role.get(trust.name).cloned().unwrap_or_default();
        let name = role.resource().rsplit('/').next().unwrap_or_default();
        (!trust.equal(&value(&before), &value(&now))).then(|| {
            format!(
                "its trust policy was changed outside: repair the trust in IAM, with `aws iam update-assume-role-policy --role-name {name}`"
            )
        })
    }

    fn role_in_state(&self, role: &Arn) -> Option<Attributes> {
        let is_it = |held: &Held<'_>| held.attributes().get("arn").and_then(Value::as_str) == Some(role.as_str());
        let held = self.state.held().filter(|held| held.kind() == ResourceKind::IamRole).find(is_it)?;
        Some(held.attributes())
    }

    /// The policy that is known leaves nobody; somebody may have changed it outside.
    async fn by_trial(
        &self,
        key: &InstanceKey,
        attributes: &Attributes,
        tried: Vec<(String, Refusal)>,
    ) -> Result<Chosen, EngineError> {
        match self.provider.read(&Actor::Caller, key.address.kind, attributes).await {
            Ok(_) => Ok(Chosen { actor: Actor::Caller, others: Vec::new() }),
            Err(error) if is_denied(&error) => {
                let is_changed_outside = tried.iter().any(|(_, refusal)| refusal.is_changed_outside);
                let tried = tried.into_iter().map(|(who, refusal)| (who, refusal.reason)).collect();
                Err(EngineError::NoActor { key: key.to_string(), tried, is_changed_outside })
            }
            Err(error) => Err(failed(format!("reading `{key}`"), error)),
        }
    }

    /// The policy that was last put: the key policy's own resource knows it before the key does.
    fn last_policy(&self, scope: &Scope, key: &InstanceKey, attributes: &Attributes) -> Option<String> {
        let mut policies = self.state.held_in(&scope.module).filter(|held| held.kind() == ResourceKind::KmsKeyPolicy);
        let own = policies.find(|held| key_of(self.state, held.kind(), &held.attributes()).as_ref() == Some(key));
        let text = |attributes: &Attributes| attributes.get("policy").and_then(Value::as_str).map(str::to_owned);
        own.and_then(|held| text(&held.attributes())).or_else(|| text(attributes))
    }

    /// The module's own admin role first.
    fn in_preference(&self, scope: &Scope, mut roles: Vec<Arn>) -> Vec<Arn> {
        let own = self.roles_of_module(scope);
        roles.sort_by_key(|role| !own.contains(&Actor::Role(role.clone())));
        roles
    }

    /// The module's roles that an account's principal may assume, the wanted admin role first.
    fn roles_of_module(&self, scope: &Scope) -> Vec<Actor> {
        let in_state = self.state.held_in(&scope.module).filter(|held| held.kind() == ResourceKind::IamRole);
        let mut roles: Vec<Arn> = in_state.filter_map(|held| administrative(held.instance.attributes()?)).collect();
        roles.sort_by_key(|role| Some(role) != scope.admin_role.as_ref());
        roles.into_iter().map(Actor::Role).collect()
    }

    /// Reads everything, and finds out who may.
    async fn observe(&self, actors: BTreeMap<InstanceKey, Chosen>, parallelism: usize) -> Result<Read, EngineError> {
        let (state, actors) = (self.state, &actors);
        let held = self.scopes.iter().flat_map(|scope| state.held_in(&scope.module));
        let reads: Vec<_> = held.map(|held| self.observe_one(held, actors)).collect();
        let all: Vec<_> = stream::iter(reads).buffer_unordered(parallelism.max(1)).try_collect().await?;
        let mut found: BTreeMap<_, _> = actors.iter().map(|(key, it)| (key.clone(), it.actor.clone())).collect();
        let mut observed = BTreeMap::new();
        for (key, was_observed, actor) in all {
            if let Some(chosen) = found.get_mut(&key) {
                // A run that was cut may have given a key back to IAM policies already, and be about to delete the role.
                let is_delegated = was_observed.as_ref().is_some_and(|observed| is_delegated(&observed.attributes));
                *chosen = if is_delegated { Actor::Caller } else { actor };
            }
            observed.insert(key, was_observed);
        }
        Ok((observed, found))
    }

    async fn observe_one(
        &self,
        held: Held<'_>,
        actors: &BTreeMap<InstanceKey, Chosen>,
    ) -> Result<(InstanceKey, Option<Observed>, Actor), EngineError> {
        let attributes = held.attributes();
        let chosen = key_of(self.state, held.kind(), &attributes).and_then(|key| actors.get(&key));
        match self.read(held.kind(), &attributes, chosen).await {
            Ok((observed, actor)) => Ok((held.key, observed, actor)),
            Err(error) => match self.made_again(chosen, &error).await {
                Some(role) => Err(EngineError::RoleMadeAgain { key: held.key.to_string(), role }),
                None => Err(failed(format!("reading `{}`", held.key), error)),
            },
        }
    }

    /// The role that was denied, if it is not the one of that name that the state knows: to the key's policy it is
    /// another principal.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.
    async fn made_again(&self, chosen: Option<&Chosen>, error: &ProviderError) -> Option<Arn> {
        let Actor::Role(role) = &chosen.filter(|_| is_denied(error))?.actor else { return None };
        let before = self.role_in_state(role)?;
        let now = self.provider.read(&Actor::Caller, ResourceKind::IamRole, &before).await.ok()??;
        (before.get("unique_id") != now.attributes.get("unique_id")).then(|| role.clone())
    }

    /// Reads as who was chosen. Where that is denied, as the others: the policy may have been changed outside, or by a
    /// run whose end was never written down.
    async fn read(
        &self,
        kind: ResourceKind,
        attributes: &Attributes,
        chosen: Option<&Chosen>,
    ) -> Result<(Option<Observed>, Actor), ProviderError> {
        let actor = chosen.map_or(&Actor::Caller, |chosen| &chosen.actor);
        let others = chosen.map(|chosen| chosen.others.as_slice()).unwrap_or_default();
        read_as(self.provider, kind, attributes, actor, others).await
    }

    /// Whether the roles exist that the key policies are to name. A policy that names a role by its ARN proves that it
    /// does: KMS shows a deleted role by its ID.
    async fn roles(
        &self,
        observed: &BTreeMap<InstanceKey, Option<Observed>>,
    ) -> Result<BTreeMap<Arn, bool>, EngineError> {
        let wanted: BTreeSet<&Arn> = self.scopes.iter().flat_map(|scope| &scope.prerequisites).collect();
        let policies: Vec<&str> = observed
            .iter()
            .filter(|(key, _)| is_key(key.address.kind))
            .filter_map(|(_, observed)| observed.as_ref()?.attributes.get("policy")?.as_str())
            .collect();
        let is_named = |role: &Arn| policies.iter().any(|policy| policy.contains(&format!("\"{role}\"")));
        let asked = wanted.into_iter().map(|role| async move {
            if is_named(role) {
                return Ok((role.clone(), true));
            }
            let exists = self.provider.role_exists(role).await;
            exists.map(|exists| (role.clone(), exists)).map_err(|error| failed(format!("looking for `{role}`"), error))
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Replicas that are wanted and not in the state, but there: KMS would not make others beside them.
    async fn pending(&self) -> Result<BTreeMap<Address, Observed>, EngineError> {
        let mut pending = BTreeMap::new();
        for scope in self.scopes {
            let Some((address, region)) = &scope.replica else { continue };
            let there = self.state.attributes(address).and_then(region_of);
            let Some(primary) = self.primary(scope) else { continue };
            if there.as_ref() == Some(region) {
                continue;
            }
            let text = |name: &str| primary.get(name).and_then(Value::as_str).unwrap_or_default();
            let (Some(arn), key_id) = (in_region(text("arn"), region), text("key_id")) else { continue };
            let known =
                json!({"id": key_id, "key_id": key_id, "arn": arn, "region": region, "primary_key_arn": text("arn")});
            let known = known.as_object().cloned().unwrap_or_default();
            let chosen = Chosen { actor: Actor::Caller, others: self.roles_of_module(scope) };
            let read = self.read(ResourceKind::KmsReplicaKey, &known, Some(&chosen)).await;
            let (found, _) = read.map_err(|error| failed(format!("looking for a replica in {region}"), error))?;
            if let Some(found) = found {
                let attributes = schema(ResourceKind::KmsReplicaKey).merge(&Attributes::new(), found.attributes);
                pending.insert(address.clone(), Observed { attributes, standing: found.standing });
            }
        }
        Ok(pending)
    }

    fn primary(&self, scope: &Scope) -> Option<Attributes> {
        let mut keys = self.state.held_in(&scope.module);
        keys.find(|held| held.kind() == ResourceKind::KmsKey && held.key.deposed.is_none())
            .map(|held| held.attributes())
    }
}

/// Reads as one actor; where that is denied, as the first of the others who may.
pub(crate) async fn read_as(
    provider: &dyn Provider,
    kind: ResourceKind,
    attributes: &Attributes,
    actor: &Actor,
    others: &[Actor],
) -> Result<(Option<Observed>, Actor), ProviderError> {
    let denied = match provider.read(actor, kind, attributes).await {
        Err(error) if is_denied(&error) => error,
        answer => return answer.map(|observed| (observed, actor.clone())),
    };
    for other in others {
        if let Actor::Role(role) = other
            && provider.assume(role).await.is_err()
        {
            continue;
        }
        match provider.read(other, kind, attributes).await {
            Err(error) if is_denied(&error) => {}
            answer => return answer.map(|observed| (observed, other.clone())),
        }
    }
    Err(denied)
}

/// The ARN of a role that not only services may assume.
fn administrative(role: &Attributes) -> Option<Arn> {
    let text = |name: &str| role.get(name).and_then(Value::as_str);
    let trust = Document::parse(text("assume_role_policy")?, PolicyKind::Trust).ok()?;
    let arn = Arn::parse(text("arn")?).ok()?;
    (!authority::named_arns(&trust).is_empty()).then_some(arn)
}

/// A multi-Region key has the same ID in each Region.
pub(crate) fn in_region(arn: &str, region: &keywright_model::Region) -> Option<String> {
    let arn = Arn::parse(arn).ok()?;
    Some(format!("arn:{}:kms:{region}:{}:{}", arn.partition(), arn.account(), arn.resource()))
}

pub(crate) fn check_account(caller: &CallerIdentity, scopes: &[Scope]) -> Result<(), EngineError> {
    match scopes.iter().find(|scope| scope.account != caller.account) {
        Some(scope) => Err(EngineError::Account {
            module: scope.module.to_string(),
            wanted: scope.account.clone(),
            found: caller.account.clone(),
            caller: caller.arn.clone(),
        }),
        None => Ok(()),
    }
}

/// Whether the policy that a key has now hands it to the account's IAM policies.
fn is_delegated(key: &Attributes) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let arn = text("arn").and_then(|arn| Arn::parse(arn).ok());
    let account = arn.and_then(|arn| AccountId::parse(arn.account()).ok());
    let place = account.zip(region_of(key)).map(|(account, region)| KeyPlace { account, region });
    let policy = text("policy").and_then(authority::read);
    place.zip(policy).is_some_and(|(place, policy)| authority::delegates(&policy, &place))
}

fn is_denied(error: &ProviderError) -> bool {
    matches!(error.failure, Failure::AccessDenied { .. })
}

pub(crate) fn failed(doing: impl Into<String>, error: ProviderError) -> EngineError {
    EngineError::Provider { doing: doing.into(), error: Box::new(error) }
}
