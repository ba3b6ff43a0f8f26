mod actions;
mod alarms;
mod catching_up;
mod history;
mod metrics;

use bytes::Bytes;
use ciborium::Value as Cbor;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Service;
use crate::testing::{Answered, Client, block_on, start};

/// One line of `conformance/local/cloudwatch-validation.json`: a change to [`alarm`], and the error that it brings.
#[derive(Deserialize)]
struct Case {
    name: String,
    source: String,
    operation: String,
    change: serde_json::Map<String, Value>,
    code: Option<String>,
    message: Option<String>,
}

#[test]
fn alarms_keep_the_rules_of_aws() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../../../conformance/local/cloudwatch-validation.json"))
            .expect("the cases");
    for case in cases {
        assert!(!case.source.is_empty(), "{}", case.name);
        let client = Client::root();
        let mut input = alarm("a1");
        for (member, value) in case.change {
            input[member.as_str()] = value;
        }
        let answer = call(&client, &case.operation, &input);
        let there = call(&client, "DescribeAlarms", &json!({})).ok().value()["MetricAlarms"][0]["AlarmName"].clone();
        assert_eq!(answer.status == 200, case.code.is_none(), "{}: {}", case.name, answer.text);
        assert_eq!(there.is_null(), case.code.is_some(), "{}: nothing is half done", case.name);
        if let Some(code) = case.code {
            answer.is_error(&code);
            let wanted = case.message.expect("a message");
            assert!(answer.message().contains(&wanted), "{}: {}", case.name, answer.message());
        }
    }
}

/// Every case by JSON, Query and CBOR: the same is refused, in the words of the protocol, and the same is kept.
#[test]
fn the_three_protocols_say_the_same() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../../../conformance/local/cloudwatch-validation.json"))
            .expect("the cases");
    for case in cases {
        let mut input = alarm("a1");
        input["Tags"] = json!([{ "Key": "team", "Value": "red" }]);
        for (member, value) in case.change {
            input[member.as_str()] = value;
        }
        let mut pairs = Vec::new();
        flatten("", &input, &mut pairs);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answers = [
            |client: &Client, operation: &str, input: &Value, _: &[(&str, &str)]| call(client, operation, input),
            |client: &Client, operation: &str, input: &Value, _: &[(&str, &str)]| client.cbor(operation, input),
            |client: &Client, operation: &str, _: &Value, pairs: &[(&str, &str)]| {
                client.query(Service::CloudWatch, operation, pairs)
            },
        ]
        .map(|send| {
            let client = Client::root();
            let answer = send(&client, &case.operation, &input, &pairs);
            (answer, describe(&client, &json!({})))
        });
        let [(json, kept), (cbor, kept_by_cbor), (query, kept_by_query)] = &answers;
        assert_eq!((cbor.status, cbor.text.is_empty()), (json.status, json.text.is_empty()), "{}", case.name);
        assert_eq!(kept_by_cbor, kept, "{}", case.name);
        if json.status != 200 {
            assert_eq!((cbor.code(), cbor.message()), (json.code(), json.message()), "{}", case.name);
        }
        // What is of the wrong type is another thing to a protocol of texts, or none.
        if json.status != 200 && json.message().starts_with("member ") {
            continue;
        }
        assert_eq!((query.status, kept_by_query), (json.status, kept), "{}: {}", case.name, query.text);
        if json.status != 200 {
            assert_eq!(query.message(), json.message(), "{}", case.name);
            assert!(!query.code().ends_with("Exception"), "{}: {}", case.name, query.code());
        }
    }
}

/// The parameters of Query.
fn flatten(name: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Null => {}
        Value::Object(members) => members.iter().for_each(|(member, value)| flatten(&below(member), value, into)),
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(at, item)| flatten(&below(&format!("member.{}", at + 1)), item, into));
        }
        Value::String(text) => into.push((name.to_owned(), text.clone())),
        other => into.push((name.to_owned(), other.to_string())),
    }
}

