//! The metric store: what was published, kept as AWS keeps it.
//!
//! A series is one metric of one account and Region: namespace, name and the exact set of dimensions. Its values are
//! gathered in slots, one row each: a second for high resolution, else a minute. As in AWS a second is kept for three
//! hours, a minute for 15 days, five minutes for 63 days and an hour for 455 days: what is older is folded into the
//! next coarser slot when the series is next written to, and is not shown after 455 days.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention>.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keywright_model::{AccountId, Region};
use serde::{Deserialize, Serialize};

use super::samples::Samples;
use super::{Dimension, State};
use crate::world::World;

/// A value of a metric, or several that were gathered already.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Datapoint {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// In any order; a series is told by the set of them.
    pub(crate) dimensions: Vec<Dimension>,
    pub(crate) time: Timestamp,
    pub(crate) samples: Samples,
    /// One of [`super::UNITS`]; `None` is AWS's unit `None`.
    pub(crate) unit: Option<String>,
    /// Kept by the second, not by the minute.
    pub(crate) is_high_resolution: bool,
}

impl Datapoint {
    /// One value at one moment, without a unit, of standard resolution.
    pub(crate) fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)], time: Timestamp, value: f64) -> Self {
        let dimension = |(name, value): &(&str, &str)| Dimension { name: (*name).into(), value: (*value).into() };
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(dimension).collect(),
            time,
            samples: Samples::one(value),
            unit: None,
            is_high_resolution: false,
        }
    }

    /// The same in a unit.
    pub(crate) fn in_unit(self, unit: &str) -> Self {
        Self { unit: Some(unit.to_owned()), ..self }
    }
}

/// Keeps a datapoint. One with a value that AWS has no room for is dropped, as AWS drops what a filter extracts so.
pub(crate) fn record(world: &mut World, account: &AccountId, region: &Region, datapoint: Datapoint) {
    if !datapoint.samples.is_in_bounds() {
        return;
    }
    let scope = format!("{account}/{region}");
    let metric = Metric::new(&datapoint.namespace, &datapoint.name, &datapoint.dimensions);
    let series = Series::of(&scope, &metric);
    let state = &mut world.cloudwatch;
    state.note_metric(&series, metric, datapoint.time);
    let second = datapoint.time.as_second();
    let width = if datapoint.is_high_resolution { SECOND } else { MINUTE };
    state.add(&series, floor(second, width), width, &datapoint.unit.unwrap_or_else(no_unit), &datapoint.samples);
    state.fold(&series, second);
}

/// One metric: its namespace, name and exact set of dimensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metric {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// In the order of their names.
    pub(crate) dimensions: Vec<Dimension>,
    /// The moment of the latest datapoint.
    pub(crate) latest: Timestamp,
}

impl Metric {
    pub(crate) fn new(namespace: &str, name: &str, dimensions: &[Dimension]) -> Self {
        let mut dimensions = dimensions.to_vec();
        dimensions.sort();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions, latest: Timestamp::UNIX_EPOCH }
    }
}

/// Where a metric's rows stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Series(String);

impl Series {
    /// The metric of the account and Region (`account/region`).
    pub(crate) fn of(scope: &str, metric: &Metric) -> Self {
        let dimensions: Vec<_> = metric.dimensions.iter().map(|one| (&one.name, &one.value)).collect();
        // JSON tells the parts apart whatever they hold, and has no control characters.
        Self(format!("{scope}/{}", serde_json::json!([metric.namespace, metric.name, dimensions])))
    }

    /// The key of the slot that begins at that second; keys have the order of their slots.
    fn slot(&self, second: i64) -> String {
        format!("{}\n{:011}", self.0, second.max(0))
    }
}

/// What one slot of a series gathered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// Seconds since 1970.
    pub(crate) start: i64,
    /// Seconds.
    pub(crate) width: i64,
    pub(crate) by_unit: BTreeMap<String, Samples>,
}

impl Slot {
    /// The values of one unit; those of all units if none is asked for.
    pub(crate) fn samples(&self, unit: Option<&str>) -> Samples {
        let wanted = self.by_unit.iter().filter(|(name, _)| unit.is_none_or(|unit| unit == name.as_str()));
        wanted.fold(Samples::default(), |mut all, (_, samples)| {
            all.add(samples);
            all
        })
    }
}

impl State {
    /// The slots of a series that begin in that time, in order.
    pub(crate) fn slots(&self, series: &Series, from: i64, until: i64) -> impl Iterator<Item = &Slot> {
        self.slots.between(&series.slot(from), &series.slot(until)).map(|(_, slot)| slot)
    }

    fn note_metric(&mut self, series: &Series, metric: Metric, time: Timestamp) {
        match self.metrics.get_mut(&series.0) {
            Some(known) => known.latest = known.latest.max(time),
            None => self.metrics.insert(series.0.clone(), Metric { latest: time, ..metric }),
        }
    }

    fn add(&mut self, series: &Series, start: i64, width: i64, unit: &str, samples: &Samples) {
        let key = series.slot(start);
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.width = slot.width.max(width);
            slot.by_unit.entry(unit.to_owned()).or_default().add(samples);
            return;
        }
        let by_unit = BTreeMap::from([(unit.to_owned(), samples.clone())]);
        self.slots.insert(key, Slot { start, width, by_unit });
    }

    /// Folds what is too old for its width, as seen from the latest datapoint, and drops what is too old altogether.
    fn fold(&mut self, series: &Series, now: i64) {
        for (age, width) in FOLDS {
            let until = floor(now - age, width);
            let too_fine = |slot: &&Slot| slot.width < width;
            let fine: Vec<Slot> = self.slots(series, 0, until).filter(too_fine).take(MOST_FOLDED).cloned().collect();
            for slot in fine {
                self.slots.remove(&series.slot(slot.start));
                for (unit, samples) in &slot.by_unit {
                    self.add(series, floor(slot.start, width), width, unit, samples);
                }
            }
        }
        let expired: Vec<i64> = self.slots(series, 0, now - KEPT).take(MOST_FOLDED).map(|slot| slot.start).collect();
        for start in expired {
            self.slots.remove(&series.slot(start));
        }
    }
}

/// The latest multiple of the width that is not after the second.
pub(crate) fn floor(second: i64, width: i64) -> i64 {
    second - second.rem_euclid(width.max(1))
}

/// AWS's name for a value without a unit.
pub(crate) fn no_unit() -> String {
    "None".to_owned()
}

pub(crate) const SECOND: i64 = 1;
pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;
/// How long anything is kept.
pub(crate) const KEPT: i64 = 455 * DAY;
/// After that age a slot is at least that wide, both in seconds.
pub(crate) const FOLDS: [(i64, i64); 3] = [(3 * HOUR, MINUTE), (15 * DAY, 5 * MINUTE), (63 * DAY, HOUR)];
/// Slots that one write folds, so that none takes long; the next goes on.
const MOST_FOLDED: usize = 1_000;
