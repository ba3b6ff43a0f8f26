//! One evaluation of one alarm: its datapoints, the state that they put it in, and why, in AWS's words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::judgement::{Judgement, Rule, Treatment};
use super::metrics::{DAY, HOUR, MINUTE, Metric, Series};
use super::samples::Samples;
use super::statistics::Statistic;
use super::transition::Change;
use super::{Alarm, AlarmState, Definition, State};

/// What an evaluation came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// The alarm stays as it is.
    Same,
    /// Its state becomes another one.
    Changed(Change),
}

/// One period as the alarm sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    value: f64,
    count: f64,
}

/// An alarm's periods that were read already, by their first second; what is recorded later makes them untrue.
pub(super) type Read = BTreeMap<i64, Option<Point>>;

impl Definition {
    /// Seconds between two evaluations: ten below a minute, an hour where more than a day is looked at, else a minute.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>.
    pub(super) fn step(&self) -> i64 {
        let period = i64::from(self.period);
        match period * i64::from(self.evaluation_periods) {
            span if span > DAY => HOUR,
            _ if period < MINUTE => 10,
            _ => MINUTE,
        }
    }

    /// Seconds that an evaluation looks back.
    pub(super) fn reach(&self) -> i64 {
        i64::from(self.period) * i64::try_from(self.rule().range()).unwrap_or(i64::MAX >> 32)
    }

    /// Of which metric, in `account/region`.
    pub(super) fn series(&self, scope: &str) -> Series {
        Series::of(scope, &Metric::new(&self.namespace, &self.metric_name, &self.dimensions))
    }

    fn rule(&self) -> Rule {
        Rule {
            evaluation_periods: self.evaluation_periods as usize,
            datapoints_to_alarm: self.datapoints_to_alarm.unwrap_or(self.evaluation_periods) as usize,
            missing: Treatment::read(self.treat_missing_data.as_deref()),
        }
    }

    fn statistic_name(&self) -> &str {
        self.statistic.as_deref().or(self.extended_statistic.as_deref()).unwrap_or_default()
    }

    fn is_over(&self, value: f64) -> bool {
        match self.comparison_operator.as_str() {
            "GreaterThanThreshold" => value > self.threshold,
            "GreaterThanOrEqualToThreshold" => value >= self.threshold,
            "LessThanThreshold" => value < self.threshold,
            "LessThanOrEqualToThreshold" => value <= self.threshold,
            // No other is let in.
            _ => false,
        }
    }

    fn comparison_in_words(&self) -> &'static str {
        match self.comparison_operator.as_str() {
            "GreaterThanThreshold" => "greater than",
            "GreaterThanOrEqualToThreshold" => "greater than or equal to",
            "LessThanThreshold" => "less than",
            _ => "less than or equal to",
        }
    }
}

/// Evaluates an alarm on the periods that end at that second and before.
pub(super) fn evaluate(state: &State, alarm: &Alarm, scope: &str, end: i64, read: &mut Read) -> Outcome {
    let definition = &alarm.definition;
    // What cannot be computed was refused when the alarm was made.
    let Ok(statistic) = Statistic::read(definition.statistic_name()) else { return Outcome::Same };
    let periods = periods(state, definition, scope, statistic, end, read);
    let over: Vec<Option<bool>> =
        periods.iter().map(|(_, point)| point.map(|point| definition.is_over(point.value))).collect();
    let judgement = definition.rule().judge(&over);
    let evidence = Evidence { definition, periods: &periods, judgement: &judgement };
    match judgement.state {
        Some(state) if state != alarm.state && !evidence.is_too_thin(statistic) => {
            Outcome::Changed(Change { state, reason: evidence.reason(state), reason_data: Some(evidence.data(end)) })
        }
        _ => Outcome::Same,
    }
}

/// The evaluation range, oldest period first.
fn periods(
    state: &State,
    definition: &Definition,
    scope: &str,
    statistic: Statistic,
    end: i64,
    read: &mut Read,
) -> Vec<(i64, Option<Point>)> {
    let (series, period) = (definition.series(scope), i64::from(definition.period));
    let count = i64::try_from(definition.rule().range()).unwrap_or_default();
    let starts = (1..=count).rev().map(|back| end - back * period);
    starts
        .map(|start| {
            let point = read
                .entry(start)
                .or_insert_with(|| point(state, definition, &series, statistic, start, start + period));
            (start, *point)
        })
        .collect()
}

fn point(
    state: &State,
    definition: &Definition,
    series: &Series,
    statistic: Statistic,
    from: i64,
    until: i64,
) -> Option<Point> {
    let mut all = Samples::default();
    for slot in state.slots(series, from, until) {
        all.add(&slot.samples(definition.unit.as_deref()));
    }
    statistic.of(&all).map(|value| Point { value, count: all.count })
}

