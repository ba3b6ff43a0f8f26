//! Type constraints: what `type = …` of a variable means, and how values are turned into a type.
//!
//! Source: <https://developer.hashicorp.com/terraform/language/expressions/type-constraints>.

use std::fmt;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, FuncCall, Object, ObjectKey};
use indexmap::IndexMap;

use super::cty::Cty;
use super::given::{Field, Given, Kind, number_to_string};

/// A type constraint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Any,
    String,
    Number,
    Bool,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Object(IndexMap<String, Attribute>),
    Tuple(Vec<Type>),
}

/// An attribute of an object type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) kind: Type,
    pub(crate) optional: bool,
    /// What an absent optional attribute becomes; null where nothing is said.
    pub(crate) default: serde_json::Value,
}

/// A constraint that cannot be read: what is wrong, and which bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypeError {
    pub(crate) message: String,
    pub(crate) range: Option<std::ops::Range<usize>>,
}

/// A value that does not fit its type.
#[derive(Debug, Clone)]
pub(crate) struct Mismatch {
    /// The way from the value to the part that does not fit: `.logs.enabled`.
    pub(crate) path: String,
    /// What was wanted: `a bool`.
    pub(crate) wanted: String,
    pub(crate) found: Given,
    pub(crate) reason: Reason,
}

/// Why a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    Shape,
    MissingAttribute(String),
    UnknownAttribute { name: String, known: Vec<String> },
}

impl Type {
    /// Reads a constraint from its text, as the table of inputs holds it.
    pub(crate) fn parse(text: &str) -> Result<Self, TypeError> {
        let expression: Expression =
            text.parse().map_err(|error: hcl_edit::parser::Error| wrong(error.message().to_owned(), None))?;
        Self::from_expression(&expression)
    }

    /// Reads a constraint from the expression after `type =`.
    pub(crate) fn from_expression(expression: &Expression) -> Result<Self, TypeError> {
        match expression {
            Expression::Variable(name) => primitive(name.value(), expression),
            Expression::String(text) => primitive(text.value(), expression),
            Expression::FuncCall(call) => constructed(call, expression),
            Expression::Parenthesis(inner) => Self::from_expression(inner.inner()),
            _ => Err(wrong("this is no type", expression.span())),
        }
    }

    /// Turns a value into this type as Terraform does: `"3"` becomes a number where one is wanted.
    ///
    /// With `strict`, an attribute that the object type does not know is refused; Terraform drops it.
    pub(crate) fn convert(&self, value: Given, strict: bool) -> Result<Given, Vec<Mismatch>> {
        let mut mismatches = Vec::new();
        let converted = Conversion { strict, mismatches: &mut mismatches }.convert(self, value, "");
        if mismatches.is_empty() { Ok(converted) } else { Err(mismatches) }
    }

    /// The type of a null that this was asked of; none where any will do.
    pub(crate) fn cty(&self) -> Option<Cty> {
        let attribute = |(name, attribute): (&String, &Attribute)| (name.clone(), attribute.kind.told());
        Some(match self {
            Self::Any => return None,
            Self::String => Cty::String,
            Self::Number => Cty::Number,
            Self::Bool => Cty::Bool,
            Self::List(inner) => Cty::list(inner.told()),
            Self::Set(inner) => Cty::set(inner.told()),
            Self::Map(inner) => Cty::map(inner.told()),
            Self::Object(attributes) => Cty::Object(attributes.iter().map(attribute).collect()),
            Self::Tuple(types) => Cty::Tuple(types.iter().map(Self::told).collect()),
        })
    }

    fn holds_any(&self) -> bool {
        match self {
            Self::Any => true,
            Self::String | Self::Number | Self::Bool => false,
            Self::List(inner) | Self::Set(inner) | Self::Map(inner) => inner.holds_any(),
            Self::Object(attributes) => attributes.values().any(|attribute| attribute.kind.holds_any()),
            Self::Tuple(types) => types.iter().any(Self::holds_any),
        }
    }

