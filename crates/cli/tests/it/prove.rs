//! `keywright prove`: claims about keys, and what a reviewer would say, through the program.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::folder::{Folder, Run, run};

const PRIMARY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const REPLICA: &str = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const ADMIN: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-prod";

fn policy(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/prove").join(name);
    path.canonicalize().expect("the policy").display().to_string()
}

fn complete() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/complete");
    path.canonicalize().expect("the example").display().to_string()
}

fn prove(file: &str, key: &str, more: &[&str]) -> Run {
    let mut arguments = vec!["prove", "--policy", file, "--key", key];
    arguments.extend(more);
    run(&arguments)
}

#[track_caller]
fn data(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("no JSON: {}\n{}", run.stdout, run.stderr))
}

/// The line, from 1, on which the text stands in the file.
fn line_of(file: &str, text: &str) -> u64 {
    let whole = std::fs::read_to_string(file).expect("the file");
    let at = whole.lines().position(|line| line.contains(text)).expect("the line");
    u64::try_from(at + 1).expect("a line")
}

#[test]
fn root_is_not_gone_from_the_published_module_and_a_user_of_the_account_shows_it() {
    let file = policy("published-module.json");
    let run = prove(&file, PRIMARY, &["--claim", "root-is-gone"]).fails_with(&[
        "refuted: root-is-gone",
        "User: arn:aws:iam::111122223333:user/",
        "is authorized to perform: kms:",
        "statement `EnableIAMPermissions` of the key policy",
        "without an IAM policy",
        "claims: 0 proved, 1 refuted, 0 unknown",
    ]);
    assert!(run.stdout.contains("published-module.json:"), "the place of the statement: {}", run.stdout);
}

#[test]
fn a_bare_policy_is_that_of_the_one_key_that_it_names() {
    let named = policy("published-module.json");
    let run = run(&["prove", "--policy", &named, "--claim", "no-loose-deputies"]);
    let told = format!("the key is taken to be `{PRIMARY}`");
    run.fails_with(&["refuted: no-loose-deputies", "AllowAWSServicesUsage", &told]);
}

#[test]
fn a_policy_that_names_keys_is_not_judged_while_its_own_is_not_known() {
    let folder = Folder::new("");
    let text = std::fs::read_to_string(policy("published-module.json")).expect("the policy");
    folder.write("p.json", &text.replacen(PRIMARY, REPLICA, 1));
    let file = folder.path().join("p.json").display().to_string();
    run(&["prove", "--policy", &file, "--claim", "root-is-gone"]).fails_with(&["unknown-key", "`--key ARN`"]);
    let (any, old) = (policy("complete-primary.json"), policy("published-module.json"));
    run(&["prove", "--policy", &any, "--claim", "root-is-gone"]).succeeds();
    let claim = format!("gives-nothing-new={old}");
    run(&["prove", "--policy", &any, "--claim", &claim]).fails_with(&["unknown-key"]);
}

#[test]
fn root_is_gone_from_ours_on_both_keys() {
    for (file, key) in [("complete-primary.json", PRIMARY), ("complete-replica.json", REPLICA)] {
        let run = prove(&policy(file), key, &["--claim", "root-is-gone"]).succeeds();
        assert!(run.stdout.contains("proved: root-is-gone"), "{}", run.stdout);
        assert!(run.stdout.contains("taken for granted:"), "a proof says what it assumes: {}", run.stdout);
    }
}

#[test]
fn a_module_is_held_to_what_its_inputs_promise_on_both_keys() {
    let run = run(&["prove", &complete(), "--json"]).succeeds();
    let data = data(&run);
    let keys = data["keys"].as_array().expect("keys");
    assert_eq!(keys.iter().map(|it| it["part"].as_str().expect("a part")).collect::<Vec<_>>(), ["primary", "replica"]);
    for key in keys {
        let claims = key["claims"].as_array().expect("claims");
        let names: Vec<&str> = claims.iter().map(|it| it["name"].as_str().expect("a name")).collect();
        assert_eq!(
            names,
            ["somebody-keeps-control", "no-public-access", "root-is-gone", "cannot", "no-loose-deputies"]
        );
        assert!(claims.iter().all(|it| it["verdict"] == "proved"), "{key:#}");
        let ways: Vec<&str> =
            claims[3]["escalations"].as_array().expect("ways").iter().filter_map(|it| it["action"].as_str()).collect();
        assert_eq!(ways, ["kms:PutKeyPolicy", "kms:CreateGrant", "kms:ReplicateKey"]);
        let codes: Vec<&str> =
            key["findings"].as_array().expect("findings").iter().filter_map(|it| it["code"].as_str()).collect();
        assert_eq!(codes, ["loose-deputy"], "EventBridge tells no source");
    }
}

