//! Bad input and trouble: one clear message, exit code 1, and nothing half done.

use std::fs;

use serde_json::Value;

use crate::folder::{Folder, Run, module, run, run_in, run_into};

#[test]
fn a_folder_without_a_kms_module_is_told() {
    let folder = Folder::new("module \"network\" {\n  source = \"./modules/network\"\n}\n");
    folder.local("plan", &[]).fails_with(&["error[", "kms"]);
    assert!(!folder.path().join(".keywright").exists(), "nothing is made for a folder without a module");
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    run(&["plan", "/nonexistent/folder", "--local"]).fails_with(&["/nonexistent/folder"]);
}

#[test]
fn unreadable_and_invalid_inputs_are_told_with_their_place() {
    let hcl = Folder::new("module \"kms\" {\n  source = \"./modules/kms\"\n  aws_region = \n}\n");
    hcl.local("validate", &[]).fails_with(&["main.tf:3"]);
    for (name, text) in [("keywright.json", "{\"aws_region\": "), ("keywright.yaml", "aws_region: [eu-west-1\n")] {
        let folder = Folder::new("");
        fs::remove_file(folder.path().join("main.tf")).expect("a removed file");
        folder.write(name, text);
        folder.local("validate", &[]).fails_with(&[name]);
    }
}

#[test]
fn all_input_errors_are_told_at_once() {
    let folder = Folder::new(
        "module \"kms\" {\n  source = \"./modules/kms\"\n  aws_account_id = \"123\"\n  aws_region = \"nowhere\"\n  \
         name_prefix = \"\"\n  environment = \"test\"\n  enable_firehose = true\n  key_decrypt_threshold = 0\n}\n",
    );
    let told =
        ["main.tf:3", "main.tf:4", "main.tf:5", "enable_firehose", "enable_alb_firehose", "key_decrypt_threshold"];
    folder.local("apply", &["--auto-approve"]).fails_with(&told);
    let data = folder.local("validate", &["--json"]);
    assert_eq!(data.code, 1);
    let data: Value = serde_json::from_str(&data.stdout).expect("JSON");
    assert!(data["diagnostics"].as_array().expect("a list").len() >= 5, "{data:#}");
    let lines = data["diagnostics"].as_array().expect("a list").iter().map(|it| &it["locations"][0]["start"]["line"]);
    assert!(lines.clone().any(|line| line == 3), "{data:#}");
    assert!(lines.clone().all(Value::is_number), "{data:#}");
}

#[test]
fn a_corrupt_or_newer_state_is_refused_and_kept() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let path = folder.state_path();
    let good = fs::read_to_string(&path).expect("a state");
    for (bad, told) in
        [("{ not json", "state-corrupt"), (&*good.replacen("\"version\": 4", "\"version\": 5", 1), "state-newer")]
    {
        fs::write(&path, bad).expect("a bad state");
        for command in ["plan", "destroy"] {
            let arguments: &[&str] = if command == "destroy" { &["--auto-approve"] } else { &[] };
            folder.local(command, arguments).fails_with(&[told, "terraform.tfstate"]);
        }
        assert_eq!(fs::read_to_string(&path).expect("a state"), bad, "the file is left as it is");
    }
    fs::write(&path, good).expect("the good state");
    folder.destroy();
}

#[test]
fn a_state_that_another_run_holds_is_told_with_its_holder() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let held = fs::File::create(folder.path().join(".keywright/.terraform.tfstate.lock")).expect("a lock file");
    held.lock().expect("the lock");
    let info = r#"{"ID":"1","Operation":"apply","Info":"","Who":"ada@bletchley","Version":"","Created":"2026-01-02T03:04:05Z","Path":""}"#;
    fs::write(folder.path().join(".keywright/.terraform.tfstate.lock.info"), info).expect("a note");
    folder.local("plan", &[]).fails_with(&["state-locked", "ada@bletchley", "2026-01-02T03:04:05Z"]);
}

#[test]
fn missing_credentials_are_told() {
    let folder = Folder::with_inputs("");
    run(&["plan", folder.path().to_str().expect("a path")]).fails_with(&["no-credentials"]);
}

