//! The claim that no service can be made to use the key for somebody else.

use super::access::{KeyAccess, Origin, cause};
use super::answer::{Assumption, Verdict};
use super::claim::{assumptions, search};
use super::model::{self, Interest, Model, Side, plain};
use crate::document::{Condition, Effect, Match, PrincipalPattern, Version};
use crate::glob;
use crate::operator::Operator;
use crate::reason::Cause;
use crate::request::encryption_context_name;

/// Whether a service can be made to use the key for somebody else's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deputy {
    /// The statement that admits the service.
    pub by: Cause,
    /// Whether the claim holds that it cannot.
    pub verdict: Verdict,
}

/// Claims, for each statement that admits a service, that the service cannot be made to use the key on behalf of
/// another account: that the statement ties the service to the key's account by `aws:SourceAccount`,
/// `aws:SourceArn`, `aws:SourceOrgID` or an ARN in the encryption context.
///
/// A source ARN without an account, such as a bucket's, ties the service if it is named in full.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>.
pub fn confused_deputies(access: &KeyAccess<'_>) -> Vec<Deputy> {
    let statements = access.key_policy.statements.iter().enumerate();
    let admits_a_service =
        |it: &PrincipalPattern| matches!(it, PrincipalPattern::Service(_) | PrincipalPattern::Everyone);
    let admitting: Vec<usize> = statements
        .filter(|(_, it)| it.effect == Effect::Allow)
        .filter(|(_, it)| match &it.principal {
            Some(Match::Is(names)) => names.iter().any(admits_a_service),
            Some(Match::IsNot(_)) => true,
            None => false,
        })
        .map(|(at, _)| at)
        .collect();
    let conditions = foreign_sources(access);
    let model = Model::new(&[access], &Interest { conditions: conditions.clone(), ..Interest::default() });
    let verdict = |at: usize| match &model {
        Ok(model) => {
            let services = model.by(&model.callers_that(model::is_service));
            let region = model.under(services, &conditions, Version::V2008, Side::Widest);
            let assumptions = || assumptions(access, &[Assumption::NamedSourcesAreOwn]);
            search(access, model, &region.into_iter().collect::<Vec<_>>(), Some(at), &assumptions)
        }
        Err(reason) => Verdict::Unknown { reason: reason.clone() },
    };
    let deputy = |at: usize| Deputy { by: cause(access, Origin::Statement(at)), verdict: verdict(at) };
    // A statement for everybody that no service can meet is none about services.
    let is_about_services = |it: &Deputy| {
        let at = it.by.statement.unwrap_or_default();
        let principal = access.key_policy.statements.get(at).and_then(|it| it.principal.as_ref());
        let names_one =
            principal.is_some_and(|it| it.inner().iter().any(|it| matches!(it, PrincipalPattern::Service(_))));
        names_one || !it.verdict.is_proved()
    };
    admitting.into_iter().map(deputy).filter(is_about_services).collect()
}

/// That nothing which a service tells about its call points to the key's account.
fn foreign_sources(access: &KeyAccess<'_>) -> Vec<Condition> {
    let own = access.account.as_str();
    let (own_arn, any_own) = (format!("arn:*:*:*:{own}:*"), format!("arn:*:{own}:*"));
    let mut conditions = vec![plain("StringNotEquals", SOURCE_ACCOUNT, [own])];
    let every = || access.key_policy.statements.iter().flat_map(|it| &it.conditions);
    let is_named_in_full = |it: &&String| !glob::has_wildcard(it) && it.split(':').nth(4) == Some("");
    let is_positive = |it: &&Condition| Operator::parse(&it.operator).is_some_and(|it| !it.negated);
    let sources = every().filter(|it| it.key.eq_ignore_ascii_case(SOURCE_ARN)).filter(is_positive);
    let named: Vec<&str> = sources.flat_map(|it| &it.values).filter(is_named_in_full).map(String::as_str).collect();
    conditions.push(plain("ArnNotLike", SOURCE_ARN, named.into_iter().chain([own_arn.as_str()])));
    for condition in every().filter(|it| it.key.eq_ignore_ascii_case(SOURCE_ORG)).filter(is_positive) {
        conditions.push(plain(
            "StringNotLike",
            &condition.key,
            condition.values.iter().map(String::as_str).filter(|it| *it != "*"),
        ));
    }
    for condition in every().filter(|it| encryption_context_name(&it.key).is_some()) {
        let refused = plain("StringNotLike", &condition.key, [any_own.as_str()]);
        if !conditions.contains(&refused) {
            conditions.push(refused);
        }
    }
    conditions.retain(|it| !it.values.is_empty());
    conditions
}

const SOURCE_ACCOUNT: &str = "aws:SourceAccount";
const SOURCE_ARN: &str = "aws:SourceArn";
const SOURCE_ORG: &str = "aws:SourceOrgID";
