//! `keywright export`: what it writes is the folder again, in another tool's words.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use keywright_policy::{Document, PolicyKind, equivalent};
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

/// Outputs of which nothing is a resource's: each with what could be lost on the way, be it a type.
const FIXED_OUTPUTS: &str = r#"
variable "team" {
  type    = string
  default = "it's $${x} \"a\""
}

variable "zones" {
  type    = list(string)
  default = ["a", "b"]
}

variable "zone_set" {
  type    = set(string)
  default = ["a", "b"]
}

variable "limits" {
  type    = map(number)
  default = { low = -1, "high-er" = 2.5 }
}

variable "shape" {
  type = object({ name = string, none = optional(string), deep = object({ on = bool }) })
  default = {
    name = "n"
    deep = { on = true }
  }
}

locals {
  names = {
    # Each by itself.
    for zone in var.zones : zone => "${zone}-${var.team}"
  }
  all  = [local.names, var.shape]
  gone = var.team
}

output "types" {
  description = "What's ${"$"}{known} \"here\""
  value       = [var.zones, var.zone_set, var.limits, var.shape, var.team]
}

output "parts" {
  value = { n = 2 - var.limits.low, on = var.shape.deep.on ? var.zones[0] : "", (var.shape.name) = var.zones[*] }
}

output "text" {
  value = <<-EOT
    one ${var.team}

      two ${join(",", var.zones)}
  EOT
}

output "all" {
  value     = local.all
  sensitive = true
}
"#;

/// The output that an exported folder has.
const WHOLE: &str = "\noutput \"kms\" {\n  value = module.kms\n}\n";
const OUTPUTS: &str = r#"
output "arn" {
  description = "The key's ARN"
  value       = module.kms.kms_key_arn
}

output "tags" {
  value = { for name, arn in { (local.here) = module.kms.kms_key_arn } : name => { arn = arn, whole = module.kms } }
}

locals {
  here = "${var.team} ${module.kms.kms_key_id}"
}
"#;
const SENSITIVE_WHOLE: &str = "\noutput \"kms\" {\n  value     = module.kms\n  sensitive = true\n}\n";

#[test]
fn a_folder_that_was_exported_is_the_same_folder() {
    let folder = Folder::new(&format!("{}{WHOLE}", module(ALL)));
    folder.write("outputs.tf", FIXED_OUTPUTS);
    folder.write("more.tf", OUTPUTS);
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
fn nothing_needs_to_be_applied_and_looking_makes_nothing() {
    let folder = Folder::with_inputs(ALL);
    let (files, notes) = exported(&folder, "terraform", &[]);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["main.tf", "providers.tf", "versions.tf"]);
    assert!(notes.iter().any(|note| note.contains("there are no import blocks")), "{notes:?}");
    for format in ["cloudformation", "json"] {
        exported(&folder, format, &[]);
    }
    let there: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").map(|it| it.expect("one").file_name()).collect();
    assert_eq!(there, ["main.tf"]);
}

#[test]
fn an_export_writes_over_nothing() {
    let folder = Folder::with_inputs("");
    let other = Folder::new("# mine\n");
    let out = other.path().to_str().expect("a path");
    for format in ["terraform", "cloudformation", "json"] {
        export(&folder, format, &["--out", out]).fails_with(&["is not empty", "a folder that is not there yet"]);
    }
    assert_eq!(std::fs::read_to_string(other.path().join("main.tf")).expect("a file"), "# mine\n");
    assert_eq!(std::fs::read_dir(other.path()).expect("a folder").count(), 1);
}

