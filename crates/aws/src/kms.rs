//! What the kinds of KMS share: how a key is addressed, its facts, and its writes.

use std::sync::Arc;

use aws_sdk_kms::types::{AliasListEntry, KeyMetadata, KeyState, Tag};
use keywright_engine::{Actor, Attributes, CREATION_TAG, Failure, ProviderError, Standing};
use keywright_model::{Arn, Region};

use crate::attributes::{Texts, required};
use crate::cloud::Cloud;
use crate::error::{failed, fine_if_gone, has_code, is_not_found, is_unseen_principal, own_error, unless_gone};
use crate::tags::TagChanges;

/// A key: its ID, and the Region that is asked for it. The replicas of a key share its ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) region: Region,
    pub(crate) id: String,
    /// By which facts are kept.
    name: String,
}

impl Key {
    /// The key of that ID or ARN, as the Region knows it.
    pub(crate) fn new(region: &Region, id_or_arn: &str) -> Self {
        let id = key_id(id_or_arn);
        Self { region: region.clone(), id: id.to_owned(), name: format!("{region}/{id}") }
    }

    /// The key of that ARN, in its own Region.
    pub(crate) fn of_arn(arn: &Arn) -> Result<Self, ProviderError> {
        let failure = || Failure::Other { code: "InvalidArn".into(), message: format!("`{arn}` is no ARN of a key") };
        let region = Region::parse(arn.region()).ok().filter(|_| arn.resource_of_kind("key").is_some());
        let region = region.ok_or_else(|| ProviderError {
            failure: failure(),
            operation: "kms:DescribeKey".into(),
            region: None,
            request_id: None,
        })?;
        Ok(Self::new(&region, arn.as_str()))
    }

    /// The key that an attribute names, in the resource's Region.
    pub(crate) fn named_by(cloud: &Cloud, attributes: &Attributes, name: &str) -> Result<Self, ProviderError> {
        let region = cloud.region(attributes);
        let id = required(attributes, name, &region)?;
        Ok(Self::new(&region, id))
    }

    /// By what facts about it are kept.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn not_found(&self, operation: &str) -> ProviderError {
        ProviderError {
            failure: Failure::NotFound { message: format!("key `{}` is not in {}", self.id, self.region) },
            operation: operation.into(),
            region: Some(self.region.clone()),
            request_id: None,
        }
    }
}

/// The ID at the end of a key's ARN; an ID as it is.
pub(crate) fn key_id(id_or_arn: &str) -> &str {
    id_or_arn.rsplit_once(":key/").map_or(id_or_arn, |(_, id)| id)
}

/// Whether a key is rotated, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rotation {
    pub(crate) enabled: bool,
    pub(crate) period_in_days: Option<i32>,
}

/// All that is read of a key.
pub(crate) struct KeyFacts {
    pub(crate) metadata: Arc<KeyMetadata>,
    pub(crate) policy: String,
    pub(crate) rotation: Rotation,
    pub(crate) tags: Texts,
}

