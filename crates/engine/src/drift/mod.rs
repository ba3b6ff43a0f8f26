//! What was changed outside since the state was written, by meaning: never by the texts of policies, never by the order
//! of what has none. Pure: no I/O, no clock, no randomness.
//!
//! `compare.rs` tells what each resource departs in, `policy.rs` what another policy text means, `grants.rs` which grants
//! are whose, `outlook.rs` what becomes of it, `json.rs` the report as data.

mod compare;
mod grants;
mod json;
mod outlook;
mod policy;

use keywright_model::{Address, Arn};
use keywright_policy::Access;
use serde_json::Value;

pub(crate) use compare::compare;
pub(crate) use grants::foreign_grants;
pub(crate) use outlook::look_ahead;

use crate::provider::KeyGrant;

/// What was changed outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DriftReport {
    /// What departs from the state, in the order of the state.
    pub departures: Vec<Departure>,
    /// The grants that AWS services made for resources of their own. They come and go as the key is used: no drift.
    pub service_grants: Vec<OwnedGrant>,
    /// The keys whose grants nobody that the run can be may list, and why: what stands there is not known.
    pub unread_grants: Vec<(Address, String)>,
    /// What nobody changed outside and is not as the inputs ask: they were changed and not applied. No drift.
    pub unapplied: Vec<Address>,
}

/// One thing that was changed outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Departure {
    /// Where it stands.
    pub address: Address,
    /// What was changed.
    pub what: Change,
    /// What becomes of it.
    pub outlook: Outlook,
    /// The attributes that differ from the state.
    pub attributes: Vec<String>,
}

/// What was changed, by meaning.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is gone.
    Gone,
    /// The deletion of the key was scheduled.
    DeletionScheduled {
        /// When it goes, as RFC 3339; none while a primary waits for its replicas.
        deletion_date: Option<String>,
    },
    /// The key was disabled.
    Disabled,
    /// The key was enabled.
    Enabled,
    /// The key is not rotated any more.
    RotationStopped,
    /// The key is rotated now.
    RotationStarted,
    /// The key is rotated at another pace.
    RotationPeriod {
        /// Days, as the state has it.
        before: Value,
        /// Days, as AWS has it.
        after: Value,
    },
    /// Somebody gained or lost access by a policy.
    Access {
        /// Which policy.
        by: PolicyOf,
        /// What the policy opens now.
        gained: Vec<Access>,
        /// What it closes now.
        lost: Vec<Access>,
    },
    /// One of the two policies cannot be read, so that it is not known what the change means.
    Unreadable {
        /// Which policy.
        by: PolicyOf,
    },
    /// The policy names somebody who was deleted. Another one of that name is somebody else.
    DeletedPrincipal {
        /// Which policy.
        by: PolicyOf,
        /// The unique ID that AWS put in the place of the ARN: `AROA…`, `AIDA…`.
        principal: String,
    },
    /// The role was deleted and made again: to policies it is somebody else.
    MadeAgain {
        /// The unique ID in the state.
        before: Value,
        /// The unique ID now.
        after: Value,
    },
    /// A further managed policy was attached to the role.
    PolicyAttached {
        /// Its ARN.
        policy: String,
    },
    /// The alias is another key's now.
    AliasMoved {
        /// The key in the state.
        before: Value,
        /// The key now.
        after: Value,
    },
    /// Somebody made a grant on the key.
    ForeignGrant {
        /// The key.
        key: Arn,
        /// The grant.
        grant: KeyGrant,
    },
    /// Another attribute has another value.
    Attribute {
        /// Its name.
        name: String,
        /// Its value in the state.
        before: Value,
        /// Its value now.
        after: Value,
    },
}

/// Which sort of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyOf {
    /// The key policy.
    Key,
    /// Who may assume a role.
    Trust,
    /// What an IAM policy allows who holds it.
    Identity,
}

/// What becomes of a departure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// The next apply puts it back.
    PutBack,
    /// The next apply puts it back if it is told to rescue the key.
    NeedsRescue,
    /// It is what the inputs ask for now.
    AsWanted,
    /// The inputs do not ask for it any more: the next apply removes it.
    Goes,
    /// keywright leaves it as it is.
    Left,
}

/// A grant, and the key that it is on.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedGrant {
    /// The key.
    pub address: Address,
    /// The grant.
    pub grant: KeyGrant,
}

impl DriftReport {
    /// Whether anything was changed outside.
    pub fn is_drift(&self) -> bool {
        !self.departures.is_empty()
    }

    /// Warnings that a plan tells, for no change of its own speaks of them.
    pub(crate) fn findings(&self) -> Vec<keywright_model::Diagnostic> {
        grants::findings(self)
    }
}
