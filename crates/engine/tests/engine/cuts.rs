//! A run that is cut after any call is taken up again: nothing twice, nothing left over.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use keywright_engine::{Cancel, Event, Happening, Mode};
use keywright_model::ResourceKind;
use proptest::prelude::*;

use crate::Setup;
use crate::fake::{CALLER, Trouble};
use crate::wish::Wish;

/// How many there are of each kind, and how many of them are on their way out.
fn census(setup: &Setup) -> BTreeMap<ResourceKind, (usize, usize)> {
    let mut census = BTreeMap::new();
    for record in setup.aws.records.lock().expect("a lock").values() {
        let (all, pending) = census.entry(record.kind).or_insert((0, 0));
        *all += 1;
        *pending += usize::from(record.pending);
        assert_eq!(record.token, None, "a creation's tag is left on {:?}", record.attributes);
    }
    census
}

/// Runs with trouble at one call. A cut drops the run as the end of its process does.
pub(crate) async fn run_with(setup: &Setup, wish: &Wish, mode: Mode, trouble: (usize, Trouble)) {
    setup.aws.clear();
    *setup.aws.trouble.lock().expect("a lock") = Some(trouble);
    let engine = setup.engine();
    let desired = [wish.desired()];
    let run = async {
        if let Ok(planned) = engine.plan(&desired, mode).await {
            let _ = engine.apply(planned, &Cancel::new(), &|_: &Event| {}).await;
        }
    };
    tokio::select! {
        () = run => {}
        () = setup.aws.died.notified() => {}
    }
    *setup.aws.trouble.lock().expect("a lock") = None;
}

async fn calls_of(wish: &Wish, before: Option<&Wish>, mode: Mode) -> (usize, BTreeMap<ResourceKind, (usize, usize)>) {
    let setup = Setup::new();
    if let Some(before) = before {
        setup.apply(before).await;
    }
    setup.aws.clear();
    match mode {
        Mode::Normal => setup.apply(wish).await,
        Mode::Destroy => setup.destroy(wish).await,
    };
    (setup.aws.changing.load(Ordering::Relaxed), census(&setup))
}

/// Has trouble at each call of a run in turn, runs again, and compares with a run that had none.
async fn check(before: Option<Wish>, wish: Wish, mode: Mode) {
    let (calls, expected) = calls_of(&wish, before.as_ref(), mode).await;
    assert!(calls > 5);
    for at in 0..calls {
        for trouble in [Trouble::CutBefore, Trouble::CutAfter, Trouble::Error, Trouble::LateError] {
            let setup = Setup::new();
            if let Some(before) = &before {
                setup.apply(before).await;
            }
            run_with(&setup, &wish, mode, (at, trouble)).await;
            match mode {
                Mode::Normal => setup.apply(&wish).await,
                Mode::Destroy => setup.destroy(&wish).await,
            };
            assert_eq!(census(&setup), expected, "{trouble:?} at call {at}");
            match mode {
                Mode::Normal => setup.expect_no_op(&wish).await,
                Mode::Destroy => assert!(setup.state().is_empty()),
            }
        }
    }
}

#[tokio::test]
async fn a_first_apply_is_taken_up_after_any_call() {
    check(None, Wish::default(), Mode::Normal).await;
}

#[tokio::test]
async fn a_destruction_is_taken_up_after_any_call() {
    check(Some(Wish::default()), Wish::default(), Mode::Destroy).await;
}

#[tokio::test]
async fn another_replication_region_is_taken_up_after_any_call() {
    check(Some(Wish::default()), Wish { replica: Some("eu-north-1"), ..Wish::default() }, Mode::Normal).await;
}

#[tokio::test]
async fn a_renamed_role_is_taken_up_after_any_call() {
    check(Some(Wish::default()), Wish { admin_role: Some("chief"), ..Wish::default() }, Mode::Normal).await;
}

