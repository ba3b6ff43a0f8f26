//! From desired resources to changes.
mod provider;
pub use provider::*;
