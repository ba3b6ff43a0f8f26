//! Claims about whole policies: the module's own, the published module's, and small ones that show one rule each.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::path::Path;

use keywright_model::{AccountId, Arn};
use keywright_policy::prove::{
    Identities, KeyAccess, KnownPrincipal, Scope, Standing, Unknown, Verdict, Who, confused_deputies,
    gives_nothing_new, no_public_access, nobody_can, root_is_gone, somebody_keeps_control, standings,
};
use keywright_policy::{ContextConstraint, Document, Grant, Grantee, NamedPolicy, Outcome, PolicyKind, Principal};

const PRIMARY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const REPLICA: &str = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const ADMIN: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-prod";
const REPLICATION: &str = "arn:aws:iam::111122223333:role/acme-s3-replication-role-prod";
const ROOT: &str = r#"{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#;

/// A key of account 111122223333, with all that an access borrows.
struct Fixture {
    key: Arn,
    account: AccountId,
    policy: Document,
}

impl Fixture {
    fn file(name: &str, key: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/prove").join(name);
        Self::text(&std::fs::read_to_string(path).expect("the policy"), key)
    }

    fn of(statements: &[&str]) -> Self {
        Self::text(&format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(",")), PRIMARY)
    }

    fn text(text: &str, key: &str) -> Self {
        Self {
            key: arn(key),
            account: AccountId::parse("111122223333").expect("an account"),
            policy: Document::parse(text, PolicyKind::Key).expect("a key policy"),
        }
    }

    fn access(&self) -> KeyAccess<'_> {
        KeyAccess::new(&self.key, &self.account, &self.policy)
    }
}

fn arn(text: &str) -> Arn {
    Arn::parse(text).expect("an ARN")
}

fn account(text: &str) -> AccountId {
    AccountId::parse(text).expect("an account")
}

fn both_keys() -> [Fixture; 2] {
    [Fixture::file("complete-primary.json", PRIMARY), Fixture::file("complete-replica.json", REPLICA)]
}

#[track_caller]
fn assert_proved(verdict: &Verdict) {
    let Verdict::Proved { assumptions } = verdict else { panic!("{verdict:#?}") };
    assert!(!assumptions.is_empty(), "a proof says what it takes for granted");
}

/// The witness's principal, action and the statement that lets it through.
#[track_caller]
fn refuted(verdict: &Verdict) -> (Principal, String, Option<String>) {
    let Verdict::Refuted { witness } = verdict else { panic!("{verdict:#?}") };
    assert!(witness.decision.is_allowed());
    let sid = witness.causes().next().and_then(|it| it.sid.clone());
    (witness.request.principal.clone(), witness.request.action.clone(), sid)
}

