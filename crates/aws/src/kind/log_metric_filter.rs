use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::types::{MetricFilter, MetricTransformation};
use keywright_engine::{Actor, Attributes, Creation, Observed, ProviderError};
use keywright_model::Region;
use serde_json::{Value, json};

use super::{Kind, live};
use crate::attributes::{
    Draft, Texts, any_differs, block, flag, map_value, number, number_value, required, text, text_map,
};
use crate::cloud::Cloud;
use crate::error::{already_exists, failed, fine_if_gone, is_not_found, own_error};
use crate::needed::{Needed, On, deleting, making, reading};

/// `aws_cloudwatch_log_metric_filter`.
pub(super) struct LogMetricFilter;

#[async_trait]
impl Kind for LogMetricFilter {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let region = cloud.region(known);
        let found = find(cloud, actor, &region, known).await?;
        Ok(found.map(|filter| live(observed(known, &region, &filter))))
    }

    /// PutMetricFilter would overwrite a filter of that name, so it is looked for first.
    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let region = cloud.region(creation.planned);
        if find(cloud, actor, &region, creation.planned).await?.is_some() {
            let (group, name) = names_of(creation.planned, &region)?;
            let message = format!("the log group `{group}` has a metric filter `{name}` that this run has not made");
            return Err(already_exists("logs:PutMetricFilter", &region, message));
        }
        put(cloud, actor, &region, creation.planned).await?;
        planned_attributes(creation.planned, &region)
    }

    /// A filter carries no tag: one of that name, on that metric, is as good as made by us.
    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let region = cloud.region(creation.planned);
        let found = find(cloud, actor, &region, creation.planned).await?;
        let attributes = found.map(|filter| observed(creation.planned, &region, &filter));
        Ok(attributes.filter(|found| metric_of(found) == metric_of(creation.planned)))
    }

    async fn update(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        let region = cloud.region(prior);
        if any_differs(prior, planned, &["pattern", "metric_transformation", "apply_on_transformed_logs"]) {
            put(cloud, actor, &region, planned).await?;
        }
        planned_attributes(planned, &region)
    }

    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError> {
        let region = cloud.region(prior);
        let (group, name) = names_of(prior, &region)?;
        let request = cloud.logs(actor, &region).delete_metric_filter().log_group_name(group).filter_name(name);
        fine_if_gone(request.send().await.map_err(|error| failed("logs:DeleteMetricFilter", &region, error)))
    }
}

/// The filter of exactly that name; none where there is no such log group.
async fn find(
    cloud: &Cloud,
    actor: &Actor,
    region: &Region,
    known: &Attributes,
) -> Result<Option<MetricFilter>, ProviderError> {
    let (group, name) = names_of(known, region)?;
    let request = cloud.logs(actor, region).describe_metric_filters().log_group_name(group).filter_name_prefix(name);
    let mut pages = request.into_paginator().items().send();
    while let Some(filter) = pages.next().await {
        match filter.map_err(|error| failed("logs:DescribeMetricFilters", region, error)) {
            Ok(filter) if filter.filter_name() == Some(name) => return Ok(Some(filter)),
            Ok(_) => {}
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

async fn put(cloud: &Cloud, actor: &Actor, region: &Region, planned: &Attributes) -> Result<(), ProviderError> {
    let (group, name) = names_of(planned, region)?;
    let request = cloud
        .logs(actor, region)
        .put_metric_filter()
        .log_group_name(group)
        .filter_name(name)
        .filter_pattern(text(planned, "pattern").unwrap_or_default().trim())
        .metric_transformations(transformation(planned, region)?)
        .set_apply_on_transformed_logs(flag(planned, "apply_on_transformed_logs").filter(|apply| *apply));
    let answer = request.send().await;
    answer.map(|_| ()).map_err(|error| failed("logs:PutMetricFilter", region, error))
}

/// A default value and dimensions exclude each other.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_MetricTransformation.html>.
fn transformation(planned: &Attributes, region: &Region) -> Result<MetricTransformation, ProviderError> {
    let metric = metric_block(planned, region)?;
    let dimensions = text_map(metric, "dimensions");
    let build = MetricTransformation::builder()
        .set_metric_name(text(metric, "name").map(str::to_owned))
        .set_metric_namespace(text(metric, "namespace").map(str::to_owned))
        .set_metric_value(text(metric, "value").map(str::to_owned))
        .set_default_value(number(metric, "default_value"))
        .set_dimensions((!dimensions.is_empty()).then(|| dimensions.into_iter().collect()))
        .set_unit(text(metric, "unit").map(Into::into));
    build.build().map_err(|error| own_error("logs:PutMetricFilter", region, "InvalidArgument", error.to_string()))
}

fn observed(known: &Attributes, region: &Region, filter: &MetricFilter) -> Attributes {
    let metrics: Vec<Value> = filter.metric_transformations().iter().map(metric_value).collect();
    Draft::of(known)
        .with("apply_on_transformed_logs", filter.apply_on_transformed_logs())
        .observed("id", filter.filter_name())
        .observed("name", filter.filter_name())
        .observed("pattern", filter.filter_pattern())
        .with("metric_transformation", metrics)
        .with("region", region.as_str())
        .done()
}

fn metric_value(metric: &MetricTransformation) -> Value {
    let pairs = metric.dimensions().into_iter().flatten();
    let dimensions: Texts = pairs.map(|(name, value)| (name.clone(), value.clone())).collect();
    let default = metric.default_value().map(|value| number_value(value).to_string());
    json!({
        "default_value": default.unwrap_or_default(),
        "dimensions": map_value(&dimensions),
        "name": metric.metric_name(),
        "namespace": metric.metric_namespace(),
        "unit": metric.unit().map_or(DEFAULT_UNIT, |unit| unit.as_str()),
        "value": metric.metric_value(),
    })
}

/// A filter right after it was put: as planned, in the shape that a read gives.
fn planned_attributes(planned: &Attributes, region: &Region) -> Result<Attributes, ProviderError> {
    let (_, name) = names_of(planned, region)?;
    Ok(Draft::of(planned)
        .or("apply_on_transformed_logs", false)
        .with("id", name)
        .with("name", name)
        .with("metric_transformation", vec![metric_value(&transformation(planned, region)?)])
        .with("region", region.as_str())
        .done())
}

/// The log group and the filter. An import knows both by `id` alone: `GROUP:FILTER`.
fn names_of<'a>(known: &'a Attributes, region: &Region) -> Result<(&'a str, &'a str), ProviderError> {
    if let (Some(group), Some(name)) = (text(known, "log_group_name"), text(known, "name")) {
        return Ok((group, name));
    }
    let id = required(known, "id", region)?;
    id.split_once(':').ok_or_else(|| {
        own_error(
            "logs:DescribeMetricFilters",
            region,
            "InvalidId",
            format!("`{id}` is not of the form `GROUP:FILTER`"),
        )
    })
}

fn metric_block<'a>(planned: &'a Attributes, region: &Region) -> Result<&'a Attributes, ProviderError> {
    let missing = || own_error("logs:PutMetricFilter", region, "InvalidArgument", "`metric_transformation` is missing");
    block(planned, "metric_transformation").ok_or_else(missing)
}

