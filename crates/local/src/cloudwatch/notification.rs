//! What an alarm says to a topic.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>.

use jiff::Timestamp;
use keywright_model::Arn;
use serde::Serialize;

use super::evaluation::written;
use super::{Alarm, Definition, Dimension};

/// `ALARM: "kms-decrypt" in EU (Ireland)`.
pub(super) fn subject(alarm: &Alarm) -> String {
    format!("{}: \"{}\" in {}", alarm.state.as_str(), alarm.name, region_name(&region_of(alarm)))
}

/// The message: JSON, as AWS's readers of it expect.
pub(super) fn notification(before: &Alarm, alarm: &Alarm, now: Timestamp) -> String {
    let (definition, region) = (&alarm.definition, region_of(alarm));
    let notification = Notification {
        alarm_name: &alarm.name,
        alarm_description: definition.alarm_description.as_deref(),
        account_id: Arn::parse(&alarm.arn).map(|arn| arn.account().to_owned()).unwrap_or_default(),
        alarm_configuration_updated_timestamp: written(alarm.configuration_updated),
        new_state_value: alarm.state.as_str(),
        new_state_reason: &alarm.state_reason,
        state_change_time: written(now),
        region: region_name(&region),
        alarm_arn: &alarm.arn,
        old_state_value: before.state.as_str(),
        ok_actions: &definition.ok_actions,
        alarm_actions: &definition.alarm_actions,
        insufficient_data_actions: &definition.insufficient_data_actions,
        trigger: Trigger::from(definition),
    };
    serde_json::to_string(&notification).unwrap_or_default()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Notification<'a> {
    alarm_name: &'a str,
    alarm_description: Option<&'a str>,
    #[serde(rename = "AWSAccountId")]
    account_id: String,
    alarm_configuration_updated_timestamp: String,
    new_state_value: &'a str,
    new_state_reason: &'a str,
    state_change_time: String,
    region: &'a str,
    alarm_arn: &'a str,
    old_state_value: &'a str,
    #[serde(rename = "OKActions")]
    ok_actions: &'a [String],
    alarm_actions: &'a [String],
    insufficient_data_actions: &'a [String],
    trigger: Trigger<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Trigger<'a> {
    metric_name: &'a str,
    namespace: &'a str,
    statistic_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_statistic: Option<&'a str>,
    unit: Option<&'a str>,
    dimensions: Vec<TriggerDimension<'a>>,
    period: u32,
    evaluation_periods: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    datapoints_to_alarm: Option<u32>,
    comparison_operator: &'a str,
    threshold: f64,
    treat_missing_data: &'a str,
    evaluate_low_sample_count_percentile: &'a str,
}

/// Here the members have small letters.
#[derive(Debug, Serialize)]
struct TriggerDimension<'a> {
    value: &'a str,
    name: &'a str,
}

impl<'a> From<&'a Definition> for Trigger<'a> {
    fn from(definition: &'a Definition) -> Self {
        let dimension = |one: &'a Dimension| TriggerDimension { value: &one.value, name: &one.name };
        Self {
            metric_name: &definition.metric_name,
            namespace: &definition.namespace,
            statistic_type: if definition.statistic.is_some() { "Statistic" } else { "ExtendedStatistic" },
            statistic: definition.statistic.as_deref().map(statistic_name),
            extended_statistic: definition.extended_statistic.as_deref(),
            unit: definition.unit.as_deref(),
            dimensions: definition.dimensions.iter().map(dimension).collect(),
            period: definition.period,
            evaluation_periods: definition.evaluation_periods,
            datapoints_to_alarm: definition.datapoints_to_alarm,
            comparison_operator: &definition.comparison_operator,
            threshold: definition.threshold,
            treat_missing_data: definition.treat_missing_data.as_deref().unwrap_or("missing"),
            evaluate_low_sample_count_percentile: definition
                .evaluate_low_sample_count_percentile
                .as_deref()
                .unwrap_or_default(),
        }
    }
}

/// Notifications write statistics in an older way.
fn statistic_name(statistic: &str) -> String {
    match statistic {
        "SampleCount" => "SAMPLE_COUNT".to_owned(),
        other => other.to_ascii_uppercase(),
    }
}

fn region_of(alarm: &Alarm) -> String {
    Arn::parse(&alarm.arn).map(|arn| arn.region().to_owned()).unwrap_or_default()
}

/// The name of a Region as AWS's messages have it; its code, where the name is not known.
///
/// Source: <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>; messages keep the
/// older `EU (…)` of the European Regions.
fn region_name(code: &str) -> &str {
    REGION_NAMES.iter().find(|(known, _)| *known == code).map_or(code, |(_, name)| name)
}

const REGION_NAMES: [(&str, &str); 36] = [
    ("af-south-1", "Africa (Cape Town)"),
    ("ap-east-1", "Asia Pacific (Hong Kong)"),
    ("ap-east-2", "Asia Pacific (Taipei)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "Asia Pacific (Osaka)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "Asia Pacific (Melbourne)"),
    ("ap-southeast-5", "Asia Pacific (Malaysia)"),
    ("ap-southeast-6", "Asia Pacific (New Zealand)"),
    ("ap-southeast-7", "Asia Pacific (Thailand)"),
    ("ca-central-1", "Canada (Central)"),
    ("ca-west-1", "Canada West (Calgary)"),
    ("cn-north-1", "China (Beijing)"),
    ("cn-northwest-1", "China (Ningxia)"),
    ("eu-central-1", "EU (Frankfurt)"),
    ("eu-central-2", "Europe (Zurich)"),
    ("eu-north-1", "EU (Stockholm)"),
    ("eu-south-1", "EU (Milan)"),
    ("eu-south-2", "Europe (Spain)"),
    ("eu-west-1", "EU (Ireland)"),
    ("eu-west-2", "EU (London)"),
    ("eu-west-3", "EU (Paris)"),
    ("il-central-1", "Israel (Tel Aviv)"),
    ("me-central-1", "Middle East (UAE)"),
    ("me-south-1", "Middle East (Bahrain)"),
    ("mx-central-1", "Mexico (Central)"),
    ("sa-east-1", "South America (Sao Paulo)"),
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
];
