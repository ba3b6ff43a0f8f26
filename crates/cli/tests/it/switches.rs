//! Each input of the module, applied, looked at in AWS, planned again without changes, and destroyed.

use std::sync::Mutex;

use serde_json::Value;

use crate::folder::{ACCOUNT, Folder};
use crate::sdk::{REGION, REPLICA_REGION};

#[test]
fn each_switch_makes_what_it_promises_and_is_taken_back() {
    let cases: Value = serde_json::from_str(include_str!("../../../../conformance/switches.json")).expect("cases");
    let cases = cases["cases"].as_array().expect("a list");
    let queue = Mutex::new(cases.iter());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = next(&queue) {
                    check(case);
                }
            });
        }
    });
}

fn next<'a>(queue: &Mutex<std::slice::Iter<'a, Value>>) -> Option<&'a Value> {
    queue.lock().expect("a queue").next()
}

fn check(case: &Value) {
    let name = case["name"].as_str().expect("a name");
    let folder = Folder::with_inputs(case["inputs"].as_str().expect("inputs"));
    folder.apply();
    let facts = folder.cloud(async |sdk| sdk.facts().await);
    let outputs = folder.outputs();
    expect(name, &case["facts"], &facts);
    expect(name, &case["outputs"], &outputs);
    let again = folder.local("plan", &["--detailed-exitcode"]);
    assert_eq!(again.code, 0, "{name}: a second plan changes something:\n{}{}", again.stdout, again.stderr);
    folder.destroy();
    let left = folder.cloud(async |sdk| sdk.facts().await);
    only_pending_keys_are_left(name, &left);
}

/// Each pointer of the case leads to its value; null means that there is nothing.
fn expect(name: &str, expected: &Value, found: &Value) {
    for (pointer, value) in expected.as_object().into_iter().flatten() {
        let found_there = found.pointer(pointer).unwrap_or(&Value::Null);
        if value == "SOME" {
            assert!(!found_there.is_null(), "{name}: nothing at {pointer} in {found:#}");
        } else {
            assert_eq!(found_there, value, "{name}: {pointer} in {found:#}");
        }
    }
}

/// Keys on their way out, and what was there before: the roles that the inputs name, and the service's own.
fn only_pending_keys_are_left(name: &str, facts: &Value) {
    for region in [REGION, REPLICA_REGION] {
        let here = &facts[region];
        for key in here["keys"].as_array().expect("keys") {
            let state = key["state"].as_str().expect("a state");
            assert!(state.starts_with("Pending"), "{name}: a key is {state} in {region}");
            assert!(key["tags"].get("keywright:creation-token").is_none(), "{name}: a creation's tag is left");
        }
        for kind in ["aliases", "alarms", "filters"] {
            let left = &here[kind];
            let is_empty =
                left.as_array().is_some_and(Vec::is_empty) || left.as_object().is_some_and(|it| it.is_empty());
            assert!(is_empty, "{name}: {kind} are left in {region}: {left}");
        }
    }
    let ours = |role: &&String| role.starts_with("acme-");
    let roles: Vec<&String> = facts["roles"].as_object().expect("roles").keys().filter(ours).collect();
    assert!(roles.is_empty(), "{name}: roles are left: {roles:?}");
    assert_eq!(facts["policies"], serde_json::json!([]), "{name}: policies are left");
}

#[test]
fn with_root_removed_root_and_operator_are_denied_and_the_admin_role_is_not() {
    let inputs = "kms_root_access = false\nenable_kms_admin_role = true\nreplication_region = \"us-east-1\"\n\
                  replication_region_buckets = { copy = { region = \"us-east-1\" } }";
    let folder = Folder::with_inputs(inputs);
    folder.apply();
    let outputs = folder.outputs();
    let text = |name: &str| outputs[name]["value"].as_str().expect(name).to_owned();
    let (key, role) = (text("kms_key_id"), text("kms_management_role_arn"));
    folder.cloud(async |operator| {
        let root = operator.root(ACCOUNT);
        let admin = operator.assume(&role).await;
        for region in [REGION, REPLICA_REGION] {
            for stranger in [&root, &operator] {
                let kms = stranger.kms(region);
                let denied = |code: Option<&str>| assert_eq!(code, Some("AccessDeniedException"), "in {region}");
                denied(kms.describe_key().key_id(&key).send().await.err().as_ref().and_then(code));
                denied(kms.put_key_policy().key_id(&key).policy("{}").send().await.err().as_ref().and_then(code));
                denied(kms.schedule_key_deletion().key_id(&key).send().await.err().as_ref().and_then(code));
                denied(
                    kms.create_grant()
                        .key_id(&key)
                        .grantee_principal(&role)
                        .operations("Decrypt".into())
                        .send()
                        .await
                        .err()
                        .as_ref()
                        .and_then(code),
                );
            }
            let kms = admin.kms(region);
            let policy = kms.get_key_policy().key_id(&key).send().await.expect("the policy").policy.expect("a text");
            kms.put_key_policy().key_id(&key).policy(&policy).send().await.expect("the admin role may put the policy");
            let plaintext = aws_smithy_types::Blob::new("x");
            let refused = kms.encrypt().key_id(&key).plaintext(plaintext).send().await.err();
            assert_eq!(refused.as_ref().and_then(code), Some("AccessDeniedException"), "the admin role cannot encrypt");
        }
    });
    folder.destroy();
}

fn code<E: aws_smithy_types::error::metadata::ProvideErrorMetadata>(error: &E) -> Option<&str> {
    error.code()
}

#[test]
fn each_example_applies_without_a_flag_and_a_second_plan_changes_nothing() {
    for example in ["complete", "dev", "stage", "prod"] {
        let folder = Folder::new("");
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example);
        for entry in std::fs::read_dir(source).expect("an example") {
            let file = entry.expect("an entry").path();
            if file.is_file() {
                std::fs::copy(&file, folder.path().join(file.file_name().expect("a name"))).expect("a copy");
            }
        }
        folder.apply();
        let again = folder.local("plan", &["--detailed-exitcode"]);
        assert_eq!(again.code, 0, "{example}: {}{}", again.stdout, again.stderr);
        folder.destroy();
    }
}
