//! What it means that a policy has another text.

use std::collections::BTreeSet;

use keywright_model::{AccountId, Arn};
use keywright_policy::prove::{KeyAccess, gives_nothing_new};
use keywright_policy::{Access, Document, Effect, Match, PolicyKind, PrincipalPattern, access_changes, equivalent};

use super::{Change, PolicyOf};

/// What the change means; nothing where it means nothing. `key` is the key of a key policy.
pub(super) fn changes(by: PolicyOf, before: &str, after: &str, key: Option<&Arn>) -> Vec<Change> {
    let read = |text: &str| Document::parse(text, kind(by)).ok();
    let (Some(before), Some(after)) = (read(before), read(after)) else {
        return vec![Change::Unreadable { by }];
    };
    if equivalent(&before, &after) {
        return Vec::new();
    }
    let told = access_changes(Some(&before), &after);
    let deleted = deleted(&after).difference(&deleted(&before)).cloned().collect::<BTreeSet<_>>();
    let is_of_deleted = |access: &Access| deleted.iter().any(|id| access.principal.ends_with(id.as_str()));
    let (mut gained, mut lost) = (told.gained, told.lost);
    gained.retain(|access| !is_of_deleted(access));
    if let Some(key) = key {
        keep_what_is_not_disproved(key, &before, &after, &mut gained, &mut lost);
    }
    let mut changes: Vec<Change> =
        deleted.into_iter().map(|principal| Change::DeletedPrincipal { by, principal }).collect();
    if !gained.is_empty() || !lost.is_empty() {
        changes.push(Change::Access { by, gained, lost });
    }
    changes
}

/// The changes are told statement by statement; where it is proved that no request is decided otherwise, nobody has
/// gained, or lost, anything.
fn keep_what_is_not_disproved(
    key: &Arn,
    before: &Document,
    after: &Document,
    gained: &mut Vec<Access>,
    lost: &mut Vec<Access>,
) {
    let Ok(account) = AccountId::parse(key.account()) else { return };
    let (before, after) = (KeyAccess::new(key, &account, before), KeyAccess::new(key, &account, after));
    if may_be_disproved(gained) && gives_nothing_new(&before, &after).verdict.is_proved() {
        gained.clear();
    }
    if may_be_disproved(lost) && gives_nothing_new(&after, &before).verdict.is_proved() {
        lost.clear();
    }
}

/// A `Deny` also decides about what grants give, and no grants are looked at here.
fn may_be_disproved(told: &[Access]) -> bool {
    !told.is_empty() && told.iter().all(|access| access.effect == Effect::Allow)
}

fn deleted(document: &Document) -> BTreeSet<String> {
    let principals = document.statements.iter().filter_map(|it| it.principal.as_ref()).flat_map(Match::inner);
    let ids = principals.filter(|it| it.is_deleted()).map(|it| match it {
        PrincipalPattern::Aws(id) => id.clone(),
        _ => String::new(),
    });
    ids.collect()
}

