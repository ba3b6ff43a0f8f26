//! What a resource will be: its arguments over what it is.

use indexmap::IndexMap;
use keywright_model::ResourceKind;
use keywright_module::{Reference, Value as Template};
use serde_json::{Map, Value};

use crate::provider::Attributes;
use crate::schema::{Attribute, Compare, schema};

/// What a resource will be, as far as it is known.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Prospect {
    /// The attributes; what is not known is missing or, inside of a value, null.
    pub(crate) after: Attributes,
    /// `true` in place of each part that is not known.
    pub(crate) unknown: Map<String, Value>,
}

/// Works out what a resource will be.
///
/// `lookup` gives none for what is not known yet. A value that means the same as the one that is there keeps its text.
pub(crate) fn work_out(
    kind: ResourceKind,
    arguments: &[(String, Template)],
    prior: Option<&Attributes>,
    lookup: &dyn Fn(&Reference) -> Option<Value>,
) -> Prospect {
    let arguments: IndexMap<&str, &Template> = arguments
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .filter(|(_, value)| **value != Template::Null)
        .collect();
    let mut prospect = Prospect::default();
    for attribute in schema(kind).attributes {
        let old = prior.map(|prior| prior.get(attribute.name).cloned().unwrap_or_default());
        let (value, unknown) = match arguments.get(attribute.name) {
            Some(argument) => {
                let resolved = argument.resolve(lookup);
                (normalised(attribute, resolved.value), resolved.unknown)
            }
            None => unconfigured(attribute, old.as_ref(), &prospect),
        };
        prospect.set(attribute, old, value, unknown);
    }
    prospect.follow(kind, prior);
    prospect
}

impl Prospect {
    /// The arguments that differ from what is there, or may.
    pub(crate) fn changed(&self, kind: ResourceKind, prior: &Attributes) -> Vec<&'static Attribute> {
        let differs = |attribute: &&Attribute| {
            let value = |attributes: &Attributes| attributes.get(attribute.name).cloned().unwrap_or_default();
            self.unknown.contains_key(attribute.name) || !attribute.equal(&value(prior), &value(&self.after))
        };
        schema(kind).attributes.iter().filter(|attribute| attribute.is_argument()).filter(differs).collect()
    }

    fn set(&mut self, attribute: &Attribute, old: Option<Value>, value: Value, unknown: Value) {
        let name = attribute.name.to_owned();
        if unknown != Value::Bool(false) {
            if unknown != Value::Bool(true) {
                self.after.insert(name.clone(), value);
            }
            self.unknown.insert(name, unknown);
            return;
        }
        let kept = old.filter(|old| attribute.kept || attribute.equal(old, &value)).unwrap_or(value);
        self.after.insert(name, kept);
    }

    /// Computed attributes that follow a change of an argument.
    fn follow(&mut self, kind: ResourceKind, prior: Option<&Attributes>) {
        let Some(prior) = prior else { return };
        let moved = self.changed(kind, prior).iter().any(|attribute| attribute.name == "target_key_id");
        if kind == ResourceKind::KmsAlias && moved {
            self.after.remove("target_key_arn");
            self.unknown.insert("target_key_arn".to_owned(), Value::Bool(true));
        }
    }
}

/// The value of what is not configured, and whether it is unknown.
fn unconfigured(attribute: &Attribute, old: Option<&Value>, so_far: &Prospect) -> (Value, Value) {
    if attribute.name == "tags_all" {
        let unknown = so_far.unknown.get("tags").cloned().unwrap_or(Value::Bool(false));
        let tags = so_far.after.get("tags").filter(|tags| tags.is_object()).cloned();
        return (tags.unwrap_or_else(|| Value::Object(Map::new())), unknown);
    }
    match (attribute.absent(), old) {
        (Some(default), _) => (default, Value::Bool(false)),
        (None, Some(old)) => (old.clone(), Value::Bool(false)),
        (None, None) => (Value::Null, Value::Bool(true)),
    }
}

/// As the provider keeps it: a policy in its one form, a block with its defaults.
fn normalised(attribute: &Attribute, value: Value) -> Value {
    match (attribute.compare, value) {
        (Compare::Policy, Value::String(text)) => Value::String(normalised_json(&text).unwrap_or(text)),
        (Compare::Blocks(inner), Value::Array(blocks)) => {
            blocks.into_iter().map(|block| with_defaults(inner, block)).collect()
        }
        (_, value) => value,
    }
}

fn with_defaults(attributes: &[Attribute], block: Value) -> Value {
    let Value::Object(mut fields) = block else { return block };
    for attribute in attributes {
        let default = attribute.absent().filter(|default| !default.is_null());
        if let (Some(default), None | Some(Value::Null)) = (default, fields.get(attribute.name)) {
            fields.insert(attribute.name.to_owned(), default);
        }
    }
    fields.into()
}

/// The JSON text with its keys sorted and without white space, as the provider keeps it; none where it is no JSON.
pub fn normalised_json(text: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    value.sort_all_objects();
    Some(value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(fields: &[(&str, Template)]) -> Vec<(String, Template)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn a_new_resource_has_its_defaults_and_does_not_know_what_aws_chooses() {
        let prospect = work_out(ResourceKind::KmsKey, &arguments(&[("multi_region", true.into())]), None, &|_| None);
        assert_eq!(prospect.after.get("is_enabled"), Some(&json!(true)));
        assert_eq!(prospect.after.get("tags_all"), Some(&json!({})));
        assert_eq!(prospect.after.get("multi_region"), Some(&json!(true)));
        assert_eq!(prospect.unknown.get("arn"), Some(&json!(true)));
        assert!(!prospect.after.contains_key("arn"));
    }

    #[test]
    fn a_policy_keeps_its_description_and_not_its_name() {
        let prior = json!({"description": "old", "name": "old"}).as_object().cloned().unwrap_or_default();
        let given = arguments(&[("description", "new".into()), ("name", "new".into())]);
        let prospect = work_out(ResourceKind::IamPolicy, &given, Some(&prior), &|_| None);
        assert_eq!(prospect.after.get("description"), Some(&json!("old")));
        assert_eq!(prospect.after.get("name"), Some(&json!("new")));
        let first = work_out(ResourceKind::IamPolicy, &given, None, &|_| None);
        assert_eq!(first.after.get("description"), Some(&json!("new")));
    }

    #[test]
    fn an_argument_that_is_gone_goes_back_to_its_default() {
        let prior =
            json!({"is_enabled": false, "arn": "a", "description": "d"}).as_object().cloned().unwrap_or_default();
        let prospect = work_out(ResourceKind::KmsKey, &[], Some(&prior), &|_| None);
        let changed = prospect.changed(ResourceKind::KmsKey, &prior);
        assert!(changed.iter().any(|attribute| attribute.name == "is_enabled"));
        assert_eq!(prospect.after.get("arn"), Some(&json!("a")));
        assert_eq!(prospect.after.get("description"), Some(&json!("d")), "AWS's choice stays");
    }

    #[test]
    fn policies_are_kept_as_the_provider_keeps_them() {
        assert_eq!(
            normalised_json(r#"{"b": 1, "a": {"d": 2, "c": 3}}"#).as_deref(),
            Some(r#"{"a":{"c":3,"d":2},"b":1}"#)
        );
    }
}
