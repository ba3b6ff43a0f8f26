//! IAM: users, roles, managed policies, and who a principal is.
//!
//! Keys of the tables begin with `{partition}/{account}`; names are unique without regard to case.

mod error;
mod principal;
mod seed;
mod state;

use crate::operation::operations;

pub(crate) use principal::{find_credentials, role_as_caller, user_as_caller};
pub(crate) use seed::{ensure_operator, ensure_role, ensure_user};
pub(crate) use state::{AccessKey, ManagedPolicy, PolicyVersion, Role, State, User, record_key};

operations![];
