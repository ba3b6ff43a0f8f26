//! What IAM and KMS policies mean.
//!
//! The way of the data: a text becomes a [`Document`] ([`Document::parse`]); a [`Request`] says who wants to do what,
//! and what is known about it; [`Policies`] gathers everything that has a say; [`decide`] answers, with the
//! [`Reason`]; [`ask`] besides with what that hinges on. [`prove`] answers about all requests at once, and [`lint`]
//! says what a reviewer would about a text. Beside that, [`equivalent`] compares documents, and [`access_changes`] tells
//! who gains and who loses what when one takes the place of another.
//!
//! Where to go next: `decide.rs` holds the rule that combines the sources, and reads like AWS's page; `statement.rs`
//! whether one statement speaks of a request, `principal.rs` how it names the caller, `condition.rs` what an
//! operator means.
//!
//! **Invariant:** no I/O, no clock, no randomness, no async runtime, no AWS SDK. What cannot be read or understood
//! never opens anything: an `Allow` that is not understood does not apply, a `Deny` that is not understood does.

mod access;
mod actions;
mod ask;
mod condition;
mod decide;
mod document;
mod equivalent;
mod error;
mod glob;
mod grant;
mod json;
pub mod lint;
mod operator;
mod parse;
mod principal;
mod print;
pub mod prove;
mod reason;
mod request;
mod statement;
mod variables;

pub use access::{Access, AccessChanges, access_changes};
pub use actions::{AccessLevel, KMS_ACTIONS, Permission, access_level, permission};
pub use ask::{Ruling, Unmet, ask};
pub use decide::{NamedPolicy, Policies, ResourcePolicy, decide};
pub use document::*;
pub use equivalent::equivalent;
pub use error::{PolicyError, Problem};
pub use grant::{ContextConstraint, Grant, Grantee};
pub use operator::{Comparison, Operator, Order, Quantifier};
pub use parse::PolicyKind;
pub use reason::{Cause, Decision, Outcome, Reason, Source};
pub use request::{Context, Principal, Request, Resource};
