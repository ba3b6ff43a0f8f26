use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value, json};

use super::value::{Shape, shape};
use crate::error::AwsError;

/// Reads the body of rpcv2Cbor. An empty one counts as `{}`.
///
/// Source: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.
pub(super) fn decode(body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return Some(json!({}));
    }
    let value: Cbor = ciborium::de::from_reader_with_recursion_limit(body, DEPTH).ok()?;
    from_cbor(value).filter(Value::is_object)
}

/// The body of an answer; empty where the operation has no output.
pub(super) fn encode(output: &Value) -> Vec<u8> {
    match output {
        Value::Null => Vec::new(),
        _ => to_bytes(&to_cbor(output)),
    }
}

pub(super) fn encode_error(error: &AwsError) -> Vec<u8> {
    to_bytes(&to_cbor(&json!({ "__type": error.code, "message": error.message })))
}

fn to_bytes(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing into memory does not fail.
    let _ = ciborium::into_writer(value, &mut bytes);
    bytes
}

fn from_cbor(value: Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(flag) => Value::Bool(flag),
        Cbor::Text(text) => Value::String(text),
        Cbor::Bytes(bytes) => Value::String(BASE64.encode(bytes)),
        Cbor::Float(number) => Value::Number(Number::from_f64(number)?),
        Cbor::Integer(number) => Value::Number(integer(number)?),
        // Timestamps are tag 1 over seconds; no other tag is in use.
        Cbor::Tag(_, inner) => from_cbor(*inner)?,
        Cbor::Array(items) => Value::Array(items.into_iter().map(from_cbor).collect::<Option<_>>()?),
        Cbor::Map(entries) => Value::Object(entries.into_iter().map(entry).collect::<Option<Map<_, _>>>()?),
        _ => return None,
    })
}

fn entry((key, value): (Cbor, Cbor)) -> Option<(String, Value)> {
    Some((key.into_text().ok()?, from_cbor(value)?))
}

fn integer(number: ciborium::value::Integer) -> Option<Number> {
    let wide = i128::from(number);
    i64::try_from(wide).map(Number::from).or_else(|_| u64::try_from(wide).map(Number::from)).ok()
}

fn to_cbor(value: &Value) -> Cbor {
    match shape(value) {
        Shape::Null => Cbor::Null,
        Shape::Bool(flag) => Cbor::Bool(flag),
        Shape::Number(number) => number_to_cbor(number),
        Shape::Text(text) => Cbor::Text(text.to_owned()),
        Shape::Time(time) => Cbor::Tag(1, Box::new(Cbor::Float(time.as_millisecond() as f64 / 1000.0))),
        Shape::List(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Shape::Map(members) | Shape::Structure(members) => Cbor::Map(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (Cbor::Text(key.clone()), to_cbor(value)))
                .collect(),
        ),
    }
}

fn number_to_cbor(number: &Number) -> Cbor {
    match (number.as_i64(), number.as_u64()) {
        (Some(signed), _) => Cbor::from(signed),
        (_, Some(unsigned)) => Cbor::from(unsigned),
        _ => Cbor::Float(number.as_f64().unwrap_or_default()),
    }
}

const DEPTH: usize = 64;
