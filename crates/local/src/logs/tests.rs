use keywright_model::Arn;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Service;
use crate::testing::{Answered, Client};

/// One line of `conformance/local/logs-validation.json`.
#[derive(Deserialize)]
struct Case {
    name: String,
    source: String,
    operation: String,
    input: Value,
    code: Option<String>,
    message: Option<String>,
}

#[test]
fn log_groups_filters_and_streams_keep_the_rules_of_aws() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../../conformance/local/logs-validation.json")).expect("the cases");
    for mut case in cases {
        assert!(!case.source.is_empty(), "{}", case.name);
        if case.input["logEvents"][0]["message"] == "BIG" {
            case.input["logEvents"][0]["message"] = json!("x".repeat(1_048_576));
        }
        let answer = call(&prepared(), &case.operation, &case.input);
        match case.code {
            None => drop(answer.ok()),
            Some(code) => {
                assert_eq!(answer.code(), code, "{}: {}", case.name, answer.text);
                let wanted = case.message.expect("a message");
                assert!(answer.message().contains(&wanted), "{}: {}", case.name, answer.message());
            }
        }
    }
}

#[test]
fn a_log_group_is_shown_with_both_forms_of_its_arn() {
    let client = prepared();
    call(&client, "PutRetentionPolicy", &json!({ "logGroupName": "trail", "retentionInDays": 90 })).ok();
    call(&client, "PutMetricFilter", &filter("f1")).ok();
    let groups = call(&client, "DescribeLogGroups", &json!({ "logGroupNamePrefix": "tr" })).ok().value();
    assert_eq!(
        groups["logGroups"],
        json!([{
            "logGroupName": "trail",
            "creationTime": 1_767_323_045_000_i64,
            "retentionInDays": 90,
            "metricFilterCount": 1,
            "arn": "arn:aws:logs:eu-west-1:111122223333:log-group:trail:*",
            "logGroupArn": "arn:aws:logs:eu-west-1:111122223333:log-group:trail",
            "storedBytes": 0,
            "logGroupClass": "STANDARD",
        }])
    );
    call(&client, "DeleteRetentionPolicy", &json!({ "logGroupName": "trail" })).ok();
    let groups = call(&client, "DescribeLogGroups", &json!({})).ok().value();
    assert!(groups["logGroups"][0].get("retentionInDays").is_none());
}

#[test]
fn log_groups_are_found_and_come_in_pages() {
    let client = Client::root();
    for name in ["app/b", "app/a", "trail"] {
        call(&client, "CreateLogGroup", &json!({ "logGroupName": name })).ok();
    }
    call(&client.in_region("us-east-1"), "CreateLogGroup", &json!({ "logGroupName": "elsewhere" })).ok();
    let found = |input: Value| {
        let answer = call(&client, "DescribeLogGroups", &input).ok().value();
        (names(&answer["logGroups"], "logGroupName"), answer["nextToken"].clone())
    };
    assert_eq!(found(json!({})).0, "app/a app/b trail");
    assert_eq!(found(json!({ "logGroupNamePattern": "p/" })).0, "app/a app/b");
    assert_eq!(found(json!({ "logGroupIdentifiers": [group_arn("trail"), "app/a"] })).0, "app/a trail");
    let (first, token) = found(json!({ "limit": 2 }));
    assert_eq!(first, "app/a app/b");
    assert_eq!(found(json!({ "limit": 2, "nextToken": token })), ("trail".to_owned(), Value::Null));
}

#[test]
fn what_is_in_a_log_group_goes_with_it_and_nothing_else() {
    let client = prepared();
    call(&client, "CreateLogGroup", &json!({ "logGroupName": "trail-2" })).ok();
    for group in ["trail", "trail-2"] {
        let mut input = filter("f1");
        input["logGroupName"] = json!(group);
        call(&client, "PutMetricFilter", &input).ok();
    }
    put_events(&client, &[(0, "x")]).ok();
    call(&client, "DeleteLogGroup", &json!({ "logGroupName": "trail" })).ok();
    call(&client, "CreateLogGroup", &json!({ "logGroupName": "trail" })).ok();
    let filters = call(&client, "DescribeMetricFilters", &json!({})).ok().value();
    assert_eq!(names(&filters["metricFilters"], "logGroupName"), "trail-2");
    let streams = call(&client, "DescribeLogStreams", &json!({ "logGroupName": "trail" })).ok().value();
    assert_eq!(streams["logStreams"], json!([]));
    assert_eq!(call(&client, "FilterLogEvents", &json!({ "logGroupName": "trail" })).ok().value()["events"], json!([]));
}

