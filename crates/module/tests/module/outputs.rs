//! The `output` blocks of a folder, as a state holds them.

use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::ModuleName;
use keywright_module::{ModuleOutput, OUTPUTS, OutputBlocks, OutputKind, Resolved, RootOutput};
use serde_json::{Value, json};

use crate::common::{folder, module, sources};

const MODULE: &str = "module \"kms\" {\n  source = \"./kms\"\n  aws_account_id = \"111122223333\"\n  aws_region = \
                      \"eu-west-1\"\n  environment = \"prod\"\n  name_prefix = \"acme\"\n}\n";

/// The blocks of a folder with this text beside a module `kms`.
fn blocks(text: &str) -> Arc<OutputBlocks> {
    let folder = folder(&[("main.tf", MODULE), ("outputs.tf", text)]);
    module(&sources(folder.path())).desired().output_blocks
}

/// What the module hands out: an ARN that may not be known yet, a text that is not made, and a list.
fn modules(arn: Option<&str>) -> IndexMap<ModuleName, Vec<ModuleOutput>> {
    let known = |value: Value| Resolved { value, unknown: json!(false) };
    let arn = arn.map_or(Resolved { value: Value::Null, unknown: json!(true) }, |arn| known(json!(arn)));
    let output = |name: &str, kind, resolved| ModuleOutput { name: name.to_owned(), kind, resolved, sensitive: false };
    let outputs = vec![
        output("arn", OutputKind::Text, arn),
        output("replica", OutputKind::Made, known(Value::Null)),
        output("aliases", OutputKind::Texts, known(json!(["alias/b", "alias/a"]))),
    ];
    IndexMap::from([(ModuleName::parse("kms").expect("a name"), outputs)])
}

/// The output `it` of blocks, or why it is left alone.
fn output(blocks: &OutputBlocks, arn: Option<&str>) -> Result<RootOutput, String> {
    let mut all = blocks.evaluate(&modules(arn));
    all.shift_remove("it").expect("an output `it`").map_err(|left| left.because)
}

fn one(value: &str, arn: Option<&str>) -> Result<RootOutput, String> {
    output(&blocks(&format!("output \"it\" {{\n  value = {value}\n}}\n")), arn)
}

/// What Terraform was seen to make of expressions, and the variables that they refer to.
fn recorded() -> (Value, String) {
    let all: Value = serde_json::from_str(include_str!("../../../../conformance/inputs/outputs.json")).expect("JSON");
    let variables = all["variables"].as_object().expect("variables").iter();
    let variables =
        variables.map(|(name, body)| format!("variable \"{name}\" {{\n  {}\n}}\n", body.as_str().expect("a body")));
    let variables = variables.collect();
    (all, variables)
}

#[test]
fn values_are_sensitive_where_terraform_marks_them() {
    let (all, variables) = recorded();
    for mark in all["marks"].as_array().expect("marks") {
        let expression = mark["expression"].as_str().expect("an expression");
        let found = output(&blocks(&format!("{variables}output \"it\" {{\n  value = {expression}\n}}\n")), None);
        let refused = found.as_ref().is_err_and(|because| because.contains("sensitive = true"));
        assert!(refused || found.is_ok(), "{expression}: {found:?}");
        assert_eq!(json!(refused), mark["sensitive"], "{expression}");
    }
}

#[test]
fn values_and_types_are_those_that_terraform_writes() {
    let (all, variables) = recorded();
    let cases = all["cases"].as_array().expect("cases");
    let check = |case: &&Value| {
        let expression = case["expression"].as_str().expect("an expression");
        let text = format!("{variables}output \"it\" {{\n  value = {expression}\n}}\n");
        let found = match output(&blocks(&text), None) {
            Ok(output) => output,
            Err(_) if case["left_alone"] == json!(true) => return true,
            Err(because) => {
                eprintln!("{expression}: left alone: {because}");
                return false;
            }
        };
        let is_null = case["value"].is_null();
        let fits = found.value.value == case["value"] && (is_null || found.kind == case["type"]);
        if !fits || case["left_alone"] == json!(true) {
            eprintln!("{expression}: {} {}", found.value.value, found.kind);
        }
        fits && case["left_alone"] != json!(true)
    };
    let failed: Vec<&Value> = cases.iter().filter(|case| !check(case)).collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), cases.len());
}

