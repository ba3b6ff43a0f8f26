//! `--policy FILE`: a key policy by itself.

use std::path::Path;

use keywright_model::{AccountId, Arn, Diagnostic, Diagnostics, Region};
use keywright_policy::Document;

use super::{Origin, PolicyText, Subject, guess, key_arn, key_policy, read_text};
use crate::args::SubjectArguments;

/// Reads a key policy from a file, or from standard input.
///
/// # Errors
/// All that is wrong with it; or when it does not tell which account the key belongs to.
pub(super) fn read(path: &Path, arguments: &SubjectArguments) -> Result<Subject, Diagnostics> {
    let file = read_text(path)?;
    let policy = key_policy(&file)?;
    let given = arguments.key.as_deref().map(given_key).transpose()?;
    let is_given = given.is_some();
    let named = || guess::key(&policy.document).filter(|_| arguments.account.is_none() && arguments.region.is_none());
    let known = given.or_else(named);
    let account = account(&policy, known.as_ref(), arguments)?;
    let key = match known {
        Some(key) => key,
        None => key_arn(&region(&policy.document, arguments)?, &account, None)?,
    };
    let notes = if is_given {
        Vec::new()
    } else {
        vec![format!("the key is taken to be `{key}`, for no `--key ARN` is given")]
    };
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
        (None, None) => guess::account(policy),
    }
}

fn region(document: &Document, arguments: &SubjectArguments) -> Result<Region, Diagnostic> {
    match &arguments.region {
        Some(region) => Ok(region.clone()),
        None => guess::region(document),
    }
}
