use serde_json::json;

use super::*;

const USER: &str = "arn:aws:iam::111122223333:user/grantee";

fn create(client: &Client, key: &str, more: &Value) -> Answered {
    let mut input =
        json!({ "KeyId": key, "GranteePrincipal": USER, "Operations": ["Decrypt", "Encrypt", "DescribeKey"] });
    for (member, value) in more.as_object().expect("members") {
        input[member] = value.clone();
    }
    client.kms("CreateGrant", &input)
}

fn grant_id(answer: Answered) -> String {
    text(&answer.ok().value()["GrantId"])
}

fn list(client: &Client, key: &str) -> Vec<Value> {
    client.kms("ListGrants", &json!({ "KeyId": key })).ok().value()["Grants"].as_array().expect("grants").clone()
}

#[test]
fn a_grant_lets_its_grantee_do_its_operations_until_it_is_revoked() {
    let root = Client::root();
    let user = root.user("grantee", &[]);
    let id = root.new_key_id(&json!({}));
    let encrypt = || user.kms("Encrypt", &json!({ "KeyId": id, "Plaintext": "eA==" }));
    encrypt().is_error("AccessDeniedException");
    let answer = create(&root, &id, &json!({})).ok().value();
    let grant = text(&answer["GrantId"]);
    assert_eq!(grant.len(), 64);
    encrypt().ok();
    user.describe(&id);
    user.kms("GenerateDataKey", &json!({ "KeyId": id, "KeySpec": "AES_256" })).is_error("AccessDeniedException");
    user.kms("GetKeyPolicy", &json!({ "KeyId": id })).is_error("AccessDeniedException");
    // With the token just the same; with one that nobody made, not.
    let with_token = |token: &Value| json!({ "KeyId": id, "Plaintext": "eA==", "GrantTokens": [token] });
    user.kms("Encrypt", &with_token(&answer["GrantToken"])).ok();
    user.kms("Encrypt", &with_token(&json!("nonsense"))).is_error("InvalidGrantTokenException");
    root.kms("RevokeGrant", &json!({ "KeyId": id, "GrantId": grant })).ok();
    encrypt().is_error("AccessDeniedException");
    user.kms("Encrypt", &with_token(&answer["GrantToken"])).is_error("InvalidGrantTokenException");
    root.kms("RevokeGrant", &json!({ "KeyId": id, "GrantId": grant })).is_error("NotFoundException");
}

#[test]
fn a_grant_never_outweighs_a_deny() {
    let root = Client::root();
    let user = root.user("grantee", &[deny(&["kms:Encrypt"])]);
    let id = root.new_key_id(&json!({}));
    create(&root, &id, &json!({})).ok();
    user.describe(&id);
    user.kms("Encrypt", &json!({ "KeyId": id, "Plaintext": "eA==" })).is_error("AccessDeniedException");
}

#[test]
fn constraints_ask_for_the_encryption_context() {
    let root = Client::root();
    let user = root.user("grantee", &[]);
    let id = root.new_key_id(&json!({}));
    let encrypt = |context: Value| {
        user.kms("Encrypt", &json!({ "KeyId": id, "Plaintext": "eA==", "EncryptionContext": context }))
    };
    for (constraint, more_is_fine) in [("EncryptionContextSubset", true), ("EncryptionContextEquals", false)] {
        let grant = grant_id(create(&root, &id, &json!({ "Constraints": { constraint: { "team": "a" } } })));
        encrypt(json!({ "team": "a" })).ok();
        assert_eq!(encrypt(json!({ "team": "a", "x": "y" })).status == 200, more_is_fine);
        encrypt(json!({})).is_error("AccessDeniedException");
        encrypt(json!({ "team": "A" })).is_error("AccessDeniedException");
        // A key has no encryption context: what is not cryptographic is not constrained.
        user.describe(&id);
        root.kms("RevokeGrant", &json!({ "KeyId": id, "GrantId": grant })).ok();
    }
}

