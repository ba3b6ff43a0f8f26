//! What was changed outside is found by its meaning, and nothing is written.

use keywright_engine::{Change, Departure, EngineError, KeyGrant, Outlook};
use keywright_model::{Address, Arn, Index, ResourceKind};
use serde_json::{Value, json};

use crate::Setup;
use crate::fake::Record;
use crate::wish::{Wish, admin_role, key, key_policy, replica};

async fn applied() -> Setup {
    let setup = Setup::new();
    setup.apply(&Wish { root_access: true, ..Wish::default() }).await;
    setup
}

fn wish() -> Wish {
    Wish { root_access: true, ..Wish::default() }
}

async fn departures(setup: &Setup) -> Vec<Departure> {
    let before = std::fs::read(setup.path()).expect("a state");
    setup.aws.clear();
    let report = setup.engine().drift(&[wish().desired()]).await.expect("a report");
    assert_eq!(setup.aws.log(), Vec::<String>::new(), "nothing is written to AWS");
    assert_eq!(std::fs::read(setup.path()).expect("a state"), before, "nor to the state");
    report.departures
}

async fn told(setup: &Setup) -> Vec<(Address, &'static str, Outlook)> {
    departures(setup).await.into_iter().map(|it| (it.address, it.what.code(), it.outlook)).collect()
}

fn id_of(setup: &Setup, kind: ResourceKind) -> String {
    let records = setup.aws.records.lock().expect("a lock");
    let found = records.iter().find(|(_, record)| record.kind == kind);
    found.map(|(id, _)| id.clone()).expect("a record")
}

fn change(setup: &Setup, kind: ResourceKind, attribute: &str, value: Value) {
    setup.aws.change(&id_of(setup, kind), attribute, value);
}

fn record(setup: &Setup, kind: ResourceKind) -> Record {
    setup.aws.of_kind(kind).remove(0)
}

#[tokio::test]
async fn nothing_changed_is_no_drift() {
    assert_eq!(told(&applied().await).await, []);
}

#[tokio::test]
async fn a_state_that_holds_nothing_is_an_error() {
    let refused = Setup::new().engine().drift(&[wish().desired()]).await.expect_err("nothing applied");
    assert_eq!(refused.diagnostics().iter().map(|it| it.code).collect::<Vec<_>>(), ["nothing-applied"]);
}

#[tokio::test]
async fn another_text_of_the_same_policy_is_no_drift() {
    let setup = applied().await;
    let policy = record(&setup, ResourceKind::KmsKey).attributes["policy"].clone();
    let mut document: Value = serde_json::from_str(policy.as_str().expect("a text")).expect("JSON");
    document["Statement"].as_array_mut().expect("statements").reverse();
    document["Statement"][0]["Sid"] = json!("RenamedOutside");
    change(&setup, ResourceKind::KmsKey, "policy", json!(format!("{document:#}")));
    assert_eq!(told(&setup).await, []);
}

#[tokio::test]
async fn who_was_let_in_outside_is_told_once_and_put_back() {
    let setup = applied().await;
    let policy = record(&setup, ResourceKind::KmsKey).attributes["policy"].clone();
    let mut document: Value = serde_json::from_str(policy.as_str().expect("a text")).expect("JSON");
    let eve = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/eve"}, "Action": "kms:Decrypt", "Resource": "*"});
    document["Statement"].as_array_mut().expect("statements").push(eve);
    change(&setup, ResourceKind::KmsKey, "policy", json!(document.to_string()));
    assert_eq!(told(&setup).await, [(key_policy(), "key-policy", Outlook::PutBack)]);
    let all = departures(&setup).await;
    let Change::Access { gained, lost, .. } = &all[0].what else { panic!("{all:?}") };
    assert_eq!((gained[0].principal.as_str(), lost.len()), ("arn:aws:iam::111122223333:role/eve", 0));
}

#[tokio::test]
async fn switches_of_a_key_are_told_by_what_they_do() {
    for (attribute, value, expect) in [
        ("is_enabled", json!(false), "disabled"),
        ("enable_key_rotation", json!(false), "rotation-stopped"),
        ("rotation_period_in_days", json!(90), "rotation-period"),
        ("description", json!("other"), "attribute"),
    ] {
        let setup = applied().await;
        change(&setup, ResourceKind::KmsKey, attribute, value);
        let all = told(&setup).await;
        assert_eq!(all.iter().map(|(address, code, _)| (address, *code)).collect::<Vec<_>>(), [(&key(), expect)]);
    }
}

