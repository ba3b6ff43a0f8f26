//! What a folder of Terraform configuration declares, as far as it concerns the inputs of modules.

use std::path::Path;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use hcl_edit::structure::{Block, Body, Structure};
use hcl_edit::template::{ForTemplateExpr, Template};
use hcl_edit::visit::{self, Visit};
use indexmap::IndexMap;
use keywright_model::{Diagnostic, Diagnostics, SourceFile, Span};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::evaluate::{Scope, World};
use super::given::{Given, Kind};
use super::references::Nothing;
use super::types::{Type, TypeError};
use super::{json, source};

/// The declarations of a folder.
#[derive(Default)]
pub(crate) struct Configuration {
    pub(crate) variables: IndexMap<String, Variable>,
    pub(crate) locals: IndexMap<String, Attribute>,
    pub(crate) modules: Vec<Call>,
    pub(crate) outputs: IndexMap<String, OutputBlock>,
    /// What stands in the folder and is not ours, as references begin: `aws_sns_topic.alarms`.
    pub(crate) others: Vec<String>,
}

/// A `variable` block.
pub(crate) struct Variable {
    pub(crate) span: Span,
    pub(crate) kind: Type,
    /// Whether a `type` is written. A text from outside is read as an expression where one is, and is not primitive.
    pub(crate) typed: bool,
    pub(crate) default: Option<Attribute>,
    pub(crate) nullable: bool,
    pub(crate) sensitive: bool,
    pub(crate) validations: Vec<Validation>,
}

/// A `validation` block.
pub(crate) struct Validation {
    pub(crate) condition: Attribute,
    pub(crate) message: Option<Attribute>,
}

/// A `module` block.
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) section: Section,
}

/// An `output` block.
pub(crate) struct OutputBlock {
    pub(crate) span: Span,
    pub(crate) value: Attribute,
    pub(crate) sensitive: bool,
    pub(crate) description: Option<String>,
}

/// The inside of a block.
#[derive(Default)]
pub(crate) struct Section {
    pub(crate) attributes: IndexMap<String, Attribute>,
    pub(crate) blocks: Vec<(String, Span, Section)>,
}

/// `name = expression`.
#[derive(Clone)]
pub(crate) struct Attribute {
    pub(crate) key: Span,
    pub(crate) code: Code,
}

/// An expression in one of the two syntaxes.
#[derive(Clone)]
pub(crate) enum Code {
    Hcl { file: Arc<SourceFile>, expression: Box<Expression> },
    Json(Given),
}

impl Code {
    pub(crate) fn evaluate(&self, world: &dyn World) -> Result<Given, Diagnostic> {
        match self {
            Self::Hcl { file, expression } => Scope::new(world, file).evaluate(expression),
            Self::Json(value) => Scope::new(world, &value.span.file).evaluate_json(value),
        }
    }

    /// What it refers to: the first two names of each traversal, `local.name`.
    pub(crate) fn names(&self) -> Vec<(String, String)> {
        let mut names = Names::default();
        match self {
            Self::Hcl { expression, .. } => names.visit_expr(expression),
            Self::Json(value) => names.visit_json(value),
        }
        names.0
    }

    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Hcl { file, expression } => Span::new(file, expression.span().unwrap_or_default()),
            Self::Json(value) => value.span.clone(),
        }
    }
}

/// The same expression, wherever it stands.
impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Hcl { expression: left, .. }, Self::Hcl { expression: right, .. }) => left == right,
            (Self::Json(left), Self::Json(right)) => left.same(right),
            _ => false,
        }
    }
}

