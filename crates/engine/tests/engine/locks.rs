//! Another program on the same state: Terraform's lock, and a state that moves under a run.

use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use keywright_engine::{Cancel, Event, Happening, Mode};
use keywright_model::ResourceKind;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use serde_json::{Value, json};

use crate::Setup;
use crate::fake::Trouble;
use crate::wish::{Wish, key};

/// The file that [`the_other_program`] locks.
const STATE: &str = "KEYWRIGHT_TEST_LOCKED_STATE";

/// No test: what runs in a process of its own, since such a lock keeps out other processes alone. It locks as
/// Terraform does, says whether it could, and holds the lock until its input ends.
#[test]
#[ignore = "it is run by others, in a process of its own"]
fn the_other_program() {
    let Ok(path) = std::env::var(STATE) else { return };
    let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.expect("a file");
    let [kind, whence] = [libc::F_WRLCK, libc::SEEK_SET].map(|it| libc::c_short::try_from(it).expect("it fits"));
    let lock = libc::flock { l_type: kind, l_whence: whence, l_start: 0, l_len: 0, l_pid: 0 };
    println!("\nlocked: {}", fcntl(&file, FcntlArg::F_SETLK(&lock)).is_ok());
    std::io::stdin().read_to_end(&mut Vec::new()).expect("an end");
}

/// Starts the other program. Tells whether it has the lock.
fn other_program(state: &Path) -> (Child, bool) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--ignored", "--exact", "--nocapture", "locks::the_other_program"]).env(STATE, state);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    let lines = output.by_ref().lines().map_while(Result::ok);
    let told = lines.filter_map(|line| line.strip_prefix("locked: ").map(|it| it == "true")).next();
    child.stdout = Some(output.into_inner());
    (child, told.expect("an answer"))
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    child.wait_with_output().expect("an end");
}

fn can_be_locked(state: &Path) -> bool {
    let (child, is_locked) = other_program(state);
    end(child);
    is_locked
}

fn codes(error: &keywright_engine::EngineError) -> Vec<&'static str> {
    error.diagnostics().iter().map(|it| it.code).collect()
}

#[tokio::test]
async fn a_state_that_terraform_holds_is_refused_with_its_name() {
    for is_applied in [false, true] {
        let setup = Setup::new();
        if is_applied {
            setup.apply(&Wish::default()).await;
        }
        let (terraform, has_it) = other_program(&setup.path());
        assert!(has_it);
        let info = json!({"ID": "1", "Operation": "OperationTypeApply", "Info": "", "Who": "ann@host", "Version": "1.11.4", "Created": "2026-01-02T03:04:05Z", "Path": "terraform.tfstate"});
        let note = setup.folder.path().join(".terraform.tfstate.lock.info");
        std::fs::write(&note, info.to_string()).expect("written");
        let refused = setup.plan(&Wish::default().desired()).await.expect_err("it is held");
        assert_eq!(codes(&refused), ["state-locked"]);
        assert!(
            refused.to_string().contains("ann@host since 2026-01-02T03:04:05Z, for `OperationTypeApply`"),
            "{refused}"
        );
        let refused = setup.engine().drift(&[Wish::default().desired()]).await.expect_err("it is held");
        assert_eq!(codes(&refused), ["state-locked"]);
        assert_eq!(std::fs::read_to_string(&note).expect("Terraform's note is left"), info.to_string());
        end(terraform);
        setup.apply(&Wish::default()).await;
    }
}

#[tokio::test]
async fn terraform_is_kept_out_from_the_plan_on_and_through_each_save() {
    let setup = Setup::new();
    setup.apply(&Wish { threshold: 7, ..Wish::default() }).await;
    let engine = setup.engine();
    let planned = engine.plan(&[Wish::default().desired()], Mode::Normal).await.expect("a plan");
    assert!(!can_be_locked(&setup.path()), "during the plan");
    // Neither does reading the state let go of the lock.
    setup.state();
    assert!(!can_be_locked(&setup.path()), "after it was read");
    let path = setup.path();
    let on_event = |_: &Event| assert!(!can_be_locked(&path), "during the apply");
    assert!(engine.apply(planned, &Cancel::new(), &on_event).await.expect("a report").is_complete());
    assert!(can_be_locked(&setup.path()), "in the end");
}

