//! What states allow, and what time alone brings about.

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{Aws, Clock, Ids, Options};

const THERE: &str = "eu-central-1";

#[derive(Deserialize)]
struct StateCase {
    operation: String,
    input: Value,
    #[serde(flatten)]
    expected: std::collections::BTreeMap<String, Value>,
}

/// Sets the key of the fixture into a state.
fn into_state(fixture: &Fixture, state: &str) {
    let key = json!({ "KeyId": fixture.name("{key}") });
    let there = fixture.root.in_region(THERE);
    match state {
        "Enabled" => {}
        "Disabled" => drop(fixture.root.kms("DisableKey", &key).ok()),
        "PendingReplicaDeletion" => drop(fixture.root.kms("ScheduleKeyDeletion", &key).ok()),
        "PendingDeletion" => {
            there.kms("ScheduleKeyDeletion", &json!({ "KeyId": key["KeyId"], "PendingWindowInDays": 7 })).ok();
            fixture.root.kms("ScheduleKeyDeletion", &key).ok();
            fixture.root.wait_days(7);
        }
        other => panic!("{other}"),
    }
    assert_eq!(fixture.root.state(fixture.name("{key}").expect("a key")), state);
}

#[test]
fn each_operation_answers_in_each_state_as_the_table_of_aws_says() {
    let text = include_str!("../../../../../conformance/kms/key-states.json");
    let cases: Vec<StateCase> = serde_json::from_str(text).expect("cases");
    for case in cases {
        for state in ["Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion"] {
            let fixture = Fixture::new();
            into_state(&fixture, state);
            if case.operation == "UpdatePrimaryRegion" && state == "PendingDeletion" {
                continue; // The last replica is gone: nothing to be tested.
            }
            let answer = fixture.root.kms(&case.operation, &fixture.filled(&case.input));
            let expected = case.expected[state].as_str().expect("a code");
            assert_eq!(answer.code(), expected, "{} in {state}: {}", case.operation, answer.text);
        }
    }
}

#[test]
fn rotation_by_the_clock_keeps_old_ciphertexts_opening() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let status = || root.kms("GetKeyRotationStatus", &json!({ "KeyId": id })).ok().value();
    assert_eq!(status(), json!({ "KeyRotationEnabled": false, "KeyId": id }));
    root.kms("EnableKeyRotation", &json!({ "KeyId": id, "RotationPeriodInDays": 90 })).ok();
    let next = status()["NextRotationDate"].as_i64().expect("a date");
    assert_eq!(next, root.clock.now().as_second() + 90 * 86_400);
    let mut blobs = Vec::new();
    let mut materials = Vec::new();
    for _ in 0..4 {
        blobs.push(root.encrypt(&id, "secret", &json!({})));
        materials.push(text(&root.describe(&id)["CurrentKeyMaterialId"]));
        root.wait_days(90);
    }
    materials.push(text(&root.describe(&id)["CurrentKeyMaterialId"]));
    for (blob, material) in blobs.iter().zip(&materials) {
        let answer = root.decrypt(blob, &json!({})).ok().value();
        assert_eq!(
            (unbase64(&text(&answer["Plaintext"])), text(&answer["KeyMaterialId"])),
            (b"secret".to_vec(), material.clone())
        );
    }
    let listed = root.kms("ListKeyRotations", &json!({ "KeyId": id })).ok().value();
    let rotations = listed["Rotations"].as_array().expect("rotations");
    assert_eq!(rotations.len(), 4);
    assert!(rotations.iter().all(|rotation| rotation["RotationType"] == "AUTOMATIC"));
    assert_eq!(rotations[0]["RotationDate"], json!(next));
    let all = json!({ "KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL" });
    let all = root.kms("ListKeyRotations", &all).ok().value();
    let ids: Vec<String> =
        all["Rotations"].as_array().expect("all").iter().map(|it| text(&it["KeyMaterialId"])).collect();
    assert_eq!(ids, materials);
    assert_eq!(all["Rotations"][4]["KeyMaterialState"], "CURRENT");
    assert_eq!(all["Rotations"][0]["KeyMaterialState"], "NON_CURRENT");
}

