//! What policies mean, case by case. The cases are data under `conformance/policy`; each names its source.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::BTreeMap;
use std::path::Path;

use keywright_model::{AccountId, Arn};
use keywright_policy::{
    ContextConstraint, Document, Grant, Grantee, NamedPolicy, Policies, PolicyKind, Principal, Request, Resource,
    ResourcePolicy, access_changes, decide, equivalent,
};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ROLE: &str = "arn:aws:iam::111122223333:role/team/admin";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/admin/me";

/// Reads the cases of a file, checks that each has a name of its own and a source, and gives them to the check.
/// All that fail are told, not only the first.
fn each_case(file: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/policy").join(file);
    let text = std::fs::read_to_string(&path).expect("the file of cases");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("a list of cases");
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        assert!(names.insert(name), "`{name}` stands there twice");
        assert!(case["source"].as_str().is_some_and(|it| !it.is_empty()), "`{name}` names its source");
        if let Err(failure) = check(case) {
            failures.push(format!("{name}: {failure}"));
        }
    }
    assert!(failures.is_empty(), "{} of {} in {file}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn document(value: &Value, kind: PolicyKind) -> Document {
    let whole = match value {
        Value::Array(_) => json!({ "Version": "2012-10-17", "Statement": value }),
        whole => whole.clone(),
    };
    Document::parse(&whole.to_string(), kind).unwrap_or_else(|errors| panic!("{errors:?} in {whole}"))
}

fn documents(value: &Value, kind: PolicyKind) -> Vec<Document> {
    value.as_array().map(|list| list.iter().map(|it| document(it, kind)).collect()).unwrap_or_default()
}

fn named(documents: &[Document]) -> Vec<NamedPolicy<'_>> {
    documents.iter().map(|document| NamedPolicy { name: "p", document }).collect()
}

fn arn(text: &str) -> Arn {
    Arn::parse(text).expect("an ARN")
}

fn account(text: &str) -> AccountId {
    AccountId::parse(text).expect("an account")
}

/// `root:A`, `service:NAME`, `anonymous`, `session` (of the role `team/admin`), `session ARN of ARN`, or a user's or
/// federated user's ARN.
fn principal(text: &str) -> Principal {
    if let Some(of) = text.strip_prefix("root:") {
        return Principal::Root(account(of));
    }
    if let Some(name) = text.strip_prefix("service:") {
        return Principal::Service { name: name.to_owned() };
    }
    if let Some((session, role)) = text.strip_prefix("session ").and_then(|rest| rest.split_once(" of ")) {
        return Principal::Session { session: arn(session), role: arn(role) };
    }
    match text {
        "anonymous" => Principal::Anonymous,
        "session" => Principal::Session { session: arn(SESSION), role: arn(ROLE) },
        _ if text.contains(":federated-user/") => Principal::FederatedUser { arn: arn(text) },
        _ => Principal::User { arn: arn(text) },
    }
}

fn request(case: &Value) -> Request {
    let resource = match case["resource"].as_str() {
        Some("*") => Resource::Any,
        Some(text) => Resource::Arn(arn(text)),
        None => Resource::Arn(arn(KEY)),
    };
    let caller = principal(case["principal"].as_str().unwrap_or("session"));
    let mut request = Request::new(caller, case["action"].as_str().unwrap_or("kms:Decrypt"), resource);
    for (key, values) in case["context"].as_object().into_iter().flatten() {
        request = match values {
            Value::Array(values) => request.with_many(key, values.iter().filter_map(Value::as_str)),
            value => request.with(key, value.as_str().expect("a string")),
        };
    }
    let pairs = case["encryption_context"].as_object().into_iter().flatten();
    request.with_encryption_context(pairs.map(|(name, value)| (name.as_str(), value.as_str().expect("a string"))))
}

fn expect<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}")) }
}

