use serde_json::Value;

use super::delivery::deliver;
use super::event::Draft;
use super::selectors::is_selected;
use super::{Event, State, Trail};
use crate::world::World;

/// Keeps the event of a call for each account that it is for, and hands it to their trails.
pub(crate) fn keep(draft: Draft, world: &mut World) {
    for (account, record) in &draft.recipients {
        world.cloudtrail.remember(account.as_str(), record, &draft);
        let trails: Vec<Trail> = world
            .cloudtrail
            .trails
            .with_prefix(&format!("{account}/"))
            .filter(|(_, trail)| takes(trail, &draft))
            .map(|(_, trail)| trail.clone())
            .collect();
        for trail in trails {
            deliver(&trail, record, &draft, world);
        }
    }
}

impl State {
    fn remember(&mut self, account: &str, record: &Value, draft: &Draft) {
        let scope = format!("{account}/{}/", draft.region);
        let number = self.events.with_prefix(&scope).next().map_or(0, |(_, newest)| newest.number + 1);
        let event = Event { time: draft.time, number, record: record.clone() };
        self.events.insert(event_key(&scope, &event), event);
        if self.events.len() > MOST_KEPT {
            self.forget_oldest();
        }
    }

    /// Many at once, so that the search for them is seldom.
    fn forget_oldest(&mut self) {
        let mut keys: Vec<(jiff::Timestamp, String)> =
            self.events.iter().map(|(key, event)| (event.time, key.clone())).collect();
        keys.sort();
        for (_, key) in keys.into_iter().take(MOST_KEPT / 10) {
            self.events.remove(&key);
        }
    }
}

/// Whether a trail logs the event.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html> (global service events
/// are those of IAM; STS answers in each Region).
fn takes(trail: &Trail, draft: &Draft) -> bool {
    trail.is_logging
        && (trail.is_multi_region || trail.home.as_str() == draft.region)
        && (trail.includes_global || !draft.service.is_global())
        && keywright_model::Region::parse(&draft.region)
            .is_ok_and(|region| region.partition() == trail.home.partition())
        && is_selected(&trail.selectors, draft.service, draft.read_only)
}

/// Keys have the order of the newest first.
fn event_key(scope: &str, event: &Event) -> String {
    let id = event.record.get("eventID").and_then(Value::as_str).unwrap_or_default();
    let time = i64::MAX.saturating_sub(event.time.as_microsecond().max(0));
    format!("{scope}{time:020}:{:020}:{id}", u64::MAX - event.number)
}

/// How many events are kept in all; AWS keeps all of 90 days.
const MOST_KEPT: usize = 20_000;
