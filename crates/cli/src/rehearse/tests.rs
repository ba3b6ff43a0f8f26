//! The probes on keys that do not keep the promises: each must come out broken somewhere.

use std::collections::BTreeSet;

use jiff::Timestamp;
use keywright_local::{Aws, Clock, Ids, Options};
use keywright_model::{AccountId, Arn, Partition, Region};
use keywright_module::Services;
use serde_json::{Value, json};

use super::client::{JsonService, QueryService};
use super::probes;
use super::promise::Verdict;
use super::scene::{AdminRole, Alarm, Key, Scene};
use super::stage::Stage;

const ACCOUNT: &str = "111122223333";
const ADMIN: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-prod";
const REPLICATION: &str = "arn:aws:iam::111122223333:role/acme-s3-replication-role-prod";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";
const PUBLISHED: &str = include_str!("../../../../conformance/prove/published-module.json");

fn arn(text: &str) -> Arn {
    Arn::parse(text).expect("an ARN")
}

fn region(text: &str) -> Region {
    Region::parse(text).expect("a Region")
}

/// A multi-Region key and a replica, made by the root user with AWS's default policies, and the people of a stage.
async fn default_keys() -> (Stage, Scene) {
    let clock = Clock::manual(Timestamp::from_second(1_767_323_045).expect("a time"));
    let aws = Aws::open(Options { data_dir: None, clock: clock.clone(), ids: Ids::seeded(7) }).expect("an AWS");
    let account = AccountId::parse(ACCOUNT).expect("an account");
    let operator = aws.ensure_operator(&account, Partition::Aws).expect("an operator");
    let regions = [region("eu-west-1"), region("us-east-1")];
    let stage = Stage::open(&aws, &clock, &operator, &regions, &account).await.expect("a stage");
    for role in [ADMIN, REPLICATION] {
        aws.ensure_role(&arn(role)).expect("a role");
    }
    aws.ensure_sns_topic(&arn(TOPIC)).expect("a topic");
    let parameters = [("AWSServiceName", "autoscaling.amazonaws.com")];
    let made = stage.root.query(&regions[0], QueryService::Iam, "CreateServiceLinkedRole", &parameters, &[]).await;
    assert!(made.answer().is_some(), "{made}");

    let made = stage.root.kms(&regions[0], "CreateKey", json!({ "MultiRegion": true })).await;
    let primary = made.answer().expect("a key").pointer("/KeyMetadata/Arn").and_then(Value::as_str).map(arn);
    let primary = primary.expect("an ARN");
    stage.root.kms(&regions[0], "EnableKeyRotation", json!({ "KeyId": primary.as_str() })).await;
    let input = json!({ "KeyId": primary.as_str(), "ReplicaRegion": "us-east-1" });
    let made = stage.root.kms(&regions[0], "ReplicateKey", input).await;
    let replica = made.answer().expect("a replica").pointer("/ReplicaKeyMetadata/Arn").and_then(Value::as_str).map(arn);
    let [home, other] = regions;
    let alarm = |name: &str| Alarm {
        name: name.to_owned(),
        region: home.clone(),
        threshold: 5,
        topic: Some(arn(TOPIC)),
        key: "primary",
    };
    let services = Services {
        dynamodb: true,
        alb_firehose: true,
        alb_waf_logging: true,
        image_processor: true,
        ..Services::default()
    };
    let scene = Scene {
        account,
        keys: vec![
            Key { label: "primary", arn: primary, region: home.clone() },
            Key { label: "replica", arn: replica.expect("an ARN"), region: other },
        ],
        root_access: false,
        admin_role: Some(AdminRole { arn: arn(ADMIN), requires_mfa: false }),
        has_administrators: false,
        services,
        cloudtrail: true,
        notifies: true,
        service_callers: Vec::new(),
        users: Vec::new(),
        replication_role: Some(arn(REPLICATION)),
        decrypt_alarms: vec![alarm("acme-kms-decrypt-usage-high-prod")],
        denied_alarms: vec![alarm("acme-kms-access-denied-prod")],
    };
    (stage, scene)
}

