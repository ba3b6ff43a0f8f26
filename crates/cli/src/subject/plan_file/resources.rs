//! The resources of a plan, and which of them refers to which.

use std::collections::BTreeMap;

use keywright_model::{Arn, Region};
use serde_json::{Map, Value};

/// A plan, as far as keys and principals are concerned.
pub(super) struct Plan<'a> {
    pub(super) resources: Vec<Resource<'a>>,
    /// The policies that keywright's own plans put last, by the address of the key.
    pub(super) final_policies: BTreeMap<&'a str, &'a str>,
    /// What the configuration says of each resource, by its address without indices.
    blocks: BTreeMap<String, &'a Value>,
    /// The configuration's providers, `aws` and `aws.ALIAS`.
    providers: Option<&'a Value>,
    is_ours: bool,
    /// What keywright's own plans say that arguments refer to.
    references: Option<&'a Value>,
}

/// A resource as it will be.
pub(super) struct Resource<'a> {
    pub(super) address: String,
    /// `module.a.module.b.`, or nothing for the root module.
    pub(super) module: String,
    pub(super) kind: String,
    pub(super) values: Map<String, Value>,
    unknown: Option<&'a Value>,
}

impl<'a> Plan<'a> {
    /// The plan in the JSON that Terraform, or keywright, shows it in. None if it is something else.
    pub(super) fn read(value: &'a Value) -> Option<Self> {
        let mut resources: Vec<Resource<'a>> = Vec::new();
        let changes = value.get("resource_changes").and_then(Value::as_array);
        let planned = value.get("planned_values").or_else(|| value.get("values"));
        if changes.is_none() && planned.is_none() {
            return None;
        }
        for change in changes.into_iter().flatten() {
            resources.extend(changed(change));
        }
        if let Some(root) = planned.and_then(|it| it.get("root_module")) {
            let mut rest = Vec::new();
            gather(root, &mut rest);
            rest.retain(|it| !resources.iter().any(|known| known.address == it.address));
            resources.extend(rest);
        }
        let ours = value.get("keywright");
        let policies = ours.and_then(|it| it.get("key_policies")?.as_array()).into_iter().flatten();
        let policies = policies.filter_map(|it| Some((it.get("key")?.as_str()?, it.get("after")?.as_str()?)));
        let configuration = value.get("configuration");
        let mut blocks = BTreeMap::new();
        if let Some(root) = configuration.and_then(|it| it.get("root_module")) {
            gather_blocks(root, "", &mut blocks);
        }
        let providers = configuration.and_then(|it| it.get("provider_config"));
        Some(Self {
            resources,
            final_policies: policies.collect(),
            blocks,
            providers,
            is_ours: ours.is_some(),
            references: ours.and_then(|it| it.get("references")),
        })
    }

    /// The Region of a resource, where the plan tells: its own, or its provider's.
    pub(super) fn region(&self, resource: &Resource<'_>) -> Option<Region> {
        let own = resource.text("region").and_then(|it| Region::parse(it).ok());
        own.or_else(|| {
            let block = self.blocks.get(&without_indices(&resource.address))?;
            let provider = self.providers?.get(block.get("provider_config_key")?.as_str()?)?;
            Region::parse(provider.pointer("/expressions/region/constant_value")?.as_str()?).ok()
        })
    }

    /// Whether the configuration gives an attribute a value, or a block, that is known only after apply.
    pub(super) fn leaves_open(&self, resource: &Resource<'_>, attribute: &str) -> bool {
        let is_set = self.expressions(resource).is_some_and(|it| it.get(attribute).is_some());
        is_set && resource.is_partly_unknown(attribute)
    }

    /// Whether it cannot be told which resource an attribute names: another module's output, say.
    pub(super) fn is_untold(&self, resource: &Resource<'_>, attribute: &str) -> bool {
        !self.is_ours && resource.text(attribute).is_none() && self.target(resource, attribute).is_none()
    }

    /// Whether the configuration sets the attribute; also where there is no configuration to tell.
    pub(super) fn may_set(&self, resource: &Resource<'_>, attribute: &str) -> bool {
        match self.expressions(resource) {
            Some(expressions) => expressions.get(attribute).is_some(),
            None => true,
        }
    }

    /// Whether an attribute of a resource names this key: by what is known, or by what it refers to.
    pub(super) fn refers_to_key(&self, resource: &Resource<'_>, attribute: &str, key: &Resource<'_>) -> bool {
        if let Some(name) = resource.text(attribute) {
            let same_id = key.text("key_id").is_some_and(|id| id == name || name.ends_with(&format!(":key/{id}")));
            let same_region = self.region(resource) == self.region(key);
            return key.text("arn") == Some(name) || (same_id && !name.starts_with("arn:") && same_region);
        }
        if let Some(target) = self.target(resource, attribute) {
            return target.address == key.address;
        }
        // keywright's own plans hold no configuration, and one key for each Region of a module.
        self.is_ours && resource.module == key.module && resource.text("region") == key.text("region")
    }

    /// The ARN of the role or user that an attribute refers to, where its name is known.
    pub(super) fn principal(&self, resource: &Resource<'_>, attribute: &str, key: &Arn) -> Option<String> {
        let target = self.target(resource, attribute)?;
        target.text("arn").map(str::to_owned).or_else(|| target.iam_arn(key.partition(), key.account()))
    }