#[test]
fn what_depends_on_what_is_to_be_made_is_known_in_parts() {
    let cases = [
        ("module.kms.arn", json!(null), json!(true), json!("A")),
        (
            "{ arn = module.kms.arn, n = 1 }",
            json!({"arn": null, "n": 1}),
            json!({"arn": true}),
            json!({"arn": "A", "n": 1}),
        ),
        ("[\"x\", module.kms.arn]", json!(["x", null]), json!([false, true]), json!(["x", "A"])),
        ("\"key ${module.kms.arn}\"", json!(null), json!(true), json!("key A")),
        ("split(\":\", module.kms.arn)", json!(null), json!(true), json!(["A"])),
        ("module.kms.arn == \"A\" ? 1 : 2", json!(null), json!(true), json!(1)),
        ("try(module.kms.arn, \"x\")", json!(null), json!(true), json!("A")),
        ("try(module.kms.arn.x, \"x\")", json!(null), json!(true), json!("x")),
        ("can(module.kms.arn.x)", json!(null), json!(true), json!(false)),
        (
            "[for name in module.kms.aliases : \"${name} ${module.kms.arn}\"][0]",
            json!(null),
            json!(true),
            json!("alias/b A"),
        ),
        ("true ? 1 : module.kms.arn", json!("1"), json!(false), json!("1")),
        ("true ? [1] : [upper(module.kms.arn)]", json!(null), json!(true), json!(["1"])),
        ("true ? [\"x\"] : split(\":\", module.kms.arn)", json!(null), json!(true), json!(["x"])),
        ("true ? [split(\":\", module.kms.arn)] : [[\"x\"]]", json!([null]), json!([true]), json!([["A"]])),
        ("false && module.kms.arn == \"A\"", json!(false), json!(false), json!(false)),
    ];
    for (expression, before, unknown, after) in cases {
        let planned = one(expression, None).unwrap_or_else(|because| panic!("{expression}: {because}"));
        assert_eq!((&planned.value.value, &planned.value.unknown), (&before, &unknown), "{expression}");
        let applied = one(expression, Some("A")).unwrap_or_else(|because| panic!("{expression}: {because}"));
        assert_eq!((&applied.value.value, applied.value.is_known()), (&after, true), "{expression}");
    }
}

#[test]
fn a_whole_module_is_an_object_of_its_outputs() {
    let output = one("module.kms", Some("A")).expect("an output");
    assert_eq!(output.value.value, json!({"arn": "A", "replica": null, "aliases": ["alias/b", "alias/a"]}));
    assert_eq!(output.kind, json!(["object", {"arn": "string", "replica": "dynamic", "aliases": ["list", "string"]}]));
}

#[test]
fn variables_and_local_values_have_the_types_that_are_asked_of_them() {
    let text = "variable \"names\" {\n  type = set(string)\n  default = [\"b\", \"a\"]\n}\nvariable \"o\" {\n  type = object({ a = \
                optional(string), n = number })\n  default = { n = \"1.5\" }\n}\nlocals {\n  all = { names = var.names, o = var.o, arn = \
                module.kms.arn }\n}\noutput \"it\" {\n  value = local.all\n}\n";
    let output = output(&blocks(text), Some("A")).expect("an output");
    assert_eq!(output.value.value, json!({"names": ["a", "b"], "o": {"a": null, "n": 1.5}, "arn": "A"}));
    let o = json!(["object", {"a": "string", "n": "number"}]);
    assert_eq!(output.kind, json!(["object", {"names": ["set", "string"], "o": o, "arn": "string"}]));
}

