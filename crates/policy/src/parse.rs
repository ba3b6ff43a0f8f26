use std::ops::Range;

use crate::document::{Condition, Document, Effect, Match, PrincipalPattern, Principals, Statement, Version};
use crate::error::{PolicyError, Problem};
use crate::json::{self, Member, Node, Value};
use crate::operator::{Operator, Quantifier};
use crate::{glob, principal, request, statement};

/// What a policy hangs on, which decides what it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// The policy of a KMS key.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html>.
    Key,
    /// A policy of a user, group or role; a permissions boundary, a session policy, a service control policy.
    Identity,
    /// The trust policy of a role.
    Trust,
    /// The policy of another resource, such as an SNS topic; a resource control policy.
    Resource,
}

impl PolicyKind {
    /// The kind in words, with its article.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Key => "a key policy",
            Self::Identity => "an identity-based policy",
            Self::Trust => "a trust policy",
            Self::Resource => "a resource-based policy",
        }
    }
}

impl Document {
    /// Reads a policy, and checks what its kind may hold.
    ///
    /// Stricter than AWS nowhere but here: an object may not hold a name twice. As KMS does, a statement of a key
    /// policy may lack `Action` or `Resource`; it then never applies.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.
    ///
    /// # Errors
    /// Everything that is wrong with the text, in its order; the author of the text can mend it. Text that is not
    /// JSON gives one error.
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Self, Vec<PolicyError>> {
        let root = json::read(text).map_err(|error| vec![error])?;
        let mut reader = Reader { kind, errors: Vec::new() };
        let document = reader.document(root);
        match document {
            Some(document) if reader.errors.is_empty() => Ok(document),
            _ => Err(reader.errors),
        }
    }
}

/// Walks the JSON and gathers what is wrong, so that all of it is told at once.
struct Reader {
    kind: PolicyKind,
    errors: Vec<PolicyError>,
}

impl Reader {
    fn document(&mut self, root: Node) -> Option<Document> {
        let span = root.span.clone();
        let mut document = Document { version: Version::V2008, id: None, statements: Vec::new() };
        let mut has_statements = false;
        for Member { name, name_span, value } in self.object(root, "the policy")? {
            match name.as_str() {
                "Version" => document.version = self.version(value).unwrap_or(Version::V2008),
                "Id" => document.id = self.string(value, "Id").map(|(id, _)| id),
                "Statement" => {
                    has_statements = true;
                    document.statements = self.statements(value);
                }
                _ => self.wrong(Problem::UnknownElement { name, parent: "a policy" }, name_span),
            }
        }
        if !has_statements {
            self.wrong(Problem::Missing { element: "Statement", parent: "the policy" }, span);
        }
        Some(document)
    }

    fn version(&mut self, node: Node) -> Option<Version> {
        let (version, span) = self.string(node, "Version")?;
        match version.as_str() {
            "2012-10-17" => Some(Version::V2012),
            "2008-10-17" => Some(Version::V2008),
            _ => {
                self.wrong(Problem::Version { version }, span);
                None
            }
        }
    }

    fn statements(&mut self, node: Node) -> Vec<Statement> {
        let span = node.span.clone();
        let nodes = match node.value {
            Value::Array(nodes) => nodes,
            value => vec![Node { value, span: node.span }],
        };
        if nodes.is_empty() {
            self.wrong(Problem::NoStatement, span);
        }
        let mut statements: Vec<Statement> = Vec::new();
        for node in nodes {
            if let Some(statement) = self.statement(node) {
                self.check_sid(&statement, &statements);
                statements.push(statement);
            }
        }
        statements
    }