fn kind(by: PolicyOf) -> PolicyKind {
    match by {
        PolicyOf::Key => PolicyKind::Key,
        PolicyOf::Trust => PolicyKind::Trust,
        PolicyOf::Identity => PolicyKind::Identity,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/app";

    fn policy(statements: &[Value]) -> String {
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    }

    fn allow(principal: &str, action: Value) -> Value {
        json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"})
    }

    fn of_key(before: &[Value], after: &[Value]) -> Vec<Change> {
        let key = Arn::parse("arn:aws:kms:eu-west-1:111122223333:key/mrk-1").expect("an ARN");
        changes(PolicyOf::Key, &policy(before), &policy(after), Some(&key))
    }

    #[track_caller]
    fn check(before: &[Value], after: &[Value], gained: &[&str], lost: &[&str]) {
        let told = of_key(before, after);
        let names = |all: &[Access]| all.iter().map(|it| it.principal.clone()).collect::<Vec<_>>();
        let access = told.iter().find_map(|change| match change {
            Change::Access { gained, lost, .. } => Some((names(gained), names(lost))),
            _ => None,
        });
        assert_eq!(access.unwrap_or_default(), (names_of(gained), names_of(lost)), "{told:?}");
    }

    fn names_of(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn other_text_of_the_same_meaning_is_no_change() {
        let before = [allow(ROLE, json!(["kms:Decrypt", "kms:Encrypt"])), allow("111122223333", json!("kms:*"))];
        let mut named = allow(ROLE, json!(["kms:Encrypt", "kms:Decrypt"]));
        named["Sid"] = json!("Other");
        assert_eq!(of_key(&before, &[allow("arn:aws:iam::111122223333:root", json!(["kms:*"])), named]), []);
    }

    #[test]
    fn a_statement_that_gives_nothing_more_is_no_change() {
        let before = [allow(ROLE, json!(["kms:Decrypt", "kms:Encrypt"]))];
        assert_eq!(of_key(&before, &[before[0].clone(), allow(ROLE, json!("kms:Decrypt"))]), []);
    }

    #[test]
    fn who_gains_and_who_loses_is_told() {
        let before = [allow(ROLE, json!("kms:Decrypt"))];
        check(&before, &[allow(ROLE, json!(["kms:Decrypt", "kms:Encrypt"]))], &[ROLE], &[]);
        check(
            &before,
            &[allow("arn:aws:iam::111122223333:role/eve", json!("kms:Decrypt"))],
            &["arn:aws:iam::111122223333:role/eve"],
            &[ROLE],
        );
        let deny = json!({"Effect": "Deny", "Principal": {"AWS": ROLE}, "Action": "kms:Decrypt", "Resource": "*"});
        check(&before, &[before[0].clone(), deny], &[], &[ROLE]);
    }

    #[test]
    fn a_deny_on_who_has_a_grant_only_is_told() {
        let before = [allow(ROLE, json!("kms:Decrypt"))];
        let granted = "arn:aws:iam::111122223333:role/granted";
        let deny = json!({"Effect": "Deny", "Principal": {"AWS": granted}, "Action": "kms:Decrypt", "Resource": "*"});
        check(&before, &[before[0].clone(), deny.clone()], &[], &[granted]);
        check(&[before[0].clone(), deny], &before, &[granted], &[]);
    }

    #[test]
    fn a_deleted_principal_gains_nothing_and_is_told_as_such() {
        let told = of_key(&[allow(ROLE, json!("kms:Decrypt"))], &[allow("AROAIOSFODNN7EXAMPLE", json!("kms:Decrypt"))]);
        let id = Change::DeletedPrincipal { by: PolicyOf::Key, principal: "AROAIOSFODNN7EXAMPLE".to_owned() };
        assert_eq!(told.first(), Some(&id));
        assert!(
            matches!(told.get(1), Some(Change::Access { gained, lost, .. }) if gained.is_empty() && lost.len() == 1),
            "{told:?}"
        );
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_never_taken_for_the_same() {
        let told = changes(PolicyOf::Key, "{", &policy(&[allow(ROLE, json!("kms:Decrypt"))]), None);
        assert_eq!(told, [Change::Unreadable { by: PolicyOf::Key }]);
    }

    #[test]
    fn trust_and_iam_policies_are_told_by_meaning_too() {
        let trust = |principal: &str| {
            policy(&[json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"})])
        };
        let told = changes(PolicyOf::Trust, &trust("111122223333"), &trust("444455556666"), None);
        assert!(
            matches!(told.as_slice(), [Change::Access { gained, lost, .. }] if gained.len() == 1 && lost.len() == 1),
            "{told:?}"
        );
        let identity = |action: Value| policy(&[json!({"Effect": "Allow", "Action": action, "Resource": "*"})]);
        let told = changes(
            PolicyOf::Identity,
            &identity(json!("kms:ListKeys")),
            &identity(json!(["kms:ListKeys", "s3:*"])),
            None,
        );
        assert!(
            matches!(told.as_slice(), [Change::Access { gained, lost, .. }] if gained.len() == 1 && lost.is_empty()),
            "{told:?}"
        );
    }
}
