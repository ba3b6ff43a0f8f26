//! Finds a key in AWS, and what belongs to it by the names that the inputs give.

use std::collections::{BTreeMap, BTreeSet};

use keywright_model::{Address, Arn, Diagnostic, Diagnostics, ResourceKind};
use keywright_module::{Desired, DesiredResource};
use serde_json::{Value, json};

use super::{not_found, not_multi_region, refuse_another_key, refuse_elsewhere, refused, settle_addresses, unfit};
use crate::address::InstanceKey;
use crate::error::EngineError;
use crate::plan::{in_order, prospect, scope};
use crate::provider::{Actor, Attributes, Failure, KeyGrant, Observed, Provider, Standing};
use crate::refresh::{check_account, failed, in_region, is_key, read_as};
use crate::schema::schema;
use crate::state::State;

/// The state with the key and what belongs to it, and what there is to say about it.
///
/// # Errors
/// When the key is not there, cannot be read, or could not become the module's.
pub(crate) async fn find(
    provider: &dyn Provider,
    mut own: State,
    desired: &Desired,
    key: &str,
    replica: Option<&Arn>,
) -> Result<(State, Diagnostics), EngineError> {
    settle_addresses(&mut own, desired);
    provider.begin_refresh();
    let caller = provider.caller().await.map_err(|error| failed("asking whose credentials these are", error))?;
    check_account(&caller, &[scope(desired)])?;
    let arn = resolve(provider, desired, key).await?;
    let actor = fit_actor(provider, desired, &arn).await?;
    refuse_another_key(&own, desired, arn.as_str())?;
    let taken = grant_ids(&own);
    let mut finder = Finder { provider, desired, arn, actor, state: own, taken, notes: Diagnostics::new() };
    finder.check_replica(replica)?;
    for (resource, dependencies) in in_order(desired) {
        finder.adopt(resource, dependencies).await?;
    }
    finder.require_replica(replica)?;
    Ok((finder.state, finder.notes))
}

/// The ARN of the key that is named by ARN, ID or alias.
async fn resolve(provider: &dyn Provider, desired: &Desired, key: &str) -> Result<Arn, EngineError> {
    let name = match Arn::parse(key) {
        Ok(arn) if arn.service() == "kms" => {
            refuse_elsewhere(desired, &arn)?;
            arn.resource().to_owned()
        }
        _ if key.starts_with("arn:") => return Err(EngineError::Refused(no_key(key).into())),
        _ => key.to_owned(),
    };
    let id = match name.strip_prefix("key/") {
        Some(id) => id.to_owned(),
        None if name.starts_with("alias/") => target(provider, desired, &name).await?,
        None => name,
    };
    let (region, account) = (&desired.region, &desired.account);
    Arn::new(region.partition(), "kms", Some(region), Some(account), &format!("key/{id}"))
        .map_err(|_| EngineError::Refused(no_key(key).into()))
}

fn no_key(key: &str) -> Diagnostic {
    Diagnostic::error("key-unnamed", format!("`{key}` names no key"))
        .help("name it by its ARN, its ID (`mrk-…`) or an alias (`alias/…`)")
}

async fn target(provider: &dyn Provider, desired: &Desired, alias: &str) -> Result<String, EngineError> {
    let known = object(json!({"id": alias, "name": alias, "region": desired.region}));
    let read = provider.read(&Actor::Caller, ResourceKind::KmsAlias, &known).await;
    let found = read.map_err(|error| failed(format!("looking for `{alias}`"), error))?;
    let target = found.as_ref().and_then(|it| text(&it.attributes, "target_key_id")).filter(|id| !id.is_empty());
    let target = target.map(|id| id.rsplit('/').next().unwrap_or(id).to_owned());
    target.ok_or_else(|| EngineError::Refused(not_found(&format!("a key of the alias `{alias}`")).into()))
}

/// Who may read the key, if it could become the module's.
async fn fit_actor(provider: &dyn Provider, desired: &Desired, arn: &Arn) -> Result<Actor, EngineError> {
    // Read as a replica, a key tells what its primary is.
    let known = key_known(arn, desired.region.as_str());
    let others = possible_actors(desired);
    let read = read_as(provider, ResourceKind::KmsReplicaKey, &known, &Actor::Caller, &others).await;
    let (found, actor) = match read {
        Err(error) if is_absent(&error.failure) => (None, Actor::Caller),
        read => read.map_err(|error| failed(format!("reading `{arn}`"), error))?,
    };
    let found = found.ok_or_else(|| EngineError::Refused(not_found(&format!("`{arn}`")).into()))?;
    check_fit(arn, &found)?;
    Ok(actor)
}

