//! What the modules of a folder would make.

use keywright_engine::{State, StateStore};
use keywright_model::{Address, Arn, Diagnostic, Diagnostics, Region, ResourceKind};
use keywright_module::{Desired, DesiredResource, Module, Reference};
use keywright_policy::{Document, PolicyKind};
use serde_json::Value;

use super::{GrantOnKey, Identity, NamedDocument, Origin, Part, PolicyText, Subject, condition_keys, key_arn};
use crate::args::SubjectArguments;
use crate::session;

/// Reads the primary key and the replica of each module, as they would be once applied.
///
/// # Errors
/// All that is wrong with the inputs, or a state that cannot be read.
pub(super) fn read(arguments: &SubjectArguments) -> Result<Vec<Subject>, Diagnostics> {
    let configuration = &arguments.configuration.0;
    let modules = session::modules(configuration)?;
    let path = session::existing_state_path(&configuration.folder, configuration.local);
    let state = StateStore::new(path).load().map_err(|error| error.diagnostic())?;
    let mut subjects = Vec::new();
    for module in &modules {
        let wanted = Wanted { module, desired: &module.desired(), state: &state };
        subjects.extend(wanted.subjects()?);
    }
    Ok(subjects)
}

/// A module's resources beside what exists of them.
struct Wanted<'a> {
    module: &'a Module,
    desired: &'a Desired,
    state: &'a State,
}

/// A key of a module.
struct Key<'a> {
    address: &'a Address,
    arn: Arn,
}

