use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid_combination, invalid_next_token, unsupported};
use super::validate::{STATISTICS, UNITS, check_dimensions, check_enum, check_extended_statistic, check_length};
use super::{ALARM_TYPES, Alarm, AlarmState, Definition, Dimension, alarm_check, validate};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

/// Lists alarms.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>.
pub(super) struct DescribeAlarms;

/// Lists the alarms on one metric.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmsForMetric.html>.
pub(super) struct DescribeAlarmsForMetric;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmsInput {
    #[serde(default)]
    alarm_names: Vec<String>,
    alarm_name_prefix: Option<String>,
    alarm_types: Option<Vec<String>>,
    children_of_alarm_name: Option<IgnoredAny>,
    parents_of_alarm_name: Option<IgnoredAny>,
    state_value: Option<String>,
    action_prefix: Option<String>,
    max_records: Option<u32>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmsOutput {
    composite_alarms: Vec<()>,
    metric_alarms: Vec<MetricAlarm>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmsForMetricInput {
    metric_name: String,
    namespace: String,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    period: Option<u32>,
    unit: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmsForMetricOutput {
    metric_alarms: Vec<MetricAlarm>,
}

/// An alarm as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetricAlarm {
    alarm_name: String,
    alarm_arn: String,
    alarm_configuration_updated_timestamp: Time,
    #[serde(flatten)]
    definition: Definition,
    state_value: &'static str,
    state_reason: String,
    state_reason_data: Option<String>,
    state_updated_timestamp: Time,
    state_transitioned_timestamp: Time,
}

impl From<&Alarm> for MetricAlarm {
    fn from(alarm: &Alarm) -> Self {
        Self {
            alarm_name: alarm.name.clone(),
            alarm_arn: alarm.arn.clone(),
            alarm_configuration_updated_timestamp: alarm.configuration_updated.into(),
            definition: alarm.definition.clone(),
            state_value: alarm.state.as_str(),
            state_reason: alarm.state_reason.clone(),
            state_reason_data: alarm.state_reason_data.clone(),
            state_updated_timestamp: alarm.state_updated.into(),
            state_transitioned_timestamp: alarm.state_transitioned.into(),
        }
    }
}

impl Operation for DescribeAlarms {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "DescribeAlarms";
    const READ_ONLY: bool = true;
    type Input = DescribeAlarmsInput;
    type Output = DescribeAlarmsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.check()?;
        if input.alarm_names.is_empty() {
            // Whoever asks for no alarm in particular must be allowed to see all of them.
            return Ok(vec![Check::new(call, "cloudwatch:DescribeAlarms", call.arn("cloudwatch", "alarm:*")?)]);
        }
        let check = |name: &String| alarm_check(call, world, "cloudwatch:DescribeAlarms", name);
        input.alarm_names.iter().map(check).collect()
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<DescribeAlarmsOutput, AwsError> {
        let scope = format!("{}/", call.regional_scope());
        let found = world.cloudwatch.alarms.with_prefix(&scope).filter(|(_, alarm)| input.wants(alarm));
        let most = input.max_records.map_or(MOST_RECORDS, |most| most as usize);
        let Page { items, next_token } =
            page(found, input.next_token.as_deref(), most).map_err(|_| invalid_next_token())?;
        Ok(DescribeAlarmsOutput {
            composite_alarms: Vec::new(),
            metric_alarms: items.into_iter().map(MetricAlarm::from).collect(),
            next_token,
        })
    }
}

impl DescribeAlarmsInput {
    fn check(&self) -> Result<(), AwsError> {
        if self.children_of_alarm_name.is_some() || self.parents_of_alarm_name.is_some() {
            return Err(unsupported(
                "ChildrenOfAlarmName and ParentsOfAlarmName, which are about composite alarms, are",
            ));
        }
        if self.alarm_names.len() > MOST_RECORDS {
            return Err(constraint("alarmNames", self.alarm_names.len(), "have length less than or equal to 100"));
        }
        self.alarm_names.iter().try_for_each(|name| validate::check_name(name))?;
        if let Some(prefix) = &self.alarm_name_prefix {
            check_length("alarmNamePrefix", prefix, 1, 255)?;
            if !self.alarm_names.is_empty() {
                return Err(invalid_combination("AlarmNamePrefix cannot be specified together with AlarmNames."));
            }
        }
        if let Some(prefix) = &self.action_prefix {
            check_length("actionPrefix", prefix, 1, 1024)?;
        }
        if let Some(state) = &self.state_value {
            check_enum("stateValue", state, &AlarmState::ALL.map(AlarmState::as_str))?;
        }
        for kind in self.alarm_types.iter().flatten() {
            check_enum("alarmTypes", kind, &ALARM_TYPES)?;
        }
        match self.max_records {
            Some(0) => Err(constraint("maxRecords", 0, "have value greater than or equal to 1")),
            Some(most) if most as usize > MOST_RECORDS => {
                Err(constraint("maxRecords", most, "have value less than or equal to 100"))
            }
            _ => Ok(()),
        }
    }

    fn wants(&self, alarm: &Alarm) -> bool {
        // Without types only metric alarms are meant; there are no others here.
        let types = self.alarm_types.as_deref().unwrap_or_default();
        (types.is_empty() || types.iter().any(|kind| kind == "MetricAlarm"))
            && (self.alarm_names.is_empty() || self.alarm_names.contains(&alarm.name))
            && self.alarm_name_prefix.as_ref().is_none_or(|prefix| alarm.name.starts_with(prefix))
            && self.state_value.as_deref().is_none_or(|state| alarm.state.as_str() == state)
            && self.action_prefix.as_ref().is_none_or(|prefix| alarm.definition.has_action(prefix))
    }
}

impl Definition {
    fn has_action(&self, prefix: &str) -> bool {
        let mut actions = self.ok_actions.iter().chain(&self.alarm_actions).chain(&self.insufficient_data_actions);
        actions.any(|action| action.starts_with(prefix))
    }
}

impl Operation for DescribeAlarmsForMetric {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "DescribeAlarmsForMetric";
    const READ_ONLY: bool = true;
    type Input = DescribeAlarmsForMetricInput;
    type Output = DescribeAlarmsForMetricOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "cloudwatch:DescribeAlarmsForMetric", call.arn("cloudwatch", "alarm:*")?)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<DescribeAlarmsForMetricOutput, AwsError> {
        input.check()?;
        let scope = format!("{}/", call.regional_scope());
        let on_metric = world.cloudwatch.alarms.with_prefix(&scope).map(|(_, alarm)| alarm);
        let metric_alarms = on_metric.filter(|alarm| input.wants(&alarm.definition)).map(MetricAlarm::from).collect();
        Ok(DescribeAlarmsForMetricOutput { metric_alarms })
    }
}

impl DescribeAlarmsForMetricInput {
    fn check(&self) -> Result<(), AwsError> {
        check_length("metricName", &self.metric_name, 1, 255)?;
        validate::check_namespace(&self.namespace)?;
        check_dimensions(&self.dimensions)?;
        if let Some(statistic) = &self.statistic {
            check_enum("statistic", statistic, &STATISTICS)?;
        }
        if let Some(statistic) = &self.extended_statistic {
            check_extended_statistic(statistic)?;
        }
        if let Some(unit) = &self.unit {
            check_enum("unit", unit, &UNITS)?;
        }
        if self.period == Some(0) {
            return Err(constraint("period", 0, "have value greater than or equal to 1"));
        }
        Ok(())
    }

    /// The metric is the one with exactly these dimensions; what else is given must be the same.
    fn wants(&self, alarm: &Definition) -> bool {
        alarm.metric_name == self.metric_name
            && alarm.namespace == self.namespace
            && sorted(&alarm.dimensions) == sorted(&self.dimensions)
            && (self.statistic.is_none() || self.statistic == alarm.statistic)
            && (self.extended_statistic.is_none() || self.extended_statistic == alarm.extended_statistic)
            && self.period.is_none_or(|period| period == alarm.period)
            && (self.unit.is_none() || self.unit == alarm.unit)
    }
}

fn sorted(dimensions: &[Dimension]) -> Vec<&Dimension> {
    let mut sorted: Vec<_> = dimensions.iter().collect();
    sorted.sort();
    sorted
}

const MOST_RECORDS: usize = 100;
