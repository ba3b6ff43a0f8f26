use serde_json::Value;

/// A value as Terraform's plan writes it: texts in quotes, lists and maps over several lines, each
/// line after the first indented by `indent`.
pub(crate) fn hcl(value: &Value, indent: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Array(items) => {
            let lines = items.iter().map(|item| format!("{},", hcl(item, indent + STEP)));
            block('[', ']', lines, indent)
        }
        Value::Object(fields) => {
            let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            let lines = fields.iter().map(|(name, value)| format!("{name:width$} = {}", hcl(value, indent + STEP)));
            block('{', '}', lines, indent)
        }
    }
}

/// The value of an output. A policy's text is long and says little at a glance: only where to get it is told.
pub(crate) fn output(name: &str, value: &Value) -> String {
    if name.ends_with("_policy") && value.is_string() {
        return format!("(policy document: `keywright output DIR {name} --raw` prints it)");
    }
    hcl(value, 0)
}

/// A text in quotes, with what would end or break it escaped.
pub(crate) fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn block(open: char, close: char, lines: impl Iterator<Item = String>, indent: usize) -> String {
    let mut text = String::from(open);
    for line in lines {
        text.push('\n');
        text.push_str(&" ".repeat(indent + STEP));
        text.push_str(&line);
    }
    text.push('\n');
    text.push_str(&" ".repeat(indent));
    text.push(close);
    text
}

const STEP: usize = 4;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_values_are_indented() {
        assert_eq!(hcl(&json!({"a": [1], "bc": {}}), 2), "{\n      a  = [\n          1,\n      ]\n      bc = {}\n  }");
        assert_eq!(hcl(&json!("a\"b"), 0), r#""a\"b""#);
        assert_eq!(hcl(&json!(null), 0), "null");
    }
}
