use serde_json::json;

use super::*;

const ADMIN: &str = "arn:aws:iam::111122223333:user/admin";
const LOCKOUT: &str = "The new key policy will not allow you to update the key policy in the future.";
const INVALID: &str = "Policy contains a statement with one or more invalid principals.";

fn put(client: &Client, key: &str, policy: &str) -> Answered {
    client.kms("PutKeyPolicy", &json!({ "KeyId": key, "Policy": policy }))
}

fn policy_of(client: &Client, key: &str) -> String {
    text(&client.kms("GetKeyPolicy", &json!({ "KeyId": key })).ok().value()["Policy"])
}

#[test]
fn a_key_without_a_policy_delegates_to_its_account() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let policy: Value = serde_json::from_str(&policy_of(&root, &id)).expect("JSON");
    assert_eq!(policy["Id"], "key-default-1");
    assert_eq!(
        policy["Statement"],
        json!([{ "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": { "AWS": ROOT },
                 "Action": "kms:*", "Resource": "*" }])
    );
    let names = root.kms("ListKeyPolicies", &json!({ "KeyId": id })).ok().value();
    assert_eq!(names, json!({ "PolicyNames": ["default"], "Truncated": false }));
    root.kms("GetKeyPolicy", &json!({ "KeyId": id, "PolicyName": "other" })).is_error("NotFoundException");
}

#[test]
fn a_policy_is_given_back_as_it_was_put() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let policy = key_policy(&[delegation()]).replace(',', " ,\n");
    put(&root, &id, &policy).ok();
    assert_eq!(policy_of(&root, &id), policy);
}

/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>.
#[test]
fn the_lock_out_check_tests_the_caller_and_nobody_else() {
    let root = Client::root();
    let (admin, writer, bare) =
        (root.user("admin", &[]), root.user("writer", &[allow(&["kms:PutKeyPolicy"])]), root.user("bare", &[]));
    let for_admin = key_policy(&[lets(ADMIN, &["kms:*"])]);
    let delegating = key_policy(&[
        delegation(),
        lets(ADMIN, &["kms:*"]),
        lets("arn:aws:iam::111122223333:user/bare", &["kms:PutKeyPolicy"]),
    ]);
    let id = root.new_key_id(&json!({ "Policy": delegating }));
    for caller in [&root, &writer] {
        let answer = put(caller, &id, &for_admin);
        answer.is_error("MalformedPolicyDocumentException");
        assert_eq!(answer.message(), LOCKOUT);
    }
    // Delegation alone is not enough for a caller whose own policies say nothing.
    let answer = put(&bare, &id, &key_policy(&[delegation()]));
    assert_eq!((answer.code().as_str(), answer.message().as_str()), ("MalformedPolicyDocumentException", LOCKOUT));
    put(&writer, &id, &key_policy(&[delegation(), lets(ADMIN, &["kms:*"])])).ok();
    put(&admin, &id, &for_admin).ok();
    put(&root, &id, &for_admin).is_error("AccessDeniedException");
}

#[test]
fn the_lock_out_check_sees_denials_and_conditions() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "kms:Put*", "Resource": "*" });
    let mut conditional = delegation();
    conditional["Condition"] = json!({ "StringEquals": { "kms:ViaService": "s3.eu-west-1.amazonaws.com" } });
    for policy in [key_policy(&[delegation(), deny]), key_policy(&[conditional])] {
        assert_eq!(put(&root, &id, &policy).message(), LOCKOUT);
    }
    let nobody = key_policy(&[json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" })]);
    let answer = root.kms("CreateKey", &json!({ "Policy": nobody }));
    assert_eq!((answer.code().as_str(), answer.message().as_str()), ("MalformedPolicyDocumentException", LOCKOUT));
}

#[test]
fn the_lock_out_check_can_be_bypassed() {
    let root = Client::root();
    root.user("admin", &[]);
    let policy = key_policy(&[lets(ADMIN, &["kms:*"])]);
    let bypass = json!({ "Policy": policy, "BypassPolicyLockoutSafetyCheck": true });
    let id = root.new_key_id(&bypass);
    root.kms("DescribeKey", &json!({ "KeyId": id })).is_error("AccessDeniedException");
}

#[test]
fn refuses_principals_that_do_not_exist() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    for principal in [
        "arn:aws:iam::111122223333:user/nobody",
        "arn:aws:iam::111122223333:role/nothing",
        "arn:aws:iam::111122223333:group/people",
        "AROAEXAMPLEEXAMPLE123",
        "nonsense",
    ] {
        let answer = put(&root, &id, &key_policy(&[delegation(), lets(principal, &["kms:*"])]));
        answer.is_error("MalformedPolicyDocumentException");
        assert_eq!(answer.message(), INVALID, "{principal}");
    }
    root.role(ROLE);
    put(&root, &id, &key_policy(&[delegation(), lets(ROLE, &["kms:*"]), lets("444455556666", &["kms:Decrypt"])])).ok();
}

