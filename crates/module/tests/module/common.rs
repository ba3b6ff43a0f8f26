//! What the tests of this crate share.

use std::path::Path;

use keywright_model::{Diagnostic, Severity};
use keywright_module::{Desired, Module, Part, Sources, Value, load};

/// A folder of these files, which lasts as long as the handle.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

pub(crate) fn sources(folder: &Path) -> Sources {
    Sources { folder: folder.to_owned(), ..Sources::default() }
}

/// The one module of these sources.
pub(crate) fn module(sources: &Sources) -> Module {
    load(sources).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"))[0].clone()
}

/// A document of the least inputs, and these.
pub(crate) fn least_and(overrides: &serde_json::Value) -> serde_json::Value {
    let mut document = serde_json::json!({
        "aws_account_id": "111122223333",
        "aws_region": "eu-west-1",
        "name_prefix": "acme",
        "environment": "prod",
    });
    for (name, value) in overrides.as_object().expect("an object") {
        document[name] = value.clone();
    }
    document
}

/// What the least inputs, and these, compose to.
pub(crate) fn desired(overrides: &serde_json::Value) -> Desired {
    let folder = folder(&[("keywright.json", &least_and(overrides).to_string())]);
    module(&sources(folder.path())).desired()
}

pub(crate) fn errors(sources: &Sources) -> Vec<Diagnostic> {
    let diagnostics = load(sources).expect_err("it is wrong");
    diagnostics.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect()
}

/// A value as JSON, with `${ADDRESS.ATTRIBUTE}` for what is not known yet.
pub(crate) fn render(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(template) => template.0.iter().map(part).collect::<String>().into(),
        Value::List(items) => items.iter().map(render).collect(),
        Value::Map(fields) => fields.iter().map(|(name, value)| (name.clone(), render(value))).collect(),
        other => other.resolve(&|_| None).value,
    }
}

fn part(part: &Part) -> String {
    match part {
        Part::Literal(text) => text.clone(),
        Part::Reference(reference) => format!("${{{}.{}}}", reference.address, reference.attribute),
    }
}

/// Addresses without the module before them.
pub(crate) fn addresses(desired: &Desired) -> Vec<String> {
    let short = |address: &keywright_model::Address| address.to_string().replace("module.kms.", "");
    desired.resources.iter().map(|resource| short(&resource.address)).collect()
}

/// The names of a policy's statements.
pub(crate) fn sids(document: &keywright_policy::Document) -> Vec<String> {
    document.statements.iter().filter_map(|statement| statement.sid.clone()).collect()
}
