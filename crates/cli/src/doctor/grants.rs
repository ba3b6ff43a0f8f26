use keywright_model::ResourceKind;

use super::Examination;
use super::facts::{Facts, KeyFacts};
use crate::subject::{GrantOnKey, Part};

/// S3 replicates as a role, which needs a grant on the replica, to encrypt copies, and one on the primary, to decrypt
/// originals.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html>.
pub(super) fn examine(facts: &Facts) -> Examination {
    let Some(role) = replication_role(facts) else {
        return Examination::fine("no replica is wanted: S3 needs no grant");
    };
    let mut examination = Examination::default();
    for wanted in WANTED {
        let Some(key) = facts.key(wanted.part) else {
            examination.undecided(
                format!("whether the grant `{}` is there", wanted.name),
                format!("the {} key, which the state does not hold", wanted.part),
            );
            continue;
        };
        match &key.grants {
            Ok(grants) => examine_key(facts, key, grants, &role, wanted, &mut examination),
            Err(unread) => examination.unread(unread),
        }
    }
    examination
}

fn examine_key(
    facts: &Facts,
    key: &KeyFacts,
    grants: &[GrantOnKey],
    role: &str,
    wanted: &Wanted,
    examination: &mut Examination,
) {
    let to_role: Vec<&GrantOnKey> = grants.iter().filter(|it| it.grantee == role).collect();
    let is_given = |operation: &&str| to_role.iter().any(|it| it.operations.iter().any(|given| given == operation));
    let missing: Vec<&str> = wanted.operations.iter().filter(|it| !is_given(it)).copied().collect();
    if missing.is_empty() {
        return examination.saw(format!("the {} key grants `{role}` what S3 needs", key.part));
    }
    let evidence = format!("no grant on the {} key (`{}`) gives `{role}` {}", key.part, key.arn, missing.join(", "));
    let others = elsewhere(facts, role, wanted).or_else(|| misnamed(grants, role, wanted));
    let cause = others.unwrap_or_else(|| "the grant was revoked or retired, or never made".to_owned());
    examination.found(evidence, cause, facts.apply());
}

/// A grant of that name to somebody else.
fn misnamed(grants: &[GrantOnKey], role: &str, wanted: &Wanted) -> Option<String> {
    let other = grants.iter().find(|it| it.name.as_deref() == Some(wanted.name) && it.grantee != role)?;
    let why = if other.grantee.starts_with("AROA") {
        "which was a role that is deleted; another one of its name is another principal"
    } else {
        "but S3 replicates as the role"
    };
    Some(format!("the grant `{}` is to `{}`, {why}", wanted.name, other.grantee))
}

/// A grant of that name on the other key.
fn elsewhere(facts: &Facts, role: &str, wanted: &Wanted) -> Option<String> {
    let others = facts.keys.iter().filter(|it| it.part != wanted.part);
    let found = others.filter(|it| {
        let grants = it.grants.as_deref().unwrap_or_default();
        grants.iter().any(|grant| grant.name.as_deref() == Some(wanted.name) && grant.grantee == role)
    });
    let key = found.into_iter().next()?;
    Some(format!(
        "the grant `{}` stands on the {} key in {}: a grant is good for one key in one Region",
        wanted.name, key.part, key.region
    ))
}

/// The role that S3 replicates as.
fn replication_role(facts: &Facts) -> Option<String> {
    let replication = facts.module.inputs().replication.as_ref()?;
    if let Some(role) = &replication.role {
        return Some(role.to_string());
    }
    let name = facts.wanted_text(ResourceKind::IamRole, "s3_replication_role", "name")?;
    Some(format!("arn:{}:iam::{}:role/{name}", facts.desired.region.partition(), facts.desired.account))
}

struct Wanted {
    part: Part,
    name: &'static str,
    operations: &'static [&'static str],
}

const WANTED: &[Wanted] = &[
    Wanted {
        part: Part::Replica,
        name: "S3ReplicationGrant",
        operations: &["Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"],
    },
    Wanted { part: Part::Primary, name: "S3ReplicationSourceGrant", operations: &["Decrypt", "DescribeKey"] },
];