#[test]
fn a_module_that_keeps_root_promises_less() {
    let folder = Folder::with_inputs("");
    let run = run(&["prove", folder.path().to_str().expect("a path")]).succeeds();
    assert!(!run.stdout.contains("root-is-gone"), "{}", run.stdout);
    let path = folder.path().to_str().expect("a path");
    self::run(&["prove", path, "--claim", "root-is-gone"])
        .fails_with(&["refuted: root-is-gone", "IAM policy of its own"]);
}

#[test]
fn a_warning_fails_only_where_warnings_are_denied_and_not_where_it_was_accepted() {
    let file = policy("complete-primary.json");
    let but = "no-loose-deputies=AllowEventBridgeEventSources";
    let run = prove(&file, PRIMARY, &["--claim", but, "--lint"]).succeeds();
    assert!(run.stdout.contains("warning[loose-deputy]"), "{}", run.stdout);
    prove(&file, PRIMARY, &["--claim", but, "--lint", "--deny-warnings"]).fails_with(&["warning[loose-deputy]"]);
    let accept = "loose-deputy=AWS sends no source";
    let run = prove(&file, PRIMARY, &["--claim", but, "--lint", "--deny-warnings", "--accept", accept]).succeeds();
    assert!(run.stdout.contains("accepted[loose-deputy]") && run.stdout.contains("(AWS sends no source)"));
}

#[test]
fn an_acceptance_of_nothing_is_refused() {
    let file = policy("complete-primary.json");
    prove(&file, PRIMARY, &["--accept", "loose=x"]).fails_with(&["invalid-acceptance", "there is no finding `loose`"]);
    prove(&file, PRIMARY, &["--accept", "policy-too-large=x"]).fails_with(&["`policy-too-large` cannot be accepted"]);
}

#[test]
fn what_cannot_be_told_fails_like_what_is_refuted() {
    let file = policy("complete-primary.json");
    let run = prove(&file, PRIMARY, &["--claim", &format!("cannot={ADMIN}:kms:ListKeys")]);
    run.fails_with(&["unknown: cannot=", "key policies do not decide kms:ListKeys", "0 proved, 0 refuted, 1 unknown"]);
}

#[test]
fn what_a_policy_gives_anew_is_told_with_who_shows_it() {
    let (old, new) = (policy("complete-primary.json"), policy("published-module.json"));
    prove(&new, PRIMARY, &["--claim", &format!("gives-nothing-new={old}")]).fails_with(&[
        "refuted: gives-nothing-new=",
        "statement `EnableIAMPermissions`",
        " gives kms:",
    ]);
    prove(&old, PRIMARY, &["--claim", &format!("gives-nothing-new={old}")]).succeeds();
}

#[test]
fn words_that_are_no_claim_are_all_told_with_those_that_are() {
    let file = policy("complete-primary.json");
    prove(&file, PRIMARY, &["--claim", "nobody", "--claim", "root-is-gone=x"]).fails_with(&[
        "there is no claim `nobody`",
        "no-public-access:",
        "`root-is-gone` takes no argument",
    ]);
}

#[test]
fn a_policy_that_is_none_is_told_with_the_codes_of_the_review() {
    let folder = Folder::new("");
    folder.write("p.json", "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{ \"Effect\": \"Allow\",\n  \"Principal\": { \"AWS\": \"arn:aws:iam::111122223333:group/g\" },\n  \"Action\": \"kms:*\", \"Resource\": \"*\" }]\n}\n");
    let file = folder.path().join("p.json").display().to_string();
    prove(&file, PRIMARY, &[]).fails_with(&["error[principal-group]", "p.json:4:"]);
    let run = prove(&file, PRIMARY, &["--sarif"]);
    assert_eq!(run.code, 1);
    let log = checked_sarif(&run);
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "principal-group");
    assert_eq!(region(&log["runs"][0]["results"][0])["startLine"], 4);
}

