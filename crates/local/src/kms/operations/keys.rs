use keywright_model::{Arn, KeyId, Region, Tags};
use serde::{Deserialize, Serialize};

use super::super::checks::{KeyFacts, MultiRegionKind, on_key, on_new_key, on_new_tags, on_nothing};
use super::super::error::KmsError;
use super::super::key::{Key, Need, Status};
use super::super::key_policy::{self, default_policy};
use super::super::material::{Backing, MaterialBytes};
use super::super::page::{KEYS, page};
use super::super::state::{Forms, Place};
use super::inputs::{KeyInput, Tag, check_description, checked_tags};
use super::metadata::KeyMetadata;
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::ids::Ids;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct CreateKey;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateKeyInput {
    policy: Option<String>,
    #[serde(default)]
    description: String,
    key_usage: Option<String>,
    customer_master_key_spec: Option<String>,
    key_spec: Option<String>,
    origin: Option<String>,
    custom_key_store_id: Option<String>,
    xks_key_id: Option<String>,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    multi_region: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyMetadataOutput {
    key_metadata: KeyMetadata,
}

impl Operation for CreateKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CreateKey";
    const READ_ONLY: bool = false;
    type Input = CreateKeyInput;
    type Output = KeyMetadataOutput;

    fn authorize(input: &Self::Input, call: &CallContext, _world: &World) -> Result<Vec<Check>, AwsError> {
        input.check_kind()?;
        check_description(&input.description)?;
        let tags = checked_tags(&input.tags)?;
        let kind = input.multi_region.then_some(MultiRegionKind::Primary);
        let create = on_new_key(kind, &tags, input.bypass_policy_lockout_safety_check, call);
        // The key has no ID yet: a policy that lets all keys of the account be tagged matches.
        let tagging =
            (!tags.is_empty()).then(|| Ok::<_, AwsError>(on_new_tags(call.arn("kms", "key/*")?, &tags, call)));
        std::iter::once(Ok(create)).chain(tagging).collect()
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let place = Place {
            account: call.account.clone(),
            region: call.region.clone(),
            key: new_id(input.multi_region, &call.ids)?,
        };
        let kind = input.multi_region.then_some(MultiRegionKind::Primary);
        let new = NewKey {
            policy: input.policy.as_deref(),
            bypass: input.bypass_policy_lockout_safety_check,
            description: input.description,
            tags: checked_tags(&input.tags)?,
            status: Status::Enabled,
        };
        new.make(&place, kind, call, world)?;
        let material = MaterialBytes::draw(|bytes| call.ids.fill(bytes));
        world.kms.backings.insert(place.backing_path(), Backing::new(material, call.region.clone()));
        metadata(&place, world)
    }
}

impl CreateKeyInput {
    /// Refuses every kind of key but the symmetric one.
    fn check_kind(&self) -> Result<(), KmsError> {
        let spec = self.key_spec.as_deref().or(self.customer_master_key_spec.as_deref());
        for (member, value, supported) in [
            ("KeySpec", spec, "SYMMETRIC_DEFAULT"),
            ("KeyUsage", self.key_usage.as_deref(), "ENCRYPT_DECRYPT"),
            ("Origin", self.origin.as_deref(), "AWS_KMS"),
        ] {
            if let Some(value) = value.filter(|value| *value != supported) {
                let message = format!("{member} {value} is not supported here, only {supported} is.");
                return Err(KmsError::unsupported(message));
            }
        }
        match self.custom_key_store_id.is_some() || self.xks_key_id.is_some() {
            true => Err(KmsError::unsupported("Custom key stores are not supported here.")),
            false => Ok(()),
        }
    }
}

/// A key to be made in one Region, of its own or as a replica.
pub(super) struct NewKey<'a> {
    pub(super) policy: Option<&'a str>,
    pub(super) bypass: bool,
    pub(super) description: String,
    pub(super) tags: Tags,
    pub(super) status: Status,
}

