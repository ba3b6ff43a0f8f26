//! The policies of `keywright permissions`, held against the embedded AWS: a person who has nothing else can do
//! everything, and with any one action less can not.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use keywright_aws::{AwsProvider, Options, StaticCredentials, Transport};
use keywright_engine::{Cancel, Engine, Mode, StateStore};
use keywright_local::Aws;
use keywright_model::{Arn, Partition, Secret};
use keywright_module::{Desired, Module, Sources};
use serde_json::Value;

use crate::folder::{Folder, run};
use crate::sdk::Sdk;

/// A folder, an AWS in memory with what the folder's inputs name, and the people of each phase.
struct World {
    aws: Aws,
    state: tempfile::TempDir,
    desired: Vec<Desired>,
    people: Vec<StaticCredentials>,
}

impl World {
    /// One person a policy: who plans, who applies, who destroys.
    fn new(folder: &Path, policies: [&Value; 3]) -> Self {
        let sources = Sources { folder: folder.to_owned(), ..Sources::default() };
        let modules = keywright_module::load(&sources).expect("a module");
        let aws = Aws::open(keywright_local::Options::default()).expect("an AWS in memory");
        modules.iter().for_each(|module| furnish(&aws, module));
        let people = people(&aws, &modules, policies);
        let desired = modules.iter().map(Module::desired).collect();
        Self { aws, state: tempfile::tempdir().expect("a folder"), desired, people }
    }

    /// Plans, applies, plans again, and destroys; tells what failed first.
    fn live(&self) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            self.run(0, Mode::Normal, false).await.map_err(|it| format!("a first plan: {it}"))?;
            self.run(1, Mode::Normal, true).await.map_err(|it| format!("apply: {it}"))?;
            self.run(0, Mode::Normal, false).await.map_err(|it| format!("a second plan: {it}"))?;
            self.run(2, Mode::Destroy, true).await.map_err(|it| format!("destroy: {it}"))
        })
    }

    async fn run(&self, person: usize, mode: Mode, is_applied: bool) -> Result<(), String> {
        let home = self.desired[0].region.clone();
        let options = Options::in_process(home, self.people[person].clone(), transport(&self.aws));
        let provider = Arc::new(AwsProvider::connect(options).await.expect("a provider"));
        let store = StateStore::new(self.state.path().join("terraform.tfstate"));
        let engine = Engine::new(provider, store, keywright_engine::Options::default());
        let told = |all: &[keywright_model::Diagnostic]| {
            format!("{:?}", all.iter().map(|it| (&it.summary, &it.detail)).collect::<Vec<_>>())
        };
        let planned = match engine.plan(&self.desired, mode).await {
            Ok(planned) => planned,
            Err(error) => return Err(told(&error.diagnostics().into_iter().collect::<Vec<_>>())),
        };
        if !is_applied {
            return Ok(());
        }
        let report = engine.apply(planned, &Cancel::new(), &|_| ()).await.map_err(|error| error.to_string())?;
        let failures: Vec<_> = report.diagnostics().into_iter().collect();
        if report.is_complete() { Ok(()) } else { Err(told(&failures)) }
    }
}

fn transport(aws: &Aws) -> Transport {
    let aws = aws.clone();
    Arc::new(move |request| {
        let aws = aws.clone();
        Box::pin(async move { Ok(aws.handle(request).await) })
    })
}

/// Makes what the inputs name and do not make.
fn furnish(aws: &Aws, module: &Module) {
    let inputs = module.inputs();
    for arn in inputs.named_principals() {
        let made = if arn.resource_of_kind("role").is_some() { aws.ensure_role(&arn) } else { aws.ensure_user(&arn) };
        made.expect("a principal");
    }
    for topic in inputs.named_topics() {
        aws.ensure_sns_topic(topic.arn()).expect("a topic");
    }
    if let Some(group) = &inputs.trail_log_group {
        let arn = format!("arn:aws:logs:{}:{}:log-group:{}", inputs.region, inputs.account, group.as_str());
        aws.ensure_log_group(&Arn::parse(&arn).expect("an ARN")).expect("a log group");
    }
}

/// An IAM user for each policy, who has that policy alone.
fn people(aws: &Aws, modules: &[Module], policies: [&Value; 3]) -> Vec<StaticCredentials> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let account = &modules.first().expect("a module").inputs().account;
        let operator = aws.ensure_operator(account, Partition::Aws).expect("an operator");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(keywright_local::serve(aws.clone(), listener, std::future::pending()));
        let sdk = Sdk::new(endpoint, operator.access_key_id, operator.secret_access_key.expose().clone());
        let iam = sdk.iam();
        let mut people = Vec::new();
        for (number, policy) in policies.iter().enumerate() {
            let name = format!("person-{number}");
            iam.create_user().user_name(&name).send().await.expect("a user");
            let made = iam.create_policy().policy_name(&name).policy_document(policy.to_string()).send().await;
            let arn = made.expect("a policy that IAM takes").policy.and_then(|it| it.arn).expect("an ARN");
            iam.attach_user_policy().user_name(&name).policy_arn(arn).send().await.expect("attached");
            let key = iam.create_access_key().user_name(&name).send().await.expect("a key").access_key.expect("a key");
            people.push(StaticCredentials {
                access_key_id: key.access_key_id,
                secret_access_key: Secret::new(key.secret_access_key),
                session_token: None,
            });
        }
        people
    })
}

