use serde::Deserialize;

use super::error::{constraint, no_such_alarms};
use super::transition::{Configured, note_configuration};
use super::{alarm_check, alarm_key, validate};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// Removes alarms: all that are named, or none.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html>.
pub(super) struct DeleteAlarms;

/// Lets the actions of alarms happen. Names that no alarm has are passed over.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_EnableAlarmActions.html>.
pub(super) struct EnableAlarmActions;

/// Keeps the actions of alarms from happening. Names that no alarm has are passed over.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DisableAlarmActions.html>.
pub(super) struct DisableAlarmActions;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AlarmNames {
    alarm_names: Vec<String>,
}

impl AlarmNames {
    fn checks(&self, action: &str, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        if self.alarm_names.is_empty() {
            return Err(constraint("alarmNames", "[]", "have length greater than or equal to 1"));
        }
        if self.alarm_names.len() > MOST_NAMES {
            return Err(constraint("alarmNames", self.alarm_names.len(), "have length less than or equal to 100"));
        }
        let check = |name: &String| {
            validate::check_name(name)?;
            alarm_check(call, world, action, name)
        };
        self.alarm_names.iter().map(check).collect()
    }
}

impl Operation for DeleteAlarms {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "DeleteAlarms";
    const READ_ONLY: bool = false;
    type Input = AlarmNames;
    type Output = ();

    fn authorize(input: &AlarmNames, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.checks("cloudwatch:DeleteAlarms", call, world)
    }

    fn call(input: AlarmNames, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let exists = |name: &&str| world.cloudwatch.alarms.contains(&alarm_key(call, name));
        let missing: Vec<&str> = input.alarm_names.iter().map(String::as_str).filter(|name| !exists(name)).collect();
        if !missing.is_empty() {
            return Err(no_such_alarms(&missing));
        }
        for name in &input.alarm_names {
            let key = alarm_key(call, name);
            note_configuration(world, &key, call.now, Configured::Deleted);
            world.cloudwatch.alarms.remove(&key);
        }
        Ok(())
    }
}

impl Operation for EnableAlarmActions {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "EnableAlarmActions";
    const READ_ONLY: bool = false;
    type Input = AlarmNames;
    type Output = ();

    fn authorize(input: &AlarmNames, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.checks("cloudwatch:EnableAlarmActions", call, world)
    }

    fn call(input: AlarmNames, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        set_actions_enabled(&input, true, call, world);
        Ok(())
    }
}

impl Operation for DisableAlarmActions {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "DisableAlarmActions";
    const READ_ONLY: bool = false;
    type Input = AlarmNames;
    type Output = ();

    fn authorize(input: &AlarmNames, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.checks("cloudwatch:DisableAlarmActions", call, world)
    }

    fn call(input: AlarmNames, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        set_actions_enabled(&input, false, call, world);
        Ok(())
    }
}

fn set_actions_enabled(input: &AlarmNames, enabled: bool, call: &CallContext, world: &mut World) {
    for name in &input.alarm_names {
        let key = alarm_key(call, name);
        if let Some(alarm) = world.cloudwatch.alarms.get_mut(&key) {
            alarm.definition.actions_enabled = enabled;
            alarm.configuration_updated = call.now;
            note_configuration(world, &key, call.now, Configured::Updated);
        }
    }
}

const MOST_NAMES: usize = 100;
