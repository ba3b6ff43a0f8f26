//! Each trouble that `doctor` knows, put into the embedded AWS, and found there; and a folder that has none.

use jiff::{SignedDuration, Timestamp};
use keywright_local::{Aws, Clock, InsideCaller, InsideError, Options, Service};
use keywright_model::{AccountId, Arn, Partition, Region};
use serde_json::{Value, json};

use crate::folder::{ACCOUNT, Folder, module, run_in};
use crate::sdk::{REGION, REPLICA_REGION};

#[test]
fn a_healthy_folder_has_none_of_the_troubles() {
    let folder = Folder::new(include_str!("../../../../examples/complete/main.tf"));
    folder.write("variables.tf", include_str!("../../../../examples/complete/variables.tf"));
    folder.write("terraform.tfvars", include_str!("../../../../examples/complete/terraform.tfvars"));
    folder.apply();
    subscribe(&folder, "cloudwatch-alarms");
    let report = Report::of(&folder, &[]);
    assert_eq!(report.code, 0, "{:#}", report.data);
    for case in 1..=11 {
        let expect = if case == 10 { "undecided" } else { "fine" };
        assert_eq!(report.answer(case), expect, "case {case}: {:#}", report.data);
    }
    assert!(report.said(10).contains("--bucket"), "what case 10 needs is told");
    let text = folder.local("doctor", &[]).succeeds().stdout;
    assert!(text.contains("0 found, 10 fine, 1 undecided"), "{text}");
}

#[test]
fn it_writes_nothing_of_its_own() {
    let folder = Folder::with_inputs(MONITORED);
    folder.local("doctor", &[]).fails_with(&["nothing-applied", "keywright apply"]);
    assert!(!folder.path().join(".keywright").exists());
    folder.apply();
    delete_topic(&folder);
    let before = std::fs::read(folder.state_path()).expect("a state");
    assert!(Report::of(&folder, &[]).said(3).contains("is not there"));
    assert!(Report::of(&folder, &[]).said(3).contains("is not there"), "the topic is not made again");
    assert_eq!(std::fs::read(folder.state_path()).expect("a state"), before);
}

#[test]
fn a_module_that_was_never_applied_is_told_and_not_fine() {
    let folder = applied("");
    folder.write("other.tf", &module("").replace("\"kms\"", "\"other\"").replace("acme", "other"));
    folder.local("doctor", &[]).fails_with(&["nothing-applied", "module `other`"]);
    let report = Report::of(&folder, &["--module", "kms"]);
    assert_eq!(report.answer(9), "fine", "{}", report.said(9));
}

#[test]
fn case_1_a_threshold_below_the_daily_use_is_found_and_a_better_one_told() {
    let folder = applied(&format!("{MONITORED}\nkey_decrypt_threshold = 1"));
    subscribe(&folder, TOPIC_NAME);
    assert_eq!(Report::of(&folder, &[]).answer(1), "fine");
    let key = output(&folder, "kms_key_arn");
    let clock = Clock::manual(Timestamp::now() - SignedDuration::from_hours(48));
    inside(&folder, clock.clone(), |aws| {
        let text = aws.ask(REGION, Service::Kms, "Encrypt", &json!({ "KeyId": key, "Plaintext": "aGVsbG8=" }));
        for _ in 0..3 {
            for _ in 0..2 {
                for _ in 0..4 {
                    aws.ask(REGION, Service::Kms, "Decrypt", &json!({ "CiphertextBlob": text["CiphertextBlob"] }));
                }
                clock.advance(SignedDuration::from_mins(5));
            }
            clock.advance(SignedDuration::from_hours(1));
        }
    });
    let report = Report::of(&folder, &[]);
    report.found(1, &["3 times", "up to 4 Decrypt calls", "key_decrypt_threshold = 5"]);
}