    fn told(&self) -> Cty {
        self.cty().unwrap_or(Cty::Dynamic)
    }

    /// The type with its article, for messages.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Any => "any value".to_owned(),
            Self::Object(_) => "an object".to_owned(),
            other => format!("a {other}"),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::String => f.write_str("string"),
            Self::Number => f.write_str("number"),
            Self::Bool => f.write_str("bool"),
            Self::List(inner) => write!(f, "list of {}", plural(inner)),
            Self::Set(inner) => write!(f, "set of {}", plural(inner)),
            Self::Map(inner) => write!(f, "map of {}", plural(inner)),
            Self::Object(_) => f.write_str("object"),
            Self::Tuple(_) => f.write_str("tuple"),
        }
    }
}

fn plural(inner: &Type) -> String {
    match inner {
        Type::Any => "anything".to_owned(),
        other => format!("{other}s"),
    }
}

fn wrong(message: impl Into<String>, range: Option<std::ops::Range<usize>>) -> TypeError {
    TypeError { message: message.into(), range }
}

fn primitive(name: &str, expression: &Expression) -> Result<Type, TypeError> {
    match name {
        "any" => Ok(Type::Any),
        "string" => Ok(Type::String),
        "number" => Ok(Type::Number),
        "bool" => Ok(Type::Bool),
        "list" => Ok(Type::List(Box::new(Type::Any))),
        "map" => Ok(Type::Map(Box::new(Type::Any))),
        "set" => Ok(Type::Set(Box::new(Type::Any))),
        other => Err(wrong(format!("`{other}` is no type"), expression.span())),
    }
}

fn constructed(call: &FuncCall, expression: &Expression) -> Result<Type, TypeError> {
    let arguments: Vec<&Expression> = call.args.iter().collect();
    let name = call.name.name.value().as_str();
    match (name, arguments.as_slice()) {
        ("list", [inner]) => Ok(Type::List(Box::new(Type::from_expression(inner)?))),
        ("set", [inner]) => Ok(Type::Set(Box::new(Type::from_expression(inner)?))),
        ("map", [inner]) => Ok(Type::Map(Box::new(Type::from_expression(inner)?))),
        ("object", [Expression::Object(fields)]) => object(fields),
        ("tuple", [Expression::Array(items)]) => {
            items.iter().map(Type::from_expression).collect::<Result<_, _>>().map(Type::Tuple)
        }
        _ => Err(wrong(format!("`{name}(…)` is no type of this form"), expression.span())),
    }
}

fn object(fields: &Object) -> Result<Type, TypeError> {
    let mut attributes = IndexMap::new();
    for (key, value) in fields {
        attributes.insert(attribute_name(key)?, attribute(value.expr())?);
    }
    Ok(Type::Object(attributes))
}

fn attribute_name(key: &ObjectKey) -> Result<String, TypeError> {
    match key {
        ObjectKey::Ident(name) => Ok(name.value().as_str().to_owned()),
        ObjectKey::Expression(Expression::String(name)) => Ok(name.value().clone()),
        ObjectKey::Expression(Expression::Variable(name)) => Ok(name.value().as_str().to_owned()),
        ObjectKey::Expression(other) => Err(wrong("an attribute's name must be written out", other.span())),
    }
}

fn attribute(expression: &Expression) -> Result<Attribute, TypeError> {
    let required = |kind| Attribute { kind, optional: false, default: serde_json::Value::Null };
    let Expression::FuncCall(call) = expression else {
        return Type::from_expression(expression).map(required);
    };
    if call.name.name.value().as_str() != "optional" {
        return Type::from_expression(expression).map(required);
    }
    let arguments: Vec<&Expression> = call.args.iter().collect();
    match arguments.as_slice() {
        [kind] => {
            Ok(Attribute { kind: Type::from_expression(kind)?, optional: true, default: serde_json::Value::Null })
        }
        [kind, default] => {
            Ok(Attribute { kind: Type::from_expression(kind)?, optional: true, default: literal(default)? })
        }
        _ => Err(wrong("`optional(…)` takes a type and a default", expression.span())),
    }
}

