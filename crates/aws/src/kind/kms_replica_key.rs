use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_kms::types::{KeyMetadata, KeyState};
use keywright_engine::{Actor, Attributes, Creation, Observed, ProviderError, Standing};
use keywright_model::{Arn, Region};

use super::Kind;
use crate::attributes::{Draft, Texts, differs, flag, policy_differs, required, text, text_map, whole};
use crate::cloud::Cloud;
use crate::error::{already_exists, failed, has_code, is_already_exists, own_error};
use crate::kms::{self, Key, KeyFacts};
use crate::needed::{Needed, On, deleting, making, reading, taking_up};
use crate::tags;

/// `aws_kms_replica_key`: it has the primary's ID, and lives in a Region of its own.
pub(super) struct KmsReplicaKey;

#[async_trait]
impl Kind for KmsReplicaKey {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let key = Key::named_by(cloud, known, "id")?;
        Ok(kms::facts(cloud, actor, &key).await?.map(|facts| observed(known, &key.region, &facts)))
    }

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let (primary, replica) = places(cloud, creation.planned)?;
        match send_replicate(cloud, actor, creation, &primary, &replica).await {
            Ok(()) => {}
            Err(error) if is_already_exists(&error) => take_over(cloud, actor, creation, &replica, error).await?,
            Err(error) => return Err(error),
        }
        cloud.remember_made(&replica.id);
        let metadata = until_made(cloud, actor, &replica).await?;
        if flag(creation.planned, "enabled") == Some(false) {
            kms::set_enabled(cloud, actor, &replica, false).await?;
        }
        created(cloud, actor, creation, &replica, &metadata).await
    }

    /// A key of the primary's ID can be nothing but a replica of it. One that is going is none.
    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let (_, replica) = places(cloud, creation.planned)?;
        kms::forget(cloud, &replica);
        let Some(facts) = kms::facts(cloud, actor, &replica).await? else {
            return Ok(None);
        };
        let found = observed(creation.planned, &replica.region, &facts);
        let is_marked = tags::are_marked(&facts.tags, creation.token);
        let is_of_primary = primary_arn(&facts.metadata) == text(creation.planned, "primary_key_arn");
        let is_ours = found.standing == Standing::Live && (is_marked || is_of_primary);
        Ok(is_ours.then_some(found.attributes))
    }

    async fn settle(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<(), ProviderError> {
        kms::unmark(cloud, actor, &Key::named_by(cloud, known, "id")?).await
    }

    async fn update(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        let key = Key::named_by(cloud, prior, "id")?;
        if differs(prior, planned, "enabled") {
            kms::set_enabled(cloud, actor, &key, flag(planned, "enabled").unwrap_or(true)).await?;
        }
        if differs(prior, planned, "description") {
            kms::set_description(cloud, actor, &key, text(planned, "description").unwrap_or_default()).await?;
        }
        if let Some(policy) = text(planned, "policy").filter(|_| policy_differs(prior, planned, "policy")) {
            kms::put_policy(cloud, actor, &key, policy).await?;
        }
        kms::change_tags(cloud, actor, &key, &tags::changes(prior, planned)).await?;
        Ok(updated(prior, planned))
    }

    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError> {
        let key = Key::named_by(cloud, prior, "id")?;
        kms::schedule_deletion(cloud, actor, &key, whole(prior, "deletion_window_in_days")).await
    }

    async fn rescue(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Observed, ProviderError> {
        let key = Key::named_by(cloud, known, "id")?;
        kms::cancel_deletion(cloud, actor, &key).await?;
        let rescued = self.read(cloud, actor, known).await?;
        rescued.ok_or_else(|| key.not_found("kms:CancelKeyDeletion"))
    }
}

/// The primary in its Region, and the replica in its own.
fn places(cloud: &Cloud, planned: &Attributes) -> Result<(Key, Key), ProviderError> {
    let region = cloud.region(planned);
    let arn = required(planned, "primary_key_arn", &region)?;
    let arn =
        Arn::parse(arn).map_err(|error| own_error("kms:ReplicateKey", &region, "InvalidArn", error.to_string()))?;
    let primary = Key::of_arn(&arn)?;
    let replica = Key::new(&region, &primary.id);
    Ok((primary, replica))
}

/// ReplicateKey is asked of the primary's Region. The replica gets a policy of its own: without one
/// AWS gives it the default, which delegates to the account.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html>.
async fn send_replicate(
    cloud: &Cloud,
    actor: &Actor,
    creation: &Creation<'_>,
    primary: &Key,
    replica: &Key,
) -> Result<(), ProviderError> {
    let tags = kms::key_tags(&tags::at_creation(creation), &replica.region)?;
    let request = cloud
        .kms(actor, &primary.region)
        .replicate_key()
        .key_id(&primary.id)
        .replica_region(replica.region.as_str())
        .set_policy(creation_policy(creation).map(str::to_owned))
        .set_description(text(creation.planned, "description").map(str::to_owned))
        .set_tags(Some(tags));
    let replicate = || async {
        let answer = request.clone().send().await;
        answer.map(|_| ()).map_err(|error| failed("kms:ReplicateKey", &primary.region, error))
    };
    // A primary that this run has made can still be `Creating`.
    let needs_time = |error: &ProviderError| {
        let is_creating = has_code(error, "KMSInvalidState") && cloud.is_made_now(&primary.id);
        is_creating || kms::needs_time(cloud, primary, error)
    };
    let result = cloud.patience.while_settling(needs_time, replicate).await;
    kms::written(cloud, replica, result)
}

/// There is a key where the replica is to be. One that is going is rescued and brought in line; one
/// that this creation has made is taken; any other is someone else's.
async fn take_over(
    cloud: &Cloud,
    actor: &Actor,
    creation: &Creation<'_>,
    replica: &Key,
    refusal: ProviderError,
) -> Result<(), ProviderError> {
    let Some(metadata) = kms::describe(cloud, actor, replica).await? else {
        return Err(refusal);
    };
    if kms::is_pending_deletion(&metadata) {
        kms::cancel_deletion(cloud, actor, replica).await?;
        return bring_in_line(cloud, actor, creation, replica, &metadata).await;
    }
    let tags = kms::tags(cloud, actor, replica).await?.unwrap_or_default();
    if tags::are_marked(&tags, creation.token) {
        return Ok(());
    }
    let message = format!("{} has a replica of this key already, which is not in the state", replica.region);
    Err(already_exists("kms:ReplicateKey", &replica.region, message))
}

async fn bring_in_line(
    cloud: &Cloud,
    actor: &Actor,
    creation: &Creation<'_>,
    replica: &Key,
    metadata: &KeyMetadata,
) -> Result<(), ProviderError> {
    if let Some(policy) = creation_policy(creation) {
        kms::put_policy(cloud, actor, replica, policy).await?;
    }
    let description = text(creation.planned, "description").unwrap_or_default();
    if metadata.description().unwrap_or_default() != description {
        kms::set_description(cloud, actor, replica, description).await?;
    }
    let tags = kms::tags(cloud, actor, replica).await?.unwrap_or_default();
    let changes = tags::between(&tags, &text_map(creation.planned, "tags"));
    kms::change_tags(cloud, actor, replica, &changes).await
}

/// Waits while the replica is `Creating`; ends as soon as it is not.
async fn until_made(cloud: &Cloud, actor: &Actor, replica: &Key) -> Result<Arc<KeyMetadata>, ProviderError> {
    let mut pauses = cloud.patience.replication_pauses();
    loop {
        let found = kms::written(cloud, replica, kms::describe(cloud, actor, replica).await)?;
        let made = found.filter(|metadata| metadata.key_state() != Some(&KeyState::Creating));
        match (made, pauses.next()) {
            (Some(metadata), _) => return Ok(metadata),
            (None, Some(pause)) => tokio::time::sleep(pause).await,
            (None, None) => return Err(still_creating(replica)),
        }
    }
}

fn still_creating(replica: &Key) -> ProviderError {
    let message = format!("the replica key in {} is still being created", replica.region);
    own_error("kms:DescribeKey", &replica.region, "StillCreating", message)
}

fn creation_policy<'a>(creation: &Creation<'a>) -> Option<&'a str> {
    creation.interim_policy.or_else(|| text(creation.planned, "policy"))
}

