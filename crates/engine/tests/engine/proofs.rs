//! What a plan proves of the key policies, and what it refuses for want of a proof.

use keywright_engine::{Claim, Conclusion, KeyGrant, Mode, Plan, SavedPlan};
use keywright_model::{Arn, Diagnostic, ResourceKind, Severity};
use keywright_module::Desired;
use keywright_policy::{Document, PolicyKind};
use serde_json::{Value, json};

use crate::Setup;
use crate::modules::{desired, everything, role, setup};
use crate::wish::Wish;

const ADMIN: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-prod";
const ACCOUNT: &str = "arn:aws:iam::111122223333:root";

/// Root off, with an admin role, and these inputs.
fn without_root(more: Value) -> Desired {
    let mut inputs = json!({"kms_root_access": false, "enable_kms_admin_role": true});
    for (name, value) in more.as_object().expect("an object") {
        inputs[name] = value.clone();
    }
    desired(inputs)
}

fn with_statement(statement: Value) -> Desired {
    without_root(json!({"key_statements": [statement]}))
}

fn statement(effect: &str, who: Value, action: &str, conditions: Value) -> Value {
    json!({"sid": "Mine", "effect": effect, "principals": [who], "actions": [action], "conditions": conditions})
}

fn aws(who: &str) -> Value {
    json!({"type": "AWS", "identifiers": [who]})
}

fn condition(test: &str, variable: &str, value: &str) -> Value {
    json!({"test": test, "variable": variable, "values": [value]})
}

async fn plan(desired: &Desired) -> Result<Plan, Vec<Diagnostic>> {
    match setup().plan(desired).await {
        Ok(planned) => Ok(planned.plan().clone()),
        Err(error) => Err(error.diagnostics().into_iter().collect()),
    }
}

/// The plan is refused with this code, and the reason holds that.
async fn is_refused(desired: &Desired, code: &str, because: &str) {
    let refused = plan(desired).await.err().unwrap_or_else(|| panic!("{code} is planned"));
    let one = refused.iter().find(|it| it.code == code).unwrap_or_else(|| panic!("no {code}: {refused:#?}"));
    assert!(one.detail.as_deref().unwrap_or_default().contains(because), "{one:#?}");
}

async fn is_planned(desired: &Desired) -> Plan {
    plan(desired).await.unwrap_or_else(|refused| panic!("{refused:#?}"))
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.findings.iter().filter(|it| it.severity != Severity::Note && it.accepted.is_none()).map(|it| it.code).collect()
}

fn verdicts(plan: &Plan, claim: Claim) -> Vec<Conclusion> {
    plan.proofs.iter().filter(|it| it.claim == claim).map(|it| it.verdict).collect()
}

#[tokio::test]
async fn every_claim_is_proved_of_both_keys_with_the_grants_of_the_plan() {
    let mut inputs = everything();
    inputs["enable_image_processor"] = json!(false);
    let plan = is_planned(&desired(inputs)).await;
    for claim in [
        Claim::SomebodyKeepsControl,
        Claim::RootIsGone,
        Claim::NoPublicAccess,
        Claim::AdminRoleCannotUse,
        Claim::NoConfusedDeputy,
    ] {
        assert_eq!(verdicts(&plan, claim), [Conclusion::Proved; 2], "{claim}: {:#?}", plan.proofs);
    }
    assert!(plan.proofs.iter().all(|it| !it.assumptions.is_empty()), "a proof says what it takes for granted");
    let admin = plan.proofs.iter().find(|it| it.claim == Claim::AdminRoleCannotUse).expect("a proof");
    assert_eq!(admin.escalations, ["kms:PutKeyPolicy", "kms:CreateGrant", "kms:ReplicateKey"]);
    assert_eq!(codes(&plan), Vec::<&str>::new());
}

#[tokio::test]
async fn with_root_off_somebody_must_be_there_to_put_the_next_policy() {
    let nobody = desired(json!({"kms_root_access": false}));
    is_refused(&nobody, "lock-out", "neither an admin role nor a key administrator").await;
    is_planned(&without_root(json!({}))).await;
}

#[tokio::test]
async fn a_deny_on_the_admin_role_is_a_lock_out_if_it_is_about_the_policy() {
    is_refused(&with_statement(statement("Deny", aws(ADMIN), "kms:PutKeyPolicy", json!([]))), "lock-out", "").await;
    is_planned(&with_statement(statement("Deny", aws(ADMIN), "kms:Decrypt", json!([])))).await;
}

#[tokio::test]
async fn a_deny_on_everybody_under_conditions_is_a_lock_out_if_the_admin_role_may_meet_them() {
    let deny = |condition| with_statement(statement("Deny", aws("*"), "kms:*", json!([condition])));
    let elsewhere = condition("NotIpAddress", "aws:SourceIp", "192.0.2.0/24");
    is_refused(&deny(elsewhere), "lock-out", "aws:SourceIp").await;
    is_planned(&deny(condition("Bool", "aws:SecureTransport", "false"))).await;
    is_planned(&deny(condition("ArnNotEquals", "aws:PrincipalArn", ADMIN))).await;
}

