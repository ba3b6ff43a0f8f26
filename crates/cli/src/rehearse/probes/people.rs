//! Who can do what by itself: an ordinary user, the account's root and its administrators, the admin role.

use serde_json::{Value, json};

use crate::rehearse::client::Client;
use crate::rehearse::promise::{Expected, Outcome, Probe, Promise};
use crate::rehearse::scene::{Key, Scene};
use crate::rehearse::stage::Stage;

pub(super) async fn promises(stage: &Stage, scene: &Scene) -> Vec<Promise> {
    let mut promises = vec![ordinary_user(stage, scene).await, stranger(stage, scene).await, root(stage, scene).await];
    if scene.admin_role.is_some() {
        promises.push(admin_role(stage, scene).await);
    }
    promises
}

/// Who is not named, and whom no IAM policy gives anything.
async fn ordinary_user(stage: &Stage, scene: &Scene) -> Promise {
    let mut probes = Vec::new();
    for key in &scene.keys {
        for call in READS.iter().chain(USES).chain(CHANGES) {
            probes.push(try_call(&stage.ordinary.client, "an ordinary user", call, key, Expected::Denied).await);
        }
    }
    Promise::new("ordinary-user", "an ordinary user of the account can do nothing with the keys by itself", probes)
}

/// Another account's administrator.
async fn stranger(stage: &Stage, scene: &Scene) -> Promise {
    let mut probes = Vec::new();
    for key in &scene.keys {
        for call in READS.iter().take(1).chain(USES) {
            let who = "an administrator of another account";
            probes.push(try_call(&stage.stranger.client, who, call, key, Expected::Denied).await);
        }
    }
    Promise::new("other-accounts", "nobody of another account who is not named can use the keys", probes)
}

/// The root user, and an administrator by IAM policies.
pub(in crate::rehearse) async fn root(stage: &Stage, scene: &Scene) -> Promise {
    let expected = Expected::allowed_if(scene.root_access);
    let mut probes = Vec::new();
    for key in &scene.keys {
        for (client, who) in [(&stage.root, "the root user"), (&stage.operator, "an administrator by IAM policies")] {
            for call in READS.iter().chain(USES) {
                probes.push(try_call(client, who, call, key, expected).await);
            }
            for call in CHANGES.iter().filter(|_| !scene.root_access) {
                probes.push(try_call(client, who, call, key, expected).await);
            }
        }
    }
    let text = match scene.root_access {
        true => "the account's root user and its IAM administrators can use and manage the keys, as configured",
        false => "root is removed: neither the account's root user nor its IAM administrators can do anything",
    };
    Promise::new("root-access", text, probes)
}

/// The admin role manages and does not use.
async fn admin_role(stage: &Stage, scene: &Scene) -> Promise {
    let mut probes = Vec::new();
    for key in &scene.keys {
        match stage.admin(scene, &key.region).await {
            Ok(admin) => probes.extend(manages(&admin, key).await),
            Err(answer) => probes.push(Probe::of_call("AssumeRole of the admin role", Expected::Allowed, &answer)),
        }
    }
    let text = "the admin role manages the keys, and cannot encrypt or decrypt with them";
    Promise::new("admin-role", text, probes)
}

async fn manages(admin: &Client, key: &Key) -> Vec<Probe> {
    let who = "the admin role";
    let mut probes = Vec::new();
    for call in READS {
        probes.push(try_call(admin, who, call, key, Expected::Allowed).await);
    }
    for call in USES {
        probes.push(try_call(admin, who, call, key, Expected::Denied).await);
    }
    probes.push(puts_the_same_policy(admin, key).await);
    for operation in ["DisableKey", "EnableKey"] {
        let outcome = admin.kms(&key.region, operation, key.input()).await;
        probes.push(Probe::of_call(tried(operation, who, key), Expected::Allowed, &outcome));
    }
    probes
}

/// Putting the policy that stands is the strongest proof that it can be changed: KMS checks that the caller could do
/// it again.
async fn puts_the_same_policy(admin: &Client, key: &Key) -> Probe {
    let what = tried("PutKeyPolicy (the one that stands)", "the admin role", key);
    let standing = admin.kms(&key.region, "GetKeyPolicy", key.input()).await;
    let Some(policy) = standing.text("Policy") else { return Probe::of_call(what, Expected::Allowed, &standing) };
    let input = json!({ "KeyId": key.arn.as_str(), "PolicyName": "default", "Policy": policy });
    Probe::of_call(what, Expected::Allowed, &admin.kms(&key.region, "PutKeyPolicy", input).await)
}

async fn try_call(client: &Client, who: &str, call: &Call, key: &Key, expected: Expected) -> Probe {
    let outcome: Outcome = client.kms(&key.region, call.operation, (call.input)(key)).await;
    Probe::of_call(tried(call.operation, who, key), expected, &outcome)
}

fn tried(operation: &str, who: &str, key: &Key) -> String {
    format!("{operation} by {who} on the {}", key.label)
}

/// A call of KMS on a key.
struct Call {
    operation: &'static str,
    input: fn(&Key) -> Value,
}

const READS: &[Call] = &[
    Call { operation: "DescribeKey", input: Key::input },
    Call { operation: "GetKeyPolicy", input: Key::input },
    Call { operation: "ListGrants", input: Key::input },
];

const USES: &[Call] = &[
    Call { operation: "Encrypt", input: |key| json!({ "KeyId": key.arn.as_str(), "Plaintext": "cmVoZWFyc2Fs" }) },
    Call { operation: "GenerateDataKey", input: |key| json!({ "KeyId": key.arn.as_str(), "KeySpec": "AES_256" }) },
];

/// Calls of those who manage keys, for those who must not be let through. Where they are, they do no harm: the key is
/// enabled, no deletion waits, and the policy is none.
const CHANGES: &[Call] = &[
    Call { operation: "EnableKey", input: Key::input },
    Call { operation: "CancelKeyDeletion", input: Key::input },
    Call {
        operation: "PutKeyPolicy",
        input: |key| {
            json!({ "KeyId": key.arn.as_str(), "PolicyName": "default", "Policy": r#"{"Version":"2012-10-17","Statement":[]}"#,
                    "BypassPolicyLockoutSafetyCheck": true })
        },
    },
    Call {
        operation: "CreateGrant",
        input: |key| {
            let grantee = format!("arn:{}:iam::{}:root", key.region.partition(), key.arn.account());
            json!({ "KeyId": key.arn.as_str(), "GranteePrincipal": grantee, "Operations": ["DescribeKey"] })
        },
    },
];
