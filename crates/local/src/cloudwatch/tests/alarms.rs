use serde_json::{Value, json};

use super::{call, changes, pass, publish, shown, state, watch};
use crate::testing::Client;

// The tests begin at 03:04:05, and alarms of periods of a minute or more are evaluated at each full minute.

fn watched(change: &Value) -> Client {
    let client = Client::root();
    call(&client, "PutMetricAlarm", &watch("a1", change)).ok();
    client
}

#[test]
fn two_of_three_periods_over_the_threshold_are_an_alarm_and_one_is_not() {
    let client = watched(&json!({}));
    publish(&client, 150.0);
    pass(&client, 55);
    assert_eq!(state(&client, "a1"), "OK");
    pass(&client, 245);
    assert_eq!(state(&client, "a1"), "OK", "five minutes later");
    publish(&client, 120.0);
    pass(&client, 55);
    let alarm = shown(&client, "a1");
    assert_eq!(alarm["StateValue"], "ALARM");
    assert_eq!(alarm["StateTransitionedTimestamp"], 1_767_323_400, "03:10:00");
    assert_eq!(changes(&client, "a1"), [(55, "INSUFFICIENT_DATA to OK".to_owned()), (355, "OK to ALARM".to_owned()),]);
}

#[test]
fn a_threshold_must_be_crossed_not_only_reached() {
    let client = watched(&json!({ "EvaluationPeriods": 1, "DatapointsToAlarm": 1 }));
    publish(&client, 100.0);
    pass(&client, 60);
    assert_eq!(state(&client, "a1"), "OK");
    publish(&client, 0.5);
    pass(&client, 60);
    assert_eq!(state(&client, "a1"), "ALARM", "100.5 in five minutes");
}

