//! Terraform's language, written as `terraform fmt` leaves it.
//!
//! Source: <https://developer.hashicorp.com/terraform/language/style>,
//! <https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences>.

use serde_json::{Map, Value};

/// A block: its head, and the lines inside, which are not indented yet.
pub(super) fn block(head: &str, inside: &str) -> String {
    format!("{head} {{\n{}}}\n", indented(inside))
}

/// A block of attributes whose expressions stand as somebody wrote them: their further lines are left where they are.
pub(super) fn block_as_written<N: AsRef<str>>(head: &str, all: &[(N, String)]) -> String {
    format!("{head} {{\n{}}}\n", lines(all, "  "))
}

/// `name = expression` on lines of its own. As `terraform fmt` has it, the signs of neighbours stand below each other, and
/// an expression of several lines has no neighbours.
pub(super) fn attributes<N: AsRef<str>>(all: &[(N, String)]) -> String {
    lines(all, "")
}

fn lines<N: AsRef<str>>(all: &[(N, String)], indent: &str) -> String {
    let mut text = String::new();
    for group in all.chunk_by(|(_, before), (_, after)| !before.contains('\n') && !after.contains('\n')) {
        let width = group.iter().map(|(name, _)| name.as_ref().len()).max().unwrap_or_default();
        for (name, expression) in group {
            text.push_str(&format!("{indent}{:width$} = {expression}\n", name.as_ref()));
        }
    }
    text
}

