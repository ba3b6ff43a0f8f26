//! The `output` blocks of a folder: what a state's root outputs are.
//!
//! Modules' outputs are known bit by bit, so that the expressions are kept and evaluated whenever more is known. What
//! they refer to is kept with them, and nothing else: a saved plan holds it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

use indexmap::IndexMap;
use keywright_model::{Diagnostic, ModuleName, SourceFile, Span};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use super::configuration::{Code, Configuration, OutputBlock};
use super::cty::Cty;
use super::evaluate::{Step, World};
use super::given::{Field, Given, Kind, whole};
use crate::value::Resolved;

/// The `output` blocks of a folder, and what their expressions refer to.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OutputBlocks {
    blocks: IndexMap<String, Block>,
    variables: IndexMap<String, Constant>,
    locals: IndexMap<String, Code>,
    /// The folder's modules that were not asked for.
    #[serde(default)]
    left_out: BTreeSet<ModuleName>,
    complete: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Block {
    #[serde(skip)]
    place: Option<Span>,
    #[serde(skip)]
    pub(super) description: Option<String>,
    pub(super) value: Code,
    pub(super) sensitive: bool,
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && self.sensitive == other.sensitive
    }
}

/// The value of a variable.
#[derive(Clone)]
struct Constant(Given);

/// What a module hands out, as far as it is known.
#[derive(Clone, PartialEq)]
pub struct ModuleOutput {
    /// The output's name.
    pub name: String,
    /// Of which type it is.
    pub kind: OutputKind,
    /// Its value.
    pub resolved: Resolved,
    /// Whether a sensitive input is in it, so that it must not be shown.
    pub sensitive: bool,
}

/// Of which type an output of a module is, to Terraform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// A text, or a null that is known to stand for one.
    Text,
    /// A text of a resource that may not be made: then a null of no type.
    Made,
    /// A truth value.
    Truth,
    /// A list of texts.
    Texts,
}

/// A root output, as far as it is known.
#[derive(Clone, PartialEq)]
pub struct RootOutput {
    /// Its value.
    pub value: Resolved,
    /// Its type, as Terraform writes it in states. It is final once all of the value is known.
    pub kind: serde_json::Value,
    /// Whether it is not to be shown.
    pub sensitive: bool,
}

/// Why the value of a root output cannot be told.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftAlone {
    /// The reason, without any secret.
    pub because: String,
    /// Where the block stands; none where that was not kept.
    pub place: Option<Span>,
    /// Whether the block refers to a module of the folder that was not asked for.
    pub is_of_other_module: bool,
}

impl OutputBlocks {
    /// The blocks of a folder of configuration: its state holds no other outputs.
    pub(crate) fn of_folder(configuration: &Configuration, values: &IndexMap<String, Given>) -> Self {
        let mut blocks = Self { complete: true, ..Self::default() };
        for (name, OutputBlock { span, value, sensitive, description }) in &configuration.outputs {
            let (place, description) = (Some(span.clone()), description.clone());
            let block = Block { place, description, value: value.code.clone(), sensitive: *sensitive };
            blocks.take_names(&block.value, configuration, values);
            blocks.blocks.insert(name.clone(), block);
        }
        blocks
    }

    /// What a document of inputs stands for: `output "kms" { value = module.kms }`, beside outputs of others.
    pub fn of_document(module: &ModuleName) -> Self {
        let file = SourceFile::new("output", format!("${{module.{module}}}"));
        let value = Code::Json(Given::string(file.text.clone(), whole(&file)));
        let block = Block { place: None, description: None, value, sensitive: false };
        Self { blocks: IndexMap::from([(module.to_string(), block)]), ..Self::default() }
    }

    /// Takes note of the folder's modules that were not asked for.
    pub(crate) fn leave_out(&mut self, modules: impl Iterator<Item = ModuleName>) {
        self.left_out.extend(modules);
    }

