//! What must hold for every policy and every request.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helpers too")]

use keywright_model::{AccountId, Arn};
use keywright_policy::{
    Condition, Document, Effect, Match, NamedPolicy, Outcome, Policies, PolicyKind, Principal, PrincipalPattern,
    Request, ResourcePolicy, Statement, Version, access_changes, decide, equivalent,
};
use proptest::prelude::*;
use proptest::sample::select;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";
const ROLE: &str = "arn:aws:iam::111122223333:role/admin";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/admin/me";
const USER: &str = "arn:aws:iam::111122223333:user/alice";
const ROOT: &str = "arn:aws:iam::111122223333:root";

fn arn(text: &str) -> Arn {
    Arn::parse(text).expect("an ARN")
}

fn pattern() -> impl Strategy<Value = PrincipalPattern> {
    prop_oneof![
        Just(PrincipalPattern::Everyone),
        select(vec![ROOT, "111122223333", "444455556666", ROLE, SESSION, USER, "AROAEXAMPLE"])
            .prop_map(|name| PrincipalPattern::Aws(name.to_owned())),
        select(vec!["s3.amazonaws.com", "logs.eu-west-1.amazonaws.com"])
            .prop_map(|name| PrincipalPattern::Service(name.to_owned())),
    ]
}

fn texts(from: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(select(from).prop_map(str::to_owned), 0..4)
}

fn either<T: std::fmt::Debug + Clone>(inner: impl Strategy<Value = T>) -> impl Strategy<Value = Match<T>> {
    (inner, prop::bool::weighted(0.2)).prop_map(|(it, not)| if not { Match::IsNot(it) } else { Match::Is(it) })
}

fn condition() -> impl Strategy<Value = Condition> {
    const OPERATORS: &[&str] = &[
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLikeIfExists",
        "Bool",
        "Null",
        "ArnLike",
        "ForAnyValue:StringEquals",
        "ForAllValues:StringNotLike",
        "NumericLessThan",
        "IpAddress",
        "DateGreaterThan",
    ];
    const VALUES: &[&str] = &["true", "a", "a*", "5", "111122223333", "${aws:username}", "10.0.0.0/8", "2026-01-01"];
    const KEYS: &[&str] = &["kms:CallerAccount", "kms:ViaService", "aws:Many", "aws:SourceIp", "aws:username"];
    (select(OPERATORS), select(KEYS), texts(VALUES)).prop_map(|(operator, key, values)| Condition {
        operator: operator.to_owned(),
        key: key.to_owned(),
        values,
    })
}

/// Conditions of which no two share operator and key, as in any document that was read.
fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    proptest::collection::vec(condition(), 0..3).prop_map(|mut conditions| {
        conditions.sort();
        conditions.dedup_by(|left, right| (&left.operator, &left.key) == (&right.operator, &right.key));
        conditions
    })
}

fn statement() -> impl Strategy<Value = Statement> {
    const ACTIONS: &[&str] = &["kms:*", "kms:Decrypt", "KMS:decrypt", "kms:De*", "kms:Encrypt", "s3:GetObject"];
    const RESOURCES: &[&str] =
        &["*", KEY, "arn:aws:kms:*:*:key/*", "arn:aws:s3", "arn:aws:kms:${aws:PrincipalAccount}:*"];
    let elements = (
        prop::option::of("[a-z ]{0,4}"),
        prop::bool::ANY,
        either(proptest::collection::vec(pattern(), 0..4)),
        prop::option::weighted(0.9, either(texts(ACTIONS))),
        prop::option::weighted(0.9, either(texts(RESOURCES))),
        conditions(),
    );
    elements.prop_map(|(sid, allow, principal, action, resource, conditions)| Statement {
        sid,
        effect: if allow { Effect::Allow } else { Effect::Deny },
        principal: Some(principal),
        action,
        resource,
        conditions,
        span: None,
    })
}

