//! The README's tables and example, held against the code.

use crate::folder::{ACCOUNT, Folder};
use keywright_module::{INPUTS, OUTPUTS, Origin};

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