#[test]
fn the_module_comes_from_where_it_is_said_to_be() {
    let folder = Folder::with_inputs("");
    let source = "git::https://example.com/keys.git//modules/kms?ref=v1";
    let there = written(&folder, &["--source", source]);
    assert!(!there.path().join("modules").exists());
    let main = std::fs::read_to_string(there.path().join("main.tf")).expect("a file");
    assert!(main.contains(&format!("source = \"{source}\"\n")), "{main}");
    there.local("validate", &[]).succeeds();
    assert!(written(&folder, &[]).path().join("modules/kms/policy.tf").exists());
    export(&folder, "json", &["--source", source]).fails_with(&["`--source` means nothing in this format"]);
    export(&folder, "terraform", &["--import"]).fails_with(&["`--import` means nothing in this format"]);
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
fn several_modules_stay_apart() {
    let one = module("deletion_window_in_days = 7").replace("\"test\"", "\"one\"");
    let other = module("").replace("module \"kms\"", "module \"us\"").replace("eu-west-1", "us-west-2");
    let outputs = "\noutput \"both\" {\n  value = [module.kms.kms_key_id, module.us.kms_key_id]\n}\n\n\
                   output \"us\" {\n  value = module.us\n}\n";
    let folder = Folder::new(&format!("{one}\n{other}{outputs}"));
    folder.apply();
    let (files, _) = exported(&folder, "terraform", &[]);
    assert!(files["main.tf"].contains("module \"kms\" {") && files["main.tf"].contains("module \"us\" {"));
    assert_eq!(files["outputs.tf"], outputs.trim_start());
    let of_us = files["imports.tf"].split("\n\n").filter(|block| block.contains("module.us."));
    of_us.for_each(|block| assert!(block.contains("@us-west-2\""), "{block}"));
    let (files, _) = exported(&folder, "cloudformation", &[]);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["kms.eu-west-1.template.json", "us.us-west-2.template.json"]);
    let (files, notes) = exported(&folder, "terraform", &["--module", "us"]);
    assert!(!files["main.tf"].contains("module \"kms\""));
    assert_eq!(files["outputs.tf"], "output \"us\" {\n  value = module.us\n}\n");
    let left_out = |note: &String| note.contains("`both` is left out: it refers to `module.kms`");
    assert!(notes.iter().any(left_out), "{notes:?}");
}

#[test]
fn an_output_that_the_exported_folder_cannot_have_is_left_out_and_said() {
    let secret = "variable \"secret\" {\n  default   = \"hush-hush\"\n  sensitive = true\n}\n\n\
                  variable \"none\" {\n  type    = list(string)\n  default = []\n}\n\n\
                  locals {\n  of_it = [var.secret]\n  fine  = module.kms.kms_key_id\n  round = local.round\n}\n";
    let kept = "locals {\n  fine = module.kms.kms_key_id\n}\n\noutput \"kept\" {\n  value = local.fine\n}\n";
    let cases = [
        ("var.secret", "it refers to `var.secret`, which is sensitive"),
        ("[module.kms.kms_key_id, local.of_it]", "it refers to `var.secret`, which is sensitive"),
        ("var.none", "of a type that no expression has"),
        ("{ a = \"${data.aws_sns_topic.t.arn}\" }", "it refers to `data.aws_sns_topic`"),
        ("[for it in [1] : aws_sns_topic.t[it].arn]", "it refers to `aws_sns_topic.t`"),
        ("\"${path.module}/x\"", "it refers to `path.module`"),
        ("file(\"x\")", "it calls `file`"),
        ("module.network.id", "it refers to `module.network`"),
        ("[for var in module.kms.aliases : var.x]", "its `for` gives `var` another meaning"),
    ];
    for (expression, because) in cases {
        let folder = Folder::new(&format!(
            "{}\n{secret}\noutput \"kept\" {{\n  value = local.fine\n}}\noutput \"it\" {{\n  value     = {expression}\n  \
             sensitive = true\n}}\n",
            module("")
        ));
        let (files, notes) = exported(&folder, "terraform", &[]);
        assert_eq!(files["outputs.tf"], kept, "{expression}");
        let told = |note: &String| note.starts_with("The output `it` is left out: ") && note.contains(because);
        assert_eq!(notes.iter().filter(|note| told(note)).count(), 1, "{expression}: {notes:?}");
        assert!(!format!("{files:?}{notes:?}").contains("hush"), "{expression}");
    }
}