    fn take_names(&mut self, code: &Code, configuration: &Configuration, values: &IndexMap<String, Given>) {
        let mut waiting = code.names();
        while let Some((root, name)) = waiting.pop() {
            if root == "var"
                && let Some(value) = values.get(&name)
            {
                let mut value = value.clone();
                if configuration.variables.get(&name).is_some_and(|variable| variable.sensitive) {
                    value.hide(&value.span.clone());
                }
                self.variables.insert(name, Constant(value));
            } else if root == "local"
                && !self.locals.contains_key(&name)
                && let Some(local) = configuration.locals.get(&name)
            {
                self.locals.insert(name, local.code.clone());
                waiting.extend(local.code.names());
            }
        }
    }

    /// Whether a state holds no other outputs: so it is for a folder of configuration.
    pub fn are_all(&self) -> bool {
        self.complete
    }

    /// The names of the outputs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.blocks.keys().map(String::as_str)
    }

    pub(super) fn blocks(&self) -> impl Iterator<Item = (&str, &Block)> {
        self.blocks.iter().map(|(name, block)| (name.as_str(), block))
    }

    pub(super) fn variable(&self, name: &str) -> Option<&Given> {
        self.variables.get(name).map(|Constant(value)| value)
    }

    pub(super) fn local(&self, name: &str) -> Option<&Code> {
        self.locals.get(name)
    }

    /// Whether an output refers to one of the modules, itself or by local values.
    pub fn refers_to(&self, output: &str, modules: &BTreeSet<ModuleName>) -> bool {
        let mut waiting: Vec<&Code> = self.blocks.get(output).map(|block| &block.value).into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(code) = waiting.pop() {
            for (root, name) in code.names() {
                if root == "module" && modules.iter().any(|module| module.as_str() == name) {
                    return true;
                }
                if root == "local" && seen.insert(name.clone()) {
                    waiting.extend(self.locals.get(&name));
                }
            }
        }
        false
    }

    /// Each output by what is known of the modules, or why it has to be left alone.
    pub fn evaluate(
        &self,
        modules: &IndexMap<ModuleName, Vec<ModuleOutput>>,
    ) -> IndexMap<&str, Result<RootOutput, LeftAlone>> {
        let world = Blocks { blocks: self, modules, locals: RefCell::default(), depth: Cell::new(0) };
        let left_alone = |name: &str, block: &Block, because| LeftAlone {
            because,
            place: block.place.clone(),
            is_of_other_module: self.refers_to(name, &self.left_out),
        };
        let evaluated =
            |name: &str, block: &Block| block.evaluate(&world).map_err(|because| left_alone(name, block, because));
        self.blocks.iter().map(|(name, block)| (name.as_str(), evaluated(name, block))).collect()
    }
}

impl Block {
    fn evaluate(&self, world: &Blocks<'_>) -> Result<RootOutput, String> {
        let value = self.value.evaluate(world).map_err(|error| error.summary)?;
        if value.holds_secrets() && !self.sensitive {
            return Err("it holds a sensitive value, and does not say `sensitive = true`".to_owned());
        }
        let output = |value: &Given, kind| RootOutput {
            value: Resolved { value: value.to_json(), unknown: value.unknown_to_json() },
            kind,
            sensitive: self.sensitive,
        };
        match Cty::of(&value).to_json() {
            Some(kind) => Ok(output(&value, kind)),
            // Its type may depend on what is not known yet.
            None if value.holds_unknown() => {
                Ok(output(&Given::new(Kind::Unknown, value.span), serde_json::Value::Null))
            }
            None => Err("Terraform may write its value or type in another way".to_owned()),
        }
    }
}

impl OutputKind {
    fn cty(self, value: &serde_json::Value) -> Cty {
        match self {
            Self::Made if value.is_null() => Cty::Dynamic,
            Self::Text | Self::Made => Cty::String,
            Self::Truth => Cty::Bool,
            Self::Texts => Cty::list(Cty::String),
        }
    }
}

impl ModuleOutput {
    /// Its type, as Terraform writes it in states.
    pub fn type_json(&self) -> serde_json::Value {
        self.kind.cty(&self.resolved.value).to_json().unwrap_or_default()
    }

    fn given(&self, span: &Span) -> Given {
        let mut value = match self.resolved.is_known() {
            true => self.kind.cty(&self.resolved.value).read(&self.resolved.value, span),
            false => Given { declared: Some(self.kind.cty(&json!(""))), ..Given::new(Kind::Unknown, span.clone()) },
        };
        if self.sensitive {
            value.hide(span);
        }
        value
    }
}

