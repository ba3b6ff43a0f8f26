//! A folder of configuration: its names, and what each means.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

use indexmap::IndexMap;
use keywright_model::{Diagnostic, Diagnostics, ModuleName, Span};

use super::configuration::{Attribute, Call, Configuration, Validation};
use super::evaluate::{Step, World, bool_of, text_of};
use super::given::{Given, Kind, whole};
use super::references::{References, shown};
use super::{Argument, Arguments, OutputBlocks, Reading, Sources, source, values};
use crate::nearest::nearest;

/// Everything that expressions of the folder may refer to.
struct Folder<'a> {
    configuration: &'a Configuration,
    values: IndexMap<String, Given>,
    references: References,
    locals: RefCell<IndexMap<String, Local>>,
    path: String,
    depth: Cell<usize>,
}

/// How far the evaluation of a local value is.
#[derive(Clone)]
enum Local {
    /// It is being evaluated: who asks now is part of a circle.
    Started,
    Known(Rc<Given>),
    /// It failed, and that was said.
    Failed,
}

/// Marks a diagnostic that only repeats another one.
const SAID_BEFORE: &str = "said-before";

/// Reads the arguments of the folder's KMS modules, and its outputs.
pub(crate) fn read(sources: &Sources, diagnostics: &mut Diagnostics) -> Reading {
    let files = match source::list(&sources.folder) {
        Ok(files) => files,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return Reading::default();
        }
    };
    let (overrides, configured): (Vec<_>, Vec<_>) =
        files.iter().filter(|path| is_configuration(path)).partition(|path| is_override(path));
    diagnostics.extend(overrides.into_iter().map(|path| override_file(path)));
    let configuration = Configuration::read(&configured, diagnostics);
    if diagnostics.has_errors() {
        return Reading::default();
    }
    let references = References::read(&sources.refs, sources.refs_from.as_deref(), diagnostics);
    let values = values::gather(&configuration, sources, &files, diagnostics);
    let mut outputs = OutputBlocks::of_folder(&configuration, &values);
    let path = sources.folder.display().to_string();
    let folder = Folder {
        configuration: &configuration,
        values,
        references,
        locals: RefCell::default(),
        path,
        depth: Cell::new(0),
    };
    folder.validate(diagnostics);
    let calls = ours(&configuration, sources, diagnostics);
    let is_chosen = |call: &&Call| calls.iter().any(|chosen| chosen.name == call.name);
    let left_out = configuration.modules.iter().filter(|call| is_ours(call) && !is_chosen(call));
    outputs.leave_out(left_out.filter_map(|call| ModuleName::parse(&call.name).ok()));
    let modules = calls.into_iter().filter_map(|call| folder.arguments(call, diagnostics)).collect();
    Reading { modules, outputs: Some(outputs) }
}

/// Whether Terraform reads the file as configuration.
pub(crate) fn is_configuration(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    (name.ends_with(".tf") || name.ends_with(".tf.json")) && !name.starts_with('.') && !name.starts_with('#')
}

fn is_override(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = name.strip_suffix(".json").unwrap_or(name).strip_suffix(".tf").unwrap_or_default();
    stem == "override" || stem.ends_with("_override")
}

fn override_file(path: &Path) -> Diagnostic {
    Diagnostic::error("override-file", format!("`{}` is an override file, which is not read", path.display()))
        .help("merge it into the file that it overrides")
}

/// The modules that are keywright's, or the one that was asked for.
fn ours<'a>(configuration: &'a Configuration, sources: &Sources, diagnostics: &mut Diagnostics) -> Vec<&'a Call> {
    let ours: Vec<&Call> = configuration.modules.iter().filter(|call| is_ours(call)).collect();
    let chosen: Vec<&Call> =
        ours.iter().copied().filter(|call| sources.module.as_ref().is_none_or(|wanted| *wanted == call.name)).collect();
    if chosen.is_empty() && !diagnostics.has_errors() {
        diagnostics.push(no_module(configuration, &ours, sources));
    }
    chosen
}

/// A module is keywright's if its source is a folder or a repository named `kms`, or the word `keywright`.
fn is_ours(call: &Call) -> bool {
    source_of(call).is_some_and(|source| {
        let source = source.split('?').next().unwrap_or_default().trim_end_matches('/');
        source.ends_with("/kms") || source == "keywright"
    })
}

fn source_of(call: &Call) -> Option<String> {
    let value = call.section.attributes.get("source")?.code.evaluate(&super::references::Nothing::default()).ok()?;
    value.as_str().map(str::to_owned)
}