#[test]
fn conditions_hold_as_aws_says() {
    each_case("conditions.json", |case| {
        let key = case["key"].as_str().unwrap_or("aws:Test");
        let text = |effect: &str| {
            json!({
                "Version": case["version"].as_str().unwrap_or("2012-10-17"),
                "Statement": [
                    { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" },
                    { "Effect": effect, "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
                      "Condition": { case["operator"].as_str().expect("an operator"): { key: case["values"] } } },
                ]
            })
        };
        let mut request = request(case);
        match &case["found"] {
            Value::Null => {}
            Value::Array(values) => request = request.with_many(key, values.iter().filter_map(Value::as_str)),
            value => request = request.with(key, value.as_str().expect("a string")),
        }
        let applies = |effect: &str| {
            let mut document = document(&text(effect), PolicyKind::Resource);
            if effect == "Allow" {
                document.statements.remove(0);
            }
            let owner = account("111122223333");
            let policies = Policies { resource_policy: ResourcePolicy::Mandatory(&document), ..Policies::new(&owner) };
            decide(&request, &policies).is_allowed() == (effect == "Allow")
        };
        let (allow, deny) = match case["holds"].as_str().expect("an expectation") {
            "yes" => (true, true),
            "no" => (false, false),
            // What is not understood opens nothing and closes everything.
            "unknown" => (false, true),
            other => panic!("{other}"),
        };
        expect((applies("Allow"), applies("Deny")), (allow, deny))
    });
}

#[test]
fn principals_are_named_as_aws_says() {
    each_case("principals.json", |case| {
        let statement = |effect: &str| {
            let element = case["element"].as_str().unwrap_or("Principal");
            json!([{ "Effect": effect, element: case["named"], "Action": "kms:*", "Resource": "*" }])
        };
        let everything =
            document(&json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]), PolicyKind::Identity);
        let nothing =
            document(&json!([{ "Effect": "Allow", "Action": "sns:*", "Resource": "*" }]), PolicyKind::Identity);
        let owner = account("111122223333");
        let request = request(case);
        let is_allowed = |key_policy: &Document, with_identity: bool, boundary: Option<&Document>| {
            let mut policies =
                Policies { resource_policy: ResourcePolicy::Mandatory(key_policy), ..Policies::new(&owner) };
            if with_identity {
                policies.identity.push(NamedPolicy { name: "everything", document: &everything });
            }
            policies.boundary = boundary.map(|document| NamedPolicy { name: "boundary", document });
            decide(&request, &policies).is_allowed()
        };
        let allow = document(&statement("Allow"), PolicyKind::Resource);
        let naming = if is_allowed(&allow, false, Some(&nothing)) {
            "itself"
        } else if is_allowed(&allow, false, None) {
            "limited"
        } else if is_allowed(&allow, true, None) {
            "by policy"
        } else {
            "not"
        };
        expect(naming, case["is_named"].as_str().expect("an expectation"))?;

        let both = json!([
            { "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" },
            statement("Deny")[0],
        ]);
        let is_denied = !is_allowed(&document(&both, PolicyKind::Resource), true, None);
        match case["is_denied"].as_bool() {
            Some(expected) => expect(is_denied, expected).map_err(|it| format!("denied: {it}")),
            None => Ok(()),
        }
    });
}

