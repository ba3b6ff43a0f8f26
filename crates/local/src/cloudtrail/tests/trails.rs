use super::*;

#[test]
fn a_trail_delivers_to_its_log_group_at_once() {
    let root = with_trail(json!({}));
    let key = root.key();
    let events = root.delivered();
    assert_eq!(names(&events), ["StartLogging", "CreateKey"]);
    assert_eq!(events[1]["resources"][0]["ARN"], key.as_str());
    assert_eq!(events[1]["eventID"], root.events("CreateKey")[0]["eventID"]);
    let streams = root.json(Service::Logs, "DescribeLogStreams", &json!({ "logGroupName": GROUP })).ok().value();
    assert_eq!(streams["logStreams"][0]["logStreamName"], STREAM);
    // Another Region's calls are not for a trail of one Region.
    root.in_region("eu-central-1").kms("ListKeys", &json!({})).ok();
    root.trail("StopLogging", &json!({ "Name": "main" })).ok();
    root.kms("ListKeys", &json!({})).ok();
    assert!(!names(&root.delivered()).contains(&"ListKeys"));
}

#[test]
fn a_trail_of_all_regions_logs_them_and_the_global_services() {
    let root = with_trail(json!({ "IsMultiRegionTrail": true }));
    root.in_region("eu-central-1").kms("ListKeys", &json!({})).ok();
    root.query(Service::Iam, "ListUsers", &[]).ok();
    let events = root.delivered();
    assert_eq!(names(&events), ["StartLogging", "ListKeys", "ListUsers"]);
    assert_eq!(events[1]["awsRegion"], "eu-central-1");
    // Another account's calls are not.
    root.root_of("444455556666").kms("ListKeys", &json!({})).ok();
    assert_eq!(names(&root.delivered()).iter().filter(|name| **name == "ListKeys").count(), 1);
}

#[test]
fn selectors_leave_out_kms_or_reads() {
    let root = with_trail(json!({}));
    let select = |selector: Value| {
        root.trail("PutEventSelectors", &json!({ "TrailName": "main", "EventSelectors": [selector] }))
    };
    let delivered = |name: &str| names(&root.delivered()).iter().filter(|found| **found == name).count();
    let key = root.key();
    let blob = root.blob(&key);
    root.decrypt_blob(&blob).ok();
    assert_eq!(delivered("Decrypt"), 1);
    select(json!({ "ReadWriteType": "WriteOnly" })).ok();
    root.decrypt_blob(&blob).ok();
    root.kms("DisableKey", &json!({ "KeyId": key })).ok();
    assert_eq!((delivered("Decrypt"), delivered("DisableKey")), (1, 1));
    select(json!({ "ExcludeManagementEventSources": ["kms.amazonaws.com"] })).ok();
    root.kms("EnableKey", &json!({ "KeyId": key })).ok();
    root.json(Service::Logs, "DescribeLogGroups", &json!({})).ok();
    assert_eq!((delivered("EnableKey"), delivered("DescribeLogGroups")), (0, 1));
    assert_eq!(root.events("EnableKey").len(), 1, "the event history has it all the same");
    let shown = root.trail("GetEventSelectors", &json!({ "TrailName": "main" })).ok().value();
    let expected = json!({ "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [],
        "ExcludeManagementEventSources": ["kms.amazonaws.com"] });
    assert_eq!(shown["EventSelectors"], json!([expected]));
    for (selector, code) in [
        (json!({ "ReadWriteType": "Some" }), "InvalidEventSelectorsException"),
        (json!({ "ExcludeManagementEventSources": ["sts.amazonaws.com"] }), "InvalidEventSelectorsException"),
        (json!({ "DataResources": [{ "Type": "AWS::S3::Object", "Values": [] }] }), "UnsupportedOperationException"),
    ] {
        select(selector).is_error(code);
    }
    let advanced = json!({ "TrailName": "main", "AdvancedEventSelectors": [{ "FieldSelectors": [] }] });
    root.trail("PutEventSelectors", &advanced).is_error("UnsupportedOperationException");
}

