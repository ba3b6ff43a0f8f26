//! The engine's [`Provider`](keywright_engine::Provider) over the AWS SDK.
//!
//! The way of a call: [`AwsProvider`] picks the file of the resource's kind (`kind/`), which takes a
//! client for the service, the actor and the Region (`clients`), sends what is needed, and turns the
//! answer into attributes as the `hashicorp/aws` provider writes them (`attributes`). Facts that
//! several resources need are read once a refresh (`facts`); errors are told apart in one place
//! (`error`); what takes AWS a while to see is retried in one way (`patience`).
//!
//! `access` reads who has access to a key, for questions, and `look/` what a diagnosis asks beside the resources: they
//! write nothing. `signed.rs` sends what has no SDK client here.
//!
//! Where to go next: `kind/mod.rs` lists the kinds, and what each must do. `transport.rs` is how an
//! AWS in the same process takes the place of the network.
//!
//! **Invariant:** this crate does what it is told. It never decides what should exist, and never
//! knows who answers it: all it knows of AWS went over HTTP.

mod access;
mod attributes;
mod calls;
mod clients;
mod cloud;
mod error;
mod facts;
mod iam;
mod kind;
mod kms;
mod look;
mod needed;
mod options;
mod patience;
mod policy_text;
mod provider;
mod sessions;
mod signed;
mod tags;
#[cfg(test)]
mod testing;
mod transport;
mod xml;

pub use access::{KeyAccess, PolicyOf, PrincipalPolicies};
pub use look::{
    ActionFailure, ActionHistory, Alarm, BucketReplication, KeyStanding, LookNeeded, LookOn, RefusedCall, Topic, Usage,
    needed_to_look,
};
pub use needed::{Needed, On, When, needed};
pub use options::{Clock, Mfa, Options, StaticCredentials};
pub use patience::Patience;
pub use provider::AwsProvider;
pub use transport::{Transport, TransportError};
