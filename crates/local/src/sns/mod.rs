//! SNS: what exists of it and what can be done with it.

use crate::operation::operations;
use crate::store::tables;

tables! {
    /// What exists in SNS.
    pub(crate) struct State in "sns" {}
}

operations![];
