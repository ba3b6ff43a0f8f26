//! Reading inputs: the only part that looks at files.

mod configuration;
mod cty;
mod evaluate;
mod folder;
mod functions;
mod given;
mod json;
mod outputs;
mod references;
mod source;
mod types;
mod values;
mod written;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use keywright_model::{Diagnostic, Diagnostics, Span};

pub(crate) use given::{Given, Kind};
pub use outputs::{LeftAlone, ModuleOutput, OutputBlocks, OutputKind, RootOutput};
pub(crate) use types::{Attribute, Type};
pub(crate) use values::{mismatch_diagnostic, mismatch_label};
pub use written::{WrittenOutput, WrittenPart};

/// Where inputs come from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The folder: Terraform configuration, or `keywright.yaml`, `.yml` or `.json`.
    pub folder: PathBuf,
    /// `--var` and `--var-file`, in the order in which they were given: later ones win.
    pub assignments: Vec<Assignment>,
    /// The environment's `TF_VAR_…`, with their whole names; others are ignored.
    pub environment: Vec<(String, String)>,
    /// `--ref ADDRESS=VALUE`.
    pub refs: Vec<(String, String)>,
    /// `--refs-from`: a Terraform state (version 4) from which references are taken.
    pub refs_from: Option<PathBuf>,
    /// `--module`: the one module that is meant; none for all of them.
    pub module: Option<String>,
    /// A document of inputs, instead of the folder.
    pub inputs_file: Option<PathBuf>,
}

/// A value for a variable, or a file of them, from the command line.
#[derive(Clone, PartialEq, Eq)]
pub enum Assignment {
    /// `--var NAME=VALUE`.
    Variable {
        /// The variable.
        name: String,
        /// Its value, as text.
        value: String,
    },
    /// `--var-file FILE`.
    File(PathBuf),
}

/// Shows where inputs come from, and no value: some are secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        f.debug_struct("Sources")
            .field("folder", &self.folder)
            .field("assignments", &self.assignments)
            .field("environment", &names(&self.environment))
            .field("refs", &names(&self.refs))
            .field("refs_from", &self.refs_from)
            .field("module", &self.module)
            .field("inputs_file", &self.inputs_file)
            .finish()
    }
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, .. } => f.debug_tuple("Variable").field(name).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// The arguments of one module, before they are checked.
pub(crate) struct Arguments {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    /// The module's head, for what is missing.
    pub(crate) span: Span,
    pub(crate) values: IndexMap<String, Argument>,
    /// Arguments that are given, but whose values could not be had.
    pub(crate) failed: Vec<String>,
    /// Whether every argument could be evaluated.
    pub(crate) complete: bool,
}

/// An argument of a module.
#[derive(Clone)]
pub(crate) struct Argument {
    /// Where its name stands.
    pub(crate) key: Span,
    /// Where its expression stands; the value itself may come from elsewhere.
    pub(crate) code: Span,
    pub(crate) value: Given,
}

impl Arguments {
    fn new(name: &str, span: Span) -> Self {
        let (values, failed) = (IndexMap::new(), Vec::new());
        Self { name: name.to_owned(), name_span: span.clone(), span, values, failed, complete: true }
    }
}

/// What was read: the arguments of every module that is meant, and the outputs of the whole.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) modules: Vec<Arguments>,
    /// None for a document, which has none of its own.
    pub(crate) outputs: Option<OutputBlocks>,
}

/// Reads all that sources hold.
pub(crate) fn read(sources: &Sources, diagnostics: &mut Diagnostics) -> Reading {
    let document = match &sources.inputs_file {
        Some(path) => Some(path.clone()),
        None => document_in(&sources.folder),
    };
    match document {
        Some(path) => {
            Reading { modules: read_document(&path, sources, diagnostics).into_iter().collect(), outputs: None }
        }
        None => folder::read(sources, diagnostics),
    }
}

/// Whether the path is a folder of Terraform configuration, and no document of inputs or folder with one.
pub fn holds_configuration(path: &Path) -> bool {
    !path.is_file() && source::list(path).is_ok_and(|files| files.iter().any(|path| folder::is_configuration(path)))
}

/// The document of inputs of a folder that holds no configuration.
fn document_in(folder: &Path) -> Option<PathBuf> {
    if holds_configuration(folder) {
        return None;
    }
    let files = source::list(folder).ok()?;
    let names = ["keywright.yaml", "keywright.yml", "keywright.json"];
    files.into_iter().find(|path| path.file_name().is_some_and(|file| names.iter().any(|name| file == *name)))
}

fn read_document(path: &Path, sources: &Sources, diagnostics: &mut Diagnostics) -> Option<Arguments> {
    for assignment in &sources.assignments {
        if let Assignment::Variable { name, .. } = assignment {
            diagnostics.push(
                Diagnostic::error(
                    "undeclared-variable",
                    format!("`--var {name}`: a document of inputs has no variables"),
                )
                .help("change the document, or use a folder of Terraform configuration"),
            );
        }
    }
    let read = source::read(path).and_then(|file| match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => json::parse(&file),
        Some("yaml" | "yml") => yaml::parse(&file),
        _ => Err(Diagnostic::error(
            "unknown-format",
            format!("`{}` is neither JSON nor YAML by its name", path.display()),
        )
        .help("name it `.json`, `.yaml` or `.yml`")),
    });
    match read {
        Ok(root) => folder::document(&root, diagnostics),
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            None
        }
    }
}
