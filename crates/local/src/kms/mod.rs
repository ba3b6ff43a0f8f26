//! AWS Key Management Service.
//!
//! The pure part comes first: `key.rs` (states and what they allow), `material.rs` (generations of key material and
//! rotation), `ciphertext.rs` and `context.rs` (what Encrypt makes), `grant.rs`, `alias.rs`. `state.rs` keeps it all and
//! finds keys by the forms of `KeyId`; `agenda.rs` does what time alone brings about; `checks.rs` says what must be allowed;
//! `key_policy.rs` takes policies. `operations/` holds the API, one file a group.
//!
//! **Invariant:** key material leaves [`material::MaterialBytes`] for a cipher or the store, never for an answer, a
//! message or `Debug`.

mod agenda;
mod alias;
mod blob;
mod checks;
mod ciphertext;
mod context;
mod error;
mod grant;
mod key;
mod key_policy;
mod material;
mod metrics;
mod operations;
mod page;
mod party;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use agenda::settle;
pub(crate) use metrics::measure;
pub(crate) use operations::OPERATIONS;
pub(crate) use state::State;
