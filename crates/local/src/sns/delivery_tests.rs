//! Messages from who sends them to who gets them: the topic's policy, its key, confirmation, delivery, signatures.

use std::sync::Mutex;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Request, Response};
use jiff::SignedDuration;
use keywright_model::Arn;
use serde_json::{Value, json};

use super::delivery::MOST_WAITING;
use crate::testing::{ACCOUNT, Answered, Client, block_on, start};
use crate::{Aws, Clock, Deliveries, EnsureError, Ids, InsideError, Options, Post, Service, Transport};

#[test]
fn the_default_policy_admits_alarms_of_the_topics_account_and_of_no_other() {
    let client = prepared();
    ring(&client, ACCOUNT).expect("published");
    let refused = ring(&client, "444455556666").expect_err("another account's");
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (
            "AuthorizationError",
            "Resource: arn:aws:cloudwatch:eu-west-1:444455556666:alarm:a is not authorized to perform: SNS:Publish on \
             resource: arn:aws:sns:eu-west-1:111122223333:alarms"
        )
    );
    let inbox = client.aws.inbox("inbox");
    assert_eq!(inbox.len(), 1);
    assert_eq!((inbox[0].subject.as_deref(), inbox[0].message.as_str()), (Some("ALARM"), "it rings"));
}

#[test]
fn a_topic_policy_admits_the_alarm_that_it_names_and_denies_the_one_that_it_denies() {
    let client = prepared();
    let named = "arn:aws:cloudwatch:eu-west-1:444455556666:alarm:a";
    set_topic(&client, "Policy", &topic_policy("Allow", "cloudwatch.amazonaws.com", named));
    ring(&client, "444455556666").expect("it is named");
    assert!(ring(&client, ACCOUNT).is_err(), "its neighbour is not");
    set_topic(&client, "Policy", &topic_policy("Allow", "events.amazonaws.com", named));
    assert!(ring(&client, "444455556666").is_err(), "another service is named");
    set_topic(&client, "Policy", &topic_policy("Deny", "cloudwatch.amazonaws.com", named));
    assert!(ring(&client, "444455556666").is_err(), "it is denied");
}

#[test]
fn an_alarm_rings_no_topic_that_is_missing_or_elsewhere() {
    let client = prepared();
    for (topic, code) in [
        ("arn:aws:sns:eu-west-1:111122223333:none", "NotFound"),
        ("arn:aws:sns:us-east-1:111122223333:alarms", "InvalidParameter"),
    ] {
        let source = arn("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a");
        let answer = client.aws.publish_as_service("cloudwatch.amazonaws.com", &source, &arn(topic), None, "x");
        assert_eq!(answer.expect_err("refused").code, code);
    }
}

#[test]
fn an_encrypted_topic_rings_when_its_key_admits_cloudwatch_and_not_otherwise() {
    let client = prepared();
    let key =
        new_key(&client, &[cloudwatch_may("kms:GenerateDataKey*", ACCOUNT), cloudwatch_may("kms:Decrypt", ACCOUNT)]);
    set_topic(&client, "KmsMasterKeyId", &key);
    ring(&client, ACCOUNT).expect("the key admits it");
    for statements in [
        vec![],
        vec![cloudwatch_may("kms:Decrypt", ACCOUNT)],
        vec![cloudwatch_may("kms:GenerateDataKey*", ACCOUNT)],
        vec![cloudwatch_may("kms:GenerateDataKey*", "444455556666"), cloudwatch_may("kms:Decrypt", "444455556666")],
    ] {
        set_topic(&client, "KmsMasterKeyId", &new_key(&client, &statements));
        is_lost_for_want_of_the_key(&client);
    }
    set_topic(&client, "KmsMasterKeyId", "alias/aws/sns");
    is_lost_for_want_of_the_key(&client);
    assert_eq!(client.aws.inbox("inbox").len(), 1);
    set_topic(&client, "KmsMasterKeyId", "alias/none");
    assert_eq!(ring(&client, ACCOUNT).expect_err("no key").code, "KMSNotFound");
}

