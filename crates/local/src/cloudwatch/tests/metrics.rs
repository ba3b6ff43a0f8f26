use serde_json::{Value, json};

use super::{call, pass, publish};
use crate::Service;
use crate::testing::{Answered, Client};

/// The tests begin at 03:04:05; the datapoints of a minute stand at its beginning.
const MINUTE: i64 = 1_767_323_040;

fn put(client: &Client, datum: &Value) -> Answered {
    call(client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": [datum] }))
}

fn ask(change: &Value) -> Value {
    let mut input = json!({
        "Namespace": "Ours",
        "MetricName": "Requests",
        "StartTime": MINUTE - 300,
        "EndTime": MINUTE + 300,
        "Period": 60,
        "Statistics": ["SampleCount", "Average", "Sum", "Minimum", "Maximum"],
    });
    input.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    input
}

fn datapoints(client: &Client, change: &Value) -> Value {
    call(client, "GetMetricStatistics", &ask(change)).ok().value()["Datapoints"].clone()
}

#[test]
fn values_come_alone_repeated_or_as_sets_and_add_up() {
    let client = Client::root();
    for datum in [
        json!({ "MetricName": "Requests", "Value": 4 }),
        json!({ "MetricName": "Requests", "Values": [1.0, 2.0], "Counts": [3.0, 1.0] }),
        json!({ "MetricName": "Requests", "Values": [9.0] }),
        json!({ "MetricName": "Requests", "StatisticValues":
            { "SampleCount": 4.0, "Sum": 22.0, "Minimum": -1.0, "Maximum": 20.0 } }),
    ] {
        put(&client, &datum).ok();
    }
    let expect = json!([{
        "Timestamp": MINUTE, "SampleCount": 10.0, "Average": 4.0, "Sum": 40.0, "Minimum": -1.0, "Maximum": 20.0,
        "Unit": "None",
    }]);
    assert_eq!(datapoints(&client, &json!({})), expect);
    let only_sum = json!([{ "Timestamp": MINUTE, "Sum": 40.0, "Unit": "None" }]);
    assert_eq!(datapoints(&client, &json!({ "Statistics": ["Sum"] })), only_sum);
}

#[test]
fn a_metric_is_told_by_account_region_namespace_name_and_all_its_dimensions() {
    let client = Client::root();
    let dimensions = json!([{ "Name": "a", "Value": "1" }, { "Name": "b", "Value": "2" }]);
    put(&client, &json!({ "MetricName": "Requests", "Value": 1.0, "Dimensions": dimensions })).ok();
    let reversed = json!([{ "Name": "b", "Value": "2" }, { "Name": "a", "Value": "1" }]);
    let count = |client: &Client, change: Value| datapoints(client, &change).as_array().expect("a list").len();
    assert_eq!(count(&client, json!({ "Dimensions": reversed })), 1);
    for other in [
        json!({}),
        json!({ "Dimensions": [{ "Name": "a", "Value": "1" }] }),
        json!({ "Dimensions": dimensions, "MetricName": "requests" }),
        json!({ "Dimensions": dimensions, "Namespace": "Theirs" }),
        json!({ "Dimensions": dimensions, "Unit": "Count" }),
        json!({ "Dimensions": dimensions, "EndTime": MINUTE }),
    ] {
        assert_eq!(count(&client, other.clone()), 0, "{other}");
    }
    assert_eq!(count(&client.in_region("us-east-1"), json!({ "Dimensions": dimensions })), 0);
    assert_eq!(count(&client.root_of("444455556666"), json!({ "Dimensions": dimensions })), 0);
}

#[test]
fn units_are_kept_apart_and_resolutions_kept() {
    let client = Client::root();
    put(&client, &json!({ "MetricName": "Requests", "Value": 1.0, "Unit": "Count" })).ok();
    put(&client, &json!({ "MetricName": "Requests", "Value": 2.0, "Unit": "Seconds" })).ok();
    let both = datapoints(&client, &json!({ "Statistics": ["Sum"] }));
    let units: Vec<_> = both.as_array().expect("a list").iter().map(|one| (&one["Unit"], &one["Sum"])).collect();
    assert_eq!(units, [(&json!("Count"), &json!(1.0)), (&json!("Seconds"), &json!(2.0))]);
    for _ in 0..2 {
        put(&client, &json!({ "MetricName": "Fine", "Value": 1.0, "StorageResolution": 1 })).ok();
        pass(&client, 1);
    }
    let fine = |period: u32| {
        let points = datapoints(&client, &json!({ "MetricName": "Fine", "Period": period, "Statistics": ["Sum"] }));
        points
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["Timestamp"].as_i64().expect("a time"))
            .collect::<Vec<_>>()
    };
    assert_eq!(fine(1), [MINUTE + 5, MINUTE + 6]);
    assert_eq!(fine(60), [MINUTE]);
    assert_eq!(fine(600), [MINUTE - 300]);
}

