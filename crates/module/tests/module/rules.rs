//! Every rule of inputs, with what it refuses and what it still takes (`conformance/inputs/rules.json`).

use keywright_model::{Diagnostic, Diagnostics, Severity};
use keywright_module::{Desired, Sources, load};
use serde_json::Value;

use crate::common::least_and;

fn load_document(document: &Value) -> Result<Desired, Diagnostics> {
    let folder = crate::common::folder(&[("inputs.json", &serde_json::to_string_pretty(document).expect("JSON"))]);
    let inputs_file = Some(folder.path().join("inputs.json"));
    let modules = load(&Sources { inputs_file, ..Sources::default() })?;
    Ok(modules[0].desired())
}

fn codes(texts: &Value) -> Vec<&str> {
    texts.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn check(case: &Value) {
    let rule = case["rule"].as_str().expect("each case names its rule");
    assert!(case["source"].is_string(), "{rule}: each case names its source");
    let expect = codes(&case["errors"]);
    let (found, findings) = match load_document(&least_and(&case["inputs"])) {
        Ok(desired) => (Vec::new(), desired.findings),
        Err(diagnostics) => {
            let all: Vec<Diagnostic> = diagnostics.into_iter().collect();
            (all.iter().filter(|found| found.severity == Severity::Error).cloned().collect(), all)
        }
    };
    let found_codes: Vec<&str> = found.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(found_codes, expect, "{rule}: {found:#?}");
    found.iter().for_each(|diagnostic| check_words(rule, diagnostic));
    if let Some(help) = case["help"].as_str() {
        let helped = found.iter().any(|diagnostic| diagnostic.help.as_deref().unwrap_or_default().contains(help));
        assert!(helped, "{rule}: the help says `{help}`: {found:#?}");
    }
    for code in codes(&case["findings"]) {
        let (code, wanted) = code.strip_prefix('!').map_or((code, true), |code| (code, false));
        let present = findings.iter().any(|finding| finding.code == code);
        assert_eq!(present, wanted, "{rule}: {code} among {findings:#?}");
    }
}

/// Every error says where, in one line, and what to do.
fn check_words(rule: &str, diagnostic: &Diagnostic) {
    assert!(!diagnostic.labels.is_empty(), "{rule}: a place: {diagnostic:?}");
    assert!(diagnostic.help.is_some(), "{rule}: help: {diagnostic:?}");
    assert!(!diagnostic.summary.contains('\n'), "{rule}: one line: {diagnostic:?}");
}

#[test]
fn every_rule_refuses_what_breaks_it_and_takes_its_neighbour() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../../conformance/inputs/rules.json")).expect("cases");
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            std::panic::catch_unwind(|| check(case)).err().map(|_| case["rule"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    if !failed.is_empty() {
        panic!("{} of {} failed: {failed:#?}", failed.len(), cases.len());
    }
}

/// The tables of the module's README, sections 7 and 8.
#[test]
fn the_tables_hold_what_the_readme_names_in_its_order() {
    use keywright_module::{INPUTS, OUTPUTS, Origin};

    let inputs: Vec<(&str, &str)> = INPUTS
        .iter()
        .filter(|input| input.origin == Origin::Readme)
        .map(|input| (input.name, input.type_constraint.split("(object").next().unwrap_or_default()))
        .collect();
    assert_eq!(
        inputs,
        [
            ("aws_account_id", "string"),
            ("aws_region", "string"),
            ("replication_region", "string"),
            ("name_prefix", "string"),
            ("environment", "string"),
            ("tags", "map(string)"),
            ("enable_key_rotation", "bool"),
            ("kms_root_access", "bool"),
            ("enable_kms_admin_role", "bool"),
            ("enable_key_monitoring", "bool"),
            ("enable_kms_access_denied_alarm", "bool"),
            ("key_decrypt_threshold", "number"),
            ("sns_topic_arn", "string"),
            ("default_region_buckets", "map"),
            ("replication_region_buckets", "map"),
            ("enable_dynamodb", "bool"),
            ("enable_alb_firehose", "bool"),
            ("enable_alb_waf_logging", "bool"),
            ("enable_image_processor", "bool"),
        ]
    );
    let outputs: Vec<&str> =
        OUTPUTS.iter().filter(|output| output.origin == Origin::Readme).map(|output| output.name).collect();
    assert_eq!(
        outputs,
        [
            "kms_key_arn",
            "kms_key_id",
            "kms_replica_key_arn",
            "enable_kms_admin_role",
            "kms_management_role_arn",
            "kms_management_policy_arn",
            "kms_decrypt_alarm_arn",
        ]
    );
}