#[test]
fn a_new_alarm_has_not_been_checked_and_an_update_keeps_its_state_and_tags() {
    let client = Client::root();
    let mut input = alarm("a1");
    input["Tags"] = json!([{ "Key": "team", "Value": "red" }]);
    call(&client, "PutMetricAlarm", &input).ok();
    let shown = describe(&client, &json!({})).remove(0);
    assert_eq!(shown["StateValue"], "INSUFFICIENT_DATA");
    assert_eq!(shown["StateReason"], "Unchecked: Initial alarm creation");
    assert_eq!(shown["AlarmArn"], arn("a1"));
    assert_eq!(shown["ActionsEnabled"], true);
    assert_eq!(shown["StateUpdatedTimestamp"], 1_767_323_045);
    client.clock.advance(jiff::SignedDuration::from_millis(1_500));
    let mut update = alarm("a1");
    update["Threshold"] = json!(5.5);
    update["Tags"] = json!([{ "Key": "team", "Value": "blue" }]);
    call(&client, "PutMetricAlarm", &update).ok();
    let shown = describe(&client, &json!({})).remove(0);
    assert_eq!(shown["Threshold"], 5.5);
    assert_eq!(shown["StateUpdatedTimestamp"], 1_767_323_045);
    assert_eq!(shown["AlarmConfigurationUpdatedTimestamp"], 1_767_323_046.5);
    let tags = call(&client, "ListTagsForResource", &json!({ "ResourceARN": arn("a1") })).ok().value();
    assert_eq!(tags["Tags"], json!([{ "Key": "team", "Value": "red" }]));
}

#[test]
fn alarms_are_found_by_name_prefix_state_action_and_type() {
    let client = Client::root();
    let topic = "arn:aws:sns:eu-west-1:111122223333:alarms";
    for name in ["kms-b", "kms-a", "other"] {
        let mut input = alarm(name);
        if name == "other" {
            input["OKActions"] = json!([topic]);
        }
        call(&client, "PutMetricAlarm", &input).ok();
    }
    call(&client.in_region("us-east-1"), "PutMetricAlarm", &alarm("elsewhere")).ok();
    call(&client.root_of("444455556666"), "PutMetricAlarm", &alarm("not-ours")).ok();
    let check = |input: Value, expect: &[&str]| assert_eq!(names(&describe(&client, &input)), expect, "{input}");
    check(json!({}), &["kms-a", "kms-b", "other"]);
    check(json!({ "AlarmNames": ["other", "gone"] }), &["other"]);
    check(json!({ "AlarmNamePrefix": "kms" }), &["kms-a", "kms-b"]);
    check(json!({ "StateValue": "ALARM" }), &[]);
    check(json!({ "StateValue": "INSUFFICIENT_DATA", "AlarmNamePrefix": "o" }), &["other"]);
    check(json!({ "ActionPrefix": "arn:aws:sns:" }), &["other"]);
    check(json!({ "AlarmTypes": ["CompositeAlarm"] }), &[]);
    check(json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "AlarmNamePrefix": "o" }), &["other"]);
    for (input, code) in [
        (json!({ "StateValue": "BROKEN" }), "ValidationError"),
        (json!({ "AlarmTypes": ["Fire"] }), "ValidationError"),
        (json!({ "MaxRecords": 0 }), "ValidationError"),
        (json!({ "MaxRecords": 101 }), "ValidationError"),
        (json!({ "AlarmNames": ["a"], "AlarmNamePrefix": "a" }), "InvalidParameterCombinationException"),
        (json!({ "NextToken": "!" }), "InvalidNextToken"),
        (json!({ "ChildrenOfAlarmName": "a" }), "UnsupportedOperationException"),
    ] {
        call(&client, "DescribeAlarms", &input).is_error(code);
    }
}

