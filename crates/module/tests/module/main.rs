//! Tests of the crate from outside: documents and folders in, desired resources and diagnostics out.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod arbitrary;
mod common;
mod compose;
mod examples;
mod folders;
mod outputs;
mod precedence;
mod rules;
