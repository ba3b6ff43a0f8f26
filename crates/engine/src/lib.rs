//! From desired resources to changes in AWS.
//!
//! The way of the data: an [`Engine`] locks and reads the state ([`StateStore`]), takes up what a run that was cut has
//! left, and reads each resource once, as somebody who may (`refresh.rs`). From the state, what was read and what is
//! desired it works out a [`Plan`] (`plan/`, pure). It carries that out step by step (`apply/`): independent steps side
//! by side, each creation journalled before it is sent, the state saved after each step, final key policies last.
//!
//! Where to go next: `schema/` says what each kind of resource consists of, `provider.rs` what the engine asks of AWS;
//! `authority.rs` tells from texts who may put a key's policy.
//!
//! **Invariant:** `plan/`, `drift/`, `schema/`, `authority.rs` and `facts.rs` have no I/O, no clock, no randomness and no async;
//! nothing here knows an AWS SDK, and no secret reaches the state, the journal or a saved plan.

mod address;
mod apply;
mod authority;
mod drift;
mod engine;
mod error;
mod facts;
mod import;
mod plan;
mod provider;
mod refresh;
mod saved;
mod schema;
mod state;

pub use apply::{Applied, Cancel, Doing, Event, Failed, Happening, Left, Report};
pub use drift::{Change, Departure, DriftReport, Outlook, OwnedGrant, PolicyOf};
pub use engine::{Engine, Options, Planned, module_outputs, modules_of};
pub use error::EngineError;
pub use import::{ImportFrom, Imported};
pub use plan::{
    Action, Administrator, Bridge, Claim, Conclusion, Counts, Drift, KeyActor, KeyPolicyChange, Mode, Move,
    OutputChange, Plan, PrerequisiteChange, Proof, ResourceChange, StoredOutput, access_json, normalised_json,
};
pub use provider::*;
pub use refresh::KeyReader;
pub use saved::SavedPlan;
pub use schema::{Attribute, Compare, DefaultValue, Presence, Schema, schema};
pub use state::{Instance, LockInfo, State, StateError, StateStore};
