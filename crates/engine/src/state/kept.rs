//! Values that are written back as they were read.

use std::fmt;
use std::ops::Deref;

use indexmap::IndexMap;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A value with the text that it was read from, which is written again until the value changes: numbers of others may
/// be larger, or finer, than any type of ours holds.
#[derive(Clone)]
pub(super) struct Kept<T> {
    value: T,
    text: Option<Box<RawValue>>,
}

/// The fields of an object that is read, each as its text.
///
/// A derived reader with a flattened rest would hold the numbers of the rest as floats.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Fields(IndexMap<String, Box<RawValue>>);

/// Fields that we do not know.
pub(super) type Rest = IndexMap<String, Kept<Value>>;

impl<T> Kept<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value, text: None }
    }

    /// The value, to be changed.
    pub(super) fn change(&mut self) -> &mut T {
        self.text = None;
        &mut self.value
    }
}

impl<T: PartialEq> Kept<T> {
    /// Takes the place of what was there. The same value keeps its text.
    pub(super) fn set(&mut self, value: T) {
        if self.value != value {
            *self = Self::new(value);
        }
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// By value: the text is only how it was written.
impl<T: PartialEq> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// The value's own, which may hide what the text would show.
impl<T: fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Serialize> Serialize for Kept<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.text {
            Some(text) => text.serialize(serializer),
            None => self.value.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let value = read(&text).map_err(D::Error::custom)?;
        Ok(Self { value, text: Some(text) })
    }
}

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.get(name).map(AsRef::as_ref)
    }

    /// Takes a field that must be there.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, String> {
        let text = self.0.shift_remove(name).ok_or_else(|| format!("missing field `{name}`"))?;
        read(&text).map_err(|reason| format!("`{name}`: {reason}"))
    }

    /// Takes a field that may be there.
    pub(super) fn take_or_default<T: DeserializeOwned + Default>(&mut self, name: &str) -> Result<T, String> {
        if self.0.contains_key(name) { self.take(name) } else { Ok(T::default()) }
    }

    /// The fields that were not taken.
    pub(super) fn rest(mut self) -> Result<Rest, String> {
        let names: Vec<String> = self.0.keys().cloned().collect();
        names.into_iter().map(|name| self.take(&name).map(|value| (name, value))).collect()
    }
}

/// Reads a part of a document. The reason tells no line: it would be counted from where the part begins.
pub(super) fn read<T: DeserializeOwned>(text: &RawValue) -> Result<T, String> {
    serde_json::from_str(text.get()).map_err(|error| {
        let reason = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        reason.strip_suffix(&place).unwrap_or(&reason).to_owned()
    })
}