#[tokio::test]
async fn a_scheduled_deletion_is_told_and_a_primary_needs_to_be_rescued() {
    for (kind, address, outlook) in [
        (ResourceKind::KmsKey, key(), Outlook::NeedsRescue),
        (ResourceKind::KmsReplicaKey, replica(), Outlook::PutBack),
    ] {
        let setup = applied().await;
        let id = id_of(&setup, kind);
        setup.aws.records.lock().expect("a lock").get_mut(&id).expect("a key").pending = true;
        assert_eq!(told(&setup).await, [(address, "deletion-scheduled", outlook)]);
    }
}

#[tokio::test]
async fn what_is_gone_is_told_and_made_again() {
    let alarm = Address {
        index: Some(Index::Count(0)),
        kind: ResourceKind::MetricAlarm,
        name: "kms_decrypt_alarm".into(),
        ..key()
    };
    let setup = applied().await;
    setup.aws.records.lock().expect("a lock").remove("decrypts@eu-west-1");
    assert_eq!(told(&setup).await, [(alarm, "gone", Outlook::PutBack)]);
}

#[tokio::test]
async fn a_role_that_was_made_again_is_another() {
    let setup = applied().await;
    change(&setup, ResourceKind::IamRole, "unique_id", json!("AROAOTHER"));
    assert_eq!(told(&setup).await, [(admin_role(), "role-made-again", Outlook::Left)]);
}

fn grant(grantee: &str, id: &str) -> KeyGrant {
    KeyGrant {
        grant_id: id.to_owned(),
        grantee: grantee.to_owned(),
        operations: vec!["Decrypt".to_owned()],
        issuing_account: Some("111122223333".to_owned()),
        ..KeyGrant::default()
    }
}

#[tokio::test]
async fn a_grant_made_by_others_is_drift_and_a_services_own_is_not() {
    let setup = applied().await;
    let arn = Arn::parse(&id_of(&setup, ResourceKind::KmsKey)).expect("an ARN");
    let of_service = grant("dynamodb.eu-west-1.amazonaws.com", "g-service");
    setup.aws.foreign_grants.lock().expect("a lock").push((arn.clone(), of_service));
    let report = setup.engine().drift(&[wish().desired()]).await.expect("a report");
    assert!(!report.is_drift());
    assert_eq!(report.service_grants.len(), 1);
    let eve = grant("arn:aws:iam::111122223333:user/eve", "g-eve");
    setup.aws.foreign_grants.lock().expect("a lock").push((arn, eve));
    assert_eq!(told(&setup).await, [(key(), "foreign-grant", Outlook::Left)]);
    let planned = setup.plan(&wish().desired()).await.expect("a plan");
    let findings: Vec<_> = planned.plan().findings.iter().map(|it| (it.code, it.summary.clone())).collect();
    let expect = "a grant made by others lets `arn:aws:iam::111122223333:user/eve` use `module.kms.aws_kms_key.general_encryption_key`: Decrypt";
    assert_eq!(findings, [("foreign-grant", expect.to_owned())]);
    assert!(planned.plan().is_no_op(), "a warning, and nothing to do");
}

#[tokio::test]
async fn inputs_that_were_not_applied_are_no_drift_and_are_told() {
    let setup = applied().await;
    let wanted = Wish { threshold: 7, ..wish() };
    let report = setup.engine().drift(&[wanted.desired()]).await.expect("a report");
    assert!(!report.is_drift());
    assert_eq!(report.unapplied.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["kms_decrypt_alarm"]);
    change(&setup, ResourceKind::MetricAlarm, "threshold", json!(7));
    let report = setup.engine().drift(&[wanted.desired()]).await.expect("a report");
    assert_eq!(report.departures[0].outlook, Outlook::AsWanted, "changed outside, to what is wanted by now");
    assert_eq!(report.unapplied, []);
}

#[tokio::test]
async fn a_state_that_another_run_holds_is_not_read() {
    let setup = applied().await;
    let held = setup.plan(&wish().desired()).await.expect("a plan");
    let refused = setup.engine().drift(&[wish().desired()]).await.expect_err("held");
    assert!(matches!(refused, EngineError::State(_)), "{refused:?}");
    drop(held);
    assert_eq!(told(&setup).await, []);
}
