//! The root outputs of a state: those of a folder's `output` blocks, or one object for a document of inputs.

use std::sync::Arc;

use keywright_engine::{Cancel, Event, Mode, OutputChange, SavedPlan};
use keywright_model::ResourceKind;
use keywright_module::Desired;
use serde_json::{Value, json};

use crate::Setup;
use crate::fake::Trouble;
use crate::wish::Wish;

/// The module in a folder with these `output` blocks: names and expressions.
fn folder(wish: &Wish, blocks: &[(&str, &str)]) -> Desired {
    let block = |(name, value): &(&str, &str)| {
        ((*name).to_owned(), json!({"value": {"hcl": value}, "sensitive": name.starts_with("secret")}))
    };
    let blocks: serde_json::Map<_, _> = blocks.iter().map(block).collect();
    let blocks = json!({"blocks": blocks, "variables": {}, "locals": {}, "complete": true});
    Desired { output_blocks: Arc::new(serde_json::from_value(blocks).expect("blocks")), ..wish.desired() }
}

async fn apply(setup: &Setup, desired: &Desired) {
    let report = setup.try_run(desired, Mode::Normal).await.expect("a plan");
    assert!(report.is_complete(), "{:#?}", report.diagnostics());
}

/// The outputs of which a plan says that they change, with the action that Terraform's JSON has.
async fn changed(setup: &Setup, desired: &Desired) -> Vec<(String, String)> {
    let planned = setup.plan(desired).await.expect("a plan");
    let shown = planned.plan().to_terraform_json();
    let changes = shown["output_changes"].as_object().expect("changes").clone();
    let action = |change: &Value| change["actions"][0].as_str().expect("an action").to_owned();
    let all = changes.iter().map(|(name, change)| (name.clone(), action(change)));
    let mut all: Vec<_> = all.filter(|(_, action)| action != "no-op").collect();
    all.sort();
    assert_eq!(planned.plan().is_no_op(), all.is_empty(), "an output that changes is a change");
    all
}

/// The outputs that another tool has put into the state.
fn put(setup: &Setup, outputs: &[(&str, Value)]) {
    let text = std::fs::read_to_string(setup.path()).expect("a state");
    let mut state: Value = serde_json::from_str(&text).expect("JSON");
    for (name, output) in outputs {
        state["outputs"][name] = output.clone();
    }
    std::fs::write(setup.path(), state.to_string()).expect("written");
}

fn key_arn(setup: &Setup) -> Value {
    setup.aws.of_kind(ResourceKind::KmsKey)[0].attributes["arn"].clone()
}

fn pair(name: &str, action: &str) -> (String, String) {
    (name.to_owned(), action.to_owned())
}

#[tokio::test]
async fn the_state_holds_what_the_blocks_say_and_nothing_else() {
    let setup = Setup::new();
    let wish = Wish { replica: None, ..Wish::default() };
    let desired = folder(
        &wish,
        &[
            ("arn", "module.kms.kms_key_arn"),
            ("secret", "upper(module.kms.kms_key_arn)"),
            ("replica", "module.kms.kms_replica_key_arn"),
            ("fixed", "[1, \"x\"]"),
        ],
    );
    assert_eq!(
        changed(&setup, &desired).await,
        [pair("arn", "create"), pair("fixed", "create"), pair("secret", "create")]
    );
    apply(&setup, &desired).await;
    let arn = key_arn(&setup);
    let upper = arn.as_str().expect("an ARN").to_uppercase();
    let expect = json!({
        "arn": {"value": arn, "type": "string"},
        "secret": {"value": upper, "type": "string", "sensitive": true},
        "fixed": {"value": [1, "x"], "type": ["tuple", ["number", "string"]]},
    });
    assert_eq!(json!(setup.state().stored_outputs()), expect);
    assert_eq!(changed(&setup, &desired).await, []);
}

