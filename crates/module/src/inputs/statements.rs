//! The rules of `key_statements`.
//!
//! They are checked as ours are: by the grammar of key policies, and by what a statement may open.

use keywright_model::{AccountId, Diagnostic, Severity};
use keywright_policy::{
    Condition, Document, Effect, KMS_ACTIONS, Match, PolicyKind, PrincipalPattern, Statement, Version,
};

use super::checker::Checker;
use super::names::IamPrincipal;
use crate::read::Given;

const NAME: &str = "key_statements";

/// Checks every statement; those that break a rule are reported.
pub(crate) fn check(checker: &mut Checker, account: Option<&AccountId>) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for given in checker.items(NAME) {
        let errors_before = error_count(checker);
        let statement = statement(checker, &given);
        check_sid(checker, &given, &statement, &statements);
        check_actions(checker, &given);
        check_resources(checker, &given);
        check_not_empty(checker, &given);
        if error_count(checker) == errors_before {
            check_grammar(checker, &given, &statement);
        }
        if let Some(account) = account {
            check_openness(checker, &given, &statement, account);
        }
        statements.push(statement);
    }
    statements
}

fn error_count(checker: &Checker) -> usize {
    checker.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}

/// Without principals or actions KMS would take a statement that never applies.
fn check_not_empty(checker: &mut Checker, given: &Given) {
    let no_principals = given.field("principals").is_none_or(|principals| {
        principals.items().iter().all(|entry| entry.field("identifiers").is_none_or(|names| names.items().is_empty()))
    });
    let no_actions = given.field("actions").is_none_or(|actions| actions.items().is_empty());
    for (missing, what) in [(no_principals, "principals"), (no_actions, "actions")] {
        if missing {
            let summary = format!("`{NAME}`: this statement has no {what}");
            let diagnostic = Diagnostic::error("invalid-statement", summary).help(format!("add {what}"));
            checker.report(diagnostic, NAME, given);
        }
    }
}

fn statement(checker: &mut Checker, given: &Given) -> Statement {
    Statement {
        sid: given.field("sid").and_then(Given::as_str).map(str::to_owned),
        effect: effect(checker, given),
        principal: Some(Match::Is(principals(checker, given))),
        action: Some(Match::Is(texts(given.field("actions")))),
        resource: Some(Match::Is(vec!["*".to_owned()])),
        conditions: given.field("conditions").map(conditions).unwrap_or_default(),
        span: None,
    }
}

fn effect(checker: &mut Checker, given: &Given) -> Effect {
    let Some(value) = given.field("effect") else { return Effect::Allow };
    match value.as_str() {
        Some("Deny") => Effect::Deny,
        Some("Allow") | None => Effect::Allow,
        Some(_) => {
            checker.refuse("invalid-statement", NAME, value, "an effect is `Allow` or `Deny`", "write one of the two");
            Effect::Allow
        }
    }
}

fn principals(checker: &mut Checker, given: &Given) -> Vec<PrincipalPattern> {
    let mut principals = Vec::new();
    for entry in given.field("principals").map(Given::items).unwrap_or_default() {
        let Some(kind) = entry.field("type") else { continue };
        let pattern: fn(String) -> PrincipalPattern = match kind.as_str() {
            Some("AWS") => |text| if text == "*" { PrincipalPattern::Everyone } else { PrincipalPattern::Aws(text) },
            Some("Service") => PrincipalPattern::Service,
            Some("Federated") => PrincipalPattern::Federated,
            _ => {
                let help = "write `AWS`, `Service` or `Federated`";
                checker.refuse("invalid-statement", NAME, kind, "it is no type of principal in a key policy", help);
                continue;
            }
        };
        if kind.as_str() == Some("AWS") {
            entry
                .field("identifiers")
                .map(Given::items)
                .unwrap_or_default()
                .iter()
                .for_each(|item| check_aws(checker, item));
        }
        principals.extend(texts(entry.field("identifiers")).into_iter().map(pattern));
    }
    principals
}

/// Principals are named in full; only `*` alone stands for everybody.
fn check_aws(checker: &mut Checker, item: &Given) {
    let text = item.as_str().unwrap_or_default();
    let session = text.contains(":assumed-role/") || text.contains(":federated-user/");
    if text == "*" || (session && !text.contains('*')) {
        return;
    }
    let parse = |text: &str| IamPrincipal::parse(text, keywright_model::Partition::Aws);
    checker.parse("invalid-principal", NAME, item, "write a whole ARN, or 12 digits for an account", parse);
}

fn conditions(given: &Given) -> Vec<Condition> {
    let text = |given: &Given, name: &str| given.field(name).and_then(Given::as_str).unwrap_or_default().to_owned();
    given
        .items()
        .iter()
        .map(|given| Condition {
            operator: text(given, "test"),
            key: text(given, "variable"),
            values: texts(given.field("values")),
        })
        .collect()
}

fn texts(given: Option<&Given>) -> Vec<String> {
    let items = given.map(Given::items).unwrap_or_default();
    items.iter().filter_map(Given::as_str).map(str::to_owned).collect()
}

fn check_sid(checker: &mut Checker, given: &Given, statement: &Statement, before: &[Statement]) {
    let (Some(value), Some(sid)) = (given.field("sid"), &statement.sid) else { return };
    if before.iter().any(|other| other.sid.as_ref() == Some(sid)) {
        checker.refuse("duplicate-sid", NAME, value, "another statement has the same name", "choose another name");
    } else if crate::policy::is_own_sid(sid) {
        checker.refuse(
            "duplicate-sid",
            NAME,
            value,
            "a statement that keywright renders has this name",
            "choose another name",
        );
    }
}