#[test]
fn percentiles_are_read_where_values_are_known() {
    let client = Client::root();
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    put(&client, &json!({ "MetricName": "Requests", "Values": values })).ok();
    let asked = json!({ "Statistics": null, "ExtendedStatistics": ["p50", "p99.5"] });
    let points = datapoints(&client, &asked);
    assert_eq!(points[0]["ExtendedStatistics"], json!({ "p50": 50.0, "p99.5": 100.0 }));
    put(
        &client,
        &json!({ "MetricName": "Requests", "StatisticValues":
        { "SampleCount": 2.0, "Sum": 3.0, "Minimum": 1.0, "Maximum": 2.0 } }),
    )
    .ok();
    assert!(datapoints(&client, &asked)[0]["ExtendedStatistics"].is_null());
    let trimmed = ask(&json!({ "Statistics": null, "ExtendedStatistics": ["tm90"] }));
    call(&client, "GetMetricStatistics", &trimmed).is_error("UnsupportedOperationException");
}

#[test]
fn the_three_protocols_read_and_write_the_same() {
    let client = Client::root();
    let datum = json!({ "MetricName": "Requests", "Value": 2.5, "Timestamp": MINUTE });
    client.cbor("PutMetricData", &json!({ "Namespace": "Ours", "MetricData": [datum] })).ok();
    let query = [
        ("Namespace", "Ours"),
        ("MetricData.member.1.MetricName", "Requests"),
        ("MetricData.member.1.Values.member.1", "1.5"),
        ("MetricData.member.1.Counts.member.1", "2"),
        ("MetricData.member.1.Timestamp", "2026-01-02T03:04:00Z"),
    ];
    client.query(Service::CloudWatch, "PutMetricData", &query).ok();
    publish(&client, 4.5);
    let expect = json!([{ "Timestamp": MINUTE, "Sum": 10.0, "Unit": "None" }]);
    let asked = ask(&json!({ "Statistics": ["Sum"] }));
    assert_eq!(datapoints(&client, &json!({ "Statistics": ["Sum"] })), expect);
    let cbor = client.cbor("GetMetricStatistics", &asked).ok().value();
    assert_eq!(cbor["Datapoints"], json!([{ "Timestamp": MINUTE as f64, "Sum": 10.0, "Unit": "None" }]));
    let query = [
        ("Namespace", "Ours"),
        ("MetricName", "Requests"),
        ("StartTime", "2026-01-02T03:00:00Z"),
        ("EndTime", "2026-01-02T03:10:00Z"),
        ("Period", "60"),
        ("ExtendedStatistics.member.1", "p50"),
    ];
    let xml = client.query(Service::CloudWatch, "GetMetricStatistics", &query).ok();
    assert_eq!(xml.element("Timestamp"), "2026-01-02T03:04:00Z");
    assert_eq!((xml.element("key"), xml.element("value")), ("p50".into(), "1.5".into()));
}