async fn created(
    cloud: &Cloud,
    actor: &Actor,
    creation: &Creation<'_>,
    replica: &Key,
    metadata: &KeyMetadata,
) -> Result<Attributes, ProviderError> {
    let policy = match creation_policy(creation) {
        Some(policy) => policy.to_owned(),
        None => kms::policy(cloud, actor, replica).await?.unwrap_or_default(),
    };
    let rotation = kms::rotation(cloud, actor, replica).await?.unwrap_or_default();
    Ok(described(creation.planned, &replica.region, metadata)
        .with("enabled", flag(creation.planned, "enabled").unwrap_or(true))
        .with("key_rotation_enabled", rotation.enabled)
        .policy("policy", &policy)
        .observed_tags(&text_map(creation.planned, "tags"))
        .done())
}

fn observed(known: &Attributes, region: &Region, facts: &KeyFacts) -> Observed {
    let attributes = described(known, region, &facts.metadata)
        .with("enabled", facts.metadata.enabled())
        .with("key_rotation_enabled", facts.rotation.enabled)
        .policy("policy", &facts.policy)
        .observed_tags(&facts.tags)
        .done();
    Observed { attributes, standing: kms::standing(&facts.metadata) }
}

fn described(known: &Attributes, region: &Region, metadata: &KeyMetadata) -> Draft {
    Draft::of(known)
        .observed("arn", metadata.arn())
        .or("bypass_policy_lockout_safety_check", false)
        .or("deletion_window_in_days", DEFAULT_DELETION_WINDOW)
        .observed("description", metadata.description())
        .with("id", metadata.key_id())
        .with("key_id", metadata.key_id())
        .observed("key_spec", metadata.key_spec().map(|spec| spec.as_str()))
        .observed("key_usage", metadata.key_usage().map(|usage| usage.as_str()))
        .observed("primary_key_arn", primary_arn(metadata))
        .with("region", region.as_str())
}

