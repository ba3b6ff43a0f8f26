use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid_next_token};
use super::validate::{check_enum, check_name};
use super::{ALARM_TYPES, State, alarm_check};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

/// Lists what became of alarms, also of those that are deleted.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html>.
pub(super) struct DescribeAlarmHistory;

/// One thing that became of an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    alarm: String,
    time: Timestamp,
    kind: Kind,
    summary: String,
    /// JSON.
    data: String,
}

/// The kinds of things that become of an alarm on one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    ConfigurationUpdate,
    StateUpdate,
    Action,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::ConfigurationUpdate => "ConfigurationUpdate",
            Self::StateUpdate => "StateUpdate",
            Self::Action => "Action",
        }
    }
}

/// Writes it down, and forgets what is older than 30 days.
pub(super) fn note(
    state: &mut State,
    alarm_key: &str,
    alarm: &str,
    time: Timestamp,
    kind: Kind,
    summary: String,
    data: &impl Serialize,
) {
    forget(state, alarm_key, time);
    let prefix = format!("{alarm_key}\n{}/", digits(time));
    let number = state.history.with_prefix(&prefix).count();
    let data = serde_json::to_string(data).unwrap_or_default();
    let item = Item { alarm: alarm.to_owned(), time, kind, summary, data };
    state.history.insert(format!("{prefix}{number:06}"), item);
}

fn forget(state: &mut State, alarm_key: &str, now: Timestamp) {
    let until = format!("{alarm_key}\n{}", digits(oldest(now)));
    let old: Vec<String> =
        state.history.between(&format!("{alarm_key}\n"), &until).map(|(key, _)| key.clone()).collect();
    for key in old {
        state.history.remove(&key);
    }
}

/// AWS keeps an alarm's history for 30 days.
fn oldest(now: Timestamp) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(30 * 24)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A moment in as many digits as every other.
fn digits(time: Timestamp) -> String {
    format!("{:021}", time.as_nanosecond().max(0))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmHistoryInput {
    alarm_name: Option<String>,
    alarm_types: Option<Vec<String>>,
    history_item_type: Option<String>,
    start_date: Option<Time>,
    end_date: Option<Time>,
    max_records: Option<u32>,
    next_token: Option<String>,
    scan_by: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeAlarmHistoryOutput {
    alarm_history_items: Vec<Shown>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    alarm_name: String,
    alarm_type: &'static str,
    timestamp: Time,
    history_item_type: &'static str,
    history_summary: String,
    history_data: String,
}

impl From<&Item> for Shown {
    fn from(item: &Item) -> Self {
        Self {
            alarm_name: item.alarm.clone(),
            alarm_type: "MetricAlarm",
            timestamp: item.time.into(),
            history_item_type: item.kind.as_str(),
            history_summary: item.summary.clone(),
            history_data: item.data.clone(),
        }
    }
}

impl Operation for DescribeAlarmHistory {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "DescribeAlarmHistory";
    const READ_ONLY: bool = true;
    type Input = DescribeAlarmHistoryInput;
    type Output = DescribeAlarmHistoryOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.check()?;
        let action = "cloudwatch:DescribeAlarmHistory";
        Ok(vec![match &input.alarm_name {
            Some(name) => alarm_check(call, world, action, name)?,
            None => Check::new(call, action, call.arn("cloudwatch", "alarm:*")?),
        }])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<DescribeAlarmHistoryOutput, AwsError> {
        let scope = format!("{}/", call.regional_scope());
        let kept = world.cloudwatch.history.with_prefix(&scope).filter(|(_, item)| input.wants(item, call.now));
        let mut found: Vec<(String, &Item)> = kept.map(|(key, item)| (input.place(key, item), item)).collect();
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        let most = input.max_records.map_or(MOST_RECORDS, |most| most as usize);
        let Page { items, next_token } =
            page(found, input.next_token.as_deref(), most).map_err(|_| invalid_next_token())?;
        Ok(DescribeAlarmHistoryOutput { alarm_history_items: items.into_iter().map(Shown::from).collect(), next_token })
    }
}

impl DescribeAlarmHistoryInput {
    fn check(&self) -> Result<(), AwsError> {
        if let Some(name) = &self.alarm_name {
            check_name(name)?;
        }
        for kind in self.alarm_types.iter().flatten() {
            check_enum("alarmTypes", kind, &ALARM_TYPES)?;
        }
        if let Some(kind) = &self.history_item_type {
            check_enum("historyItemType", kind, &KINDS)?;
        }
        if let Some(order) = &self.scan_by {
            check_enum("scanBy", order, &ORDERS)?;
        }
        match self.max_records {
            Some(0) => Err(constraint("maxRecords", 0, "have value greater than or equal to 1")),
            Some(most) if most as usize > MOST_RECORDS => {
                Err(constraint("maxRecords", most, "have value less than or equal to 100"))
            }
            _ => Ok(()),
        }
    }

    fn wants(&self, item: &Item, now: Timestamp) -> bool {
        let types = self.alarm_types.as_deref().unwrap_or_default();
        (types.is_empty() || types.iter().any(|kind| kind == "MetricAlarm"))
            && item.time >= oldest(now)
            && self.alarm_name.as_ref().is_none_or(|name| *name == item.alarm)
            && self.history_item_type.as_deref().is_none_or(|kind| kind == item.kind.as_str())
            && self.start_date.is_none_or(|start| item.time >= start.0)
            && self.end_date.is_none_or(|end| item.time <= end.0)
    }

    /// What the answer is ordered by: time, or how long before the end of time.
    fn place(&self, key: &str, item: &Item) -> String {
        let number = key.rsplit('/').next().unwrap_or_default();
        match self.scan_by.as_deref() {
            Some("TimestampAscending") => format!("{}/{}/{number}", digits(item.time), item.alarm),
            _ => {
                let left = Timestamp::MAX.as_nanosecond() - item.time.as_nanosecond();
                let number = number.parse::<u32>().map_or(0, |number| u32::MAX - number);
                format!("{left:021}/{}/{number:010}", item.alarm)
            }
        }
    }
}

const MOST_RECORDS: usize = 100;
const KINDS: [&str; 5] =
    ["ConfigurationUpdate", "StateUpdate", "Action", "AlarmContributorStateUpdate", "AlarmContributorAction"];
pub(super) const ORDERS: [&str; 2] = ["TimestampDescending", "TimestampAscending"];