#[test]
fn case_2_root_in_the_policy_of_either_key_is_found() {
    let folder = applied(&format!("{ROOT_OFF}\n{REPLICATED}"));
    assert_eq!(Report::of(&folder, &[]).answer(2), "fine");
    for (output_name, region, part) in
        [("kms_key_arn", REGION, "primary"), ("kms_replica_key_arn", REPLICA_REGION, "replica")]
    {
        let key = output(&folder, output_name);
        change_policy(&folder, region, &key, |statements| {
            statements.push(json!({
                "Sid": "Back", "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
                "Action": "kms:*", "Resource": "*",
            }));
        });
        Report::of(&folder, &[]).found(2, &["`Back`", part, "keywright apply"]);
        folder.apply();
        assert_eq!(Report::of(&folder, &[]).answer(2), "fine", "the cure cures");
    }
}

#[test]
fn case_3_alarms_that_nobody_hears_are_found() {
    let folder = applied(MONITORED);
    Report::of(&folder, &[]).found(3, &["no confirmed subscription (0 pending)", "aws sns subscribe"]);
    subscribe(&folder, TOPIC_NAME);
    assert_eq!(Report::of(&folder, &[]).answer(3), "fine");

    let alarm = "acme-kms-decrypt-usage-high-test";
    act(&folder, REGION, Service::CloudWatch, "DisableAlarmActions", &json!({ "AlarmNames": [alarm] }));
    Report::of(&folder, &[]).found(3, &["are disabled", alarm]);
    act(&folder, REGION, Service::CloudWatch, "EnableAlarmActions", &json!({ "AlarmNames": [alarm] }));

    set_topic(&folder, "Policy", &topic_policy("Deny").to_string());
    Report::of(&folder, &[]).found(3, &["does not let CloudWatch publish", "aws:SourceAccount"]);
    act(
        &folder,
        REGION,
        Service::CloudWatch,
        "SetAlarmState",
        &json!({ "AlarmName": alarm, "StateValue": "ALARM", "StateReason": "a test" }),
    );
    Report::of(&folder, &[]).found(3, &["the latest notification", "failed at"]);
    set_topic(&folder, "Policy", &topic_policy("Allow").to_string());
    let report = Report::of(&folder, &[]);
    assert!(!report.said(3).contains("does not let CloudWatch publish"), "{}", report.said(3));

    let other = act(&folder, REGION, Service::Kms, "CreateKey", &json!({}));
    set_topic(&folder, "KmsMasterKeyId", other["KeyMetadata"]["Arn"].as_str().expect("an ARN"));
    Report::of(&folder, &[]).found(3, &["kms:GenerateDataKey and kms:Decrypt", "in that key's policy"]);
    set_topic(&folder, "KmsMasterKeyId", &output(&folder, "kms_key_id"));
    let report = Report::of(&folder, &[]);
    assert!(!report.said(3).contains("is encrypted with"), "the module's key admits CloudWatch: {}", report.said(3));

    delete_topic(&folder);
    Report::of(&folder, &[]).found(3, &["is not there", "aws sns create-topic"]);
}

#[test]
fn case_3_alarms_without_a_topic_in_the_inputs_are_found() {
    Report::of(&applied(""), &[]).found(3, &["has no action", "set `sns_topic_arn`"]);
}

#[test]
fn case_4_a_replica_that_is_wanted_and_missing_or_kept_from_being_made_is_found() {
    let folder = applied("");
    assert_eq!(Report::of(&folder, &[]).answer(4), "fine");
    folder.write("main.tf", &module(&REPLICATED.replace("enabled = true", "enabled = false")));
    Report::of(&folder, &[]).found(4, &["replication_region", "enabled = true"]);
    folder.write("main.tf", &module(REPLICATED));
    Report::of(&folder, &[]).found(4, &["holds no replica key", "keywright apply"]);
    folder.apply();
    assert_eq!(Report::of(&folder, &[]).answer(4), "fine");
    let replica = output(&folder, "kms_replica_key_arn");
    act(&folder, REPLICA_REGION, Service::Kms, "ScheduleKeyDeletion", &json!({ "KeyId": replica }));
    let report = Report::of(&folder, &[]);
    report.found(4, &["pending deletion", "rescued"]);
    report.found(8, &["PendingDeletion"]);
}

