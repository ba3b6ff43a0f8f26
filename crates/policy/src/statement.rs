//! Whether a statement speaks of a request, its principals aside.

use std::borrow::Cow;

use crate::condition::{self, Truth};
use crate::document::{Document, Match, Statement};
use crate::request::{Request, Resource};
use crate::{glob, variables};

/// Whether the statement's action, resource and conditions cover the request.
pub(crate) fn applies(statement: &Statement, document: &Document, request: &Request) -> bool {
    let conditions =
        || Truth::all(statement.conditions.iter().map(|it| condition::holds(it, document.version, &request.context)));
    covers_action(statement, &request.action)
        && covers_resource(statement, document, &request.resource, request).applies(statement.effect)
        && conditions().applies(statement.effect)
}

/// Whether the action is one that a role's trust policy decides about.
pub(crate) fn is_trust(action: &str) -> bool {
    action.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case("sts"))
}

/// The resource pattern with the parts of an ARN that are not written, which are anything.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>.
pub(crate) fn completed(pattern: &str) -> Cow<'_, str> {
    let missing = ARN_PARTS.saturating_sub(pattern.splitn(ARN_PARTS, ':').count());
    if missing == 0 || !pattern.starts_with("arn:") {
        return Cow::Borrowed(pattern);
    }
    Cow::Owned(format!("{pattern}{}", ":*".repeat(missing)))
}

fn covers_action(statement: &Statement, action: &str) -> bool {
    let fits = |patterns: &[String]| patterns.iter().any(|it| glob::matches_ignoring_case(it, action));
    match &statement.action {
        Some(Match::Is(patterns)) => fits(patterns),
        Some(Match::IsNot(patterns)) => !fits(patterns),
        None => false,
    }
}

pub(crate) fn covers_resource(
    statement: &Statement,
    document: &Document,
    resource: &Resource,
    request: &Request,
) -> Truth {
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

fn resource_fits(pattern: &str, arn: &str, document: &Document, request: &Request) -> Truth {
    if pattern == "*" {
        return Truth::Yes;
    }
    if !variables::has_variable(pattern, document.version) {
        return glob::matches(&completed(pattern), arn).into();
    }
    let Some(mut filled) = variables::substitute_pattern(pattern, &request.context) else {
        return Truth::Unknown;
    };
    for _ in filled.split(b':', ARN_PARTS).len()..ARN_PARTS {
        filled.push_pattern(":*");
    }
    filled.matches(arn).into()
}

const ARN_PARTS: usize = 6;
