//! Users.

use keywright_model::Tags;
use keywright_policy::{Principal, Resource};
use serde::{Deserialize, Serialize};

use super::attachments::boundary_arn;
use super::error::{already_exists, delete_conflict, invalid_value, limit_exceeded};
use super::holder::{Holder, creation_checks, find, holder_check, iam_arn, key_of, required};
use super::page::page;
use super::rules::{LONGEST_NAME, Tag, check_name, check_path, merge_tags};
use super::shape::{Empty, UserShape};
use super::state::{Permissions, User};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

pub(super) struct CreateUser;
pub(super) struct GetUser;
pub(super) struct DeleteUser;
pub(super) struct ListUsers;
pub(super) struct ListGroupsForUser;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateInput {
    user_name: String,
    path: Option<String>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneInput {
    user_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneShape {
    user: UserShape,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShape {
    users: Vec<UserShape>,
    is_truncated: bool,
    marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GroupsShape {
    groups: Vec<Empty>,
    is_truncated: bool,
}

impl Operation for CreateUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateUser";
    const READ_ONLY: bool = false;
    type Input = CreateInput;
    type Output = OneShape;

    fn authorize(input: &CreateInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        check_name("userName", &input.user_name, LONGEST_NAME)?;
        let arn = iam_arn(call, &format!("user{}{}", checked_path(input.path.as_ref())?, input.user_name))?;
        let checks = creation_checks(Self::NAME, "TagUser", &arn, &input.tags, call);
        Ok(match &input.permissions_boundary {
            Some(boundary) => {
                checks.into_iter().map(|check| check.with("iam:PermissionsBoundary", boundary.as_str())).collect()
            }
            None => checks,
        })
    }

    fn call(input: CreateInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<OneShape, AwsError> {
        let path = checked_path(input.path.as_ref())?;
        let key = key_of(call, &input.user_name);
        if world.iam.users.contains(&key) {
            return Err(already_exists(format!("User with name {} already exists.", input.user_name)));
        }
        let boundary =
            input.permissions_boundary.as_ref().map(|written| boundary_arn(written, call, world)).transpose()?;
        let mut tags = Tags::new();
        merge_tags(&mut tags, &input.tags)?;
        let user = User {
            arn: iam_arn(call, &format!("user{path}{}", input.user_name))?,
            name: input.user_name,
            path: path.to_owned(),
            id: call.ids.unique_id("AIDA"),
            created: call.now,
            tags,
            permissions: Permissions { boundary, ..Permissions::default() },
        };
        if world.iam.users.with_prefix(&format!("{}/", call.global_scope())).count() >= MOST_USERS {
            return Err(limit_exceeded("UsersPerAccount", MOST_USERS));
        }
        let shape = UserShape::full(&user);
        world.iam.users.insert(key, user);
        Ok(OneShape { user: shape })
    }
}

impl Operation for GetUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetUser";
    const READ_ONLY: bool = true;
    type Input = OneInput;
    type Output = OneShape;

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        match named_or_caller(input.user_name.as_ref(), call)? {
            Named::User(name) => Ok(vec![holder_check::<User>("GetUser", &name, call, world)?]),
            Named::Root => Ok(vec![Check::new(call, "iam:GetUser", iam_arn(call, "root")?)]),
        }
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<OneShape, AwsError> {
        let user = match named_or_caller(input.user_name.as_ref(), call)? {
            Named::User(name) => UserShape::full(find::<User>(&world.iam, call, &name)?),
            Named::Root => {
                UserShape::root(call.account.as_str(), &iam_arn(call, "root")?, Time(jiff::Timestamp::UNIX_EPOCH))
            }
        };
        Ok(OneShape { user })
    }
}

/// There are no groups, so nobody is in one.
impl Operation for ListGroupsForUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListGroupsForUser";
    const READ_ONLY: bool = true;
    type Input = OneInput;
    type Output = GroupsShape;

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<User>(Self::NAME, required::<User>(input.user_name.as_ref())?, call, world)?])
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<GroupsShape, AwsError> {
        find::<User>(&world.iam, call, required::<User>(input.user_name.as_ref())?)?;
        Ok(GroupsShape { groups: Vec::new(), is_truncated: false })
    }
}

impl Operation for DeleteUser {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteUser";
    const READ_ONLY: bool = false;
    type Input = OneInput;
    type Output = ();

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<User>("DeleteUser", required::<User>(input.user_name.as_ref())?, call, world)?])
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let name = required::<User>(input.user_name.as_ref())?;
        check_no_policies(find::<User>(&world.iam, call, name)?)?;
        let key = key_of(call, name);
        if world.iam.access_keys.values().any(|access_key| access_key.user_key == key) {
            return Err(delete_conflict("Cannot delete entity, must delete access keys first."));
        }
        world.iam.users.remove(&key);
        Ok(())
    }
}

impl Operation for ListUsers {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListUsers";
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = ListShape;

    fn authorize(input: &ListInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        Ok(vec![Check::new(call, "iam:ListUsers", list_resource(call, "user", prefix)?)])
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ListShape, AwsError> {
        let scope = format!("{}/", call.global_scope());
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let users = world.iam.users.with_prefix(&scope).filter(|(_, user)| user.path.starts_with(prefix));
        let shapes = users.map(|(key, user)| (key.clone(), UserShape::brief(user)));
        let page = page(shapes, input.marker.as_ref(), input.max_items)?;
        Ok(ListShape { users: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

/// Whom an operation speaks of that takes the caller where it names nobody.
pub(super) enum Named {
    User(String),
    Root,
}

pub(super) fn named_or_caller(name: Option<&String>, call: &CallContext) -> Result<Named, AwsError> {
    match (name, &call.caller.principal) {
        (Some(_), _) => Ok(Named::User(required::<User>(name)?.to_owned())),
        (None, Principal::Root(_)) => Ok(Named::Root),
        (None, Principal::User { arn }) => {
            Ok(Named::User(arn.resource().rsplit('/').next().unwrap_or_default().to_owned()))
        }
        (None, _) => Err(invalid_value("Must specify userName when calling with non-User credentials")),
    }
}

/// What a list is authorized against.
pub(super) fn list_resource(call: &CallContext, kind: &str, path_prefix: &str) -> Result<Resource, AwsError> {
    let prefix = if path_prefix.starts_with('/') { path_prefix } else { "/" };
    iam_arn(call, &format!("{kind}{prefix}"))
        .map(Resource::Arn)
        .map_err(|_| invalid_value("The path prefix is invalid."))
}

/// # Errors
/// When a user or role still has policies.
pub(super) fn check_no_policies<H: Holder>(holder: &H) -> Result<(), AwsError> {
    if !holder.permissions().attached.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !holder.permissions().inline.is_empty() {
        return Err(delete_conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(())
}

/// The path, `/` where there is none.
pub(super) fn checked_path(path: Option<&String>) -> Result<&str, AwsError> {
    let path = path.map_or("/", String::as_str);
    check_path(path)?;
    Ok(path)
}

const MOST_USERS: usize = 5000;
