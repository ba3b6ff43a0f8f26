use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{Dimension, MetricAlarm as Alarm, Tag};
use keywright_engine::{Actor, Attributes, CREATION_TAG, Creation, Observed, ProviderError};
use keywright_model::Region;
use serde_json::json;

use super::{Kind, live};
use crate::attributes::{
    Draft, Texts, any_differs, flag, number, number_value, required, text, text_map, texts, whole,
};
use crate::cloud::Cloud;
use crate::error::{already_exists, failed, fine_if_gone, unless_gone};
use crate::needed::{Needed, On, deleting, making, reading};
use crate::tags::{self, TagChanges};

/// `aws_cloudwatch_metric_alarm`, on one metric. Alarms on metric math are not supported.
pub(super) struct MetricAlarm;

#[async_trait]
impl Kind for MetricAlarm {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let region = cloud.region(known);
        let found = find(cloud, actor, &region, name_of(known, &region)?).await?;
        Ok(found.map(|(alarm, tags)| live(observed(known, &region, &alarm, &tags))))
    }

    /// PutMetricAlarm would overwrite an alarm of that name, so it is looked for first.
    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let region = cloud.region(creation.planned);
        let name = name_of(creation.planned, &region)?;
        if describe(cloud, actor, &region, name).await?.is_some() {
            let message = format!("there is an alarm `{name}` in {region} that this run has not made");
            return Err(already_exists("cloudwatch:PutMetricAlarm", &region, message));
        }
        put(cloud, actor, &region, creation.planned, Some(tags::at_creation(creation))).await?;
        let arn = cloud.own_arn("cloudwatch", &region, &format!("alarm:{name}")).await?;
        Ok(planned_attributes(Draft::of(creation.planned), &region, creation.planned).with("arn", arn).done())
    }

    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let region = cloud.region(creation.planned);
        let found = find(cloud, actor, &region, name_of(creation.planned, &region)?).await?;
        let marked = found.filter(|(_, tags)| tags::are_marked(tags, creation.token));
        Ok(marked.map(|(alarm, tags)| observed(creation.planned, &region, &alarm, &tags)))
    }

    async fn settle(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<(), ProviderError> {
        let region = cloud.region(known);
        let arn = required(known, "arn", &region)?;
        fine_if_gone(untag(cloud, actor, &region, arn, &[CREATION_TAG.to_owned()]).await)
    }

    async fn update(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        let region = cloud.region(prior);
        if any_differs(prior, planned, ARGUMENTS) {
            put(cloud, actor, &region, planned, None).await?;
        }
        let arn = required(prior, "arn", &region)?;
        change_tags(cloud, actor, &region, arn, &tags::changes(prior, planned)).await?;
        Ok(planned_attributes(Draft::updated(prior, planned, COMPUTED), &region, planned).done())
    }

    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError> {
        let region = cloud.region(prior);
        let name = name_of(prior, &region)?;
        let answer = cloud.cloudwatch(actor, &region).delete_alarms().alarm_names(name).send().await;
        fine_if_gone(answer.map_err(|error| failed("cloudwatch:DeleteAlarms", &region, error)))
    }
}

async fn find(
    cloud: &Cloud,
    actor: &Actor,
    region: &Region,
    name: &str,
) -> Result<Option<(Alarm, Texts)>, ProviderError> {
    let Some(alarm) = describe(cloud, actor, region, name).await? else {
        return Ok(None);
    };
    let arn = alarm.alarm_arn().unwrap_or_default();
    let answer = cloud.cloudwatch(actor, region).list_tags_for_resource().resource_arn(arn).send().await;
    let answer = unless_gone(answer.map_err(|error| failed("cloudwatch:ListTagsForResource", region, error)))?;
    Ok(answer.map(|answer| (alarm, tag_texts(answer.tags()))))
}

async fn describe(cloud: &Cloud, actor: &Actor, region: &Region, name: &str) -> Result<Option<Alarm>, ProviderError> {
    let answer = cloud.cloudwatch(actor, region).describe_alarms().alarm_names(name).send().await;
    let alarms = answer.map_err(|error| failed("cloudwatch:DescribeAlarms", region, error))?.metric_alarms;
    Ok(alarms.into_iter().flatten().find(|alarm| alarm.alarm_name() == Some(name)))
}

