//! References and functions of a template, as far as they are known before the stack exists.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.

use std::collections::BTreeMap;
use std::sync::Arc;

use keywright_model::{AccountId, Diagnostic, Diagnostics, Region, SourceFile, Span};
use serde_json::{Map, Value};

use super::node::{Kind, Node};
use crate::args::SubjectArguments;

/// Works out values, and remembers what could not be worked out.
pub(super) struct Resolver<'a> {
    file: &'a Arc<SourceFile>,
    root: &'a Node,
    parameters: BTreeMap<&'a str, &'a str>,
    account: Option<&'a AccountId>,
    region: Option<&'a Region>,
    errors: Diagnostics,
    depth: usize,
}

/// A function call: its name as `Fn::…` has it, and its argument.
struct Call<'n> {
    name: String,
    argument: &'n Node,
    /// Whether the argument is in the node itself, behind its tag.
    is_short: bool,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(file: &'a Arc<SourceFile>, root: &'a Node, arguments: &'a SubjectArguments) -> Self {
        let parameters = arguments.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (account, region) = (arguments.account.as_ref(), arguments.region.as_ref());
        let mut resolver = Self { file, root, parameters, account, region, errors: Diagnostics::new(), depth: 0 };
        resolver.check_parameters();
        resolver
    }

    /// All that could not be worked out.
    pub(super) fn into_errors(self) -> Diagnostics {
        self.errors
    }

    /// The value with all references worked out. None where one could not be, or where it is `AWS::NoValue`.
    pub(super) fn resolve(&mut self, node: &Node) -> Option<Value> {
        let before = self.errors.len();
        let value = self.value(node);
        if self.errors.len() == before { value } else { None }
    }

    /// None means `AWS::NoValue`, or an error that was remembered.
    fn value(&mut self, node: &Node) -> Option<Value> {
        // A parameter's default holds no functions, so only roles that name each other could go on for ever.
        if self.depth > MAX_DEPTH {
            return self.unresolved(node, "it refers to itself");
        }
        self.depth += 1;
        let value = match call(node) {
            Some(call) => self.call(node, &call),
            None => self.plain(node),
        };
        self.depth -= 1;
        value
    }

    fn plain(&mut self, node: &Node) -> Option<Value> {
        Some(match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => (*value).into(),
            Kind::Text(text) => text.as_str().into(),
            Kind::List(items) => items.iter().filter_map(|it| self.value(it)).collect::<Vec<_>>().into(),
            Kind::Map(fields) => {
                let mut values = Map::new();
                for field in fields {
                    if let Some(value) = self.value(&field.value) {
                        values.insert(field.name.clone(), value);
                    }
                }
                values.into()
            }
        })
    }

    /// None without an error is `AWS::NoValue` only: nothing else may be left out of a policy.
    fn call(&mut self, node: &Node, call: &Call<'_>) -> Option<Value> {
        if call.name == "Ref" && text_of(call) == Some("AWS::NoValue") {
            return None;
        }
        let before = self.errors.len();
        let value = self.function(node, call);
        if value.is_none() && self.errors.len() == before {
            return self.unresolved(node, &format!("what `{}` is given is not understood", call.name));
        }
        value
    }

    fn function(&mut self, node: &Node, call: &Call<'_>) -> Option<Value> {
        let argument = call.argument;
        match call.name.as_str() {
            "Ref" => match text_of(call) {
                Some(name) => self.reference(node, name).map(Into::into),
                None => self.unresolved(node, "`Ref` takes a name"),
            },
            "Fn::GetAtt" => self.attribute(node, call).map(Into::into),
            "Fn::Sub" => self.substitute(node, call).map(Into::into),
            "Fn::Join" => self.join(node, argument).map(Into::into),
            other => self.unresolved(node, &format!("`{other}` is not worked out here")),
        }
    }

    /// A pseudo parameter, a parameter, or the name of a role or user.
    fn reference(&mut self, node: &Node, name: &str) -> Option<String> {
        let missing = |flag: &str| format!("`{name}` is known only with `{flag}`");
        match name {
            "AWS::AccountId" => match self.account {
                Some(account) => Some(account.to_string()),
                None => self.unresolved(node, &missing("--account")),
            },
            "AWS::Region" => match self.region {
                Some(region) => Some(region.to_string()),
                None => self.unresolved(node, &missing("--region")),
            },
            "AWS::Partition" => Some(self.region.map_or("aws".to_owned(), |it| it.partition().to_string())),
            "AWS::URLSuffix" => {
                let is_china = self.region.is_some_and(|it| it.partition().as_str() == "aws-cn");
                Some(if is_china { "amazonaws.com.cn" } else { "amazonaws.com" }.to_owned())
            }
            name if name.starts_with("AWS::") => self.unresolved(node, &format!("`{name}` is known only to a stack")),
            name => self.parameter_or_name(node, name),
        }
    }

    fn parameter_or_name(&mut self, node: &Node, name: &str) -> Option<String> {
        if let Some(parameter) = self.root.field("Parameters").and_then(|it| it.value.field(name)) {
            if let Some(given) = self.parameters.get(name) {
                return Some((*given).to_owned());
            }
            let default = parameter.value.field("Default").map(|it| &it.value.kind);
            return match default {
                Some(Kind::Text(text)) => Some(text.clone()),
                Some(Kind::Bool(value)) => Some(value.to_string()),
                _ => self.unresolved(
                    node,
                    &format!("the parameter `{name}` has no default: give `--parameter {name}=VALUE`"),
                ),
            };
        }
        match self.fixed_name(name) {
            Some((_, _, name)) => self.value(name)?.as_str().map(str::to_owned),
            None => self.unresolved(node, &format!("`{name}` is no parameter, and no role or user with a fixed name")),
        }
    }

    fn attribute(&mut self, node: &Node, call: &Call<'_>) -> Option<String> {
        let (resource, attribute) = match (&call.argument.kind, text_of(call)) {
            (_, Some(text)) => text.split_once('.')?,
            (Kind::List(items), None) => match items.as_slice() {
                [resource, attribute] => (resource.text()?, attribute.text()?),
                _ => return self.unresolved(node, "`Fn::GetAtt` takes a resource and an attribute"),
            },
            _ => return self.unresolved(node, "`Fn::GetAtt` takes a resource and an attribute"),
        };
        self.attribute_of(node, resource, attribute)
    }

    /// The ARN of a role or user of the template whose name is fixed: all else is known only to a stack.
    fn attribute_of(&mut self, node: &Node, resource: &str, attribute: &str) -> Option<String> {
        let Some((kind, path, name)) = self.fixed_name(resource).filter(|_| attribute == "Arn") else {
            let why = format!(
                "`{resource}.{attribute}` is known only to a stack: give the role or user a fixed name, or write its ARN"
            );
            return self.unresolved(node, &why);
        };
        let name = self.value(name)?;
        let path = path.map_or(Some(Value::from("/")), |it| self.value(it))?;
        let (account, partition) = (self.reference(node, "AWS::AccountId")?, self.reference(node, "AWS::Partition")?);
        Some(format!("arn:{partition}:iam::{account}:{kind}{}{}", path.as_str()?, name.as_str()?))
    }

    /// The kind, the path and the name of a role or user with a fixed name.
    fn fixed_name(&self, resource: &str) -> Option<(&'static str, Option<&'a Node>, &'a Node)> {
        let resource = &self.root.field("Resources")?.value.field(resource)?.value;
        let (kind, property) = match resource.field("Type")?.value.text()? {
            "AWS::IAM::Role" => ("role", "RoleName"),
            "AWS::IAM::User" => ("user", "UserName"),
            _ => return None,
        };
        let properties = &resource.field("Properties")?.value;
        Some((kind, properties.field("Path").map(|it| &it.value), &properties.field(property)?.value))
    }

    /// `${NAME}`, `${RESOURCE.ATTRIBUTE}`, and `${!LITERAL}`.
    fn substitute(&mut self, node: &Node, call: &Call<'_>) -> Option<String> {
        let (text, own) = match (&call.argument.kind, text_of(call)) {
            (_, Some(text)) => (text, None),
            (Kind::List(items), None) => match items.as_slice() {
                [text, own] if text.text().is_some() => (text.text()?, Some(own)),
                _ => return self.unresolved(node, "`Fn::Sub` takes a text, and perhaps a map"),
            },
            _ => return self.unresolved(node, "`Fn::Sub` takes a text, and perhaps a map"),
        };
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else {
                return self.unresolved(node, "a `${` is not closed");
            };
            filled.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => filled.push_str(&format!("${{{literal}}}")),
                None => filled.push_str(&self.variable(node, name.trim(), own)?),
            }
            rest = behind;
        }
        filled.push_str(rest);
        Some(filled)
    }

    fn variable(&mut self, node: &Node, name: &str, own: Option<&Node>) -> Option<String> {
        if let Some(field) = own.and_then(|it| it.field(name)) {
            return self.value(&field.value)?.as_str().map(str::to_owned);
        }
        match name.split_once('.') {
            Some((resource, attribute)) => self.attribute_of(node, resource, attribute),
            None => self.reference(node, name),
        }
    }

    fn join(&mut self, node: &Node, argument: &Node) -> Option<String> {
        let wrong = "`Fn::Join` takes a text and a list of texts";
        let Kind::List(parts) = &argument.kind else { return self.unresolved(node, wrong) };
        let [between, items] = parts.as_slice() else { return self.unresolved(node, wrong) };
        let (Some(between), Kind::List(items)) = (between.text(), &items.kind) else {
            return self.unresolved(node, wrong);
        };
        let mut texts = Vec::new();
        for item in items {
            match self.value(item) {
                Some(Value::String(text)) => texts.push(text),
                Some(_) => return self.unresolved(node, wrong),
                None => {}
            }
        }
        Some(texts.join(between))
    }

    /// A parameter that was given and is none of the template's is a mistake.
    fn check_parameters(&mut self) {
        let known = |name: &str| self.root.field("Parameters").is_some_and(|it| it.value.field(name).is_some());
        let unknown: Vec<&str> = self.parameters.keys().copied().filter(|it| !known(it)).collect();
        for name in unknown {
            let summary = format!("`{}` has no parameter `{name}`", self.file.name);
            self.errors.push(Diagnostic::error("unknown-parameter", summary).help("check its name"));
        }
    }

    fn unresolved<T>(&mut self, node: &Node, why: &str) -> Option<T> {
        let span = Span::new(self.file, node.place.clone());
        self.errors.push(
            Diagnostic::error("template-unresolved", "a value cannot be worked out before the stack exists")
                .at(span, "this value")
                .because(why),
        );
        None
    }
}

/// The function that a node calls, in its long or its short form.
fn call(node: &Node) -> Option<Call<'_>> {
    if let Some(tag) = &node.tag {
        let name = if tag == "Ref" || tag == "Condition" { tag.clone() } else { format!("Fn::{tag}") };
        return Some(Call { name, argument: node, is_short: true });
    }
    match node.fields() {
        [only] if only.name == "Ref" || only.name.starts_with("Fn::") => {
            Some(Call { name: only.name.clone(), argument: &only.value, is_short: false })
        }
        _ => None,
    }
}

/// The argument, where it is a plain text: in the long form it could be a call itself.
fn text_of<'n>(call: &Call<'n>) -> Option<&'n str> {
    call.argument.text().filter(|_| call.is_short || call.argument.tag.is_none())
}

const MAX_DEPTH: usize = 64;
