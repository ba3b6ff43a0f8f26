//! The types that Terraform gives values, as it writes them beside the outputs of a state.
//!
//! A written list is a tuple and a written map an object, until a type constraint, a function or a conditional makes a
//! list, a set or a map of it. Two values that differ in nothing else are different outputs to Terraform.
//!
//! Source: <https://developer.hashicorp.com/terraform/language/expressions/type-constraints>, and what Terraform 1.11.4
//! was seen to write (`conformance/inputs/outputs.json`).

use std::collections::BTreeMap;

use keywright_model::Span;
use serde_json::{Value, json};

use super::given::{Field, Given, Kind, number_to_string};
use super::types::{distinct, parse_number};

/// A type of Terraform's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cty {
    /// Of a null that no type was asked of, and of what an empty list may hold.
    Dynamic,
    String,
    Number,
    Bool,
    List(Box<Cty>),
    Set(Box<Cty>),
    Map(Box<Cty>),
    Object(BTreeMap<String, Cty>),
    Tuple(Vec<Cty>),
    /// Terraform tells it, or the value, in a way that is not known here.
    Untold,
}

impl Cty {
    pub(crate) fn list(inner: Self) -> Self {
        Self::List(Box::new(inner))
    }

    pub(crate) fn set(inner: Self) -> Self {
        Self::Set(Box::new(inner))
    }

    pub(crate) fn map(inner: Self) -> Self {
        Self::Map(Box::new(inner))
    }

    /// The type of a value.
    pub(crate) fn of(value: &Given) -> Self {
        if let Some(declared) = &value.declared {
            return declared.clone();
        }
        match &value.kind {
            Kind::Null | Kind::Unknown => Self::Dynamic,
            Kind::Bool(_) => Self::Bool,
            Kind::Number(number) if is_exact(*number) => Self::Number,
            Kind::Number(_) => Self::Untold,
            Kind::String(_) => Self::String,
            Kind::List(items) => Self::Tuple(items.iter().map(Self::of).collect()),
            Kind::Map(fields) => {
                Self::Object(fields.iter().map(|(name, field)| (name.clone(), Self::of(&field.value))).collect())
            }
        }
    }