fn primary_arn(metadata: &KeyMetadata) -> Option<&str> {
    metadata.multi_region_configuration()?.primary_key()?.arn()
}

fn updated(prior: &Attributes, planned: &Attributes) -> Attributes {
    let tags: Texts = text_map(planned, "tags");
    let policy = text(planned, "policy").or_else(|| text(prior, "policy")).unwrap_or_default().to_owned();
    Draft::updated(prior, planned, COMPUTED).policy("policy", &policy).observed_tags(&tags).done()
}

const COMPUTED: &[&str] = &["arn", "id", "key_id", "key_rotation_enabled", "key_spec", "key_usage", "region"];

const DEFAULT_DELETION_WINDOW: i32 = 30;

/// ReplicateKey is asked on the primary, and CreateKey in the replica's Region. Who makes a replica with a policy must be
/// able to put another.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-auth.html>.
const NEEDED: &[Needed] = &[
    reading("kms:DescribeKey", On::Key),
    reading("kms:GetKeyPolicy", On::Key),
    reading("kms:GetKeyRotationStatus", On::Key),
    reading("kms:ListResourceTags", On::Key),
    making("kms:ReplicateKey", On::Primary),
    making("kms:CreateKey", On::Anything),
    making("kms:PutKeyPolicy", On::Key),
    making("kms:TagResource", On::Key),
    making("kms:UntagResource", On::Key),
    making("kms:DescribeKey", On::Key),
    making("kms:GetKeyRotationStatus", On::Key),
    taking_up("kms:GetKeyPolicy", On::Key),
    taking_up("kms:ListResourceTags", On::Key),
    deleting("kms:ScheduleKeyDeletion", On::Key),
];

#[cfg(test)]
mod tests {
    use keywright_engine::{CREATION_TAG, Failure};
    use keywright_model::ResourceKind::KmsReplicaKey as Kind;
    use serde_json::{Value, json};

    use crate::testing::{Canned, create, find_created, read, update};

    const ID: &str = "mrk-1234567890abcdef1234567890abcdef";
    const PRIMARY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234567890abcdef1234567890abcdef";
    const REPLICA: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234567890abcdef1234567890abcdef";

    fn metadata(state: &str) -> Value {
        json!({ "KeyMetadata": {
            "KeyId": ID, "Arn": REPLICA, "Description": "copy", "Enabled": state == "Enabled", "KeyState": state,
            "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "MultiRegion": true,
            "MultiRegionConfiguration": {
                "MultiRegionKeyType": "REPLICA", "PrimaryKey": { "Arn": PRIMARY, "Region": "eu-west-1" },
            },
        } })
    }

    fn planned() -> Value {
        json!({
            "primary_key_arn": PRIMARY, "region": "eu-central-1", "description": "copy", "enabled": true,
            "deletion_window_in_days": 30, "policy": "{\"Id\":\"own\"}", "tags": { "Name": "r" },
        })
    }

    fn facts(canned: Canned, tags: &Value) -> Canned {
        canned
            .ok("kms:GetKeyPolicy", json!({ "Policy": "{\"Id\":\"own\"}" }))
            .ok("kms:GetKeyRotationStatus", json!({ "KeyRotationEnabled": true, "RotationPeriodInDays": 365 }))
            .ok("kms:ListResourceTags", json!({ "Tags": tags }))
    }

