//! Who acts on keys, in which order, and what is refused.

use keywright_engine::{Action, Actor, Mode};
use keywright_model::{Arn, ResourceKind};
use serde_json::json;

use crate::fake::{CALLER, default_policy};
use crate::wish::{SERVICE_LINKED, Wish, admin_role, key, key_policy, replica, role_arn};
use crate::{Setup, action_of, refusal};

fn policies(setup: &Setup) -> Vec<String> {
    let keys = [ResourceKind::KmsKey, ResourceKind::KmsReplicaKey].into_iter().flat_map(|kind| setup.aws.of_kind(kind));
    keys.map(|key| key.attributes["policy"].as_str().expect("a policy").to_owned()).collect()
}

fn position(log: &[String], what: &str) -> usize {
    log.iter().position(|line| line.starts_with(what)).unwrap_or_else(|| panic!("{what} in {log:#?}"))
}

#[tokio::test]
async fn the_final_policies_are_put_last_by_the_admin_role() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let log = setup.aws.log();
    let mut last: Vec<_> = log.iter().rev().take(2).cloned().collect();
    last.sort();
    assert_eq!(last, ["put policy eu-central-1 by role/admin", "put policy eu-west-1 by role/admin"]);
    for policy in policies(&setup) {
        assert!(!policy.contains(":root"), "root is gone: {policy}");
    }
    let [role, key, copy] =
        ["create aws_iam_role", "create aws_kms_key", "create aws_kms_replica_key"].map(|it| position(&log, it));
    assert!(role < key && key < copy, "{log:#?}");
    assert!(position(&log, "create role of autoscaling") < key);
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn a_run_that_changes_nothing_reads_each_resource_once_and_writes_nothing() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let before = std::fs::read(setup.path()).expect("a state");
    setup.aws.clear();
    let report = setup.apply(&Wish::default()).await;
    assert!(report.applied.is_empty());
    assert_eq!(setup.aws.log(), Vec::<String>::new());
    let resources = setup.state().instances().count();
    assert_eq!(setup.aws.reads.load(std::sync::atomic::Ordering::Relaxed), resources);
    assert_eq!(std::fs::read(setup.path()).expect("a state"), before);
    assert!(!setup.path().with_extension("tfstate.journal").exists());
}

#[tokio::test]
async fn a_caller_whom_the_final_policy_names_puts_it() {
    let setup = Setup::new();
    let wish = Wish { administrators: vec![CALLER], ..Wish::default() };
    setup.apply(&wish).await;
    assert!(setup.aws.log().contains(&"put policy eu-west-1 by caller".to_owned()));
    setup.expect_no_op(&wish).await;
}

#[tokio::test]
async fn an_administrator_role_acts_where_there_is_no_admin_role() {
    let setup = Setup::new();
    let ops = "arn:aws:iam::111122223333:role/ops";
    setup.aws.roles.lock().expect("a lock").push(ops.to_owned());
    let wish = Wish { admin_role: None, administrators: vec![ops], ..Wish::default() };
    setup.apply(&wish).await;
    assert!(setup.aws.log().contains(&"put policy eu-west-1 by role/ops".to_owned()));
    let planned = setup.plan(&wish.desired()).await.expect("a plan");
    let role = Actor::Role(Arn::parse(ops).expect("an ARN"));
    assert!(planned.plan().actors.iter().all(|it| it.actor == role));
}

#[tokio::test]
async fn a_plan_that_leaves_nobody_is_refused() {
    let nobody = Wish { admin_role: None, ..Wish::default() };
    assert_eq!(refusal(&Setup::new(), &nobody).await, ["lock-out", "lock-out"], "primary and replica");
    let denied = Wish { deny: true, replica: None, ..Wish::default() };
    assert_eq!(refusal(&Setup::new(), &denied).await, ["lock-out"], "a deny covers all");
    let denied = Wish { deny: true, replica: None, root_access: true, ..Wish::default() };
    assert_eq!(refusal(&Setup::new(), &denied).await, ["lock-out"], "with root too");
    let untrusted = Wish { trust: "nobody", replica: None, ..Wish::default() };
    assert_eq!(refusal(&Setup::new(), &untrusted).await, ["lock-out"], "nobody can meet the trust policy");
}

#[tokio::test]
async fn dropping_the_role_while_root_is_off_is_refused_and_changes_nothing() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.clear();
    let codes = refusal(&setup, &Wish { admin_role: None, ..Wish::default() }).await;
    assert!(codes.contains(&"lock-out"), "{codes:?}");
    assert_eq!(setup.aws.log(), Vec::<String>::new());
}

