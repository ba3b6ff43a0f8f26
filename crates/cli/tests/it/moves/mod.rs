//! From each configuration to each other one, as different callers: applied or refused, and at no moment is there a key
//! whose policy nobody could put.

mod scenarios;
mod stage;

use std::collections::BTreeMap;
use std::sync::Mutex;

use keywright_aws::StaticCredentials;
use keywright_engine::Mode;
use serde_json::Value;

use stage::{OPERATOR, OPS, Outcome, Stage};

/// What decides who may put the key policies, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Setting {
    root: bool,
    role: bool,
    replica: bool,
}

impl Setting {
    fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|bits| Self { root: bits & 4 == 0, role: bits & 2 == 0, replica: bits & 1 == 0 })
    }

    fn name(self) -> String {
        let parts = [(self.root, "root"), (self.role, "role"), (self.replica, "replica")];
        let parts: Vec<&str> = parts.iter().filter(|(is_on, _)| *is_on).map(|(_, name)| *name).collect();
        if parts.is_empty() { "neither".to_owned() } else { parts.join(" ") }
    }

    fn inputs(self) -> String {
        let replica =
            "replication_region = \"us-east-1\"\nreplication_region_buckets = { b = { region = \"us-east-1\" } }\n";
        format!(
            "enable_key_monitoring = false\nenable_kms_access_denied_alarm = false\nkms_root_access = {}\nenable_kms_admin_role = {}\n{}",
            self.root,
            self.role,
            if self.replica { replica } else { "" }
        )
    }
}

/// Who runs keywright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Caller {
    /// An administrator of IAM whom no key policy names, and who may assume the admin role.
    Operator,
    /// The same, where `key_administrators` names a role that it may assume.
    OperatorOfAdministrators,
    /// A session of the admin role.
    AdminSession,
    /// The same, where somebody has made the role an administrator of IAM.
    MightyAdminSession,
    /// A session of a role that `key_administrators` names, an administrator of IAM.
    KeyAdministrator,
    /// The account's root user.
    Root,
    /// An administrator of IAM whom neither the key policies name nor the admin role trusts.
    Stranger,
    /// A user without policies.
    Nobody,
}

impl Caller {
    const ALL: [Self; 8] = [
        Self::Operator,
        Self::OperatorOfAdministrators,
        Self::AdminSession,
        Self::MightyAdminSession,
        Self::KeyAdministrator,
        Self::Root,
        Self::Stranger,
        Self::Nobody,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::OperatorOfAdministrators => "operator who may assume a key administrator",
            Self::AdminSession => "session of the admin role",
            Self::MightyAdminSession => "session of the admin role, which was made an administrator",
            Self::KeyAdministrator => "key administrator",
            Self::Root => "root user",
            Self::Stranger => "administrator whom the admin role does not trust",
            Self::Nobody => "user without policies",
        }
    }

    fn inputs(self) -> String {
        match self {
            Self::KeyAdministrator | Self::OperatorOfAdministrators => format!("key_administrators = [\"{OPS}\"]\n"),
            Self::Stranger => format!("admin_role_trusted_principals = [\"{OPERATOR}\"]\n"),
            _ => String::new(),
        }
    }

    /// Gets the caller's credentials, and what else the caller needs.
    fn credentials(self, stage: &Stage) -> StaticCredentials {
        match self {
            Self::Operator | Self::OperatorOfAdministrators => stage.operator(),
            Self::AdminSession => stage.session(ADMIN_ROLE),
            Self::MightyAdminSession => {
                stage.make_administrator("acme-kms-admin-role-test");
                stage.session(ADMIN_ROLE)
            }
            Self::KeyAdministrator => stage.session(OPS),
            Self::Root => stage.root(),
            Self::Stranger => stage.user("stranger", true),
            Self::Nobody => stage.user("nobody", false),
        }
    }
}