#[test]
fn a_filter_is_shown_as_it_was_put_and_replaced_by_its_name() {
    let client = prepared();
    let mut input = filter("f1");
    input["metricTransformations"][0]["defaultValue"] = json!(0.0);
    call(&client, "PutMetricFilter", &filter("f1")).ok();
    client.clock.advance(jiff::SignedDuration::from_secs(60));
    call(&client, "PutMetricFilter", &input).ok();
    call(&client, "PutMetricFilter", &filter("g")).ok();
    let shown = |input: Value| call(&client, "DescribeMetricFilters", &input).ok().value()["metricFilters"].clone();
    assert_eq!(
        shown(json!({ "logGroupName": "trail", "filterNamePrefix": "f" })),
        json!([{
            "filterName": "f1",
            "filterPattern": "{ $.errorCode = \"AccessDenied*\" }",
            "metricTransformations": [
                { "metricName": "m-f1", "metricNamespace": "N", "metricValue": "1", "defaultValue": 0.0 }
            ],
            "creationTime": 1_767_323_045_000_i64,
            "logGroupName": "trail",
            "applyOnTransformedLogs": false,
        }])
    );
    assert_eq!(names(&shown(json!({ "metricName": "m-g", "metricNamespace": "N" })), "filterName"), "g");
    assert_eq!(shown(json!({ "metricName": "m-g", "metricNamespace": "M" })), json!([]));
    call(&client, "DeleteMetricFilter", &json!({ "logGroupName": "trail", "filterName": "g" })).ok();
    assert_eq!(names(&shown(json!({})), "filterName"), "f1");
}

#[test]
fn a_log_group_has_a_hundred_filters_at_most_and_they_come_in_pages() {
    let client = prepared();
    for number in 0..100 {
        call(&client, "PutMetricFilter", &filter(&format!("f{number:02}"))).ok();
    }
    call(&client, "PutMetricFilter", &filter("one-more")).is_error("LimitExceededException");
    call(&client, "PutMetricFilter", &filter("f00")).ok();
    let first = call(&client, "DescribeMetricFilters", &json!({})).ok().value();
    let second = call(&client, "DescribeMetricFilters", &json!({ "nextToken": first["nextToken"] })).ok().value();
    assert_eq!(first["metricFilters"].as_array().map(Vec::len), Some(50));
    assert_eq!(second["metricFilters"][0]["filterName"], "f50");
    assert_eq!(second.get("nextToken"), None);
}

#[test]
fn a_pattern_is_tested_by_the_evaluator_that_filters_use() {
    let input = json!({
        "filterPattern": "{ $.errorCode = \"AccessDenied*\" && $.n > 1 }",
        "logEventMessages": [
            r#"{"errorCode":"AccessDenied","n":1}"#, r#"{"errorCode":"AccessDeniedException","n":2}"#, "text"
        ],
    });
    let answer = call(&Client::root(), "TestMetricFilter", &input).ok().value();
    assert_eq!(
        answer["matches"],
        json!([{
            "eventNumber": 2,
            "eventMessage": r#"{"errorCode":"AccessDeniedException","n":2}"#,
            "extractedValues": { "$.errorCode": "AccessDeniedException", "$.n": "2" },
        }])
    );
}

#[test]
fn tags_come_and_go_by_both_interfaces() {
    let client = prepared();
    call(&client, "TagResource", &json!({ "resourceArn": group_arn("trail"), "tags": { "a": "1", "b": "2" } })).ok();
    call(&client, "TagLogGroup", &json!({ "logGroupName": "trail", "tags": { "c": "3" } })).ok();
    call(&client, "UntagResource", &json!({ "resourceArn": group_arn("trail"), "tagKeys": ["a"] })).ok();
    call(&client, "UntagLogGroup", &json!({ "logGroupName": "trail", "tags": ["b"] })).ok();
    let new = call(&client, "ListTagsForResource", &json!({ "resourceArn": group_arn("trail") })).ok().value();
    let old = call(&client, "ListTagsLogGroup", &json!({ "logGroupName": "trail" })).ok().value();
    assert_eq!((&new["tags"], &old["tags"]), (&json!({ "c": "3" }), &json!({ "c": "3" })));
}

