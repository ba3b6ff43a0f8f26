//! The policies of `keywright permissions`, held against the embedded AWS: a person who has nothing else can do
//! everything, and with any one action less can not.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use keywright_aws::{AwsProvider, Options, StaticCredentials, Transport};
use keywright_engine::{Cancel, Engine, Mode, StateStore};
use keywright_local::{Aws, Service};
use keywright_model::{Arn, Partition, Secret};
use keywright_module::{Desired, Module, Sources};
use serde_json::{Value, json};

use crate::doctor::{self, Report};
use crate::folder::{ACCOUNT, Folder, run, run_in};
use crate::sdk::{REGION, REPLICA_REGION, Sdk};

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
        let mut people = Vec::new();
        for (number, policy) in policies.iter().enumerate() {
            let (id, secret) = person(&sdk, &format!("person-{number}"), policy).await;
            let secret_access_key = Secret::new(secret);
            people.push(StaticCredentials { access_key_id: id, secret_access_key, session_token: None });
        }
        people
    })
}

/// The access key of a new user who has that policy alone.
async fn person(sdk: &Sdk, name: &str, policy: &Value) -> (String, String) {
    let (iam, key) = (sdk.iam(), sdk.user_without_permissions(name).await);
    let made = iam.create_policy().policy_name(name).policy_document(policy.to_string()).send().await;
    let arn = made.expect("a policy that IAM takes").policy.and_then(|it| it.arn).expect("an ARN");
    iam.attach_user_policy().user_name(name).policy_arn(arn).send().await.expect("attached");
    key
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

/// A folder without trouble, in which `doctor` reads all that it ever reads. The topic is encrypted with a key of its own.
fn healthy(inputs: &str) -> Folder {
    let folder = Folder::with_inputs(&format!("{inputs}\n{}\n{}", doctor::REPLICATED, doctor::MONITORED));
    folder.apply();
    std::fs::copy(folder.state_path(), folder.path().join("terraform.tfstate")).expect("a copy");
    doctor::subscribe(&folder, doctor::TOPIC_NAME);
    let allow = |principal: Value, actions: Value| json!({ "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        allow(json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }), json!("kms:*")),
        allow(json!({ "Service": "cloudwatch.amazonaws.com" }), json!(["kms:Decrypt", "kms:GenerateDataKey*"])),
    ] });
    let key = doctor::act(&folder, REGION, Service::Kms, "CreateKey", &json!({ "Policy": policy.to_string() }));
    doctor::set_topic(&folder, "KmsMasterKeyId", key["KeyMetadata"]["KeyId"].as_str().expect("an ID"));
    doctor::make_bucket(&folder, REGION, doctor::BUCKET);
    doctor::make_bucket(&folder, REPLICA_REGION, doctor::COPIES);
    doctor::replicate(&folder, "Enabled", Some(&doctor::output(&folder, "kms_replica_key_arn")));
    folder
}

/// What `doctor` tells somebody who has that policy alone.
async fn diagnosis(folder: &Folder, sdk: &Sdk, name: &str, policy: &Value) -> Report {
    let (id, secret) = person(sdk, name, policy).await;
    let environment = [
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
        ("AWS_ENDPOINT_URL", sdk.endpoint()),
    ];
    let path = folder.path().to_str().expect("a path");
    let run = run_in(&["doctor", path, "--json", "--bucket", doctor::BUCKET], &environment);
    Report::from(run.code, &run.stdout, &run.stderr)
}

#[test]
fn doctor_needs_no_more_than_its_policy_and_without_any_action_says_that_it_cannot_decide() {
    for (name, inputs) in [("root on", "enable_kms_admin_role = true"), ("root off", doctor::ROOT_OFF)] {
        let folder = healthy(inputs);
        let path = folder.path().to_str().expect("a path").to_owned();
        let said = run(&["permissions", &path, "--for", "doctor", "--bucket", doctor::BUCKET]).succeeds().stdout;
        let policy: Value = serde_json::from_str(&said).expect("a policy");
        folder.cloud(async |sdk| {
            let report = diagnosis(&folder, &sdk, "whole", &policy).await;
            assert_eq!(report.code, 0, "{name}: {:#}", report.data);
            for case in 1..=11 {
                assert_eq!(report.answer(case), "fine", "{name}: {} with {policy:#}", report.said(case));
            }
            for (number, (what, less)) in each_less(&policy).into_iter().enumerate() {
                let report = diagnosis(&folder, &sdk, &format!("person-{number}"), &less).await;
                let (_, action) = what.split_once(' ').expect("a statement and an action");
                let open: Vec<String> = (1..=11).flat_map(|case| report.needs(case)).collect();
                let is_told = |needs: &String| needs.contains(&format!("the permission `{action}`"));
                assert!(open.iter().any(is_told), "{name}: without {what} it lacks {open:#?}");
                assert_eq!(report.code, 0, "{name}: what is not known is no trouble: {what}: {:#}", report.data);
            }
        });
    }
}

#[test]
fn buckets_are_for_doctor_alone() {
    let folder = Folder::with_inputs("");
    let path = folder.path().to_str().expect("a path");
    run(&["permissions", path, "--bucket", "b"]).fails_with(&["bucket-unread", "--for doctor"]);
    let policy = policy_for(folder.path(), "doctor").to_string();
    assert!(
        !policy.contains("s3:") && !policy.contains("sns:") && !policy.contains("Metric"),
        "nothing is asked: {policy}"
    );
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
                false => less["Statement"][at]["Action"] = json!(rest),
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
