use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{AlarmType, Dimension, HistoryItemType, MetricAlarm, ScanBy, Statistic};
use aws_smithy_types::DateTime;
use jiff::{SignedDuration, Timestamp};
use keywright_engine::{Actor, ProviderError};
use keywright_model::{Arn, Region};
use serde_json::Value;

use super::{LookNeeded, LookOn, look};
use crate::AwsProvider;
use crate::error::{failed, own_error};

/// An alarm on a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// Whether its actions may happen.
    pub actions_enabled: bool,
    /// What it notifies when it rings.
    pub alarm_actions: Vec<String>,
    /// Its threshold.
    pub threshold: Option<f64>,
}

/// What an alarm did last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionHistory {
    /// How often it began to ring in the time that was asked about.
    pub rang: usize,
    /// Why its latest action failed; none where it went well, or there was none.
    pub failure: Option<ActionFailure>,
}

/// An action that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionFailure {
    /// When.
    pub at: Timestamp,
    /// What CloudWatch says about it.
    pub reason: String,
}

/// How often a key decrypted: calls that went well, by the begin of each five minutes in which there were any.
pub type Usage = BTreeMap<Timestamp, f64>;

impl AwsProvider {
    /// The alarms of a Region whose names begin so.
    ///
    /// # Errors
    /// When CloudWatch refuses the caller or does not answer.
    pub async fn alarms(&self, region: &Region, prefix: &str) -> Result<Vec<Alarm>, ProviderError> {
        let client = self.cloud.cloudwatch(&Actor::Caller, region);
        let request = client.describe_alarms().alarm_name_prefix(prefix).alarm_types(AlarmType::MetricAlarm);
        let mut pages = request.into_paginator().send();
        let mut alarms = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("cloudwatch:DescribeAlarms", region, error))?;
            alarms.extend(page.metric_alarms().iter().map(Alarm::from));
        }
        Ok(alarms)
    }

    /// What an alarm did since then.
    ///
    /// # Errors
    /// When CloudWatch refuses the caller or does not answer.
    pub async fn action_history(
        &self,
        region: &Region,
        alarm: &str,
        since: Timestamp,
    ) -> Result<ActionHistory, ProviderError> {
        let changes = self.history(region, alarm, HistoryItemType::StateUpdate, since).await?;
        let rang = changes.iter().filter(|(_, data, _)| is_new_alarm(data)).count();
        let actions = self.history(region, alarm, HistoryItemType::Action, since).await?;
        let latest = actions.first().filter(|(_, data, summary)| has_failed(data, summary));
        let failure = latest.map(|(at, data, summary)| ActionFailure {
            at: *at,
            reason: reason(data).unwrap_or_else(|| summary.clone()),
        });
        Ok(ActionHistory { rang, failure })
    }

    /// How often a key decrypted in the five days before `until`: as much as one answer of CloudWatch holds.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html> (1,440
    /// datapoints).
    ///
    /// # Errors
    /// When CloudWatch refuses the caller or does not answer.
    pub async fn decrypt_usage(&self, key: &Arn, until: Timestamp) -> Result<Usage, ProviderError> {
        const OPERATION: &str = "cloudwatch:GetMetricStatistics";
        let region = Region::parse(key.region());
        let region = region.map_err(|error| ProviderError {
            failure: keywright_engine::Failure::Other { code: "InvalidArn".into(), message: error.to_string() },
            operation: OPERATION.into(),
            region: None,
            request_id: None,
        })?;
        let period = i64::from(PERIOD_SECONDS);
        let since = until.saturating_sub(USAGE_SPAN).unwrap_or(Timestamp::MIN).as_second();
        // The first whole period: one that was only begun would be one too many.
        let since = since.saturating_sub(since.rem_euclid(period)).saturating_add(period);
        let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
        let request = self
            .cloud
            .cloudwatch(&Actor::Caller, &region)
            .get_metric_statistics()
            .namespace("AWS/KMS")
            .metric_name("SuccessfulRequest")
            .dimensions(dimension("KeyArn", key.as_str()))
            .dimensions(dimension("Operation", "Decrypt"))
            .statistics(Statistic::Sum)
            .period(PERIOD_SECONDS)
            .start_time(DateTime::from_secs(since))
            .end_time(DateTime::from_secs(until.as_second()));
        let answer = request.send().await.map_err(|error| failed(OPERATION, &region, error))?;
        let points = answer.datapoints().iter().filter_map(|it| Some((time(it.timestamp()?)?, it.sum()?)));
        Ok(points.collect())
    }

    /// Newest first: when, the data, the summary.
    async fn history(
        &self,
        region: &Region,
        alarm: &str,
        kind: HistoryItemType,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, Value, String)>, ProviderError> {
        const OPERATION: &str = "cloudwatch:DescribeAlarmHistory";
        let request = self
            .cloud
            .cloudwatch(&Actor::Caller, region)
            .describe_alarm_history()
            .alarm_name(alarm)
            .history_item_type(kind)
            .scan_by(ScanBy::TimestampDescending)
            .start_date(DateTime::from_secs(since.as_second()))
            .max_records(MOST_RECORDS);
        let answer = request.send().await.map_err(|error| failed(OPERATION, region, error))?;
        let items = answer.alarm_history_items().iter().map(|it| {
            let at = it
                .timestamp()
                .and_then(time)
                .ok_or_else(|| own_error(OPERATION, region, "IncompleteAnswer", "an entry has no time"))?;
            let data = it.history_data().and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default();
            Ok((at, data, it.history_summary().unwrap_or_default().to_owned()))
        });
        items.collect()
    }
}

impl From<&MetricAlarm> for Alarm {
    fn from(alarm: &MetricAlarm) -> Self {
        Self {
            name: alarm.alarm_name().unwrap_or_default().to_owned(),
            arn: alarm.alarm_arn().unwrap_or_default().to_owned(),
            state: alarm.state_value().map(|it| it.as_str().to_owned()).unwrap_or_default(),
            actions_enabled: alarm.actions_enabled().unwrap_or(true),
            alarm_actions: alarm.alarm_actions().to_vec(),
            threshold: alarm.threshold(),
        }
    }
}

fn is_new_alarm(data: &Value) -> bool {
    data.pointer("/newState/stateValue").and_then(Value::as_str) == Some("ALARM")
}

/// The data says so; where it does not, the words do (`Failed to execute action …`).
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_AlarmHistoryItem.html>.
fn has_failed(data: &Value, summary: &str) -> bool {
    match data.get("actionState").and_then(Value::as_str) {
        Some(state) => state == "Failed",
        None => summary.starts_with("Failed"),
    }
}

fn reason(data: &Value) -> Option<String> {
    data.get("error").and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned)
}

fn time(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}

pub(super) const NEEDED: &[LookNeeded] = &[
    look("cloudwatch:DescribeAlarms", LookOn::Alarms),
    look("cloudwatch:DescribeAlarmHistory", LookOn::Alarm),
    look("cloudwatch:GetMetricStatistics", LookOn::Usage),
];
const PERIOD_SECONDS: i32 = 300;
const USAGE_SPAN: SignedDuration = SignedDuration::from_hours(24 * 5);
const MOST_RECORDS: i32 = 100;
