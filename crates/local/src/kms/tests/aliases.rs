use serde_json::json;

use super::*;

fn create(client: &Client, alias: &str, key: &str) -> Answered {
    client.kms("CreateAlias", &json!({ "AliasName": alias, "TargetKeyId": key }))
}

fn names(client: &Client, input: &Value) -> Vec<(String, String)> {
    let answer = client.kms("ListAliases", input).ok().value();
    let aliases = answer["Aliases"].as_array().expect("aliases").clone();
    aliases.iter().map(|alias| (text(&alias["AliasName"]), text(&alias["TargetKeyId"]))).collect()
}

#[test]
fn an_alias_is_made_moved_and_deleted() {
    let root = Client::root();
    let (one, other) = (root.new_key_id(&json!({})), root.new_key_id(&json!({})));
    create(&root, "alias/app", &one).ok();
    create(&root, "alias/app", &other).is_error("AlreadyExistsException");
    assert_eq!(names(&root, &json!({ "KeyId": one })), [("alias/app".to_owned(), one.clone())]);
    root.kms("UpdateAlias", &json!({ "AliasName": "alias/app", "TargetKeyId": other })).ok();
    assert_eq!(names(&root, &json!({})), [("alias/app".to_owned(), other.clone())]);
    assert_eq!(names(&root, &json!({ "KeyId": one })), []);
    assert_eq!(text(&root.describe("alias/app")["KeyId"]), other);
    root.kms("DeleteAlias", &json!({ "AliasName": "alias/app" })).ok();
    assert_eq!(names(&root, &json!({})), []);
    root.kms("DeleteAlias", &json!({ "AliasName": "alias/app" })).is_error("NotFoundException");
}

#[test]
fn aliases_are_of_one_region_and_one_account() {
    let root = Client::root();
    let there = root.in_region("eu-central-1");
    create(&root, "alias/app", &root.new_key_id(&json!({}))).ok();
    create(&there, "alias/app", &there.new_key_id(&json!({}))).ok();
    assert_eq!(names(&root, &json!({})).len(), 1);
    root.root_of("444455556666").kms("DescribeKey", &json!({ "KeyId": "alias/app" })).is_error("NotFoundException");
}

#[test]
fn refuses_bad_names_missing_keys_and_the_51st_alias() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    for wrong in ["app", "alias/aws/app", "alias/a b", "alias/"] {
        create(&root, wrong, &id).is_error("InvalidAliasNameException");
    }
    create(&root, "alias/app", "1234abcd-12ab-34cd-56ef-1234567890ab").is_error("NotFoundException");
    for at in 0..50 {
        create(&root, &format!("alias/{at}"), &id).ok();
    }
    create(&root, "alias/50", &id).is_error("LimitExceededException");
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/alias-access.html>.
#[test]
fn the_alias_and_the_key_are_authorized_each_for_itself() {
    let root = Client::root();
    let key = root.new_key(&json!({}));
    let (id, arn) = (text(&key["KeyId"]), text(&key["Arn"]));
    let on = |resource: &str| json!({ "Effect": "Allow", "Action": "kms:CreateAlias", "Resource": resource });
    let alias = "arn:aws:kms:eu-west-1:111122223333:alias/*";
    create(&root.user("alias-only", &[on(alias)]), "alias/a", &id).is_error("AccessDeniedException");
    create(&root.user("key-only", &[on(&arn)]), "alias/a", &id).is_error("AccessDeniedException");
    create(&root.user("both", &[on(alias), on(&arn)]), "alias/a", &id).ok();
}

#[test]
fn listing_aliases_does_not_tell_whether_a_key_of_another_account_exists() {
    let root = Client::root();
    let arn = text(&root.new_key(&json!({}))["Arn"]);
    let missing = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let other = root.root_of("444455556666");
    for key in [&arn, &missing] {
        let answer = other.kms("ListAliases", &json!({ "KeyId": key }));
        answer.is_error("AccessDeniedException");
        assert!(answer.message().contains("the resource does not exist in this Region"), "{}", answer.text);
    }
}
