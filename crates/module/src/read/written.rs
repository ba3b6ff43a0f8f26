//! The `output` blocks of a folder, as a folder has to write them that calls the same modules and has no variables.

use std::collections::BTreeSet;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ForIntro, FuncCall, Traversal, TraversalOperator};
use hcl_edit::template::Template;
use hcl_edit::visit::{self, Visit};
use indexmap::IndexMap;
use keywright_model::{ModuleName, SourceFile};
use serde_json::{Value, json};

use super::configuration::{Code, parse_expression};
use super::cty::Cty;
use super::given::{Given, Kind};
use super::outputs::{Block, OutputBlocks};

/// An `output` block.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenOutput {
    /// Its value.
    pub value: Vec<WrittenPart>,
    /// Whether it is not to be shown.
    pub sensitive: bool,
    /// What it says of itself.
    pub description: Option<String>,
    /// The local values that it refers to, by name.
    pub locals: IndexMap<String, Vec<WrittenPart>>,
}

/// A part of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum WrittenPart {
    /// As it stands.
    Code(String),
    /// What a variable stands for.
    Value {
        /// The value.
        value: Value,
        /// Its type, as Terraform writes it in states.
        kind: Value,
    },
}

impl OutputBlocks {
    /// The blocks for a folder that has these modules, and no variables: their values, where they are no secrets, take their
    /// place. For a block that has to be left out, why, without any secret.
    pub fn written(&self, modules: &BTreeSet<ModuleName>) -> IndexMap<&str, Result<WrittenOutput, String>> {
        let written = |block: &Block| {
            let mut writer = Writer { blocks: self, modules, locals: IndexMap::new() };
            let (value, sensitive) = (writer.code(&block.value)?, block.sensitive);
            Ok(WrittenOutput { value, sensitive, description: block.description.clone(), locals: writer.locals })
        };
        self.blocks().map(|(name, block)| (name, written(block))).collect()
    }
}

struct Writer<'a> {
    blocks: &'a OutputBlocks,
    modules: &'a BTreeSet<ModuleName>,
    locals: IndexMap<String, Vec<WrittenPart>>,
}

impl Writer<'_> {
    fn code(&mut self, code: &Code) -> Result<Vec<WrittenPart>, String> {
        match code {
            Code::Hcl { file, expression } => self.expression(file, expression),
            Code::Json(value) => self.json(value),
        }
    }

    fn expression(&mut self, file: &Arc<SourceFile>, expression: &Expression) -> Result<Vec<WrittenPart>, String> {
        let unread = || "its text cannot be told apart".to_owned();
        let range = expression.span().ok_or_else(unread)?;
        let mut found = Found::default();
        found.visit_expr(expression);
        found.check()?;
        let mut variables = Vec::new();
        for Name { root, name, at } in &found.names {
            match root.as_str() {
                "var" => variables.push((at.ok_or_else(unread)?, format!("var.{name}"), self.variable(name)?)),
                "local" => self.local(name)?,
                "module" => self.module(name)?,
                "terraform" => {}
                root if found.bound.contains(root) => {}
                root => return Err(elsewhere(&format!("{root}.{name}"))),
            }
        }
        variables.sort_by_key(|(at, ..)| *at);
        let (mut parts, mut from) = (Vec::new(), range.start);
        for (at, text, value) in variables {
            let rest = file.text.get(at..range.end).ok_or_else(unread)?;
            if !rest.starts_with(&text) {
                return Err(format!("it refers to `{text}` in a way that cannot be written anew"));
            }
            parts.push(WrittenPart::Code(file.text.get(from..at).ok_or_else(unread)?.to_owned()));
            parts.push(value);
            from = at + text.len();
        }
        parts.push(WrittenPart::Code(file.text.get(from..range.end).ok_or_else(unread)?.to_owned()));
        Ok(parts)
    }

    /// Texts in JSON are templates: those that are one reference, or none, can be told without one.
    fn json(&mut self, value: &Given) -> Result<Vec<WrittenPart>, String> {
        match &value.kind {
            Kind::String(text) if is_template(text) => {
                let inner = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
                let file = SourceFile::new("output", inner.unwrap_or_default());
                let is_one = text.parse::<Template>().is_ok_and(|it| it.iter().count() == 1);
                match parse_expression(&file) {
                    Ok(expression) if is_one && inner.is_some() => self.expression(&file, &expression),
                    _ => Err("it is a template in JSON".to_owned()),
                }
            }
            Kind::List(items) => {
                let mut parts = vec![code("[")];
                for (at, item) in items.iter().enumerate() {
                    parts.extend((at > 0).then(|| code(", ")));
                    parts.extend(self.json(item)?);
                }
                parts.push(code("]"));
                Ok(parts)
            }
            Kind::Map(fields) if fields.is_empty() => Ok(vec![code("{}")]),
            Kind::Map(fields) => {
                let mut parts = vec![code("{ ")];
                for (at, (name, field)) in fields.iter().enumerate() {
                    if is_template(name) {
                        return Err("it has a template for a name in JSON".to_owned());
                    }
                    parts.extend((at > 0).then(|| code(", ")));
                    parts.extend([WrittenPart::Value { value: json!(name), kind: json!("string") }, code(" = ")]);
                    parts.extend(self.json(&field.value)?);
                }
                parts.push(code(" }"));
                Ok(parts)
            }
            _ => Ok(vec![constant(value).ok_or("Terraform may write its value in another way")?]),
        }
    }

    fn variable(&self, name: &str) -> Result<WrittenPart, String> {
        let value = self.blocks.variable(name).ok_or_else(|| elsewhere(&format!("var.{name}")))?;
        if value.holds_secrets() {
            return Err(format!("it refers to `var.{name}`, which is sensitive"));
        }
        constant(value).ok_or_else(|| format!("it refers to `var.{name}`, whose type cannot be told"))
    }

    fn local(&mut self, name: &str) -> Result<(), String> {
        if self.locals.contains_key(name) {
            return Ok(());
        }
        let code = self.blocks.local(name).ok_or_else(|| elsewhere(&format!("local.{name}")))?;
        // Its place is taken first: what refers to itself comes to an end.
        self.locals.insert(name.to_owned(), Vec::new());
        let parts = self.code(code)?;
        self.locals.insert(name.to_owned(), parts);
        Ok(())
    }

    fn module(&self, name: &str) -> Result<(), String> {
        let is_here = self.modules.iter().any(|module| module.as_str() == name);
        if is_here { Ok(()) } else { Err(elsewhere(&format!("module.{name}"))) }
    }
}

