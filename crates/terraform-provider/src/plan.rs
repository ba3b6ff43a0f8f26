//! What a resource will be: what is configured over what is there, with the provider's defaults. Pure.
//!
//! Defaults, what needs a new resource, and when two values are the same are the engine's tables (`keywright_engine::schema`).

use keywright_engine::{Attribute, Attributes, Compare, Schema, normalised_json, schema};
use keywright_model::ResourceKind;

use crate::value::{Fields, Value};

/// A planned resource.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Planned {
    pub(crate) state: Fields,
    /// The attributes whose change needs a new resource.
    pub(crate) requires_replace: Vec<&'static str>,
}

/// Plans a resource of this configuration, where `prior` stands. `home` is the Region of the provider.
pub(crate) fn plan(kind: ResourceKind, config: &Fields, prior: Option<&Fields>, home: &str) -> Planned {
    let mut planned = Planned::default();
    for attribute in schema(kind).attributes {
        let configured = config.get(attribute.name).filter(|value| !value.is_absent());
        let old = prior.map(|prior| prior.get(attribute.name).cloned().unwrap_or(Value::Null));
        let value = match configured {
            // The real provider plans a map whole, or not at all.
            Some(value @ Value::Map(_)) if value.known().is_none() => Value::Unknown,
            Some(value) => normalised(attribute, value),
            None => unconfigured(attribute, config, old.as_ref(), home),
        };
        planned.set(attribute, old, value);
    }
    planned.follow(kind, prior);
    planned
}

impl Planned {
    fn set(&mut self, attribute: &'static Attribute, old: Option<Value>, value: Value) {
        let value = match old {
            Some(old) if same(attribute, &old, &value) => old,
            Some(_) if attribute.force_new && attribute.is_argument() => {
                self.requires_replace.push(attribute.name);
                value
            }
            _ => value,
        };
        self.state.insert(attribute.name.to_owned(), value);
    }

    /// Computed attributes that follow a change of an argument.
    fn follow(&mut self, kind: ResourceKind, prior: Option<&Fields>) {
        let target = "target_key_id";
        if kind == ResourceKind::KmsAlias && prior.is_some_and(|prior| prior.get(target) != self.state.get(target)) {
            self.state.insert("target_key_arn".to_owned(), Value::Unknown);
        }
    }
}

/// The value of an argument that is not configured.
fn unconfigured(attribute: &Attribute, config: &Fields, old: Option<&Value>, home: &str) -> Value {
    if attribute.name == "tags_all" {
        let tags = config.get("tags").filter(|tags| !tags.is_absent()).cloned();
        return tags.unwrap_or_else(|| Value::Map(Fields::new()));
    }
    match (attribute.absent(), old) {
        (Some(default), _) => default.into(),
        (None, Some(old)) => old.clone(),
        (None, None) if attribute.name == "region" => Value::Text(home.to_owned()),
        (None, None) => Value::Unknown,
    }
}

fn same(attribute: &Attribute, old: &Value, new: &Value) -> bool {
    match (old.known(), new.known()) {
        (Some(old), Some(new)) => attribute.equal(&old, &new),
        _ => false,
    }
}

/// As the provider keeps it: a policy with its keys sorted and without white space, a block with its defaults.
fn normalised(attribute: &Attribute, value: &Value) -> Value {
    match (attribute.compare, value) {
        (Compare::Policy, Value::Text(text)) => normalised_json(text).map_or_else(|| value.clone(), Value::Text),
        (Compare::Blocks(inner), Value::List(blocks)) => {
            Value::List(blocks.iter().map(|block| with_defaults(inner, block)).collect())
        }
        _ => value.clone(),
    }
}

fn with_defaults(attributes: &[Attribute], block: &Value) -> Value {
    let Value::Map(fields) = block else { return block.clone() };
    let mut fields = fields.clone();
    for attribute in attributes {
        let is_absent = fields.get(attribute.name).is_none_or(Value::is_absent);
        if let Some(default) = attribute.absent().filter(|_| is_absent) {
            fields.insert(attribute.name.to_owned(), default.into());
        }
    }
    Value::Map(fields)
}

/// The attributes that are known, under the engine's names.
pub(crate) fn known_attributes(kind: ResourceKind, fields: &Fields) -> Attributes {
    let known = |attribute: &Attribute| Some((attribute.name.to_owned(), fields.get(attribute.name)?.known()?));
    schema(kind).attributes.iter().filter_map(known).collect()
}