#[test]
fn a_caller_needs_the_key_of_an_encrypted_topic_through_sns() {
    let root = prepared();
    let key = new_key(&root, &[]);
    set_topic(&root, "KmsMasterKeyId", &key);
    let may = |actions: Value, via: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "sns:Publish", "Resource": TOPIC },
            { "Effect": "Allow", "Action": actions, "Resource": "*",
              "Condition": { "StringEquals": { "kms:ViaService": via } } },
        ]})
    };
    let both = json!(["kms:GenerateDataKey*", "kms:Decrypt"]);
    let sns = "sns.eu-west-1.amazonaws.com";
    let allowed = root.new_user("allowed", Some(&may(both.clone(), sns)));
    publish(&allowed, &[("Message", "x")]).ok();
    let elsewhere = root.new_user("elsewhere", Some(&may(both, "s3.eu-west-1.amazonaws.com")));
    publish(&elsewhere, &[("Message", "x")]).is_error("KMSAccessDenied");
    let halfway = root.new_user("halfway", Some(&may(json!("kms:GenerateDataKey*"), sns)));
    publish(&halfway, &[("Message", "x")]).is_error("KMSAccessDenied");
    root.json(Service::Kms, "DisableKey", &json!({ "KeyId": key })).ok();
    publish(&allowed, &[("Message", "x")]).is_error("KMSDisabled");
    set_topic(&root, "KmsMasterKeyId", "alias/aws/sns");
    publish(&allowed, &[("Message", "x")]).ok();
    assert_eq!(root.aws.inbox("inbox").len(), 2);
}