fn statement(rest: &str) -> String {
    format!(r#"{{"Effect":"Allow","Resource":"*",{rest}}}"#)
}

#[test]
fn root_is_gone_on_the_complete_module_on_both_keys() {
    for fixture in both_keys() {
        assert_proved(&root_is_gone(&fixture.access()).verdict);
    }
}

#[test]
fn root_is_gone_with_the_grants_to_the_replication_role() {
    let [fixture, _] = both_keys();
    let operations = ["Decrypt".to_owned(), "DescribeKey".to_owned()];
    let mut access = fixture.access();
    access.grants.push(Grant {
        id: "g",
        grantee: Grantee::Arn(REPLICATION),
        retiring: None,
        operations: &operations,
        encryption_context: ContextConstraint::Any,
        source_arn: None,
    });
    assert_proved(&root_is_gone(&access).verdict);
    let (principal, action, _) = refuted(
        &nobody_can(&access, &Who::These(vec![REPLICATION.to_owned()]), &["kms:Decrypt"], Scope::DIRECT).verdict,
    );
    assert!(matches!(principal, Principal::Session { role, .. } if role.as_str() == REPLICATION));
    assert_eq!(action, "kms:Decrypt");
}

#[test]
fn root_is_not_gone_on_the_published_module() {
    let fixture = Fixture::file("published-module.json", PRIMARY);
    let answer = root_is_gone(&fixture.access());
    let (principal, _, sid) = refuted(&answer.verdict);
    let Principal::User { arn } = principal else { panic!("{principal:?}") };
    assert_eq!((arn.account(), sid.as_deref()), ("111122223333", Some("EnableIAMPermissions")));
    assert!(!answer.verdict.witness().expect("a witness").needs_own_policy, "no IAM policy is needed");
}

#[test]
fn root_is_not_gone_on_a_replica_with_the_default_policy() {
    let fixture = Fixture::file("default-key-policy.json", REPLICA);
    let answer = root_is_gone(&fixture.access());
    assert!(matches!(&answer.verdict, Verdict::Refuted { witness } if witness.needs_own_policy));
}

#[test]
fn the_admin_role_cannot_decrypt_but_could_give_itself_more() {
    for fixture in both_keys() {
        let who = Who::These(vec![ADMIN.to_owned()]);
        let answer =
            nobody_can(&fixture.access(), &who, &["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*"], Scope::DIRECT);
        assert_proved(&answer.verdict);
        let ways: Vec<&str> = answer.escalations.iter().map(|it| it.action).collect();
        assert_eq!(ways, ["kms:PutKeyPolicy", "kms:CreateGrant", "kms:ReplicateKey"]);
        for way in &answer.escalations {
            let witness = way.witness.as_ref().expect("a request");
            assert!(witness.decision.is_allowed());
            assert_eq!(
                witness.causes().next().and_then(|it| it.sid.as_deref()),
                Some("AllowKMSAdminRoleKeyManagement")
            );
        }
    }
}

#[test]
fn the_complete_module_keeps_its_admin_role_in_control() {
    for fixture in both_keys() {
        let control = somebody_keeps_control(&fixture.access(), &[ADMIN]);
        assert_proved(&control.verdict);
        let [keeper] = control.keepers.as_slice() else { panic!("{control:#?}") };
        assert!(matches!(&keeper.request.principal, Principal::Session { role, .. } if role.as_str() == ADMIN));
    }
}

#[test]
fn without_the_admin_role_the_complete_module_is_locked_out() {
    let [fixture, _] = both_keys();
    let control = somebody_keeps_control(&fixture.access(), &[]);
    let Verdict::Refuted { witness } = control.verdict else { panic!("{control:#?}") };
    assert_eq!(witness.decision.outcome, Outcome::ImplicitDeny);
}

#[test]
fn the_complete_module_is_neither_public_nor_open_to_other_accounts() {
    for fixture in both_keys() {
        let access = fixture.access();
        assert_proved(&no_public_access(&access).verdict);
        let own = Who::Outside(vec![account("111122223333")]);
        assert_proved(&nobody_can(&access, &own, &["kms:*"], Scope::default()).verdict);
    }
}

#[test]
fn every_statement_of_the_complete_module_is_needed() {
    for fixture in both_keys() {
        for (standing, statement) in standings(&fixture.access()).iter().zip(&fixture.policy.statements) {
            assert!(matches!(standing, Standing::Needed { .. }), "{:?}: {standing:#?}", statement.sid);
        }
    }
}

#[test]
fn the_published_module_has_statements_that_change_nothing() {
    let fixture = Fixture::file("published-module.json", PRIMARY);
    let standings = standings(&fixture.access());
    let redundant: Vec<&str> = standings
        .iter()
        .zip(&fixture.policy.statements)
        .filter(|(standing, _)| matches!(standing, Standing::Redundant))
        .filter_map(|(_, statement)| statement.sid.as_deref())
        .collect();
    assert_eq!(
        redundant,
        [
            "AllowKMSAdminRoleKeyManagement",
            "AllowEC2LaunchGrant",
            "AllowAutoScalingServiceRoleUsage",
            "AllowAutoScalingServiceRoleCreateGrant",
            "AllowS3ReplicationUsage"
        ]
    );
}

#[test]
fn every_service_of_the_published_module_is_a_confused_deputy() {
    let fixture = Fixture::file("published-module.json", PRIMARY);
    let deputies = confused_deputies(&fixture.access());
    assert_eq!(deputies.len(), 3);
    assert!(deputies.iter().all(|it| matches!(it.verdict, Verdict::Refuted { .. })), "{deputies:#?}");
}

#[test]
fn the_complete_module_ties_its_services_to_the_account() {
    for fixture in both_keys() {
        let deputies = confused_deputies(&fixture.access());
        assert!(!deputies.is_empty());
        let loose: Vec<&str> =
            deputies.iter().filter(|it| !it.verdict.is_proved()).filter_map(|it| it.by.sid.as_deref()).collect();
        assert_eq!(loose, ["AllowEventBridgeEventSources"], "EventBridge tells no source");
    }
}

#[test]
fn nothing_new_comes_of_the_same_policy() {
    for fixture in both_keys() {
        let gains = gives_nothing_new(&fixture.access(), &fixture.access());
        assert_proved(&gains.verdict);
        assert!(gains.gains.is_empty() && gains.unsure.is_empty());
    }
}

#[test]
fn what_a_statement_more_gives_is_told_with_its_actions() {
    let more =
        statement(r#""Sid":"More","Principal":{"AWS":"444455556666"},"Action":["kms:Decrypt","kms:PutKeyPolicy"]"#);
    let (old, new) = (Fixture::of(&[ROOT]), Fixture::of(&[ROOT, &more]));
    let gains = gives_nothing_new(&old.access(), &new.access());
    let [gain] = gains.gains.as_slice() else { panic!("{gains:#?}") };
    // No other account can put a key policy, whatever the policy says.
    assert_eq!(
        (gain.by.sid.as_deref(), gain.actions.as_slice()),
        (Some("More"), ["kms:Decrypt".to_owned()].as_slice())
    );
    assert_eq!(gain.witness.request.principal.account(), Some("444455556666"));
    assert_proved(&gives_nothing_new(&new.access(), &old.access()).verdict);
}

#[test]
fn a_deny_that_goes_gives_something_new() {
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}}"#;
    let (old, new) = (Fixture::of(&[ROOT, deny]), Fixture::of(&[ROOT]));
    let gains = gives_nothing_new(&old.access(), &new.access());
    let [gain] = gains.gains.as_slice() else { panic!("{gains:#?}") };
    assert_eq!(gain.actions, ["kms:Decrypt"]);
    assert_proved(&gives_nothing_new(&new.access(), &old.access()).verdict);
}

