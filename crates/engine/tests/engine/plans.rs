//! Diffs, drift, replacement, saved plans, trouble.

use keywright_engine::{Action, Cancel, EngineError, Event, Happening, Mode, SavedPlan};
use keywright_model::{Index, ResourceKind};
use serde_json::json;

use crate::fake::Trouble;
use crate::wish::{Wish, address, key, key_policy};
use crate::{Setup, action_of};

fn alarm() -> keywright_model::Address {
    address(ResourceKind::MetricAlarm, "kms_decrypt_alarm", Some(Index::Count(0)))
}

#[tokio::test]
async fn a_first_plan_creates_all_and_says_what_is_not_known() {
    let setup = Setup::new();
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    let shown = planned.plan().to_terraform_json();
    assert_eq!(planned.plan().counts().add, planned.plan().changes.len());
    let changes = shown["resource_changes"].as_array().expect("changes");
    let one = changes.iter().find(|it| it["address"] == json!(key_policy())).expect("the key policy");
    assert_eq!(one["change"]["actions"], json!(["create"]));
    assert_eq!(one["change"]["after_unknown"], json!({"id": true, "key_id": true}));
    assert_eq!(one["module_address"], json!("module.kms"));
    let alarm = changes.iter().find(|it| it["address"] == json!(alarm())).expect("the alarm");
    assert_eq!(
        alarm["change"]["after"].get("dimensions"),
        None,
        "a map of which a part is not known is left out whole"
    );
    assert_eq!(alarm["change"]["after_unknown"]["dimensions"], json!(true));
    assert_eq!(alarm["change"]["after_unknown"]["tags"], json!({}), "a map that is known is an empty shape");
    assert_eq!(shown["keywright"]["key_policies"][0]["key"], json!(key()));
    assert_eq!(shown["output_changes"]["kms"]["after_unknown"]["kms_key_arn"], json!(true));
    assert!(!setup.path().exists(), "a plan writes no state");
}

#[tokio::test]
async fn one_changed_argument_is_one_update() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let wish = Wish { threshold: 7, ..Wish::default() };
    let planned = setup.plan(&wish.desired()).await.expect("a plan");
    let active: Vec<_> = planned.plan().active().map(|it| (it.address.clone(), it.changed.clone())).collect();
    assert_eq!(active, [(alarm(), vec!["threshold".to_owned()])]);
    drop(planned);
    setup.apply(&wish).await;
    setup.expect_no_op(&wish).await;
}

#[tokio::test]
async fn tags_change_on_all_that_carries_them_and_policies_stay() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.clear();
    let wish = Wish { tag: "two", ..Wish::default() };
    setup.apply(&wish).await;
    assert!(setup.aws.log().iter().all(|line| line.starts_with("update")), "{:#?}", setup.aws.log());
    setup.expect_no_op(&wish).await;
}

#[tokio::test]
async fn an_alias_that_is_no_longer_wanted_goes_and_a_new_one_comes() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let wish = Wish { aliases: vec!["alias/other"], ..Wish::default() };
    let report = setup.apply(&wish).await;
    assert_eq!(report.applied.len(), 2);
    setup.expect_no_op(&wish).await;
}

#[tokio::test]
async fn what_was_removed_outside_is_made_again() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.records.lock().expect("a lock").remove("decrypts@eu-west-1");
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    assert_eq!(action_of(&planned, &alarm()), Action::Create);
    assert_eq!(planned.plan().drift.len(), 1);
    assert_eq!(planned.plan().drift[0].after, None);
    drop(planned);
    setup.apply(&Wish::default()).await;
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn what_was_changed_outside_is_drift_and_is_changed_back() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.change("decrypts@eu-west-1", "threshold", json!(9000.0));
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    assert_eq!(planned.plan().drift[0].changed, ["threshold"]);
    assert_eq!(action_of(&planned, &alarm()), Action::Update);
    drop(planned);
    setup.apply(&Wish::default()).await;
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn a_policy_written_otherwise_is_no_difference() {
    let setup = Setup::new();
    let wish = Wish { root_access: true, ..Wish::default() };
    setup.apply(&wish).await;
    let arn = setup.aws.of_kind(ResourceKind::KmsKey)[0].attributes["arn"].as_str().expect("an ARN").to_owned();
    let text = setup.aws.of_kind(ResourceKind::KmsKey)[0].attributes["policy"].as_str().expect("a policy").to_owned();
    let mut policy: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    policy["Statement"].as_array_mut().expect("statements").reverse();
    policy["Statement"][0]["Resource"] = json!(["*"]);
    setup.aws.change(&arn, "policy", json!(policy.to_string()));
    setup.expect_no_op(&wish).await;
}

