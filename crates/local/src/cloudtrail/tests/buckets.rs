use super::*;

#[test]
fn the_management_events_of_buckets_tell_of_the_bucket_and_its_document() {
    let root = Client::root();
    bucket(&root, "bucket-a");
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    s3(&root, "PUT", "/bucket-a?versioning", versioning);
    let statement =
        json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket-a/x" });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    s3(&root, "PUT", "/bucket-a?policy", &policy.to_string());
    s3(&root, "GET", "/bucket-a?policy", "");
    let requested = |name: &str| root.events(name).remove(0)["requestParameters"].clone();
    let expected =
        json!({ "bucketName": "bucket-a", "CreateBucketConfiguration": { "LocationConstraint": "eu-west-1" } });
    assert_eq!(requested("CreateBucket"), expected);
    let expected = json!({ "bucketName": "bucket-a", "VersioningConfiguration": { "Status": "Enabled" } });
    assert_eq!(requested("PutBucketVersioning"), expected);
    assert_eq!(requested("PutBucketPolicy"), json!({ "bucketName": "bucket-a", "bucketPolicy": policy }));
    let read = root.events("GetBucketPolicy").remove(0);
    assert_eq!(read["requestParameters"], json!({ "bucketName": "bucket-a" }));
    assert_eq!((&read["eventSource"], &read["readOnly"]), (&json!("s3.amazonaws.com"), &json!(true)));
    assert_eq!(read["responseElements"], Value::Null);
    assert_eq!(root.found("ResourceName", "bucket-a").len(), 4);
    assert_eq!(root.found("ResourceType", "AWS::S3::Bucket").len(), 4);
    let mallory = root.new_user("mallory", None);
    assert_eq!(mallory.s3("DELETE", "/bucket-a", &[], b"").status(), 403);
    let denied = root.events("DeleteBucket").remove(0);
    assert_eq!((&denied["errorCode"], &denied["requestParameters"]), (&json!("AccessDenied"), &Value::Null));
}

#[test]
fn what_is_done_to_objects_is_a_data_event_and_not_logged() {
    let root = Client::root();
    bucket(&root, "bucket-a");
    for (method, path, body) in [
        ("PUT", "/bucket-a/k", "hunter2"),
        ("GET", "/bucket-a/k", ""),
        ("HEAD", "/bucket-a/k", ""),
        ("HEAD", "/bucket-a", ""),
        ("GET", "/bucket-a?list-type=2", ""),
        ("GET", "/bucket-a?versions", ""),
        ("DELETE", "/bucket-a/k", ""),
    ] {
        s3(&root, method, path, body);
    }
    assert_eq!(names(&root.found("EventSource", "s3.amazonaws.com")), ["CreateBucket"]);
    let told = root.aws.calls().iter().filter(|call| call.service == Service::S3).count();
    assert_eq!(told, 8, "those who look at calls see them");
}

#[test]
fn what_s3_asks_of_kms_is_logged_as_asked_by_s3_for_its_caller() {
    let root = Client::root();
    let key = root.key();
    encrypted_bucket(&root, "bucket-a", &key);
    let alice = root.new_user("alice", Some(&allow(&["s3:*", "kms:GenerateDataKey", "kms:Decrypt"])));
    s3(&alice, "PUT", "/bucket-a/k", "hunter2");
    s3(&alice, "GET", "/bucket-a/k", "");
    let mallory = root.new_user("mallory", Some(&allow(&["s3:*"])));
    assert_eq!(mallory.s3("GET", "/bucket-a/k", &[], b"").status(), 403);
    let events = root.events("Decrypt");
    let [denied, decrypted] = events.as_slice() else { panic!("two events: {events:?}") };
    for (event, name) in [(decrypted, "alice"), (denied, "mallory")] {
        assert_eq!(event["userIdentity"]["userName"], name);
        assert_eq!(event["userIdentity"]["invokedBy"], "s3.amazonaws.com");
        assert_eq!(event["sourceIPAddress"], "s3.amazonaws.com");
    }
    assert_eq!(decrypted["resources"][0]["ARN"], key.as_str());
    let context = json!({ "aws:s3:arn": "arn:aws:s3:::bucket-a/k" });
    assert_eq!(decrypted["requestParameters"]["encryptionContext"], context);
    assert_eq!((&denied["errorCode"], decrypted.get("errorCode")), (&json!("AccessDenied"), None));
    assert_eq!(root.events("GenerateDataKey").remove(0)["userIdentity"]["invokedBy"], "s3.amazonaws.com");
}
