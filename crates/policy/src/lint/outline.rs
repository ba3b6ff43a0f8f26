use std::ops::Range;

use crate::json::{self, Member, Node, Value};

/// Where the parts of a policy stand in its text.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// The whole document.
    pub(super) span: Range<usize>,
    /// The value of `Version`.
    pub(super) version: Option<Range<usize>>,
    pub(super) statements: Vec<StatementOutline>,
}

/// Where the parts of a statement stand.
#[derive(Debug, Default)]
pub(super) struct StatementOutline {
    pub(super) span: Range<usize>,
    pub(super) sid: Option<Word>,
    pub(super) denies: bool,
    /// The name of the element of the principals: `Principal` or `NotPrincipal`.
    pub(super) principal_name: Option<Word>,
    pub(super) principals: Vec<Word>,
    pub(super) actions: Vec<Word>,
    /// Whether the actions stand in `NotAction`.
    pub(super) not_action: bool,
    pub(super) has_action: bool,
    pub(super) resources: Vec<Word>,
    pub(super) not_resource: bool,
    pub(super) has_resource: bool,
    pub(super) conditions: Vec<ConditionOutline>,
}

/// A text of the policy and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub(super) struct ConditionOutline {
    pub(super) operator: String,
    pub(super) key: Word,
}

impl Outline {
    /// Reads the outline of a text that is JSON; what is no policy in it is passed over.
    pub(super) fn read(text: &str) -> Option<Self> {
        let root = json::read(text).ok()?;
        let mut outline = Self { span: root.span.clone(), ..Self::default() };
        for member in members(root) {
            match member.name.as_str() {
                "Version" => outline.version = Some(member.value.span),
                "Statement" => outline.statements = nodes(member.value).into_iter().map(statement).collect(),
                _ => {}
            }
        }
        Some(outline)
    }

    /// Where a statement stands; the whole text if there is no such statement.
    pub(super) fn statement_span(&self, at: usize) -> Range<usize> {
        self.statements.get(at).map_or_else(|| self.span.clone(), |it| it.span.clone())
    }
}

impl StatementOutline {
    /// The statement by its name, or by its place.
    pub(super) fn describe(&self, at: usize) -> String {
        match &self.sid {
            Some(sid) if !sid.text.is_empty() => format!("statement `{}`", sid.text),
            _ => format!("statement {}", at + 1),
        }
    }
}

fn statement(node: Node) -> StatementOutline {
    let mut outline = StatementOutline { span: node.span.clone(), ..StatementOutline::default() };
    for member in members(node) {
        match member.name.as_str() {
            "Sid" => outline.sid = word(member.value),
            "Effect" => outline.denies = word(member.value).is_some_and(|it| it.text == "Deny"),
            "Principal" | "NotPrincipal" => {
                outline.principal_name = Some(Word { text: member.name, span: member.name_span });
                outline.principals = principals(member.value);
            }
            "Action" | "NotAction" => {
                outline.not_action = member.name == "NotAction";
                outline.has_action = true;
                outline.actions = words(member.value);
            }
            "Resource" | "NotResource" => {
                outline.not_resource = member.name == "NotResource";
                outline.has_resource = true;
                outline.resources = words(member.value);
            }
            "Condition" => outline.conditions = members(member.value).into_iter().flat_map(conditions).collect(),
            _ => {}
        }
    }
    outline
}

fn principals(node: Node) -> Vec<Word> {
    match node.value {
        Value::Object(kinds) => kinds.into_iter().flat_map(|kind| words(kind.value)).collect(),
        _ => words(node),
    }
}

fn conditions(operator: Member) -> Vec<ConditionOutline> {
    let name = operator.name;
    let keys = members(operator.value).into_iter();
    keys.map(|it| ConditionOutline { operator: name.clone(), key: Word { text: it.name, span: it.name_span } })
        .collect()
}

fn members(node: Node) -> Vec<Member> {
    match node.value {
        Value::Object(members) => members,
        _ => Vec::new(),
    }
}

fn nodes(node: Node) -> Vec<Node> {
    match node.value {
        Value::Array(nodes) => nodes,
        value => vec![Node { value, span: node.span }],
    }
}

fn words(node: Node) -> Vec<Word> {
    nodes(node).into_iter().filter_map(word).collect()
}

fn word(node: Node) -> Option<Word> {
    match node.value {
        Value::String(text) => Some(Word { text, span: node.span }),
        _ => None,
    }
}
