//! The words that every part of keywright shares: accounts, regions, ARNs, key ids, tags,
//! resource addresses, places in source files, and diagnostics.
//!
//! Everything here is a value. A value that exists is valid: each type is made by parsing and
//! cannot hold what its AWS page forbids.
//!
//! Where to go next: `keywright-policy` gives policies a meaning, `keywright-module` turns inputs
//! into desired resources.
//!
//! **Invariant:** no I/O, no clock, no randomness, no async runtime, no AWS SDK.

mod account;
mod address;
mod arn;
mod diagnostic;
mod key;
mod parse;
mod region;
mod secret;
mod tag;

pub use account::AccountId;
pub use address::{Address, Index, ModuleName, ResourceKind};
pub use arn::Arn;
pub use diagnostic::{Diagnostic, Diagnostics, Label, Position, Severity, SourceFile, Span};
pub use key::{AliasName, KeyId, RESERVED_ALIAS_PREFIX};
pub use parse::ParseError;
pub use region::{Partition, Region};
pub use secret::Secret;
pub use tag::{Tags, check_tag_key, check_tag_value};
