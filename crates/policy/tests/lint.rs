//! What a reviewer says about the text of a key policy. The cases are data in `conformance/policy/lint.json`.

#![expect(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keywright_model::{Arn, Severity};
use keywright_policy::lint::{Finding, RULES, lint};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const REPLICA: &str = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

fn conformance(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(conformance(name)).expect("the file")
}

fn cases() -> Vec<Value> {
    serde_json::from_str(&read("policy/lint.json")).expect("a list of cases")
}

fn arn(text: &str) -> Arn {
    Arn::parse(text).expect("an ARN")
}

/// The text that a case is about: as it stands, or its statements in a policy, and spaces up to its size.
fn text(case: &Value) -> String {
    let mut text = match (&case["text"], &case["policy"]) {
        (Value::String(text), _) => text.clone(),
        (_, list @ Value::Array(_)) => json!({ "Version": "2012-10-17", "Statement": list }).to_string(),
        (_, whole) => whole.to_string(),
    };
    let size = case["size"].as_u64().map_or(0, |it| usize::try_from(it).expect("a size"));
    text.extend(std::iter::repeat_n(' ', size.saturating_sub(text.len())));
    text
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|it| it.rule.code).collect()
}

fn check(case: &Value) -> Result<(), String> {
    let text = text(case);
    let found = lint(&text, &arn(case["key"].as_str().unwrap_or(KEY)));
    let expected = case["findings"].as_array().expect("findings");
    let wanted: Vec<&str> = expected.iter().map(|it| it["code"].as_str().expect("a code")).collect();
    if codes(&found) != wanted {
        return Err(format!("{:?} instead of {wanted:?}", codes(&found)));
    }
    for (found, expected) in found.iter().zip(expected) {
        let at = text.get(found.span.clone()).ok_or("a span inside of a character")?;
        if expected["at"].as_str().is_some_and(|it| it != at) {
            return Err(format!("{} at `{at}`", found.rule.code));
        }
        if expected["help"].as_str().is_some_and(|it| !found.help.contains(it)) {
            return Err(format!("{} helps with `{}`", found.rule.code, found.help));
        }
        if found.help.is_empty() || found.summary.contains('\n') {
            return Err(format!("{} does not help, or is longer than a line", found.rule.code));
        }
    }
    Ok(())
}

#[test]
fn findings_are_what_a_reviewer_would_say() {
    let mut names = BTreeSet::new();
    let mut failures = Vec::new();
    for case in &cases() {
        let name = case["name"].as_str().expect("a name");
        assert!(names.insert(name.to_owned()), "`{name}` stands there twice");
        assert!(case["source"].as_str().is_some_and(|it| !it.is_empty()), "`{name}` names its source");
        if let Err(failure) = check(case) {
            failures.push(format!("{name}: {failure}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), names.len(), failures.join("\n"));
}

#[test]
fn every_rule_has_a_case_that_breaks_it() {
    let cases = cases();
    let broken: BTreeSet<&str> = cases
        .iter()
        .flat_map(|case| case["findings"].as_array().expect("findings"))
        .filter_map(|it| it["code"].as_str())
        .collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|it| it.code).collect();
    assert_eq!(broken, rules);
}

#[test]
fn the_complete_module_has_the_one_finding_that_aws_leaves_no_way_around() {
    for (file, key) in [("prove/complete-primary.json", KEY), ("prove/complete-replica.json", REPLICA)] {
        let text = read(file);
        let findings = lint(&text, &arn(key));
        assert_eq!(codes(&findings), ["loose-deputy"], "{file}");
        assert!(text[findings[0].span.clone()].contains("AllowEventBridgeEventSources"), "{file}");
    }
}

#[test]
fn the_default_key_policy_is_clean() {
    assert_eq!(lint(&read("prove/default-key-policy.json"), &arn(KEY)), []);
}

#[test]
fn the_published_module_is_open_to_its_account() {
    let text = read("prove/published-module.json");
    let findings = lint(&text, &arn(KEY));
    let open = findings.iter().find(|it| it.rule.code == "open-to-account").expect("the finding");
    assert!(text[open.span.clone()].contains("\"EnableIAMPermissions\""));
    let witness = open.witness.as_ref().expect("a request");
    assert!(witness.decision.is_allowed() && !witness.needs_own_policy);
    let count = |code: &str| findings.iter().filter(|it| it.rule.code == code).count();
    assert_eq!((count("redundant-statement"), count("loose-deputy"), count("resource-own-key")), (5, 3, 3));
}

#[test]
fn the_published_policy_on_the_replica_names_another_key() {
    let findings = lint(&read("prove/published-module.json"), &arn(REPLICA));
    let others = findings.iter().filter(|it| it.rule.code == "resource-other-key");
    assert_eq!(others.count(), 3);
    assert!(findings.iter().all(|it| it.rule.severity != Severity::Error));
}

#[test]
fn findings_stand_in_the_order_of_the_text() {
    let findings = lint(&read("prove/published-module.json"), &arn(KEY));
    assert!(findings.is_sorted_by_key(|it| it.span.start));
}