    fn statement(&mut self, node: Node) -> Option<Statement> {
        let span = node.span.clone();
        let mut found = Found::default();
        for Member { name, name_span, value } in self.object(node, "Statement")? {
            match name.as_str() {
                "Sid" => found.sid = self.string(value, "Sid").map(|(sid, _)| sid),
                "Effect" => {
                    found.has_effect = true;
                    found.effect = self.effect(value);
                }
                "Principal" => set(&mut found.principal, Match::Is, self.principals(value, "Principal")),
                "NotPrincipal" => set(&mut found.principal, Match::IsNot, self.principals(value, "NotPrincipal")),
                "Action" => set(&mut found.action, Match::Is, self.actions(value, "Action")),
                "NotAction" => set(&mut found.action, Match::IsNot, self.actions(value, "NotAction")),
                "Resource" => set(&mut found.resource, Match::Is, self.resources(value, "Resource")),
                "NotResource" => set(&mut found.resource, Match::IsNot, self.resources(value, "NotResource")),
                "Condition" => found.conditions = self.conditions(value),
                _ => self.wrong(Problem::UnknownElement { name, parent: "a statement" }, name_span),
            }
        }
        self.check_elements(&found, &span);
        Some(Statement {
            sid: found.sid,
            effect: found.effect?,
            principal: found.principal.pop(),
            action: found.action.pop(),
            resource: found.resource.pop(),
            conditions: found.conditions,
            span: Some(span),
        })
    }

