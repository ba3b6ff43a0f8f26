//! STS: who calls, and temporary credentials.

mod session;

use crate::operation::operations;

pub(crate) use session::{State, find_credentials, settle};

operations![];
