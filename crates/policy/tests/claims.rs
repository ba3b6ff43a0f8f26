//! Claims by their names, about the policies of `conformance/prove`.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::path::Path;

use keywright_model::{AccountId, Arn};
use keywright_policy::prove::{Claim, Flaw, KeyAccess, Proof, ProofFinding, prove};
use keywright_policy::{Document, PolicyKind};

const PRIMARY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const REPLICA: &str = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const ADMIN: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-prod";

fn policy(file: &str) -> Document {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/prove").join(file);
    let text = std::fs::read_to_string(path).expect("the policy");
    Document::parse(&text, PolicyKind::Key).expect("a key policy")
}

fn proof_of(words: &str, file: &str, key: &str) -> Proof {
    let claim = Claim::parse(words, &mut |file| Ok(policy(file))).expect("a claim");
    let key = Arn::parse(key).expect("an ARN");
    let account = AccountId::parse("111122223333").expect("an account");
    prove(&claim, &KeyAccess::new(&key, &account, &policy(file)))
}

#[track_caller]
fn assert_proved(words: &str, file: &str, key: &str) -> Proof {
    let proof = proof_of(words, file, key);
    let ProofFinding::Proved { assumptions } = &proof.finding else { panic!("{proof:#?}") };
    assert!(!assumptions.is_empty(), "a proof says what it takes for granted");
    assert!(proof.is_proved());
    proof
}

/// The statements that are against the claim, and how.
#[track_caller]
fn refuted(words: &str, file: &str) -> Vec<(Option<String>, Flaw)> {
    let proof = proof_of(words, file, PRIMARY);
    assert!(!proof.is_proved());
    let ProofFinding::Refuted { by, .. } = proof.finding else { panic!("{proof:#?}") };
    by.into_iter().map(|it| (it.by.and_then(|it| it.sid), it.flaw)).collect()
}

fn sids(all: &[(Option<String>, Flaw)]) -> Vec<&str> {
    all.iter().filter_map(|(sid, _)| sid.as_deref()).collect()
}

#[test]
fn the_complete_module_keeps_what_it_promises_on_both_keys() {
    for (file, key) in [("complete-primary.json", PRIMARY), ("complete-replica.json", REPLICA)] {
        for words in [
            "root-is-gone",
            "no-public-access",
            "nobody-outside=111122223333",
            "no-redundant-statements",
            "no-loose-deputies=AllowEventBridgeEventSources",
            &format!("gives-nothing-new={file}"),
            &format!("nobody-but={ADMIN}:kms:PutKeyPolicy,kms:ScheduleKeyDeletion"),
        ] {
            assert_proved(words, file, key);
        }
        let control = assert_proved("somebody-keeps-control", file, key);
        assert_eq!(control.keepers.len(), 1);
        let admin = assert_proved(&format!("cannot={ADMIN}:kms:Decrypt,kms:GenerateDataKey*:direct"), file, key);
        let ways: Vec<&str> = admin.escalations.iter().map(|it| it.action).collect();
        assert_eq!(ways, ["kms:PutKeyPolicy", "kms:CreateGrant", "kms:ReplicateKey"]);
    }
}

#[test]
fn what_a_service_passes_on_counts_unless_it_is_left_out() {
    let against = refuted(&format!("cannot={ADMIN}:kms:Decrypt"), "complete-primary.json");
    let [(_, Flaw::LetsThrough { witness })] = against.as_slice() else { panic!("{against:#?}") };
    assert!(witness.request.context.single("kms:ViaService").is_some());
}

#[test]
fn the_published_module_breaks_its_promise_by_a_user_of_the_account() {
    let against = refuted("root-is-gone", "published-module.json");
    assert_eq!(sids(&against), ["EnableIAMPermissions"]);
    let [(_, Flaw::LetsThrough { witness })] = against.as_slice() else { panic!("{against:#?}") };
    assert!(witness.decision.is_allowed() && !witness.needs_own_policy);
}

#[test]
fn each_loose_deputy_and_each_needless_statement_is_told() {
    let deputies = refuted("no-loose-deputies", "published-module.json");
    assert_eq!(sids(&deputies), ["AllowAWSServicesUsage", "AllowEC2LaunchGrant", "AllowS3ReplicationUsage"]);
    let needless = refuted("no-redundant-statements=AllowEC2LaunchGrant", "published-module.json");
    assert_eq!(needless.len(), 4);
    assert!(needless.iter().all(|(_, flaw)| *flaw == Flaw::Redundant));
}

#[test]
fn the_statement_that_aws_leaves_loose_is_told_unless_it_is_named() {
    let deputies = refuted("no-loose-deputies", "complete-primary.json");
    assert_eq!(sids(&deputies), ["AllowEventBridgeEventSources"]);
}

#[test]
fn what_a_policy_gives_anew_is_told_by_statement_with_its_actions() {
    let gains = refuted("gives-nothing-new=complete-primary.json", "published-module.json");
    let everything = gains.iter().find(|(sid, _)| sid.as_deref() == Some("EnableIAMPermissions"));
    let Some((_, Flaw::Gives { actions, witness })) = everything else { panic!("{gains:#?}") };
    assert!(actions.iter().any(|it| it == "kms:PutKeyPolicy") && witness.decision.is_allowed());
}

#[test]
fn a_lock_out_is_told_by_a_refused_request() {
    let against = refuted("somebody-keeps-control=arn:aws:iam::111122223333:role/nobody", "complete-primary.json");
    let [(_, Flaw::Refuses { witness })] = against.as_slice() else { panic!("{against:#?}") };
    assert!(!witness.decision.is_allowed());
}

#[test]
fn what_key_policies_do_not_decide_is_unknown_and_never_proved() {
    let proof = proof_of(&format!("cannot={ADMIN}:kms:ListKeys"), "complete-primary.json", PRIMARY);
    assert!(matches!(&proof.finding, ProofFinding::Unknown { unsure } if !unsure.is_empty()), "{proof:#?}");
}
