//! What a key policy by itself tells of its key.

use std::collections::BTreeSet;

use keywright_model::{AccountId, Arn, Diagnostic, KeyId, Partition, Region};
use keywright_policy::{Document, Effect, Match, PrincipalPattern, Statement};

use super::PolicyText;

/// The account to whose root the policy gives the whole key, if it is one only; else the only account that it names at
/// all. To use the key, the root of another account is named as well.
pub(super) fn account(policy: &PolicyText) -> Result<AccountId, Diagnostic> {
    let names = policy.document.principals().filter_map(|it| match it {
        PrincipalPattern::Aws(name) => Some(name.as_str()),
        _ => None,
    });
    let names: Vec<&str> = names.collect();
    let giving = policy.document.statements.iter().filter(|it| gives_all(it)).filter_map(|it| it.principal.as_ref());
    let given = giving.flat_map(Match::inner).filter_map(|it| match it {
        PrincipalPattern::Aws(name) => root_account(name),
        _ => None,
    });
    let roots: BTreeSet<AccountId> = given.collect();
    let of_arns = names.iter().filter_map(|name| AccountId::parse(Arn::parse(name).ok()?.account()).ok());
    let callers = policy.document.statements.iter().flat_map(|it| &it.conditions);
    let callers = callers.filter(|it| it.key.eq_ignore_ascii_case("kms:CallerAccount")).flat_map(|it| &it.values);
    let all: BTreeSet<AccountId> = of_arns.chain(callers.filter_map(|it| AccountId::parse(it).ok())).collect();
    match (one(&roots), one(&all)) {
        (Some(account), _) | (None, Some(account)) => Ok(account.clone()),
        (None, None) => {
            let found = if roots.is_empty() { &all } else { &roots };
            let found: Vec<&str> = found.iter().map(AccountId::as_str).collect();
            let why = match found.as_slice() {
                [] => "it names none".to_owned(),
                several => format!("it names {}", several.join(", ")),
            };
            Err(Diagnostic::error("unknown-account", "the policy does not tell which account its key belongs to")
                .at_opt(policy.place.clone(), "this policy")
                .because(why)
                .help("give `--account ID`, or `--key ARN`"))
        }
    }
}

fn gives_all(statement: &Statement) -> bool {
    let actions = statement.action.as_ref();
    let is_all = |it: &String| it == "*" || it.eq_ignore_ascii_case("kms:*");
    statement.effect == Effect::Allow
        && matches!(statement.principal, Some(Match::Is(_)))
        && actions.is_some_and(|it| matches!(it, Match::Is(all) if all.iter().any(is_all)))
}

fn root_account(name: &str) -> Option<AccountId> {
    let of_arn = Arn::parse(name).ok().filter(|arn| arn.service() == "iam" && arn.resource() == "root");
    AccountId::parse(of_arn.as_ref().map_or(name, |arn| arn.account())).ok()
}

/// The only Region that the policy's own ARNs name; else the first of its partition.
pub(super) fn region(document: &Document) -> Result<Region, Diagnostic> {
    let resources = document.statements.iter().filter_map(|it| it.resource.as_ref()).flat_map(Match::inner);
    let named: BTreeSet<Region> = resources.filter_map(|it| Region::parse(it.split(':').nth(3)?).ok()).collect();
    if let Some(region) = one(&named) {
        return Ok(region.clone());
    }
    let partition = document.principals().find_map(|it| match it {
        PrincipalPattern::Aws(name) => Partition::from_name(Arn::parse(name).ok()?.partition()),
        _ => None,
    });
    Region::parse(partition.unwrap_or(Partition::Aws).global_region())
        .map_err(|error| Diagnostic::error("invalid-key", "no Region is known").because(error.to_string()))
}

/// The only key that the policy's statements name by its ARN.
pub(super) fn key(document: &Document) -> Option<Arn> {
    let resources = document.statements.iter().filter_map(|it| it.resource.as_ref()).flat_map(Match::inner);
    let keys = resources.filter_map(|it| Arn::parse(it).ok().filter(|arn| arn.service() == "kms"));
    let is_one_key = |arn: &Arn| {
        arn.resource_of_kind("key").is_some_and(|id| KeyId::parse(id).is_ok())
            && AccountId::parse(arn.account()).is_ok()
    };
    let named: BTreeSet<Arn> = keys.filter(is_one_key).collect();
    one(&named).cloned()
}

fn one<T>(all: &BTreeSet<T>) -> Option<&T> {
    let mut each = all.iter();
    each.next().filter(|_| each.next().is_none())
}