#[test]
fn case_5_a_grant_that_is_missing_or_on_the_other_key_is_found() {
    let folder = applied(REPLICATED);
    assert_eq!(Report::of(&folder, &[]).answer(5), "fine");
    let (primary, replica) = (output(&folder, "kms_key_arn"), output(&folder, "kms_replica_key_arn"));
    revoke_grant(&folder, REPLICA_REGION, &replica, "S3ReplicationGrant");
    let missing = format!(
        "no grant on the replica key (`{replica}`) gives `{REPLICATION_ROLE}` Encrypt, Decrypt, GenerateDataKey, DescribeKey"
    );
    let cause = "the grant was revoked or retired, or never made";
    Report::of(&folder, &[]).found_alone(5, &missing, cause, "run `keywright apply`");

    let grant = replication_grant("S3ReplicationGrant", REPLICATION_ROLE);
    make_grant(&folder, REGION, &primary, &grant);
    let cause = "the grant `S3ReplicationGrant` stands on the primary key in eu-west-1: a grant is good for one key in one Region";
    Report::of(&folder, &[]).found_alone(5, &missing, cause, "run `keywright apply`");
    make_grant(&folder, REPLICA_REGION, &replica, &grant);
    assert_eq!(Report::of(&folder, &[]).answer(5), "fine");
}

#[test]
fn case_5_a_grant_to_somebody_else_is_found_with_whom_it_is_to() {
    let folder = applied(REPLICATED);
    let (primary, replica) = (output(&folder, "kms_key_arn"), output(&folder, "kms_replica_key_arn"));
    let other = inside(&folder, Clock::system(), |aws| aws.operator.to_string());
    for (part, region, key, name, operations) in [
        ("replica", REPLICA_REGION, &replica, "S3ReplicationGrant", "Encrypt, Decrypt, GenerateDataKey, DescribeKey"),
        ("primary", REGION, &primary, "S3ReplicationSourceGrant", "Decrypt, DescribeKey"),
    ] {
        revoke_grant(&folder, region, key, name);
        make_grant(&folder, region, key, &replication_grant(name, &other));
        let evidence = format!("no grant on the {part} key (`{key}`) gives `{REPLICATION_ROLE}` {operations}");
        let cause = format!("the grant `{name}` is to `{other}`, but S3 replicates as the role");
        Report::of(&folder, &[]).found_alone(5, &evidence, &cause, "run `keywright apply`");
        // Whose grant it is besides does not matter, once the role has one.
        make_grant(&folder, region, key, &replication_grant("another", REPLICATION_ROLE));
        let report = Report::of(&folder, &[]);
        assert_eq!(report.answer(5), "fine", "{}", report.said(5));
    }
}

#[test]
fn case_5_a_grant_that_gives_too_little_and_one_to_a_role_that_is_gone_are_found() {
    let folder = applied(REPLICATED);
    let (primary, replica) = (output(&folder, "kms_key_arn"), output(&folder, "kms_replica_key_arn"));
    revoke_grant(&folder, REPLICA_REGION, &replica, "S3ReplicationGrant");
    let mut little = replication_grant("S3ReplicationGrant", REPLICATION_ROLE);
    little["Operations"] = json!(["Decrypt", "DescribeKey"]);
    make_grant(&folder, REPLICA_REGION, &replica, &little);
    let evidence =
        format!("no grant on the replica key (`{replica}`) gives `{REPLICATION_ROLE}` Encrypt, GenerateDataKey");
    Report::of(&folder, &[]).found_alone(
        5,
        &evidence,
        "the grant was revoked or retired, or never made",
        "run `keywright apply`",
    );
    make_grant(&folder, REPLICA_REGION, &replica, &replication_grant("another", REPLICATION_ROLE));
    assert_eq!(Report::of(&folder, &[]).answer(5), "fine");

    act(&folder, GLOBAL_REGION, Service::Iam, "DeleteRole", &json!({ "RoleName": "acme-s3-replication-role-test" }));
    let report = Report::of(&folder, &[]);
    let gone = "which was a role that is deleted; another one of its name is another principal";
    report.found(5, &["the grant `S3ReplicationGrant` is to `AROA", gone, &replica]);
    report.found(5, &["the grant `S3ReplicationSourceGrant` is to `AROA", gone, &primary]);
}