/// A default inside of a type must be written out: it may not refer to anything.
fn literal(expression: &Expression) -> Result<serde_json::Value, TypeError> {
    match expression {
        Expression::Null(_) => Ok(serde_json::Value::Null),
        Expression::Bool(value) => Ok((*value.value()).into()),
        Expression::Number(value) => Ok(value.value().as_f64().map_or(serde_json::Value::Null, Into::into)),
        Expression::String(value) => Ok(value.value().clone().into()),
        Expression::Array(items) => items.iter().map(literal).collect(),
        Expression::Object(fields) => {
            let mut map = serde_json::Map::new();
            for (key, value) in fields {
                map.insert(attribute_name(key)?, literal(value.expr())?);
            }
            Ok(serde_json::Value::Object(map))
        }
        other => Err(wrong("a default inside of a type must be written out", other.span())),
    }
}

struct Conversion<'a> {
    strict: bool,
    mismatches: &'a mut Vec<Mismatch>,
}

impl Conversion<'_> {
    fn convert(&mut self, wanted: &Type, mut value: Given, path: &str) -> Given {
        if value.is_null() {
            value.declared = wanted.cty().or(value.declared);
            return value;
        }
        let before = value.declared.clone();
        match wanted {
            Type::Any => value,
            Type::String | Type::Number | Type::Bool => self.primitive(wanted, value, path),
            Type::List(inner) => declared(inner, before.as_ref(), self.list(wanted, inner, value, path), Cty::list),
            Type::Set(inner) => {
                let mut list = declared(inner, before.as_ref(), self.list(wanted, inner, value, path), Cty::set);
                if let Kind::List(items) = &mut list.kind {
                    distinct(items);
                }
                list
            }
            Type::Map(inner) => declared(inner, before.as_ref(), self.map(wanted, inner, value, path), Cty::map),
            Type::Object(attributes) => self.object(wanted, attributes, value, path),
            Type::Tuple(types) => self.tuple(wanted, types, value, path),
        }
    }

    fn primitive(&mut self, wanted: &Type, mut value: Given, path: &str) -> Given {
        match converted_primitive(wanted, &value.kind) {
            Some(Kind::Number(number)) if value.as_str().is_some() => {
                value = Given { sensitive: value.sensitive, ..Given::written_number(number, value.span) };
            }
            Some(kind) => {
                let is_number = matches!(kind, Kind::Number(_));
                value.declared = value.declared.filter(|_| is_number);
                value.kind = kind;
            }
            None => self.mismatch(wanted, &value, path),
        }
        value
    }

    fn list(&mut self, wanted: &Type, inner: &Type, mut value: Given, path: &str) -> Given {
        let Kind::List(items) = value.kind else {
            self.mismatch(wanted, &value, path);
            return value;
        };
        let converted =
            items.into_iter().enumerate().map(|(at, item)| self.convert(inner, item, &format!("{path}[{at}]")));
        value.kind = Kind::List(converted.collect());
        value.declared = None;
        value
    }

    fn map(&mut self, wanted: &Type, inner: &Type, mut value: Given, path: &str) -> Given {
        let Kind::Map(fields) = value.kind else {
            self.mismatch(wanted, &value, path);
            return value;
        };
        let converted = fields.into_iter().map(|(name, field)| {
            let value = self.convert(inner, field.value, &format!("{path}.{name}"));
            (name, Field { key: field.key, value })
        });
        value.kind = Kind::Map(converted.collect());
        value.declared = None;
        value
    }

    fn object(
        &mut self,
        wanted: &Type,
        attributes: &IndexMap<String, Attribute>,
        mut value: Given,
        path: &str,
    ) -> Given {
        let Kind::Map(mut fields) = value.kind else {
            self.mismatch(wanted, &value, path);
            return value;
        };
        let mut converted = IndexMap::new();
        for (name, attribute) in attributes {
            let field = fields.shift_remove(name).filter(|field| !(attribute.optional && field.value.is_null()));
            match field {
                Some(field) => {
                    let value = self.convert(&attribute.kind, field.value, &format!("{path}.{name}"));
                    converted.insert(name.clone(), Field { key: field.key, value });
                }
                None if attribute.optional => {
                    let default = Given::from_json(&attribute.default, &value.span);
                    let default = self.convert(&attribute.kind, default, &format!("{path}.{name}"));
                    converted.insert(name.clone(), Field { key: value.span.clone(), value: default });
                }
                None => self.missing(wanted, name, &value.span, value.sensitive, path),
            }
        }
        if self.strict {
            self.unknown_attributes(attributes, &fields, path);
        }
        value.kind = Kind::Map(converted);
        value.declared = None;
        value
    }

    fn tuple(&mut self, wanted: &Type, types: &[Type], mut value: Given, path: &str) -> Given {
        let Kind::List(items) = value.kind else {
            self.mismatch(wanted, &value, path);
            return value;
        };
        if items.len() != types.len() {
            let value = Given { kind: Kind::List(items), ..value };
            self.mismatch(wanted, &value, path);
            return value;
        }
        let converted = items.into_iter().zip(types).map(|(item, wanted)| self.convert(wanted, item, path));
        value.kind = Kind::List(converted.collect());
        value.declared = None;
        value
    }

    fn mismatch(&mut self, wanted: &Type, found: &Given, path: &str) {
        self.mismatches.push(Mismatch {
            path: path.to_owned(),
            wanted: wanted.described(),
            found: found.clone(),
            reason: Reason::Shape,
        });
    }

    fn missing(&mut self, wanted: &Type, name: &str, span: &keywright_model::Span, sensitive: bool, path: &str) {
        self.mismatches.push(Mismatch {
            path: path.to_owned(),
            wanted: wanted.described(),
            found: Given { sensitive, ..Given::new(Kind::Null, span.clone()) },
            reason: Reason::MissingAttribute(name.to_owned()),
        });
    }

    fn unknown_attributes(
        &mut self,
        attributes: &IndexMap<String, Attribute>,
        left: &IndexMap<String, Field>,
        path: &str,
    ) {
        for (name, field) in left {
            let known = attributes.keys().cloned().collect();
            self.mismatches.push(Mismatch {
                path: path.to_owned(),
                wanted: String::new(),
                found: Given { sensitive: field.value.sensitive, ..Given::new(Kind::Null, field.key.clone()) },
                reason: Reason::UnknownAttribute { name: name.clone(), known },
            });
        }
    }
}