fn policy_for(folder: &Path, phase: &str) -> Value {
    let said = run(&["permissions", folder.to_str().expect("a path"), "--for", phase]).succeeds().stdout;
    serde_json::from_str(&said).expect("a policy")
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// Inputs that differ in who calls what.
fn cases() -> Vec<(&'static str, Folder)> {
    let replica =
        "replication_region = \"us-east-1\"\nreplication_region_buckets = { copy = { region = \"us-east-1\" } }\n";
    [
        ("the least", String::new()),
        ("without rotation and without the service-linked role being made", "enable_key_rotation = false".to_owned()),
        ("root with a replica, an alias and an admin role", format!("{replica}aliases = [\"alias/a\"]\nenable_kms_admin_role = true")),
        ("root with a grant", "grants = { g = { grantee_principal = \"arn:aws:iam::111122223333:role/app\", operations = [\"Decrypt\"] } }".to_owned()),
        ("an administrator in place of the admin role", "kms_root_access = false\nkey_administrators = [\"arn:aws:iam::111122223333:role/boss\"]".to_owned()),
        ("an admin role without a replica", "kms_root_access = false\nenable_kms_admin_role = true\naliases = [\"alias/a\"]".to_owned()),
    ]
    .map(|(name, inputs)| (name, Folder::with_inputs(&inputs)))
    .into()
}

#[test]
fn each_phase_needs_no_more_than_its_policy() {
    let cases = cases();
    let folders = cases.iter().map(|(name, folder)| (*name, folder.path().to_owned()));
    // `prod` lets nobody assume its admin role but people of a role that is there already.
    let examples = ["complete", "dev", "stage"].map(|name| (name, example(name)));
    for (name, folder) in folders.chain(examples) {
        let [plan, apply, destroy] = ["plan", "apply", "destroy"].map(|phase| policy_for(&folder, phase));
        let lived = World::new(&folder, [&plan, &apply, &destroy]).live();
        assert_eq!(lived, Ok(()), "{name}: {apply:#}");
    }
}

#[test]
fn with_any_action_less_something_fails() {
    let root = "replication_region = \"us-east-1\"\nreplication_region_buckets = { copy = { region = \"us-east-1\" } }\n\
                aliases = [\"alias/a\"]\nenable_kms_admin_role = true\n";
    let with_root = Folder::with_inputs(root);
    let for_trouble = for_trouble();
    let mut tried = Vec::new();
    for (name, folder) in [("root off", example("complete")), ("root on", with_root.path().to_owned())] {
        let whole = policy_for(&folder, "all");
        assert_eq!(World::new(&folder, [&whole; 3]).live(), Ok(()), "{name}: {whole:#}");
        tried.extend(each_less(&whole).into_iter().map(|(what, policy)| (name, folder.clone(), what, policy)));
    }
    let (queue, wrong) = (Mutex::new(tried.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((name, folder, what, policy)) = next(&queue) {
                    let works = World::new(folder, [policy; 3]).live().is_ok();
                    if works != for_trouble.contains(&format!("{name}: {what}")) {
                        wrong.lock().expect("a list").push(format!("{name}: {what}: works without: {works}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("a list");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let stale: Vec<&String> = for_trouble
        .iter()
        .filter(|it| !tried.iter().any(|(name, _, what, _)| **it == format!("{name}: {what}")))
        .collect();
    assert!(stale.is_empty(), "no policy has these: {stale:#?}");
}

/// What an undisturbed run does without: see the file for why it is there.
fn for_trouble() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/permissions.json");
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("the cases")).expect("JSON");
    let text = |case: &Value, name: &str| case[name].as_str().expect(name).to_owned();
    let one = |case: &Value| format!("{}: {} {}", text(case, "case"), text(case, "statement"), text(case, "action"));
    cases.as_array().expect("a list").iter().map(one).collect()
}

fn next<'a, T>(queue: &Mutex<std::slice::Iter<'a, T>>) -> Option<&'a T> {
    queue.lock().expect("a queue").next()
}

/// The policy without each action of each statement, by `SID ACTION`; the number of a name that is there twice does not count.
fn each_less(policy: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (at, statement) in policy["Statement"].as_array().expect("statements").iter().enumerate() {
        let sid = statement["Sid"].as_str().expect("a name").trim_end_matches(|it: char| it.is_ascii_digit());
        let actions = actions(statement);
        for action in &actions {
            let rest: Vec<&String> = actions.iter().filter(|it| *it != action).collect();
            let mut less = policy.clone();
            match rest.is_empty() {
                true => drop(less["Statement"].as_array_mut().expect("statements").remove(at)),
                false => less["Statement"][at]["Action"] = serde_json::json!(rest),
            }
            all.push((format!("{sid} {action}"), less));
        }
    }
    all
}

fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::String(one) => vec![one.clone()],
        many => many.as_array().expect("actions").iter().map(|it| it.as_str().expect("a text").to_owned()).collect(),
    }
}