#[test]
fn refuses_what_is_no_policy_or_too_long() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let before = policy_of(&root, &id);
    put(&root, &id, "{").is_error("MalformedPolicyDocumentException");
    put(&root, &id, "[]").is_error("MalformedPolicyDocumentException");
    put(&root, &id, &key_policy(&[json!({ "Effect": "Maybe", "Principal": "*", "Action": "*", "Resource": "*" })]))
        .is_error("MalformedPolicyDocumentException");
    put(&root, &id, &key_policy(&[allow(&["kms:*"])])).is_error("MalformedPolicyDocumentException");
    put(&root, &id, "").is_error("ValidationException");
    put(&root, &id, &key_policy(&[delegation()]).replace("root\"", "root\u{100}\"")).is_error("ValidationException");
    let policy = key_policy(&[delegation()]);
    let padded = |length: usize| format!("{policy}{}", " ".repeat(length - policy.len()));
    put(&root, &id, &padded(32_769)).is_error("LimitExceededException");
    assert_eq!(policy_of(&root, &id), before, "a refused policy changes nothing");
    put(&root, &id, &padded(32_768)).ok();
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.
#[test]
fn a_deleted_principal_shows_as_its_id_and_does_not_come_back_under_its_name() {
    let root = Client::root();
    root.role(ROLE);
    let user = root.user("admin", &[]);
    let policy = key_policy(&[delegation(), lets(ADMIN, &["kms:*"]), lets(ROLE, &["kms:Decrypt"])]);
    let id = root.new_key_id(&json!({ "Policy": policy }));
    user.describe(&id);
    root.delete_user(&user, "admin");
    root.delete_role("app");
    let again = root.user("admin", &[]);
    root.role(ROLE);
    again.kms("DescribeKey", &json!({ "KeyId": id })).is_error("AccessDeniedException");
    let shown: Value = serde_json::from_str(&policy_of(&root, &id)).expect("JSON");
    assert_eq!(shown["Statement"][0]["Principal"]["AWS"], ROOT);
    let (user_id, role_id) =
        (text(&shown["Statement"][1]["Principal"]["AWS"]), text(&shown["Statement"][2]["Principal"]["AWS"]));
    assert!(user_id.starts_with("AIDA") && role_id.starts_with("AROA"), "{user_id} {role_id}");
    // Put again, the names mean those that have them now; the old IDs mean nobody.
    put(&root, &id, &shown.to_string()).is_error("MalformedPolicyDocumentException");
    put(&root, &id, &policy).ok();
    again.describe(&id);
}

/// The way in which root's access is removed: the admin role's own session puts the policy that names the role alone.
#[test]
fn a_session_of_the_admin_role_can_take_over_a_key_in_both_regions() {
    let operator = Client::operator();
    let role = "arn:aws:iam::111122223333:role/admin";
    operator.role(role);
    let policy = key_policy(&[lets(role, &["kms:*"])]);
    let interim = key_policy(&[delegation(), lets(role, &["kms:*"])]);
    let id = operator.new_key_id(&json!({ "MultiRegion": true, "Policy": interim }));
    let replica = json!({ "KeyId": id, "ReplicaRegion": "eu-central-1", "Policy": interim });
    operator.kms("ReplicateKey", &replica).ok();
    let admin = operator.assume(role, "me");
    for region in ["eu-west-1", "eu-central-1"] {
        let (operator, admin) = (operator.in_region(region), admin.in_region(region));
        assert_eq!(put(&operator, &id, &policy).message(), LOCKOUT, "{region}");
        put(&admin, &id, &policy).ok();
        put(&admin, &id, &policy).ok();
        for outside in [&operator, &operator.root_of(ACCOUNT)] {
            outside.kms("DescribeKey", &json!({ "KeyId": id })).is_error("AccessDeniedException");
            put(outside, &id, &interim).is_error("AccessDeniedException");
        }
        assert_eq!(policy_of(&admin, &id), policy);
    }
    // The sessions of a role that is made again are not those of the one that the policy means.
    operator.delete_role("admin");
    operator.role(role);
    put(&operator.assume(role, "me"), &id, &interim).is_error("AccessDeniedException");
}