#[test]
fn datapoints_that_aws_does_not_take_are_refused_and_nothing_is_kept() {
    let client = Client::root();
    let good = json!({ "MetricName": "Requests", "Value": 1.0 });
    let set = |change: Value| {
        let mut set = json!({ "SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0 });
        set.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        json!({ "MetricName": "m", "StatisticValues": set })
    };
    for (datum, code) in [
        (json!({ "MetricName": "m" }), "MissingRequiredParameterException"),
        (json!({ "Value": 1.0 }), "MissingRequiredParameterException"),
        (json!({ "MetricName": "", "Value": 1.0 }), "ValidationError"),
        (json!({ "MetricName": "m", "Value": 1.0, "Values": [1.0] }), "InvalidParameterCombinationException"),
        (json!({ "MetricName": "m", "Value": 1.0, "Counts": [1.0] }), "InvalidParameterCombinationException"),
        (json!({ "MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0] }), "InvalidParameterValueException"),
        (json!({ "MetricName": "m", "Values": [1.0], "Counts": [0.0] }), "InvalidParameterValueException"),
        (json!({ "MetricName": "m", "Values": vec![1.0; 151] }), "ValidationError"),
        (json!({ "MetricName": "m", "Value": 1e109 }), "InvalidParameterValueException"),
        (json!({ "MetricName": "m", "Value": 1.0, "Unit": "count" }), "ValidationError"),
        (json!({ "MetricName": "m", "Value": 1.0, "StorageResolution": 5 }), "InvalidParameterValueException"),
        (
            json!({ "MetricName": "m", "Value": 1.0, "Timestamp": MINUTE + 2 * 3_600 + 60 }),
            "InvalidParameterValueException",
        ),
        (
            json!({ "MetricName": "m", "Value": 1.0, "Timestamp": MINUTE - 14 * 86_400 }),
            "InvalidParameterValueException",
        ),
        (set(json!({ "SampleCount": 0.0 })), "InvalidParameterValueException"),
        (set(json!({ "Minimum": 2.0 })), "InvalidParameterCombinationException"),
    ] {
        let answer = call(&client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": [good, datum] }));
        answer.is_error(code);
    }
    for (namespace, code) in [("AWS/KMS", "InvalidParameterValueException"), (":x", "ValidationError")] {
        let input = json!({ "Namespace": namespace, "MetricData": [good] });
        call(&client, "PutMetricData", &input).is_error(code);
    }
    let query = [("Namespace", "Ours"), ("MetricData.member.1.MetricName", "m"), ("MetricData.member.1.Value", "NaN")];
    client.query(Service::CloudWatch, "PutMetricData", &query).is_error("InvalidParameterValue");
    assert_eq!(call(&client, "ListMetrics", &json!({})).ok().value()["Metrics"], json!([]));
    put(&client, &json!({ "MetricName": "m", "Value": 1.0, "Timestamp": MINUTE + 2 * 3_600 })).ok();
    put(&client, &json!({ "MetricName": "m", "Value": 1.0, "Timestamp": MINUTE - 14 * 86_400 + 5 })).ok();
}

#[test]
fn questions_that_aws_does_not_take_are_refused() {
    let client = Client::root();
    for (change, code, message) in [
        (json!({ "EndTime": MINUTE - 300 }), "InvalidParameterCombinationException", "StartTime"),
        (json!({ "Period": 0 }), "ValidationError", "period"),
        (json!({ "Period": 90 }), "InvalidParameterValueException", "Period"),
        (json!({ "Statistics": [] }), "InvalidParameterCombinationException", "but not both"),
        (json!({ "ExtendedStatistics": ["p50"] }), "InvalidParameterCombinationException", "but not both"),
        (json!({ "Statistics": ["Median"] }), "ValidationError", "statistics"),
        (json!({ "StartTime": MINUTE - 86_460, "EndTime": MINUTE }), "InvalidParameterCombinationException", "1441"),
    ] {
        let answer = call(&client, "GetMetricStatistics", &ask(&change));
        answer.is_error(code);
        assert!(answer.message().contains(message), "{}", answer.message());
    }
    datapoints(&client, &json!({ "StartTime": MINUTE - 86_400, "EndTime": MINUTE }));
}

#[test]
fn what_is_old_is_kept_in_coarser_slots_and_at_last_forgotten() {
    let client = Client::root();
    publish(&client, 1.0);
    pass(&client, 60);
    publish(&client, 2.0);
    let sums = |period: u32| {
        let span =
            json!({ "StartTime": MINUTE - 3_600, "EndTime": MINUTE + 3_600, "Period": period, "Statistics": ["Sum"] });
        let points = datapoints(&client, &span);
        points.as_array().expect("a list").iter().map(|one| one["Sum"].as_f64().expect("a sum")).sum::<f64>()
    };
    assert_eq!((sums(60), sums(3_600)), (3.0, 3.0));
    for (days, seen) in [(16, (0.0, 3.0, 3.0)), (64, (0.0, 0.0, 3.0)), (456, (0.0, 0.0, 0.0))] {
        let now = client.clock.now().as_second();
        pass(&client, MINUTE + days * 86_400 - now);
        assert_eq!((sums(60), sums(300), sums(3_600)), seen, "after {days} days");
        publish(&client, 1.0);
        assert_eq!((sums(60), sums(300), sums(3_600)), seen, "after {days} days and a write");
    }
}

#[test]
fn several_metrics_are_read_at_once_and_in_pages() {
    let client = Client::root();
    for value in [1.0, 2.0, 3.0] {
        publish(&client, value);
        pass(&client, 60);
    }
    let stat =
        |stat: &str| json!({ "Metric": { "Namespace": "Ours", "MetricName": "Requests" }, "Period": 60, "Stat": stat });
    let mut input = json!({
        "StartTime": MINUTE, "EndTime": MINUTE + 600,
        "MetricDataQueries": [
            { "Id": "a", "MetricStat": stat("Sum") },
            { "Id": "b", "MetricStat": stat("p50"), "Label": "middle" },
            { "Id": "c", "MetricStat": stat("Maximum"), "ReturnData": false },
        ],
    });
    let all = call(&client, "GetMetricData", &input).ok().value();
    let times = json!([MINUTE + 120, MINUTE + 60, MINUTE]);
    let values = json!([3.0, 2.0, 1.0]);
    assert_eq!(
        all["MetricDataResults"],
        json!([
            { "Id": "a", "Label": "Requests", "Timestamps": times, "Values": values, "StatusCode": "Complete" },
            { "Id": "b", "Label": "middle", "Timestamps": times, "Values": values, "StatusCode": "Complete" },
        ])
    );
    input["ScanBy"] = "TimestampAscending".into();
    input["MaxDatapoints"] = 2.into();
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = call(&client, "GetMetricData", &input).ok().value();
        for result in page["MetricDataResults"].as_array().expect("results") {
            let id = result["Id"].as_str().expect("an id").to_owned();
            seen.extend(result["Values"].as_array().expect("values").iter().map(|value| format!("{id}{value}")));
        }
        pages += 1;
        input["NextToken"] = page["NextToken"].clone();
        if page["NextToken"].is_null() {
            break;
        }
    }
    assert_eq!((seen.join(" ").as_str(), pages), ("a1.0 a2.0 a3.0 b1.0 b2.0 b3.0", 3));
    for (query, code) in [
        (json!({ "Id": "a", "Expression": "1+1" }), "UnsupportedOperationException"),
        (json!({ "Id": "A", "MetricStat": stat("Sum") }), "InvalidParameterValueException"),
        (json!({ "Id": "a" }), "MissingRequiredParameterException"),
        (json!({ "Id": "a", "MetricStat": stat("Total") }), "InvalidParameterValueException"),
        (json!({ "Id": "a", "MetricStat": stat("Sum"), "AccountId": "444455556666" }), "UnsupportedOperationException"),
    ] {
        let input = json!({ "StartTime": MINUTE, "EndTime": MINUTE + 60, "MetricDataQueries": [query] });
        call(&client, "GetMetricData", &input).is_error(code);
    }
}

#[test]
fn metrics_are_listed_by_what_they_are_called_and_while_they_are_alive() {
    let client = Client::root();
    let datum = |name: &str, operation: &str| json!({ "MetricName": name, "Value": 1.0, "Dimensions": [{ "Name": "Operation", "Value": operation }] });
    for (namespace, name, operation) in
        [("Ours", "a", "Decrypt"), ("Ours", "a", "Encrypt"), ("Ours", "b", "Decrypt"), ("Theirs", "a", "Decrypt")]
    {
        call(&client, "PutMetricData", &json!({ "Namespace": namespace, "MetricData": [datum(name, operation)] })).ok();
    }
    let count = |input: Value| {
        let answer = call(&client, "ListMetrics", &input).ok().value();
        answer["Metrics"].as_array().expect("metrics").len()
    };
    assert_eq!(count(json!({})), 4);
    assert_eq!(count(json!({ "Namespace": "Ours" })), 3);
    assert_eq!(count(json!({ "MetricName": "a", "Dimensions": [{ "Name": "Operation" }] })), 3);
    assert_eq!(count(json!({ "Dimensions": [{ "Name": "Operation", "Value": "Encrypt" }] })), 1);
    assert_eq!(count(json!({ "Dimensions": [{ "Name": "KeyArn" }] })), 0);
    call(&client, "ListMetrics", &json!({ "IncludeLinkedAccounts": true })).is_error("UnsupportedOperationException");
    pass(&client, 4 * 3_600);
    assert_eq!((count(json!({ "RecentlyActive": "PT3H" })), count(json!({}))), (0, 4));
    pass(&client, 14 * 86_400);
    assert_eq!(count(json!({})), 0);
}

#[test]
fn metrics_are_listed_in_pages_of_500() {
    let client = Client::root();
    let data: Vec<Value> = (0..501).map(|at| json!({ "MetricName": format!("m{at:03}"), "Value": 1.0 })).collect();
    call(&client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": data })).ok();
    let first = call(&client, "ListMetrics", &json!({})).ok().value();
    assert_eq!(first["Metrics"].as_array().expect("metrics").len(), 500);
    let second = call(&client, "ListMetrics", &json!({ "NextToken": first["NextToken"] })).ok().value();
    assert_eq!(second["Metrics"], json!([{ "Namespace": "Ours", "MetricName": "m500", "Dimensions": [] }]));
    assert!(second["NextToken"].is_null());
}

#[test]
fn a_policy_can_bind_a_publisher_to_a_namespace() {
    let client = Client::operator();
    let publisher = client.new_user(
        "publisher",
        Some(&json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*",
        "Condition": { "StringEquals": { "cloudwatch:namespace": "Ours" } },
    }] })),
    );
    publish(&publisher, 1.0);
    let datum = json!({ "MetricName": "Requests", "Value": 1.0 });
    let theirs = json!({ "Namespace": "Theirs", "MetricData": [datum] });
    call(&publisher, "PutMetricData", &theirs).is_error("AccessDeniedException");
}
