//! Runs that are cut after each single call to AWS: the process is gone, the answer never read. The next run takes up
//! what is there, and ends with exactly what a run that was not cut ends with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keywright_aws::{AwsProvider, Options, StaticCredentials, Transport};
use keywright_engine::{Cancel, Engine, ImportFrom, Mode, Report, StateStore};
use keywright_local::Aws;
use keywright_model::{Arn, Partition};
use keywright_module::{Desired, Sources};
use serde_json::Value;
use tokio::sync::Notify;

use crate::sdk::Sdk;

/// An AWS in memory, a state in a folder, and the example's module.
struct Stage {
    aws: Aws,
    folder: tempfile::TempDir,
    desired: Vec<Desired>,
}

/// How a run ended.
enum End {
    Through(Box<Report>),
    Cut,
}

impl Stage {
    fn new() -> Self {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/complete");
        let sources = Sources { folder: example, ..Sources::default() };
        let modules = keywright_module::load(&sources).expect("the example");
        let desired = modules.iter().map(keywright_module::Module::desired).collect();
        let aws = Aws::open(keywright_local::Options::default()).expect("an AWS in memory");
        let arn = |text: &str| Arn::parse(text).expect("an ARN");
        aws.ensure_sns_topic(&arn("arn:aws:sns:eu-west-1:111122223333:cloudwatch-alarms")).expect("a topic");
        aws.ensure_log_group(&arn("arn:aws:logs:eu-west-1:111122223333:log-group:/aws/cloudtrail/management-events"))
            .expect("a log group");
        Self { aws, folder: tempfile::tempdir().expect("a folder"), desired }
    }

    fn state_path(&self) -> PathBuf {
        self.folder.path().join("terraform.tfstate")
    }

    /// One process: plans and applies, and is gone once `cut_after` calls were answered.
    fn run(&self, mode: Mode, cut_after: Option<usize>) -> End {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let cut = Arc::new(Notify::new());
        let transport = cutting(&self.aws, cut_after, Arc::clone(&cut));
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = cut.notified() => End::Cut,
                report = self.plan_and_apply(mode, transport) => End::Through(Box::new(report)),
            }
        })
    }

    async fn plan_and_apply(&self, mode: Mode, transport: Transport) -> Report {
        let engine = self.engine(transport).await;
        let planned = engine.plan(&self.desired, mode).await.expect("a plan");
        engine.apply(planned, &Cancel::new(), &|_| ()).await.expect("an applied plan")
    }

    /// Imports a key, and tells the codes of what is wrong with that.
    fn import(&self, key: &str) -> Vec<&'static str> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let from = ImportFrom::Key { key: key.to_owned(), replica: None };
        runtime.block_on(async {
            let engine = self.engine(cutting(&self.aws, None, Arc::default())).await;
            let imported = engine.import(&self.desired[0], from).await;
            imported.err().map(|error| error.diagnostics().iter().map(|it| it.code).collect()).unwrap_or_default()
        })
    }

    async fn engine(&self, transport: Transport) -> Engine {
        let first = self.desired.first().expect("a module");
        let operator = self.aws.ensure_operator(&first.account, Partition::Aws).expect("an operator");
        let credentials = StaticCredentials {
            access_key_id: operator.access_key_id,
            secret_access_key: operator.secret_access_key,
            session_token: None,
        };
        let options = Options::in_process(first.region.clone(), credentials, transport);
        let provider = Arc::new(AwsProvider::connect(options).await.expect("a provider"));
        Engine::new(provider, StateStore::new(self.state_path()), keywright_engine::Options::default())
    }

    /// All that is in AWS, with the key's ID written `KEY`, and the addresses in the state.
    fn facts(&self) -> String {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let facts: Value = runtime.block_on(async {
            let first = self.desired.first().expect("a module");
            let operator = self.aws.ensure_operator(&first.account, Partition::Aws).expect("an operator");
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
            tokio::spawn(keywright_local::serve(self.aws.clone(), listener, std::future::pending()));
            let secret = operator.secret_access_key.expose().clone();
            Sdk::new(endpoint, operator.access_key_id, secret).facts_as(ADMIN_ROLE).await
        });
        let keys = facts["eu-west-1"]["keys"].as_array().expect("keys");
        let id =
            keys.first().and_then(|key| key["arn"].as_str()).and_then(|arn| arn.rsplit('/').next()).unwrap_or("none");
        let state = StateStore::new(self.state_path()).load().expect("a state");
        without_unique_ids(&format!("{facts:#}\n{:#?}", state.addresses()).replace(id, "KEY"))
    }

    #[track_caller]
    fn is_through(&self, mode: Mode) {
        match self.run(mode, None) {
            End::Through(report) => assert!(report.is_complete(), "{:?}", report.diagnostics()),
            End::Cut => panic!("nobody cut this run"),
        }
    }

    fn journal_is_empty(&self) -> bool {
        let path = self.folder.path().join("terraform.tfstate.journal");
        std::fs::read_to_string(path).map_or(true, |text| text.trim().is_empty())
    }
}

/// The IDs of deleted roles, which are others in each run, are written `AROA`.
fn without_unique_ids(text: &str) -> String {
    let mut parts = text.split("\"AROA");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("\"AROA");
        kept.push_str(part.trim_start_matches(|next: char| next.is_ascii_alphanumeric()));
    }
    kept
}