#[test]
fn a_document_of_inputs_hands_out_its_module_and_json_is_written_as_hcl() {
    let inputs =
        json!({ "aws_account_id": ACCOUNT, "aws_region": "eu-west-1", "name_prefix": "acme", "environment": "test" });
    let document = Folder::new("");
    std::fs::remove_file(document.path().join("main.tf")).expect("it was there");
    document.write("keywright.json", &inputs.to_string());
    let (files, _) = exported(&document, "terraform", &[]);
    assert_eq!(files["outputs.tf"], WHOLE.trim_start());

    let folder = Folder::with_inputs("");
    let outputs = json!({ "variable": { "a": { "default": "x" } }, "output": {
        "arn": { "value": "${module.kms.kms_key_arn}", "description": "It", "sensitive": true },
        "list": { "value": [1, true, null, "text", {}, { "a b": "${var.a}" }] },
        "mixed": { "value": "is ${module.kms.kms_key_arn}" },
        "name": { "value": { "${module.kms.kms_key_id}": 1 } },
    } });
    folder.write("outputs.tf.json", &outputs.to_string());
    let (files, notes) = exported(&folder, "terraform", &[]);
    let expect = "output \"arn\" {\n  description = \"It\"\n  value       = module.kms.kms_key_arn\n  sensitive   = true\n}\n\n\
                  output \"list\" {\n  value = [1, true, null, \"text\", {}, { \"a b\" = \"x\" }]\n}\n";
    assert_eq!(files["outputs.tf"], expect);
    for name in ["mixed", "name"] {
        let told = format!("The output `{name}` is left out: it ");
        assert!(notes.iter().any(|note| note.starts_with(&told)), "{notes:?}");
    }
}

#[test]
fn no_secret_is_in_any_output() {
    let folder = Folder::new(&format!(
        "variable \"suffix\" {{\n  type = string\n  sensitive = true\n}}\n{}{SENSITIVE_WHOLE}",
        module("aliases = [\"alias/${var.suffix}\"]\ntags = { Plain = \"visible\", Team = \"of ${var.suffix}\" }")
    ));
    let secret = ["--var", "suffix=hush-hush"];
    folder.local("apply", &[&["--auto-approve"], &secret[..]].concat()).succeeds();
    let told = export(&folder, "terraform", &secret).succeeds();
    let all = format!("{}{}", told.stdout, told.stderr);
    assert!(!all.contains("hush") && !all.contains("visible"), "{all}");
    for expect in [
        "aliases        = var.aliases\n",
        "tags           = var.tags\n",
        "variable \"tags\" {\n  description = \"Tags for every resource that can carry tags\"\n  type        = map(string)\n  sensitive   = true\n}\n",
        "output \"kms\" {\n  value     = module.kms\n  sensitive = true\n}\n",
        "`module.kms.aws_kms_alias.alias` has no import block",
        "The input `tags` of module `kms` comes from a sensitive variable: give `tags` to Terraform.",
        "to = module.kms.aws_kms_key.general_encryption_key\n",
    ] {
        assert!(all.contains(expect), "`{expect}` is not in:\n{all}");
    }
    for format in ["cloudformation", "json"] {
        let refused = export(&folder, format, &secret);
        assert!(!refused.stderr.contains("hush"), "{}", refused.stderr);
        refused.fails_with(&["the input `tags` comes from a sensitive variable", "export it as `terraform`"]);
    }

    let again = written(&folder, &secret);
    move_world(&folder, &again);
    let values = ["--var", "aliases=[\"alias/hush-hush\"]", "--var", "tags={Plain=\"visible\",Team=\"of hush-hush\"}"];
    let plan = again.local("plan", &[&["--detailed-exitcode"], &values[..]].concat());
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
}

