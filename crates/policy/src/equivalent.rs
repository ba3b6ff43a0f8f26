use std::collections::BTreeSet;

use crate::document::{Condition, Document, Effect, Match, PrincipalPattern, Principals, Statement, Version};
use crate::operator::{Comparison, Operator};
use crate::statement::completed;
use crate::{glob, principal};

/// Whether two documents mean the same and bear the same names.
///
/// The order of anything, a list of one against a bare string, an account's number against its root's ARN, the case
/// of actions and condition keys, a pattern beside a wider one, operators of one meaning, and a statement that stands
/// there twice make no difference. `Id` and `Sid` decide nothing, but somebody chose them: they are compared.
///
/// It never takes for equal what a decision could tell apart; it may miss that two documents mean the same by
/// different statements.
pub fn equivalent(left: &Document, right: &Document) -> bool {
    left == right || canonical(left) == canonical(right)
}

/// A document without what makes no difference.
type Canonical<'a> = (Option<&'a str>, Option<Version>, BTreeSet<CanonicalStatement<'a>>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct CanonicalStatement<'a> {
    sid: Option<&'a str>,
    effect: Effect,
    principal: Option<(bool, BTreeSet<PrincipalPattern>)>,
    action: Option<(bool, BTreeSet<String>)>,
    resource: Option<(bool, BTreeSet<String>)>,
    conditions: BTreeSet<(String, String, BTreeSet<String>)>,
}

fn canonical(document: &Document) -> Canonical<'_> {
    // The version counts where it decides whether `${…}` is a variable.
    let version = document.statements.iter().any(may_have_variable).then_some(document.version);
    (document.id.as_deref(), version, document.statements.iter().map(canonical_statement).collect())
}

fn canonical_statement(statement: &Statement) -> CanonicalStatement<'_> {
    CanonicalStatement {
        sid: statement.sid.as_deref(),
        effect: statement.effect,
        principal: statement.principal.as_ref().map(|it| (is_negated(it), canonical_principals(it.inner()))),
        action: statement.action.as_ref().map(|it| {
            (is_negated(it), without_narrower(it.inner().iter().map(|action| action.to_ascii_lowercase()).collect()))
        }),
        resource: statement.resource.as_ref().map(|it| {
            (
                is_negated(it),
                without_narrower(it.inner().iter().map(|pattern| completed(pattern).into_owned()).collect()),
            )
        }),
        conditions: canonical_conditions(&statement.conditions),
    }
}

pub(crate) fn canonical_principals(principals: &Principals) -> BTreeSet<PrincipalPattern> {
    principals.iter().map(canonical_principal).collect()
}

/// An account by its number, whichever way it is written.
pub(crate) fn canonical_principal(pattern: &PrincipalPattern) -> PrincipalPattern {
    match pattern {
        PrincipalPattern::Aws(name) if name == "*" => PrincipalPattern::Everyone,
        PrincipalPattern::Aws(name) => PrincipalPattern::Aws(principal::account_of(name).unwrap_or(name).to_owned()),
        other => other.clone(),
    }
}

pub(crate) fn canonical_conditions(conditions: &[Condition]) -> BTreeSet<(String, String, BTreeSet<String>)> {
    conditions.iter().map(canonical_condition).collect()
}

fn canonical_condition(condition: &Condition) -> (String, String, BTreeSet<String>) {
    let key = condition.key.to_ascii_lowercase();
    let values: BTreeSet<String> = condition.values.iter().cloned().collect();
    let Some(mut operator) = Operator::parse(&condition.operator) else {
        return (condition.operator.clone(), key, values);
    };
    if operator.comparison == Comparison::StringLike && !values.iter().any(|it| glob::has_wildcard(it)) {
        operator.comparison = Comparison::StringEquals;
    }
    let values = match operator.comparison {
        Comparison::Bool | Comparison::Null => values.iter().map(|it| it.to_ascii_lowercase()).collect(),
        Comparison::StringLike => without_narrower(values),
        _ => values,
    };
    (operator.to_string(), key, values)
}

/// The patterns that no other one covers.
fn without_narrower(patterns: BTreeSet<String>) -> BTreeSet<String> {
    let is_kept = |pattern: &&String| !patterns.iter().any(|wide| wide != *pattern && covers(wide, pattern));
    let kept: BTreeSet<String> = patterns.iter().filter(is_kept).cloned().collect();
    // Two patterns that cover each other (`**` and `*`) must not take each other away.
    if kept.is_empty() { patterns } else { kept }
}

/// Whether every text that fits the narrow pattern fits the wide one. It may say no where it cannot tell.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    // A `?` of the wider pattern would take the `*` of the narrower one for a single character, and what a variable
    // stands for is not known.
    wide == narrow || (!wide.contains(['?', '$']) && !narrow.contains('$') && glob::matches(wide, narrow))
}

/// Whether the version of the language decides what the statement means.
pub(crate) fn may_have_variable(statement: &Statement) -> bool {
    let texts = statement
        .resource
        .iter()
        .flat_map(|it| it.inner())
        .chain(statement.conditions.iter().flat_map(|it| &it.values));
    texts.into_iter().any(|text| text.contains("${"))
}

fn is_negated<T>(element: &Match<T>) -> bool {
    matches!(element, Match::IsNot(_))
}