#[test]
fn an_endpoint_gets_nothing_before_it_has_confirmed_and_everything_after() {
    let client = prepared();
    let web = Web::default();
    subscribe(&client, &[]);
    publish(&client, &[("Message", "too early")]).ok();
    assert_eq!(delivered(&client, &web), 1);
    let asked = web.document(0);
    assert_eq!((asked["Type"].as_str(), asked["TopicArn"].as_str()), (Some("SubscriptionConfirmation"), Some(TOPIC)));
    assert_eq!(web.header(0, "x-amz-sns-message-type"), "SubscriptionConfirmation");
    let wrong = text(&asked["SubscribeURL"]).replace("Token=", "Token=X");
    assert_eq!(follow(&client.aws, &wrong).status(), 400);
    assert_eq!(delivered(&client, &web), 0);
    let confirmed = follow(&client.aws, text(&asked["SubscribeURL"]));
    assert_eq!(confirmed.status(), 200);
    assert!(String::from_utf8_lossy(confirmed.body()).contains(&format!("<SubscriptionArn>{TOPIC}:")));
    let attribute = [
        ("MessageAttributes.entry.1.Name", "team"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
        ("MessageAttributes.entry.1.Value.StringValue", "red"),
    ];
    let id = publish(&client, &[&[("Message", "in time"), ("Subject", "Hello")][..], &attribute].concat()).ok();
    assert_eq!(delivered(&client, &web), 1);
    let notified = web.document(1);
    assert_eq!(notified["MessageId"], id.element("MessageId"));
    assert_eq!((&notified["Type"], &notified["Subject"]), (&json!("Notification"), &json!("Hello")));
    assert_eq!((&notified["Message"], &notified["Timestamp"]), (&json!("in time"), &json!("2026-01-02T03:04:05.000Z")));
    assert_eq!(notified["MessageAttributes"], json!({ "team": { "Type": "String", "Value": "red" } }));
    assert!(web.header(1, "x-amz-sns-subscription-arn").starts_with(TOPIC));
}

#[test]
fn signatures_are_of_the_key_in_the_certificate_and_of_what_was_sent() {
    let client = confirmed(&[]);
    let web = Web::default();
    publish(&client, &[("Message", "true"), ("Subject", "s")]).ok();
    subscribe_at(&client, "http://127.0.0.1/other", &[]);
    assert_eq!(delivered(&client, &web), 2);
    for at in [0, 1] {
        let document = web.document(at);
        assert_eq!(document["SignatureVersion"], "2");
        let certificate = follow(&client.aws, text(&document["SigningCertURL"]));
        assert_eq!(certificate.status(), 200);
        assert!(is_signed(&document, certificate.body()), "{document}");
        for name in ["Message", "Timestamp", "MessageId", "TopicArn", "Type"] {
            let mut forged = document.clone();
            forged[name] = json!(format!("{}x", text(&forged[name])));
            assert!(!is_signed(&forged, certificate.body()), "{name}");
        }
    }
    let unknown = follow(&client.aws, "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-00.pem");
    assert_eq!(unknown.status(), 404);
}

#[test]
fn raw_messages_come_as_they_are() {
    let client = confirmed(&[("Attributes.entry.1.key", "RawMessageDelivery"), ("Attributes.entry.1.value", "true")]);
    let web = Web::default();
    let texts = r#"{"default": "for all", "http": "for http"}"#;
    publish(&client, &[("Message", texts), ("MessageStructure", "json")]).ok();
    assert_eq!(delivered(&client, &web), 1);
    assert_eq!((web.posts()[0].body.as_str(), web.header(0, "x-amz-sns-rawdelivery")), ("for http", "true".into()));
    assert_eq!(client.aws.inbox("inbox")[0].message, "for all");
    let arn = subscription(&client);
    let parameters =
        [("SubscriptionArn", arn.as_str()), ("AttributeName", "RawMessageDelivery"), ("AttributeValue", "false")];
    client.query(Service::Sns, "SetSubscriptionAttributes", &parameters).ok();
    publish(&client, &[("Message", "wrapped")]).ok();
    assert_eq!(delivered(&client, &web), 1);
    assert_eq!(web.document(1)["Message"], "wrapped");
}

#[test]
fn a_failed_delivery_is_tried_three_times_more_by_the_clock() {
    let client = confirmed(&[]);
    publish(&client, &[("Message", "x")]).ok();
    let broken = Web::answering(503);
    for attempts in 1..=3 {
        assert_eq!(deliver(&client, &broken), Deliveries { postponed: 1, ..Deliveries::default() });
        assert_eq!(deliver(&client, &broken), Deliveries::default(), "not before its time");
        let pending = client.aws.pending_deliveries();
        assert_eq!((pending.len(), pending[0].attempts, pending[0].kind), (1, attempts, "Notification"));
        client.clock.advance(SignedDuration::from_secs(20));
    }
    assert_eq!(deliver(&client, &broken), Deliveries { given_up: 1, ..Deliveries::default() });
    assert!(client.aws.pending_deliveries().is_empty());
    assert_eq!(broken.posts().len(), 4);
}

#[test]
fn of_too_many_messages_that_nobody_sends_the_oldest_is_lost() {
    let client = confirmed(&[]);
    publish(&client, &[("Message", "oldest")]).ok();
    let fill = |world: &mut crate::world::World| {
        let waiting = world.sns.deliveries.values().next().expect("one").clone();
        (1..MOST_WAITING).for_each(|_| world.sns.deliveries.append(waiting.clone()));
        assert_eq!(world.sns.deliveries.iter().next().expect("one").0.as_str(), "00000000000000000000");
        Ok::<_, EnsureError>(())
    };
    client.aws.change(|world, _| fill(world)).expect("stored");
    publish(&client, &[("Message", "latest")]).ok();
    let (waiting, first) = client.aws.with_world(|world| {
        let first = world.sns.deliveries.iter().next().map(|(key, _)| key.clone());
        (world.sns.deliveries.len(), first)
    });
    assert_eq!((waiting, first.as_deref()), (MOST_WAITING, Some("00000000000000000001")));
}

#[test]
fn an_endpoint_that_refuses_for_good_is_not_asked_again_and_one_that_is_busy_is() {
    for (status, expect) in [
        (404, Deliveries { given_up: 1, ..Deliveries::default() }),
        (429, Deliveries { postponed: 1, ..Deliveries::default() }),
        (302, Deliveries { postponed: 1, ..Deliveries::default() }),
        (204, Deliveries { delivered: 1, ..Deliveries::default() }),
    ] {
        let client = confirmed(&[]);
        publish(&client, &[("Message", "x")]).ok();
        assert_eq!(deliver(&client, &Web::answering(status)), expect, "{status}");
    }
}

#[test]
fn messages_on_their_way_and_the_key_outlive_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(start());
    let open = |seed| {
        let options =
            Options { data_dir: Some(folder.path().to_owned()), clock: clock.clone(), ids: Ids::seeded(seed) };
        Client::of(&Aws::open(options).expect("opens"), &clock, ACCOUNT, "test")
    };
    let before = open(1);
    make_topic(&before);
    confirm_all(&before, &[]);
    let web = Web::default();
    publish(&before, &[("Message", "first")]).ok();
    assert_eq!(delivered(&before, &web), 1);
    publish(&before, &[("Message", "second")]).ok();
    before.aws.clone().close();
    drop(before);
    let after = open(2);
    assert_eq!(delivered(&after, &web), 1);
    assert_eq!(web.document(1)["Message"], "second");
    assert_eq!(web.document(0)["SigningCertURL"], web.document(1)["SigningCertURL"]);
    assert_eq!(after.aws.inbox("inbox").len(), 2);
}

