use indexmap::IndexMap;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid_parameter, invalid_token, limit_exceeded, no_such_filter, unsupported};
use super::pattern::Pattern;
use super::{MetricFilter, MetricTransformation, existing_group, group_check, group_key, key_in_group, validate};
use crate::check::Check;
use crate::cloudwatch::UNITS;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;
use keywright_policy::Resource;

/// Makes a metric filter, or replaces the one of that name.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>.
pub(super) struct PutMetricFilter;

/// Lists metric filters.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeMetricFilters.html>.
pub(super) struct DescribeMetricFilters;

/// Removes a metric filter.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteMetricFilter.html>.
pub(super) struct DeleteMetricFilter;

/// Tells which messages a pattern matches.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html>.
pub(super) struct TestMetricFilter;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutMetricFilterInput {
    log_group_name: String,
    filter_name: String,
    filter_pattern: String,
    metric_transformations: Vec<MetricTransformation>,
    apply_on_transformed_logs: Option<bool>,
    field_selection_criteria: Option<IgnoredAny>,
    emit_system_field_dimensions: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeMetricFiltersInput {
    log_group_name: Option<String>,
    filter_name_prefix: Option<String>,
    metric_name: Option<String>,
    metric_namespace: Option<String>,
    next_token: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeMetricFiltersOutput {
    metric_filters: Vec<ShownFilter>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownFilter {
    filter_name: String,
    filter_pattern: String,
    metric_transformations: [MetricTransformation; 1],
    creation_time: i64,
    log_group_name: String,
    apply_on_transformed_logs: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteMetricFilterInput {
    log_group_name: String,
    filter_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TestMetricFilterInput {
    filter_pattern: String,
    log_event_messages: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TestMetricFilterOutput {
    matches: Vec<MatchRecord>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchRecord {
    /// From one.
    event_number: usize,
    event_message: String,
    extracted_values: IndexMap<String, String>,
}

impl Operation for PutMetricFilter {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "PutMetricFilter";
    const READ_ONLY: bool = false;
    type Input = PutMetricFilterInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        Ok(vec![group_check(call, world, "logs:PutMetricFilter", &input.log_group_name)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        input.check_supported()?;
        validate::filter_name("filterName", &input.filter_name)?;
        read_pattern(&input.filter_pattern)?;
        let transformation = single_transformation(input.metric_transformations)?;
        existing_group(call, world, &input.log_group_name)?;
        let key = key_in_group(call, &input.log_group_name, &input.filter_name);
        let siblings = format!("{}:", group_key(call, &input.log_group_name));
        let filters = &mut world.logs.filters;
        if !filters.contains(&key) && filters.with_prefix(&siblings).count() >= MOST_FILTERS {
            return Err(limit_exceeded());
        }
        let created = filters.get(&key).map_or(call.now, |filter| filter.created);
        let filter = MetricFilter {
            name: input.filter_name,
            group: input.log_group_name,
            pattern: input.filter_pattern,
            transformation,
            created,
        };
        filters.insert(key, filter);
        Ok(())
    }
}

impl PutMetricFilterInput {
    fn check_supported(&self) -> Result<(), AwsError> {
        if self.apply_on_transformed_logs == Some(true) {
            return Err(unsupported("Metric filters on transformed logs are"));
        }
        if self.field_selection_criteria.is_some() {
            return Err(unsupported("fieldSelectionCriteria is"));
        }
        if self.emit_system_field_dimensions.is_some() {
            return Err(unsupported("emitSystemFieldDimensions is"));
        }
        Ok(())
    }
}

impl Operation for DescribeMetricFilters {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "DescribeMetricFilters";
    const READ_ONLY: bool = true;
    type Input = DescribeMetricFiltersInput;
    type Output = DescribeMetricFiltersOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.check()?;
        // Without a name the filters of every log group are meant.
        let group = input.log_group_name.as_deref().unwrap_or_default();
        Ok(vec![group_check(call, world, "logs:DescribeMetricFilters", group)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<DescribeMetricFiltersOutput, AwsError> {
        let most = validate::limit(input.limit, MOST_DESCRIBED)?;
        let scope = match &input.log_group_name {
            Some(group) => {
                existing_group(call, world, group)?;
                format!("{}:", group_key(call, group))
            }
            None => format!("{}/", call.regional_scope()),
        };
        let found = world.logs.filters.with_prefix(&scope).filter(|(_, filter)| input.wants(filter));
        let Page { items, next_token } = page(found, input.next_token.as_deref(), most).map_err(|_| invalid_token())?;
        Ok(DescribeMetricFiltersOutput { metric_filters: items.into_iter().map(show).collect(), next_token })
    }
}

impl DescribeMetricFiltersInput {
    fn check(&self) -> Result<(), AwsError> {
        if let Some(group) = &self.log_group_name {
            validate::group_name(group)?;
        }
        if let Some(prefix) = &self.filter_name_prefix {
            validate::filter_name("filterNamePrefix", prefix)?;
        }
        if self.metric_name.is_some() != self.metric_namespace.is_some() {
            return Err(invalid_parameter("metricName and metricNamespace must be specified together."));
        }
        Ok(())
    }

    fn wants(&self, filter: &MetricFilter) -> bool {
        // AWS looks at the prefix only where a log group is named.
        let prefix = self.filter_name_prefix.as_ref().filter(|_| self.log_group_name.is_some());
        let transformation = &filter.transformation;
        prefix.is_none_or(|prefix| filter.name.starts_with(prefix))
            && self.metric_name.as_ref().is_none_or(|name| *name == transformation.metric_name)
            && self.metric_namespace.as_ref().is_none_or(|namespace| *namespace == transformation.metric_namespace)
    }
}

impl Operation for DeleteMetricFilter {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "DeleteMetricFilter";
    const READ_ONLY: bool = false;
    type Input = DeleteMetricFilterInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        validate::filter_name("filterName", &input.filter_name)?;
        Ok(vec![group_check(call, world, "logs:DeleteMetricFilter", &input.log_group_name)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        existing_group(call, world, &input.log_group_name)?;
        let key = key_in_group(call, &input.log_group_name, &input.filter_name);
        world.logs.filters.remove(&key).map(drop).ok_or_else(no_such_filter)
    }
}

impl Operation for TestMetricFilter {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "TestMetricFilter";
    const READ_ONLY: bool = true;
    type Input = TestMetricFilterInput;
    type Output = TestMetricFilterOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "logs:TestMetricFilter", Resource::Any)])
    }

    fn call(
        input: Self::Input,
        _: &CallContext,
        _: &mut World,
        _: &Authorized,
    ) -> Result<TestMetricFilterOutput, AwsError> {
        let count = input.log_event_messages.len();
        if !(1..=MOST_MESSAGES).contains(&count) {
            return Err(constraint("logEventMessages", count, "have length from 1 to 50"));
        }
        for message in &input.log_event_messages {
            validate::length("logEventMessages", message, 1, usize::MAX)?;
        }
        let pattern = read_pattern(&input.filter_pattern)?;
        let matched = input.log_event_messages.into_iter().enumerate().filter_map(|(at, event_message)| {
            let extracted_values = pattern.find(&event_message)?;
            Some(MatchRecord { event_number: at + 1, event_message, extracted_values })
        });
        Ok(TestMetricFilterOutput { matches: matched.collect() })
    }
}

/// Reads a pattern of a request.
pub(super) fn read_pattern(text: &str) -> Result<Pattern, AwsError> {
    validate::length("filterPattern", text, 0, 1024)?;
    Pattern::parse(text).map_err(|error| invalid_parameter(format!("Invalid filter pattern: {error}")))
}

fn show(filter: &MetricFilter) -> ShownFilter {
    ShownFilter {
        filter_name: filter.name.clone(),
        filter_pattern: filter.pattern.clone(),
        metric_transformations: [filter.transformation.clone()],
        creation_time: filter.created.as_millisecond(),
        log_group_name: filter.group.clone(),
        apply_on_transformed_logs: false,
    }
}

fn single_transformation(transformations: Vec<MetricTransformation>) -> Result<MetricTransformation, AwsError> {
    let count = transformations.len();
    let wrong = |rule| constraint("metricTransformations", count, rule);
    let mut transformations = transformations.into_iter();
    let transformation = transformations.next().ok_or_else(|| wrong("have length greater than or equal to 1"))?;
    if transformations.next().is_some() {
        return Err(wrong("have length less than or equal to 1"));
    }
    check_transformation(&transformation)?;
    Ok(transformation)
}

fn check_transformation(transformation: &MetricTransformation) -> Result<(), AwsError> {
    for (member, value) in
        [("metricName", &transformation.metric_name), ("metricNamespace", &transformation.metric_namespace)]
    {
        let member = format!("metricTransformations.1.member.{member}");
        validate::length(&member, value, 1, 255)?;
        validate::without(&member, value, ":*$")?;
    }
    check_metric_value(&transformation.metric_value)?;
    if let Some(unit) = &transformation.unit
        && !UNITS.contains(&unit.as_str())
    {
        let rule = format!("satisfy enum value set: [{}]", UNITS.join(", "));
        return Err(constraint("metricTransformations.1.member.unit", unit, &rule));
    }
    if transformation.default_value.is_some_and(|value| !value.is_finite()) {
        return Err(invalid_parameter("Invalid metric transformation: the default value must be a finite number."));
    }
    transformation.dimensions.as_ref().map_or(Ok(()), |dimensions| check_dimensions(transformation, dimensions))
}

/// A number, or a field: `$.latency` of a JSON event, `$size` of one with fields.
fn check_metric_value(value: &str) -> Result<(), AwsError> {
    validate::length("metricTransformations.1.member.metricValue", value, 1, 100)?;
    let is_number = value.parse::<f64>().is_ok_and(f64::is_finite);
    let is_field = value.strip_prefix('$').is_some_and(|field| !field.is_empty() && !field.contains(' '));
    if is_number || is_field {
        return Ok(());
    }
    Err(invalid_parameter(format!(
        "Invalid metric transformation: the metric value {value} is no number and no field."
    )))
}

fn check_dimensions(
    transformation: &MetricTransformation,
    dimensions: &IndexMap<String, String>,
) -> Result<(), AwsError> {
    if dimensions.len() > MOST_DIMENSIONS {
        return Err(invalid_parameter("Invalid metric transformation: a metric filter can have at most 3 dimensions."));
    }
    if !dimensions.is_empty() && transformation.default_value.is_some() {
        return Err(invalid_parameter(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ));
    }
    for (name, value) in dimensions {
        validate::length("metricTransformations.1.member.dimensions.key", name, 1, 255)?;
        validate::length("metricTransformations.1.member.dimensions.value", value, 1, 255)?;
    }
    Ok(())
}

const MOST_FILTERS: usize = 100;
const MOST_MESSAGES: usize = 50;
const MOST_DIMENSIONS: usize = 3;
const MOST_DESCRIBED: u32 = 50;
