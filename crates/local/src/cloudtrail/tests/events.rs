use keywright_model::AccountId;

use super::*;
use crate::InsideCaller;

#[test]
fn a_decryption_is_logged_with_its_key_and_in_the_shape_of_aws() {
    let root = Client::root();
    let key = root.key();
    let alice = root.new_user("alice", Some(&allow(&["kms:*"])));
    let blob = alice.blob(&key);
    alice.decrypt_blob(&blob).ok();
    let events = root.events("Decrypt");
    let [event] = events.as_slice() else { panic!("one event: {events:?}") };
    let user_id = event["userIdentity"]["principalId"].as_str().expect("an id");
    assert!(user_id.starts_with("AIDA"), "{user_id}");
    let made: Vec<&str> = ["requestID", "eventID"].iter().map(|name| event[name].as_str().expect("an id")).collect();
    let material = event["additionalEventData"]["keyMaterialId"].as_str().expect("an id");
    let expected = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": user_id,
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": ACCOUNT,
            "accessKeyId": alice.access_key_id,
            "userName": "alice",
        },
        "eventTime": "2026-01-02T03:04:05Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "127.0.0.1",
        "userAgent": null,
        "requestParameters": {
            "encryptionContext": { "Project": "Alpha" },
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
        },
        "responseElements": null,
        "additionalEventData": { "keyMaterialId": material },
        "requestID": made[0],
        "eventID": made[1],
        "readOnly": true,
        "resources": [{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key }],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "kms.eu-west-1.amazonaws.com",
        },
    });
    assert_eq!(*event, expected);
}

#[test]
fn a_denied_call_has_no_parameters_and_no_resources_but_names_the_key() {
    let root = Client::root();
    let key = root.key();
    let blob = root.blob(&key);
    let mallory = root.new_user("mallory", None);
    mallory.decrypt_blob(&blob).is_error("AccessDeniedException");
    let event = root.events("Decrypt").remove(0);
    assert_eq!(event["errorCode"], "AccessDenied");
    let message = event["errorMessage"].as_str().expect("a message");
    let begins = format!(
        "User: arn:aws:iam::111122223333:user/mallory is not authorized to perform: kms:Decrypt on resource: {key} because"
    );
    assert!(message.starts_with(&begins), "{message}");
    assert_eq!((&event["requestParameters"], &event["responseElements"]), (&Value::Null, &Value::Null));
    assert!(event.get("resources").is_none(), "{event}");
    // What failed for another reason keeps both.
    root.kms("DisableKey", &json!({ "KeyId": key })).ok();
    root.decrypt_blob(&blob).is_error("DisabledException");
    let event = root.events("Decrypt").remove(0);
    assert_eq!(event["errorCode"], "DisabledException");
    assert_eq!(event["resources"][0]["ARN"], key.as_str());
    assert_eq!(event["requestParameters"]["encryptionContext"]["Project"], "Alpha");
}

#[test]
fn who_calls_is_told_as_aws_tells_it() {
    let root = Client::root();
    root.kms("ListKeys", &json!({})).ok();
    let event = root.events("ListKeys").remove(0);
    assert_eq!(event["userIdentity"]["type"], "Root");
    assert_eq!(event["userIdentity"]["arn"], "arn:aws:iam::111122223333:root");
    root.aws.ensure_role(&arn("arn:aws:iam::111122223333:role/app")).expect("made");
    let alice = root.new_user("alice", Some(&allow(&["sts:AssumeRole"])));
    alice
        .assume("arn:aws:iam::111122223333:role/app", "s1")
        .kms("ListAliases", &json!({}))
        .is_error("AccessDeniedException");
    let identity = &root.events("ListAliases").remove(0)["userIdentity"];
    assert_eq!(identity["type"], "AssumedRole");
    assert_eq!(identity["arn"], "arn:aws:sts::111122223333:assumed-role/app/s1");
    let context = &identity["sessionContext"];
    assert_eq!(context["sessionIssuer"]["arn"], "arn:aws:iam::111122223333:role/app");
    assert_eq!(context["sessionIssuer"]["userName"], "app");
    assert_eq!(context["attributes"], json!({ "creationDate": "2026-01-02T03:04:05Z", "mfaAuthenticated": "false" }));
    assert_eq!(root.found("Username", "s1").len(), 1);
    assert_eq!(root.found("AccessKeyId", &alice.access_key_id).len(), 1);
}