#[test]
fn naming_someone_is_more_than_delegating_to_its_account() {
    let direct = statement(r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"kms:Decrypt""#);
    let (old, new) = (Fixture::of(&[ROOT]), Fixture::of(&[ROOT, &direct]));
    let gains = gives_nothing_new(&old.access(), &new.access());
    let [gain] = gains.gains.as_slice() else { panic!("{gains:#?}") };
    assert!(!gain.witness.needs_own_policy);
}

#[test]
fn delegation_keeps_the_root_user_in_control() {
    let fixture = Fixture::file("default-key-policy.json", PRIMARY);
    let control = somebody_keeps_control(&fixture.access(), &[ADMIN]);
    assert_proved(&control.verdict);
    assert!(matches!(control.keepers.as_slice(), [keeper] if matches!(keeper.request.principal, Principal::Root(_))));
}

#[test]
fn control_under_a_condition_is_not_proved() {
    for condition in [
        r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#,
        r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#,
        r#""StringSounds":{"aws:userid":"x"}"#,
        r#""StringLike":{"aws:userid":"${aws:username}*"}"#,
    ] {
        let allow =
            statement(&format!(r#""Principal":{{"AWS":"{ADMIN}"}},"Action":"kms:*","Condition":{{{condition}}}"#));
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{allow}]}}"#);
        let Ok(policy) = Document::parse(&text, PolicyKind::Key) else { continue };
        let fixture = Fixture { policy, ..Fixture::of(&[ROOT]) };
        let control = somebody_keeps_control(&fixture.access(), &[ADMIN]);
        assert!(matches!(control.verdict, Verdict::Unknown { .. }), "{condition}: {control:#?}");
    }
}