#[test]
fn case_6_a_service_whose_switch_is_off_is_found_among_the_refused_calls() {
    let folder = applied(ROOT_OFF);
    let key = output(&folder, "kms_key_arn");
    let through = |service: &str| {
        inside(&folder, Clock::system(), |aws| {
            let caller = InsideCaller::Forwarded {
                principal: aws.operator.clone(),
                service: format!("{service}.{REGION}.amazonaws.com"),
                for_aws_resource: false,
            };
            let parameters = json!({ "KeyId": key, "KeySpec": "AES_256" });
            aws.ask_as(&caller, REGION, Service::Kms, "GenerateDataKey", &parameters)
        })
    };
    through("s3").expect("S3 is let in");
    assert_eq!(Report::of(&folder, &[]).answer(6), "fine");
    assert!(through("dynamodb").expect_err("DynamoDB is not").denied);
    Report::of(&folder, &[]).found(6, &["`dynamodb.amazonaws.com` was refused 1 times", "`enable_dynamodb = true`"]);
    folder.write("main.tf", &module(&format!("{ROOT_OFF}\nenable_dynamodb = true")));
    folder.apply();
    through("dynamodb").expect("DynamoDB is let in");
    let report = Report::of(&folder, &[]);
    assert_eq!(report.answer(6), "fine", "{}", report.said(6));
    assert!(report.said(6).contains("either that was before"), "{}", report.said(6));
}

