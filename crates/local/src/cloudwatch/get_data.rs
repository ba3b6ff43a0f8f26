use std::collections::BTreeSet;

use jiff::Timestamp;
use keywright_policy::Resource;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid_combination, invalid_next_token, invalid_value, missing, unsupported};
use super::history::ORDERS;
use super::metrics::{Metric, Series};
use super::read::Span;
use super::statistics::Statistic;
use super::validate::{
    STATISTICS, UNITS, check_dimensions, check_enum, check_extended_statistic, check_length, check_namespace,
};
use super::{Dimension, State};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

/// Reads several metrics at once. Expressions are not computed here.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>.
pub(super) struct GetMetricData;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricDataInput {
    metric_data_queries: Vec<Query>,
    start_time: Time,
    end_time: Time,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    expression: Option<IgnoredAny>,
    label: Option<String>,
    return_data: Option<bool>,
    account_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: AskedMetric,
    period: u32,
    stat: String,
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AskedMetric {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetMetricDataOutput {
    metric_data_results: Vec<Answer>,
    messages: Vec<()>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    id: String,
    label: String,
    timestamps: Vec<Time>,
    values: Vec<f64>,
    status_code: &'static str,
}

impl Operation for GetMetricData {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "GetMetricData";
    const READ_ONLY: bool = true;
    type Input = GetMetricDataInput;
    type Output = GetMetricDataOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "cloudwatch:GetMetricData", Resource::Any)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<GetMetricDataOutput, AwsError> {
        input.check(call)?;
        let mut answers = Vec::new();
        for query in &input.metric_data_queries {
            let answer = input.answer(query, call, &world.cloudwatch)?;
            answers.extend(answer.filter(|_| query.return_data.unwrap_or(true)));
        }
        input.cut(answers)
    }
}

impl GetMetricDataInput {
    fn check(&self, call: &CallContext) -> Result<(), AwsError> {
        if self.metric_data_queries.is_empty() {
            return Err(missing("MetricDataQueries"));
        }
        if self.metric_data_queries.len() > MOST_QUERIES {
            let length = self.metric_data_queries.len();
            return Err(constraint("metricDataQueries", length, "have length less than or equal to 500"));
        }
        if let Some(order) = &self.scan_by {
            check_enum("scanBy", order, &ORDERS)?;
        }
        if self.max_datapoints.is_some_and(|most| most == 0 || most > MOST_DATAPOINTS) {
            return Err(invalid_value("The parameter MaxDatapoints must be between 1 and 100800."));
        }
        let mut ids = BTreeSet::new();
        for query in &self.metric_data_queries {
            query.check(call)?;
            if !ids.insert(&query.id) {
                return Err(invalid_value(format!("The id {} is given more than once.", query.id)));
            }
        }
        Ok(())
    }

    /// All datapoints of a query; none for one whose values are not known.
    fn answer(&self, query: &Query, call: &CallContext, state: &State) -> Result<Option<Answer>, AwsError> {
        let Some(asked) = &query.metric_stat else { return Ok(None) };
        let (metric, statistic) = (asked.metric.read()?, Statistic::read(&asked.stat)?);
        let span = Span::new(self.start_time.0, self.end_time.0, asked.period, call.now)?;
        let series = Series::of(&call.regional_scope(), &metric);
        let periods = span.read(state, &series, asked.unit.as_deref());
        let mut points: Vec<(i64, f64)> =
            periods.iter().filter_map(|(start, samples)| Some((*start, statistic.of(samples)?))).collect();
        if self.scan_by.as_deref() != Some("TimestampAscending") {
            points.reverse();
        }
        Ok(Some(Answer {
            id: query.id.clone(),
            label: query.label.clone().unwrap_or_else(|| metric.name.clone()),
            timestamps: points
                .iter()
                .map(|(start, _)| Timestamp::from_second(*start).unwrap_or_default().into())
                .collect(),
            values: points.iter().map(|(_, value)| *value).collect(),
            status_code: "Complete",
        }))
    }

    /// The page that the token points at: so many datapoints, over all queries.
    fn cut(&self, answers: Vec<Answer>) -> Result<GetMetricDataOutput, AwsError> {
        let mut skip = match &self.next_token {
            Some(token) => token.parse::<usize>().map_err(|_| invalid_next_token())?,
            None => 0,
        };
        let (start, mut left) = (skip, self.max_datapoints.unwrap_or(MOST_DATAPOINTS));
        let mut page = GetMetricDataOutput { metric_data_results: Vec::new(), messages: Vec::new(), next_token: None };
        for mut answer in answers {
            let length = answer.values.len();
            let (from, to) = (skip.min(length), skip.min(length) + left.min(length - skip.min(length)));
            let was_shown = skip > 0 && from == length;
            (skip, left) = (skip - from, left - (to - from));
            if was_shown {
                continue;
            }
            if to < length {
                page.next_token = Some((start + self.max_datapoints.unwrap_or(MOST_DATAPOINTS)).to_string());
                answer.status_code = "PartialData";
            }
            answer.timestamps = answer.timestamps.drain(from..to).collect();
            answer.values = answer.values.drain(from..to).collect();
            page.metric_data_results.push(answer);
        }
        Ok(page)
    }
}

impl Query {
    fn check(&self, call: &CallContext) -> Result<(), AwsError> {
        check_length("metricDataQueries.id", &self.id, 1, 255)?;
        let is_word = self.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_word || !self.id.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(invalid_value(format!("The value {} for parameter MetricDataQueries.Id is invalid.", self.id)));
        }
        if self.expression.is_some() && self.metric_stat.is_some() {
            return Err(invalid_combination("Expression and MetricStat cannot be specified at the same time."));
        }
        if self.expression.is_some() {
            return Err(unsupported("Metric math and Metrics Insights (Expression) are"));
        }
        if self.label.as_ref().is_some_and(|label| label.contains("${")) {
            return Err(unsupported("Dynamic labels (${…}) are"));
        }
        if self.account_id.as_ref().is_some_and(|account| *account != call.account.as_str()) {
            return Err(unsupported("Reading another account's metrics (AccountId) is"));
        }
        self.metric_stat.as_ref().ok_or_else(|| missing("MetricDataQueries.MetricStat"))?.check()
    }
}

impl MetricStat {
    fn check(&self) -> Result<(), AwsError> {
        if !STATISTICS.contains(&self.stat.as_str()) {
            check_extended_statistic(&self.stat)?;
        }
        match &self.unit {
            Some(unit) => check_enum("unit", unit, &UNITS),
            None => Ok(()),
        }
    }
}

impl AskedMetric {
    fn read(&self) -> Result<Metric, AwsError> {
        let namespace = self.namespace.as_ref().ok_or_else(|| missing("Metric.Namespace"))?;
        let name = self.metric_name.as_ref().ok_or_else(|| missing("Metric.MetricName"))?;
        check_namespace(namespace)?;
        check_length("metricName", name, 1, 255)?;
        check_dimensions(&self.dimensions)?;
        Ok(Metric::new(namespace, name, &self.dimensions))
    }
}

const MOST_QUERIES: usize = 500;
const MOST_DATAPOINTS: usize = 100_800;
