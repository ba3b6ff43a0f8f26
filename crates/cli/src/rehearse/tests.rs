//! The probes on keys that do not keep the promises: each must come out broken somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use keywright_local::{Aws, Clock, Ids, Options};
use keywright_model::{AccountId, Arn, Partition, Region, ResourceKind};
use keywright_module::{Module, Services, Sources};
use serde_json::{Value, json};

use super::client::{JsonService, QueryService};
use super::promise::{Promise, Verdict};
use super::scene::{AdminRole, Alarm, Key, ReplicationRole, Scene};
use super::stage::Stage;
use super::story::Rehearsed;
use super::{play, probes};

const ACCOUNT: &str = "111122223333";
const ADMIN: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-prod";
const REPLICATION: &str = "arn:aws:iam::111122223333:role/acme-s3-replication-role-prod";
const ADA: &str = "arn:aws:iam::111122223333:role/ada";
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
    let alarm = |name: &str, key| Alarm {
        name: name.to_owned(),
        region: home.clone(),
        threshold: 5,
        topic: Some(arn(TOPIC)),
        key,
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
        services,
        cloudtrail: true,
        notifies: true,
        service_callers: Vec::new(),
        users: Vec::new(),
        replication_role: Some(ReplicationRole { arn: arn(REPLICATION), is_named: true }),
        decrypt_alarms: vec![
            alarm("acme-kms-decrypt-usage-high-prod", "primary"),
            alarm("replica-decrypts", "replica"),
        ],
        denied_alarms: vec![alarm("acme-kms-access-denied-prod", "primary"), alarm("replica-denied", "replica")],
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

/// The module of one of the examples.
fn example(name: &str) -> Module {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    let sources = Sources { folder, ..Sources::default() };
    keywright_module::load(&sources).expect("good inputs").remove(0)
}

/// A module with root access on, and these inputs.
fn module_with(inputs: &str) -> Module {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "module \"kms\" {{\nsource = \"keywright\"\naws_account_id = \"{ACCOUNT}\"\naws_region = \"eu-west-1\"\n\
         name_prefix = \"acme\"\nenvironment = \"prod\"\n{inputs}\n}}\n"
    );
    std::fs::write(folder.path().join("main.tf"), text).expect("written");
    let sources = Sources { folder: folder.path().to_owned(), ..Sources::default() };
    keywright_module::load(&sources).expect("good inputs").remove(0)
}

/// What is there of one of the examples once it is applied.
async fn applied(module: &Module) -> (Rehearsed<'_>, Stage, Scene) {
    let rehearsed = Rehearsed::open(module).await.expect("an AWS");
    let promise = rehearsed.applies_once().await.expect("a plan");
    assert_eq!(promise.verdict(), Verdict::Held, "{promise:?}");
    let scene = rehearsed.scene().await.expect("keys");
    let stage = rehearsed.stage(&scene).await.expect("a stage");
    (rehearsed, stage, scene)
}

