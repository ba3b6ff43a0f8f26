//! From a call to the message of an alarm, through all the services between them.

use super::metrics::{denied, put_filter};
use super::*;

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";

#[test]
fn decryptions_over_the_threshold_ring_through_an_encrypted_topic() {
    let root = Client::root();
    let key = key_for_alarms(&root);
    encrypted_bucket(&root, "bucket-a", &key);
    topic(&root, &key);
    let metric = json!({ "Namespace": "AWS/KMS", "MetricName": "SuccessfulRequest",
        "Dimensions": [{ "Name": "KeyArn", "Value": key }, { "Name": "Operation", "Value": "Decrypt" }] });
    alarm(&root, "decrypts", metric, 2);
    let alice = root.new_user("alice", Some(&allow(&["s3:*", "kms:GenerateDataKey", "kms:Decrypt"])));
    let mallory = root.new_user("mallory", Some(&allow(&["s3:*"])));
    s3(&alice, "PUT", "/bucket-a/k", "x");
    for _ in 0..2 {
        s3(&alice, "GET", "/bucket-a/k", "");
    }
    assert_eq!(mallory.s3("GET", "/bucket-a/k", &[], b"").status(), 403);
    assert_eq!(rung_after_a_minute(&root), [] as [String; 0], "two are not over two, and a refusal is none");
    for _ in 0..3 {
        s3(&alice, "GET", "/bucket-a/k", "");
    }
    assert_eq!(rung_after_a_minute(&root), ["ALARM: \"decrypts\" in EU (Ireland)"]);
}

#[test]
fn a_denied_call_that_the_filter_of_a_trails_group_counts_rings() {
    let root = with_trail(json!({ "IsMultiRegionTrail": true }));
    let (key, other) = (key_for_alarms(&root), root.key());
    encrypted_bucket(&root, "bucket-a", &key);
    encrypted_bucket(&root, "bucket-b", &other);
    s3(&root, "PUT", "/bucket-a/k", "x");
    s3(&root, "PUT", "/bucket-b/k", "x");
    topic(&root, &key);
    put_filter(&root, "denied", &denied(&key), json!({ "defaultValue": 0.0 }));
    alarm(&root, "denied", json!({ "Namespace": "Test", "MetricName": "denied" }), 0);
    let mallory = root.new_user("mallory", Some(&allow(&["s3:*"])));
    assert_eq!(mallory.s3("GET", "/bucket-b/k", &[], b"").status(), 403);
    assert_eq!(rung_after_a_minute(&root), [] as [String; 0], "another key's");
    assert_eq!(mallory.s3("GET", "/bucket-a/k", &[], b"").status(), 403);
    assert_eq!(rung_after_a_minute(&root), ["ALARM: \"denied\" in EU (Ireland)"]);
}

/// A key that the account, and the alarms of the account, may use.
fn key_for_alarms(client: &Client) -> String {
    let statements = json!([
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*",
          "Resource": "*" },
        { "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" },
          "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*",
          "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT } } },
    ]);
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let made = client.kms("CreateKey", &json!({ "Policy": policy })).ok().value();
    made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
}

/// A topic that is encrypted by the key, and whose messages an inbox takes.
fn topic(client: &Client, key: &str) {
    client.query(Service::Sns, "CreateTopic", &[("Name", "alarms")]).ok();
    let parameters = [("TopicArn", TOPIC), ("AttributeName", "KmsMasterKeyId"), ("AttributeValue", key)];
    client.query(Service::Sns, "SetTopicAttributes", &parameters).ok();
    client.aws.subscribe_inside(&arn(TOPIC), "inbox").expect("subscribed");
}

/// An alarm that rings when the sum of a minute is over the threshold.
fn alarm(client: &Client, name: &str, metric: Value, threshold: u32) {
    let mut input = json!({ "AlarmName": name, "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
        "AlarmActions": [TOPIC] });
    input.as_object_mut().expect("an object").extend(metric.as_object().expect("an object").clone());
    client.json(Service::CloudWatch, "PutMetricAlarm", &input).ok();
}

/// The subjects of all messages, once a minute has passed.
fn rung_after_a_minute(client: &Client) -> Vec<String> {
    client.wait_a_minute();
    client.kms("ListKeys", &json!({})).ok();
    let messages = client.aws.inbox("inbox");
    messages.into_iter().map(|message| message.subject.expect("a subject")).collect()
}
