//! Roles.

use keywright_model::Tags;
use serde::{Deserialize, Serialize};

use super::attachments::boundary_arn;
use super::error::{already_exists, invalid_input, invalid_value, limit_exceeded};
use super::holder::{Holder, creation_checks, find, find_mut, holder_check, iam_arn, key_of, required};
use super::page::page;
use super::rules::{LONGEST_NAME, Tag, check_description, check_name, check_session_seconds, merge_tags, trust_policy};
use super::shape::{Empty, RoleShape};
use super::state::{Permissions, Role};
use super::users::{check_no_policies, checked_path, list_resource};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct CreateRole;
pub(super) struct GetRole;
pub(super) struct UpdateRole;
pub(super) struct UpdateRoleDescription;
pub(super) struct UpdateAssumeRolePolicy;
pub(super) struct DeleteRole;
pub(super) struct ListRoles;
pub(super) struct ListInstanceProfilesForRole;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateInput {
    role_name: String,
    path: Option<String>,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
    max_signin_session_duration: Option<u32>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneInput {
    role_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateInput {
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
    max_signin_session_duration: Option<u32>,
    reset_max_signin_session_duration: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescriptionInput {
    role_name: String,
    description: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TrustInput {
    role_name: String,
    policy_document: String,
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
    pub(super) role: RoleShape,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShape {
    roles: Vec<RoleShape>,
    is_truncated: bool,
    marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InstanceProfilesShape {
    instance_profiles: Vec<Empty>,
    is_truncated: bool,
}

impl Operation for CreateRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateRole";
    const READ_ONLY: bool = false;
    type Input = CreateInput;
    type Output = OneShape;

    fn authorize(input: &CreateInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        check_name(Role::MEMBER, &input.role_name, LONGEST_NAME)?;
        check_no_signin_duration(input.max_signin_session_duration.is_some())?;
        let arn = iam_arn(call, &format!("role{}{}", checked_path(input.path.as_ref())?, input.role_name))?;
        let checks = creation_checks(Self::NAME, "TagRole", &arn, &input.tags, call);
        Ok(match &input.permissions_boundary {
            Some(boundary) => {
                checks.into_iter().map(|check| check.with("iam:PermissionsBoundary", boundary.as_str())).collect()
            }
            None => checks,
        })
    }

    fn call(input: CreateInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<OneShape, AwsError> {
        let key = key_of(call, &input.role_name);
        if world.iam.roles.contains(&key) {
            return Err(already_exists(format!("Role with name {} already exists.", input.role_name)));
        }
        if world.iam.roles.with_prefix(&format!("{}/", call.global_scope())).count() >= MOST_ROLES {
            return Err(limit_exceeded("RolesPerAccount", MOST_ROLES));
        }
        let role = new_role(input, call, world)?;
        let shape = RoleShape::full(&role, &world.iam);
        world.iam.roles.insert(key, role);
        Ok(OneShape { role: shape })
    }
}

fn new_role(input: CreateInput, call: &CallContext, world: &World) -> Result<Role, AwsError> {
    let path = checked_path(input.path.as_ref())?;
    if path.starts_with("/aws-service-role/") {
        return Err(invalid_value(format!("Scope ARN path {path} is reserved for service-linked roles.")));
    }
    check_description(input.description.as_ref())?;
    let max_session_seconds = input.max_session_duration.unwrap_or(3600);
    check_session_seconds(max_session_seconds)?;
    let boundary = input.permissions_boundary.as_ref().map(|written| boundary_arn(written, call, world)).transpose()?;
    let mut tags = Tags::new();
    merge_tags(&mut tags, &input.tags)?;
    Ok(Role {
        arn: iam_arn(call, &format!("role{path}{}", input.role_name))?,
        path: path.to_owned(),
        name: input.role_name,
        id: call.ids.unique_id("AROA"),
        created: call.now,
        description: input.description.filter(|description| !description.is_empty()),
        max_session_seconds,
        trust: trust_policy(&input.assume_role_policy_document, &world.iam)?,
        tags,
        permissions: Permissions { boundary, ..Permissions::default() },
        linked_service: None,
    })
}

impl Operation for GetRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetRole";
    const READ_ONLY: bool = true;
    type Input = OneInput;
    type Output = OneShape;

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        role_check(Self::NAME, &input.role_name, call, world)
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<OneShape, AwsError> {
        let role = find::<Role>(&world.iam, call, &input.role_name)?;
        Ok(OneShape { role: RoleShape::full(role, &world.iam) })
    }
}

impl Operation for UpdateRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateRole";
    const READ_ONLY: bool = false;
    type Input = UpdateInput;
    type Output = Empty;

    fn authorize(input: &UpdateInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let resets = input.reset_max_signin_session_duration.is_some();
        check_no_signin_duration(resets || input.max_signin_session_duration.is_some())?;
        role_check(Self::NAME, &input.role_name, call, world)
    }

    fn call(input: UpdateInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        check_description(input.description.as_ref())?;
        input.max_session_duration.map_or(Ok(()), check_session_seconds)?;
        let role = find_mut::<Role>(&mut world.iam, call, &input.role_name)?;
        if let Some(description) = input.description {
            role.description = Some(description).filter(|description| !description.is_empty());
        }
        role.max_session_seconds = input.max_session_duration.unwrap_or(role.max_session_seconds);
        Ok(Empty {})
    }
}

impl Operation for UpdateRoleDescription {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateRoleDescription";
    const READ_ONLY: bool = false;
    type Input = DescriptionInput;
    type Output = OneShape;

    fn authorize(input: &DescriptionInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        role_check(Self::NAME, &input.role_name, call, world)
    }

    fn call(
        input: DescriptionInput,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<OneShape, AwsError> {
        check_description(Some(&input.description))?;
        let role = find_mut::<Role>(&mut world.iam, call, &input.role_name)?;
        role.description = Some(input.description).filter(|description| !description.is_empty());
        let role = find::<Role>(&world.iam, call, &input.role_name)?;
        Ok(OneShape { role: RoleShape::full(role, &world.iam) })
    }
}

impl Operation for UpdateAssumeRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateAssumeRolePolicy";
    const READ_ONLY: bool = false;
    type Input = TrustInput;
    type Output = ();

    fn authorize(input: &TrustInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        role_check(Self::NAME, &input.role_name, call, world)
    }

    fn call(input: TrustInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        find::<Role>(&world.iam, call, &input.role_name)?;
        let trust = trust_policy(&input.policy_document, &world.iam)?;
        find_mut::<Role>(&mut world.iam, call, &input.role_name)?.trust = trust;
        Ok(())
    }
}

impl Operation for DeleteRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteRole";
    const READ_ONLY: bool = false;
    type Input = OneInput;
    type Output = ();

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        role_check(Self::NAME, &input.role_name, call, world)
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let role = find::<Role>(&world.iam, call, &input.role_name)?;
        role.check_modifiable()?;
        check_no_policies(role)?;
        world.iam.roles.remove(&key_of(call, &input.role_name));
        Ok(())
    }
}

impl Operation for ListRoles {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListRoles";
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = ListShape;

    fn authorize(input: &ListInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        Ok(vec![Check::new(call, "iam:ListRoles", list_resource(call, "role", prefix)?)])
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ListShape, AwsError> {
        let scope = format!("{}/", call.global_scope());
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let roles = world.iam.roles.with_prefix(&scope).filter(|(_, role)| role.path.starts_with(prefix));
        let shapes = roles.map(|(key, role)| (key.clone(), RoleShape::brief(role, &world.iam)));
        let page = page(shapes, input.marker.as_ref(), input.max_items)?;
        Ok(ListShape { roles: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

/// Instance profiles do not exist here, so that no role is in one.
impl Operation for ListInstanceProfilesForRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListInstanceProfilesForRole";
    const READ_ONLY: bool = true;
    type Input = OneInput;
    type Output = InstanceProfilesShape;

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        role_check(Self::NAME, &input.role_name, call, world)
    }

    fn call(
        input: OneInput,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<InstanceProfilesShape, AwsError> {
        find::<Role>(&world.iam, call, &input.role_name)?;
        Ok(InstanceProfilesShape { instance_profiles: Vec::new(), is_truncated: false })
    }
}

/// There is no console to sign in to.
fn check_no_signin_duration(is_given: bool) -> Result<(), AwsError> {
    match is_given {
        true => Err(invalid_input("MaxSigninSessionDuration is not supported by the embedded AWS.")),
        false => Ok(()),
    }
}

fn role_check(operation: &str, name: &String, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
    Ok(vec![holder_check::<Role>(operation, required::<Role>(Some(name))?, call, world)?])
}

const MOST_ROLES: usize = 1000;
