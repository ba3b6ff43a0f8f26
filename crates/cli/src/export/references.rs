//! References to what is not known before it is made, in words.

use keywright_module::{Part, Reference, Value as Argument};
use serde_json::Value;

/// `ADDRESS.ATTRIBUTE`.
pub(super) fn place(reference: &Reference) -> String {
    format!("{}.{}", reference.address, reference.attribute)
}

/// A value for people, with `${ADDRESS.ATTRIBUTE}` for what is not known yet.
pub(super) fn shown(argument: &Argument) -> Value {
    match argument {
        Argument::Text(template) => template.0.iter().map(part).collect::<String>().into(),
        Argument::List(items) => items.iter().map(shown).collect(),
        Argument::Map(fields) => fields.iter().map(|(name, value)| (name.clone(), shown(value))).collect(),
        plain => plain.resolve(&|_| None).value,
    }
}

fn part(part: &Part) -> String {
    match part {
        Part::Literal(text) => text.clone(),
        Part::Reference(reference) => format!("${{{}}}", place(reference)),
    }
}
