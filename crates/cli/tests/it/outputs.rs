//! The outputs of a folder: what the state holds, what a plan says of them, and what `keywright output` prints.

use serde_json::{Value, json};

use crate::folder::{Folder, module, run};

const BLOCKS: &str = "output \"arn\" {\n  value = module.kms.kms_key_arn\n}\noutput \"fixed\" {\n  value = [\"a\"]\n}\n\
                      output \"secret\" {\n  value = upper(module.kms.kms_key_id)\n  sensitive = true\n}\n";

fn stored(folder: &Folder) -> Value {
    let text = std::fs::read_to_string(folder.state_path()).expect("a state");
    serde_json::from_str::<Value>(&text).expect("JSON")["outputs"].clone()
}

fn exit_code(folder: &Folder) -> i32 {
    folder.local("plan", &["--detailed-exitcode"]).code
}

#[test]
fn a_folder_has_the_outputs_of_its_blocks_and_the_module_its_own() {
    let folder = Folder::with_inputs("");
    folder.write("outputs.tf", BLOCKS);
    let plan = folder.local("plan", &["--json"]).succeeds();
    let plan: Value = serde_json::from_str(&plan.stdout).expect("a plan");
    let of_plan: Vec<&String> = plan["output_changes"].as_object().expect("changes").keys().collect();
    assert_eq!(of_plan, ["arn", "fixed", "secret"]);
    assert_eq!(plan["output_changes"]["arn"]["after_unknown"], json!(true));
    assert_eq!(plan["output_changes"]["secret"]["after_sensitive"], json!(true));
    let applied = folder.apply();
    assert!(applied.stdout.contains("secret = <sensitive>"), "{}", applied.stdout);
    assert!(!applied.stdout.contains("kms_key_id"), "{}", applied.stdout);
    let id = folder.outputs()["kms_key_id"]["value"].as_str().expect("an ID").to_owned();
    assert!(!applied.stdout.contains(&id.to_uppercase()), "{}", applied.stdout);
    assert_eq!(stored(&folder)["secret"], json!({"value": id.to_uppercase(), "type": "string", "sensitive": true}));
    assert_eq!(exit_code(&folder), 0);

    let listed = folder.local("output", &[]).succeeds();
    assert!(
        listed.stdout.contains("secret = <sensitive>") && !listed.stdout.contains("kms_key_id"),
        "{}",
        listed.stdout
    );
    let data: Value = serde_json::from_str(&folder.local("output", &["--json"]).succeeds().stdout).expect("JSON");
    assert_eq!(data["fixed"], json!({"sensitive": false, "type": ["tuple", ["string"]], "value": ["a"]}));
    assert_eq!(data["secret"]["value"], json!(id.to_uppercase()));
    let path = folder.path().to_str().expect("a path");
    let one = run(&["output", path, "secret", "--local"]).succeeds().stdout;
    assert_eq!(one.trim(), format!("\"{}\"", id.to_uppercase()));
    assert_eq!(run(&["output", path, "kms_key_id", "--module", "kms", "--raw", "--local"]).succeeds().stdout, id);
    run(&["output", path, "kms_key_id", "--local"]).fails_with(&["unknown-output", "arn, fixed, secret", "--module"]);
    run(&["output", path, "--module", "other", "--local"]).fails_with(&["no-module", "other"]);
    folder.destroy();
    assert_eq!(stored(&folder), json!({}));
}

