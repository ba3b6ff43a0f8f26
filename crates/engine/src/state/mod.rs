//! Terraform's state, version 4: what was made, as it was last seen.
//!
//! What is not ours, resources of other kinds and fields that we do not know, is kept as it is: also the very digits of
//! its numbers.

mod journal;
mod kept;
mod lock;
mod record_lock;
mod store;

use std::collections::BTreeSet;
use std::fmt;

use indexmap::IndexMap;
use keywright_model::{Address, Index, ModuleName, ResourceKind};
use keywright_module::Reference;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use journal::{Begun, Journal, mark};
pub use lock::LockInfo;
pub(crate) use lock::{PLAN, StateLock};
use store::Version;
pub use store::{StateError, StateStore};

use kept::{Fields, Kept, Rest};

use crate::address::InstanceKey;
use crate::plan::StoredOutput;
use crate::provider::Attributes;
use crate::schema::{Schema, schema};

/// A state.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct State {
    version: u64,
    /// The Terraform that would have written it.
    pub terraform_version: String,
    /// Grows with each change.
    pub serial: u64,
    /// The same for all states of one origin; empty for a state that was never written.
    pub lineage: String,
    outputs: IndexMap<String, Kept<StoredOutput>>,
    resources: Vec<StateResource>,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
struct StateResource {
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    provider: String,
    instances: Vec<Instance>,
    #[serde(flatten)]
    rest: Rest,
}

/// One instance of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Instance {
    #[serde(skip_serializing_if = "Option::is_none")]
    index_key: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deposed: Option<String>,
    schema_version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Kept<Attributes>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive_attributes: Option<Kept<Vec<Value>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<String>,
    /// The resources that must outlive it, without instance keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    #[serde(flatten)]
    rest: Rest,
}

/// An instance of a kind that we know.
#[derive(Debug, Clone)]
pub(crate) struct Held<'a> {
    pub(crate) key: InstanceKey,
    pub(crate) instance: &'a Instance,
}

impl Held<'_> {
    pub(crate) fn kind(&self) -> ResourceKind {
        self.key.address.kind
    }

    pub(crate) fn attributes(&self) -> Attributes {
        self.instance.attributes().cloned().unwrap_or_default()
    }
}

/// Shows nothing of a sensitive output.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("serial", &self.serial)
            .field("lineage", &self.lineage)
            .field("outputs", &self.stored_outputs())
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            terraform_version: TERRAFORM_VERSION.to_owned(),
            serial: 0,
            lineage: String::new(),
            outputs: IndexMap::new(),
            resources: Vec::new(),
            rest: Rest::from_iter([("check_results".to_owned(), Kept::new(Value::Null))]),
        }
    }
}

impl State {
    /// Each instance of a kind that we know, with its address, but those that were replaced and are still to go.
    pub fn instances(&self) -> impl Iterator<Item = (Address, &Instance)> {
        self.held().filter(|held| held.key.deposed.is_none()).map(|held| (held.key.address, held.instance))
    }

    /// The addresses of all that the state holds, also of what is not ours, in the order of the state.
    pub fn addresses(&self) -> Vec<String> {
        let of_resource = |resource: &StateResource| {
            let prefix = resource.prefix();
            let index = |instance: &Instance| match &instance.index_key {
                Some(Value::Number(number)) => format!("[{number}]"),
                Some(Value::String(key)) => Index::Each(key.clone()).to_string(),
                _ => String::new(),
            };
            resource.instances.iter().map(|instance| format!("{prefix}{}", index(instance))).collect::<Vec<_>>()
        };
        self.resources.iter().flat_map(of_resource).collect()
    }

    /// The instance at an address.
    pub fn instance(&self, address: &Address) -> Option<&Instance> {
        self.held_at(&InstanceKey::current(address))
    }

    /// The root outputs.
    pub fn stored_outputs(&self) -> IndexMap<String, StoredOutput> {
        self.outputs.iter().map(|(name, output)| (name.clone(), (**output).clone())).collect()
    }

    /// The root output of that name; a null if there is none.
    pub(crate) fn output(&self, name: &str) -> StoredOutput {
        self.outputs.get(name).map(|output| (**output).clone()).unwrap_or_default()
    }

    pub(crate) fn output_names(&self) -> impl Iterator<Item = &String> {
        self.outputs.keys()
    }

    /// Puts a root output. A null takes it out. Tells whether that changes anything.
    pub(crate) fn put_output(&mut self, name: &str, output: StoredOutput) -> bool {
        if output.value.is_null() {
            return self.outputs.shift_remove(name).is_some();
        }
        if self.outputs.get(name).is_some_and(|held| **held == output) {
            return false;
        }
        self.outputs.insert(name.to_owned(), Kept::new(output));
        self.outputs.sort_unstable_keys();
        true
    }

