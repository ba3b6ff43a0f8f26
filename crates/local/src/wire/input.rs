use std::fmt;

use bytes::Bytes;
use serde::Deserializer;
use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// What an operation is given: its members, and the bytes of the body where they are none.
pub(crate) struct Parameters {
    pub(crate) members: Value,
    pub(crate) payload: Bytes,
}

impl From<Value> for Parameters {
    fn from(members: Value) -> Self {
        Self { members, payload: Bytes::new() }
    }
}

/// An input that can be read from parameters.
pub(crate) trait ReadInput: Sized {
    /// # Errors
    /// As [`decode_input`].
    fn read(parameters: Parameters, leaves_are_text: bool) -> Result<Self, InputError>;
}

/// An input and the bytes of the body, which no value has to hold.
#[derive(Debug)]
pub(crate) struct WithPayload<T> {
    pub(crate) members: T,
    pub(crate) payload: Bytes,
}

impl<T: DeserializeOwned> ReadInput for T {
    fn read(parameters: Parameters, leaves_are_text: bool) -> Result<Self, InputError> {
        decode_input(parameters.members, leaves_are_text)
    }
}

impl<T: DeserializeOwned> ReadInput for WithPayload<T> {
    fn read(parameters: Parameters, leaves_are_text: bool) -> Result<Self, InputError> {
        let members = decode_input(parameters.members, leaves_are_text)?;
        Ok(Self { members, payload: parameters.payload })
    }
}

/// Reads an operation's input from its members.
///
/// Members that the operation does not know are ignored unless its input denies them, and a null one counts as absent,
/// as AWS does. In Query and REST every leaf is a text, so there numbers and booleans are read from their texts.
///
/// # Errors
/// When a member is missing, of the wrong type, or unknown to an input that denies such.
pub(crate) fn decode_input<T: DeserializeOwned>(value: Value, leaves_are_text: bool) -> Result<T, InputError> {
    T::deserialize(Input { value, leaves_are_text })
}

/// What is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputError {
    /// A required member is not there.
    Missing { member: String },
    /// A member, or something below it, is not what it should be.
    Wrong { member: Option<String>, reason: String },
    /// A member is there that the operation does not know, and may not ignore.
    Unknown { member: String },
}

impl InputError {
    /// Names the member, unless one further inside is named already.
    fn within(self, name: &str) -> Self {
        match self {
            Self::Wrong { member: None, reason } => Self::Wrong { member: Some(name.to_owned()), reason },
            named => named,
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { member } => write!(f, "member {member} is missing"),
            Self::Wrong { member: Some(member), reason } => write!(f, "member {member}: {reason}"),
            Self::Wrong { member: None, reason } => f.write_str(reason),
            Self::Unknown { member } => write!(f, "member {member} is not known"),
        }
    }
}

impl std::error::Error for InputError {}

impl de::Error for InputError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Wrong { member: None, reason: message.to_string() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing { member: field.to_owned() }
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown { member: field.to_owned() }
    }

    /// A text is not repeated: it may be a secret that stands in the wrong place.
    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        match found {
            de::Unexpected::Str(_) => Self::custom(format_args!("invalid type: string, expected {expected}")),
            other => Self::custom(format_args!("invalid type: {other}, expected {expected}")),
        }
    }

    /// As for the type.
    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        match found {
            de::Unexpected::Str(_) => Self::custom(format_args!("invalid value: string, expected {expected}")),
            other => Self::custom(format_args!("invalid value: {other}, expected {expected}")),
        }
    }
}

struct Input {
    value: Value,
    leaves_are_text: bool,
}

impl Input {
    fn below(&self, value: Value) -> Self {
        Self { value, leaves_are_text: self.leaves_are_text }
    }

    /// The text of a leaf that must be read as something else.
    fn leaf_text(&self) -> Option<&str> {
        self.value.as_str().filter(|_| self.leaves_are_text)
    }

    /// botocore sends an empty list or map as an empty text.
    fn is_empty_text(&self) -> bool {
        self.leaf_text() == Some("")
    }
}

