//! The alarms, and the metric filters that feed them.

use keywright_model::{Address, Region, ResourceKind};

use super::build::{Composition, list, map, refer, reference, resource, template};
use crate::desired::DesiredResource;
use crate::inputs::{DecryptAlarmInputs, LogGroupName, Replication, TopicArn};
use crate::value::{Reference, Template, Value};

/// The alarm on many decrypt calls with the primary.
pub(crate) fn decrypt(of: &Composition<'_>, alarm: &DecryptAlarmInputs) -> DesiredResource {
    let address = of.optional(ResourceKind::MetricAlarm, "kms_decrypt_alarm");
    let name = of.names.decrypt_alarm();
    decrypt_alarm(of, address, name, of.key(), &of.inputs.region, &alarm.topic, alarm)
}

/// The same for the replica, in its Region.
pub(crate) fn replica_decrypt(of: &Composition<'_>, replication: &Replication) -> Option<DesiredResource> {
    let alarm = of.inputs.decrypt_alarm.as_ref()?;
    let topic = replication.topic.as_ref()?;
    let address = of.optional(ResourceKind::MetricAlarm, "kms_replica_decrypt_alarm");
    let name = of.names.replica_decrypt_alarm();
    Some(decrypt_alarm(of, address, name, of.replica(), &replication.region, topic, alarm))
}

/// `SuccessfulRequest` counts the calls that succeed, by key and operation.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/monitoring-cloudwatch.html>.
fn decrypt_alarm(
    of: &Composition<'_>,
    address: Address,
    name: String,
    key: Address,
    region: &Region,
    topic: &TopicArn,
    alarm: &DecryptAlarmInputs,
) -> DesiredResource {
    resource(
        address,
        [
            ("region", region.as_str().into()),
            ("alarm_name", name.into()),
            ("alarm_description", "More decrypt calls with the key than its threshold allows".into()),
            ("namespace", "AWS/KMS".into()),
            ("metric_name", "SuccessfulRequest".into()),
            ("dimensions", map([("KeyArn", refer(key, "arn")), ("Operation", "Decrypt".into())])),
            ("statistic", "Sum".into()),
            ("period", PERIOD_SECONDS.into()),
            ("evaluation_periods", 3_i64.into()),
            ("datapoints_to_alarm", 2_i64.into()),
            ("comparison_operator", "GreaterThanThreshold".into()),
            ("threshold", alarm.threshold.calls().into()),
            ("treat_missing_data", "notBreaching".into()),
            ("alarm_actions", notified(Some(topic))),
            ("ok_actions", notified(Some(topic))),
            ("tags", of.tags()),
        ],
    )
}

/// The alarm on denied calls with the primary, and its filter where CloudTrail's log group is known.
pub(crate) fn access_denied(of: &Composition<'_>) -> Vec<DesiredResource> {
    if !of.inputs.access_denied_alarm {
        return Vec::new();
    }
    let metric = metric("AccessDenied", of.key(), &of.inputs.region);
    let filter = of.inputs.trail_log_group.as_ref().map(|group| {
        let address = of.optional(ResourceKind::LogMetricFilter, "kms_access_denied");
        filter(of, address, of.names.access_denied(), group, denied_pattern(of.key()), metric.clone())
    });
    let address = of.optional(ResourceKind::MetricAlarm, "kms_access_denied_alarm");
    let description = "Calls with the key were denied";
    let alarm = event_alarm(of, address, of.names.access_denied(), description, metric);
    std::iter::once(alarm).chain(filter).collect()
}

/// The same for the replica. Both stand where the trail's log group is, which receives the calls of all Regions.
pub(crate) fn replica_access_denied(of: &Composition<'_>, replication: &Replication) -> Vec<DesiredResource> {
    let (true, Some(group)) = (of.inputs.access_denied_alarm, &of.inputs.trail_log_group) else {
        return Vec::new();
    };
    let metric = metric("AccessDenied", of.replica(), &replication.region);
    let name = of.names.replica_access_denied();
    let alarm = of.optional(ResourceKind::MetricAlarm, "kms_replica_access_denied_alarm");
    let filter_address = of.optional(ResourceKind::LogMetricFilter, "kms_replica_access_denied");
    vec![
        event_alarm(of, alarm, name.clone(), "Calls with the replica key were denied", metric.clone()),
        filter(of, filter_address, name, group, denied_pattern(of.replica()), metric),
    ]
}

