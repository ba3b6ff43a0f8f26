//! What an alarm says to a topic.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>.

use jiff::Timestamp;
use keywright_model::Arn;
use serde_json::{Value, json};

use super::evaluation::written;
use super::{Alarm, Definition};

/// `ALARM: "kms-decrypt" in EU (Ireland)`.
pub(super) fn subject(alarm: &Alarm) -> String {
    format!("{}: \"{}\" in {}", alarm.state.as_str(), alarm.name, region_name(&region_of(alarm)))
}

/// The message: JSON, as AWS's readers of it expect.
pub(super) fn notification(before: &Alarm, alarm: &Alarm, now: Timestamp) -> Value {
    let definition = &alarm.definition;
    json!({
        "AlarmName": alarm.name,
        "AlarmDescription": definition.alarm_description,
        "AWSAccountId": Arn::parse(&alarm.arn).map(|arn| arn.account().to_owned()).unwrap_or_default(),
        "AlarmConfigurationUpdatedTimestamp": written(alarm.configuration_updated),
        "NewStateValue": alarm.state.as_str(),
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": written(now),
        "Region": region_name(&region_of(alarm)),
        "AlarmArn": alarm.arn,
        "OldStateValue": before.state.as_str(),
        "OKActions": definition.ok_actions,
        "AlarmActions": definition.alarm_actions,
        "InsufficientDataActions": definition.insufficient_data_actions,
        "Trigger": trigger(definition),
    })
}

fn trigger(definition: &Definition) -> Value {
    let dimensions: Vec<Value> =
        definition.dimensions.iter().map(|one| json!({ "value": one.value, "name": one.name })).collect();
    let mut trigger = json!({
        "MetricName": definition.metric_name,
        "Namespace": definition.namespace,
        "Unit": definition.unit,
        "Dimensions": dimensions,
        "Period": definition.period,
        "EvaluationPeriods": definition.evaluation_periods,
        "ComparisonOperator": definition.comparison_operator,
        "Threshold": definition.threshold,
        "TreatMissingData": definition.treat_missing_data.as_deref().unwrap_or("missing"),
        "EvaluateLowSampleCountPercentile":
            definition.evaluate_low_sample_count_percentile.as_deref().unwrap_or_default(),
    });
    if let Some(datapoints) = definition.datapoints_to_alarm {
        trigger["DatapointsToAlarm"] = datapoints.into();
    }
    match (&definition.statistic, &definition.extended_statistic) {
        (Some(statistic), _) => {
            trigger["StatisticType"] = "Statistic".into();
            trigger["Statistic"] = statistic_name(statistic).into();
        }
        (None, extended) => {
            trigger["StatisticType"] = "ExtendedStatistic".into();
            trigger["ExtendedStatistic"] = extended.as_deref().into();
        }
    }
    trigger
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