#[test]
fn case_7_alarms_that_the_inputs_no_longer_want_are_found() {
    let folder = applied(MONITORED);
    assert_eq!(Report::of(&folder, &[]).answer(7), "fine");
    folder.write("main.tf", &module(&MONITORED.replace("enable_key_monitoring = true", "")));
    Report::of(&folder, &[]).found(7, &["acme-kms-decrypt-usage-high-test", "it deletes the alarm"]);
    folder.apply();
    assert_eq!(Report::of(&folder, &[]).answer(7), "fine");
    let alarm = json!({
        "AlarmName": "acme-kms-decrypt-usage-high-test", "Namespace": "AWS/KMS", "MetricName": "SuccessfulRequest",
        "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    act(&folder, REGION, Service::CloudWatch, "PutMetricAlarm", &alarm);
    Report::of(&folder, &[]).found(7, &["not in this state", "aws cloudwatch delete-alarms"]);
}

#[test]
fn case_8_an_endpoint_that_does_not_answer_is_found_and_the_rest_undecided() {
    let folder = applied(MONITORED);
    std::fs::copy(folder.state_path(), folder.path().join("terraform.tfstate")).expect("a copy");
    let environment = [
        ("AWS_ACCESS_KEY_ID", ACCOUNT),
        ("AWS_SECRET_ACCESS_KEY", "hush-hush"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ];
    let run = run_in(&["doctor", folder.path().to_str().expect("a path"), "--json"], &environment);
    assert!(!run.stdout.contains("hush-hush") && !run.stderr.contains("hush-hush"), "a secret is told");
    let report = Report::from(run.code, &run.stdout, &run.stderr);
    report
        .found(8, &["KMS does not answer in eu-west-1", "aws ec2 create-vpc-endpoint", "com.amazonaws.eu-west-1.kms"]);
    for case in [1, 3, 6, 7, 9, 11] {
        assert_eq!(report.answer(case), "undecided", "case {case}: {}", report.said(case));
    }
}

#[test]
fn case_8_a_key_that_refuses_who_asks_is_not_fine_though_the_way_to_it_is_open() {
    for (inputs, needs) in [("", "the permission `kms:DescribeKey`"), (ROOT_OFF, "the permission `sts:AssumeRole`")] {
        let folder = applied(inputs);
        std::fs::copy(folder.state_path(), folder.path().join("terraform.tfstate")).expect("a copy");
        folder.cloud(async |sdk| {
            let (id, secret) = sdk.user_without_permissions("nobody").await;
            let environment = [
                ("AWS_ACCESS_KEY_ID", id.as_str()),
                ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
                ("AWS_ENDPOINT_URL", sdk.endpoint()),
            ];
            let run = run_in(&["doctor", folder.path().to_str().expect("a path"), "--json"], &environment);
            let report = Report::from(run.code, &run.stdout, &run.stderr);
            assert_eq!(report.answer(8), "undecided", "{}", report.said(8));
            for expect in ["the way to KMS in eu-west-1 is open", "refuses who asks", needs, "VPC endpoint"] {
                assert!(report.said(8).contains(expect), "`{expect}` is not in: {}", report.said(8));
            }
            assert_eq!(report.answer(6), "undecided");
            assert!(report.said(6).contains("the permission `cloudtrail:LookupEvents`"), "{}", report.said(6));
        });
        assert_eq!(Report::of(&folder, &[]).answer(8), "fine", "who may is not refused");
    }
}

#[test]
fn case_9_a_policy_that_is_not_the_wanted_one_and_a_role_that_is_gone_are_found() {
    let folder = applied("enable_kms_admin_role = true");
    assert_eq!(Report::of(&folder, &[]).answer(9), "fine");
    let key = output(&folder, "kms_key_arn");
    change_policy(&folder, REGION, &key, |statements| statements.retain(|it| it["Sid"] != "AllowCloudWatchLogs"));
    Report::of(&folder, &[]).found(9, &["without `AllowCloudWatchLogs`", "keywright plan"]);
    folder.apply();
    assert_eq!(Report::of(&folder, &[]).answer(9), "fine");

    let role = json!({ "RoleName": "acme-kms-admin-role-test" });
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/acme-kms-management-policy-test");
    let attachment = json!({ "RoleName": "acme-kms-admin-role-test", "PolicyArn": policy });
    act(&folder, GLOBAL_REGION, Service::Iam, "DetachRolePolicy", &attachment);
    act(&folder, GLOBAL_REGION, Service::Iam, "DeleteRole", &role);
    let report = Report::of(&folder, &[]);
    report.found(9, &["`AROA", "was deleted"]);
    report.found(9, &["the admin role", "is not there"]);
}

#[test]
fn case_9_an_admin_role_that_was_changed_so_that_nobody_reaches_the_key_is_found() {
    let folder = applied(ROOT_OFF);
    let name = "acme-kms-admin-role-test";
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let put = json!({ "RoleName": name, "PolicyDocument": trust.to_string() });
    act(&folder, GLOBAL_REGION, Service::Iam, "UpdateAssumeRolePolicy", &put);
    let report = Report::of(&folder, &[]);
    report.found(9, &["its trust policy was changed outside", "AWS Support"]);
    assert_eq!(report.answer(2), "undecided");
    assert!(report.needs(2).iter().all(|it| it.contains("`sts:AssumeRole`")), "{}", report.said(2));

    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/acme-kms-management-policy-test");
    let attachment = json!({ "RoleName": name, "PolicyArn": policy });
    act(&folder, GLOBAL_REGION, Service::Iam, "DetachRolePolicy", &attachment);
    act(&folder, GLOBAL_REGION, Service::Iam, "DeleteRole", &json!({ "RoleName": name }));
    let report = Report::of(&folder, &[]);
    report.found(9, &["the role is gone", "AWS Support"]);
    report.found(9, &["the admin role", "is not there"]);
}

#[test]
fn case_10_copies_that_are_not_encrypted_with_the_replica_key_are_found() {
    let folder = applied(REPLICATED);
    let (primary, replica) = (output(&folder, "kms_key_arn"), output(&folder, "kms_replica_key_arn"));
    let named = || Report::of(&folder, &["--bucket", BUCKET]);
    let missing = named();
    assert_eq!(missing.answer(10), "undecided");
    assert!(missing.said(10).contains("NoSuchBucket"), "{}", missing.said(10));

    make_bucket(&folder, REGION, BUCKET);
    make_bucket(&folder, REPLICA_REGION, COPIES);
    named().found(10, &[&format!("`{BUCKET}` has no replication rule that is enabled"), "put-bucket-replication"]);
    replicate(&folder, "Enabled", Some(&replica));
    let healthy = named();
    assert_eq!(healthy.answer(10), "fine", "{}", healthy.said(10));
    let seen = format!("the copies of `{BUCKET}` are encrypted with the replica key");
    assert_eq!(healthy.case(10)["seen"], json!([seen]));

    // One ID, another Region: it is the primary.
    replicate(&folder, "Enabled", Some(&primary));
    named().found(10, &[&format!("names `{primary}`"), &format!("`{replica}`"), "ReplicaKmsKeyID"]);
    replicate(&folder, "Enabled", None);
    let report = named();
    report.found(10, &["leaves out what is encrypted with KMS", "SseKmsEncryptedObjects"]);
    report.found(10, &["names no key for its copies", &replica]);
    replicate(&folder, "Disabled", Some(&replica));
    named().found(10, &["has no replication rule that is enabled"]);
    replicate(&folder, "Enabled", Some("arn:aws:kms:us-east-1:111122223333:alias/copies"));
    let by_alias = named();
    assert_eq!(by_alias.answer(10), "undecided", "an alias may lead to the replica key: {}", by_alias.said(10));
    assert!(by_alias.said(10).contains("alias/copies"), "{}", by_alias.said(10));
    replicate(&folder, "Enabled", Some(&replica));
    assert_eq!(named().answer(10), "fine", "the cure cures");
    act(&folder, REGION, Service::S3, "DeleteBucketReplication", &json!({ "Bucket": BUCKET }));
    named().found(10, &["has no replication rule that is enabled"]);
    let elsewhere = Report::of(&folder, &["--bucket", COPIES]);
    assert_eq!(elsewhere.answer(10), "undecided", "a bucket of another Region: {}", elsewhere.said(10));
}

#[test]
fn case_11_missing_statements_and_a_missing_role_are_found() {
    let folder = applied("");
    assert_eq!(Report::of(&folder, &[]).answer(11), "fine");
    let key = output(&folder, "kms_key_arn");
    for statement in [
        "AllowAutoScalingServiceRoleUsage",
        "AllowAutoScalingServiceRoleCreateGrant",
        "AllowEC2LaunchGrant",
        "AllowAWSServicesUsage",
    ] {
        change_policy(&folder, REGION, &key, |statements| statements.retain(|it| it["Sid"] != statement));
        Report::of(&folder, &[]).found(11, &[&format!("`{statement}` is missing"), "keywright apply"]);
        folder.apply();
    }
    assert_eq!(Report::of(&folder, &[]).answer(11), "fine");
    let role = json!({ "RoleName": "AWSServiceRoleForAutoScaling" });
    act(&folder, GLOBAL_REGION, Service::Iam, "DeleteServiceLinkedRole", &role);
    Report::of(&folder, &[]).found(11, &["AWSServiceRoleForAutoScaling", "aws iam create-service-linked-role"]);
}

/// What `doctor --json` said.
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) data: Value,
}

impl Report {
    fn of(folder: &Folder, more: &[&str]) -> Self {
        let run = folder.local("doctor", &[&["--json"], more].concat());
        Self::from(run.code, &run.stdout, &run.stderr)
    }

    pub(crate) fn from(code: i32, stdout: &str, stderr: &str) -> Self {
        let data: Value = serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"));
        assert!(matches!(code, 0 | 2), "{data:#}\n{stderr}");
        Self { code, data }
    }

    fn case(&self, number: u8) -> &Value {
        let cases = self.data["modules"][0]["cases"].as_array().expect("cases");
        cases.iter().find(|it| it["case"] == number).expect("a case")
    }

    pub(crate) fn answer(&self, number: u8) -> &str {
        self.case(number)["answer"].as_str().expect("an answer")
    }

    pub(crate) fn said(&self, number: u8) -> String {
        format!("{:#}", self.case(number))
    }

    /// What it would need to decide the case.
    pub(crate) fn needs(&self, number: u8) -> Vec<String> {
        let open = self.case(number)["undecided"].as_array().expect("a list").iter();
        open.map(|it| it["needs"].as_str().expect("a text").to_owned()).collect()
    }

    /// One of the troubles of the case tells all of these.
    #[track_caller]
    fn found(&self, number: u8, told: &[&str]) {
        assert_eq!((self.answer(number), self.code), ("found", 2), "{}", self.said(number));
        let troubles = self.case(number)["found"].as_array().expect("troubles");
        let is_told = |trouble: &Value| told.iter().all(|it| trouble.to_string().contains(it));
        assert!(troubles.iter().any(is_told), "{told:?} is not told in {}", self.said(number));
    }

    /// The case tells this trouble, in these words, and no other.
    #[track_caller]
    fn found_alone(&self, number: u8, evidence: &str, cause: &str, cure: &str) {
        let told = json!([{ "evidence": evidence, "cause": cause, "cure": cure }]);
        assert_eq!((&self.case(number)["found"], self.code), (&told, 2), "{}", self.said(number));
    }
}

/// A grant of what S3 needs to replicate.
fn replication_grant(name: &str, grantee: &str) -> Value {
    let operations = ["Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"];
    json!({ "GranteePrincipal": grantee, "Name": name, "Operations": operations })
}

fn make_grant(folder: &Folder, region: &str, key: &str, grant: &Value) {
    let mut grant = grant.clone();
    grant["KeyId"] = json!(key);
    act(folder, region, Service::Kms, "CreateGrant", &grant);
}

fn revoke_grant(folder: &Folder, region: &str, key: &str, name: &str) {
    let listed = act(folder, region, Service::Kms, "ListGrants", &json!({ "KeyId": key }));
    let grants = listed["Grants"].as_array().expect("grants");
    let grant = grants.iter().find(|it| it["Name"] == name).expect("a grant of that name");
    act(folder, region, Service::Kms, "RevokeGrant", &json!({ "KeyId": key, "GrantId": grant["GrantId"] }));
}

/// The folder's AWS between two runs, and who works in it.
struct Inside {
    aws: Aws,
    operator: Arn,
}

impl Inside {
    fn ask(&self, region: &str, service: Service, operation: &str, parameters: &Value) -> Value {
        let caller = InsideCaller::Direct { principal: self.operator.clone() };
        self.ask_as(&caller, region, service, operation, parameters).expect(operation)
    }

    fn ask_as(
        &self,
        caller: &InsideCaller,
        region: &str,
        service: Service,
        operation: &str,
        parameters: &Value,
    ) -> Result<Value, InsideError> {
        let region = Region::parse(region).expect("a Region");
        self.aws.call_from_inside(caller, &region, service, operation, parameters.clone())
    }
}

fn inside<T>(folder: &Folder, clock: Clock, act: impl FnOnce(&Inside) -> T) -> T {
    let data_dir = Some(folder.path().join(".keywright/aws"));
    let aws = Aws::open(Options { data_dir, clock, ..Options::default() }).expect("the folder's AWS");
    let account = AccountId::parse(ACCOUNT).expect("an account");
    let operator = aws.ensure_operator(&account, Partition::Aws).expect("an operator").arn;
    let inside = Inside { aws, operator };
    let done = act(&inside);
    inside.aws.close();
    done
}

/// The operator does this.
pub(crate) fn act(folder: &Folder, region: &str, service: Service, operation: &str, parameters: &Value) -> Value {
    inside(folder, Clock::system(), |aws| aws.ask(region, service, operation, parameters))
}

fn applied(inputs: &str) -> Folder {
    let folder = Folder::with_inputs(inputs);
    folder.apply();
    folder
}

pub(crate) fn output(folder: &Folder, name: &str) -> String {
    folder.outputs()[name]["value"]
        .as_str()
        .unwrap_or_else(|| panic!("the output {name}: {:#}", folder.outputs()))
        .to_owned()
}

/// Changes a key policy as whoever may: the admin role where root is off.
fn change_policy(folder: &Folder, region: &str, key: &str, change: impl FnOnce(&mut Vec<Value>)) {
    inside(folder, Clock::system(), |aws| {
        let role = Arn::parse(&format!("arn:aws:iam::{ACCOUNT}:role/acme-kms-admin-role-test")).expect("an ARN");
        let operator = InsideCaller::Direct { principal: aws.operator.clone() };
        let read = json!({ "KeyId": key, "PolicyName": "default" });
        let (caller, policy) = match aws.ask_as(&operator, region, Service::Kms, "GetKeyPolicy", &read) {
            Ok(policy) => (operator, policy),
            Err(_) => {
                let role = InsideCaller::Direct { principal: role };
                let policy = aws.ask_as(&role, region, Service::Kms, "GetKeyPolicy", &read).expect("a policy");
                (role, policy)
            }
        };
        let mut policy: Value = serde_json::from_str(policy["Policy"].as_str().expect("a text")).expect("a policy");
        change(policy["Statement"].as_array_mut().expect("statements"));
        let put = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy.to_string() });
        aws.ask_as(&caller, region, Service::Kms, "PutKeyPolicy", &put).expect("a policy that is put");
    });
}

