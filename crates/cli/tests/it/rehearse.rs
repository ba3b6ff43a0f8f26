//! The life of a key, played for the examples, and its reports.

use std::path::Path;

use serde_json::Value;

use crate::folder::{Folder, run};

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    path.to_str().expect("a path").to_owned()
}

fn rehearse(name: &str, more: &[&str]) -> Value {
    let example = example(name);
    let said = run(&[&["rehearse", example.as_str(), "--json"], more].concat()).succeeds();
    serde_json::from_str(&said.stdout).expect("JSON")
}

/// The promises of a module, each with its verdict.
fn verdicts(report: &Value) -> Vec<(&str, &str)> {
    let promises = report["modules"][0]["promises"].as_array().expect("promises");
    promises.iter().map(|it| (it["id"].as_str().expect("an id"), it["verdict"].as_str().expect("one"))).collect()
}

#[test]
fn every_promise_holds_on_every_example() {
    for name in ["complete", "dev", "stage", "prod"] {
        let report = rehearse(name, &[]);
        let broken: Vec<_> = verdicts(&report).into_iter().filter(|(_, verdict)| *verdict != "held").collect();
        assert!(broken.is_empty(), "{name}: {broken:?}");
        assert_eq!(report["verdict"], "held", "{name}");
    }
}

#[test]
fn the_complete_example_rings_its_alarms_and_removes_root() {
    let report = rehearse("complete", &[]);
    let verdicts = verdicts(&report);
    for promise in ["root-access", "admin-role", "decrypt-alarm", "denied-alarm", "s3-replication", "failover", "drift"]
    {
        assert!(verdicts.contains(&(promise, "held")), "{promise} is not among {verdicts:?}");
    }
    let alarm = &report["modules"][0]["alarms"][0];
    let over = alarm["points"]
        .as_array()
        .expect("points")
        .iter()
        .filter(|it| it["sum"].as_f64() > alarm["threshold"].as_f64());
    assert_eq!(over.count(), 2);
    let states: Vec<_> = alarm["states"].as_array().expect("states").iter().map(|it| it["state"].clone()).collect();
    // The first is from INSUFFICIENT_DATA.
    assert_eq!(states, ["OK", "ALARM", "OK"]);
}

#[test]
fn an_object_is_copied_by_a_role_and_a_writer_that_the_inputs_name() {
    let folder = Folder::with_inputs(
        r#"
        replication_region         = "us-east-1"
        replication_region_buckets = { copy = { region = "us-east-1" } }
        s3_replication_role_arn    = "arn:aws:iam::111122223333:role/storage/replicator"
        service_usage_principals   = ["arn:aws:iam::111122223333:user/apps/writer"]
        "#,
    );
    let said = run(&["rehearse", folder.path().to_str().expect("a path"), "--json"]).succeeds();
    let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let promises = report["modules"][0]["promises"].as_array().expect("promises");
    let replication = promises.iter().find(|it| it["id"] == "s3-replication").expect("it is tried");
    let tried: Vec<_> = replication["probes"].as_array().expect("probes").iter().map(|it| &it["tried"]).collect();
    for probe in ["the object's replication by replicator", "GetObject of the copy in us-east-1"] {
        assert!(tried.iter().any(|it| *it == probe), "{probe} is not among {tried:?}");
    }
}

#[test]
fn an_admin_role_that_asks_for_mfa_is_assumed_with_it() {
    let inputs = "kms_root_access = false\nenable_kms_admin_role = true\nadmin_role_require_mfa = true";
    let folder = Folder::with_inputs(inputs);
    let said = run(&["rehearse", folder.path().to_str().expect("a path"), "--json"]).succeeds();
    let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert!(verdicts(&report).contains(&("admin-role", "held")), "{report}");
}

#[test]
fn a_rehearsal_leaves_nothing_in_the_folder() {
    let folder = Folder::with_inputs("kms_root_access = false\nenable_kms_admin_role = true");
    let path = folder.path().to_str().expect("a path").to_owned();
    run(&["rehearse", &path]).succeeds();
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").map(|it| it.expect("one").file_name()).collect();
    assert_eq!(left, ["main.tf"]);
}

#[test]
fn what_cannot_be_applied_cannot_be_rehearsed() {
    let folder = Folder::with_inputs("kms_root_access = false");
    let path = folder.path().to_str().expect("a path").to_owned();
    let refused = run(&["rehearse", &path]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("nobody could change the policy"), "{}", refused.stderr);
}

#[test]
fn root_that_is_kept_is_shown_with_what_its_removal_would_come_to() {
    let refused = "the plan would be refused: nobody could change the policy of";
    let kept = "the plan would go through";
    let loses = "account 111122223333, by its IAM policies loses";
    let keeps = "could change the policy of module.kms.aws_kms_key.general_encryption_key: the admin role";
    for (inputs, code, expect, not) in
        [("", Some("lock-out"), refused, kept), ("enable_kms_admin_role = true", None, kept, refused)]
    {
        let folder = Folder::with_inputs(inputs);
        let path = folder.path().to_str().expect("a path");
        let page = folder.path().join("page.html");
        let said = run(&["rehearse", path, "--html", page.to_str().expect("a path")]).succeeds();
        let page = std::fs::read_to_string(page).expect("a page");
        for shown in [&said.stdout, &page] {
            assert!(shown.contains(expect) && shown.contains(loses) && !shown.contains(not), "{shown}");
            assert_eq!(shown.contains(keeps), code.is_none(), "{shown}");
        }
        let said = run(&["rehearse", path, "--json"]).succeeds();
        let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
        let removal = &report["modules"][0]["root_removal"];
        assert_eq!(removal["refused"][0]["code"].as_str(), code, "{removal}");
        assert_eq!(removal["keys"][0]["lost"][0]["actions"], serde_json::json!(["kms:*"]), "{removal}");
        assert_eq!(removal["administrators"].as_array().map(Vec::len), Some(usize::from(code.is_none())), "{removal}");
        // Where the plan is accepted, it is played as well.
        let played = verdicts(&report).contains(&("root-removal", "held"));
        assert_eq!(played, code.is_none(), "{report}");
    }
    assert!(rehearse("complete", &[])["modules"][0]["root_removal"].is_null(), "root is removed already");
}

#[test]
fn the_page_holds_all_of_itself_and_junit_has_a_case_for_each_promise() {
    let reports = tempfile::tempdir().expect("a folder");
    let (page, cases) = (reports.path().join("page.html"), reports.path().join("junit.xml"));
    let (page, cases) = (page.to_str().expect("a path"), cases.to_str().expect("a path"));
    let report = rehearse("complete", &["--html", page, "--junit", cases]);
    let page = std::fs::read_to_string(page).expect("a page");
    for part in ["<table class=\"promises\">", "<table class=\"access\">", "<svg class=\"alarm\"", "default-src 'none'"]
    {
        assert!(page.contains(part), "{part} is missing");
    }
    for request in ["http://", "https://", "src=", "href=", "<script", "url(", "@import"] {
        assert!(!page.contains(request), "the page asks for something: {request}");
    }
    let cases = std::fs::read_to_string(cases).expect("XML");
    assert_eq!(cases.matches("<testcase ").count(), verdicts(&report).len());
    assert!(cases.contains("failures=\"0\""));
}
