use serde_json::{Value, json};

use super::{call, pass, publish, watch};
use crate::testing::Client;

fn history(client: &Client, input: &Value) -> Vec<Value> {
    let answer = call(client, "DescribeAlarmHistory", input).ok().value();
    answer["AlarmHistoryItems"].as_array().expect("items").clone()
}

fn summaries(client: &Client, input: &Value) -> Vec<String> {
    let summary = |item: &Value| item["HistorySummary"].as_str().expect("a summary").to_owned();
    history(client, input).iter().map(summary).collect()
}

/// An alarm that was made, rang, and was deleted.
fn told() -> Client {
    let client = Client::root();
    call(&client, "PutMetricAlarm", &watch("a1", &json!({ "EvaluationPeriods": 1, "DatapointsToAlarm": 1 }))).ok();
    publish(&client, 150.0);
    pass(&client, 60);
    call(&client, "PutMetricAlarm", &watch("a2", &json!({}))).ok();
    call(&client, "DisableAlarmActions", &json!({ "AlarmNames": ["a1"] })).ok();
    call(&client, "DeleteAlarms", &json!({ "AlarmNames": ["a1"] })).ok();
    client
}

#[test]
fn the_history_of_an_alarm_outlives_it() {
    let client = told();
    let expect = [
        "Alarm \"a1\" deleted",
        "Alarm \"a1\" updated",
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        "Alarm \"a1\" created",
    ];
    assert_eq!(summaries(&client, &json!({ "AlarmName": "a1" })), expect);
    pass(&client, 31 * 86_400);
    assert!(summaries(&client, &json!({ "AlarmName": "a1" })).is_empty());
}

#[test]
fn history_tells_both_states_and_what_was_configured() {
    let client = told();
    let update = history(&client, &json!({ "AlarmName": "a1", "HistoryItemType": "StateUpdate" })).remove(0);
    assert_eq!((&update["AlarmType"], &update["HistoryItemType"]), (&json!("MetricAlarm"), &json!("StateUpdate")));
    let data: Value = serde_json::from_str(update["HistoryData"].as_str().expect("data")).expect("JSON");
    assert_eq!(data["oldState"]["stateValue"], "INSUFFICIENT_DATA");
    assert_eq!(data["newState"]["stateReasonData"]["recentDatapoints"], json!([150.0]));
    let input = json!({ "AlarmName": "a1", "HistoryItemType": "ConfigurationUpdate", "ScanBy": "TimestampAscending" });
    let created = history(&client, &input).remove(0);
    let data: Value = serde_json::from_str(created["HistoryData"].as_str().expect("data")).expect("JSON");
    assert_eq!((&data["type"], &data["createdAlarm"]["threshold"]), (&json!("Create"), &json!(100.0)));
}

#[test]
fn history_is_filtered_and_ordered() {
    let client = told();
    let count = |input: Value| history(&client, &input).len();
    assert_eq!(count(json!({})), 5);
    assert_eq!(count(json!({ "AlarmName": "a2" })), 1);
    assert_eq!(count(json!({ "HistoryItemType": "Action" })), 0);
    assert_eq!(count(json!({ "AlarmTypes": ["CompositeAlarm"] })), 0);
    assert_eq!(count(json!({ "StartDate": 1_767_323_100, "EndDate": 1_767_323_100 })), 1);
    let up = summaries(&client, &json!({ "ScanBy": "TimestampAscending" }));
    let mut down = summaries(&client, &json!({}));
    assert_eq!(up[0], "Alarm \"a1\" created");
    down.reverse();
    let of_first = |all: &[String]| all.iter().filter(|one| !one.contains("a2")).cloned().collect::<Vec<_>>();
    assert_eq!(of_first(&up), of_first(&down));
    assert!(history(&client.in_region("us-east-1"), &json!({})).is_empty());
    assert!(history(&client.root_of("444455556666"), &json!({})).is_empty());
    for input in [json!({ "HistoryItemType": "Gossip" }), json!({ "MaxRecords": 0 }), json!({ "ScanBy": "Chance" })] {
        call(&client, "DescribeAlarmHistory", &input).is_error("ValidationError");
    }
}

#[test]
fn history_comes_in_pages() {
    for order in ["TimestampAscending", "TimestampDescending"] {
        let client = told();
        let (mut seen, mut token) = (Vec::new(), Value::Null);
        loop {
            let input = json!({ "MaxRecords": 2, "NextToken": token, "ScanBy": order });
            let page = call(&client, "DescribeAlarmHistory", &input).ok().value();
            seen.extend(page["AlarmHistoryItems"].as_array().expect("items").clone());
            token = page["NextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(seen, history(&client, &json!({ "ScanBy": order })));
    }
}
