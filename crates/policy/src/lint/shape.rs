//! Elements that KMS takes, and that mean something else than they seem to.

use keywright_model::{Arn, Region};

use super::Finding;
use super::outline::{Outline, StatementOutline, Word};
use super::rules::{self, Rule};
use crate::document::{Document, Version};
use crate::principal::is_deleted;
use crate::{glob, statement};

pub(super) fn check(outline: &Outline, document: &Document, key: &Arn) -> Vec<Finding> {
    let mut findings: Vec<Finding> = version(outline, document).into_iter().collect();
    findings.extend(sids(outline));
    for (at, statement) in outline.statements.iter().enumerate() {
        findings.extend(elements(at, statement));
        findings.extend(principals(at, statement));
        findings.extend(statement.resources.iter().filter_map(|it| resource(at, statement, it, key)));
    }
    findings
}

fn version(outline: &Outline, document: &Document) -> Option<Finding> {
    let help = "write `\"Version\": \"2012-10-17\"`".to_owned();
    let of = |rule, summary: &str, span| {
        Some(Finding { rule, summary: summary.to_owned(), span, statement: None, help, witness: None })
    };
    match (&outline.version, document.version) {
        (None, _) => of(&rules::MISSING_VERSION, "the policy does not say its version", first_byte(outline)),
        (Some(span), Version::V2008) => of(&rules::OLD_VERSION, "the policy has the version of 2008", span.clone()),
        (Some(_), Version::V2012) => None,
    }
}

fn sids(outline: &Outline) -> Vec<Finding> {
    let sids: Vec<(usize, &Word)> =
        outline.statements.iter().enumerate().filter_map(|(at, it)| Some((at, it.sid.as_ref()?))).collect();
    let is_again = |(place, (_, sid)): &(usize, &(usize, &Word))| {
        !sid.text.is_empty() && sids.iter().take(*place).any(|(_, other)| other.text == sid.text)
    };
    let again = sids.iter().enumerate().filter(is_again);
    again
        .map(|(_, (at, sid))| {
            let summary = format!("another statement is called `{}` too", sid.text);
            word(&rules::DUPLICATE_SID, *at, sid, summary, "give each statement a name of its own".to_owned())
        })
        .collect()
}

fn elements(at: usize, statement: &StatementOutline) -> Vec<Finding> {
    let name = statement.describe(at);
    let without = |rule, element: &str, help: &str| Finding {
        rule,
        summary: format!("{name} has no `{element}`, and so never applies"),
        span: statement.span.clone(),
        statement: Some(at),
        help: help.to_owned(),
        witness: None,
    };
    let action = (!statement.has_action)
        .then(|| without(&rules::STATEMENT_WITHOUT_ACTION, "Action", "say which actions it is about"));
    let resource = (!statement.has_resource).then(|| {
        without(&rules::STATEMENT_WITHOUT_RESOURCE, "Resource", "write `\"Resource\": \"*\"`, which is this key")
    });
    action.into_iter().chain(resource).collect()
}

fn principals(at: usize, statement: &StatementOutline) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in statement.principals.iter().filter(|it| is_deleted(&it.text)) {
        let summary = format!("`{}` is a user or role that was deleted", name.text);
        let help = "name the principal that took its place by its ARN, or leave it out".to_owned();
        findings.push(word(&rules::DELETED_PRINCIPAL, at, name, summary, help));
    }
    let negated = statement.principal_name.as_ref().filter(|it| it.text == "NotPrincipal" && !statement.denies);
    findings.extend(negated.map(|name| {
        let summary = format!("{} admits everybody but those that it names", statement.describe(at));
        let help = "name whom it is to admit in `Principal`".to_owned();
        word(&rules::NOT_PRINCIPAL_ALLOW, at, name, summary, help)
    }));
    findings
}

/// A key policy's `Resource` should be `*`, "which means this KMS key".
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html>.
fn resource(at: usize, statement: &StatementOutline, resource: &Word, key: &Arn) -> Option<Finding> {
    let pattern = resource.text.as_str();
    if statement.not_resource || pattern == "*" || pattern.contains("${") {
        return None;
    }
    let fits = |arn: &str| glob::matches(&statement::completed(pattern), arn);
    let of = |rule, summary| {
        let help = "write `*`, which means the key that the policy hangs on".to_owned();
        Some(word(rule, at, resource, summary, help))
    };
    if !fits(key.as_str()) {
        return of(&rules::RESOURCE_OTHER_KEY, format!("`{pattern}` is not the key of this policy"));
    }
    let is_for_one_region = elsewhere(key).is_some_and(|replica| !fits(&replica));
    if is_for_one_region {
        return of(&rules::RESOURCE_OWN_KEY, format!("`{pattern}` is this key, but not its replicas"));
    }
    None
}

/// The ARN that a replica of a multi-Region key would have.
fn elsewhere(key: &Arn) -> Option<String> {
    key.resource().starts_with("key/mrk-").then_some(())?;
    let account = keywright_model::AccountId::parse(key.account()).ok()?;
    let partition = Region::parse(key.region()).ok()?.partition();
    let other = OTHER_REGIONS.iter().find(|it| **it != key.region())?;
    let region = Region::parse(other).ok()?;
    Arn::new(partition, key.service(), Some(&region), Some(&account), key.resource()).ok().map(|it| it.to_string())
}

fn word(rule: &'static Rule, at: usize, word: &Word, summary: String, help: String) -> Finding {
    Finding { rule, summary, span: word.span.clone(), statement: Some(at), help, witness: None }
}

fn first_byte(outline: &Outline) -> std::ops::Range<usize> {
    outline.span.start..outline.span.start + 1
}

const OTHER_REGIONS: [&str; 2] = ["us-east-1", "us-west-2"];