/// PutMetricAlarm replaces all of an alarm but its tags, which it takes only when it makes one.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>.
async fn put(
    cloud: &Cloud,
    actor: &Actor,
    region: &Region,
    planned: &Attributes,
    tags: Option<Texts>,
) -> Result<(), ProviderError> {
    let owned = |name| text(planned, name).map(str::to_owned);
    let request = cloud
        .cloudwatch(actor, region)
        .put_metric_alarm()
        .alarm_name(name_of(planned, region)?)
        .set_alarm_description(owned("alarm_description"))
        .set_actions_enabled(flag(planned, "actions_enabled"))
        .set_alarm_actions(Some(texts(planned, "alarm_actions")))
        .set_ok_actions(Some(texts(planned, "ok_actions")))
        .set_insufficient_data_actions(Some(texts(planned, "insufficient_data_actions")))
        .set_namespace(owned("namespace"))
        .set_metric_name(owned("metric_name"))
        .set_dimensions(Some(dimensions(planned)))
        .set_statistic(text(planned, "statistic").map(Into::into))
        .set_extended_statistic(owned("extended_statistic"))
        .set_period(whole(planned, "period"))
        .set_unit(text(planned, "unit").map(Into::into))
        .set_evaluation_periods(whole(planned, "evaluation_periods"))
        .set_datapoints_to_alarm(whole(planned, "datapoints_to_alarm"))
        .set_threshold(number(planned, "threshold"))
        .set_comparison_operator(text(planned, "comparison_operator").map(Into::into))
        .set_treat_missing_data(owned("treat_missing_data"))
        .set_evaluate_low_sample_count_percentile(owned("evaluate_low_sample_count_percentiles"))
        .set_threshold_metric_id(owned("threshold_metric_id"))
        .set_tags(tags.as_ref().map(alarm_tags));
    let answer = request.send().await;
    answer.map(|_| ()).map_err(|error| failed("cloudwatch:PutMetricAlarm", region, error))
}

async fn change_tags(
    cloud: &Cloud,
    actor: &Actor,
    region: &Region,
    arn: &str,
    changes: &TagChanges,
) -> Result<(), ProviderError> {
    if !changes.removed.is_empty() {
        untag(cloud, actor, region, arn, &changes.removed).await?;
    }
    if changes.set.is_empty() {
        return Ok(());
    }
    let request = cloud.cloudwatch(actor, region).tag_resource().resource_arn(arn);
    let answer = request.set_tags(Some(alarm_tags(&changes.set))).send().await;
    answer.map(|_| ()).map_err(|error| failed("cloudwatch:TagResource", region, error))
}

async fn untag(cloud: &Cloud, actor: &Actor, region: &Region, arn: &str, keys: &[String]) -> Result<(), ProviderError> {
    let request = cloud.cloudwatch(actor, region).untag_resource().resource_arn(arn);
    let answer = request.set_tag_keys(Some(keys.to_vec())).send().await;
    answer.map(|_| ()).map_err(|error| failed("cloudwatch:UntagResource", region, error))
}

