//! What metric filters make of the events that come in.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html>: the default value is
//! published for each minute in which events came in and none matched; a minute without events has no value.

use jiff::Timestamp;
use keywright_model::{AccountId, Region};
use serde::{Deserialize, Serialize};

use super::MetricFilter;
use super::ingest::Place;
use super::pattern::{Pattern, value_at};
use crate::cloudwatch::metrics::{Datapoint, record};
use crate::world::World;

/// A minute in which events came past a filter that has a default value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Minute {
    /// Minutes since 1970.
    number: i64,
    /// Whether one of them matched.
    matched: bool,
}

/// Shows events to the metric filters of their group.
pub(super) fn publish(place: &Place<'_>, now: Timestamp, events: &[(i64, String)], world: &mut World) {
    let scope = format!("{}:", place.group_key());
    let filters: Vec<(String, MetricFilter)> =
        world.logs.filters.with_prefix(&scope).map(|(key, filter)| (key.clone(), filter.clone())).collect();
    for (key, filter) in filters {
        // A pattern that was taken can be read; one that cannot matches nothing.
        let Ok(pattern) = Pattern::parse(&filter.pattern) else { continue };
        let mut matched = false;
        for (time, message) in events {
            let Some(extracted) = pattern.find(message) else { continue };
            matched = true;
            let time = Timestamp::from_millisecond(*time).unwrap_or(now);
            let read = |written: &str| value_at(written, message, &extracted);
            if let Some(datapoint) = filter.datapoint(time, &read) {
                record(world, place.account, place.region, datapoint);
            }
        }
        if filter.transformation.default_value.is_some() && !events.is_empty() {
            note_minute(&key, now, matched, world);
        }
    }
}

/// Publishes the defaults of the minutes that are over.
pub(crate) fn settle(world: &mut World, now: Timestamp) {
    let over: Vec<(String, Minute)> = world
        .logs
        .minutes
        .iter()
        .filter(|(_, minute)| minute.number < minute_of(now))
        .map(|(key, minute)| (key.clone(), *minute))
        .collect();
    for (key, minute) in over {
        world.logs.minutes.remove(&key);
        publish_default(&key, minute, world);
    }
}

impl MetricFilter {
    /// What the filter publishes for an event that matched; nothing if its value is no number, or a dimension is missing.
    fn datapoint(&self, time: Timestamp, read: &dyn Fn(&str) -> Option<String>) -> Option<Datapoint> {
        let transformation = &self.transformation;
        let value = match transformation.metric_value.parse::<f64>() {
            Ok(value) => value,
            Err(_) => read(&transformation.metric_value)?.parse().ok().filter(|value: &f64| value.is_finite())?,
        };
        let dimensions = transformation.dimensions.iter().flatten();
        let dimensions: Vec<(&str, String)> =
            dimensions.map(|(name, written)| Some((name.as_str(), read(written)?))).collect::<Option<_>>()?;
        let dimensions: Vec<(&str, &str)> = dimensions.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Some(self.point(&dimensions, time, value))
    }

    fn point(&self, dimensions: &[(&str, &str)], time: Timestamp, value: f64) -> Datapoint {
        let transformation = &self.transformation;
        let point =
            Datapoint::new(&transformation.metric_namespace, &transformation.metric_name, dimensions, time, value);
        match &transformation.unit {
            Some(unit) => point.in_unit(unit),
            None => point,
        }
    }
}

fn note_minute(key: &str, now: Timestamp, matched: bool, world: &mut World) {
    let number = minute_of(now);
    let known = world.logs.minutes.get(key).copied();
    let matched = match known {
        Some(minute) if minute.number == number => matched || minute.matched,
        Some(earlier) => {
            publish_default(key, earlier, world);
            matched
        }
        None => matched,
    };
    world.logs.minutes.insert(key, Minute { number, matched });
}

fn publish_default(key: &str, minute: Minute, world: &mut World) {
    if minute.matched {
        return;
    }
    // The filter may be gone, or have lost its default.
    let Some(filter) = world.logs.filters.get(key) else { return };
    let Some(value) = filter.transformation.default_value else { return };
    let mut place = key.split('/');
    let account = place.next().and_then(|account| AccountId::parse(account).ok());
    let region = place.next().and_then(|region| Region::parse(region).ok());
    let time = Timestamp::from_second(minute.number * SECONDS_A_MINUTE).ok();
    if let (Some(account), Some(region), Some(time)) = (account, region, time) {
        let point = filter.point(&[], time, value);
        record(world, &account, &region, point);
    }
}

fn minute_of(time: Timestamp) -> i64 {
    time.as_second().div_euclid(SECONDS_A_MINUTE)
}

const SECONDS_A_MINUTE: i64 = 60;
