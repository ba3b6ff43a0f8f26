//! The inputs as they were given, for who writes them down again.

use indexmap::IndexMap;
use keywright_model::Secret;

use super::table::INPUTS;
use crate::read::{Arguments, Given, Kind};

/// An input as it was given: evaluated, not yet converted to its type.
#[derive(Debug, Clone, PartialEq)]
pub enum GivenInput {
    /// Its value.
    Plain(serde_json::Value),
    /// Something in it comes from a sensitive variable: nothing of it is told.
    Sensitive,
}

/// What was given for each input, in the order of the table of inputs. Null is the same as not given.
pub(crate) fn given(arguments: &Arguments) -> IndexMap<&'static str, GivenInput> {
    let named = INPUTS.iter().filter_map(|input| Some((input.name, &arguments.values.get(input.name)?.value)));
    let told = |value: &Given| {
        if value.holds_secrets() { GivenInput::Sensitive } else { GivenInput::Plain(value.to_json()) }
    };
    named.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name, told(value))).collect()
}

/// Every text, also names in maps, that a sensitive variable has put into a value.
pub(crate) fn secrets(value: &Given, found: &mut Vec<Secret<String>>) {
    match &value.kind {
        Kind::String(text) if value.sensitive && !text.is_empty() => found.push(Secret::new(text.clone())),
        Kind::List(items) => items.iter().for_each(|item| secrets(item, found)),
        Kind::Map(fields) => {
            for (name, field) in fields {
                if value.sensitive && !name.is_empty() {
                    found.push(Secret::new(name.clone()));
                }
                secrets(&field.value, found);
            }
        }
        _ => {}
    }
}
