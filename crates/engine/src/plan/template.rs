//! Arguments with references in them, as JSON: for saved plans.

use keywright_module::{Part, Reference, Template as Text, Value as Template};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::address;
use crate::schema::schema;

pub(super) fn serialize<S: Serializer>(arguments: &[(String, Template)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(arguments.iter().map(|(name, value)| (name, encode(value))))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, Template)>, D::Error> {
    let encoded = Vec::<(String, Value)>::deserialize(deserializer)?;
    let decode = |(name, value): (String, Value)| decode(&value).map(|value| (name, value));
    encoded.into_iter().map(decode).collect::<Option<_>>().ok_or_else(|| D::Error::custom("not an argument"))
}

/// One value by itself.
pub(super) mod one {
    use super::*;

    pub(in crate::plan) fn serialize<S: Serializer>(value: &Template, serializer: S) -> Result<S::Ok, S::Error> {
        encode(value).serialize(serializer)
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
        decode(&Value::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("not a value"))
    }
}

fn encode(value: &Template) -> Value {
    match value {
        Template::Null => Value::Null,
        Template::Bool(value) => json!(value),
        Template::Integer(value) => json!(value),
        Template::Float(value) => json!({ "float": value }),
        Template::Text(text) => json!({ "text": text.0.iter().map(encode_part).collect::<Vec<_>>() }),
        Template::List(items) => items.iter().map(encode).collect(),
        Template::Map(fields) => {
            let fields: serde_json::Map<_, _> =
                fields.iter().map(|(name, value)| (name.clone(), encode(value))).collect();
            json!({ "map": fields })
        }
    }
}

fn encode_part(part: &Part) -> Value {
    match part {
        Part::Literal(text) => json!(text),
        Part::Reference(reference) => json!([reference.address.to_string(), reference.attribute]),
    }
}

fn decode(value: &Value) -> Option<Template> {
    match value {
        Value::Null => Some(Template::Null),
        Value::Bool(value) => Some(Template::Bool(*value)),
        Value::Number(number) => number.as_i64().map(Template::Integer),
        Value::String(_) => None,
        Value::Array(items) => items.iter().map(decode).collect::<Option<_>>().map(Template::List),
        Value::Object(fields) => match fields.iter().next()? {
            (name, number) if name == "float" => number.as_f64().map(Template::Float),
            (name, Value::Array(parts)) if name == "text" => {
                parts.iter().map(decode_part).collect::<Option<_>>().map(|parts| Template::Text(Text(parts)))
            }
            (name, Value::Object(fields)) if name == "map" => {
                let field = |(name, value): (&String, &Value)| decode(value).map(|value| (name.clone(), value));
                fields.iter().map(field).collect::<Option<_>>().map(Template::Map)
            }
            _ => None,
        },
    }
}

fn decode_part(part: &Value) -> Option<Part> {
    match part {
        Value::String(text) => Some(Part::Literal(text.clone())),
        Value::Array(reference) => {
            let address = address::parse(reference.first()?.as_str()?)?;
            let attribute = schema(address.kind).attribute(reference.get(1)?.as_str()?)?.name;
            Some(Part::Reference(Reference { address, attribute }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_back() {
        let key = address::parse("module.kms.aws_kms_key.k").expect("an address");
        let reference = Part::Reference(Reference { address: key, attribute: "arn" });
        let value = Template::List(vec![
            Template::Null,
            Template::Bool(true),
            Template::Integer(-3),
            Template::Float(2.0),
            Template::Text(Text(vec![Part::Literal("x-".into()), reference])),
            Template::Map([("a".to_owned(), "b".into())].into_iter().collect()),
        ]);
        assert_eq!(decode(&encode(&value)), Some(value));
        assert_eq!(decode(&json!({"text": [["module.kms.aws_kms_key.k", "no_such"]]})), None);
    }
}