/// A queue of the own account is confirmed at once; an inbox besides takes what is sent.
pub(crate) fn subscribe(folder: &Folder, topic: &str) {
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{topic}");
    let queue = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:alarms");
    inside(folder, Clock::system(), |aws| {
        let parameters = json!({ "TopicArn": topic, "Protocol": "sqs", "Endpoint": queue });
        aws.ask(REGION, Service::Sns, "Subscribe", &parameters);
        aws.aws.subscribe_inside(&Arn::parse(&topic).expect("an ARN"), "alarms").expect("an inbox");
    });
}

pub(crate) fn set_topic(folder: &Folder, name: &str, value: &str) {
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC_NAME}");
    let parameters = json!({ "TopicArn": topic, "AttributeName": name, "AttributeValue": value });
    act(folder, REGION, Service::Sns, "SetTopicAttributes", &parameters);
}

fn delete_topic(folder: &Folder) {
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC_NAME}");
    act(folder, REGION, Service::Sns, "DeleteTopic", &json!({ "TopicArn": topic }));
}

fn topic_policy(effect: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": effect, "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": "SNS:Publish",
        "Resource": format!("arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC_NAME}"),
        "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT } },
    }] })
}

/// A bucket that keeps versions, as replication wants it.
pub(crate) fn make_bucket(folder: &Folder, region: &str, name: &str) {
    let mut bucket = json!({ "Bucket": name });
    if region != GLOBAL_REGION {
        bucket["Document"] = json!({ "LocationConstraint": region });
    }
    act(folder, region, Service::S3, "CreateBucket", &bucket);
    let versioned = json!({ "Bucket": name, "Document": { "Status": "Enabled" } });
    act(folder, region, Service::S3, "PutBucketVersioning", &versioned);
}