#[test]
fn lists_grants_as_they_were_made() {
    let root = Client::root();
    root.user("grantee", &[]);
    root.role(ROLE);
    let key = root.new_key(&json!({}));
    let id = text(&key["KeyId"]);
    let more = json!({ "Name": "mine", "RetiringPrincipal": ROLE, "Operations": ["Encrypt", "Decrypt"],
                       "Constraints": { "EncryptionContextSubset": { "a": "b" } } });
    let grant = grant_id(create(&root, &id, &more));
    let expected = json!({
        "KeyId": key["Arn"], "GrantId": grant, "Name": "mine", "CreationDate": root.clock.now().as_second(),
        "GranteePrincipal": USER, "RetiringPrincipal": ROLE, "IssuingAccount": ROOT,
        "Operations": ["Decrypt", "Encrypt"], "Constraints": { "EncryptionContextSubset": { "a": "b" } },
    });
    assert_eq!(list(&root, &id), std::slice::from_ref(&expected));
    let other = grant_id(create(&root, &id, &json!({})));
    let filtered = |input: Value| {
        let mut input = input;
        input["KeyId"] = json!(id);
        root.kms("ListGrants", &input).ok().value()["Grants"].as_array().expect("grants").len()
    };
    assert_eq!(filtered(json!({ "GrantId": other })), 1);
    assert_eq!(filtered(json!({ "GranteePrincipal": USER })), 2);
    assert_eq!(filtered(json!({ "GranteePrincipal": ROLE })), 0);
    let retirable = root.kms("ListRetirableGrants", &json!({ "RetiringPrincipal": ROLE })).ok().value();
    assert_eq!(retirable["Grants"], json!([expected]));
    root.kms("ListGrants", &json!({ "KeyId": id, "Limit": 101 })).is_error("ValidationException");
    root.kms("ListGrants", &json!({ "KeyId": id, "GrantId": "no/id" })).is_error("InvalidGrantIdException");
}

#[test]
fn a_name_makes_a_repeated_request_the_same_grant() {
    let root = Client::root();
    root.user("grantee", &[]);
    let id = root.new_key_id(&json!({}));
    let named = json!({ "Name": "mine", "Operations": ["Decrypt", "Encrypt"] });
    let first = create(&root, &id, &named).ok().value();
    let again =
        create(&root, &id, &json!({ "Name": "mine", "Operations": ["Encrypt", "Decrypt", "Encrypt"] })).ok().value();
    assert_eq!(first["GrantId"], again["GrantId"]);
    assert_ne!(first["GrantToken"], again["GrantToken"]);
    assert_ne!(
        grant_id(create(&root, &id, &json!({ "Name": "mine", "Operations": ["Decrypt"] }))),
        text(&first["GrantId"])
    );
    assert_ne!(grant_id(create(&root, &id, &json!({}))), grant_id(create(&root, &id, &json!({}))));
    assert_eq!(list(&root, &id).len(), 4);
}

