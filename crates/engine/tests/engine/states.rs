//! The state's file, its lock, and what is refused.

use std::path::Path;
use std::sync::Arc;

use keywright_engine::{Cancel, Event, ImportFrom, Mode, SavedPlan, StateStore};
use serde_json::{Value, json};

use crate::Setup;
use crate::cuts::run_with;
use crate::fake::Trouble;
use crate::wish::Wish;

fn foreign() -> Value {
    json!({
        "version": 4, "terraform_version": "1.9.0", "serial": 41, "lineage": "11111111-2222-3333-4444-555555555555",
        "outputs": {"theirs": {"value": "x", "type": "string"}},
        "resources": [
            {"mode": "data", "type": "aws_caller_identity", "name": "current", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]", "instances": [{"schema_version": 0, "attributes": {"id": "1"}, "sensitive_attributes": []}]},
            {"module": "module.a.module.b", "mode": "managed", "type": "aws_kms_key", "name": "k", "provider": "p", "instances": [{"schema_version": 0, "attributes": {"id": "theirs"}, "novel": [1.5, null]}]},
            {"mode": "managed", "type": "aws_s3_bucket", "name": "b", "provider": "p", "each": "list", "instances": [{"index_key": 0, "schema_version": 0, "attributes_flat": {"id": "b"}, "private": "bnVsbA=="}]},
        ],
        "check_results": null, "novel": {"z": 1, "a": 2},
    })
}

#[tokio::test]
async fn what_is_not_ours_is_kept_as_it_is() {
    let setup = Setup::new();
    std::fs::write(setup.path(), foreign().to_string()).expect("written");
    setup.apply(&Wish::default()).await;
    setup.destroy(&Wish::default()).await;
    let mut after: Value =
        serde_json::from_str(&std::fs::read_to_string(setup.path()).expect("a state")).expect("JSON");
    assert!(after["serial"].as_u64() > Some(41));
    assert_eq!(after["lineage"], foreign()["lineage"]);
    after["serial"] = json!(41);
    let sorted = |state: &Value| {
        let mut resources = state["resources"].as_array().expect("resources").clone();
        resources.sort_by_key(|resource| resource["type"].as_str().unwrap_or_default().to_owned());
        resources
    };
    assert_eq!(sorted(&after), sorted(&foreign()));
    for field in ["outputs", "check_results", "novel", "terraform_version"] {
        assert_eq!(after[field], foreign()[field], "{field}");
    }
}

/// Numbers that neither a float nor an integer of 64 bits holds as they are written.
const NUMBERS: [&str; 7] = [
    "0.30000000000000004441",
    "0.33333333333333333333333333333333333333333333333333",
    "18446744073709551616",
    "1000000000000000000000000000001",
    "-9223372036854775809",
    "1E+2",
    "5.0",
];

/// Puts the numbers wherever a state holds what is not ours, also into an instance that is.
fn put_numbers(path: &Path, mut state: Value) {
    let of_others = json!([
        {"mode": "data", "type": "http", "name": "d", "provider": "p", "instances": [{"schema_version": 0, "attributes": {"a": "N"}}]},
        {"mode": "managed", "type": "aws_s3_bucket", "name": "b", "provider": "p", "novel": {"b": "N"}, "instances": [
            {"schema_version": 0, "attributes": {"c": [{"c": "N"}]}, "sensitive_attributes": [{"d": "N"}], "novel": {"e": "N"}},
        ]},
        {"module": "module.a.module.b", "mode": "managed", "type": "aws_kms_key", "name": "k", "provider": "p", "instances": [
            {"schema_version": 0, "attributes": {"f": "N"}},
        ]},
    ]);
    let resources = state["resources"].as_array_mut().expect("resources");
    for own in resources.iter_mut().filter(|it| it["name"] == "kms_decrypt_alarm") {
        own["instances"][0]["novel"] = json!({"g": "N"});
    }
    resources.extend(of_others.as_array().expect("resources").clone());
    state["outputs"]["theirs"] = json!({"value": {"h": "N"}, "type": ["object", {"h": ["list", "number"]}]});
    state["novel"] = json!({"i": "N"});
    let text = format!("{state:#}").replace("\"N\"", &format!("[{}]", NUMBERS.join(", ")));
    std::fs::write(path, text).expect("written");
}

/// The places, by their letters, that still hold the numbers as they were put.
fn intact(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a state");
    let text: String = text.split_whitespace().collect();
    ('a'..='i').filter(|place| text.contains(&format!("\"{place}\":[{}]", NUMBERS.join(",")))).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("a state")).expect("JSON")
}