fn alarm_tags(tags: &Texts) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn tag_texts(tags: &[Tag]) -> Texts {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

fn dimensions(planned: &Attributes) -> Vec<Dimension> {
    let pairs = text_map(planned, "dimensions");
    pairs.into_iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn observed(known: &Attributes, region: &Region, alarm: &Alarm, tags: &Texts) -> Attributes {
    let dimensions = alarm.dimensions().iter();
    let dimensions: Texts =
        dimensions.filter_map(|pair| Some((pair.name()?.to_owned(), pair.value()?.to_owned()))).collect();
    defaults(Draft::of(known), region)
        .with("actions_enabled", alarm.actions_enabled().unwrap_or(true))
        .observed_set("alarm_actions", alarm.alarm_actions())
        .observed("alarm_description", alarm.alarm_description())
        .observed("alarm_name", alarm.alarm_name())
        .observed("arn", alarm.alarm_arn())
        .observed("comparison_operator", alarm.comparison_operator().map(|operator| operator.as_str()))
        .with("datapoints_to_alarm", alarm.datapoints_to_alarm())
        .observed_map("dimensions", &dimensions)
        .observed("evaluate_low_sample_count_percentiles", alarm.evaluate_low_sample_count_percentile())
        .with("evaluation_periods", alarm.evaluation_periods())
        .observed("extended_statistic", alarm.extended_statistic())
        .observed("id", alarm.alarm_name())
        .observed_set("insufficient_data_actions", alarm.insufficient_data_actions())
        .observed("metric_name", alarm.metric_name())
        .observed("namespace", alarm.namespace())
        .observed_set("ok_actions", alarm.ok_actions())
        .with("period", alarm.period())
        .observed("statistic", alarm.statistic().map(|statistic| statistic.as_str()))
        .with("threshold", alarm.threshold().map(number_value))
        .observed("threshold_metric_id", alarm.threshold_metric_id())
        .with("treat_missing_data", alarm.treat_missing_data().unwrap_or(DEFAULT_MISSING_DATA))
        .observed("unit", alarm.unit().map(|unit| unit.as_str()))
        .observed_tags(tags)
        .done()
}

/// An alarm right after it was put: as planned.
fn planned_attributes(draft: Draft, region: &Region, planned: &Attributes) -> Draft {
    let draft = defaults(draft, region)
        .observed("id", text(planned, "alarm_name"))
        .with("threshold", number(planned, "threshold").map(number_value))
        .observed_tags(&text_map(planned, "tags"));
    SETS.iter().fold(draft, |draft, name| draft.observed_set(name, &texts(planned, name)))
}

fn defaults(draft: Draft, region: &Region) -> Draft {
    draft
        .or("actions_enabled", true)
        .or("evaluation_criteria", json!([]))
        .or("metric_query", json!([]))
        .or("warm_up_configuration", json!([]))
        .with("region", region.as_str())
        .or("treat_missing_data", DEFAULT_MISSING_DATA)
}

/// An import knows the alarm by `id` alone.
fn name_of<'a>(known: &'a Attributes, region: &Region) -> Result<&'a str, ProviderError> {
    text(known, "alarm_name").map_or_else(|| required(known, "id", region), Ok)
}

const SETS: &[&str] = &["alarm_actions", "insufficient_data_actions", "ok_actions"];

const COMPUTED: &[&str] = &["arn", "evaluate_low_sample_count_percentiles", "id", "region"];

/// What PutMetricAlarm is told; all but the tags.
const ARGUMENTS: &[&str] = &[
    "actions_enabled",
    "alarm_actions",
    "alarm_description",
    "comparison_operator",
    "datapoints_to_alarm",
    "dimensions",
    "evaluate_low_sample_count_percentiles",
    "evaluation_periods",
    "extended_statistic",
    "insufficient_data_actions",
    "metric_name",
    "namespace",
    "ok_actions",
    "period",
    "statistic",
    "threshold",
    "threshold_metric_id",
    "treat_missing_data",
    "unit",
];

const DEFAULT_MISSING_DATA: &str = "missing";

const NEEDED: &[Needed] = &[
    reading("cloudwatch:DescribeAlarms", On::Alarm),
    reading("cloudwatch:ListTagsForResource", On::Alarm),
    making("cloudwatch:PutMetricAlarm", On::Alarm),
    making("cloudwatch:TagResource", On::Alarm),
    making("cloudwatch:UntagResource", On::Alarm),
    deleting("cloudwatch:DeleteAlarms", On::Alarm),
];

#[cfg(test)]
mod tests {
    use keywright_engine::Failure;
    use keywright_model::ResourceKind::MetricAlarm as Kind;
    use serde_json::Value;

    use super::*;
    use crate::testing::{Canned, create, find_created, read, update};

    const ARN: &str = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:decrypt";
    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";