/// Reads a number or a boolean, from its text where leaves are texts.
macro_rules! scalar {
    ($($method:ident $visit:ident $type:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
            match self.leaf_text().map(str::parse::<$type>) {
                Some(Ok(value)) => visitor.$visit(value),
                Some(Err(error)) => Err(de::Error::custom(error)),
                None => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Input {
    type Error = InputError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(unsigned), _) => visitor.visit_u64(unsigned),
                (_, Some(signed)) => visitor.visit_i64(signed),
                _ => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => {
                visitor.visit_seq(Items { items: items.into_iter(), leaves_are_text: self.leaves_are_text })
            }
            Value::Object(members) => visitor.visit_map(Members {
                members: members.into_iter(),
                value: None,
                leaves_are_text: self.leaves_are_text,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        match &self.value {
            Value::String(text) => visitor.visit_enum(IntoDeserializer::<InputError>::into_deserializer(text.as_str())),
            _ => Err(de::Error::custom("a text is expected")),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        match self.is_empty_text() {
            true => self.below(Value::Array(Vec::new())).deserialize_any(visitor),
            false => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        match self.is_empty_text() {
            true => self.below(Value::Object(serde_json::Map::new())).deserialize_any(visitor),
            false => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        match self.value {
            // A structure is not read from a list, which serde would take as its members in order.
            Value::Array(_) => Err(de::Error::custom("a structure is expected, not a list")),
            _ => self.deserialize_map(visitor),
        }
    }

    scalar! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Items {
    items: std::vec::IntoIter<Value>,
    leaves_are_text: bool,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = InputError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, InputError> {
        let Some(value) = self.items.next() else { return Ok(None) };
        seed.deserialize(Input { value, leaves_are_text: self.leaves_are_text }).map(Some)
    }
}

struct Members {
    members: serde_json::map::IntoIter,
    value: Option<(String, Value)>,
    leaves_are_text: bool,
}

impl<'de> MapAccess<'de> for Members {
    type Error = InputError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, InputError> {
        self.value = self.members.by_ref().find(|(_, value)| !value.is_null());
        let Some((name, _)) = &self.value else { return Ok(None) };
        seed.deserialize(StrDeserializer::<InputError>::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, InputError> {
        match self.value.take() {
            Some((name, value)) => seed
                .deserialize(Input { value, leaves_are_text: self.leaves_are_text })
                .map_err(|error| error.within(&name)),
            None => seed.deserialize(StringDeserializer::new(String::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Sample {
        name: String,
        count: Option<u32>,
        flag: Option<bool>,
        #[serde(default)]
        list: Vec<Sample>,
    }

    fn sample(name: &str) -> Sample {
        Sample { name: name.into(), count: None, flag: None, list: Vec::new() }
    }

    #[test]
    fn query_reads_numbers_and_booleans_from_texts() {
        let value = json!({"Name": "7", "Count": "5", "Flag": "true", "List": [{"Name": "x"}], "Other": "y"});
        let expect = Sample { count: Some(5), flag: Some(true), list: vec![sample("x")], ..sample("7") };
        assert_eq!(decode_input::<Sample>(value, true), Ok(expect));
        assert_eq!(decode_input::<Sample>(json!({"Name": "a", "List": ""}), true), Ok(sample("a")));
    }

    #[test]
    fn json_does_not_and_null_counts_as_absent() {
        let wrong = decode_input::<Sample>(json!({"Name": "a", "Count": "5"}), false).expect_err("a text");
        assert!(matches!(wrong, InputError::Wrong { member: Some(member), .. } if member == "Count"));
        assert_eq!(decode_input::<Sample>(json!({"Name": "a", "Flag": null}), false), Ok(sample("a")));
    }

    #[test]
    fn a_text_in_the_wrong_place_is_not_repeated() {
        for value in [json!({"Name": "a", "List": "hunter2"}), json!({"Name": "a", "Count": "hunter2"})] {
            let wrong = decode_input::<Sample>(value, false).expect_err("a text");
            assert!(!wrong.to_string().contains("hunter2"), "{wrong}");
        }
    }

    #[test]
    fn a_missing_member_is_named() {
        let missing = InputError::Missing { member: "Name".into() };
        assert_eq!(decode_input::<Sample>(json!({"Name": null}), false), Err(missing.clone()));
        assert_eq!(decode_input::<Sample>(json!({"Name": "a", "List": [{}]}), false), Err(missing));
        assert!(decode_input::<Sample>(json!({"Name": "a", "List": [["a"]]}), false).is_err());
    }
}
