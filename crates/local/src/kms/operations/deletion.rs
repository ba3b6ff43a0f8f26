use serde::{Deserialize, Serialize};

use super::super::checks::on_key;
use super::super::error::KmsError;
use super::super::key::{Need, Status};
use super::super::state::Forms;
use super::inputs::KeyInput;
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

pub(super) struct ScheduleKeyDeletion;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleKeyDeletionInput {
    key_id: String,
    pending_window_in_days: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleKeyDeletionOutput {
    key_id: String,
    deletion_date: Option<Time>,
    key_state: &'static str,
    pending_window_in_days: u16,
}

impl Operation for ScheduleKeyDeletion {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ScheduleKeyDeletion";
    const READ_ONLY: bool = false;
    type Input = ScheduleKeyDeletionInput;
    type Output = ScheduleKeyDeletionOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let window = checked_window(input.pending_window_in_days)?;
        let check = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        Ok(vec![check.with("kms:ScheduleKeyDeletionPendingWindowInDays", window.to_string())])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let window = checked_window(input.pending_window_in_days)?;
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::Settled, call, world)?;
        let waits = world
            .kms
            .at(&place)
            .is_some_and(|target| target.key.is_primary(target.backing) && target.backing.regions.len() > 1);
        let key = world.kms.key_mut(&place)?;
        key.schedule_deletion(waits, window, call.now);
        let (arn, status) = (key.arn.to_string(), key.status);
        world.kms.note_status(&place);
        Ok(ScheduleKeyDeletionOutput {
            key_id: arn,
            deletion_date: status.changes_at().map(Time),
            key_state: status.as_str(),
            pending_window_in_days: window,
        })
    }
}

pub(super) struct CancelKeyDeletion;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CancelKeyDeletionOutput {
    key_id: String,
}

impl Operation for CancelKeyDeletion {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CancelKeyDeletion";
    const READ_ONLY: bool = false;
    type Input = KeyInput;
    type Output = CancelKeyDeletionOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    /// A rescued key is disabled.
    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::PendingDeletion, call, world)?;
        let key = world.kms.key_mut(&place)?;
        key.status = Status::Disabled;
        Ok(CancelKeyDeletionOutput { key_id: key.arn.to_string() })
    }
}

/// The model admits 1 to 365; every page says 7 to 30.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html>.
fn checked_window(days: Option<i64>) -> Result<u16, KmsError> {
    let Some(days) = days else {
        return Ok(DEFAULT_WINDOW_IN_DAYS);
    };
    match u16::try_from(days) {
        Ok(days) if (7..=30).contains(&days) => Ok(days),
        _ => Err(KmsError::constraint(
            "pendingWindowInDays",
            &days.to_string(),
            "Member must have value between 7 and 30",
        )),
    }
}

const DEFAULT_WINDOW_IN_DAYS: u16 = 30;
