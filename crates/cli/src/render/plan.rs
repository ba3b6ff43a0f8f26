use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value};

use super::summary::Policies;
use super::values;

/// What happens to one resource, in the words and signs of Terraform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Create,
    Update,
    Replace,
    CreateThenDelete,
    Delete,
    /// Nothing: the resource is shown as it is.
    Show,
    /// The scheduled deletion of a key is cancelled, and the key enabled again.
    Rescue,
    /// A key that somebody else has made is taken over.
    Adopt,
}

impl Sign {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update | Self::Rescue | Self::Adopt => "~",
            Self::Replace => "-/+",
            Self::CreateThenDelete => "+/-",
            Self::Delete => "-",
            Self::Show => "",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Create => "will be created",
            Self::Update => "will be updated in-place",
            Self::Replace | Self::CreateThenDelete => "must be replaced",
            Self::Delete => "will be destroyed",
            Self::Show => "",
            Self::Rescue => "will be rescued: its deletion is cancelled",
            Self::Adopt => "will be adopted",
        }
    }

    pub(crate) fn style(self) -> Style {
        let color = match self {
            Self::Show => return Style::new(),
            Self::Create => AnsiColor::Green,
            Self::Update | Self::Rescue | Self::Adopt => AnsiColor::Yellow,
            Self::Replace | Self::CreateThenDelete | Self::Delete => AnsiColor::Red,
        };
        color.on_default()
    }
}

/// One resource of a plan, with what is needed to show it.
pub(crate) struct Shown<'a> {
    pub(crate) address: String,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) action: Sign,
    pub(crate) before: Option<&'a Map<String, Value>>,
    pub(crate) after: Option<&'a Map<String, Value>>,
    pub(crate) unknown: Option<&'a Map<String, Value>>,
    /// The attributes whose values are not shown.
    pub(crate) sensitive: Vec<&'a str>,
    pub(crate) reason: Option<String>,
    pub(crate) policies: Policies,
}

/// The block of one resource.
pub(crate) fn resource(shown: &Shown<'_>) -> String {
    let style = shown.action.style();
    let mut text = String::new();
    let _ = writeln!(text, "{}", format!("  # {} {}", shown.address, shown.action.sentence()).trim_end());
    if let Some(reason) = &shown.reason {
        let _ = writeln!(text, "  # ({reason})");
    }
    let sign = format!("{style}{:>3}{style:#}", shown.action.sign());
    let _ = writeln!(text, "{sign} resource \"{}\" \"{}\" {{", shown.kind, shown.name);
    for line in lines(shown) {
        let _ = writeln!(text, "{line}");
    }
    text.push_str("    }\n");
    text
}

fn lines(shown: &Shown<'_>) -> Vec<String> {
    let names = names(shown);
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut lines: Vec<String> = names.iter().filter_map(|name| line(shown, name, width)).collect();
    let hidden = names.len() - lines.len();
    if shown.action == Sign::Update && hidden > 0 {
        lines.push(format!("        # ({hidden} unchanged attributes hidden)"));
    }
    lines
}

fn names<'a>(shown: &Shown<'a>) -> Vec<&'a str> {
    let mut names: Vec<&str> = [shown.before, shown.after, shown.unknown]
        .into_iter()
        .flatten()
        .flat_map(|map| map.keys())
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The line of one attribute; none when there is nothing to say about it.
fn line(shown: &Shown<'_>, name: &str, width: usize) -> Option<String> {
    let before = shown.before.and_then(|map| map.get(name)).filter(|value| !is_absent(value));
    let after = shown.after.and_then(|map| map.get(name)).filter(|value| !is_absent(value));
    let unknown = shown.unknown.and_then(|map| map.get(name)).is_some_and(|value| *value == Value::Bool(true));
    let is_sensitive = shown.sensitive.contains(&name);
    let value = |value: &Value| match is_sensitive {
        true => SENSITIVE.to_owned(),
        false => value_text(name, value, shown.policies),
    };
    let (sign, text) = match (shown.action, before, after) {
        (Sign::Delete, Some(before), _) => ("-", format!("{} -> null", value(before))),
        (Sign::Delete, None, _) => return None,
        (_, None, _) if unknown => ("+", UNKNOWN.to_owned()),
        (_, Some(before), _) if unknown => ("~", format!("{} -> {UNKNOWN}", value(before))),
        (Sign::Show, _, Some(after)) => ("", value(after)),
        (_, None, Some(after)) => ("+", value(after)),
        (_, Some(before), None) => ("-", format!("{} -> null", value(before))),
        (_, Some(before), Some(after)) if before != after && is_sensitive => ("~", SENSITIVE.to_owned()),
        (_, Some(before), Some(after)) if before != after => ("~", change(name, before, after, shown.policies)),
        _ => return None,
    };
    Some(format!("      {sign:1} {name:width$} = {text}"))
}