fn check_actions(checker: &mut Checker, given: &Given) {
    for action in given.field("actions").map(Given::items).unwrap_or_default() {
        let text = action.as_str().unwrap_or_default();
        if text == "*" {
            continue;
        }
        let Some((service, name)) = text.split_once(':') else {
            checker.refuse(
                "invalid-statement",
                NAME,
                action,
                "an action has a service before it",
                "write it as `kms:Decrypt`",
            );
            continue;
        };
        if !service.eq_ignore_ascii_case("kms") {
            checker.refuse(
                "invalid-statement",
                NAME,
                action,
                "a key policy decides on actions of KMS alone",
                "write it as `kms:Decrypt`",
            );
        } else if !KMS_ACTIONS.iter().any(|known| matches_action(name, known)) {
            let diagnostic = Diagnostic::warning(
                "unknown-action",
                format!("`{NAME}`: no action of KMS is called {}", super::checker::shown(action)),
            );
            let names = KMS_ACTIONS.iter().filter_map(|known| known.strip_prefix("kms:"));
            let diagnostic = match crate::nearest::nearest(name, names) {
                Some(near) if !action.sensitive => diagnostic.help(format!("did you mean `kms:{near}`?")),
                _ => diagnostic,
            };
            checker.report(diagnostic, NAME, action);
        }
    }
}

/// Whether the pattern after `kms:` stands for the action.
fn matches_action(pattern: &str, action: &str) -> bool {
    let action = action.strip_prefix("kms:").unwrap_or(action).to_lowercase();
    wildcard_match(pattern.to_lowercase().as_bytes(), action.as_bytes())
}

/// `*` stands for any text, `?` for one character; in time proportional to the product of the lengths.
fn wildcard_match(pattern: &[u8], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for sign in pattern {
        let before = std::mem::replace(&mut reached, vec![false; text.len() + 1]);
        let mut any = false;
        for (at, now) in reached.iter_mut().enumerate() {
            any |= before.get(at).copied().unwrap_or_default();
            let step = at
                .checked_sub(1)
                .is_some_and(|last| before.get(last) == Some(&true) && (*sign == b'?' || text.get(last) == Some(sign)));
            *now = if *sign == b'*' { any } else { step };
        }
    }
    reached.last() == Some(&true)
}

fn check_resources(checker: &mut Checker, given: &Given) {
    for resource in given.field("resources").map(Given::items).unwrap_or_default() {
        if resource.as_str() != Some("*") {
            let why = "in a key policy `*` means this key; an ARN would not match on the replica";
            checker.refuse("invalid-statement", NAME, resource, why, "leave `resources` out");
        }
    }
}

fn check_grammar(checker: &mut Checker, given: &Given, statement: &Statement) {
    let document = Document { version: Version::V2012, id: None, statements: vec![statement.clone()] };
    for error in Document::parse(&document.to_json(), PolicyKind::Key).err().unwrap_or_default() {
        let what = if given.holds_secrets() { "it is no valid statement".to_owned() } else { error.to_string() };
        let diagnostic = Diagnostic::error("invalid-statement", format!("`{NAME}`: {what}"));
        let help =
            error.help.map(|help| help.to_string()).unwrap_or_else(|| "see the grammar of key policies".to_owned());
        checker.report(diagnostic.help(help), NAME, given);
    }
}

/// An Allow for everybody must be bound to this account, and to services or named principals.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-caller-account>:
/// with the account alone, every identity of it has the access, without any IAM policy.
fn check_openness(checker: &mut Checker, given: &Given, statement: &Statement, account: &AccountId) {
    if statement.effect == Effect::Deny {
        return;
    }
    let principals = statement.principal.as_ref().map(Match::inner).into_iter().flatten();
    let mut kinds = principals.collect::<Vec<_>>().into_iter();
    if kinds.any(|pattern| *pattern == PrincipalPattern::Everyone) && !is_narrowed(&statement.conditions, account) {
        let diagnostic = Diagnostic::error("open-statement", format!("`{NAME}`: this statement lets everybody in"))
            .because("the principal `*` stands for every identity, which then needs no IAM policy of its own")
            .help(
                "name the principals, or add the conditions StringEquals `kms:CallerAccount` = the account and StringEquals \
                 `kms:ViaService` = the services, or ArnLike `aws:PrincipalArn`",
            );
        checker.report(diagnostic, NAME, given);
    }
}

fn is_narrowed(conditions: &[Condition], account: &AccountId) -> bool {
    let in_account = conditions.iter().any(|condition| {
        let key = condition.key.to_lowercase();
        condition.operator == "StringEquals"
            && (key == "kms:calleraccount" || key == "aws:principalaccount")
            && !condition.values.is_empty()
            && condition.values.iter().all(|value| value == account.as_str())
    });
    let bound = conditions.iter().any(|condition| {
        let key = condition.key.to_lowercase();
        let operator = ["StringEquals", "StringLike", "ArnEquals", "ArnLike"].contains(&condition.operator.as_str());
        let named = condition.values.iter().all(|value| !value.starts_with('*') && !value.ends_with(":*"));
        operator && named && !condition.values.is_empty() && (key == "kms:viaservice" || key == "aws:principalarn")
    });
    in_account && bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_patterns_stand_for_the_actions_that_they_match() {
        for (pattern, expect) in
            [("Decrypt", true), ("decrypt", true), ("D*t", true), ("Decryp?", true), ("Decryp", false), ("*x", false)]
        {
            assert_eq!(matches_action(pattern, "kms:Decrypt"), expect, "{pattern}");
        }
        assert!(!wildcard_match(&b"*a".repeat(200), &b"a".repeat(100)), "ends in good time");
    }
}
