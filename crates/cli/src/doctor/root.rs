use keywright_model::Arn;
use keywright_policy::Document;
use keywright_policy::prove::{KeyAccess, Verdict, Witness, root_is_gone};

use super::Examination;
use super::facts::{Facts, KeyFacts};
use crate::subject::GrantOnKey;

/// The inputs take root away, and the policy lets the account in all the same.
pub(super) fn examine(facts: &Facts) -> Examination {
    if facts.module.inputs().root_access {
        return Examination::fine("`kms_root_access` is true: root is meant to have access");
    }
    let mut examination = Examination::default();
    for key in &facts.keys {
        match (&key.policy, &key.grants) {
            (Ok(policy), Ok(grants)) => prove(facts, key, policy, grants, &mut examination),
            (Err(unread), _) | (_, Err(unread)) => examination.unread(unread),
        }
    }
    examination
}

fn prove(facts: &Facts, key: &KeyFacts, policy: &Document, grants: &[GrantOnKey], examination: &mut Examination) {
    let mut access = KeyAccess::new(&key.arn, &facts.desired.account, policy);
    access.grants = grants.iter().map(GrantOnKey::grant).collect();
    match root_is_gone(&access).verdict {
        Verdict::Proved { .. } => {
            examination.saw(format!("root is gone from the {} key: proved of its policy and grants", key.part));
        }
        Verdict::Refuted { witness } => {
            examination.found(evidence(key, &witness), cause(&witness), cure(facts, key));
        }
        Verdict::Unknown { reason } => examination.undecided(
            format!("whether root is gone from the {} key: {reason}", key.part),
            "a policy that can be decided: see `keywright who-can --live`",
        ),
    }
}

fn evidence(key: &KeyFacts, witness: &Witness) -> String {
    let request = &witness.request;
    let own = if witness.needs_own_policy { ", where an IAM policy of theirs allows it" } else { "" };
    format!("`{}` may do `{}` with the {} key (`{}`){own}", request.principal, request.action, key.part, key.arn)
}

fn cause(witness: &Witness) -> String {
    let names: Vec<String> = witness
        .causes()
        .map(|cause| match (&cause.sid, cause.statement) {
            (Some(sid), _) => format!("the statement `{sid}` of the key policy"),
            (None, Some(at)) => format!("statement {} of the key policy", at.saturating_add(1)),
            (None, None) => cause.policy.as_ref().map_or("a policy".to_owned(), |name| format!("the grant `{name}`")),
        })
        .collect();
    format!("`kms_root_access` is false, but {} lets whoever is in the account in", names.join(" and "))
}

fn cure(facts: &Facts, key: &KeyFacts) -> String {
    let is_gone = |wanted: &Document| is_gone(facts, &key.arn, wanted);
    if facts.wanted_policy(key.part).is_some_and(is_gone) {
        return format!("{}: it puts the policy that the inputs want, under which root is gone", facts.apply());
    }
    "take the account, and accounts in lists of principals, out of `key_statements`, `key_administrators`, `key_users` and `key_service_users`, then run `keywright apply`".to_owned()
}

fn is_gone(facts: &Facts, key: &Arn, policy: &Document) -> bool {
    root_is_gone(&KeyAccess::new(key, &facts.desired.account, policy)).verdict.is_proved()
}