#[test]
fn a_deny_that_always_holds_locks_out_and_one_on_plain_text_does_not() {
    let allow = statement(&format!(r#""Principal":{{"AWS":"{ADMIN}"}},"Action":"kms:*""#));
    let deny = |condition: &str| {
        format!(r#"{{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{{{condition}}}}}"#)
    };
    let secure = Fixture::of(&[&allow, &deny(r#""Bool":{"aws:SecureTransport":"false"}"#)]);
    assert_proved(&somebody_keeps_control(&secure.access(), &[ADMIN]).verdict);
    let never = Fixture::of(&[&allow, &deny(r#""StringNotEquals":{"aws:PrincipalAccount":"444455556666"}"#)]);
    let control = somebody_keeps_control(&never.access(), &[ADMIN]);
    let Verdict::Refuted { witness } = &control.verdict else { panic!("{control:#?}") };
    assert_eq!(witness.decision.outcome, Outcome::ExplicitDeny);
    let network = Fixture::of(&[&allow, &deny(r#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"}"#)]);
    let control = somebody_keeps_control(&network.access(), &[ADMIN]);
    assert!(
        matches!(control.verdict, Verdict::Unknown { reason: Unknown::OnlyUnderConditions { .. } }),
        "{control:#?}"
    );
}

#[test]
fn everybody_of_the_account_is_not_the_public_but_everybody_is() {
    let own = statement(
        r#""Principal":"*","Action":"kms:*","Condition":{"StringEquals":{"kms:CallerAccount":"111122223333"}}"#,
    );
    assert_proved(&no_public_access(&Fixture::of(&[&own]).access()).verdict);
    let organization =
        statement(r#""Principal":"*","Action":"kms:*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#);
    assert_proved(&no_public_access(&Fixture::of(&[&organization]).access()).verdict);
    let public = statement(r#""Sid":"All","Principal":"*","Action":"kms:Decrypt""#);
    assert_eq!(refuted(&no_public_access(&Fixture::of(&[&public]).access()).verdict).2.as_deref(), Some("All"));
    let most = statement(
        r#""Sid":"Most","Principal":"*","Action":"kms:Decrypt","Condition":{"StringLike":{"aws:PrincipalAccount":"1*"}}"#,
    );
    let (principal, ..) = refuted(&no_public_access(&Fixture::of(&[&most]).access()).verdict);
    assert!(principal.account().is_some_and(|it| it.starts_with('1')), "{principal}");
}

#[test]
fn a_condition_that_nearly_everybody_meets_is_none_that_keeps_the_public_out() {
    let verdict = |condition: &str| {
        let open = statement(&format!(r#""Principal":"*","Action":"kms:Decrypt","Condition":{{{condition}}}"#));
        no_public_access(&Fixture::of(&[&open]).access()).verdict
    };
    for wide in [
        r#""StringLike":{"aws:PrincipalOrgID":"o-*"}"#,
        r#""StringLike":{"aws:SourceVpc":"vpc-*"}"#,
        r#""StringLike":{"aws:userid":"*:*"}"#,
        r#""IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}"#,
    ] {
        let verdict = verdict(wide);
        assert!(matches!(verdict, Verdict::Refuted { .. }), "{wide}: {verdict:#?}");
    }
    for narrow in [
        r#""StringLike":{"aws:PrincipalOrgID":"o-1"}"#,
        r#""StringEquals":{"aws:SourceVpc":"vpc-1"}"#,
        r#""StringLike":{"aws:userid":"AROAIOSFODNN7EXAMPLE:*"}"#,
        r#""IpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#,
    ] {
        assert_proved(&verdict(narrow));
    }
}

#[test]
fn patterns_of_names_are_told_apart() {
    let team = statement(
        r#""Principal":"*","Action":"kms:Decrypt","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*-admin"}}"#,
    );
    let fixture = Fixture::of(&[&team]);
    let own = Who::Outside(vec![account("111122223333")]);
    let (principal, ..) = refuted(&nobody_can(&fixture.access(), &own, &["kms:Decrypt"], Scope::default()).verdict);
    let Principal::Session { role, .. } = principal else { panic!("{principal}") };
    assert!(role.resource().starts_with("role/team/") && role.resource().ends_with("-admin"), "{role}");
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalArn":"*:role/team/*"}}}"#;
    let closed = Fixture::of(&[&team, deny]);
    assert_proved(&nobody_can(&closed.access(), &Who::AllBut(Vec::new()), &["kms:*"], Scope::default()).verdict);
}

#[test]
fn a_statement_with_conditions_that_exclude_each_other_never_applies() {
    for rest in [
        r#""Principal":{"Service":"s3.amazonaws.com"},"Action":"kms:Decrypt","Condition":{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/r"},"Action":"kms:Decrypt","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}"#,
        r#""Principal":{"AWS":"AROAEXAMPLEEXAMPLE"},"Action":"kms:Decrypt""#,
        r#""Principal":{"AWS":"444455556666"},"Action":"kms:PutKeyPolicy""#,
        r#""Principal":"*","Action":"kms:Decrypt","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}"#,
        r#""Principal":"*","Action":"kms:Decrypt","Condition":{"StringLike":{"aws:x":"a*"},"StringNotLike":{"aws:x":"*"}}"#,
        r#""Principal":"*","Action":"s3:GetObject""#,
    ] {
        let fixture = Fixture::of(&[ROOT, &statement(rest)]);
        let all = standings(&fixture.access());
        assert!(matches!(all.as_slice(), [Standing::Needed { .. }, Standing::NeverApplies]), "{rest}: {all:#?}");
    }
}

#[test]
fn a_statement_without_resource_never_applies() {
    let inert = r#"{"Effect":"Allow","Principal":"*","Action":"kms:*"}"#;
    let fixture = Fixture::of(&[ROOT, inert]);
    assert!(matches!(standings(&fixture.access()).as_slice(), [Standing::Needed { .. }, Standing::NeverApplies]));
}

#[test]
fn known_iam_policies_decide_what_delegation_opens() {
    let fixture = Fixture::of(&[ROOT]);
    let decrypt = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}}"#;
    let decrypt = Document::parse(decrypt, PolicyKind::Identity).expect("a policy");
    let nothing = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let nothing = Document::parse(nothing, PolicyKind::Identity).expect("a policy");
    let (alice, bob) = (arn("arn:aws:iam::111122223333:user/alice"), arn("arn:aws:iam::111122223333:role/bob"));
    let policy = |document| NamedPolicy { name: "p", document };
    let mut identities = Identities::default();
    identities.know(
        &fixture.account,
        vec![
            KnownPrincipal { arn: &alice, policies: vec![policy(&decrypt)], boundary: None },
            KnownPrincipal { arn: &bob, policies: vec![policy(&decrypt)], boundary: Some(policy(&nothing)) },
        ],
    );
    let access = KeyAccess { identities, ..fixture.access() };
    let but_alice_and_root = Who::AllBut(vec![alice.as_str().to_owned()]);
    let (principal, ..) =
        refuted(&nobody_can(&access, &but_alice_and_root, &["kms:Decrypt"], Scope::default()).verdict);
    assert!(matches!(principal, Principal::Root(_)), "{principal}");
    let these = |name: &Arn| Who::These(vec![name.as_str().to_owned()]);
    assert_proved(&nobody_can(&access, &these(&bob), &["kms:*"], Scope::default()).verdict);
    assert_proved(&nobody_can(&access, &these(&alice), &["kms:Encrypt"], Scope::default()).verdict);
    assert!(!nobody_can(&access, &these(&alice), &["kms:Decrypt"], Scope::default()).verdict.is_proved());
}

#[test]
fn what_is_not_modelled_is_unknown_and_not_proved() {
    let rest =
        r#""Principal":"*","Action":"kms:Decrypt","Condition":{"StringEquals":{"aws:userid":"${aws:username}"}}"#;
    let fixture = Fixture::of(&[&statement(rest)]);
    let verdict = nobody_can(&fixture.access(), &Who::AllBut(Vec::new()), &["kms:Decrypt"], Scope::default()).verdict;
    assert!(
        matches!(&verdict, Verdict::Unknown { reason: Unknown::NotModelled { elements } } if elements.len() == 1),
        "{verdict:#?}"
    );
    // A `Deny` that is not modelled closes nothing for sure.
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"StringNotLike":{"aws:userid":"${aws:username}"}}}"#;
    let closed = Fixture::of(&[&statement(r#""Principal":"*","Action":"kms:Decrypt""#), deny]);
    let verdict = nobody_can(&closed.access(), &Who::AllBut(Vec::new()), &["kms:Decrypt"], Scope::default()).verdict;
    assert!(!verdict.is_proved(), "{verdict:#?}");
    let same = gives_nothing_new(&fixture.access(), &fixture.access());
    assert_proved(&same.verdict);
}

#[test]
fn claims_on_what_key_policies_do_not_decide_are_unknown() {
    let fixture = Fixture::of(&[ROOT]);
    for action in ["kms:RetireGrant", "kms:CreateKey", "s3:GetObject"] {
        let verdict = nobody_can(&fixture.access(), &Who::AllBut(Vec::new()), &[action], Scope::default()).verdict;
        assert!(
            matches!(verdict, Verdict::Unknown { reason: Unknown::NotDecidedByKeyPolicies { .. } }),
            "{action}: {verdict:?}"
        );
    }
    let verdict =
        nobody_can(&fixture.access(), &Who::These(vec!["arn:aws:iam::x".to_owned()]), &["kms:*"], Scope::default())
            .verdict;
    assert!(matches!(verdict, Verdict::Unknown { reason: Unknown::NoPrincipal { .. } }), "{verdict:?}");
}