impl Wanted<'_> {
    fn subjects(&self) -> Result<Vec<Subject>, Diagnostics> {
        let keys = self.keys()?;
        let identities = self.admin_role(&keys)?;
        let mut subjects = Vec::new();
        for key in &keys {
            let Some(document) = self.policy(key) else { continue };
            let policy = PolicyText::rendered(document.clone(), Some(self.module.place().clone()));
            let subject = Subject::new(
                key.address.to_string(),
                Origin::Folder,
                key.arn.clone(),
                self.desired.account.clone(),
                policy,
            );
            subjects.push(Subject {
                part: part(key.address),
                aliases: self.aliases(key, &keys),
                grants: self.grants(key, &keys)?,
                identities: identities.clone(),
                condition_keys: self.condition_keys(key, &keys),
                notes: notes(&subject),
                ..subject
            });
        }
        Ok(subjects)
    }

    /// The primary first. The replica shares its ID.
    fn keys(&self) -> Result<Vec<Key<'_>>, Diagnostic> {
        let is_key =
            |it: &&DesiredResource| matches!(it.address.kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey);
        let resources: Vec<&DesiredResource> = self.desired.resources.iter().filter(is_key).collect();
        let id = resources.iter().find_map(|it| self.existing(&it.address, "key_id"));
        let id = id.as_ref().and_then(Value::as_str);
        let mut keys = Vec::new();
        for resource in resources {
            let arn = key_arn(self.region(&resource.address), &self.desired.account, id)?;
            keys.push(Key { address: &resource.address, arn });
        }
        Ok(keys)
    }

    fn region(&self, key: &Address) -> &Region {
        let replica = self.desired.replication_region.as_ref().filter(|_| part(key) == Part::Replica);
        replica.unwrap_or(&self.desired.region)
    }

    fn policy(&self, key: &Key<'_>) -> Option<&Document> {
        match part(key.address) {
            Part::Primary => Some(&self.desired.administration.primary_policy),
            Part::Replica => self.desired.administration.replica_policy.as_ref(),
        }
    }

    /// The grants whose key is this one.
    fn grants(&self, key: &Key<'_>, keys: &[Key<'_>]) -> Result<Vec<GrantOnKey>, Diagnostic> {
        let grants = self.desired.resources.iter().filter(|it| it.address.kind == ResourceKind::KmsGrant);
        let on_key = grants.filter(|it| self.argument(it, "key_id", keys).as_str() == Some(key.arn.as_str()));
        on_key.map(|it| self.grant(it, keys)).collect()
    }

    fn grant(&self, grant: &DesiredResource, keys: &[Key<'_>]) -> Result<GrantOnKey, Diagnostic> {
        let arguments = grant.arguments.keys().map(|name| ((*name).to_owned(), self.argument(grant, name, keys)));
        let address = grant.address.to_string();
        GrantOnKey::of_attributes(&address, &arguments.collect()).ok_or_else(|| {
            Diagnostic::error("unknown-grant", format!("it cannot be told what `{address}` gives to whom"))
                .help("its grantee is not known before it is made; apply, then ask with `--live`")
        })
    }

    fn aliases(&self, key: &Key<'_>, keys: &[Key<'_>]) -> Vec<String> {
        let aliases = self.desired.resources.iter().filter(|it| it.address.kind == ResourceKind::KmsAlias);
        let is_own = |it: &&DesiredResource| {
            let target = self.argument(it, "target_key_id", keys);
            let target = target.as_str().unwrap_or_default();
            target == key.arn.as_str()
                || (part(key.address) == Part::Primary && Some(target) == key.arn.resource_of_kind("key"))
        };
        let names = aliases.filter(is_own).map(|it| self.argument(it, "name", keys));
        names.filter_map(|it| it.as_str().map(str::to_owned)).collect()
    }

    fn condition_keys(&self, key: &Key<'_>, keys: &[Key<'_>]) -> Vec<(String, Vec<String>)> {
        let resource = self.desired.resources.iter().find(|it| it.address == *key.address);
        let names = resource.into_iter().flat_map(|it| it.arguments.keys().map(move |name| (it, *name)));
        let arguments = names.map(|(it, name)| (name.to_owned(), self.argument(it, name, keys))).collect();
        condition_keys(part(key.address), &arguments, &self.aliases(key, keys))
    }

    /// The admin role, with the policy that the module gives it.
    fn admin_role(&self, keys: &[Key<'_>]) -> Result<Vec<Identity>, Diagnostics> {
        let Some(role) = &self.desired.administration.admin_role else { return Ok(Vec::new()) };
        let mut policies = Vec::new();
        for policy in self.desired.resources.iter().filter(|it| it.address.kind == ResourceKind::IamPolicy) {
            let text = self.argument(policy, "policy", keys);
            let name = policy.address.to_string();
            let document = Document::parse(text.as_str().unwrap_or_default(), PolicyKind::Identity);
            let unreadable = |_| Diagnostic::error("unknown-policy", format!("it cannot be told what `{name}` says"));
            policies.push(NamedDocument { document: document.map_err(unreadable)?, name: name.clone() });
        }
        Ok(vec![Identity { arn: role.arn.clone(), policies, boundary: None }])
    }

    fn argument(&self, resource: &DesiredResource, name: &str, keys: &[Key<'_>]) -> Value {
        let value = resource.arguments.get(name);
        value.map(|it| it.resolve(&|reference| self.attribute(reference, keys)).value).unwrap_or_default()
    }

    /// What an attribute of a resource is, or will be.
    fn attribute(&self, reference: &Reference, keys: &[Key<'_>]) -> Option<Value> {
        let (address, attribute) = (&reference.address, reference.attribute);
        if let Some(key) = keys.iter().find(|it| it.address == address) {
            return match attribute {
                "arn" => Some(key.arn.as_str().into()),
                "key_id" | "id" => key.arn.resource_of_kind("key").map(Into::into),
                _ => None,
            };
        }
        let resource = self.desired.resources.iter().find(|it| it.address == *address)?;
        let name = || self.argument(resource, "name", &[]).as_str().map(str::to_owned);
        match (address.kind, attribute) {
            (ResourceKind::IamRole, "arn") => {
                let resource = format!("role/{}", name()?);
                let arn =
                    Arn::new(self.desired.region.partition(), "iam", None, Some(&self.desired.account), &resource);
                arn.ok().map(|arn| arn.as_str().into())
            }
            (_, "name") => name().map(Into::into),
            _ => self.existing(address, attribute),
        }
    }

    fn existing(&self, address: &Address, attribute: &str) -> Option<Value> {
        self.state.instance(address)?.attributes()?.get(attribute).filter(|it| !it.is_null()).cloned()
    }
}

fn part(key: &Address) -> Part {
    if key.kind == ResourceKind::KmsReplicaKey { Part::Replica } else { Part::Primary }
}

fn notes(subject: &Subject) -> Vec<String> {
    let not_yet =
        (!subject.is_key_id_known()).then(|| "the key does not exist yet: the ID in its ARN is made up".to_owned());
    let desired = "this is what the configuration asks for; `--live` asks AWS what is there".to_owned();
    not_yet.into_iter().chain([desired]).collect()
}