#[test]
fn alarms_come_in_pages() {
    let client = Client::root();
    for number in 0..5 {
        call(&client, "PutMetricAlarm", &alarm(&format!("a{number}"))).ok();
    }
    let (mut seen, mut token, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let page = call(&client, "DescribeAlarms", &json!({ "MaxRecords": 2, "NextToken": token })).ok().value();
        seen.extend(names(page["MetricAlarms"].as_array().expect("alarms")));
        pages += 1;
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!((seen.join(" ").as_str(), pages), ("a0 a1 a2 a3 a4", 3));
}

#[test]
fn alarms_are_found_by_exactly_their_metric() {
    let client = Client::root();
    call(&client, "PutMetricAlarm", &alarm("a1")).ok();
    let mut input = alarm("a2");
    input["Dimensions"] = Value::Null;
    call(&client, "PutMetricAlarm", &input).ok();
    let found = |change: Value| {
        let mut input = json!({ "MetricName": "SuccessfulRequest", "Namespace": "AWS/KMS" });
        input.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = call(&client, "DescribeAlarmsForMetric", &input).ok().value();
        names(answer["MetricAlarms"].as_array().expect("alarms"))
    };
    assert_eq!(found(json!({})), ["a2"]);
    let reversed = json!([{ "Name": "Operation", "Value": "Decrypt" }, { "Name": "KeyArn", "Value": "k" }]);
    assert_eq!(found(json!({ "Dimensions": reversed })), ["a1"]);
    assert_eq!(found(json!({ "Dimensions": reversed, "Statistic": "Average" })), Vec::<String>::new());
    assert_eq!(found(json!({ "Dimensions": reversed, "Period": 300, "Statistic": "Sum" })), ["a1"]);
    assert_eq!(found(json!({ "Namespace": "Other" })), Vec::<String>::new());
}

#[test]
fn alarms_are_deleted_all_or_none() {
    let client = Client::root();
    call(&client, "PutMetricAlarm", &alarm("a1")).ok();
    call(&client, "DeleteAlarms", &json!({ "AlarmNames": ["a1", "gone"] })).is_error("ResourceNotFound");
    assert_eq!(names(&describe(&client, &json!({}))), ["a1"]);
    call(&client, "DeleteAlarms", &json!({ "AlarmNames": ["a1"] })).ok();
    assert!(describe(&client, &json!({})).is_empty());
    call(&client, "DeleteAlarms", &json!({ "AlarmNames": [] })).is_error("ValidationError");
}

#[test]
fn actions_are_switched_and_tags_come_and_go() {
    let client = Client::root();
    call(&client, "PutMetricAlarm", &alarm("a1")).ok();
    call(&client, "DisableAlarmActions", &json!({ "AlarmNames": ["a1", "gone"] })).ok();
    assert_eq!(describe(&client, &json!({}))[0]["ActionsEnabled"], false);
    call(&client, "EnableAlarmActions", &json!({ "AlarmNames": ["a1"] })).ok();
    assert_eq!(describe(&client, &json!({}))[0]["ActionsEnabled"], true);
    let tags = json!([{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }]);
    call(&client, "TagResource", &json!({ "ResourceARN": arn("a1"), "Tags": tags })).ok();
    call(&client, "UntagResource", &json!({ "ResourceARN": arn("a1"), "TagKeys": ["a", "c"] })).ok();
    let left = call(&client, "ListTagsForResource", &json!({ "ResourceARN": arn("a1") })).ok().value();
    assert_eq!(left["Tags"], json!([{ "Key": "b", "Value": "2" }]));
    for gone in [arn("gone"), arn("a1").replace("111122223333", "444455556666"), arn("a1").replace("alarm:", "x:")] {
        let answer = call(&client, "ListTagsForResource", &json!({ "ResourceARN": gone }));
        answer.is_error("ResourceNotFoundException");
    }
    call(&client, "ListTagsForResource", &json!({ "ResourceARN": "a1" })).is_error("InvalidParameterValueException");
}

#[test]
fn all_three_protocols_mean_the_same_call() {
    let client = Client::root();
    let query = [
        ("AlarmName", "p"),
        ("MetricName", "SuccessfulRequest"),
        ("Namespace", "AWS/KMS"),
        ("Statistic", "Sum"),
        ("Period", "300"),
        ("EvaluationPeriods", "3"),
        ("DatapointsToAlarm", "2"),
        ("Threshold", "100.0"),
        ("ComparisonOperator", "GreaterThanThreshold"),
        ("TreatMissingData", "notBreaching"),
        ("Dimensions.member.1.Name", "KeyArn"),
        ("Dimensions.member.1.Value", "k"),
        ("Dimensions.member.2.Name", "Operation"),
        ("Dimensions.member.2.Value", "Decrypt"),
    ];
    let puts: [&dyn Fn() -> Answered; 3] = [
        &|| client.json(Service::CloudWatch, "PutMetricAlarm", &alarm("p")),
        &|| client.cbor("PutMetricAlarm", &alarm("p")),
        &|| client.query(Service::CloudWatch, "PutMetricAlarm", &query),
    ];
    let mut shown = Vec::new();
    for put in puts {
        put().ok();
        let json = client.json(Service::CloudWatch, "DescribeAlarms", &json!({})).ok().value();
        assert_eq!(client.cbor("DescribeAlarms", &json!({})).ok().value()["MetricAlarms"][0]["Threshold"], 100.0);
        client.json(Service::CloudWatch, "DeleteAlarms", &json!({ "AlarmNames": ["p"] })).ok();
        shown.push(json["MetricAlarms"].clone());
    }
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[0], shown[2]);
}

#[test]
fn each_protocol_writes_moments_in_its_own_way() {
    let client = Client::root();
    call(&client, "PutMetricAlarm", &alarm("a1")).ok();
    assert_eq!(describe(&client, &json!({}))[0]["StateUpdatedTimestamp"], 1_767_323_045);
    let xml = client.query(Service::CloudWatch, "DescribeAlarms", &[("AlarmNames.member.1", "a1")]).ok();
    assert_eq!(xml.element("StateUpdatedTimestamp"), "2026-01-02T03:04:05Z");
    assert_eq!(xml.elements("AlarmName"), ["a1"]);
    let headers = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
    let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
    let response = block_on(client.aws.handle(client.signed(Service::CloudWatch, path, &headers, Vec::new())));
    let alarm = first_alarm(response.body());
    let (_, moment) = alarm.iter().find(|(key, _)| key.as_text() == Some("StateUpdatedTimestamp")).expect("the moment");
    assert_eq!(*moment, Cbor::Tag(1, Box::new(Cbor::Float(1_767_323_045.0))));
}

