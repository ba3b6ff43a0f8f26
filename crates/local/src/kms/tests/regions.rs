use serde_json::json;

use super::*;

const THERE: &str = "eu-central-1";

fn replicate(client: &Client, key: &str, more: &Value) -> Answered {
    let mut input = more.clone();
    input["KeyId"] = json!(key);
    if input.get("ReplicaRegion").is_none() {
        input["ReplicaRegion"] = json!(THERE);
    }
    client.kms("ReplicateKey", &input)
}

#[test]
fn a_replica_shares_id_and_material_and_nothing_else() {
    let root = Client::root();
    let primary = root.new_key(&json!({
        "MultiRegion": true, "Description": "mine", "Tags": [{ "TagKey": "a", "TagValue": "b" }],
    }));
    let id = text(&primary["KeyId"]);
    let answer = replicate(&root, &id, &json!({})).ok().value();
    let replica = &answer["ReplicaKeyMetadata"];
    assert_eq!(replica["KeyState"], "Creating");
    assert_eq!((&replica["KeyId"], &replica["Description"]), (&primary["KeyId"], &json!("")));
    assert_eq!(answer["ReplicaTags"], json!([]));
    assert!(text(&answer["ReplicaPolicy"]).contains("key-default-1"));
    assert_eq!(replica["CurrentKeyMaterialId"], primary["CurrentKeyMaterialId"]);
    let there = root.in_region(THERE);
    let arn = format!("arn:aws:kms:{THERE}:{ACCOUNT}:key/{id}");
    assert_eq!(there.state(&id), "Enabled");
    let configuration = json!({
        "MultiRegionKeyType": "REPLICA",
        "PrimaryKey": { "Arn": primary["Arn"], "Region": "eu-west-1" },
        "ReplicaKeys": [{ "Arn": arn, "Region": THERE }],
    });
    assert_eq!(there.describe(&id)["MultiRegionConfiguration"], configuration);
    root.kms("DisableKey", &json!({ "KeyId": id })).ok();
    assert_eq!((root.state(&id).as_str(), there.state(&id).as_str()), ("Disabled", "Enabled"));
}

#[test]
fn related_keys_decrypt_for_each_other_and_unrelated_ones_do_not() {
    let root = Client::root();
    let there = root.in_region(THERE);
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    replicate(&root, &id, &json!({})).ok();
    for (from, to) in [(&root, &there), (&there, &root)] {
        let blob = from.encrypt(&id, "secret", &json!({ "a": "b" }));
        let answer = to.decrypt(&blob, &json!({ "a": "b" })).ok().value();
        assert_eq!(unbase64(&text(&answer["Plaintext"])), b"secret");
        assert!(text(&answer["KeyId"]).contains(&format!(":{}:", to.region)));
    }
    let unrelated = there.new_key_id(&json!({ "MultiRegion": true }));
    let blob = root.encrypt(&id, "secret", &json!({}));
    there.kms("Decrypt", &json!({ "CiphertextBlob": blob, "KeyId": unrelated })).is_error("IncorrectKeyException");
    let single = root.encrypt(&root.new_key_id(&json!({})), "secret", &json!({}));
    there.decrypt(&single, &json!({})).is_error("AccessDeniedException");
}

#[test]
fn a_replica_has_the_policy_that_it_was_given() {
    let root = Client::root();
    let admin = root.user("admin", &[allow(&["kms:CreateKey"])]);
    let name = "arn:aws:iam::111122223333:user/admin";
    let id =
        root.new_key_id(&json!({ "MultiRegion": true, "Policy": key_policy(&[delegation(), lets(name, &["kms:*"])]) }));
    let own = json!({ "Policy": key_policy(&[lets(name, &["kms:*"])]), "Description": "there" });
    let locked = replicate(&root, &id, &own);
    locked.is_error("MalformedPolicyDocumentException");
    replicate(&admin, &id, &own).ok();
    let there = root.in_region(THERE);
    there.kms("DescribeKey", &json!({ "KeyId": id })).is_error("AccessDeniedException");
    assert_eq!(text(&admin.in_region(THERE).describe(&id)["Description"]), "there");
    root.describe(&id);
}