#[test]
fn what_is_not_read_is_left_alone_and_says_why() {
    let cases = [
        ("aws_sns_topic.alarms.arn", "`aws_sns_topic.alarms`"),
        ("data.aws_region.here.name", "`data.aws_region`"),
        ("module.network.vpc_id", "`module.network`"),
        ("path.module", "`path.module`"),
        ("filesha256(\"main.tf\")", "`filesha256`"),
        ("1 / 3", "another way"),
        ("module.kms.nothing", "`nothing`"),
        ("local.none", "`local.none`"),
    ];
    for (expression, says) in cases {
        let because = one(expression, Some("A")).expect_err(expression);
        assert!(because.contains(says), "{expression}: {because}");
    }
}

#[test]
fn a_secret_is_an_output_only_of_a_block_that_says_so_and_shows_in_no_debug() {
    let secret = "variable \"p\" {\n  sensitive = true\n  default = \"hunter2\"\n}\n";
    let open = output(&blocks(&format!("{secret}output \"it\" {{\n  value = \"x${{var.p}}\"\n}}\n")), None);
    assert!(open.expect_err("it is refused").contains("sensitive = true"));
    let blocks = blocks(&format!("{secret}output \"it\" {{\n  value = var.p\n  sensitive = true\n}}\n"));
    let closed = output(&blocks, None).expect("an output");
    assert!(closed.sensitive && closed.value.value == json!("hunter2"));
    assert!(!format!("{blocks:?} {closed:?}").contains("hunter2"));
}

#[test]
fn a_saved_plan_holds_what_the_outputs_refer_to_and_no_other_variable() {
    let text = "variable \"a\" {\n  type = list(string)\n  default = [\"x\"]\n}\nvariable \"other\" {\n  sensitive = true\n  default = \
                \"hunter2\"\n}\nlocals {\n  b = concat(var.a, [module.kms.arn])\n  c = var.other\n}\noutput \"it\" {\n  value = {\n    b = \
                local.b # both\n    text = <<-EOT\n      line ${module.kms.arn}\n    EOT\n  }\n}\noutput \"heredoc\" {\n  value = <<-EOT\n    one\n      ${module.kms.arn}\n  EOT\n}\n";
    let blocks = blocks(text);
    let saved = serde_json::to_string(&*blocks).expect("JSON");
    assert!(!saved.contains("hunter2"), "{saved}");
    let read: OutputBlocks = serde_json::from_str(&saved).expect("blocks");
    let (modules, both) = (modules(Some("A")), [&*blocks, &read]);
    let [first, second] = both.map(|it| it.evaluate(&modules).into_values().map(Result::unwrap).collect::<Vec<_>>());
    assert_eq!(first, second);
    assert_eq!(first[0].value.value["text"], json!("line A\n"));
    assert_eq!(first[1].value.value, json!("one\n  A\n"));
}

#[test]
fn outputs_are_read_in_terraforms_json_syntax_too() {
    let folder = folder(&[
        ("main.tf", MODULE),
        (
            "o.tf.json",
            r#"{"output": {"it": {"value": {"arn": "${module.kms.arn}", "text": "is ${module.kms.arn}"}, "sensitive": true}}}"#,
        ),
    ]);
    let blocks = module(&sources(folder.path())).desired().output_blocks;
    let planned = output(&blocks, None).expect("an output");
    assert_eq!(planned.value.unknown, json!({"arn": true, "text": true}));
    let applied = output(&blocks, Some("A")).expect("an output");
    assert_eq!((applied.value.value, applied.sensitive), (json!({"arn": "A", "text": "is A"}), true));
    let read: OutputBlocks = serde_json::from_str(&serde_json::to_string(&*blocks).expect("JSON")).expect("blocks");
    assert_eq!(read, *blocks);
}