/// Reads all of a key, side by side. None when there is no such key.
pub(crate) async fn facts(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<Option<KeyFacts>, ProviderError> {
    let (metadata, policy, rotation, tags) = tokio::try_join!(
        describe(cloud, actor, key),
        policy(cloud, actor, key),
        rotation(cloud, actor, key),
        tags(cloud, actor, key),
    )?;
    let (Some(metadata), Some(policy), Some(rotation), Some(tags)) = (metadata, policy, rotation, tags) else {
        return Ok(None);
    };
    Ok(Some(KeyFacts { metadata, policy, rotation, tags }))
}

pub(crate) async fn describe(
    cloud: &Cloud,
    actor: &Actor,
    key: &Key,
) -> Result<Option<Arc<KeyMetadata>>, ProviderError> {
    let read = async {
        let answer = cloud.kms(actor, &key.region).describe_key().key_id(&key.id).send().await;
        let answer = unless_gone(answer.map_err(|error| failed("kms:DescribeKey", &key.region, error)))?;
        Ok(answer.and_then(|answer| answer.key_metadata).map(Arc::new))
    };
    cloud.facts.keys.once(&key.name, read).await
}

/// The key policy. KMS knows one of each key, named `default`.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyPolicy.html>.
pub(crate) async fn policy(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<Option<String>, ProviderError> {
    let read = async {
        let answer = cloud.kms(actor, &key.region).get_key_policy().key_id(&key.id).policy_name("default").send().await;
        let answer = unless_gone(answer.map_err(|error| failed("kms:GetKeyPolicy", &key.region, error)))?;
        Ok(answer.map(|answer| answer.policy.unwrap_or_default()))
    };
    cloud.facts.key_policies.once(&key.name, read).await
}

pub(crate) async fn rotation(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<Option<Rotation>, ProviderError> {
    let read = async {
        let answer = cloud.kms(actor, &key.region).get_key_rotation_status().key_id(&key.id).send().await;
        match answer.map_err(|error| failed("kms:GetKeyRotationStatus", &key.region, error)) {
            Ok(status) => Ok(Some(Rotation {
                enabled: status.key_rotation_enabled(),
                period_in_days: status.rotation_period_in_days().filter(|_| status.key_rotation_enabled()),
            })),
            Err(error) if is_not_found(&error) => Ok(None),
            // An asymmetric key, which can only be here because it was imported.
            Err(error) if has_code(&error, "UnsupportedOperation") => Ok(Some(Rotation::default())),
            Err(error) => Err(error),
        }
    };
    cloud.facts.key_rotations.once(&key.name, read).await
}

pub(crate) async fn tags(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<Option<Texts>, ProviderError> {
    cloud.facts.key_tags.once(&key.name, async { unless_gone(read_tags(cloud, actor, key).await) }).await
}

async fn read_tags(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<Texts, ProviderError> {
    let mut pages = cloud.kms(actor, &key.region).list_resource_tags().key_id(&key.id).into_paginator().items().send();
    let mut tags = Texts::new();
    while let Some(tag) = pages.next().await {
        let tag = tag.map_err(|error| failed("kms:ListResourceTags", &key.region, error))?;
        tags.insert(tag.tag_key, tag.tag_value);
    }
    Ok(tags)
}

/// The aliases of a key; of all keys of the Region where `key` is none.
pub(crate) async fn aliases(
    cloud: &Cloud,
    actor: &Actor,
    region: &Region,
    key: Option<&Key>,
) -> Result<Arc<Vec<AliasListEntry>>, ProviderError> {
    let name = key.map_or(region.as_str(), |key| &key.name);
    cloud.facts.aliases.once(name, async { read_aliases(cloud, actor, region, key).await.map(Arc::new) }).await
}

async fn read_aliases(
    cloud: &Cloud,
    actor: &Actor,
    region: &Region,
    key: Option<&Key>,
) -> Result<Vec<AliasListEntry>, ProviderError> {
    let request = cloud.kms(actor, region).list_aliases().set_key_id(key.map(|key| key.id.clone()));
    let mut pages = request.into_paginator().items().send();
    let mut aliases = Vec::new();
    while let Some(alias) = pages.next().await {
        match alias.map_err(|error| failed("kms:ListAliases", region, error)) {
            Ok(alias) => aliases.push(alias),
            Err(error) if is_not_found(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(aliases)
}

/// Whether a key is there to stay.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>.
pub(crate) fn standing(metadata: &KeyMetadata) -> Standing {
    match metadata.key_state() {
        Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => {
            Standing::PendingDeletion { deletion_date: metadata.deletion_date().and_then(rfc_3339) }
        }
        _ => Standing::Live,
    }
}

pub(crate) fn is_pending_deletion(metadata: &KeyMetadata) -> bool {
    standing(metadata) != Standing::Live
}

/// Puts the key policy. The lock-out check is never bypassed; a principal that KMS does not see yet is waited for.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>.
pub(crate) async fn put_policy(cloud: &Cloud, actor: &Actor, key: &Key, policy: &str) -> Result<(), ProviderError> {
    let put = || async {
        let request = cloud.kms(actor, &key.region).put_key_policy().key_id(&key.id).policy_name("default");
        let answer = request.policy(policy).send().await;
        answer.map(|_| ()).map_err(|error| failed("kms:PutKeyPolicy", &key.region, error))
    };
    let result = cloud.patience.while_settling(|error| needs_time(cloud, key, error), put).await;
    written(cloud, key, result)
}

/// Enables automatic rotation, or changes its period. Without a period AWS takes 365 days.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>.
pub(crate) async fn enable_rotation(
    cloud: &Cloud,
    actor: &Actor,
    key: &Key,
    period_in_days: Option<i32>,
) -> Result<(), ProviderError> {
    let enable = || async {
        let request = cloud.kms(actor, &key.region).enable_key_rotation().key_id(&key.id);
        let answer = request.set_rotation_period_in_days(period_in_days).send().await;
        answer.map(|_| ()).map_err(|error| failed("kms:EnableKeyRotation", &key.region, error))
    };
    let result = cloud.patience.while_settling(|error| needs_time(cloud, key, error), enable).await;
    written(cloud, key, result)
}

pub(crate) async fn disable_rotation(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<(), ProviderError> {
    let answer = cloud.kms(actor, &key.region).disable_key_rotation().key_id(&key.id).send().await;
    written(cloud, key, answer.map(|_| ()).map_err(|error| failed("kms:DisableKeyRotation", &key.region, error)))
}

pub(crate) async fn set_enabled(cloud: &Cloud, actor: &Actor, key: &Key, enabled: bool) -> Result<(), ProviderError> {
    let client = cloud.kms(actor, &key.region);
    let result = if enabled {
        let answer = client.enable_key().key_id(&key.id).send().await;
        answer.map(|_| ()).map_err(|error| failed("kms:EnableKey", &key.region, error))
    } else {
        let answer = client.disable_key().key_id(&key.id).send().await;
        answer.map(|_| ()).map_err(|error| failed("kms:DisableKey", &key.region, error))
    };
    written(cloud, key, result)
}

pub(crate) async fn set_description(
    cloud: &Cloud,
    actor: &Actor,
    key: &Key,
    description: &str,
) -> Result<(), ProviderError> {
    let request = cloud.kms(actor, &key.region).update_key_description().key_id(&key.id).description(description);
    let answer = request.send().await;
    written(cloud, key, answer.map(|_| ()).map_err(|error| failed("kms:UpdateKeyDescription", &key.region, error)))
}

pub(crate) async fn change_tags(
    cloud: &Cloud,
    actor: &Actor,
    key: &Key,
    changes: &TagChanges,
) -> Result<(), ProviderError> {
    if !changes.removed.is_empty() {
        untag(cloud, actor, key, &changes.removed).await?;
    }
    if changes.set.is_empty() {
        return Ok(());
    }
    let request = cloud.kms(actor, &key.region).tag_resource().key_id(&key.id);
    let answer = request.set_tags(Some(key_tags(&changes.set, &key.region)?)).send().await;
    written(cloud, key, answer.map(|_| ()).map_err(|error| failed("kms:TagResource", &key.region, error)))
}

/// Takes off what marks a creation. KMS takes no offence where there is no such tag.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_UntagResource.html>.
pub(crate) async fn unmark(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<(), ProviderError> {
    fine_if_gone(untag(cloud, actor, key, &[CREATION_TAG.to_owned()]).await)
}

async fn untag(cloud: &Cloud, actor: &Actor, key: &Key, names: &[String]) -> Result<(), ProviderError> {
    let request = cloud.kms(actor, &key.region).untag_resource().key_id(&key.id).set_tag_keys(Some(names.to_vec()));
    let answer = request.send().await;
    written(cloud, key, answer.map(|_| ()).map_err(|error| failed("kms:UntagResource", &key.region, error)))
}

/// Schedules the deletion. Fine if the key is gone, or going.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html>.
pub(crate) async fn schedule_deletion(
    cloud: &Cloud,
    actor: &Actor,
    key: &Key,
    window_in_days: Option<i32>,
) -> Result<(), ProviderError> {
    let request = cloud.kms(actor, &key.region).schedule_key_deletion().key_id(&key.id);
    let answer = request.set_pending_window_in_days(window_in_days).send().await;
    let result = answer.map(|_| ()).map_err(|error| failed("kms:ScheduleKeyDeletion", &key.region, error));
    match written(cloud, key, result) {
        Err(error) if has_code(&error, "KMSInvalidState") => {
            let is_going = describe(cloud, actor, key).await?.is_none_or(|metadata| is_pending_deletion(&metadata));
            if is_going { Ok(()) } else { Err(error) }
        }
        result => fine_if_gone(result),
    }
}

/// Cancels the deletion and enables the key: a cancelled deletion leaves it `Disabled`.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CancelKeyDeletion.html>.
pub(crate) async fn cancel_deletion(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<(), ProviderError> {
    let answer = cloud.kms(actor, &key.region).cancel_key_deletion().key_id(&key.id).send().await;
    let result = answer.map(|_| ()).map_err(|error| failed("kms:CancelKeyDeletion", &key.region, error));
    match written(cloud, key, result) {
        Err(error) if has_code(&error, "KMSInvalidState") => {
            let is_going = describe(cloud, actor, key).await?.is_some_and(|metadata| is_pending_deletion(&metadata));
            if is_going {
                return Err(error);
            }
        }
        result => result?,
    }
    set_enabled(cloud, actor, key, true).await
}

pub(crate) fn key_tags(tags: &Texts, region: &Region) -> Result<Vec<Tag>, ProviderError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().tag_key(key).tag_value(value).build();
    let tags: Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| own_error("kms:TagResource", region, "InvalidTag", error.to_string()))
}

/// Whether KMS may only not see a principal, or a key of this very run, yet.
pub(crate) fn needs_time(cloud: &Cloud, key: &Key, error: &ProviderError) -> bool {
    is_unseen_principal(error) || (is_not_found(error) && cloud.is_made_now(&key.id))
}

/// Forgets what was read of a key.
pub(crate) fn forget(cloud: &Cloud, key: &Key) {
    cloud.facts.forget_key(&key.name);
}

/// Whatever came of the write: what was read before it is old.
pub(crate) fn written<T>(cloud: &Cloud, key: &Key, result: Result<T, ProviderError>) -> Result<T, ProviderError> {
    forget(cloud, key);
    result
}

pub(crate) fn rfc_3339(time: &aws_smithy_types::DateTime) -> Option<String> {
    time.fmt(aws_smithy_types::date_time::Format::DateTime).ok()
}