#[test]
fn a_grant_token_in_a_state_of_another_tool_stays_there() {
    let folder = Folder::with_inputs(ALL);
    folder.apply();
    let state = std::fs::read_to_string(folder.state_path()).expect("a state");
    let with_tokens = state.replace("\"grant_token\": null", "\"grant_token\": \"hush\"");
    assert!(with_tokens.contains("hush"));
    std::fs::write(folder.state_path(), with_tokens).expect("written");
    for (format, more) in [("terraform", &[][..]), ("cloudformation", &["--import"]), ("json", &[])] {
        let told = export(&folder, format, more).succeeds();
        assert!(!format!("{}{}", told.stdout, told.stderr).contains("hush"), "{format}");
    }
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
        // Straight to the stream: what a test that passes prints is not shown.
        writeln!(std::io::stderr(), "NOT RUN: no terraform on this machine").expect("it is said");
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
    let applied = Folder::new(&format!("{}{WHOLE}", module(ALL)));
    applied.write("outputs.tf", FIXED_OUTPUTS);
    applied.write("more.tf", OUTPUTS);
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
fn terraform_gives_exported_outputs_the_same_values_and_types() {
    let Some(program) = terraform() else { return };
    let folder = Folder::with_inputs("");
    folder.write("outputs.tf", FIXED_OUTPUTS);
    let (files, notes) = exported(&folder, "terraform", &[]);
    assert!(notes.iter().all(|note| !note.contains("left out")), "{notes:?}");
    let outputs = |text: &str| {
        let alone = Folder::new(text);
        terraform_says(&program, alone.path(), &["init", "-input=false"]);
        terraform_says(&program, alone.path(), &["apply", "-auto-approve", "-input=false"]);
        let state = std::fs::read_to_string(alone.path().join("terraform.tfstate")).expect("a state");
        serde_json::from_str::<Value>(&state).expect("JSON")["outputs"].clone()
    };
    let before = outputs(FIXED_OUTPUTS);
    assert_eq!(before.as_object().expect("outputs").len(), 4);
    assert_eq!(outputs(&files["outputs.tf"]), before);
}

#[test]
fn templates_tell_the_same_resources() {
    let folder = Folder::with_inputs(ALL);
    let (files, notes) = exported(&folder, "cloudformation", &[]);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["kms.eu-west-1.template.json", "kms.us-east-1.template.json"]);
    insta::assert_snapshot!("cloudformation", files.values().cloned().collect::<String>());
    for grant in ["s3_replication_grant[0]", "s3_replication_source_grant[0]", "grant[\"reader\"]"] {
        let told = format!("`module.kms.aws_kms_grant.{grant}` is in no template");
        assert!(notes.iter().any(|note| note.starts_with(&told)), "{told}: {notes:?}");
    }
    let left_out = |name: &str| {
        let template: Value = serde_json::from_str(&files[name]).expect("JSON");
        template["Metadata"]["keywright"]["left_out"].as_array().expect("a list").len()
    };
    assert_eq!((left_out("kms.eu-west-1.template.json"), left_out("kms.us-east-1.template.json")), (2, 2));
}

#[test]
fn what_cloudformation_would_take_for_its_own_language_is_refused() {
    let condition = |test: &str, variable: &str, value: &str| {
        module(&format!(
            "key_statements = [{{ sid = \"Mine\", effect = \"Deny\", actions = [\"kms:Decrypt\"], \
             principals = [{{ type = \"AWS\", identifiers = [\"*\"] }}], \
             conditions = [{{ test = \"{test}\", variable = \"{variable}\", values = [\"{value}\"] }}] }}]"
        ))
    };
    let (tag, like) = ("aws:PrincipalTag/a", "StringLike");
    for (test, variable, value, place) in [
        (like, tag, "{{resolve:ssm:/x:1}}", "aws:PrincipalTag/a"),
        (like, tag, "a{{Resolve:secretsmanager:x}}b", "is a dynamic reference"),
        (like, "Ref", "x", "`Ref` at `policy.Statement["),
        (like, "Fn::Join", "x", "`Fn::Join` at `policy.Statement["),
        (like, "aws:PrincipalTag/{{resolve:ssm:/x:1}}", "x", "is a dynamic reference"),
    ] {
        let folder = Folder::new(&condition(test, variable, value));
        let said = export(&folder, "cloudformation", &[]);
        assert_eq!(said.stdout, "");
        said.fails_with(&["its own language", "module.kms.aws_kms_key_policy", place]);
        export(&folder, "json", &[]).succeeds();
    }
    for (variable, value) in [(tag, "{{resolved}}"), (tag, "Ref"), (tag, "Fn::Join"), (tag, "$${AWS::Region}")] {
        let folder = Folder::new(&condition(like, variable, value));
        let said = export(&folder, "cloudformation", &[]).succeeds();
        assert!(said.stdout.contains(&value.replace("$$", "$")), "{}", said.stdout);
        assert!(!said.stdout.contains("Fn::Sub"), "{}", said.stdout);
    }
    let grant = |name: &str| {
        module(&format!(
            "grants = {{ g = {{ grantee_principal = \"arn:aws:iam::{ACCOUNT}:root\", operations = [\"Decrypt\"], \
             constraints = {{ encryption_context_equals = {{ \"{name}\" = \"x\" }} }} }} }}"
        ))
    };
    export(&Folder::new(&grant("Ref")), "cloudformation", &[]).fails_with(&["its own language", "`Ref` at `Metadata"]);
    export(&Folder::new(&grant("Refs")), "cloudformation", &[]).succeeds();
}

