//! An AWS in memory that is looked at after every single call: somebody must always be able to put each key's policy.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use keywright_aws::{AwsProvider, StaticCredentials, Transport};
use keywright_engine::{Cancel, Engine, Mode, Options, Planned, StateStore};
use keywright_local::{Aws, KeyView, RoleView};
use keywright_model::{AccountId, Arn, Diagnostics, Partition, Region};
use keywright_module::{Desired, Sources};
use keywright_policy::prove::{KeyAccess, somebody_keeps_control};
use keywright_policy::{Document, NamedPolicy, Policies, PolicyKind, Principal, Request, ResourcePolicy, decide};

use crate::folder::{ACCOUNT, module};
use crate::sdk::{REGION, Sdk};

pub(crate) const OPERATOR: &str = "arn:aws:iam::111122223333:user/operator";
pub(crate) const STRANGER: &str = "arn:aws:iam::111122223333:user/stranger";
pub(crate) const OPS: &str = "arn:aws:iam::111122223333:role/ops";
const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// An AWS in memory, and a state in a folder.
pub(crate) struct Stage {
    pub(crate) aws: Aws,
    pub(crate) watch: Arc<Watch>,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    operator: Sdk,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done, and a second plan changes nothing.
    Applied,
    /// There was nothing to do.
    Unchanged,
    /// Nothing was done. What it said.
    Refused(Diagnostics),
    /// Something was done, and not all.
    Failed(Diagnostics),
}

impl Outcome {
    /// As `conformance/moves.json` has it.
    pub(crate) fn name(&self) -> String {
        let codes = |said: &Diagnostics| {
            let mut codes: Vec<&str> = said.iter().map(|it| it.code).collect();
            codes.sort_unstable();
            codes.dedup();
            codes.join(", ")
        };
        match self {
            Self::Applied => "applied".to_owned(),
            Self::Unchanged => "unchanged".to_owned(),
            Self::Refused(said) => format!("refused: {}", codes(said)),
            Self::Failed(said) => format!("failed: {}", codes(said)),
        }
    }