    /// Which elements a statement must and must not have.
    fn check_elements(&mut self, found: &Found, span: &Range<usize>) {
        let (has_principal, has_resource) = (!found.principal.is_empty(), !found.resource.is_empty());
        let counts =
            [("Principal", found.principal.len()), ("Action", found.action.len()), ("Resource", found.resource.len())];
        for (element, count) in counts {
            if count > 1 {
                self.wrong(Problem::BothForms { element }, span.clone());
            }
        }
        let nothing_left_out = [
            ("Principal", found.principal.iter().any(leaves_nothing_out)),
            ("Action", found.action.iter().any(leaves_nothing_out)),
            ("Resource", found.resource.iter().any(leaves_nothing_out)),
        ];
        for (element, _) in nothing_left_out.into_iter().filter(|(_, is_empty)| *is_empty) {
            self.wrong(Problem::EmptyExclusion { element }, span.clone());
        }
        if !found.has_effect {
            self.missing("Effect", span);
        }
        if self.kind == PolicyKind::Identity && has_principal {
            self.prohibited("Principal", span);
        }
        if self.kind != PolicyKind::Identity && !has_principal {
            self.missing("Principal", span);
        }
        if self.kind == PolicyKind::Trust && has_resource {
            self.prohibited("Resource", span);
        }
        if self.kind != PolicyKind::Key && found.action.is_empty() {
            self.missing("Action", span);
        }
        if matches!(self.kind, PolicyKind::Identity | PolicyKind::Resource) && !has_resource {
            self.missing("Resource", span);
        }
    }

    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html>; key policies
    /// take spaces: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html>.
    fn check_sid(&mut self, statement: &Statement, before: &[Statement]) {
        let (Some(sid), Some(span)) = (&statement.sid, &statement.span) else { return };
        if !matches!(self.kind, PolicyKind::Identity | PolicyKind::Trust) {
            return;
        }
        if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.wrong(Problem::Sid { sid: sid.clone() }, span.clone());
        }
        if !sid.is_empty() && before.iter().any(|other| other.sid.as_ref() == Some(sid)) {
            self.wrong(Problem::DuplicateSid { sid: sid.clone() }, span.clone());
        }
    }

    fn effect(&mut self, node: Node) -> Option<Effect> {
        let (effect, span) = self.string(node, "Effect")?;
        match effect.as_str() {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            _ => {
                self.wrong(Problem::Effect { effect }, span);
                None
            }
        }
    }

    fn principals(&mut self, node: Node, element: &'static str) -> Principals {
        match node.value {
            Value::String(text) if text == "*" => vec![PrincipalPattern::Everyone],
            Value::Object(members) => {
                let mut principals = Vec::new();
                for member in members {
                    self.principals_of_type(member, &mut principals);
                }
                principals
            }
            _ => {
                self.wrong_type(element, "`*` or an object", &node);
                Vec::new()
            }
        }
    }

    fn principals_of_type(&mut self, member: Member, principals: &mut Principals) {
        let make: fn(String) -> PrincipalPattern = match member.name.as_str() {
            "AWS" => |name| if name == "*" { PrincipalPattern::Everyone } else { PrincipalPattern::Aws(name) },
            "Service" => PrincipalPattern::Service,
            "Federated" => PrincipalPattern::Federated,
            "CanonicalUser" => PrincipalPattern::CanonicalUser,
            _ => {
                let problem = Problem::UnknownElement { name: member.name, parent: "`Principal`" };
                return self.wrong(problem, member.name_span);
            }
        };
        for (text, span) in self.strings(member.value, &member.name) {
            let pattern = make(text.clone());
            if !can_be_named(&pattern, self.kind) {
                self.wrong(Problem::Principal { principal: text }, span);
            }
            principals.push(pattern);
        }
    }

    fn actions(&mut self, node: Node, element: &'static str) -> Vec<String> {
        let mut actions = Vec::new();
        for (action, span) in self.strings(node, element) {
            if !is_action(&action) {
                self.wrong(Problem::Action { action: action.clone() }, span);
            } else if self.kind == PolicyKind::Trust && !statement::is_trust(&action) {
                self.wrong(Problem::TrustAction { action: action.clone() }, span);
            }
            actions.push(action);
        }
        actions
    }

    fn resources(&mut self, node: Node, element: &'static str) -> Vec<String> {
        let mut resources = Vec::new();
        for (resource, span) in self.strings(node, element) {
            if self.kind == PolicyKind::Identity && resource != "*" && !resource.starts_with("arn:") {
                self.wrong(Problem::Resource { resource: resource.clone() }, span);
            }
            resources.push(resource);
        }
        resources
    }

    fn conditions(&mut self, node: Node) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for operator in self.object(node, "Condition").unwrap_or_default() {
            if Operator::parse(&operator.name).is_none() {
                self.wrong(Problem::Operator { operator: operator.name.clone() }, operator.name_span);
            }
            for key in self.object(operator.value, &operator.name).unwrap_or_default() {
                self.check_key(&operator.name, &key);
                let values = self.values(key.value, &key.name);
                conditions.push(Condition { operator: operator.name.clone(), key: key.name, values });
            }
        }
        conditions
    }

    /// KMS answers `OverlyPermissiveCondition` to `ForAllValues` on the single-valued keys of the encryption context.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context>.
    fn check_key(&mut self, operator: &str, key: &Member) {
        let for_all = Operator::parse(operator).is_some_and(|it| it.quantifier == Quantifier::ForAllValues);
        if self.kind == PolicyKind::Key && for_all && request::encryption_context_name(&key.name).is_some() {
            let problem = Problem::OverlyPermissive { operator: operator.to_owned(), key: key.name.clone() };
            self.wrong(problem, key.name_span.clone());
        }
    }

    /// The values of a condition, where booleans and numbers stand for their text.
    fn values(&mut self, node: Node, key: &str) -> Vec<String> {
        let nodes = match node.value {
            Value::Array(nodes) => nodes,
            value => vec![Node { value, span: node.span }],
        };
        let mut values = Vec::new();
        for node in nodes {
            match node.value {
                Value::String(text) | Value::Number(text) => values.push(text),
                Value::Bool(value) => values.push(value.to_string()),
                _ => self.wrong_type(key, "a string, number or boolean, or a list of them", &node),
            }
        }
        values
    }

    fn strings(&mut self, node: Node, element: &str) -> Vec<(String, Range<usize>)> {
        let nodes = match node.value {
            Value::Array(nodes) => nodes,
            value => vec![Node { value, span: node.span }],
        };
        let mut strings = Vec::new();
        for node in nodes {
            match node.value {
                Value::String(text) => strings.push((text, node.span)),
                _ => self.wrong_type(element, "a string or a list of strings", &node),
            }
        }
        strings
    }

    fn string(&mut self, node: Node, element: &str) -> Option<(String, Range<usize>)> {
        match node.value {
            Value::String(text) => Some((text, node.span)),
            _ => {
                self.wrong_type(element, "a string", &node);
                None
            }
        }
    }

    fn object(&mut self, node: Node, element: &str) -> Option<Vec<Member>> {
        match node.value {
            Value::Object(members) => Some(members),
            _ => {
                self.wrong_type(element, "an object", &node);
                None
            }
        }
    }

    fn missing(&mut self, element: &'static str, span: &Range<usize>) {
        self.wrong(Problem::Missing { element, parent: "the statement" }, span.clone());
    }

    fn prohibited(&mut self, element: &'static str, span: &Range<usize>) {
        self.wrong(Problem::Prohibited { element, kind: self.kind.describe() }, span.clone());
    }

    fn wrong_type(&mut self, element: &str, expected: &'static str, node: &Node) {
        let problem = Problem::WrongType { element: element.to_owned(), expected, found: node.kind() };
        self.wrong(problem, node.span.clone());
    }

    fn wrong(&mut self, problem: Problem, span: Range<usize>) {
        self.errors.push(PolicyError::new(problem, Some(span)));
    }
}

