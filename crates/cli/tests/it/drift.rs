//! What others change in AWS is told by what it means, and nothing is written.

use std::fs;

use serde_json::{Value, json};

use crate::folder::{Folder, Run, module};
use crate::sdk::{REGION, REPLICA_REGION, Sdk};

const ROOT_OFF: &str = "enable_kms_admin_role = true\nkms_root_access = false";
const REPLICA: &str =
    "replication_region = \"us-east-1\"\nreplication_region_buckets = { b = { region = \"us-east-1\" } }";
const ROLE: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-test";

/// Everything that can drift.
fn all() -> Folder {
    let folder = Folder::with_inputs(&format!(
        "{REPLICA}\nenable_kms_admin_role = true\naliases = [\"alias/app\"]\ncloudtrail_log_group_name = \"trail\"\ntags = {{ a = \"1\", b = \"2\" }}"
    ));
    folder.apply();
    folder
}

fn key_of(folder: &Folder) -> String {
    folder.outputs()["kms_key_id"]["value"].as_str().expect("an ID").to_owned()
}

/// Changes AWS from outside, with the ID of the key.
fn outside(folder: &Folder, change: impl AsyncFnOnce(Sdk, String)) {
    let key = key_of(folder);
    folder.cloud(async |sdk| change(sdk, key).await);
}

/// Runs drift, and expects that it ends so and leaves the state as it is.
#[track_caller]
fn drift(folder: &Folder, code: i32) -> Value {
    let before = fs::read(folder.state_path()).expect("a state");
    let run = folder.local("drift", &["--json"]);
    assert_eq!(run.code, code, "{}\n{}", run.stdout, run.stderr);
    assert_eq!(fs::read(folder.state_path()).expect("a state"), before, "the state is left as it is");
    serde_json::from_str(&run.stdout).expect("JSON")
}

/// Expects exactly these changes, as `NAME CODE OUTLOOK`.
#[track_caller]
fn expect(folder: &Folder, changes: &[&str]) -> Value {
    let told = drift(folder, if changes.is_empty() { 0 } else { 2 });
    let mut found: Vec<String> = told["drift"].as_array().expect("a list").iter().map(line).collect();
    found.sort();
    assert_eq!(found, changes, "{told:#}");
    assert_eq!(told["is_drift"], json!(!changes.is_empty()));
    told
}

fn line(departure: &Value) -> String {
    let text = |name: &str| departure[name].as_str().unwrap_or_default().to_owned();
    let address = text("address");
    let name = address.rsplit("module.kms.").next().unwrap_or_default().split_once('.').map_or("", |(_, name)| name);
    format!("{name} {} {}", text("change"), text("outlook"))
}

#[test]
fn nothing_changed_outside_is_no_drift_with_root_access_and_without() {
    let folder = all();
    expect(&folder, &[]);
    let text = folder.local("drift", &[]).succeeds();
    assert!(text.stdout.contains("No drift."), "{}", text.stdout);
    let locked = Folder::with_inputs(&format!("{ROOT_OFF}\n{REPLICA}"));
    locked.apply();
    expect(&locked, &[]);
}

#[test]
fn a_folder_that_was_never_applied_is_an_error_and_nothing_is_made_for_it() {
    let folder = Folder::with_inputs("");
    folder.local("drift", &[]).fails_with(&["nothing-applied"]);
    assert!(!folder.path().join(".keywright").exists());
}

#[test]
fn the_same_policy_in_other_words_is_no_drift() {
    let folder = all();
    outside(&folder, async |sdk, key| {
        let kms = sdk.kms(REGION);
        let answer = kms.get_key_policy().key_id(&key).send().await.expect("a policy");
        let mut policy: Value = serde_json::from_str(&answer.policy.expect("a text")).expect("JSON");
        let statements = policy["Statement"].as_array_mut().expect("statements");
        statements.reverse();
        for statement in statements.iter_mut() {
            if let Some(actions) = statement["Action"].as_array_mut() {
                actions.reverse();
            }
        }
        statements[0]["Sid"] = json!("Renamed");
        let policy = format!("{policy:#}");
        kms.put_key_policy().key_id(&key).policy(policy).send().await.expect("put");
        for (tag, value) in [("b", "2"), ("a", "1")] {
            let tag = aws_sdk_kms::types::Tag::builder().tag_key(tag).tag_value(value).build().expect("a tag");
            kms.tag_resource().key_id(&key).tags(tag).send().await.expect("tagged");
        }
    });
    expect(&folder, &[]);
}