fn check_fit(arn: &Arn, found: &Observed) -> Result<(), EngineError> {
    let value = |name: &str| text(&found.attributes, name).unwrap_or_default();
    let key = format!("`{arn}`");
    let primary = value("primary_key_arn");
    if primary.is_empty() {
        return Err(EngineError::Refused(not_multi_region(&key).into()));
    }
    if primary != arn.as_str() {
        return Err(refused(
            "key-is-replica",
            format!("{key} is a replica"),
            format!("its primary is `{primary}`"),
            "name the primary, in the module's `aws_region`",
        ));
    }
    for (name, wanted) in [("key_spec", "SYMMETRIC_DEFAULT"), ("key_usage", "ENCRYPT_DECRYPT")] {
        if value(name) != wanted {
            return Err(EngineError::Refused(unfit(&key, name).into()));
        }
    }
    match found.standing {
        Standing::Live => Ok(()),
        Standing::PendingDeletion { .. } => Err(refused(
            "key-pending-deletion",
            format!("{key} is pending deletion"),
            "all that it protects goes with it".to_owned(),
            "to keep the key, cancel that first: `aws kms cancel-key-deletion`, then `aws kms enable-key`",
        )),
    }
}

/// Whom the key's policy may name where it does not let the caller in.
fn possible_actors(desired: &Desired) -> Vec<Actor> {
    let administration = &desired.administration;
    let admin_role = administration.admin_role.iter().map(|role| role.arn.clone());
    let roles = administration.key_administrators.iter().filter(|arn| arn.resource_of_kind("role").is_some()).cloned();
    admin_role.chain(roles).map(Actor::Role).collect()
}

struct Finder<'a> {
    provider: &'a dyn Provider,
    desired: &'a Desired,
    arn: Arn,
    actor: Actor,
    state: State,
    /// The grants that have an address already.
    taken: BTreeSet<String>,
    notes: Diagnostics,
}

