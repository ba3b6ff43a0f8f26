//! The prover against brute force: random policies over small alphabets, each claim beside every request of them.
//!
//! `KEYWRIGHT_PROOF_CASES` sets how many policies are tried in all; each claim has its share. The number of a case is
//! its seed: `KEYWRIGHT_PROOF_SEED` sets the first, so that the same cases come again in every run, and one that failed
//! can be tried alone. `cargo xtask check proofs` tries 100,000, a process for every so many.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![expect(clippy::print_stderr, reason = "how the prover answered is for whoever runs the proofs")]

use std::cell::Cell;
use std::ops::Range;
use std::sync::LazyLock;

use keywright_model::{AccountId, Arn};
use keywright_policy::prove::{
    KeyAccess, Scope, Standing, Verdict, Who, confused_deputies, gives_nothing_new, no_public_access, nobody_can,
    root_is_gone, somebody_keeps_control, standings,
};
use keywright_policy::{
    Condition, ContextConstraint, Document, Effect, Grant, Grantee, Match, NamedPolicy, Policies, PolicyKind,
    Principal, PrincipalPattern, Request, ResourcePolicy, Statement, Version, decide,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";
const ADMIN: &str = "arn:aws:iam::111122223333:role/admin";
const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/admin/me";
const ACTIONS: [&str; 5] = ["kms:Decrypt", "kms:Encrypt", "kms:CreateGrant", "kms:PutKeyPolicy", "kms:DescribeKey"];

fn arn(text: &str) -> Arn {
    Arn::parse(text).expect("an ARN")
}

fn account(text: &str) -> AccountId {
    AccountId::parse(text).expect("an account")
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |it| it.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {it:?}")))
}

/// The numbers of the cases of a claim that has this share, in percent.
fn cases(share: u64) -> Range<u64> {
    let (first, all) = (setting("KEYWRIGHT_PROOF_SEED", 0), setting("KEYWRIGHT_PROOF_CASES", 2_000));
    first..first + (all * share).div_ceil(100)
}

const MOST_REQUESTS: usize = 400;

static EVERYTHING: LazyLock<Document> = LazyLock::new(|| {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    Document::parse(text, PolicyKind::Identity).expect("a policy")
});

/// Every caller of the small world.
fn callers() -> Vec<Principal> {
    let role = |session: &str, role: &str| Principal::Session { session: arn(session), role: arn(role) };
    vec![
        Principal::Root(account("111122223333")),
        Principal::User { arn: arn(ALICE) },
        Principal::User { arn: arn("arn:aws:iam::111122223333:user/team/bob") },
        role(SESSION, ADMIN),
        role(SESSION, "arn:aws:iam::111122223333:role/team/admin"),
        role("arn:aws:sts::111122223333:assumed-role/admin/you", ADMIN),
        role("arn:aws:sts::111122223333:assumed-role/dev/you", "arn:aws:iam::111122223333:role/team/dev"),
        Principal::User { arn: arn("arn:aws:iam::444455556666:user/eve") },
        Principal::User { arn: arn("arn:aws:iam::123456789012:user/team/mallory") },
        Principal::Service { name: "s3.amazonaws.com".to_owned() },
        Principal::Service { name: "sns.amazonaws.com".to_owned() },
    ]
}

/// Every value of the keys of the small world. Each list begins with the absent key.
const VALUES: &[(&str, &[&[&str]])] = &[
    ("kms:ViaService", &[&[], &["s3.eu-west-1.amazonaws.com"], &["rds.eu-west-1.amazonaws.com"]]),
    ("aws:SourceAccount", &[&[], &["111122223333"], &["444455556666"]]),
    ("kms:GrantIsForAWSResource", &[&[], &["true"], &["false"]]),
    ("aws:Text", &[&[], &["a"], &["ab"], &["b"], &["B"]]),
    ("aws:Many", &[&[], &["a"], &["ab"], &["b"], &["a", "b"], &["ab", "b"], &["a", "ab"]]),
    ("aws:Number", &[&[], &["4"], &["5"], &["6"], &["5.5"]]),
    ("aws:SourceIp", &[&[], &["10.1.0.1"], &["10.0.0.1"], &["11.0.0.1"], &["2001:db8::1"]]),
    ("aws:SourceArn", &[&[], &["arn:aws:s3:::bucket"], &["arn:aws:sns:eu-west-1:111122223333:topic"]]),
];

/// The requests of the small world that can occur, on the keys that the policies speak of: all of them, or where they
/// are too many every so manieth.
fn requests(documents: &[&Document], grants: &[Grant<'_>]) -> Vec<Request> {
    let spoken_of = || documents.iter().flat_map(|it| &it.statements).flat_map(|it| &it.conditions);
    let is_used = |key: &str| {
        spoken_of().any(|it| it.key.eq_ignore_ascii_case(key))
            || (key == "aws:SourceArn" && grants.iter().any(|it| it.source_arn.is_some()))
    };
    let used: Vec<_> = VALUES.iter().filter(|(key, _)| is_used(key)).collect();
    let worlds: Vec<_> = callers()
        .into_iter()
        .flat_map(|caller| ACTIONS.map(|action| (caller.clone(), action)))
        .map(|(caller, action)| {
            let can_be_there = |it: &&&(&str, &[&[&str]])| can_occur(&caller, action, it.0);
            let keys: Vec<_> = used.iter().filter(can_be_there).copied().collect();
            (caller, action, keys)
        })
        .collect();
    let size = |keys: &[&(&str, &[&[&str]])]| keys.iter().map(|(_, contents)| contents.len()).product::<usize>();
    let all: usize = worlds.iter().map(|(.., keys)| size(keys)).sum();
    let step = all / MOST_REQUESTS + 1;
    let mut requests = Vec::new();
    for (caller, action, keys) in &worlds {
        let plain = Request::new(caller.clone(), *action, arn(KEY));
        for number in (0..size(keys)).step_by(step) {
            let mut rest = number;
            requests.push(keys.iter().fold(plain.clone(), |request, (key, contents)| {
                let values = contents.get(rest % contents.len()).copied().unwrap_or_default();
                rest /= contents.len();
                if values.is_empty() { request } else { request.with_many(*key, values.iter().copied()) }
            }));
        }
    }
    requests
}

fn can_occur(caller: &Principal, action: &str, key: &str) -> bool {
    let is_service = matches!(caller, Principal::Service { .. });
    match key {
        "kms:ViaService" => !is_service,
        "aws:SourceAccount" | "aws:SourceArn" => is_service,
        "kms:GrantIsForAWSResource" => action == "kms:CreateGrant",
        _ => true,
    }
}

fn is_allowed(access: &KeyAccess<'_>, request: &Request, with_identity: bool) -> bool {
    let mut policies =
        Policies { resource_policy: ResourcePolicy::Mandatory(access.key_policy), ..Policies::new(access.account) };
    policies.grants.clone_from(&access.grants);
    if with_identity {
        policies.identity.push(NamedPolicy { name: "everything", document: &EVERYTHING });
    }
    decide(request, &policies).is_allowed()
}

fn some(from: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(select(from).prop_map(str::to_owned), 1..3)
}

fn condition() -> impl Strategy<Value = Condition> {
    let of = |operators: &'static [&'static str], keys: &'static [&'static str], values: &'static [&'static str]| {
        (select(operators), select(keys), some(values)).prop_map(|(operator, key, values)| Condition {
            operator: operator.to_owned(),
            key: key.to_owned(),
            values,
        })
    };
    const TEXT: &[&str] = &[
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIfExists",
        "StringEqualsIgnoreCase",
        "StringNotLikeIfExists",
    ];
    prop_oneof![
        3 => of(TEXT, &["aws:Text", "AWS:text"], &["a", "a*", "*b", "b", "?", "*"]),
        2 => of(TEXT, &["kms:ViaService"], &["s3.eu-west-1.amazonaws.com", "s3.*.amazonaws.com", "*"]),
        2 => of(TEXT, &["kms:CallerAccount", "aws:PrincipalAccount"], &["111122223333", "444455556666", "1*", "*6"]),
        2 => of(TEXT, &["aws:SourceAccount"], &["111122223333", "*"]),
        2 => of(&["StringEquals", "StringLike", "StringNotLike"], &["aws:PrincipalArn"], &[ADMIN, ALICE, "arn:aws:iam::*:role/*", "*:user/*"]),
        1 => of(&["ArnLike", "ArnNotLike", "ArnEquals"], &["aws:PrincipalArn"], &[ADMIN, "arn:aws:iam::111122223333:*/team/*", "arn:*:iam::*:role/*"]),
        1 => of(&["StringEquals", "StringLike", "StringNotEquals"], &["aws:username"], &["alice", "b*"]),
        1 => of(&["Bool", "BoolIfExists"], &["kms:GrantIsForAWSResource", "aws:PrincipalIsAWSService"], &["true", "false"]),
        1 => of(&["Null"], &["aws:Text", "aws:Many", "kms:ViaService", "aws:username"], &["true", "false"]),
        1 => of(&["ForAllValues:StringEquals", "ForAnyValue:StringLike", "ForAnyValue:StringNotEquals", "ForAllValues:StringNotLike"], &["aws:Many"], &["a", "a*", "b"]),
        1 => of(&["NumericEquals", "NumericLessThan", "NumericGreaterThanEquals", "NumericNotEquals"], &["aws:Number"], &["5", "6"]),
        1 => of(&["IpAddress", "NotIpAddress"], &["aws:SourceIp"], &["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"]),
        1 => of(&["ArnLike", "ArnNotEquals"], &["aws:SourceArn"], &["arn:aws:s3:::bucket", "arn:aws:*:*:111122223333:*"]),
    ]
}

