use serde_json::{Map, Value};

use super::expression::{self, Expression, Reading};
use super::{Extracted, PatternError};

/// The fields of a message that are separated by spaces, some with conditions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fields {
    before: Vec<Field>,
    /// What follows `...`, which stands for any number of fields; none without it.
    after: Option<Vec<Field>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Field {
    /// Empty for a field that nobody named.
    name: String,
    condition: Option<Expression>,
}

impl Fields {
    pub(super) fn find(&self, message: &str) -> Option<Extracted> {
        let values = split_message(message);
        let after: &[Field] = self.after.as_deref().unwrap_or_default();
        let named = self.before.len() + after.len();
        let fits = if self.after.is_some() { values.len() >= named } else { values.len() == named };
        if !fits {
            return None;
        }
        let head = self.before.iter().zip(values.iter());
        let tail = after.iter().zip(values.iter().skip(values.len() - after.len()));
        let mut found = Extracted::new();
        for (position, (field, value)) in head.chain(tail).enumerate() {
            if !field.holds(value) {
                return None;
            }
            let name = if field.name.is_empty() { (position + 1).to_string() } else { field.name.clone() };
            found.insert(format!("${name}"), (*value).to_owned());
        }
        Some(found)
    }
}

impl Field {
    fn holds(&self, value: &str) -> bool {
        let Some(condition) = &self.condition else { return true };
        let event = Value::Object(Map::from_iter([(self.name.clone(), Value::String(value.to_owned()))]));
        condition.holds(&event, Reading::Text)
    }
}

pub(super) fn parse(text: &str) -> Result<Fields, PatternError> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.ok_or(PatternError::Expected { expected: "`]`", found: "the end".to_owned() })?;
    let mut fields = Fields { before: Vec::new(), after: None };
    for part in split_pattern(inner)? {
        if part == "..." {
            if fields.after.replace(Vec::new()).is_some() {
                return Err(PatternError::TwoEllipses);
            }
            continue;
        }
        let field = parse_field(part)?;
        fields.after.as_mut().unwrap_or(&mut fields.before).push(field);
    }
    Ok(fields)
}

fn parse_field(text: &str) -> Result<Field, PatternError> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
    let end = text.find(|character| !is_name(character)).unwrap_or(text.len());
    let (name, condition) = text.split_at(end);
    if condition.trim().is_empty() {
        return Ok(Field { name: name.to_owned(), condition: None });
    }
    let condition = expression::parse_field_condition(text)?;
    Ok(Field { name: name.to_owned(), condition: Some(condition) })
}

/// Splits at the commas that stand outside of quotation marks.
fn split_pattern(text: &str) -> Result<Vec<&str>, PatternError> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(PatternError::UnclosedQuote);
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    Ok(parts)
}

/// Splits a message at spaces; what stands in `"…"` or `[…]` is one field, without the marks.
fn split_message(message: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let mut rest = message.trim();
    while !rest.is_empty() {
        let (value, behind) = enclosed(rest, '"', '"').or_else(|| enclosed(rest, '[', ']')).unwrap_or_else(|| {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest.split_at(end)
        });
        values.push(value);
        rest = behind.trim_start();
    }
    values
}

fn enclosed(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    text.strip_prefix(open)?.split_once(close)
}