/// Compares line by line, so that a failure can be read.
#[track_caller]
fn same(found: &str, wanted: &str, cut_after: usize) {
    let (found, wanted): (Vec<_>, Vec<_>) = (found.lines().collect(), wanted.lines().collect());
    let only = |here: &[&str], there: &[&str]| {
        here.iter().filter(|line| !there.contains(line)).map(|line| line.to_string()).collect::<Vec<_>>()
    };
    let (more, less) = (only(&found, &wanted), only(&wanted, &found));
    assert!(found == wanted, "cut after call {cut_after}: too much: {more:#?}, missing: {less:#?}");
}

/// Answers `cut_after` calls; the answer of the last of them never arrives, and nothing after it is sent.
fn cutting(aws: &Aws, cut_after: Option<usize>, cut: Arc<Notify>) -> Transport {
    let aws = aws.clone();
    let count = Arc::new(AtomicUsize::new(0));
    Arc::new(move |request| {
        let (aws, cut) = (aws.clone(), Arc::clone(&cut));
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            if cut_after.is_some_and(|last| number > last) {
                std::future::pending::<()>().await;
            }
            let answer = aws.handle(request).await;
            if cut_after == Some(number) {
                cut.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(answer)
        })
    })
}

#[test]
fn an_apply_that_was_cut_after_any_call_is_taken_up() {
    let uncut = Stage::new();
    uncut.is_through(Mode::Normal);
    let wanted = uncut.facts();
    assert!(wanted.contains("KEY"), "{wanted}");
    in_two_threads(|cut_after| {
        let stage = Stage::new();
        if matches!(stage.run(Mode::Normal, Some(cut_after)), End::Through(_)) {
            return false;
        }
        stage.is_through(Mode::Normal);
        same(&stage.facts(), &wanted, cut_after);
        assert!(stage.journal_is_empty(), "cut after call {cut_after}");
        true
    });
}

#[test]
fn a_destroy_that_was_cut_after_any_call_is_taken_up() {
    let uncut = Stage::new();
    uncut.is_through(Mode::Normal);
    uncut.is_through(Mode::Destroy);
    let wanted = uncut.facts();
    assert!(wanted.contains("PendingReplicaDeletion"), "{wanted}");
    in_two_threads(|cut_after| {
        let stage = Stage::new();
        stage.is_through(Mode::Normal);
        if matches!(stage.run(Mode::Destroy, Some(cut_after)), End::Through(_)) {
            return false;
        }
        stage.is_through(Mode::Destroy);
        same(&stage.facts(), &wanted, cut_after);
        true
    });
}

#[test]
fn a_second_apply_only_reads_and_reads_each_fact_once() {
    let stage = Stage::new();
    stage.is_through(Mode::Normal);
    let state = std::fs::read(stage.state_path()).expect("a state");
    let before = stage.aws.calls().len();
    stage.is_through(Mode::Normal);
    let calls: Vec<_> = stage.aws.calls().split_off(before);
    let writes: Vec<_> = calls.iter().filter(|call| !call.read_only && call.operation != "AssumeRole").collect();
    assert!(writes.is_empty(), "{writes:?}");
    let count = calls.len();
    // Each filter of a log group is a fact of its own, and authorized on the group.
    let calls = calls.iter().filter(|call| call.operation != "DescribeMetricFilters");
    let mut facts: Vec<String> =
        calls.map(|call| format!("{} in {} of {:?}", call.operation, call.region, call.resources)).collect();
    let read = facts.len();
    facts.sort();
    facts.dedup();
    assert_eq!(facts.len(), read, "a fact is read twice: {facts:#?}");
    assert!(count < 30, "{count} calls");
    assert_eq!(std::fs::read(stage.state_path()).expect("a state"), state, "the state is not written");
}

/// Tries one cut after the other until a run gets through before it is cut, and there were enough of them.
fn in_two_threads(try_cut: impl Fn(usize) -> bool + Sync) {
    let (next, cuts) = (AtomicUsize::new(1), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while try_cut(next.fetch_add(1, Ordering::SeqCst)) {
                    cuts.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    let cuts = cuts.into_inner();
    println!("{cuts} cuts");
    assert!(cuts >= 20, "only {cuts} cuts were tried");
}

const ADMIN_ROLE: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-prod";

#[test]
fn nothing_is_imported_before_a_run_that_was_cut_is_taken_up() {
    let cut = (1..).map(|calls| (Stage::new(), calls)).find(|(stage, calls)| {
        assert!(matches!(stage.run(Mode::Normal, Some(*calls)), End::Cut), "no call is one that makes something");
        !stage.journal_is_empty()
    });
    let (stage, _) = cut.expect("a run that was cut while it made something");
    let before = std::fs::read(stage.state_path()).ok();
    assert_eq!(stage.import("mrk-00000000000000000000000000000000"), ["run-unfinished"]);
    assert_eq!(std::fs::read(stage.state_path()).ok(), before);
    assert!(!stage.journal_is_empty(), "what is open stays open");

    stage.is_through(Mode::Normal);
    let state = StateStore::new(stage.state_path()).load().expect("a state");
    let arns = state.instances().filter_map(|(address, it)| Some((address.to_string(), it.attributes().cloned()?)));
    let key = arns.into_iter().find(|(address, _)| address.ends_with("aws_kms_key.general_encryption_key"));
    let (_, key) = key.expect("a key");
    assert_eq!(stage.import(key["key_id"].as_str().expect("an ID")), Vec::<&str>::new());
}
