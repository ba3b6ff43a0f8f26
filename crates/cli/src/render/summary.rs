//! A whole plan, as people read it.

use std::fmt::Write as _;

use keywright_engine::{Action, KeyPolicyChange, Mode, OutputChange, Plan, Proof, ResourceChange};
use keywright_model::Address;
use keywright_policy::{Access, Condition, Effect, KMS_ACTIONS};
use serde_json::Value;

use super::plan::{self, Shown, Sign};
use super::values;

/// What is printed of policy documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policies {
    /// Only how many statements they have.
    Counted,
    /// All of their text.
    Printed,
}

/// The plan: what changes, who gains and loses access, and the counts at the end.
pub(crate) fn text(plan: &Plan, policies: Policies) -> String {
    if plan.is_no_op() {
        return format!("{}{}\n{NO_CHANGES}", drift(plan), proofs(plan));
    }
    let mut text = drift(plan);
    text.push_str("keywright will perform the following actions:\n\n");
    for prerequisite in &plan.prerequisites {
        let _ =
            writeln!(text, "  # {} will be made, and is not managed: {}\n", prerequisite.service, prerequisite.role);
    }
    for change in plan.active() {
        text.push_str(&plan::resource(&shown(change, policies)));
        text.push('\n');
    }
    text.push_str(&access(plan));
    text.push_str(&proofs(plan));
    text.push_str(&outputs(plan));
    text.push_str(&counts(plan));
    text
}

fn shown(change: &ResourceChange, policies: Policies) -> Shown<'_> {
    Shown {
        address: change.address.to_string(),
        kind: change.kind().type_name(),
        name: &change.address.name,
        action: sign(change),
        before: change.before.as_ref(),
        after: change.after.as_ref(),
        unknown: Some(&change.after_unknown),
        sensitive: sensitive(change),
        reason: reason(change),
        policies,
    }
}

fn sensitive(change: &ResourceChange) -> Vec<&str> {
    let attributes = [&change.before, &change.after].into_iter().flatten().flatten();
    attributes.map(|(name, _)| name.as_str()).filter(|name| change.is_sensitive(name)).collect()
}

fn sign(change: &ResourceChange) -> Sign {
    match &change.action {
        Action::NoOp | Action::Update => Sign::Update,
        Action::Create => Sign::Create,
        Action::Replace { create_first: true, .. } => Sign::CreateThenDelete,
        Action::Replace { create_first: false, .. } => Sign::Replace,
        Action::Rescue if change.is_adoption() => Sign::Adopt,
        Action::Rescue => Sign::Rescue,
        Action::Delete => Sign::Delete,
    }
}

fn reason(change: &ResourceChange) -> Option<String> {
    match (&change.reason, &change.action) {
        (Some(reason), _) => Some(reason.clone()),
        (None, Action::Replace { because, .. }) => Some(format!("cannot be changed in place: {}", because.join(", "))),
        _ => None,
    }
}

fn drift(plan: &Plan) -> String {
    let told = super::drift::departures(&plan.drift_report);
    if told.is_empty() { told } else { format!("{told}\n") }
}

/// Who gains and who loses what by the key policies that are put.
fn access(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.key_policies {
        let _ = writeln!(text, "Access to {} in {}:", change.key, change.region);
        let mut resources = plan.changes.iter().filter(|it| it.address == change.resource);
        match resources.any(|it| it.is_sensitive("policy")) {
            true => text.push_str("  (not told: a sensitive value is in the policy)\n"),
            false => text.push_str(&key_access(change)),
        }
        text.push('\n');
    }
    for administrator in &plan.administrators {
        let _ = writeln!(
            text,
            "{} can change the policy of {}: {}",
            administrator.who, administrator.key, administrator.how
        );
    }
    if !plan.administrators.is_empty() {
        text.push('\n');
    }
    text
}