#[test]
fn the_role_must_trust_cloudtrail_and_may_write() {
    for (principal, actions, code) in [
        ("cloudtrail.amazonaws.com", &["logs:CreateLogStream", "logs:PutLogEvents"][..], ""),
        ("ec2.amazonaws.com", &["logs:*"], "InvalidCloudWatchLogsRoleArnException"),
        ("cloudtrail.amazonaws.com", &["logs:CreateLogStream"], "InvalidCloudWatchLogsLogGroupArnException"),
    ] {
        let root = Client::root();
        root.json(Service::Logs, "CreateLogGroup", &json!({ "logGroupName": GROUP })).ok();
        role(&root, principal, actions);
        let input = json!({ "Name": "main", "S3BucketName": "a-bucket", "CloudWatchLogsLogGroupArn": GROUP_ARN,
            "CloudWatchLogsRoleArn": ROLE });
        assert_eq!(root.trail("CreateTrail", &input).code(), code, "{principal} {actions:?}");
        let exists = root.trail("GetTrail", &json!({ "Name": "main" })).status == 200;
        assert_eq!(exists, code.is_empty());
    }
}

#[test]
fn a_role_that_loses_its_leave_stops_the_delivery_and_the_status_says_so() {
    let root = with_trail(json!({}));
    let status = || root.trail("GetTrailStatus", &json!({ "Name": "main" })).ok().value();
    root.kms("ListKeys", &json!({})).ok();
    let before = status();
    assert_eq!((&before["IsLogging"], before.get("LatestCloudWatchLogsDeliveryError")), (&json!(true), None));
    assert!(before["LatestCloudWatchLogsDeliveryTime"].is_number());
    assert!(before["LatestDeliveryError"].as_str().expect("honest").contains("no log files to S3"));
    assert!(before.get("LatestDeliveryTime").is_none());
    let before = root.delivered();
    let parameters = [("RoleName", "to-logs"), ("PolicyName", "write")];
    root.query(Service::Iam, "DeleteRolePolicy", &parameters).ok();
    root.kms("ListKeys", &json!({})).ok();
    assert_eq!(status()["LatestCloudWatchLogsDeliveryError"], "Access denied. Check the permissions for your role.");
    assert_eq!(root.delivered(), before);
}

#[test]
fn trails_are_made_changed_shown_and_removed() {
    let root = Client::root();
    let input = json!({ "Name": "main", "S3BucketName": "a-bucket", "IsMultiRegionTrail": true,
        "TagsList": [{ "Key": "team", "Value": "a" }] });
    let made = root.trail("CreateTrail", &input).ok().value();
    let arn = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";
    assert_eq!((&made["TrailARN"], made.get("HomeRegion")), (&json!(arn), None));
    root.trail("CreateTrail", &input).is_error("TrailAlreadyExistsException");
    let elsewhere = root.in_region("us-east-1");
    let shadows =
        |client: &Client, input: Value| client.trail("DescribeTrails", &input).ok().value()["trailList"].clone();
    assert_eq!(shadows(&elsewhere, json!({}))[0]["HomeRegion"], "eu-west-1");
    assert_eq!(shadows(&elsewhere, json!({ "includeShadowTrails": false })), json!([]));
    assert_eq!(shadows(&elsewhere, json!({ "trailNameList": ["main"] })), json!([]));
    elsewhere.trail("GetTrail", &json!({ "Name": arn })).ok();
    elsewhere.trail("StartLogging", &json!({ "Name": arn })).is_error("InvalidHomeRegionException");
    let changed = root.trail("UpdateTrail", &json!({ "Name": arn, "S3BucketName": "b-bucket" })).ok().value();
    assert_eq!((&changed["S3BucketName"], &changed["IsMultiRegionTrail"]), (&json!("b-bucket"), &json!(true)));
    let tags = || {
        root.trail("ListTags", &json!({ "ResourceIdList": [arn] })).ok().value()["ResourceTagList"][0]["TagsList"]
            .clone()
    };
    root.trail("AddTags", &json!({ "ResourceId": arn, "TagsList": [{ "Key": "stage", "Value": "b" }] })).ok();
    root.trail("RemoveTags", &json!({ "ResourceId": arn, "TagsList": [{ "Key": "team" }] })).ok();
    assert_eq!(tags(), json!([{ "Key": "stage", "Value": "b" }]));
    assert_eq!(root.trail("ListTrails", &json!({})).ok().value()["Trails"][0]["TrailARN"], arn);
    root.trail("DeleteTrail", &json!({ "Name": "main" })).ok();
    root.trail("GetTrail", &json!({ "Name": "main" })).is_error("TrailNotFoundException");
}