/// As the text that it was read from.
impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = match self {
            Self::Hcl { file, expression } => {
                let text = expression.span().and_then(|range| file.text.get(range)).unwrap_or_default();
                SavedCode::Hcl(text.to_owned())
            }
            Self::Json(value) => SavedCode::Json(value.to_json()),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match SavedCode::deserialize(deserializer)? {
            SavedCode::Hcl(text) => {
                let file = SourceFile::new("saved plan", text);
                let expression = parse_expression(&file).map_err(|error| D::Error::custom(error.summary))?;
                Ok(Self::Hcl { file, expression: Box::new(expression) })
            }
            SavedCode::Json(value) => {
                let file = SourceFile::new("saved plan", "");
                Ok(Self::Json(Given::from_json(&value, &Span::new(&file, 0..0))))
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedCode {
    Hcl(String),
    Json(serde_json::Value),
}

impl Configuration {
    /// Reads every `*.tf` and `*.tf.json` of the files.
    pub(crate) fn read(files: &[impl AsRef<Path>], diagnostics: &mut Diagnostics) -> Self {
        let mut configuration = Self::default();
        for path in files {
            match read_file(path.as_ref()) {
                Ok(blocks) => blocks.into_iter().for_each(|block| configuration.add(block, diagnostics)),
                Err(diagnostic) => diagnostics.push(diagnostic),
            }
        }
        configuration
    }

    fn add(&mut self, block: Declaration, diagnostics: &mut Diagnostics) {
        match (block.kind.as_str(), block.labels.as_slice()) {
            ("variable", [name]) => self.add_variable(name.clone(), block, diagnostics),
            ("module", [name]) => self.add_module(name.clone(), block, diagnostics),
            ("output", [name]) => self.add_output(name.clone(), block, diagnostics),
            ("locals", _) => self.add_locals(block, diagnostics),
            ("resource", [kind, name]) => self.others.push(format!("{kind}.{name}")),
            ("data", [kind, name]) => self.others.push(format!("data.{kind}.{name}")),
            _ => {}
        }
    }

    fn add_variable(&mut self, name: String, block: Declaration, diagnostics: &mut Diagnostics) {
        if let Some(first) = self.variables.get(&name) {
            diagnostics.push(twice("variable", &name, &block.span, &first.span));
            return;
        }
        let variable = Variable::new(block, diagnostics);
        self.variables.insert(name, variable);
    }

    fn add_module(&mut self, name: String, block: Declaration, diagnostics: &mut Diagnostics) {
        match self.modules.iter().find(|module| module.name == name) {
            Some(first) => diagnostics.push(twice("module", &name, &block.span, &first.span)),
            None => self.modules.push(Call { name, span: block.span, section: block.section }),
        }
    }

    /// A block that Terraform itself refuses, for it has no value, is passed over.
    fn add_output(&mut self, name: String, block: Declaration, diagnostics: &mut Diagnostics) {
        if let Some(first) = self.outputs.get(&name) {
            diagnostics.push(twice("output", &name, &block.span, &first.span));
            return;
        }
        let Section { mut attributes, .. } = block.section;
        let sensitive = match attributes.get("sensitive").map(|attribute| literal_bool(&attribute.code)) {
            None => false,
            Some(Ok(sensitive)) => sensitive,
            Some(Err(diagnostic)) => {
                diagnostics.push(diagnostic);
                true
            }
        };
        let description = attributes.get("description").and_then(|it| it.code.evaluate(&Nothing::default()).ok());
        let description = description.as_ref().and_then(Given::as_str).map(str::to_owned);
        if let Some(value) = attributes.shift_remove("value") {
            self.outputs.insert(name, OutputBlock { span: block.span, value, sensitive, description });
        }
    }

    fn add_locals(&mut self, block: Declaration, diagnostics: &mut Diagnostics) {
        for (name, attribute) in block.section.attributes {
            match self.locals.get(&name) {
                Some(first) => diagnostics.push(twice("local value", &name, &attribute.key, &first.key)),
                None => drop(self.locals.insert(name, attribute)),
            }
        }
    }
}

impl Variable {
    fn new(block: Declaration, diagnostics: &mut Diagnostics) -> Self {
        let Section { mut attributes, blocks } = block.section;
        let kind = attributes.get("type").map(|attribute| read_type(&attribute.code));
        let typed = kind.is_some();
        let kind = kind.unwrap_or(Ok(Type::Any)).unwrap_or_else(|diagnostic| {
            diagnostics.push(diagnostic);
            Type::Any
        });
        let mut flag =
            |name: &str, otherwise: bool| match attributes.get(name).map(|attribute| literal_bool(&attribute.code)) {
                None => otherwise,
                Some(Ok(value)) => value,
                Some(Err(diagnostic)) => {
                    diagnostics.push(diagnostic);
                    otherwise
                }
            };
        let (nullable, sensitive) = (flag("nullable", true), flag("sensitive", false));
        let validations =
            blocks.into_iter().filter(|(kind, ..)| kind == "validation").filter_map(|(_, _, mut section)| {
                let condition = section.attributes.shift_remove("condition")?;
                Some(Validation { condition, message: section.attributes.shift_remove("error_message") })
            });
        let validations = validations.collect();
        let default = attributes.shift_remove("default");
        Self { span: block.span, kind, typed, default, nullable, sensitive, validations }
    }
}

/// Finds what expressions refer to.
#[derive(Default)]
struct Names(Vec<(String, String)>);

impl Names {
    /// Texts in JSON are templates; what cannot be read refers to nothing.
    fn visit_json(&mut self, value: &Given) {
        match &value.kind {
            Kind::String(text) => {
                if let Ok(template) = text.parse::<Template>() {
                    self.visit_template(&template);
                }
            }
            Kind::List(items) => items.iter().for_each(|item| self.visit_json(item)),
            Kind::Map(fields) => fields.iter().for_each(|(name, field)| {
                self.visit_json(&Given::string(name, field.key.clone()));
                self.visit_json(&field.value);
            }),
            _ => {}
        }
    }
}

impl Visit for Names {
    fn visit_traversal(&mut self, node: &Traversal) {
        if let Expression::Variable(root) = &node.expr {
            let first = node.operators.first().map(|operator| match operator.value() {
                TraversalOperator::GetAttr(name) => name.value().as_str().to_owned(),
                TraversalOperator::Index(Expression::String(name)) => name.value().clone(),
                _ => String::new(),
            });
            self.0.push((root.value().as_str().to_owned(), first.unwrap_or_default()));
        }
        visit::visit_traversal(self, node);
    }

    /// The default leaves out what is walked.
    fn visit_for_template_expr(&mut self, node: &ForTemplateExpr) {
        self.visit_expr(&node.collection_expr);
        visit::visit_for_template_expr(self, node);
    }
}

/// A block at the top of a file.
struct Declaration {
    kind: String,
    labels: Vec<String>,
    span: Span,
    section: Section,
}

fn twice(what: &str, name: &str, second: &Span, first: &Span) -> Diagnostic {
    Diagnostic::error("declared-twice", format!("the {what} `{name}` is declared twice"))
        .at(second.clone(), "the second")
        .at(first.clone(), "the first")
        .help("remove one of the two")
}

fn read_file(path: &Path) -> Result<Vec<Declaration>, Diagnostic> {
    let file = source::read(path)?;
    if path.extension().is_some_and(|extension| extension == "json") {
        return Ok(json_declarations(&json::parse(&file)?));
    }
    let body = parse_body(&file)?;
    Ok(body.blocks().map(|block| declaration(&file, block)).collect())
}

/// Parses a text of HCL, and says in words where it is broken.
pub(crate) fn parse_body(file: &Arc<SourceFile>) -> Result<Body, Diagnostic> {
    hcl_edit::parser::parse_body(&file.text).map_err(|error| syntax_error(file, &error))
}

/// Parses a text that is one expression.
pub(crate) fn parse_expression(file: &Arc<SourceFile>) -> Result<Expression, Diagnostic> {
    hcl_edit::parser::parse_expr(&file.text).map_err(|error| syntax_error(file, &error))
}

fn syntax_error(file: &Arc<SourceFile>, error: &hcl_edit::parser::Error) -> Diagnostic {
    let at = error.location().offset();
    let line = error.location().line();
    let diagnostic = Diagnostic::error("invalid-hcl", format!("the text cannot be read from line {line} on"))
        .because(error.message().to_owned())
        .at(Span::new(file, at..at), "reading stops here");
    match unclosed(&file.text) {
        Some((opened, what)) => diagnostic
            .at(Span::new(file, opened..opened + 1), "opened here")
            .help(format!("close the {what} that is opened here; what follows it is read only then")),
        None => diagnostic.help(
            "look at this place and just before it: each line is `name = value` or opens a block, texts stand in \
             double quotes, and items of lists are parted by commas",
        ),
    }
}

/// The last bracket or quote that is opened and never closed.
fn unclosed(text: &str) -> Option<(usize, &'static str)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut line_comment = false;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let inside_text = matches!(open.last(), Some((_, '"')));
        match character {
            '\n' if inside_text => return open.last().map(|(at, _)| (*at, "text")),
            '\n' => line_comment = false,
            _ if line_comment => {}
            '\\' if inside_text => drop(characters.next()),
            '"' if inside_text => drop(open.pop()),
            '$' | '%' if inside_text && characters.peek().is_some_and(|(_, next)| *next == '{') => {}
            '{' if inside_text && !text.get(..at).is_some_and(|before| before.ends_with(['$', '%'])) => {}
            '(' | '[' | '}' | ')' | ']' | '#' | '/' if inside_text => {}
            '#' => line_comment = true,
            '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => line_comment = true,
            '"' | '{' | '(' | '[' => open.push((at, character)),
            '}' | ')' | ']' => drop(open.pop()),
            _ => {}
        }
    }
    open.pop().map(|(at, character)| (at, if character == '"' { "text" } else { "bracket" }))
}

fn declaration(file: &Arc<SourceFile>, block: &Block) -> Declaration {
    let head = block.ident.span().unwrap_or_default();
    let end = block.labels.last().and_then(|label| label.span()).map_or(head.end, |range| range.end);
    Declaration {
        kind: block.ident.value().as_str().to_owned(),
        labels: block.labels.iter().map(|label| label.as_str().to_owned()).collect(),
        span: Span::new(file, head.start..end),
        section: section(file, &block.body),
    }
}

fn section(file: &Arc<SourceFile>, body: &Body) -> Section {
    let mut section = Section::default();
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let name = attribute.key.value().as_str().to_owned();
                let key = Span::new(file, attribute.key.span().unwrap_or_default());
                let code = Code::Hcl { file: Arc::clone(file), expression: Box::new(attribute.value.clone()) };
                section.attributes.insert(name, Attribute { key, code });
            }
            Structure::Block(block) => {
                let inner = declaration(file, block);
                section.blocks.push((inner.kind, inner.span, inner.section));
            }
        }
    }
    section
}