/// An IAM policy keeps a user or a role from doing this.
async fn deny(stage: &Stage, who: &Arn, action: &str) {
    let statement = json!({ "Effect": "Deny", "Action": action, "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let (kind, name) = who.resource().split_once('/').expect("a user or a role");
    let (operation, member) =
        if kind == "user" { ("PutUserPolicy", "UserName") } else { ("PutRolePolicy", "RoleName") };
    let parameters = [(member, name), ("PolicyName", "deny"), ("PolicyDocument", policy.as_str())];
    let put = stage.root.query(&region("eu-west-1"), QueryService::Iam, operation, &parameters, &[]).await;
    assert!(put.answer().is_some(), "{put}");
}

/// What was tried and came out otherwise.
fn broken_probes(promise: &Promise) -> Vec<&str> {
    promise.probes.iter().filter(|probe| !probe.holds()).map(|probe| probe.tried.as_str()).collect()
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

/// What goes wrong in the course of a key's life.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// Whoever applies may not do this.
    Denied(&'static str),
    /// The key is another than the one that was applied.
    AnotherKey,
}

/// A promise about the course of a key's life, what goes wrong, and what of its probes must come out broken.
const MISHAPS: &[(&str, Mishap, &[&str])] = &[
    ("applies-once", Mishap::Denied("kms:CreateAlias"), &["apply", "changes of a second plan"]),
    ("drift", Mishap::Denied("kms:DisableKey"), &["DisableKey outside", "resources that the plan repairs"]),
    ("drift", Mishap::Denied("kms:EnableKey"), &["resources to repair afterwards", "the primary's state afterwards"]),
    ("drift", Mishap::AnotherKey, &["resources that the plan repairs", "the primary's state afterwards"]),
    (
        "destroy",
        Mishap::Denied("kms:ScheduleKeyDeletion"),
        &[
            "destroy",
            "the primary's state, as an administrator by IAM policies sees it",
            "CancelKeyDeletion by an administrator by IAM policies on the primary",
        ],
    ),
    (
        "destroy",
        Mishap::Denied("kms:CancelKeyDeletion"),
        &["CancelKeyDeletion by an administrator by IAM policies on the primary"],
    ),
    (
        "destroy",
        Mishap::AnotherKey,
        &[
            "the primary's state, as an administrator by IAM policies sees it",
            "CancelKeyDeletion by an administrator by IAM policies on the primary",
        ],
    ),
];

/// Plays that part of a life of a key that nobody but the account administers.
async fn befallen(module: &Module, promise: &str, mishap: Mishap) -> Promise {
    if promise == "applies-once" {
        let rehearsed = Rehearsed::open(module).await.expect("an AWS");
        let Mishap::Denied(action) = mishap else { panic!("there is no key yet") };
        let (account, regions) = (AccountId::parse(ACCOUNT).expect("an account"), [region("eu-west-1")]);
        let opened = Stage::open(&rehearsed.aws, &rehearsed.clock, &rehearsed.operator, &regions, &account).await;
        deny(&opened.expect("a stage"), &rehearsed.operator.arn, action).await;
        return rehearsed.applies_once().await.expect("a plan");
    }
    let (rehearsed, stage, mut scene) = applied(module).await;
    match mishap {
        Mishap::Denied(action) => deny(&stage, &rehearsed.operator.arn, action).await,
        Mishap::AnotherKey => {
            let made = stage.root.kms(&scene.keys[0].region, "CreateKey", json!({})).await;
            let made = made.answer().expect("a key").pointer("/KeyMetadata/Arn").and_then(Value::as_str).map(arn);
            scene.keys[0].arn = made.expect("an ARN");
        }
    }
    match promise {
        "drift" => rehearsed.finds_drift(&stage, &scene).await.expect("a plan"),
        _ => rehearsed.destroys(&stage, &scene).await.expect("a plan"),
    }
}

#[test]
fn the_course_of_a_life_is_seen_to_go_wrong() {
    let module = example("dev");
    for (id, mishap, expect) in MISHAPS {
        let promise = block_on(befallen(&module, id, *mishap));
        assert_eq!((promise.id, broken_probes(&promise)), (*id, expect.to_vec()), "{mishap:?} {promise:?}");
    }
}

#[test]
fn two_arguments_that_fight_over_one_policy_are_seen_by_the_second_plan() {
    let module = example("dev");
    let promise = block_on(async {
        let mut rehearsed = Rehearsed::open(&module).await.expect("an AWS");
        let resources = &mut rehearsed.desired[0].resources;
        let key = resources.iter_mut().find(|it| it.address.kind == ResourceKind::KmsKey).expect("a key");
        let statement =
            json!({ "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": "kms:*", "Resource": "*" });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        key.arguments.insert("policy", policy.into());
        rehearsed.applies_once().await.expect("a plan")
    });
    assert_eq!(broken_probes(&promise), ["changes of a second plan"], "{promise:?}");
}

/// Removes root where an IAM policy keeps this role from putting key policies: what came out otherwise.
fn broken_removal(inputs: &str, kept_from: &str) -> Vec<String> {
    let module = module_with(inputs);
    let promise = block_on(async {
        let (double, stage, _) = applied(&module).await;
        let removal = double.plans_root_removal().await.expect("an answer");
        deny(&stage, &arn(kept_from), "kms:PutKeyPolicy").await;
        double.removes_root(&stage, &removal.administrators).await.expect("a plan")
    });
    broken_probes(&promise).into_iter().map(str::to_owned).collect()
}

#[test]
fn root_that_stays_is_seen_where_its_removal_is_played() {
    let broken = broken_removal("enable_kms_admin_role = true", ADMIN);
    for probe in [
        "apply",
        "changes of a second plan",
        "Encrypt by the root user on the primary",
        "DescribeKey by an administrator by IAM policies on the primary",
    ] {
        assert!(broken.iter().any(|it| it == probe), "{probe} is not among {broken:?}");
    }
}

#[test]
fn administrators_who_cannot_manage_are_seen_where_the_removal_of_root_is_played() {
    let inputs = format!("enable_kms_admin_role = true\nkey_administrators = [\"{ADA}\"]");
    assert_eq!(broken_removal(&inputs, ADA), [format!("PutKeyPolicy (the one that stands) by {ADA} on the primary")]);
}

#[test]
fn what_removing_root_would_come_to_is_planned_and_not_applied() {
    let administrator = |who: &str| format!("key_administrators = [\"{who}\"]");
    for (inputs, refused, keepers) in [
        (String::new(), Some("lock-out"), vec![]),
        ("enable_kms_admin_role = true".to_owned(), None, vec![ADMIN]),
        (administrator(ADA), None, vec![ADA]),
        // Who runs it is not that user.
        (administrator("arn:aws:iam::111122223333:user/ada"), Some("no-actor"), vec![]),
        // To name the account is to leave it to its IAM policies.
        (administrator(ACCOUNT), Some("root-not-gone"), vec![]),
    ] {
        let module = module_with(&inputs);
        let (removal, left) = block_on(async {
            let (rehearsed, _, _) = applied(&module).await;
            (rehearsed.plans_root_removal().await.expect("an answer"), rehearsed.pending().await.expect("a plan"))
        });
        let codes: Vec<_> = removal.refused.iter().map(|it| it.code).collect();
        assert_eq!(codes.first().copied(), refused, "{inputs}: {codes:?}");
        let who: Vec<_> = removal.administrators.iter().map(|it| it.who.as_str()).collect();
        assert_eq!(who, keepers, "{inputs}");
        let lost = removal.access.iter().flat_map(|(_, access)| &access.lost);
        let lost: Vec<_> = lost.map(|it| (it.principal.as_str(), it.actions.contains(&"kms:*".to_owned()))).collect();
        let all = refused != Some("root-not-gone");
        assert_eq!(lost, [("account 111122223333, by its IAM policies", all)], "{inputs}");
        assert_eq!(left, 0, "{inputs}: it was applied");
    }
}

/// The keys of an example of which one has lost its grants.
async fn without_grants(module: &Module, label: &str) -> (Stage, Scene) {
    let (_, stage, scene) = applied(module).await;
    let key = scene.keys.iter().find(|key| key.label == label).expect("a key");
    let manager = stage.manager(&scene, key).await;
    let listed = manager.kms(&key.region, "ListGrants", key.input()).await;
    for grant in listed.answer().expect("grants")["Grants"].as_array().expect("a list") {
        let input = json!({ "KeyId": key.arn.as_str(), "GrantId": grant["GrantId"] });
        let revoked = manager.kms(&key.region, "RevokeGrant", input).await;
        assert!(revoked.answer().is_some(), "{revoked}");
    }
    (stage, scene)
}

/// What of the replication came out otherwise.
async fn broken_replication(stage: &Stage, scene: &Scene) -> Vec<String> {
    let (promises, _) = probes::promises(stage, scene).await;
    let promise = promises.iter().find(|promise| promise.id == "s3-replication").expect("it is tried");
    broken_probes(promise).into_iter().map(str::to_owned).collect()
}

const NOT_COPIED: [&str; 4] = [
    "the object's replication by acme-s3-replication-role-prod",
    "GetObject of the copy in eu-central-1",
    "the key that the copy is encrypted with",
    "what the copy holds",
];

#[test]
fn an_object_is_not_copied_without_each_of_the_grants() {
    // Not everybody of the account reaches its keys through services.
    let module = example("prod");
    let role = |operation, key| format!("{operation} by acme-s3-replication-role-prod on the {key}");
    for (label, calls) in [
        ("primary", vec![role("Decrypt", "primary")]),
        ("replica", vec![role("GenerateDataKey", "replica"), role("Encrypt", "replica")]),
    ] {
        let found = block_on(async {
            let (stage, scene) = without_grants(&module, label).await;
            broken_replication(&stage, &scene).await
        });
        let expect: Vec<_> = NOT_COPIED.iter().map(|&it| it.to_owned()).chain(calls).collect();
        assert_eq!(found, expect, "without the grants on the {label}");
    }
}

#[test]
fn an_object_is_not_copied_by_the_grant_of_the_published_module() {
    let found = block_on(async {
        let (stage, scene) = published().await;
        broken_replication(&stage, &scene).await
    });
    assert!(found.iter().any(|tried| tried == NOT_COPIED[0]), "{found:?}");
}

#[test]
fn a_role_without_grants_that_copies_all_the_same_is_seen() {
    // Its policy lets everybody in; the inputs name who reaches the keys through services.
    let found = block_on(async {
        let (stage, mut scene) = published().await;
        scene.service_callers = vec![stage.ordinary.arn.clone()];
        let replica = scene.replica().expect("a replica");
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "kms:*", "Resource": "*" },
        ] });
        let input = json!({ "KeyId": replica.arn.as_str(), "PolicyName": "default", "Policy": policy.to_string() });
        assert!(stage.root.kms(&replica.region, "PutKeyPolicy", input).await.answer().is_some());
        broken_replication(&stage, &scene).await
    });
    assert!(
        found.iter().any(|tried| tried == "the object's replication by keywright-rehearsal-replicator"),
        "{found:?}"
    );
    assert!(!found.iter().any(|tried| NOT_COPIED.contains(&tried.as_str())), "{found:?}");
}

#[test]
fn every_probe_comes_out_broken_where_its_promise_is_not_kept() {
    let (mut found, tried) = block_on(async {
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
        // What the whole of a life tries besides; what goes wrong in its course is a test of its own.
        let removable = module_with("enable_kms_admin_role = true");
        let whole = play(&[example("complete"), example("prod"), removable]).await.expect("a report");
        tried.extend(whole.promises().map(|promise| promise.id));
        (found, tried)
    });
    found.extend(MISHAPS.iter().map(|(id, ..)| *id).chain(["root-removal"]));
    let never: Vec<_> = tried.difference(&found).collect();
    assert!(never.is_empty(), "nothing breaks {never:?}");
}
