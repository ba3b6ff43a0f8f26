//! Events on their way into a stream, past the metric filters of its group.

use jiff::Timestamp;
use keywright_model::{AccountId, Region};

use super::publish::publish;
use super::{LogEvent, LogStream};
use crate::world::World;

/// A log stream, wherever it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) region: &'a Region,
    pub(crate) group: &'a str,
    pub(crate) stream: &'a str,
}

impl Place<'_> {
    pub(super) fn group_key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.group)
    }

    pub(super) fn stream_key(&self) -> String {
        format!("{}:{}", self.group_key(), self.stream)
    }
}

/// Puts a service's event into a stream, which is made if need be. Its leave to do so was checked before.
pub(crate) fn put(place: &Place<'_>, now: Timestamp, message: String, world: &mut World) {
    let key = place.stream_key();
    if !world.logs.streams.contains(&key) {
        let (name, group) = (place.stream.to_owned(), place.group.to_owned());
        let stream = LogStream { name, group, created: now, last_ingestion: None, taken: 0 };
        world.logs.streams.insert(key, stream);
    }
    ingest(place, now, vec![(now.as_millisecond(), message)], world);
}

/// Takes events, each with its time in milliseconds, into a stream that exists.
pub(super) fn ingest(place: &Place<'_>, now: Timestamp, events: Vec<(i64, String)>, world: &mut World) {
    publish(place, now, &events, world);
    let key = place.stream_key();
    let Some(stream) = world.logs.streams.get_mut(&key) else { return };
    for (timestamp, message) in events {
        let event = LogEvent { timestamp, message, ingested: now.as_millisecond(), number: stream.taken };
        world.logs.events.insert(event_key(&key, &event), event);
        stream.taken += 1;
    }
    stream.last_ingestion = Some(now);
    if stream.taken > MOST_KEPT as u64 {
        drop_oldest(&key, world);
    }
}

/// Keeps a stream within what is sensible to hold in memory.
fn drop_oldest(stream: &str, world: &mut World) {
    let inside = format!("{stream}:");
    let events = &mut world.logs.events;
    let surplus = events.with_prefix(&inside).count().saturating_sub(MOST_KEPT);
    let oldest: Vec<String> = events.with_prefix(&inside).take(surplus).map(|(key, _)| key.clone()).collect();
    for key in oldest {
        events.remove(&key);
    }
}

/// Sorts by time, and then in the order in which the events came.
fn event_key(stream: &str, event: &LogEvent) -> String {
    format!("{stream}:{:020}:{:020}", event.timestamp, event.number)
}

/// How many events a stream keeps here; AWS has no such bound.
const MOST_KEPT: usize = 10_000;
