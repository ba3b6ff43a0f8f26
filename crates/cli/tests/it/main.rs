//! The program as people run it, against the embedded AWS.
//!
//! One test binary: the AWS SDK is slow to link.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

mod ask;
mod cut;
mod doctor;
mod documents;
mod drift;
mod export;
mod folder;
mod import;
mod lifecycle;
mod moves;
mod outputs;
mod permissions;
mod prove;
mod rehearse;
mod sdk;
mod switches;
mod trouble;