#[test]
fn writes_tell_what_they_answered_and_reads_do_not() {
    let root = Client::root();
    let key = root.key();
    root.kms("DescribeKey", &json!({ "KeyId": key })).ok();
    root.kms("DisableKey", &json!({ "KeyId": key })).ok();
    root.kms("ScheduleKeyDeletion", &json!({ "KeyId": key, "PendingWindowInDays": 7 })).ok();
    let made = root.events("CreateKey").remove(0);
    assert_eq!(made["responseElements"]["keyMetadata"]["arn"], key.as_str());
    assert_eq!(made["responseElements"]["keyMetadata"]["creationDate"], "Jan 2, 2026, 3:04:05 AM");
    assert_eq!(made["resources"][0]["ARN"], key.as_str());
    assert_eq!(root.events("DescribeKey").remove(0)["responseElements"], Value::Null);
    assert_eq!(root.events("DisableKey").remove(0)["responseElements"], json!({ "keyId": key }));
    let scheduled = root.events("ScheduleKeyDeletion").remove(0);
    assert_eq!(scheduled["requestParameters"], json!({ "keyId": key, "pendingWindowInDays": 7 }));
    assert_eq!(scheduled["responseElements"]["deletionDate"], "Jan 9, 2026, 3:04:05 AM");
    root.query(Service::Iam, "GetUser", &[("UserName", "ghost")]).is_error("NoSuchEntity");
    let ghost = root.in_region("us-east-1").events("GetUser").remove(0);
    assert_eq!((&ghost["errorCode"], &ghost["awsRegion"]), (&json!("NoSuchEntityException"), &json!("us-east-1")));
    assert_eq!(root.in_region("us-east-1").found("ResourceName", "ghost").len(), 1);
    assert!(root.events("GetUser").is_empty(), "IAM's events are in its own Region");
}

#[test]
fn data_events_and_unsigned_calls_are_not_logged() {
    let root = Client::root();
    root.json(Service::Logs, "CreateLogGroup", &json!({ "logGroupName": "app" })).ok();
    root.json(Service::Logs, "CreateLogStream", &json!({ "logGroupName": "app", "logStreamName": "s" })).ok();
    let now = root.clock.now().as_millisecond();
    let events =
        json!({ "logGroupName": "app", "logStreamName": "s", "logEvents": [{ "timestamp": now, "message": "x" }] });
    root.json(Service::Logs, "PutLogEvents", &events).ok();
    Client { secret_access_key: "wrong".into(), ..root.clone() }
        .kms("ListKeys", &json!({}))
        .is_error("InvalidSignatureException");
    assert_eq!(root.events("CreateLogStream").len(), 1);
    assert!(root.events("PutLogEvents").is_empty());
    assert!(root.events("ListKeys").is_empty());
}

#[test]
fn another_accounts_success_is_told_to_both_and_its_refusal_to_the_caller_alone() {
    let root = Client::root();
    let other = root.root_of("444455556666");
    let bob = other.new_user("bob", Some(&allow(&["kms:*"])));
    let statement = |principal: &str, action: &str| json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": action, "Resource": "*" });
    let statements = [
        statement("arn:aws:iam::111122223333:root", "kms:*"),
        statement("arn:aws:iam::444455556666:user/bob", "kms:DescribeKey"),
    ];
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let made = root.kms("CreateKey", &json!({ "Policy": policy })).ok().value();
    let key = made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned();
    bob.kms("DescribeKey", &json!({ "KeyId": key })).ok();
    bob.kms("Encrypt", &json!({ "KeyId": key, "Plaintext": "YQ==" })).is_error("AccessDeniedException");
    let (theirs, ours) = (other.events("DescribeKey").remove(0), root.events("DescribeKey").remove(0));
    assert_eq!(theirs["sharedEventID"], ours["sharedEventID"]);
    assert_ne!(theirs["eventID"], ours["eventID"]);
    assert_eq!((&theirs["recipientAccountId"], &ours["recipientAccountId"]), (&json!("444455556666"), &json!(ACCOUNT)));
    assert_eq!(theirs["userIdentity"]["userName"], "bob");
    assert_eq!(ours["userIdentity"]["type"], "AWSAccount");
    assert_eq!(ours["userIdentity"]["accountId"], "444455556666");
    assert!(ours["userIdentity"].get("userName").is_none());
    assert_eq!(other.events("Encrypt").remove(0)["errorCode"], "AccessDenied");
    assert!(root.events("Encrypt").is_empty());
}

#[test]
fn calls_from_inside_tell_of_the_service() {
    let root = Client::root();
    let statement =
        |principal: Value| json!({ "Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*" });
    let statements = [
        statement(json!({ "AWS": "arn:aws:iam::111122223333:root" })),
        statement(json!({ "Service": "logs.eu-west-1.amazonaws.com" })),
    ];
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let made = root.kms("CreateKey", &json!({ "Policy": policy })).ok().value();
    let key = made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned();
    root.new_user("alice", Some(&allow(&["kms:*"])));
    let account = AccountId::parse(ACCOUNT).expect("an account");
    let logs = InsideCaller::Service {
        name: "logs.eu-west-1.amazonaws.com".into(),
        account,
        source_arn: None,
        source_account: None,
    };
    let via_s3 = InsideCaller::Forwarded {
        principal: arn("arn:aws:iam::111122223333:user/alice"),
        service: "s3.eu-west-1.amazonaws.com".into(),
        for_aws_resource: false,
    };
    for caller in [logs, via_s3] {
        let input = json!({ "KeyId": key, "KeySpec": "AES_256" });
        root.aws.call_from_inside(&caller, &region(), Service::Kms, "GenerateDataKey", input).expect("allowed");
    }
    let events = root.events("GenerateDataKey");
    let [forwarded, own] = events.as_slice() else { panic!("two events: {events:?}") };
    assert_eq!(own["userIdentity"], json!({ "type": "AWSService", "invokedBy": "logs.eu-west-1.amazonaws.com" }));
    assert_eq!(own["sourceIPAddress"], "logs.eu-west-1.amazonaws.com");
    assert_eq!(own["resources"][0]["ARN"], key.as_str());
    assert_eq!(forwarded["userIdentity"]["userName"], "alice");
    assert_eq!(forwarded["userIdentity"]["invokedBy"], "s3.amazonaws.com");
    assert_eq!(forwarded["userAgent"], "s3.amazonaws.com");
}

