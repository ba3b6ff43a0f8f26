use keywright_model::{AccountId, Partition};
use keywright_policy::{PolicyError, PolicyKind, Problem};

use super::checks::{KeyFacts, check_of};
use super::error::KmsError;
use crate::context::CallContext;
use crate::iam;
use crate::policy::{PolicyRefusal, StoredPolicy};

/// Takes a key policy: its size, characters, grammar and principals.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html>.
///
/// # Errors
/// `LimitExceededException`, `ValidationException`, `MalformedPolicyDocumentException`.
pub(crate) fn take(text: &str, iam: &iam::State) -> Result<StoredPolicy, KmsError> {
    if text.is_empty() || text.chars().any(|character| !is_policy_character(character)) {
        return Err(KmsError::validation(
            r"1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
        ));
    }
    if text.len() > MAX_POLICY_BYTES {
        return Err(KmsError::LimitExceeded {
            message: format!("The key policy has {} bytes; the limit is {MAX_POLICY_BYTES}.", text.len()),
        });
    }
    StoredPolicy::new(text, PolicyKind::Key, iam)
        .map_err(|refusal| KmsError::MalformedPolicyDocument { message: message(&refusal) })
}

/// Refuses a policy under which the caller could not put another one. It is the caller that is tested, with its
/// own policies, not some administrator.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>,
/// `BypassPolicyLockoutSafetyCheck`.
///
/// # Errors
/// `MalformedPolicyDocumentException`.
pub(crate) fn refuse_lockout(
    policy: &StoredPolicy,
    facts: &KeyFacts<'_>,
    call: &CallContext,
    iam: &iam::State,
) -> Result<(), KmsError> {
    let check = check_of("kms:PutKeyPolicy", facts, call)
        .with("kms:BypassPolicyLockoutSafetyCheck", "false")
        .resource_policy(policy.as_mandatory(iam));
    match check.decide(&call.caller).is_allowed() {
        true => Ok(()),
        false => Err(KmsError::MalformedPolicyDocument { message: LOCKOUT.to_owned() }),
    }
}

/// The policy that a key gets when none is given: the account may use IAM policies.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>.
pub(crate) fn default_policy(account: &AccountId, partition: Partition) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// A principal that cannot be is refused as one that does not exist is.
fn message(refusal: &PolicyRefusal) -> String {
    match refusal {
        PolicyRefusal::Grammar { errors } if !is_about_a_principal(errors) => refusal.to_string(),
        _ => INVALID_PRINCIPALS.to_owned(),
    }
}

fn is_about_a_principal(errors: &[PolicyError]) -> bool {
    matches!(errors, [PolicyError { problem: Problem::Principal { .. }, .. }, ..])
}

fn is_policy_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}')
}

/// The only policy that can be put.
pub(crate) const POLICY_NAME: &str = "default";
const MAX_POLICY_BYTES: usize = 32_768;
const INVALID_PRINCIPALS: &str = "Policy contains a statement with one or more invalid principals.";
const LOCKOUT: &str = "The new key policy will not allow you to update the key policy in the future.";
