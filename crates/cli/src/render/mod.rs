//! How things are shown to people and to programs.

pub(crate) mod answers;
pub(crate) mod diagnostics;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod plan;
pub(crate) mod proofs;
pub(crate) mod reach;
pub(crate) mod sarif;
pub(crate) mod summary;
pub(crate) mod values;
