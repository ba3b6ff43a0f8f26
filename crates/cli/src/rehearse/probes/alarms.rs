//! The alarms, rung for real: calls are counted, periods pass, and the message reaches a subscriber.

use jiff::{SignedDuration, Timestamp};
use keywright_local::InboxMessage;
use serde_json::{Value, json};

use crate::rehearse::client::JsonService;
use crate::rehearse::promise::{Expected, Outcome, Probe, Promise};
use crate::rehearse::report::Graph;
use crate::rehearse::scene::{Alarm, Key, Scene};
use crate::rehearse::stage::Stage;

/// Rings every alarm; the graphs show what the alarms on decrypt calls saw.
pub(super) async fn promises(stage: &Stage, scene: &Scene) -> (Vec<Promise>, Vec<Graph>) {
    let (mut promises, mut graphs) = (Vec::new(), Vec::new());
    for alarm in &scene.decrypt_alarms {
        if let Some(key) = key_of(scene, alarm) {
            let (promise, graph) = many_decrypts(stage, scene, alarm, key).await;
            promises.push(promise);
            graphs.push(graph);
        }
    }
    for alarm in &scene.denied_alarms {
        if let Some(key) = key_of(scene, alarm) {
            promises.push(denied_calls(stage, alarm, key).await);
        }
    }
    (promises, graphs)
}

/// One period over the threshold does not ring; the second of three does; quiet ends it.
async fn many_decrypts(stage: &Stage, scene: &Scene, alarm: &Alarm, key: &Key) -> (Promise, Graph) {
    let mut ringing = Ringing::listen(stage, alarm);
    ringing.quiet(4).await;
    ringing.expects("before any call", "OK").await;
    let sealed = stage.sealed_through_s3(scene, key, &context());
    ringing.probes.push(Probe::of_call("GenerateDataKey through S3", Expected::Allowed, &sealed));
    let over =
        |text: &Option<String>| text.as_ref().map(|sealed| decrypts(stage, scene, key, sealed, alarm.threshold + 1));
    let sealed = sealed.text("CiphertextBlob");
    let began = stage.clock.now();
    for (what, state, is_over) in [
        ("after one period over the threshold", "OK", true),
        ("after a quiet one", "OK", false),
        ("after a second of three periods over the threshold", "ALARM", true),
    ] {
        if is_over && let Some(Some(failed)) = over(&sealed) {
            ringing.probes.push(Probe::of_call("Decrypt through S3, over the threshold", Expected::Allowed, &failed));
        }
        ringing.quiet(1).await;
        ringing.expects(what, state).await;
    }
    ringing.has_told("ALARM");
    ringing.quiet(4).await;
    ringing.expects("after the calls have ended", "OK").await;
    ringing.has_told("OK");
    let graph = graph(stage, alarm, key, began, &ringing.messages()).await;
    let text = format!(
        "the alarm on decrypt calls of the {} rings when two of three periods are over the threshold, and tells its topic",
        alarm.key
    );
    let id = if alarm.key == "primary" { "decrypt-alarm" } else { "replica-decrypt-alarm" };
    (Promise::new(id, text, ringing.probes), graph)
}

/// A denied call rings.
async fn denied_calls(stage: &Stage, alarm: &Alarm, key: &Key) -> Promise {
    let mut ringing = Ringing::listen(stage, alarm);
    ringing.quiet(4).await;
    ringing.expects("while nothing is denied", "OK").await;
    let input = json!({ "KeyId": key.arn.as_str(), "Plaintext": "cmVoZWFyc2Fs" });
    let denied = stage.ordinary.client.kms(&key.region, "Encrypt", input).await;
    let what = format!("Encrypt by an ordinary user on the {}", key.label);
    ringing.probes.push(Probe::of_call(what, Expected::Denied, &denied));
    ringing.quiet(1).await;
    ringing.expects("after a denied call", "ALARM").await;
    ringing.has_told("ALARM");
    ringing.quiet(3).await;
    ringing.expects("after a while without one", "OK").await;
    let id = if alarm.key == "primary" { "denied-alarm" } else { "replica-denied-alarm" };
    Promise::new(id, format!("a denied call with the {} rings an alarm", alarm.key), ringing.probes)
}

/// An alarm that is listened to.
struct Ringing<'a> {
    stage: &'a Stage,
    alarm: &'a Alarm,
    probes: Vec<Probe>,
    /// How many messages had come before.
    heard: usize,
}

impl<'a> Ringing<'a> {
    /// Subscribes to the alarm's topic.
    fn listen(stage: &'a Stage, alarm: &'a Alarm) -> Self {
        let subscribed = match &alarm.topic {
            Some(topic) => stage.aws.subscribe_inside(topic, INBOX).err().map(|error| error.to_string()),
            None => None,
        };
        let probes = subscribed.into_iter().map(|why| Probe::failed("a subscriber of the topic", "subscribed", why));
        Self { stage, alarm, probes: probes.collect(), heard: stage.aws.inbox(INBOX).len() }
    }