#[tokio::test]
async fn the_root_user_is_told_that_it_cannot_assume_a_role() {
    let setup = Setup::new();
    *setup.aws.caller.lock().expect("a lock") = Arn::parse("arn:aws:iam::111122223333:root").expect("an ARN");
    let wish = Wish { replica: None, ..Wish::default() };
    assert_eq!(refusal(&setup, &wish).await, ["root-cannot-assume"]);
    assert!(setup.plan(&Wish { root_access: true, ..wish }.desired()).await.is_ok());
}

#[tokio::test]
async fn a_run_does_not_remove_the_role_that_it_is_a_session_of() {
    let setup = Setup::new();
    let with_root = Wish { root_access: true, ..Wish::default() };
    setup.apply(&with_root).await;
    let session = "arn:aws:sts::111122223333:assumed-role/admin/me";
    *setup.aws.caller.lock().expect("a lock") = Arn::parse(session).expect("an ARN");
    setup.aws.clear();
    for admin_role in [None, Some("chief")] {
        assert_eq!(refusal(&setup, &Wish { admin_role, ..with_root.clone() }).await, ["own-role"]);
    }
    let destroyed = setup.engine().plan(&[with_root.desired()], Mode::Destroy).await.expect_err("it is refused");
    assert_eq!(destroyed.diagnostics().iter().map(|it| it.code).collect::<Vec<_>>(), ["own-role"]);
    assert_eq!(setup.aws.log(), Vec::<String>::new());
    assert!(setup.plan(&Wish { threshold: 7, ..with_root }.desired()).await.is_ok());
}

