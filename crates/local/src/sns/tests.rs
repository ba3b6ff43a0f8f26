use keywright_model::Arn;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::testing::{Answered, Client, start};
use crate::{Aws, Clock, Ids, Options, Service};

/// One line of `conformance/local/sns-validation.json`.
#[derive(Deserialize)]
struct Case {
    name: String,
    source: String,
    operation: String,
    input: serde_json::Map<String, Value>,
    code: String,
    message: String,
}

#[test]
fn topics_and_subscriptions_keep_the_rules_of_aws() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../../conformance/local/sns-validation.json")).expect("the cases");
    for case in cases {
        assert!(!case.source.is_empty(), "{}", case.name);
        let parameters: Vec<_> =
            case.input.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect();
        let answer = call(&prepared(), &case.operation, &parameters);
        assert_eq!(answer.code(), case.code, "{}: {}", case.name, answer.text);
        assert!(answer.message().contains(&case.message), "{}: {}", case.name, answer.message());
    }
}

#[test]
fn making_the_same_topic_again_gives_it() {
    let client = Client::root();
    let parameters = [
        ("Name", "alarms"),
        ("Attributes.entry.1.key", "DisplayName"),
        ("Attributes.entry.1.value", "Alarms"),
        ("Attributes.entry.2.key", "KmsMasterKeyId"),
        ("Attributes.entry.2.value", "alias/x"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "red"),
    ];
    assert_eq!(call(&client, "CreateTopic", &parameters).ok().element("TopicArn"), TOPIC);
    assert_eq!(call(&client, "CreateTopic", &parameters).ok().element("TopicArn"), TOPIC);
    assert_eq!(call(&client, "CreateTopic", &[("Name", "alarms")]).ok().element("TopicArn"), TOPIC);
    let shown = attributes(&client);
    assert_eq!(
        (shown("DisplayName"), shown("KmsMasterKeyId"), shown("Owner")),
        ("Alarms".into(), "alias/x".into(), "111122223333".into())
    );
    assert_eq!(call(&client, "ListTopics", &[]).ok().elements("TopicArn"), [TOPIC]);
}

#[test]
fn a_new_topic_has_the_default_policy_and_a_set_one_is_shown_as_it_was_put() {
    let client = prepared();
    let policy: Value = serde_json::from_str(&attributes(&client)("Policy")).expect("JSON");
    assert_eq!(policy["Statement"][0]["Sid"], "__default_statement_ID");
    assert_eq!(policy["Statement"][0]["Condition"], json!({ "StringEquals": { "AWS:SourceOwner": "111122223333" } }));
    let text = r#"{ "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}] }"#;
    set(&client, "Policy", text).ok();
    assert_eq!(attributes(&client)("Policy"), text);
    set(&client, "KmsMasterKeyId", "alias/aws/sns").ok();
    assert_eq!(attributes(&client)("KmsMasterKeyId"), "alias/aws/sns");
    set(&client, "KmsMasterKeyId", "").ok();
    assert!(!call(&client, "GetTopicAttributes", &[("TopicArn", TOPIC)]).ok().text.contains("KmsMasterKeyId"));
}

#[test]
fn a_policy_that_is_too_long_is_not_even_read() {
    let client = prepared();
    let names: Vec<String> = (0..100_000).map(|at| format!("\"{at:x}\":0")).collect();
    let answer = set(&client, "Policy", &format!("{{{}}}", names.join(",")));
    answer.is_error("InvalidParameter");
    assert!(answer.message().ends_with("Policy is too large"), "{}", answer.message());
}

#[test]
fn another_account_needs_the_topics_policy_and_its_own() {
    let client = prepared();
    let stranger = client.root_of("444455556666");
    call(&stranger, "GetTopicAttributes", &[("TopicArn", TOPIC)]).is_error("AuthorizationError");
    set(&client, "Policy", &policy_for("444455556666", "SNS:GetTopicAttributes")).ok();
    call(&stranger, "GetTopicAttributes", &[("TopicArn", TOPIC)]).ok();
    call(&stranger, "DeleteTopic", &[("TopicArn", TOPIC)]).is_error("AuthorizationError");
    call(&stranger.root_of("777788889999"), "GetTopicAttributes", &[("TopicArn", TOPIC)])
        .is_error("AuthorizationError");
}

