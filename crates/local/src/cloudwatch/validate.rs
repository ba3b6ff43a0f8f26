//! The rules of `PutMetricAlarm`.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>, and the bounds
//! of the service model.

use std::collections::BTreeSet;

use keywright_model::{Arn, Region};

use super::error::{constraint, invalid_combination, invalid_value, missing, unsupported};
use super::put::PutMetricAlarmInput;
use super::statistics::Statistic;
use super::{Definition, Dimension};
use crate::error::AwsError;

/// Checks an alarm as it was sent, and gives it as it is kept.
pub(super) fn definition(input: PutMetricAlarmInput, region: &Region) -> Result<Definition, AwsError> {
    check_supported(&input)?;
    check_name(&input.alarm_name)?;
    check_actions(&input, region)?;
    check_statistic(&input)?;
    check_words(&input)?;
    check_dimensions(&input.dimensions)?;
    if let Some(description) = &input.alarm_description {
        check_length("alarmDescription", description, 0, 1024)?;
    }
    let metric_name = required(input.metric_name, "MetricName")?;
    check_length("metricName", &metric_name, 1, 255)?;
    let namespace = required(input.namespace, "Namespace")?;
    check_namespace(&namespace)?;
    let comparison_operator = required(input.comparison_operator, "ComparisonOperator")?;
    check_comparison(&comparison_operator)?;
    let threshold = required(input.threshold, "Threshold")?;
    if !threshold.is_finite() {
        return Err(invalid_value("The value for parameter Threshold must be a finite number."));
    }
    let period = required(input.period, "Period")?;
    let evaluation_periods = required(input.evaluation_periods, "EvaluationPeriods")?;
    check_periods(period, evaluation_periods, input.datapoints_to_alarm)?;
    Ok(Definition {
        alarm_description: input.alarm_description,
        actions_enabled: input.actions_enabled.unwrap_or(true),
        ok_actions: input.ok_actions,
        alarm_actions: input.alarm_actions,
        insufficient_data_actions: input.insufficient_data_actions,
        metric_name,
        namespace,
        statistic: input.statistic,
        extended_statistic: input.extended_statistic,
        dimensions: input.dimensions,
        period,
        unit: input.unit,
        evaluation_periods,
        datapoints_to_alarm: input.datapoints_to_alarm,
        threshold,
        comparison_operator,
        treat_missing_data: input.treat_missing_data,
        evaluate_low_sample_count_percentile: input.evaluate_low_sample_count_percentile,
    })
}

/// Checks an alarm's name: 1 to 255 characters, no control characters.
pub(super) fn check_name(name: &str) -> Result<(), AwsError> {
    check_length("alarmName", name, 1, 255)?;
    if name.chars().any(char::is_control) {
        return Err(invalid_value("Alarm names must not contain ASCII control characters."));
    }
    // An ARN with a space in it has no form that policies here could name.
    if name.chars().any(char::is_whitespace) {
        return Err(unsupported("Alarm names with spaces are"));
    }
    Ok(())
}

pub(super) fn check_length(member: &str, value: &str, least: usize, most: usize) -> Result<(), AwsError> {
    let length = value.chars().count();
    if length < least {
        return Err(constraint(member, value, &format!("have length greater than or equal to {least}")));
    }
    if length > most {
        return Err(constraint(member, value, &format!("have length less than or equal to {most}")));
    }
    Ok(())
}

pub(super) fn check_enum(member: &str, value: &str, known: &[&str]) -> Result<(), AwsError> {
    if known.contains(&value) {
        return Ok(());
    }
    Err(constraint(member, value, &format!("satisfy enum value set: [{}]", known.join(", "))))
}

/// Checks a statistic that is given as a text: percentiles, trimmed means and their kin.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>.
pub(super) fn check_extended_statistic(statistic: &str) -> Result<(), AwsError> {
    if is_extended_statistic(statistic) {
        return Ok(());
    }
    Err(invalid_value(format!("The value {statistic} for parameter ExtendedStatistic is not supported.")))
}

fn required<T>(value: Option<T>, member: &str) -> Result<T, AwsError> {
    value.ok_or_else(|| missing(member))
}

