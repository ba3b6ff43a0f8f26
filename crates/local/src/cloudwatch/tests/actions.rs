use keywright_model::Arn;
use serde_json::{Value, json};

use super::{call, pass, publish, watch};
use crate::Service;
use crate::testing::{ACCOUNT, Client};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";

/// A topic, perhaps encrypted, whose messages an inbox takes, and an alarm that tells it when it rings and stops.
fn told(client: &Client, key: Option<&str>, change: &Value) {
    client.query(Service::Sns, "CreateTopic", &[("Name", "alarms")]).ok();
    if let Some(key) = key {
        set_topic(client, "KmsMasterKeyId", key);
    }
    client.aws.subscribe_inside(&Arn::parse(TOPIC).expect("an ARN"), "inbox").expect("subscribed");
    let mut input = watch(
        "a1",
        &json!({
            "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "AlarmDescription": "too many",
            "AlarmActions": [TOPIC], "OKActions": [TOPIC], "Dimensions": [],
        }),
    );
    input.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    call(client, "PutMetricAlarm", &input).ok();
}

fn set_topic(client: &Client, name: &str, value: &str) {
    let parameters = [("TopicArn", TOPIC), ("AttributeName", name), ("AttributeValue", value)];
    client.query(Service::Sns, "SetTopicAttributes", &parameters).ok();
}

fn ring(client: &Client) {
    publish(client, 150.0);
    pass(client, 55);
}

/// The actions in the history, oldest first: what is said of each, and its data.
fn actions(client: &Client) -> Vec<(String, Value)> {
    let input = json!({ "AlarmName": "a1", "HistoryItemType": "Action", "ScanBy": "TimestampAscending" });
    let answer = call(client, "DescribeAlarmHistory", &input).ok().value();
    let items = answer["AlarmHistoryItems"].as_array().expect("items").clone();
    let told = |item: &Value| {
        let data = item["HistoryData"].as_str().expect("data");
        let summary = item["HistorySummary"].as_str().expect("a summary");
        (summary.to_owned(), serde_json::from_str(data).expect("JSON"))
    };
    items.iter().map(told).collect()
}

/// A key whose policy admits the account, and alarms of that account if one is named.
fn key(client: &Client, admitted: Option<&str>) -> String {
    let mut statements = vec![json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*",
        "Resource": "*",
    })];
    if let Some(account) = admitted {
        statements.push(json!({
            "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*",
            "Condition": { "StringEquals": { "aws:SourceAccount": account } },
        }));
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let made = client.json(Service::Kms, "CreateKey", &json!({ "Policy": policy })).ok().value();
    made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
}

#[test]
fn an_alarm_tells_its_topic_when_it_rings_and_when_it_stops() {
    let client = Client::root();
    told(&client, None, &json!({}));
    ring(&client);
    assert_eq!(actions(&client).len(), 1, "settled");
    let message = client.aws.inbox("inbox").remove(0);
    assert_eq!(message.subject.as_deref(), Some("ALARM: \"a1\" in EU (Ireland)"));
    let told: Value = serde_json::from_str(&message.message).expect("JSON");
    assert_eq!(
        told,
        json!({
            "AlarmName": "a1",
            "AlarmDescription": "too many",
            "AWSAccountId": ACCOUNT,
            "AlarmConfigurationUpdatedTimestamp": "2026-01-02T03:04:05.000+0000",
            "NewStateValue": "ALARM",
            "NewStateReason": "Threshold Crossed: 1 out of the last 1 datapoints [150.0 (02/01/26 03:00:00)] was greater \
                than the threshold (100.0) (minimum 1 datapoint for OK -> ALARM transition).",
            "StateChangeTime": "2026-01-02T03:05:00.000+0000",
            "Region": "EU (Ireland)",
            "AlarmArn": "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a1",
            "OldStateValue": "INSUFFICIENT_DATA",
            "OKActions": [TOPIC],
            "AlarmActions": [TOPIC],
            "InsufficientDataActions": [],
            "Trigger": {
                "MetricName": "Requests",
                "Namespace": "Ours",
                "StatisticType": "Statistic",
                "Statistic": "SUM",
                "Unit": null,
                "Dimensions": [],
                "Period": 300,
                "EvaluationPeriods": 1,
                "DatapointsToAlarm": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 100.0,
                "TreatMissingData": "notBreaching",
                "EvaluateLowSampleCountPercentile": "",
            },
        })
    );
    pass(&client, 86_400);
    assert_eq!(actions(&client).len(), 2);
    let subjects: Vec<_> = client.aws.inbox("inbox").into_iter().filter_map(|message| message.subject).collect();
    assert_eq!(subjects, ["ALARM: \"a1\" in EU (Ireland)", "OK: \"a1\" in EU (Ireland)"]);
}