fn principals() -> impl Strategy<Value = Match<Vec<PrincipalPattern>>> {
    let pattern = prop_oneof![
        2 => Just(PrincipalPattern::Everyone),
        4 => select(vec!["111122223333", "arn:aws:iam::111122223333:root", "444455556666", ADMIN, ALICE, SESSION])
            .prop_map(|name| PrincipalPattern::Aws(name.to_owned())),
        1 => Just(PrincipalPattern::Service("s3.amazonaws.com".to_owned())),
    ];
    (proptest::collection::vec(pattern, 1..3), prop::bool::weighted(0.1))
        .prop_map(|(patterns, not)| if not { Match::IsNot(patterns) } else { Match::Is(patterns) })
}

fn statement() -> impl Strategy<Value = Statement> {
    let actions =
        (some(&["kms:*", "kms:Decrypt", "kms:*crypt", "kms:CreateGrant", "kms:Put*"]), prop::bool::weighted(0.1));
    let conditions = prop_oneof![3 => Just(0..1_usize), 4 => Just(1..2), 3 => Just(2..3)]
        .prop_flat_map(|count| proptest::collection::vec(condition(), count));
    (prop::bool::weighted(0.65), principals(), actions, conditions).prop_map(
        |(allow, principals, (actions, not), conditions)| Statement {
            sid: None,
            effect: if allow { Effect::Allow } else { Effect::Deny },
            principal: Some(principals),
            action: Some(if not { Match::IsNot(actions) } else { Match::Is(actions) }),
            resource: Some(Match::Is(vec!["*".to_owned()])),
            conditions,
            span: None,
        },
    )
}