/// The alarm on calls that end a key or change who may use it.
pub(crate) fn lifecycle(of: &Composition<'_>, group: &LogGroupName) -> [DesiredResource; 2] {
    let metric = metric("Lifecycle", of.key(), &of.inputs.region);
    let alarm = of.optional(ResourceKind::MetricAlarm, "kms_lifecycle_alarm");
    let filter_address = of.optional(ResourceKind::LogMetricFilter, "kms_lifecycle");
    let description = "A key's deletion was scheduled, or it was disabled, or its policy was put";
    [
        event_alarm(of, alarm, of.names.lifecycle(), description, metric.clone()),
        filter(of, filter_address, of.names.lifecycle(), group, lifecycle_pattern(of), metric),
    ]
}

/// Fires on the first event; silence is fine.
fn event_alarm(
    of: &Composition<'_>,
    address: Address,
    name: String,
    description: &str,
    metric: Template,
) -> DesiredResource {
    resource(
        address,
        [
            ("region", of.region()),
            ("alarm_name", name.into()),
            ("alarm_description", description.into()),
            ("namespace", NAMESPACE.into()),
            ("metric_name", metric.into()),
            ("statistic", "Sum".into()),
            ("period", PERIOD_SECONDS.into()),
            ("evaluation_periods", 1_i64.into()),
            ("datapoints_to_alarm", 1_i64.into()),
            ("comparison_operator", "GreaterThanThreshold".into()),
            ("threshold", 0_i64.into()),
            ("treat_missing_data", "notBreaching".into()),
            ("alarm_actions", notified(of.inputs.topic.as_ref())),
            ("ok_actions", notified(of.inputs.topic.as_ref())),
            ("tags", of.tags()),
        ],
    )
}

fn filter(
    of: &Composition<'_>,
    address: Address,
    name: String,
    group: &LogGroupName,
    pattern: Template,
    metric: Template,
) -> DesiredResource {
    let transformation = map([
        ("name", metric.into()),
        ("namespace", NAMESPACE.into()),
        ("value", "1".into()),
        ("default_value", "0".into()),
    ]);
    resource(
        address,
        [
            ("region", of.region()),
            ("name", name.into()),
            ("log_group_name", group.as_str().into()),
            ("pattern", pattern.into()),
            ("metric_transformation", list([transformation])),
        ],
    )
}

/// A metric of its own for each key and Region.
fn metric(what: &str, key: Address, region: &Region) -> Template {
    template(&format!("{what}-${{0}}-{region}"), &[reference(key, "key_id")])
}

/// A denied call names the key in its message alone, or among its resources, of which ReEncrypt has two. The whole ARN
/// tells the primary from the replica: their IDs are the same.
///
/// Sources: <https://docs.aws.amazon.com/kms/latest/developerguide/logging-using-cloudtrail.html>, patterns
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntaxForMetricFilters.html>.
fn denied_pattern(key: Address) -> Template {
    let text = r#"{ ($.eventSource = "kms.amazonaws.com") && ($.errorCode = "AccessDenied*") && (($.errorMessage = "*${0}*") || ($.resources[0].ARN = "${0}") || ($.resources[1].ARN = "${0}") || ($.requestParameters.keyId = "${0}")) }"#;
    template(text, &[reference(key, "arn")])
}

fn lifecycle_pattern(of: &Composition<'_>) -> Template {
    let replica = of.inputs.replication.iter().map(|_| of.replica());
    let keys: Vec<Reference> = std::iter::once(of.key()).chain(replica).map(|key| reference(key, "arn")).collect();
    let each =
        |at: usize| format!(r#"($.resources[0].ARN = "${{{at}}}") || ($.requestParameters.keyId = "${{{at}}}")"#);
    let keys_match = (0..keys.len()).map(each).collect::<Vec<_>>().join(" || ");
    let text = format!(
        r#"{{ ($.eventSource = "kms.amazonaws.com") && (($.eventName = "ScheduleKeyDeletion") || ($.eventName = "DisableKey") || ($.eventName = "PutKeyPolicy")) && ($.errorCode NOT EXISTS) && ({keys_match}) }}"#
    );
    template(&text, &keys)
}

fn notified(topic: Option<&TopicArn>) -> Value {
    list(topic.map(|topic| topic.arn().as_str().into()))
}

/// The namespace of the metrics that filters make.
const NAMESPACE: &str = "Keywright/KMS";

const PERIOD_SECONDS: i64 = 300;
