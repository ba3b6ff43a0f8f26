//! Alarms are evaluated as time passes: every ten seconds, minute or hour, each at the seconds that are multiples.
//!
//! Time passes between two requests, so all evaluations since the last request are made up for at the beginning of
//! the next one, in the order of their moments over all alarms, and each with its own moment as the time. An
//! evaluation that cannot differ from the one before it, because no datapoint stands in either's range, is passed
//! over, so that a month of silence costs one look at each alarm.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::evaluation::{Outcome, Read, evaluate};
use super::metrics::floor;
use super::transition::set_state;
use super::{Alarm, State};
use crate::ids::Ids;
use crate::world::World;

/// Makes up for the evaluations since the last call.
pub(crate) fn settle(world: &mut World, now: Timestamp, ids: &Ids) {
    let until = floor(now.as_second(), FINEST_STEP);
    let since = world.cloudwatch.evaluated.get(EVALUATED).copied().unwrap_or_default();
    if since >= until || world.cloudwatch.alarms.values().next().is_none() {
        return;
    }
    let mut agenda = Agenda::new(since, until);
    agenda.plan(&world.cloudwatch);
    while let Some((second, key)) = agenda.due.pop_first() {
        agenda.done.insert(key.clone(), second);
        if evaluate_at(world, ids, &key, second, agenda.read.entry(key.clone()).or_default()) {
            // An action uses keys and topics, and so publishes metrics that other alarms may watch.
            agenda.read.clear();
            agenda.plan(&world.cloudwatch);
        } else {
            agenda.plan_one(&world.cloudwatch, &key);
        }
    }
    world.cloudwatch.evaluated.insert(EVALUATED, until);
}

/// Evaluates one alarm at its moment. Tells whether an action was carried out.
fn evaluate_at(world: &mut World, ids: &Ids, key: &str, second: i64, read: &mut Read) -> bool {
    let state = &mut world.cloudwatch;
    let Some(alarm) = state.alarms.get(key) else { return false };
    let outcome = evaluate(state, alarm, scope(key, alarm), second, read);
    if alarm.is_unevaluated
        && let Some(alarm) = state.alarms.get_mut(key)
    {
        alarm.is_unevaluated = false;
    }
    match outcome {
        Outcome::Changed(change) => {
            let now = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            set_state(world, now, ids, key, change)
        }
        Outcome::Same => false,
    }
}

/// The evaluations that are to be made.
struct Agenda {
    since: i64,
    until: i64,
    due: BTreeSet<(i64, String)>,
    /// When each alarm was last evaluated here.
    done: BTreeMap<String, i64>,
    read: BTreeMap<String, Read>,
}

impl Agenda {
    fn new(since: i64, until: i64) -> Self {
        Self { since, until, due: BTreeSet::new(), done: BTreeMap::new(), read: BTreeMap::new() }
    }

    fn plan(&mut self, state: &State) {
        self.due.clear();
        for (key, alarm) in state.alarms.iter() {
            self.plan_alarm(state, key, alarm);
        }
    }

    fn plan_one(&mut self, state: &State, key: &str) {
        if let Some(alarm) = state.alarms.get(key) {
            self.plan_alarm(state, key, alarm);
        }
    }

    fn plan_alarm(&mut self, state: &State, key: &str, alarm: &Alarm) {
        let defined = alarm.configuration_updated.as_second();
        let after = self.done.get(key).copied().unwrap_or(self.since).max(defined);
        let next = next_evaluation(state, alarm, scope(key, alarm), after);
        if let Some(next) = next.filter(|next| *next <= self.until) {
            self.due.insert((next, key.to_owned()));
        }
    }
}

/// The next evaluation of an alarm that could change something; none while nothing is recorded.
fn next_evaluation(state: &State, alarm: &Alarm, scope: &str, after: i64) -> Option<i64> {
    let definition = &alarm.definition;
    let step = definition.step();
    let next = floor(after, step) + step;
    if alarm.is_unevaluated {
        return Some(next);
    }
    // One step more than an evaluation looks back: the first one that sees nothing any more is made too.
    let seen_from = next - definition.reach() - step;
    let slot = state.slots(&definition.series(scope), seen_from, i64::MAX).next()?;
    Some(next.max(floor(slot.start, step) + step))
}

/// `account/region` of an alarm's key.
fn scope<'a>(key: &'a str, alarm: &Alarm) -> &'a str {
    key.strip_suffix(&alarm.name).and_then(|scope| scope.strip_suffix('/')).unwrap_or(key)
}

const FINEST_STEP: i64 = 10;
/// The one row of its table.
const EVALUATED: &str = "until";