    /// Lets whole periods pass, from the beginning of one to that of another.
    async fn quiet(&mut self, periods: i64) {
        let now = self.stage.clock.now().as_second();
        let next = now - now.rem_euclid(PERIOD_SECONDS) + periods * PERIOD_SECONDS + SETTLING_SECONDS;
        self.stage.clock.advance(SignedDuration::from_secs(next - now));
        if let Err(error) = self.stage.aws.settle().await {
            self.probes.push(Probe::failed("letting time pass", "it passes", error.to_string()));
        }
    }

    async fn expects(&mut self, when: &str, state: &str) {
        let input = json!({ "AlarmNames": [self.alarm.name] });
        let answer =
            self.stage.operator.json(&self.alarm.region, JsonService::CloudWatch, "DescribeAlarms", input).await;
        let seen = match answer.answer().and_then(|it| it.pointer("/MetricAlarms/0/StateValue")?.as_str()) {
            Some(state) => state.to_owned(),
            None => format!("no such alarm: {answer}"),
        };
        self.probes.push(Probe::of_fact(format!("the alarm's state {when}"), &state.to_owned(), &seen));
    }

    /// The topic's subscriber has heard of the state; an alarm without a topic tells nobody, as the plan warns.
    fn has_told(&mut self, state: &str) {
        if self.alarm.topic.is_none() {
            return;
        }
        let told = self.messages().iter().any(|message| new_state(message).as_deref() == Some(state));
        self.probes.push(Probe::of_fact(format!("a message of {state} to a subscriber"), &true, &told));
    }

    fn messages(&self) -> Vec<InboxMessage> {
        let is_its = |message: &InboxMessage| alarm_name(message).as_deref() == Some(self.alarm.name.as_str());
        self.stage.aws.inbox(INBOX).into_iter().skip(self.heard).filter(is_its).collect()
    }
}

/// Decrypts so many times; the first call that is not allowed ends it.
fn decrypts(stage: &Stage, scene: &Scene, key: &Key, sealed: &str, times: u32) -> Option<Outcome> {
    let context = context();
    (0..times).map(|_| stage.opened_through_s3(scene, key, sealed, &context)).find(|outcome| outcome.answer().is_none())
}

async fn graph(stage: &Stage, alarm: &Alarm, key: &Key, began: Timestamp, messages: &[InboxMessage]) -> Graph {
    let input = json!({
        "Namespace": "AWS/KMS",
        "MetricName": "SuccessfulRequest",
        "Dimensions": [{ "Name": "KeyArn", "Value": key.arn.as_str() }, { "Name": "Operation", "Value": "Decrypt" }],
        "StartTime": began.as_second() - PERIOD_SECONDS,
        "EndTime": stage.clock.now().as_second(),
        "Period": PERIOD_SECONDS,
        "Statistics": ["Sum"],
    });
    let answer = stage.operator.json(&alarm.region, JsonService::CloudWatch, "GetMetricStatistics", input).await;
    let datapoints = answer.answer().and_then(|it| it.get("Datapoints")?.as_array().cloned()).unwrap_or_default();
    let point = |it: &Value| Some((it.get("Timestamp")?.as_f64()?, it.get("Sum")?.as_f64()?));
    let start = began.as_second() - PERIOD_SECONDS;
    let mut points: Vec<(i64, f64)> =
        datapoints.iter().filter_map(point).map(|(at, sum)| (whole(at) - start, sum)).collect();
    points.sort_by_key(|(at, _)| *at);
    let states = messages.iter().filter_map(|it| Some((it.published.as_second() - start, new_state(it)?))).collect();
    Graph {
        alarm: alarm.name.clone(),
        threshold: alarm.threshold,
        period: PERIOD_SECONDS,
        seconds: stage.clock.now().as_second() - start,
        points,
        states,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "times of this century fit")]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

fn new_state(message: &InboxMessage) -> Option<String> {
    member(message, "NewStateValue")
}

fn alarm_name(message: &InboxMessage) -> Option<String> {
    member(message, "AlarmName")
}

fn member(message: &InboxMessage, name: &str) -> Option<String> {
    let notification: Value = serde_json::from_str(&message.message).ok()?;
    notification.get(name)?.as_str().map(str::to_owned)
}

fn key_of<'a>(scene: &'a Scene, alarm: &Alarm) -> Option<&'a Key> {
    scene.keys.iter().find(|key| key.label == alarm.key)
}

fn context() -> Value {
    json!({ "aws:s3:arn": "arn:aws:s3:::rehearsal/object" })
}

const INBOX: &str = "rehearsal";
/// The period of the alarms that are made.
const PERIOD_SECONDS: i64 = 300;
/// A moment into a period, so that its beginning has been looked at.
const SETTLING_SECONDS: i64 = 1;