/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html>.
#[test]
fn refuses_grants_that_the_api_does_not_take() {
    let root = Client::root();
    root.user("grantee", &[]);
    let id = root.new_key_id(&json!({}));
    root.kms("CreateAlias", &json!({ "AliasName": "alias/app", "TargetKeyId": id })).ok();
    create(&root, "alias/app", &json!({})).is_error("NotFoundException");
    for grantee in [
        "s3.amazonaws.com",
        "arn:aws:iam::111122223333:group/people",
        "arn:aws:iam::111122223333:role/nothing",
        "arn:aws:iam::111122223333:user/nobody",
        "111122223333",
        "arn:aws:s3:::bucket",
    ] {
        create(&root, &id, &json!({ "GranteePrincipal": grantee })).is_error("InvalidArnException");
        create(&root, &id, &json!({ "RetiringPrincipal": grantee })).is_error("InvalidArnException");
    }
    let source = json!({ "SourceArn": "arn:aws:logs:eu-west-1:111122223333:delivery-source:x" });
    for wrong in [
        json!({ "Operations": ["Sign"] }),
        json!({ "Operations": [] }),
        json!({ "Operations": ["PutKeyPolicy"] }),
        json!({ "Name": "no spaces" }),
        json!({ "GranteePrincipal": null }),
        json!({ "GranteeServicePrincipal": "logs.amazonaws.com" }),
        json!({ "GranteePrincipal": null, "GranteeServicePrincipal": "logs.amazonaws.com", "Constraints": source }),
        json!({ "GranteePrincipal": null, "GranteeServicePrincipal": "logs.amazonaws.com", "RetiringPrincipal": USER }),
        json!({ "GranteePrincipal": null, "GranteeServicePrincipal": "logs", "RetiringPrincipal": USER, "Constraints": source }),
        json!({ "RetiringPrincipal": USER, "RetiringServicePrincipal": "logs.amazonaws.com" }),
        json!({ "Constraints": { "EncryptionContextSubset": { "a": "b" }, "EncryptionContextEquals": { "a": "b" } } }),
    ] {
        create(&root, &id, &wrong).is_error("ValidationException");
    }
    assert_eq!(list(&root, &id), Vec::<Value>::new());
    let service = json!({ "GranteePrincipal": null, "GranteeServicePrincipal": "logs.amazonaws.com",
                          "RetiringServicePrincipal": "logs.amazonaws.com", "Constraints": source });
    create(&root, &id, &service).ok();
    assert_eq!(list(&root, &id)[0]["GranteeServicePrincipal"], "logs.amazonaws.com");
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/create-grant-overview.html>.
#[test]
fn a_grantee_can_create_grants_no_wider_than_its_own() {
    let root = Client::root();
    let user = root.user("grantee", &[]);
    let id = root.new_key_id(&json!({}));
    let parent =
        json!({ "Operations": ["CreateGrant", "Decrypt"], "Constraints": { "EncryptionContextSubset": { "a": "b" } } });
    create(&root, &id, &parent).ok();
    let narrow = json!({ "Operations": ["Decrypt"], "Constraints": { "EncryptionContextSubset": { "a": "b" } } });
    create(&user, &id, &narrow).ok();
    let wide =
        json!({ "Operations": ["Decrypt", "Encrypt"], "Constraints": { "EncryptionContextSubset": { "a": "b" } } });
    create(&user, &id, &wide).is_error("AccessDeniedException");
    create(&user, &id, &json!({ "Operations": ["Decrypt"] })).is_error("AccessDeniedException");
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html>.
#[test]
fn a_grant_says_itself_who_may_retire_it() {
    let root = Client::root();
    let (grantee, retiring, bare) = (root.user("grantee", &[]), root.user("retiring", &[]), root.user("bare", &[]));
    let delegate = root.user("delegate", &[allow(&["kms:RetireGrant"])]);
    let stopped = root.user("stopped", &[deny(&["kms:RetireGrant"])]);
    // The key policy lets everybody retire, which has no effect.
    let everybody =
        json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "kms:RetireGrant", "Resource": "*" });
    let id = root.new_key_id(&json!({ "Policy": key_policy(&[delegation(), everybody]) }));
    let name = |user: &str| format!("arn:aws:iam::111122223333:user/{user}");
    let foreign = root.user_of("444455556666", "delegate", &[allow(&["kms:RetireGrant"])]);
    for (caller, more, allowed) in [
        (&retiring, json!({ "RetiringPrincipal": name("retiring") }), true),
        (&grantee, json!({ "Operations": ["Decrypt", "RetireGrant"] }), true),
        (&grantee, json!({}), false),
        (&bare, json!({ "RetiringPrincipal": name("retiring") }), false),
        (&root, json!({}), true),
        (&delegate, json!({}), true),
        (&stopped, json!({ "RetiringPrincipal": name("stopped") }), false),
    ] {
        let made = create(&root, &id, &more).ok().value();
        let answer = caller.kms("RetireGrant", &json!({ "KeyId": id, "GrantId": made["GrantId"] }));
        assert_eq!(answer.status == 200, allowed, "{}: {}", caller.access_key_id, answer.text);
        let token = json!({ "GrantToken": made["GrantToken"] });
        foreign.kms("RetireGrant", &token).is_error(if allowed {
            "InvalidGrantTokenException"
        } else {
            "AccessDeniedException"
        });
        if !allowed {
            root.kms("RetireGrant", &token).ok();
        }
    }
    assert_eq!(list(&root, &id), Vec::<Value>::new());
    root.kms("RetireGrant", &json!({ "KeyId": id })).is_error("ValidationException");
}

