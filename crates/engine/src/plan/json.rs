//! A plan as `terraform show -json` gives it.
//!
//! Source: <https://developer.hashicorp.com/terraform/internals/json-format>.

use keywright_model::{Address, Index};
use keywright_policy::{Access, Condition};
use serde_json::{Map, Value, json};

use super::change::{Action, Drift, KeyPolicyChange, Plan, ResourceChange};
use super::outputs::OutputChange;
use crate::provider::Attributes;
use crate::schema::schema;

impl Plan {
    /// The plan in Terraform's JSON form (format 1.2), with the key policies' changes beside it.
    pub fn to_terraform_json(&self) -> Value {
        json!({
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "resource_changes": self.changes.iter().map(resource_change).collect::<Vec<_>>(),
            "resource_drift": self.drift.iter().map(drift).collect::<Vec<_>>(),
            "output_changes": self.outputs.iter().map(output_change).collect::<Map<_, _>>(),
            "applyable": !self.is_no_op(),
            "complete": true,
            "errored": false,
            "keywright": {
                "drift": self.drift_report.to_json(),
                "key_policies": self.key_policies.iter().map(key_policy).collect::<Vec<_>>(),
                "administrators": self.administrators,
                "proofs": self.proofs,
                "service_linked_roles": self.prerequisites,
                "reasons": self.changes.iter().filter_map(reason).collect::<Map<_, _>>(),
                "references": self.changes.iter().filter_map(references).collect::<Map<_, _>>(),
            },
        })
    }
}

/// Why a resource is changed, where that is not plain.
fn reason(change: &ResourceChange) -> Option<(String, Value)> {
    let reason = change.reason.as_ref().filter(|_| change.deposed.is_none())?;
    Some((change.address.to_string(), json!(reason)))
}

/// What the arguments of a resource refer to: until that is made, it is all that is known of them.
fn references(change: &ResourceChange) -> Option<(String, Value)> {
    let arguments = change.recipe.arguments.iter();
    let refers = arguments.filter_map(|(name, _)| Some((name.clone(), json!(change.refers(name)?))));
    let refers: Map<String, Value> = refers.collect();
    (!refers.is_empty()).then(|| (change.address.to_string(), refers.into()))
}

fn resource_change(change: &ResourceChange) -> Value {
    let mut object = place(&change.address);
    if let Some(deposed) = &change.deposed {
        object.insert("deposed".to_owned(), json!(deposed));
    }
    let mut inner = json!({
        "actions": actions(&change.action),
        "before": change.before,
        "after": change.after.as_ref().map(|after| known_part(after, &change.after_unknown)),
        "after_unknown": unknown_part(change),
        "before_sensitive": sensitive(change, change.before.as_ref()),
        "after_sensitive": sensitive(change, change.after.as_ref()),
    });
    if let (Action::Replace { because, .. }, Some(fields)) = (&change.action, inner.as_object_mut()) {
        let paths = because.iter().map(|name| json!([name])).collect();
        fields.insert("replace_paths".to_owned(), paths);
        object.insert("action_reason".to_owned(), json!("replace_because_cannot_update"));
    }
    object.insert("change".to_owned(), inner);
    object.into()
}

/// What is known: Terraform leaves out what is not. The provider plans a map whole, or not at all.
fn known_part(after: &Attributes, unknown: &Map<String, Value>) -> Map<String, Value> {
    let is_known = |(name, value): &(&String, &Value)| match unknown.get(*name) {
        Some(Value::Bool(true)) => false,
        Some(_) => !value.is_object(),
        None => true,
    };
    after.iter().filter(is_known).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// `true` for what is not known, and the bare shape of what is.
fn unknown_part(change: &ResourceChange) -> Map<String, Value> {
    let Some(after) = &change.after else { return Map::new() };
    let mut part = Map::new();
    for attribute in schema(change.kind()).attributes {
        let shape = match change.after_unknown.get(attribute.name) {
            Some(Value::Object(_)) => json!(true),
            Some(unknown) => unknown.clone(),
            None => after.get(attribute.name).map_or(json!(false), shape),
        };
        if shape != json!(false) {
            part.insert(attribute.name.to_owned(), shape);
        }
    }
    part
}

fn shape(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => {
            let composite = fields.iter().map(|(name, field)| (name.clone(), shape(field)));
            Value::Object(composite.filter(|(_, shape)| *shape != json!(false)).collect())
        }
        _ => json!(false),
    }
}

fn key_policy(change: &KeyPolicyChange) -> Value {
    let access = change.access();
    let told = |all: &[Access]| all.iter().map(access_json).collect::<Vec<_>>();
    json!({
        "key": change.key,
        "region": change.region,
        "resource": change.resource,
        "before": change.before,
        "after": change.after,
        "gained": access.as_ref().map(|access| told(&access.gained)),
        "lost": access.as_ref().map(|access| told(&access.lost)),
    })
}

