use keywright_aws::Usage;

use super::Examination;
use super::facts::{Facts, Read, WantedAlarm};
use crate::subject::Part;

/// The threshold is below what the key is used for every day.
pub(super) fn examine(facts: &Facts) -> Examination {
    let Some(wanted) = &facts.module.inputs().decrypt_alarm else {
        return Examination::fine("`enable_key_monitoring` is off: there is no decrypt alarm");
    };
    let mut examination = Examination::default();
    for (part, usage) in &facts.usage {
        let Some(alarm) = alarm(facts, *part) else { continue };
        let threshold = match threshold(facts, &alarm) {
            Ok(Some(threshold)) => threshold,
            Ok(None) => {
                examination.saw(format!("`{}` is not there: see case 3", alarm.name));
                continue;
            }
            Err(unread) => {
                examination.unread(&unread);
                continue;
            }
        };
        let usage = match usage {
            Ok(usage) => usage,
            Err(unread) => {
                examination.unread(unread);
                continue;
            }
        };
        let name = &alarm.name;
        let ringing = Ringing::new(usage, threshold);
        if ringing.is_constant() {
            examination.found(
                format!(
                    "in the last five days, `{name}` had to ring {} times, for {} periods of five minutes in all; the {part} key served up to {} Decrypt calls in such a period",
                    ringing.times, ringing.periods, ringing.level
                ),
                format!("its threshold, {threshold}, is below what the key is used for every day"),
                format!(
                    "if these calls are meant (`AWS/KMS SuccessfulRequest` by `Operation=Decrypt` and CloudTrail tell whose they are), set `key_decrypt_threshold = {}` (it is {} now) and run `keywright apply`",
                    ringing.quiet_threshold(),
                    wanted.threshold.calls(),
                ),
            );
        } else if ringing.times > 0 {
            examination.saw(format!("`{name}` had to ring {} times in five days: rarely, as it should", ringing.times));
        } else {
            examination.saw(format!("`{name}` had no reason to ring in the last five days"));
        }
    }
    examination
}

fn alarm(facts: &Facts, part: Part) -> Option<WantedAlarm> {
    let resource = if part == Part::Replica { "kms_replica_decrypt_alarm" } else { "kms_decrypt_alarm" };
    facts.wanted_alarms().into_iter().find(|it| it.resource == resource)
}

/// The threshold that the alarm really has; none where there is no such alarm.
fn threshold(facts: &Facts, wanted: &WantedAlarm) -> Read<Option<f64>> {
    let Some(alarms) = facts.alarms.get(&wanted.region) else { return Ok(None) };
    let alarms = alarms.as_ref().map_err(Clone::clone)?;
    Ok(alarms.iter().find(|it| it.name == wanted.name).and_then(|it| it.threshold))
}

/// When an alarm rings that wants two of three periods of five minutes above its threshold.
#[derive(Debug, PartialEq)]
struct Ringing {
    times: usize,
    periods: usize,
    /// The least threshold at which it would have stayed silent.
    level: f64,
}

impl Ringing {
    fn new(usage: &Usage, threshold: f64) -> Self {
        let points: Vec<(i64, f64)> = usage.iter().map(|(at, calls)| (at.as_second(), *calls)).collect();
        let pairs = points.iter().enumerate().flat_map(|(at, first)| {
            let near =
                points.iter().skip(at.saturating_add(1)).take_while(move |it| it.0 <= first.0.saturating_add(SPAN));
            near.map(move |second| (second.0, first.1.min(second.1)))
        });
        let pairs: Vec<(i64, f64)> = pairs.collect();
        let level = pairs.iter().map(|(_, calls)| *calls).fold(0.0, f64::max);
        let mut at: Vec<i64> = pairs.iter().filter(|(_, calls)| *calls > threshold).map(|(at, _)| *at).collect();
        at.sort_unstable();
        at.dedup();
        let apart = at.iter().zip(at.iter().skip(1)).filter(|(one, next)| **next > one.saturating_add(SPAN)).count();
        let times = if at.is_empty() { 0 } else { apart.saturating_add(1) };
        Self { times, periods: at.len(), level }
    }

    /// Often, or for an hour and more. Once is what the alarm is for.
    fn is_constant(&self) -> bool {
        self.times >= OFTEN || self.periods >= LONG
    }

    /// What was seen, and a quarter more.
    fn quiet_threshold(&self) -> f64 {
        (self.level * 1.25).ceil()
    }
}

/// Three periods begin within that many seconds.
const SPAN: i64 = 600;
const OFTEN: usize = 3;
const LONG: usize = 12;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn check(points: &[(i64, f64)], threshold: f64, expect: (usize, usize, f64)) {
        let at = |period: i64| Timestamp::from_second(period * 300).expect("a time");
        let usage = points.iter().map(|(period, calls)| (at(*period), *calls)).collect();
        let (times, periods, level) = expect;
        assert_eq!(Ringing::new(&usage, threshold), Ringing { times, periods, level }, "{points:?}");
    }

    #[test]
    fn two_of_three_periods_above_the_threshold_ring() {
        check(&[], 10.0, (0, 0, 0.0));
        check(&[(0, 50.0)], 10.0, (0, 0, 0.0));
        check(&[(0, 50.0), (1, 20.0)], 10.0, (1, 1, 20.0));
        check(&[(0, 50.0), (2, 20.0)], 10.0, (1, 1, 20.0));
        check(&[(0, 50.0), (3, 20.0)], 10.0, (0, 0, 0.0));
        check(&[(0, 50.0), (1, 10.0)], 10.0, (0, 0, 10.0));
    }

    #[test]
    fn what_is_apart_rings_again() {
        check(&[(0, 9.0), (1, 9.0), (10, 8.0), (11, 8.0), (20, 7.0), (22, 9.0)], 5.0, (3, 3, 9.0));
    }

    #[test]
    fn the_proposed_threshold_would_have_been_silent() {
        let usage = [(0, 9.0), (300, 7.0)].map(|(at, calls)| (Timestamp::from_second(at).expect("a time"), calls));
        let usage: Usage = usage.into_iter().collect();
        let quiet = Ringing::new(&usage, 1.0).quiet_threshold();
        assert_eq!(Ringing::new(&usage, quiet).times, 0);
    }
}
