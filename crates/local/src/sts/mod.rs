//! STS: who calls, and temporary credentials.

mod assume_role;
mod error;
mod identity;
mod session;
mod session_token;

use assume_role::AssumeRole;
use identity::GetCallerIdentity;
use session_token::GetSessionToken;

use crate::operation::operations;

pub(crate) use session::{State, find_credentials, settle};

operations![AssumeRole, GetCallerIdentity, GetSessionToken];

#[cfg(test)]
mod tests;
