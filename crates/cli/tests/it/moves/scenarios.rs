//! What the README's section 10 promises, and what others change beside keywright.

use keywright_engine::Mode;

use super::stage::{OPERATOR, OPS, Outcome, Stage, check, holders};
use super::{ADMIN_ROLE, Setting};
use crate::sdk::{REPLICA_REGION, Sdk};

const ROOT: Setting = Setting { root: true, role: false, replica: true };
const ROOT_AND_ROLE: Setting = Setting { root: true, role: true, replica: true };
const ROLE: Setting = Setting { root: false, role: true, replica: true };
const NEITHER: Setting = Setting { root: false, role: false, replica: true };
const ROLE_NAME: &str = "acme-kms-admin-role-test";

/// Makes the role anew under its name, and with its trust policy.
async fn make_again(sdk: &Sdk) {
    remove(sdk).await;
    let trust = trust_in("arn:aws:iam::111122223333:root");
    sdk.iam().create_role().role_name(ROLE_NAME).assume_role_policy_document(trust).send().await.expect("made again");
}

async fn remove(sdk: &Sdk) {
    let attached = sdk.iam().list_attached_role_policies().role_name(ROLE_NAME).send().await.expect("attachments");
    for policy in attached.attached_policies() {
        let arn = policy.policy_arn().expect("an ARN");
        sdk.iam().detach_role_policy().role_name(ROLE_NAME).policy_arn(arn).send().await.expect("detached");
    }
    sdk.iam().delete_role().role_name(ROLE_NAME).send().await.expect("deleted");
}

async fn trust_only(sdk: &Sdk, who: &str) {
    let change = sdk.iam().update_assume_role_policy().role_name(ROLE_NAME).policy_document(trust_in(who));
    change.send().await.expect("changed");
}

fn trust_in(who: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{who}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

#[test]
fn root_is_removed_step_by_step_and_then_the_operator_may_not_edit_a_policy() {
    let stage = Stage::new();
    for step in [ROOT, ROOT_AND_ROLE, ROLE] {
        stage.apply(&step.inputs());
    }
    assert!(stage.plan(&ROLE.inputs(), |planned| planned.is_no_op()));
    let keys = stage.aws.keys();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let refused = stage.outside(async |sdk| {
            let put = sdk.kms(key.arn.region()).put_key_policy().key_id(key.arn.as_str()).policy(&key.policy);
            put.send().await.expect_err("the operator may not").into_service_error().to_string()
        });
        assert!(refused.contains("AccessDenied"), "{refused}");
    }
    assert!(stage.watch.is_content() > 10);
}

#[test]
fn the_admin_role_may_not_go_while_root_is_off_and_then_may_once_root_is_back() {
    let stage = Stage::new();
    stage.apply(&ROLE.inputs());
    stage.is_refused(&NEITHER.inputs(), Mode::Normal, "lock-out", &["enable_kms_admin_role = true"]);
    stage.apply(&ROOT.inputs());
    stage.watch.is_content();
}

#[test]
fn a_renamed_admin_role_is_made_before_the_old_one_goes_and_both_are_named_in_between() {
    for rename in ["name_prefix = \"globex\"", "environment = \"prod\""] {
        let stage = Stage::new();
        stage.apply(&ROLE.inputs());
        let before = stage.aws.calls().len();
        stage.apply(&format!("{rename}\n{}", ROLE.inputs()));
        let writes = stage.writes_since(before);
        let at = |what: &str| writes.iter().position(|it| it.starts_with(what));
        let last_put = writes.iter().rposition(|it| it.starts_with("PutKeyPolicy"));
        assert!(at("CreateRole ") < at("PutKeyPolicy"), "{writes:#?}");
        assert!(last_put < at("DeleteRole "), "{writes:#?}");
        let renamed = ADMIN_ROLE.replace("acme", if rename.contains("globex") { "globex" } else { "acme" });
        let renamed = renamed.replace("test", if rename.contains("prod") { "prod" } else { "test" });
        assert!(stage.watch.has_seen_together(&[ADMIN_ROLE, &renamed]));
        stage.watch.is_content();
    }
}

