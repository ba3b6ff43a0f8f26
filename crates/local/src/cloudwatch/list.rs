use jiff::{SignedDuration, Timestamp};
use keywright_policy::Resource;
use serde::{Deserialize, Serialize};

use super::Dimension;
use super::error::{constraint, invalid_next_token, unsupported};
use super::metrics::Metric;
use super::validate::{check_enum, check_length, check_namespace};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// Lists the metrics that had a datapoint in the last two weeks.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>.
pub(super) struct ListMetrics;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMetricsInput {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<DimensionFilter>,
    next_token: Option<String>,
    recently_active: Option<String>,
    include_linked_accounts: Option<bool>,
    owning_account: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DimensionFilter {
    name: String,
    value: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMetricsOutput {
    metrics: Vec<Shown>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    namespace: String,
    metric_name: String,
    dimensions: Vec<Dimension>,
}

impl From<&Metric> for Shown {
    fn from(metric: &Metric) -> Self {
        Self {
            namespace: metric.namespace.clone(),
            metric_name: metric.name.clone(),
            dimensions: metric.dimensions.clone(),
        }
    }
}

impl Operation for ListMetrics {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "ListMetrics";
    const READ_ONLY: bool = true;
    type Input = ListMetricsInput;
    type Output = ListMetricsOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "cloudwatch:ListMetrics", Resource::Any)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<ListMetricsOutput, AwsError> {
        input.check(call)?;
        let scope = format!("{}/", call.regional_scope());
        let found = world.cloudwatch.metrics.with_prefix(&scope).filter(|(_, metric)| input.wants(metric, call.now));
        let Page { items, next_token } =
            page(found, input.next_token.as_deref(), MOST_METRICS).map_err(|_| invalid_next_token())?;
        Ok(ListMetricsOutput { metrics: items.into_iter().map(Shown::from).collect(), next_token })
    }
}

impl ListMetricsInput {
    fn check(&self, call: &CallContext) -> Result<(), AwsError> {
        if let Some(namespace) = &self.namespace {
            check_namespace(namespace)?;
        }
        if let Some(name) = &self.metric_name {
            check_length("metricName", name, 1, 255)?;
        }
        if let Some(active) = &self.recently_active {
            check_enum("recentlyActive", active, &["PT3H"])?;
        }
        if self.dimensions.len() > MOST_FILTERS {
            return Err(constraint("dimensions", self.dimensions.len(), "have length less than or equal to 10"));
        }
        let is_elsewhere = self.owning_account.as_ref().is_some_and(|account| *account != call.account.as_str());
        if self.include_linked_accounts == Some(true) || is_elsewhere {
            return Err(unsupported("Listing the metrics of linked accounts is"));
        }
        Ok(())
    }

    fn wants(&self, metric: &Metric, now: Timestamp) -> bool {
        let hours = if self.recently_active.is_some() { 3 } else { 14 * 24 };
        self.namespace.as_ref().is_none_or(|namespace| *namespace == metric.namespace)
            && self.metric_name.as_ref().is_none_or(|name| *name == metric.name)
            && now.duration_since(metric.latest) <= SignedDuration::from_hours(hours)
            && self.dimensions.iter().all(|filter| filter.admits(metric))
    }
}

impl DimensionFilter {
    fn admits(&self, metric: &Metric) -> bool {
        let is_it =
            |one: &Dimension| one.name == self.name && self.value.as_ref().is_none_or(|value| *value == one.value);
        metric.dimensions.iter().any(is_it)
    }
}

const MOST_METRICS: usize = 500;
const MOST_FILTERS: usize = 10;