    fn planned() -> Value {
        json!({
            "actions_enabled": true, "alarm_actions": [TOPIC], "alarm_description": "many", "alarm_name": "decrypt",
            "comparison_operator": "GreaterThanThreshold", "datapoints_to_alarm": 2,
            "dimensions": { "KeyArn": "k", "Operation": "Decrypt" }, "evaluate_low_sample_count_percentiles": null,
            "evaluation_periods": 3, "extended_statistic": null, "insufficient_data_actions": [],
            "metric_name": "SuccessfulRequest", "namespace": "AWS/KMS", "ok_actions": [TOPIC], "period": 300,
            "region": "eu-west-1", "statistic": "Sum", "tags": { "a": "b" }, "threshold": 100,
            "threshold_metric_id": null, "treat_missing_data": "notBreaching", "unit": null,
        })
    }

    fn described() -> Value {
        json!({ "MetricAlarms": [{
            "AlarmName": "decrypt", "AlarmArn": ARN, "AlarmDescription": "many", "ActionsEnabled": true,
            "AlarmActions": [TOPIC], "OKActions": [TOPIC], "InsufficientDataActions": [], "Namespace": "AWS/KMS",
            "MetricName": "SuccessfulRequest", "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 3,
            "DatapointsToAlarm": 2, "Threshold": 100.0, "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "Dimensions": [{ "Name": "Operation", "Value": "Decrypt" }, { "Name": "KeyArn", "Value": "k" }],
        }] })
    }

    fn tagged(token: &str) -> Value {
        json!({ "Tags": [{ "Key": "a", "Value": "b" }, { "Key": CREATION_TAG, "Value": token }] })
    }

    #[tokio::test]
    async fn what_was_created_reads_back_as_the_same() {
        let canned = Canned::new()
            .ok("cloudwatch:DescribeAlarms", json!({ "MetricAlarms": [] }))
            .ok("cloudwatch:DescribeAlarms", described())
            .ok("cloudwatch:PutMetricAlarm", json!({}))
            .ok("cloudwatch:ListTagsForResource", tagged("token-1"));
        let created = create(&canned, Kind, planned()).await.expect("an alarm");
        assert_eq!((&created["arn"], &created["id"]), (&json!(ARN), &json!("decrypt")));
        assert_eq!(created["threshold"].to_string(), "100");
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created));
        let sent = canned.body("cloudwatch:PutMetricAlarm");
        assert_eq!((&sent["OKActions"], &sent["Threshold"]), (&json!([TOPIC]), &json!(100.0)));
        assert_eq!(sent["Tags"][1], json!({ "Key": CREATION_TAG, "Value": "token-1" }));
    }

    #[tokio::test]
    async fn an_alarm_of_someone_else_is_not_overwritten() {
        let canned = Canned::new().ok("cloudwatch:DescribeAlarms", described());
        let error = create(&canned, Kind, planned()).await.expect_err("taken");
        assert!(matches!(error.failure, Failure::AlreadyExists { .. }), "{error:?}");
        assert_eq!(canned.count("cloudwatch:PutMetricAlarm"), 0);
    }

    #[tokio::test]
    async fn only_a_marked_alarm_is_found() {
        for (token, expect) in [("token-1", true), ("another", false)] {
            let canned = Canned::new()
                .ok("cloudwatch:DescribeAlarms", described())
                .ok("cloudwatch:ListTagsForResource", tagged(token));
            assert_eq!(find_created(&canned, Kind, planned()).await.is_some(), expect, "{token}");
        }
    }

    #[tokio::test]
    async fn only_what_differs_is_called_for() {
        let cases: &[(&str, Value, &[&str])] = &[
            ("threshold", json!(100.0), &[]),
            ("threshold", json!(5), &["cloudwatch:PutMetricAlarm"]),
            ("ok_actions", json!([]), &["cloudwatch:PutMetricAlarm"]),
            ("tags", json!({ "a": "c" }), &["cloudwatch:TagResource"]),
        ];
        for (name, value, expect) in cases {
            let canned =
                Canned::new().ok("cloudwatch:PutMetricAlarm", json!({})).ok("cloudwatch:TagResource", json!({}));
            let mut prior = planned();
            prior["arn"] = json!(ARN);
            prior["tags_all"] = json!({ "a": "b" });
            let mut next = prior.clone();
            next[*name] = value.clone();
            update(&canned, Kind, prior, next).await;
            assert_eq!(canned.operations(), *expect, "{name}: {value}");
        }
    }
}
