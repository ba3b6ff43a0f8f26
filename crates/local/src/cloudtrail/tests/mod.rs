//! CloudTrail over its API, with a clock that stands still.

mod events;
mod metrics;
mod secrets;
mod trails;

use jiff::SignedDuration;
use keywright_model::{Arn, Region};
use serde_json::{Value, json};

use crate::Service;
use crate::testing::{ACCOUNT, Answered, Client};

const GROUP: &str = "trail";
const GROUP_ARN: &str = "arn:aws:logs:eu-west-1:111122223333:log-group:trail:*";
const STREAM: &str = "111122223333_CloudTrail_eu-west-1";
const ROLE: &str = "arn:aws:iam::111122223333:role/to-logs";

impl Client {
    fn trail(&self, operation: &str, input: &Value) -> Answered {
        self.json(Service::CloudTrail, operation, input)
    }

    /// A key of the caller's, by its ARN.
    #[track_caller]
    fn key(&self) -> String {
        let made = self.kms("CreateKey", &json!({})).ok().value();
        made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
    }

    #[track_caller]
    fn blob(&self, key: &str) -> String {
        let input = json!({ "KeyId": key, "Plaintext": "c2VjcmV0", "EncryptionContext": { "Project": "Alpha" } });
        self.kms("Encrypt", &input).ok().value()["CiphertextBlob"].as_str().expect("a blob").to_owned()
    }

    fn decrypt_blob(&self, blob: &str) -> Answered {
        self.kms("Decrypt", &json!({ "CiphertextBlob": blob, "EncryptionContext": { "Project": "Alpha" } }))
    }

    /// The events of that name, newest first.
    #[track_caller]
    fn events(&self, name: &str) -> Vec<Value> {
        self.found("EventName", name)
    }

    #[track_caller]
    fn found(&self, key: &str, value: &str) -> Vec<Value> {
        let input = json!({ "LookupAttributes": [{ "AttributeKey": key, "AttributeValue": value }] });
        let answer = self.trail("LookupEvents", &input).ok().value();
        answer["Events"].as_array().expect("events").iter().map(record).collect()
    }

    /// The messages of the trail's log group.
    #[track_caller]
    fn delivered(&self) -> Vec<Value> {
        let input = json!({ "logGroupName": GROUP });
        let answer = self.json(Service::Logs, "FilterLogEvents", &input).ok().value();
        let events = answer["events"].as_array().expect("events").clone();
        events
            .iter()
            .map(|event| serde_json::from_str(event["message"].as_str().expect("text")).expect("JSON"))
            .collect()
    }

    fn wait_a_minute(&self) {
        self.clock.advance(SignedDuration::from_mins(1));
    }

    /// The sum of a metric, of all the time that there was; none where nothing was published.
    fn sum(&self, namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Option<f64> {
        self.samples(namespace, name, dimensions).map(|(_, sum)| sum)
    }

    /// How many values a metric has, and their sum.
    fn samples(&self, namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Option<(f64, f64)> {
        use crate::cloudwatch::metrics::{Datapoint, Metric, Series};
        let any = Datapoint::new(namespace, name, dimensions, self.clock.now(), 0.0);
        let metric = Metric::new(namespace, name, &any.dimensions);
        let series = Series::of(&format!("{ACCOUNT}/{}", self.region), &metric);
        let mut found = None;
        let read = self.aws.change(|world, _| {
            for slot in world.cloudwatch.slots(&series, 0, i64::from(u32::MAX)) {
                let samples = slot.samples(None);
                let (count, sum) = found.unwrap_or_default();
                found = Some((count + samples.count, sum + samples.sum));
            }
            Ok(())
        });
        read.expect("read");
        found
    }
}

/// The record in an event of LookupEvents.
fn record(event: &Value) -> Value {
    serde_json::from_str(event["CloudTrailEvent"].as_str().expect("text")).expect("JSON")
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["eventName"].as_str().expect("a name")).collect()
}

fn allow(actions: &[&str]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }] })
}

/// A role that CloudTrail may assume, and that may write to log groups.
fn role(root: &Client, principal: &str, actions: &[&str]) {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": principal }, "Action": "sts:AssumeRole" }] });
    let parameters = [("RoleName", "to-logs"), ("AssumeRolePolicyDocument", &trust.to_string())];
    root.query(Service::Iam, "CreateRole", &parameters).ok();
    let document = allow(actions).to_string();
    let parameters = [("RoleName", "to-logs"), ("PolicyName", "write"), ("PolicyDocument", document.as_str())];
    root.query(Service::Iam, "PutRolePolicy", &parameters).ok();
}

/// An account whose trail delivers to a log group.
fn with_trail(settings: Value) -> Client {
    let root = Client::root();
    root.json(Service::Logs, "CreateLogGroup", &json!({ "logGroupName": GROUP })).ok();
    role(&root, "cloudtrail.amazonaws.com", &["logs:CreateLogStream", "logs:PutLogEvents"]);
    let mut input = json!({ "Name": "main", "S3BucketName": "a-bucket",
        "CloudWatchLogsLogGroupArn": GROUP_ARN, "CloudWatchLogsRoleArn": ROLE });
    for (name, value) in settings.as_object().expect("settings") {
        input[name] = value.clone();
    }
    root.trail("CreateTrail", &input).ok();
    root.trail("StartLogging", &json!({ "Name": "main" })).ok();
    root
}

fn region() -> Region {
    Region::parse("eu-west-1").expect("a Region")
}

fn arn(text: &str) -> Arn {
    Arn::parse(text).expect("an ARN")
}
