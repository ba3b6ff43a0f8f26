//! The program as people run it, against the embedded AWS.
//!
//! One test binary: the AWS SDK is slow to link.

mod cut;
mod documents;
mod folder;
mod lifecycle;
mod sdk;
mod switches;
mod trouble;