#[test]
fn a_link_ends_a_subscription_and_another_restores_it() {
    let client = confirmed(&[]);
    let web = Web::default();
    publish(&client, &[("Message", "x")]).ok();
    assert_eq!(delivered(&client, &web), 1);
    assert_eq!(follow(&client.aws, text(&web.document(0)["UnsubscribeURL"])).status(), 200);
    publish(&client, &[("Message", "nobody gets this")]).ok();
    assert_eq!(delivered(&client, &web), 1);
    assert_eq!(web.document(1)["Type"], "UnsubscribeConfirmation");
    assert_eq!(follow(&client.aws, text(&web.document(1)["SubscribeURL"])).status(), 200);
    publish(&client, &[("Message", "again")]).ok();
    assert_eq!(delivered(&client, &web), 1);
    assert_eq!(web.document(2)["Message"], "again");
}

#[test]
fn a_link_does_not_restore_what_its_owner_has_ended() {
    let client = prepared();
    let web = Web::default();
    subscribe(&client, &[]);
    assert_eq!(delivered(&client, &web), 1);
    let asked = web.document(0);
    assert_eq!(follow(&client.aws, text(&asked["SubscribeURL"])).status(), 200);
    client.query(Service::Sns, "Unsubscribe", &[("SubscriptionArn", &subscription(&client))]).ok();
    assert_eq!(follow(&client.aws, text(&asked["SubscribeURL"])).status(), 400);
    assert!(listed(&client).is_empty());
}

#[test]
fn what_time_brought_about_before_a_refused_message_stays() {
    let client = prepared();
    let key =
        new_key(&client, &[cloudwatch_may("kms:GenerateDataKey*", ACCOUNT), cloudwatch_may("kms:Decrypt", ACCOUNT)]);
    set_topic(&client, "KmsMasterKeyId", &key);
    let alarm = json!({
        "AlarmName": "quiet", "Namespace": "Ours", "MetricName": "Requests", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching", "OKActions": [TOPIC],
    });
    client.json(Service::CloudWatch, "PutMetricAlarm", &alarm).ok();
    client.clock.advance(SignedDuration::from_mins(2));
    ring(&client, "444455556666").expect_err("another account's");
    assert_eq!(client.aws.inbox("inbox").len(), 1, "the alarm has rung");
    client.query(Service::Sns, "ListTopics", &[]).ok();
    assert_eq!(client.aws.inbox("inbox").len(), 1);
    let calls = client.aws.calls();
    assert_eq!(calls.iter().filter(|call| call.operation == "GenerateDataKey").count(), 1, "and once only");
}

