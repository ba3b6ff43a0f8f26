use async_trait::async_trait;
use aws_sdk_kms::types::KeyMetadata;
use aws_smithy_types::retry::RetryConfig;
use futures::stream::{self, StreamExt, TryStreamExt};
use keywright_engine::{Actor, Attributes, Creation, CreationToken, Observed, ProviderError};
use keywright_model::Region;

use super::Kind;
use crate::attributes::{Draft, any_differs, differs, flag, policy_differs, text, text_map, whole};
use crate::cloud::Cloud;
use crate::error::{failed, has_code, is_access_denied, is_unseen_principal, may_have_happened, own_error};
use crate::kms::{self, Key, KeyFacts, Rotation};
use crate::needed::{Needed, On, When, deleting, making, reading, taking_up};
use crate::tags;

/// `aws_kms_key`.
pub(super) struct KmsKey;

#[async_trait]
impl Kind for KmsKey {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let key = Key::named_by(cloud, known, "id")?;
        Ok(kms::facts(cloud, actor, &key).await?.map(|facts| observed(known, &key.region, &facts)))
    }

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let region = cloud.region(creation.planned);
        let metadata = match send_create(cloud, actor, creation, &region).await {
            Ok(metadata) => metadata,
            Err(error) if may_have_happened(&error) => {
                // CreateKey is not idempotent, so the SDK does not send it twice.
                let found = self.find_created(cloud, actor, creation).await;
                return found.ok().flatten().ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let key = Key::new(&region, metadata.key_id());
        cloud.remember_made(&key.id);
        finish(cloud, actor, &key, creation.planned).await?;
        created(cloud, actor, &key, creation, &metadata).await
    }

    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let region = cloud.region(creation.planned);
        let Some(key) = find_marked(cloud, actor, creation, &region).await? else {
            return Ok(None);
        };
        let facts = kms::facts(cloud, actor, &key).await?;
        Ok(facts.map(|facts| observed(creation.planned, &region, &facts).attributes))
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
        // A disabled key takes no change of its rotation: enable first, disable last.
        let switch = differs(prior, planned, "is_enabled").then(|| flag(planned, "is_enabled").unwrap_or(true));
        if switch == Some(true) {
            kms::set_enabled(cloud, actor, &key, true).await?;
        }
        if differs(prior, planned, "description") {
            kms::set_description(cloud, actor, &key, text(planned, "description").unwrap_or_default()).await?;
        }
        if let Some(policy) = text(planned, "policy").filter(|_| policy_differs(prior, planned, "policy")) {
            kms::put_policy(cloud, actor, &key, policy).await?;
        }
        update_rotation(cloud, actor, &key, prior, planned).await?;
        kms::change_tags(cloud, actor, &key, &tags::changes(prior, planned)).await?;
        if switch == Some(false) {
            kms::set_enabled(cloud, actor, &key, false).await?;
        }
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

/// What a key is, as the provider writes it.
fn observed(known: &Attributes, region: &Region, facts: &KeyFacts) -> Observed {
    let attributes = described(Draft::of(known), region, &facts.metadata)
        .with("is_enabled", facts.metadata.enabled())
        .with("enable_key_rotation", facts.rotation.enabled)
        .with("rotation_period_in_days", facts.rotation.period_in_days)
        .policy("policy", &facts.policy)
        .observed_tags(&facts.tags)
        .done();
    Observed { attributes, standing: kms::standing(&facts.metadata) }
}

fn described(draft: Draft, region: &Region, metadata: &KeyMetadata) -> Draft {
    let xks_key = metadata.xks_key_configuration().and_then(|xks| xks.id());
    draft
        .observed("arn", metadata.arn())
        .or("bypass_policy_lockout_safety_check", false)
        .observed("custom_key_store_id", metadata.custom_key_store_id())
        .observed("customer_master_key_spec", metadata.key_spec().map(|spec| spec.as_str()))
        .observed("description", metadata.description())
        .with("id", metadata.key_id())
        .with("key_id", metadata.key_id())
        .observed("key_usage", metadata.key_usage().map(|usage| usage.as_str()))
        .with("multi_region", metadata.multi_region().unwrap_or(false))
        .with("region", region.as_str())
        .observed("xks_key_id", xks_key)
}

/// CreateKey, which is sent again only where AWS has surely not made a key.
async fn send_create(
    cloud: &Cloud,
    actor: &Actor,
    creation: &Creation<'_>,
    region: &Region,
) -> Result<KeyMetadata, ProviderError> {
    let tags = kms::key_tags(&tags::at_creation(creation), region)?;
    let once = || aws_sdk_kms::config::Builder::new().retry_config(RetryConfig::disabled());
    let request = cloud
        .kms(actor, region)
        .create_key()
        .set_policy(creation_policy(creation).map(str::to_owned))
        .set_description(text(creation.planned, "description").map(str::to_owned))
        .set_multi_region(flag(creation.planned, "multi_region"))
        .set_key_spec(text(creation.planned, "customer_master_key_spec").map(Into::into))
        .set_key_usage(text(creation.planned, "key_usage").map(Into::into))
        .set_tags(Some(tags));
    let create = || async {
        let answer = request.clone().customize().config_override(once()).send().await;
        answer.map_err(|error| failed("kms:CreateKey", region, error))
    };
    let refused_for_now = |error: &ProviderError| is_unseen_principal(error) || has_code(error, "Throttling");
    let answer = cloud.patience.while_settling(refused_for_now, create).await?;
    let missing = || own_error("kms:CreateKey", region, "IncompleteAnswer", "the key's metadata is missing");
    answer.key_metadata.ok_or_else(missing)
}

fn creation_policy<'a>(creation: &Creation<'a>) -> Option<&'a str> {
    creation.interim_policy.or_else(|| text(creation.planned, "policy"))
}

