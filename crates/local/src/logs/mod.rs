//! Amazon CloudWatch Logs: log groups, streams and their events, and metric filters.
//!
//! Events come in through `ingest.rs`, past the metric filters of their group: [`pattern`] reads and evaluates the
//! patterns, `publish.rs` makes datapoints of what matches.

mod error;
mod events;
mod filters;
mod groups;
mod ingest;
pub(crate) mod pattern;
mod publish;
mod streams;
mod tags;
mod validate;

use indexmap::IndexMap;
use jiff::Timestamp;
use keywright_model::{Arn, Tags};
use serde::{Deserialize, Serialize};

use self::error::no_such_group;
pub(crate) use self::ingest::{Place, put};
pub(crate) use self::publish::settle;
use crate::aws::{Aws, EnsureError};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::operations;
use crate::service::Service;
use crate::store::{Record, Table, tables};
use crate::tagging::tags_of;
use crate::unsupported::unsupported;
use crate::world::World;

operations![
    groups::CreateLogGroup,
    groups::DeleteLogGroup,
    groups::DescribeLogGroups,
    groups::PutRetentionPolicy,
    groups::DeleteRetentionPolicy,
    tags::TagResource,
    tags::UntagResource,
    tags::ListTagsForResource,
    tags::TagLogGroup,
    tags::UntagLogGroup,
    tags::ListTagsLogGroup,
    filters::PutMetricFilter,
    filters::DescribeMetricFilters,
    filters::DeleteMetricFilter,
    filters::TestMetricFilter,
    streams::CreateLogStream,
    streams::DeleteLogStream,
    streams::DescribeLogStreams,
    events::PutLogEvents,
    events::GetLogEvents,
    events::FilterLogEvents,
    AssociateKmsKey,
    DisassociateKmsKey,
    PutResourcePolicy,
    PutSubscriptionFilter,
    StartQuery,
];

unsupported! {
    Service::Logs, error::unsupported:
    AssociateKmsKey false,
    DisassociateKmsKey false,
    PutResourcePolicy false,
    PutSubscriptionFilter false,
    StartQuery true,
}

tables! {
    /// What CloudWatch Logs keeps. No name holds a colon, so that keys are told apart by them.
    pub(crate) struct State in "logs" {
        /// Log groups, by `account/region/group`.
        groups: LogGroup,
        /// Metric filters, by `account/region/group:filter`.
        filters: MetricFilter,
        /// Log streams, by `account/region/group:stream`.
        streams: LogStream,
        /// Log events in the order of time, by `account/region/group:stream:timestamp:number`.
        events: LogEvent,
        /// The latest minute of each metric filter with a default value, by the filter's key.
        minutes: publish::Minute,
    }
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogGroup {
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    /// Days; none to keep events for ever.
    pub(crate) retention: Option<u32>,
    pub(crate) tags: Tags,
}

/// A metric filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetricFilter {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) pattern: String,
    pub(crate) transformation: MetricTransformation,
    pub(crate) created: Timestamp,
}

/// What a metric filter publishes for an event that matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricTransformation {
    pub(crate) metric_name: String,
    pub(crate) metric_namespace: String,
    /// A number, or a field of the event: `$.latency`.
    pub(crate) metric_value: String,
    /// What is published where no event matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dimensions: Option<IndexMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
}

/// A log stream, without its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogStream {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) created: Timestamp,
    pub(crate) last_ingestion: Option<Timestamp>,
    /// How many events the stream has ever taken; the next one gets this number.
    pub(crate) taken: u64,
}

/// A log event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogEvent {
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) message: String,
    /// Milliseconds since 1970.
    pub(crate) ingested: i64,
    /// Which event of its stream it is, in the order in which they came.
    pub(crate) number: u64,
}

impl Aws {
    /// Makes a log group, unless there is one of that ARN. Tells whether it was made.
    ///
    /// # Errors
    /// When the ARN is not a log group's, or it cannot be stored.
    pub fn ensure_log_group(&self, arn: &Arn) -> Result<bool, EnsureError> {
        self.change(|world, inner| ensure(world, arn, inner.clock.now()))
    }
}