/// One thing that a policy opens or closes, as plans and drift reports tell it.
pub fn access_json(access: &Access) -> Value {
    let condition = |it: &Condition| json!({"operator": it.operator, "key": it.key, "values": it.values});
    json!({
        "principal": access.principal,
        "effect": access.effect.to_string(),
        "actions": access.actions,
        "conditions": access.conditions.iter().map(condition).collect::<Vec<_>>(),
    })
}

fn drift(drift: &Drift) -> Value {
    let mut object = place(&drift.address);
    let action = if drift.after.is_some() { "update" } else { "delete" };
    let change = json!({"actions": [action], "before": drift.before, "after": drift.after, "after_unknown": {}});
    object.insert("change".to_owned(), change);
    object.into()
}

fn output_change(output: &OutputChange) -> (String, Value) {
    let OutputChange { name, before, after, after_unknown } = output;
    let is_known = *after_unknown == json!(false);
    let action = match (output.is_changed(), &before.value) {
        (false, _) => "no-op",
        (true, Value::Null) => "create",
        (true, _) if after.value.is_null() && is_known => "delete",
        (true, _) => "update",
    };
    let change = json!({
        "actions": [action],
        "before": before.value,
        "after": known_value(&after.value, after_unknown),
        "after_unknown": if is_known { json!(false) } else { unknown_shape(&after.value, after_unknown) },
        "before_sensitive": output.is_sensitive(),
        "after_sensitive": output.is_sensitive(),
    });
    (name.clone(), change)
}

/// What is known of a value: the rest is left out of objects, and is null in lists.
fn known_value(value: &Value, unknown: &Value) -> Value {
    match (value, unknown) {
        (Value::Object(fields), Value::Object(not_known)) => {
            let known = fields.iter().filter(|(name, _)| not_known.get(*name) != Some(&json!(true)));
            let part = |(name, field): (&String, &Value)| {
                (name.clone(), known_value(field, not_known.get(name).unwrap_or(&json!(false))))
            };
            Value::Object(known.map(part).collect())
        }
        (Value::Array(items), Value::Array(not_known)) => {
            items.iter().zip(not_known).map(|(item, unknown)| known_value(item, unknown)).collect()
        }
        _ => value.clone(),
    }
}

/// `true` for what is not known, and the bare shape of what is.
fn unknown_shape(value: &Value, unknown: &Value) -> Value {
    match (value, unknown) {
        (Value::Object(fields), Value::Object(not_known)) => {
            let part = |(name, field): (&String, &Value)| match not_known.get(name) {
                Some(unknown) => (name.clone(), unknown_shape(field, unknown)),
                None => (name.clone(), shape(field)),
            };
            Value::Object(fields.iter().map(part).filter(|(_, shape)| *shape != json!(false)).collect())
        }
        (Value::Array(items), Value::Array(not_known)) => {
            items.iter().zip(not_known).map(|(item, unknown)| unknown_shape(item, unknown)).collect()
        }
        (value, Value::Bool(false)) => shape(value),
        (_, unknown) => unknown.clone(),
    }
}

fn place(address: &Address) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("address".to_owned(), json!(address));
    if let Some(module) = &address.module {
        object.insert("module_address".to_owned(), json!(format!("module.{module}")));
    }
    object.insert("mode".to_owned(), json!("managed"));
    object.insert("type".to_owned(), json!(address.kind.type_name()));
    object.insert("name".to_owned(), json!(address.name));
    match &address.index {
        Some(Index::Count(number)) => object.insert("index".to_owned(), json!(number)),
        Some(Index::Each(key)) => object.insert("index".to_owned(), json!(key)),
        None => None,
    };
    object.insert("provider_name".to_owned(), json!("registry.terraform.io/hashicorp/aws"));
    object
}

fn actions(action: &Action) -> &'static [&'static str] {
    match action {
        Action::NoOp => &["no-op"],
        Action::Create => &["create"],
        Action::Update | Action::Rescue => &["update"],
        Action::Delete => &["delete"],
        Action::Replace { create_first: true, .. } => &["create", "delete"],
        Action::Replace { create_first: false, .. } => &["delete", "create"],
    }
}

fn sensitive(change: &ResourceChange, attributes: Option<&Attributes>) -> Value {
    if attributes.is_none() {
        return json!(false);
    }
    let hidden = schema(change.kind()).attributes.iter().filter(|attribute| change.is_sensitive(attribute.name));
    Value::Object(hidden.map(|attribute| (attribute.name.to_owned(), json!(true))).collect())
}