#[test]
fn many_periods_at_once_make_as_many_rotations() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    root.kms("EnableKeyRotation", &json!({ "KeyId": id, "RotationPeriodInDays": 100 })).ok();
    root.wait_days(1050);
    let listed = root.kms("ListKeyRotations", &json!({ "KeyId": id, "Limit": 7 })).ok().value();
    assert_eq!(listed["Rotations"].as_array().map(Vec::len), Some(7));
    let rest = json!({ "KeyId": id, "Marker": listed["NextMarker"] });
    assert_eq!(root.kms("ListKeyRotations", &rest).ok().value()["Rotations"].as_array().map(Vec::len), Some(3));
}

#[test]
fn rotation_periods_outside_90_to_2560_days_are_refused() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    for (days, fine) in [(89, false), (90, true), (2560, true), (2561, false)] {
        let answer = root.kms("EnableKeyRotation", &json!({ "KeyId": id, "RotationPeriodInDays": days }));
        assert_eq!(answer.status == 200, fine, "{days}: {}", answer.text);
    }
}

#[test]
fn rotation_on_demand_is_limited_to_25() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    let first = root.encrypt(&id, "secret", &json!({}));
    for _ in 0..25 {
        assert_eq!(root.kms("RotateKeyOnDemand", &json!({ "KeyId": id })).ok().value(), json!({ "KeyId": id }));
    }
    root.kms("RotateKeyOnDemand", &json!({ "KeyId": id })).is_error("LimitExceededException");
    root.decrypt(&first, &json!({})).ok();
}