#[test]
fn a_policy_that_denies_outweighs_the_owners_own() {
    let client = prepared();
    let deny = policy_for("111122223333", "SNS:SetTopicAttributes").replace("Allow", "Deny");
    set(&client, "Policy", &deny).ok();
    let answer = set(&client, "DisplayName", "x");
    answer.is_error("AuthorizationError");
    assert!(answer.message().contains("explicit deny in a resource-based policy"), "{}", answer.message());
}

#[test]
fn an_endpoint_is_pending_until_it_agrees_and_an_own_queue_is_not() {
    let client = prepared();
    let queue = "arn:aws:sqs:eu-west-1:111122223333:queue";
    assert_eq!(subscribe(&client, "email", "a@example.com").ok().element("SubscriptionArn"), "pending confirmation");
    let arn = subscribe(&client, "sqs", queue).ok().element("SubscriptionArn");
    assert!(arn.starts_with(&format!("{TOPIC}:")), "{arn}");
    assert_eq!(subscribe(&client, "sqs", queue).ok().element("SubscriptionArn"), arn);
    let theirs = "arn:aws:sqs:eu-west-1:444455556666:queue";
    assert_eq!(subscribe(&client, "sqs", theirs).ok().element("SubscriptionArn"), "pending confirmation");
    let shown = attributes(&client);
    assert_eq!((shown("SubscriptionsPending"), shown("SubscriptionsConfirmed")), ("2".into(), "1".into()));
    let mut listed = call(&client, "ListSubscriptionsByTopic", &[("TopicArn", TOPIC)]).ok().elements("SubscriptionArn");
    listed.sort();
    assert_eq!(listed, ["PendingConfirmation", "PendingConfirmation", &arn]);
    let pairs = call(&client, "GetSubscriptionAttributes", &[("SubscriptionArn", &arn)]).ok();
    assert!(pairs.text.contains("<key>PendingConfirmation</key><value>false</value>"), "{}", pairs.text);
    call(&client, "Unsubscribe", &[("SubscriptionArn", &arn)]).ok();
    call(&client, "Unsubscribe", &[("SubscriptionArn", &arn)]).is_error("NotFound");
    assert_eq!(attributes(&client)("SubscriptionsDeleted"), "1");
}

#[test]
fn a_pending_subscription_can_be_seen_and_not_taken_away() {
    let client = prepared();
    let parameters = [
        ("TopicArn", TOPIC),
        ("Protocol", "http"),
        ("Endpoint", "http://example.com/hook"),
        ("ReturnSubscriptionArn", "true"),
        ("Attributes.entry.1.key", "RawMessageDelivery"),
        ("Attributes.entry.1.value", "true"),
    ];
    let arn = call(&client, "Subscribe", &parameters).ok().element("SubscriptionArn");
    let pairs = call(&client, "GetSubscriptionAttributes", &[("SubscriptionArn", &arn)]).ok().text;
    assert!(pairs.contains("<key>RawMessageDelivery</key><value>true</value>"), "{pairs}");
    assert!(pairs.contains("<key>PendingConfirmation</key><value>true</value>"), "{pairs}");
    call(&client, "Unsubscribe", &[("SubscriptionArn", &arn)]).is_error("InvalidParameter");
    let stranger = client.root_of("444455556666");
    call(&stranger, "GetSubscriptionAttributes", &[("SubscriptionArn", &arn)]).is_error("NotFound");
}

#[test]
fn a_topic_goes_with_its_subscriptions_and_deleting_again_is_no_error() {
    let client = prepared();
    subscribe(&client, "email", "a@example.com").ok();
    call(&client, "DeleteTopic", &[("TopicArn", TOPIC)]).ok();
    call(&client, "DeleteTopic", &[("TopicArn", TOPIC)]).ok();
    assert!(call(&client, "ListTopics", &[]).ok().elements("TopicArn").is_empty());
    assert!(call(&client, "ListSubscriptions", &[]).ok().elements("Endpoint").is_empty());
}

#[test]
fn topics_and_subscriptions_come_in_pages_of_a_hundred() {
    let client = prepared();
    for number in 0..101 {
        call(&client, "CreateTopic", &[("Name", &format!("t{number:03}"))]).ok();
        subscribe(&client, "email", &format!("{number}@example.com")).ok();
    }
    for (operation, element, count) in [("ListTopics", "TopicArn", 102), ("ListSubscriptions", "Endpoint", 101)] {
        let first = call(&client, operation, &[]).ok();
        let second = call(&client, operation, &[("NextToken", &first.element("NextToken"))]).ok();
        assert_eq!(first.elements(element).len(), 100);
        assert_eq!(second.elements(element).len(), count - 100);
        assert!(second.elements("NextToken").is_empty());
    }
}