#[tokio::test]
async fn numbers_of_others_keep_their_digits_while_ours_change() {
    let setup = Setup::new();
    let threshold = |path: &Path| {
        let state = read(path);
        let mut alarms = state["resources"].as_array().expect("resources").iter();
        alarms.find(|it| it["name"] == "kms_decrypt_alarm").expect("an alarm")["instances"][0]["attributes"]["threshold"]
            .clone()
    };
    setup.apply(&Wish::default()).await;
    put_numbers(&setup.path(), read(&setup.path()));
    setup.expect_no_op(&Wish::default()).await;
    assert_eq!(threshold(&setup.path()).as_f64(), Some(100.0));

    setup.apply(&Wish { threshold: 7, ..Wish::default() }).await;
    assert_eq!((intact(&setup.path()).as_str(), threshold(&setup.path()).as_f64()), ("abcdefghi", Some(7.0)));

    let planned = setup.plan(&Wish { threshold: 8, ..Wish::default() }.desired()).await.expect("a plan");
    let plan = planned.to_saved().to_text().expect("a text");
    drop(planned);
    let resumed = setup.engine().resume(SavedPlan::from_text(&plan).expect("a plan")).await.expect("as it was");
    setup.engine().apply(resumed, &Cancel::new(), &|_: &Event| {}).await.expect("a report");
    assert_eq!((intact(&setup.path()).as_str(), threshold(&setup.path()).as_f64()), ("abcdefghi", Some(8.0)));

    setup.destroy(&Wish::default()).await;
    assert_eq!(intact(&setup.path()), "abcdefhi", "the alarm is gone");
}

#[tokio::test]
async fn numbers_of_others_outlive_a_run_that_was_cut() {
    let wish = Wish::default();
    for at in 0..4 {
        let setup = Setup::new();
        setup.apply(&Wish { replica: None, ..wish.clone() }).await;
        put_numbers(&setup.path(), read(&setup.path()));
        run_with(&setup, &wish, Mode::Normal, (at, Trouble::CutAfter)).await;
        setup.apply(&wish).await;
        assert_eq!(intact(&setup.path()), "abcdefghi", "cut at {at}");
    }
}

#[tokio::test]
async fn an_import_takes_numbers_of_others_with_their_digits() {
    let first = Setup::new();
    first.apply(&Wish::default()).await;
    let mut theirs = read(&first.path());
    for resource in theirs["resources"].as_array_mut().expect("resources") {
        resource["module"] = json!("module.encryption");
    }
    let theirs_path = first.folder.path().join("theirs.tfstate");
    put_numbers(&theirs_path, theirs);
    for beside_others in [false, true] {
        let other = Setup { aws: Arc::clone(&first.aws), ..Setup::new() };
        if beside_others {
            let mut own = foreign();
            own["resources"] = json!([{"mode": "managed", "type": "aws_sns_topic", "name": "t", "provider": "p"}]);
            own["outputs"] = json!({});
            std::fs::write(other.path(), own.to_string()).expect("written");
        }
        let state = StateStore::new(&theirs_path).load().expect("a state");
        let imported = other.engine().import(&Wish::default().desired(), ImportFrom::State(Box::new(state))).await;
        imported.expect("it is taken");
        // A folder that has a state keeps its own fields at the top.
        let expect = if beside_others { "abcdefgh" } else { "abcdefghi" };
        assert_eq!(intact(&other.path()), expect, "beside others: {beside_others}");
    }
}

#[tokio::test]
async fn what_does_not_change_is_the_same_text_however_often_it_is_written() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    put_numbers(&setup.path(), read(&setup.path()));
    let mut texts = Vec::new();
    for threshold in [7, 8, 7, 8] {
        setup.apply(&Wish { threshold, ..Wish::default() }).await;
        let text = std::fs::read_to_string(setup.path()).expect("a state");
        texts.push(text.replace(&format!("\"serial\": {}", setup.state().serial), "\"serial\": 0"));
    }
    assert_eq!((&texts[0], &texts[1]), (&texts[2], &texts[3]));
    assert_ne!(texts[0], texts[1]);
}

#[tokio::test]
async fn the_state_reads_as_terraform_writes_it() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let text = std::fs::read_to_string(setup.path()).expect("a state");
    let state: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&state["version"], &state["terraform_version"]), (&json!(4), &json!("1.11.4")));
    let resources = state["resources"].as_array().expect("resources");
    let order: Vec<_> = resources.iter().map(|it| (it["type"].as_str(), it["name"].as_str())).collect();
    let mut sorted = order.clone();
    sorted.sort();
    assert_eq!(order, sorted);
    let named = |name: &str| resources.iter().find(|it| it["name"] == name).expect(name);
    let grant = &named("s3_replication_grant")["instances"][0];
    assert_eq!(grant["index_key"], json!(0));
    assert_eq!(grant["attributes"]["grant_token"], json!(null));
    assert_eq!(
        grant["dependencies"],
        json!([
            "module.kms.aws_iam_role.kms_admin_role",
            "module.kms.aws_iam_role.s3_replication_role",
            "module.kms.aws_kms_key.general_encryption_key",
            "module.kms.aws_kms_replica_key.replica_key"
        ])
    );
    assert_eq!(named("kms_decrypt_alarm")["instances"][0]["schema_version"], json!(1));
    assert_eq!(named("alias")["instances"][0]["index_key"], json!("alias/app"));
    assert_eq!(state["outputs"]["kms"]["type"][1]["kms_key_arn"], json!("string"));
    assert!(!text.contains("SECRET-TOKEN") && !text.contains("keywright:creation-token"));
}

