use keywright_policy::{Document, PolicyKind, equivalent};
use serde_json::{Map, Value};

use super::{Attribute, Compare};

impl Attribute {
    /// Whether two values of the attribute are the same to AWS.
    pub fn equal(&self, left: &Value, right: &Value) -> bool {
        if left == right || (is_empty(left) && is_empty(right)) {
            return true;
        }
        match self.compare {
            Compare::Exact => same(left, right),
            Compare::Policy => both_texts(left, right, same_policy),
            Compare::Set => same_set(left, right),
            Compare::KeyReference => both_texts(left, right, same_key),
            Compare::Trimmed => both_texts(left, right, |left, right| left.trim() == right.trim()),
            Compare::Blocks(attributes) => same_blocks(attributes, left, right),
        }
    }
}

/// Whether two policies mean the same. What cannot be read is the same only as itself.
pub(crate) fn same_policy(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    // Only trust and key policies have principals, only identity policies have none: read each as what it looks like.
    let read = |text: &str| {
        let kinds = [PolicyKind::Key, PolicyKind::Trust, PolicyKind::Identity];
        kinds.into_iter().find_map(|kind| Document::parse(text, kind).ok())
    };
    match (read(left), read(right)) {
        (Some(left), Some(right)) => equivalent(&left, &right),
        _ => same_json(left, right),
    }
}

fn same_json(left: &str, right: &str) -> bool {
    let read = |text| serde_json::from_str::<Value>(text).ok();
    matches!((read(left), read(right)), (Some(left), Some(right)) if left == right)
}

/// Two ARNs are compared whole, for the ID of a multi-Region key is the same in every Region.
fn same_key(left: &str, right: &str) -> bool {
    match (left.starts_with("arn:"), right.starts_with("arn:")) {
        (true, false) => left.rsplit('/').next() == Some(right),
        (false, true) => right.rsplit('/').next() == Some(left),
        _ => left == right,
    }
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => same_fields(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        _ => left == right || (is_empty(left) && is_empty(right)) || same_number(left, right),
    }
}

fn same_fields(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    let covered = |these: &Map<String, Value>, those: &Map<String, Value>| {
        these.iter().all(|(name, value)| same(value, those.get(name).unwrap_or(&Value::Null)))
    };
    covered(left, right) && covered(right, left)
}

/// `1`, `1.0` and `"1"` are one number.
fn same_number(left: &Value, right: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    let one_is_a_number = left.is_number() || right.is_number();
    one_is_a_number && number(left).is_some_and(|left| number(right) == Some(left))
}

fn same_set(left: &Value, right: &Value) -> bool {
    let (Value::Array(left), Value::Array(right)) = (left, right) else { return false };
    let within = |these: &[Value], those: &[Value]| these.iter().all(|this| those.iter().any(|that| same(this, that)));
    within(left, right) && within(right, left)
}

fn same_blocks(attributes: &[Attribute], left: &Value, right: &Value) -> bool {
    let (Value::Array(left), Value::Array(right)) = (left, right) else { return false };
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_block(attributes, left, right))
}

fn same_block(attributes: &[Attribute], left: &Value, right: &Value) -> bool {
    attributes.iter().all(|attribute| {
        let value = |block: &Value| match block.get(attribute.name) {
            None | Some(Value::Null) => attribute.absent().unwrap_or_default(),
            Some(value) => value.clone(),
        };
        let (left, right) = (value(left), value(right));
        attribute.equal(&left, &right) || same_number_texts(&left, &right)
    })
}

/// The provider keeps some numbers as texts, such as a metric's default value.
fn same_number_texts(left: &Value, right: &Value) -> bool {
    both_texts(
        left,
        right,
        |left, right| matches!((left.parse::<f64>(), right.parse::<f64>()), (Ok(left), Ok(right)) if left == right),
    )
}

fn both_texts(left: &Value, right: &Value, compare: impl Fn(&str, &str) -> bool) -> bool {
    matches!((left.as_str(), right.as_str()), (Some(left), Some(right)) if compare(left, right))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use keywright_model::ResourceKind;
    use serde_json::json;

    use crate::schema::schema;

    #[track_caller]
    fn check(kind: ResourceKind, name: &str, left: serde_json::Value, right: serde_json::Value, expect: bool) {
        let attribute = schema(kind).attribute(name).expect("an attribute");
        assert_eq!(attribute.equal(&left, &right), expect);
        assert_eq!(attribute.equal(&right, &left), expect, "either way round");
    }

    #[test]
    fn sets_have_no_order() {
        check(ResourceKind::KmsGrant, "operations", json!(["Encrypt", "Decrypt"]), json!(["Decrypt", "Encrypt"]), true);
        check(ResourceKind::KmsGrant, "operations", json!(["Encrypt"]), json!(["Encrypt", "Decrypt"]), false);
    }

    #[test]
    fn absent_and_empty_are_one_but_false_and_zero_are_values() {
        check(ResourceKind::KmsKey, "description", json!(null), json!(""), true);
        check(ResourceKind::KmsKey, "tags", json!({}), json!(null), true);
        check(ResourceKind::KmsKey, "is_enabled", json!(null), json!(false), false);
        check(ResourceKind::MetricAlarm, "threshold", json!(null), json!(0), false);
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        check(ResourceKind::MetricAlarm, "threshold", json!(100), json!(100.0), true);
        check(ResourceKind::MetricAlarm, "threshold", json!(100), json!(100.5), false);
    }

    #[test]
    fn a_key_is_named_by_arn_or_by_id_but_its_replica_is_another() {
        let arn = |region: &str| json!(format!("arn:aws:kms:{region}:111122223333:key/mrk-1"));
        check(ResourceKind::KmsGrant, "key_id", arn("eu-west-1"), json!("mrk-1"), true);
        check(ResourceKind::KmsGrant, "key_id", arn("eu-west-1"), arn("eu-central-1"), false);
    }

    #[test]
    fn blocks_know_their_defaults() {
        let told = json!([{"name": "n", "namespace": "s", "value": "1", "default_value": "0.0", "dimensions": {}, "unit": "None"}]);
        let written = json!([{"name": "n", "namespace": "s", "value": "1", "default_value": "0"}]);
        check(ResourceKind::LogMetricFilter, "metric_transformation", told, written.clone(), true);
        let other = json!([{"name": "n", "namespace": "s", "value": "2", "default_value": "0"}]);
        check(ResourceKind::LogMetricFilter, "metric_transformation", written, other, false);
    }

    #[test]
    fn policies_are_compared_by_meaning() {
        let policy = |action: serde_json::Value| {
            json!(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": action, "Resource": "*"}]}).to_string())
        };
        check(ResourceKind::KmsKeyPolicy, "policy", policy(json!("kms:*")), policy(json!(["kms:*"])), true);
        check(ResourceKind::KmsKeyPolicy, "policy", policy(json!("kms:*")), policy(json!("kms:Decrypt")), false);
    }
}