/// What a statement was found to hold: of `Action` and `NotAction`, both may have been there.
#[derive(Default)]
struct Found {
    sid: Option<String>,
    has_effect: bool,
    effect: Option<Effect>,
    principal: Vec<Match<Principals>>,
    action: Vec<Match<Vec<String>>>,
    resource: Vec<Match<Vec<String>>>,
    conditions: Vec<Condition>,
}

fn leaves_nothing_out<T>(element: &Match<Vec<T>>) -> bool {
    matches!(element, Match::IsNot(left_out) if left_out.is_empty())
}

fn set<T>(found: &mut Vec<Match<T>>, form: fn(T) -> Match<T>, value: T) {
    found.push(form(value));
}

/// `service:Action` with wildcards in the action only, or a lone `*`.
fn is_action(action: &str) -> bool {
    let is_service = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    match action.split_once(':') {
        Some((service, name)) => {
            is_service(service)
                && !name.is_empty()
                && name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'*' | b'?' | b'-' | b'_' | b':'))
        }
        None => action == "*",
    }
}

/// Which names can stand in a policy of that kind. Whether somebody bears the name is for the service to say.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.
fn can_be_named(pattern: &PrincipalPattern, kind: PolicyKind) -> bool {
    match pattern {
        PrincipalPattern::Everyone => true,
        PrincipalPattern::Aws(name) if glob::has_wildcard(name) => false,
        PrincipalPattern::Aws(name) if kind == PolicyKind::Resource => !name.is_empty(),
        PrincipalPattern::Aws(name) => {
            principal::account_of(name).is_some() || principal::is_deleted(name) || is_identity_arn(name)
        }
        PrincipalPattern::Service(name) => name.contains('.') && !glob::has_wildcard(name),
        PrincipalPattern::Federated(name) => !name.is_empty(),
        PrincipalPattern::CanonicalUser(name) => !name.is_empty() && kind == PolicyKind::Resource,
    }
}

fn is_identity_arn(name: &str) -> bool {
    let Ok(arn) = keywright_model::Arn::parse(name) else { return false };
    let has = |kind: &str| arn.resource_of_kind(kind).is_some_and(|rest| !rest.is_empty());
    let is_identity = match arn.service() {
        "iam" => has("user") || has("role"),
        "sts" => has("assumed-role") || has("federated-user"),
        _ => false,
    };
    is_identity && arn.region().is_empty() && keywright_model::AccountId::parse(arn.account()).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_statement_knows_where_it_stands_in_the_text() {
        let text = r#"{"Version":"2012-10-17","Statement":[ {"Effect":"Allow","Action":"*","Resource":"*"} ,{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
        let document = Document::parse(text, PolicyKind::Identity).expect("a policy");
        let spans: Vec<_> = document.statements.iter().filter_map(|it| text.get(it.span.clone()?)).collect();
        assert_eq!(
            spans,
            [r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#]
        );
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let text =
            r#"{"Version":"2013","Statement":[{"Effect":"allow","Action":"decrypt","Principal":{"AWS":"me"}}],"X":1}"#;
        let errors = Document::parse(text, PolicyKind::Key).expect_err("a wrong policy");
        let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "`2013` is not a version of the policy language",
                "`allow` is not an effect",
                "`decrypt` is not an action",
                "`me` is not a principal that a policy can name",
                "`X` is not an element of a policy",
            ]
        );
        assert!(errors.iter().all(|error| error.span.as_ref().is_some_and(|span| text.get(span.clone()).is_some())));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            for kind in [PolicyKind::Key, PolicyKind::Identity, PolicyKind::Trust, PolicyKind::Resource] {
                let _ = Document::parse(&text, kind);
            }
        }

        #[test]
        fn no_cut_or_changed_policy_makes_the_parser_panic(cut in 0usize..400, at in 0usize..400, byte in any::<u8>()) {
            let whole = include_str!("../tests/data/default-key-policy.json");
            let mut bytes = whole.as_bytes().iter().copied().take(cut).collect::<Vec<_>>();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Err(errors) = Document::parse(&text, PolicyKind::Key) {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(error.span.is_some_and(|span| text.get(span).is_some()));
                }
            }
        }
    }
}