/// What the published module makes: its policy on the primary, AWS's default on the replica, its grant where it lands,
/// its alarms on metrics that AWS does not publish.
async fn published() -> (Stage, Scene) {
    let (stage, scene) = default_keys().await;
    let primary = scene.primary().expect("a primary");
    let id = primary.arn.resource().trim_start_matches("key/");
    let policy = PUBLISHED.replace("mrk-1234abcd12ab34cd56ef1234567890ab", id);
    let input = json!({ "KeyId": primary.arn.as_str(), "PolicyName": "default", "Policy": policy });
    let put = stage.root.kms(&primary.region, "PutKeyPolicy", input).await;
    assert!(put.answer().is_some(), "{put}");
    let operations = ["Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey"];
    let input = json!({
        "KeyId": primary.arn.as_str(), "GranteePrincipal": REPLICATION, "Name": "S3ReplicationGrant",
        "Operations": operations,
    });
    let granted = stage.root.kms(&primary.region, "CreateGrant", input).await;
    assert!(granted.answer().is_some(), "{granted}");
    for (name, metric, periods, points) in [
        ("acme-kms-decrypt-usage-high-prod", "DecryptCount", 3, 2),
        ("acme-kms-access-denied-prod", "AccessDenied", 1, 1),
    ] {
        let input = json!({
            "AlarmName": name, "Namespace": "AWS/KMS", "MetricName": metric, "Statistic": "Sum", "Period": 300,
            "Dimensions": [{ "Name": "KeyId", "Value": id }], "EvaluationPeriods": periods, "DatapointsToAlarm": points,
            "Threshold": if periods == 3 { 5 } else { 0 }, "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching", "AlarmActions": [TOPIC], "OKActions": [TOPIC],
        });
        let put = stage.operator.json(&primary.region, JsonService::CloudWatch, "PutMetricAlarm", input).await;
        assert!(put.answer().is_some(), "{put}");
    }
    (stage, scene)
}

/// The promises that are broken, and all that were tried.
async fn broken(stage: &Stage, scene: &Scene) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let (promises, _) = probes::promises(stage, scene).await;
    let broken = promises.iter().filter(|promise| promise.verdict() == Verdict::Broken);
    (broken.map(|promise| promise.id).collect(), promises.iter().map(|promise| promise.id).collect())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

#[test]
fn the_published_module_breaks_the_promises_that_its_readme_makes() {
    let (found, _) = block_on(async {
        let (stage, scene) = published().await;
        broken(&stage, &scene).await
    });
    for promise in [
        // Its policy lets every principal of the account do everything, and the replica keeps AWS's default.
        "ordinary-user",
        "root-access",
        "admin-role",
        // Its grant is on the primary.
        "s3-replication",
        // AWS publishes neither of its alarms' metrics.
        "decrypt-alarm",
        "denied-alarm",
        // It names services that do not call KMS themselves, binds none to an account, and misses those that do.
        "cloudwatch-logs",
        "log-delivery",
        "cloudtrail",
        "s3",
        "rds",
        "elasticache",
        "ebs",
        "ssm-parameters",
        "secrets-manager",
        "dynamodb",
        "firehose",
        // Its switch for SQS does nothing, and nothing lets CloudWatch use an encrypted topic.
        "sns-to-sqs",
        "eventbridge",
        "cloudwatch-alarms",
    ] {
        assert!(found.contains(promise), "{promise} held; broken are {found:?}");
    }
}

#[test]
fn every_probe_comes_out_broken_where_its_promise_is_not_kept() {
    let (found, tried) = block_on(async {
        let (stage, scene) = published().await;
        let (mut found, mut tried) = broken(&stage, &scene).await;
        let (stage, scene) = default_keys().await;
        let (also_found, also_tried) = broken(&stage, &scene).await;
        found.extend(also_found);
        tried.extend(also_tried);
        // CloudFront is switched off above: here it is on, and nothing admits it.
        let (stage, mut scene) = default_keys().await;
        scene.services.cloudfront_waf = true;
        found.extend(broken(&stage, &scene).await.0);
        // Somebody of another account is let in.
        let (stage, scene) = default_keys().await;
        let primary = scene.primary().expect("a primary");
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*", "Resource": "*" },
            { "Effect": "Allow", "Principal": { "AWS": stage.stranger.arn.as_str() }, "Action": "kms:*", "Resource": "*" },
        ] });
        let input = json!({ "KeyId": primary.arn.as_str(), "PolicyName": "default", "Policy": policy.to_string() });
        assert!(stage.root.kms(&primary.region, "PutKeyPolicy", input).await.answer().is_some());
        found.extend(broken(&stage, &scene).await.0);
        (found, tried)
    });
    let never: Vec<_> = tried.difference(&found).collect();
    assert!(never.is_empty(), "nothing breaks {never:?}");
}