impl NewKey<'_> {
    /// Makes the key, without what related keys share.
    ///
    /// # Errors
    /// When its policy is not taken.
    pub(super) fn make(
        self,
        place: &Place,
        kind: Option<MultiRegionKind>,
        call: &CallContext,
        world: &mut World,
    ) -> Result<(), KmsError> {
        let arn = place.arn()?;
        let text = self.policy.map_or_else(|| default_policy(&place.account, call.partition), str::to_owned);
        let policy = key_policy::take(&text, &world.iam)?;
        if self.policy.is_some() && !self.bypass {
            let facts = KeyFacts { arn: &arn, multi_region: kind, tags: &self.tags };
            key_policy::refuse_lockout(&policy, &facts, call, &world.iam)?;
        }
        let key = Key {
            arn,
            account: place.account.clone(),
            region: place.region.clone(),
            id: place.key.clone(),
            created: call.now,
            description: self.description,
            status: self.status,
            policy,
            tags: self.tags,
        };
        world.kms.keys.insert(place.path(), key);
        world.kms.note_status(place);
        Ok(())
    }
}

pub(super) struct DescribeKey;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeKeyInput {
    key_id: String,
}

impl Operation for DescribeKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DescribeKey";
    const READ_ONLY: bool = true;
    type Input = DescribeKeyInput;
    type Output = KeyMetadataOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::KeyOrAlias, call, world)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let place = place(Self::NAME, &input.key_id, Forms::KeyOrAlias, Need::Any, call, world)?;
        metadata(&place, world)
    }
}

pub(super) struct ListKeys;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeysInput {
    limit: Option<i64>,
    marker: Option<String>,
    resource_owners: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeysOutput {
    keys: Vec<KeyListEntry>,
    truncated: bool,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyListEntry {
    key_id: KeyId,
    key_arn: Arn,
}

impl Operation for ListKeys {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListKeys";
    const READ_ONLY: bool = true;
    type Input = ListKeysInput;
    type Output = ListKeysOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_nothing(Self::NAME, call)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        if input.resource_owners.is_some_and(|owners| owners.iter().any(|owner| owner != "SELF")) {
            return Err(KmsError::unsupported("Keys that are shared through RAM are not supported here.").into());
        }
        let prefix = format!("{}/{}/", call.account, call.region);
        let keys = world.kms.keys.with_prefix(&prefix);
        let keys = keys.map(|(_, key)| KeyListEntry { key_id: key.id.clone(), key_arn: key.arn.clone() }).collect();
        let page = page(keys, |key: &KeyListEntry| key.key_id.to_string(), input.limit, input.marker.as_deref(), KEYS)?;
        Ok(ListKeysOutput { keys: page.items, truncated: page.next_marker.is_some(), next_marker: page.next_marker })
    }
}

pub(super) struct UpdateKeyDescription;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateKeyDescriptionInput {
    key_id: String,
    description: String,
}

impl Operation for UpdateKeyDescription {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UpdateKeyDescription";
    const READ_ONLY: bool = false;
    type Input = UpdateKeyDescriptionInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        check_description(&input.description)?;
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::Alive, call, world)?;
        world.kms.key_mut(&place)?.description = input.description;
        Ok(())
    }
}

pub(super) struct EnableKey;

impl Operation for EnableKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "EnableKey";
    const READ_ONLY: bool = false;
    type Input = KeyInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::Settled, call, world)?;
        world.kms.key_mut(&place)?.status = Status::Enabled;
        // A rotation that fell due in the meantime is made now.
        //
        // Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html>.
        if is_primary(&place, &place.region, world) {
            world.kms.backing_mut(&place)?.resume_rotating(call.now);
            world.kms.note_rotation(&place);
        }
        Ok(())
    }
}

pub(super) struct DisableKey;

impl Operation for DisableKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DisableKey";
    const READ_ONLY: bool = false;
    type Input = KeyInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::Settled, call, world)?;
        world.kms.key_mut(&place)?.status = Status::Disabled;
        Ok(())
    }
}

fn metadata(place: &Place, world: &World) -> Result<KeyMetadataOutput, AwsError> {
    let target = world.kms.at(place).ok_or_else(|| KmsError::internal("a key is gone within a call"))?;
    Ok(KeyMetadataOutput { key_metadata: KeyMetadata::of(&target)? })
}

fn is_primary(place: &Place, region: &Region, world: &World) -> bool {
    world.kms.at(place).is_some_and(|target| target.backing.primary_region == *region)
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html> (the form of IDs).
fn new_id(multi_region: bool, ids: &Ids) -> Result<KeyId, KmsError> {
    let uuid = ids.uuid();
    let text = if multi_region { format!("mrk-{}", uuid.simple()) } else { uuid.to_string() };
    KeyId::parse(&text).map_err(|error| KmsError::unparsable(&error))
}