fn document() -> impl Strategy<Value = Document> {
    proptest::collection::vec(statement(), 1..5).prop_map(|statements| Document {
        version: Version::V2012,
        id: None,
        statements,
    })
}

/// Whom and what a claim is about.
fn claim() -> impl Strategy<Value = (Who, &'static str, Scope)> {
    let who = select(vec![
        Who::AllBut(vec![ADMIN.to_owned()]),
        Who::AllBut(Vec::new()),
        Who::Outside(vec![account("111122223333")]),
        Who::These(vec![ALICE.to_owned()]),
        Who::These(vec![SESSION.to_owned(), "444455556666".to_owned()]),
        Who::These(vec!["s3.amazonaws.com".to_owned()]),
    ]);
    let scope = (any::<bool>(), any::<bool>())
        .prop_map(|(without_services, without_forwarded)| Scope { without_services, without_forwarded });
    (who, select(vec!["kms:*", "kms:Decrypt", "kms:PutKeyPolicy"]), scope)
}

fn is_asked(request: &Request, who: &Who, action: &str, scope: Scope) -> bool {
    let caller = &request.principal;
    let is_service = matches!(caller, Principal::Service { .. });
    let answers_to = |name: &String| match caller {
        Principal::Session { session, role } => {
            name == session.as_str() || name == role.as_str() || name == role.account()
        }
        Principal::User { arn } | Principal::FederatedUser { arn } => name == arn.as_str() || name == arn.account(),
        Principal::Root(account) => name == account.as_str(),
        Principal::Service { name: own } => name == own,
        _ => false,
    };
    let of_who = match who {
        Who::AllBut(names) => !names.iter().any(answers_to) && (!is_service || !scope.without_services),
        Who::Outside(accounts) => !is_service && !accounts.iter().any(|it| caller.account() == Some(it.as_str())),
        Who::These(names) => names.iter().any(answers_to),
        Who::Public => false,
    };
    let is_forwarded = request.context.get("kms:ViaService").is_some();
    of_who && (action == "kms:*" || action == request.action) && !(scope.without_forwarded && is_forwarded)
}