#[test]
fn a_subscription_that_wants_signatures_is_not_ended_by_a_link() {
    let client = prepared();
    subscribe(&client, &[]);
    let token = waiting_token(&client);
    let parameters = [("TopicArn", TOPIC), ("Token", token.as_str()), ("AuthenticateOnUnsubscribe", "true")];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    assert_eq!(follow(&client.aws, &format!("http://localhost/?Action=ConfirmSubscription&{query}")).status(), 400);
    let arn = client.query(Service::Sns, "ConfirmSubscription", &parameters).ok().element("SubscriptionArn");
    let link = format!("http://localhost/?Action=Unsubscribe&SubscriptionArn={arn}");
    assert_eq!(follow(&client.aws, &link).status(), 403);
    client.query(Service::Sns, "Unsubscribe", &[("SubscriptionArn", &arn)]).ok();
}

#[test]
fn nothing_else_is_done_without_a_signature() {
    let client = confirmed(&[]);
    let arn = subscription(&client);
    for link in [
        format!("http://localhost/?Action=Publish&TopicArn={TOPIC}&Message=x"),
        format!("http://localhost/?Action=DeleteTopic&TopicArn={TOPIC}&Version=2010-03-31"),
        format!("http://localhost/?Action=GetSubscriptionAttributes&SubscriptionArn={arn}"),
        format!("http://localhost/?Action=Unsubscribe&Action=DeleteTopic&SubscriptionArn={arn}&TopicArn={TOPIC}"),
        "http://localhost/?Action=ListUsers".to_owned(),
    ] {
        assert!(follow(&client.aws, &link).status().is_client_error(), "{link}");
    }
    let request = Request::post(format!("http://localhost/?Action=Unsubscribe&SubscriptionArn={arn}"));
    let posted = block_on(client.aws.handle(request.body(Bytes::new()).expect("a request")));
    assert!(posted.status().is_client_error());
    assert_eq!(subscription(&client), arn);
}

#[test]
fn a_token_that_nobody_uses_ends_after_two_days_and_so_does_the_subscription() {
    let client = prepared();
    subscribe(&client, &[]);
    let token = waiting_token(&client);
    client.clock.advance(SignedDuration::from_hours(47));
    client.query(Service::Sns, "ListTopics", &[]).ok();
    assert_eq!(listed(&client).len(), 1);
    client.clock.advance(SignedDuration::from_hours(1));
    let parameters = [("TopicArn", TOPIC), ("Token", token.as_str())];
    client.query(Service::Sns, "ConfirmSubscription", &parameters).is_error("InvalidParameter");
    client.query(Service::Sns, "ListTopics", &[]).ok();
    assert!(listed(&client).is_empty());
    assert_eq!(delivered(&client, &Web::default()), 0, "nobody is asked any more");
}

#[test]
fn a_batch_takes_the_good_entries_and_names_the_bad_one() {
    let client = prepared();
    let parameters = [
        ("TopicArn", TOPIC),
        ("PublishBatchRequestEntries.member.1.Id", "good"),
        ("PublishBatchRequestEntries.member.1.Message", "x"),
        ("PublishBatchRequestEntries.member.2.Id", "bad"),
        ("PublishBatchRequestEntries.member.2.Message", ""),
    ];
    let answer = client.query(Service::Sns, "PublishBatch", &parameters).ok();
    assert_eq!(
        (answer.elements("Id"), answer.elements("Code")),
        (vec!["good".into(), "bad".into()], vec!["InvalidParameter".into()])
    );
    assert_eq!(client.aws.inbox("inbox").len(), 1);
}