/// A value as an expression.
pub(super) fn expression(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => list(items),
        Value::Object(fields) => object(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A value in one line, as an expression of that type, which is in the form of states. None where no expression is known to
/// have it.
pub(super) fn typed(value: &Value, kind: &Value) -> Option<String> {
    let name = kind.as_str().or_else(|| kind.get(0)?.as_str())?;
    let inner = |of: &Value| kind.get(1).and_then(|inner| typed(of, inner));
    Some(match (name, value) {
        ("dynamic", Value::Null) => "null".to_owned(),
        ("string" | "number" | "bool", Value::Null) => format!("to{name}(null)"),
        ("string", Value::String(text)) => quoted(text),
        ("number", Value::Number(_)) | ("bool", Value::Bool(_)) => value.to_string(),
        // Of those without an item, nothing would tell what they are lists of.
        ("list" | "set", Value::Array(items)) if !items.is_empty() => {
            let items = items.iter().map(inner).collect::<Option<Vec<_>>>()?;
            format!("to{name}([{}])", items.join(", "))
        }
        ("map", Value::Object(fields)) if !fields.is_empty() => {
            let fields = fields.iter().map(|(name, value)| Some(format!("{} = {}", key(name), inner(value)?)));
            format!("tomap({{ {} }})", fields.collect::<Option<Vec<_>>>()?.join(", "))
        }
        ("tuple", Value::Array(items)) => {
            let items = items.iter().enumerate().map(|(at, item)| typed(item, kind.get(1)?.get(at)?));
            format!("[{}]", items.collect::<Option<Vec<_>>>()?.join(", "))
        }
        ("object", Value::Object(fields)) if fields.is_empty() => "{}".to_owned(),
        ("object", Value::Object(fields)) => {
            let of = |name: &str| kind.get(1)?.get(name);
            let fields =
                fields.iter().map(|(name, value)| Some(format!("{} = {}", key(name), typed(value, of(name)?)?)));
            format!("{{ {} }}", fields.collect::<Option<Vec<_>>>()?.join(", "))
        }
        _ => return None,
    })
}

/// A text in quotes: no part of it ends it, or is taken for a template.
pub(super) fn quoted(text: &str) -> String {
    let mut written = String::from('"');
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '$' | '%' if rest.as_str().starts_with('{') => written.extend([character, character]),
            // `$${` is how `${` is written, so that a further sign before it must not look like one.
            '$' | '%' if rest.as_str().trim_start_matches(['$', '%']).starts_with('{') => {
                written.push_str(&code(character))
            }
            control if control.is_control() => written.push_str(&code(control)),
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

fn list(items: &[Value]) -> String {
    let items: Vec<String> = items.iter().map(expression).collect();
    let line = format!("[{}]", items.join(", "));
    if line.len() <= LONGEST_LIST && !line.contains('\n') {
        return line;
    }
    let lines: String = items.iter().map(|item| format!("{item},\n")).collect();
    format!("[\n{}]", indented(&lines))
}

fn object(fields: &Map<String, Value>) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let fields: Vec<(String, String)> = fields.iter().map(|(name, value)| (key(name), expression(value))).collect();
    format!("{{\n{}}}", indented(&attributes(&fields)))
}

/// The name of a field. Only ASCII: how wide other letters are is for `terraform fmt` to say.
fn key(name: &str) -> String {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic());
    if starts_well && name.chars().all(|next| next.is_ascii_alphanumeric() || next == '_') && !WORDS.contains(&name) {
        return name.to_owned();
    }
    quoted(name).chars().map(|next| if next.is_ascii() { next.to_string() } else { code(next) }).collect()
}

fn code(character: char) -> String {
    let number = u32::from(character);
    if number > 0xFFFF { format!("\\U{number:08x}") } else { format!("\\u{number:04x}") }
}

/// Two columns further. No line is inside a text: texts have no line breaks here.
fn indented(lines: &str) -> String {
    lines.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

/// Names that mean something else where a field begins.
const WORDS: &[&str] = &["for", "null", "true", "false", "if", "in", "else"];

/// Longer lists have a line for each item.
const LONGEST_LIST: usize = 90;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_and_ends_of_texts_are_escaped() {
        let cases = [
            ("a\"b\\c\n", r#""a\"b\\c\n""#),
            ("${a} %{if}", r#""$${a} %%{if}""#),
            ("$${a} $ % $a", r#""\u0024$${a} $ % $a""#),
            ("%${", r#""\u0025$${""#),
            ("\u{7f}é", "\"\\u007fé\""),
        ];
        for (text, expect) in cases {
            assert_eq!(quoted(text), expect);
        }
    }

    #[test]
    fn values_are_written_in_their_types_or_not_at_all() {
        let cases = [
            (json!(["a"]), json!(["list", "string"]), Some(r#"tolist(["a"])"#)),
            (json!(["${a}"]), json!(["tuple", ["string"]]), Some(r#"["$${a}"]"#)),
            (json!([[1.5]]), json!(["set", ["list", "number"]]), Some("toset([tolist([1.5])])")),
            (
                json!({"a": true, "for": null}),
                json!(["map", "bool"]),
                Some(r#"tomap({ a = true, "for" = tobool(null) })"#),
            ),
            (
                json!({"a": [], "b": {}}),
                json!(["object", {"a": ["tuple", []], "b": ["object", {}]}]),
                Some("{ a = [], b = {} }"),
            ),
            (json!(null), json!("dynamic"), Some("null")),
            (json!([]), json!(["list", "string"]), None),
            (json!({}), json!(["map", "string"]), None),
            (json!(null), json!(["list", "string"]), None),
            (json!(["a", 1]), json!(["tuple", ["string"]]), None),
            (json!("1"), json!("number"), None),
            (json!("1"), json!(null), None),
        ];
        for (value, kind, expect) in cases {
            assert_eq!(typed(&value, &kind).as_deref(), expect, "{value} as {kind}");
        }
    }

    #[test]
    fn names_that_mean_something_else_are_quoted_and_their_letters_are_ascii() {
        let value = json!({"a": 1, "for": 2, "a-b": 3, "7": 4, "é👧": 5, "": 6});
        let expect = r#"{
  a                  = 1
  "for"              = 2
  "a-b"              = 3
  "7"                = 4
  "\u00e9\U0001f467" = 5
  ""                 = 6
}"#;
        assert_eq!(expression(&value), expect);
    }

    #[test]
    fn signs_stand_below_each_other_between_expressions_of_several_lines() {
        let value = json!({"a": 1, "long": [], "map": {"x": null}, "b": [["x", 1], {}], "list": [{"y": true}]});
        let expect = r#"{
  a    = 1
  long = []
  map = {
    x = null
  }
  b = [["x", 1], {}]
  list = [
    {
      y = true
    },
  ]
}"#;
        assert_eq!(expression(&value), expect);
    }
}
