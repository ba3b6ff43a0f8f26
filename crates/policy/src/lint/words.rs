//! Names that mean nothing to AWS: actions, operators, condition keys.

use super::Finding;
use super::keys::{self, Presence};
use super::outline::{ConditionOutline, Outline, StatementOutline, Word};
use super::rules::{self, Rule};
use crate::actions::KMS_ACTIONS;
use crate::error::{PolicyError, Problem};
use crate::glob;
use crate::operator::Operator;
use crate::request::is_kms;

pub(super) fn check(outline: &Outline) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, statement) in outline.statements.iter().enumerate() {
        let actions = statement.actions.iter().filter_map(|it| action(at, it));
        let keys = statement.conditions.iter().filter_map(|it| key(at, statement, it));
        findings.extend(actions.chain(keys));
    }
    findings
}

/// The rule that an error of the text breaks, and what to do about it.
pub(super) fn of_error(error: &PolicyError) -> (&'static Rule, String) {
    let (rule, more) = match &error.problem {
        Problem::NotJson { .. } | Problem::DuplicateName { .. } => (&rules::POLICY_NOT_JSON, None),
        Problem::Operator { operator } => (&rules::UNKNOWN_CONDITION_OPERATOR, nearest_operator(operator)),
        Problem::OverlyPermissive { .. } => (&rules::OVERLY_PERMISSIVE_CONDITION, None),
        Problem::Principal { principal } if principal.contains(":group/") => (&rules::PRINCIPAL_GROUP, None),
        Problem::Principal { principal } if glob::has_wildcard(principal) => {
            let help = "name the principal in full, or write `\"AWS\": \"*\"` with a condition on `aws:PrincipalArn`";
            (&rules::PRINCIPAL_WILDCARD, Some(help.to_owned()))
        }
        Problem::Principal { .. } => (&rules::UNKNOWN_PRINCIPAL, None),
        _ => (&rules::POLICY_GRAMMAR, None),
    };
    let help = more.or_else(|| error.help.map(str::to_owned)).unwrap_or_else(|| GRAMMAR_HELP.to_owned());
    (rule, help)
}

fn action(at: usize, action: &Word) -> Option<Finding> {
    let name = action.text.as_str();
    let is_known = KMS_ACTIONS.iter().any(|it| glob::matches_ignoring_case(name, it));
    let found = |rule, summary, help| {
        Some(Finding { rule, summary, span: action.span.clone(), statement: Some(at), help, witness: None })
    };
    if is_known {
        return None;
    }
    if !is_kms(name) {
        let help = "key policies decide about `kms:` actions only: leave it out".to_owned();
        return found(&rules::FOREIGN_ACTION, format!("`{name}` is no action on a KMS key"), help);
    }
    if name.eq_ignore_ascii_case("kms:ReEncrypt") {
        let help = "write `kms:ReEncrypt*`, or `kms:ReEncryptFrom` and `kms:ReEncryptTo`".to_owned();
        return found(&rules::UNKNOWN_ACTION, format!("`{name}` is no permission of KMS"), help);
    }
    let help = nearest(&name.replace(['*', '?'], ""), KMS_ACTIONS.iter().copied());
    if glob::has_wildcard(name) {
        return found(&rules::UNKNOWN_ACTION, format!("`{name}` fits no action of KMS"), help);
    }
    found(&rules::UNKNOWN_ACTION, format!("KMS has no action `{name}`"), help)
}

fn key(at: usize, statement: &StatementOutline, condition: &ConditionOutline) -> Option<Finding> {
    let name = condition.key.text.as_str();
    let found = |rule, summary, help| {
        Some(Finding { rule, summary, span: condition.key.span.clone(), statement: Some(at), help, witness: None })
    };
    match keys::presence(name) {
        None if keys::is_judged(name) => found(
            &rules::UNKNOWN_CONDITION_KEY,
            format!("there is no condition key `{name}`"),
            nearest(name, keys::names()),
        ),
        Some(Presence::Never(why)) => {
            let summary = format!("`{name}` is never there when a key policy is decided");
            found(&rules::ABSENT_CONDITION_KEY, summary, format!("{why}; {}", effect(condition)))
        }
        Some(Presence::In(operations)) if !is_in_some(operations, statement) => {
            let summary = format!("`{name}` is there in none of the actions of {}", statement.describe(at));
            let help = format!("it comes with {} only; {}", operations.join(", "), effect(condition));
            found(&rules::ABSENT_CONDITION_KEY, summary, help)
        }
        _ => None,
    }
}

fn is_in_some(operations: &[&str], statement: &StatementOutline) -> bool {
    let fits = |action: &str| statement.actions.iter().any(|it| glob::matches_ignoring_case(&it.text, action));
    let with_key =
        KMS_ACTIONS.iter().filter(|action| operations.iter().any(|it| glob::matches_ignoring_case(it, action)));
    !statement.has_action || with_key.into_iter().any(|action| fits(action) != statement.not_action)
}

/// What comes of a condition on a key that is not there.
fn effect(condition: &ConditionOutline) -> &'static str {
    match Operator::parse(&condition.operator).and_then(Operator::holds_when_absent) {
        Some(true) => "without it the condition always holds, so it narrows nothing: leave it out",
        _ => "without it the condition does not hold, so the statement never applies: leave the condition out",
    }
}

fn nearest_operator(operator: &str) -> Option<String> {
    let (quantifier, name) = operator
        .split_once(':')
        .map_or(("", operator), |(_, name)| (operator.get(..operator.len() - name.len()).unwrap_or_default(), name));
    let (name, ending) = name.strip_suffix("IfExists").map_or((name, ""), |name| (name, "IfExists"));
    let near = closest(name, Operator::names())?;
    Some(format!("did you mean `{quantifier}{near}{ending}`?"))
}

fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    closest(name, known).map_or_else(
        || "look the name up in the service authorization reference, or leave it out".to_owned(),
        |near| format!("did you mean `{near}`?"),
    )
}

fn closest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_ascii_lowercase();
    let rated = known.map(|it| (strsim::normalized_damerau_levenshtein(&name, &it.to_ascii_lowercase()), it));
    rated.filter(|(likeness, _)| *likeness >= LIKE).max_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, it)| it)
}

const LIKE: f64 = 0.6;
const GRAMMAR_HELP: &str = "a policy is an object with `Version` and `Statement`; a statement of a key policy has `Effect`, `Principal`, `Action` and `Resource`";