#[test]
fn sources_combine_as_aws_says() {
    each_case("decisions.json", |case| {
        let owner = account(case["resource_account"].as_str().unwrap_or("111122223333"));
        let resource_document = [
            ("key_policy", PolicyKind::Key),
            ("trust_policy", PolicyKind::Trust),
            ("resource_policy", PolicyKind::Resource),
        ]
        .into_iter()
        .find_map(|(name, kind)| Some((name, document(case.get(name)?, kind))));
        let identity = documents(&case["identity"], PolicyKind::Identity);
        let session = documents(&case["session"], PolicyKind::Identity);
        let boundary = case.get("boundary").map(|it| document(it, PolicyKind::Identity));
        let levels = |name: &str, kind| -> Vec<Vec<Document>> {
            case[name]
                .as_array()
                .map(|list| list.iter().map(|level| documents(level, kind)).collect())
                .unwrap_or_default()
        };
        let (scps, rcps) = (levels("scps", PolicyKind::Identity), levels("rcps", PolicyKind::Resource));
        let stored: Vec<StoredGrant> = case["grants"].as_array().into_iter().flatten().map(StoredGrant::new).collect();
        let mut policies = Policies::new(&owner);
        policies.resource_policy = match &resource_document {
            Some(("resource_policy", document)) => ResourcePolicy::Optional(document),
            Some((_, document)) => ResourcePolicy::Mandatory(document),
            None if case["unreadable_resource_policy"] == true => ResourcePolicy::Unreadable,
            None => ResourcePolicy::None,
        };
        policies.identity = named(&identity);
        policies.session = named(&session);
        policies.boundary = boundary.as_ref().map(|document| NamedPolicy { name: "p", document });
        policies.scps = scps.iter().map(|level| named(level)).collect();
        policies.rcps = rcps.iter().map(|level| named(level)).collect();
        policies.grants = stored.iter().map(StoredGrant::as_grant).collect();
        policies.unreadable = case["unreadable"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();

        let decision = decide(&request(case), &policies);
        expect(decision.outcome.as_str(), case["outcome"].as_str().expect("an outcome"))
            .map_err(|it| format!("{it} ({})", decision.reason))?;
        match case["reason"].as_str() {
            Some(reason) => expect(decision.reason.to_string().as_str(), reason),
            None => Ok(()),
        }
    });
}

/// A grant as the cases write it, which mirrors KMS's `GrantListEntry`.
struct StoredGrant {
    grantee: (bool, String),
    retiring: Option<String>,
    operations: Vec<String>,
    equals: Option<BTreeMap<String, String>>,
    subset: Option<BTreeMap<String, String>>,
    source_arn: Option<String>,
}

impl StoredGrant {
    fn new(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let pairs = |name: &str| {
            let object = value["Constraints"][name].as_object()?;
            Some(object.iter().map(|(name, value)| (name.clone(), text(value).expect("a string"))).collect())
        };
        Self {
            grantee: match (&value["GranteePrincipal"], &value["GranteeServicePrincipal"]) {
                (Value::String(arn), _) => (false, arn.clone()),
                (_, service) => (true, text(service).expect("a grantee")),
            },
            retiring: text(&value["RetiringPrincipal"]),
            operations: value["Operations"].as_array().into_iter().flatten().filter_map(text).collect(),
            equals: pairs("EncryptionContextEquals"),
            subset: pairs("EncryptionContextSubset"),
            source_arn: text(&value["Constraints"]["SourceArn"]),
        }
    }

    fn as_grant(&self) -> Grant<'_> {
        Grant {
            id: "grant",
            grantee: match &self.grantee {
                (true, name) => Grantee::Service(name),
                (false, arn) => Grantee::Arn(arn),
            },
            retiring: self.retiring.as_deref().map(Grantee::Arn),
            operations: &self.operations,
            encryption_context: match (&self.equals, &self.subset) {
                (Some(pairs), _) => ContextConstraint::Equals(pairs),
                (_, Some(pairs)) => ContextConstraint::Subset(pairs),
                _ => ContextConstraint::Any,
            },
            source_arn: self.source_arn.as_deref(),
        }
    }
}

#[test]
fn texts_are_read_or_refused_as_aws_says() {
    each_case("grammar.json", |case| {
        let kind = match case["kind"].as_str().expect("a kind") {
            "key" => PolicyKind::Key,
            "identity" => PolicyKind::Identity,
            "trust" => PolicyKind::Trust,
            "resource" => PolicyKind::Resource,
            other => panic!("{other}"),
        };
        let text = match &case["text"] {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let said = match Document::parse(&text, kind) {
            Ok(document) => {
                let printed = document.to_json();
                let again = Document::parse(&printed, kind).map_err(|it| format!("{it:?} in {printed}"))?;
                expect(again.to_json(), printed)?;
                expect(equivalent(&document, &again), true)?;
                Vec::new()
            }
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        };
        let expected: Vec<_> = case["errors"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        expect(said.iter().map(String::as_str).collect::<Vec<_>>(), expected)
    });
}

#[test]
fn documents_are_equivalent_by_meaning() {
    each_case("equivalence.json", |case| {
        let kind = if case["kind"] == "identity" { PolicyKind::Identity } else { PolicyKind::Resource };
        let (left, right) = (document(&case["left"], kind), document(&case["right"], kind));
        let expected = case["equivalent"].as_bool().expect("an expectation");
        expect((equivalent(&left, &right), equivalent(&right, &left)), (expected, expected))?;
        if expected {
            expect(access_changes(Some(&left), &right).is_empty(), true).map_err(|it| format!("no changes: {it}"))?;
        }
        Ok(())
    });
}