fn change(name: &str, before: &Value, after: &Value, policies: Policies) -> String {
    if is_policy(name) && policies == Policies::Counted {
        return format!("{POLICY} (changed; `--show-policies` prints it)");
    }
    format!("{} -> {}", value_text(name, before, policies), value_text(name, after, policies))
}

fn value_text(name: &str, value: &Value, policies: Policies) -> String {
    let document = value.as_str().filter(|_| is_policy(name)).and_then(|text| serde_json::from_str::<Value>(text).ok());
    match (document, policies) {
        (None, _) => values::hcl(value, INDENT),
        (Some(document), Policies::Printed) => format!("jsonencode({})", values::hcl(&document, INDENT)),
        (Some(document), Policies::Counted) => {
            let statements = document.get("Statement").and_then(Value::as_array).map_or(1, Vec::len);
            format!("{POLICY} ({statements} statements; `--show-policies` prints it)")
        }
    }
}

/// Whether the attribute holds a policy document, whose text is long and says little at a glance.
fn is_policy(name: &str) -> bool {
    matches!(name, "policy" | "assume_role_policy")
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

const INDENT: usize = 8;
pub(crate) const UNKNOWN: &str = "(known after apply)";
pub(crate) const POLICY: &str = "policy document";
pub(crate) const SENSITIVE: &str = "(sensitive value)";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(action: Sign, before: &Value, after: &Value, unknown: &Value, expect: &[&str]) {
        assert_eq!(lines(&shown(action, before, after, unknown, vec![])), expect);
    }

    fn shown<'a>(
        action: Sign,
        before: &'a Value,
        after: &'a Value,
        unknown: &'a Value,
        sensitive: Vec<&'a str>,
    ) -> Shown<'a> {
        Shown {
            address: "module.kms.aws_kms_key.k".into(),
            kind: "aws_kms_key",
            name: "k",
            action,
            before: before.as_object(),
            after: after.as_object(),
            unknown: unknown.as_object(),
            sensitive,
            reason: None,
            policies: Policies::Counted,
        }
    }

    #[test]
    fn nothing_of_a_sensitive_attribute_is_told() {
        let (none, known) = (json!(null), json!({}));
        let (one, other) = (json!({"a": "hunter1", "b": 1}), json!({"a": "hunter2", "b": 2}));
        let told = |action, before, after| lines(&shown(action, before, after, &known, vec!["a"]));
        assert_eq!(told(Sign::Create, &none, &one), ["      + a = (sensitive value)", "      + b = 1"]);
        assert_eq!(told(Sign::Update, &one, &other), ["      ~ a = (sensitive value)", "      ~ b = 1 -> 2"]);
        assert_eq!(told(Sign::Delete, &one, &none), ["      - a = (sensitive value) -> null", "      - b = 1 -> null"]);
    }

    #[test]
    fn a_new_resource_shows_what_is_set_and_what_is_unknown() {
        let (after, unknown) = (json!({"enabled": true, "policy": null, "tags": {}}), json!({"arn": true}));
        check(
            Sign::Create,
            &json!(null),
            &after,
            &unknown,
            &["      + arn     = (known after apply)", "      + enabled = true"],
        );
    }

    #[test]
    fn an_update_shows_only_what_changes() {
        let expect = ["      ~ a = 1 -> 2", "        # (1 unchanged attributes hidden)"];
        check(Sign::Update, &json!({"a": 1, "b": 1}), &json!({"a": 2, "b": 1}), &json!({}), &expect);
    }

    #[test]
    fn a_policy_is_counted_and_not_printed() {
        let policy = json!({"policy": r#"{"Statement":[{},{}]}"#});
        let expect = ["      + policy = policy document (2 statements; `--show-policies` prints it)"];
        check(Sign::Create, &json!(null), &policy, &json!({}), &expect);
    }
}
