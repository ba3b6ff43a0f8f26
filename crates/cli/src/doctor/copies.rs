use keywright_aws::BucketReplication;
use keywright_model::Arn;

use super::Examination;
use super::facts::{Facts, KeyFacts};
use crate::subject::Part;

/// Buckets are replicated, and the copies are not encrypted with the replica key.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html>.
pub(super) fn examine(facts: &Facts) -> Examination {
    if facts.module.inputs().replication.is_none() && facts.buckets.is_empty() {
        return Examination::fine("no replication bucket is enabled");
    }
    let mut examination = Examination::default();
    let Some(replica) = facts.key(Part::Replica) else {
        examination
            .undecided("whether copies are encrypted with the replica key", "a replica key: the state holds none");
        return examination;
    };
    if facts.buckets.is_empty() {
        examination.undecided(
            "whether copies are encrypted with the replica key: the inputs do not tell the real names of buckets",
            "the option `--bucket NAME`, for each bucket that is replicated, and the permission `s3:GetReplicationConfiguration`",
        );
    }
    for (bucket, rules) in &facts.buckets {
        match rules {
            Ok(rules) => examine_bucket(bucket, rules, replica, &mut examination),
            Err(unread) => examination.unread(unread),
        }
    }
    examination
}

fn examine_bucket(bucket: &str, rules: &[BucketReplication], replica: &KeyFacts, examination: &mut Examination) {
    let enabled: Vec<&BucketReplication> = rules.iter().filter(|it| it.enabled).collect();
    if enabled.is_empty() {
        return examination.found(
            format!("the bucket `{bucket}` has no replication rule that is enabled"),
            "its replication is not configured, or switched off",
            "configure it where the bucket is managed (`aws s3api put-bucket-replication`), with the replica key",
        );
    }
    let before = (examination.troubles.len(), examination.open.len());
    for rule in enabled {
        let place = format!("the rule `{}` of the bucket `{bucket}`, to `{}`,", rule.rule, rule.destination);
        if !rule.copies_encrypted {
            examination.found(
                format!("{place} leaves out what is encrypted with KMS"),
                "without `SourceSelectionCriteria.SseKmsEncryptedObjects` S3 does not copy such objects",
                "set it to `Enabled` in the bucket's replication configuration",
            );
        }
        examine_key(&place, rule.replica_key.as_deref(), replica, examination);
    }
    if (examination.troubles.len(), examination.open.len()) == before {
        examination.saw(format!("the copies of `{bucket}` are encrypted with the replica key"));
    }
}

/// An alias, or an ID alone, is not followed.
fn examine_key(place: &str, named: Option<&str>, replica: &KeyFacts, examination: &mut Examination) {
    let cure = format!("set `Destination.EncryptionConfiguration.ReplicaKmsKeyID` to `{}`", replica.arn);
    let is_key = |name: &str| Arn::parse(name).is_ok_and(|it| it.resource().starts_with("key/"));
    let told = match named {
        Some(name) if name == replica.arn.as_str() => return,
        Some(name) if !is_key(name) => {
            let what = format!("whether `{name}`, which {place} names, is the replica key");
            return examination.undecided(what, format!("the key by its ARN: {cure}"));
        }
        Some(name) => format!("names `{name}`"),
        None => "names no key".to_owned(),
    };
    let cause = "copies are then encrypted with another key, or not with KMS at all";
    examination.found(format!("{place} {told} for its copies"), cause, cure);
}