#[tokio::test]
async fn a_policy_of_the_same_name_goes_before_its_successor_is_made() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let policy = setup.aws.of_kind(ResourceKind::IamPolicy).remove(0);
    let arn = policy.attributes["arn"].as_str().expect("an ARN").to_owned();
    setup.aws.change(&arn, "path", json!("/old/"));
    setup.aws.clear();
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    let replaced = planned.plan().active().find(|it| it.address.kind == ResourceKind::IamPolicy).expect("a change");
    assert_eq!(replaced.action, Action::Replace { create_first: false, because: vec!["path".to_owned()] });
    drop(planned);
    let report = setup.apply(&Wish::default()).await;
    assert!(report.is_complete(), "{:?}", report.diagnostics());
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn a_saved_plan_is_applied_from_its_text() {
    let setup = Setup::new();
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    let text = planned.to_saved().to_text().expect("a text");
    drop(planned);
    let engine = setup.engine();
    let resumed = engine.resume(SavedPlan::from_text(&text).expect("a plan")).await.expect("as it was");
    let report = engine.apply(resumed, &Cancel::new(), &|_: &Event| {}).await.expect("a report");
    assert!(report.is_complete(), "{:#?}", report.diagnostics());
    setup.expect_no_op(&Wish::default()).await;
    let error = engine.resume(SavedPlan::from_text(&text).expect("a plan")).await.expect_err("it is stale");
    assert!(matches!(error, EngineError::Moved { .. }), "{error}");
}

#[tokio::test]
async fn a_saved_plan_is_refused_when_aws_has_moved() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let saved = setup.plan(&Wish { threshold: 7, ..Wish::default() }.desired()).await.expect("a plan").to_saved();
    setup.aws.change("decrypts@eu-west-1", "threshold", json!(55));
    setup.aws.clear();
    let error = setup.engine().resume(saved).await.expect_err("it is stale");
    assert!(error.to_string().contains(&alarm().to_string()), "{error}");
    assert_eq!(setup.aws.log(), Vec::<String>::new());
}

#[test]
fn what_is_no_saved_plan_is_refused() {
    for (text, reason) in
        [("{", "EOF"), ("{}", "not a plan"), (r#"{"format":"keywright-plan-1","keywright_version":"9.9.9"}"#, "9.9.9")]
    {
        let error = SavedPlan::from_text(text).expect_err("no plan").to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn one_failure_leaves_the_rest_done_and_the_keys_delegated() {
    let setup = Setup::new();
    let at = 3;
    *setup.aws.trouble.lock().expect("a lock") = Some((at, Trouble::Error));
    let report = setup.try_run(&Wish::default().desired(), Mode::Normal).await.expect("a plan");
    assert_eq!(report.failed.len(), 1);
    assert!(!report.left.is_empty(), "what waits for it is left");
    assert!(report.diagnostics().has_errors());
    assert!(setup.aws.log().iter().all(|line| !line.starts_with("put policy")), "{:#?}", setup.aws.log());
    setup.apply(&Wish::default()).await;
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn a_cancelled_run_finishes_what_is_in_flight_and_says_what_is_left() {
    let setup = Setup::new();
    let (engine, cancel) = (setup.engine(), Cancel::new());
    let planned = engine.plan(&[Wish::default().desired()], Mode::Normal).await.expect("a plan");
    let on_event = |event: &Event| {
        if matches!(event.happening, Happening::Finished { .. }) && event.address == key().to_string() {
            cancel.cancel();
        }
    };
    let report = engine.apply(planned, &cancel, &on_event).await.expect("a report");
    assert!(report.cancelled && !report.left.is_empty() && report.failed.is_empty());
    assert!(setup.state().instance(&key()).is_some());
    setup.apply(&Wish::default()).await;
    setup.expect_no_op(&Wish::default()).await;
    assert_eq!(setup.aws.of_kind(ResourceKind::KmsKey).len(), 1);
}

#[tokio::test]
async fn an_instance_under_another_key_is_moved_not_made_anew() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let text = std::fs::read_to_string(setup.path()).expect("a state");
    let mut state: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for resource in state["resources"].as_array_mut().expect("resources") {
        if resource["name"] == "kms_admin_role" {
            resource["instances"][0]["index_key"] = json!("kms-admin");
        }
    }
    std::fs::write(setup.path(), state.to_string()).expect("written");
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    assert_eq!(planned.plan().active().count(), 0);
    assert_eq!(planned.plan().moves.len(), 1);
    drop(planned);
    setup.aws.clear();
    setup.apply(&Wish::default()).await;
    assert_eq!(setup.aws.log(), Vec::<String>::new());
    assert!(setup.state().instance(&crate::wish::admin_role()).is_some());
}

#[tokio::test]
async fn a_grant_that_changes_is_replaced() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let mut desired = Wish::default().desired();
    let grant =
        desired.resources.iter_mut().find(|it| it.address.name == "s3_replication_source_grant").expect("a grant");
    grant.arguments.insert("operations", keywright_module::Value::List(vec!["Decrypt".into()]));
    let at = grant.address.clone();
    let planned = setup.plan(&desired).await.expect("a plan");
    assert_eq!(action_of(&planned, &at), Action::Replace { create_first: true, because: vec!["operations".into()] });
    drop(planned);
    let report = setup.try_run(&desired, Mode::Normal).await.expect("a plan");
    assert!(report.is_complete());
    assert_eq!(setup.aws.of_kind(ResourceKind::KmsGrant).len(), 2);
    assert!(setup.plan(&desired).await.expect("a plan").plan().is_no_op());
}
