//! KMS over its API: signed requests, decided by the evaluator.

mod aliases;
mod authorization;
mod encryption;
mod grants;
mod keys;
mod lifecycle;
mod policies;
mod regions;

use jiff::SignedDuration;
use keywright_model::Arn;
use serde_json::{Value, json};

use crate::Service;
use crate::aws::EnsureError;
use crate::testing::{ACCOUNT, Answered, Client};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const ROOT: &str = "arn:aws:iam::111122223333:root";

impl Client {
    /// Calls KMS.
    pub(crate) fn kms(&self, operation: &str, input: &Value) -> Answered {
        self.json(Service::Kms, operation, input)
    }

    /// Makes a key, and gives its metadata.
    #[track_caller]
    fn new_key(&self, input: &Value) -> Value {
        self.kms("CreateKey", input).ok().value()["KeyMetadata"].clone()
    }

    /// Makes a key, and gives its ID.
    #[track_caller]
    fn new_key_id(&self, input: &Value) -> String {
        text(&self.new_key(input)["KeyId"])
    }

    /// Encrypts a text, and gives the blob.
    #[track_caller]
    fn encrypt(&self, key: &str, plaintext: &str, context: &Value) -> String {
        let input = json!({ "KeyId": key, "Plaintext": base64(plaintext), "EncryptionContext": context });
        text(&self.kms("Encrypt", &input).ok().value()["CiphertextBlob"])
    }

    #[track_caller]
    fn decrypt(&self, blob: &str, context: &Value) -> Answered {
        self.kms("Decrypt", &json!({ "CiphertextBlob": blob, "EncryptionContext": context }))
    }

    #[track_caller]
    fn describe(&self, key: &str) -> Value {
        self.kms("DescribeKey", &json!({ "KeyId": key })).ok().value()["KeyMetadata"].clone()
    }

    #[track_caller]
    fn state(&self, key: &str) -> String {
        text(&self.describe(key)["KeyState"])
    }

    fn wait_days(&self, days: i64) {
        self.clock.advance(SignedDuration::from_hours(24 * days));
    }

    /// Makes a role that the account trusts, unless it is there.
    fn role(&self, arn: &str) {
        self.aws.ensure_role(&Arn::parse(arn).expect("an ARN")).expect("made");
    }

    fn delete_role(&self, name: &str) {
        self.query(Service::Iam, "DeleteRole", &[("RoleName", name)]).ok();
    }

    /// Deletes a user without policies, with its access key.
    fn delete_user(&self, user: &Self, name: &str) {
        let key = [("UserName", name), ("AccessKeyId", user.access_key_id.as_str())];
        self.query(Service::Iam, "DeleteAccessKey", &key).ok();
        self.query(Service::Iam, "DeleteUser", &[("UserName", name)]).ok();
    }

    /// A user of that account with an access key and, if given, one inline policy.
    fn user_of(&self, account: &str, name: &str, statements: &[Value]) -> Self {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        self.root_of(account).new_user(name, (!statements.is_empty()).then_some(&policy))
    }

    /// A user of the usual account.
    fn user(&self, name: &str, statements: &[Value]) -> Self {
        self.user_of(ACCOUNT, name, statements)
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}

fn allow(actions: &[&str]) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": "*" })
}

fn deny(actions: &[&str]) -> Value {
    json!({ "Effect": "Deny", "Action": actions, "Resource": "*" })
}

/// A key policy of these statements, each on `*`.
fn key_policy(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

fn delegation() -> Value {
    json!({ "Sid": "root", "Effect": "Allow", "Principal": { "AWS": ROOT }, "Action": "kms:*", "Resource": "*" })
}

/// A key policy statement that lets a principal do these things.
fn lets(principal: &str, actions: &[&str]) -> Value {
    json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": actions, "Resource": "*" })
}

/// What the cases of `conformance/kms` speak of, in a new AWS.
struct Fixture {
    root: Client,
    names: Vec<(&'static str, String)>,
}

impl Fixture {
    fn new() -> Self {
        let root = Client::root();
        root.role(ROLE);
        let key = root.new_key_id(&json!({ "MultiRegion": true }));
        let other = root.new_key_id(&json!({}));
        let pending = root.new_key_id(&json!({}));
        for (alias, target) in [("alias/app", &key), ("alias/elsewhere", &other)] {
            root.kms("CreateAlias", &json!({ "AliasName": alias, "TargetKeyId": target })).ok();
        }
        let replica = json!({ "KeyId": key, "ReplicaRegion": "eu-central-1" });
        root.kms("ReplicateKey", &replica).ok();
        root.kms("ScheduleKeyDeletion", &json!({ "KeyId": pending })).ok();
        let grant = json!({ "KeyId": key, "GranteePrincipal": ROLE, "Operations": ["Decrypt"] });
        let grant = text(&root.kms("CreateGrant", &grant).ok().value()["GrantId"]);
        let names = vec![
            ("blob", root.encrypt(&key, "secret", &json!({}))),
            ("other_blob", root.encrypt(&other, "secret", &json!({}))),
            ("key", key),
            ("other", other),
            ("pending", pending),
            ("alias", "alias/app".to_owned()),
            ("grant", grant),
            ("role", ROLE.to_owned()),
            ("policy", key_policy(&[delegation()])),
        ];
        Self { root, names }
    }

    /// The input with its `{names}` filled in.
    fn filled(&self, input: &Value) -> Value {
        match input {
            Value::String(name) => Value::String(self.name(name).unwrap_or(name).to_owned()),
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(member, value)| (member.clone(), self.filled(value))).collect())
            }
            other => other.clone(),
        }
    }

    fn name(&self, placeholder: &str) -> Option<&str> {
        let name = placeholder.strip_prefix('{')?.strip_suffix('}')?;
        self.names.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}