#[test]
fn a_replica_is_made_by_a_role_that_its_policy_does_not_name() {
    let replica_off = |setting: Setting| Setting { replica: false, ..setting };
    let ways = [
        (replica_off(ROLE).inputs(), ROOT.inputs()),
        (replica_off(ROLE).inputs(), format!("name_prefix = \"globex\"\n{}", ROLE.inputs())),
    ];
    for (from, to) in ways {
        let stage = Stage::new();
        stage.apply(&from);
        stage.apply(&to);
        stage.watch.is_content();
    }
}

#[test]
fn a_role_that_was_made_again_is_told_where_nobody_else_may_and_nothing_is_changed() {
    let stage = Stage::new();
    stage.apply(&ROLE.inputs());
    stage.outside(async |sdk| make_again(&sdk).await);
    for (inputs, mode) in [(ROLE, Mode::Normal), (ROOT, Mode::Normal), (ROLE, Mode::Destroy)] {
        let told = ["was deleted and made again", "another principal", "only AWS Support"];
        stage.is_refused(&inputs.inputs(), mode, "role-made-again", &told);
    }
}

#[test]
fn a_role_that_was_made_again_is_repaired_by_who_still_may() {
    let with_ops = format!("key_administrators = [\"{OPS}\"]\n");
    for (from, to, more) in [(ROLE, ROLE, &*with_ops), (ROLE, ROOT, &with_ops), (ROOT_AND_ROLE, ROOT_AND_ROLE, "")] {
        for run_by_ops in [false, true] {
            let stage = Stage::new();
            stage.make_ops();
            stage.apply(&(more.to_owned() + &from.inputs()));
            stage.outside(async |sdk| make_again(&sdk).await);
            let is_changed = |key: &keywright_local::KeyView| key.policy.contains("\"AROA");
            assert!(stage.aws.keys().iter().all(is_changed));
            let inputs = more.to_owned() + &to.inputs();
            let drifted = stage.plan(&inputs, |planned| planned.plan().drift.len());
            assert!(drifted >= 3, "the role and both policies are shown as changed outside");
            let caller = if run_by_ops { stage.session(OPS) } else { stage.operator() };
            let outcome = stage.run(&caller, &inputs, Mode::Normal);
            assert_eq!(outcome.name(), "applied", "{}", outcome.said());
            assert!(!stage.aws.keys().iter().any(is_changed), "the policies name the role of today");
            stage.watch.is_content();
        }
    }
}

#[test]
fn a_role_that_is_gone_is_told_and_another_administrator_repairs_it() {
    let stage = Stage::new();
    stage.apply(&ROLE.inputs());
    stage.outside(async |sdk| remove(&sdk).await);
    stage.is_refused(&ROLE.inputs(), Mode::Normal, "no-actor", &["the role is gone", "another principal"]);
    let with_ops = format!("key_administrators = [\"{OPS}\"]\n{}", ROLE.inputs());
    let stage = Stage::new();
    stage.make_ops();
    stage.apply(&with_ops);
    stage.outside(async |sdk| remove(&sdk).await);
    stage.apply(&with_ops);
    assert!(stage.aws.keys().iter().all(|key| key.policy.contains(ADMIN_ROLE)));
    stage.watch.is_content();
}

#[test]
fn a_trust_policy_that_was_changed_outside_is_to_be_repaired_in_iam() {
    let stage = Stage::new();
    stage.make_ops();
    stage.apply(&ROLE.inputs());
    stage.outside(async |sdk| trust_only(&sdk, OPS).await);
    for (inputs, mode) in [(ROLE, Mode::Normal), (ROOT, Mode::Normal), (ROLE, Mode::Destroy)] {
        stage.is_refused(&inputs.inputs(), mode, "no-actor", &["repair the trust in IAM", ROLE_NAME]);
    }
    stage.outside(async |sdk| trust_only(&sdk, OPERATOR).await);
    stage.apply(&ROLE.inputs());
    stage.watch.is_content();
}

