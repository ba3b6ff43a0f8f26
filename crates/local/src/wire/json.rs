use jiff::Timestamp;
use serde_json::{Map, Number, Value, json};

use super::value::{Shape, shape};
use crate::error::AwsError;

/// Reads the body of a JSON protocol. An empty one counts as `{}`.
pub(super) fn decode(body: &[u8]) -> Option<Value> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Some(json!({}));
    }
    serde_json::from_slice(body).ok().filter(Value::is_object)
}

/// The body of an answer; empty where the operation has no output.
pub(super) fn encode(output: &Value) -> Vec<u8> {
    if output.is_null() {
        return Vec::new();
    }
    plain(output).to_string().into_bytes()
}

pub(super) fn encode_error(error: &AwsError) -> Vec<u8> {
    // IAM's own words for denied access have a capital M in `Message` in some services; SDKs read both.
    json!({ "__type": error.code, "message": error.message }).to_string().into_bytes()
}

/// The value without marks and without absent members.
fn plain(value: &Value) -> Value {
    match shape(value) {
        Shape::Time(time) => Value::Number(seconds(time)),
        Shape::List(items) => items.iter().map(plain).collect(),
        Shape::Map(members) | Shape::Structure(members) => Value::Object(plain_members(members)),
        Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) => value.clone(),
    }
}

fn plain_members(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), plain(value))).collect()
}

/// Seconds since 1970, with milliseconds where there are any.
pub(super) fn seconds(time: Timestamp) -> Number {
    let milliseconds = time.as_millisecond();
    match milliseconds % 1000 {
        0 => Number::from(milliseconds / 1000),
        _ => Number::from_f64(milliseconds as f64 / 1000.0).unwrap_or_else(|| Number::from(milliseconds / 1000)),
    }
}
