//! Real modules, from their inputs, against the AWS in memory.

use keywright_engine::{Mode, schema};
use keywright_module::{Desired, Sources, load};
use serde_json::{Value, json};

use crate::Setup;

pub(crate) fn desired(overrides: Value) -> Desired {
    let mut document = json!({
        "aws_account_id": "111122223333", "aws_region": "eu-west-1", "name_prefix": "acme", "environment": "prod",
    });
    for (name, value) in overrides.as_object().expect("an object") {
        document[name] = value.clone();
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("keywright.json"), document.to_string()).expect("written");
    let modules = load(&Sources { folder: folder.path().to_owned(), ..Sources::default() });
    modules.unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"))[0].desired()
}

pub(crate) fn role(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

/// Every switch on.
pub(crate) fn everything() -> Value {
    json!({
        "replication_region": "eu-central-1",
        "aliases": ["alias/a"],
        "kms_root_access": false,
        "enable_kms_admin_role": true,
        "key_administrators": [role("boss")],
        "key_users": [role("app")],
        "key_service_users": [role("app")],
        "service_usage_principals": [role("app")],
        "enable_key_monitoring": true,
        "enable_key_lifecycle_alarms": true,
        "cloudtrail_log_group_name": "trail",
        "sns_topic_arn": "arn:aws:sns:eu-west-1:111122223333:alarms",
        "replica_sns_topic_arn": "arn:aws:sns:eu-central-1:111122223333:alarms",
        "default_region_buckets": {"cloudtrail": {}},
        "replication_region_buckets": {"b": {"region": "eu-central-1"}},
        "enable_dynamodb": true,
        "enable_alb_firehose": true,
        "enable_alb_waf_logging": true,
        "enable_image_processor": true,
        "enable_cloudfront_firehose": true,
        "enable_cloudfront_waf": true,
        "enable_cloudfront_standard_logging_v2": true,
        "grants": {"g": {"grantee_principal": role("app"), "operations": ["Decrypt"], "region": "eu-central-1"}},
    })
}

pub(crate) fn setup() -> Setup {
    let setup = Setup::new();
    setup.aws.roles.lock().expect("a lock").extend([role("boss"), role("app")]);
    setup
}

async fn run(setup: &Setup, desired: &Desired, mode: Mode) {
    let report = setup.try_run(desired, mode).await.unwrap_or_else(|error| panic!("{:#?}", error.diagnostics()));
    assert!(report.is_complete(), "{:#?}", report.diagnostics());
}

async fn expect_no_op(setup: &Setup, desired: &Desired) {
    let planned = setup.plan(desired).await.unwrap_or_else(|error| panic!("{:#?}", error.diagnostics()));
    let active: Vec<_> = planned.plan().active().map(|it| (it.address.to_string(), &it.action, &it.changed)).collect();
    assert!(planned.is_no_op(), "{active:#?} {:#?} {:#?}", planned.plan().key_policies, planned.plan().drift);
}

#[test]
fn every_argument_of_a_module_is_one_that_its_kind_has() {
    for resource in desired(everything()).resources {
        let schema = schema(resource.address.kind);
        for name in resource.arguments.keys() {
            assert!(schema.attribute(name).is_some_and(|it| it.is_argument()), "{}.{name}", resource.address);
        }
        for reference in resource.arguments.values().flat_map(keywright_module::Value::references) {
            let referred = keywright_engine::schema(reference.address.kind).attribute(reference.attribute);
            assert!(referred.is_some(), "{}: {reference:?}", resource.address);
        }
    }
}

#[tokio::test]
async fn every_switch_on_is_applied_and_destroyed() {
    let setup = setup();
    let all = desired(everything());
    run(&setup, &all, Mode::Normal).await;
    assert_eq!(setup.state().instances().count(), all.resources.len());
    expect_no_op(&setup, &all).await;
    run(&setup, &all, Mode::Destroy).await;
    assert!(setup.state().is_empty());
}

#[tokio::test]
async fn each_switch_goes_off_and_on_again() {
    let setup = setup();
    let on = desired(everything());
    run(&setup, &on, Mode::Normal).await;
    for (name, value) in everything().as_object().expect("an object") {
        let off = match value {
            Value::Bool(on) => json!(!on),
            Value::Array(_) => json!([]),
            Value::Object(_) => json!({}),
            _ => Value::Null,
        };
        let mut inputs = everything();
        inputs[name] = off;
        if name == "replication_region" {
            for needs_it in ["replication_region_buckets", "grants", "replica_sns_topic_arn"] {
                inputs[needs_it] = if needs_it.ends_with("arn") { Value::Null } else { json!({}) };
            }
        }
        if name == "replication_region_buckets" {
            (inputs["grants"], inputs["replica_sns_topic_arn"]) = (json!({}), Value::Null);
        }
        if ["cloudtrail_log_group_name", "sns_topic_arn"].contains(&name.as_str()) {
            inputs["enable_key_lifecycle_alarms"] = json!(false);
            inputs["enable_key_monitoring"] = json!(false);
        }
        for desired in [desired(inputs), on.clone()] {
            run(&setup, &desired, Mode::Normal).await;
            expect_no_op(&setup, &desired).await;
        }
    }
}