#[tokio::test]
async fn what_cannot_be_decided_is_a_lock_out() {
    let variable = condition("StringEquals", "aws:PrincipalTag/team", "${aws:username}");
    let deny = statement("Deny", aws("*"), "kms:PutKeyPolicy", json!([variable]));
    is_refused(&with_statement(deny), "lock-out", "cannot be proved").await;
}

#[tokio::test]
async fn a_trust_policy_that_nobody_meets_is_a_lock_out() {
    let plan = |trust| async move { Setup::new().plan(&Wish { trust, ..Wish::default() }.desired()).await };
    let refused = plan("nobody").await.expect_err("a refusal").diagnostics();
    assert!(refused.iter().all(|it| it.code == "lock-out"), "{refused:#?}");
    assert!(plan(ACCOUNT).await.is_ok());
}

#[tokio::test]
async fn naming_the_account_keeps_root_there_and_naming_a_role_does_not() {
    for name in ["key_users", "key_administrators", "key_service_users"] {
        is_refused(&without_root(json!({name: [ACCOUNT]})), "root-not-gone", "111122223333").await;
        is_planned(&without_root(json!({name: [role("app")]}))).await;
    }
    is_planned(&desired(json!({"key_users": [ACCOUNT]}))).await;
}

#[tokio::test]
async fn a_statement_or_grant_for_the_account_keeps_root_there() {
    let pattern = json!([
        condition("StringEquals", "kms:CallerAccount", "111122223333"),
        condition("ArnLike", "aws:PrincipalArn", "arn:aws:iam::111122223333:role/app-*"),
    ]);
    is_refused(&with_statement(statement("Allow", aws("*"), "kms:Decrypt", pattern)), "root-not-gone", "`Mine`").await;
    let grant = |grantee: &str| {
        without_root(json!({"grants": {"g": {"grantee_principal": grantee, "operations": ["Decrypt"]}}}))
    };
    is_refused(&grant(ACCOUNT), "root-not-gone", "kms:Decrypt").await;
    is_planned(&grant(&role("app"))).await;
}

#[tokio::test]
async fn another_account_may_be_named_with_root_off() {
    is_planned(&without_root(json!({"cross_account_principals": ["arn:aws:iam::444455556666:root"]}))).await;
}

#[tokio::test]
async fn what_opens_to_the_account_is_planned_once_it_is_accepted_and_says_so() {
    let inputs = |code: &str| json!({"key_users": [ACCOUNT], "accepted_findings": {code: "moves to roles in March"}});
    let plan = is_planned(&without_root(inputs("root-not-gone"))).await;
    let accepted = plan.findings.iter().find(|it| it.code == "root-not-gone").expect("the finding");
    assert_eq!((accepted.severity, accepted.accepted.as_deref()), (Severity::Warning, Some("moves to roles in March")));
    assert_eq!(verdicts(&plan, Claim::RootIsGone), [Conclusion::Refuted], "accepted is not proved");
    is_refused(&without_root(inputs("public-access")), "root-not-gone", "").await;
}

#[tokio::test]
async fn an_acceptance_of_what_a_plan_does_not_find_is_noted() {
    let accepted = |code: &str| without_root(json!({"accepted_findings": {code: "known"}}));
    for (code, noted) in [("loose-deputy", true), ("session-manager-without-users", false)] {
        let plan = is_planned(&accepted(code)).await;
        assert_eq!(plan.findings.iter().any(|it| it.code == "unused-acceptance"), noted, "{:#?}", plan.findings);
    }
}

#[tokio::test]
async fn a_key_that_is_open_to_everybody_is_refused() {
    let mut open = desired(json!({}));
    let policy = &mut open.administration.primary_policy;
    let text = r#"{"Version":"2012-10-17","Statement":{"Sid":"Open","Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"}}"#;
    policy.statements.extend(Document::parse(text, PolicyKind::Key).expect("a policy").statements);
    is_refused(&open, "public-access", "`Open`").await;
    is_planned(&desired(json!({}))).await;
}

#[tokio::test]
async fn a_service_without_a_source_is_warned_of() {
    let service = json!({"type": "Service", "identifiers": ["cloudtrail.amazonaws.com"]});
    let loose = with_statement(statement("Allow", service.clone(), "kms:GenerateDataKey*", json!([])));
    let plan = is_planned(&loose).await;
    assert_eq!(codes(&plan), ["access-denied-alarm-unfed", "alarm-without-topic", "loose-deputy"]);
    let tied = json!([condition("StringEquals", "aws:SourceAccount", "111122223333")]);
    let plan = is_planned(&with_statement(statement("Allow", service, "kms:GenerateDataKey*", tied))).await;
    assert!(!codes(&plan).contains(&"loose-deputy"));
}

