use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::kms::OPERATIONS;

/// An operation and the actions that it needs, all of them.
#[derive(Deserialize)]
struct Case {
    operation: String,
    #[expect(dead_code, reason = "for the reader")]
    source: String,
    actions: Vec<String>,
    input: Value,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../../../../conformance/kms/authorization.json");
    serde_json::from_str(text).expect("cases")
}

/// The answer to the case for a user with these statements.
fn answer(case: &Case, statements: &[Value]) -> Answered {
    let fixture = Fixture::new();
    let user = fixture.root.user("someone", statements);
    user.kms(&case.operation, &fixture.filled(&case.input))
}

fn all_but<'a>(actions: &'a [String], left_out: &str) -> Vec<&'a str> {
    actions.iter().map(String::as_str).filter(|action| *action != left_out).collect()
}

#[test]
fn each_operation_is_allowed_by_the_actions_that_its_page_names() {
    for case in cases() {
        // To put a policy, its lock-out check asks for the same action.
        let answer = answer(&case, &[allow(&all_but(&case.actions, ""))]);
        assert_eq!(answer.status, 200, "{}: {}", case.operation, answer.text);
    }
}

#[test]
fn each_operation_is_denied_without_any_of_its_actions() {
    for case in cases() {
        for left_out in &case.actions {
            let rest = all_but(&case.actions, left_out);
            let statements = if rest.is_empty() { vec![] } else { vec![allow(&rest)] };
            let answer = answer(&case, &statements);
            answer.is_error("AccessDeniedException");
            let message = answer.message();
            assert!(message.contains(&format!("is not authorized to perform: {left_out} on resource: ")), "{message}");
            assert!(message.ends_with(&format!("no identity-based policy allows the {left_out} action")), "{message}");
        }
    }
}

#[test]
fn each_operation_is_denied_by_an_explicit_deny_of_any_of_its_actions() {
    for case in cases() {
        for denied in &case.actions {
            let answer = answer(&case, &[allow(&["kms:*"]), deny(&[denied])]);
            answer.is_error("AccessDeniedException");
            let message = answer.message();
            assert!(message.ends_with("with an explicit deny in an identity-based policy"), "{message}");
        }
    }
}