#[tokio::test]
async fn each_change_is_a_serial_and_the_first_of_a_run_makes_a_backup() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let before = std::fs::read(setup.path()).expect("a state");
    let serial = setup.state().serial;
    let lineage = setup.state().lineage;
    let report = setup.apply(&Wish { threshold: 7, ..Wish::default() }).await;
    assert_eq!(report.serial, serial + 1);
    assert_eq!(setup.state().lineage, lineage);
    assert_eq!(std::fs::read(setup.folder.path().join("terraform.tfstate.backup")).expect("a backup"), before);
}

#[tokio::test]
async fn a_grant_token_of_another_tool_is_dropped() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let text = std::fs::read_to_string(setup.path()).expect("a state");
    std::fs::write(setup.path(), text.replace("\"grant_token\": null", "\"grant_token\": \"hush\"")).expect("written");
    setup.apply(&Wish::default()).await;
    assert!(!std::fs::read_to_string(setup.path()).expect("a state").contains("hush"));
}

/// Marks a resource as `terraform taint` does.
fn taint(setup: &Setup, name: &str) {
    let text = std::fs::read_to_string(setup.path()).expect("a state");
    let mut state: Value = serde_json::from_str(&text).expect("JSON");
    let resources = state["resources"].as_array_mut().expect("resources");
    let resource = resources.iter_mut().find(|it| it["name"] == name).expect(name);
    resource["instances"][0]["status"] = json!("tainted");
    std::fs::write(setup.path(), state.to_string()).expect("written");
}

fn status(setup: &Setup, name: &str) -> Value {
    let text = std::fs::read_to_string(setup.path()).expect("a state");
    let state: Value = serde_json::from_str(&text).expect("JSON");
    let resource = state["resources"].as_array().expect("resources").iter().find(|it| it["name"] == name).cloned();
    resource.expect(name)["instances"][0]["status"].clone()
}

#[tokio::test]
async fn a_mark_for_replacement_is_told_and_stays_until_the_resource_is_replaced() {
    let setup = Setup::new();
    setup.apply(&Wish { threshold: 7, ..Wish::default() }).await;
    let marked = ["general_encryption_key", "kms_decrypt_alarm", "kms_admin_role"];
    marked.iter().for_each(|name| taint(&setup, name));
    let told = |planned: &keywright_engine::Planned| {
        let findings = planned.plan().findings.iter().filter(|it| it.code == "tainted");
        findings.map(|it| it.summary.clone()).collect::<Vec<_>>()
    };
    let updated = Wish::default();
    let planned = setup.plan(&updated.desired()).await.expect("a plan");
    assert_eq!(told(&planned).len(), 3, "{:?}", told(&planned));
    assert!(marked.iter().all(|name| told(&planned).iter().any(|it| it.contains(name))));
    drop(planned);
    setup.apply(&updated).await;
    assert!(marked.iter().all(|name| status(&setup, name) == "tainted"), "also where something was changed in place");
    let renamed = Wish { admin_role: Some("chief"), ..Wish::default() };
    let planned = setup.plan(&renamed.desired()).await.expect("a plan");
    assert_eq!(told(&planned).len(), 2, "the role is replaced: {:?}", told(&planned));
    drop(planned);
    setup.apply(&renamed).await;
    assert_eq!(status(&setup, "kms_admin_role"), Value::Null);
    assert_eq!(status(&setup, "general_encryption_key"), "tainted");
}

#[tokio::test]
async fn a_locked_state_names_who_has_it_and_since_when() {
    let setup = Setup::new();
    let held = setup.plan(&Wish::default().desired()).await.expect("a plan");
    let info = setup.folder.path().join(".terraform.tfstate.lock.info");
    let info: Value = serde_json::from_str(&std::fs::read_to_string(&info).expect("a note")).expect("JSON");
    assert_eq!((&info["Who"], &info["Operation"]), (&json!("tester@here"), &json!("plan")));
    let error = setup.plan(&Wish::default().desired()).await.expect_err("it is locked");
    let told = error.to_string();
    assert!(told.contains("tester@here since 2") && told.contains("terraform.tfstate"), "{told}");
    assert_eq!(error.diagnostics().iter().map(|it| it.code).collect::<Vec<_>>(), ["state-locked"]);
    drop(held);
    assert!(setup.plan(&Wish::default().desired()).await.is_ok());
}

