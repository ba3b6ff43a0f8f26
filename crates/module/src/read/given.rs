use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::{SourceFile, Span};

use super::cty::Cty;

/// A value as a person gave it, with the place of each of its parts.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) kind: Kind,
    /// Where it was written; for sensitive values, where they are used.
    pub(crate) span: Span,
    /// Whether it came from a `sensitive` variable, so that it must not be shown.
    pub(crate) sensitive: bool,
    /// Its type, where that is not what its kind alone says: a list that is no tuple, a null of some type.
    pub(crate) declared: Option<Cty>,
}

/// The shapes of values. Numbers are Terraform's, as far as 64-bit floats carry them.
#[derive(Clone)]
pub(crate) enum Kind {
    Null,
    /// Known once resources that are to be made are there. Only the outputs of a folder meet it.
    Unknown,
    Bool(bool),
    Number(f64),
    String(String),
    List(Vec<Given>),
    Map(IndexMap<String, Field>),
}

/// A field of a map or an object.
#[derive(Clone)]
pub(crate) struct Field {
    /// Where its name stands.
    pub(crate) key: Span,
    pub(crate) value: Given,
}

impl Given {
    pub(crate) fn new(kind: Kind, span: Span) -> Self {
        Self { kind, span, sensitive: false, declared: None }
    }

    /// A number that was written down, and is no result.
    pub(crate) fn written_number(number: f64, span: Span) -> Self {
        let is_short = number_to_string(number).len() <= LONGEST_EXACT;
        Self { declared: is_short.then_some(Cty::Number), ..Self::new(Kind::Number(number), span) }
    }

    pub(crate) fn string(text: impl Into<String>, span: Span) -> Self {
        Self::new(Kind::String(text.into()), span)
    }

    /// A value that stands nowhere but under a name, such as `--ref`.
    pub(crate) fn from_json(value: &serde_json::Value, span: &Span) -> Self {
        let kind = match value {
            serde_json::Value::Null => Kind::Null,
            serde_json::Value::Bool(value) => Kind::Bool(*value),
            serde_json::Value::Number(value) => {
                return Self::written_number(value.as_f64().unwrap_or_default(), span.clone());
            }
            serde_json::Value::String(value) => Kind::String(value.clone()),
            serde_json::Value::Array(items) => {
                Kind::List(items.iter().map(|item| Self::from_json(item, span)).collect())
            }
            serde_json::Value::Object(fields) => Kind::Map(
                fields
                    .iter()
                    .map(|(name, value)| {
                        (name.clone(), Field { key: span.clone(), value: Self::from_json(value, span) })
                    })
                    .collect(),
            ),
        };
        Self::new(kind, span.clone())
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null | Kind::Unknown => serde_json::Value::Null,
            Kind::Bool(value) => (*value).into(),
            Kind::Number(value) => number_to_json(*value),
            Kind::String(value) => value.clone().into(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(fields) => serde_json::Value::Object(
                fields.iter().map(|(name, field)| (name.clone(), field.value.to_json())).collect(),
            ),
        }
    }

    /// Which leaves are not known, in the form of [`Resolved::unknown`](crate::Resolved::unknown).
    pub(crate) fn unknown_to_json(&self) -> serde_json::Value {
        match &self.kind {
            _ if !self.holds_unknown() => false.into(),
            Kind::List(items) => items.iter().map(Self::unknown_to_json).collect(),
            Kind::Map(fields) => {
                let unknown = fields.iter().filter(|(_, field)| field.value.holds_unknown());
                serde_json::Value::Object(
                    unknown.map(|(name, field)| (name.clone(), field.value.unknown_to_json())).collect(),
                )
            }
            _ => true.into(),
        }
    }

    pub(crate) fn kind_is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown)
    }

    /// Whether it, or anything in it, is not known yet.
    pub(crate) fn holds_unknown(&self) -> bool {
        match &self.kind {
            Kind::Unknown => true,
            Kind::List(items) => items.iter().any(Self::holds_unknown),
            Kind::Map(fields) => fields.values().any(|field| field.value.holds_unknown()),
            _ => false,
        }
    }

    /// Whether it, or anything in it, is neither known yet nor of a known type.
    pub(crate) fn holds_untyped(&self) -> bool {
        match &self.kind {
            Kind::Unknown => self.declared.is_none(),
            Kind::List(items) => items.iter().any(Self::holds_untyped),
            Kind::Map(fields) => fields.values().any(|field| field.value.holds_untyped()),
            _ => false,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The field of that name, if this is a map that has it.
    pub(crate) fn field(&self, name: &str) -> Option<&Given> {
        match &self.kind {
            Kind::Map(fields) => fields.get(name).map(|field| &field.value),
            _ => None,
        }
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&String, &Field)> {
        match &self.kind {
            Kind::Map(fields) => Some(fields.iter()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }

    pub(crate) fn items(&self) -> &[Given] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The word for its shape, with its article.
    pub(crate) fn shape(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Unknown => "a value that is known after apply",
            Kind::Bool(_) => "a bool",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// Whether it, or anything in it, is sensitive.
    pub(crate) fn holds_secrets(&self) -> bool {
        self.sensitive
            || match &self.kind {
                Kind::List(items) => items.iter().any(Self::holds_secrets),
                Kind::Map(fields) => fields.values().any(|field| field.value.holds_secrets()),
                _ => false,
            }
    }

    /// Marks it and all that is in it as sensitive, standing at `span`: the place where it was written must not be
    /// shown either.
    pub(crate) fn hide(&mut self, span: &Span) {
        self.sensitive = true;
        self.span = span.clone();
        match &mut self.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| item.hide(span)),
            Kind::Map(fields) => {
                for field in fields.values_mut() {
                    field.key = span.clone();
                    field.value.hide(span);
                }
            }
            _ => {}
        }
    }

    /// Whether both hold the same value, wherever it stands.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Bool(left), Kind::Bool(right)) => left == right,
            (Kind::Number(left), Kind::Number(right)) => left == right,
            (Kind::String(left), Kind::String(right)) => left == right,
            (Kind::List(left), Kind::List(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.same(right))
            }
            (Kind::Map(left), Kind::Map(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .all(|(name, field)| right.get(name).is_some_and(|other| field.value.same(&other.value)))
            }
            _ => false,
        }
    }
}

/// Shows nothing of a sensitive value.
impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.holds_secrets() { f.write_str("(sensitive)") } else { self.to_json().fmt(f) }
    }
}

/// A number as Terraform turns it into a text: whole numbers without a point.
pub(crate) fn number_to_string(number: f64) -> String {
    number_to_json(number).to_string()
}

/// A span that covers a whole text, for values that are given in one piece.
pub(crate) fn whole(file: &Arc<SourceFile>) -> Span {
    Span::new(file, 0..file.text.len())
}

#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked: the number fits")]
fn number_to_json(number: f64) -> serde_json::Value {
    if number.fract() == 0.0 && number.abs() < LARGEST_WHOLE_NUMBER {
        return (number as i64).into();
    }
    serde_json::Number::from_f64(number).map_or(serde_json::Value::Null, serde_json::Value::Number)
}

/// So many characters of a number are the same in 64-bit floats as in Terraform's.
const LONGEST_EXACT: usize = 16;

/// Above this, 64-bit floats have gaps between whole numbers.
const LARGEST_WHOLE_NUMBER: f64 = 9_007_199_254_740_992.0;