#[test]
fn a_message_and_a_batch_have_at_most_256_kibibytes() {
    let client = prepared();
    publish(&client, &[("Message", &"x".repeat(256 * 1024))]).ok();
    publish(&client, &[("Message", &"x".repeat(256 * 1024 + 1))]).is_error("InvalidParameter");
    let half = "x".repeat(128 * 1024 + 1);
    let parameters = [
        ("TopicArn", TOPIC),
        ("PublishBatchRequestEntries.member.1.Id", "a"),
        ("PublishBatchRequestEntries.member.1.Message", &half),
        ("PublishBatchRequestEntries.member.2.Id", "b"),
        ("PublishBatchRequestEntries.member.2.Message", &half),
    ];
    client.query(Service::Sns, "PublishBatch", &parameters).is_error("BatchRequestTooLong");
    assert_eq!(client.aws.inbox("inbox").len(), 1);
}

#[test]
fn neither_tokens_nor_the_key_are_shown() {
    let client = confirmed(&[]);
    subscribe_at(&client, "http://127.0.0.1/other", &[]);
    let token = waiting_token(&client);
    let shown = client.aws.with_world(|world| format!("{:?}", world.sns));
    assert!(shown.contains("StoredSecret(..)") && !shown.contains(&token));
    let stored = client.aws.with_world(|world| serde_json::to_string(world.sns.signers.get("signer").expect("one")));
    let stored: Value = serde_json::from_str(&stored.expect("JSON")).expect("JSON");
    assert!(!shown.contains(text(&stored["key"])));
    assert!(text(&stored["certificate"]).starts_with("-----BEGIN CERTIFICATE-----"));
}

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";
const ENDPOINT: &str = "http://127.0.0.1/hook";

/// Takes every message and answers all of them alike.
struct Web {
    taken: Mutex<Vec<Post>>,
    status: u16,
}

impl Default for Web {
    fn default() -> Self {
        Self::answering(200)
    }
}

impl Web {
    fn answering(status: u16) -> Self {
        Self { taken: Mutex::default(), status }
    }

    fn posts(&self) -> Vec<Post> {
        self.taken.lock().expect("whole").clone()
    }

    fn document(&self, at: usize) -> Value {
        serde_json::from_str(&self.posts()[at].body).expect("JSON")
    }

    fn header(&self, at: usize, wanted: &str) -> String {
        let posts = self.posts();
        posts[at].headers.iter().find(|(name, _)| *name == wanted).expect("the header").1.clone()
    }
}

impl Transport for Web {
    async fn send(&self, post: &Post) -> Result<u16, String> {
        self.taken.lock().expect("whole").push(post.clone());
        Ok(self.status)
    }
}

/// A topic and an inbox for it.
fn prepared() -> Client {
    let client = Client::root();
    make_topic(&client);
    client
}

/// As [`prepared`], with a confirmed endpoint.
fn confirmed(attributes: &[(&str, &str)]) -> Client {
    let client = prepared();
    confirm_all(&client, attributes);
    client
}

fn make_topic(client: &Client) {
    client.query(Service::Sns, "CreateTopic", &[("Name", "alarms")]).ok();
    assert!(client.aws.subscribe_inside(&arn(TOPIC), "inbox").expect("there is the topic"));
}

fn confirm_all(client: &Client, attributes: &[(&str, &str)]) {
    subscribe(client, attributes);
    let web = Web::default();
    assert_eq!(delivered(client, &web), 1);
    assert_eq!(follow(&client.aws, text(&web.document(0)["SubscribeURL"])).status(), 200);
}

fn subscribe(client: &Client, attributes: &[(&str, &str)]) {
    subscribe_at(client, ENDPOINT, attributes);
}

fn subscribe_at(client: &Client, endpoint: &str, attributes: &[(&str, &str)]) {
    let parameters = [&[("TopicArn", TOPIC), ("Protocol", "http"), ("Endpoint", endpoint)][..], attributes].concat();
    let answer = client.query(Service::Sns, "Subscribe", &parameters).ok();
    assert_eq!(answer.element("SubscriptionArn"), "pending confirmation");
}

fn listed(client: &Client) -> Vec<String> {
    client.query(Service::Sns, "ListSubscriptions", &[]).ok().elements("SubscriptionArn")
}

/// The ARN of the one subscription.
fn subscription(client: &Client) -> String {
    listed(client).into_iter().next().expect("one")
}

