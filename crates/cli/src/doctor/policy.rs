use keywright_policy::{Document, Effect, Match, PrincipalPattern, Statement, Version, equivalent};

use super::Examination;
use super::facts::{Facts, KeyFacts};

/// The key's policy is not what the inputs want, or names a principal that is gone.
pub(super) fn examine(facts: &Facts) -> Examination {
    let mut examination = Examination::default();
    examine_admin_role(facts, &mut examination);
    for key in &facts.keys {
        if matches!(key.standing, Ok(None)) {
            examination.found(
                format!("`{}` (`{}`) is not there", key.label, key.arn),
                "the state holds a key that was deleted, or that another state made",
                "run `keywright plan` to see what would be made in its place; restore the state first, if the wrong one is here",
            );
            continue;
        }
        match &key.policy {
            Ok(policy) => examine_key(facts, key, policy, &mut examination),
            Err(unread) => examination.unread(unread),
        }
    }
    if examination.troubles.is_empty() && examination.open.is_empty() {
        examination.saw("each key has the policy that the inputs want");
    }
    examination
}

fn examine_admin_role(facts: &Facts, examination: &mut Examination) {
    if let Some(nobody) = facts.nobody.as_ref().filter(|it| it.is_changed_outside) {
        examination.found(
            nobody.reason.clone(),
            "the key policy names somebody who is gone, or whom this caller may not become; a role that was made again under its name is another principal",
            "run as somebody whom the policy names; where it still delegates to the account, `keywright apply` puts the wanted policy; else only AWS Support can give the key back",
        );
    }
    let Some(role) = &facts.desired.administration.admin_role else { return };
    match facts.roles.get(&role.arn) {
        Some(Ok(false)) => examination.found(
            format!("the admin role `{}` is not there", role.arn),
            "it was deleted outside, or not made yet",
            facts.apply(),
        ),
        Some(Err(unread)) => examination.unread(unread),
        Some(Ok(true)) | None => {}
    }
}

fn examine_key(facts: &Facts, key: &KeyFacts, policy: &Document, examination: &mut Examination) {
    let deleted = deleted_principals(policy);
    if !deleted.is_empty() {
        examination.found(
            format!("the policy of the {} key names {}", key.part, deleted.join(", ")),
            "IDs like these stand in the place of a user or role that was deleted; one that was made again under the same name is another principal, and is not let in",
            facts.apply(),
        );
    }
    let Some(wanted) = facts.wanted_policy(key.part) else { return };
    if deleted.is_empty() && !equivalent(policy, wanted) {
        examination.found(
            format!(
                "the policy of the {} key (`{}`) is not what the inputs want: {}",
                key.part,
                key.arn,
                difference(policy, wanted)
            ),
            "it was changed outside, or the inputs were changed and not applied since",
            format!(
                "run `keywright plan` to see who would gain and lose what, then {}",
                facts.apply().trim_start_matches("run ")
            ),
        );
    }
}

/// The unique IDs that KMS shows in place of what is deleted.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.
fn deleted_principals(policy: &Document) -> Vec<String> {
    let principals = policy.statements.iter().filter_map(|it| it.principal.as_ref()).flat_map(Match::inner);
    let is_id = |name: &&String| name.starts_with("AROA") || name.starts_with("AIDA");
    let names = principals.filter_map(|it| match it {
        PrincipalPattern::Aws(name) => Some(name),
        _ => None,
    });
    let mut names: Vec<String> = names.filter(is_id).map(|name| format!("`{name}`")).collect();
    names.sort();
    names.dedup();
    names
}

fn difference(policy: &Document, wanted: &Document) -> String {
    let missing = without(&wanted.statements, &policy.statements);
    let further = without(&policy.statements, &wanted.statements);
    let part = |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")));
    let parts = [part("without", &missing), part("besides", &further)];
    let told: Vec<String> = parts.into_iter().flatten().collect();
    if told.is_empty() { "statements differ".to_owned() } else { told.join("; ") }
}

/// The names of those statements that the others do not have in the same meaning.
fn without(statements: &[Statement], others: &[Statement]) -> Vec<String> {
    let alone = |it: &Statement| Document { id: None, version: Version::V2012, statements: vec![it.clone()] };
    let is_there = |it: &Statement| others.iter().any(|other| equivalent(&alone(it), &alone(other)));
    statements.iter().filter(|it| !is_there(it)).map(name).collect()
}

fn name(statement: &Statement) -> String {
    match (&statement.sid, statement.effect) {
        (Some(sid), _) => format!("`{sid}`"),
        (None, Effect::Allow) => "an Allow without a name".to_owned(),
        (None, Effect::Deny) => "a Deny without a name".to_owned(),
    }
}