/// The blocks of a JSON file: `{"module": {"kms": {…}}}`; each may also be a list of such objects.
///
/// Source: <https://developer.hashicorp.com/terraform/language/syntax/json>.
fn json_declarations(root: &Given) -> Vec<Declaration> {
    let mut declarations = Vec::new();
    for (kind, field) in root.fields() {
        let labels = match kind.as_str() {
            "resource" | "data" => 2,
            "locals" | "terraform" => 0,
            _ => 1,
        };
        json_blocks(kind, &field.value, labels, &mut Vec::new(), &field.key, &mut declarations);
    }
    declarations
}

fn json_blocks(
    kind: &str,
    value: &Given,
    labels_left: usize,
    labels: &mut Vec<String>,
    span: &Span,
    found: &mut Vec<Declaration>,
) {
    match &value.kind {
        Kind::List(items) => items.iter().for_each(|item| json_blocks(kind, item, labels_left, labels, span, found)),
        Kind::Map(fields) if labels_left > 0 => {
            for (name, field) in fields {
                labels.push(name.clone());
                json_blocks(kind, &field.value, labels_left - 1, labels, &field.key, found);
                labels.pop();
            }
        }
        Kind::Map(_) => found.push(Declaration {
            kind: kind.to_owned(),
            labels: labels.clone(),
            span: span.clone(),
            section: json_section(value),
        }),
        _ => {}
    }
}

