//! The README's tables and example, held against the code.

use std::path::{Path, PathBuf};

use crate::folder::{ACCOUNT, Folder};
use keywright_module::{FINDINGS, Found, INPUTS, OUTPUTS, Origin, finding};

#[test]
fn the_tables_of_the_readme_are_those_of_the_code() {
    let readme = include_str!("../../../../README.md");
    for (name, rows) in [("inputs", inputs()), ("outputs", outputs())] {
        let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let table =
            readme.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map(|(table, _)| table.trim());
        assert_eq!(table, Some(rows.trim()), "the table of {name} should be:\n\n{rows}");
    }
}

fn inputs() -> String {
    let mut table = "| input | type | default | what it is |\n|---|---|---|---|\n".to_owned();
    for input in INPUTS {
        let default = input.default.map_or("required".to_owned(), |default| format!("`{default}`"));
        let type_constraint = input.type_constraint.split_whitespace().collect::<Vec<_>>().join(" ");
        let short = if type_constraint.len() > 40 {
            type_constraint.split('(').take(2).collect::<Vec<_>>().join("(") + ")"
        } else {
            type_constraint
        };
        let mark = if input.origin == Origin::Keywright { " +" } else { "" };
        table += &format!("| `{}`{mark} | `{short}` | {default} | {} |\n", input.name, input.description);
    }
    table
}

fn outputs() -> String {
    let mut table = "| output | what it is |\n|---|---|\n".to_owned();
    for output in OUTPUTS {
        let mark = if output.origin == Origin::Keywright { " +" } else { "" };
        table += &format!("| `{}`{mark} | {} |\n", output.name, output.description);
    }
    table
}

#[test]
fn the_example_of_the_modules_readme_applies_as_printed() {
    let readme = include_str!("../../../../conformance/module-readme-example.md");
    let example = readme.split("```hcl\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of HCL");
    let variables = "variable \"aws_region\" {}\nvariable \"aws_account_id\" {}\nvariable \"environment\" {}\nvariable \"name_prefix\" {}\n";
    let folder = Folder::new(example);
    folder.write("variables.tf", variables);
    folder.write("terraform.tfvars", &format!("aws_region = \"eu-west-1\"\naws_account_id = \"{ACCOUNT}\"\nenvironment = \"test\"\nname_prefix = \"acme\"\n"));
    folder.local("apply", &["--auto-approve"]).fails_with(&["aws_sns_topic.cloudwatch_alarms.arn", "--ref"]);
    let topic = format!("aws_sns_topic.cloudwatch_alarms.arn=arn:aws:sns:eu-west-1:{ACCOUNT}:cloudwatch-alarms");
    folder.local("apply", &["--auto-approve", "--ref", &topic]).succeeds();
    let again = folder.local("plan", &["--detailed-exitcode", "--ref", &topic]).succeeds();
    assert!(again.stdout.contains("No changes."));
    folder.local("destroy", &["--auto-approve", "--ref", &topic]).succeeds();
}

/// Pages of other findings may stand beside these.
#[test]
fn every_finding_has_its_page_and_its_row() {
    let folder = root().join("docs/findings");
    let index = std::fs::read_to_string(folder.join("README.md")).expect("the index");
    for info in FINDINGS {
        let code = info.code;
        let page = std::fs::read_to_string(folder.join(format!("{code}.md"))).expect(code);
        let mut rest = page.strip_prefix(&format!("# {code}\n\n")).expect(code);
        for section in ["\n## Why\n\n", "\n## What to do\n\n", "\n## Accepting it\n\n"] {
            let (before, after) = rest.split_once(section).unwrap_or_else(|| panic!("{code} has no {section}"));
            assert!(!before.trim().is_empty(), "{code}: nothing before {section}");
            rest = after;
        }
        assert_eq!(rest.contains("It cannot be accepted"), !info.can_be_accepted, "{code}");
        let found = match info.found {
            Found::Inputs => "inputs",
            Found::Plan => "plan",
            Found::Drift => "drift",
        };
        let accepted = if info.can_be_accepted { "yes" } else { "no" };
        let row = format!("| [`{code}`]({code}.md) | {} | {found} | {accepted} |\n", info.meaning);
        assert!(index.contains(&row), "the index lacks:\n{row}");
    }
}

#[test]
fn every_finding_of_the_source_is_in_the_table() {
    let inputs = codes_in(&root().join("crates/module/src"), &["warning", "note"]);
    let plan = codes_in(&root().join("crates/engine/src/plan"), &["warning", "note", "error"]);
    let drift = codes_in(&root().join("crates/engine/src/drift"), &["warning", "note"]);
    assert!(
        inputs.len() > 15 && plan.len() > 5 && drift.len() > 1,
        "the source is read: {inputs:?} {plan:?} {drift:?}"
    );
    for (codes, found) in [(inputs, Found::Inputs), (plan, Found::Plan), (drift, Found::Drift)] {
        for code in codes {
            let info = finding(&code).unwrap_or_else(|| panic!("`{code}` is not in FINDINGS"));
            assert_eq!(info.found, found, "{code}");
        }
    }
}

/// The codes of the diagnostics that are made in a folder.
fn codes_in(folder: &Path, severities: &[&str]) -> Vec<String> {
    let mut codes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            codes.extend(codes_in(&path, severities));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let text: String = text.split("#[cfg(test)]").next().unwrap_or_default().split_whitespace().collect();
        for severity in severities {
            let call = format!("Diagnostic::{severity}(\"");
            let made = text.split(&call).skip(1);
            codes.extend(made.filter_map(|rest| rest.split_once('"')).map(|(code, _)| code.to_owned()));
        }
    }
    codes
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