#[test]
fn events_are_read_from_both_ends_and_on() {
    let client = prepared();
    put_events(&client, &[(0, "one"), (1, "two"), (1, "three"), (2, "four"), (3, "five")]).ok();
    let read = |input: Value| {
        let mut all = json!({ "logGroupName": "trail", "logStreamName": "s1" });
        all.as_object_mut().expect("an object").extend(input.as_object().expect("an object").clone());
        let answer = call(&client, "GetLogEvents", &all).ok().value();
        (names(&answer["events"], "message"), answer)
    };
    assert_eq!(read(json!({})).0, "one two three four five");
    assert_eq!(read(json!({ "limit": 2 })).0, "four five");
    let (first, answer) = read(json!({ "limit": 2, "startFromHead": true }));
    assert_eq!(first, "one two");
    let (second, answer) = read(json!({ "limit": 2, "nextToken": answer["nextForwardToken"] }));
    assert_eq!(second, "three four");
    let (back, _) = read(json!({ "limit": 2, "nextToken": answer["nextBackwardToken"] }));
    assert_eq!(back, "one two");
    let (third, answer) = read(json!({ "limit": 2, "nextToken": answer["nextForwardToken"] }));
    assert_eq!(third, "five");
    let (none, end) = read(json!({ "limit": 2, "nextToken": answer["nextForwardToken"] }));
    assert_eq!((none.as_str(), &end["nextForwardToken"]), ("", &answer["nextForwardToken"]));
    let (some, _) = read(json!({ "startTime": NOW + 1, "endTime": NOW + 3 }));
    assert_eq!(some, "two three four");
}