#[tokio::test]
async fn a_first_apply_locks_a_state_that_is_not_there_and_a_first_plan_makes_none() {
    let setup = Setup::new();
    let engine = setup.engine();
    let planned = engine.plan(&[Wish::default().desired()], Mode::Normal).await.expect("a plan");
    assert!(!setup.path().exists());
    let path = setup.path();
    let began = std::sync::Mutex::new(0);
    let on_event = |event: &Event| {
        if event.happening == Happening::Started {
            assert!(!can_be_locked(&path), "{}", event.address);
            *began.lock().expect("a lock") += 1;
        }
    };
    assert!(engine.apply(planned, &Cancel::new(), &on_event).await.expect("a report").is_complete());
    assert!(*began.lock().expect("a lock") > 5);
    let names = std::fs::read_dir(setup.folder.path()).expect("a folder").map(|it| it.expect("a file").file_name());
    let mut names: Vec<_> = names.map(|it| it.to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, [".terraform.tfstate.lock", "terraform.tfstate"]);
}

#[tokio::test]
async fn who_waits_for_the_lock_with_the_file_open_sees_what_was_written() {
    let setup = Setup::new();
    setup.apply(&Wish { threshold: 7, ..Wish::default() }).await;
    let mut waiting = std::fs::File::open(setup.path()).expect("a state");
    setup.apply(&Wish::default()).await;
    let mut seen = String::new();
    waiting.rewind().expect("the beginning");
    waiting.read_to_string(&mut seen).expect("a text");
    assert_eq!(seen, std::fs::read_to_string(setup.path()).expect("a state"));
    let serial = serde_json::from_str::<Value>(&seen).expect("JSON")["serial"].as_u64();
    assert_eq!(serial, Some(setup.state().serial));
}

#[tokio::test]
async fn an_empty_file_is_no_state_yet() {
    let setup = Setup::new();
    std::fs::write(setup.path(), "").expect("written");
    setup.apply(&Wish::default()).await;
    setup.expect_no_op(&Wish::default()).await;
}

/// What another program makes of the state.
fn moved(state: &Path, change: impl Fn(&mut Value)) -> String {
    let text = std::fs::read_to_string(state).expect("a state");
    let mut value = serde_json::from_str(&text).unwrap_or(
        json!({"version": 4, "terraform_version": "1.11.4", "serial": 0, "lineage": "theirs", "outputs": {}, "resources": []}),
    );
    change(&mut value);
    std::fs::write(state, value.to_string()).expect("written");
    value.to_string()
}

fn later(value: &mut Value) {
    value["serial"] = json!(value["serial"].as_u64().expect("a serial") + 1);
}

fn of_others(value: &mut Value) {
    value["lineage"] = json!("another");
}

#[tokio::test]
async fn a_state_that_moved_under_a_run_is_left_and_what_was_made_is_kept_beside_it() {
    for change in [later, of_others] {
        let setup = Setup::new();
        let engine = setup.engine();
        let planned = engine.plan(&[Wish::default().desired()], Mode::Normal).await.expect("a plan");
        let (path, address) = (setup.path(), key().to_string());
        let theirs = std::sync::Mutex::new(String::new());
        let on_event = |event: &Event| {
            if event.address == address && event.happening == Happening::Started {
                *theirs.lock().expect("a lock") = moved(&path, change);
            }
        };
        let error = engine.apply(planned, &Cancel::new(), &on_event).await.expect_err("it has moved");
        assert_eq!(codes(&error), ["state-moved"]);
        assert_eq!(std::fs::read_to_string(&path).expect("a state"), theirs.into_inner().expect("a text"));
        let made = setup.aws.of_kind(ResourceKind::KmsKey);
        let keys: Vec<&str> = made.iter().filter_map(|it| it.attributes["arn"].as_str()).collect();
        let names = std::fs::read_dir(setup.folder.path()).expect("a folder").map(|it| it.expect("a file").path());
        let is_kept = |path: &std::path::PathBuf| path.to_string_lossy().contains("errored-");
        let kept: Vec<_> = names.filter(is_kept).collect();
        assert_eq!((kept.len(), keys.len()), (1, 1));
        let told = format!("{:?}", error.diagnostics());
        assert!(told.contains(kept[0].file_name().expect("a name").to_str().expect("a text")), "{told}");
        assert!(std::fs::read_to_string(&kept[0]).expect("a state").contains(keys[0]));
        // The journal still has the key: the next run takes it up.
        setup.apply(&Wish::default()).await;
        assert_eq!(setup.aws.of_kind(ResourceKind::KmsKey).len(), 1);
    }
}

