//! Whether a statement speaks of a request, its principals aside.

use crate::condition::{self, Truth};
use crate::document::{Document, Effect, Match, Statement};
use crate::request::{Request, Resource};
use crate::{glob, variables};

/// The statements of that effect whose action, resource and conditions cover the request, with their places.
pub(crate) fn that_apply<'a>(
    document: &'a Document,
    effect: Effect,
    request: &'a Request,
) -> impl Iterator<Item = (usize, &'a Statement)> {
    document
        .statements
        .iter()
        .enumerate()
        .filter(move |(_, statement)| statement.effect == effect && applies(statement, document, request))
}

fn applies(statement: &Statement, document: &Document, request: &Request) -> bool {
    let conditions =
        || Truth::all(statement.conditions.iter().map(|it| condition::holds(it, document.version, &request.context)));
    covers_action(statement, &request.action)
        && covers_resource(statement, document, &request.resource, request).applies(statement.effect)
        && conditions().applies(statement.effect)
}

fn covers_action(statement: &Statement, action: &str) -> bool {
    let fits = |patterns: &[String]| patterns.iter().any(|it| glob::matches_ignoring_case(it, action));
    match &statement.action {
        Some(Match::Is(patterns)) => fits(patterns),
        Some(Match::IsNot(patterns)) => !fits(patterns),
        None => false,
    }
}

fn covers_resource(statement: &Statement, document: &Document, resource: &Resource, request: &Request) -> Truth {
    let fits = |patterns: &[String]| {
        Truth::any(patterns.iter().map(|pattern| match resource {
            Resource::Any => (!pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')).into(),
            Resource::Arn(arn) => resource_fits(pattern, arn.as_str(), document, request),
        }))
    };
    match &statement.resource {
        Some(Match::Is(patterns)) => fits(patterns),
        Some(Match::IsNot(patterns)) => fits(patterns).negate(),
        // A trust policy speaks of the role that it hangs on, and of nothing else.
        None => is_trust(&request.action).into(),
    }
}

/// Whether the action is one that a role's trust policy decides about.
pub(crate) fn is_trust(action: &str) -> bool {
    action.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case("sts"))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>.
fn resource_fits(pattern: &str, arn: &str, document: &Document, request: &Request) -> Truth {
    if pattern == "*" {
        return Truth::Yes;
    }
    if variables::has_variable(pattern, document.version) {
        return match variables::substitute_pattern(pattern, &request.context) {
            Some(filled) => filled.matches(arn).into(),
            None => Truth::Unknown,
        };
    }
    let parts = pattern.splitn(6, ':').count();
    if pattern.starts_with("arn:") && parts < 6 {
        // The parts that are not written are anything.
        return glob::matches(&format!("{pattern}{}", ":*".repeat(6 - parts)), arn).into();
    }
    glob::matches(pattern, arn).into()
}
