//! The values of a folder's variables, with Terraform's precedence.
//!
//! Source: <https://developer.hashicorp.com/terraform/language/values/variables#variable-definition-precedence>.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::{Diagnostic, Diagnostics, SourceFile, Span};

use super::configuration::{Configuration, Variable, parse_body, parse_expression};
use super::evaluate::Scope;
use super::given::{Given, whole};
use super::references::Nothing;
use super::types::{Mismatch, Reason, Type};
use super::{Assignment, Sources, json, source};
use crate::nearest::nearest;

/// What was assigned to variables, later ones having replaced earlier ones.
pub(crate) struct Assigned<'a> {
    configuration: &'a Configuration,
    values: IndexMap<String, Given>,
    /// Variables with a value that could not be read, which was said.
    failed: Vec<String>,
    diagnostics: &'a mut Diagnostics,
}

/// Gathers the values of all declared variables: checked, converted, defaults filled in. A variable whose value is
/// wrong or missing is left out; the diagnostics say why.
pub(crate) fn gather(
    configuration: &Configuration,
    sources: &Sources,
    files: &[PathBuf],
    diagnostics: &mut Diagnostics,
) -> IndexMap<String, Given> {
    let mut assigned = Assigned { configuration, values: IndexMap::new(), failed: Vec::new(), diagnostics };
    assigned.take_environment(&sources.environment);
    for path in automatic_files(files) {
        assigned.take_file(path);
    }
    for assignment in &sources.assignments {
        match assignment {
            Assignment::File(path) => assigned.take_file(path),
            Assignment::Variable { name, value } => assigned.take_argument(name, value),
        }
    }
    let Assigned { mut values, failed, .. } = assigned;
    let mut complete = IndexMap::new();
    for (name, variable) in configuration.variables.iter().filter(|(name, _)| !failed.contains(name)) {
        match variable.value(name, values.shift_remove(name)) {
            Ok(value) => drop(complete.insert(name.clone(), value)),
            Err(wrong) => diagnostics.extend(wrong),
        }
    }
    complete
}

/// The files that Terraform reads unasked, in its order.
fn automatic_files(files: &[PathBuf]) -> impl Iterator<Item = &Path> {
    let named = |name: &'static str| files.iter().filter(move |path| path.file_name().is_some_and(|file| file == name));
    let ends_automatic = |path: &Path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json"))
    };
    named("terraform.tfvars")
        .chain(named("terraform.tfvars.json"))
        .chain(files.iter().filter(move |path| ends_automatic(path)))
        .map(PathBuf::as_path)
}

impl Assigned<'_> {
    /// Variables of the environment that name nothing declared are none of our business.
    fn take_environment(&mut self, environment: &[(String, String)]) {
        for (key, text) in environment {
            let Some(name) = key.strip_prefix("TF_VAR_") else { continue };
            if let Some(variable) = self.configuration.variables.get(name) {
                self.assign_text(name, variable, &SourceFile::new(key, text));
            }
        }
    }

    fn take_argument(&mut self, name: &str, text: &str) {
        match self.configuration.variables.get(name) {
            Some(variable) => self.assign_text(name, variable, &SourceFile::new(format!("--var {name}"), text)),
            None => {
                let diagnostic = Diagnostic::error(
                    "undeclared-variable",
                    format!("`--var {name}`: no variable `{name}` is declared"),
                );
                self.diagnostics.push(self.with_nearest(name, diagnostic));
            }
        }
    }

    /// A text from outside is itself for primitive types and undeclared ones, and an expression for all others.
    fn assign_text(&mut self, name: &str, variable: &Variable, file: &Arc<SourceFile>) {
        let literal = !variable.typed || matches!(variable.kind, Type::String | Type::Number | Type::Bool);
        let value = if literal {
            Ok(Given::string(file.text.as_str(), whole(file)))
        } else {
            parse_expression(file).and_then(|expression| Scope::new(&Nothing::default(), file).evaluate(&expression))
        };
        match value {
            Ok(value) => drop(self.values.insert(name.to_owned(), value)),
            Err(diagnostic) => {
                self.failed.push(name.to_owned());
                self.diagnostics.push(if variable.sensitive { unreadable_secret(name, variable) } else { diagnostic });
            }
        }
    }

    fn take_file(&mut self, path: &Path) {
        match read_definitions(path) {
            Ok((definitions, wrong)) => {
                self.diagnostics.extend(wrong);
                for (name, key, value) in definitions {
                    self.assign(name, &key, value);
                }
            }
            Err(diagnostic) => self.diagnostics.push(diagnostic),
        }
    }

    fn assign(&mut self, name: String, key: &Span, value: Given) {
        if self.configuration.variables.contains_key(&name) {
            self.values.insert(name, value);
            return;
        }
        let diagnostic =
            Diagnostic::warning("undeclared-variable", format!("a value is given for `{name}`, which is not declared"))
                .at(key.clone(), "");
        self.diagnostics.push(self.with_nearest(&name, diagnostic));
    }

    fn with_nearest(&self, name: &str, diagnostic: Diagnostic) -> Diagnostic {
        match nearest(name, self.configuration.variables.keys().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("declare it: `variable \"{name}\" {{}}`, or take the value away")),
        }
    }
}

