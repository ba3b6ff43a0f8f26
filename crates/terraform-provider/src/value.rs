//! Terraform's values: JSON, and what is not known yet.
//!
//! They come in MessagePack (<https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol>, "object wire format"): an extension
//! stands for what is not known.

use std::collections::BTreeMap;

use serde_json::Number;

use crate::protocol::DynamicValue;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Not known before it is made.
    Unknown,
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// A list, or a set.
    List(Vec<Value>),
    /// A map, or an object.
    Map(Fields),
}

/// What an object consists of.
pub(crate) type Fields = BTreeMap<String, Value>;

/// What is wrong with a value that came over the wire.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("the value cannot be read: {0}")]
    Unreadable(String),
    #[error("the value is neither an object nor null")]
    NoObject,
}

impl Value {
    /// The value, where all of it is known.
    pub(crate) fn known(&self) -> Option<serde_json::Value> {
        Some(match self {
            Self::Unknown => return None,
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(number) => number.clone().into(),
            Self::Text(text) => text.clone().into(),
            Self::List(items) => items.iter().map(Self::known).collect::<Option<Vec<_>>>()?.into(),
            Self::Map(fields) => known_fields(fields)?.into(),
        })
    }

    /// Null, or a list without anything in it: a block that is not there.
    pub(crate) fn is_absent(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.is_empty(),
            _ => false,
        }
    }

    /// The text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The members of a JSON object; none where it is something else.
pub(crate) fn object(value: serde_json::Value) -> Fields {
    match Value::from(value) {
        Value::Map(fields) => fields,
        _ => Fields::new(),
    }
}

fn known_fields(fields: &Fields) -> Option<serde_json::Map<String, serde_json::Value>> {
    fields.iter().map(|(name, value)| Some((name.clone(), value.known()?))).collect()
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => Self::Number(number),
            serde_json::Value::String(text) => Self::Text(text),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(fields) => {
                Self::Map(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

/// Reads an object; none where it is null.
pub(crate) fn read(value: Option<&DynamicValue>) -> Result<Option<Fields>, ValueError> {
    let Some(value) = value else { return Ok(None) };
    let value = if value.msgpack.is_empty() {
        json(&value.json)?
    } else {
        let packed = rmpv::decode::read_value(&mut value.msgpack.as_slice());
        unpacked(packed.map_err(|error| ValueError::Unreadable(error.to_string()))?)?
    };
    match value {
        Value::Null => Ok(None),
        Value::Map(fields) => Ok(Some(fields)),
        _ => Err(ValueError::NoObject),
    }
}

/// Reads JSON.
pub(crate) fn json(text: &[u8]) -> Result<Value, ValueError> {
    let value: Result<serde_json::Value, _> = serde_json::from_slice(text);
    value.map(Value::from).map_err(|error| ValueError::Unreadable(error.to_string()))
}

/// Writes an object, or null.
pub(crate) fn written(fields: Option<Fields>) -> DynamicValue {
    let mut msgpack = Vec::new();
    let value = packed(fields.map_or(Value::Null, Value::Map));
    // INVARIANT: a vector takes whatever is written to it.
    let _infallible = rmpv::encode::write_value(&mut msgpack, &value);
    DynamicValue { msgpack, json: Vec::new() }
}

fn unpacked(value: rmpv::Value) -> Result<Value, ValueError> {
    Ok(match value {
        rmpv::Value::Ext(..) => Value::Unknown,
        rmpv::Value::Nil => Value::Null,
        rmpv::Value::Boolean(value) => Value::Bool(value),
        rmpv::Value::Integer(number) => Value::Number(integer(number)?),
        rmpv::Value::F32(number) => Value::Number(float(number.into())?),
        rmpv::Value::F64(number) => Value::Number(float(number)?),
        rmpv::Value::String(text) => match text.into_str() {
            Some(text) => Value::Text(text),
            None => return Err(ValueError::Unreadable("a text is not UTF-8".to_owned())),
        },
        rmpv::Value::Binary(_) => return Err(ValueError::Unreadable("there is no binary type".to_owned())),
        rmpv::Value::Array(items) => Value::List(items.into_iter().map(unpacked).collect::<Result<_, _>>()?),
        rmpv::Value::Map(fields) => Value::Map(fields.into_iter().map(field).collect::<Result<_, _>>()?),
    })
}

fn field((name, value): (rmpv::Value, rmpv::Value)) -> Result<(String, Value), ValueError> {
    let name = name.as_str().ok_or_else(|| ValueError::Unreadable("a name is no text".to_owned()))?;
    Ok((name.to_owned(), unpacked(value)?))
}

fn integer(number: rmpv::Integer) -> Result<Number, ValueError> {
    let signed = number.as_i64().map(Number::from);
    let number = signed.or_else(|| number.as_u64().map(Number::from));
    number.ok_or_else(|| ValueError::Unreadable("a number is out of range".to_owned()))
}

fn float(number: f64) -> Result<Number, ValueError> {
    Number::from_f64(number).ok_or_else(|| ValueError::Unreadable("a number is not finite".to_owned()))
}

fn packed(value: Value) -> rmpv::Value {
    match value {
        Value::Unknown => rmpv::Value::Ext(0, vec![0]),
        Value::Null => rmpv::Value::Nil,
        Value::Bool(value) => value.into(),
        Value::Number(number) => packed_number(&number),
        Value::Text(text) => text.into(),
        Value::List(items) => rmpv::Value::Array(items.into_iter().map(packed).collect()),
        Value::Map(fields) => {
            rmpv::Value::Map(fields.into_iter().map(|(name, value)| (name.into(), packed(value))).collect())
        }
    }
}

fn packed_number(number: &Number) -> rmpv::Value {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(number), ..) => number.into(),
        (_, Some(number), _) => number.into(),
        (_, _, Some(number)) => number.into(),
        _ => rmpv::Value::Nil,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut fields = object(json!({"a": [1, -2, 0.5, "x\u{e9}", null, true], "b": {"c": {}}, "d": u64::MAX}));
        fields.insert("e".to_owned(), Value::List(vec![Value::Unknown]));
        assert_eq!(read(Some(&written(Some(fields.clone())))).unwrap(), Some(fields));
        assert_eq!(read(Some(&written(None))).unwrap(), None);
        assert_eq!(read(None).unwrap(), None);
    }

    #[test]
    fn a_value_with_a_part_that_is_not_known_is_not_known() {
        assert_eq!(Value::List(vec![Value::Null, Value::Unknown]).known(), None);
        assert_eq!(Value::from(json!([null, {"a": 1}])).known(), Some(json!([null, {"a": 1}])));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for msgpack in [vec![0x01], vec![0x81, 0x01, 0x01], vec![0x81]] {
            assert!(read(Some(&DynamicValue { msgpack, json: Vec::new() })).is_err());
        }
        assert!(read(Some(&DynamicValue { msgpack: Vec::new(), json: b"{".to_vec() })).is_err());
    }
}
