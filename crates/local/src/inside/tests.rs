use keywright_model::{AccountId, Arn, Region};
use serde_json::{Value, json};

use super::*;
use crate::testing::{ACCOUNT, Client};

const VIA_S3: &str = "s3.eu-west-1.amazonaws.com";
const LOGS: &str = "logs.eu-west-1.amazonaws.com";

fn account(text: &str) -> AccountId {
    AccountId::parse(text).expect("an account")
}

fn user(name: &str) -> Arn {
    Arn::parse(&format!("arn:aws:iam::{ACCOUNT}:user/{name}")).expect("an ARN")
}

fn region() -> Region {
    Region::parse("eu-west-1").expect("a Region")
}

fn forwarded(name: &str, service: &str, for_aws_resource: bool) -> InsideCaller {
    InsideCaller::Forwarded { principal: user(name), service: service.into(), for_aws_resource }
}

fn service(source_account: &str) -> InsideCaller {
    InsideCaller::Service {
        name: LOGS.into(),
        account: account(ACCOUNT),
        source_arn: Some(format!("arn:aws:logs:eu-west-1:{source_account}:log-group:x")),
        source_account: Some(account(source_account)),
    }
}

/// A key that people reach through S3 and RDS, and that Logs reaches for its account.
fn key(root: &Client) -> String {
    let statements = json!([
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["kms:GenerateDataKey", "kms:DescribeKey"], "Resource": "*",
          "Condition": { "StringEquals": { "kms:CallerAccount": ACCOUNT, "kms:ViaService": VIA_S3 } } },
        { "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "kms:CreateGrant", "Resource": "*",
          "Condition": { "StringEquals": { "kms:CallerAccount": ACCOUNT, "kms:ViaService": "rds.eu-west-1.amazonaws.com" },
                         "Bool": { "kms:GrantIsForAWSResource": "true" } } },
        { "Effect": "Allow", "Principal": { "Service": LOGS }, "Action": "kms:GenerateDataKey", "Resource": "*",
          "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT } } },
    ]);
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let made = root.json(Service::Kms, "CreateKey", &json!({ "Policy": policy })).ok();
    let made: Value = serde_json::from_str(&made.text).expect("JSON");
    made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
}

fn data_key(aws: &Aws, caller: &InsideCaller, key: &str) -> Result<Value, InsideError> {
    let parameters = json!({ "KeyId": key, "KeySpec": "AES_256" });
    aws.call_from_inside(caller, &region(), Service::Kms, "GenerateDataKey", parameters)
}

fn world() -> (Client, String) {
    let root = Client::root();
    root.new_user("alice", None);
    let key = key(&root);
    (root, key)
}

#[test]
fn a_service_passes_on_what_the_key_policy_lets_through_and_nothing_else() {
    let (root, key) = world();
    let answer = data_key(&root.aws, &forwarded("alice", VIA_S3, false), &key).expect("through S3");
    assert_eq!(answer["KeyId"], json!(key));
    for refused in
        [forwarded("alice", "s3.eu-central-1.amazonaws.com", false), InsideCaller::Direct { principal: user("alice") }]
    {
        let error = data_key(&root.aws, &refused, &key).expect_err("refused");
        assert!(error.denied, "{refused:?}: {error}");
    }
}

#[test]
fn a_service_calls_in_its_own_name_for_the_account_that_the_policy_names() {
    let (root, key) = world();
    data_key(&root.aws, &service(ACCOUNT), &key).expect("for this account");
    let error = data_key(&root.aws, &service("444455556666"), &key).expect_err("for another account");
    assert!(error.denied && error.message.starts_with(&format!("User: {LOGS} is not authorized")), "{error}");
}

#[test]
fn only_a_service_makes_grants_for_its_resources() {
    let (root, key) = world();
    let grant = |for_aws_resource| {
        let caller = forwarded("alice", "rds.eu-west-1.amazonaws.com", for_aws_resource);
        let parameters = json!({ "KeyId": key, "GranteePrincipal": user("alice").as_str(), "Operations": ["Decrypt"] });
        root.aws.call_from_inside(&caller, &region(), Service::Kms, "CreateGrant", parameters)
    };
    grant(true).expect("for a resource");
    assert!(grant(false).expect_err("for nobody's").denied);
}

#[test]
fn what_is_called_inside_is_recorded_whatever_becomes_of_it() {
    let (root, key) = world();
    data_key(&root.aws, &service(ACCOUNT), &key).expect("allowed");
    data_key(&root.aws, &service("444455556666"), &key).expect_err("denied");
    let calls = root.aws.calls();
    let of_logs: Vec<_> = calls.iter().filter(|call| call.principal == LOGS).map(|call| call.error_code).collect();
    assert_eq!(of_logs, [None, Some("AccessDeniedException")]);
}

#[test]
fn who_does_not_exist_calls_nothing() {
    let (root, key) = world();
    let error = data_key(&root.aws, &forwarded("ghost", VIA_S3, false), &key).expect_err("nobody");
    assert_eq!((error.code, error.denied), ("NoSuchEntity", false));
}