#[test]
fn settings_keep_the_rules_of_aws_and_what_is_missing_says_so() {
    let root = Client::root();
    let create = |name: &str, more: Value| {
        let mut input = json!({ "Name": name, "S3BucketName": "a-bucket" });
        for (member, value) in more.as_object().expect("members") {
            input[member] = value.clone();
        }
        root.trail("CreateTrail", &input).code()
    };
    for (name, more, code) in [
        ("ab", json!({}), "InvalidTrailNameException"),
        ("a--b", json!({}), "InvalidTrailNameException"),
        ("-ab", json!({}), "InvalidTrailNameException"),
        ("192.168.5.4", json!({}), "InvalidTrailNameException"),
        ("main", json!({ "S3BucketName": "A_Bucket" }), "InvalidS3BucketNameException"),
        ("main", json!({ "S3BucketName": null }), "InvalidParameterException"),
        ("main", json!({ "CloudWatchLogsLogGroupArn": GROUP_ARN }), "InvalidCloudWatchLogsRoleArnException"),
        (
            "main",
            json!({ "CloudWatchLogsLogGroupArn": GROUP_ARN, "CloudWatchLogsRoleArn": ROLE }),
            "InvalidCloudWatchLogsLogGroupArnException",
        ),
        ("main", json!({ "KmsKeyId": "alias/x" }), "UnsupportedOperationException"),
        ("main", json!({ "IsOrganizationTrail": true }), "UnsupportedOperationException"),
        (
            "main",
            json!({ "IsMultiRegionTrail": true, "IncludeGlobalServiceEvents": false }),
            "InvalidParameterCombinationException",
        ),
    ] {
        assert_eq!(create(name, more.clone()), code, "{name} {more}");
    }
    root.trail("CreateEventDataStore", &json!({})).is_error("UnsupportedOperationException");
    root.trail("NoSuchThing", &json!({})).is_error("UnknownOperationException");
}

#[test]
fn trails_need_leave_and_the_role_must_be_passed() {
    let root = Client::root();
    root.json(Service::Logs, "CreateLogGroup", &json!({ "logGroupName": GROUP })).ok();
    role(&root, "cloudtrail.amazonaws.com", &["logs:*"]);
    let input = json!({ "Name": "main", "S3BucketName": "a-bucket", "CloudWatchLogsLogGroupArn": GROUP_ARN,
        "CloudWatchLogsRoleArn": ROLE });
    let maker = root.new_user("maker", Some(&allow(&["cloudtrail:CreateTrail"])));
    maker.trail("CreateTrail", &input).is_error("AccessDeniedException");
    let passer = root.new_user("passer", Some(&allow(&["cloudtrail:CreateTrail", "iam:PassRole"])));
    passer.trail("CreateTrail", &input).ok();
    passer.trail("StartLogging", &json!({ "Name": "main" })).is_error("AccessDeniedException");
}

#[test]
fn both_forms_of_the_target_are_understood() {
    let root = Client::root();
    for prefix in ["CloudTrail_20131101", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"] {
        let target = format!("{prefix}.DescribeTrails");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        assert_eq!(root.send(Service::CloudTrail, "/", &headers, b"{}".to_vec()).ok().value()["trailList"], json!([]));
    }
}

#[test]
fn a_trail_that_is_seeded_feeds_its_log_group_from_all_regions() {
    let root = Client::root();
    let group = arn("arn:aws:logs:eu-west-1:111122223333:log-group:trail");
    assert!(root.aws.ensure_trail(&group).expect("made"));
    assert!(!root.aws.ensure_trail(&group).expect("there"));
    let second = arn("arn:aws:logs:eu-west-1:111122223333:log-group:other");
    assert!(root.aws.ensure_trail(&second).expect("made"));
    root.in_region("eu-central-1").kms("ListKeys", &json!({})).ok();
    assert_eq!(names(&root.delivered()), ["ListKeys"]);
    let other = root.json(Service::Logs, "FilterLogEvents", &json!({ "logGroupName": "other" })).ok().value();
    assert_eq!(other["events"].as_array().expect("events").len(), 1);
    // What was seeded passes the checks that the API makes.
    let trail = root.trail("GetTrail", &json!({ "Name": "keywright-local" })).ok().value()["Trail"].clone();
    let same = json!({ "Name": "keywright-local", "CloudWatchLogsLogGroupArn": trail["CloudWatchLogsLogGroupArn"],
        "CloudWatchLogsRoleArn": trail["CloudWatchLogsRoleArn"] });
    root.trail("UpdateTrail", &same).ok();
    assert!(root.aws.ensure_trail(&arn("arn:aws:iam::111122223333:role/x")).is_err());
}