#[tokio::test]
async fn an_admin_role_that_is_let_use_the_key_is_warned_of() {
    let plan = is_planned(&without_root(json!({"key_users": [ADMIN]}))).await;
    assert!(codes(&plan).contains(&"admin-role-can-decrypt"), "{:#?}", plan.findings);
    assert_eq!(verdicts(&plan, Claim::AdminRoleCannotUse), [Conclusion::Refuted]);
    let only_decrypt = statement("Allow", aws(ADMIN), "kms:Decrypt", json!([]));
    let beside_root = json!({"enable_kms_admin_role": true, "key_statements": [only_decrypt]});
    assert!(codes(&is_planned(&desired(beside_root)).await).contains(&"admin-role-can-decrypt"), "root hides nothing");
    let delegated = is_planned(&desired(json!({"enable_kms_admin_role": true}))).await;
    assert!(!codes(&delegated).contains(&"admin-role-can-decrypt"), "what IAM gives besides is not the policy's doing");
}

#[tokio::test]
async fn a_change_of_policy_tells_what_it_gives_and_takes_for_sure() {
    let setup = Setup::new();
    let (less, more) = (Wish::default(), Wish { extra_statement: true, ..Wish::default() });
    setup.apply(&less).await;
    let planned = setup.plan(&more.desired()).await.expect("a plan");
    for change in &planned.plan().key_policies {
        assert_eq!(change.gained_actions, Some(vec!["kms:Decrypt".to_owned()]));
        assert_eq!(change.lost_actions, Some(Vec::new()));
        let access = change.access().expect("both can be read");
        assert_eq!((access.gained.len(), access.lost.len()), (1, 0));
    }
    assert_eq!(verdicts(planned.plan(), Claim::GivesNothingNew), [Conclusion::Refuted; 2]);
    assert_eq!(verdicts(planned.plan(), Claim::TakesNothingAway), [Conclusion::Proved; 2]);
}

#[tokio::test]
async fn a_saved_plan_keeps_its_proofs_and_one_without_any_is_read() {
    let setup = Setup::new();
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    let text = planned.to_saved().to_text().expect("a text");
    assert_eq!(SavedPlan::from_text(&text).expect("a plan").plan().proofs, planned.plan().proofs);
    let mut older: Value = serde_json::from_str(&text).expect("JSON");
    older.as_object_mut().expect("an object").remove("proofs");
    assert!(SavedPlan::from_text(&older.to_string()).expect("a plan").plan().proofs.is_empty());
}

#[tokio::test]
async fn the_proofs_are_in_the_json_of_a_plan() {
    let planned = Setup::new().plan(&Wish::default().desired()).await.expect("a plan");
    let data = planned.plan().to_terraform_json();
    let proofs = data["keywright"]["proofs"].as_array().expect("proofs");
    let root = proofs.iter().find(|it| it["claim"] == "root-is-gone").expect("a proof");
    assert_eq!(root["verdict"], "proved");
    assert_eq!(root["key"], "module.kms.aws_kms_key.general_encryption_key");
}

#[tokio::test]
async fn a_destruction_proves_nothing_of_policies_that_will_not_be() {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    let planned = setup.engine().plan(&[Wish::default().desired()], Mode::Destroy).await.expect("a plan");
    assert!(planned.plan().proofs.is_empty());
}

#[tokio::test]
async fn a_grant_that_others_made_counts_against_what_is_proved_and_refuses_nothing() {
    let setup = setup();
    let module = without_root(json!({}));
    setup.try_run(&module, Mode::Normal).await.expect("applied");
    let record = setup.aws.of_kind(ResourceKind::KmsKey).remove(0);
    let arn = Arn::parse(record.attributes["arn"].as_str().expect("a text")).expect("an ARN");
    let grant = |grantee: &str, id: &str| KeyGrant {
        grant_id: id.to_owned(),
        grantee: grantee.to_owned(),
        operations: vec!["Decrypt".to_owned()],
        issuing_account: Some("111122223333".to_owned()),
        ..KeyGrant::default()
    };
    let foreign = [grant(ADMIN, "g-admin"), grant("arn:aws:iam::999988887777:role/eve", "g-eve")];
    setup.aws.foreign_grants.lock().expect("a lock").extend(foreign.map(|it| (arn.clone(), it)));
    let plan = setup.plan(&module).await.expect("a plan").plan().clone();
    assert_eq!(verdicts(&plan, Claim::AdminRoleCannotUse), [Conclusion::Refuted]);
    assert_eq!(verdicts(&plan, Claim::NoPublicAccess), [Conclusion::Refuted]);
    assert!(codes(&plan).contains(&"admin-role-can-decrypt"), "{:#?}", plan.findings);
}
