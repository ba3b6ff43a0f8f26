//! Values in a template: references become `Ref`, `Fn::GetAtt` and `Fn::Join`, and policies are objects.

use keywright_model::ResourceKind;
use keywright_module::{Part, Reference, Template, Value as Argument};
use serde_json::{Map, Value, json};

use super::super::references;
use super::Stack;
use super::properties::{Form, Property};

impl Stack<'_> {
    pub(super) fn value(&self, argument: &Argument) -> Option<Value> {
        Some(match argument {
            Argument::Text(template) => self.text(template)?,
            Argument::List(items) => items.iter().map(|it| self.value(it)).collect::<Option<Vec<_>>>()?.into(),
            Argument::Map(fields) => {
                let fields = fields.iter().map(|(name, it)| Some((name.clone(), self.value(it)?)));
                fields.collect::<Option<Map<_, _>>>()?.into()
            }
            plain => plain.resolve(&|_| None).value,
        })
    }

    fn text(&self, template: &Template) -> Option<Value> {
        if let [Part::Reference(reference)] = template.0.as_slice() {
            return self.reference(reference);
        }
        let parts = template.0.iter().map(|part| match part {
            Part::Literal(text) => Some(Value::from(text.as_str())),
            Part::Reference(reference) => self.reference(reference),
        });
        Some(joined(parts.collect::<Option<Vec<_>>>()?))
    }

    /// A policy as an object: the text is JSON once something stands for each reference, which then gives way to it.
    pub(super) fn policy(&self, argument: &Argument) -> Option<Value> {
        let Argument::Text(template) = argument else { return None };
        let literals = literals(argument)?;
        let mark = ('\u{e000}'..='\u{f8ff}').find(|mark| !literals.contains(*mark))?;
        let mut found = Vec::new();
        let text: String = template
            .0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.clone(),
                Part::Reference(reference) => {
                    found.push(reference);
                    format!("{mark}{}{mark}", found.len() - 1)
                }
            })
            .collect();
        self.filled_in(serde_json::from_str(&text).ok()?, mark, &found)
    }

    fn filled_in(&self, value: Value, mark: char, found: &[&Reference]) -> Option<Value> {
        Some(match value {
            Value::String(text) if text.contains(mark) => {
                // Every second piece is the number of a reference.
                let pieces = text.split(mark).enumerate().filter(|(at, piece)| at % 2 == 1 || !piece.is_empty());
                let pieces = pieces.map(|(at, piece)| match at % 2 {
                    0 => Some(Value::from(piece)),
                    _ => self.reference(found.get(piece.parse::<usize>().ok()?)?),
                });
                joined(pieces.collect::<Option<Vec<_>>>()?)
            }
            Value::Array(items) => {
                items.into_iter().map(|it| self.filled_in(it, mark, found)).collect::<Option<Vec<_>>>()?.into()
            }
            // A name can hold no reference.
            Value::Object(fields) if fields.keys().any(|name| name.contains(mark)) => return None,
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, it)| Some((name, self.filled_in(it, mark, found)?)));
                fields.collect::<Option<Map<_, _>>>()?.into()
            }
            plain => plain,
        })
    }

    /// A map as a list of pairs.
    pub(super) fn pairs(&self, argument: &Argument, key: &str) -> Option<Value> {
        let Argument::Map(fields) = argument else { return None };
        fields.iter().map(|(name, value)| Some(json!({ key: name, "Value": self.value(value)? }))).collect()
    }

    pub(super) fn blocks(&self, argument: &Argument, inner: &[Property]) -> Option<Value> {
        let Argument::List(items) = argument else { return None };
        let block = |item: &Argument| {
            let Argument::Map(fields) = item else { return None };
            if fields.keys().any(|name| inner.iter().all(|it| it.argument != name)) {
                return None;
            }
            let named = inner.iter().filter_map(|it| Some((it, fields.get(it.argument)?)));
            let filled = named.map(|(it, value)| {
                let value = if matches!(it.form, Form::Number) { number(value)? } else { self.value(value)? };
                Some((it.name.to_owned(), value))
            });
            filled.collect::<Option<Map<_, _>>>().map(Value::Object)
        };
        items.iter().map(block).collect()
    }

    /// What stands for an attribute of another resource. A replica has the ID of its primary, so that the primary's template
    /// needs nothing of the replica's, which is made after it.
    pub(super) fn reference(&self, reference: &Reference) -> Option<Value> {
        if self.is_parameter(reference) {
            return Some(json!({ "Ref": self.of.ids.parameter(reference) }));
        }
        if self.holds(&reference.address) {
            return returned(self.of.ids.of(&reference.address)?, reference);
        }
        let primary = json!({ "Ref": self.of.ids.of(self.of.primary_of(&reference.address)?)? });
        match reference.attribute {
            "key_id" => Some(primary),
            "arn" => {
                let region = self.of.region_of(self.of.resource(&reference.address)?);
                let account = &self.of.desired.account;
                let before = format!("arn:{}:kms:{region}:{account}:key/", self.region.partition());
                Some(joined(vec![before.into(), primary]))
            }
            _ => None,
        }
    }
}