#[tokio::test]
async fn another_accounts_credentials_are_refused() {
    let setup = Setup::new();
    *setup.aws.caller.lock().expect("a lock") = Arn::parse("arn:aws:iam::999999999999:user/x").expect("an ARN");
    assert_eq!(refusal(&setup, &Wish::default()).await, ["wrong-account"]);
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_told_before_anything_changes() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.clear();
    setup.aws.unassumable.lock().expect("a lock").push(role_arn("admin"));
    assert_eq!(refusal(&setup, &Wish { threshold: 7, ..Wish::default() }).await, ["no-actor"]);
    assert_eq!(setup.aws.log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_trust_policy_that_the_caller_could_not_meet_is_refused_before_anything_is_made() {
    let (other, with_mfa) = ("arn:aws:iam::111122223333:role/other", "with MFA");
    for before in [None, Some(Wish::default())] {
        let mut setup = Setup::new();
        if let Some(before) = &before {
            setup.apply(before).await;
        }
        setup.aws.clear();
        for trust in [other, with_mfa] {
            assert_eq!(refusal(&setup, &Wish { trust, ..Wish::default() }).await, ["no-actor"], "{trust} {before:?}");
        }
        assert_eq!(setup.aws.log(), Vec::<String>::new());
        setup.options.with_mfa = true;
        assert_eq!(refusal(&setup, &Wish { trust: other, ..Wish::default() }).await, ["no-actor"]);
        setup.apply(&Wish { trust: with_mfa, ..Wish::default() }).await;
    }
}

#[tokio::test]
async fn a_trust_policy_of_others_is_fine_while_the_account_keeps_the_keys() {
    let setup = Setup::new();
    let wish = Wish { root_access: true, trust: "arn:aws:iam::111122223333:role/other", ..Wish::default() };
    setup.apply(&wish).await;
    setup.expect_no_op(&wish).await;
}

#[tokio::test]
async fn a_saved_plan_asks_for_the_mfa_that_it_was_made_with() {
    let mut setup = Setup::new();
    setup.options.with_mfa = true;
    let saved = setup.plan(&Wish { trust: "with MFA", ..Wish::default() }.desired()).await.expect("a plan").to_saved();
    setup.options.with_mfa = false;
    let error = setup.engine().resume(saved).await.expect_err("it is refused");
    assert_eq!(error.diagnostics().iter().map(|it| it.code).collect::<Vec<_>>(), ["no-actor"]);
}

#[tokio::test]
async fn a_role_that_was_made_again_is_told_as_another_principal() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.change("admin", "unique_id", json!("AROAOTHER"));
    for key in setup.aws.records.lock().expect("a lock").values_mut().filter(|it| it.kind == ResourceKind::KmsKey) {
        let policy = key.attributes["policy"].as_str().expect("a policy").replace(&role_arn("admin"), "AROAADMIN");
        key.attributes.insert("policy".to_owned(), json!(policy));
    }
    assert_eq!(refusal(&setup, &Wish::default()).await, ["role-made-again"]);
}

#[tokio::test]
async fn keys_stay_delegated_when_the_new_role_cannot_be_assumed() {
    let setup = Setup::new();
    setup.aws.unassumable.lock().expect("a lock").push(role_arn("admin"));
    let report = setup.try_run(&Wish::default().desired(), Mode::Normal).await.expect("a plan");
    let codes: Vec<_> = report.failed.iter().map(|it| it.diagnostic.code).collect();
    assert_eq!(codes, ["no-actor", "no-actor"]);
    assert!(policies(&setup).iter().all(|policy| policy.contains(":root")));
    setup.aws.unassumable.lock().expect("a lock").clear();
    setup.apply(&Wish::default()).await;
    assert!(policies(&setup).iter().all(|policy| !policy.contains(":root")));
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn root_is_removed_and_given_back_in_later_runs() {
    let setup = Setup::new();
    let with_root = Wish { root_access: true, ..Wish::default() };
    setup.apply(&with_root).await;
    setup.expect_no_op(&with_root).await;
    setup.apply(&Wish::default()).await;
    setup.expect_no_op(&Wish::default()).await;
    assert!(policies(&setup).iter().all(|policy| !policy.contains(":root")));
    setup.apply(&Wish { admin_role: None, ..with_root.clone() }).await;
    setup.expect_no_op(&Wish { admin_role: None, ..with_root }).await;
    assert!(policies(&setup).iter().all(|policy| policy.contains(":root")));
    let log = setup.aws.log();
    let (put, gone) = (log.iter().rposition(|it| it.starts_with("put policy")), position(&log, "delete aws_iam_role"));
    assert!(put < Some(gone), "the role goes after the policies that named it: {log:#?}");
}

#[tokio::test]
async fn a_renamed_role_is_named_beside_the_old_one_before_that_goes() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.clear();
    let renamed = Wish { admin_role: Some("chief"), ..Wish::default() };
    let planned = setup.plan(&renamed.desired()).await.expect("a plan");
    assert!(matches!(action_of(&planned, &admin_role()), Action::Replace { create_first: true, .. }));
    assert!(planned.plan().key_policies.iter().all(|it| {
        it.bridge
            .as_ref()
            .is_some_and(|bridge| bridge.policy.contains("role/admin") && bridge.policy.contains("role/chief"))
    }));
    drop(planned);
    setup.apply(&renamed).await;
    let log = setup.aws.log();
    let puts: Vec<_> = log.iter().filter(|line| line.starts_with("put policy eu-west-1")).collect();
    assert_eq!(puts, ["put policy eu-west-1 by role/admin", "put policy eu-west-1 by role/chief"]);
    assert!(position(&log, "delete aws_iam_role") > position(&log, "put policy eu-west-1 by role/chief"));
    setup.expect_no_op(&renamed).await;
}

#[tokio::test]
async fn a_missing_service_linked_role_is_made_or_asked_for() {
    let setup = Setup::new();
    let wish = Wish { create_service_linked_role: false, ..Wish::default() };
    assert_eq!(refusal(&setup, &wish).await, ["missing-service-linked-role"]);
    setup.aws.roles.lock().expect("a lock").push(SERVICE_LINKED.to_owned());
    setup.apply(&wish).await;
    assert!(!setup.aws.log().iter().any(|line| line.contains("create role of")));
}

#[tokio::test]
async fn destroy_gives_delegation_back_first_and_leaves_only_keys_on_their_way_out() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.clear();
    setup.destroy(&Wish::default()).await;
    let log = setup.aws.log();
    let last_put = log.iter().rposition(|it| it.starts_with("put policy")).expect("a policy");
    let first_key = log.iter().position(|it| it.starts_with("delete aws_kms_replica_key")).expect("a deletion");
    assert!(last_put < first_key && first_key < position(&log, "delete aws_kms_key"), "{log:#?}");
    assert!(log.iter().all(|line| !line.starts_with("put") || line.ends_with("by role/admin")));
    assert!(setup.state().is_empty());
    assert!(setup.state().stored_outputs().is_empty());
    let left: Vec<_> = setup.aws.records.lock().expect("a lock").values().map(|it| (it.kind, it.pending)).collect();
    assert_eq!(left, [(ResourceKind::KmsReplicaKey, true), (ResourceKind::KmsKey, true)]);
    assert!(policies(&setup).iter().all(|policy| policy.contains(":root")));
}