/// How the prover answered.
#[derive(Default)]
struct Tally {
    tried: Cell<u64>,
    proved: Cell<u64>,
    refuted: Cell<u64>,
    /// Control, but only under conditions: an answer of that claim's own.
    conditional: Cell<u64>,
    unknown: Cell<u64>,
}

impl Tally {
    fn count(&self, verdict: &Verdict) {
        add(match verdict {
            Verdict::Proved { .. } => &self.proved,
            Verdict::Refuted { .. } => &self.refuted,
            Verdict::Unknown { .. } => &self.unknown,
        });
    }
}

fn add(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

/// Runs the test on each of the cases, says how the prover answered, and wants hardly any of them unknown.
fn check<S: Strategy>(
    claim: &str,
    cases: Range<u64>,
    strategy: S,
    test: impl Fn(S::Value, &Tally) -> Result<(), TestCaseError>,
) {
    let tally = Tally::default();
    let count = cases.end - cases.start;
    for case in cases {
        let replay = format!("KEYWRIGHT_PROOF_SEED={case} KEYWRIGHT_PROOF_CASES=1");
        // A search for a smaller case counts too; the test fails then anyway.
        if let Err(error) = runner(case).run(&strategy, |input| test(input, &tally)) {
            panic!("{claim}: case {case} ({replay} tries it alone): {error}");
        }
        add(&tally.tried);
    }
    let (proved, refuted, unknown) = (tally.proved.get(), tally.refuted.get(), tally.unknown.get());
    let conditional = tally.conditional.get();
    let answers = proved + refuted + conditional + unknown;
    let share = unknown as f64 / answers.max(1) as f64;
    eprintln!(
        "{claim}: {count} policies, {proved} proved, {refuted} refuted, {conditional} only under conditions, \
         {unknown} unknown ({:.2} %)",
        share * 100.0
    );
    assert_eq!(tally.tried.get(), count);
    // Of one case alone nothing can be said about most.
    assert!(count < 100 || share < MOST_UNKNOWN, "{claim}: {:.2} % unknown", share * 100.0);
}

/// A runner of the one case with this number.
fn runner(case: u64) -> TestRunner {
    let config =
        ProptestConfig { cases: 1, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() };
    let mut seed = [0; 32];
    seed.iter_mut().zip(case.to_le_bytes()).for_each(|(to, from)| *to = from);
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

const MOST_UNKNOWN: f64 = 0.02;

fn grant(operations: &[String]) -> impl Strategy<Value = Option<Grant<'_>>> {
    let grantee = select(vec![
        Grantee::Arn(ADMIN),
        Grantee::Arn("arn:aws:iam::444455556666:user/eve"),
        Grantee::Service("s3.amazonaws.com"),
    ]);
    prop::option::weighted(
        0.3,
        grantee.prop_map(move |grantee| Grant {
            id: "grant",
            grantee,
            retiring: None,
            operations,
            encryption_context: ContextConstraint::Any,
            source_arn: matches!(grantee, Grantee::Service(_)).then_some("arn:aws:sns:eu-west-1:111122223333:topic"),
        }),
    )
}

#[test]
fn nobody_can_agrees_with_every_request() {
    let (key, owner, operations) = (arn(KEY), account("111122223333"), ["Decrypt".to_owned()]);
    let policies = (document(), grant(&operations), claim());
    check("nobody can", cases(30), policies, |(document, grant, (who, action, scope)), tally| {
        let access = KeyAccess { grants: grant.into_iter().collect(), ..KeyAccess::new(&key, &owner, &document) };
        let verdict = nobody_can(&access, &who, &[action], scope).verdict;
        tally.count(&verdict);
        match verdict {
            Verdict::Proved { .. } => {
                for request in requests(&[&document], &access.grants) {
                    let goes_through = is_asked(&request, &who, action, scope) && is_allowed(&access, &request, true);
                    prop_assert!(!goes_through, "{request:#?} goes through");
                }
            }
            Verdict::Refuted { witness } => {
                prop_assert!(is_asked(&witness.request, &who, action, scope), "{witness:#?}");
                prop_assert!(is_allowed(&access, &witness.request, true), "{witness:#?}");
            }
            Verdict::Unknown { .. } => {}
        }
        Ok(())
    });
}

#[test]
fn gives_nothing_new_agrees_with_every_request() {
    let (key, owner) = (arn(KEY), account("111122223333"));
    let policies = (document(), document(), any::<bool>());
    check("gives nothing new", cases(20), policies, |(old, other, extends), tally| {
        // Policies that differ in all are hardly alike; those that share most are the ones to compare.
        let mut new = other;
        if extends {
            new.statements.extend(old.statements.iter().skip(1).cloned());
        }
        let (before, after) = (KeyAccess::new(&key, &owner, &old), KeyAccess::new(&key, &owner, &new));
        let gains = gives_nothing_new(&before, &after);
        for gain in &gains.gains {
            let request = &gain.witness.request;
            let is_new = |with| is_allowed(&after, request, with) && !is_allowed(&before, request, with);
            prop_assert!(is_new(true) || is_new(false), "{gain:#?}");
        }
        tally.count(&gains.verdict);
        let told = |request: &Request| gains.gains.iter().any(|it| it.actions.contains(&request.action));
        for request in requests(&[&old, &new], &[]) {
            for with in [true, false] {
                let is_new = is_allowed(&after, &request, with) && !is_allowed(&before, &request, with);
                prop_assert!(
                    !is_new || !gains.unsure.is_empty() || told(&request),
                    "{request:#?} is new, not in {gains:#?}"
                );
            }
        }
        Ok(())
    });
}

#[test]
fn standings_agree_with_every_request() {
    let (key, owner) = (arn(KEY), account("111122223333"));
    check("standings", cases(15), document(), |document, tally| {
        let access = KeyAccess::new(&key, &owner, &document);
        for (at, standing) in standings(&access).iter().enumerate() {
            let mut rest = document.clone();
            rest.statements.remove(at);
            let without = KeyAccess::new(&key, &owner, &rest);
            let differs =
                |request: &Request, with| is_allowed(&access, request, with) != is_allowed(&without, request, with);
            match standing {
                Standing::Needed { witness } => {
                    add(&tally.refuted);
                    prop_assert!(differs(&witness.request, true) || differs(&witness.request, false), "{witness:#?}");
                }
                Standing::NeverApplies | Standing::Redundant => {
                    add(&tally.proved);
                    for request in requests(&[&document], &[]) {
                        prop_assert!(!differs(&request, true) && !differs(&request, false), "{at}: {request:#?}");
                    }
                }
                Standing::Unknown { .. } => add(&tally.unknown),
            }
        }
        Ok(())
    });
}

#[test]
fn whoever_keeps_control_can_always_put_a_policy() {
    let (key, owner) = (arn(KEY), account("111122223333"));
    check("somebody keeps control", cases(10), document(), |document, tally| {
        let access = KeyAccess::new(&key, &owner, &document);
        let control = somebody_keeps_control(&access, &[ADMIN, ALICE]);
        let puts = |it: &Request| it.action == "kms:PutKeyPolicy" && it.context.get("kms:ViaService").is_none();
        let all: Vec<Request> = requests(&[&document], &[]).into_iter().filter(puts).collect();
        match control.verdict {
            Verdict::Proved { .. } => {
                add(&tally.proved);
                for keeper in &control.keepers {
                    let same = |it: &&Request| it.principal == keeper.request.principal;
                    // Sessions of other names than those that policies know are alike.
                    for request in all.iter().filter(same) {
                        prop_assert!(is_allowed(&access, request, false), "{request:#?}");
                    }
                    prop_assert!(is_allowed(&access, &keeper.request, false));
                }
            }
            Verdict::Refuted { witness } => {
                add(&tally.refuted);
                prop_assert!(!is_allowed(&access, &witness.request, true));
                let durable = |it: &&Request| match &it.principal {
                    Principal::Root(account) => *account == owner,
                    Principal::User { arn } => arn.as_str() == ALICE,
                    Principal::Session { session, role } => role.as_str() == ADMIN && session.as_str() != SESSION,
                    _ => false,
                };
                for request in all.iter().filter(durable) {
                    prop_assert!(!is_allowed(&access, request, true), "{request:#?}");
                }
            }
            Verdict::Unknown { reason: keywright_policy::prove::Unknown::OnlyUnderConditions { witness, .. } } => {
                add(&tally.conditional);
                prop_assert!(is_allowed(&access, &witness.request, true));
            }
            Verdict::Unknown { .. } => add(&tally.unknown),
        }
        Ok(())
    });
}

#[test]
fn a_deny_more_never_adds_access() {
    let (key, owner) = (arn(KEY), account("111122223333"));
    let policies = (document(), statement(), claim());
    check("a Deny more", cases(10), policies, |(document, mut deny, (who, action, scope)), tally| {
        deny.effect = Effect::Deny;
        let mut stricter = document.clone();
        stricter.statements.push(deny);
        let (before, after) = (KeyAccess::new(&key, &owner, &document), KeyAccess::new(&key, &owner, &stricter));
        if nobody_can(&before, &who, &[action], scope).verdict.is_proved() {
            let verdict = nobody_can(&after, &who, &[action], scope).verdict;
            prop_assert!(verdict.is_proved(), "{verdict:#?}");
        }
        let gains = gives_nothing_new(&before, &after);
        tally.count(&gains.verdict);
        prop_assert!(gains.verdict.is_proved(), "{gains:#?}");
        Ok(())
    });
}

#[test]
fn the_same_policy_gives_nothing_new_in_any_order() {
    let (key, owner) = (arn(KEY), account("111122223333"));
    check("the same in another order", cases(10), document(), |document, tally| {
        let mut turned = document.clone();
        turned.statements.reverse();
        let (before, after) = (KeyAccess::new(&key, &owner, &document), KeyAccess::new(&key, &owner, &turned));
        let gains = gives_nothing_new(&before, &after);
        tally.count(&gains.verdict);
        prop_assert!(gains.verdict.is_proved() && gains.gains.is_empty(), "{gains:#?}");
        Ok(())
    });
}

#[test]
fn every_witness_replays() {
    let (key, owner, operations) = (arn(KEY), account("111122223333"), ["Decrypt".to_owned()]);
    check("witnesses", cases(5), (document(), grant(&operations)), |(document, grant), tally| {
        let access = KeyAccess { grants: grant.into_iter().collect(), ..KeyAccess::new(&key, &owner, &document) };
        let claims = [root_is_gone(&access), no_public_access(&access)].map(|it| it.verdict);
        let deputies = confused_deputies(&access).into_iter().map(|it| it.verdict);
        for verdict in claims.into_iter().chain(deputies) {
            tally.count(&verdict);
            if let Some(witness) = verdict.witness() {
                prop_assert!(witness.decision.is_allowed(), "{witness:#?}");
                prop_assert!(is_allowed(&access, &witness.request, witness.needs_own_policy), "{witness:#?}");
            }
        }
        Ok(())
    });
}