/// What the expressions of `output` blocks may refer to.
struct Blocks<'a> {
    blocks: &'a OutputBlocks,
    modules: &'a IndexMap<ModuleName, Vec<ModuleOutput>>,
    locals: RefCell<IndexMap<String, Option<Rc<Given>>>>,
    depth: Cell<usize>,
}

impl Blocks<'_> {
    fn local(&self, name: &str, span: &Span) -> Result<Given, Diagnostic> {
        let started = self.locals.borrow().get(name).cloned();
        match started {
            Some(Some(known)) => return Ok(known.as_ref().clone()),
            Some(None) => return Err(not_read(&format!("local.{name}"), span)),
            None => {}
        }
        let code = self.blocks.locals.get(name).ok_or_else(|| not_read(&format!("local.{name}"), span))?;
        self.locals.borrow_mut().insert(name.to_owned(), None);
        let value = code.evaluate(self)?;
        self.locals.borrow_mut().insert(name.to_owned(), Some(Rc::new(value.clone())));
        Ok(value)
    }

    fn module(&self, name: &str, span: &Span) -> Option<Given> {
        let (_, outputs) = self.modules.iter().find(|(module, _)| module.as_str() == name)?;
        let field =
            |output: &ModuleOutput| (output.name.clone(), Field { key: span.clone(), value: output.given(span) });
        Some(Given::new(Kind::Map(outputs.iter().map(field).collect()), span.clone()))
    }
}

impl World for Blocks<'_> {
    fn resolve(&self, root: &str, steps: &[Step], span: &Span) -> Result<(Given, usize), Diagnostic> {
        let name = match steps.first() {
            Some(Step::Name(name)) => name.as_str(),
            _ => "",
        };
        let whole = format!("{root}.{name}");
        let found = match root {
            "var" => self.blocks.variables.get(name).map(|constant| constant.0.clone()),
            "local" => Some(self.local(name, span)?),
            "module" => self.module(name, span),
            "terraform" if name == "workspace" => Some(Given::string("default", span.clone())),
            _ => None,
        };
        found.map(|value| (value, 1)).ok_or_else(|| not_read(&whole, span))
    }

    fn tells_types(&self) -> bool {
        true
    }

    fn depth(&self) -> &Cell<usize> {
        &self.depth
    }
}

fn not_read(what: &str, span: &Span) -> Diagnostic {
    let what = what.trim_end_matches('.');
    Diagnostic::error(
        "unresolved-reference",
        format!("it refers to `{what}`, of which keywright does not know the value"),
    )
    .at(span.clone(), "")
}

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        self.0.same(&other.0) && Cty::of(&self.0) == Cty::of(&other.0) && self.0.sensitive == other.0.sensitive
    }
}

impl Serialize for Constant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value) = self;
        // A type that is not told cannot be kept: what refers to it is left alone then, too.
        let kind = Cty::of(value).to_json();
        json!({"value": value.to_json(), "type": kind, "sensitive": value.holds_secrets()}).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Constant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = serde_json::Value::deserialize(deserializer)?;
        let field = |name: &str| saved.get(name).ok_or_else(|| D::Error::custom("not the value of a variable"));
        let span = Span::new(&SourceFile::new("saved plan", ""), 0..0);
        let kind = match field("type")? {
            serde_json::Value::Null => Cty::Untold,
            kind => Cty::from_json(kind).ok_or_else(|| D::Error::custom("not a type"))?,
        };
        let mut value = kind.read(field("value")?, &span);
        if field("sensitive")? != &json!(false) {
            value.hide(&span);
        }
        Ok(Self(value))
    }
}

/// Shows the names alone: what the expressions refer to may be secret.
impl fmt::Debug for OutputBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Shows nothing of a sensitive value.
impl fmt::Debug for ModuleOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?}): ", self.name, self.kind)?;
        if self.sensitive { f.write_str("(sensitive)") } else { self.resolved.fmt(f) }
    }
}

/// Shows nothing of a sensitive value.
impl fmt::Debug for RootOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive { f.write_str("(sensitive)") } else { self.value.fmt(f) }
    }
}