fn check_supported(input: &PutMetricAlarmInput) -> Result<(), AwsError> {
    for (given, what) in [
        (input.metrics.is_some(), "Alarms on metric math (Metrics) are"),
        (input.threshold_metric_id.is_some(), "Alarms on anomaly detection (ThresholdMetricId) are"),
        (input.evaluation_criteria.is_some(), "Alarms on PromQL (EvaluationCriteria) are"),
        (input.evaluation_interval.is_some(), "EvaluationInterval is"),
        (input.evaluation_window.is_some(), "EvaluationWindow is"),
        (input.warm_up_configuration.is_some(), "WarmUpConfiguration is"),
        (input.action_configuration.is_some(), "ActionConfiguration is"),
    ] {
        if given {
            return Err(unsupported(what));
        }
    }
    Ok(())
}

fn check_actions(input: &PutMetricAlarmInput, region: &Region) -> Result<(), AwsError> {
    for (member, actions) in [
        ("oKActions", &input.ok_actions),
        ("alarmActions", &input.alarm_actions),
        ("insufficientDataActions", &input.insufficient_data_actions),
    ] {
        if actions.len() > MOST_ACTIONS {
            let shown = format!("[{}]", actions.join(", "));
            return Err(constraint(member, shown, "have length less than or equal to 5"));
        }
        for action in actions {
            check_length(member, action, 1, 1024)?;
            check_action(action, region)?;
        }
    }
    Ok(())
}

/// An action is an ARN of a service that alarms can call; a topic stands in the alarm's Region.
fn check_action(action: &str, region: &Region) -> Result<(), AwsError> {
    let Ok(arn) = Arn::parse(action) else {
        return Err(invalid_value(format!("Invalid arn syntax: {action}")));
    };
    if !ACTION_SERVICES.contains(&arn.service()) {
        return Err(invalid_value(format!("Unsupported action service `{}` in {action}", arn.service())));
    }
    if arn.service() != "sns" {
        return Err(unsupported(&format!("Alarm actions of the service `{}` are", arn.service())));
    }
    if arn.region() != region.as_str() {
        return Err(invalid_value(format!("Invalid region {} specified. Only {region} is supported.", arn.region())));
    }
    Ok(())
}

fn check_statistic(input: &PutMetricAlarmInput) -> Result<(), AwsError> {
    match (&input.statistic, &input.extended_statistic) {
        (Some(_), Some(_)) => {
            Err(invalid_combination("Statistic and ExtendedStatistic cannot be specified at the same time."))
        }
        (None, None) => Err(missing("Statistic or ExtendedStatistic")),
        (Some(statistic), None) => check_enum("statistic", statistic, &STATISTICS),
        (None, Some(extended)) => {
            check_extended_statistic(extended)?;
            Statistic::read(extended).map(drop)
        }
    }
}

fn check_words(input: &PutMetricAlarmInput) -> Result<(), AwsError> {
    if let Some(unit) = &input.unit {
        check_enum("unit", unit, &UNITS)?;
    }
    if let Some(treatment) = &input.treat_missing_data
        && !MISSING_DATA_TREATMENTS.contains(&treatment.as_str())
    {
        return Err(invalid_value(format!("The value {treatment} for parameter TreatMissingData is not supported.")));
    }
    let Some(low_samples) = &input.evaluate_low_sample_count_percentile else { return Ok(()) };
    if !["evaluate", "ignore"].contains(&low_samples.as_str()) {
        let message =
            format!("The value {low_samples} for parameter EvaluateLowSampleCountPercentile is not supported.");
        return Err(invalid_value(message));
    }
    if input.extended_statistic.is_none() {
        return Err(invalid_combination(
            "EvaluateLowSampleCountPercentile can be specified only with an ExtendedStatistic that is a percentile.",
        ));
    }
    Ok(())
}

pub(super) fn check_dimensions(dimensions: &[Dimension]) -> Result<(), AwsError> {
    if dimensions.len() > MOST_DIMENSIONS {
        return Err(constraint("dimensions", dimensions.len(), "have length less than or equal to 30"));
    }
    let mut names = BTreeSet::new();
    for dimension in dimensions {
        check_length("dimensions.member.name", &dimension.name, 1, 255)?;
        check_length("dimensions.member.value", &dimension.value, 1, 1024)?;
        if dimension.name.starts_with(':') {
            return Err(invalid_value(format!("The dimension name {} must not begin with a colon.", dimension.name)));
        }
        if !names.insert(&dimension.name) {
            return Err(invalid_value(format!("The dimension name {} is given more than once.", dimension.name)));
        }
    }
    Ok(())
}