#[test]
fn tags_come_and_go() {
    let client = prepared();
    let tags = [
        ("ResourceArn", TOPIC),
        ("Tags.member.1.Key", "a"),
        ("Tags.member.1.Value", "1"),
        ("Tags.member.2.Key", "b"),
        ("Tags.member.2.Value", ""),
    ];
    call(&client, "TagResource", &tags).ok();
    call(&client, "UntagResource", &[("ResourceArn", TOPIC), ("TagKeys.member.1", "a")]).ok();
    let left = call(&client, "ListTagsForResource", &[("ResourceArn", TOPIC)]).ok();
    assert_eq!((left.elements("Key"), left.elements("Value")), (vec!["b".into()], vec![String::new()]));
}

#[test]
fn a_topic_is_ensured_from_inside_once() {
    let client = Client::root();
    let ensure = |arn: &str| client.aws.ensure_sns_topic(&Arn::parse(arn).expect("an ARN"));
    assert!(ensure(TOPIC).expect("made"));
    assert!(!ensure(TOPIC).expect("there"));
    assert_eq!(call(&client, "ListTopics", &[]).ok().elements("TopicArn"), [TOPIC]);
    for wrong in ["arn:aws:sqs:eu-west-1:111122223333:x", "arn:aws:sns:::x", "arn:aws:sns:eu-west-1:111122223333:a:b"] {
        assert!(ensure(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn topics_alarms_and_log_groups_are_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(start());
    let open = || {
        let options = Options { data_dir: Some(folder.path().to_owned()), clock: clock.clone(), ids: Ids::seeded(1) };
        Aws::open(options).expect("opens")
    };
    let before = Client::of(&open(), &clock, "111122223333", "test");
    call(&before, "CreateTopic", &[("Name", "alarms")]).ok();
    subscribe(&before, "email", "a@example.com").ok();
    before.json(Service::Logs, "CreateLogGroup", &json!({ "logGroupName": "trail", "tags": { "a": "b" } })).ok();
    let alarm = json!({
        "AlarmName": "a1", "MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 60, "Threshold": 0.5,
        "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold",
    });
    before.json(Service::CloudWatch, "PutMetricAlarm", &alarm).ok();
    let everything = |client: &Client| {
        let topic = call(client, "GetTopicAttributes", &[("TopicArn", TOPIC)]).ok();
        let pairs = topic.elements("key").into_iter().zip(topic.elements("value")).collect::<Vec<_>>();
        let groups = client.json(Service::Logs, "DescribeLogGroups", &json!({})).ok().text;
        (pairs, groups, client.json(Service::CloudWatch, "DescribeAlarms", &json!({})).ok().text)
    };
    let was = everything(&before);
    before.aws.clone().close();
    drop(before);
    assert_eq!(everything(&Client::of(&open(), &clock, "111122223333", "test")), was);
}

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";

/// A topic `alarms`.
fn prepared() -> Client {
    let client = Client::root();
    call(&client, "CreateTopic", &[("Name", "alarms")]).ok();
    client
}

fn policy_for(account: &str, action: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "AWS": account }, "Action": action, "Resource": TOPIC }],
    })
    .to_string()
}

fn call(client: &Client, operation: &str, parameters: &[(&str, &str)]) -> Answered {
    client.query(Service::Sns, operation, parameters)
}

fn set(client: &Client, name: &str, value: &str) -> Answered {
    let parameters = [("TopicArn", TOPIC), ("AttributeName", name), ("AttributeValue", value)];
    call(client, "SetTopicAttributes", &parameters)
}

fn subscribe(client: &Client, protocol: &str, endpoint: &str) -> Answered {
    call(client, "Subscribe", &[("TopicArn", TOPIC), ("Protocol", protocol), ("Endpoint", endpoint)])
}

/// The attributes of the topic, by name.
fn attributes(client: &Client) -> impl Fn(&str) -> String {
    let answer = call(client, "GetTopicAttributes", &[("TopicArn", TOPIC)]).ok();
    let pairs: Vec<_> = answer.elements("key").into_iter().zip(answer.elements("value")).collect();
    move |name| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).expect("the attribute")
}
