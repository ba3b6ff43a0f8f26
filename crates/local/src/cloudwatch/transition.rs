//! What happens when an alarm's state is set: history, and the actions of the new state.

use jiff::Timestamp;
use keywright_model::{AccountId, Arn};
use serde::Serialize;
use serde_json::{Value, json};

use super::evaluation::written;
use super::history::{self, Kind};
use super::notification::{notification, subject};
use super::{Alarm, AlarmState};
use crate::error::AwsError;
use crate::ids::Ids;
use crate::sns::publish::{ServiceSender, publish_from_service};
use crate::world::World;

/// The state that an alarm takes, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) state: AlarmState,
    pub(super) reason: String,
    /// JSON.
    pub(super) reason_data: Option<String>,
}

/// Sets the state of an alarm; if it is another one, that stands in its history, and its actions are carried out.
/// Tells whether there were any.
pub(super) fn set_state(world: &mut World, now: Timestamp, ids: &Ids, key: &str, change: Change) -> bool {
    let Some(alarm) = world.cloudwatch.alarms.get_mut(key) else { return false };
    let before = alarm.clone();
    alarm.state = change.state;
    alarm.state_reason = change.reason;
    alarm.state_reason_data = change.reason_data;
    alarm.state_updated = now;
    if before.state == alarm.state {
        return false;
    }
    alarm.state_transitioned = now;
    let alarm = alarm.clone();
    note_transition(world, now, key, &before, &alarm);
    let actions = alarm.actions();
    for action in actions {
        act(world, now, ids, key, &before, &alarm, action);
    }
    !actions.is_empty()
}

impl Alarm {
    /// What is to be done in its state.
    fn actions(&self) -> &[String] {
        match self.state {
            _ if !self.definition.actions_enabled => &[],
            AlarmState::Ok => &self.definition.ok_actions,
            AlarmState::Alarm => &self.definition.alarm_actions,
            AlarmState::InsufficientData => &self.definition.insufficient_data_actions,
        }
    }
}

fn note_transition(world: &mut World, now: Timestamp, key: &str, before: &Alarm, after: &Alarm) {
    let summary = format!("Alarm updated from {} to {}", before.state.as_str(), after.state.as_str());
    let data = json!({ "version": "1.0", "oldState": ShownState::from(before), "newState": ShownState::from(after) });
    history::note(&mut world.cloudwatch, key, &after.name, now, Kind::StateUpdate, summary, &data);
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownState<'a> {
    state_value: &'a str,
    state_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason_data: Option<Value>,
}

impl<'a> From<&'a Alarm> for ShownState<'a> {
    fn from(alarm: &'a Alarm) -> Self {
        Self {
            state_value: alarm.state.as_str(),
            state_reason: &alarm.state_reason,
            state_reason_data: alarm.state_reason_data.as_deref().and_then(|data| serde_json::from_str(data).ok()),
        }
    }
}

/// Carries out one action, and writes down how it went: an alarm does not fail because a topic refuses it.
fn act(world: &mut World, now: Timestamp, ids: &Ids, key: &str, before: &Alarm, alarm: &Alarm, action: &str) {
    let message = notification(before, alarm, now);
    let error = notify(world, now, ids, alarm, action, &message).err().map(|error| error.message);
    let summary = match &error {
        None => format!("Successfully executed action {action}"),
        Some(error) => format!("Failed to execute action {action}. Received error: \"{error}\""),
    };
    let data = ActionTaken {
        action_state: if error.is_none() { "Succeeded" } else { "Failed" },
        state_update_timestamp: now.as_millisecond(),
        notification_resource: action,
        published_message: json!({ "default": message }).to_string(),
        error,
    };
    history::note(&mut world.cloudwatch, key, &alarm.name, now, Kind::Action, summary, &data);
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionTaken<'a> {
    action_state: &'static str,
    state_update_timestamp: i64,
    notification_resource: &'a str,
    published_message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Publishes to a topic; no other kind of action is let in.
fn notify(
    world: &mut World,
    now: Timestamp,
    ids: &Ids,
    alarm: &Alarm,
    topic: &str,
    message: &str,
) -> Result<String, AwsError> {
    let (source_arn, topic) = (read_arn(&alarm.arn)?, read_arn(topic)?);
    let source_account = AccountId::parse(source_arn.account()).map_err(|_| AwsError::internal())?;
    let sender = ServiceSender { service: SENDER, source_arn: &source_arn, source_account: &source_account };
    publish_from_service(world, now, ids, &sender, &topic, Some(&subject(alarm)), message)
}

fn read_arn(text: &str) -> Result<Arn, AwsError> {
    Arn::parse(text).map_err(|_| AwsError::internal())
}

/// What was done to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Configured {
    Created,
    Updated,
    Deleted,
}

/// Writes down what was done to an alarm, which is still there.
pub(super) fn note_configuration(world: &mut World, key: &str, now: Timestamp, what: Configured) {
    let Some(alarm) = world.cloudwatch.alarms.get(key).cloned() else { return };
    let (kind, member, verb) = match what {
        Configured::Created => ("Create", "createdAlarm", "created"),
        Configured::Updated => ("Update", "updatedAlarm", "updated"),
        Configured::Deleted => ("Delete", "deletedAlarm", "deleted"),
    };
    let data = json!({ "version": "1.0", "type": kind, member: alarm_shown(&alarm) });
    let summary = format!("Alarm \"{}\" {verb}", alarm.name);
    history::note(&mut world.cloudwatch, key, &alarm.name, now, Kind::ConfigurationUpdate, summary, &data);
}

/// An alarm as its history shows it.
fn alarm_shown(alarm: &Alarm) -> Value {
    let mut shown = json!({
        "alarmName": alarm.name,
        "alarmArn": alarm.arn,
        "stateValue": alarm.state.as_str(),
        "stateUpdatedTimestamp": written(alarm.state_updated),
        "alarmConfigurationUpdatedTimestamp": written(alarm.configuration_updated),
    });
    if let (Ok(Value::Object(definition)), Some(members)) =
        (serde_json::to_value(&alarm.definition), shown.as_object_mut())
    {
        let kept = definition.into_iter().filter(|(_, value)| !value.is_null());
        members.extend(kept.map(|(name, value)| (lower_first(&name), value)));
    }
    shown
}

fn lower_first(name: &str) -> String {
    if name == "OKActions" {
        return "okactions".to_owned();
    }
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

const SENDER: &str = "cloudwatch.amazonaws.com";