#[tokio::test]
async fn a_replica_that_is_wanted_again_is_rescued() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let without = Wish { replica: None, ..Wish::default() };
    setup.apply(&without).await;
    assert!(setup.aws.of_kind(ResourceKind::KmsReplicaKey)[0].pending);
    setup.expect_no_op(&without).await;
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    assert_eq!(action_of(&planned, &replica()), Action::Rescue);
    drop(planned);
    setup.apply(&Wish::default()).await;
    assert!(!setup.aws.of_kind(ResourceKind::KmsReplicaKey)[0].pending);
    assert!(policies(&setup).iter().all(|policy| !policy.contains(":root")));
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn a_live_replica_of_somebody_else_is_adopted_and_loses_its_mark() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let aside = setup.aws.of_kind(ResourceKind::KmsReplicaKey);
    setup.apply(&Wish { replica: None, ..Wish::default() }).await;
    let arn = aside[0].attributes["arn"].as_str().expect("an ARN").to_owned();
    let token = Some(keywright_engine::CreationToken("another-run".to_owned()));
    let mut foreign = crate::fake::Record { token, ..aside[0].clone() };
    let default = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}"#;
    foreign.attributes.insert("policy".into(), default.into());
    for (is_pending, expected) in [(true, false), (false, true)] {
        let record = crate::fake::Record { pending: is_pending, ..foreign.clone() };
        setup.aws.records.lock().expect("a lock").insert(arn.clone(), record);
        let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
        let change = planned.plan().changes.iter().find(|it| it.address == replica()).expect("a change");
        assert_eq!((&change.action, change.is_adoption()), (&Action::Rescue, expected));
        let reason = change.reason.clone().unwrap_or_default();
        assert_eq!(reason.contains("made by somebody else"), expected, "{reason}");
    }
    let report = setup.apply(&Wish::default()).await;
    let doing = report.applied.iter().find(|it| it.address == replica().to_string()).map(|it| it.doing);
    assert_eq!(doing, Some(keywright_engine::Doing::Adopt));
    assert_eq!(setup.aws.of_kind(ResourceKind::KmsReplicaKey)[0].token, None);
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn a_replica_scheduled_for_deletion_outside_is_rescued_and_a_primary_only_when_asked() {
    let mut setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let schedule = |kind| {
        let arn = setup.aws.of_kind(kind)[0].attributes["arn"].as_str().expect("an ARN").to_owned();
        setup.aws.records.lock().expect("a lock").get_mut(&arn).expect("a key").pending = true;
    };
    schedule(ResourceKind::KmsReplicaKey);
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    assert_eq!(action_of(&planned, &replica()), Action::Rescue);
    drop(planned);
    schedule(ResourceKind::KmsKey);
    assert_eq!(refusal(&setup, &Wish::default()).await, ["key-pending-deletion"]);
    setup.options.rescue = true;
    setup.apply(&Wish::default()).await;
    assert!(setup.aws.of_kind(ResourceKind::KmsKey).iter().all(|key| !key.pending));
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn another_replication_region_gets_its_replica_before_the_old_one_goes() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.clear();
    let moved = Wish { replica: Some("eu-north-1"), ..Wish::default() };
    setup.apply(&moved).await;
    let log = setup.aws.log();
    assert!(position(&log, "create aws_kms_replica_key") < position(&log, "delete aws_kms_replica_key"), "{log:#?}");
    setup.expect_no_op(&moved).await;
    setup.apply(&Wish::default()).await;
    setup.expect_no_op(&Wish::default()).await;
    let standing: Vec<_> = setup
        .aws
        .of_kind(ResourceKind::KmsReplicaKey)
        .iter()
        .map(|it| (it.attributes["region"].clone(), it.pending))
        .collect();
    assert_eq!(standing, [(json!("eu-central-1"), false), (json!("eu-north-1"), true)]);
}

#[tokio::test]
async fn a_policy_that_was_changed_outside_is_put_back_by_who_may() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let arn = setup.aws.of_kind(ResourceKind::KmsKey)[0].attributes["arn"].as_str().expect("an ARN").to_owned();
    setup.aws.change(&arn, "policy", json!(default_policy()));
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    let drifted: Vec<_> = planned.plan().drift.iter().map(|it| it.address.clone()).collect();
    assert_eq!(drifted, [key(), key_policy()]);
    assert_eq!(action_of(&planned, &key_policy()), Action::Update);
    let access = planned.plan().key_policies[0].access().expect("readable");
    assert!(
        access.lost.iter().any(|it| it.principal.contains("root") || it.principal.contains("111122223333")),
        "{access:#?}"
    );
    drop(planned);
    setup.apply(&Wish::default()).await;
    setup.expect_no_op(&Wish::default()).await;
}

#[tokio::test]
async fn who_may_afterwards_is_told() {
    let setup = Setup::new();
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    let told: Vec<_> = planned.plan().administrators.iter().map(|it| (it.key.clone(), it.who.clone())).collect();
    assert_eq!(told, [(key(), role_arn("admin")), (replica(), role_arn("admin"))]);
    let notes: Vec<_> = planned.plan().findings.iter().map(|it| it.code).collect();
    assert_eq!(notes, ["admin-role-by-account"]);
}