/// A list or map with its type: all its parts have the `inner` one, or the one that Terraform finds for them.
///
/// `before` is what the value was declared to be: an empty list of texts stays one.
fn declared(inner: &Type, before: Option<&Cty>, value: Given, whole: fn(Cty) -> Cty) -> Given {
    let kinds: Vec<Cty> = match &value.kind {
        Kind::List(items) => items.iter().map(Cty::of).collect(),
        Kind::Map(fields) => fields.values().map(|field| Cty::of(&field.value)).collect(),
        _ => return value,
    };
    let found = match (inner, before) {
        (Type::Any, Some(Cty::List(part) | Cty::Set(part) | Cty::Map(part))) if kinds.is_empty() => {
            Some(part.as_ref().clone())
        }
        _ if inner.holds_any() => Cty::unified(&kinds),
        _ => inner.cty(),
    };
    whole(found.unwrap_or(Cty::Untold)).give(value)
}

fn converted_primitive(wanted: &Type, kind: &Kind) -> Option<Kind> {
    match (wanted, kind) {
        (Type::String, Kind::String(_)) | (Type::Number, Kind::Number(_)) | (Type::Bool, Kind::Bool(_)) => {
            Some(kind.clone())
        }
        (Type::String, Kind::Number(number)) => Some(Kind::String(number_to_string(*number))),
        (Type::String, Kind::Bool(value)) => Some(Kind::String(value.to_string())),
        (Type::Number, Kind::String(text)) => parse_number(text).map(Kind::Number),
        (Type::Bool, Kind::String(text)) => match text.as_str() {
            "true" => Some(Kind::Bool(true)),
            "false" => Some(Kind::Bool(false)),
            _ => None,
        },
        _ => None,
    }
}