type Definitions = Vec<(String, Span, Given)>;

fn read_definitions(path: &Path) -> Result<(Definitions, Diagnostics), Diagnostic> {
    let file = source::read(path)?;
    if path.extension().is_some_and(|extension| extension == "json") {
        let root = json::parse(&file)?;
        let definitions = root.fields().map(|(name, field)| (name.clone(), field.key.clone(), field.value.clone()));
        return Ok((definitions.collect(), Diagnostics::new()));
    }
    let body = parse_body(&file)?;
    let (mut definitions, mut wrong) = (Vec::new(), Diagnostics::new());
    for attribute in body.attributes() {
        let span = hcl_edit::Span::span(&attribute.key).unwrap_or_default();
        match Scope::new(&Nothing::default(), &file).evaluate(&attribute.value) {
            Ok(value) => definitions.push((attribute.key.value().as_str().to_owned(), Span::new(&file, span), value)),
            Err(diagnostic) => wrong.push(diagnostic),
        }
    }
    if let Some(block) = body.blocks().next() {
        let span = Span::new(&file, hcl_edit::Span::span(&block.ident).unwrap_or_default());
        wrong.push(
            Diagnostic::error("unexpected-block", "a file of values holds no blocks")
                .at(span, "")
                .help("write `name = value`; declarations belong in a `.tf` file"),
        );
    }
    Ok((definitions, wrong))
}

impl Variable {
    fn value(&self, name: &str, assigned: Option<Given>) -> Result<Given, Diagnostics> {
        let assigned = assigned.filter(|value| self.nullable || !value.is_null());
        let mut value = match (assigned, &self.default) {
            (Some(value), _) => value,
            (None, Some(default)) => default.code.evaluate(&Nothing::default())?,
            (None, None) => return Err(missing(name, self).into()),
        };
        if self.sensitive {
            value.hide(&self.span);
        }
        let mut value = self.kind.convert(value, false).map_err(|mismatches| {
            let mut diagnostics = Diagnostics::new();
            diagnostics.extend(mismatches.iter().map(|mismatch| self.mismatch(name, mismatch)));
            diagnostics
        })?;
        if value.is_null() && !self.nullable {
            return Err(missing(name, self).into());
        }
        if self.sensitive {
            value.hide(&self.span);
        }
        Ok(value)
    }

    fn mismatch(&self, name: &str, mismatch: &Mismatch) -> Diagnostic {
        let place = mismatch.found.span.clone();
        mismatch_diagnostic(&format!("variable `{name}`"), mismatch).at(place, mismatch_label(mismatch))
    }
}

fn missing(name: &str, variable: &Variable) -> Diagnostic {
    Diagnostic::error("missing-variable", format!("the variable `{name}` has no value"))
        .at(variable.span.clone(), "declared here, without a default")
        .help(format!("give it in terraform.tfvars, with `--var {name}=VALUE`, or as TF_VAR_{name}"))
}

fn unreadable_secret(name: &str, variable: &Variable) -> Diagnostic {
    Diagnostic::error("invalid-hcl", format!("the value of the sensitive variable `{name}` cannot be read"))
        .at(variable.span.clone(), "declared here")
}

/// What does not fit, in words; `what` is the variable or the input.
pub(crate) fn mismatch_diagnostic(what: &str, mismatch: &Mismatch) -> Diagnostic {
    if mismatch.found.sensitive {
        return Diagnostic::error("wrong-type", format!("{what}: this sensitive value does not fit the type"));
    }
    let path = mismatch.path.trim_start_matches('.');
    let place = if path.is_empty() { what.to_owned() } else { format!("{what}, at `{path}`") };
    match &mismatch.reason {
        Reason::Shape => Diagnostic::error("wrong-type", format!("{place}: {} is needed", mismatch.wanted)),
        Reason::MissingAttribute(name) => {
            Diagnostic::error("missing-attribute", format!("{place}: the attribute `{name}` is missing"))
                .help(format!("add `{name} = …`"))
        }
        Reason::UnknownAttribute { name, known } => {
            let diagnostic =
                Diagnostic::error("unknown-attribute", format!("{place}: the attribute `{name}` is not known"));
            match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("known are: {}", known.join(", "))),
            }
        }
    }
}

pub(crate) fn mismatch_label(mismatch: &Mismatch) -> String {
    match mismatch.reason {
        Reason::Shape => format!("this is {}", mismatch.found.shape()),
        _ => String::new(),
    }
}
