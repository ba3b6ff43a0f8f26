//! Folders of configuration: what is understood, and how it is said what is not.

use keywright_module::{Assignment, GivenInput, Sources, load};
use serde_json::Value;

use crate::common::{errors, folder, module, render, sources};

/// A folder from the files of a case; `MODULE` in a text stands for a module without `name_prefix`.
fn case_sources(case: &Value, at: &std::path::Path) -> Sources {
    let pairs = |name: &str| -> Vec<(String, String)> {
        let fields = case[name].as_object().into_iter().flatten();
        fields.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
    };
    Sources {
        assignments: pairs("vars").into_iter().map(|(name, value)| Assignment::Variable { name, value }).collect(),
        environment: pairs("environment"),
        refs: pairs("refs"),
        refs_from: case["refs_from"].as_str().map(|name| at.join(name)),
        module: case["module"].as_str().map(str::to_owned),
        ..sources(at)
    }
}

const MODULE: &str = "module \"kms\" {\n  source = \"./modules/kms\"\n  aws_account_id = \"111122223333\"\n  \
                      aws_region = \"eu-west-1\"\n  environment = \"prod\"\n";

fn check(case: &Value) {
    let what = case["what"].as_str().expect("each case says what it shows");
    let files = case["files"].as_object().expect("files");
    let texts: Vec<(&str, String)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str().unwrap_or_default().replace("MODULE", MODULE.trim_end())))
        .collect();
    let folder = folder(&texts.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>());
    let sources = case_sources(case, folder.path());
    if let Some(expect) = case["gives"].as_object() {
        let modules = load(&sources).unwrap_or_else(|wrong| panic!("{what}: {wrong:#?}"));
        for (name, value) in expect {
            assert_eq!(&found(&modules, name), value, "{what}: {name}");
        }
        return;
    }
    let errors = errors(&sources);
    let shown: Vec<String> = errors.iter().map(shown).collect();
    let expect: Vec<&str> = case["errors"].as_array().expect("errors").iter().filter_map(Value::as_str).collect();
    assert_eq!(shown, expect, "{what}: {errors:#?}");
    let everything = format!("{errors:?}");
    for word in case["says"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(everything.contains(word), "{what}: says `{word}`: {errors:#?}");
    }
    for secret in case["hides"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let lines = errors
            .iter()
            .flat_map(|error| &error.labels)
            .filter_map(|label| label.span.file.line(label.span.start().line).map(str::to_owned));
        let all = lines.collect::<String>() + &everything;
        assert!(!all.contains(secret), "{what}: hides `{secret}`: {all}");
    }
}

/// `CODE FILE:LINE:COLUMN`.
fn shown(error: &keywright_model::Diagnostic) -> String {
    let place = error.labels.first().map_or(String::new(), |label| {
        let file = label.span.file.name.rsplit('/').next().unwrap_or_default().to_owned();
        let start = label.span.start();
        format!(" {file}:{}:{}", start.line, start.column)
    });
    format!("{}{place}", error.code)
}

fn found(modules: &[keywright_module::Module], name: &str) -> Value {
    let inputs = modules[0].inputs();
    match name {
        "modules" => modules.iter().map(|module| module.name().as_str()).collect(),
        "tags" => inputs.tags.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect(),
        "name_prefix" => inputs.name_prefix.as_str().into(),
        "topic" => inputs.topic.as_ref().map(|topic| topic.arn().as_str()).into(),
        other => panic!("`{other}` is not looked at"),
    }
}

#[test]
fn folders_are_understood_as_terraform_understands_them_and_errors_are_placed() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../../conformance/inputs/folders.json")).expect("cases");
    let failed: Vec<&str> = cases
        .iter()
        .filter(|case| std::panic::catch_unwind(|| check(case)).is_err())
        .filter_map(|case| case["what"].as_str())
        .collect();
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), cases.len());
}

/// Each expression is given to the Sid of a statement, through `jsonencode`.
#[test]
fn expressions_have_the_values_that_terraform_gives_them() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../../conformance/inputs/expressions.json")).expect("cases");
    let failed: Vec<&str> = cases
        .iter()
        .filter(|case| std::panic::catch_unwind(|| check_expression(case)).is_err())
        .filter_map(|case| case["expression"].as_str())
        .collect();
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), cases.len());
}