pub(super) fn check_namespace(namespace: &str) -> Result<(), AwsError> {
    check_length("namespace", namespace, 1, 255)?;
    if namespace.starts_with(':') {
        return Err(constraint("namespace", namespace, "satisfy regular expression pattern: [^:].*"));
    }
    Ok(())
}

fn check_comparison(operator: &str) -> Result<(), AwsError> {
    check_enum("comparisonOperator", operator, &COMPARISONS)?;
    if ANOMALY_COMPARISONS.contains(&operator) {
        return Err(invalid_combination(format!("{operator} can be used only with an anomaly detection model.")));
    }
    Ok(())
}

fn check_periods(period: u32, evaluation_periods: u32, datapoints: Option<u32>) -> Result<(), AwsError> {
    for (member, value) in
        [("period", Some(period)), ("evaluationPeriods", Some(evaluation_periods)), ("datapointsToAlarm", datapoints)]
    {
        if value == Some(0) {
            return Err(constraint(member, 0, "have value greater than or equal to 1"));
        }
    }
    if !is_period(period) {
        return Err(invalid_value(format!("The period {period} must be 10, 20, 30 or a multiple of 60.")));
    }
    check_span(u64::from(period) * u64::from(evaluation_periods), period)?;
    if datapoints.is_some_and(|datapoints| datapoints > evaluation_periods) {
        return Err(invalid_value("DatapointsToAlarm must be less than or equal to EvaluationPeriods."));
    }
    Ok(())
}

/// Ten, twenty and thirty seconds are for metrics of high resolution.
pub(super) fn is_period(period: u32) -> bool {
    matches!(period, 10 | 20 | 30) || (period > 0 && period.is_multiple_of(60))
}

/// A day at most, or a week where the period is an hour or more.
fn check_span(seconds: u64, period: u32) -> Result<(), AwsError> {
    let (what, most) = if period >= HOUR { ("seven days", WEEK) } else { ("a day", DAY) };
    if seconds <= most {
        return Ok(());
    }
    Err(invalid_value(format!(
        "Metrics cannot be checked across more than {what} (EvaluationPeriods * Period must be <= {most})."
    )))
}

fn is_extended_statistic(statistic: &str) -> bool {
    if statistic == "IQM" {
        return true;
    }
    let in_percent = |text: &str| text.parse::<f64>().is_ok_and(|number| (0.0..=100.0).contains(&number));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && in_percent(text);
    if ["p", "tm", "wm", "tc", "ts"].iter().any(|prefix| statistic.strip_prefix(prefix).is_some_and(is_plain)) {
        return true;
    }
    let ranged = ["TM", "WM", "TC", "TS", "PR"].iter().find_map(|prefix| statistic.strip_prefix(prefix));
    ranged.and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')')).is_some_and(is_range)
}

/// `10%:90%`, `:300`, `80:`: two bounds, of which one may be left out.
fn is_range(range: &str) -> bool {
    let is_bound = |text: &str| text.strip_suffix('%').unwrap_or(text).parse::<f64>().is_ok_and(f64::is_finite);
    match range.split_once(':') {
        Some(("", "")) | None => false,
        Some((low, high)) => (low.is_empty() || is_bound(low)) && (high.is_empty() || is_bound(high)),
    }
}

const MOST_ACTIONS: usize = 5;
const MOST_DIMENSIONS: usize = 30;
const HOUR: u32 = 3_600;
const DAY: u64 = 86_400;
const WEEK: u64 = 604_800;

pub(super) const STATISTICS: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
const MISSING_DATA_TREATMENTS: [&str; 4] = ["breaching", "notBreaching", "ignore", "missing"];
const ACTION_SERVICES: [&str; 8] = ["sns", "lambda", "automate", "swf", "autoscaling", "ssm", "ssm-incidents", "aiops"];
const COMPARISONS: [&str; 7] = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];
const ANOMALY_COMPARISONS: [&str; 3] =
    ["LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"];
#[rustfmt::skip]
pub(crate) const UNITS: [&str; 27] = [
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits",
    "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second",
    "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second",
    "Gigabits/Second", "Terabits/Second", "Count/Second", "None",
];