    /// All that was said.
    pub(crate) fn said(&self) -> String {
        match self {
            Self::Refused(said) | Self::Failed(said) => {
                said.iter().map(|it| format!("{}: {}\n{:?}\n{:?}\n", it.code, it.summary, it.detail, it.help)).collect()
            }
            other => other.name(),
        }
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let aws = Aws::open(keywright_local::Options::default()).expect("an AWS in memory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let account = AccountId::parse(ACCOUNT).expect("an account");
        let keys = aws.ensure_operator(&account, Partition::Aws).expect("an operator");
        let endpoint = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
            tokio::spawn(keywright_local::serve(aws.clone(), listener, std::future::pending()));
            endpoint
        });
        let operator = Sdk::new(endpoint, keys.access_key_id, keys.secret_access_key.expose().clone());
        let folder = tempfile::tempdir().expect("a folder");
        Self { aws, watch: Arc::new(Watch::default()), folder, runtime, operator }
    }

    /// The credentials of the operator, who has all that IAM policies can give.
    pub(crate) fn operator(&self) -> StaticCredentials {
        self.operator.credentials()
    }

    /// The account's root user.
    pub(crate) fn root(&self) -> StaticCredentials {
        self.operator.root(ACCOUNT).credentials()
    }

    /// A session of a role.
    pub(crate) fn session(&self, role: &str) -> StaticCredentials {
        self.outside(async |sdk| sdk.assume(role).await.credentials())
    }

    /// A new user, with or without an administrator's policy.
    pub(crate) fn user(&self, name: &str, is_administrator: bool) -> StaticCredentials {
        self.outside(async |sdk| {
            let key = sdk.user_without_permissions(name).await;
            if is_administrator {
                let attach = sdk.iam().attach_user_policy().user_name(name).policy_arn(ADMINISTRATOR_ACCESS);
                attach.send().await.expect("attached");
            }
            sdk.with_key(key).credentials()
        })
    }

    /// The role `ops`, which the account may assume and which is an administrator in IAM.
    pub(crate) fn make_ops(&self) {
        self.aws.ensure_role(&Arn::parse(OPS).expect("an ARN")).expect("a role");
        self.make_administrator("ops");
    }

    /// Gives a role an administrator's policy.
    pub(crate) fn make_administrator(&self, role: &str) {
        self.outside(async |sdk| {
            let attach = sdk.iam().attach_role_policy().role_name(role).policy_arn(ADMINISTRATOR_ACCESS);
            attach.send().await.expect("attached");
        });
    }

    /// What somebody does beside keywright, as the operator.
    pub(crate) fn outside<T>(&self, act: impl AsyncFnOnce(Sdk) -> T) -> T {
        self.runtime.block_on(act(self.operator.clone()))
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        self.folder.path().join("terraform.tfstate")
    }

    /// One run: plans, applies, and plans again.
    pub(crate) fn run(&self, caller: &StaticCredentials, inputs: &str, mode: Mode) -> Outcome {
        let before = (self.aws.calls().len(), std::fs::read(self.state_path()).ok());
        let desired = match self.desired(inputs) {
            Ok(desired) => desired,
            Err(refused) => return Outcome::Refused(refused),
        };
        let outcome = self.runtime.block_on(self.plan_and_apply(caller, &desired, mode));
        if matches!(outcome, Outcome::Refused(_) | Outcome::Unchanged) {
            let writes = self.writes_since(before.0);
            assert!(writes.is_empty(), "nothing may have been written: {writes:?}, {}", outcome.said());
            assert_eq!(std::fs::read(self.state_path()).ok(), before.1, "the state was written: {}", outcome.said());
        }
        outcome
    }

    /// One run of the operator that is gone once so many writes were done: the answer to the last of them is never
    /// read. Tells whether it was; else it got through before.
    pub(crate) fn cut(&self, inputs: &str, mode: Mode, after: usize) -> bool {
        let desired = self.desired(inputs).expect("a module");
        let operator = self.operator();
        self.watch.cut_in(after);
        let is_cut = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.watch.cut.notified() => true,
                outcome = self.plan_and_apply(&operator, &desired, mode) => {
                    assert_eq!(outcome, Outcome::Applied, "{}", outcome.said());
                    false
                }
            }
        });
        self.watch.cut_in(usize::MAX);
        is_cut
    }

    /// Applies these inputs as the operator, who can.
    #[track_caller]
    pub(crate) fn apply(&self, inputs: &str) {
        let outcome = self.run(&self.operator(), inputs, Mode::Normal);
        assert_eq!(outcome.name(), "applied", "{inputs}: {}", outcome.said());
    }

    /// Plans, and gives what the plan is or why there is none.
    pub(crate) fn plan<T>(&self, inputs: &str, look: impl FnOnce(&Planned) -> T) -> T {
        let desired = self.desired(inputs).expect("a module");
        self.runtime.block_on(async {
            let engine = self.engine(&self.operator()).await;
            look(&engine.plan(&desired, Mode::Normal).await.expect("a plan"))
        })
    }

    /// Expects that these inputs are refused for that reason, and that each of these is said.
    #[track_caller]
    pub(crate) fn is_refused(&self, inputs: &str, mode: Mode, code: &str, told: &[&str]) {
        let outcome = self.run(&self.operator(), inputs, mode);
        assert_eq!(outcome.name(), format!("refused: {code}"), "{}", outcome.said());
        let said = outcome.said();
        told.iter().for_each(|each| assert!(said.contains(each), "`{each}` is not said in {said}"));
    }

    /// The writes since so many calls, refused ones among them. Sessions are not counted.
    pub(crate) fn writes_since(&self, calls: usize) -> Vec<String> {
        let calls = self.aws.calls().split_off(calls);
        let writes = calls.into_iter().filter(|call| !call.read_only && call.operation != "AssumeRole");
        writes.map(|call| format!("{} by {}", call.operation, call.principal)).collect()
    }

    fn desired(&self, inputs: &str) -> Result<Vec<Desired>, Diagnostics> {
        let is_given = |name: &str| inputs.lines().any(|line| line.starts_with(&format!("{name} =")));
        let usual = |line: &&str| {
            !["name_prefix", "environment"].iter().any(|it| line.starts_with(&format!("  {it} =")) && is_given(it))
        };
        let text: Vec<String> = module(inputs).lines().filter(usual).map(str::to_owned).collect();
        std::fs::write(self.folder.path().join("main.tf"), text.join("\n")).expect("a written file");
        let sources = Sources { folder: self.folder.path().to_owned(), ..Sources::default() };
        Ok(keywright_module::load(&sources)?.iter().map(keywright_module::Module::desired).collect())
    }

    async fn plan_and_apply(&self, caller: &StaticCredentials, desired: &[Desired], mode: Mode) -> Outcome {
        let engine = self.engine(caller).await;
        let planned = match engine.plan(desired, mode).await {
            Ok(planned) if planned.is_no_op() => return Outcome::Unchanged,
            Ok(planned) => planned,
            Err(refused) => return Outcome::Refused(refused.diagnostics()),
        };
        let report = engine.apply(planned, &Cancel::new(), &|_| ()).await.expect("a state that can be kept");
        if !report.is_complete() {
            return Outcome::Failed(report.diagnostics());
        }
        let again = engine.plan(desired, mode).await.map_err(|error| error.diagnostics());
        let again = again.expect("a second plan");
        let active: Vec<_> = again.plan().active().map(|it| (it.address.to_string(), it.changed.clone())).collect();
        assert!(again.is_no_op(), "a second plan changes something: {active:?} {:?}", again.plan().drift);
        Outcome::Applied
    }

    async fn engine(&self, caller: &StaticCredentials) -> Engine {
        let home = Region::parse(REGION).expect("a Region");
        let transport = watching(&self.aws, &self.watch);
        let options = keywright_aws::Options::in_process(home, caller.clone(), transport);
        let provider = Arc::new(AwsProvider::connect(options).await.expect("a provider"));
        Engine::new(provider, StateStore::new(self.state_path()), Options::default())
    }
}