#[test]
fn making_a_key_in_the_other_region_must_be_allowed_there() {
    let root = Client::root();
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    let create_in = |region: &str| {
        json!({ "Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*",
                "Condition": { "StringEquals": { "aws:RequestedRegion": region, "kms:MultiRegionKeyType": "REPLICA" } } })
    };
    let here = root.user("here", &[allow(&["kms:ReplicateKey"]), create_in("eu-west-1")]);
    replicate(&here, &id, &json!({})).is_error("AccessDeniedException");
    let there = root.user("there", &[allow(&["kms:ReplicateKey"]), create_in(THERE)]);
    replicate(&there, &id, &json!({})).ok();
}

#[test]
fn refuses_replicas_that_cannot_be() {
    let root = Client::root();
    let single = root.new_key_id(&json!({}));
    replicate(&root, &single, &json!({})).is_error("UnsupportedOperationException");
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    replicate(&root, &id, &json!({})).ok();
    replicate(&root, &id, &json!({})).is_error("AlreadyExistsException");
    replicate(&root, &id, &json!({ "ReplicaRegion": "eu-west-1" })).is_error("AlreadyExistsException");
    replicate(&root.in_region(THERE), &id, &json!({ "ReplicaRegion": "eu-west-3" }))
        .is_error("UnsupportedOperationException");
    for region in ["nowhere", "cn-north-1", ""] {
        replicate(&root, &id, &json!({ "ReplicaRegion": region })).is_error("ValidationException");
    }
    // One that is pending deletion is still there: it is to be rescued, not made again.
    root.in_region(THERE).kms("ScheduleKeyDeletion", &json!({ "KeyId": id })).ok();
    let answer = replicate(&root, &id, &json!({}));
    answer.is_error("AlreadyExistsException");
    assert!(answer.message().contains("PendingDeletion"), "{}", answer.text);
}

#[test]
fn the_primary_can_be_moved_to_a_replica() {
    let root = Client::root();
    let there = root.in_region(THERE);
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    let update = |client: &Client, region: &str| {
        client.kms("UpdatePrimaryRegion", &json!({ "KeyId": id, "PrimaryRegion": region }))
    };
    update(&root, THERE).is_error("NotFoundException");
    replicate(&root, &id, &json!({})).ok();
    update(&there, "eu-west-1").is_error("UnsupportedOperationException");
    there.kms("DisableKey", &json!({ "KeyId": id })).ok();
    update(&root, THERE).is_error("DisabledException");
    there.kms("EnableKey", &json!({ "KeyId": id })).ok();
    update(&root, THERE).ok();
    let kind = |client: &Client| text(&client.describe(&id)["MultiRegionConfiguration"]["MultiRegionKeyType"]);
    assert_eq!((kind(&root), kind(&there)), ("REPLICA".into(), "PRIMARY".into()));
    assert_eq!((root.state(&id), there.state(&id)), ("Enabled".into(), "Enabled".into()));
    there.kms("EnableKeyRotation", &json!({ "KeyId": id })).ok();
    root.kms("EnableKeyRotation", &json!({ "KeyId": id })).is_error("UnsupportedOperationException");
}

/// Both keys' policies have a say.
#[test]
fn moving_the_primary_needs_the_permission_of_both_keys() {
    let root = Client::root();
    let name = "arn:aws:iam::111122223333:user/mover";
    let mover = root.user("mover", &[]);
    let open = key_policy(&[delegation(), lets(name, &["kms:UpdatePrimaryRegion"])]);
    for (here, there, allowed) in [(true, true, true), (true, false, false), (false, true, false)] {
        let policy = |is_open: bool| if is_open { open.clone() } else { key_policy(&[delegation()]) };
        let id = root.new_key_id(&json!({ "MultiRegion": true, "Policy": policy(here) }));
        replicate(&root, &id, &json!({ "Policy": policy(there) })).ok();
        let answer = mover.kms("UpdatePrimaryRegion", &json!({ "KeyId": id, "PrimaryRegion": THERE }));
        assert_eq!(answer.status == 200, allowed, "{here} {there}: {}", answer.text);
    }
}