#[tokio::test]
async fn the_journal_holds_no_secret_and_is_gone_in_the_end() {
    let setup = Setup::new();
    let (calls, _) = calls_of(&Wish::default(), None, Mode::Normal).await;
    for at in 0..calls {
        run_with(&setup, &Wish::default(), Mode::Normal, (at, Trouble::CutAfter)).await;
        let journal =
            std::fs::read_to_string(setup.folder.path().join("terraform.tfstate.journal")).unwrap_or_default();
        assert!(!journal.contains("SECRET-TOKEN"));
    }
    setup.apply(&Wish::default()).await;
    let left = std::fs::read_to_string(setup.folder.path().join("terraform.tfstate.journal"));
    assert!(left.is_err(), "{left:?}");
}

#[tokio::test]
async fn a_state_that_cannot_be_written_ends_the_run_and_loses_nothing() {
    let setup = Setup::new();
    let (engine, path, aside) = (setup.engine(), setup.path(), setup.folder.path().join("aside"));
    let planned = engine.plan(&[Wish::default().desired()], Mode::Normal).await.expect("a plan");
    let key_is_begun = format!("{}", crate::wish::key());
    let on_event = |event: &Event| {
        if event.address == key_is_begun && event.happening == Happening::Started {
            std::fs::rename(&path, &aside).expect("moved");
            std::fs::create_dir(&path).expect("a folder in its place");
        }
    };
    let error = engine.apply(planned, &Cancel::new(), &on_event).await.expect_err("it cannot be written");
    assert_eq!(error.diagnostics().iter().map(|it| it.code).collect::<Vec<_>>(), ["state-unwritable"]);
    std::fs::remove_dir(&path).expect("removed");
    std::fs::rename(&aside, &path).expect("moved back");
    setup.apply(&Wish::default()).await;
    assert_eq!(census(&setup)[&ResourceKind::KmsKey], (1, 0), "the key of the failed run is found again");
    setup.expect_no_op(&Wish::default()).await;
}

/// Wishes that can all be carried out by the caller: somebody always keeps the keys.
fn wishes() -> impl Strategy<Value = Wish> {
    let replicas = prop_oneof![Just(None), Just(Some("eu-central-1")), Just(Some("eu-north-1"))];
    let aliases = prop::sample::subsequence(vec!["alias/a", "alias/b", "alias/c"], 0..=3);
    let roles = prop_oneof![Just(None), Just(Some("admin")), Just(Some("chief"))];
    let who = (any::<bool>(), roles, prop::bool::weighted(0.3));
    (who, replicas, aliases, 1..3_i64, any::<bool>()).prop_map(
        |((root_access, role, caller_administers), replica, aliases, threshold, extra_statement)| Wish {
            root_access,
            admin_role: if root_access || caller_administers { role } else { role.or(Some("admin")) },
            administrators: if caller_administers { vec![CALLER] } else { Vec::new() },
            replica,
            aliases,
            threshold,
            extra_statement,
            ..Wish::default()
        },
    )
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![5 => Just(Mode::Normal), 1 => Just(Mode::Destroy)]
}

fn troubles() -> impl Strategy<Value = (usize, Trouble)> {
    let trouble =
        prop_oneof![Just(Trouble::CutBefore), Just(Trouble::CutAfter), Just(Trouble::Error), Just(Trouble::LateError)];
    (0..40_usize, trouble)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_way_through_any_wishes_and_troubles_ends_where_the_last_wish_is(
        path in prop::collection::vec((wishes(), modes(), prop::option::of(troubles())), 1..5)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut setup = Setup::new();
            setup.options.rescue = true;
            for (wish, mode, trouble) in &path {
                match (trouble, mode) {
                    (Some(trouble), mode) => run_with(&setup, wish, *mode, *trouble).await,
                    (None, Mode::Normal) => { setup.apply(wish).await; }
                    (None, Mode::Destroy) => { setup.destroy(wish).await; }
                }
            }
            let (last, ..) = path.last().expect("a wish");
            setup.apply(last).await;
            setup.expect_no_op(last).await;
            let (all, pending) = census(&setup)[&ResourceKind::KmsKey];
            assert_eq!(all - pending, 1, "one key that is there to stay");
        });
    }
}
