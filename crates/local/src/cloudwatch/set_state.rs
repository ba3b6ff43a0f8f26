use serde::Deserialize;

use super::error::{invalid_value, no_such_alarms};
use super::transition::{Change, set_state};
use super::validate::{check_enum, check_length, check_name};
use super::{AlarmState, alarm_check, alarm_key};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// Sets an alarm's state until its next evaluation, and so tries its actions out.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>.
pub(super) struct SetAlarmState;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetAlarmStateInput {
    alarm_name: String,
    state_value: String,
    state_reason: String,
    state_reason_data: Option<String>,
}

impl Operation for SetAlarmState {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "SetAlarmState";
    const READ_ONLY: bool = false;
    type Input = SetAlarmStateInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        check_name(&input.alarm_name)?;
        Ok(vec![alarm_check(call, world, "cloudwatch:SetAlarmState", &input.alarm_name)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let change = input.change()?;
        let key = alarm_key(call, &input.alarm_name);
        let Some(alarm) = world.cloudwatch.alarms.get_mut(&key) else {
            return Err(no_such_alarms(&[&input.alarm_name]));
        };
        alarm.is_unevaluated = true;
        set_state(world, call.now, &call.ids, &key, change);
        Ok(())
    }
}

impl SetAlarmStateInput {
    fn change(&self) -> Result<Change, AwsError> {
        check_enum("stateValue", &self.state_value, &AlarmState::ALL.map(AlarmState::as_str))?;
        check_length("stateReason", &self.state_reason, 0, 1023)?;
        if let Some(data) = &self.state_reason_data {
            check_length("stateReasonData", data, 0, 4000)?;
            if serde_json::from_str::<serde::de::IgnoredAny>(data).is_err() {
                let error = AwsError::new("InvalidFormat", 400, "StateReasonData is not valid JSON.")
                    .with_query_code("InvalidFormat");
                return Err(error);
            }
        }
        let state = AlarmState::ALL.into_iter().find(|state| state.as_str() == self.state_value);
        Ok(Change {
            state: state.ok_or_else(|| invalid_value("There is no such state."))?,
            reason: self.state_reason.clone(),
            reason_data: self.state_reason_data.clone(),
        })
    }
}
