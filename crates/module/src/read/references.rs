//! Values of what the folder refers to and is not ours: from `--ref`, or from a Terraform state.

use std::cell::{Cell, RefCell};
use std::path::Path;

use indexmap::IndexMap;
use keywright_model::{Diagnostic, Diagnostics, SourceFile, Span};

use super::configuration::parse_expression;
use super::evaluate::{Scope, Step, World};
use super::given::{Field, Given, Kind, whole};
use super::source;

/// The known values, by the steps that lead to them.
#[derive(Default)]
pub(crate) struct References {
    given: Vec<(Vec<Step>, Given)>,
    /// `type.name` or `data.type.name`, of the state's root module.
    state: IndexMap<String, Given>,
}

impl References {
    pub(crate) fn read(refs: &[(String, String)], state: Option<&Path>, diagnostics: &mut Diagnostics) -> Self {
        let mut references = Self::default();
        for (address, value) in refs {
            match given_reference(address, value) {
                Ok(reference) => references.given.push(reference),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        if let Some(path) = state {
            match read_state(path) {
                Ok(state) => references.state = state,
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        references
    }

    /// The value that the longest known beginning of `steps` has, and how many steps that is.
    pub(crate) fn find(&self, steps: &[Step]) -> Option<(Given, usize)> {
        let longest =
            self.given.iter().filter(|(known, _)| steps.starts_with(known)).max_by_key(|(known, _)| known.len());
        if let Some((known, value)) = longest {
            return Some((value.clone(), known.len()));
        }
        let length = if steps.first() == Some(&Step::Name("data".to_owned())) { 3 } else { 2 };
        let names: Vec<&str> = steps
            .get(..length)?
            .iter()
            .map(|step| match step {
                Step::Name(name) => Some(name.as_str()),
                _ => None,
            })
            .collect::<Option<_>>()?;
        self.state.get(&names.join(".")).map(|value| (value.clone(), length))
    }
}

/// The steps of a traversal as text: `aws_sns_topic.alarms[0].arn`.
pub(crate) fn shown(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Name(name) if text.is_empty() => text.push_str(name),
            Step::Name(name) if is_identifier(name) => text.push_str(&format!(".{name}")),
            Step::Name(name) => text.push_str(&format!("[\"{name}\"]")),
            Step::Number(number) => text.push_str(&format!("[{number}]")),
            Step::Other => break,
        }
    }
    text
}

fn is_identifier(name: &str) -> bool {
    keywright_model::ModuleName::parse(name).is_ok()
}

fn given_reference(address: &str, value: &str) -> Result<(Vec<Step>, Given), Diagnostic> {
    let file = SourceFile::new(format!("--ref {address}"), value);
    let steps = address_steps(address)?;
    let structured = value.trim_start().starts_with(['[', '{', '"']);
    let value = if structured {
        Scope::new(&Nothing::default(), &file).evaluate(&parse_expression(&file)?)?
    } else {
        Given::string(value, whole(&file))
    };
    Ok((steps, value))
}

fn address_steps(address: &str) -> Result<Vec<Step>, Diagnostic> {
    let wrong = || {
        Diagnostic::error("invalid-reference", format!("`{address}` is no address of a value"))
            .help("write it as the configuration does: `--ref aws_sns_topic.alarms.arn=arn:aws:sns:…`")
    };
    let file = SourceFile::new("--ref", address);
    let expression = parse_expression(&file).map_err(|_| wrong())?;
    let recorder = Recorder::default();
    let _ = Scope::new(&recorder, &file).evaluate(&expression);
    let steps = recorder.steps.into_inner();
    if steps.len() < 2 || steps.contains(&Step::Other) { Err(wrong()) } else { Ok(steps) }
}

/// A world in which nothing is known, for values that must be written out.
#[derive(Default)]
pub(crate) struct Nothing {
    depth: Cell<usize>,
}

impl World for Nothing {
    fn resolve(&self, root: &str, _: &[Step], span: &Span) -> Result<(Given, usize), Diagnostic> {
        Err(Diagnostic::error("invalid-reference", format!("`{root}` cannot be used here"))
            .at(span.clone(), "")
            .help("the value must be written out here; a text stands in double quotes"))
    }

    fn depth(&self) -> &Cell<usize> {
        &self.depth
    }
}

/// A world that notes what is asked for.
#[derive(Default)]
struct Recorder {
    steps: RefCell<Vec<Step>>,
    depth: Cell<usize>,
}

impl World for Recorder {
    fn resolve(&self, root: &str, steps: &[Step], span: &Span) -> Result<(Given, usize), Diagnostic> {
        *self.steps.borrow_mut() = [&[Step::Name(root.to_owned())], steps].concat();
        Ok((Given::new(Kind::Null, span.clone()), steps.len()))
    }

    fn depth(&self) -> &Cell<usize> {
        &self.depth
    }
}

fn read_state(path: &Path) -> Result<IndexMap<String, Given>, Diagnostic> {
    let file = source::read(path)?;
    let name = &file.name;
    let state: serde_json::Value = serde_json::from_str(&file.text)
        .map_err(|_| Diagnostic::error("invalid-state", format!("`{name}` is no Terraform state: it is not JSON")))?;
    if state.get("version").and_then(serde_json::Value::as_u64) != Some(4) {
        return Err(Diagnostic::error("invalid-state", format!("`{name}` is no Terraform state of version 4"))
            .help("name a file that `terraform state pull` wrote"));
    }
    // A state holds secrets: no diagnostic may show a line of it.
    let hidden = SourceFile::new(name.clone(), "");
    let span = Span::new(&hidden, 0..0);
    let resources = state.get("resources").and_then(serde_json::Value::as_array);
    Ok(resources.into_iter().flatten().filter_map(|resource| state_resource(resource, &span)).collect())
}

fn state_resource(resource: &serde_json::Value, span: &Span) -> Option<(String, Given)> {
    if resource.get("module").is_some() {
        return None;
    }
    let text = |name: &str| resource.get(name).and_then(serde_json::Value::as_str);
    let data = if text("mode")? == "data" { "data." } else { "" };
    let address = format!("{data}{}.{}", text("type")?, text("name")?);
    let instances = resource.get("instances")?.as_array()?;
    Some((address, state_instances(instances, span)?))
}

fn state_instances(instances: &[serde_json::Value], span: &Span) -> Option<Given> {
    let first_key = instances.first()?.get("index_key");
    let kind = match first_key {
        None => return instances.first().map(|instance| state_attributes(instance, span)),
        Some(serde_json::Value::Number(_)) => {
            Kind::List(instances.iter().map(|instance| state_attributes(instance, span)).collect())
        }
        Some(_) => Kind::Map(
            instances
                .iter()
                .filter_map(|instance| {
                    let key = instance.get("index_key")?.as_str()?.to_owned();
                    Some((key, Field { key: span.clone(), value: state_attributes(instance, span) }))
                })
                .collect(),
        ),
    };
    Some(Given::new(kind, span.clone()))
}

fn state_attributes(instance: &serde_json::Value, span: &Span) -> Given {
    let null = serde_json::Value::Null;
    let mut value = Given::from_json(instance.get("attributes").unwrap_or(&null), span);
    let paths = instance.get("sensitive_attributes").and_then(serde_json::Value::as_array);
    for path in paths.into_iter().flatten() {
        hide_path(&mut value, path.as_array().map(Vec::as_slice).unwrap_or_default(), span);
    }
    value
}

fn hide_path(value: &mut Given, path: &[serde_json::Value], span: &Span) {
    let name = path.first().and_then(|step| step.get("value")).and_then(serde_json::Value::as_str);
    let inner = match (&mut value.kind, name) {
        (Kind::Map(fields), Some(name)) => fields.get_mut(name),
        _ => None,
    };
    match (inner, path) {
        (Some(field), [_, rest @ ..]) => hide_path(&mut field.value, rest, span),
        _ => value.hide(span),
    }
}