#[test]
fn an_endpoint_that_does_not_answer_is_told() {
    let folder = Folder::with_inputs("");
    let environment = [
        ("AWS_ACCESS_KEY_ID", "111122223333"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ];
    let said = run_in(&["plan", folder.path().to_str().expect("a path")], &environment).fails_with(&["unreachable"]);
    assert!(!said.stderr.contains("\"test\""), "a secret is told");
}

#[test]
fn credentials_of_another_account_are_refused() {
    let folder = Folder::with_inputs("");
    folder.apply();
    folder.cloud(async |sdk| {
        let environment = [
            ("AWS_ACCESS_KEY_ID", "444455556666"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", sdk.endpoint()),
        ];
        run_in(&["plan", folder.path().to_str().expect("a path")], &environment).fails_with(&[
            "wrong-account",
            "444455556666",
            "111122223333",
        ]);
    });
}

#[test]
fn a_state_of_another_account_is_never_taken_for_nothing() {
    let folder = Folder::with_inputs("");
    folder.apply();
    folder.write("main.tf", &module("").replace("111122223333", "444455556666"));
    folder.local("plan", &[]).fails_with(&["state-of-another-account", "111122223333", "444455556666"]);
}

#[test]
fn a_denied_call_is_told_with_the_action_the_resource_and_the_principal() {
    let folder = Folder::with_inputs("");
    folder.local("validate", &[]).succeeds();
    folder.apply();
    folder.cloud(async |sdk| {
        let (id, secret) = sdk.user_without_permissions("nobody").await;
        let environment = [
            ("AWS_ACCESS_KEY_ID", id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
            ("AWS_ENDPOINT_URL", sdk.endpoint()),
        ];
        let said = run_in(&["apply", folder.path().to_str().expect("a path"), "--auto-approve"], &environment)
            .fails_with(&[
                "access-denied",
                "arn:aws:iam::111122223333:user/nobody",
                "is not authorized to perform",
                "on resource",
            ]);
        assert!(!format!("{}{}", said.stdout, said.stderr).contains(&secret), "a secret is told");
    });
}

#[test]
fn a_saved_plan_is_refused_when_the_world_has_moved() {
    let folder = Folder::with_inputs("");
    let file = folder.path().join("plan.json");
    let file = file.to_str().expect("a path");
    folder.local("plan", &["--out", file]).succeeds();
    run(&["apply", file]).succeeds();
    run(&["apply", file]).fails_with(&["plan-stale"]);
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0);
    folder.write("main.tf", &module("enable_dynamodb = true"));
    let changed = folder.local("plan", &["--detailed-exitcode"]);
    assert_eq!(changed.code, 2, "{}", changed.stdout);
    assert!(changed.stdout.contains("gains"), "{}", changed.stdout);
    folder.apply();
    folder.destroy();
}

#[test]
fn a_plan_that_nobody_can_approve_changes_nothing() {
    let folder = Folder::with_inputs("");
    folder.local("apply", &[]).fails_with(&["--auto-approve"]);
    assert!(!folder.state_path().exists());
}

#[test]
fn a_plan_that_locks_everybody_out_is_refused() {
    let folder = Folder::with_inputs("kms_root_access = false");
    folder.local("apply", &["--auto-approve"]).fails_with(&["lock-out"]);
    assert!(!folder.state_path().exists());
}

#[test]
fn a_missing_service_linked_role_is_told_where_it_is_not_made() {
    let folder = Folder::with_inputs("create_autoscaling_service_linked_role = false");
    folder
        .local("apply", &["--auto-approve"])
        .fails_with(&["missing-service-linked-role", "autoscaling.amazonaws.com"]);
}

#[test]
fn outputs_are_printed_one_by_one_and_raw() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let raw = folder.local("output", &["--raw"]);
    assert_eq!(raw.code, 1, "`--raw` wants a name");
    let path = folder.path().to_str().expect("a path");
    let id = run(&["output", path, "kms_key_id", "--raw", "--local"]).succeeds().stdout;
    assert!(id.starts_with("mrk-"), "{id}");
    run(&["output", path, "kms_key", "--local"]).fails_with(&["unknown-output", "kms_key_id"]);
    let addresses = run(&["state", "list", path, "--local"]).succeeds().stdout;
    assert!(addresses.contains("module.kms.aws_kms_key.general_encryption_key"), "{addresses}");
    let shown = run(&["show", path, "--local"]).succeeds().stdout;
    assert!(shown.contains(&id), "{shown}");
    folder.destroy();
}

/// Runs the program with its results sent to a disk that is full.
fn to_full_disk(arguments: &[&str]) -> Run {
    run_into(arguments, fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"))
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has `/dev/full`")]
fn a_result_that_is_not_written_is_told_and_ends_with_an_exit_code_of_its_own() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let at = folder.path().to_str().expect("a path");
    let commands: [&[&str]; 12] = [
        &["export", "json", at],
        &["validate", at],
        &["plan", at, "--local", "--detailed-exitcode"],
        &["plan", at, "--local", "--json"],
        &["output", at, "kms_key_id", "--module", "kms", "--local", "--raw"],
        &["output", at, "--local"],
        &["show", at, "--local"],
        &["show", at, "--local", "--json"],
        &["state", "list", at, "--local"],
        &["permissions", at],
        &["schema"],
        &["completions", "bash"],
    ];
    for arguments in commands {
        assert_eq!(run(arguments).code, 0, "{arguments:?}");
        let told = to_full_disk(arguments);
        assert_eq!(told.code, 4, "{arguments:?}: {}", told.stderr);
        assert_eq!(told.stderr.matches("output-lost").count(), 1, "{arguments:?}: {}", told.stderr);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let told = run_into(arguments, writer);
        assert_eq!((told.code, told.stderr.contains("output-lost")), (0, false), "{arguments:?}: {}", told.stderr);
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has `/dev/full`")]
fn what_fails_is_told_as_a_failure_though_its_result_is_lost_too() {
    let folder = Folder::with_inputs("  enable_firehose = true\n");
    let at = folder.path().to_str().expect("a path");
    for arguments in [&["validate", at][..], &["validate", at, "--json"]] {
        to_full_disk(arguments).fails_with(&["enable_alb_firehose"]);
    }
    to_full_disk(&["local", "--port", "0"]).fails_with(&["output-lost"]);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has `/dev/full`")]
fn an_apply_whose_report_is_lost_is_no_failure_and_a_plan_that_is_not_shown_is_not_asked_about() {
    let folder = Folder::with_inputs("");
    let at = folder.path().to_str().expect("a path");
    to_full_disk(&["apply", at, "--local"]).fails_with(&["output-lost"]);
    folder.local("apply", &[]).fails_with(&["no-terminal"]);
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 2, "nothing was made");
    let told = to_full_disk(&["apply", at, "--local", "--auto-approve"]);
    assert_eq!(told.code, 4, "{}", told.stderr);
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0, "all was made");
}

#[test]
fn what_a_state_marks_as_sensitive_is_not_shown_and_a_grant_token_not_even_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let resource = |kind: &str, attributes: serde_json::Value, sensitive: &str| {
        let path = serde_json::json!([[{"type": "get_attr", "value": sensitive}]]);
        serde_json::json!({"module": "module.kms", "mode": "managed", "type": kind, "name": "one", "provider": "p", "instances": [
            {"schema_version": 0, "attributes": attributes, "sensitive_attributes": path}
        ]})
    };
    let grant = serde_json::json!({"grant_id": "shown-grant", "grant_token": "SECRET-TOKEN"});
    let role = serde_json::json!({"name": "shown-role", "description": "SECRET-DESCRIPTION"});
    let state = serde_json::json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {},
        // Also a token that an odd tool has not marked.
        "resources": [resource("aws_kms_grant", grant, "grant_id_of_another"), resource("aws_iam_role", role, "description")],
    });
    std::fs::write(folder.path().join("terraform.tfstate"), state.to_string()).expect("written");
    let path = folder.path().to_str().expect("a path");
    let text = run(&["show", path]).succeeds().stdout;
    assert!(
        text.contains("shown-grant") && text.contains("shown-role") && text.contains("(sensitive value)"),
        "{text}"
    );
    assert!(!text.contains("SECRET"), "{text}");
    let json = run(&["show", path, "--json"]).succeeds().stdout;
    assert!(json.contains("shown-grant") && json.contains("SECRET-DESCRIPTION"), "{json}");
    assert!(!json.contains("SECRET-TOKEN"), "{json}");
}