#[test]
fn a_folder_without_blocks_has_no_outputs_and_the_modules_are_worked_out() {
    let folder = Folder::with_inputs("");
    assert!(folder.local("output", &[]).succeeds().stderr.contains("nothing was applied yet"));
    let applied = folder.apply();
    assert!(applied.stdout.contains("Outputs of kms:"), "{}", applied.stdout);
    assert_eq!(stored(&folder), json!({}));
    let listed = folder.local("output", &[]).succeeds();
    assert!(
        listed.stderr.contains("The state holds no outputs") && listed.stdout.contains("kms_key_arn"),
        "{}",
        listed.stderr
    );
    assert_eq!(exit_code(&folder), 0);

    let text = std::fs::read_to_string(folder.state_path()).expect("a state");
    let mut state: Value = serde_json::from_str(&text).expect("JSON");
    state["outputs"]["kms"] = json!({"value": {"kms_key_id": "x"}, "type": ["object", {"kms_key_id": "string"}]});
    std::fs::write(folder.state_path(), state.to_string()).expect("written");
    let plan = folder.local("plan", &["--detailed-exitcode"]);
    assert!(plan.code == 2 && plan.stdout.contains("- kms = {"), "{}", plan.stdout);
    folder.apply();
    assert_eq!((stored(&folder), exit_code(&folder)), (json!({}), 0));
    folder.destroy();
}

#[test]
fn what_a_block_refers_to_beside_the_module_is_left_alone_and_said() {
    let folder = Folder::with_inputs("");
    folder.write(
        "outputs.tf",
        "output \"bucket\" {\n  value = aws_s3_bucket.b.arn\n}\noutput \"id\" {\n  value = module.kms.kms_key_id\n}\n",
    );
    let plan = folder.local("plan", &[]).succeeds();
    for told in ["output-left-alone", "`bucket`", "aws_s3_bucket.b", "outputs.tf:1"] {
        assert!(plan.stderr.contains(told), "{told}: {}", plan.stderr);
    }
    folder.apply();
    assert!(stored(&folder).as_object().expect("outputs").keys().eq(["id"]));
    folder.destroy();
}

#[test]
fn an_output_of_a_module_that_was_not_asked_for_is_for_a_run_without_module() {
    let folder = Folder::with_inputs("");
    folder.write("other.tf", &module("").replace("\"kms\"", "\"other\"").replace("\"test\"", "\"other\""));
    folder.write(
        "outputs.tf",
        "locals {\n  ids = [module.other.kms_key_id]\n}\noutput \"bucket\" {\n  value = aws_s3_bucket.b.arn\n}\n\
         output \"ids\" {\n  value = local.ids\n}\noutput \"own\" {\n  value = module.kms.kms_key_id\n}\n",
    );
    let plan = folder.local("plan", &["--module", "kms"]).succeeds();
    let notes: Vec<&str> = plan.stderr.split("output-left-alone").skip(1).collect();
    for (note, name, cure) in [
        (notes[0], "`bucket`", "`terraform apply` brings it"),
        (notes[1], "`ids`", "`keywright apply` without `--module` brings it"),
    ] {
        assert!(note.contains(name) && note.contains(cure), "{name}, {cure}: {note}");
    }
    assert_eq!(notes.len(), 2, "{}", plan.stderr);
    let whole = folder.local("plan", &[]).succeeds();
    assert!(!whole.stderr.contains("`ids` stays") && whole.stderr.contains("`bucket` stays"), "{}", whole.stderr);
}

#[test]
fn a_policy_within_an_output_is_only_named() {
    let folder = Folder::with_inputs("");
    folder.write("outputs.tf", "output \"kms\" {\n  value = { k = [module.kms] }\n}\n");
    let applied = folder.apply().stdout;
    let listed = folder.local("output", &[]).succeeds().stdout;
    for text in [applied, listed] {
        assert!(text.contains("= policy document\n") && !text.contains("\"policy document\""), "{text}");
        assert!(!text.contains("Statement"), "{text}");
    }
    folder.destroy();
}