#[test]
fn dry_runs_of_grants_change_nothing() {
    let root = Client::root();
    root.user("grantee", &[]);
    let bare = root.user("bare", &[]);
    let id = root.new_key_id(&json!({}));
    let dry = json!({ "DryRun": true });
    create(&root, &id, &dry).is_error("DryRunOperationException");
    create(&bare, &id, &dry).is_error("AccessDeniedException");
    let grant = grant_id(create(&root, &id, &json!({})));
    for operation in ["RetireGrant", "RevokeGrant"] {
        let input = json!({ "KeyId": id, "GrantId": grant, "DryRun": true });
        root.kms(operation, &input).is_error("DryRunOperationException");
        bare.kms(operation, &input).is_error("AccessDeniedException");
    }
    assert_eq!(list(&root, &id).len(), 1);
}

#[test]
fn a_deleted_grantee_shows_as_its_id_and_does_not_come_back_under_its_name() {
    let root = Client::root();
    let user = root.user("grantee", &[]);
    let id = root.new_key_id(&json!({}));
    create(&root, &id, &json!({})).ok();
    user.describe(&id);
    root.delete_user(&user, "grantee");
    let again = root.user("grantee", &[]);
    again.kms("DescribeKey", &json!({ "KeyId": id })).is_error("AccessDeniedException");
    let shown = text(&list(&root, &id)[0]["GranteePrincipal"]);
    assert!(shown.starts_with("AIDA"), "{shown}");
}

#[test]
fn a_grant_of_a_replica_counts_in_its_region_only() {
    let root = Client::root();
    let user = root.user("grantee", &[]);
    let there = root.in_region("eu-central-1");
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    root.kms("ReplicateKey", &json!({ "KeyId": id, "ReplicaRegion": "eu-central-1" })).ok();
    create(&there, &id, &json!({})).ok();
    user.in_region("eu-central-1").describe(&id);
    user.kms("DescribeKey", &json!({ "KeyId": id })).is_error("AccessDeniedException");
    assert_eq!((list(&root, &id).len(), list(&there, &id).len()), (0, 1));
}

#[test]
fn a_grantee_of_another_account_needs_its_own_policies_too() {
    let root = Client::root();
    let other = "444455556666";
    let (allowed, bare) = (root.user_of(other, "allowed", &[allow(&["kms:*"])]), root.user_of(other, "bare", &[]));
    let arn = text(&root.new_key(&json!({}))["Arn"]);
    for name in ["allowed", "bare"] {
        create(&root, &arn, &json!({ "GranteePrincipal": format!("arn:aws:iam::{other}:user/{name}") })).ok();
    }
    let encrypt = json!({ "KeyId": arn, "Plaintext": "eA==" });
    allowed.kms("Encrypt", &encrypt).ok();
    bare.kms("Encrypt", &encrypt).is_error("AccessDeniedException");
}

#[test]
fn a_grant_to_a_role_is_for_its_sessions_until_the_role_is_deleted() {
    let root = Client::operator();
    root.role(ROLE);
    let id = root.new_key_id(&json!({}));
    let made = create(&root, &id, &json!({ "GranteePrincipal": ROLE, "RetiringPrincipal": ROLE })).ok().value();
    root.assume(ROLE, "session").describe(&id);
    root.delete_role("app");
    root.role(ROLE);
    let again = root.assume(ROLE, "session");
    again.kms("DescribeKey", &json!({ "KeyId": id })).is_error("AccessDeniedException");
    again.kms("RetireGrant", &json!({ "GrantToken": made["GrantToken"] })).is_error("AccessDeniedException");
    let shown = &list(&root, &id)[0];
    for party in ["GranteePrincipal", "RetiringPrincipal"] {
        assert!(text(&shown[party]).starts_with("AROA"), "{shown}");
    }
}