#[test]
fn errors_carry_the_code_of_each_protocol() {
    let client = Client::root();
    client.query(Service::CloudWatch, "DeleteAlarms", &[("AlarmNames.member.1", "x")]).is_error("ResourceNotFound");
    client.query(Service::CloudWatch, "PutMetricAlarm", &[("AlarmName", "x")]).is_error("MissingParameter");
    client.cbor("PutMetricAlarm", &json!({ "AlarmName": "x" })).is_error("MissingRequiredParameterException");
    let request = |body: Value| {
        let headers = [
            ("x-amz-target", "GraniteServiceVersion20100801.PutMetricAlarm"),
            ("content-type", "application/x-amz-json-1.0"),
        ];
        client.signed(Service::CloudWatch, "/", &headers, body.to_string().into_bytes())
    };
    let response = block_on(client.aws.handle(request(json!({ "AlarmName": "x" }))));
    assert_eq!(response.headers()["x-amzn-query-error"], "MissingParameter;Sender");
}

#[test]
fn composite_alarms_say_that_they_are_not_supported() {
    let answer = call(&Client::root(), "PutCompositeAlarm", &json!({}));
    answer.is_error("UnsupportedOperationException");
    assert!(answer.message().contains("PutCompositeAlarm"), "{}", answer.message());
}

fn first_alarm(body: &Bytes) -> Vec<(Cbor, Cbor)> {
    let answer: Cbor = ciborium::from_reader(body.as_ref()).expect("CBOR");
    let members = answer.into_map().expect("a map");
    let (_, alarms) = members.into_iter().find(|(key, _)| key.as_text() == Some("MetricAlarms")).expect("the alarms");
    alarms.into_array().expect("a list").remove(0).into_map().expect("a map")
}

fn alarm(name: &str) -> Value {
    json!({
        "AlarmName": name,
        "MetricName": "SuccessfulRequest",
        "Namespace": "AWS/KMS",
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 100.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "Dimensions": [{ "Name": "KeyArn", "Value": "k" }, { "Name": "Operation", "Value": "Decrypt" }],
    })
}

fn arn(name: &str) -> String {
    format!("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:{name}")
}

fn call(client: &Client, operation: &str, input: &Value) -> Answered {
    client.json(Service::CloudWatch, operation, input)
}

fn describe(client: &Client, input: &Value) -> Vec<Value> {
    call(client, "DescribeAlarms", input).ok().value()["MetricAlarms"].as_array().expect("alarms").clone()
}

fn names(alarms: &[Value]) -> Vec<String> {
    alarms.iter().map(|alarm| alarm["AlarmName"].as_str().expect("a name").to_owned()).collect()
}

/// Moves the clock on.
fn pass(client: &Client, seconds: i64) {
    client.clock.advance(jiff::SignedDuration::from_secs(seconds));
}

/// Publishes one value now.
fn publish(client: &Client, value: f64) {
    let datum = json!({ "MetricName": "Requests", "Value": value });
    call(client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": [datum] })).ok();
}

/// An alarm on what [`publish`] publishes.
fn watch(name: &str, change: &Value) -> Value {
    let mut input = alarm(name);
    input["Namespace"] = "Ours".into();
    input["MetricName"] = "Requests".into();
    input["Dimensions"] = json!([]);
    input.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    input
}

fn shown(client: &Client, name: &str) -> Value {
    describe(client, &json!({ "AlarmNames": [name] })).remove(0)
}

fn state(client: &Client, name: &str) -> String {
    shown(client, name)["StateValue"].as_str().expect("a state").to_owned()
}

/// When and how an alarm's state changed: seconds since the tests' beginning.
fn changes(client: &Client, name: &str) -> Vec<(i64, String)> {
    let input = json!({ "AlarmName": name, "HistoryItemType": "StateUpdate", "ScanBy": "TimestampAscending" });
    let answer = call(client, "DescribeAlarmHistory", &input).ok().value();
    let items = answer["AlarmHistoryItems"].as_array().expect("items").clone();
    let change = |item: &Value| {
        let summary = item["HistorySummary"].as_str().expect("a summary");
        let second = item["Timestamp"].as_f64().expect("a time") as i64;
        (second - start().as_second(), summary.trim_start_matches("Alarm updated from ").to_owned())
    };
    items.iter().map(change).collect()
}
