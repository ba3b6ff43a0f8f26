//! IAM: users, roles, managed policies, and who a principal is.
//!
//! Keys of the tables begin with `{partition}/{account}`; names are unique without regard to case.

mod access_keys;
mod attachments;
mod error;
mod holder;
mod inline;
mod page;
mod policies;
mod principal;
mod roles;
mod rules;
mod seed;
mod service_linked;
mod shape;
mod state;
mod tags;
mod users;

use access_keys::{CreateAccessKey, DeleteAccessKey, ListAccessKeys, UpdateAccessKey};
use attachments::{Attach, DeleteBoundary, Detach, ListAttached, PutBoundary};
use inline::{DeleteInline, GetInline, ListInline, PutInline};
use policies::{
    CreatePolicy, CreatePolicyVersion, DeletePolicy, DeletePolicyVersion, GetPolicy, GetPolicyVersion,
    ListEntitiesForPolicy, ListPolicies, ListPolicyVersions, SetDefaultPolicyVersion,
};
use roles::{
    CreateRole, DeleteRole, GetRole, ListInstanceProfilesForRole, ListRoles, UpdateAssumeRolePolicy, UpdateRole,
    UpdateRoleDescription,
};
use service_linked::{CreateServiceLinkedRole, DeleteServiceLinkedRole, GetServiceLinkedRoleDeletionStatus};
use state::User;
use tags::{AddTags, ListTags, OfPolicy, RemoveTags};
use users::{CreateUser, DeleteUser, GetUser, ListGroupsForUser, ListUsers};

use crate::operation::operations;

pub(crate) use error::malformed_policy;
pub(crate) use principal::{find_credentials, role_as_caller, user_as_caller};
pub(crate) use seed::{ensure_operator, ensure_role, ensure_user, furnish_role};
pub(crate) use state::{Role, State};

operations![
    CreateUser,
    GetUser,
    DeleteUser,
    ListUsers,
    ListGroupsForUser,
    CreateAccessKey,
    UpdateAccessKey,
    DeleteAccessKey,
    ListAccessKeys,
    CreateRole,
    GetRole,
    UpdateRole,
    UpdateRoleDescription,
    UpdateAssumeRolePolicy,
    DeleteRole,
    ListRoles,
    ListInstanceProfilesForRole,
    CreateServiceLinkedRole,
    DeleteServiceLinkedRole,
    GetServiceLinkedRoleDeletionStatus,
    CreatePolicy,
    GetPolicy,
    DeletePolicy,
    ListPolicies,
    ListEntitiesForPolicy,
    CreatePolicyVersion,
    GetPolicyVersion,
    DeletePolicyVersion,
    SetDefaultPolicyVersion,
    ListPolicyVersions,
    Attach<Role>,
    Detach<Role>,
    ListAttached<Role>,
    PutBoundary<Role>,
    DeleteBoundary<Role>,
    PutInline<Role>,
    GetInline<Role>,
    DeleteInline<Role>,
    ListInline<Role>,
    AddTags<Role>,
    RemoveTags<Role>,
    ListTags<Role>,
    Attach<User>,
    Detach<User>,
    ListAttached<User>,
    PutBoundary<User>,
    DeleteBoundary<User>,
    PutInline<User>,
    GetInline<User>,
    DeleteInline<User>,
    ListInline<User>,
    AddTags<User>,
    RemoveTags<User>,
    ListTags<User>,
    AddTags<OfPolicy>,
    RemoveTags<OfPolicy>,
    ListTags<OfPolicy>,
];

#[cfg(test)]
mod tests;