fn is_template(text: &str) -> bool {
    text.contains("${") || text.contains("%{")
}

fn constant(value: &Given) -> Option<WrittenPart> {
    Some(WrittenPart::Value { value: value.to_json(), kind: Cty::of(value).to_json()? })
}

fn code(text: &str) -> WrittenPart {
    WrittenPart::Code(text.to_owned())
}

fn elsewhere(what: &str) -> String {
    format!("it refers to `{}`, which is no part of what is exported", what.trim_end_matches('.'))
}

/// What an expression refers to, and where.
#[derive(Default)]
struct Found {
    names: Vec<Name>,
    /// Names that `for` gives.
    bound: BTreeSet<String>,
    /// A function that reads files.
    files: Option<String>,
}

struct Name {
    root: String,
    name: String,
    at: Option<usize>,
}

impl Found {
    fn check(&self) -> Result<(), String> {
        if let Some(name) = &self.files {
            return Err(format!("it calls `{name}`, which reads files"));
        }
        match self.bound.iter().find(|name| RESERVED.contains(&name.as_str())) {
            Some(name) => Err(format!("its `for` gives `{name}` another meaning")),
            None => Ok(()),
        }
    }
}

impl Visit for Found {
    fn visit_traversal(&mut self, node: &Traversal) {
        if let Expression::Variable(root) = &node.expr {
            let name = node.operators.first().map(|operator| match operator.value() {
                TraversalOperator::GetAttr(name) => name.value().as_str().to_owned(),
                _ => String::new(),
            });
            let at = node.expr.span().map(|range| range.start);
            self.names.push(Name { root: root.value().as_str().to_owned(), name: name.unwrap_or_default(), at });
        }
        visit::visit_traversal(self, node);
    }

    fn visit_for_intro(&mut self, node: &ForIntro) {
        let names = node.key_var.iter().chain([&node.value_var]);
        self.bound.extend(names.map(|name| name.value().as_str().to_owned()));
        visit::visit_for_intro(self, node);
    }

    fn visit_func_call(&mut self, node: &FuncCall) {
        let name = node.name.name.value().as_str();
        if name.starts_with("file") || name.starts_with("templatefile") || name == "abspath" {
            self.files = Some(name.to_owned());
        }
        visit::visit_func_call(self, node);
    }
}

const RESERVED: &[&str] = &["var", "local", "module", "terraform", "path", "data"];