impl Finder<'_> {
    /// Puts the resource into the state, if it is there.
    async fn adopt(&mut self, resource: &DesiredResource, dependencies: Vec<String>) -> Result<(), EngineError> {
        let kind = resource.address.kind;
        let wanted = prospect(resource, &self.state);
        let known = match kind {
            ResourceKind::KmsGrant => self.grant(&resource.address, &wanted).await?,
            _ => self.known(kind, &wanted),
        };
        let Some(known) = known else { return Ok(()) };
        let Some(found) = self.read(&resource.address, &known).await? else { return Ok(()) };
        if self.is_anothers(&resource.address, &found) {
            return Ok(());
        }
        let attributes = schema(kind).merge(&unread(kind, &wanted), found.attributes);
        self.state.put(&InstanceKey::current(&resource.address), attributes, Some(dependencies));
        Ok(())
    }

    async fn read(&self, address: &Address, known: &Attributes) -> Result<Option<Observed>, EngineError> {
        let others = possible_actors(self.desired);
        let on_key =
            is_key(address.kind) || matches!(address.kind, ResourceKind::KmsKeyPolicy | ResourceKind::KmsGrant);
        let actor = if on_key { &self.actor } else { &Actor::Caller };
        match read_as(self.provider, address.kind, known, actor, &others).await {
            Err(error) if is_absent(&error.failure) => Ok(None),
            read => Ok(read.map_err(|error| failed(format!("looking for `{address}`"), error))?.0),
        }
    }

    /// By what a resource is looked for; none where what it hangs on is not there.
    fn known(&self, kind: ResourceKind, wanted: &Attributes) -> Option<Attributes> {
        let value = |name: &str| text(wanted, name);
        let known = match kind {
            ResourceKind::KmsKey => key_known(&self.arn, self.desired.region.as_str()),
            ResourceKind::KmsReplicaKey => {
                let region = value("region")?;
                key_known(&self.replica_arn(region)?, region)
            }
            ResourceKind::KmsKeyPolicy => {
                object(json!({"id": value("key_id")?, "key_id": value("key_id")?, "region": value("region")?}))
            }
            ResourceKind::KmsAlias => object(
                json!({"id": value("name")?, "name": value("name")?, "region": value("region")?, "target_key_id": value("target_key_id")?}),
            ),
            ResourceKind::IamRole => object(json!({"id": value("name")?, "name": value("name")?})),
            ResourceKind::IamPolicy => object(json!({"id": self.policy_arn(wanted)?, "arn": self.policy_arn(wanted)?})),
            ResourceKind::IamRolePolicyAttachment => {
                object(json!({"role": value("role")?, "policy_arn": value("policy_arn")?}))
            }
            ResourceKind::LogMetricFilter => object(
                json!({"id": value("name")?, "name": value("name")?, "log_group_name": value("log_group_name")?, "region": value("region")?}),
            ),
            ResourceKind::MetricAlarm => object(
                json!({"id": value("alarm_name")?, "alarm_name": value("alarm_name")?, "region": value("region")?}),
            ),
            ResourceKind::KmsGrant => return None,
        };
        Some(known)
    }

    fn policy_arn(&self, wanted: &Attributes) -> Option<String> {
        let (partition, account) = (self.arn.partition(), &self.desired.account);
        let path = text(wanted, "path").unwrap_or("/");
        Some(format!("arn:{partition}:iam::{account}:policy{path}{}", text(wanted, "name")?))
    }

    /// A grant is found by the ID that the state holds, else by its name.
    async fn grant(&mut self, address: &Address, wanted: &Attributes) -> Result<Option<Attributes>, EngineError> {
        let (Some(key), Some(region), Some(name)) =
            (text(wanted, "key_id"), text(wanted, "region"), text(wanted, "name"))
        else {
            return Ok(None);
        };
        let Some(arn) = Arn::parse(key).ok().or_else(|| self.replica_arn(region)) else { return Ok(None) };
        let listed = self.provider.grants(&self.actor, &arn).await;
        let grants = listed.map_err(|error| failed(format!("listing the grants of `{arn}`"), error))?;
        let held = self.state.attributes(address).and_then(|it| text(it, "grant_id"));
        let known = grants.iter().find(|it| Some(it.grant_id.as_str()) == held);
        let Some(found) = known.or_else(|| self.grant_by_name(address, name, &grants, wanted)) else { return Ok(None) };
        self.taken.insert(found.grant_id.clone());
        let id = format!("{key}:{}", found.grant_id);
        Ok(Some(object(json!({"id": id, "grant_id": found.grant_id, "key_id": key, "region": region}))))
    }

    /// Of the grants of a name, the one that is most like what is wanted. Of several none: the others would be left standing,
    /// and nobody knows which one it is.
    fn grant_by_name<'g>(
        &mut self,
        address: &Address,
        name: &str,
        grants: &'g [KeyGrant],
        wanted: &Attributes,
    ) -> Option<&'g KeyGrant> {
        let named = grants.iter().filter(|it| it.name.as_deref() == Some(name) && !self.taken.contains(&it.grant_id));
        let named: Vec<&KeyGrant> = named.collect();
        let best = named.iter().map(|grant| likeness(grant, wanted)).max();
        let alike: Vec<&KeyGrant> = named.into_iter().filter(|it| Some(likeness(it, wanted)) == best).collect();
        match alike.as_slice() {
            [] => None,
            [one] => Some(*one),
            several => {
                self.notes.push(grant_ambiguous(address, name, several));
                None
            }
        }
    }

    /// A replica that is going is no part of the state: the plan finds it, and rescues it. An alias of another key is not
    /// taken away from it.
    fn is_anothers(&mut self, address: &Address, found: &Observed) -> bool {
        if address.kind == ResourceKind::KmsAlias {
            let target = text(&found.attributes, "target_key_id").unwrap_or_default();
            let is_other = target.rsplit('/').next() != self.arn.resource().strip_prefix("key/");
            if is_other {
                self.notes.push(alias_elsewhere(address, target));
            }
            return is_other;
        }
        is_key(address.kind) && found.standing != Standing::Live
    }

    fn replica_arn(&self, region: &str) -> Option<Arn> {
        let region = keywright_model::Region::parse(region).ok()?;
        Arn::parse(&in_region(self.arn.as_str(), &region)?).ok()
    }

    /// Whether the replica that was named can be the one that the inputs want.
    fn check_replica(&self, replica: Option<&Arn>) -> Result<(), EngineError> {
        let Some(replica) = replica else { return Ok(()) };
        let wanted = self.desired.replication_region.as_ref().and_then(|region| self.replica_arn(region.as_str()));
        match wanted {
            None => Err(refused(
                "replica-unwanted",
                format!("`{replica}` is to be adopted, and the inputs want no replica"),
                "the first apply would schedule its deletion".to_owned(),
                "set `replication_region`, and enable a bucket in `replication_region_buckets`",
            )),
            Some(wanted) if wanted != *replica => Err(refused(
                "replica-elsewhere",
                format!("`{replica}` is not the replica that the inputs want"),
                format!("that is `{wanted}`"),
                "correct `--replica`, or `replication_region`",
            )),
            Some(_) => Ok(()),
        }
    }

    fn require_replica(&self, replica: Option<&Arn>) -> Result<(), EngineError> {
        let is_it = |replica: &&Arn| {
            let arns =
                self.state.held_in(&self.desired.module).filter_map(|held| Some(held.attributes().get("arn")?.clone()));
            arns.into_iter().any(|arn| arn.as_str() == Some(replica.as_str()))
        };
        match replica {
            Some(arn) if !is_it(&arn) => Err(EngineError::Refused(not_found(&format!("the replica `{arn}`")).into())),
            _ => Ok(()),
        }
    }
}