/// Replicates the bucket by one rule, with that key for the copies of what KMS has a part in.
pub(crate) fn replicate(folder: &Folder, status: &str, key: Option<&str>) {
    let mut rule = json!({
        "ID": "all", "Status": status, "Priority": 1, "Filter": { "Prefix": "" },
        "Destination": { "Bucket": format!("arn:aws:s3:::{COPIES}") },
        "DeleteMarkerReplication": { "Status": "Disabled" },
    });
    if let Some(key) = key {
        rule["SourceSelectionCriteria"] = json!({ "SseKmsEncryptedObjects": { "Status": "Enabled" } });
        rule["Destination"]["EncryptionConfiguration"] = json!({ "ReplicaKmsKeyID": key });
    }
    let document = json!({ "Role": REPLICATION_ROLE, "Rule": [rule] });
    act(folder, REGION, Service::S3, "PutBucketReplication", &json!({ "Bucket": BUCKET, "Document": document }));
}

const GLOBAL_REGION: &str = "us-east-1";
pub(crate) const TOPIC_NAME: &str = "alarms";
pub(crate) const BUCKET: &str = "acme-logs.x";
pub(crate) const COPIES: &str = "acme-copies";
const REPLICATION_ROLE: &str = "arn:aws:iam::111122223333:role/acme-s3-replication-role-test";
pub(crate) const ROOT_OFF: &str = "enable_kms_admin_role = true\nkms_root_access = false";
pub(crate) const REPLICATED: &str = "replication_region = \"us-east-1\"\nreplication_region_buckets = { b = { enabled = true, region = \"us-east-1\" } }";
pub(crate) const MONITORED: &str =
    "enable_key_monitoring = true\nsns_topic_arn = \"arn:aws:sns:eu-west-1:111122223333:alarms\"";