/// What CreateKey itself cannot do.
async fn finish(cloud: &Cloud, actor: &Actor, key: &Key, planned: &Attributes) -> Result<(), ProviderError> {
    if flag(planned, "enable_key_rotation") == Some(true) {
        kms::enable_rotation(cloud, actor, key, whole(planned, "rotation_period_in_days")).await?;
    }
    if flag(planned, "is_enabled") == Some(false) {
        kms::set_enabled(cloud, actor, key, false).await?;
    }
    Ok(())
}

/// What a key is right after its creation: as planned, for reading it back may give what was before.
async fn created(
    cloud: &Cloud,
    actor: &Actor,
    key: &Key,
    creation: &Creation<'_>,
    metadata: &KeyMetadata,
) -> Result<Attributes, ProviderError> {
    let policy = match creation_policy(creation) {
        Some(policy) => policy.to_owned(),
        None => kms::policy(cloud, actor, key).await?.unwrap_or_default(),
    };
    let rotation = planned_rotation(creation.planned, None);
    Ok(described(Draft::of(creation.planned), &key.region, metadata)
        .with("is_enabled", flag(creation.planned, "is_enabled").unwrap_or(true))
        .with("enable_key_rotation", rotation.enabled)
        .with("rotation_period_in_days", rotation.period_in_days)
        .policy("policy", &policy)
        .observed_tags(&text_map(creation.planned, "tags"))
        .done())
}

/// The key that carries the mark of this creation. Only an unfinished run looks for one, and a key that
/// is overlooked is paid for without end: so it looks again until KMS has had the time to show it.
async fn find_marked(
    cloud: &Cloud,
    actor: &Actor,
    creation: &Creation<'_>,
    region: &Region,
) -> Result<Option<Key>, ProviderError> {
    let mut pauses = cloud.patience.settling_pauses();
    loop {
        cloud.facts.key_tags.clear();
        let keys = list_keys(cloud, actor, region).await?;
        match (first_marked(cloud, actor, keys, creation.token).await?, pauses.next()) {
            (Some(key), _) => return Ok(Some(key)),
            (None, Some(pause)) => tokio::time::sleep(pause).await,
            (None, None) => return Ok(None),
        }
    }
}