#[test]
fn actions_that_are_disabled_do_not_happen() {
    let client = Client::root();
    told(&client, None, &json!({ "ActionsEnabled": false }));
    ring(&client);
    assert_eq!(super::state(&client, "a1"), "ALARM");
    assert!(actions(&client).is_empty());
    assert!(client.aws.inbox("inbox").is_empty());
}

#[test]
fn a_state_that_is_set_by_hand_tells_the_topic_only_when_it_is_another_one() {
    let client = Client::root();
    told(&client, None, &json!({}));
    for _ in 0..2 {
        let set = json!({ "AlarmName": "a1", "StateValue": "ALARM", "StateReason": "trying" });
        call(&client, "SetAlarmState", &set).ok();
    }
    let messages = client.aws.inbox("inbox");
    assert_eq!(messages.len(), 1);
    assert!(messages[0].message.contains("\"NewStateReason\":\"trying\""), "{}", messages[0].message);
}

#[test]
fn a_topic_that_is_not_there_or_does_not_admit_alarms_fails_the_action_and_not_the_alarm() {
    let client = Client::root();
    told(&client, None, &json!({ "AlarmActions": [TOPIC.replace("alarms", "gone"), TOPIC] }));
    let statement = |effect: &str| {
        json!({
            "Effect": effect, "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": "SNS:Publish",
            "Resource": TOPIC,
        })
    };
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement("Allow"), statement("Deny")] });
    set_topic(&client, "Policy", &policy.to_string());
    ring(&client);
    assert_eq!(super::state(&client, "a1"), "ALARM");
    let seen = actions(&client);
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|(summary, data)| summary.starts_with("Failed") && data["actionState"] == "Failed"));
    assert_eq!(
        seen[1].0,
        format!(
            "Failed to execute action {TOPIC}. Received error: \"Resource: \
            arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a1 is not authorized to perform: SNS:Publish on resource: \
            {TOPIC}\""
        )
    );
    assert!(client.aws.inbox("inbox").is_empty());
}

#[test]
fn an_encrypted_topic_is_told_only_if_its_key_admits_alarms_of_the_account() {
    for (admitted, rings) in [(Some(ACCOUNT), true), (None, false), (Some("444455556666"), false)] {
        let client = Client::root();
        let key = key(&client, admitted);
        told(&client, Some(&key), &json!({}));
        ring(&client);
        let (summary, data) = actions(&client).remove(0);
        assert_eq!(client.aws.inbox("inbox").len(), usize::from(rings), "{summary}");
        if rings {
            assert_eq!(summary, format!("Successfully executed action {TOPIC}"));
            assert_eq!(data["actionState"], "Succeeded");
        } else {
            let error = "CloudWatch Alarms does not have authorization to access the SNS topic encryption key.";
            assert_eq!(summary, format!("Failed to execute action {TOPIC}. Received error: \"{error}\""));
            assert_eq!((&data["actionState"], &data["error"]), (&json!("Failed"), &json!(error)));
        }
    }
}
