//! Whose grants stand on a key beside those of the state.

use std::collections::BTreeSet;

use keywright_model::{Address, Arn, Diagnostic, ResourceKind};
use serde_json::Value;

use super::{Change, Departure, DriftReport, Outlook, OwnedGrant};
use crate::address::InstanceKey;
use crate::facts::Facts;
use crate::provider::KeyGrant;
use crate::state::State;

/// Sorts the grants that the state does not know by who made them.
pub(super) fn add(report: &mut DriftReport, before: &State, facts: &Facts) {
    let known = known_ids(before);
    for (key, read) in &facts.grants {
        let Some(arn) = arn_of(before, &key.address) else { continue };
        match read {
            Err(reason) => report.unread_grants.push((key.address.clone(), reason.clone())),
            Ok(grants) => {
                for grant in grants.iter().filter(|grant| !known.contains(grant.grant_id.as_str())) {
                    push(report, &key.address, &arn, grant);
                }
            }
        }
    }
}

/// The grants on a key that others made, those of AWS services aside; why not, where they could not be listed.
pub(crate) fn foreign_grants<'a>(state: &State, facts: &'a Facts, key: &Address) -> Result<Vec<&'a KeyGrant>, &'a str> {
    let (known, arn) = (known_ids(state), arn_of(state, key));
    match (facts.grants.get(&InstanceKey::current(key)), arn) {
        (Some(Err(reason)), _) => Err(reason),
        (Some(Ok(grants)), Some(arn)) => {
            let is_foreign = |it: &&KeyGrant| !known.contains(it.grant_id.as_str()) && !is_of_service(it, &arn);
            Ok(grants.iter().filter(is_foreign).collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn push(report: &mut DriftReport, address: &Address, key: &Arn, grant: &KeyGrant) {
    if is_of_service(grant, key) {
        report.service_grants.push(OwnedGrant { address: address.clone(), grant: grant.clone() });
        return;
    }
    report.departures.push(Departure {
        address: address.clone(),
        what: Change::ForeignGrant { key: key.clone(), grant: grant.clone() },
        outlook: Outlook::Left,
        attributes: Vec::new(),
    });
}

/// The grants of every module, and of what is not ours: whoever wrote them into this state knows them.
fn known_ids(state: &State) -> BTreeSet<&str> {
    let grants = state.held().filter(|held| held.kind() == ResourceKind::KmsGrant);
    grants.filter_map(|held| held.instance.attributes()?.get("grant_id")?.as_str()).collect()
}

fn arn_of(state: &State, address: &Address) -> Option<Arn> {
    Arn::parse(state.attributes(address)?.get("arn").and_then(Value::as_str)?).ok()
}

/// Whether an AWS service made the grant for a resource of its own, as it does when somebody encrypts a volume, a
/// table or a database with the key: then the grantee is a service principal, or a session that only AWS can have (its
/// role's name holds a colon, as in `aws:ec2-infrastructure`). Who may retire it says nothing, for anybody can name a service there.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListGrants.html>.
fn is_of_service(grant: &KeyGrant, key: &Arn) -> bool {
    let is_own = grant.issuing_account.as_deref().is_none_or(|account| account == key.account());
    let is_service = match Arn::parse(&grant.grantee) {
        Ok(arn) => arn.service() == "sts" && arn.resource().starts_with("assumed-role/aws:"),
        Err(_) => SERVICE_SUFFIXES.iter().any(|suffix| grant.grantee.ends_with(suffix)),
    };
    is_own && is_service
}

pub(super) fn findings(report: &DriftReport) -> Vec<Diagnostic> {
    let foreign = report.departures.iter().filter_map(|departure| match &departure.what {
        Change::ForeignGrant { key, grant } => Some(foreign(&departure.address, key, grant)),
        _ => None,
    });
    foreign.chain(report.unread_grants.iter().map(|(address, reason)| unread(address, reason))).collect()
}

fn foreign(address: &Address, key: &Arn, grant: &KeyGrant) -> Diagnostic {
    let operations = grant.operations.join(", ");
    let summary = format!("a grant made by others lets `{}` use `{address}`: {operations}", grant.grantee);
    let name = grant.name.as_ref().map(|name| format!(" (`{name}`)")).unwrap_or_default();
    let issuer = grant.issuing_account.as_deref().filter(|account| *account != key.account());
    let issuer = issuer.map(|account| format!(", under account {account}")).unwrap_or_default();
    Diagnostic::warning("foreign-grant", summary)
        .because(format!(
            "grant `{}`{name} was made outside of keywright{issuer}; it gives access that no key policy shows, until it is revoked",
            grant.grant_id
        ))
        .help(format!(
            "if it is not wanted: `aws kms revoke-grant --region {} --key-id {key} --grant-id {}`; if it is, make one like it through the input `grants`, and revoke this one",
            key.region(),
            grant.grant_id
        ))
}

fn unread(address: &Address, reason: &str) -> Diagnostic {
    Diagnostic::warning("grants-unread", format!("the grants on `{address}` cannot be listed"))
        .because(format!("{reason}; grants made by others give access that no key policy shows"))
        .help("run as somebody whom the key policy lets list grants (kms:ListGrants)")
}

/// Of the partitions, as the names of service principals end.
const SERVICE_SUFFIXES: &[&str] = &[".amazonaws.com", ".amazonaws.com.cn"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(grantee: &str, issuer: Option<&str>, expect: bool) {
        let key = Arn::parse("arn:aws:kms:eu-west-1:111122223333:key/mrk-1").expect("an ARN");
        let grant = KeyGrant {
            grantee: grantee.to_owned(),
            issuing_account: issuer.map(str::to_owned),
            retiring: Some("rds.amazonaws.com".to_owned()),
            ..KeyGrant::default()
        };
        assert_eq!(is_of_service(&grant, &key), expect, "{grantee}");
    }

    #[test]
    fn a_grant_is_a_services_own_only_by_a_grantee_that_nobody_else_can_be() {
        check("dynamodb.eu-west-1.amazonaws.com", Some("111122223333"), true);
        check("rds.cn-north-1.amazonaws.com.cn", None, true);
        check("arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc", None, true);
        check("arn:aws:sts::111122223333:assumed-role/ec2-infrastructure/i-0abc", None, false);
        check("arn:aws:iam::111122223333:role/rds.amazonaws.com", None, false);
        check("rds.amazonaws.com.evil.example", None, false);
        check("", None, false);
    }

    #[test]
    fn a_service_that_works_for_another_account_is_not_our_own_use_of_the_key() {
        check("rds.eu-west-1.amazonaws.com", Some("444455556666"), false);
    }
}
