//! What a rehearsal came to, for people and for programs.

mod text;

use serde_json::{Value, json};

use super::promise::{Promise, Verdict};

pub(crate) use text::text;

/// What came of all modules.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) acts: Vec<Act>,
}

/// What came of one module.
#[derive(Debug)]
pub(crate) struct Act {
    pub(crate) module: String,
    pub(crate) promises: Vec<Promise>,
}

impl Report {
    /// Whether every promise holds.
    pub(crate) fn holds(&self) -> bool {
        self.promises().all(|promise| promise.verdict() == Verdict::Held)
    }

    pub(crate) fn promises(&self) -> impl Iterator<Item = &Promise> {
        self.acts.iter().flat_map(|act| &act.promises)
    }
}

/// The report as data.
pub(crate) fn data(report: &Report) -> Value {
    let act = |act: &Act| json!({ "module": act.module, "promises": act.promises.iter().map(Promise::data).collect::<Vec<_>>() });
    let verdict = if report.holds() { Verdict::Held } else { Verdict::Broken };
    json!({ "verdict": verdict.as_str(), "modules": report.acts.iter().map(act).collect::<Vec<_>>() })
}