/// A number as Terraform reads it from a text: digits, a point, an exponent; no `inf`, no `nan`.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let looks_right = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|number: &f64| looks_right && number.is_finite())
}

/// Keeps the first of equal items, and sorts texts, numbers and truth values, as Terraform's sets do.
pub(crate) fn distinct(items: &mut Vec<Given>) {
    let mut kept: Vec<Given> = Vec::new();
    for item in items.drain(..) {
        if !kept.iter().any(|other| other.same(&item)) {
            kept.push(item);
        }
    }
    let ordered = |left: &Given, right: &Given| match (&left.kind, &right.kind) {
        (Kind::String(left), Kind::String(right)) => Some(left.cmp(right)),
        (Kind::Bool(left), Kind::Bool(right)) => Some(left.cmp(right)),
        (Kind::Number(left), Kind::Number(right)) => Some(left.total_cmp(right)),
        _ => None,
    };
    if kept.iter().zip(kept.iter().skip(1)).all(|(left, right)| ordered(left, right).is_some()) {
        kept.sort_by(|left, right| ordered(left, right).unwrap_or(std::cmp::Ordering::Equal));
    }
    *items = kept;
}

#[cfg(test)]
mod tests {
    use keywright_model::{SourceFile, Span};
    use serde_json::json;

    use super::*;

    fn given(value: serde_json::Value) -> Given {
        Given::from_json(&value, &Span::new(&SourceFile::new("test", ""), 0..0))
    }

    fn check(kind: &str, value: serde_json::Value, expect: Option<serde_json::Value>) {
        let converted = Type::parse(kind).expect("a type").convert(given(value.clone()), true);
        assert_eq!(converted.ok().map(|value| value.to_json()), expect, "{value} as {kind}");
    }

    #[test]
    fn values_become_what_terraform_makes_of_them() {
        check("string", json!(5), Some(json!("5")));
        check("string", json!(true), Some(json!("true")));
        check("number", json!("2.5"), Some(json!(2.5)));
        check("number", json!("x"), None);
        check("number", json!("inf"), None);
        check("bool", json!("true"), Some(json!(true)));
        check("bool", json!(1), None);
        check("list(string)", json!([1, "a"]), Some(json!(["1", "a"])));
        check("list(string)", json!("a"), None);
        check("set(string)", json!(["b", "a", "b"]), Some(json!(["a", "b"])));
        check("map(number)", json!({"a": "1"}), Some(json!({"a": 1})));
        check("tuple([string, number])", json!([1, "2"]), Some(json!(["1", 2])));
        check("tuple([string])", json!([1, 2]), None);
        check("string", json!(null), Some(json!(null)));
    }

    #[test]
    fn optional_attributes_take_their_default_and_unknown_ones_are_refused() {
        let kind = "object({enabled = optional(bool, true), region = string})";
        check(kind, json!({"region": "x"}), Some(json!({"enabled": true, "region": "x"})));
        check(kind, json!({"region": "x", "enabled": null}), Some(json!({"enabled": true, "region": "x"})));
        check(kind, json!({"enabled": true}), None);
        check(kind, json!({"region": "x", "enabeld": true}), None);
    }

    #[test]
    fn terraform_drops_attributes_that_an_object_type_does_not_know() {
        let kind = Type::parse("object({a = string})").expect("a type");
        let converted = kind.convert(given(json!({"a": "x", "b": 1})), false).expect("fits");
        assert_eq!(converted.to_json(), json!({"a": "x"}));
    }

    #[test]
    fn refuses_what_is_no_type() {
        for wrong in ["strin", "list(", "map(string, number)", "optional(string)", "object({a = var.b})", "1"] {
            assert!(Type::parse(wrong).is_err(), "{wrong}");
        }
    }
}
