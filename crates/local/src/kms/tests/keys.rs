use serde_json::json;

use super::*;

#[test]
fn a_new_key_is_described_as_aws_does() {
    let root = Client::root();
    let key = root.new_key(&json!({ "Description": "mine" }));
    assert_eq!(
        (&key["AWSAccountId"], &key["KeyState"], &key["Enabled"], &key["Description"], &key["MultiRegion"]),
        (&json!(ACCOUNT), &json!("Enabled"), &json!(true), &json!("mine"), &json!(false))
    );
    assert_eq!(
        (&key["KeyUsage"], &key["KeySpec"], &key["Origin"], &key["KeyManager"], &key["EncryptionAlgorithms"]),
        (
            &json!("ENCRYPT_DECRYPT"),
            &json!("SYMMETRIC_DEFAULT"),
            &json!("AWS_KMS"),
            &json!("CUSTOMER"),
            &json!(["SYMMETRIC_DEFAULT"])
        )
    );
    assert_eq!(key["CreationDate"], json!(1_767_323_045));
    let id = text(&key["KeyId"]);
    assert_eq!(text(&key["Arn"]), format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/{id}"));
    assert_eq!(id.len(), 36);
    assert_eq!(key.get("MultiRegionConfiguration"), None);
    assert_eq!(root.describe(&id), key);
}

#[test]
fn a_multi_region_key_has_an_mrk_id_and_is_primary() {
    let key = Client::root().new_key(&json!({ "MultiRegion": true }));
    let id = text(&key["KeyId"]);
    assert!(id.starts_with("mrk-") && id.len() == 36, "{id}");
    let configuration = &key["MultiRegionConfiguration"];
    assert_eq!(configuration["MultiRegionKeyType"], "PRIMARY");
    assert_eq!(configuration["PrimaryKey"], json!({ "Arn": key["Arn"], "Region": "eu-west-1" }));
    assert_eq!(configuration["ReplicaKeys"], json!([]));
}

#[test]
fn other_kinds_of_keys_are_refused_by_name() {
    let root = Client::root();
    for (input, named) in [
        (json!({ "KeySpec": "RSA_2048" }), "RSA_2048"),
        (json!({ "CustomerMasterKeySpec": "HMAC_256" }), "HMAC_256"),
        (json!({ "KeyUsage": "SIGN_VERIFY" }), "SIGN_VERIFY"),
        (json!({ "Origin": "EXTERNAL" }), "EXTERNAL"),
        (json!({ "CustomKeyStoreId": "cks-1" }), "Custom key stores"),
    ] {
        let answer = root.kms("CreateKey", &input);
        answer.is_error("UnsupportedOperationException");
        assert!(answer.message().contains(named), "{}", answer.text);
    }
    assert_eq!(root.kms("ListKeys", &json!({})).ok().value()["Keys"], json!([]));
}

#[test]
fn a_key_id_has_four_forms_where_a_key_is_used_and_two_where_it_is_managed() {
    let root = Client::root();
    let key = root.new_key(&json!({}));
    let (id, arn) = (text(&key["KeyId"]), text(&key["Arn"]));
    root.kms("CreateAlias", &json!({ "AliasName": "alias/app", "TargetKeyId": id })).ok();
    let alias_arn = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:alias/app");
    for form in [&id, &arn, "alias/app", &alias_arn] {
        assert_eq!(text(&root.describe(form)["KeyId"]), id, "{form}");
        root.encrypt(form, "x", &json!({}));
    }
    root.kms("GetKeyPolicy", &json!({ "KeyId": id })).ok();
    root.kms("GetKeyPolicy", &json!({ "KeyId": arn })).ok();
    root.kms("GetKeyPolicy", &json!({ "KeyId": "alias/app" })).is_error("NotFoundException");
    root.kms("GetKeyPolicy", &json!({ "KeyId": alias_arn })).is_error("InvalidArnException");
}

#[test]
fn refuses_what_is_no_key_id() {
    let root = Client::root();
    for (key_id, code) in [
        ("nonsense", "NotFoundException"),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", "NotFoundException"),
        ("alias/nothing", "NotFoundException"),
        ("alias/", "NotFoundException"),
        ("arn:aws:kms:eu-west-1:111122223333:key/nonsense", "NotFoundException"),
        ("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "NotFoundException"),
        ("arn:aws:s3:::bucket", "InvalidArnException"),
        ("arn:aws-cn:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "InvalidArnException"),
        ("arn:aws:kms", "InvalidArnException"),
        ("", "ValidationException"),
        (&"x".repeat(2049), "ValidationException"),
    ] {
        let answer = root.kms("DescribeKey", &json!({ "KeyId": key_id }));
        assert_eq!(answer.code(), code, "{key_id}: {}", answer.text);
    }
    root.kms("DescribeKey", &json!({})).is_error("ValidationException");
}

#[test]
fn lists_keys_in_pages() {
    let root = Client::root();
    let mut made: Vec<String> = (0..5).map(|_| root.new_key_id(&json!({}))).collect();
    made.sort();
    root.in_region("eu-central-1").new_key(&json!({}));
    let mut seen = Vec::new();
    let mut input = json!({ "Limit": 2 });
    loop {
        let page = root.kms("ListKeys", &input).ok().value();
        seen.extend(page["Keys"].as_array().expect("keys").iter().map(|key| text(&key["KeyId"])));
        let truncated = page["Truncated"].as_bool().expect("a flag");
        assert_eq!(truncated, page.get("NextMarker").is_some());
        if !truncated {
            break;
        }
        input["Marker"] = page["NextMarker"].clone();
    }
    assert_eq!(seen, made);
    root.kms("ListKeys", &json!({ "Marker": "!" })).is_error("InvalidMarkerException");
    root.kms("ListKeys", &json!({ "Limit": 0 })).is_error("ValidationException");
    root.kms("ListKeys", &json!({ "ResourceOwners": ["OTHER_ACCOUNTS_VIA_RAM"] }))
        .is_error("UnsupportedOperationException");
}

#[test]
fn tags_are_set_replaced_removed_and_limited() {
    let root = Client::root();
    let id = root.new_key_id(&json!({ "Tags": [{ "TagKey": "b", "TagValue": "1" }] }));
    let tags = |client: &Client| client.kms("ListResourceTags", &json!({ "KeyId": id })).ok().value()["Tags"].clone();
    let set = |list: Value| root.kms("TagResource", &json!({ "KeyId": id, "Tags": list }));
    set(json!([{ "TagKey": "b", "TagValue": "2" }, { "TagKey": "a", "TagValue": "" }])).ok();
    assert_eq!(tags(&root), json!([{ "TagKey": "a", "TagValue": "" }, { "TagKey": "b", "TagValue": "2" }]));
    root.kms("UntagResource", &json!({ "KeyId": id, "TagKeys": ["b", "absent"] })).ok();
    assert_eq!(tags(&root), json!([{ "TagKey": "a", "TagValue": "" }]));
    set(json!([{ "TagKey": "aws:x", "TagValue": "1" }])).is_error("TagException");
    set(json!([{ "TagKey": "x", "TagValue": "1" }, { "TagKey": "x", "TagValue": "2" }])).is_error("TagException");
    let many: Vec<Value> = (0..50).map(|at| json!({ "TagKey": format!("k{at}"), "TagValue": "" })).collect();
    set(json!(many)).is_error("LimitExceededException");
    assert_eq!(tags(&root), json!([{ "TagKey": "a", "TagValue": "" }]), "a refused request changes nothing");
}

#[test]
fn a_description_has_up_to_8192_characters() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    root.kms("UpdateKeyDescription", &json!({ "KeyId": id, "Description": "é".repeat(8192) })).ok();
    root.kms("UpdateKeyDescription", &json!({ "KeyId": id, "Description": "x".repeat(8193) }))
        .is_error("ValidationException");
    assert_eq!(text(&root.describe(&id)["Description"]).chars().count(), 8192);
}

/// A key can have tags whose names differ in case only; no condition sees just one of them.
#[test]
fn tags_that_differ_in_case_do_not_hide_each_other_from_conditions() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let mut statement = allow(&["kms:TagResource", "kms:DescribeKey"]);
    statement["Condition"] =
        json!({ "StringEqualsIfExists": { "aws:RequestTag/team": "b", "aws:ResourceTag/team": "b" } });
    let user = root.user("tagger", &[statement]);
    let tag = |pairs: &[(&str, &str)]| {
        let tags: Vec<Value> = pairs.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect();
        json!({ "KeyId": id, "Tags": tags })
    };
    user.kms("TagResource", &tag(&[("Team", "a"), ("team", "b")])).is_error("AccessDeniedException");
    user.kms("TagResource", &tag(&[("team", "b")])).ok();
    user.describe(&id);
    root.kms("TagResource", &tag(&[("Team", "a")])).ok();
    user.kms("DescribeKey", &json!({ "KeyId": id })).is_error("AccessDeniedException");
}
