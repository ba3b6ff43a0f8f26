//! `keywright export`: what it writes is the folder again, in another tool's words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::folder::{ACCOUNT, Folder, module, run};

/// Everything that a module can make, in two Regions.
const ALL: &str = r#"
  tags                       = { Team = "ä team", "cost:center" = "7" }
  replication_region         = "us-east-1"
  replication_region_buckets = { copy = { region = "us-east-1" } }
  enable_kms_admin_role      = true
  kms_root_access            = false
  aliases                    = ["alias/acme/main", "alias/acme-main"]
  enable_key_monitoring      = true
  sns_topic_arn              = "arn:aws:sns:eu-west-1:111122223333:alarms"
  replica_sns_topic_arn      = "arn:aws:sns:us-east-1:111122223333:alarms"
  cloudtrail_log_group_name  = "/trail"
  enable_key_lifecycle_alarms = true
  grants = {
    reader = {
      grantee_principal = "arn:aws:iam::111122223333:role/reader"
      operations        = ["Decrypt"]
      region            = "us-east-1"
      constraints       = { encryption_context_subset = { "it's $${x} %%{y}" = "a\nb" } }
    }
  }
"#;

fn export(folder: &Folder, format: &str, more: &[&str]) -> crate::folder::Run {
    let mut arguments = vec!["export", format, folder.path().to_str().expect("a path"), "--local"];
    arguments.extend(more);
    run(&arguments)
}

/// The files of an export by name, and its notes.
fn exported(folder: &Folder, format: &str, more: &[&str]) -> (BTreeMap<String, String>, Vec<String>) {
    let said = export(folder, format, &[&["--json"], more].concat()).succeeds();
    assert_eq!(said.stderr, "");
    let data: Value = serde_json::from_str(&said.stdout).expect("data");
    let parts = (data["files"].clone(), data["notes"].clone());
    (serde_json::from_value(parts.0).expect("files"), serde_json::from_value(parts.1).expect("notes"))
}

fn written(folder: &Folder, more: &[&str]) -> Folder {
    let other = Folder::new("");
    let out = other.path().join("out");
    let out = out.to_str().expect("a path");
    export(folder, "terraform", &[&["--out", out], more].concat()).succeeds();
    std::fs::remove_file(other.path().join("main.tf")).expect("it was there");
    for name in ["main.tf", "versions.tf", "providers.tf", "outputs.tf", "imports.tf", "variables.tf", "modules"] {
        let from = other.path().join("out").join(name);
        if from.exists() {
            std::fs::rename(from, other.path().join(name)).expect("it moves");
        }
    }
    std::fs::remove_dir(other.path().join("out")).expect("nothing else was written");
    other
}

/// Takes the state and the AWS of a folder to another.
fn move_world(from: &Folder, to: &Folder) {
    std::fs::rename(from.path().join(".keywright"), to.path().join(".keywright")).expect("it moves");
}

/// The same text for every run: IDs that AWS gives, by their place.
fn without_ids(text: &str, folder: &Folder) -> String {
    let state: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.state_path()).expect("a state")).expect("JSON");
    let mut text = text.to_owned();
    for resource in state["resources"].as_array().expect("resources") {
        for instance in resource["instances"].as_array().expect("instances") {
            let (name, attributes) = (resource["name"].as_str().expect("a name"), &instance["attributes"]);
            if let Some(id) = attributes["grant_id"].as_str() {
                text = text.replace(id, &format!("<ID of {name}>"));
            }
            if resource["type"] == "aws_kms_key" {
                text = text.replace(attributes["key_id"].as_str().expect("an ID"), "mrk-1");
            }
        }
    }
    text
}

#[test]
fn a_folder_that_was_exported_is_the_same_folder() {
    let folder = Folder::with_inputs(ALL);
    folder.apply();
    let first = export(&folder, "terraform", &[]).succeeds();
    assert_eq!(export(&folder, "terraform", &[]).succeeds().stdout, first.stdout);
    insta::assert_snapshot!("terraform", without_ids(&first.stdout, &folder));
    assert_eq!(first.stderr.matches("note: ").count(), 1, "{}", first.stderr);
    assert!(first.stderr.contains("has no root access"), "{}", first.stderr);

    let again = written(&folder, &[]);
    move_world(&folder, &again);
    again.local("validate", &[]).succeeds();
    let plan = again.local("plan", &["--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
    let twice = export(&again, "terraform", &[]).succeeds();
    assert_eq!(twice.stdout, first.stdout, "an export of an export is the same");
}

#[test]
fn a_name_that_looks_as_if_it_ended_in_a_region_does_not() {
    let inputs = module("enable_kms_admin_role = true");
    let folder = Folder::new(&inputs.replace("\"acme\"", "\"me@eu\"").replace("\"test\"", "\"1\""));
    folder.apply();
    let (files, _) = exported(&folder, "terraform", &[]);
    assert!(files["imports.tf"].contains("id = \"me@eu-kms-access-denied-1@eu-west-1\"\n"), "{}", files["imports.tf"]);
    let key = folder.outputs()["kms_key_id"]["value"].as_str().expect("an ID").to_owned();
    assert!(files["imports.tf"].contains(&format!("id = \"{key}\"\n")), "{}", files["imports.tf"]);
}

#[test]
fn what_the_state_holds_and_the_inputs_do_not_want_is_told() {
    let folder = Folder::with_inputs("aliases = [\"alias/old\"]");
    folder.apply();
    folder.write("main.tf", &module("aliases = [\"alias/new\"]"));
    let (files, notes) = exported(&folder, "terraform", &[]);
    assert!(
        notes[0].contains("`module.kms.aws_kms_alias.alias[\"alias/old\"]` is in the state and no part"),
        "{notes:?}"
    );
    assert!(files["imports.tf"].contains("aws_kms_key.general_encryption_key\n"));
    assert!(!files["imports.tf"].contains("alias/"), "{}", files["imports.tf"]);
}

#[test]
fn a_grant_is_imported_by_its_keys_whole_arn() {
    let folder = Folder::with_inputs(ALL);
    folder.apply();
    let mut state: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.state_path()).expect("a state")).expect("JSON");
    let grants = state["resources"].as_array_mut().expect("resources").iter_mut();
    for grant in grants.filter(|resource| resource["type"] == "aws_kms_grant") {
        let instances = grant["instances"].as_array_mut().expect("instances");
        for attributes in instances.iter_mut().map(|instance| &mut instance["attributes"]) {
            let arn = attributes["key_id"].as_str().expect("an ARN").to_owned();
            attributes["key_id"] = arn.rsplit('/').next().into();
        }
    }
    let before = exported(&folder, "terraform", &[]);
    std::fs::write(folder.state_path(), state.to_string()).expect("written");
    assert_eq!(exported(&folder, "terraform", &[]), before);
}