#[tokio::test]
async fn a_state_that_moved_before_the_apply_ends_it_with_nothing_changed() {
    for change in [later, of_others] {
        let setup = Setup::new();
        setup.apply(&Wish { threshold: 7, ..Wish::default() }).await;
        let engine = setup.engine();
        let planned = engine.plan(&[Wish::default().desired()], Mode::Normal).await.expect("a plan");
        setup.aws.clear();
        moved(&setup.path(), change);
        let error = engine.apply(planned, &Cancel::new(), &|_: &Event| {}).await.expect_err("it has moved");
        assert_eq!(codes(&error), ["state-moved"]);
        assert_eq!(setup.aws.log(), Vec::<String>::new());
        setup.apply(&Wish::default()).await;
    }
}

/// Leaves a key that a run made before it was cut, and another one that another program then put into the state.
/// Gives the ARN of the first.
async fn with_a_stray_key(setup: &Setup) -> String {
    let engine = setup.engine();
    *setup.aws.trouble.lock().expect("a lock") = Some((creation_of_the_key().await, Trouble::CutAfter));
    let desired = [Wish::default().desired()];
    let run = async {
        let planned = engine.plan(&desired, Mode::Normal).await.expect("a plan");
        let _ = engine.apply(planned, &Cancel::new(), &|_: &Event| {}).await;
    };
    tokio::select! {
        () = run => {}
        () = setup.aws.died.notified() => {}
    }
    *setup.aws.trouble.lock().expect("a lock") = None;
    let stray = setup.aws.of_kind(ResourceKind::KmsKey)[0].attributes["arn"].as_str().expect("an ARN").to_owned();
    let journal = setup.folder.path().join("terraform.tfstate.journal");
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let (of_key, others): (Vec<_>, Vec<_>) = text
        .split_inclusive('\n')
        .partition(|line| line.contains("\"module.kms.aws_kms_key.general_encryption_key\",\"token"));
    assert_eq!(of_key.len(), 1, "{text}");
    std::fs::write(&journal, others.concat()).expect("written");
    setup.apply(&Wish::default()).await;
    assert!(!journal.exists());
    std::fs::write(&journal, of_key.concat()).expect("written");
    stray
}

/// Which of the calls that change something it is.
async fn creation_of_the_key() -> usize {
    let setup = Setup::new();
    setup.apply(&Wish::default()).await;
    setup.aws.log().iter().position(|call| call == "create aws_kms_key").expect("a key")
}

async fn strays(setup: &Setup) -> Vec<keywright_model::Diagnostic> {
    let planned = setup.plan(&Wish::default().desired()).await.expect("a plan");
    assert!(planned.plan().is_no_op());
    planned.plan().findings.iter().filter(|it| it.code == "stray-creation").cloned().collect()
}

#[tokio::test]
async fn a_key_that_the_state_has_no_place_for_is_told_until_it_is_seen_to() {
    let token_is_off = |setup: &Setup, stray: &str| {
        setup.aws.records.lock().expect("a lock").get_mut(stray).expect("a key").token = None;
    };
    let is_deleted = |setup: &Setup, stray: &str| {
        setup.aws.records.lock().expect("a lock").get_mut(stray).expect("a key").pending = true;
    };
    for see_to in [&token_is_off as &dyn Fn(&Setup, &str), &is_deleted] {
        let setup = Setup::new();
        let stray = with_a_stray_key(&setup).await;
        let journal = setup.folder.path().join("terraform.tfstate.journal");
        for _ in 0..2 {
            let told = strays(&setup).await;
            assert_eq!(told.len(), 1);
            assert!(told[0].summary.contains(&stray) && told[0].summary.contains(&key().to_string()), "{told:?}");
            setup.apply(&Wish::default()).await;
            assert!(std::fs::read_to_string(&journal).expect("a journal").contains("aws_kms_key"));
        }
        assert!(setup.aws.of_kind(ResourceKind::KmsKey).iter().any(|it| it.attributes["arn"] == json!(stray)));
        see_to(&setup, &stray);
        assert_eq!(strays(&setup).await, []);
        assert!(!journal.exists());
    }
}
