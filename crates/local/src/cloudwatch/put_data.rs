use jiff::{SignedDuration, Timestamp};
use keywright_policy::Resource;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Dimension;
use super::error::{constraint, invalid_combination, invalid_value, missing, unsupported};
use super::metrics::{Datapoint, record};
use super::samples::{GREATEST, Samples};
use super::validate::{UNITS, check_dimensions, check_enum, check_length, check_namespace};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

/// Publishes datapoints, all of them or none.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html> and
/// `API_MetricDatum.html` beside it.
pub(super) struct PutMetricData;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutMetricDataInput {
    namespace: String,
    #[serde(default)]
    metric_data: Vec<Datum>,
    entity_metric_data: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    timestamp: Option<Time>,
    value: Option<f64>,
    statistic_values: Option<StatisticSet>,
    #[serde(default)]
    values: Vec<f64>,
    #[serde(default)]
    counts: Vec<f64>,
    unit: Option<String>,
    storage_resolution: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatisticSet {
    sample_count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Operation for PutMetricData {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "PutMetricData";
    const READ_ONLY: bool = false;
    type Input = PutMetricDataInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        let check = Check::new(call, "cloudwatch:PutMetricData", Resource::Any);
        Ok(vec![check.with("cloudwatch:namespace", input.namespace.as_str())])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        input.check()?;
        for (at, datum) in input.metric_data.into_iter().enumerate() {
            let datapoint = datum.into_datapoint(&input.namespace, at + 1, call.now)?;
            record(world, &call.account, &call.region, datapoint);
        }
        Ok(())
    }
}

impl PutMetricDataInput {
    fn check(&self) -> Result<(), AwsError> {
        check_namespace(&self.namespace)?;
        if self.namespace.starts_with("AWS/") {
            return Err(invalid_value("The value AWS/ for parameter Namespace is invalid."));
        }
        if self.entity_metric_data.is_some() {
            return Err(unsupported("EntityMetricData is"));
        }
        if self.metric_data.is_empty() {
            return Err(missing("MetricData"));
        }
        if self.metric_data.len() > MOST_DATA {
            let length = self.metric_data.len();
            return Err(constraint("metricData", length, "have length less than or equal to 1000"));
        }
        Ok(())
    }
}

impl Datum {
    fn into_datapoint(self, namespace: &str, number: usize, now: Timestamp) -> Result<Datapoint, AwsError> {
        let member = format!("MetricData.member.{number}");
        check_length(&format!("{member}.metricName"), &self.metric_name, 1, 255)?;
        check_dimensions(&self.dimensions)?;
        if let Some(unit) = &self.unit {
            check_enum(&format!("{member}.unit"), unit, &UNITS)?;
        }
        let is_high_resolution = match self.storage_resolution {
            None | Some(60) => false,
            Some(1) => true,
            Some(other) => {
                let message = format!("The value {other} for parameter {member}.StorageResolution must be 1 or 60.");
                return Err(invalid_value(message));
            }
        };
        Ok(Datapoint {
            namespace: namespace.to_owned(),
            time: self.time(&member, now)?,
            samples: self.samples(&member)?,
            name: self.metric_name,
            dimensions: self.dimensions,
            unit: self.unit,
            is_high_resolution,
        })
    }

    /// From two weeks back to two hours ahead.
    fn time(&self, member: &str, now: Timestamp) -> Result<Timestamp, AwsError> {
        let time = self.timestamp.map_or(now, |time| time.0);
        let ahead = time.duration_since(now);
        if ahead > MOST_AHEAD {
            return Err(invalid_value(format!(
                "The parameter {member}.Timestamp must specify a time no more than two hours in the future."
            )));
        }
        if ahead < -MOST_BACK {
            return Err(invalid_value(format!(
                "The parameter {member}.Timestamp must specify a time no more than two weeks in the past."
            )));
        }
        Ok(time)
    }

    /// One value, or a set, or values that came so often each: one of the three.
    fn samples(&self, member: &str) -> Result<Samples, AwsError> {
        match (self.value, &self.statistic_values, self.values.is_empty()) {
            (Some(value), None, true) => {
                check_value(&format!("{member}.Value"), value)?;
                self.check_no_counts(member)?;
                Ok(Samples::one(value))
            }
            (None, Some(set), true) => {
                self.check_no_counts(member)?;
                set.samples(&format!("{member}.StatisticValues"))
            }
            (None, None, false) => self.repeated(member),
            (None, None, true) => Err(missing(&format!("{member}.Value"))),
            _ => Err(invalid_combination(format!(
                "The parameters {member}.Value, {member}.StatisticValues and {member}.Values are mutually exclusive \
                 and you have specified more than one of them."
            ))),
        }
    }

    fn check_no_counts(&self, member: &str) -> Result<(), AwsError> {
        if self.counts.is_empty() {
            return Ok(());
        }
        Err(invalid_combination(format!("{member}.Counts can be specified only with {member}.Values.")))
    }

    fn repeated(&self, member: &str) -> Result<Samples, AwsError> {
        if self.values.len() > MOST_VALUES {
            let rule = "have length less than or equal to 150";
            return Err(constraint(&format!("{member}.values"), self.values.len(), rule));
        }
        if !self.counts.is_empty() && self.counts.len() != self.values.len() {
            return Err(invalid_value(format!(
                "The parameters {member}.Values and {member}.Counts must have the same number of values."
            )));
        }
        let mut all = Samples::default();
        for (at, value) in self.values.iter().enumerate() {
            let count = self.counts.get(at).copied().unwrap_or(1.0);
            check_value(&format!("{member}.Values.member.{}", at + 1), *value)?;
            check_count(&format!("{member}.Counts.member.{}", at + 1), count)?;
            all.add(&Samples::repeated(*value, count));
        }
        Ok(all)
    }
}

impl StatisticSet {
    fn samples(&self, member: &str) -> Result<Samples, AwsError> {
        check_count(&format!("{member}.SampleCount"), self.sample_count)?;
        for (name, value) in [("Sum", self.sum), ("Minimum", self.minimum), ("Maximum", self.maximum)] {
            check_value(&format!("{member}.{name}"), value)?;
        }
        if self.minimum > self.maximum {
            return Err(invalid_combination(format!(
                "The parameter {member}.Maximum must be greater than or equal to {member}.Minimum."
            )));
        }
        Ok(Samples::set(self.sample_count, self.sum, self.minimum, self.maximum))
    }
}

/// Values lie between -2^360 and 2^360.
fn check_value(member: &str, value: f64) -> Result<(), AwsError> {
    if value.is_finite() && value.abs() <= GREATEST {
        return Ok(());
    }
    Err(invalid_value(format!("The value {value:?} for parameter {member} is invalid.")))
}

fn check_count(member: &str, count: f64) -> Result<(), AwsError> {
    check_value(member, count)?;
    if count > 0.0 {
        return Ok(());
    }
    Err(invalid_value(format!("The value {count:?} for parameter {member} must be greater than 0.")))
}

const MOST_DATA: usize = 1_000;
const MOST_VALUES: usize = 150;
const MOST_AHEAD: SignedDuration = SignedDuration::from_hours(2);
const MOST_BACK: SignedDuration = SignedDuration::from_hours(14 * 24);
