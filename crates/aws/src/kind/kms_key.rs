use async_trait::async_trait;
use aws_sdk_kms::types::KeyMetadata;
use aws_smithy_types::retry::RetryConfig;
use futures::stream::{self, StreamExt, TryStreamExt};
use keywright_engine::{Actor, Attributes, Creation, Observed, ProviderError};
use keywright_model::Region;

use super::Kind;
use crate::attributes::{Draft, any_differs, differs, flag, policy_differs, text, whole};
use crate::cloud::Cloud;
use crate::error::{failed, has_code, is_access_denied, is_unseen_principal, may_have_happened};
use crate::kms::{self, Key, KeyFacts, Rotation};
use crate::tags;

/// `aws_kms_key`.
pub(super) struct KmsKey;

#[async_trait]
impl Kind for KmsKey {
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
        .observed_policy("policy", &facts.policy)
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
    let missing =
        || crate::error::own_error("kms:CreateKey", region, "IncompleteAnswer", "the key's metadata is missing");
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
        .observed_policy("policy", &policy)
        .observed_tags(&crate::attributes::text_map(creation.planned, "tags"))
        .done())
}

/// The key that carries the mark of this creation. Only an unfinished run looks for one, so it may take a while.
async fn find_marked(
    cloud: &Cloud,
    actor: &Actor,
    creation: &Creation<'_>,
    region: &Region,
) -> Result<Option<Key>, ProviderError> {
    let keys = list_keys(cloud, actor, region).await?;
    let marked = stream::iter(keys)
        .map(|key| async move {
            match kms::tags(cloud, actor, &key).await {
                Ok(tags) => Ok(tags.filter(|tags| tags::are_marked(tags, creation.token)).map(|_| key)),
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
        .observed_policy("policy", &policy)
        .observed_tags(&crate::attributes::text_map(planned, "tags"));
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