fn alias_elsewhere(address: &Address, target: &str) -> Diagnostic {
    Diagnostic::warning("alias-elsewhere", format!("`{address}` leads to another key, and was not adopted"))
        .because(format!("it is an alias of `{target}`; apply will not take it away from that key"))
        .help("delete that alias, or leave it out of `aliases`")
}

fn grant_ambiguous(address: &Address, name: &str, grants: &[&KeyGrant]) -> Diagnostic {
    let ids: Vec<String> = grants.iter().map(|grant| format!("`{}`", grant.grant_id)).collect();
    Diagnostic::warning("grant-ambiguous", format!("`{address}` could be any of several grants, and none was adopted"))
        .because(format!("{} have the name `{name}`, and fit alike", ids.join(" and ")))
        .help("revoke those that are not wanted (`aws kms revoke-grant`), and import again; else the first apply makes one beside them")
}

/// Grantee and operations first, then what else a grant is made of.
fn likeness(grant: &KeyGrant, wanted: &Attributes) -> (bool, bool, bool, bool) {
    let operations: BTreeSet<&str> = grant.operations.iter().map(String::as_str).collect();
    let asked = wanted.get("operations").and_then(Value::as_array);
    let asked: BTreeSet<&str> = asked.into_iter().flatten().filter_map(Value::as_str).collect();
    (
        text(wanted, "grantee_principal") == Some(&grant.grantee),
        operations == asked,
        text(wanted, "retiring_principal") == grant.retiring.as_deref(),
        is_constrained_alike(grant, wanted),
    )
}

fn is_constrained_alike(grant: &KeyGrant, wanted: &Attributes) -> bool {
    let block = wanted.get("constraints").and_then(|it| it.get(0));
    let pairs = |name: &str| -> BTreeMap<String, String> {
        let object = block.and_then(|it| it.get(name)?.as_object());
        let owned = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
        object.into_iter().flatten().filter_map(owned).collect()
    };
    grant.source_arn.is_none()
        && grant.encryption_context_equals == pairs("encryption_context_equals")
        && grant.encryption_context_subset == pairs("encryption_context_subset")
}

/// The grants that have an address in the state.
fn grant_ids(state: &State) -> BTreeSet<String> {
    let grants = state.held().filter(|held| held.kind() == ResourceKind::KmsGrant);
    grants.filter_map(|held| text(&held.attributes(), "grant_id").map(str::to_owned)).collect()
}

/// What AWS does not tell is as the inputs have it.
fn unread(kind: ResourceKind, wanted: &Attributes) -> Attributes {
    let unread = schema(kind).attributes.iter().filter(|attribute| attribute.unread);
    unread.filter_map(|it| Some((it.name.to_owned(), wanted.get(it.name)?.clone()))).collect()
}

fn key_known(arn: &Arn, region: &str) -> Attributes {
    let id = arn.resource().strip_prefix("key/").unwrap_or_default();
    object(json!({"id": id, "key_id": id, "arn": arn, "region": region}))
}

fn is_absent(failure: &Failure) -> bool {
    matches!(failure, Failure::NotFound { .. })
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name)?.as_str()
}

fn object(value: Value) -> Attributes {
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1";

    #[track_caller]
    fn check(spec: &str, usage: &str, primary: &str, expect: Option<(&str, &str)>) {
        let arn = Arn::parse(KEY).expect("an ARN");
        let attributes = object(json!({"primary_key_arn": primary, "key_spec": spec, "key_usage": usage}));
        let refused = check_fit(&arn, &Observed { attributes, standing: Standing::Live }).err();
        let told = refused.map(|error| error.diagnostics().into_iter().next().expect("a diagnostic"));
        match (told, expect) {
            (None, None) => {}
            (Some(told), Some((code, summary))) => {
                assert_eq!(told.code, code);
                assert!(told.summary.contains(summary) && told.summary.contains(KEY), "{}", told.summary);
            }
            (told, _) => panic!("{told:?}, not {expect:?}"),
        }
    }

    #[test]
    fn only_a_symmetric_primary_for_encryption_fits() {
        check("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", KEY, None);
        check("RSA_2048", "ENCRYPT_DECRYPT", KEY, Some(("key-unfit", "`key_spec` cannot be changed")));
        check("RSA_2048", "SIGN_VERIFY", KEY, Some(("key-unfit", "`key_spec`")));
        check("SYMMETRIC_DEFAULT", "GENERATE_VERIFY_MAC", KEY, Some(("key-unfit", "`key_usage` cannot be changed")));
        check("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "", Some(("key-not-multi-region", "single-Region")));
        let elsewhere = KEY.replace("eu-west-1", "us-east-1");
        check("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", &elsewhere, Some(("key-is-replica", "is a replica")));
    }
}
