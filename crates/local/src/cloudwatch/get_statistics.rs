use indexmap::IndexMap;
use keywright_policy::Resource;
use serde::{Deserialize, Serialize};

use super::Dimension;
use super::error::{constraint, invalid_combination};
use super::metrics::{Metric, Series};
use super::read::Span;
use super::samples::Samples;
use super::statistics::Statistic;
use super::validate::{
    STATISTICS, UNITS, check_dimensions, check_enum, check_extended_statistic, check_length, check_namespace,
};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::{Map, Time};
use crate::world::World;

/// Reads statistics of one metric.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html>.
pub(super) struct GetMetricStatistics;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricStatisticsInput {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    start_time: Time,
    end_time: Time,
    period: u32,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
    unit: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricStatisticsOutput {
    label: String,
    datapoints: Vec<Shown>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    timestamp: Time,
    sample_count: Option<f64>,
    average: Option<f64>,
    sum: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    unit: String,
    extended_statistics: Option<Map<f64>>,
}

impl Operation for GetMetricStatistics {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "GetMetricStatistics";
    const READ_ONLY: bool = true;
    type Input = GetMetricStatisticsInput;
    type Output = GetMetricStatisticsOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "cloudwatch:GetMetricStatistics", Resource::Any)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<GetMetricStatisticsOutput, AwsError> {
        input.check()?;
        let percentiles = input.percentiles()?;
        let span = Span::new(input.start_time.0, input.end_time.0, input.period, call.now)?;
        check_length_of(&span)?;
        let metric = Metric::new(&input.namespace, &input.metric_name, &input.dimensions);
        let series = Series::of(&call.regional_scope(), &metric);
        let units = match &input.unit {
            Some(unit) => vec![unit.clone()],
            None => span.units(&world.cloudwatch, &series),
        };
        let mut datapoints = Vec::new();
        for unit in &units {
            let periods = span.read(&world.cloudwatch, &series, Some(unit));
            datapoints.extend(periods.iter().map(|(start, samples)| input.shown(*start, samples, unit, &percentiles)));
        }
        datapoints.sort_by_key(|datapoint| datapoint.timestamp);
        Ok(GetMetricStatisticsOutput { label: input.metric_name, datapoints })
    }
}

impl GetMetricStatisticsInput {
    fn check(&self) -> Result<(), AwsError> {
        check_namespace(&self.namespace)?;
        check_length("metricName", &self.metric_name, 1, 255)?;
        check_dimensions(&self.dimensions)?;
        self.statistics.iter().try_for_each(|statistic| check_enum("statistics", statistic, &STATISTICS))?;
        self.extended_statistics.iter().try_for_each(|statistic| check_extended_statistic(statistic))?;
        if self.statistics.len() > 5 {
            return Err(constraint("statistics", self.statistics.len(), "have length less than or equal to 5"));
        }
        if self.extended_statistics.len() > 10 {
            let length = self.extended_statistics.len();
            return Err(constraint("extendedStatistics", length, "have length less than or equal to 10"));
        }
        if self.statistics.is_empty() == self.extended_statistics.is_empty() {
            return Err(invalid_combination("Must specify either Statistics or ExtendedStatistics, but not both."));
        }
        match &self.unit {
            Some(unit) => check_enum("unit", unit, &UNITS),
            None => Ok(()),
        }
    }

    fn percentiles(&self) -> Result<Vec<(String, Statistic)>, AwsError> {
        self.extended_statistics.iter().map(|name| Ok((name.clone(), Statistic::read(name)?))).collect()
    }

    fn shown(&self, start: i64, samples: &Samples, unit: &str, percentiles: &[(String, Statistic)]) -> Shown {
        let asked = |name: &str, statistic: Statistic| {
            self.statistics.iter().any(|asked| asked == name).then(|| statistic.of(samples)).flatten()
        };
        let extended: IndexMap<String, f64> = percentiles
            .iter()
            .filter_map(|(name, statistic)| statistic.of(samples).map(|value| (name.clone(), value)))
            .collect();
        Shown {
            timestamp: jiff::Timestamp::from_second(start).unwrap_or_default().into(),
            sample_count: asked("SampleCount", Statistic::SampleCount),
            average: asked("Average", Statistic::Average),
            sum: asked("Sum", Statistic::Sum),
            minimum: asked("Minimum", Statistic::Minimum),
            maximum: asked("Maximum", Statistic::Maximum),
            unit: unit.to_owned(),
            extended_statistics: (!extended.is_empty()).then_some(Map(extended)),
        }
    }
}

fn check_length_of(span: &Span) -> Result<(), AwsError> {
    if span.len() <= MOST_DATAPOINTS {
        return Ok(());
    }
    Err(invalid_combination(format!(
        "You have requested up to {} datapoints, which exceeds the limit of {MOST_DATAPOINTS}. You may reduce the \
         datapoints requested by increasing Period, or decreasing the time range.",
        span.len()
    )))
}

const MOST_DATAPOINTS: i64 = 1_440;
