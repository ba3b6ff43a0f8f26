//! `--template FILE`: the keys of a CloudFormation template, YAML or JSON.
//!
//! `node.rs` reads the text with the place of every value, `resolve.rs` works out references and functions.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-key.html>,
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-replicakey.html>.

mod node;
mod resolve;

use std::path::Path;
use std::sync::Arc;

use keywright_model::{AccountId, Diagnostic, Diagnostics, Region, SourceFile, Span};
use serde_json::{Map, Value};

use super::{Origin, Part, PolicyText, Subject, condition_keys, guess, key_arn, key_policy, read_text};
use crate::args::SubjectArguments;
use node::{Field, Node};
use resolve::Resolver;

/// Reads every KMS key of a template with its key policy.
///
/// # Errors
/// When the file is no template or holds no key; each reference that cannot be worked out, with its place; each key
/// policy that is not valid.
pub(super) fn read(path: &Path, arguments: &SubjectArguments) -> Result<Vec<Subject>, Diagnostics> {
    let file = read_text(path)?;
    let root = node::read(&file)?;
    let resources = root.field("Resources").map(|it| it.value.fields()).unwrap_or_default();
    let keys: Vec<(&Field, Part)> = resources.iter().filter_map(|it| Some((it, part(&it.value)?))).collect();
    if keys.is_empty() {
        return Err(Diagnostic::error("no-key", format!("`{}` holds no KMS key", file.name))
            .because("there is no `AWS::KMS::Key` and no `AWS::KMS::ReplicaKey` among its `Resources`")
            .help("name a CloudFormation template, as YAML or JSON")
            .into());
    }
    let mut resolver = Resolver::new(&file, &root, arguments);
    let (mut subjects, mut errors) = (Vec::new(), Diagnostics::new());
    for (key, part) in keys {
        match subject(&file, key, part, arguments, &mut resolver) {
            Ok(subject) => subjects.extend(subject),
            Err(wrong) => errors.extend(wrong),
        }
    }
    errors.extend(resolver.into_errors());
    errors.extend(resources.iter().filter(|it| it.name.starts_with("Fn::")).map(|it| made_up(&file, it)));
    if errors.has_errors() { Err(errors) } else { Ok(subjects) }
}

/// The subject of a key; none where something in it could not be resolved, which the resolver remembers.
fn subject(
    file: &Arc<SourceFile>,
    key: &Field,
    part: Part,
    arguments: &SubjectArguments,
    resolver: &mut Resolver<'_>,
) -> Result<Option<Subject>, Diagnostics> {
    let place = Span::new(file, key.place.clone());
    let properties = key.value.field("Properties");
    let written = properties.and_then(|it| it.value.field("KeyPolicy"));
    let policy = match written {
        Some(policy) => {
            let Some(resolved) = resolver.resolve(&policy.value) else { return Ok(None) };
            policy_text(file, &key.name, &policy.value, &resolved, place)?
        }
        None => return Err(no_policy(&key.name, place).into()),
    };
    let account = match &arguments.account {
        Some(account) => account.clone(),
        None => guess::account(&policy)?,
    };
    let region = match &arguments.region {
        Some(region) => region.clone(),
        None => guess::region(&policy.document)?,
    };
    let attributes = properties.map(|it| attributes(&it.value, resolver)).unwrap_or_default();
    let condition = key.value.field("Condition").and_then(|it| it.value.text());
    let notes = notes(condition, &account, &region, arguments);
    let origin = Origin::Template(file.name.clone());
    Ok(Some(Subject {
        part,
        condition_keys: condition_keys(part, &attributes, &[]),
        notes,
        ..Subject::new(key.name.clone(), origin, key_arn(&region, &account, None)?, account, policy)
    }))
}

/// The policy as CloudFormation would put it, each statement with its place in the template.
fn policy_text(
    file: &Arc<SourceFile>,
    key: &str,
    written: &Node,
    resolved: &Value,
    place: Span,
) -> Result<PolicyText, Diagnostics> {
    let text = SourceFile::new(format!("{}: resolved KeyPolicy of {key}", file.name), format!("{resolved:#}"));
    let policy = key_policy(&text)?;
    let written = written.field("Statement").map(|it| it.value.items_or_itself()).unwrap_or_default();
    // A statement that `AWS::NoValue` takes away moves the others up: then none has a place of its own.
    let places = written.iter().map(|it| Some(Span::new(file, it.place.clone())));
    let statements = if written.len() == policy.document.statements.len() {
        places.collect()
    } else {
        vec![None; policy.document.statements.len()]
    };
    Ok(PolicyText { statements, place: Some(place), document: policy.document })
}

/// The properties that condition keys look at, by the names of the `hashicorp/aws` provider.
fn attributes(properties: &Node, resolver: &mut Resolver<'_>) -> Map<String, Value> {
    let names = [("KeySpec", "customer_master_key_spec"), ("KeyUsage", "key_usage"), ("MultiRegion", "multi_region")];
    let mut attributes = Map::new();
    for (property, name) in names {
        if let Some(value) = properties.field(property).and_then(|it| resolver.resolve(&it.value)) {
            let is_true = value.as_str().is_some_and(|it| it.eq_ignore_ascii_case("true"));
            attributes.insert(name.to_owned(), if is_true { true.into() } else { value });
        }
    }
    attributes
}

fn part(resource: &Node) -> Option<Part> {
    match resource.field("Type")?.value.text()? {
        "AWS::KMS::Key" => Some(Part::Primary),
        "AWS::KMS::ReplicaKey" => Some(Part::Replica),
        _ => None,
    }
}

fn notes(condition: Option<&str>, account: &AccountId, region: &Region, arguments: &SubjectArguments) -> Vec<String> {
    let made_if = condition.map(|it| format!("the key is made at all, which the condition `{it}` decides"));
    let is_guessed = arguments.account.is_none() || arguments.region.is_none();
    let place = is_guessed.then(|| {
        format!("the stack is in account {account} and Region {region}, as `--account` and `--region` would say")
    });
    made_if.into_iter().chain(place).collect()
}

/// `Fn::ForEach` and its like make resources, keys perhaps among them.
fn made_up(file: &Arc<SourceFile>, made: &Field) -> Diagnostic {
    Diagnostic::error("template-unresolved", format!("which resources `{}` makes is not worked out here", made.name))
        .at(Span::new(file, made.place.clone()), "this function")
        .because("there may be keys among them, of which nothing would be said")
        .help("write the resources out, or ask about the template that `aws cloudformation get-template --template-stage Processed` gives")
}

fn no_policy(key: &str, place: Span) -> Diagnostic {
    Diagnostic::error("no-key-policy", format!("`{key}` has no `KeyPolicy`"))
        .at(place, "this key")
        .because("AWS gives it the default policy, which leaves all to the account's IAM policies")
        .help("write the policy out: then it can be asked about")
}
