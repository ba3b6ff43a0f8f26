use serde::{Deserialize, Serialize};

use super::super::checks::on_key;
use super::super::error::KmsError;
use super::super::key::Need;
use super::super::material::{DEFAULT_ROTATION_PERIOD_IN_DAYS, KeyMaterial, MaterialBytes, RotationKind};
use super::super::page::{ROTATIONS, page};
use super::super::state::{Forms, Place};
use super::inputs::{KeyInput, checked_value};
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

pub(super) struct EnableKeyRotation;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnableKeyRotationInput {
    key_id: String,
    rotation_period_in_days: Option<i64>,
}

impl Operation for EnableKeyRotation {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "EnableKeyRotation";
    const READ_ONLY: bool = false;
    type Input = EnableKeyRotationInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let period = checked_period(input.rotation_period_in_days)?;
        let check = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        Ok(vec![check.with("kms:RotationPeriodInDays", period.to_string())])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let period = checked_period(input.rotation_period_in_days)?;
        let place = rotatable(Self::NAME, &input.key_id, call, world)?;
        world.kms.backing_mut(&place)?.rotate_every(period, call.now);
        world.kms.note_rotation(&place);
        Ok(())
    }
}

pub(super) struct DisableKeyRotation;

impl Operation for DisableKeyRotation {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DisableKeyRotation";
    const READ_ONLY: bool = false;
    type Input = KeyInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let place = rotatable(Self::NAME, &input.key_id, call, world)?;
        world.kms.backing_mut(&place)?.stop_rotating();
        Ok(())
    }
}

pub(super) struct GetKeyRotationStatus;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyRotationStatusOutput {
    key_rotation_enabled: bool,
    key_id: String,
    rotation_period_in_days: Option<u16>,
    next_rotation_date: Option<Time>,
}

impl Operation for GetKeyRotationStatus {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GetKeyRotationStatus";
    const READ_ONLY: bool = true;
    type Input = KeyInput;
    type Output = GetKeyRotationStatusOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    /// While a key is pending deletion its status reads false; cancelling brings it back.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html>.
    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let target = world.kms.target(&input.key_id, Forms::Key, call, "kms:GetKeyRotationStatus")?;
        let automatic = target.backing.automatic().filter(|_| !target.key.status.is_pending_deletion());
        Ok(GetKeyRotationStatusOutput {
            key_rotation_enabled: automatic.is_some(),
            key_id: target.key.id.to_string(),
            rotation_period_in_days: automatic.map(|automatic| automatic.period_in_days),
            next_rotation_date: automatic.map(|automatic| Time(automatic.next)),
        })
    }
}

pub(super) struct RotateKeyOnDemand;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RotateKeyOnDemandOutput {
    key_id: String,
}

impl Operation for RotateKeyOnDemand {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "RotateKeyOnDemand";
    const READ_ONLY: bool = false;
    type Input = KeyInput;
    type Output = RotateKeyOnDemandOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let place = rotatable(Self::NAME, &input.key_id, call, world)?;
        let material = MaterialBytes::draw(|bytes| call.ids.fill(bytes));
        world.kms.backing_mut(&place)?.rotate_on_demand(material, call.now)?;
        Ok(RotateKeyOnDemandOutput { key_id: place.key.to_string() })
    }
}

pub(super) struct ListKeyRotations;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyRotationsInput {
    key_id: String,
    include_key_material: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum IncludeKeyMaterial {
    #[serde(rename = "ALL_KEY_MATERIAL")]
    All,
    #[serde(rename = "ROTATIONS_ONLY")]
    Rotations,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyRotationsOutput {
    rotations: Vec<RotationsListEntry>,
    truncated: bool,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RotationsListEntry {
    #[serde(skip)]
    generation: usize,
    key_id: String,
    key_material_id: String,
    key_material_state: &'static str,
    rotation_date: Option<Time>,
    rotation_type: Option<RotationKind>,
}

impl Operation for ListKeyRotations {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListKeyRotations";
    const READ_ONLY: bool = true;
    type Input = ListKeyRotationsInput;
    type Output = ListKeyRotationsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let target = world.kms.target(&input.key_id, Forms::Key, call, "kms:ListKeyRotations")?;
        let materials = target.backing.materials();
        let include = input.include_key_material.as_deref().unwrap_or("ROTATIONS_ONLY");
        let all = checked_value::<IncludeKeyMaterial>("includeKeyMaterial", include)? == IncludeKeyMaterial::All;
        let rotations = materials
            .iter()
            .enumerate()
            .filter(|(_, material)| all || material.rotation.is_some())
            .map(|(at, material)| entry(target.key.id.as_str(), at, at + 1 == materials.len(), material))
            .collect();
        let order = |entry: &RotationsListEntry| format!("{:010}", entry.generation);
        let page = page(rotations, order, input.limit, input.marker.as_deref(), ROTATIONS)?;
        Ok(ListKeyRotationsOutput {
            rotations: page.items,
            truncated: page.next_marker.is_some(),
            next_marker: page.next_marker,
        })
    }
}

fn entry(key: &str, generation: usize, is_current: bool, material: &KeyMaterial) -> RotationsListEntry {
    RotationsListEntry {
        generation,
        key_id: key.to_owned(),
        key_material_id: material.id.as_str().to_owned(),
        key_material_state: if is_current { "CURRENT" } else { "NON_CURRENT" },
        rotation_date: material.rotation.map(|rotation| Time(rotation.date)),
        rotation_type: material.rotation.map(|rotation| rotation.kind),
    }
}

/// An enabled key whose rotation is its own to set: of related keys, the primary's is that of all.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html>.
fn rotatable(operation: &str, key_id: &str, call: &CallContext, world: &World) -> Result<Place, KmsError> {
    let place = place(operation, key_id, Forms::Key, Need::Enabled, call, world)?;
    match world.kms.at(&place) {
        Some(target) if !target.key.is_primary(target.backing) => Err(KmsError::unsupported(format!(
            "{} is a replica key; rotation is a property of the primary key in {}.",
            target.key.arn, target.backing.primary_region
        ))),
        _ => Ok(place),
    }
}

fn checked_period(days: Option<i64>) -> Result<u16, KmsError> {
    let Some(days) = days else {
        return Ok(DEFAULT_ROTATION_PERIOD_IN_DAYS);
    };
    match u16::try_from(days) {
        Ok(days) if (90..=2560).contains(&days) => Ok(days),
        _ => Err(KmsError::constraint(
            "rotationPeriodInDays",
            &days.to_string(),
            "Member must have value between 90 and 2560",
        )),
    }
}
