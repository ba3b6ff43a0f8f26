use super::Examination;
use super::facts::Facts;
use crate::subject::Part;

/// A replica is wanted and not there, or the inputs keep it from being made.
pub(super) fn examine(facts: &Facts) -> Examination {
    let mut examination = Examination::default();
    let Some(replication) = &facts.module.inputs().replication else {
        return without(facts);
    };
    let region = &replication.region;
    let Some(key) = facts.key(Part::Replica) else {
        examination.found(
            format!(
                "the state holds no replica key, and a bucket of `replication_region_buckets` is enabled in {region}"
            ),
            "the inputs were changed after the last apply, or that apply did not get so far",
            facts.apply(),
        );
        return examination;
    };
    if key.region != *region {
        examination.found(
            format!("the replica is in {}, and `replication_region` is {region}", key.region),
            "`replication_region` was changed after the last apply",
            facts.apply(),
        );
    }
    match &key.standing {
        Ok(None) => examination.found(
            format!("the replica `{}` is not there", key.arn),
            "it was deleted outside",
            facts.apply(),
        ),
        Ok(Some(standing)) if standing.state == "PendingDeletion" => examination.found(
            format!("the replica `{}` is pending deletion", key.arn),
            "its deletion was scheduled outside",
            "run `keywright apply`: a replica that is wanted is rescued",
        ),
        Ok(Some(standing)) => examination.saw(format!("the replica in {} is {}", key.region, standing.state)),
        Err(unread) => examination.unread(unread),
    }
    examination
}

fn without(facts: &Facts) -> Examination {
    let mut examination = Examination::default();
    match facts.desired.findings.iter().find(|it| it.code == "no-replica") {
        Some(finding) => examination.found(
            finding.summary.clone(),
            "no bucket of `replication_region_buckets` has `enabled = true`",
            "enable a bucket (`replication_region_buckets = { NAME = { enabled = true, region = … } }`) and run `keywright apply`; or take the input away, if no replica is meant",
        ),
        None => examination.saw("no replication bucket is enabled: no replica is wanted"),
    }
    examination
}