    /// Whether it holds resources that are none of these modules'. What a module only read is not counted.
    pub(crate) fn holds_others(&self, modules: &BTreeSet<ModuleName>) -> bool {
        let is_theirs = |resource: &StateResource| {
            let name = resource.module.as_ref().and_then(|path| path.strip_prefix("module."));
            name.is_some_and(|name| modules.iter().any(|module| module.as_str() == name))
        };
        self.resources.iter().any(|resource| resource.mode == MANAGED && !is_theirs(resource))
    }

    /// Whether it holds nothing at all.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    pub(crate) fn attributes(&self, address: &Address) -> Option<&Attributes> {
        self.instance(address)?.attributes()
    }

    /// What a reference is worth; none while its resource is not there.
    pub(crate) fn look_up(&self, reference: &Reference) -> Option<Value> {
        self.attributes(&reference.address)?.get(reference.attribute).cloned()
    }

    pub(crate) fn held(&self) -> impl Iterator<Item = Held<'_>> {
        self.resources.iter().flat_map(|resource| {
            let place = resource.place();
            resource.instances.iter().filter_map(move |instance| {
                let (module, kind) = place.clone()?;
                let address = Address { module, kind, name: resource.name.clone(), index: instance.index()? };
                Some(Held { key: InstanceKey { address, deposed: instance.deposed.clone() }, instance })
            })
        })
    }

    /// What stands under a module.
    pub(crate) fn held_in<'a>(&'a self, module: &'a ModuleName) -> impl Iterator<Item = Held<'a>> {
        self.held().filter(move |held| held.key.address.module.as_ref() == Some(module))
    }

    pub(crate) fn held_at(&self, key: &InstanceKey) -> Option<&Instance> {
        self.held().find(|held| held.key == *key).map(|held| held.instance)
    }

    /// Puts what a resource is now, and takes the place of what was there.
    pub(crate) fn put(&mut self, key: &InstanceKey, attributes: Attributes, dependencies: Option<Vec<String>>) {
        let schema = schema(key.address.kind);
        let resource = self.resource_for(&key.address);
        let found = resource.instances.iter_mut().find(|instance| instance.is_at(key));
        match found {
            Some(instance) => instance.renew(attributes, schema, dependencies),
            None => resource.instances.push(Instance::new(key, schema.complete(attributes), dependencies)),
        }
        self.sort();
    }

    /// Takes an instance out.
    pub(crate) fn remove(&mut self, key: &InstanceKey) {
        for resource in &mut self.resources {
            if resource.is_for(&key.address) {
                resource.instances.retain(|instance| !instance.is_at(key));
            }
        }
        self.resources.retain(|resource| !resource.instances.is_empty() || resource.place().is_none());
    }

    /// Sets an instance aside, for another takes its place before it goes.
    pub(crate) fn depose(&mut self, address: &Address, deposed: &str) {
        let key = InstanceKey::current(address);
        for resource in self.resources.iter_mut().filter(|resource| resource.is_for(address)) {
            for instance in resource.instances.iter_mut().filter(|instance| instance.is_at(&key)) {
                instance.deposed = Some(deposed.to_owned());
            }
        }
    }

    /// Lets an instance that was set aside count again, and sets the one aside that counted.
    pub(crate) fn reinstate(&mut self, key: &InstanceKey) {
        let current = InstanceKey::current(&key.address);
        for resource in self.resources.iter_mut().filter(|resource| resource.is_for(&key.address)) {
            for instance in &mut resource.instances {
                if instance.is_at(key) {
                    instance.deposed = None;
                } else if instance.is_at(&current) {
                    instance.deposed.clone_from(&key.deposed);
                }
            }
        }
        self.sort();
    }

    /// Moves an instance to another address of the same kind.
    pub(crate) fn rename(&mut self, from: &Address, to: &Address) {
        let key = InstanceKey::current(from);
        let Some(mut instance) = self.held_at(&key).cloned() else { return };
        self.remove(&key);
        instance.index_key = index_key(to);
        self.resource_for(to).instances.push(instance);
        self.sort();
    }

    /// Changes one attribute, where the instance is there.
    pub(crate) fn set_attribute(&mut self, key: &InstanceKey, name: &str, value: Value) {
        let place = self.resources.iter_mut().filter(|resource| resource.is_for(&key.address));
        for instance in place.flat_map(|resource| &mut resource.instances).filter(|instance| instance.is_at(key)) {
            if let Some(attributes) = &mut instance.attributes {
                attributes.change().insert(name.to_owned(), value.clone());
            }
        }
    }

    /// Drops grant tokens, which are secrets, from what another tool wrote. Tells whether there were any.
    pub fn drop_secrets(&mut self) -> bool {
        let grants = self.resources.iter_mut().filter(|resource| resource.kind == ResourceKind::KmsGrant.type_name());
        let mut found = false;
        for attributes in grants.flat_map(|grant| &mut grant.instances).filter_map(|grant| grant.attributes.as_mut()) {
            if attributes.get("grant_token").is_some_and(|token| !token.is_null()) {
                attributes.change().insert("grant_token".to_owned(), Value::Null);
                found = true;
            }
        }
        found
    }

    /// Lets all that stands under a module stand under another.
    pub(crate) fn rename_module(&mut self, from: &ModuleName, to: &ModuleName) {
        let (old, new) = (format!("module.{from}"), format!("module.{to}"));
        for resource in &mut self.resources {
            if resource.module.as_ref() == Some(&old) {
                resource.module = Some(new.clone());
            }
            for dependency in resource.instances.iter_mut().flat_map(|instance| &mut instance.dependencies) {
                if let Some(rest) = dependency.strip_prefix(&format!("{old}.")) {
                    *dependency = format!("{new}.{rest}");
                }
            }
        }
        self.sort();
    }

    /// Takes in what another state holds. What both hold stays as it is here.
    ///
    /// # Errors
    /// The address at which the two hold different things.
    pub(crate) fn absorb(&mut self, other: Self) -> Result<(), String> {
        for resource in other.resources {
            let same = self.resources.iter_mut().find(|own| own.order() == resource.order());
            match same {
                Some(own) => own.absorb(resource)?,
                None => self.resources.push(resource),
            }
        }
        for (name, output) in other.outputs {
            self.outputs.entry(name).or_insert(output);
        }
        self.sort();
        Ok(())
    }

    #[expect(clippy::indexing_slicing, reason = "the position was found, or is where the new one was put")]
    fn resource_for(&mut self, address: &Address) -> &mut StateResource {
        let at = self.resources.iter().position(|resource| resource.is_for(address)).unwrap_or(self.resources.len());
        if at == self.resources.len() {
            self.resources.push(StateResource::new(address));
        }
        &mut self.resources[at]
    }

    fn sort(&mut self) {
        self.resources.sort_by(|left, right| left.order().cmp(&right.order()));
        for resource in &mut self.resources {
            resource.instances.sort_by_key(Instance::order);
        }
    }
}