#[test]
fn every_operation_has_a_case_or_names_itself_as_unsupported() {
    let root = Client::root();
    let covered: Vec<String> = cases().into_iter().map(|case| case.operation).collect();
    for entry in OPERATIONS.iter().filter(|entry| !covered.iter().any(|name| name == entry.name)) {
        let answer = root.kms(entry.name, &json!({}));
        answer.is_error("UnsupportedOperationException");
        assert!(answer.message().starts_with(entry.name), "{}", answer.text);
    }
    assert_eq!(OPERATIONS.len(), 56);
    assert_eq!(covered.len(), 36);
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>.
#[test]
fn without_delegation_iam_policies_give_nothing_and_even_root_is_out() {
    let root = Client::root();
    let (admin, other) = (root.user("admin", &[allow(&["kms:*"])]), root.user("other", &[allow(&["kms:*"])]));
    let policy = key_policy(&[lets("arn:aws:iam::111122223333:user/admin", &["kms:*"])]);
    let key = admin.new_key_id(&json!({ "Policy": policy }));
    for denied in [&root, &other] {
        let answer = denied.kms("DescribeKey", &json!({ "KeyId": key }));
        answer.is_error("AccessDeniedException");
        assert!(answer.message().ends_with("because no resource-based policy allows the kms:DescribeKey action"));
    }
    admin.describe(&key);
}

#[test]
fn a_deny_in_iam_counts_even_where_the_key_policy_names_the_caller() {
    let root = Client::root();
    let user = root.user("someone", &[deny(&["kms:Encrypt"])]);
    let policy = key_policy(&[delegation(), lets("arn:aws:iam::111122223333:user/someone", &["kms:*"])]);
    let key = root.new_key_id(&json!({ "Policy": policy }));
    user.describe(&key);
    user.kms("Encrypt", &json!({ "KeyId": key, "Plaintext": "eA==" })).is_error("AccessDeniedException");
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html>.
#[test]
fn another_account_needs_both_the_key_policy_and_its_own() {
    let root = Client::root();
    let other = "444455556666";
    let allowed = root.user_of(other, "allowed", &[allow(&["kms:*"])]);
    let bare = root.user_of(other, "bare", &[]);
    let policy = key_policy(&[delegation(), lets(&format!("arn:aws:iam::{other}:root"), &["kms:*"])]);
    let arn = text(&root.new_key(&json!({ "Policy": policy }))["Arn"]);
    let closed = text(&root.new_key(&json!({}))["Arn"]);
    let encrypt = |key: &str| json!({ "KeyId": key, "Plaintext": "eA==" });
    let blob = allowed.kms("Encrypt", &encrypt(&arn)).ok().value()["CiphertextBlob"].clone();
    bare.kms("Encrypt", &encrypt(&arn)).is_error("AccessDeniedException");
    allowed.kms("Encrypt", &encrypt(&closed)).is_error("AccessDeniedException");
    // The blob names its key, of whatever account.
    allowed.kms("Decrypt", &json!({ "CiphertextBlob": blob })).ok();
    // The key policy cannot open these to other accounts.
    for (operation, input) in [
        ("GetKeyPolicy", json!({ "KeyId": arn })),
        ("ScheduleKeyDeletion", json!({ "KeyId": arn })),
        ("PutKeyPolicy", json!({ "KeyId": arn, "Policy": policy })),
    ] {
        allowed.kms(operation, &input).is_error("AccessDeniedException");
    }
}

/// Own reading: of the own account one is told that a key does not exist, of another account not.
#[test]
fn tells_of_missing_keys_in_the_own_account_only() {
    let root = Client::root();
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let bare = root.user("bare", &[]);
    bare.kms("DescribeKey", &json!({ "KeyId": id })).is_error("NotFoundException");
    let foreign = format!("arn:aws:kms:eu-west-1:444455556666:key/{id}");
    let answer = root.kms("DescribeKey", &json!({ "KeyId": foreign }));
    answer.is_error("AccessDeniedException");
    assert!(answer.message().contains("the resource does not exist in this Region"), "{}", answer.text);
}

/// Own reading: a refusal is the same for a key of another account that exists and for one that does not, whatever it is
/// that refuses, and whatever else the caller may or may not do.
#[test]
fn a_refusal_does_not_tell_whether_a_key_of_another_account_exists() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    root.kms("CreateAlias", &json!({ "AliasName": "alias/there", "TargetKeyId": id })).ok();
    let blob = root.encrypt(&id, "secret", &json!({}));
    let lost = "99999999-12ab-34cd-56ef-1234567890ab";
    let arn = |name: &str| format!("arn:aws:kms:eu-west-1:{ACCOUNT}:{name}");
    let (keys, aliases) = ([arn(&format!("key/{id}")), arn(&format!("key/{lost}"))], ["there", "lost"]);
    let aliases = aliases.map(|name| arn(&format!("alias/{name}")));
    let blobs = [blob.clone(), blob_of_key(&blob, &id, lost)];
    let inside = "444455556666";
    for (name, statements) in
        [("allowed", vec![allow(&["kms:*"])]), ("bare", vec![]), ("denied", vec![allow(&["kms:*"]), deny(&["kms:*"])])]
    {
        let caller = root.user_of(inside, name, &statements);
        let own = root.root_of(inside);
        let own_id = own.new_key_id(&json!({}));
        let (own_blob, alias) = (own.encrypt(&own_id, "own", &json!({})), format!("alias/{name}"));
        own.kms("CreateAlias", &json!({ "AliasName": alias, "TargetKeyId": own_id })).ok();
        let compare = |operation: &str, inputs: [Value; 2]| {
            let [there, lost_one] = inputs.map(|input| caller.kms(operation, &input));
            let plain =
                |answer: &Answered| answer.message().replace(&id, "ID").replace(lost, "ID").replace("lost", "there");
            assert_eq!(there.code(), lost_one.code(), "{name} {operation}: {} {}", there.text, lost_one.text);
            assert_eq!(plain(&there), plain(&lost_one), "{name} {operation}");
            assert_ne!(there.status, 200, "{name} {operation}");
        };
        for named in [&keys, &aliases] {
            let with = |input: fn(&str) -> Value| [input(&named[0]), input(&named[1])];
            compare("DescribeKey", with(|key| json!({ "KeyId": key })));
            compare("Encrypt", with(|key| json!({ "KeyId": key, "Plaintext": "eA==" })));
            compare("GenerateDataKey", with(|key| json!({ "KeyId": key, "KeySpec": "AES_256" })));
            let re_encrypt = |key: &String| json!({ "CiphertextBlob": own_blob, "DestinationKeyId": key });
            compare("ReEncrypt", [re_encrypt(&named[0]), re_encrypt(&named[1])]);
        }
        for operation in ["GetKeyPolicy", "ListGrants", "EnableKey", "ScheduleKeyDeletion", "ListAliases"] {
            compare(operation, keys.clone().map(|key| json!({ "KeyId": key })));
        }
        let grant = |key| json!({ "KeyId": key, "GrantId": "0".repeat(64) });
        compare("RetireGrant", keys.clone().map(grant));
        compare("RevokeGrant", keys.clone().map(grant));
        compare("CreateAlias", keys.clone().map(|key| json!({ "AliasName": "alias/new", "TargetKeyId": key })));
        compare("UpdateAlias", keys.clone().map(|key| json!({ "AliasName": alias, "TargetKeyId": key })));
        compare("UpdatePrimaryRegion", keys.clone().map(|key| json!({ "KeyId": key, "PrimaryRegion": "eu-west-2" })));
        let replicate = |key| {
            let tags = json!([{ "TagKey": "a", "TagValue": "b" }]);
            json!({ "KeyId": key, "ReplicaRegion": "eu-west-2", "Tags": tags })
        };
        compare("ReplicateKey", keys.clone().map(replicate));
        compare("Decrypt", blobs.clone().map(|blob| json!({ "CiphertextBlob": blob })));
        for destination in [&own_id, lost, &keys[0], &keys[1]] {
            let input = |blob| json!({ "CiphertextBlob": blob, "DestinationKeyId": destination });
            compare("ReEncrypt", blobs.clone().map(input));
        }
    }
}

/// Every input of the cases with each of its values replaced by one that nobody would send.
#[test]
fn no_value_of_a_member_makes_an_operation_fall_over() {
    let fixture = Fixture::new();
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("\u{0}"),
        json!("é*/"),
        json!("x".repeat(20_000)),
        json!("arn:aws:kms:eu-west-1:111122223333:key/"),
        json!("alias/"),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!([null, {}]),
        json!({ "\u{0}time": 1 }),
    ];
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../../../conformance/kms/authorization.json")).expect("cases");
    for case in cases {
        let Value::Object(mut input) = fixture.filled(&case.input) else { continue };
        for extra in ["EncryptionContext", "Constraints", "GrantTokens", "Tags", "Limit", "Marker", "DryRunModifiers"] {
            input.entry(extra).or_insert(Value::Null);
        }
        for member in input.keys() {
            for value in &odd {
                let mut spoilt = input.clone();
                spoilt.insert(member.clone(), value.clone());
                let answer = fixture.root.kms(&case.operation, &Value::Object(spoilt));
                assert!(answer.status < 500, "{} {member}: {}", case.operation, answer.text);
            }
        }
    }
}