/// Puts a statement of somebody else's on the key.
async fn let_in(sdk: &Sdk, region: &str, key: &str, principal: &str) {
    let kms = sdk.kms(region);
    let answer = kms.get_key_policy().key_id(key).send().await.expect("a policy");
    let mut policy: Value = serde_json::from_str(&answer.policy.expect("a text")).expect("JSON");
    let statement =
        json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:Decrypt", "Resource": "*"});
    policy["Statement"].as_array_mut().expect("statements").push(statement);
    kms.put_key_policy().key_id(key).policy(policy.to_string()).send().await.expect("put");
}

#[test]
fn who_was_let_in_is_told_as_access_and_the_next_apply_puts_it_back() {
    let folder = all();
    outside(&folder, async |sdk, key| {
        sdk.iam().create_user().user_name("eve").send().await.expect("a user");
        let_in(&sdk, REGION, &key, "arn:aws:iam::111122223333:user/eve").await;
        let_in(&sdk, REPLICA_REGION, &key, "arn:aws:iam::111122223333:user/eve").await;
    });
    let told =
        expect(&folder, &["general_encryption_key_policy key-policy put-back", "replica_key[0] key-policy put-back"]);
    let access = &told["drift"][0]["gained"];
    assert_eq!(access[0]["principal"], "arn:aws:iam::111122223333:user/eve");
    assert_eq!(access[0]["actions"], json!(["kms:Decrypt"]));
    let text = folder.local("drift", &[]);
    assert!(text.stdout.contains("arn:aws:iam::111122223333:user/eve gains"), "{}", text.stdout);
    let plan = folder.local("plan", &[]).succeeds();
    assert!(plan.stdout.contains("arn:aws:iam::111122223333:user/eve gains"), "the plan tells it too: {}", plan.stdout);
    folder.apply();
    expect(&folder, &[]);
}

#[test]
fn it_is_read_as_the_admin_role_where_root_is_gone() {
    let folder = Folder::with_inputs(ROOT_OFF);
    folder.apply();
    outside(&folder, async |sdk, key| {
        let_in(&sdk.assume(ROLE).await, REGION, &key, "arn:aws:iam::111122223333:root").await;
    });
    expect(&folder, &["general_encryption_key_policy key-policy put-back"]);
}

async fn grant(sdk: &Sdk, region: &str, key: &str, grantee: &str) {
    let request = sdk.kms(region).create_grant().key_id(key).grantee_principal(grantee);
    request.operations("Decrypt".into()).name("mine").send().await.expect("a grant");
}

