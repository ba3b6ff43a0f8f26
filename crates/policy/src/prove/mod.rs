//! Claims over all requests, not one: proved, refuted by a request, or unknown.
//!
//! A request has a caller, an action, and condition keys. What the policies tell apart of each is finite
//! (`callers.rs`, `values.rs`, `text.rs`), so each statement is a box of these (`model.rs`), and a claim is whether
//! boxes lie within others (`region.rs`). [`prove`] takes claims by their names (`named.rs`, `proof.rs`). A condition that is not modelled makes its `Allow` as wide as it may be and
//! its `Deny` as narrow, where the claim is that nobody can, and the other way round where it is that somebody can.
//!
//! **Invariant:** no request is shown that the evaluator does not decide as the claim says, and what is unknown is
//! never called proved.

mod access;
mod answer;
mod callers;
mod change;
mod claim;
mod control;
mod deputy;
mod model;
mod named;
mod proof;
mod reach;
mod region;
mod text;
mod values;

pub(crate) use access::allowing_everything;
pub use access::{Identities, KeyAccess, KnownPrincipal, resources_by_key_id};
pub use answer::{Answer, Assumption, Escalation, Unknown, Verdict, Witness};
pub use change::{Gain, Gains, Standing, gives_nothing_new, standings};
pub use claim::{Scope, Who, no_public_access, nobody_can, principals_by_arn, root_is_gone};
pub use control::{Control, somebody_keeps_control};
pub use deputy::{Deputy, confused_deputies};
pub use named::{Bounds, Claim, NoClaim, Promises};
pub use proof::{Counter, Flaw, Proof, ProofFinding, Unsure, prove};
pub use reach::{Means, Needs, Reach, Reacher, Way, who_can};