fn publish(client: &Client, parameters: &[(&str, &str)]) -> Answered {
    client.query(Service::Sns, "Publish", &[&[("TopicArn", TOPIC)][..], parameters].concat())
}

/// An alarm of that account rings.
fn ring(client: &Client, account: &str) -> Result<String, InsideError> {
    let alarm = arn(&format!("arn:aws:cloudwatch:eu-west-1:{account}:alarm:a"));
    client.aws.publish_as_service("cloudwatch.amazonaws.com", &alarm, &arn(TOPIC), Some("ALARM"), "it rings")
}

#[track_caller]
fn is_lost_for_want_of_the_key(client: &Client) {
    let lost = ring(client, ACCOUNT).expect_err("the key does not admit it");
    let message = "CloudWatch Alarms does not have authorization to access the SNS topic encryption key.";
    assert_eq!((lost.code, lost.message.as_str()), ("KMSAccessDenied", message));
}

fn deliver(client: &Client, web: &Web) -> Deliveries {
    block_on(client.aws.deliver_pending(web)).expect("stored")
}

fn delivered(client: &Client, web: &Web) -> u32 {
    deliver(client, web).delivered
}

/// Follows a link as a browser does, without a signature.
fn follow(aws: &Aws, link: &str) -> Response<Bytes> {
    block_on(aws.handle(Request::get(link).body(Bytes::new()).expect("a request")))
}

fn waiting_token(client: &Client) -> String {
    let token = |world: &crate::world::World| {
        world.sns.deliveries.values().find_map(|delivery| delivery.token().map(str::to_owned))
    };
    client.aws.with_world(token).expect("one waits")
}

fn set_topic(client: &Client, name: &str, value: &str) {
    let parameters = [("TopicArn", TOPIC), ("AttributeName", name), ("AttributeValue", value)];
    client.query(Service::Sns, "SetTopicAttributes", &parameters).ok();
}

fn topic_policy(effect: &str, service: &str, source: &str) -> String {
    let statement = json!({
        "Effect": effect, "Principal": { "Service": service }, "Action": "sns:Publish", "Resource": TOPIC,
        "Condition": { "ArnEquals": { "aws:SourceArn": source } },
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn cloudwatch_may(action: &str, account: &str) -> Value {
    json!({
        "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": action, "Resource": "*",
        "Condition": {
            "StringEquals": { "aws:SourceAccount": account },
            "ArnLike": { "aws:SourceArn": format!("arn:aws:cloudwatch:*:{account}:alarm:*") },
        },
    })
}

/// A key that the account manages, and these statements.
fn new_key(client: &Client, statements: &[Value]) -> String {
    let account = json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*",
        "Resource": "*",
    });
    let statements: Vec<Value> = std::iter::once(account).chain(statements.iter().cloned()).collect();
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let made = client.json(Service::Kms, "CreateKey", &json!({ "Policy": policy })).ok().value();
    text(&made["KeyMetadata"]["Arn"]).to_owned()
}

/// Whether the document is signed as SNS's guide says, by the key in the certificate.
fn is_signed(document: &Value, certificate: &[u8]) -> bool {
    let mut signed = String::new();
    for name in ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"] {
        if let Some(value) = document[name].as_str() {
            signed.push_str(&format!("{name}\n{value}\n"));
        }
    }
    let signature = BASE64.decode(text(&document["Signature"])).expect("Base64");
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key(certificate));
    key.verify(signed.as_bytes(), &signature).is_ok()
}

/// The RSA key of 2,048 bits in a certificate: the one sequence that has such a key's length and modulus.
fn public_key(certificate: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(certificate).expect("PEM");
    let lines: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64.decode(lines).expect("Base64");
    let start = [0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
    let at = der.windows(start.len()).position(|window| window == start).expect("an RSA key");
    der[at..at + 270].to_vec()
}

fn arn(text: &str) -> Arn {
    Arn::parse(text).expect("an ARN")
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