#[test]
fn events_are_found_by_what_they_say_in_pages_for_ninety_days() {
    let root = Client::root();
    let key = root.key();
    let blob = root.blob(&key);
    for _ in 0..3 {
        root.decrypt_blob(&blob).ok();
    }
    assert_eq!(names(&root.found("ResourceName", &key)), ["Decrypt", "Decrypt", "Decrypt", "Encrypt", "CreateKey"]);
    assert_eq!(root.found("ResourceType", "AWS::KMS::Key").len(), 5);
    assert_eq!(root.found("ReadOnly", "false").len(), 1);
    assert!(root.found("EventSource", "iam.amazonaws.com").is_empty());
    let id = root.events("CreateKey").remove(0)["eventID"].as_str().expect("an id").to_owned();
    assert_eq!(names(&root.found("EventId", &id)), ["CreateKey"]);
    let page = |token: &Value| {
        let decrypts = json!([{ "AttributeKey": "EventName", "AttributeValue": "Decrypt" }]);
        let input = json!({ "LookupAttributes": decrypts, "MaxResults": 2, "NextToken": token });
        let answer = root.trail("LookupEvents", &input).ok().value();
        (answer["Events"].as_array().expect("events").len(), answer["NextToken"].clone())
    };
    let (first, token) = page(&Value::Null);
    assert_eq!((first, page(&token)), (2, (1, Value::Null)));
    let (start, end) = (root.clock.now().as_second(), root.clock.now().as_second() - 1);
    let at = |start: i64, end: i64| root.trail("LookupEvents", &json!({ "StartTime": start, "EndTime": end }));
    at(start, end).is_error("InvalidTimeRangeException");
    assert_eq!(at(end, end).ok().value()["Events"], json!([]));
    root.clock.advance(SignedDuration::from_hours(24 * 90 + 1));
    assert!(root.events("Decrypt").is_empty());
}

#[test]
fn lookups_need_leave_and_keep_the_bounds_of_aws() {
    let root = Client::root();
    let nobody = root.new_user("nobody", Some(&allow(&["cloudtrail:DescribeTrails"])));
    nobody.trail("LookupEvents", &json!({})).is_error("AccessDeniedException");
    nobody.trail("DescribeTrails", &json!({})).ok();
    let reader = root.new_user("reader", Some(&allow(&["cloudtrail:LookupEvents"])));
    assert_eq!(reader.events("LookupEvents").remove(0)["errorCode"], "AccessDenied");
    let attribute = |key: &str| json!({ "AttributeKey": key, "AttributeValue": "x" });
    for (input, code) in [
        (json!({ "LookupAttributes": [attribute("Colour")] }), "InvalidLookupAttributesException"),
        (
            json!({ "LookupAttributes": [attribute("EventId"), attribute("EventName")] }),
            "InvalidLookupAttributesException",
        ),
        (json!({ "MaxResults": 51 }), "InvalidMaxResultsException"),
        (json!({ "NextToken": "!" }), "InvalidNextTokenException"),
        (json!({ "EventCategory": "insight" }), "UnsupportedOperationException"),
        (json!({ "EventCategory": "other" }), "InvalidEventCategoryException"),
    ] {
        root.trail("LookupEvents", &input).is_error(code);
    }
}

#[test]
fn what_is_too_large_is_left_out() {
    let root = Client::root();
    let key = root.key();
    let input = json!({ "KeyId": key, "Policy": "x".repeat(120_000) });
    let refused = root.kms("PutKeyPolicy", &input);
    assert_ne!(refused.status, 200);
    let event = root.events("PutKeyPolicy").remove(0);
    assert_eq!(event["requestParameters"]["omitted"], true, "{event}");
    root.kms("DescribeKey", &json!({ "KeyId": "y".repeat(5_000) }));
    let event = root.events("DescribeKey").remove(0);
    assert!(event["errorMessage"].as_str().expect("a message").len() <= 1024);
}

#[test]
fn a_failed_calls_event_outlives_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || {
        let clock = crate::Clock::manual(crate::testing::start());
        let options =
            crate::Options { data_dir: Some(folder.path().into()), clock: clock.clone(), ids: crate::Ids::random() };
        Client::of(&crate::Aws::open(options).expect("opens"), &clock, ACCOUNT, "test")
    };
    let first = open();
    first.kms("DescribeKey", &json!({ "KeyId": "alias/none" })).is_error("NotFoundException");
    first.aws.close();
    let second = open();
    assert_eq!(second.events("DescribeKey").remove(0)["errorCode"], "NotFoundException");
    second.aws.close();
}