/// A stage on which a setting was applied, by whom it can be; none if it cannot, or the caller would be nobody else than
/// another one.
fn start(caller: Caller, from: Option<Setting>) -> Option<(Stage, StaticCredentials)> {
    match caller {
        Caller::AdminSession | Caller::MightyAdminSession if !from?.role => return None,
        Caller::OperatorOfAdministrators if from?.root => return None,
        _ => {}
    }
    let stage = Stage::new();
    if matches!(caller, Caller::KeyAdministrator | Caller::OperatorOfAdministrators) {
        stage.make_ops();
    }
    if let Some(from) = from {
        match stage.run(&stage.operator(), &inputs(caller, from), Mode::Normal) {
            Outcome::Applied => {}
            Outcome::Refused(_) => return None,
            other => panic!("{}: {}", from.name(), other.said()),
        }
    }
    let credentials = caller.credentials(&stage);
    Some((stage, credentials))
}

fn inputs(caller: Caller, setting: Setting) -> String {
    caller.inputs() + &setting.inputs()
}

/// All moves of a caller from one setting, by where they lead.
fn moves(caller: Caller, from: Option<Setting>) -> BTreeMap<String, String> {
    let mut outcomes = BTreeMap::new();
    let mut ready = None;
    for to in Setting::all().map(Some).chain([None]).filter(|to| to.is_some() || from.is_some()) {
        let Some((stage, credentials)) = ready.take().or_else(|| start(caller, from)) else { return outcomes };
        let (wanted, mode) = (to.or(from).expect("a setting"), if to.is_some() { Mode::Normal } else { Mode::Destroy });
        let outcome = stage.run(&credentials, &inputs(caller, wanted), mode);
        let label = |it: Option<Setting>| it.map_or("nothing".to_owned(), Setting::name);
        if !matches!(outcome, Outcome::Refused(_) | Outcome::Unchanged) {
            let (from, to) = (label(from), label(to));
            assert!(stage.watch.is_content() > 0, "{caller:?} from {from} to {to}: nothing was looked at");
            assert!(!matches!(outcome, Outcome::Failed(_)), "{caller:?} from {from} to {to}: {}", outcome.said());
        } else {
            ready = Some((stage, credentials));
        }
        outcomes.insert(label(to), outcome.name());
    }
    outcomes
}

#[test]
fn each_move_is_applied_or_refused_and_at_no_moment_is_a_key_locked() {
    let starts: Vec<(Caller, Option<Setting>)> = Caller::ALL
        .into_iter()
        .flat_map(|caller| Setting::all().map(Some).chain([None]).map(move |from| (caller, from)))
        .collect();
    let queue = Mutex::new(starts.into_iter());
    let found = Mutex::new(BTreeMap::<String, BTreeMap<String, BTreeMap<String, String>>>::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((caller, from)) = next(&queue) {
                    let outcomes = moves(caller, from);
                    let from = from.map_or("nothing".to_owned(), Setting::name);
                    if !outcomes.is_empty() {
                        let mut found = found.lock().expect("a lock");
                        found.entry(caller.name().to_owned()).or_default().insert(from, outcomes);
                    }
                }
            });
        }
    });
    let found = serde_json::to_value(found.into_inner().expect("a lock")).expect("JSON");
    let expected: Value = serde_json::from_str(include_str!("../../../../../conformance/moves.json")).expect("JSON");
    let differing = differences(&expected["moves"], &found);
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(expected["moves"], found, "moves that the file has and that were not tried");
}

fn next(queue: &Mutex<impl Iterator<Item = (Caller, Option<Setting>)>>) -> Option<(Caller, Option<Setting>)> {
    queue.lock().expect("a queue").next()
}

/// Each move whose outcome is another one than the file says.
fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut differing = Vec::new();
    for (caller, starts) in found.as_object().into_iter().flatten() {
        for (from, ends) in starts.as_object().into_iter().flatten() {
            for (to, outcome) in ends.as_object().into_iter().flatten() {
                let expected = &expected[caller][from][to];
                if expected != outcome {
                    differing.push(format!("{caller} from `{from}` to `{to}`: {outcome}, not {expected}"));
                }
            }
        }
    }
    differing
}

const ADMIN_ROLE: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-test";
