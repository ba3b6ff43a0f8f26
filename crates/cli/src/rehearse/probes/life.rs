//! What becomes of ciphertexts while the key lives on: rotation, and the loss of a Region.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::rehearse::client::Client;
use crate::rehearse::promise::{Expected, Outcome, Probe, Promise};
use crate::rehearse::scene::{Key, Scene};
use crate::rehearse::stage::Stage;

pub(super) async fn promises(stage: &Stage, scene: &Scene) -> Vec<Promise> {
    let Some(primary) = scene.primary() else { return Vec::new() };
    let mut promises = vec![rotation(stage, scene, primary).await];
    if let Some(replica) = scene.replica() {
        promises.push(failover(stage, scene, primary, replica));
    }
    promises
}

/// A year passes: the material is another, and what was encrypted before can still be read.
async fn rotation(stage: &Stage, scene: &Scene, primary: &Key) -> Promise {
    let text = "the key rotates, and what was encrypted before the rotation can still be read";
    let manager = stage.manager(scene, primary).await;
    let context = json!({ "aws:s3:arn": "arn:aws:s3:::rehearsal/old" });
    let sealed = stage.sealed_through_s3(scene, primary, &context);
    let mut probes = vec![Probe::of_call("GenerateDataKey through S3 before the rotation", Expected::Allowed, &sealed)];
    let status = manager.kms(&primary.region, "GetKeyRotationStatus", primary.input()).await;
    let is_on = status.answer().and_then(|it| it.get("KeyRotationEnabled")).and_then(Value::as_bool);
    let before = rotations(&manager, primary).await;
    let wanted = match is_on {
        Some(true) => {
            let days = status.answer().and_then(|it| it.get("RotationPeriodInDays")).and_then(Value::as_i64);
            stage.clock.advance(SignedDuration::from_hours(24 * (days.unwrap_or(LONGEST_PERIOD) + 1)));
            before + 1
        }
        _ => before,
    };
    // Sessions do not outlive so long a time.
    let manager = stage.manager(scene, primary).await;
    let after = rotations(&manager, primary).await;
    probes.push(Probe::of_fact("rotations once the period has passed", &wanted, &after));
    if let Some(sealed) = sealed.text("CiphertextBlob") {
        let opened = stage.opened_through_s3(scene, primary, &sealed, &context);
        probes.push(Probe::of_call("Decrypt through S3 of what was encrypted before", Expected::Allowed, &opened));
        let otherwise = json!({ "aws:s3:arn": "arn:aws:s3:::rehearsal/other" });
        let wrong = stage.opened_through_s3(scene, primary, &sealed, &otherwise);
        let seen = match &wrong {
            Outcome::Failed { code, .. } => code.clone(),
            other => other.to_string(),
        };
        let expected = "InvalidCiphertextException".to_owned();
        probes.push(Probe::of_fact("Decrypt with another encryption context", &expected, &seen));
    }
    Promise::new("rotation", text, probes)
}

/// The primary's Region is lost: the replica reads what the primary encrypted.
fn failover(stage: &Stage, scene: &Scene, primary: &Key, replica: &Key) -> Promise {
    let context = json!({ "aws:s3:arn": "arn:aws:s3:::rehearsal/object" });
    let sealed = stage.sealed_through_s3(scene, primary, &context);
    let mut probes = vec![Probe::of_call("GenerateDataKey through S3 with the primary", Expected::Allowed, &sealed)];
    if let Some(sealed) = sealed.text("CiphertextBlob") {
        let opened = stage.opened_through_s3(scene, replica, &sealed, &context);
        probes.push(Probe::of_call("Decrypt through S3 with the replica", Expected::Allowed, &opened));
    }
    let text = "the replica reads what the primary encrypted, so that the loss of a Region is no loss of data";
    Promise::new("failover", text, probes)
}

async fn rotations(manager: &Client, key: &Key) -> usize {
    let listed = manager.kms(&key.region, "ListKeyRotations", key.input()).await;
    let rotations = listed.answer().and_then(|it| it.get("Rotations")).and_then(Value::as_array);
    rotations.map_or(0, Vec::len)
}

const LONGEST_PERIOD: i64 = 2560;