#[test]
fn a_trust_policy_that_was_changed_outside_is_repaired_while_the_account_has_the_keys() {
    let stage = Stage::new();
    stage.make_ops();
    stage.apply(&ROOT_AND_ROLE.inputs());
    stage.outside(async |sdk| trust_only(&sdk, OPS).await);
    stage.apply(&ROLE.inputs());
    stage.watch.is_content();
}

/// The process is gone after any write of these moves: even then no key is locked, and the next run ends what it began.
#[test]
fn a_move_that_was_cut_after_any_write_is_taken_up() {
    let role_alone = Setting { replica: false, ..ROLE };
    let renamed = format!("name_prefix = \"globex\"\n{}", ROLE.inputs());
    let moves = [
        (role_alone.inputs(), ROOT.inputs(), Mode::Normal),
        (role_alone.inputs(), renamed, Mode::Normal),
        (ROOT.inputs(), ROLE.inputs(), Mode::Normal),
        (ROLE.inputs(), ROLE.inputs(), Mode::Destroy),
    ];
    for (from, to, mode) in moves {
        let mut cuts = 0;
        loop {
            let stage = Stage::new();
            stage.apply(&from);
            if !stage.cut(&to, mode, cuts + 1) {
                break;
            }
            cuts += 1;
            let outcome = stage.run(&stage.operator(), &to, mode);
            assert!(matches!(outcome, Outcome::Applied | Outcome::Unchanged), "cut {cuts}: {}", outcome.said());
            stage.watch.is_content();
        }
        assert!(cuts > 4, "only {cuts} cuts");
    }
}

/// Each move between two settings in both directions, in one AWS: replicas that were scheduled for deletion come back.
#[test]
fn one_folder_goes_through_all_settings() {
    let stage = Stage::new();
    let settings: Vec<Setting> = Setting::all().filter(|it| it.root || it.role).collect();
    for (at, setting) in settings.iter().enumerate() {
        for other in settings.iter().skip(at + 1) {
            stage.run(&stage.operator(), &setting.inputs(), Mode::Normal);
            stage.apply(&other.inputs());
            stage.apply(&setting.inputs());
        }
    }
    let destroyed = stage.run(&stage.operator(), &ROLE.inputs(), Mode::Destroy);
    assert_eq!(destroyed.name(), "applied", "{}", destroyed.said());
    assert!(stage.watch.is_content() > 100);
}

/// The watch of these tests is one that can fail.
#[test]
fn the_watch_sees_a_key_that_nobody_could_put_the_policy_of() {
    let stage = Stage::new();
    stage.apply(&ROLE.inputs());
    let trouble = || {
        let holders = holders(&stage.aws.roles());
        stage.aws.keys().iter().filter_map(|key| check(key, &holders).err()).collect::<Vec<_>>()
    };
    assert_eq!(trouble(), Vec::<String>::new());
    let replica = stage.aws.keys().into_iter().find(|key| key.arn.region() == REPLICA_REGION).expect("a replica");
    stage.outside(async |sdk| {
        let admin = sdk.assume(ADMIN_ROLE).await;
        let schedule = admin.kms(REPLICA_REGION).schedule_key_deletion().key_id(replica.arn.as_str());
        schedule.send().await.expect("scheduled");
    });
    assert_eq!(trouble().len(), 1, "a key goes without delegation: {:?}", trouble());
    stage.outside(async |sdk| trust_only(&sdk, "arn:aws:iam::111122223333:user/operator").await);
    assert_eq!(trouble().len(), 1);
    stage.outside(async |sdk| {
        sdk.user_without_permissions("other").await;
        trust_only(&sdk, "arn:aws:iam::111122223333:user/other").await;
    });
    assert_eq!(trouble().len(), 2, "nobody who is known may assume the role");
    stage.outside(async |sdk| trust_only(&sdk, OPERATOR).await);
    stage.outside(async |sdk| remove(&sdk).await);
    assert_eq!(trouble().len(), 2, "the role is gone");
}