/// What `Ref` and `Fn::GetAtt` return.
fn returned(id: &str, reference: &Reference) -> Option<Value> {
    match (reference.address.kind, reference.attribute) {
        (ResourceKind::KmsKey | ResourceKind::KmsReplicaKey | ResourceKind::IamRole, "arn") => {
            Some(json!({ "Fn::GetAtt": [id, "Arn"] }))
        }
        (ResourceKind::KmsKey | ResourceKind::KmsReplicaKey, "key_id")
        | (ResourceKind::IamRole, "name")
        | (ResourceKind::IamPolicy, "arn") => Some(json!({ "Ref": id })),
        _ => None,
    }
}

/// Where a value holds what CloudFormation would take for its own language: a function in the place of a name, or a dynamic
/// reference in a text. What is deployed would be another value than the one that is meant.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>,
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.
pub(super) fn own_language(value: &Value, place: &str) -> Option<String> {
    match value {
        Value::String(text) if is_dynamic(text) => Some(format!("the text at `{place}` is a dynamic reference")),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(at, item)| own_language(item, &format!("{place}[{at}]")))
        }
        Value::Object(fields) => {
            let is_alone = fields.len() == 1;
            fields.iter().find_map(|(name, field)| match name.as_str() {
                "Ref" | "Condition" if is_alone => Some(format!("`{name}` at `{place}` is a function")),
                name if name.starts_with("Fn::") => Some(format!("`{name}` at `{place}` is a function")),
                name if is_dynamic(name) => Some(format!("the name `{name}` at `{place}` is a dynamic reference")),
                name => own_language(field, &format!("{place}.{name}")),
            })
        }
        _ => None,
    }
}

/// The same, of a value or a policy that is yet to be told.
pub(super) fn own_language_of(argument: &Argument, name: &str) -> Option<String> {
    let policy = literals(argument).and_then(|text| serde_json::from_str(&text).ok());
    let of_policy = policy.and_then(|policy| own_language(&policy, name));
    of_policy.or_else(|| own_language(&references::shown(argument), name))
}

fn is_dynamic(text: &str) -> bool {
    text.to_ascii_lowercase().contains("{{resolve:")
}

/// The text with nothing in the place of its references.
fn literals(argument: &Argument) -> Option<String> {
    let Argument::Text(Template(parts)) = argument else { return None };
    let literal = parts.iter().filter_map(|part| match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Reference(_) => None,
    });
    Some(literal.collect())
}

fn joined(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [] => "".into(),
        [only] => only.take(),
        _ => json!({ "Fn::Join": ["", parts] }),
    }
}

pub(super) fn number(argument: &Argument) -> Option<Value> {
    let value = argument.resolve(&|_| None).value;
    serde_json::from_str(value.as_str()?).ok().filter(Value::is_number)
}