#[test]
fn a_document_of_inputs_keeps_one_object_and_prints_its_outputs_flat() {
    let folder = Folder::new("");
    std::fs::remove_file(folder.path().join("main.tf")).expect("removed");
    folder.write(
        "keywright.yaml",
        "aws_account_id: \"111122223333\"\naws_region: eu-west-1\nname_prefix: acme\nenvironment: test\n",
    );
    let plan = folder.local("plan", &[]).succeeds().stdout;
    assert!(
        plan.contains("+ kms = {") && plan.contains("+ kms_key_arn ") && plan.contains(" = (known after apply)"),
        "{plan}"
    );
    folder.apply();
    let kms = stored(&folder)["kms"].clone();
    assert_eq!(kms["type"][1]["kms_replica_key_arn"], "dynamic");
    let data: Value = serde_json::from_str(&folder.local("output", &["--json"]).succeeds().stdout).expect("JSON");
    assert_eq!(data["kms_key_arn"]["value"], kms["value"]["kms_key_arn"]);
    assert_eq!(data["kms_alias_names"]["type"], json!(["list", "string"]));
    assert_eq!((folder.outputs(), exit_code(&folder)), (data, 0));
    folder.destroy();
}

#[test]
fn a_saved_plan_brings_the_outputs_of_when_it_was_made() {
    let folder = Folder::with_inputs("");
    folder.write("outputs.tf", BLOCKS);
    let file = folder.path().join("out.plan");
    let file = file.to_str().expect("a path");
    folder.local("plan", &["--out", file]).succeeds();
    folder.write("outputs.tf", "");
    run(&["apply", file]).succeeds();
    assert!(stored(&folder).as_object().expect("outputs").keys().eq(["arn", "fixed", "secret"]));
    assert_eq!(exit_code(&folder), 2, "the folder's blocks are gone since");
    folder.destroy();
}

#[test]
fn what_sensitive_inputs_become_is_not_shown_and_no_output_without_saying_so() {
    let inputs = "aliases = [\"alias/plain\"]\ntags = { (var.name) = \"x\" }\nkey_service_users = \
                  [\"arn:aws:iam::111122223333:user/${var.name}\"]";
    let folder = Folder::new(&format!("variable \"name\" {{\n  sensitive = true\n}}\n{}", module(inputs)));
    let block = |name: &str, value: &str, more: &str| format!("output \"{name}\" {{\n  value = {value}\n{more}}}\n");
    let says = "  sensitive = true\n";
    let blocks = [
        block("all", "module.kms", ""),
        block("names", "module.kms.kms_alias_names", ""),
        block("policy", "module.kms.kms_key_policy", ""),
        block("arn", "module.kms.kms_key_arn", ""),
        block("closed", "module.kms.kms_key_policy", says),
    ];
    folder.write("outputs.tf", &blocks.concat());
    let local = |command: &str, more: &[&str]| {
        let run = folder.local(command, &[&["--var", "name=hush-hush"], more].concat()).succeeds();
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(more.contains(&"--json") || !said.contains("hush"), "{said}");
        run
    };
    let planned = local("plan", &[]);
    assert!(
        planned.stdout.contains("(sensitive value)") && planned.stdout.contains("alias/plain"),
        "{}",
        planned.stdout
    );
    let plan: Value = serde_json::from_str(&local("plan", &["--json"]).stdout).expect("a plan");
    let of = |address: &str| {
        let all = plan["resource_changes"].as_array().expect("changes");
        let found = all.iter().find(|it| it["address"].as_str().expect("an address").contains(address));
        found.expect("a change")["change"].clone()
    };
    let key = of("aws_kms_key.");
    assert_eq!(key["after_sensitive"]["tags"], json!(true));
    assert_eq!(key["after"]["tags"]["hush-hush"], "x", "as Terraform's JSON has it");
    assert_eq!(of("alias/plain")["after_sensitive"], json!({}));

    local("apply", &["--auto-approve"]);
    let kept: Vec<String> = stored(&folder).as_object().expect("outputs").keys().cloned().collect();
    assert_eq!(kept, ["arn", "closed", "names"]);
    local("output", &[]);
    let handed_out = local("output", &["--module", "kms"]).stdout;
    assert!(handed_out.contains("= <sensitive>") && handed_out.contains("alias/plain"), "{handed_out}");
    local("destroy", &["--auto-approve"]);
}
