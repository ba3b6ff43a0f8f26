//! What the operations that read metrics share: the time that they ask about, cut into periods.

use jiff::Timestamp;

use super::State;
use super::error::{constraint, invalid_combination, invalid_value};
use super::metrics::{FOLDS, KEPT, MINUTE, Series, Slot, floor};
use super::samples::Samples;
use crate::error::AwsError;

/// A time that is asked about, and the length of the periods that it is cut into, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    from: i64,
    until: i64,
    period: i64,
    now: i64,
}

impl Span {
    /// The start is rounded down as AWS does it: to the minute, after 15 days to five minutes, after 63 days to the
    /// hour, and only below a minute to the period.
    ///
    /// # Errors
    /// When the end is not after the start, or the period is none of AWS's.
    pub(super) fn new(start: Timestamp, end: Timestamp, period: u32, now: Timestamp) -> Result<Self, AwsError> {
        if start >= end {
            return Err(invalid_combination("The parameter StartTime must be less than the parameter EndTime."));
        }
        check_period(period)?;
        let (period, now) = (i64::from(period), now.as_second());
        let grain = finest(now - start.as_second()).max(period.min(MINUTE));
        let from = floor(start.as_second(), grain).max(0);
        // The end is left out, but not the rest of the second that it stands in.
        let until = end.as_second() + i64::from(end.subsec_nanosecond() > 0);
        Ok(Self { from, until, period, now })
    }

    /// How many periods that is.
    pub(super) fn len(&self) -> i64 {
        (self.until - self.from + self.period - 1) / self.period
    }

    /// The values of each period that has some, in order, by its first second; of one unit, or of all together.
    ///
    /// Of a time whose slots are wider by now than the period there are none, as in AWS.
    pub(super) fn read(&self, state: &State, series: &Series, unit: Option<&str>) -> Vec<(i64, Samples)> {
        let mut periods: Vec<(i64, Samples)> = Vec::new();
        for slot in state.slots(series, self.from, self.until).filter(|slot| self.shows(slot)) {
            let samples = slot.samples(unit);
            let start = self.from + floor(slot.start - self.from, self.period);
            match periods.last_mut().filter(|(last, _)| *last == start) {
                Some((_, all)) => all.add(&samples),
                None => periods.push((start, samples)),
            }
        }
        periods.retain(|(_, samples)| !samples.is_empty());
        periods
    }

    /// The units in which there are values.
    pub(super) fn units(&self, state: &State, series: &Series) -> Vec<String> {
        let slots = state.slots(series, self.from, self.until).filter(|slot| self.shows(slot));
        let units: std::collections::BTreeSet<&String> = slots.flat_map(|slot| slot.by_unit.keys()).collect();
        units.into_iter().cloned().collect()
    }

    fn shows(&self, slot: &Slot) -> bool {
        let age = self.now - slot.start;
        age <= KEPT && self.period % finest(age).max(slot.width.min(self.period)) == 0
    }
}

/// How fine slots of that age still are.
fn finest(age: i64) -> i64 {
    FOLDS.iter().filter(|(limit, _)| age > *limit).map(|(_, width)| *width).max().unwrap_or(1)
}

fn check_period(period: u32) -> Result<(), AwsError> {
    match period {
        0 => Err(constraint("period", 0, "have value greater than or equal to 1")),
        1 | 5 | 10 | 20 | 30 => Ok(()),
        _ if period.is_multiple_of(60) && period <= LONGEST_PERIOD => Ok(()),
        _ => Err(invalid_value(format!(
            "The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, and at most a day: {period}"
        ))),
    }
}

/// Seconds in a day.
const LONGEST_PERIOD: u32 = 86_400;