#[test]
fn a_grant_made_by_others_is_drift_and_a_warning_of_each_plan() {
    let folder = all();
    outside(&folder, async |sdk, key| {
        sdk.iam().create_user().user_name("eve").send().await.expect("a user");
        grant(&sdk, REPLICA_REGION, &key, "arn:aws:iam::111122223333:user/eve").await;
    });
    let told = expect(&folder, &["replica_key[0] foreign-grant left"]);
    assert_eq!(told["drift"][0]["grant"]["operations"], json!(["Decrypt"]));
    assert!(!told.to_string().to_lowercase().contains("token"), "{told:#}");
    let plan = folder.local("plan", &["--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "there is nothing to do: {}", plan.stdout);
    assert!(plan.stderr.contains("foreign-grant"), "{}", plan.stderr);
    assert!(plan.stderr.contains("revoke-grant --region us-east-1"), "{}", plan.stderr);
}

#[test]
fn a_grant_to_a_service_is_listed_apart_and_is_no_drift() {
    let folder = all();
    outside(&folder, async |sdk, key| {
        let source = aws_sdk_kms::types::GrantConstraints::builder()
            .source_arn("arn:aws:dynamodb:eu-west-1:111122223333:table/t")
            .build();
        let request = sdk.kms(REGION).create_grant().key_id(&key);
        let request = request.grantee_service_principal("dynamodb.eu-west-1.amazonaws.com").constraints(source);
        let request = request.retiring_service_principal("dynamodb.eu-west-1.amazonaws.com");
        request.operations("Decrypt".into()).send().await.expect("a grant");
    });
    let told = expect(&folder, &[]);
    assert_eq!(told["service_grants"][0]["grant"]["grantee"], "dynamodb.eu-west-1.amazonaws.com");
    let plan = folder.local("plan", &["--detailed-exitcode"]);
    assert_eq!((plan.code, plan.stderr.contains("foreign-grant")), (0, false), "{}", plan.stderr);
}

#[test]
fn a_key_that_was_disabled_or_is_rotated_otherwise_is_told() {
    let folder = all();
    outside(&folder, async |sdk, key| {
        let kms = sdk.kms(REGION);
        kms.enable_key_rotation().key_id(&key).rotation_period_in_days(90).send().await.expect("rotated");
        sdk.kms(REPLICA_REGION).disable_key().key_id(&key).send().await.expect("disabled");
    });
    expect(&folder, &["general_encryption_key rotation-period put-back", "replica_key[0] disabled put-back"]);
    outside(&folder, async |sdk, key| {
        let kms = sdk.kms(REGION);
        kms.disable_key_rotation().key_id(&key).send().await.expect("stopped");
        kms.disable_key().key_id(&key).send().await.expect("disabled");
    });
    expect(
        &folder,
        &[
            "general_encryption_key disabled put-back",
            "general_encryption_key rotation-stopped put-back",
            "replica_key[0] disabled put-back",
        ],
    );
}

#[test]
fn a_deletion_that_was_scheduled_is_told_with_its_date() {
    let folder = all();
    outside(&folder, async |sdk, key| {
        sdk.kms(REPLICA_REGION).schedule_key_deletion().key_id(&key).send().await.expect("scheduled");
    });
    let told = expect(&folder, &["replica_key[0] deletion-scheduled put-back"]);
    assert!(told["drift"][0]["deletion_date"].is_string(), "{told:#}");
    outside(&folder, async |sdk, key| {
        sdk.kms(REGION).schedule_key_deletion().key_id(&key).send().await.expect("scheduled");
    });
    let both = ["general_encryption_key deletion-scheduled needs-rescue", "replica_key[0] deletion-scheduled put-back"];
    expect(&folder, &both);
}

#[test]
fn what_was_deleted_is_told() {
    let folder = all();
    outside(&folder, async |sdk, key| {
        sdk.kms(REGION).delete_alias().alias_name("alias/app").send().await.expect("deleted");
        let logs = sdk.logs(REGION);
        let filters = logs.describe_metric_filters().send().await.expect("filters").metric_filters.unwrap_or_default();
        for filter in filters.iter().filter(|it| it.filter_name().unwrap_or_default().contains("replica")) {
            let request = logs.delete_metric_filter().log_group_name("trail");
            request.filter_name(filter.filter_name().expect("a name")).send().await.expect("deleted");
        }
        let alarms = sdk.cloudwatch(REGION).delete_alarms().alarm_names("acme-kms-access-denied-test");
        alarms.send().await.expect("deleted");
        let grants = sdk.kms(REGION).list_grants().key_id(&key).send().await.expect("grants").grants;
        let id = grants.unwrap_or_default()[0].grant_id.clone().expect("an ID");
        sdk.kms(REGION).revoke_grant().key_id(&key).grant_id(id).send().await.expect("revoked");
    });
    expect(
        &folder,
        &[
            "alias[\"alias/app\"] gone put-back",
            "kms_access_denied_alarm[0] gone put-back",
            "kms_replica_access_denied[0] gone put-back",
            "s3_replication_source_grant[0] gone put-back",
        ],
    );
}

#[test]
fn what_the_admin_role_may_do_and_who_may_assume_it_is_told() {
    let folder = all();
    outside(&folder, async |sdk, _| {
        let iam = sdk.iam();
        let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "sts:AssumeRole"}]});
        let role = "acme-kms-admin-role-test";
        let put = iam.update_assume_role_policy().role_name(role).policy_document(trust.to_string());
        put.send().await.expect("put");
        let attach = iam.attach_role_policy().role_name(role);
        attach.policy_arn("arn:aws:iam::aws:policy/AdministratorAccess").send().await.expect("attached");
    });
    let told = expect(&folder, &["kms_admin_role[0] policy-attached left", "kms_admin_role[0] trust-policy put-back"]);
    assert!(told.to_string().contains("444455556666"), "{told:#}");
}

#[test]
fn a_role_that_was_made_again_is_somebody_else_to_the_key_policy() {
    let folder = all();
    outside(&folder, async |sdk, _| {
        let iam = sdk.iam();
        let role = "acme-kms-admin-role-test";
        let before = iam.get_role().role_name(role).send().await.expect("a role").role.expect("a role");
        let trust = before.assume_role_policy_document.expect("a policy").replace("%22", "\"");
        let trust = percent_decoded(&trust);
        let policy = "arn:aws:iam::111122223333:policy/acme-kms-management-policy-test";
        iam.detach_role_policy().role_name(role).policy_arn(policy).send().await.expect("detached");
        iam.delete_role().role_name(role).send().await.expect("deleted");
        iam.create_role().role_name(role).assume_role_policy_document(trust).send().await.expect("made again");
        iam.attach_role_policy().role_name(role).policy_arn(policy).send().await.expect("attached");
    });
    let told = drift(&folder, 2);
    let lines: Vec<String> = told["drift"].as_array().expect("a list").iter().map(line).collect();
    for expect in [
        "general_encryption_key_policy deleted-principal put-back",
        "kms_admin_role[0] role-made-again left",
        "replica_key[0] deleted-principal put-back",
    ] {
        assert!(lines.iter().any(|line| line == expect), "{expect} in {lines:#?}");
    }
    let id = told["drift"].as_array().expect("a list").iter().find_map(|it| it["principal"].as_str());
    assert!(id.is_some_and(|id| id.starts_with("AROA")), "{told:#}");
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
        let digits = std::str::from_utf8(&digits).expect("text");
        decoded.push(u8::from_str_radix(digits, 16).expect("a number"));
    }
    String::from_utf8(decoded).expect("text")
}