#[test]
fn the_outputs_are_those_of_the_module_in_terraforms_language() {
    let text = include_str!("../../../../modules/kms/outputs.tf");
    let names: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("output \"")?.strip_suffix("\" {")).collect();
    assert_eq!(names, OUTPUTS.iter().map(|output| output.name).collect::<Vec<_>>());
    // `one([])` is a null of no type: so are those that say `one(…)`, and no others.
    for (block, info) in text.split("output \"").skip(1).zip(OUTPUTS) {
        assert_eq!(block.contains("= one("), info.kind == OutputKind::Made, "{}", info.name);
    }
}

#[test]
fn a_sensitive_name_of_a_field_makes_all_of_a_json_object_sensitive() {
    let evaluated = |name: &str| {
        let blocks = format!(
            r#"{{"variable": {{"p": {{"sensitive": true, "default": "hunter2"}}}}, "output": {{"it": {{"value": {{"{name}": 1}}}}}}}}"#
        );
        let folder = folder(&[("main.tf", MODULE), ("o.tf.json", &blocks)]);
        output(&module(&sources(folder.path())).desired().output_blocks, None)
    };
    assert!(evaluated("${var.p}").expect_err("it is refused").contains("sensitive = true"));
    assert_eq!(evaluated("p").expect("an output").value.value, json!({"p": 1}));
}

#[test]
fn outputs_of_a_module_that_a_sensitive_input_is_in_are_sensitive() {
    let marked = |input: &str| {
        let main = format!(
            "variable \"p\" {{\n  sensitive = true\n  default = \"hunter2\"\n}}\n{}  {input}\n}}\n",
            MODULE.trim_end().trim_end_matches('}')
        );
        let folder = folder(&[("main.tf", &main)]);
        let outputs = module(&sources(folder.path())).desired().outputs;
        outputs.into_iter().filter(|(_, output)| output.sensitive).map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(marked("aliases = [\"alias/${var.p}\"]"), ["kms_alias_names"]);
    assert!(marked("aliases = [\"alias/plain\"]").is_empty());
    let users = |name: &str| format!("key_users = [\"arn:aws:iam::111122223333:role/{name}\"]");
    assert_eq!(marked(&users("${var.p}")), ["kms_key_policy"]);
    assert!(marked(&users("plain")).is_empty());
}

#[test]
fn a_sensitive_output_of_a_module_is_one_of_a_block_that_says_so_known_or_not() {
    let mut handed = modules(None);
    for output in handed.values_mut().flatten().filter(|output| ["arn", "aliases"].contains(&output.name.as_str())) {
        output.sensitive = true;
    }
    assert!(!format!("{handed:?}").contains("alias/b"));
    for (value, refused) in [
        ("module.kms", true),
        ("module.kms.arn", true),
        ("module.kms.aliases", true),
        ("\"x ${module.kms.aliases[0]}\"", true),
        ("nonsensitive(module.kms.aliases)", false),
        ("module.kms.replica", false),
    ] {
        for says in [false, true] {
            let blocks = blocks(&format!("output \"it\" {{\n  value = {value}\n  sensitive = {says}\n}}\n"));
            let found = blocks.evaluate(&handed).shift_remove("it").expect("an output");
            assert_eq!(found.is_err(), refused && !says, "{value}: {found:?}");
        }
    }
}

#[test]
fn a_chain_of_local_values_that_is_too_long_to_follow_is_left_alone() {
    let chain = |length: usize| {
        let links: String = (1..length).map(|at| format!("  l{at} = local.l{}\n", at - 1)).collect();
        let last = length - 1;
        let text = format!("locals {{\n  l0 = \"x\"\n{links}}}\noutput \"it\" {{\n  value = local.l{last}\n}}\n");
        output(&blocks(&text), None)
    };
    assert_eq!(chain(90).expect("an output").value.value, json!("x"));
    assert!(chain(20_000).expect_err("too long").contains("nested too deeply"));
}
