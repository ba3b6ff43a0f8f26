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
        action: sign(&change.action),
        before: change.before.as_ref(),
        after: change.after.as_ref(),
        unknown: Some(&change.after_unknown),
        reason: reason(change),
        policies,
    }
}

fn sign(action: &Action) -> Sign {
    match action {
        Action::NoOp | Action::Update => Sign::Update,
        Action::Create => Sign::Create,
        Action::Replace { create_first: true, .. } => Sign::CreateThenDelete,
        Action::Replace { create_first: false, .. } => Sign::Replace,
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
        text.push_str(&key_access(change));
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
    let width = changed.iter().map(|output| output.name.chars().count()).max().unwrap_or(0);
    let mut text = String::from("Changes to outputs:\n");
    for output in changed {
        let _ = writeln!(text, "  {}", output_line(output, width));
    }
    text.push('\n');
    text
}

fn output_line(output: &OutputChange, width: usize) -> String {
    let name = &output.name;
    let after = match output.after_unknown {
        Value::Bool(false) => short(name, &output.after),
        _ => plan::UNKNOWN.to_owned(),
    };
    match &output.before {
        Value::Null => format!("+ {name:width$} = {after}"),
        before if after == "null" => format!("- {name:width$} = {} -> null", short(name, before)),
        before => format!("~ {name:width$} = {} -> {after}", short(name, before)),
    }
}

fn short(name: &str, value: &Value) -> String {
    if name.ends_with("policy") && value.is_string() { plan::POLICY.to_owned() } else { values::hcl(value, 4) }
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
    use super::*;

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
