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

/// The same of an output, of which parts are known only after apply. The texts of policies are only named.
pub(crate) fn partly_known(value: &Value, unknown: &Value, indent: usize) -> String {
    let known = Value::Bool(false);
    match (value, unknown) {
        (_, Value::Bool(true)) => super::plan::UNKNOWN.to_owned(),
        (Value::Array(items), _) if !items.is_empty() => {
            let lines = items
                .iter()
                .enumerate()
                .map(|(at, item)| format!("{},", partly_known(item, unknown.get(at).unwrap_or(&known), indent + STEP)));
            block('[', ']', lines, indent)
        }
        (Value::Object(fields), _) if !fields.is_empty() => {
            let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
            let lines = fields.iter().map(|(name, value)| {
                let unknown = unknown.get(name).unwrap_or(&known);
                let is_policy = name.ends_with("_policy") && value.is_string() && *unknown == known;
                let value = match is_policy {
                    true => super::plan::POLICY.to_owned(),
                    false => partly_known(value, unknown, indent + STEP),
                };
                format!("{name:width$} = {value}")
            });
            block('{', '}', lines, indent)
        }
        _ => hcl(value, indent),
    }
}

/// The value of an output. A policy's text is long and says little at a glance: only where to get it is told.
pub(crate) fn output(name: &str, value: &Value) -> String {
    if name.ends_with("_policy") && value.is_string() {
        return format!("(policy document: `keywright output DIR {name} --raw` prints it)");
    }
    partly_known(value, &Value::Bool(false), 0)
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

    #[test]
    fn what_is_not_known_is_told_in_its_place() {
        let (value, unknown) = (json!({"a": null, "b": [1, null]}), json!({"a": true, "b": [false, true]}));
        let expect = "{\n    a = (known after apply)\n    b = [\n        1,\n        (known after apply),\n    ]\n}";
        assert_eq!(partly_known(&value, &unknown, 0), expect);
        assert_eq!(partly_known(&json!(1), &json!(false), 0), "1");
    }

    #[test]
    fn outputs_do_not_print_the_texts_of_policies() {
        let value = json!({"kms_key_policy": "{}", "kms_key_id": "x", "other_policy": null});
        assert_eq!(
            output("whole", &value),
            "{\n    kms_key_policy = policy document\n    kms_key_id     = \"x\"\n    other_policy   = null\n}"
        );
        assert_eq!(
            output("list", &json!([{"a_policy": "{}"}])),
            "[\n    {\n        a_policy = policy document\n    },\n]"
        );
        assert_eq!(output("id", &json!("policy document")), "\"policy document\"");
        assert!(output("kms_key_policy", &json!("{}")).contains("--raw"));
    }
}