#[tokio::test]
async fn while_a_plan_is_carried_out_the_lock_says_so() {
    for (mode, expected) in [(Mode::Normal, "apply"), (Mode::Destroy, "destroy")] {
        let setup = Setup::new();
        setup.apply(&Wish { threshold: 7, ..Wish::default() }).await;
        let planned = setup.engine().plan(&[Wish::default().desired()], mode).await.expect("a plan");
        let told = std::sync::Mutex::new(Vec::new());
        let note = |_: &keywright_engine::Event| {
            let info = setup.folder.path().join(".terraform.tfstate.lock.info");
            let info: Value = serde_json::from_str(&std::fs::read_to_string(&info).expect("a note")).expect("JSON");
            told.lock().expect("a lock").push(info["Operation"].clone());
        };
        setup.engine().apply(planned, &keywright_engine::Cancel::new(), &note).await.expect("a report");
        let told = told.into_inner().expect("a lock");
        assert!(!told.is_empty() && told.iter().all(|it| it == expected), "{told:?}");
    }
}

#[tokio::test]
async fn a_module_that_is_no_longer_there_is_refused_under_the_lock_unless_others_were_chosen() {
    let mut setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let engine = setup.engine();
    let refused = engine.plan(&[], Mode::Normal).await.expect_err("it is refused");
    assert_eq!(refused.diagnostics().iter().map(|it| it.code).collect::<Vec<_>>(), ["module-forgotten"]);
    setup.options.leaves_others = true;
    assert!(setup.engine().plan(&[], Mode::Normal).await.expect("a plan").is_no_op());
}

#[tokio::test]
async fn a_state_that_cannot_be_understood_is_refused_and_left_alone() {
    for (text, code) in [
        (" ", "state-corrupt"),
        ("\n", "state-corrupt"),
        ("{\"version\": 4,", "state-corrupt"),
        ("[]", "state-corrupt"),
        ("{\"version\": 4, \"serial\": \"x\"}", "state-corrupt"),
        ("{\"version\": 5}", "state-newer"),
        ("{\"version\": 3}", "state-older"),
        (
            "{\"version\": 4, \"terraform_version\": \"1\", \"serial\": 1, \"lineage\": \"l\", \"resources\": [5]}",
            "state-corrupt",
        ),
        ("\u{0}", "state-corrupt"),
    ] {
        let setup = Setup::new();
        std::fs::write(setup.path(), text).expect("written");
        let error = setup.try_run(&Wish::default().desired(), Mode::Normal).await.expect_err(text);
        let codes: Vec<_> = error.diagnostics().iter().map(|it| it.code).collect();
        assert_eq!(codes, [code], "{text}");
        assert!(error.to_string().contains("terraform.tfstate"), "{error}");
        assert_eq!(std::fs::read_to_string(setup.path()).expect("a state"), text);
        assert_eq!(setup.aws.log(), Vec::<String>::new());
    }
}

#[test]
fn an_output_that_is_malformed_is_refused_without_its_value() {
    let cases = [
        (json!(5), false),
        (json!("hunter2"), false),
        (json!({}), false),
        (json!({"value": "hunter2"}), false),
        (json!({"type": "string"}), false),
        (json!({"value": "hunter2", "type": "string", "sensitive": "hunter2"}), false),
        (json!({"value": null, "type": "string"}), true),
        (json!({"value": "hunter2", "type": "string", "sensitive": true, "novel": 1}), true),
    ];
    for (output, is_fine) in cases {
        let setup = Setup::new();
        let state =
            json!({"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {"a": output}});
        std::fs::write(setup.path(), state.to_string()).expect("written");
        let told = setup.engine().state().map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(told.is_ok(), is_fine, "{output}: {told:?}");
        if let Err(told) = told {
            assert!(told.contains("the output `a`") && told.contains("terraform.tfstate"), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}

#[test]
fn a_resource_of_a_newer_schema_is_refused() {
    let setup = Setup::new();
    let state = json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {},
        "resources": [{"module": "module.kms", "mode": "managed", "type": "aws_kms_key", "name": "k", "provider": "p", "instances": [{"schema_version": 7, "attributes": {}}]}],
    });
    std::fs::write(setup.path(), state.to_string()).expect("written");
    let error = setup.engine().state().expect_err("it is newer").to_string();
    assert!(error.contains("module.kms.aws_kms_key.k") && error.contains("version 7"), "{error}");
}

#[test]
fn a_state_that_is_not_there_is_empty() {
    let state = StateStore::new("/nowhere/terraform.tfstate").load().expect("an empty state");
    assert!(state.is_empty());
    assert_eq!(state.serial, 0);
}
