use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use keywright_model::{Diagnostic, Diagnostics, ModuleName};
use keywright_module::ModuleOutput;

use crate::plan::{Action, ResourceChange, StoredOutput};

/// Something that happens while a plan is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What it happens to: a resource's address, or a role's ARN.
    pub address: String,
    /// What is being done.
    pub doing: Doing,
    /// How far it is.
    pub happening: Happening,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// It was begun.
    Started,
    /// It is done.
    Finished {
        /// The resource's ID, where it was made or changed.
        id: Option<String>,
        /// How long it took.
        elapsed: Duration,
    },
    /// It failed.
    Failed {
        /// Why.
        error: String,
        /// How long it took.
        elapsed: Duration,
    },
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// A resource is created.
    Create,
    /// A resource is changed in place.
    Update,
    /// A key's deletion is cancelled.
    Rescue,
    /// A key that somebody else has made is taken over.
    Adopt,
    /// A resource is deleted.
    Delete,
    /// A final key policy is put.
    PutPolicy,
    /// A key policy on the way to the final one is put.
    PutInterimPolicy,
    /// The tag that marked a creation is taken off.
    Settle,
}

impl Doing {
    pub(super) fn of(change: &ResourceChange) -> Self {
        match change.action {
            Action::Update => Self::Update,
            Action::Delete => Self::Delete,
            _ if change.is_adoption() => Self::Adopt,
            _ if change.recipe.rescued.is_some() || change.action == Action::Rescue => Self::Rescue,
            _ => Self::Create,
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "creation",
            Self::Update => "modification",
            Self::Rescue => "rescue",
            Self::Adopt => "adoption",
            Self::Delete => "deletion",
            Self::PutPolicy => "putting the key policy",
            Self::PutInterimPolicy => "putting an interim key policy",
            Self::Settle => "taking off the creation's tag",
        })
    }
}

/// What came of carrying a plan out.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was done, in the order in which it was done.
    pub applied: Vec<Applied>,
    /// What failed.
    pub failed: Vec<Failed>,
    /// What was not begun.
    pub left: Vec<Left>,
    /// Whether the run was asked to end before it was through.
    pub cancelled: bool,
    /// The root outputs that the state holds now.
    pub outputs: IndexMap<String, StoredOutput>,
    /// What each module hands out, by what the state has of it.
    pub modules: IndexMap<ModuleName, Vec<ModuleOutput>>,
    /// The state's serial.
    pub serial: u64,
}

impl Report {
    /// Whether all was done.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.left.is_empty()
    }

    /// What failed and what is left, to tell a person.
    pub fn diagnostics(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        diagnostics.extend(self.failed.iter().map(|failed| failed.diagnostic.clone()));
        if self.left.is_empty() {
            return diagnostics;
        }
        let left: Vec<_> = self.left.iter().map(|left| format!("{} of {}", left.doing, left.address)).collect();
        let why = match (self.cancelled, self.failed.is_empty()) {
            (true, _) => "the run was asked to end",
            (false, false) => "something before failed",
            (false, true) => "they wait for each other, which is a mistake of keywright",
        };
        let steps = if left.len() == 1 { "1 step was".to_owned() } else { format!("{} steps were", left.len()) };
        diagnostics.push(
            Diagnostic::warning("not-done", format!("{steps} not begun: {why}"))
                .because(left.join("; "))
                .help("what was done is in the state; run again to go on from here"),
        );
        diagnostics
    }
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What it was done to.
    pub address: String,
    /// What was done.
    pub doing: Doing,
    /// The resource's ID, where it was made or changed.
    pub id: Option<String>,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed {
    /// What it was done to.
    pub address: String,
    /// What was to be done.
    pub doing: Doing,
    /// Why it failed, and what to do.
    pub diagnostic: Diagnostic,
}

/// A step that was not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What it was to be done to.
    pub address: String,
    /// What was to be done.
    pub doing: Doing,
}