/// The same blob as if another key had made it, with its checksum.
fn blob_of_key(blob: &str, id: &str, other: &str) -> String {
    use base64::Engine as _;
    let mut bytes = unbase64(blob);
    let at = 1 + 12 + 1;
    assert_eq!(&bytes[at..at + id.len()], id.as_bytes());
    bytes[at..at + other.len()].copy_from_slice(other.as_bytes());
    let end = at + id.len() + 32 + 16 + 12;
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes[..end]);
    bytes[end..end + 8].copy_from_slice(&sum.as_ref()[..8]);
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Condition keys that KMS fills in: a statement with the condition allows the first input and not the second.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>.
#[test]
fn condition_keys_have_the_values_that_the_request_gives_them() {
    let context = |pairs: Value| json!({ "KeyId": "{key}", "Plaintext": "eA==", "EncryptionContext": pairs });
    let grant = |operations: &[&str]| json!({ "KeyId": "{key}", "GranteePrincipal": ROLE, "Operations": operations });
    let bypass =
        |bypass: bool| json!({ "KeyId": "{key}", "Policy": "{policy}", "BypassPolicyLockoutSafetyCheck": bypass });
    let constrained = |constraint: &str| {
        json!({ "KeyId": "{key}", "GranteePrincipal": ROLE, "Operations": ["Decrypt"],
                "Constraints": { constraint: { "team": "a" } } })
    };
    let tag = |value: &str| json!({ "KeyId": "{key}", "Tags": [{ "TagKey": "team", "TagValue": value }] });
    let multi_values = "ForAllValues:StringEquals";
    for (operation, operator, key, value, good, bad) in [
        (
            "Encrypt",
            "StringEquals",
            "kms:EncryptionContext:team",
            json!("a"),
            context(json!({"team": "a"})),
            context(json!({"team": "b"})),
        ),
        (
            "Encrypt",
            "StringEquals",
            "kms:EncryptionContext:TEAM",
            json!("a"),
            context(json!({"team": "a"})),
            context(json!({})),
        ),
        (
            "Encrypt",
            "ForAnyValue:StringEquals",
            "kms:EncryptionContextKeys",
            json!("team"),
            context(json!({"team": "x"})),
            context(json!({"other": "x"})),
        ),
        (
            "Encrypt",
            "StringEquals",
            "kms:RequestAlias",
            json!("alias/app"),
            json!({"KeyId": "alias/app", "Plaintext": "eA=="}),
            context(json!({})),
        ),
        (
            "Encrypt",
            "StringEquals",
            "kms:EncryptionAlgorithm",
            json!("SYMMETRIC_DEFAULT"),
            context(json!({})),
            Value::Null,
        ),
        ("Encrypt", "StringEquals", "kms:CallerAccount", json!("111122223333"), context(json!({})), Value::Null),
        (
            "Encrypt",
            "ForAnyValue:StringEquals",
            "kms:ResourceAliases",
            json!("alias/app"),
            context(json!({})),
            json!({"KeyId": "{other}", "Plaintext": "eA=="}),
        ),
        (
            "DescribeKey",
            "Bool",
            "kms:MultiRegion",
            json!("true"),
            json!({"KeyId": "{key}"}),
            json!({"KeyId": "{other}"}),
        ),
        (
            "DescribeKey",
            "StringEquals",
            "kms:MultiRegionKeyType",
            json!("PRIMARY"),
            json!({"KeyId": "{key}"}),
            json!({"KeyId": "{other}"}),
        ),
        (
            "DescribeKey",
            "StringEquals",
            "kms:KeySpec",
            json!("SYMMETRIC_DEFAULT"),
            json!({"KeyId": "{key}"}),
            Value::Null,
        ),
        (
            "DescribeKey",
            "StringEquals",
            "kms:KeyUsage",
            json!("ENCRYPT_DECRYPT"),
            json!({"KeyId": "{key}"}),
            Value::Null,
        ),
        ("DescribeKey", "StringEquals", "kms:KeyOrigin", json!("AWS_KMS"), json!({"KeyId": "{key}"}), Value::Null),
        ("CreateKey", "Bool", "kms:MultiRegion", json!("false"), json!({}), json!({"MultiRegion": true})),
        (
            "CreateGrant",
            multi_values,
            "kms:GrantOperations",
            json!(["Decrypt", "Encrypt"]),
            grant(&["Decrypt"]),
            grant(&["Decrypt", "DescribeKey"]),
        ),
        ("CreateGrant", "StringEquals", "kms:GranteePrincipal", json!(ROLE), grant(&["Decrypt"]), Value::Null),
        (
            "CreateGrant",
            "StringEquals",
            "kms:GrantConstraintType",
            json!("EncryptionContextSubset"),
            constrained("EncryptionContextSubset"),
            constrained("EncryptionContextEquals"),
        ),
        (
            "CreateGrant",
            "StringEquals",
            "kms:EncryptionContext:team",
            json!("a"),
            constrained("EncryptionContextSubset"),
            grant(&["Decrypt"]),
        ),
        ("CreateGrant", "Bool", "kms:GrantIsForAWSResource", json!("false"), grant(&["Decrypt"]), Value::Null),
        (
            "ReEncrypt",
            "Bool",
            "kms:ReEncryptOnSameKey",
            json!("true"),
            json!({"CiphertextBlob": "{blob}", "DestinationKeyId": "{key}"}),
            json!({"CiphertextBlob": "{blob}", "DestinationKeyId": "{other}"}),
        ),
        (
            "EnableKeyRotation",
            "NumericLessThan",
            "kms:RotationPeriodInDays",
            json!("200"),
            json!({"KeyId": "{key}", "RotationPeriodInDays": 199}),
            json!({"KeyId": "{key}"}),
        ),
        (
            "ScheduleKeyDeletion",
            "NumericGreaterThan",
            "kms:ScheduleKeyDeletionPendingWindowInDays",
            json!("14"),
            json!({"KeyId": "{key}"}),
            json!({"KeyId": "{key}", "PendingWindowInDays": 14}),
        ),
        ("PutKeyPolicy", "Bool", "kms:BypassPolicyLockoutSafetyCheck", json!("false"), bypass(false), bypass(true)),
        (
            "ReplicateKey",
            "StringEqualsIfExists",
            "kms:ReplicaRegion",
            json!("eu-west-3"),
            json!({"KeyId": "{key}", "ReplicaRegion": "eu-west-3"}),
            json!({"KeyId": "{key}", "ReplicaRegion": "eu-west-2"}),
        ),
        (
            "UpdatePrimaryRegion",
            "StringEquals",
            "kms:PrimaryRegion",
            json!("eu-central-1"),
            json!({"KeyId": "{key}", "PrimaryRegion": "eu-central-1"}),
            Value::Null,
        ),
        ("TagResource", "StringEquals", "aws:RequestTag/team", json!("a"), tag("a"), tag("b")),
        (
            "TagResource",
            multi_values,
            "aws:TagKeys",
            json!(["team"]),
            tag("a"),
            json!({"KeyId": "{key}", "Tags": [{"TagKey": "x", "TagValue": "y"}]}),
        ),
    ] {
        let fixture = Fixture::new();
        let statement = json!({
            "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": { operator: { key: value } },
        });
        let user = fixture.root.user("someone", &[statement]);
        if !bad.is_null() {
            let answer = user.kms(operation, &fixture.filled(&bad));
            assert_eq!(answer.code(), "AccessDeniedException", "{operation} {key} {bad}: {}", answer.text);
        }
        let answer = user.kms(operation, &fixture.filled(&good));
        assert_eq!(answer.status, 200, "{operation} {key}: {}", answer.text);
    }
}

