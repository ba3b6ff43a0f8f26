//! Amazon CloudWatch: metrics, and alarms on one metric each.
//!
//! `metrics` is the store, which other services write to with [`metrics::record`]. As time passes `settle` has each
//! alarm evaluated (`evaluation`, by the rules in `judgement`); a change of state (`transition`) stands in its
//! `history` and is told to the topics among its actions.

mod actions;
mod describe;
mod error;
mod evaluation;
mod get_data;
mod get_statistics;
mod history;
mod judgement;
mod list;
pub(crate) mod metrics;
mod notification;
mod put;
mod put_data;
mod read;
mod samples;
mod set_state;
mod settle;
mod statistics;
mod tags;
mod transition;
mod validate;

use jiff::Timestamp;
use keywright_model::Tags;
use serde::{Deserialize, Serialize};

use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::operations;
use crate::service::Service;
use crate::store::tables;
use crate::tagging::tags_of;
use crate::unsupported::unsupported;
use crate::world::World;

pub(crate) use self::settle::settle;
pub(crate) use self::validate::UNITS;

operations![
    put::PutMetricAlarm,
    describe::DescribeAlarms,
    describe::DescribeAlarmsForMetric,
    actions::DeleteAlarms,
    actions::EnableAlarmActions,
    actions::DisableAlarmActions,
    tags::TagResource,
    tags::UntagResource,
    tags::ListTagsForResource,
    set_state::SetAlarmState,
    history::DescribeAlarmHistory,
    put_data::PutMetricData,
    get_data::GetMetricData,
    get_statistics::GetMetricStatistics,
    list::ListMetrics,
    PutCompositeAlarm,
];

unsupported! {
    Service::CloudWatch, error::unsupported:
    PutCompositeAlarm false,
}

tables! {
    /// What CloudWatch keeps.
    pub(crate) struct State in "cloudwatch" {
        /// Alarms, by `account/region/name`.
        alarms: Alarm,
        /// What is published, by `account/region/[namespace, name, dimensions]`.
        metrics: metrics::Metric,
        /// What was published, by the metric's key and the second at which the slot begins.
        slots: metrics::Slot,
        /// What became of alarms, by the alarm's key and the time.
        history: history::Item,
        /// One row: the second up to which all alarms were evaluated.
        evaluated: i64,
    }
}

fn alarm_key(call: &CallContext, name: &str) -> String {
    format!("{}/{name}", call.regional_scope())
}

/// The caller may do this to the alarm of that name, which need not exist.
fn alarm_check(call: &CallContext, world: &World, action: &str, name: &str) -> Result<Check, AwsError> {
    let check = Check::new(call, action, call.arn("cloudwatch", &format!("alarm:{name}"))?);
    let alarm = world.cloudwatch.alarms.get(&alarm_key(call, name));
    Ok(check.resource_tags(alarm.iter().flat_map(|alarm| tags_of(&alarm.tags))))
}

/// An alarm on one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) definition: Definition,
    pub(crate) state: AlarmState,
    /// Why it is in that state, in AWS's words.
    pub(crate) state_reason: String,
    /// The same as JSON.
    #[serde(default)]
    pub(crate) state_reason_data: Option<String>,
    pub(crate) state_updated: Timestamp,
    /// When the state last became another one.
    pub(crate) state_transitioned: Timestamp,
    pub(crate) configuration_updated: Timestamp,
    /// Whether its state was set, or its definition, since its last evaluation.
    #[serde(default)]
    pub(crate) is_unevaluated: bool,
    pub(crate) tags: Tags,
}

/// What `PutMetricAlarm` says of an alarm, after its rules were checked. Member names are AWS's, so that it is
/// shown as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Definition {
    pub(crate) alarm_description: Option<String>,
    pub(crate) actions_enabled: bool,
    #[serde(rename = "OKActions")]
    pub(crate) ok_actions: Vec<String>,
    pub(crate) alarm_actions: Vec<String>,
    pub(crate) insufficient_data_actions: Vec<String>,
    pub(crate) metric_name: String,
    pub(crate) namespace: String,
    pub(crate) statistic: Option<String>,
    pub(crate) extended_statistic: Option<String>,
    pub(crate) dimensions: Vec<Dimension>,
    /// Seconds.
    pub(crate) period: u32,
    pub(crate) unit: Option<String>,
    pub(crate) evaluation_periods: u32,
    pub(crate) datapoints_to_alarm: Option<u32>,
    pub(crate) threshold: f64,
    pub(crate) comparison_operator: String,
    pub(crate) treat_missing_data: Option<String>,
    pub(crate) evaluate_low_sample_count_percentile: Option<String>,
}

/// One name and value that tell a metric from others of its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Dimension {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The states of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AlarmState {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

impl AlarmState {
    const ALL: [Self; 3] = [Self::Ok, Self::Alarm, Self::InsufficientData];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

const ALARM_TYPES: [&str; 3] = ["CompositeAlarm", "MetricAlarm", "LogAlarm"];

#[cfg(test)]
mod tests;