fn metric_of(attributes: &Attributes) -> Option<(&str, &str)> {
    let metric = block(attributes, "metric_transformation")?;
    Some((text(metric, "namespace")?, text(metric, "name")?))
}

const DEFAULT_UNIT: &str = "None";

const NEEDED: &[Needed] = &[
    reading("logs:DescribeMetricFilters", On::LogGroup),
    making("logs:PutMetricFilter", On::LogGroup),
    deleting("logs:DeleteMetricFilter", On::LogGroup),
];

#[cfg(test)]
mod tests {
    use keywright_engine::Failure;
    use keywright_model::ResourceKind::LogMetricFilter as Kind;

    use super::*;
    use crate::testing::{Canned, create, delete, find_created, read, update};

    fn planned() -> Value {
        json!({
            "name": "denied", "log_group_name": "trail", "pattern": "{ $.a = 1 }", "region": "eu-west-1",
            "metric_transformation": [{ "name": "m", "namespace": "Keywright/KMS", "value": "1", "default_value": 0 }],
        })
    }

    fn filter(name: &str, metric: &str) -> Value {
        json!({
            "filterName": name, "logGroupName": "trail", "filterPattern": "{ $.a = 1 }",
            "metricTransformations": [
                { "metricName": metric, "metricNamespace": "Keywright/KMS", "metricValue": "1", "defaultValue": 0.0 },
            ],
        })
    }

    fn listed(filters: &[Value]) -> Value {
        json!({ "metricFilters": filters })
    }

    #[tokio::test]
    async fn what_was_created_reads_back_as_the_same() {
        let canned = Canned::new()
            .ok("logs:DescribeMetricFilters", listed(&[filter("denied-too", "m")]))
            .ok("logs:DescribeMetricFilters", listed(&[filter("denied-too", "x"), filter("denied", "m")]))
            .ok("logs:PutMetricFilter", json!({}));
        let created = create(&canned, Kind, planned()).await.expect("a filter");
        let metric = json!([{
            "default_value": "0", "dimensions": {}, "name": "m", "namespace": "Keywright/KMS", "unit": "None", "value": "1",
        }]);
        assert_eq!(created["metric_transformation"], metric);
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created));
        assert_eq!(canned.body("logs:PutMetricFilter")["metricTransformations"][0]["defaultValue"], 0.0);
    }

    #[tokio::test]
    async fn a_filter_of_someone_else_is_not_overwritten() {
        let canned = Canned::new().ok("logs:DescribeMetricFilters", listed(&[filter("denied", "theirs")]));
        let error = create(&canned, Kind, planned()).await.expect_err("taken");
        assert!(matches!(error.failure, Failure::AlreadyExists { .. }), "{error:?}");
        assert_eq!(find_created(&canned, Kind, planned()).await, None);
        let ours = Canned::new().ok("logs:DescribeMetricFilters", listed(&[filter("denied", "m")]));
        assert!(find_created(&ours, Kind, planned()).await.is_some());
    }

    #[tokio::test]
    async fn a_filter_without_its_log_group_is_gone() {
        let no_group = |operation| Canned::new().error(operation, "ResourceNotFoundException", "no such log group");
        assert_eq!(read(&no_group("logs:DescribeMetricFilters"), Kind, planned()).await, None);
        delete(&no_group("logs:DeleteMetricFilter"), Kind, planned()).await.expect("gone");
    }

    #[tokio::test]
    async fn only_what_differs_is_called_for() {
        let canned = Canned::new().ok("logs:PutMetricFilter", json!({}));
        let read_back = json!([{
            "default_value": "0", "dimensions": {}, "name": "m", "namespace": "Keywright/KMS", "unit": "None", "value": "1",
        }]);
        let mut prior = planned();
        prior["metric_transformation"] = read_back;
        update(&canned, Kind, prior.clone(), prior.clone()).await;
        assert_eq!(canned.count("logs:PutMetricFilter"), 0);
        let mut next = prior.clone();
        next["pattern"] = json!("{ $.b = 1 }");
        update(&canned, Kind, prior, next).await;
        assert_eq!(canned.body("logs:PutMetricFilter")["filterPattern"], "{ $.b = 1 }");
    }
}
