use super::*;

/// The pattern of the module's filter for denied calls on one key.
fn denied(key: &str) -> String {
    format!(
        r#"{{ ($.eventSource = "kms.amazonaws.com") && ($.errorCode = "AccessDenied*") && (($.errorMessage = "*{key}*") || ($.resources[0].ARN = "{key}") || ($.resources[1].ARN = "{key}") || ($.requestParameters.keyId = "{key}")) }}"#
    )
}

#[track_caller]
fn put_filter(client: &Client, name: &str, pattern: &str, transformation: Value) {
    let mut whole = json!({ "metricName": name, "metricNamespace": "Test", "metricValue": "1" });
    for (member, value) in transformation.as_object().expect("members") {
        whole[member] = value.clone();
    }
    let input = json!({ "logGroupName": GROUP, "filterName": name, "filterPattern": pattern, "metricTransformations": [whole] });
    client.json(Service::Logs, "PutMetricFilter", &input).ok();
}

#[track_caller]
fn put_event(client: &Client, message: &str) {
    client.json(Service::Logs, "CreateLogStream", &json!({ "logGroupName": GROUP, "logStreamName": "own" }));
    let events = json!([{ "timestamp": client.clock.now().as_millisecond(), "message": message }]);
    let input = json!({ "logGroupName": GROUP, "logStreamName": "own", "logEvents": events });
    client.json(Service::Logs, "PutLogEvents", &input).ok();
}

#[test]
fn the_filter_for_denied_calls_counts_those_on_its_key_in_both_shapes() {
    let root = with_trail(json!({ "IsMultiRegionTrail": true }));
    let (key, other) = (root.key(), root.key());
    put_filter(&root, "denied", &denied(&key), json!({ "defaultValue": 0.0 }));
    let mallory = root.new_user("mallory", None);
    mallory.decrypt_blob(&root.blob(&other)).is_error("AccessDeniedException");
    root.wait_a_minute();
    root.kms("ListKeys", &json!({})).ok();
    assert_eq!(root.sum("Test", "denied", &[]), Some(0.0));
    mallory.decrypt_blob(&root.blob(&key)).is_error("AccessDeniedException");
    assert_eq!(root.sum("Test", "denied", &[]), Some(1.0));
    // The other shape: a code of the service's own, and resources.
    let other_shape = json!({
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "errorCode": "AccessDeniedException",
        "errorMessage": "User is not authorized",
        "resources": [{ "ARN": key }],
    });
    put_event(&root, &other_shape.to_string());
    assert_eq!(root.sum("Test", "denied", &[]), Some(2.0));
    // A call that went well has the key too.
    root.decrypt_blob(&root.blob(&key)).ok();
    assert_eq!(root.sum("Test", "denied", &[]), Some(2.0));
}

#[test]
fn the_default_is_published_for_minutes_with_events_of_which_none_matched() {
    let root = with_trail(json!({}));
    root.trail("StopLogging", &json!({ "Name": "main" })).ok();
    put_filter(&root, "errors", "ERROR", json!({ "defaultValue": 0.5, "unit": "Count" }));
    let samples = || root.samples("Test", "errors", &[]);
    put_event(&root, "fine");
    put_event(&root, "also fine");
    assert_eq!(samples(), None);
    root.wait_a_minute();
    root.kms("ListKeys", &json!({})).ok();
    assert_eq!(samples(), Some((1.0, 0.5)), "once for the minute");
    put_event(&root, "fine");
    put_event(&root, "ERROR");
    root.wait_a_minute();
    root.kms("ListKeys", &json!({})).ok();
    assert_eq!(samples(), Some((2.0, 1.5)), "no default where one matched");
    root.wait_a_minute();
    root.kms("ListKeys", &json!({})).ok();
    assert_eq!(samples(), Some((2.0, 1.5)), "no value for a minute without events");
}

#[test]
fn a_filter_takes_its_value_and_dimensions_from_the_event() {
    let root = with_trail(json!({}));
    root.trail("StopLogging", &json!({ "Name": "main" })).ok();
    let transformation = json!({ "metricValue": "$.latency", "dimensions": { "Path": "$.request.path" } });
    put_filter(&root, "latency", "{ $.kind = \"call\" }", transformation);
    put_event(&root, r#"{"kind":"call","latency":12.5,"request":{"path":"/a"}}"#);
    put_event(&root, r#"{"kind":"call","latency":"slow","request":{"path":"/a"}}"#);
    put_event(&root, r#"{"kind":"call","latency":7}"#);
    put_event(&root, r#"{"kind":"other","latency":7,"request":{"path":"/a"}}"#);
    assert_eq!(root.samples("Test", "latency", &[("Path", "/a")]), Some((1.0, 12.5)));
    assert_eq!(root.samples("Test", "latency", &[]), None);
    put_filter(&root, "size", "[host, size]", json!({ "metricValue": "$size" }));
    put_event(&root, "a 17");
    assert_eq!(root.samples("Test", "size", &[]), Some((1.0, 17.0)));
}

#[test]
fn cryptographic_operations_that_go_well_are_counted_by_key() {
    let root = Client::root();
    let (key, other) = (root.key(), root.key());
    let count = |key: &str, operation: &str| {
        root.sum("AWS/KMS", "SuccessfulRequest", &[("KeyArn", key), ("Operation", operation)])
    };
    let blob = root.blob(&key);
    root.decrypt_blob(&blob).ok();
    root.decrypt_blob(&blob).ok();
    root.new_user("mallory", None).decrypt_blob(&blob).is_error("AccessDeniedException");
    let dry = json!({ "CiphertextBlob": blob, "EncryptionContext": { "Project": "Alpha" }, "DryRun": true });
    root.kms("Decrypt", &dry).is_error("DryRunOperationException");
    root.kms("DescribeKey", &json!({ "KeyId": key })).ok();
    assert_eq!((count(&key, "Encrypt"), count(&key, "Decrypt")), (Some(1.0), Some(2.0)));
    assert_eq!((count(&other, "Decrypt"), count(&key, "DescribeKey")), (None, None));
    let input =
        json!({ "CiphertextBlob": blob, "SourceEncryptionContext": { "Project": "Alpha" }, "DestinationKeyId": other });
    root.kms("ReEncrypt", &input).ok();
    let dimensions = [("SourceKeyArn", key.as_str()), ("DestinationKeyArn", &other), ("Operation", "ReEncrypt")];
    assert_eq!(root.sum("AWS/KMS", "SuccessfulRequest", &dimensions), Some(1.0));
    assert_eq!(count(&key, "Decrypt"), Some(2.0), "a re-encryption is no decryption");
}