/// What is proved of the final policies, and what is not; what holds of several keys is told once.
fn proofs(plan: &Plan) -> String {
    let (proved, open): (Vec<_>, Vec<_>) =
        plan.proofs.iter().filter(|it| it.claim.is_on_outcome()).partition(|it| it.is_proved());
    let mut text = String::new();
    for (title, all) in [("Proved", proved), ("Not proved", open)] {
        let mut told: Vec<(String, Vec<&Address>)> = Vec::new();
        for proof in all {
            let line = proof_line(proof);
            match told.iter_mut().find(|(known, _)| *known == line) {
                Some((_, keys)) => keys.push(&proof.key),
                None => told.push((line, vec![&proof.key])),
            }
        }
        if !told.is_empty() {
            let _ = writeln!(text, "{title}:");
        }
        for (line, keys) in told {
            let keys: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            let _ = writeln!(text, "  {}: {line}", keys.join(", "));
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn proof_line(proof: &Proof) -> String {
    let mut line = proof.claim.to_string();
    if let Some(because) = &proof.because {
        let _ = write!(line, " ({because})");
    }
    if !proof.escalations.is_empty() {
        let _ = write!(line, "; it could give itself more by {}", proof.escalations.join(", "));
    }
    line
}

fn key_access(change: &KeyPolicyChange) -> String {
    let Some(access) = change.access() else {
        return "  ! the policy that is there cannot be read; all that the new one gives is new\n".to_owned();
    };
    if access.is_empty() {
        return "  nobody gains or loses anything\n".to_owned();
    }
    access_lines(&access.gained, &access.lost)
}

/// Who gains and who loses what, one after the other.
pub(crate) fn access_lines(gained: &[Access], lost: &[Access]) -> String {
    let gained = gained.iter().map(|each| line(each, Sign::Create, "gains", "is no longer denied"));
    let lost = lost.iter().map(|each| line(each, Sign::Delete, "loses", "is denied"));
    gained.chain(lost).collect()
}

fn line(access: &Access, sign: Sign, allowed: &str, denied: &str) -> String {
    let style = sign.style();
    let verb = if access.effect == Effect::Allow { allowed } else { denied };
    let mut text = format!("  {style}{}{style:#} {} {verb}", sign.sign(), access.principal);
    for line in wrapped(&brief(&access.actions)) {
        let _ = write!(text, "\n      {line}");
    }
    for condition in &access.conditions {
        let _ = write!(text, "\n      if {}", condition_text(condition));
    }
    text.push('\n');
    text
}

/// The actions without `kms:`, and families of which all are meant as a pattern: `GenerateDataKey*`.
fn brief(actions: &[String]) -> Vec<String> {
    let mut rest: Vec<&str> = actions.iter().map(|action| action.strip_prefix("kms:").unwrap_or(action)).collect();
    let mut brief = Vec::new();
    for family in FAMILIES {
        let members = KMS_ACTIONS.iter().filter_map(|action| action.strip_prefix("kms:"));
        let mut members = members.filter(|action| action.starts_with(family));
        if members.all(|member| rest.contains(&member)) {
            rest.retain(|action| !action.starts_with(family));
            brief.push(format!("{family}*"));
        }
    }
    brief.extend(rest.into_iter().map(str::to_owned));
    brief.sort();
    brief
}

/// The words, with commas, in lines that fit a terminal.
fn wrapped(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() + 2 <= LINE => {
                line.push_str(", ");
                line.push_str(word);
            }
            Some(line) => {
                line.push(',');
                lines.push(word.clone());
            }
            None => lines.push(word.clone()),
        }
    }
    lines
}

fn condition_text(condition: &Condition) -> String {
    format!("{} {} {}", condition.key, condition.operator, condition.values.join(" or "))
}

fn outputs(plan: &Plan) -> String {
    let changed: Vec<&OutputChange> = plan.outputs.iter().filter(|output| output.is_changed()).collect();
    if changed.is_empty() {
        return String::new();
    }
    let mut text = String::from("Changes to outputs:\n");
    for line in output_lines(&changed) {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
    text
}

fn output_lines(changed: &[&OutputChange]) -> Vec<String> {
    let width = changed.iter().map(|output| output.name.chars().count()).max().unwrap_or(0);
    let line = |output: &&OutputChange| {
        let OutputChange { name, before, after, after_unknown } = output;
        if output.is_sensitive() {
            return format!(
                "{} {name:width$} = (sensitive value)",
                output_sign(&before.value, &after.value, after_unknown)
            );
        }
        let same = before.value == after.value && *after_unknown == Value::Bool(false);
        let note = if same { " # (its type changes)" } else { "" };
        format!("{}{note}", output_line(name, width, &before.value, &after.value, after_unknown, 2))
    };
    changed.iter().map(line).collect()
}

fn output_sign(before: &Value, after: &Value, unknown: &Value) -> char {
    match (before, after) {
        (Value::Null, _) => '+',
        (_, Value::Null) if *unknown == Value::Bool(false) => '-',
        _ => '~',
    }
}

/// What happens to an output, or to a field of one. Of an object, only what changes is told.
fn output_line(name: &str, width: usize, before: &Value, after: &Value, unknown: &Value, indent: usize) -> String {
    let sign = output_sign(before, after, unknown);
    let head = format!("{sign} {name:width$} = ");
    match (before, after) {
        (Value::Object(_) | Value::Null, Value::Object(fields)) if *unknown != Value::Bool(true) => {
            format!("{head}{}", object_lines(before, fields, unknown, indent))
        }
        (Value::Null, _) => format!("{head}{}", partly_known(name, after, unknown, indent)),
        _ if sign == '-' => format!("{head}{} -> null", short(name, before, indent)),
        _ if before == after && *unknown == Value::Bool(false) => format!("{head}{}", short(name, after, indent)),
        _ => format!("{head}{} -> {}", short(name, before, indent), partly_known(name, after, unknown, indent)),
    }
}

fn object_lines(before: &Value, after: &serde_json::Map<String, Value>, unknown: &Value, indent: usize) -> String {
    let null = Value::Null;
    let known = Value::Bool(false);
    let field = |object: &Value, name: &str, otherwise: &Value| object.get(name).unwrap_or(otherwise).clone();
    let gone = before.as_object().into_iter().flatten().map(|(name, _)| name).filter(|name| !after.contains_key(*name));
    let names: Vec<&String> = after.keys().chain(gone).collect();
    let parts = |name: &str| {
        (field(before, name, &null), after.get(name).cloned().unwrap_or_default(), field(unknown, name, &known))
    };
    let (changed, same): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| {
        let (before, after, unknown) = parts(name);
        before != after || unknown != known
    });
    let width = changed.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let blank = " ".repeat(indent + 4);
    let mut text = "{\n".to_owned();
    for name in changed {
        let (before, after, unknown) = parts(name);
        let _ = writeln!(text, "{blank}{}", output_line(name, width, &before, &after, &unknown, indent + 4));
    }
    if !same.is_empty() {
        let _ = writeln!(text, "{blank}  # ({} unchanged hidden)", same.len());
    }
    text.push_str(&format!("{}}}", " ".repeat(indent + 2)));
    text
}

fn partly_known(name: &str, value: &Value, unknown: &Value, indent: usize) -> String {
    match unknown {
        Value::Bool(false) => short(name, value, indent),
        _ => values::partly_known(value, unknown, indent + 2),
    }
}

fn short(name: &str, value: &Value, indent: usize) -> String {
    if name.ends_with("policy") && value.is_string() {
        plan::POLICY.to_owned()
    } else {
        values::partly_known(value, &Value::Bool(false), indent + 2)
    }
}

fn counts(plan: &Plan) -> String {
    let counts = plan.counts();
    let verb = match plan.mode {
        Mode::Normal => "Plan",
        Mode::Destroy => "Plan (destroy)",
    };
    format!("{verb}: {} to add, {} to change, {} to destroy.", counts.add, counts.change, counts.destroy)
}

const NO_CHANGES: &str = "No changes. Your infrastructure matches the configuration.";
const FAMILIES: &[&str] = &["GenerateDataKey", "ReEncrypt"];
const LINE: usize = 100;

#[cfg(test)]
mod tests {
    use keywright_engine::StoredOutput;
    use serde_json::json;

    use super::*;

    fn check(before: Value, after: Value, unknown: Value, expect: &str) {
        let stored = |value: Value, kind: &str| StoredOutput { value, kind: json!(kind), sensitive: false };
        let change = OutputChange {
            name: "o".to_owned(),
            before: stored(before, "x"),
            after: stored(after, "y"),
            after_unknown: unknown,
        };
        assert_eq!(output_lines(&[&change]), [expect]);
    }

    #[test]
    fn of_outputs_only_what_changes_is_told() {
        check(json!(null), json!(null), json!(true), "+ o = (known after apply)");
        check(json!("a"), json!(null), json!(true), "~ o = \"a\" -> (known after apply)");
        check(json!("a"), json!(null), json!(false), "- o = \"a\" -> null");
        check(json!(["a"]), json!(["a"]), json!(false), "~ o = [\n        \"a\",\n    ] # (its type changes)");
        check(
            json!({"a": 1, "b": "x", "old": true}),
            json!({"a": 1, "b": "y", "c": null, "d": null}),
            json!({"c": true}),
            "~ o = {\n      ~ b   = \"x\" -> \"y\"\n      + c   = (known after apply)\n      - old = true -> null\n        # (2 unchanged hidden)\n    }",
        );
    }

    #[test]
    fn nothing_of_a_sensitive_output_is_told() {
        let before = StoredOutput { value: json!("hunter1"), kind: json!("string"), sensitive: true };
        let after = StoredOutput { value: json!("hunter2"), kind: json!("string"), sensitive: false };
        let change = OutputChange { name: "p".to_owned(), before, after, after_unknown: json!(false) };
        assert_eq!(output_lines(&[&change]), ["~ p = (sensitive value)"]);
    }

    #[test]
    fn families_of_actions_are_named_by_their_pattern_only_where_all_are_meant() {
        let all = KMS_ACTIONS.iter().filter(|action| action.contains("ReEncrypt")).map(|action| (*action).to_owned());
        let all: Vec<String> = all.chain(["kms:Decrypt".to_owned()]).collect();
        assert_eq!(brief(&all), ["Decrypt", "ReEncrypt*"]);
        assert_eq!(brief(&["kms:ReEncryptTo".to_owned(), "kms:*".to_owned()]), ["*", "ReEncryptTo"]);
    }

    #[test]
    fn long_lists_are_wrapped() {
        let words = vec!["w".repeat(60), "x".repeat(60), "y".to_owned()];
        assert_eq!(wrapped(&words), [format!("{},", "w".repeat(60)), format!("{}, y", "x".repeat(60))]);
    }
}