    /// As Terraform writes it in a state; none where that is not known.
    pub(crate) fn to_json(&self) -> Option<Value> {
        Some(match self {
            Self::Dynamic => json!("dynamic"),
            Self::String => json!("string"),
            Self::Number => json!("number"),
            Self::Bool => json!("bool"),
            Self::List(inner) => json!(["list", inner.to_json()?]),
            Self::Set(inner) => json!(["set", inner.to_json()?]),
            Self::Map(inner) => json!(["map", inner.to_json()?]),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, kind)| Some((name.clone(), kind.to_json()?)));
                json!(["object", fields.collect::<Option<serde_json::Map<_, _>>>()?])
            }
            Self::Tuple(items) => json!(["tuple", items.iter().map(Self::to_json).collect::<Option<Vec<_>>>()?]),
            Self::Untold => return None,
        })
    }

    /// Reads what [`Cty::to_json`] writes.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(name) => Some(match name.as_str() {
                "dynamic" => Self::Dynamic,
                "string" => Self::String,
                "number" => Self::Number,
                "bool" => Self::Bool,
                _ => return None,
            }),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(name), Value::Object(fields)] if name == "object" => {
                    let field = |(name, kind): (&String, &Value)| Some((name.clone(), Self::from_json(kind)?));
                    fields.iter().map(field).collect::<Option<_>>().map(Self::Object)
                }
                [Value::String(name), Value::Array(items)] if name == "tuple" => {
                    items.iter().map(Self::from_json).collect::<Option<_>>().map(Self::Tuple)
                }
                [Value::String(name), inner] => {
                    let inner = Self::from_json(inner)?;
                    match name.as_str() {
                        "list" => Some(Self::list(inner)),
                        "set" => Some(Self::set(inner)),
                        "map" => Some(Self::map(inner)),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The value with this type, converted where Terraform would; untold where it cannot be.
    pub(crate) fn give(&self, mut value: Given) -> Given {
        if value.kind_is_unknown() || *self == Self::Dynamic || Self::of(&value) == *self {
            return value;
        }
        if value.is_null() {
            value.declared = Some(self.clone());
            return value;
        }
        match self.converted(value.kind.clone()) {
            Some(Kind::Number(number)) => {
                value = Given { sensitive: value.sensitive, ..Given::written_number(number, value.span) };
            }
            Some(kind) => {
                value.kind = kind;
                value.declared = matches!(self, Self::List(_) | Self::Set(_) | Self::Map(_)).then(|| self.clone());
            }
            // That it is a set is known all the same.
            None if matches!((self, &value.kind), (Self::Set(_), Kind::List(_))) => {
                value.declared = Some(Self::set(Self::Untold));
            }
            None => value.declared = Some(Self::Untold),
        }
        value
    }

    fn converted(&self, kind: Kind) -> Option<Kind> {
        Some(match (self, kind) {
            (Self::String, Kind::Number(number)) => Kind::String(number_to_string(number)),
            (Self::String, Kind::Bool(value)) => Kind::String(value.to_string()),
            (Self::Number, Kind::String(text)) => Kind::Number(parse_number(&text)?),
            (Self::Bool, Kind::String(text)) => Kind::Bool(text.parse().ok()?),
            (Self::String, kind @ Kind::String(_)) | (Self::Bool, kind @ Kind::Bool(_)) => kind,
            (Self::List(inner), Kind::List(items)) => {
                Kind::List(items.into_iter().map(|item| inner.give(item)).collect())
            }
            (Self::Set(inner), Kind::List(items)) => {
                let mut items: Vec<Given> = items.into_iter().map(|item| inner.give(item)).collect();
                distinct(&mut items);
                // Sets of anything else, and with nulls, are written in the order of Terraform's hashes.
                let is_plain = matches!(**inner, Self::String | Self::Number | Self::Bool);
                let is_ordered = items.len() < 2 || (is_plain && !items.iter().any(Given::is_null));
                is_ordered.then_some(Kind::List(items))?
            }
            (Self::Tuple(kinds), Kind::List(items)) if kinds.len() == items.len() => {
                Kind::List(kinds.iter().zip(items).map(|(kind, item)| kind.give(item)).collect())
            }
            (Self::Map(inner), Kind::Map(fields)) => Kind::Map(
                fields
                    .into_iter()
                    .map(|(name, field)| (name, Field { key: field.key, value: inner.give(field.value) }))
                    .collect(),
            ),
            (Self::Object(kinds), Kind::Map(fields)) if kinds.keys().all(|name| fields.contains_key(name)) => {
                let field = |(name, field): (String, Field)| {
                    let value = kinds.get(&name)?.give(field.value);
                    Some((name, Field { key: field.key, value }))
                };
                Kind::Map(fields.into_iter().filter_map(field).collect())
            }
            _ => return None,
        })
    }

    /// A value that was kept as JSON beside its type.
    pub(crate) fn read(&self, value: &Value, span: &Span) -> Given {
        self.give(Given::from_json(value, span))
    }

    /// The one type that values of these types can all be converted to, as `tolist` and conditionals need it; none if
    /// there is none. Of no types: any.
    pub(crate) fn unified(kinds: &[Self]) -> Option<Self> {
        let Some((first, rest)) = kinds.split_first() else { return Some(Self::Dynamic) };
        if kinds.contains(&Self::Untold) {
            return Some(Self::Untold);
        }
        if rest.iter().all(|kind| kind == first) {
            return Some(first.clone());
        }
        let structural = kinds.iter().any(|kind| !kind.is_primitive());
        match (structural, kinds.contains(&Self::Dynamic)) {
            (false, _) => Self::unified_primitives(kinds),
            // What Terraform makes of a null beside lists and maps was not looked into.
            (true, true) => Some(Self::Untold),
            (true, false) => Self::unified_structures(kinds),
        }
    }

    /// Whether both may be the same type, as far as they are told.
    pub(crate) fn may_be(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dynamic | Self::Untold, _) | (_, Self::Dynamic | Self::Untold) => true,
            (Self::List(left), Self::List(right))
            | (Self::Set(left), Self::Set(right))
            | (Self::Map(left), Self::Map(right)) => left.may_be(right),
            (Self::Tuple(left), Self::Tuple(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.may_be(right))
            }
            (Self::Object(left), Self::Object(right)) => {
                left.keys().eq(right.keys())
                    && left.values().zip(right.values()).all(|(left, right)| left.may_be(right))
            }
            (left, right) => left == right,
        }
    }

    /// The one type of all that a value of this type holds.
    pub(crate) fn part(&self) -> Self {
        Self::unified_parts(std::slice::from_ref(self)).unwrap_or(Self::Untold)
    }

    fn unified_primitives(kinds: &[Self]) -> Option<Self> {
        let mut told: Vec<&Self> = kinds.iter().filter(|kind| **kind != Self::Dynamic).collect();
        told.dedup();
        match told.as_slice() {
            [one] => Some((*one).clone()),
            several if several.contains(&&Self::String) => Some(Self::String),
            _ => None,
        }
    }

    fn unified_structures(kinds: &[Self]) -> Option<Self> {
        let all = |is_it: fn(&Self) -> bool| kinds.iter().all(is_it);
        if all(|kind| matches!(kind, Self::Tuple(_))) {
            return Self::unified_tuples(kinds).or_else(|| Self::unified_parts(kinds).map(Self::list));
        }
        if all(|kind| matches!(kind, Self::Object(_))) {
            return Self::unified_objects(kinds).or_else(|| Self::unified_parts(kinds).map(Self::map));
        }
        if all(|kind| matches!(kind, Self::Tuple(_) | Self::List(_))) {
            return Self::unified_parts(kinds).map(Self::list);
        }
        if all(|kind| matches!(kind, Self::Tuple(_) | Self::List(_) | Self::Set(_))) {
            let is_list = kinds.iter().any(|kind| matches!(kind, Self::List(_)));
            return if is_list {
                Some(Self::list_beside_sets(kinds))
            } else {
                Self::unified_parts(kinds).map(Self::set)
            };
        }
        if all(|kind| matches!(kind, Self::Object(_) | Self::Map(_))) {
            return Self::unified_parts(kinds).map(Self::map);
        }
        None
    }

    /// A list wins over sets. What becomes of parts of different types was not looked into.
    fn list_beside_sets(kinds: &[Self]) -> Self {
        let told = kinds.iter().filter_map(|kind| match kind {
            Self::List(part) | Self::Set(part) if **part != Self::Dynamic => Some(part),
            _ => None,
        });
        let mut told: Vec<&Box<Self>> = told.collect();
        told.dedup();
        match told.len() {
            0 | 1 => Self::list(Self::unified_parts(kinds).unwrap_or(Self::Untold)),
            _ => Self::Untold,
        }
    }

    fn unified_tuples(kinds: &[Self]) -> Option<Self> {
        let tuples: Vec<&Vec<Self>> = kinds
            .iter()
            .map(|kind| match kind {
                Self::Tuple(items) => Some(items),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let length = tuples.first()?.len();
        let position = |at: usize| {
            let column: Vec<Self> = tuples.iter().map(|items| items.get(at).cloned()).collect::<Option<_>>()?;
            Self::unified(&column)
        };
        let same_length = tuples.iter().all(|items| items.len() == length);
        same_length.then(|| (0..length).map(position).collect::<Option<_>>().map(Self::Tuple))?
    }

    fn unified_objects(kinds: &[Self]) -> Option<Self> {
        let objects: Vec<&BTreeMap<String, Self>> = kinds
            .iter()
            .map(|kind| match kind {
                Self::Object(fields) => Some(fields),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let first = objects.first()?;
        if !objects.iter().all(|fields| fields.keys().eq(first.keys())) {
            return None;
        }
        let field = |name: &String| {
            let column: Vec<Self> = objects.iter().filter_map(|fields| fields.get(name).cloned()).collect();
            Some((name.clone(), Self::unified(&column)?))
        };
        first.keys().map(field).collect::<Option<_>>().map(Self::Object)
    }

    /// The one type of all that values of these types hold.
    fn unified_parts(kinds: &[Self]) -> Option<Self> {
        let mut parts = Vec::new();
        for kind in kinds {
            match kind {
                Self::Tuple(items) => parts.extend(items.iter().cloned()),
                Self::Object(fields) => parts.extend(fields.values().cloned()),
                Self::List(inner) | Self::Set(inner) | Self::Map(inner) if **inner != Self::Dynamic => {
                    parts.push((**inner).clone());
                }
                _ => {}
            }
        }
        Self::unified(&parts)
    }

    fn is_primitive(&self) -> bool {
        matches!(self, Self::Dynamic | Self::String | Self::Number | Self::Bool)
    }
}

/// Whether a number is written here as Terraform, which computes with far more digits, writes it.
fn is_exact(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE_NUMBER
}

const LARGEST_WHOLE_NUMBER: f64 = 9_007_199_254_740_991.0;