async fn first_marked(
    cloud: &Cloud,
    actor: &Actor,
    keys: Vec<Key>,
    token: &CreationToken,
) -> Result<Option<Key>, ProviderError> {
    let marked = stream::iter(keys)
        .map(|key| async move {
            match kms::tags(cloud, actor, &key).await {
                Ok(tags) => Ok(tags.filter(|tags| tags::are_marked(tags, token)).map(|_| key)),
                // The tags of ours can be read: someone else's key.
                Err(error) if is_access_denied(&error) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .try_filter_map(|found| async move { Ok(found) });
    std::pin::pin!(marked).try_next().await
}

async fn list_keys(cloud: &Cloud, actor: &Actor, region: &Region) -> Result<Vec<Key>, ProviderError> {
    let mut pages = cloud.kms(actor, region).list_keys().into_paginator().items().send();
    let mut keys = Vec::new();
    while let Some(entry) = pages.next().await {
        let entry = entry.map_err(|error| failed("kms:ListKeys", region, error))?;
        keys.extend(entry.key_id().map(|id| Key::new(region, id)));
    }
    Ok(keys)
}

async fn update_rotation(
    cloud: &Cloud,
    actor: &Actor,
    key: &Key,
    prior: &Attributes,
    planned: &Attributes,
) -> Result<(), ProviderError> {
    let before = planned_rotation(prior, None);
    let after = planned_rotation(planned, before.period_in_days);
    match (before, after) {
        (before, after) if before == after => Ok(()),
        (_, Rotation { enabled: true, .. }) => {
            kms::enable_rotation(cloud, actor, key, whole(planned, "rotation_period_in_days")).await
        }
        _ => kms::disable_rotation(cloud, actor, key).await,
    }
}

/// The rotation that attributes speak of. Without a period it is the one before, or AWS's own.
fn planned_rotation(attributes: &Attributes, before: Option<i32>) -> Rotation {
    if flag(attributes, "enable_key_rotation") != Some(true) {
        return Rotation::default();
    }
    let period = whole(attributes, "rotation_period_in_days").or(before).unwrap_or(DEFAULT_ROTATION_PERIOD);
    Rotation { enabled: true, period_in_days: Some(period) }
}

fn updated(prior: &Attributes, planned: &Attributes) -> Attributes {
    let rotation = planned_rotation(planned, planned_rotation(prior, None).period_in_days);
    let policy = text(planned, "policy").or_else(|| text(prior, "policy")).unwrap_or_default().to_owned();
    let is_described = any_differs(prior, planned, &["description"]);
    let draft = Draft::updated(prior, planned, COMPUTED)
        .with("enable_key_rotation", rotation.enabled)
        .with("rotation_period_in_days", rotation.period_in_days)
        .policy("policy", &policy)
        .observed_tags(&text_map(planned, "tags"));
    if is_described { draft.observed("description", text(planned, "description")).done() } else { draft.done() }
}

/// What AWS decides, or holds where nothing is planned.
const COMPUTED: &[&str] = &[
    "arn",
    "custom_key_store_id",
    "customer_master_key_spec",
    "description",
    "id",
    "is_enabled",
    "key_id",
    "key_usage",
    "multi_region",
    "region",
    "xks_key_id",
];

/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>.
const DEFAULT_ROTATION_PERIOD: i32 = 365;

/// How many keys are asked for their tags at a time.
const SIDE_BY_SIDE: usize = 8;

/// A key that is made with tags must be let be tagged, and who makes one with a policy must be able to put another: that
/// is KMS's lock-out check. The first multi-Region key of an account makes a role.
///
/// Sources: <https://docs.aws.amazon.com/kms/latest/developerguide/kms-api-permissions-reference.html>,
/// <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-auth.html>.
const NEEDED: &[Needed] = &[
    reading("kms:DescribeKey", On::Key),
    reading("kms:GetKeyPolicy", On::Key),
    reading("kms:GetKeyRotationStatus", On::Key),
    reading("kms:ListResourceTags", On::Key),
    making("kms:CreateKey", On::Anything),
    making("kms:PutKeyPolicy", On::Key),
    making("kms:TagResource", On::Key),
    making("kms:UntagResource", On::Key),
    Needed { action: "kms:EnableKeyRotation", on: On::Key, when: When::MakingRotated },
    making("iam:CreateServiceLinkedRole", On::MultiRegionRole),
    taking_up("kms:ListKeys", On::Anything),
    taking_up("kms:DescribeKey", On::Key),
    taking_up("kms:GetKeyPolicy", On::Key),
    taking_up("kms:GetKeyRotationStatus", On::Key),
    taking_up("kms:ListResourceTags", On::Key),
    deleting("kms:ScheduleKeyDeletion", On::Key),
];

#[cfg(test)]
mod tests {
    use keywright_engine::{CREATION_TAG, Failure, Provider, Standing};
    use keywright_model::ResourceKind::KmsKey as Kind;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{self, Answer, Canned, attributes, create, delete, find_created, read, update};

    const ID: &str = "mrk-1234567890abcdef1234567890abcdef";
    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234567890abcdef1234567890abcdef";

    fn metadata(state: &str) -> Value {
        json!({ "KeyMetadata": {
            "KeyId": ID, "Arn": ARN, "Description": "general", "Enabled": state == "Enabled", "KeyState": state,
            "KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT", "MultiRegion": true,
            "DeletionDate": 1_795_000_000,
        } })
    }

    fn planned() -> Value {
        json!({
            "deletion_window_in_days": 30, "description": "general", "enable_key_rotation": true,
            "rotation_period_in_days": 365, "is_enabled": true, "multi_region": true, "region": "eu-west-1",
            "customer_master_key_spec": "SYMMETRIC_DEFAULT", "key_usage": "ENCRYPT_DECRYPT",
            "policy": "{\"Version\":\"2012-10-17\"}", "tags": { "Name": "x" }, "tags_all": { "Name": "x" },
        })
    }

    fn with(mut value: Value, changes: Value) -> Value {
        let fields = value.as_object_mut().expect("an object");
        fields.extend(attributes(changes));
        value
    }

    fn answering() -> Canned {
        Canned::new()
            .ok("kms:CreateKey", metadata("Enabled"))
            .ok("kms:EnableKeyRotation", json!({}))
            .ok("kms:DescribeKey", metadata("Enabled"))
            .ok("kms:GetKeyPolicy", json!({ "Policy": "{ \"Version\": \"2012-10-17\" }" }))
            .ok("kms:GetKeyRotationStatus", json!({ "KeyRotationEnabled": true, "RotationPeriodInDays": 365 }))
            .ok("kms:ListResourceTags", json!({ "Tags": [{ "TagKey": "Name", "TagValue": "x" }] }))
    }

    #[tokio::test]
    async fn creates_with_the_policy_and_the_mark_and_then_rotates() {
        let canned = answering();
        let created = create(&canned, Kind, planned()).await.expect("a key");
        assert_eq!(canned.operations(), ["kms:CreateKey", "kms:EnableKeyRotation"]);
        let sent = canned.body("kms:CreateKey");
        assert_eq!(sent["Policy"], "{\"Version\":\"2012-10-17\"}");
        assert_eq!(sent["MultiRegion"], true);
        let tags = json!([{ "TagKey": "Name", "TagValue": "x" }, { "TagKey": CREATION_TAG, "TagValue": "token-1" }]);
        assert_eq!(sent["Tags"], tags);
        assert_eq!(canned.body("kms:EnableKeyRotation")["RotationPeriodInDays"], 365);
        assert_eq!(created["tags_all"], json!({ "Name": "x" }), "the mark is invisible");
        assert_eq!((&created["id"], &created["arn"]), (&json!(ID), &json!(ARN)));
    }

    #[tokio::test]
    async fn what_was_created_reads_back_as_the_same() {
        let canned = answering();
        let created = create(&canned, Kind, planned()).await.expect("a key");
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created));
    }

    #[tokio::test]
    async fn an_import_reads_every_attribute_as_the_provider_writes_it() {
        let found = read(&answering(), Kind, json!({ "id": ARN, "region": "eu-west-1" })).await;
        let expect = json!({
            "arn": ARN, "bypass_policy_lockout_safety_check": false, "custom_key_store_id": null,
            "customer_master_key_spec": "SYMMETRIC_DEFAULT", "description": "general", "enable_key_rotation": true,
            "id": ID, "is_enabled": true, "key_id": ID, "key_usage": "ENCRYPT_DECRYPT", "multi_region": true,
            "policy": "{\"Version\":\"2012-10-17\"}", "region": "eu-west-1", "rotation_period_in_days": 365,
            "tags": { "Name": "x" }, "tags_all": { "Name": "x" }, "xks_key_id": null,
        });
        assert_eq!(found, Some(expect));
    }

    #[tokio::test]
    async fn a_principal_that_kms_does_not_see_yet_is_waited_for() {
        let canned = Canned::new()
            .error("kms:CreateKey", "MalformedPolicyDocumentException", UNSEEN)
            .error("kms:CreateKey", "MalformedPolicyDocumentException", UNSEEN)
            .ok("kms:CreateKey", metadata("Enabled"))
            .ok("kms:EnableKeyRotation", json!({}));
        create(&canned, Kind, planned()).await.expect("a key");
        assert_eq!(canned.count("kms:CreateKey"), 3);
    }

    #[tokio::test]
    async fn a_principal_that_never_appears_is_not_waited_for_for_ever() {
        let canned = Canned::new().error("kms:CreateKey", "MalformedPolicyDocumentException", UNSEEN);
        let error = create(&canned, Kind, planned()).await.expect_err("refused");
        assert!(matches!(error.failure, Failure::InvalidPrincipal { .. }), "{error:?}");
        assert!(canned.count("kms:CreateKey") > 2);
    }

    #[tokio::test]
    async fn a_lock_out_fails_at_once() {
        let canned = Canned::new().error(
            "kms:CreateKey",
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        );
        let error = create(&canned, Kind, planned()).await.expect_err("refused");
        assert!(matches!(error.failure, Failure::LockOut { .. }), "{error:?}");
        assert_eq!(canned.operations(), ["kms:CreateKey"]);
        assert_eq!(error.operation, "kms:CreateKey");
        assert_eq!(error.region.expect("a Region").as_str(), "eu-west-1");
        assert_eq!(error.request_id.as_deref(), Some("r-1"));
    }

    #[tokio::test]
    async fn a_creation_without_an_answer_is_never_sent_twice() {
        let marked = json!({ "Tags": [{ "TagKey": CREATION_TAG, "TagValue": "token-1" }] });
        let canned = Canned::new()
            .answer("kms:CreateKey", Answer::Nothing)
            .ok("kms:ListKeys", json!({ "Keys": [{ "KeyId": ID, "KeyArn": ARN }], "Truncated": false }))
            .ok("kms:ListResourceTags", marked)
            .merged(answering());
        let found = create(&canned, Kind, planned()).await.expect("the key that was made all the same");
        assert_eq!(found["id"], ID);
        assert_eq!(canned.count("kms:CreateKey"), 1);
    }

    #[tokio::test]
    async fn finds_its_own_key_among_others() {
        let mine = json!({ "Tags": [{ "TagKey": CREATION_TAG, "TagValue": "token-1" }, { "TagKey": "Name", "TagValue": "x" }] });
        let canned = Canned::new()
            .ok("kms:ListKeys", json!({ "Keys": [{ "KeyId": "a" }, { "KeyId": "b" }, { "KeyId": ID }] }))
            .error("kms:ListResourceTags", "AccessDeniedException", "not yours")
            .ok("kms:ListResourceTags", json!({ "Tags": [{ "TagKey": CREATION_TAG, "TagValue": "another" }] }))
            .ok("kms:ListResourceTags", mine)
            .ok("kms:DescribeKey", metadata("Enabled"))
            .ok("kms:GetKeyPolicy", json!({ "Policy": "{}" }))
            .ok("kms:GetKeyRotationStatus", json!({ "KeyRotationEnabled": false }));
        let found = find_created(&canned, Kind, planned()).await.expect("the key");
        assert_eq!(found["enable_key_rotation"], false, "cut before it was rotated: the next plan sees it");
        assert_eq!(found["rotation_period_in_days"], Value::Null);
        assert_eq!(found["tags"], json!({ "Name": "x" }));
    }

    #[tokio::test]
    async fn looks_again_for_a_key_that_kms_does_not_list_yet() {
        let canned = Canned::new()
            .ok("kms:ListKeys", json!({ "Keys": [] }))
            .ok("kms:ListKeys", json!({ "Keys": [{ "KeyId": ID }] }))
            .ok("kms:ListResourceTags", json!({ "Tags": [{ "TagKey": CREATION_TAG, "TagValue": "token-1" }] }))
            .merged(answering());
        assert!(find_created(&canned, Kind, planned()).await.is_some());
    }

    #[tokio::test]
    async fn finds_nothing_where_no_key_is_marked() {
        let canned = Canned::new()
            .ok("kms:ListKeys", json!({ "Keys": [{ "KeyId": ID }] }))
            .ok("kms:ListResourceTags", json!({ "Tags": [] }));
        assert_eq!(find_created(&canned, Kind, planned()).await, None);
    }

    #[tokio::test]
    async fn only_what_differs_is_called_for() {
        let everything = [
            "kms:EnableKey",
            "kms:DisableKey",
            "kms:UpdateKeyDescription",
            "kms:PutKeyPolicy",
            "kms:EnableKeyRotation",
            "kms:DisableKeyRotation",
            "kms:TagResource",
            "kms:UntagResource",
        ];
        let cases: &[(Value, &[&str])] = &[
            (json!({}), &[]),
            (json!({ "deletion_window_in_days": 7 }), &[]),
            (json!({ "policy": "{ \"Version\" : \"2012-10-17\" }" }), &[]),
            (json!({ "description": "other" }), &["kms:UpdateKeyDescription"]),
            (json!({ "is_enabled": false, "description": null }), &["kms:UpdateKeyDescription", "kms:DisableKey"]),
            (json!({ "policy": "{}" }), &["kms:PutKeyPolicy"]),
            (json!({ "rotation_period_in_days": 90 }), &["kms:EnableKeyRotation"]),
            (json!({ "rotation_period_in_days": null }), &[]),
            (json!({ "enable_key_rotation": false, "rotation_period_in_days": null }), &["kms:DisableKeyRotation"]),
            (json!({ "tags": { "Name": "y" } }), &["kms:TagResource"]),
            (json!({ "tags": { "Other": "y" } }), &["kms:UntagResource", "kms:TagResource"]),
        ];
        for (changes, expect) in cases {
            let canned = everything.iter().fold(Canned::new(), |canned, operation| canned.ok(operation, json!({})));
            let prior = with(planned(), json!({ "id": ID, "key_id": ID, "arn": ARN }));
            let updated = update(&canned, Kind, prior, with(planned(), changes.clone())).await;
            assert_eq!(canned.operations(), *expect, "{changes}");
            assert_eq!(updated["id"], ID);
        }
    }

    #[tokio::test]
    async fn deletion_is_fine_for_a_key_that_is_gone_or_going() {
        let prior = json!({ "id": ID, "region": "eu-west-1", "deletion_window_in_days": 7 });
        let canned = Canned::new().ok("kms:ScheduleKeyDeletion", json!({}));
        delete(&canned, Kind, prior.clone()).await.expect("scheduled");
        assert_eq!(canned.body("kms:ScheduleKeyDeletion")["PendingWindowInDays"], 7);

        let gone = Canned::new().error("kms:ScheduleKeyDeletion", "NotFoundException", "no such key");
        delete(&gone, Kind, prior.clone()).await.expect("gone");

        let state = "arn is pending deletion.";
        let going = Canned::new()
            .error("kms:ScheduleKeyDeletion", "KMSInvalidStateException", state)
            .ok("kms:DescribeKey", metadata("PendingReplicaDeletion"));
        delete(&going, Kind, prior.clone()).await.expect("going");

        let creating = Canned::new()
            .error("kms:ScheduleKeyDeletion", "KMSInvalidStateException", "it is creating")
            .ok("kms:DescribeKey", metadata("Creating"));
        delete(&creating, Kind, prior).await.expect_err("neither gone nor going");
    }

    #[tokio::test]
    async fn a_key_on_its_way_out_says_when_it_goes_and_is_rescued() {
        let canned = answering().ok("kms:CancelKeyDeletion", json!({})).ok("kms:EnableKey", json!({}));
        let going = Canned::new().ok("kms:DescribeKey", metadata("PendingDeletion")).merged(canned);
        let provider = going.provider().await;
        let known = attributes(json!({ "id": ID, "region": "eu-west-1" }));
        let before = provider.read(&Actor::Caller, Kind, &known).await.expect("an answer").expect("a key");
        let date = Some("2026-11-18T11:06:40Z".to_owned());
        assert_eq!(before.standing, Standing::PendingDeletion { deletion_date: date });
        let after = provider.rescue(&Actor::Caller, Kind, &known).await.expect("rescued");
        assert_eq!((after.standing, &after.attributes["is_enabled"]), (Standing::Live, &json!(true)));
        assert_eq!(going.count("kms:CancelKeyDeletion") + going.count("kms:EnableKey"), 2);
    }

    #[tokio::test]
    async fn facts_that_two_resources_need_at_the_same_time_are_read_once() {
        let canned = answering();
        let provider = canned.provider().await;
        let key = attributes(json!({ "id": ID, "region": "eu-west-1" }));
        let policy = attributes(json!({ "key_id": ARN, "region": "eu-west-1" }));
        let of_policy = keywright_model::ResourceKind::KmsKeyPolicy;
        let caller = Actor::Caller;
        let (first, second, third) = tokio::join!(
            provider.read(&caller, Kind, &key),
            provider.read(&caller, of_policy, &policy),
            provider.read(&caller, Kind, &key),
        );
        assert!(first.is_ok() && second.is_ok() && third.is_ok());
        assert_eq!(canned.operations().len(), 4, "{:?}", canned.operations());
        provider.begin_refresh();
        provider.read(&caller, Kind, &key).await.expect("an answer");
        assert_eq!(canned.operations().len(), 8, "a refresh reads again");
    }

    #[tokio::test]
    async fn a_write_makes_what_was_read_before_it_old() {
        let canned = answering().ok("kms:PutKeyPolicy", json!({}));
        let provider = canned.provider().await;
        let arn = keywright_model::Arn::parse(ARN).expect("an ARN");
        provider.key_policy(&Actor::Caller, &arn).await.expect("a policy");
        provider.put_key_policy(&Actor::Caller, &arn, "{}").await.expect("put");
        provider.key_policy(&Actor::Caller, &arn).await.expect("a policy");
        assert_eq!(canned.operations(), ["kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:GetKeyPolicy"]);
        assert_eq!(provider.calls().get("kms:GetKeyPolicy"), Some(&2));
    }

    #[tokio::test]
    async fn a_key_that_is_gone_reads_as_none() {
        let gone = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"];
        let canned = gone
            .iter()
            .fold(Canned::new(), |canned, operation| canned.error(operation, "NotFoundException", "no such key"));
        assert_eq!(read(&canned, Kind, json!({ "id": ID, "region": "eu-west-1" })).await, None);
    }

    #[tokio::test]
    async fn settling_takes_the_mark_off() {
        let canned = Canned::new().ok("kms:UntagResource", json!({}));
        let known = attributes(json!({ "id": ID, "region": "eu-west-1" }));
        canned.provider().await.settle(&Actor::Caller, Kind, &known).await.expect("settled");
        assert_eq!(canned.body("kms:UntagResource")["TagKeys"], json!([CREATION_TAG]));
        assert_eq!(testing::token().0, "token-1");
    }

    const UNSEEN: &str = "Policy contains a statement with one or more invalid principals.";
}
