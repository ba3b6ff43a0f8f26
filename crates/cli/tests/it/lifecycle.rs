//! A folder whose inputs change after it was applied, and who may still reach its keys.

use crate::folder::{Folder, module, run, run_in};

const ADMIN_ROLE: &str = "enable_kms_admin_role = true";
const ROOT_OFF: &str = "enable_kms_admin_role = true\nkms_root_access = false";
const MFA: [&str; 4] = ["--mfa-serial", "arn:aws:iam::111122223333:mfa/phone", "--mfa-code", "123456"];

fn replica_in(region: &str) -> String {
    format!(
        "{ROOT_OFF}\nreplication_region = \"{region}\"\nreplication_region_buckets = {{ b = {{ region = \"{region}\" }} }}"
    )
}

/// Applies these inputs, and expects that nothing is left to do.
fn apply(folder: &Folder, inputs: &str) {
    folder.write("main.tf", &module(inputs));
    folder.apply();
    let again = folder.local("plan", &["--detailed-exitcode"]);
    assert_eq!(again.code, 0, "after {inputs}:\n{}{}", again.stdout, again.stderr);
}

/// Expects that these inputs are refused, and that nothing was changed.
fn is_refused(folder: &Folder, inputs: &str, because: &str) {
    let state = || std::fs::read_to_string(folder.state_path()).ok();
    let before = state();
    folder.write("main.tf", &module(inputs));
    let refused = folder.local("apply", &["--auto-approve"]);
    assert_eq!(refused.code, 1, "{inputs}: {}", refused.stdout);
    assert!(refused.stderr.contains(because), "{inputs}: {}", refused.stderr);
    assert_eq!(state(), before, "{inputs}");
}

#[test]
fn a_replica_comes_moves_and_goes_while_root_is_off() {
    let folder = Folder::with_inputs("");
    apply(&folder, ROOT_OFF);
    apply(&folder, &replica_in("us-east-1"));
    apply(&folder, &replica_in("eu-central-1"));
    apply(&folder, &replica_in("us-east-1"));
    apply(&folder, ROOT_OFF);
    folder.destroy();
}

#[test]
fn root_goes_and_comes_back_and_only_then_may_the_admin_role_go() {
    let folder = Folder::with_inputs("");
    apply(&folder, ADMIN_ROLE);
    apply(&folder, ROOT_OFF);
    is_refused(&folder, "kms_root_access = false", "nobody could change the policy");
    apply(&folder, "");
    apply(&folder, ROOT_OFF);
    apply(&folder, ADMIN_ROLE);
}

#[test]
fn root_is_not_removed_where_the_caller_could_not_assume_the_admin_role() {
    let with_mfa = format!("{ROOT_OFF}\nadmin_role_require_mfa = true");
    let of_others = format!("{ROOT_OFF}\nadmin_role_trusted_principals = [\"arn:aws:iam::111122223333:role/other\"]");
    let never_applied = Folder::with_inputs("");
    let applied = Folder::with_inputs("");
    apply(&applied, ROOT_OFF);
    for folder in [&never_applied, &applied] {
        is_refused(folder, &with_mfa, "its trust policy will ask for MFA, and this run has none");
        is_refused(folder, &of_others, "its trust policy will not admit `arn:aws:iam::111122223333:user/operator`");
    }
    let made = never_applied.cloud(async |sdk| sdk.facts().await);
    assert_eq!(made["eu-west-1"]["keys"], serde_json::json!([]));
}

#[test]
fn root_is_removed_with_mfa_and_the_key_is_reached_with_mfa_from_then_on() {
    let folder = Folder::with_inputs(&format!("{ROOT_OFF}\nadmin_role_require_mfa = true"));
    folder.local("apply", &[&["--auto-approve"], &MFA[..]].concat()).succeeds();
    let without = folder.local("plan", &[]);
    assert_eq!(without.code, 1);
    assert!(without.stderr.contains("--mfa-serial"), "{}", without.stderr);
    let again = folder.local("plan", &[&["--detailed-exitcode"], &MFA[..]].concat());
    assert_eq!(again.code, 0, "{}", again.stdout);
    folder.local("destroy", &[&["--auto-approve"], &MFA[..]].concat()).succeeds();
}

#[test]
fn the_summary_counts_a_key_policy_and_no_service_linked_role() {
    let folder = Folder::with_inputs("enable_kms_access_denied_alarm = false");
    assert!(folder.apply().stdout.contains("Resources: 2 added, 0 changed, 0 destroyed."));
    folder.write("main.tf", &module("enable_kms_access_denied_alarm = false\nenable_dynamodb = true"));
    assert!(folder.apply().stdout.contains("Resources: 0 added, 1 changed, 0 destroyed."));
}

#[test]
fn a_module_that_was_renamed_gets_no_second_key() {
    let folder = Folder::with_inputs("");
    folder.apply();
    folder.write("main.tf", &module("").replace("module \"kms\"", "module \"other\""));
    for command in ["plan", "apply", "destroy"] {
        folder.local(command, &[]).fails_with(&["the state holds the key of module `kms`", "--module"]);
    }
    folder.local("plan", &["--module", "other"]).succeeds();
}

#[test]
fn a_key_that_is_rescued_is_changed_and_not_added() {
    let folder = Folder::with_inputs("enable_kms_access_denied_alarm = false");
    folder.apply();
    let key = folder.outputs()["kms_key_id"]["value"].as_str().expect("an ID").to_owned();
    folder.cloud(async |sdk| sdk.kms("eu-west-1").schedule_key_deletion().key_id(key).send().await.expect("scheduled"));
    folder.local("apply", &["--auto-approve"]).fails_with(&["is pending deletion", "--rescue"]);
    let rescued = folder.local("apply", &["--auto-approve", "--rescue"]).succeeds();
    assert!(rescued.stdout.contains("Resources: 0 added, 1 changed, 0 destroyed."), "{}", rescued.stdout);
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0);
}

#[test]
fn the_log_group_that_cloudtrail_is_said_to_feed_is_fed() {
    let folder = Folder::with_inputs("cloudtrail_log_group_name = \"trail\"");
    folder.apply();
    let logged = folder.cloud(async |sdk| {
        let search = sdk.logs("eu-west-1").filter_log_events().log_group_name("trail");
        let found = search.filter_pattern("{ $.eventName = \"CreateKey\" }").send().await.expect("events");
        found.events().iter().map(|event| event.log_stream_name().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(logged, ["111122223333_CloudTrail_eu-west-1"]);
}

#[test]
fn a_profile_that_was_asked_for_wins_over_the_environment() {
    let folder = Folder::with_inputs("");
    let path = folder.path().to_str().expect("a path");
    let environment = [("AWS_ACCESS_KEY_ID", "AKIAOTHER"), ("AWS_SECRET_ACCESS_KEY", "other")];
    let answer = run_in(&["plan", path, "--profile", "nope"], &environment);
    answer.fails_with(&["no credentials for the profile `nope`"]);
}

#[test]
fn a_plan_of_a_newer_version_is_told_as_such() {
    let folder = Folder::with_inputs("");
    folder.write("plan.json", "{\"format\": \"keywright-plan\", \"version\": 9, \"more\": {}}");
    let file = folder.path().join("plan.json");
    run(&["apply", file.to_str().expect("a path")]).fails_with(&["was saved by a newer keywright"]);
}