fn json_section(value: &Given) -> Section {
    let mut section = Section::default();
    for (name, field) in value.fields() {
        if name == "validation" {
            let items = match &field.value.kind {
                Kind::List(items) => items.as_slice(),
                _ => std::slice::from_ref(&field.value),
            };
            section.blocks.extend(items.iter().map(|item| (name.clone(), field.key.clone(), json_section(item))));
        } else if name != "//" {
            let code = Code::Json(field.value.clone());
            section.attributes.insert(name.clone(), Attribute { key: field.key.clone(), code });
        }
    }
    section
}

fn read_type(code: &Code) -> Result<Type, Diagnostic> {
    let (parsed, place) = match code {
        Code::Hcl { file, expression } => (Type::from_expression(expression), Ok(file)),
        Code::Json(value) => (Type::parse(value.as_str().unwrap_or_default()), Err(&value.span)),
    };
    parsed.map_err(|TypeError { message, range }| {
        let span = match place {
            Ok(file) => range.map_or_else(|| code.span(), |range| Span::new(file, range)),
            Err(span) => span.clone(),
        };
        Diagnostic::error("invalid-type", format!("this type cannot be read: {message}"))
            .at(span, "")
            .help("types are string, number, bool, any, list(…), set(…), map(…), object({…}) and tuple([…])")
    })
}

fn literal_bool(code: &Code) -> Result<bool, Diagnostic> {
    let value = match code {
        Code::Hcl { expression, .. } => expression.as_bool(),
        Code::Json(Given { kind: Kind::Bool(value), .. }) => Some(*value),
        Code::Json(_) => None,
    };
    value.ok_or_else(|| {
        Diagnostic::error("wrong-type", "this must be `true` or `false`, written out").at(code.span(), "")
    })
}