#[tokio::test]
async fn an_output_changes_by_its_value_its_type_or_its_secrecy_and_a_block_that_is_gone_takes_it_along() {
    let setup = Setup::new();
    let desired = folder(&Wish::default(), &[("arn", "module.kms.kms_key_arn"), ("list", "[\"x\"]")]);
    apply(&setup, &desired).await;
    let arn = key_arn(&setup);
    let cases = [
        ("arn", json!({"value": arn, "type": "string"}), ""),
        ("arn", json!({"value": "another", "type": "string"}), "update"),
        ("arn", json!({"value": arn, "type": "string", "sensitive": true}), "update"),
        ("list", json!({"value": ["x"], "type": ["list", "string"]}), "update"),
        ("list", json!({"value": ["x"], "type": ["tuple", ["string"]], "sensitive": false}), ""),
        ("kms", json!({"value": {"kms_key_arn": arn}, "type": ["object", {"kms_key_arn": "string"}]}), "delete"),
    ];
    for (name, stored, action) in cases {
        put(&setup, &[(name, stored.clone())]);
        let expect: Vec<_> = (!action.is_empty()).then(|| pair(name, action)).into_iter().collect();
        assert_eq!(changed(&setup, &desired).await, expect, "{name} {stored}");
        apply(&setup, &desired).await;
        assert_eq!(changed(&setup, &desired).await, [], "{name} {stored}");
    }
    assert!(setup.state().stored_outputs().keys().eq(["arn", "list"]), "{:?}", setup.state().stored_outputs());
    apply(&setup, &folder(&Wish::default(), &[])).await;
    assert!(setup.state().stored_outputs().is_empty(), "a folder without blocks has no outputs");
}

#[tokio::test]
async fn what_cannot_be_told_is_left_as_it_is_with_a_note() {
    let setup = Setup::new();
    let desired = folder(&Wish::default(), &[("bucket", "aws_s3_bucket.b.arn"), ("arn", "module.kms.kms_key_arn")]);
    apply(&setup, &desired).await;
    put(&setup, &[("bucket", json!({"value": "theirs", "type": "string"}))]);
    let planned = setup.plan(&desired).await.expect("a plan");
    let note = planned.plan().findings.iter().find(|it| it.code == "output-left-alone").expect("a note");
    assert!(note.summary.contains("`bucket`") && format!("{note:?}").contains("aws_s3_bucket.b"), "{note:?}");
    assert!(planned.plan().is_no_op());
    drop(planned);
    apply(&setup, &folder(&Wish { threshold: 7, ..Wish::default() }, &[("bucket", "aws_s3_bucket.b.arn")])).await;
    assert_eq!(json!(setup.state().stored_outputs()), json!({"bucket": {"value": "theirs", "type": "string"}}));
}

#[tokio::test]
async fn an_output_that_stays_keeps_its_digits_and_one_that_changes_does_not() {
    let setup = Setup::new();
    let blocks = |rate| [("bucket", "aws_s3_bucket.b.size"), ("half", "0.5"), ("rate", rate)];
    apply(&setup, &folder(&Wish::default(), &blocks("0.25"))).await;
    let number = |value: &str| json!({"value": value, "type": "number"});
    put(&setup, &[("bucket", number("N")), ("half", number("H")), ("rate", number("R"))]);
    let digits = [("\"N\"", "10.00000000000000000000000001"), ("\"H\"", "0.500"), ("\"R\"", "0.250")];
    let text = std::fs::read_to_string(setup.path()).expect("a state");
    let text = digits.iter().fold(text, |text, (mark, digits)| text.replace(mark, digits));
    std::fs::write(setup.path(), text).expect("written");
    let desired = folder(&Wish { threshold: 7, ..Wish::default() }, &blocks("0.75"));
    assert_eq!(changed(&setup, &desired).await, [pair("rate", "update")]);
    apply(&setup, &desired).await;
    let text = std::fs::read_to_string(setup.path()).expect("a state");
    for value in ["10.00000000000000000000000001", "0.500", "0.75"] {
        assert!(
            text.contains(&format!("\"value\":{value},")) || text.contains(&format!("\"value\": {value},")),
            "{text}"
        );
    }
    assert!(!text.contains("0.25"), "{text}");
}

#[tokio::test]
async fn a_saved_plan_works_its_outputs_out_when_it_is_applied() {
    let setup = Setup::new();
    let desired = folder(&Wish::default(), &[("parts", "split(\":\", module.kms.kms_key_arn)")]);
    let planned = setup.plan(&desired).await.expect("a plan");
    let text = planned.to_saved().to_text().expect("a text");
    drop(planned);
    let engine = setup.engine();
    let resumed = engine.resume(SavedPlan::from_text(&text).expect("a plan")).await.expect("as it was");
    let report = engine.apply(resumed, &Cancel::new(), &|_: &Event| {}).await.expect("a report");
    assert_eq!(report.outputs["parts"].value[2], "kms");
    assert_eq!(report.outputs["parts"].kind, json!(["list", "string"]));
    assert_eq!(changed(&setup, &desired).await, []);
}

