//! Each operation of CloudWatch, Logs and SNS, allowed, implicitly denied and explicitly denied.

use keywright_model::{AccountId, Partition};
use keywright_policy::PolicyKind;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::policy::StoredPolicy;
use crate::testing::{ACCOUNT, Answered, Client};
use crate::world::World;
use crate::{EnsureError, Service};

/// One service of `conformance/local/watch-authorization.json`.
#[derive(Deserialize)]
struct Area {
    service: String,
    source: String,
    /// Calls of the root user before each case.
    setup: Vec<Call>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Call {
    operation: String,
    input: Value,
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    call: Call,
    checks: Vec<Permission>,
}

#[derive(Deserialize)]
struct Permission {
    action: String,
    resource: String,
}

/// What `SUBSCRIPTION` and `TOKEN` stand for in the inputs.
#[derive(Default)]
struct Names {
    subscription: String,
    token: String,
}

impl Names {
    fn fill(&self, text: &str) -> String {
        text.replace("SUBSCRIPTION", &self.subscription).replace("TOKEN", &self.token)
    }
}

impl Area {
    fn service(&self) -> Service {
        let named = |service: &Service| format!("{service:?}") == self.service;
        Service::ALL.into_iter().find(named).expect("a service")
    }

    /// A new AWS in which the setup has been made, seen by its root user; and what inputs can name in it.
    fn prepared(&self) -> (Client, Names) {
        let root = Client::root();
        let setup = self.setup.iter();
        let answers: Vec<_> = setup.map(|call| send(&root, self.service(), call, &Names::default()).ok()).collect();
        let last = answers.last().expect("a setup");
        let arn = last.elements("SubscriptionArn").into_iter().next().unwrap_or_default();
        let subscription = arn.rsplit(':').next().unwrap_or_default().to_owned();
        let token = sent_token(&root).unwrap_or_default();
        (root, Names { subscription, token })
    }

    /// What the case is answered for a user with these statements.
    fn answer(&self, case: &Case, statements: &Value) -> Answered {
        let (root, names) = self.prepared();
        send(&user(&root, statements), self.service(), &case.call, &names)
    }
}

#[test]
fn each_operation_is_allowed_by_its_actions_alone() {
    for area in areas() {
        for case in &area.cases {
            let allowed = case.checks.iter().map(|check| statement("Allow", check)).collect();
            area.answer(case, &allowed).ok();
        }
    }
}

#[test]
fn each_operation_is_denied_when_one_of_its_actions_is_not_allowed() {
    for area in areas() {
        for case in &area.cases {
            for missing in &case.checks {
                let others = case.checks.iter().filter(|check| check.action != missing.action);
                let statements = others.map(|check| statement("Allow", check)).collect();
                let answer = area.answer(case, &statements);
                is_denied(&area, case, &answer, missing, "no identity-based policy allows");
            }
        }
    }
}

#[test]
fn each_operation_is_denied_when_one_of_its_actions_is_denied() {
    for area in areas() {
        for case in &area.cases {
            for denied in &case.checks {
                let everything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
                let answer = area.answer(case, &json!([everything, statement("Deny", denied)]));
                is_denied(&area, case, &answer, denied, "with an explicit deny in an identity-based policy");
            }
        }
    }
}

#[test]
fn each_operation_that_is_carried_out_has_a_case() {
    for area in areas() {
        assert!(!area.source.is_empty());
        let root = Client::root();
        for entry in World::operations(area.service()) {
            let has_case = area.cases.iter().any(|case| case.call.operation == entry.name);
            let call = Call { operation: entry.name.to_owned(), input: json!({}) };
            let answer = send(&root, area.service(), &call, &Names::default());
            let is_unsupported = answer.code().starts_with("UnsupportedOperation");
            assert!(has_case != is_unsupported, "{} {}: {}", area.service, entry.name, answer.text);
        }
    }
}

/// The token that waits to be sent to an endpoint.
fn sent_token(root: &Client) -> Option<String> {
    root.aws.with_world(|world| world.sns.deliveries.values().find_map(|delivery| delivery.token()).map(str::to_owned))
}

fn areas() -> Vec<Area> {
    serde_json::from_str(include_str!("../../../conformance/local/watch-authorization.json")).expect("the cases")
}

fn statement(effect: &str, check: &Permission) -> Value {
    json!({ "Effect": effect, "Action": check.action, "Resource": check.resource })
}

#[track_caller]
fn is_denied(area: &Area, case: &Case, answer: &Answered, check: &Permission, reason: &str) {
    let code = match area.service() {
        Service::Sns => "AuthorizationError",
        _ => "AccessDeniedException",
    };
    let message = answer.message();
    let what = format!("perform: {} on resource: {} ", check.action, check.resource);
    assert_eq!(answer.code(), code, "{} {}: {}", area.service, case.call.operation, answer.text);
    assert!(message.contains(&what) && message.contains(reason), "{}: {message}", case.call.operation);
}

fn send(client: &Client, service: Service, call: &Call, names: &Names) -> Answered {
    if service != Service::Sns {
        return client.json(service, &call.operation, &call.input);
    }
    let members = call.input.as_object().expect("an object");
    let parameters: Vec<(String, String)> =
        members.iter().map(|(name, value)| (name.clone(), names.fill(value.as_str().expect("a text")))).collect();
    let borrowed: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    client.query(service, &call.operation, &borrowed)
}

/// A user of the account whose one policy has these statements.
fn user(root: &Client, statements: &Value) -> Client {
    let account = AccountId::parse(ACCOUNT).expect("an account");
    let keys = root.aws.ensure_operator(&account, Partition::Aws).expect("a user");
    let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let has_statements = statements.as_array().is_some_and(|statements| !statements.is_empty());
    root.aws
        .change(|world, _| {
            let policy = has_statements.then(|| StoredPolicy::new(&document, PolicyKind::Identity, &world.iam));
            let key = world.iam.users.iter().next().map(|(key, _)| key.clone()).expect("the user");
            let permissions = &mut world.iam.users.get_mut(&key).expect("the user").permissions;
            permissions.attached.clear();
            if let Some(policy) = policy {
                permissions.inline.insert("test".to_owned(), policy.expect("a policy"));
            }
            Ok::<_, EnsureError>(())
        })
        .expect("changed");
    Client::of(&root.aws, &root.clock, &keys.access_key_id, keys.secret_access_key.expose())
}
