//! Whatever stands in the files: an answer comes, and nothing panics.

use keywright_module::{Assignment, Sources, load};
use proptest::prelude::*;

use crate::common::{folder, least_and, sources};

const MODULE: &str = r#"module "kms" {
  source         = "keywright"
  aws_account_id = "111122223333"
  aws_region     = "eu-west-1"
  environment    = "prod"
  name_prefix    = "acme"
  tags           = "#;

/// Pieces that expressions are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("("),
        Just(")"),
        Just("\""),
        Just("${"),
        Just("%{ if "),
        Just("%{ endif }"),
        Just("~}"),
        Just(" = "),
        Just(", "),
        Just("\n"),
        Just(" ? "),
        Just(" : "),
        Just("var.a"),
        Just("local.b"),
        Just("merge("),
        Just("format(\"%s%5d\", "),
        Just("substr(\"äöü\", "),
        Just("range("),
        Just("for x in "),
        Just("..."),
        Just("[*]"),
        Just(".*"),
        Just("[0]"),
        Just("-1"),
        Just("1e308"),
        Just(" * "),
        Just(" / 0"),
        Just(" % 0"),
        Just(" && "),
        Just("!"),
        Just("null"),
        Just("true"),
        Just("\"x\""),
        Just("a"),
        Just("<<EOT\n"),
        Just("EOT\n"),
        Just("\\u{0}"),
        Just("ß"),
        Just("/*"),
        Just("#"),
        Just("regex(\"(\", "),
        Just("element([], "),
        Just("slice([1], "),
        Just("jsondecode("),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn any_load(files: &[(&str, &str)]) {
    let folder = folder(files);
    let loaded = load(&Sources {
        assignments: vec![Assignment::Variable { name: "a".into(), value: "x".into() }],
        ..sources(folder.path())
    });
    match loaded {
        Ok(modules) => modules.iter().for_each(|module| drop(module.desired())),
        Err(diagnostics) => {
            // Places are read too: they must lie in their texts.
            diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels).for_each(|label| {
                assert!(label.span.start() <= label.span.end());
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_of_configuration_gets_an_answer(text in any::<String>()) {
        any_load(&[("main.tf", &text), ("terraform.tfvars", &text)]);
        any_load(&[("main.tf.json", &text)]);
    }

    #[test]
    fn any_text_of_a_document_gets_an_answer(text in any::<String>()) {
        any_load(&[("keywright.yaml", &text)]);
        any_load(&[("keywright.json", &text)]);
    }

    #[test]
    fn any_expression_gets_an_answer(text in soup()) {
        let variables = "variable \"a\" {}\nlocals {\n  b = [for x in [1, 2] : { y = x }]\n}\n";
        any_load(&[("main.tf", &format!("{variables}{MODULE}{text}\n}}\n"))]);
        any_load(&[("main.tf", &format!("{variables}{MODULE}{{}}\n}}\nlocals {{\n  c = {text}\n}}\n"))]);
    }

    #[test]
    fn any_value_of_an_input_gets_an_answer(name in 0..keywright_module::INPUTS.len(), value in json_value()) {
        let name = keywright_module::INPUTS[name].name;
        let document = least_and(&serde_json::json!({ name: value }));
        any_load(&[("keywright.json", &document.to_string())]);
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        Just("*".into()),
        Just("arn:aws:iam::111122223333:role/app".into()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let keys = prop_oneof![
            Just("region".to_owned()),
            Just("enabled".to_owned()),
            Just("principals".to_owned()),
            Just("actions".to_owned()),
            Just("operations".to_owned()),
            Just("grantee_principal".to_owned()),
            Just("constraints".to_owned()),
            Just("type".to_owned()),
            Just("identifiers".to_owned()),
            any::<String>(),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::vec((keys, inner), 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for text in
        ["[".repeat(50_000), "(".repeat(50_000), "!".repeat(50_000), "a ? 1 : ".repeat(20_000), "1 + ".repeat(50_000)]
    {
        any_load(&[("main.tf", &format!("{MODULE}{text}\n}}\n"))]);
    }
    let chain: String = (0..5_000).map(|at| format!("  l{at} = local.l{}\n", at + 1)).collect();
    any_load(&[("main.tf", &format!("{MODULE}local.l0\n}}\nlocals {{\n{chain}  l5000 = {{}}\n}}\n"))]);
    let (open, close) = ("[".repeat(50), "]".repeat(50));
    let nested: String = (0..60).map(|at| format!("  l{at} = {open}local.l{}{close}\n", at + 1)).collect();
    any_load(&[("main.tf", &format!("{MODULE}local.l0\n}}\nlocals {{\n{nested}  l60 = {{}}\n}}\n"))]);
    any_load(&[("keywright.yaml", &"[".repeat(50_000))]);
    any_load(&[("keywright.json", &"[".repeat(50_000))]);
}