#[tokio::test]
async fn outputs_of_what_could_not_be_made_stay_as_they_were() {
    let wish = Wish { replica: None, ..Wish::default() };
    let blocks = [("arn", "module.kms.kms_key_arn"), ("replica", "[module.kms.kms_replica_key_arn]")];
    let mut seen = 0;
    for at in 0..4 {
        let setup = Setup::new();
        apply(&setup, &folder(&wish, &blocks)).await;
        let before = setup.state().stored_outputs()["replica"].clone();
        assert_eq!(before.kind, json!(["tuple", ["dynamic"]]));
        setup.aws.clear();
        *setup.aws.trouble.lock().expect("a lock") = Some((at, Trouble::Error));
        let report = setup.try_run(&folder(&Wish::default(), &blocks), Mode::Normal).await.expect("a plan");
        assert!(!report.is_complete());
        let is_made = !setup.aws.of_kind(ResourceKind::KmsReplicaKey).is_empty();
        seen += usize::from(!is_made);
        assert_eq!(setup.state().stored_outputs()["replica"] == before, !is_made);
        assert_eq!(setup.state().stored_outputs()["arn"].value, key_arn(&setup));
    }
    assert!((1..4).contains(&seen), "the replica fails in some of the runs: {seen}");
}

#[tokio::test]
async fn destroying_all_takes_all_outputs_and_beside_resources_of_others_only_its_own() {
    let blocks = [("arn", "module.kms.kms_key_arn"), ("bucket", "aws_s3_bucket.b.arn"), ("fixed", "1")];
    for beside_others in [false, true] {
        let setup = Setup::new();
        let desired = folder(&Wish::default(), &blocks);
        apply(&setup, &desired).await;
        put(&setup, &[("bucket", json!({"value": "theirs", "type": "string"}))]);
        if beside_others {
            let mut state: Value =
                serde_json::from_str(&std::fs::read_to_string(setup.path()).expect("a state")).expect("JSON");
            state["resources"].as_array_mut().expect("resources").push(json!({
                "mode": "managed", "type": "aws_s3_bucket", "name": "b", "provider": "p", "instances": [{"schema_version": 0, "attributes": {"id": "b"}}]
            }));
            std::fs::write(setup.path(), state.to_string()).expect("written");
        }
        let report = setup.try_run(&desired, Mode::Destroy).await.expect("a plan");
        assert!(report.is_complete(), "{:#?}", report.diagnostics());
        let left: &[&str] = if beside_others { &["fixed", "bucket"] } else { &[] };
        let mut found: Vec<String> = setup.state().stored_outputs().keys().cloned().collect();
        found.sort_by_key(|name| name == "bucket");
        assert_eq!(found, left);
    }
}

#[tokio::test]
async fn a_document_of_inputs_has_one_object_and_leaves_outputs_of_others() {
    let setup = Setup::new();
    let wish = Wish { replica: None, ..Wish::default() };
    setup.apply(&wish).await;
    put(&setup, &[("theirs", json!({"value": "x", "type": "string"}))]);
    setup.expect_no_op(&wish).await;
    let stored = setup.state().stored_outputs()["kms"].clone();
    assert_eq!(stored.value["kms_key_arn"], key_arn(&setup));
    assert_eq!(stored.kind[1]["kms_replica_key_arn"], "dynamic", "a null of no type, as `one([])` gives it");
    let desired = wish.desired();
    let outputs = setup.engine().module_outputs(std::slice::from_ref(&desired)).expect("outputs");
    let arn = outputs[&desired.module].iter().find(|it| it.name == "kms_key_arn").expect("an ARN");
    assert_eq!(arn.resolved.value, key_arn(&setup));
    setup.destroy(&wish).await;
    assert!(setup.state().stored_outputs().keys().eq(["theirs"]));
}

#[test]
fn nothing_of_a_sensitive_output_is_shown_in_debug() {
    let stored = |value: &str| serde_json::from_value(json!({"value": value, "type": "string", "sensitive": true}));
    let change = OutputChange {
        name: "p".to_owned(),
        before: stored("hunter1").expect("an output"),
        after: stored("hunter2").expect("an output"),
        after_unknown: json!(false),
    };
    assert!(change.is_changed() && change.is_sensitive());
    assert!(!format!("{change:?}").contains("hunter"), "{change:?}");
}