#[test]
fn the_key_policies_of_templates_mean_what_those_of_the_folder_mean() {
    let folder = Folder::with_inputs(ALL);
    let out = folder.path().join("out");
    export(&folder, "cloudformation", &["--out", out.to_str().expect("a path")]).succeeds();
    let (data, _) = exported(&folder, "json", &[]);
    let data: Value = serde_json::from_str(&data["keywright.export.json"]).expect("JSON");
    let wanted = |name: &str| {
        let resources = data["modules"][0]["resources"].as_array().expect("resources");
        let found = resources
            .iter()
            .find(|it| it["address"].as_str().expect("an address").contains(name))
            .expect("it is there");
        found["arguments"]["policy"].as_str().expect("a policy").to_owned()
    };
    let read = |text: &str| Document::parse(text, PolicyKind::Key).expect("a key policy");
    for (region, key, address) in [
        ("eu-west-1", "GeneralEncryptionKey", "aws_kms_key_policy"),
        ("us-east-1", "ReplicaKey", "aws_kms_replica_key"),
    ] {
        let file = out.join(format!("kms.{region}.template.json"));
        let template: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
        let policy = template["Resources"][key]["Properties"]["KeyPolicy"].to_string();
        assert!(equivalent(&read(&policy), &read(&wanted(address))), "{policy}");
        // What its own reader makes of it.
        let file = file.to_str().expect("a path");
        let prove = |more: &[&str]| {
            run(&[&["prove", "--template", file, "--account", ACCOUNT, "--region", region], more].concat())
        };
        let proved = prove(&["--claim", "root-is-gone"]);
        assert_eq!(proved.code, 0, "{}{}", proved.stdout, proved.stderr);
        assert!(proved.stdout.contains(key), "{}", proved.stdout);
    }
    let with_root = Folder::with_inputs("");
    let (files, _) = exported(&with_root, "cloudformation", &[]);
    with_root.write("t.json", &files["kms.eu-west-1.template.json"]);
    let file = with_root.path().join("t.json");
    let refuted = run(&[
        "prove",
        "--template",
        file.to_str().expect("a path"),
        "--account",
        ACCOUNT,
        "--region",
        "eu-west-1",
        "--claim",
        "root-is-gone",
    ]);
    assert_eq!(refuted.code, 1, "{}", refuted.stdout);
}

#[test]
fn cloudformation_takes_over_what_the_state_holds() {
    let folder = Folder::with_inputs(ALL);
    folder.apply();
    let (files, _) = exported(&folder, "cloudformation", &["--import"]);
    for region in ["eu-west-1", "us-east-1"] {
        let read =
            |name: &str| serde_json::from_str::<Value>(&files[&format!("kms.{region}.{name}.json")]).expect("JSON");
        let (template, listed) = (read("template"), read("import"));
        let resources = template["Resources"].as_object().expect("resources");
        let listed = listed.as_array().expect("a list");
        assert_eq!(listed.len(), resources.len());
        for one in listed {
            let resource = &resources[one["LogicalResourceId"].as_str().expect("an ID")];
            assert_eq!(resource["Type"], one["ResourceType"]);
            assert!(resource["DeletionPolicy"].is_string());
            assert!(
                one["ResourceIdentifier"].as_object().expect("properties").values().all(|it| it.is_string()),
                "{one}"
            );
        }
        assert_eq!(template.get("Outputs"), None);
    }
    let replica: Value = serde_json::from_str(&files["kms.us-east-1.template.json"]).expect("JSON");
    let key = folder.outputs()["kms_key_arn"]["value"].clone();
    assert_eq!(replica["Parameters"]["GeneralEncryptionKeyArn"]["Default"], key);

    let never_applied = Folder::with_inputs("");
    let (files, notes) = exported(&never_applied, "cloudformation", &["--import"]);
    assert_eq!(files["kms.eu-west-1.import.json"], "[]\n");
    assert!(notes[0].contains("is not in the state: take it out of the template"), "{notes:?}");
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
