//! An AWS of one's own: KMS, IAM, STS, CloudWatch, Logs, SNS, CloudTrail and S3, in process or over HTTP, that verifies
//! every signature and enforces every policy.
//!
//! A request takes one path, written once in `pipeline`: route, authenticate (`sigv4`), decode (`wire`), authorize
//! (the operation's checks, put to the evaluator of `keywright-policy`), call, record, commit (`store`), encode.
//! What exists is a `World` of tables; each service has its folder, each group of operations its file.
//!
//! Where to go next: [`Aws::open`] and [`Aws::handle`]; [`serve()`] for a port. To add an operation, implement
//! `operation::Operation` and name it in its service's `operations!`.
//!
//! Nothing is sent, and nothing comes about, behind a caller's back: [`Aws::deliver_pending`] sends SNS's messages,
//! each call settles what time has brought about, and [`serve()`] alone does both by itself.
//!
//! **Invariant:** nothing of keywright's engine, module or AWS client is known here; the only sharing is HTTP, and the
//! policy evaluator. Time, ids and key material come from [`Clock`] and [`Ids`] alone, save two things: the key that
//! SNS's messages are signed with, and the computer's time for the age of signatures where a port's clock is moved.

#[cfg(test)]
mod authorization_tests;
mod aws;
mod check;
mod clock;
mod cloudtrail;
mod cloudwatch;
mod context;
mod control;
mod error;
mod iam;
mod ids;
mod inside;
mod kms;
mod logs;
mod look;
mod operation;
mod page;
mod pipeline;
mod policy;
mod record;
mod s3;
mod secret;
mod serve;
mod service;
mod sigv4;
mod sns;
mod store;
mod sts;
mod tagging;
#[cfg(test)]
mod testing;
mod unsupported;
mod wire;
mod world;

pub use aws::{Aws, EnsureError, OperatorCredentials, Options};
pub use clock::Clock;
pub use ids::Ids;
pub use inside::{InsideCaller, InsideError};
pub use look::{KeyView, RoleView};
pub use record::CallRecord;
pub use serve::serve;
pub use service::Service;
pub use sns::{Deliveries, HttpTransport, InboxMessage, PendingDelivery, Post, Transport};
pub use store::StoreError;
