use keywright_model::Arn;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::AlarmState;
use super::super::judgement::{Rule, Treatment};
use super::{call, changes, pass, publish, state, watch};
use crate::Service;
use crate::testing::{Client, start};

const TREATMENTS: [&str; 4] = ["missing", "ignore", "breaching", "notBreaching"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Whatever the pauses between requests, history is that of an alarm that is evaluated at each minute.
    #[test]
    fn what_is_made_up_for_is_what_would_have_been(
        datapoints in 1_u32..4,
        more in 0_u32..3,
        minutes in 1_i64..4,
        treatment in prop::sample::select(&TREATMENTS[..]),
        calls in prop::collection::vec((0_i64..500, any::<bool>()), 0..10),
        silence in 60_i64..20_000,
    ) {
        let client = Client::root();
        let periods = datapoints + more;
        call(&client, "PutMetricAlarm", &watch("a1", &json!({
            "EvaluationPeriods": periods, "DatapointsToAlarm": datapoints, "Period": minutes * 60,
            "TreatMissingData": treatment,
        }))).ok();
        let mut published = Vec::new();
        for (pause, is_over) in calls {
            pass(&client, pause);
            let value = if is_over { 500.0 } else { 1.0 };
            publish(&client, value);
            published.push((client.clock.now().as_second(), value));
        }
        pass(&client, silence);
        let rule = Rule {
            evaluation_periods: periods as usize,
            datapoints_to_alarm: datapoints as usize,
            missing: Treatment::read(Some(treatment)),
        };
        let expect = by_minutes(&rule, minutes * 60, &published, client.clock.now().as_second());
        prop_assert_eq!(changes(&client, "a1"), expect);
    }
}

/// The changes of state of an alarm over 100, evaluated at each minute, with no regard to cost.
fn by_minutes(rule: &Rule, period: i64, published: &[(i64, f64)], end: i64) -> Vec<(i64, String)> {
    let begin = start().as_second();
    let (mut state, mut changes) = (AlarmState::InsufficientData, Vec::new());
    for tick in (begin / 60 + 1..=end / 60).map(|minute| minute * 60) {
        let ranges = (1..=rule.range() as i64).rev().map(|back| tick - back * period);
        let over = |from: i64| {
            let inside = |time: i64| (from..from + period).contains(&(time / 60 * 60));
            let values: Vec<f64> =
                published.iter().filter(|(time, _)| inside(*time)).map(|(_, value)| *value).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() > 100.0)
        };
        let next = rule.judge(&ranges.map(over).collect::<Vec<_>>()).state.unwrap_or(state);
        if next != state {
            changes.push((tick - begin, format!("{} to {}", state.as_str(), next.as_str())));
            state = next;
        }
    }
    changes
}

#[test]
fn alarms_ring_in_the_order_of_time_whichever_is_looked_at_first() {
    let client = Client::root();
    client.query(Service::Sns, "CreateTopic", &[("Name", "alarms")]).ok();
    let topic = "arn:aws:sns:eu-west-1:111122223333:alarms";
    client.aws.subscribe_inside(&Arn::parse(topic).expect("an ARN"), "inbox").expect("subscribed");
    let now = client.clock.now().as_second();
    for (name, metric, ahead) in [("a", "Late", 3_600), ("b", "Soon", 600)] {
        let mut input =
            watch(name, &json!({ "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "AlarmActions": [topic] }));
        input["MetricName"] = metric.into();
        input["OKActions"] = json!([topic]);
        call(&client, "PutMetricAlarm", &input).ok();
        let datum = json!({ "MetricName": metric, "Value": 500.0, "Timestamp": now + ahead });
        call(&client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": [datum] })).ok();
    }
    pass(&client, 30 * 86_400);
    assert_eq!(state(&client, "a"), "OK");
    let told: Vec<_> =
        client.aws.inbox("inbox").into_iter().map(|message| message.subject.expect("a subject")).collect();
    let short: Vec<_> = told.iter().map(|subject| subject.trim_end_matches(" in EU (Ireland)")).collect();
    assert_eq!(short, ["OK: \"a\"", "OK: \"b\"", "ALARM: \"b\"", "OK: \"b\"", "ALARM: \"a\"", "OK: \"a\"",]);
    let times: Vec<_> = client.aws.inbox("inbox").iter().map(|message| message.published).collect();
    assert!(times.is_sorted(), "{times:?}");
}

/// The longest look back at the finest standard data, and then a month at once.
#[test]
fn a_dense_day_and_a_silent_month_are_made_up_for() {
    let client = Client::root();
    call(
        &client,
        "PutMetricAlarm",
        &watch(
            "a1",
            &json!({
                "Period": 60, "EvaluationPeriods": 1_440, "DatapointsToAlarm": 1_440, "TreatMissingData": "missing",
            }),
        ),
    )
    .ok();
    let now = client.clock.now().as_second();
    let minutes: Vec<Value> = (0..1_440)
        .map(|minute| json!({ "MetricName": "Requests", "Value": 500.0, "Timestamp": now - minute * 60 }))
        .collect();
    for part in minutes.chunks(1_000) {
        call(&client, "PutMetricData", &json!({ "Namespace": "Ours", "MetricData": part })).ok();
    }
    pass(&client, 30 * 86_400);
    let seen: Vec<String> = changes(&client, "a1").into_iter().map(|(_, change)| change).collect();
    assert_eq!(seen, ["INSUFFICIENT_DATA to ALARM", "ALARM to INSUFFICIENT_DATA"]);
}

#[test]
fn a_century_passes_at_once() {
    let client = Client::root();
    let key = client.json(Service::Kms, "CreateKey", &json!({})).ok().value()["KeyMetadata"]["KeyId"].clone();
    let rotation = json!({ "KeyId": key, "RotationPeriodInDays": 90 });
    client.json(Service::Kms, "EnableKeyRotation", &rotation).ok();
    let change = json!({ "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "TreatMissingData": "missing" });
    call(&client, "PutMetricAlarm", &watch("a1", &change)).ok();
    publish(&client, 500.0);
    pass(&client, 36_525 * 86_400);
    let seen: Vec<String> = changes(&client, "a1").into_iter().map(|(_, change)| change).collect();
    assert!(seen.is_empty(), "history is kept for 30 days: {seen:?}");
    assert_eq!(state(&client, "a1"), "INSUFFICIENT_DATA");
    client.json(Service::Kms, "DescribeKey", &json!({ "KeyId": key })).ok();
}
