use keywright_model::Tags;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::invalid_value;
use super::transition::{Configured, note_configuration};
use super::{Alarm, AlarmState, Dimension, alarm_check, alarm_key, validate};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::{Tag, add_tags, tag_pairs};
use crate::world::World;

/// Makes an alarm, or replaces its definition.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>.
pub(super) struct PutMetricAlarm;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutMetricAlarmInput {
    pub(super) alarm_name: String,
    pub(super) alarm_description: Option<String>,
    pub(super) actions_enabled: Option<bool>,
    #[serde(default, rename = "OKActions")]
    pub(super) ok_actions: Vec<String>,
    #[serde(default)]
    pub(super) alarm_actions: Vec<String>,
    #[serde(default)]
    pub(super) insufficient_data_actions: Vec<String>,
    pub(super) metric_name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) statistic: Option<String>,
    pub(super) extended_statistic: Option<String>,
    #[serde(default)]
    pub(super) dimensions: Vec<Dimension>,
    pub(super) period: Option<u32>,
    pub(super) unit: Option<String>,
    pub(super) evaluation_periods: Option<u32>,
    pub(super) datapoints_to_alarm: Option<u32>,
    pub(super) threshold: Option<f64>,
    pub(super) comparison_operator: Option<String>,
    pub(super) treat_missing_data: Option<String>,
    pub(super) evaluate_low_sample_count_percentile: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<Tag>,
    pub(super) metrics: Option<IgnoredAny>,
    pub(super) threshold_metric_id: Option<IgnoredAny>,
    pub(super) evaluation_criteria: Option<IgnoredAny>,
    pub(super) evaluation_interval: Option<IgnoredAny>,
    pub(super) evaluation_window: Option<IgnoredAny>,
    pub(super) warm_up_configuration: Option<IgnoredAny>,
    pub(super) action_configuration: Option<IgnoredAny>,
}

impl Operation for PutMetricAlarm {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "PutMetricAlarm";
    const READ_ONLY: bool = false;
    type Input = PutMetricAlarmInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::check_name(&input.alarm_name)?;
        let check = alarm_check(call, world, "cloudwatch:PutMetricAlarm", &input.alarm_name)?
            .request_tags(tag_pairs(&input.tags));
        let check = match input.alarm_actions.is_empty() {
            true => check,
            false => check.with_many("cloudwatch:AlarmActions", input.alarm_actions.iter().cloned()),
        };
        let is_new = !world.cloudwatch.alarms.contains(&alarm_key(call, &input.alarm_name));
        let mut checks = vec![check];
        if is_new && !input.tags.is_empty() {
            let tagging = alarm_check(call, world, "cloudwatch:TagResource", &input.alarm_name)?;
            checks.push(tagging.request_tags(tag_pairs(&input.tags)));
        }
        Ok(checks)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let (name, mut tags) = (input.alarm_name.clone(), Tags::new());
        add_tags(&mut tags, tag_pairs(&input.tags)).map_err(|refusal| invalid_value(refusal.to_string()))?;
        let definition = validate::definition(input, &call.region)?;
        let key = alarm_key(call, &name);
        if let Some(alarm) = world.cloudwatch.alarms.get_mut(&key) {
            // An alarm keeps its state, and its tags whatever the request says.
            alarm.definition = definition;
            alarm.configuration_updated = call.now;
            alarm.is_unevaluated = true;
            note_configuration(world, &key, call.now, Configured::Updated);
            return Ok(());
        }
        let alarm = Alarm {
            arn: call.arn("cloudwatch", &format!("alarm:{name}"))?.to_string(),
            name,
            definition,
            state: AlarmState::InsufficientData,
            state_reason: "Unchecked: Initial alarm creation".to_owned(),
            state_reason_data: None,
            state_updated: call.now,
            state_transitioned: call.now,
            configuration_updated: call.now,
            is_unevaluated: true,
            tags,
        };
        world.cloudwatch.alarms.insert(key.as_str(), alarm);
        note_configuration(world, &key, call.now, Configured::Created);
        Ok(())
    }
}