/// What a judgement rests on.
struct Evidence<'a> {
    definition: &'a Definition,
    periods: &'a [(i64, Option<Point>)],
    judgement: &'a Judgement,
}

impl Evidence<'_> {
    /// Whether a percentile rests on so few values that the alarm is to ignore it.
    fn is_too_thin(&self, statistic: Statistic) -> bool {
        self.definition.evaluate_low_sample_count_percentile.as_deref() == Some("ignore")
            && self.used().any(|(_, point)| statistic.is_unsure_of(point.count))
    }

    /// The real datapoints that count, oldest first.
    fn used(&self) -> impl DoubleEndedIterator<Item = (i64, Point)> {
        let period = |at: &usize| self.periods.get(*at).and_then(|(start, point)| point.map(|point| (*start, point)));
        self.judgement.used.iter().filter_map(period)
    }

    fn reason(&self, state: AlarmState) -> String {
        let Judgement { used, filled, .. } = self.judgement;
        let treated = match self.definition.rule().missing {
            Treatment::Breaching => "Breaching",
            Treatment::NotBreaching => "NonBreaching",
            // Then nothing was put in the place of what is missing.
            Treatment::Missing | Treatment::Ignore if used.is_empty() => return unknown(*filled),
            Treatment::Missing | Treatment::Ignore => return self.crossed(state),
        };
        match *filled {
            0 => self.crossed(state),
            filled => format!(
                "Threshold Crossed: {} for {} and {} treated as [{treated}].",
                received(used.len()),
                counted(self.definition.evaluation_periods as usize, "period"),
                were(filled, "missing datapoint"),
            ),
        }
    }

    /// Which datapoints were over the threshold, or not, the latest first.
    fn crossed(&self, state: AlarmState) -> String {
        let is_alarm = state == AlarmState::Alarm;
        let on_that_side = |point: &(i64, Point)| self.definition.is_over(point.1.value) == is_alarm;
        let points: Vec<String> = self.used().rev().filter(on_that_side).map(shown).collect();
        let rule = self.definition.rule();
        let (change, least) = match is_alarm {
            true => ("OK -> ALARM", rule.datapoints_to_alarm),
            false => ("ALARM -> OK", rule.evaluation_periods + 1 - rule.datapoints_to_alarm),
        };
        format!(
            "Threshold Crossed: {} out of the last {} datapoints [{}] {} {}{} the threshold ({:?}) (minimum {} for \
             {change} transition).",
            points.len(),
            self.judgement.used.len(),
            points.join(", "),
            if points.len() == 1 { "was" } else { "were" },
            if is_alarm { "" } else { "not " },
            self.definition.comparison_in_words(),
            self.definition.threshold,
            counted(least, "datapoint"),
        )
    }

    /// The same for programs, as JSON.
    fn data(&self, end: i64) -> String {
        let data = ReasonData {
            version: "1.0",
            query_date: moment(end),
            start_date: self.used().next().map(|(start, _)| moment(start)),
            unit: self.definition.unit.as_deref(),
            statistic: self.definition.statistic_name(),
            period: self.definition.period,
            recent_datapoints: self.used().map(|(_, point)| point.value).collect(),
            threshold: self.definition.threshold,
            evaluated_datapoints: self.used().rev().map(EvaluatedDatapoint::from).collect(),
        };
        serde_json::to_string(&data).unwrap_or_default()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasonData<'a> {
    version: &'static str,
    query_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    statistic: &'a str,
    period: u32,
    recent_datapoints: Vec<f64>,
    threshold: f64,
    evaluated_datapoints: Vec<EvaluatedDatapoint>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EvaluatedDatapoint {
    timestamp: String,
    sample_count: f64,
    value: f64,
}

impl From<(i64, Point)> for EvaluatedDatapoint {
    fn from((start, point): (i64, Point)) -> Self {
        Self { timestamp: moment(start), sample_count: point.count, value: point.value }
    }
}

/// `150.0 (02/01/26 03:05:00)`.
fn shown((start, point): (i64, Point)) -> String {
    let time = Timestamp::from_second(start).unwrap_or_default().strftime("%d/%m/%y %H:%M:%S");
    format!("{:?} ({time})", point.value)
}

fn unknown(count: usize) -> String {
    format!("Insufficient Data: {} unknown.", were(count, "datapoint"))
}

fn received(count: usize) -> String {
    match count {
        0 => "no datapoints were received".to_owned(),
        _ => format!("{} received", were(count, "datapoint")),
    }
}

fn were(count: usize, noun: &str) -> String {
    format!("{} {}", counted(count, noun), if count == 1 { "was" } else { "were" })
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A moment as AWS writes it in the JSON of reasons and notifications.
fn moment(second: i64) -> String {
    written(Timestamp::from_second(second).unwrap_or_default())
}

/// `2026-01-02T03:04:05.000+0000`.
pub(super) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}