/// Terraform, where it is installed.
fn terraform() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("terraform")).find(|file| file.is_file());
    if found.is_none() {
        println!("NOT RUN: no terraform on this machine");
    }
    found
}

fn terraform_says(program: &Path, folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_remove("TF_CLI_CONFIG_FILE").env("CHECKPOINT_DISABLE", "1");
    let said = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(said.status.success(), "{arguments:?}: {}{}", text(&said.stdout), text(&said.stderr));
    text(&said.stdout)
}

#[test]
fn terraform_formats_it_no_further_and_reads_the_same_values() {
    let Some(program) = terraform() else { return };
    let awkward = [
        "a\"b\\c",
        "$${x}",
        "${x}",
        "%{if}",
        "%%{",
        "%${",
        "$$$",
        "line\nbreak\ttab\r",
        "é漢👩\u{200d}👧",
        "\u{7f}\u{1}",
        "<&>",
        "",
    ];
    let context: serde_json::Map<String, Value> =
        awkward.iter().zip(0..).map(|(text, at)| (format!("{at}{text}"), json!(text))).take(8).collect();
    let conditions: Vec<&str> =
        awkward.iter().copied().filter(|it| it.chars().all(|it| it > '\u{1f}' && it < '\u{7f}')).collect();
    let inputs = json!({
        "aws_account_id": ACCOUNT, "aws_region": "eu-west-1", "name_prefix": "acme", "environment": "test",
        "tags": {"é": "1", "for": "2", "a-b": "3"},
        "grants": {"g": {
            "grantee_principal": format!("arn:aws:iam::{ACCOUNT}:root"), "operations": ["Decrypt"],
            "constraints": {"encryption_context_equals": context},
        }},
        "key_statements": [{
            "principals": [{"type": "AWS", "identifiers": [format!("arn:aws:iam::{ACCOUNT}:root")]}], "actions": ["kms:Decrypt"],
            "conditions": [{"test": "StringEquals", "variable": "aws:PrincipalTag/a", "values": conditions}],
        }],
        "default_region_buckets": {"cloudtrail": {"enabled": false}, "b": {}},
        "key_decrypt_threshold": 7,
    });
    let document = Folder::new("");
    std::fs::remove_file(document.path().join("main.tf")).expect("it was there");
    document.write("keywright.json", &inputs.to_string());
    let there = written(&document, &[]);
    terraform_says(&program, there.path(), &["fmt", "-check", "-diff", "-recursive"]);
    let applied = Folder::with_inputs(ALL);
    applied.apply();
    terraform_says(&program, written(&applied, &[]).path(), &["fmt", "-check", "-diff", "-recursive"]);

    // The call of the module as local values, for which no provider is needed.
    let main = std::fs::read_to_string(there.path().join("main.tf")).expect("a file");
    let names: Vec<&String> = inputs.as_object().expect("inputs").keys().collect();
    let told: String = names.iter().map(|name| format!("    {name} = local.{name}\n")).collect();
    let alone = Folder::new(&main.replace("module \"kms\" {", "locals {"));
    alone.write("output.tf", &format!("output \"all\" {{\n  value = {{\n{told}  }}\n}}\n"));
    terraform_says(&program, alone.path(), &["init", "-input=false"]);
    terraform_says(&program, alone.path(), &["apply", "-auto-approve", "-input=false"]);
    let read: Value =
        serde_json::from_str(&terraform_says(&program, alone.path(), &["output", "-json", "all"])).expect("JSON");
    assert_eq!(read, inputs);
}

#[test]
fn data_tells_every_resource_and_what_it_refers_to() {
    let folder = Folder::with_inputs(ALL);
    let said = export(&folder, "json", &[]).succeeds();
    let data: Value = serde_json::from_str(&said.stdout).expect("only JSON, where there is one file");
    insta::assert_snapshot!("json", said.stdout);
    assert_eq!((&data["format"], &data["version"]), (&json!("keywright-export"), &json!(1)));
    let planned = folder.local("plan", &["--json"]).succeeds();
    let planned: Value = serde_json::from_str(&planned.stdout).expect("a plan");
    let addresses = |list: &Value| {
        let mut found: Vec<String> = list
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| it["address"].as_str().expect("an address").to_owned())
            .collect();
        found.sort();
        found
    };
    assert_eq!(addresses(&data["modules"][0]["resources"]), addresses(&planned["resource_changes"]));
}