/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html>.
#[test]
fn a_disabled_key_is_rotated_once_it_is_enabled_again() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    root.kms("EnableKeyRotation", &json!({ "KeyId": id, "RotationPeriodInDays": 90 })).ok();
    let before = text(&root.describe(&id)["CurrentKeyMaterialId"]);
    root.kms("DisableKey", &json!({ "KeyId": id })).ok();
    root.wait_days(400);
    assert_eq!(text(&root.describe(&id)["CurrentKeyMaterialId"]), before);
    let status = root.kms("GetKeyRotationStatus", &json!({ "KeyId": id })).ok().value();
    assert_eq!(status["KeyRotationEnabled"], true);
    root.kms("EnableKey", &json!({ "KeyId": id })).ok();
    assert_ne!(text(&root.describe(&id)["CurrentKeyMaterialId"]), before);
    let listed = root.kms("ListKeyRotations", &json!({ "KeyId": id })).ok().value();
    assert_eq!(listed["Rotations"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_rotation_that_is_turned_off_does_not_come() {
    let root = Client::root();
    let id = root.new_key_id(&json!({}));
    root.kms("EnableKeyRotation", &json!({ "KeyId": id })).ok();
    root.kms("DisableKeyRotation", &json!({ "KeyId": id })).ok();
    let before = root.describe(&id);
    root.wait_days(800);
    assert_eq!(root.describe(&id), before);
}

#[test]
fn replicas_share_the_rotation_of_their_primary() {
    let root = Client::root();
    let there = root.in_region(THERE);
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    root.kms("ReplicateKey", &json!({ "KeyId": id, "ReplicaRegion": THERE })).ok();
    let old = there.encrypt(&id, "secret", &json!({}));
    root.kms("EnableKeyRotation", &json!({ "KeyId": id })).ok();
    let status = there.kms("GetKeyRotationStatus", &json!({ "KeyId": id })).ok().value();
    assert_eq!((&status["KeyRotationEnabled"], &status["RotationPeriodInDays"]), (&json!(true), &json!(365)));
    for operation in ["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"] {
        there.kms(operation, &json!({ "KeyId": id })).is_error("UnsupportedOperationException");
    }
    root.wait_days(365);
    let new = there.encrypt(&id, "secret", &json!({}));
    assert_eq!(there.describe(&id)["CurrentKeyMaterialId"], root.describe(&id)["CurrentKeyMaterialId"]);
    for client in [&root, &there] {
        client.decrypt(&old, &json!({})).ok();
        client.decrypt(&new, &json!({})).ok();
    }
}

#[test]
fn a_key_is_deleted_when_its_window_ends_with_all_that_it_has() {
    let root = Client::root();
    root.role(ROLE);
    let key = root.new_key(&json!({}));
    let id = text(&key["KeyId"]);
    root.kms("CreateAlias", &json!({ "AliasName": "alias/app", "TargetKeyId": id })).ok();
    root.kms(
        "CreateGrant",
        &json!({ "KeyId": id, "GranteePrincipal": ROLE, "RetiringPrincipal": ROLE, "Operations": ["Decrypt"] }),
    )
    .ok();
    let blob = root.encrypt(&id, "secret", &json!({}));
    let answer = root.kms("ScheduleKeyDeletion", &json!({ "KeyId": id, "PendingWindowInDays": 7 })).ok().value();
    assert_eq!(
        answer,
        json!({ "KeyId": key["Arn"], "DeletionDate": root.clock.now().as_second() + 7 * 86_400,
                "KeyState": "PendingDeletion", "PendingWindowInDays": 7 })
    );
    root.wait_days(6);
    assert_eq!(root.state(&id), "PendingDeletion");
    root.wait_days(1);
    root.kms("DescribeKey", &json!({ "KeyId": id })).is_error("NotFoundException");
    root.kms("DescribeKey", &json!({ "KeyId": "alias/app" })).is_error("NotFoundException");
    assert_eq!(root.kms("ListAliases", &json!({})).ok().value()["Aliases"], json!([]));
    assert_eq!(root.kms("ListKeys", &json!({})).ok().value()["Keys"], json!([]));
    assert_eq!(
        root.kms("ListRetirableGrants", &json!({ "RetiringPrincipal": ROLE })).ok().value()["Grants"],
        json!([])
    );
    root.decrypt(&blob, &json!({})).is_error("AccessDeniedException");
    let left = root.aws.change(|world, _| {
        Ok::<_, EnsureError>((
            world.kms.backings.iter().count(),
            world.kms.grants.iter().count(),
            world.kms.agenda.iter().count(),
        ))
    });
    assert_eq!(left.expect("looked"), (0, 0, 0), "nothing of it is kept, its material least of all");
}

#[test]
fn a_cancelled_deletion_leaves_a_disabled_key() {
    let root = Client::root();
    let key = root.new_key(&json!({}));
    let id = text(&key["KeyId"]);
    root.kms("EnableKeyRotation", &json!({ "KeyId": id })).ok();
    root.kms("ScheduleKeyDeletion", &json!({ "KeyId": id })).ok();
    let status = root.kms("GetKeyRotationStatus", &json!({ "KeyId": id })).ok().value();
    assert_eq!(status["KeyRotationEnabled"], false);
    let answer = root.kms("CancelKeyDeletion", &json!({ "KeyId": id })).ok().value();
    assert_eq!(answer, json!({ "KeyId": key["Arn"] }));
    root.wait_days(31);
    assert_eq!(root.state(&id), "Disabled");
    let status = root.kms("GetKeyRotationStatus", &json!({ "KeyId": id })).ok().value();
    assert_eq!(status["KeyRotationEnabled"], true);
}

#[test]
fn deletion_windows_outside_7_to_30_days_are_refused() {
    let root = Client::root();
    for (days, fine) in [(6, false), (7, true), (30, true), (31, false)] {
        let id = root.new_key_id(&json!({}));
        let answer = root.kms("ScheduleKeyDeletion", &json!({ "KeyId": id, "PendingWindowInDays": days }));
        assert_eq!(answer.status == 200, fine, "{days}: {}", answer.text);
    }
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html>.
#[test]
fn the_window_of_a_primary_begins_when_its_last_replica_is_deleted() {
    let root = Client::root();
    let (there, third) = (root.in_region(THERE), root.in_region("eu-west-3"));
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    for region in [THERE, "eu-west-3"] {
        root.kms("ReplicateKey", &json!({ "KeyId": id, "ReplicaRegion": region })).ok();
    }
    let schedule = |client: &Client, days: i64| {
        client.kms("ScheduleKeyDeletion", &json!({ "KeyId": id, "PendingWindowInDays": days })).ok().value()
    };
    let answer = schedule(&root, 7);
    assert_eq!((&answer["KeyState"], answer.get("DeletionDate")), (&json!("PendingReplicaDeletion"), None));
    assert_eq!(root.describe(&id)["PendingDeletionWindowInDays"], 7);
    schedule(&there, 10);
    schedule(&third, 20);
    let begun = root.clock.now().as_second();
    root.wait_days(10);
    there.kms("DescribeKey", &json!({ "KeyId": id })).is_error("NotFoundException");
    assert_eq!(root.state(&id), "PendingReplicaDeletion");
    // Looked at late, everything still happened at its own time.
    root.wait_days(15);
    assert_eq!(root.state(&id), "PendingDeletion");
    assert_eq!(root.describe(&id)["DeletionDate"], json!(begun + 27 * 86_400));
    root.wait_days(2);
    root.kms("DescribeKey", &json!({ "KeyId": id })).is_error("NotFoundException");
}

#[test]
fn a_deleted_replica_can_be_made_again_and_still_opens_old_ciphertexts() {
    let root = Client::root();
    let there = root.in_region(THERE);
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    root.kms("ReplicateKey", &json!({ "KeyId": id, "ReplicaRegion": THERE })).ok();
    let blob = there.encrypt(&id, "secret", &json!({}));
    there.kms("ScheduleKeyDeletion", &json!({ "KeyId": id, "PendingWindowInDays": 7 })).ok();
    root.wait_days(7);
    there.decrypt(&blob, &json!({})).is_error("AccessDeniedException");
    root.kms("ReplicateKey", &json!({ "KeyId": id, "ReplicaRegion": THERE })).ok();
    there.decrypt(&blob, &json!({})).ok();
    assert_eq!(there.kms("ListGrants", &json!({ "KeyId": id })).ok().value()["Grants"], json!([]));
}

#[test]
fn after_a_restart_keys_rotations_and_windows_are_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(crate::testing::start());
    let open = || {
        let options = Options { data_dir: Some(folder.path().into()), clock: clock.clone(), ids: Ids::random() };
        let aws = Aws::open(options).expect("opens");
        Client::of(&aws, &clock, ACCOUNT, "test")
    };
    let root = open();
    let (id, doomed) = (root.new_key_id(&json!({})), root.new_key_id(&json!({})));
    root.kms("EnableKeyRotation", &json!({ "KeyId": id, "RotationPeriodInDays": 90 })).ok();
    root.kms("ScheduleKeyDeletion", &json!({ "KeyId": doomed, "PendingWindowInDays": 7 })).ok();
    let blob = root.encrypt(&id, "secret", &json!({ "a": "b" }));
    let described = root.describe(&id);
    root.aws.close();
    let root = open();
    assert_eq!(root.describe(&id), described);
    root.decrypt(&blob, &json!({ "a": "b" })).ok();
    root.wait_days(90);
    let rotated = root.encrypt(&id, "new", &json!({}));
    let current = root.describe(&id)["CurrentKeyMaterialId"].clone();
    assert_ne!(current, described["CurrentKeyMaterialId"]);
    root.aws.close();
    let root = open();
    root.decrypt(&blob, &json!({ "a": "b" })).ok();
    root.decrypt(&rotated, &json!({})).ok();
    assert_eq!(root.describe(&id)["CurrentKeyMaterialId"], current);
    root.kms("DescribeKey", &json!({ "KeyId": doomed })).is_error("NotFoundException");
}

#[test]
fn no_key_material_is_in_the_debug_of_the_world() {
    let fixture = Fixture::new();
    let looked = fixture.root.aws.change(|world, _| {
        let shown = format!("{:?}", world.kms);
        let secrets: Vec<String> = world
            .kms
            .backings
            .values()
            .flat_map(|backing| backing.materials())
            .map(|it| format!("{:?}", it.bytes.expose()))
            .collect();
        Ok::<_, EnsureError>((shown, secrets))
    });
    let (shown, secrets) = looked.expect("looked");
    assert_eq!(secrets.len(), 3);
    assert!(secrets.iter().all(|secret| !shown.contains(secret.trim_matches(['[', ']']))));
    assert!(shown.contains("MaterialBytes(..)") && shown.contains("TokenSecret(..)"));
}

/// The computer's clock counts nanoseconds, the manual one does not.
#[test]
fn what_is_due_comes_about_by_the_computers_clock_too() {
    let clock = Clock::system();
    let options = Options { data_dir: None, clock: clock.clone(), ids: Ids::random() };
    let root = Client::of(&Aws::open(options).expect("opens"), &clock, ACCOUNT, "test");
    let id = root.new_key_id(&json!({ "MultiRegion": true }));
    for region in [THERE, "eu-west-2", "eu-west-3"] {
        root.kms("ReplicateKey", &json!({ "KeyId": id, "ReplicaRegion": region })).ok();
        assert_eq!(root.in_region(region).state(&id), "Enabled", "{region}");
    }
    root.kms("UpdatePrimaryRegion", &json!({ "KeyId": id, "PrimaryRegion": THERE })).ok();
    assert_eq!((root.state(&id), root.in_region(THERE).state(&id)), ("Enabled".into(), "Enabled".into()));
}