#[test]
fn an_alarm_says_why_in_words_and_for_programs() {
    let client = watched(&json!({ "EvaluationPeriods": 2, "DatapointsToAlarm": 2, "Unit": "None" }));
    for value in [150.0, 120.25] {
        publish(&client, value);
        pass(&client, 300);
    }
    let alarm = shown(&client, "a1");
    assert_eq!(
        alarm["StateReason"],
        "Threshold Crossed: 2 out of the last 2 datapoints [120.25 (02/01/26 03:05:00), 150.0 (02/01/26 03:00:00)] \
         were greater than the threshold (100.0) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    let data: Value = serde_json::from_str(alarm["StateReasonData"].as_str().expect("data")).expect("JSON");
    assert_eq!(
        data,
        json!({
            "version": "1.0",
            "queryDate": "2026-01-02T03:10:00.000+0000",
            "startDate": "2026-01-02T03:00:00.000+0000",
            "unit": "None",
            "statistic": "Sum",
            "period": 300,
            "recentDatapoints": [150.0, 120.25],
            "threshold": 100.0,
            "evaluatedDatapoints": [
                { "timestamp": "2026-01-02T03:05:00.000+0000", "sampleCount": 1.0, "value": 120.25 },
                { "timestamp": "2026-01-02T03:00:00.000+0000", "sampleCount": 1.0, "value": 150.0 },
            ],
        })
    );
    publish(&client, 7.0);
    pass(&client, 300);
    assert_eq!(
        shown(&client, "a1")["StateReason"],
        "Threshold Crossed: 1 out of the last 2 datapoints [7.0 (02/01/26 03:10:00)] was not greater than the \
         threshold (100.0) (minimum 1 datapoint for ALARM -> OK transition)."
    );
}

#[test]
fn silence_is_treated_as_the_alarm_says() {
    for (treatment, expect, reason) in [
        ("missing", "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation"),
        ("ignore", "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation"),
        (
            "breaching",
            "ALARM",
            "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints \
            were treated as [Breaching].",
        ),
        (
            "notBreaching",
            "OK",
            "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints \
            were treated as [NonBreaching].",
        ),
    ] {
        let client = watched(&json!({ "TreatMissingData": treatment }));
        pass(&client, 60);
        let alarm = shown(&client, "a1");
        assert_eq!((&alarm["StateValue"], &alarm["StateReason"]), (&json!(expect), &json!(reason)), "{treatment}");
    }
}

#[test]
fn data_that_stop_leave_an_alarm_as_its_treatment_says() {
    for (treatment, expect) in
        [("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM"), ("breaching", "ALARM"), ("notBreaching", "OK")]
    {
        let client = watched(&json!({ "TreatMissingData": treatment, "Period": 60 }));
        for _ in 0..3 {
            publish(&client, 150.0);
            pass(&client, 60);
        }
        assert_eq!(state(&client, "a1"), "ALARM", "{treatment}");
        // Five periods are looked at: the last datapoints count for a while.
        pass(&client, 120);
        assert_eq!(state(&client, "a1"), "ALARM", "{treatment}, two periods later");
        pass(&client, 240);
        assert_eq!(state(&client, "a1"), expect, "{treatment}, six periods later");
    }
}

#[test]
fn a_month_that_passes_at_once_has_the_history_of_a_month() {
    let (at_once, by_minutes) = (watched(&json!({})), watched(&json!({})));
    for client in [&at_once, &by_minutes] {
        publish(client, 150.0);
        pass(client, 300);
        publish(client, 150.0);
    }
    pass(&at_once, 28 * 86_400);
    for _ in 0..40 {
        pass(&by_minutes, 60);
        state(&by_minutes, "a1");
    }
    pass(&by_minutes, 28 * 86_400 - 2_400);
    let seen = changes(&at_once, "a1");
    assert_eq!(seen, changes(&by_minutes, "a1"));
    let states: Vec<_> = seen.iter().map(|(_, change)| change.as_str()).collect();
    assert_eq!(states, ["INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK"]);
    assert!(seen[2].0 < 3_600, "soon after the data had stopped: {seen:?}");
}

#[test]
fn alarms_do_not_look_at_what_lay_before_they_were_evaluated() {
    let client = watched(&json!({ "EvaluationPeriods": 1, "DatapointsToAlarm": 1 }));
    pass(&client, 86_400);
    let late = json!({ "MetricName": "Requests", "Value": 500.0, "Timestamp": client.clock.now().as_second() - 7_200 });
    call(&client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": [late] })).ok();
    pass(&client, 300);
    assert_eq!(changes(&client, "a1").len(), 1, "only the first one to OK");
}

#[test]
fn datapoints_of_the_near_future_count_when_their_time_comes() {
    let client = watched(&json!({ "EvaluationPeriods": 1, "DatapointsToAlarm": 1 }));
    let soon = json!({ "MetricName": "Requests", "Value": 500.0, "Timestamp": client.clock.now().as_second() + 3_600 });
    call(&client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": [soon] })).ok();
    pass(&client, 3_000);
    assert_eq!(state(&client, "a1"), "OK");
    pass(&client, 86_400);
    let seen = changes(&client, "a1");
    assert_eq!(seen[1], (3_655, "OK to ALARM".to_owned()));
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn alarms_of_high_resolution_are_evaluated_every_ten_seconds() {
    let client = watched(&json!({ "Period": 10, "EvaluationPeriods": 1, "DatapointsToAlarm": 1 }));
    let datum = json!({ "MetricName": "Requests", "Value": 500.0, "StorageResolution": 1 });
    call(&client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": [datum] })).ok();
    pass(&client, 4);
    assert_eq!(state(&client, "a1"), "INSUFFICIENT_DATA");
    pass(&client, 1);
    assert_eq!(state(&client, "a1"), "ALARM");
    pass(&client, 30);
    assert_eq!(changes(&client, "a1")[1], (35, "ALARM to OK".to_owned()));
}

#[test]
fn alarms_over_more_than_a_day_are_evaluated_every_hour() {
    let client = watched(&json!({ "Period": 3_600, "EvaluationPeriods": 48, "DatapointsToAlarm": 1 }));
    publish(&client, 500.0);
    pass(&client, 3_300);
    assert_eq!(state(&client, "a1"), "INSUFFICIENT_DATA");
    pass(&client, 60);
    assert_eq!(changes(&client, "a1"), [(3_355, "INSUFFICIENT_DATA to ALARM".to_owned())]);
}

#[test]
fn each_comparison_is_what_it_says() {
    for (operator, over) in [
        ("GreaterThanThreshold", [false, false, true]),
        ("GreaterThanOrEqualToThreshold", [false, true, true]),
        ("LessThanThreshold", [true, false, false]),
        ("LessThanOrEqualToThreshold", [true, true, false]),
    ] {
        for (value, is_over) in [99.0, 100.0, 101.0].into_iter().zip(over) {
            let client = watched(&json!({
                "ComparisonOperator": operator, "EvaluationPeriods": 1, "DatapointsToAlarm": null,
            }));
            publish(&client, value);
            pass(&client, 60);
            assert_eq!(state(&client, "a1"), if is_over { "ALARM" } else { "OK" }, "{operator} {value}");
        }
    }
}

#[test]
fn alarms_watch_the_statistic_and_the_unit_that_they_name() {
    for (change, expect) in [
        (json!({ "Statistic": "Average" }), "OK"),
        (json!({ "Statistic": "Maximum" }), "ALARM"),
        (json!({ "Statistic": "SampleCount", "Threshold": 1.0 }), "ALARM"),
        (json!({ "Statistic": "SampleCount", "Threshold": 2.0 }), "OK"),
        (json!({ "Statistic": null, "ExtendedStatistic": "p50" }), "OK"),
        (json!({ "Statistic": null, "ExtendedStatistic": "p90" }), "ALARM"),
        (json!({ "Statistic": "Maximum", "Unit": "Count", "TreatMissingData": "missing" }), "INSUFFICIENT_DATA"),
        (
            json!({ "Statistic": null, "ExtendedStatistic": "p90", "EvaluateLowSampleCountPercentile": "ignore" }),
            "INSUFFICIENT_DATA",
        ),
    ] {
        let mut change = change;
        change["EvaluationPeriods"] = 1.into();
        change["DatapointsToAlarm"] = Value::Null;
        let client = watched(&change);
        publish(&client, 10.0);
        publish(&client, 150.0);
        pass(&client, 60);
        assert_eq!(state(&client, "a1"), expect, "{change}");
    }
}

#[test]
fn an_alarm_that_is_defined_anew_keeps_its_state_until_it_is_evaluated() {
    let client = watched(&json!({}));
    for _ in 0..2 {
        publish(&client, 150.0);
        pass(&client, 300);
    }
    assert_eq!(state(&client, "a1"), "ALARM");
    call(&client, "PutMetricAlarm", &watch("a1", &json!({ "Threshold": 1_000.0 }))).ok();
    assert_eq!(state(&client, "a1"), "ALARM");
    pass(&client, 60);
    assert_eq!(state(&client, "a1"), "OK");
}

#[test]
fn a_state_that_is_set_lasts_until_the_next_evaluation() {
    let client = watched(&json!({}));
    pass(&client, 60);
    assert_eq!(state(&client, "a1"), "OK");
    let set =
        json!({ "AlarmName": "a1", "StateValue": "ALARM", "StateReason": "trying", "StateReasonData": "{\"a\":1}" });
    call(&client, "SetAlarmState", &set).ok();
    let alarm = shown(&client, "a1");
    assert_eq!((&alarm["StateValue"], &alarm["StateReason"]), (&json!("ALARM"), &json!("trying")));
    assert_eq!(alarm["StateReasonData"], "{\"a\":1}");
    pass(&client, 60);
    assert_eq!(state(&client, "a1"), "OK");
    for (change, code) in [
        (json!({ "AlarmName": "gone" }), "ResourceNotFound"),
        (json!({ "StateValue": "FIRE" }), "ValidationError"),
        (json!({ "StateReasonData": "{" }), "InvalidFormat"),
        (json!({ "StateReason": "x".repeat(1_024) }), "ValidationError"),
    ] {
        let mut input = set.clone();
        input.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        call(&client, "SetAlarmState", &input).is_error(code);
    }
}
