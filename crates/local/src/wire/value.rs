use std::fmt;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A moment in an input or an output. Each protocol writes it in its own way; all of them are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Time {
    /// The moment without its fraction of a second, which IAM and STS do not show.
    pub(crate) fn in_whole_seconds(time: Timestamp) -> Self {
        Self(Timestamp::from_second(time.as_second()).unwrap_or(time))
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(TIME_MARK, &self.0.as_microsecond())?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeVisitor)
    }
}

struct TimeVisitor;

impl<'de> Visitor<'de> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a timestamp")
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Time, E> {
        Timestamp::from_second(seconds).map(Time).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Time, E> {
        self.visit_i64(i64::try_from(seconds).map_err(E::custom)?)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Time, E> {
        let milliseconds = (seconds * 1000.0).round();
        if milliseconds.is_finite() && milliseconds.abs() < 1e17 {
            return Timestamp::from_millisecond(milliseconds as i64).map(Time).map_err(E::custom);
        }
        Err(E::custom("a timestamp out of range"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        match text.parse::<f64>() {
            Ok(seconds) => self.visit_f64(seconds),
            Err(_) => text.parse().map(Time).map_err(E::custom),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Time, A::Error> {
        match map.next_entry::<String, i64>()? {
            Some((key, microseconds)) if key == TIME_MARK => {
                Timestamp::from_microsecond(microseconds).map(Time).map_err(de::Error::custom)
            }
            _ => Err(de::Error::custom("an object where a timestamp is wanted")),
        }
    }
}

/// A map by texts in an output, which XML writes as `entry` elements, unlike a structure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Map<V = String>(pub(crate) IndexMap<String, V>);

impl<V: Serialize> Serialize for Map<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(MAP_MARK, &self.0)?;
        map.end()
    }
}

/// A value of an output as the encoders look at it.
pub(crate) enum Shape<'a> {
    Null,
    Bool(bool),
    Number(&'a serde_json::Number),
    Text(&'a str),
    Time(Timestamp),
    List(&'a [Value]),
    Map(&'a serde_json::Map<String, Value>),
    Structure(&'a serde_json::Map<String, Value>),
}

pub(crate) fn shape(value: &Value) -> Shape<'_> {
    match value {
        Value::Null => Shape::Null,
        Value::Bool(flag) => Shape::Bool(*flag),
        Value::Number(number) => Shape::Number(number),
        Value::String(text) => Shape::Text(text),
        Value::Array(items) => Shape::List(items),
        Value::Object(members) => shape_of_object(members),
    }
}

fn shape_of_object(members: &serde_json::Map<String, Value>) -> Shape<'_> {
    if members.len() == 1 {
        if let Some(time) =
            members.get(TIME_MARK).and_then(Value::as_i64).and_then(|at| Timestamp::from_microsecond(at).ok())
        {
            return Shape::Time(time);
        }
        if let Some(Value::Object(entries)) = members.get(MAP_MARK) {
            return Shape::Map(entries);
        }
    }
    Shape::Structure(members)
}

// No AWS member and no key that AWS admits begins with `\0`.
const TIME_MARK: &str = "\0time";
const MAP_MARK: &str = "\0map";