    /// The resource that an attribute refers to, if it is one of the plan, and only one.
    pub(super) fn target(&self, resource: &Resource<'_>, attribute: &str) -> Option<&Resource<'a>> {
        let own = self.references.and_then(|it| it.get(&resource.address)?.get(attribute)?.as_str());
        if let Some(address) = own {
            return self.resources.iter().find(|it| it.address == address);
        }
        let references = self.expressions(resource)?.get(attribute)?.get("references")?.as_array()?;
        let mut targets = references.iter().filter_map(Value::as_str).filter_map(|it| self.named(resource, it));
        let first = targets.next()?;
        targets.all(|it| it.address == first.address).then_some(first)
    }

    fn expressions(&self, resource: &Resource<'_>) -> Option<&'a Value> {
        self.blocks.get(&without_indices(&resource.address))?.get("expressions")
    }

    fn named(&self, from: &Resource<'_>, reference: &str) -> Option<&Resource<'a>> {
        let wanted = format!("{}{reference}", from.module);
        if let Some(exact) = self.resources.iter().find(|it| it.address == wanted) {
            return Some(exact);
        }
        let instances = || {
            self.resources.iter().filter(|it| it.address.strip_prefix(&wanted).is_some_and(|it| it.starts_with('[')))
        };
        let index = from.address.rfind('[').and_then(|at| from.address.get(at..)).unwrap_or_default();
        let same_index = instances().find(|it| !index.is_empty() && it.address == format!("{wanted}{index}"));
        same_index.or_else(|| instances().next().filter(|_| instances().count() == 1))
    }
}

impl Resource<'_> {
    /// A text among its attributes.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// Whether the attribute is known only after apply. Where nothing else tells, what is left out is.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        match self.unknown {
            Some(unknown) => unknown.get(name) == Some(&Value::Bool(true)),
            None => !self.values.contains_key(name),
        }
    }

    /// Whether the attribute, or something in it, is known only after apply.
    pub(super) fn is_partly_unknown(&self, name: &str) -> bool {
        self.is_unknown(name) || self.unknown.and_then(|it| it.get(name)).is_some_and(holds_true)
    }

    /// The ARN that a role or user will have.
    pub(super) fn iam_arn(&self, partition: &str, account: &str) -> Option<String> {
        let kind = match self.kind.as_str() {
            "aws_iam_role" => "role",
            "aws_iam_user" => "user",
            "aws_iam_policy" => "policy",
            _ => return None,
        };
        let path = self.text("path").unwrap_or("/");
        Some(format!("arn:{partition}:iam::{account}:{kind}{path}{}", self.text("name")?))
    }
}

fn holds_true(unknown: &Value) -> bool {
    match unknown {
        Value::Bool(is_unknown) => *is_unknown,
        Value::Array(items) => items.iter().any(holds_true),
        Value::Object(fields) => fields.values().any(holds_true),
        _ => false,
    }
}

/// A resource of `resource_changes`; none if it goes, or is only read.
fn changed(change: &Value) -> Option<Resource<'_>> {
    let values = change.pointer("/change/after")?.as_object()?.clone();
    let is_data = change.get("mode").and_then(Value::as_str) == Some("data");
    let is_deposed = change.get("deposed").is_some();
    (!is_data && !is_deposed).then_some(())?;
    let address = change.get("address")?.as_str()?.to_owned();
    let module = module_of(change.get("module_address").and_then(Value::as_str), &address);
    let unknown = change.pointer("/change/after_unknown");
    Some(Resource { address, module, kind: change.get("type")?.as_str()?.to_owned(), values, unknown })
}

/// The resources of `planned_values`, module by module.
fn gather<'a>(module: &'a Value, found: &mut Vec<Resource<'a>>) {
    let prefix = module.get("address").and_then(Value::as_str);
    for resource in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        let (Some(address), Some(kind), Some(values)) =
            (text("address"), text("type"), resource.get("values").and_then(Value::as_object))
        else {
            continue;
        };
        if text("mode") != Some("data") {
            let (address, module) = (address.to_owned(), module_of(prefix, address));
            found.push(Resource { address, module, kind: kind.to_owned(), values: values.clone(), unknown: None });
        }
    }
    for child in module.get("child_modules").and_then(Value::as_array).into_iter().flatten() {
        gather(child, found);
    }
}

/// The blocks of the configuration, module by module.
fn gather_blocks<'a>(module: &'a Value, prefix: &str, found: &mut BTreeMap<String, &'a Value>) {
    for block in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
        if let Some(address) = block.get("address").and_then(Value::as_str) {
            found.insert(format!("{prefix}{address}"), block);
        }
    }
    for (name, call) in module.get("module_calls").and_then(Value::as_object).into_iter().flatten() {
        if let Some(child) = call.get("module") {
            gather_blocks(child, &format!("{prefix}module.{name}."), found);
        }
    }
}

/// Modules come first in an address: `module.a["x"].aws_kms_key.k`.
fn module_of(known: Option<&str>, address: &str) -> String {
    match known {
        Some(module) if !module.is_empty() => format!("{module}."),
        Some(_) => String::new(),
        None => address.find("aws_").and_then(|at| address.get(..at)).unwrap_or_default().to_owned(),
    }
}

/// The address of the block in the configuration.
fn without_indices(address: &str) -> String {
    let (mut plain, mut depth, mut quoted) = (String::new(), 0_usize, false);
    for letter in address.chars() {
        match letter {
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_in_the_configuration_without_its_indices() {
        for (address, plain) in
            [("aws_kms_key.k", "aws_kms_key.k"), ("module.a[\"x.[y]\"].aws_kms_key.k[0]", "module.a.aws_kms_key.k")]
        {
            assert_eq!(without_indices(address), plain);
        }
    }
}