/// What was seen after each call.
#[derive(Default)]
pub(crate) struct Watch {
    /// One request and one look at a time.
    turn: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
    cut: tokio::sync::Notify,
}

#[derive(Default)]
struct Seen {
    looks: usize,
    trouble: Vec<String>,
    policies: Vec<String>,
    /// The look with which the run is cut.
    last: Option<usize>,
}

impl Watch {
    /// Looks at each key: somebody who is there must be able to put its policy, and the account, if the key is on its
    /// way out.
    fn look(&self, aws: &Aws) -> ControlFlow<()> {
        let last = aws.calls().pop();
        if last.as_ref().is_none_or(|call| call.read_only) {
            return ControlFlow::Continue(());
        }
        let durable = holders(&aws.roles());
        let mut seen = self.seen.lock().expect("a lock");
        seen.looks += 1;
        for key in aws.keys() {
            if let Err(reason) = check(&key, &durable) {
                let after = last.as_ref().map(|call| format!("{} by {}", call.operation, call.principal));
                seen.trouble.push(format!("after {after:?}: {} ({}): {reason}", key.arn, key.state));
            }
            if !seen.policies.contains(&key.policy) {
                seen.policies.push(key.policy);
            }
        }
        if seen.last == Some(seen.looks) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Cuts the run that begins now after so many writes.
    fn cut_in(&self, writes: usize) {
        let mut seen = self.seen.lock().expect("a lock");
        seen.last = seen.looks.checked_add(writes);
    }

    /// How many writes were followed by a look; there was no trouble.
    #[track_caller]
    pub(crate) fn is_content(&self) -> usize {
        let seen = self.seen.lock().expect("a lock");
        assert!(seen.trouble.is_empty(), "{:#?}", seen.trouble);
        seen.looks
    }

    /// Whether some key ever had a policy that names all of these.
    pub(crate) fn has_seen_together(&self, names: &[&str]) -> bool {
        let seen = self.seen.lock().expect("a lock");
        seen.policies.iter().any(|policy| names.iter().all(|name| policy.contains(&format!("\"{name}\""))))
    }
}

/// Hands each request to AWS, and looks at what it has done before the next one is handed over.
fn watching(aws: &Aws, watch: &Arc<Watch>) -> Transport {
    let (aws, watch) = (aws.clone(), Arc::clone(watch));
    Arc::new(move |request| {
        let (aws, watch) = (aws.clone(), Arc::clone(&watch));
        Box::pin(async move {
            let _turn = watch.turn.lock().await;
            let answer = aws.handle(request).await;
            if watch.look(&aws).is_break() {
                watch.cut.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(answer)
        })
    })
}

/// Those who are there and last: the operator, and each role that an administrator of the account may assume.
pub(super) fn holders(roles: &[RoleView]) -> Vec<String> {
    let administrators = [OPERATOR, STRANGER, OPS].map(|arn| Arn::parse(arn).expect("an ARN"));
    let is_service = |role: &RoleView| role.arn.resource().starts_with("role/aws-service-role/");
    let admits = |role: &&RoleView| administrators.iter().any(|who| *who != role.arn && trusts(role, who));
    let held = roles.iter().filter(|role| !is_service(role)).filter(admits).map(|role| role.arn.to_string());
    held.chain([OPERATOR.to_owned()]).collect()
}

/// Whether an administrator of the account may assume the role.
fn trusts(role: &RoleView, who: &Arn) -> bool {
    static ALL: LazyLock<Document> = LazyLock::new(|| {
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        Document::parse(all, PolicyKind::Identity).expect("a policy")
    });
    let Ok(trust) = Document::parse(&role.trust, PolicyKind::Trust) else { return false };
    let account = AccountId::parse(ACCOUNT).expect("an account");
    let principal = Principal::of_arn(who, &[]).expect("a principal");
    let mut policies = Policies::new(&account);
    policies.resource_policy = ResourcePolicy::Mandatory(&trust);
    policies.identity = vec![NamedPolicy { name: "AdministratorAccess", document: &ALL }];
    decide(&Request::new(principal, "sts:AssumeRole", role.arn.clone()), &policies).is_allowed()
}

/// Proves that one of the holders keeps control of the key. Proofs are kept: most moments are alike.
pub(super) fn check(key: &KeyView, durable: &[String]) -> Result<(), String> {
    type Proofs = HashMap<(String, String, Vec<String>), Result<Vec<String>, String>>;
    static PROOFS: LazyLock<Mutex<Proofs>> = LazyLock::new(Mutex::default);
    let place = key.arn.region().to_owned();
    let question = (place, key.policy.clone(), durable.to_vec());
    let known = PROOFS.lock().expect("a lock").get(&question).cloned();
    let keepers = match known {
        Some(keepers) => keepers,
        None => {
            let keepers = keepers(key, durable);
            PROOFS.lock().expect("a lock").insert(question, keepers.clone());
            keepers
        }
    }?;
    let is_going = key.state.starts_with("Pending");
    let is_delegated = keepers.iter().any(|keeper| keeper == &format!("arn:aws:iam::{ACCOUNT}:root"));
    match is_going && !is_delegated {
        true => Err(format!("it goes, and only {keepers:?} could put its policy")),
        false => Ok(()),
    }
}

fn keepers(key: &KeyView, durable: &[String]) -> Result<Vec<String>, String> {
    let policy = Document::parse(&key.policy, PolicyKind::Key).map_err(|errors| format!("{errors:?}"))?;
    let account = AccountId::parse(ACCOUNT).expect("an account");
    let durable: Vec<&str> = durable.iter().map(String::as_str).collect();
    let control = somebody_keeps_control(&KeyAccess::new(&key.arn, &account, &policy), &durable);
    let keepers = control.keepers.iter().filter_map(|it| it.request.principal.arn()).map(|arn| arn.to_string());
    match control.verdict.is_proved() {
        true => Ok(keepers.collect()),
        false => Err(format!("nobody of {durable:?} keeps control: {}", key.policy)),
    }
}