fn check_expression(case: &Value) {
    let expression = case["expression"].as_str().expect("an expression");
    let declared =
        "variable \"list\" {\n  default = [\"b\", \"a\"]\n}\nvariable \"map\" {\n  default = { b = 1, a = 2 }\n}\n";
    // A statement's Sid takes any text, so that the value can travel in it as JSON.
    let main = format!(
        "{declared}{MODULE}  name_prefix = \"acme\"\n  key_statements = [{{ sid = jsonencode({expression}), actions = \
         [\"kms:Decrypt\"], principals = [{{ type = \"AWS\", identifiers = [\"arn:aws:iam::111122223333:role/a\"] }}] }}]\n}}\n"
    );
    let folder = folder(&[("main.tf", &main)]);
    let loaded = load(&sources(folder.path()));
    match (&case["error"], loaded) {
        (Value::String(code), Err(wrong)) => {
            assert!(wrong.iter().any(|diagnostic| diagnostic.code == code), "{expression}: {wrong:#?}");
        }
        (Value::String(_), Ok(_)) => panic!("{expression}: is refused"),
        (_, loaded) => {
            let modules = loaded.unwrap_or_else(|wrong| panic!("{expression}: {wrong:#?}"));
            let sid = modules[0].inputs().key_statements[0].sid.clone().expect("a sid");
            let value: Value = serde_json::from_str(&sid).expect("JSON");
            assert_eq!(value, case["value"], "{expression}");
        }
    }
}

#[test]
fn the_same_inputs_in_every_syntax_compose_to_the_same() {
    let terraform = folder(&[("main.tf", &format!("{MODULE}  name_prefix = \"acme\"\n}}\n"))]);
    let json_syntax = folder(&[(
        "main.tf.json",
        r#"{"module": {"kms": {"source": "./modules/kms", "aws_account_id": "${var.a}", "aws_region": "eu-west-1",
            "environment": "prod", "name_prefix": "acme"}}, "variable": {"a": {"type": "string", "default": "111122223333"}}}"#,
    )]);
    let yaml = folder(&[(
        "keywright.yaml",
        "aws_account_id: \"111122223333\"\naws_region: eu-west-1\nenvironment: prod\nname_prefix: acme\n",
    )]);
    let json = folder(&[("keywright.json", &crate::common::least_and(&serde_json::json!({})).to_string())]);
    let first = module(&sources(terraform.path())).desired();
    for other in [json_syntax, yaml, json] {
        let other = module(&sources(other.path())).desired();
        assert_eq!(other.resources, first.resources);
        let outputs = |desired: &keywright_module::Desired| {
            desired.outputs.values().map(|output| render(&output.value)).collect::<Vec<_>>()
        };
        assert_eq!(outputs(&other), outputs(&first));
    }
}

#[test]
fn a_text_that_is_no_utf8_is_said_to_be_none() {
    let folder = folder(&[]);
    std::fs::write(folder.path().join("main.tf"), [b'a', 0xff]).expect("written");
    let errors = errors(&sources(folder.path()));
    assert_eq!(errors[0].code, "unreadable-file");
    assert!(errors[0].summary.contains("at byte 1"), "{}", errors[0].summary);
}

#[test]
fn a_folder_that_is_not_there_is_said_to_be_missing() {
    let errors = errors(&sources(std::path::Path::new("/nowhere/at/all")));
    assert_eq!((errors.len(), errors[0].code), (1, "unreadable-file"));
    assert!(errors[0].summary.contains("/nowhere/at/all"));
}

#[test]
fn sources_show_no_values_in_debug() {
    let assignments = vec![Assignment::Variable { name: "p".into(), value: "hunter2".into() }];
    let pair = || vec![("TF_VAR_p".to_owned(), "hunter2".to_owned())];
    let sources = Sources { assignments, environment: pair(), refs: pair(), ..Sources::default() };
    assert!(!format!("{sources:?}").contains("hunter2"));
}