#[test]
fn sarif_points_at_the_statement_that_breaks_the_claim() {
    let file = policy("published-module.json");
    let run = prove(&file, PRIMARY, &["--claim", "root-is-gone", "--lint", "--sarif"]);
    assert_eq!(run.code, 1);
    let log = checked_sarif(&run);
    let results = log["runs"][0]["results"].as_array().expect("results");
    let claim = results.iter().find(|it| it["ruleId"] == "root-is-gone").expect("the claim");
    let sid = line_of(&file, "\"EnableIAMPermissions\"");
    let region_of_claim = region(claim);
    let (start, end) = (region_of_claim["startLine"].as_u64(), region_of_claim["endLine"].as_u64());
    assert_eq!(start, Some(sid - 1), "the statement's brace stands above its Sid");
    assert!(end > Some(sid));
    assert_eq!((&claim["level"], &claim["kind"]), (&json!("error"), &Value::Null));
    let resource = results.iter().find(|it| it["ruleId"] == "resource-own-key").expect("the note");
    let first_resource = line_of(&file, "\"Resource\": \"arn:");
    assert_eq!((&resource["level"], region(resource)["startLine"].as_u64()), (&json!("note"), Some(first_resource)));
}

#[test]
fn sarif_of_a_module_points_into_its_configuration_and_keeps_what_was_accepted() {
    let run = run(&["prove", &complete(), "--sarif", "--accept", "loose-deputy=AWS sends no source"]).succeeds();
    let log = checked_sarif(&run);
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), 2, "one a key: {log:#}");
    for result in results {
        assert_eq!(result["suppressions"][0]["justification"], "AWS sends no source");
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().expect("a file");
        assert!(uri.starts_with("file:///") && uri.ends_with(".tf"), "{uri}");
    }
}

#[test]
fn a_template_is_judged_and_its_statements_are_pointed_at() {
    let folder = Folder::new("");
    folder.write("key.yaml", TEMPLATE);
    let file = folder.path().join("key.yaml").display().to_string();
    let template = ["prove", "--template", &file, "--account", "111122223333", "--region", "eu-west-1"];
    run(&template).fails_with(&["refuted: no-public-access", "error[public-statement]", "statement `Everybody`"]);
    let claim = run(&[&template[..], &["--claim", "nobody-but=111122223333:kms:PutKeyPolicy"]].concat());
    claim.succeeds();
}

const TEMPLATE: &str = "
Resources:
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Version: '2012-10-17'
        Statement:
          - Sid: Root
            Effect: Allow
            Principal: { AWS: 'arn:aws:iam::111122223333:root' }
            Action: 'kms:*'
            Resource: '*'
          - Sid: Everybody
            Effect: Allow
            Principal: '*'
            Action: 'kms:Decrypt'
            Resource: '*'
";

fn region(result: &Value) -> &Value {
    &result["locations"][0]["physicalLocation"]["region"]
}

/// What the SARIF schema asks of the parts that are written: required members, their types, and that indices hold.
///
/// Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json>.
#[track_caller]
fn checked_sarif(run: &Run) -> Value {
    let log = data(run);
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().is_some_and(|it| it.ends_with("sarif-schema-2.1.0.json")));
    let runs = log["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!(driver["name"], "keywright");
    assert_eq!(runs[0]["columnKind"], "unicodeCodePoints");
    let rules = driver["rules"].as_array().expect("rules");
    for rule in rules {
        assert!(rule["id"].is_string());
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().is_some_and(|it| !it.is_empty()), "{rule}");
        }
        assert!(LEVELS.contains(&rule["defaultConfiguration"]["level"].as_str().expect("a level")));
    }
    for result in runs[0]["results"].as_array().expect("results") {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("an index");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(result["message"]["text"].as_str().is_some_and(|it| !it.is_empty()));
        let level = result["level"].as_str();
        assert!(level.is_some_and(|it| LEVELS.contains(&it)) || result["kind"] == "open", "{result}");
        for location in result["locations"].as_array().expect("locations") {
            check_region(&location["physicalLocation"]["region"]);
        }
    }
    log
}

#[track_caller]
fn check_region(region: &Value) {
    let number = |name: &str| region[name].as_u64().unwrap_or_else(|| panic!("{name} in {region}"));
    let (start, end) = ((number("startLine"), number("startColumn")), (number("endLine"), number("endColumn")));
    assert!(start >= (1, 1) && start <= end, "{region}");
}

const LEVELS: [&str; 4] = ["none", "note", "warning", "error"];
