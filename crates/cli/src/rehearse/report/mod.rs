//! What a rehearsal came to, for people and for programs.

mod escape;
mod html;
mod junit;
mod removal;
mod text;

use serde_json::{Value, json};

use super::promise::{Promise, Verdict};
use super::removal::RootRemoval;

pub(crate) use html::html;
pub(crate) use junit::junit;
pub(crate) use text::text;

/// What came of all modules.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) acts: Vec<Act>,
    /// Who can do what with each key, as `who-can` has it; null where no report tells it.
    pub(crate) access: Value,
}

/// What came of one module.
#[derive(Debug)]
pub(crate) struct Act {
    pub(crate) module: String,
    pub(crate) promises: Vec<Promise>,
    /// What the alarms on decrypt calls saw.
    pub(crate) graphs: Vec<Graph>,
    /// What removing root would come to, where root access is on.
    pub(crate) root_removal: Option<RootRemoval>,
    /// What a person should know about how it was played.
    pub(crate) notes: Vec<String>,
}

/// What an alarm saw while it was rung; times are seconds since the beginning.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Graph {
    pub(crate) alarm: String,
    pub(crate) threshold: u32,
    /// Seconds.
    pub(crate) period: i64,
    /// How long it was looked at.
    pub(crate) seconds: i64,
    /// The beginning of a period, and its sum.
    pub(crate) points: Vec<(i64, f64)>,
    /// When the alarm told its topic of a state.
    pub(crate) states: Vec<(i64, String)>,
}

impl Graph {
    fn data(&self) -> Value {
        json!({
            "alarm": self.alarm,
            "threshold": self.threshold,
            "period_seconds": self.period,
            "points": self.points.iter().map(|(at, sum)| json!({ "second": at, "sum": sum })).collect::<Vec<_>>(),
            "states": self.states.iter().map(|(at, state)| json!({ "second": at, "state": state })).collect::<Vec<_>>(),
        })
    }
}

impl Act {
    fn data(&self) -> Value {
        json!({
            "module": self.module,
            "promises": self.promises.iter().map(Promise::data).collect::<Vec<_>>(),
            "alarms": self.graphs.iter().map(Graph::data).collect::<Vec<_>>(),
            "root_removal": self.root_removal.as_ref().map(removal::data),
            "notes": self.notes,
        })
    }
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
    let verdict = if report.holds() { Verdict::Held } else { Verdict::Broken };
    json!({
        "verdict": verdict.as_str(),
        "modules": report.acts.iter().map(Act::data).collect::<Vec<_>>(),
        "access": report.access,
    })
}