fn no_module(configuration: &Configuration, ours: &[&Call], sources: &Sources) -> Diagnostic {
    let folder = sources.folder.display();
    if let Some(wanted) = &sources.module {
        let diagnostic = Diagnostic::error("no-module", format!("there is no KMS module `{wanted}` in `{folder}`"));
        let names = || ours.iter().map(|call| call.name.as_str());
        return match (nearest(wanted, names()), ours) {
            (Some(near), _) => diagnostic.help(format!("did you mean `{near}`?")),
            (None, []) => diagnostic,
            (None, _) => diagnostic.help(format!("there are: {}", names().collect::<Vec<_>>().join(", "))),
        };
    }
    let mut diagnostic = Diagnostic::error("no-module", format!("there is no KMS module in `{folder}`"))
        .help("add `module \"kms\" { source = \"./modules/kms\" … }`: the source ends in `/kms`, or is `keywright`");
    for call in &configuration.modules {
        let source = source_of(call).unwrap_or_default();
        diagnostic = diagnostic.at(call.span.clone(), format!("this is not one: its source is `{source}`"));
    }
    diagnostic
}

impl Folder<'_> {
    fn validate(&self, diagnostics: &mut Diagnostics) {
        for (name, variable) in &self.configuration.variables {
            let Some(value) = self.values.get(name) else { continue };
            for validation in &variable.validations {
                let checked = self.check(name, value, validation);
                diagnostics.extend(checked.err().filter(|diagnostic| diagnostic.code != SAID_BEFORE));
            }
        }
    }

    fn check(&self, name: &str, value: &Given, validation: &Validation) -> Result<(), Diagnostic> {
        if bool_of(&validation.condition.code.evaluate(self)?)? {
            return Ok(());
        }
        let message = validation.message.as_ref().and_then(|message| message.code.evaluate(self).ok());
        let message = message.filter(|message| !message.holds_secrets()).and_then(|message| text_of(&message).ok());
        let diagnostic =
            Diagnostic::error("invalid-variable", format!("the value of the variable `{name}` is not allowed"))
                .at(value.span.clone(), "")
                .at(validation.condition.code.span(), "this must hold");
        Err(match message {
            Some(message) => diagnostic.because(message),
            None => diagnostic,
        })
    }

    fn arguments(&self, call: &Call, diagnostics: &mut Diagnostics) -> Option<Arguments> {
        let mut arguments = Arguments::new(&call.name, call.span.clone());
        let mut failed = false;
        for (name, attribute) in &call.section.attributes {
            match self.argument(name, attribute) {
                Ok(Some(argument)) => drop(arguments.values.insert(name.clone(), argument)),
                Ok(None) => {}
                Err(diagnostic) => {
                    failed = true;
                    arguments.failed.push(name.clone());
                    diagnostics.extend((diagnostic.code != SAID_BEFORE).then_some(diagnostic));
                }
            }
        }
        for (kind, span, _) in call.section.blocks.iter().filter(|(kind, ..)| kind != "providers") {
            failed = true;
            diagnostics.push(
                Diagnostic::error("unexpected-block", format!("a module has no `{kind}` block"))
                    .at(span.clone(), "")
                    .help(format!("inputs are arguments: `{kind} = …`")),
            );
        }
        arguments.complete = !failed;
        Some(arguments)
    }

    /// The value of an argument; none for what Terraform itself understands in a `module` block.
    fn argument(&self, name: &str, attribute: &Attribute) -> Result<Option<Argument>, Diagnostic> {
        match name {
            "source" | "version" | "providers" | "depends_on" => Ok(None),
            "count" | "for_each" => {
                Err(Diagnostic::error("unsupported-repetition", format!("`{name}` is not supported on a KMS module"))
                    .at(attribute.key.clone(), "")
                    .help("write one `module` block for each key, each with its own name"))
            }
            _ => {
                let value = attribute.code.evaluate(self)?;
                Ok(Some(Argument { key: attribute.key.clone(), code: attribute.code.span(), value }))
            }
        }
    }

    fn variable(&self, steps: &[Step], span: &Span) -> Result<Given, Diagnostic> {
        let name = first_name(steps, "var", span)?;
        let Some(variable) = self.configuration.variables.get(name) else {
            let names = self.configuration.variables.keys().map(String::as_str);
            return Err(undefined("variable", name, span, nearest(name, names)));
        };
        let mut value = self.values.get(name).cloned().ok_or_else(said_before)?;
        if variable.sensitive {
            value.hide(span);
        }
        Ok(value)
    }

    fn local(&self, steps: &[Step], span: &Span) -> Result<Given, Diagnostic> {
        let name = first_name(steps, "local", span)?;
        let Some(attribute) = self.configuration.locals.get(name) else {
            let names = self.configuration.locals.keys().map(String::as_str);
            return Err(undefined("local value", name, span, nearest(name, names)));
        };
        let before = self.locals.borrow().get(name).cloned();
        match before {
            Some(Local::Known(value)) => Ok(value.as_ref().clone()),
            Some(Local::Failed) => Err(said_before()),
            Some(Local::Started) => Err(circle(name, &attribute.key)),
            None => self.evaluate_local(name, attribute),
        }
    }

    fn evaluate_local(&self, name: &str, attribute: &Attribute) -> Result<Given, Diagnostic> {
        let set = |local| drop(self.locals.borrow_mut().insert(name.to_owned(), local));
        set(Local::Started);
        let value = attribute.code.evaluate(self);
        set(value.as_ref().map_or(Local::Failed, |value| Local::Known(Rc::new(value.clone()))));
        value
    }

    fn foreign(&self, root: &str, steps: &[Step], span: &Span) -> Result<(Given, usize), Diagnostic> {
        let all = [&[Step::Name(root.to_owned())], steps].concat();
        if let Some((value, taken)) = self.references.find(&all) {
            return Ok((value, taken - 1));
        }
        if steps.is_empty() {
            return Err(Diagnostic::error("invalid-reference", format!("`{root}` refers to nothing"))
                .at(span.clone(), "")
                .help(format!("a text stands in double quotes: `\"{root}\"`; a variable is `var.{root}`")));
        }
        Err(self.unresolved(&shown(&all), span))
    }

    fn unresolved(&self, address: &str, span: &Span) -> Diagnostic {
        let begins =
            |other: &String| address.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']));
        let here = self.configuration.others.iter().any(begins);
        let why = if here {
            "it stands in this folder, but keywright does not make it"
        } else {
            "keywright does not make it"
        };
        Diagnostic::error("unresolved-reference", format!("the value of `{address}` is not known"))
            .because(why)
            .at(span.clone(), "referred to here")
            .help(format!(
                "give it with `--ref {address}=VALUE`, or name a Terraform state that holds it with `--refs-from FILE`"
            ))
    }
}