/// Makes a log group, unless there is one of that ARN.
pub(crate) fn ensure(world: &mut World, arn: &Arn, now: Timestamp) -> Result<bool, EnsureError> {
    let wrong = || EnsureError::Arn { arn: arn.clone(), expected: "a log group" };
    let is_regional = !arn.region().is_empty() && !arn.account().is_empty();
    let name = group_of_arn(arn).filter(|_| arn.service() == "logs" && is_regional).ok_or_else(wrong)?;
    validate::group_name(name).map_err(|_| wrong())?;
    let key = format!("{}/{}/{name}", arn.account(), arn.region());
    if world.logs.groups.contains(&key) {
        return Ok(false);
    }
    let group = LogGroup { name: name.to_owned(), created: now, retention: None, tags: Tags::new() };
    world.logs.groups.insert(key, group);
    Ok(true)
}

/// The name in `…:log-group:NAME` or `…:log-group:NAME:*`.
fn group_of_arn(arn: &Arn) -> Option<&str> {
    let name = arn.resource().strip_prefix("log-group:")?;
    Some(name.strip_suffix(":*").unwrap_or(name))
}

/// The name of a log group that is given by its name or its ARN; none where it is of another account or Region.
fn group_of_identifier<'a>(identifier: &'a str, call: &CallContext) -> Option<&'a str> {
    if !identifier.starts_with("arn:") {
        return Some(identifier.strip_suffix(":*").unwrap_or(identifier));
    }
    let here = format!("arn:{}:logs:{}:{}:log-group:", call.partition, call.region, call.account);
    let name = identifier.strip_prefix(here.as_str())?;
    Some(name.strip_suffix(":*").unwrap_or(name))
}

fn group_key(call: &CallContext, group: &str) -> String {
    format!("{}/{group}", call.regional_scope())
}

/// The key of a filter or a stream.
fn key_in_group(call: &CallContext, group: &str, name: &str) -> String {
    format!("{}:{name}", group_key(call, group))
}

fn remove_prefix<V: Record>(table: &mut Table<V>, prefix: &str) {
    let keys: Vec<String> = table.with_prefix(prefix).map(|(key, _)| key.clone()).collect();
    for key in keys {
        table.remove(&key);
    }
}

fn existing_group<'a>(call: &CallContext, world: &'a World, group: &str) -> Result<&'a LogGroup, AwsError> {
    world.logs.groups.get(&group_key(call, group)).ok_or_else(no_such_group)
}

/// The caller may do this to the log group of that name, which need not exist.
///
/// Most actions are asked about the form of the ARN that goes on after the name, which a policy covers with
/// `log-group:NAME:*`.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html>.
fn group_check(call: &CallContext, world: &World, action: &str, group: &str) -> Result<Check, AwsError> {
    stream_check(call, world, action, group, "")
}

fn stream_check(call: &CallContext, world: &World, action: &str, group: &str, stream: &str) -> Result<Check, AwsError> {
    let arn = call.arn("logs", &format!("log-group:{group}:log-stream:{stream}"))?;
    Ok(with_group_tags(Check::new(call, action, arn), call, world, group))
}

/// As [`group_check`] for the actions on tags, which are asked about the ARN that ends with the name.
fn tag_check(call: &CallContext, world: &World, action: &str, group: &str) -> Result<Check, AwsError> {
    let arn = call.arn("logs", &format!("log-group:{group}"))?;
    Ok(with_group_tags(Check::new(call, action, arn), call, world, group))
}

fn with_group_tags(check: Check, call: &CallContext, world: &World, group: &str) -> Check {
    let group = world.logs.groups.get(&group_key(call, group));
    check.resource_tags(group.iter().flat_map(|group| tags_of(&group.tags)))
}

#[cfg(test)]
mod tests;
