//! Which of several values a variable takes.
//!
//! Source: <https://developer.hashicorp.com/terraform/language/values/variables#variable-definition-precedence>.

use keywright_module::{Assignment, Sources};

use crate::common::{errors, folder, module, sources};

const MAIN: &str = r#"
variable "prefix" {
  default = "default"
}

module "kms" {
  source         = "keywright"
  aws_account_id = "111122223333"
  aws_region     = "eu-west-1"
  environment    = "prod"
  name_prefix    = var.prefix
}
"#;

/// The layers from the weakest to the strongest; `--var` and `--var-file` count in the order in which they are given.
const LAYERS: &[&str] = &[
    "default",
    "environment",
    "terraform.tfvars",
    "terraform.tfvars.json",
    "a.auto.tfvars",
    "b.auto.tfvars.json",
    "c.auto.tfvars",
    "first argument",
    "second argument",
];

fn check(present: &[&str], expect: &str) {
    let texts: Vec<(&str, String)> = present
        .iter()
        .filter(|layer| layer.contains("tfvars"))
        .map(|layer| {
            let json = layer.ends_with("json");
            let value = layer.replace('.', "-");
            (*layer, if json { format!(r#"{{"prefix": "{value}"}}"#) } else { format!("prefix = \"{value}\"") })
        })
        .collect();
    let mut files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    files.push(("main.tf", MAIN));
    let folder = folder(&files);
    let argument = |layer: &&str| present.contains(layer);
    let sources = Sources {
        environment: present
            .contains(&"environment")
            .then(|| ("TF_VAR_prefix".to_owned(), "environment".to_owned()))
            .into_iter()
            .collect(),
        assignments: ["first argument", "second argument"]
            .into_iter()
            .filter(argument)
            .map(|value| Assignment::Variable { name: "prefix".into(), value: value.replace(' ', "-") })
            .collect(),
        ..sources(folder.path())
    };
    let found = module(&sources).inputs().name_prefix.to_string();
    assert_eq!(found, expect.replace(['.', ' '], "-"), "of {present:?}");
}

#[test]
fn each_layer_wins_over_all_weaker_ones() {
    for (at, layer) in LAYERS.iter().enumerate() {
        check(&LAYERS[..=at], layer);
        check(&[layer], layer);
    }
}

#[test]
fn arguments_and_files_of_the_command_line_count_in_their_order() {
    let folder = folder(&[("main.tf", MAIN), ("more.tfvars", "prefix = \"file\"")]);
    let file = Assignment::File(folder.path().join("more.tfvars"));
    let argument = Assignment::Variable { name: "prefix".into(), value: "argument".into() };
    for (assignments, expect) in
        [(vec![file.clone(), argument.clone()], "argument"), (vec![argument.clone(), file.clone()], "file")]
    {
        let sources = Sources { assignments, ..sources(folder.path()) };
        assert_eq!(module(&sources).inputs().name_prefix.as_str(), expect);
    }
}

#[test]
fn an_undeclared_variable_is_an_error_as_an_argument_a_warning_in_a_file_and_nothing_in_the_environment() {
    let folder = folder(&[("main.tf", MAIN), ("terraform.tfvars", "prefx = \"x\"")]);
    let plain = sources(folder.path());
    let findings = module(&plain).desired().findings;
    let warning = findings.iter().find(|finding| finding.code == "undeclared-variable").expect("a warning");
    assert_eq!(warning.help.as_deref(), Some("did you mean `prefix`?"));

    let argument = Assignment::Variable { name: "prefx".into(), value: "x".into() };
    let refused = errors(&Sources { assignments: vec![argument], ..plain.clone() });
    assert_eq!(refused.iter().map(|error| error.code).collect::<Vec<_>>(), ["undeclared-variable"]);

    let environment = vec![("TF_VAR_prefx".to_owned(), "x".to_owned())];
    let folder = crate::common::folder(&[("main.tf", MAIN)]);
    let quiet = module(&Sources { environment, ..sources(folder.path()) }).desired().findings;
    assert!(quiet.iter().all(|finding| finding.code != "undeclared-variable"));
}
