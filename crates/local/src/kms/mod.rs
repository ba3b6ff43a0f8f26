//! KMS: what exists of it and what can be done with it.

use jiff::Timestamp;

use crate::ids::Ids;
use crate::operation::operations;
use crate::store::tables;
use crate::world::World;

tables! {
    /// What exists in KMS.
    pub(crate) struct State in "kms" {}
}

operations![];

/// Lets happen what time alone brings about.
pub(crate) fn settle(_world: &mut World, _now: Timestamp, _ids: &Ids) {}