impl World for Folder<'_> {
    fn resolve(&self, root: &str, steps: &[Step], span: &Span) -> Result<(Given, usize), Diagnostic> {
        match root {
            "var" => self.variable(steps, span).map(|value| (value, 1)),
            "local" => self.local(steps, span).map(|value| (value, 1)),
            "path" => first_name(steps, root, span).map(|_| (Given::string(&self.path, span.clone()), 1)),
            "terraform" => first_name(steps, root, span).map(|_| (Given::string("default", span.clone()), 1)),
            "each" | "count" | "self" => {
                Err(Diagnostic::error("invalid-reference", format!("`{root}` has no meaning here"))
                    .at(span.clone(), ""))
            }
            _ => self.foreign(root, steps, span),
        }
    }

    fn depth(&self) -> &Cell<usize> {
        &self.depth
    }
}

fn first_name<'a>(steps: &'a [Step], root: &str, span: &Span) -> Result<&'a str, Diagnostic> {
    match steps.first() {
        Some(Step::Name(name)) => Ok(name),
        _ => Err(Diagnostic::error("invalid-reference", format!("`{root}` needs a name: `{root}.name`"))
            .at(span.clone(), "")),
    }
}

fn undefined(what: &str, name: &str, span: &Span, near: Option<&str>) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("undefined-reference", format!("there is no {what} `{name}`")).at(span.clone(), "used here");
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if what == "variable" => diagnostic.help(format!("declare it: `variable \"{name}\" {{}}`")),
        None => diagnostic.help(format!("add it to a `locals` block: `{name} = …`")),
    }
}

fn circle(name: &str, key: &Span) -> Diagnostic {
    Diagnostic::error("circular-reference", format!("the local value `{name}` refers to itself"))
        .at(key.clone(), "directly or through others")
        .help("break the circle")
}

fn said_before() -> Diagnostic {
    Diagnostic::error(SAID_BEFORE, "this failed before")
}

/// A document of inputs as the one module that it is.
pub(crate) fn document(root: &Given, diagnostics: &mut Diagnostics) -> Option<Arguments> {
    let Kind::Map(fields) = &root.kind else {
        diagnostics.push(
            Diagnostic::error("wrong-type", "a document of inputs is a map from their names to their values")
                .at(root.span.clone(), format!("this is {}", root.shape())),
        );
        return None;
    };
    let name = fields.get("name").map(|field| &field.value);
    if let Some(value) = name.filter(|value| value.as_str().is_none()) {
        diagnostics.push(Diagnostic::error("wrong-type", "`name`: a string is needed").at(value.span.clone(), ""));
    }
    let mut arguments =
        Arguments::new(name.and_then(Given::as_str).unwrap_or("kms"), start_of(&whole(&root.span.file)));
    arguments.name_span = name.map(|name| name.span.clone()).unwrap_or(arguments.span.clone());
    for (name, field) in fields.iter().filter(|(name, _)| *name != "name" && *name != "$schema") {
        let argument = Argument { key: field.key.clone(), code: field.value.span.clone(), value: field.value.clone() };
        arguments.values.insert(name.clone(), argument);
    }
    Some(arguments)
}

fn start_of(span: &Span) -> Span {
    Span { file: span.file.clone(), range: 0..0 }
}
