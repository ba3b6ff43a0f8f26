//! `--policy FILE`: a key policy by itself.

use std::collections::BTreeSet;
use std::path::Path;

use keywright_model::{AccountId, Arn, Diagnostic, Diagnostics, Partition, Region};
use keywright_policy::{Document, Match, PrincipalPattern};

use super::{Origin, PolicyText, Subject, key_arn, key_policy, read_text};
use crate::args::SubjectArguments;

/// Reads a key policy from a file, or from standard input.
///
/// # Errors
/// All that is wrong with it; or when it does not tell which account the key belongs to.
pub(super) fn read(path: &Path, arguments: &SubjectArguments) -> Result<Subject, Diagnostics> {
    let file = read_text(path)?;
    let policy = key_policy(&file)?;
    let given = arguments.key.as_deref().map(given_key).transpose()?;
    let account = account(&policy, given.as_ref(), arguments)?;
    let mut notes = Vec::new();
    let key = match given {
        Some(key) => key,
        None => {
            let key = key_arn(&region(&policy.document, arguments)?, &account, None)?;
            notes.push(format!("the key is taken to be `{key}`, for no `--key ARN` is given"));
            key
        }
    };
    notes.push("grants are not known: a grant may allow more".to_owned());
    let origin = Origin::PolicyFile(file.name.clone());
    Ok(Subject { notes, ..Subject::new(file.name.clone(), origin, key, account, policy) })
}

fn given_key(text: &str) -> Result<Arn, Diagnostic> {
    let arn = Arn::parse(text).ok();
    let is_key = |arn: &Arn| {
        arn.service() == "kms"
            && arn.resource_of_kind("key").is_some()
            && AccountId::parse(arn.account()).is_ok()
            && Region::parse(arn.region()).is_ok()
    };
    arn.filter(is_key).ok_or_else(|| {
        Diagnostic::error("unknown-key", format!("`{text}` is not the ARN of a key"))
            .because("a policy in a file does not tell its key")
            .help("give the key as `arn:aws:kms:REGION:ACCOUNT:key/ID`, or leave it out")
    })
}

fn account(policy: &PolicyText, key: Option<&Arn>, arguments: &SubjectArguments) -> Result<AccountId, Diagnostic> {
    let of_key = key.and_then(|key| AccountId::parse(key.account()).ok());
    match (of_key, &arguments.account) {
        (Some(of_key), Some(given)) if of_key != *given => {
            let summary = format!("`--account {given}` is not the account of the key, {of_key}");
            Err(Diagnostic::error("two-accounts", summary).help("leave `--account` out"))
        }
        (Some(account), _) => Ok(account),
        (None, Some(account)) => Ok(account.clone()),
        (None, None) => account_of_root(policy),
    }
}

/// The account whose root the policy names, if it is one only; else the only account that it names at all.
fn account_of_root(policy: &PolicyText) -> Result<AccountId, Diagnostic> {
    let names: Vec<&str> = policy
        .document
        .principals()
        .filter_map(|it| match it {
            PrincipalPattern::Aws(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let roots: BTreeSet<AccountId> = names.iter().copied().filter_map(root_account).collect();
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

fn root_account(name: &str) -> Option<AccountId> {
    let of_arn = Arn::parse(name).ok().filter(|arn| arn.service() == "iam" && arn.resource() == "root");
    AccountId::parse(of_arn.as_ref().map_or(name, |arn| arn.account())).ok()
}

/// The Region that was given, or the only one that the policy's own ARNs name.
fn region(document: &Document, arguments: &SubjectArguments) -> Result<Region, Diagnostic> {
    if let Some(region) = &arguments.region {
        return Ok(region.clone());
    }
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

fn one<T>(all: &BTreeSet<T>) -> Option<&T> {
    let mut each = all.iter();
    each.next().filter(|_| each.next().is_none())
}