impl StateResource {
    fn new(address: &Address) -> Self {
        Self {
            module: address.module.as_ref().map(|name| format!("module.{name}")),
            mode: MANAGED.to_owned(),
            kind: address.kind.type_name().to_owned(),
            name: address.name.clone(),
            provider: PROVIDER.to_owned(),
            instances: Vec::new(),
            rest: Rest::new(),
        }
    }

    /// The module and the kind, where it is a resource that we can know.
    fn place(&self) -> Option<(Option<ModuleName>, ResourceKind)> {
        let kind = ResourceKind::from_type_name(&self.kind).filter(|_| self.mode == MANAGED)?;
        let module = match &self.module {
            Some(path) => Some(ModuleName::parse(path.strip_prefix("module.")?).ok()?),
            None => None,
        };
        Some((module, kind))
    }

    fn is_for(&self, address: &Address) -> bool {
        self.name == address.name
            && self.place().is_some_and(|(module, kind)| module == address.module && kind == address.kind)
    }

    fn absorb(&mut self, other: Self) -> Result<(), String> {
        let prefix = other.prefix();
        for instance in other.instances {
            let is_there = |own: &&Instance| own.index_key == instance.index_key && own.deposed == instance.deposed;
            let id = |it: &Instance| it.attributes().and_then(|all| all.get("id")).cloned();
            match self.instances.iter().find(is_there) {
                Some(own) if id(own) == id(&instance) => {}
                Some(_) => return Err(prefix),
                None => self.instances.push(instance),
            }
        }
        Ok(())
    }

    fn order(&self) -> (&Option<String>, &str, &str, &str) {
        (&self.module, &self.mode, &self.kind, &self.name)
    }

    fn prefix(&self) -> String {
        let module = self.module.as_ref().map(|module| format!("{module}.")).unwrap_or_default();
        let data = if self.mode == MANAGED { "" } else { "data." };
        format!("{module}{data}{}.{}", self.kind, self.name)
    }
}

impl Instance {
    /// The names of the attributes that must not be shown, or hold something that must not be.
    pub fn sensitive(&self) -> Vec<&str> {
        let paths = self.sensitive_attributes.iter().flat_map(|paths| paths.iter());
        paths.filter_map(|path| path.pointer("/0/value")?.as_str()).collect()
    }

