//! What state datapoints put an alarm in: AWS's rules, without clocks or stores.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>; its two
//! tables are cases in `conformance/local/alarm-evaluation.json`.

use super::AlarmState;

/// How many of the latest datapoints count, how many of them must be over, and what stands in for missing ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// N.
    pub(super) evaluation_periods: usize,
    /// M.
    pub(super) datapoints_to_alarm: usize,
    pub(super) missing: Treatment,
}

/// What stands in for datapoints that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    Missing,
    Ignore,
    Breaching,
    NotBreaching,
}

/// A state, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    /// None: the alarm stays as it is.
    pub(super) state: Option<AlarmState>,
    /// The real datapoints that count, as places in the evaluation range, oldest first.
    pub(super) used: Vec<usize>,
    /// How many of them are over the threshold.
    pub(super) breaching: usize,
    /// How many were filled in.
    pub(super) filled: usize,
}

impl Treatment {
    /// Reads AWS's word; without one, missing data are missing.
    pub(super) fn read(word: Option<&str>) -> Self {
        match word {
            Some("ignore") => Self::Ignore,
            Some("breaching") => Self::Breaching,
            Some("notBreaching") => Self::NotBreaching,
            _ => Self::Missing,
        }
    }
}

impl Rule {
    /// How many periods are looked at, so that older datapoints can stand in for missing ones. AWS does not tell the
    /// number; its examples have five for three.
    pub(super) fn range(&self) -> usize {
        self.evaluation_periods + 2
    }

    /// Judges the evaluation range, oldest first: whether each datapoint is over the threshold, none where it is
    /// missing.
    pub(super) fn judge(&self, range: &[Option<bool>]) -> Judgement {
        let real: Vec<(usize, bool)> =
            range.iter().enumerate().filter_map(|(at, over)| over.map(|over| (at, over))).collect();
        let skipped = real.len().saturating_sub(self.evaluation_periods);
        let used = real.get(skipped..).unwrap_or_default();
        let breaching = used.iter().filter(|(_, over)| *over).count();
        let filled = self.evaluation_periods.saturating_sub(used.len());
        let oldest = used.first().map(|(at, _)| range.len() - at);
        Judgement {
            state: self.state(used.len(), breaching, filled, oldest),
            used: used.iter().map(|(at, _)| *at).collect(),
            breaching,
            filled,
        }
    }

    /// `oldest` is how many periods ago the oldest real datapoint is, the latest being one.
    fn state(&self, real: usize, breaching: usize, filled: usize, oldest: Option<usize>) -> Option<AlarmState> {
        let by_count = |breaching| match breaching >= self.datapoints_to_alarm {
            true => AlarmState::Alarm,
            false => AlarmState::Ok,
        };
        if filled == 0 {
            return Some(by_count(breaching));
        }
        match self.missing {
            Treatment::Breaching => Some(by_count(breaching + filled)),
            Treatment::NotBreaching => Some(by_count(breaching)),
            Treatment::Ignore if breaching == real && breaching < self.datapoints_to_alarm => None,
            Treatment::Missing if real == 0 => Some(AlarmState::InsufficientData),
            // "Premature alarm state": nothing but breaching datapoints, the oldest of them old enough.
            Treatment::Missing if breaching == real && oldest.is_some_and(|age| age >= self.datapoints_to_alarm) => {
                Some(AlarmState::Alarm)
            }
            Treatment::Ignore | Treatment::Missing => Some(by_count(breaching)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// One row of AWS's tables.
    #[derive(Deserialize)]
    struct Row {
        source: String,
        datapoints_to_alarm: usize,
        evaluation_periods: usize,
        /// `0` within the threshold, `X` over it, `-` missing; oldest first.
        datapoints: String,
        filled: Option<usize>,
        missing: Option<String>,
        ignore: Option<String>,
        breaching: Option<String>,
        not_breaching: Option<String>,
    }

    #[test]
    fn alarms_are_judged_by_the_tables_of_aws() {
        let rows: Vec<Row> = serde_json::from_str(include_str!("../../../../conformance/local/alarm-evaluation.json"))
            .expect("the rows");
        for row in &rows {
            assert!(!row.source.is_empty());
            check(row, Treatment::Missing, row.missing.as_deref());
            check(row, Treatment::Ignore, row.ignore.as_deref());
            check(row, Treatment::Breaching, row.breaching.as_deref());
            check(row, Treatment::NotBreaching, row.not_breaching.as_deref());
        }
    }

    fn check(row: &Row, missing: Treatment, expect: Option<&str>) {
        let Some(expect) = expect else { return };
        let rule =
            Rule { evaluation_periods: row.evaluation_periods, datapoints_to_alarm: row.datapoints_to_alarm, missing };
        let points: Vec<Option<bool>> = row.datapoints.split(' ').map(point).collect();
        assert_eq!(points.len(), rule.range(), "{}", row.datapoints);
        let judgement = rule.judge(&points);
        let state = judgement.state.map_or("retain", AlarmState::as_str);
        let what =
            format!("{} of {}: {}, {missing:?}", row.datapoints_to_alarm, row.evaluation_periods, row.datapoints);
        assert_eq!(state, expect, "{what}");
        if let Some(filled) = row.filled {
            assert_eq!(judgement.filled, filled, "{what}");
        }
    }

    fn point(text: &str) -> Option<bool> {
        match text {
            "0" => Some(false),
            "X" => Some(true),
            "-" => None,
            _ => panic!("no datapoint: {text}"),
        }
    }
}
