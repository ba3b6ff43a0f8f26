//! YAML with the place of every value.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::{Diagnostic, SourceFile, Span};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::given::{Field, Given, Kind};

/// Reads a YAML text with one document.
///
/// # Errors
/// Where the text stops being YAML, or is more than a bounded reader takes.
pub(crate) fn parse(file: &Arc<SourceFile>) -> Result<Given, Diagnostic> {
    let read: Spanned<Node> = serde_saphyr::from_str(&file.text).map_err(|error| {
        let span = error.location().map(|location| span(file, &location));
        Diagnostic::error("invalid-yaml", format!("this is not YAML: {}", first_line(&error.to_string())))
            .at_opt(span, "reading stops here")
            .help("indent with spaces, and put texts that hold `: ` or begin with a sign in quotes")
    })?;
    Ok(given(file, read))
}

/// The first line, without the place that it begins with: that is shown.
fn first_line(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    match line.strip_prefix("error: line ").and_then(|placed| placed.split_once(": ")) {
        Some((_, said)) => said,
        None => line,
    }
}

fn given(file: &Arc<SourceFile>, node: Spanned<Node>) -> Given {
    let place = span(file, &node.referenced);
    let kind = match node.value {
        Node::Null => Kind::Null,
        Node::Bool(value) => Kind::Bool(value),
        Node::Number(value) => Kind::Number(value),
        Node::Text(text) => Kind::String(text),
        Node::List(items) => Kind::List(items.into_iter().map(|item| given(file, item)).collect()),
        Node::Map(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let key = span(file, &name.referenced);
                (name.value, Field { key, value: given(file, value) })
            });
            Kind::Map(fields.collect::<IndexMap<_, _>>())
        }
    };
    Given::new(kind, place)
}

fn span(file: &Arc<SourceFile>, location: &Location) -> Span {
    let known = location.span().byte_offset().zip(location.span().byte_len());
    let (offset, length) = known.unwrap_or_else(|| (offset_of(&file.text, location), 0));
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(file.text.len());
    let end = start.saturating_add(usize::try_from(length).unwrap_or(0)).min(file.text.len());
    Span::new(file, start..end)
}

/// Where the line and the column are; columns count characters.
fn offset_of(text: &str, location: &Location) -> u64 {
    let at = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let lines: usize = text.split_inclusive('\n').take(at(location.line())).map(str::len).sum();
    let line = text.get(lines..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let columns: usize = line.chars().take(at(location.column())).map(char::len_utf8).sum();
    lines.saturating_add(columns) as u64
}

enum Node {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a truth value, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are kept as Terraform's are, as far as floats carry them")]
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers are kept as Terraform's are, as far as floats carry them")]
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        if value.is_finite() { Ok(Node::Number(value)) } else { Err(E::custom("this is no number")) }
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = access.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Given, Diagnostic> {
        parse(&SourceFile::new("keywright.yaml", text))
    }

    #[test]
    fn reads_values_and_where_they_stand() {
        let value = read("name: kms\ntags:\n  a: 1\n  b: [true, null, x]\n").expect("YAML");
        assert_eq!(value.to_json(), serde_json::json!({"name": "kms", "tags": {"a": 1, "b": [true, null, "x"]}}));
        let tag = value.field("tags").and_then(|tags| tags.field("a")).expect("a tag");
        assert_eq!((tag.span.start().line, tag.span.start().column), (3, 6));
    }

    #[test]
    fn shows_where_the_text_stops_being_yaml() {
        let error = read("a: 1\nb: [é, x\n").expect_err("an open bracket");
        assert_eq!(error.summary, "this is not YAML: unclosed bracket '['");
        let start = error.labels.first().expect("a place").span.start();
        assert_eq!((start.line, start.column), (2, 4));
    }

    #[test]
    fn refuses_what_is_not_yaml() {
        for wrong in ["a: [1", "a: b: c", "a:\n  - b\n c", "a: 1\na: 2", "a: .inf"] {
            assert_eq!(read(wrong).expect_err(wrong).code, "invalid-yaml", "{wrong}");
        }
    }
}
