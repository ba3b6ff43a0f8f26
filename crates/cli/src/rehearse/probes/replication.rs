//! The grants of S3 replication, and the volumes of EC2 Auto Scaling.

use keywright_local::InsideCaller;
use keywright_model::{AccountId, Arn, Region};
use serde_json::json;

use crate::rehearse::promise::{Expected, Outcome, Probe, Promise};
use crate::rehearse::scene::{Key, Scene};
use crate::rehearse::stage::Stage;

use super::copy;

pub(super) async fn promises(stage: &Stage, scene: &Scene) -> Vec<Promise> {
    let mut promises = vec![auto_scaling(stage, scene)];
    if let (Some(primary), Some(replica)) = (scene.primary(), scene.replica()) {
        promises.push(replication(stage, scene, primary, replica).await);
    }
    promises
}

/// S3 replicates as a role: it reads with the primary, and writes with the replica, in the replica's Region. An object
/// shows that it does; the role's own calls show what the grants give it, and what they do not.
async fn replication(stage: &Stage, scene: &Scene, primary: &Key, replica: &Key) -> Promise {
    let text = "S3 replicates from the primary's Region to the replica's with the replication role, by its grants";
    let Some(role) = &scene.replication_role else {
        let why = "there is no replication role";
        return Promise::new("s3-replication", text, vec![Probe::failed("the replication role", "it is there", why)]);
    };
    let mut probes = copy::copies(stage, scene, primary, replica, role).await;
    probes.extend(calls(stage, scene, primary, replica, &role.arn));
    Promise::new("s3-replication", text, probes)
}

/// The role calls KMS itself here, as no statement names it: what lets it through is the grant.
fn calls(stage: &Stage, scene: &Scene, primary: &Key, replica: &Key, role: &Arn) -> Vec<Probe> {
    let context = json!({ "aws:s3:arn": "arn:aws:s3:::rehearsal/object" });
    let caller = InsideCaller::Direct { principal: role.clone() };
    let source = stage.sealed_through_s3(scene, primary, &context);
    let mut probes =
        vec![Probe::of_call("GenerateDataKey for the object to be replicated", Expected::Allowed, &source)];
    let sealed = source.text("CiphertextBlob").unwrap_or_default();
    for (operation, member, value, key, expected) in [
        ("Decrypt", "CiphertextBlob", sealed.as_str(), primary, Expected::Allowed),
        ("GenerateDataKey", "KeySpec", "AES_256", replica, Expected::Allowed),
        ("Encrypt", "Plaintext", "cmVoZWFyc2Fs", replica, Expected::Allowed),
        // The grants give no more than replication needs.
        ("Encrypt", "Plaintext", "cmVoZWFyc2Fs", primary, Expected::Denied),
    ] {
        let input = json!({ "KeyId": key.arn.as_str(), (member): value, "EncryptionContext": context });
        let outcome = stage.inside(&caller, &key.region, operation, input);
        probes.push(Probe::of_call(tried(operation, role, key), expected, &outcome));
    }
    probes
}

/// Auto Scaling starts instances on encrypted volumes as its service-linked role, and makes grants for them.
fn auto_scaling(stage: &Stage, scene: &Scene) -> Promise {
    let mut probes = Vec::new();
    for key in &scene.keys {
        if let Some(role) = auto_scaling_role(scene) {
            probes.extend(starts_an_instance(stage, key, &role));
        }
    }
    let text =
        "EC2 Auto Scaling can start an instance on an encrypted volume, and its grants are for EC2's resources only";
    Promise::new("auto-scaling", text, probes)
}

fn starts_an_instance(stage: &Stage, key: &Key, role: &Arn) -> Vec<Probe> {
    let through = |for_aws_resource| InsideCaller::Forwarded {
        principal: role.clone(),
        service: format!("ec2.{}.amazonaws.com", key.region),
        for_aws_resource,
    };
    let grant =
        json!({ "KeyId": key.arn.as_str(), "GranteePrincipal": stage.grantee.as_str(), "Operations": ["Decrypt"] });
    let data_key = json!({ "KeyId": key.arn.as_str(), "KeySpec": "AES_256" });
    let outcomes: [(&str, Expected, Outcome); 3] = [
        (
            "GenerateDataKeyWithoutPlaintext for the volume",
            Expected::Allowed,
            stage.inside(&through(false), &key.region, "GenerateDataKeyWithoutPlaintext", data_key),
        ),
        (
            "CreateGrant for the instance",
            Expected::Allowed,
            stage.inside(&through(true), &key.region, "CreateGrant", grant.clone()),
        ),
        (
            "CreateGrant for nobody's resource",
            Expected::Denied,
            stage.inside(&InsideCaller::Direct { principal: role.clone() }, &key.region, "CreateGrant", grant),
        ),
    ];
    outcomes
        .into_iter()
        .map(|(what, expected, outcome)| Probe::of_call(tried(what, role, key), expected, &outcome))
        .collect()
}

fn auto_scaling_role(scene: &Scene) -> Option<Arn> {
    let account: &AccountId = &scene.account;
    let resource = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
    Arn::new(scene.partition(), "iam", None::<&Region>, Some(account), resource).ok()
}

fn tried(operation: &str, role: &Arn, key: &Key) -> String {
    let name = role.resource().rsplit('/').next().unwrap_or(role.resource());
    format!("{operation} by {name} on the {}", key.label)
}
