use keywright_model::{Arn, Region};
use serde::{Deserialize, Serialize};

use super::super::checks::{MultiRegionKind, on_key, on_new_key, on_new_tags, on_target};
use super::super::error::KmsError;
use super::super::key::{Need, Status};
use super::super::state::{Forms, Place};
use super::inputs::{Tag, check_description, checked_tags, tag_list};
use super::keys::NewKey;
use super::metadata::KeyMetadata;
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct ReplicateKey;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReplicateKeyInput {
    key_id: String,
    replica_region: String,
    policy: Option<String>,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReplicateKeyOutput {
    replica_key_metadata: KeyMetadata,
    replica_policy: String,
    replica_tags: Vec<Tag>,
}

/// The replica has a policy, a description and tags of its own, not those of the primary.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReplicateKey.html>.
impl Operation for ReplicateKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ReplicateKey";
    const READ_ONLY: bool = false;
    type Input = ReplicateKeyInput;
    type Output = ReplicateKeyOutput;

    /// The primary's policy must allow it to be replicated, and the caller's own policies that a key is made in the
    /// other Region.
    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let region = checked_region(&input.replica_region, "replicaRegion", call)?;
        check_description(&input.description)?;
        let tags = checked_tags(&input.tags)?;
        let replicate = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        let there = CallContext { region: region.clone(), ..call.clone() };
        let bypass = input.bypass_policy_lockout_safety_check;
        let create = on_new_key(Some(MultiRegionKind::Replica), &tags, bypass, &there);
        let mut checks = vec![replicate.with("kms:ReplicaRegion", region.as_str()), create];
        if !tags.is_empty() {
            checks.push(on_new_tags(replica_arn(&input.key_id, &region, call, world)?, &tags, &there));
        }
        Ok(checks)
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let region = checked_region(&input.replica_region, "replicaRegion", call)?;
        let primary = replicable(Self::NAME, &input.key_id, call, world)?;
        let replica = primary.in_region(&region);
        if let Some(there) = world.kms.at(&replica) {
            let message = format!("{} already exists; its key state is {}.", there.key.arn, there.key.status.as_str());
            return Err(KmsError::AlreadyExists { message }.into());
        }
        make_replica(input, &replica, call, world)?;
        output(&replica, world)
    }
}

pub(super) struct UpdatePrimaryRegion;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdatePrimaryRegionInput {
    key_id: String,
    primary_region: String,
}

impl Operation for UpdatePrimaryRegion {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UpdatePrimaryRegion";
    const READ_ONLY: bool = false;
    type Input = UpdatePrimaryRegionInput;
    type Output = ();

    /// Both keys' policies must allow it, each in its own Region.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdatePrimaryRegion.html>.
    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let region = checked_region(&input.primary_region, "primaryRegion", call)?;
        let here = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        let primary = world.kms.target(&input.key_id, Forms::Key, call, UPDATE_PRIMARY_REGION)?.key.place();
        let there = CallContext { region: region.clone(), ..call.clone() };
        let replica = world.kms.at(&primary.in_region(&region));
        let replica = replica.map(|target| on_target(UPDATE_PRIMARY_REGION, &target, &there, world));
        let checks = std::iter::once(here).chain(replica);
        Ok(checks.map(|check| check.with("kms:PrimaryRegion", region.as_str())).collect())
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let region = checked_region(&input.primary_region, "primaryRegion", call)?;
        let primary = replicable(Self::NAME, &input.key_id, call, world)?;
        let replica = primary.in_region(&region);
        match world.kms.at(&replica) {
            Some(_) if replica == primary => {
                return Err(KmsError::unsupported(format!("The primary key is in {region} already.")).into());
            }
            Some(there) => there.key.require(Need::Enabled)?,
            None => {
                return Err(KmsError::NotFound { message: format!("There is no replica key in {region}.") }.into());
            }
        }
        world.kms.backing_mut(&primary)?.primary_region = region;
        for place in [primary, replica] {
            world.kms.key_mut(&place)?.status = Status::Updating { until: call.now };
            world.kms.note_status(&place);
        }
        Ok(())
    }
}

/// An enabled primary key of the call's Region.
fn replicable(operation: &str, key_id: &str, call: &CallContext, world: &World) -> Result<Place, KmsError> {
    let target = world.kms.target(key_id, Forms::Key, call, &format!("kms:{operation}"))?;
    if target.key.multi_region_kind(target.backing) != Some(MultiRegionKind::Primary) {
        return Err(KmsError::unsupported(format!("{} is not a multi-Region primary key.", target.key.arn)));
    }
    place(operation, key_id, Forms::Key, Need::Enabled, call, world)
}

/// The replica is being made while the call is answered, and ready for the next one.
fn make_replica(
    input: ReplicateKeyInput,
    replica: &Place,
    call: &CallContext,
    world: &mut World,
) -> Result<(), AwsError> {
    let there = CallContext { region: replica.region.clone(), ..call.clone() };
    let new = NewKey {
        policy: input.policy.as_deref(),
        bypass: input.bypass_policy_lockout_safety_check,
        description: input.description,
        tags: checked_tags(&input.tags)?,
        status: Status::Creating { until: call.now },
    };
    new.make(replica, Some(MultiRegionKind::Replica), &there, world)?;
    world.kms.backing_mut(replica)?.regions.insert(replica.region.clone());
    Ok(())
}

fn output(replica: &Place, world: &World) -> Result<ReplicateKeyOutput, AwsError> {
    let target = world.kms.at(replica).ok_or_else(|| KmsError::internal("a key is gone within a call"))?;
    Ok(ReplicateKeyOutput {
        replica_key_metadata: KeyMetadata::of(&target)?,
        replica_policy: target.key.policy.text(&world.iam).into_owned(),
        replica_tags: tag_list(&target.key.tags),
    })
}

fn replica_arn(key_id: &str, region: &Region, call: &CallContext, world: &World) -> Result<Arn, KmsError> {
    world.kms.target(key_id, Forms::Key, call, "kms:ReplicateKey")?.key.place().in_region(region).arn()
}

/// A Region of the same partition.
fn checked_region(text: &str, member: &str, call: &CallContext) -> Result<Region, KmsError> {
    let region = Region::parse(text).ok().filter(|region| region.partition() == call.partition);
    region.ok_or_else(|| KmsError::constraint(member, text, "Member must be a Region of the partition"))
}

const UPDATE_PRIMARY_REGION: &str = "kms:UpdatePrimaryRegion";