#[test]
fn inputs_that_were_not_applied_are_told_and_are_no_drift() {
    let folder = Folder::with_inputs("");
    folder.apply();
    folder.write("main.tf", &module("enable_dynamodb = true"));
    let told = expect(&folder, &[]);
    assert_eq!(told["unapplied"], json!(["module.kms.aws_kms_key_policy.general_encryption_key_policy"]));
}

#[test]
fn what_may_not_be_read_is_an_error_and_never_no_drift() {
    let folder = Folder::with_inputs(ROOT_OFF);
    folder.apply();
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "sts:AssumeRole"}]});
    outside(&folder, async |sdk, _| {
        let put = sdk.iam().update_assume_role_policy().role_name("acme-kms-admin-role-test");
        put.policy_document(trust.to_string()).send().await.expect("put");
    });
    let run: Run = folder.local("drift", &[]);
    run.fails_with(&["no-actor"]);
}

/// Nobody may list the grants of the key.
const UNLISTED: &str = "key_statements = [{ sid = \"NoListing\", effect = \"Deny\", actions = [\"kms:ListGrants\"], principals = [{ type = \"AWS\", identifiers = [\"*\"] }] }]";

#[test]
fn grants_that_may_not_be_listed_are_a_warning_of_each_plan_and_no_answer_of_drift() {
    let unread = |told: &Value| {
        let all = told["diagnostics"].as_array().expect("a list").iter();
        let codes = all.filter(|it| it["code"] == "grants-unread");
        codes.map(|it| it["severity"].as_str().expect("a severity").to_owned()).collect::<Vec<_>>()
    };
    let plan = |folder: &Folder| {
        let said = folder.local("plan", &["--json"]).succeeds().stdout;
        serde_json::from_str::<Value>(&said).expect("JSON")
    };
    let folder = Folder::with_inputs(ROOT_OFF);
    folder.apply();
    assert_eq!(unread(&plan(&folder)), Vec::<String>::new());
    expect(&folder, &[]);

    folder.write("main.tf", &module(&format!("{ROOT_OFF}\n{UNLISTED}")));
    folder.apply();
    assert_eq!(unread(&plan(&folder)), ["warning"]);
    let told = drift(&folder, 1);
    assert_eq!((&told["is_drift"], unread(&told)), (&Value::Null, vec!["error".to_owned()]), "{told:#}");
    assert_eq!(told["unread_grants"][0]["key"], "module.kms.aws_kms_key.general_encryption_key");
    let text = folder.local("drift", &[]);
    assert_eq!(text.code, 1);
    assert!(text.stdout.contains("cannot be listed, so it is not known who made any"), "{}", text.stdout);

    let key = key_of(&folder);
    let state = fs::read(folder.state_path()).expect("a state");
    fs::remove_file(folder.state_path()).expect("the state is lost");
    let imported = folder.local("import", &["--key", &key, "--json"]).succeeds().stdout;
    assert_eq!(unread(&serde_json::from_str(&imported).expect("JSON")), ["warning"]);
    fs::write(folder.state_path(), state).expect("the state");

    outside(&folder, async |sdk, key| {
        let kms = sdk.assume(ROLE).await.kms(REGION);
        kms.disable_key().key_id(key).send().await.expect("disabled");
    });
    let told = drift(&folder, 2);
    assert_eq!(
        (&told["is_drift"], told["unread_grants"].as_array().map(Vec::len)),
        (&json!(true), Some(1)),
        "{told:#}"
    );

    let accepted = "accepted_findings = { grants-unread = \"nobody makes any\" }";
    folder.write("main.tf", &module(&format!("{ROOT_OFF}\n{UNLISTED}\n{accepted}")));
    let said = folder.local("plan", &[]).succeeds();
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains("accepted[grants-unread]") && all.contains("nobody makes any"), "{all}");
}

#[test]
fn a_module_that_is_no_longer_there_is_not_passed_over() {
    let folder = Folder::with_inputs("");
    let other = module("").replace("\"kms\" {", "\"other\" {").replace("\"acme\"", "\"other\"");
    folder.write("other.tf", &other);
    folder.apply();
    fs::remove_file(folder.path().join("other.tf")).expect("removed");
    folder.local("drift", &[]).fails_with(&["module-forgotten", "other"]);
    folder.local("drift", &["--module", "kms"]).succeeds();
}
