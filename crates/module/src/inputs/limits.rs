//! AWS's limits on what is made of the inputs together: names, and sizes of policies.

use keywright_model::Diagnostic;

use super::checker::Checker;
use super::module::Inputs;
use crate::compose::names::Names;
use crate::policy;
use crate::read::Given;

/// Checks names and policies.
pub(crate) fn check(inputs: &Inputs, checker: &mut Checker) {
    check_names(inputs, checker);
    check_trust_policy(inputs, checker);
    check_key_policies(inputs, checker);
}

fn check_names(inputs: &Inputs, checker: &mut Checker) {
    let names = Names::new(inputs);
    let admin = inputs.admin_role.as_ref();
    let makes_role = inputs.replication.as_ref().filter(|replication| replication.role.is_none());
    let limited = [
        admin.map(|_| (names.admin_role(), "an IAM role's name", 64)),
        makes_role.map(|_| (names.replication_role(), "an IAM role's name", 64)),
        admin.map(|_| (names.management_policy(), "an IAM policy's name", 128)),
        Some((names.replica_decrypt_alarm(), "an alarm's name", 255)),
        Some((names.key(), "a tag's value", 256)),
    ];
    for (name, what, most) in limited.into_iter().flatten() {
        let length = name.chars().count();
        if length > most {
            too_long(checker, &name, what, length, most);
        }
    }
}

/// Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>.
fn too_long(checker: &mut Checker, name: &str, what: &str, length: usize, most: usize) {
    let span = checker.key_span("name_prefix");
    let over = length - most;
    let environment = checker.key_span("environment");
    let secret =
        ["name_prefix", "environment"].iter().any(|input| checker.given(input).is_some_and(Given::holds_secrets));
    let name = if secret { "a name".to_owned() } else { format!("`{name}`") };
    checker.diagnostics.push(
        Diagnostic::error(
            "name-too-long",
            format!("{name} is too long: {what} has up to {most} characters, this has {length}"),
        )
        .at(span, "part of the name")
        .at(environment, "part of the name")
        .help(format!("shorten `name_prefix` or `environment` by {over} characters")),
    );
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length>.
fn check_trust_policy(inputs: &Inputs, checker: &mut Checker) {
    let Some(role) = &inputs.admin_role else { return };
    let length = policy::admin_role_trust(role).to_json().chars().count();
    let span = checker.key_span("admin_role_trusted_principals");
    let what = format!("the admin role's trust policy has {length} characters");
    let diagnostic = if length > MOST_TRUST_CHARACTERS {
        Diagnostic::error("policy-too-large", format!("{what}; AWS takes up to {MOST_TRUST_CHARACTERS}"))
    } else if length > USUAL_TRUST_CHARACTERS {
        Diagnostic::warning(
            "policy-too-large",
            format!("{what}; AWS takes up to {USUAL_TRUST_CHARACTERS} unless the account's quota is raised"),
        )
    } else {
        return;
    };
    let diagnostic = diagnostic.at(span, "these principals").help("shorten `admin_role_trusted_principals`");
    checker.diagnostics.push(diagnostic);
}

const USUAL_TRUST_CHARACTERS: usize = 2048;
const MOST_TRUST_CHARACTERS: usize = 4096;

/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>.
fn check_key_policies(inputs: &Inputs, checker: &mut Checker) {
    let replica = inputs.replication.as_ref().map(|replication| &replication.region);
    for region in std::iter::once(&inputs.region).chain(replica) {
        let largest = policy::interim_policy(inputs, region).unwrap_or_else(|| policy::key_policy(inputs, region));
        let text = largest.to_json();
        let wrong = [too_large(checker, &text), wrong_character(checker, &text)];
        let wrong: Vec<Diagnostic> = wrong.into_iter().flatten().collect();
        if !wrong.is_empty() {
            checker.diagnostics.extend(wrong);
            return;
        }
    }
}

fn too_large(checker: &Checker, text: &str) -> Option<Diagnostic> {
    let bytes = text.len();
    if bytes <= MOST_KEY_POLICY_BYTES {
        return None;
    }
    let summary = format!("the key policy has {bytes} bytes; AWS takes up to {MOST_KEY_POLICY_BYTES}");
    let mut diagnostic = Diagnostic::error("policy-too-large", summary);
    let mut inputs: Vec<(&str, usize)> = LISTS
        .iter()
        .map(|name| (*name, checker.given(name).map_or(0, |value| value.to_json().to_string().len())))
        .collect();
    inputs.retain(|(_, size)| *size > 2);
    inputs.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    for (name, size) in &inputs {
        diagnostic = diagnostic.at(checker.key_span(name), format!("about {size} bytes"));
    }
    let names: Vec<String> = inputs.iter().map(|(name, _)| format!("`{name}`")).collect();
    Some(diagnostic.help(format!("shorten {}", names.join(", "))))
}

/// The inputs that make a policy long.
const LISTS: &[&str] = &[
    "key_administrators",
    "key_users",
    "key_service_users",
    "service_usage_principals",
    "cross_account_principals",
    "key_statements",
];

fn wrong_character(checker: &Checker, text: &str) -> Option<Diagnostic> {
    let allowed = |character: &char| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}');
    let character = text.chars().find(|character| !allowed(character))?;
    let holds = |value: &Given| value.to_json().to_string().contains(character);
    let items = checker.given("key_statements").map(Given::items).unwrap_or_default();
    let place = items.iter().find(|item| holds(item)).map(|item| item.span.clone());
    Some(
        Diagnostic::error("policy-character", "the key policy holds a character that KMS does not take")
            .at(place.unwrap_or_else(|| checker.key_span("key_statements")), "in this statement")
            .help("key policies take tab, line breaks and the characters U+0020 to U+00FF"),
    )
}

const MOST_KEY_POLICY_BYTES: usize = 32_768;