#[test]
fn events_are_searched_across_streams_in_the_order_of_time() {
    let client = prepared();
    call(&client, "CreateLogStream", &json!({ "logGroupName": "trail", "logStreamName": "s0" })).ok();
    put_events(&client, &[(0, r#"{"a":1}"#), (20, r#"{"a":3}"#)]).ok();
    let events = json!([{ "timestamp": NOW + 10, "message": r#"{"a":2}"# }, { "timestamp": NOW + 30, "message": "x" }]);
    let input = json!({ "logGroupName": "trail", "logStreamName": "s0", "logEvents": events });
    call(&client, "PutLogEvents", &input).ok();
    let search = |input: Value| {
        let mut all = json!({ "logGroupIdentifier": group_arn("trail") });
        all.as_object_mut().expect("an object").extend(input.as_object().expect("an object").clone());
        let answer = call(&client, "FilterLogEvents", &all).ok().value();
        (names(&answer["events"], "message"), answer["nextToken"].clone())
    };
    assert_eq!(search(json!({ "filterPattern": "{ $.a > 0 }" })).0, r#"{"a":1} {"a":2} {"a":3}"#);
    assert_eq!(search(json!({ "logStreamNames": ["s0"] })).0, r#"{"a":2} x"#);
    assert_eq!(search(json!({ "startTime": NOW + 10, "endTime": NOW + 20 })).0, r#"{"a":2} {"a":3}"#);
    let (first, token) = search(json!({ "limit": 3 }));
    assert_eq!(first, r#"{"a":1} {"a":2} {"a":3}"#);
    assert_eq!(search(json!({ "limit": 3, "nextToken": token })), ("x".to_owned(), Value::Null));
}

#[test]
fn an_identifier_of_another_account_or_region_is_no_name_of_an_own_group() {
    let client = prepared();
    for foreign in [("111122223333", "444455556666"), ("eu-west-1", "eu-west-2"), (":logs:", ":sns:")] {
        let identifier = group_arn("trail").replace(foreign.0, foreign.1);
        for operation in ["DescribeLogStreams", "FilterLogEvents"] {
            let answer = call(&client, operation, &json!({ "logGroupIdentifier": identifier }));
            answer.is_error("ResourceNotFoundException");
        }
        let found = call(&client, "DescribeLogGroups", &json!({ "logGroupIdentifiers": [identifier] })).ok().value();
        assert_eq!(found["logGroups"], json!([]), "{identifier}");
    }
}

#[test]
fn events_out_of_their_time_are_told_and_not_kept() {
    let client = prepared();
    call(&client, "PutRetentionPolicy", &json!({ "logGroupName": "trail", "retentionInDays": 7 })).ok();
    let hour = 3_600_000;
    let answer = put_events(&client, &[(0, "kept"), (3 * hour, "too new")]).ok().value();
    assert_eq!(answer["rejectedLogEventsInfo"], json!({ "tooNewLogEventStartIndex": 1 }));
    let answer = put_events(&client, &[(-15 * 24 * hour, "too old")]).ok().value();
    let both = json!({ "tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 1 });
    assert_eq!(answer["rejectedLogEventsInfo"], both);
    let answer = put_events(&client, &[(-8 * 24 * hour, "expired")]).ok().value();
    assert_eq!(answer["rejectedLogEventsInfo"], json!({ "expiredLogEventEndIndex": 1 }));
    let events = call(&client, "FilterLogEvents", &json!({ "logGroupName": "trail" })).ok().value();
    assert_eq!(names(&events["events"], "message"), "kept");
}

#[test]
fn streams_are_listed_by_name_or_by_their_last_event() {
    let client = prepared();
    for name in ["s2", "s3"] {
        call(&client, "CreateLogStream", &json!({ "logGroupName": "trail", "logStreamName": name })).ok();
    }
    put_events(&client, &[(0, "a"), (5, "b")]).ok();
    let listed = |input: Value| {
        let mut all = json!({ "logGroupName": "trail" });
        all.as_object_mut().expect("an object").extend(input.as_object().expect("an object").clone());
        call(&client, "DescribeLogStreams", &all).ok().value()
    };
    let name = |answer: &Value| names(&answer["logStreams"], "logStreamName");
    assert_eq!(name(&listed(json!({}))), "s1 s2 s3");
    assert_eq!(name(&listed(json!({ "descending": true }))), "s3 s2 s1");
    assert_eq!(name(&listed(json!({ "orderBy": "LastEventTime" }))), "s2 s3 s1");
    assert_eq!(name(&listed(json!({ "logStreamNamePrefix": "s2" }))), "s2");
    let first = listed(json!({ "descending": true, "limit": 2 }));
    assert_eq!(name(&listed(json!({ "descending": true, "nextToken": first["nextToken"] }))), "s1");
    let shown = listed(json!({ "logStreamNamePrefix": "s1" }))["logStreams"][0].clone();
    assert_eq!((&shown["firstEventTimestamp"], &shown["lastEventTimestamp"]), (&json!(NOW), &json!(NOW + 5)));
    call(&client, "DeleteLogStream", &json!({ "logGroupName": "trail", "logStreamName": "s1" })).ok();
    assert_eq!(name(&listed(json!({}))), "s2 s3");
}

#[test]
fn a_log_group_is_ensured_from_inside_once() {
    let client = Client::root();
    let ensure = |arn: &str| client.aws.ensure_log_group(&Arn::parse(arn).expect("an ARN"));
    assert!(ensure(&format!("{}:*", group_arn("trail"))).expect("made"));
    assert!(!ensure(&group_arn("trail")).expect("there"));
    for wrong in ["arn:aws:sns:eu-west-1:111122223333:trail", "arn:aws:logs:::log-group:x", &group_arn("a:b")] {
        assert!(ensure(wrong).is_err(), "{wrong}");
    }
    let groups = call(&client, "DescribeLogGroups", &json!({})).ok().value();
    assert_eq!(names(&groups["logGroups"], "logGroupName"), "trail");
}

const NOW: i64 = 1_767_323_045_000;

/// A log group `trail` with a stream `s1`.
fn prepared() -> Client {
    let client = Client::root();
    call(&client, "CreateLogGroup", &json!({ "logGroupName": "trail" })).ok();
    call(&client, "CreateLogStream", &json!({ "logGroupName": "trail", "logStreamName": "s1" })).ok();
    client
}

fn filter(name: &str) -> Value {
    json!({
        "logGroupName": "trail",
        "filterName": name,
        "filterPattern": "{ $.errorCode = \"AccessDenied*\" }",
        "metricTransformations": [{ "metricName": format!("m-{name}"), "metricNamespace": "N", "metricValue": "1" }],
    })
}

/// Puts events into `s1`, each so many milliseconds from now.
fn put_events(client: &Client, events: &[(i64, &str)]) -> Answered {
    let events: Vec<_> =
        events.iter().map(|(offset, message)| json!({ "timestamp": NOW + offset, "message": message })).collect();
    call(client, "PutLogEvents", &json!({ "logGroupName": "trail", "logStreamName": "s1", "logEvents": events }))
}

fn group_arn(name: &str) -> String {
    format!("arn:aws:logs:eu-west-1:111122223333:log-group:{name}")
}

fn call(client: &Client, operation: &str, input: &Value) -> Answered {
    client.json(Service::Logs, operation, input)
}

/// One member of each item, joined.
fn names(items: &Value, member: &str) -> String {
    let items = items.as_array().expect("a list");
    items.iter().map(|item| item[member].as_str().expect("a text")).collect::<Vec<_>>().join(" ")
}
