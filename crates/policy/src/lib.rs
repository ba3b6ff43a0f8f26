//! What IAM and KMS policies mean.
mod document;
pub use document::*;