#[test]
fn resource_tags_can_be_asked_for() {
    let root = Client::root();
    let tagged = root.new_key_id(&json!({ "Tags": [{ "TagKey": "team", "TagValue": "a" }] }));
    let bare = root.new_key_id(&json!({}));
    let statement = json!({
        "Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": { "StringEquals": { "aws:ResourceTag/team": "a" } },
    });
    let user = root.user("someone", &[statement]);
    user.describe(&tagged);
    user.kms("DescribeKey", &json!({ "KeyId": bare })).is_error("AccessDeniedException");
}

/// `kms:ViaService` tells of a service that passes a request on; what comes by HTTP comes from the caller.
#[test]
fn no_request_over_http_comes_through_a_service() {
    let root = Client::root();
    let user = root.user("someone", &[]);
    let statement = json!({
        "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "kms:*", "Resource": "*",
        "Condition": {
            "StringEquals": { "kms:CallerAccount": ACCOUNT },
            "StringLike": { "kms:ViaService": "*" },
        },
    });
    let key = root.new_key_id(&json!({ "Policy": key_policy(&[delegation(), statement]) }));
    user.kms("DescribeKey", &json!({ "KeyId": key })).is_error("AccessDeniedException");
}

#[test]
fn a_key_of_another_region_is_not_seen() {
    let root = Client::root();
    let arn = text(&root.new_key(&json!({}))["Arn"]);
    let answer = root.in_region("eu-central-1").kms("DescribeKey", &json!({ "KeyId": arn }));
    answer.is_error("NotFoundException");
    assert_eq!(answer.message(), "Invalid arn eu-west-1");
}