    /// The attributes, by the names of the provider's schema.
    pub fn attributes(&self) -> Option<&Attributes> {
        self.attributes.as_deref()
    }

    /// Whether Terraform would replace it, whatever its attributes are.
    pub(crate) fn is_tainted(&self) -> bool {
        self.status.as_deref() == Some("tainted")
    }

    fn new(key: &InstanceKey, attributes: Attributes, dependencies: Option<Vec<String>>) -> Self {
        let schema = schema(key.address.kind);
        Self {
            index_key: index_key(&key.address),
            status: None,
            deposed: key.deposed.clone(),
            schema_version: schema.version,
            attributes: Some(Kept::new(attributes)),
            sensitive_attributes: Some(Kept::new(schema.sensitive_paths())),
            private: schema.private.map(str::to_owned),
            dependencies: dependencies.unwrap_or_default(),
            rest: Rest::new(),
        }
    }

    fn renew(&mut self, attributes: Attributes, schema: &Schema, dependencies: Option<Vec<String>>) {
        let attributes = schema.complete(attributes);
        match &mut self.attributes {
            Some(held) => held.set(attributes),
            none => *none = Some(Kept::new(attributes)),
        }
        self.schema_version = schema.version;
        if let Some(dependencies) = dependencies {
            self.dependencies = dependencies;
        }
    }

    /// None if the index is of no shape that we know.
    fn index(&self) -> Option<Option<Index>> {
        match &self.index_key {
            None | Some(Value::Null) => Some(None),
            Some(Value::String(key)) => Some(Some(Index::Each(key.clone()))),
            Some(number) => Some(Some(Index::Count(number.as_u64()?))),
        }
    }

    fn is_at(&self, key: &InstanceKey) -> bool {
        self.deposed == key.deposed && self.index().is_some_and(|index| index == key.address.index)
    }

    fn order(&self) -> (Option<Index>, Option<String>) {
        (self.index().flatten(), self.deposed.clone())
    }
}

impl TryFrom<Fields> for State {
    type Error = String;

    fn try_from(mut fields: Fields) -> Result<Self, String> {
        Ok(Self {
            version: fields.take("version")?,
            terraform_version: fields.take("terraform_version")?,
            serial: fields.take("serial")?,
            lineage: fields.take("lineage")?,
            outputs: outputs(fields.take_or_default("outputs")?)?,
            resources: fields.take_or_default("resources")?,
            rest: fields.rest()?,
        })
    }
}

impl TryFrom<Fields> for StateResource {
    type Error = String;

    fn try_from(mut fields: Fields) -> Result<Self, String> {
        Ok(Self {
            module: fields.take_or_default("module")?,
            mode: fields.take("mode")?,
            kind: fields.take("type")?,
            name: fields.take("name")?,
            provider: fields.take("provider")?,
            instances: fields.take_or_default("instances")?,
            rest: fields.rest()?,
        })
    }
}

impl TryFrom<Fields> for Instance {
    type Error = String;

    fn try_from(mut fields: Fields) -> Result<Self, String> {
        Ok(Self {
            index_key: fields.take_or_default("index_key")?,
            status: fields.take_or_default("status")?,
            deposed: fields.take_or_default("deposed")?,
            schema_version: fields.take_or_default("schema_version")?,
            attributes: fields.take_or_default("attributes")?,
            sensitive_attributes: fields.take_or_default("sensitive_attributes")?,
            private: fields.take_or_default("private")?,
            dependencies: fields.take_or_default("dependencies")?,
            rest: fields.rest()?,
        })
    }
}

/// Reads the outputs. What is wrong with one is told without its value, which may be a secret.
fn outputs(texts: IndexMap<String, Box<RawValue>>) -> Result<IndexMap<String, Kept<StoredOutput>>, String> {
    let output = |(name, text): (String, Box<RawValue>)| match kept::read(&text) {
        Ok(output) => Ok((name, output)),
        Err(_) => Err(format!("the output `{name}` is no object with `value` and `type`")),
    };
    texts.into_iter().map(output).collect()
}

fn index_key(address: &Address) -> Option<Value> {
    match address.index.as_ref()? {
        Index::Count(number) => Some((*number).into()),
        Index::Each(key) => Some(key.clone().into()),
    }
}

pub(crate) const VERSION: u64 = 4;
const TERRAFORM_VERSION: &str = "1.11.4";
const MANAGED: &str = "managed";
const PROVIDER: &str = r#"provider["registry.terraform.io/hashicorp/aws"]"#;