#[test]
fn given_inputs_are_as_they_were_written_and_tell_nothing_that_is_sensitive() {
    let main = r#"
variable "team" {
  type      = string
  default   = "hush-hush"
  sensitive = true
}
module "kms" {
  source                 = "./kms"
  environment            = "prod"
  aws_account_id         = "111122223333"
  aws_region             = "eu-west-1"
  name_prefix            = lower("ACME")
  rotation_period_in_days = null
  deletion_window_in_days = "30"
  default_region_buckets = { logs = {} }
  tags                   = { Plain = "visible", Team = "of ${var.team}" }
}
"#;
    let folder = folder(&[("main.tf", main)]);
    let module = module(&sources(folder.path()));
    let plain = |value: Value| GivenInput::Plain(value);
    let expect = [
        ("aws_account_id", plain("111122223333".into())),
        ("aws_region", plain("eu-west-1".into())),
        ("name_prefix", plain("acme".into())),
        ("environment", plain("prod".into())),
        ("tags", GivenInput::Sensitive),
        ("default_region_buckets", plain(serde_json::json!({"logs": {}}))),
        ("deletion_window_in_days", plain("30".into())),
    ];
    assert_eq!(module.given().iter().map(|(name, given)| (*name, given.clone())).collect::<Vec<_>>(), expect);
    assert!(module.holds_secret("it is of hush-hush, they say"));
    assert!(!module.holds_secret("visible hush"));
}

#[test]
fn names_in_maps_are_told_only_where_no_sensitive_value_made_them() {
    let with = |tags: &str| {
        let main = format!(
            "variable \"team\" {{\n  type = string\n  default = \"hush-hush\"\n  sensitive = true\n}}\nmodule \"kms\" {{\n  source = \
             \"./kms\"\n  environment = \"prod\"\n  aws_account_id = \"111122223333\"\n  aws_region = \"eu-west-1\"\n  \
             name_prefix = \"acme\"\n  {tags}\n}}\n"
        );
        folder(&[("main.tf", &main)])
    };
    let secret = [
        "tags = { (var.team) = \"x\" }",
        "tags = { for k in [\"a\"] : var.team => k }",
        "tags = { for k in [\"a\"] : k => k if k != var.team }",
    ];
    for tags in secret {
        let module = module(&sources(with(tags).path()));
        assert_eq!(module.given()["tags"], GivenInput::Sensitive, "{tags}");
        assert_eq!(module.holds_secret("hush-hush"), tags.contains("=>") == tags.contains("team =>"), "{tags}");
    }
    let open = module(&sources(with("tags = { team = \"x\" }").path()));
    assert_eq!(open.given()["tags"], GivenInput::Plain(serde_json::json!({"team": "x"})));

    for (wrong, told) in [("(upper(\"aws:${var.team}\")) = \"x\"", false), ("\"aws:hush-hush\" = \"x\"", true)] {
        let errors = errors(&sources(with(&format!("tags = {{ {wrong} }}")).path()));
        assert_eq!(errors[0].code, "invalid-tag", "{errors:?}");
        assert_eq!(format!("{:?}", errors[0].summary).to_lowercase().contains("hush"), told, "{errors:?}");
    }
}

#[test]
fn the_items_of_a_set_are_their_own_keys() {
    let with = |names: &str| {
        let main = format!(
            "module \"kms\" {{\n  source = \"./kms\"\n  environment = \"prod\"\n  aws_account_id = \"111122223333\"\n  aws_region \
             = \"eu-west-1\"\n  name_prefix = \"acme\"\n  tags = {{ for n, v in {names} : \"k${{n}}\" => v }}\n}}\n"
        );
        let folder = folder(&[("main.tf", &main)]);
        module(&sources(folder.path())).given()["tags"].clone()
    };
    let plain = |value| GivenInput::Plain(value);
    assert_eq!(with("toset([\"two\", \"one\"])"), plain(serde_json::json!({"kone": "one", "ktwo": "two"})));
    assert_eq!(with("[\"two\", \"one\"]"), plain(serde_json::json!({"k0": "two", "k1": "one"})));
}