    fn named() -> Value {
        json!([{ "TagKey": "Name", "TagValue": "r" }])
    }

    #[tokio::test]
    async fn replicates_from_the_primarys_region_with_a_policy_of_its_own_and_waits() {
        let canned = Canned::new()
            .ok("kms:ReplicateKey", json!({}))
            .ok("kms:DescribeKey", metadata("Creating"))
            .ok("kms:DescribeKey", metadata("Creating"))
            .ok("kms:DescribeKey", metadata("Enabled"));
        let canned = facts(canned, &named());
        let created = create(&canned, Kind, planned()).await.expect("a replica");
        let regions: Vec<_> = canned.sent().iter().map(|sent| sent.region.clone()).collect();
        assert_eq!(regions[..2], ["eu-west-1", "eu-central-1"], "asked of the primary, watched where it is made");
        let sent = canned.body("kms:ReplicateKey");
        assert_eq!((&sent["Policy"], &sent["ReplicaRegion"]), (&json!("{\"Id\":\"own\"}"), &json!("eu-central-1")));
        assert_eq!(sent["Tags"][1], json!({ "TagKey": CREATION_TAG, "TagValue": "token-1" }));
        assert_eq!(canned.count("kms:DescribeKey"), 3);
        assert_eq!((&created["id"], &created["arn"]), (&json!(ID), &json!(REPLICA)));
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created));
    }

    #[tokio::test]
    async fn a_replica_that_stays_creating_is_given_up_on() {
        let canned = Canned::new().ok("kms:ReplicateKey", json!({})).ok("kms:DescribeKey", metadata("Creating"));
        let error = create(&canned, Kind, planned()).await.expect_err("still creating");
        assert!(error.failure.to_string().contains("still being created"), "{error:?}");
    }

    #[tokio::test]
    async fn a_replica_on_its_way_out_is_rescued_and_brought_in_line() {
        let others = json!([{ "TagKey": "Name", "TagValue": "old" }, { "TagKey": "Gone", "TagValue": "x" }]);
        let canned = Canned::new()
            .error("kms:ReplicateKey", "AlreadyExistsException", "there is one")
            .ok("kms:DescribeKey", metadata("PendingDeletion"))
            .ok("kms:DescribeKey", metadata("Enabled"));
        let canned = ["CancelKeyDeletion", "EnableKey", "PutKeyPolicy", "UntagResource", "TagResource"]
            .iter()
            .fold(facts(canned, &others), |canned, name| canned.ok(&format!("kms:{name}"), json!({})));
        create(&canned, Kind, planned()).await.expect("rescued");
        let writes =
            ["kms:CancelKeyDeletion", "kms:EnableKey", "kms:PutKeyPolicy", "kms:UntagResource", "kms:TagResource"];
        let found: Vec<_> = canned.operations().into_iter().filter(|name| writes.contains(&name.as_str())).collect();
        assert_eq!(found, writes);
        assert_eq!(canned.body("kms:UntagResource")["TagKeys"], json!(["Gone"]));
        assert!(canned.sent().iter().skip(1).all(|sent| sent.region == "eu-central-1"));
    }

    #[tokio::test]
    async fn a_live_replica_of_someone_else_is_left_alone() {
        let canned = Canned::new()
            .error("kms:ReplicateKey", "AlreadyExistsException", "there is one")
            .ok("kms:DescribeKey", metadata("Enabled"));
        let error = create(&facts(canned, &named()), Kind, planned()).await.expect_err("taken");
        assert!(matches!(error.failure, Failure::AlreadyExists { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn only_a_live_replica_of_our_primary_is_found() {
        let live = facts(Canned::new().ok("kms:DescribeKey", metadata("Enabled")), &named());
        assert!(find_created(&live, Kind, planned()).await.is_some());
        let going = facts(Canned::new().ok("kms:DescribeKey", metadata("PendingDeletion")), &named());
        assert!(find_created(&going, Kind, planned()).await.is_none());
    }

    #[tokio::test]
    async fn a_changed_policy_is_put_where_the_replica_is() {
        let canned = Canned::new().ok("kms:PutKeyPolicy", json!({}));
        let mut prior = planned();
        prior["id"] = json!(ID);
        let mut next = prior.clone();
        next["policy"] = json!("{}");
        update(&canned, Kind, prior, next).await;
        assert_eq!(canned.operations(), ["kms:PutKeyPolicy"]);
        assert_eq!(canned.sent()[0].region, "eu-central-1");
    }
}