fn document() -> impl Strategy<Value = Document> {
    (prop::bool::weighted(0.8), proptest::collection::vec(statement(), 1..5)).prop_map(|(new, statements)| Document {
        version: if new { Version::V2012 } else { Version::V2008 },
        id: None,
        statements,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let principal = select(vec![
        Principal::Root(AccountId::parse("111122223333").expect("an account")),
        Principal::User { arn: arn(USER) },
        Principal::User { arn: arn("arn:aws:iam::444455556666:user/eve") },
        Principal::Session { session: arn(SESSION), role: arn(ROLE) },
        Principal::Service { name: "s3.amazonaws.com".to_owned() },
        Principal::Anonymous,
    ]);
    let action = select(vec!["kms:Decrypt", "kms:Encrypt", "kms:PutKeyPolicy", "s3:GetObject"]);
    (principal, action, texts(&["a", "ab", "5"])).prop_map(|(principal, action, many)| {
        Request::new(principal, action, arn(KEY)).with("aws:SourceIp", "10.1.1.1").with_many("aws:Many", many)
    })
}

/// The policy of the key, with IAM policies that allow everything or nothing.
fn outcome(request: &Request, key_policy: &Document, with_identity: bool) -> Outcome {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let everything = Document::parse(text, PolicyKind::Identity).expect("a policy");
    let owner = AccountId::parse("111122223333").expect("an account");
    let mut policies = Policies { resource_policy: ResourcePolicy::Mandatory(key_policy), ..Policies::new(&owner) };
    if with_identity {
        policies.identity.push(NamedPolicy { name: "everything", document: &everything });
    }
    decide(request, &policies).outcome
}

/// Real policies with some pieces of them replaced by what may stand in JSON.
fn changed_policy() -> impl Strategy<Value = String> {
    const POLICIES: &[&str] = &[
        include_str!("../../../conformance/prove/complete-primary.json"),
        include_str!("../../../conformance/prove/published-module.json"),
        include_str!("data/default-key-policy.json"),
    ];
    const PIECES: &[&str] = &[
        "",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u0000",
        "\\ud800",
        "null",
        "-1e999",
        "\"*\"",
        "\"${\"",
        "\"é🔑\"",
        "{\"AWS\":[]}",
        "\"NotPrincipal\":\"*\"",
        "\"Effect\":\"Deny\",",
        "[[[[[[[[",
    ];
    let change = (any::<prop::sample::Index>(), 0usize..40, select(PIECES));
    (select(POLICIES), proptest::collection::vec(change, 1..5)).prop_map(|(policy, changes)| {
        changes.into_iter().fold(policy.to_owned(), |text, (at, length, piece)| {
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
            let from = at.index(places.len());
            let to = (from + length).min(places.len() - 1);
            format!("{}{piece}{}", &text[..places[from]], &text[places[to]..])
        })
    })
}

fn without_spans(mut document: Document) -> Document {
    for statement in &mut document.statements {
        statement.span = None;
    }
    document
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn printing_and_reading_gives_the_same_text_again(document in document()) {
        let printed = document.to_json();
        // Some of these cannot be written down for AWS; what can be must come back as it was.
        if let Ok(read) = Document::parse(&printed, PolicyKind::Resource) {
            prop_assert_eq!(read.to_json(), printed);
            prop_assert!(equivalent(&read, &document));
            prop_assert_eq!(without_spans(Document::parse(&read.to_json(), PolicyKind::Resource).expect("a policy")), without_spans(read));
        }
    }

    #[test]
    fn a_changed_policy_is_read_or_refused_with_places(text in changed_policy()) {
        for kind in [PolicyKind::Key, PolicyKind::Identity, PolicyKind::Trust, PolicyKind::Resource] {
            match Document::parse(&text, kind) {
                Ok(document) => {
                    let again = Document::parse(&document.to_json(), kind).expect("what was printed");
                    prop_assert_eq!(without_spans(again), without_spans(document));
                }
                Err(errors) => {
                    prop_assert!(!errors.is_empty());
                    for error in errors {
                        prop_assert!(error.span.is_some_and(|span| text.get(span).is_some()));
                    }
                }
            }
        }
    }

    #[test]
    fn the_order_of_statements_never_matters(document in document(), request in request(), with_identity: bool, turn in 0usize..4) {
        let mut turned = document.clone();
        let by = turn % turned.statements.len();
        turned.statements.rotate_left(by);
        prop_assert_eq!(outcome(&request, &document, with_identity), outcome(&request, &turned, with_identity));
        prop_assert!(equivalent(&document, &turned));
        turned.statements.reverse();
        prop_assert_eq!(outcome(&request, &document, with_identity), outcome(&request, &turned, with_identity));
        prop_assert!(access_changes(Some(&document), &turned).is_empty());
    }

    #[test]
    fn a_deny_more_never_adds_access(document in document(), request in request(), mut more in statement(), with_identity: bool) {
        let before = outcome(&request, &document, with_identity);
        more.effect = Effect::Deny;
        let mut stricter = document;
        stricter.statements.push(more);
        let after = outcome(&request, &stricter, with_identity);
        prop_assert!(after == before || after == Outcome::ExplicitDeny);
    }

    #[test]
    fn an_allow_more_never_takes_access(document in document(), request in request(), mut more in statement(), with_identity: bool) {
        let before = outcome(&request, &document, with_identity);
        more.effect = Effect::Allow;
        let mut wider = document;
        wider.statements.push(more);
        let after = outcome(&request, &wider, with_identity);
        prop_assert!(after == before || (before == Outcome::ImplicitDeny && after == Outcome::Allow));
    }

    #[test]
    fn equivalent_documents_decide_alike(document in document(), request in request(), with_identity: bool) {
        prop_assert!(equivalent(&document, &document));
        let mut same = document.clone();
        same.statements.extend(document.statements.clone());
        for statement in &mut same.statements {
            if let Some(Match::Is(names) | Match::IsNot(names)) = &mut statement.principal {
                names.reverse();
            }
            if let Some(Match::Is(actions) | Match::IsNot(actions)) = &mut statement.action {
                actions.iter_mut().for_each(|action| *action = action.to_uppercase());
            }
            statement.conditions.reverse();
        }
        prop_assert!(equivalent(&document, &same));
        prop_assert_eq!(outcome(&request, &document, with_identity), outcome(&request, &same, with_identity));
    }

    #[test]
    fn documents_that_decide_differently_are_not_equivalent(left in document(), right in document(), request in request(), with_identity: bool) {
        if outcome(&request, &left, with_identity) != outcome(&request, &right, with_identity) {
            prop_assert!(!equivalent(&left, &right));
        }
    }

    #[test]
    fn whoever_gains_access_is_told(old in document(), new in document(), request in request(), with_identity: bool) {
        // Access that comes must come from a statement that came or went.
        let (before, after) = (outcome(&request, &old, with_identity), outcome(&request, &new, with_identity));
        let changes = access_changes(Some(&old), &new);
        let is_of_kms = request.action.starts_with("kms:");
        if is_of_kms && before != Outcome::Allow && after == Outcome::Allow {
            prop_assert!(!changes.gained.is_empty());
        }
        if is_of_kms && before == Outcome::Allow && after != Outcome::Allow {
            prop_assert!(!changes.lost.is_empty());
        }
    }

    #[test]
    fn a_policy_changes_nothing_against_itself(document in document()) {
        prop_assert!(access_changes(Some(&document), &document).is_empty());
        let changes = access_changes(None, &document);
        prop_assert!(changes.gained.iter().all(|it| it.effect == Effect::Allow));
        prop_assert!(changes.lost.iter().all(|it| it.effect == Effect::Deny));
    }
}