/// What the provider has made or read, over what was known.
pub(crate) fn merged(schema: &Schema, known: &Attributes, read: Attributes) -> Fields {
    schema.merge(known, read).into_iter().map(|(name, value)| (name, value.into())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::object as fields;

    #[test]
    fn a_new_key_has_its_defaults_and_does_not_know_what_aws_chooses() {
        let planned = plan(ResourceKind::KmsKey, &fields(json!({"tags": {"a": "b"}})), None, "eu-west-1");
        assert_eq!(planned.state["is_enabled"], Value::Bool(true));
        assert_eq!(planned.state["region"], Value::Text("eu-west-1".to_owned()));
        assert_eq!(planned.state["tags_all"], Value::from(json!({"a": "b"})));
        assert_eq!(planned.state["arn"], Value::Unknown);
        assert_eq!(planned.state["custom_key_store_id"], Value::Null);
        assert!(planned.requires_replace.is_empty());
    }

    #[test]
    fn nothing_changes_where_the_values_mean_the_same() {
        let prior = fields(json!({
            "key_id": "k", "id": "k", "bypass_policy_lockout_safety_check": false, "region": "eu-west-1",
            "policy": r#"{"Statement":[{"Action":["kms:*"],"Effect":"Allow","Principal":{"AWS":"*"},"Resource":"*"}]}"#,
        }));
        let config = fields(json!({
            "key_id": "k",
            "policy": r#"{"Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "kms:*", "Resource": "*"}]}"#,
        }));
        let planned = plan(ResourceKind::KmsKeyPolicy, &config, Some(&prior), "eu-west-1");
        assert_eq!(planned.state, prior);
        let other = config["policy"].text().unwrap().replace("kms:*", "kms:Decrypt");
        let config = Fields::from([
            ("key_id".to_owned(), Value::Text("k".to_owned())),
            ("policy".to_owned(), Value::Text(other)),
        ]);
        let planned = plan(ResourceKind::KmsKeyPolicy, &config, Some(&prior), "eu-west-1");
        assert_ne!(planned.state, prior);
        assert!(planned.requires_replace.is_empty());
    }

    #[test]
    fn a_change_that_aws_cannot_make_in_place_asks_for_a_new_resource() {
        let prior =
            fields(json!({"name": "alias/a", "target_key_id": "k", "target_key_arn": "arn", "region": "eu-west-1"}));
        let moved = fields(json!({"name": "alias/a", "target_key_id": "other"}));
        let planned = plan(ResourceKind::KmsAlias, &moved, Some(&prior), "eu-west-1");
        assert!(planned.requires_replace.is_empty());
        assert_eq!(planned.state["target_key_arn"], Value::Unknown);
        let renamed = fields(json!({"name": "alias/b", "target_key_id": "k"}));
        let planned = plan(ResourceKind::KmsAlias, &renamed, Some(&prior), "eu-west-1");
        assert_eq!(planned.requires_replace, ["name"]);
        assert_eq!(planned.state["target_key_arn"], prior["target_key_arn"]);
    }

    #[test]
    fn a_map_of_which_a_part_is_not_known_is_not_known() {
        let mut config = fields(json!({"alarm_name": "a"}));
        let dimensions = [("KeyArn", Value::Unknown), ("Operation", Value::Text("Decrypt".to_owned()))];
        let dimensions = dimensions.map(|(name, value)| (name.to_owned(), value));
        config.insert("dimensions".to_owned(), Value::Map(dimensions.into()));
        assert_eq!(plan(ResourceKind::MetricAlarm, &config, None, "eu-west-1").state["dimensions"], Value::Unknown);
    }

    #[test]
    fn a_block_has_its_defaults() {
        let config = fields(json!({"metric_transformation": [{"name": "n", "namespace": "s", "value": "1"}]}));
        let planned = plan(ResourceKind::LogMetricFilter, &config, None, "eu-west-1");
        let block = json!([{
            "name": "n", "namespace": "s", "value": "1", "unit": "None", "default_value": null, "dimensions": null,
        }]);
        assert_eq!(planned.state["metric_transformation"], Value::from(block));
    }

    #[test]
    fn what_is_not_known_yet_may_be_a_change() {
        let prior = fields(json!({
            "grant_id": "g", "key_id": "k", "grantee_principal": "a", "operations": ["Decrypt"], "retire_on_delete": false,
            "region": "eu-west-1",
        }));
        let mut config = fields(json!({"key_id": "k", "operations": ["Decrypt"]}));
        config.insert("grantee_principal".to_owned(), Value::Unknown);
        let planned = plan(ResourceKind::KmsGrant, &config, Some(&prior), "eu-west-1");
        assert_eq!(planned.requires_replace, ["grantee_principal"]);
    }
}
