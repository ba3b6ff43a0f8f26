use indexmap::IndexMap;
use keywright_model::Address;

/// The value of an argument: a JSON value whose strings may refer to attributes of other resources.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not set.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text, perhaps with references in it.
    Text(Template),
    /// A list, or a set in the order in which it was written.
    List(Vec<Value>),
    /// A map or an object.
    Map(IndexMap<String, Value>),
}

/// A text made of literal parts and references.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template(pub Vec<Part>);

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// This very text.
    Literal(String),
    /// An attribute of a resource, known once that resource exists.
    Reference(Reference),
}

/// An attribute of another resource of the same module: `aws_kms_key.general_encryption_key.arn`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The resource.
    pub address: Address,
    /// The attribute.
    pub attribute: &'static str,
}

/// A [`Value`] of which the references were looked up, in Terraform's two halves: what is known, and
/// which leaves are not known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The value; a leaf that is not known is null.
    pub value: serde_json::Value,
    /// `true` in place of each leaf that is not known; maps and lists hold only those (lists keep
    /// their length, with `false` for what is known). `false` when all is known.
    pub unknown: serde_json::Value,
}

impl Resolved {
    /// Whether all of it is known.
    pub fn is_known(&self) -> bool {
        is_known(&self.unknown)
    }
}

fn is_known(unknown: &serde_json::Value) -> bool {
    match unknown {
        serde_json::Value::Bool(unknown) => !unknown,
        serde_json::Value::Array(items) => items.iter().all(is_known),
        serde_json::Value::Object(fields) => fields.values().all(is_known),
        _ => true,
    }
}

impl Value {
    /// Looks the references up. `lookup` gives none for an attribute that is not known yet.
    pub fn resolve(&self, lookup: &dyn Fn(&Reference) -> Option<serde_json::Value>) -> Resolved {
        match self {
            Self::Null => known(serde_json::Value::Null),
            Self::Bool(value) => known((*value).into()),
            Self::Integer(value) => known((*value).into()),
            Self::Float(value) => known((*value).into()),
            Self::Text(template) => template.resolve(lookup),
            Self::List(items) => resolve_list(items, lookup),
            Self::Map(fields) => resolve_map(fields, lookup),
        }
    }

    /// Every reference in the value.
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Text(template) => template.references().collect(),
            Self::List(items) => items.iter().flat_map(Self::references).collect(),
            Self::Map(fields) => fields.values().flat_map(Self::references).collect(),
            _ => Vec::new(),
        }
    }
}

impl Template {
    /// A text without references.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(vec![Part::Literal(text.into())])
    }

    /// Every reference in the text.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Literal(_) => None,
        })
    }

    fn resolve(&self, lookup: &dyn Fn(&Reference) -> Option<serde_json::Value>) -> Resolved {
        if let [Part::Reference(reference)] = self.0.as_slice() {
            return lookup(reference).map_or_else(unknown, known);
        }
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Reference(reference) => match lookup(reference) {
                    Some(serde_json::Value::String(found)) => text.push_str(&found),
                    Some(found) => text.push_str(&found.to_string()),
                    None => return unknown(),
                },
            }
        }
        known(text.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Template::literal(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Template::literal(text))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<Reference> for Value {
    fn from(reference: Reference) -> Self {
        Self::Text(Template(vec![Part::Reference(reference)]))
    }
}

impl From<Template> for Value {
    fn from(template: Template) -> Self {
        Self::Text(template)
    }
}

fn resolve_list(items: &[Value], lookup: &dyn Fn(&Reference) -> Option<serde_json::Value>) -> Resolved {
    let resolved: Vec<Resolved> = items.iter().map(|item| item.resolve(lookup)).collect();
    let all_known = resolved.iter().all(Resolved::is_known);
    let (values, unknowns): (Vec<_>, Vec<_>) = resolved.into_iter().map(|item| (item.value, item.unknown)).unzip();
    let unknown = if all_known { false.into() } else { serde_json::Value::Array(unknowns) };
    Resolved { value: serde_json::Value::Array(values), unknown }
}

fn resolve_map(fields: &IndexMap<String, Value>, lookup: &dyn Fn(&Reference) -> Option<serde_json::Value>) -> Resolved {
    let mut values = serde_json::Map::new();
    let mut unknowns = serde_json::Map::new();
    for (name, field) in fields {
        let resolved = field.resolve(lookup);
        if !resolved.is_known() {
            unknowns.insert(name.clone(), resolved.unknown);
        }
        values.insert(name.clone(), resolved.value);
    }
    let unknown = if unknowns.is_empty() { false.into() } else { serde_json::Value::Object(unknowns) };
    Resolved { value: serde_json::Value::Object(values), unknown }
}

fn known(value: serde_json::Value) -> Resolved {
    Resolved { value, unknown: false.into() }
}

fn unknown() -> Resolved {
    Resolved { value: serde_json::Value::Null, unknown: true.into() }
}

#[cfg(test)]
mod tests {
    use keywright_model::ResourceKind;
    use serde_json::json;

    use super::*;

    fn key_arn() -> Reference {
        let name = "general_encryption_key".to_owned();
        Reference { address: Address { module: None, kind: ResourceKind::KmsKey, name, index: None }, attribute: "arn" }
    }

    #[test]
    fn a_text_is_unknown_as_long_as_one_reference_is() {
        let text = Value::from(Template(vec![Part::Literal("key ".into()), Part::Reference(key_arn())]));
        assert_eq!(text.resolve(&|_| None), Resolved { value: json!(null), unknown: json!(true) });
        assert_eq!(text.resolve(&|_| Some(json!("A"))), Resolved { value: json!("key A"), unknown: json!(false) });
    }

    #[test]
    fn maps_tell_which_of_their_fields_are_unknown() {
        let fields =
            IndexMap::from([("KeyArn".to_owned(), key_arn().into()), ("Operation".to_owned(), "Decrypt".into())]);
        let resolved = Value::Map(fields).resolve(&|_| None);
        assert_eq!(resolved.value, json!({"KeyArn": null, "Operation": "Decrypt"}));
        assert_eq!(resolved.unknown, json!({"KeyArn": true}));
        assert!(!resolved.is_known());
    }

    #[test]
    fn references_are_found_at_any_depth() {
        let value = Value::List(vec![Value::Map(IndexMap::from([("a".to_owned(), key_arn().into())]))]);
        assert_eq!(value.references(), [&key_arn()]);
    }
}
