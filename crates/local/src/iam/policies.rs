//! Managed policies and their versions.

use std::borrow::Cow;

use keywright_model::{Arn, Tags};
use keywright_policy::Resource;
use serde::{Deserialize, Serialize};

use super::error::{already_exists, delete_conflict, invalid_input, no_such_entity, too_many_versions, validation};
use super::holder::{creation_checks, iam_arn, key_of};
use super::page::page;
use super::rules::{
    LONGEST_MANAGED_POLICY, LONGEST_POLICY_NAME, Tag, check_description, check_name, identity_policy, merge_tags,
    tag_pairs,
};
use super::shape::{PolicyShape, Usage, VersionShape, version_id};
use super::state::{ManagedPolicy, Permissions, PolicyVersion, State, record_key_of};
use super::users::checked_path;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct CreatePolicy;
pub(super) struct GetPolicy;
pub(super) struct DeletePolicy;
pub(super) struct ListPolicies;
pub(super) struct ListEntitiesForPolicy;
pub(super) struct CreatePolicyVersion;
pub(super) struct GetPolicyVersion;
pub(super) struct DeletePolicyVersion;
pub(super) struct SetDefaultPolicyVersion;
pub(super) struct ListPolicyVersions;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateInput {
    policy_name: String,
    path: Option<String>,
    policy_document: String,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneInput {
    policy_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    scope: Option<String>,
    #[serde(default)]
    only_attached: bool,
    path_prefix: Option<String>,
    policy_usage_filter: Option<String>,
    marker: Option<String>,
    max_items: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntitiesInput {
    policy_arn: String,
    entity_filter: Option<String>,
    path_prefix: Option<String>,
    policy_usage_filter: Option<String>,
    marker: Option<String>,
    max_items: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateVersionInput {
    policy_arn: String,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersionInput {
    policy_arn: String,
    version_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListVersionsInput {
    policy_arn: String,
    marker: Option<String>,
    max_items: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneShape {
    policy: PolicyShape,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShape {
    policies: Vec<PolicyShape>,
    is_truncated: bool,
    marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersionAnswer {
    policy_version: VersionShape,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersionsShape {
    versions: Vec<VersionShape>,
    is_truncated: bool,
    marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntitiesShape {
    policy_groups: Vec<EntityShape>,
    policy_users: Vec<EntityShape>,
    policy_roles: Vec<EntityShape>,
    is_truncated: bool,
    marker: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntityShape {
    user_name: Option<String>,
    user_id: Option<String>,
    role_name: Option<String>,
    role_id: Option<String>,
}

impl Operation for CreatePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreatePolicy";
    const READ_ONLY: bool = false;
    type Input = CreateInput;
    type Output = OneShape;

    fn authorize(input: &CreateInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        check_name("policyName", &input.policy_name, LONGEST_POLICY_NAME)?;
        let arn = iam_arn(call, &format!("policy{}{}", checked_path(input.path.as_ref())?, input.policy_name))?;
        Ok(creation_checks(Self::NAME, "TagPolicy", &arn, &input.tags, call))
    }

    fn call(input: CreateInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<OneShape, AwsError> {
        let key = key_of(call, &input.policy_name);
        if world.iam.policies.contains(&key) {
            let message =
                format!("A policy called {} already exists. Duplicate names are not allowed.", input.policy_name);
            return Err(already_exists(message));
        }
        let policy = new_policy(input, call, &world.iam)?;
        let shape = PolicyShape::full(&policy, Usage::default());
        world.iam.policies.insert(key, policy);
        Ok(OneShape { policy: shape })
    }
}

fn new_policy(input: CreateInput, call: &CallContext, state: &State) -> Result<ManagedPolicy, AwsError> {
    let path = checked_path(input.path.as_ref())?;
    check_description(input.description.as_ref())?;
    let mut tags = Tags::new();
    merge_tags(&mut tags, &input.tags)?;
    let document = managed_document(&input.policy_document, state)?;
    Ok(ManagedPolicy {
        arn: iam_arn(call, &format!("policy{path}{}", input.policy_name))?,
        path: path.to_owned(),
        name: input.policy_name,
        id: call.ids.unique_id("ANPA"),
        description: input.description.filter(|description| !description.is_empty()),
        created: call.now,
        updated: call.now,
        tags,
        versions: vec![PolicyVersion { number: 1, document, created: call.now }],
        default_version: 1,
        next_version: 2,
    })
}

impl Operation for GetPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetPolicy";
    const READ_ONLY: bool = true;
    type Input = OneInput;
    type Output = OneShape;

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![policy_check(Self::NAME, &input.policy_arn, call, world)?])
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<OneShape, AwsError> {
        let policy = any(&world.iam, &input.policy_arn)?;
        Ok(OneShape { policy: PolicyShape::full(&policy, usage(&world.iam, call, &policy.arn)) })
    }
}

impl Operation for DeletePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeletePolicy";
    const READ_ONLY: bool = false;
    type Input = OneInput;
    type Output = ();

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![policy_check(Self::NAME, &input.policy_arn, call, world)?])
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let policy = find_policy(&world.iam, &input.policy_arn)?;
        let usage = usage(&world.iam, call, &policy.arn);
        if usage.attached + usage.boundaries > 0 {
            return Err(delete_conflict("Cannot delete a policy attached to entities."));
        }
        if policy.versions.len() > 1 {
            return Err(delete_conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                 versions. The default version is deleted with the policy.",
            ));
        }
        let key = key_of(call, &policy.name);
        world.iam.policies.remove(&key);
        Ok(())
    }
}

impl Operation for ListPolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListPolicies";
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = ListShape;

    fn authorize(_: &ListInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "iam:ListPolicies", Resource::Any)])
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ListShape, AwsError> {
        let (with_ours, with_aws) = scope(input.scope.as_deref())?;
        let counted = usage_filter(input.policy_usage_filter.as_deref())?;
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let own_scope = format!("{}/", call.global_scope());
        let ours = world.iam.policies.with_prefix(&own_scope).filter(|_| with_ours);
        let ours = ours.map(|(key, policy)| (key.clone(), Cow::Borrowed(policy)));
        let theirs = State::aws_managed(call.partition).into_iter().filter(|_| with_aws);
        // `~` stands behind every other key.
        let theirs = theirs.map(|policy| (format!("~{}", policy.name), Cow::Owned(policy)));
        let shapes =
            ours.chain(theirs).filter(|(_, policy)| policy.path.starts_with(prefix)).filter_map(|(key, policy)| {
                let usage = usage(&world.iam, call, &policy.arn);
                (!input.only_attached || counted(usage) > 0).then(|| (key, PolicyShape::brief(&policy, usage)))
            });
        let page = page(shapes, input.marker.as_ref(), input.max_items)?;
        Ok(ListShape { policies: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

impl Operation for ListEntitiesForPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListEntitiesForPolicy";
    const READ_ONLY: bool = true;
    type Input = EntitiesInput;
    type Output = EntitiesShape;

    fn authorize(input: &EntitiesInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![policy_check(Self::NAME, &input.policy_arn, call, world)?])
    }

    fn call(
        input: EntitiesInput,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<EntitiesShape, AwsError> {
        let arn = any(&world.iam, &input.policy_arn)?.arn.clone();
        let entities = entities(&input, &arn, call, &world.iam)?;
        let page = page(entities.into_iter(), input.marker.as_ref(), input.max_items)?;
        let (users, roles) = page.items.into_iter().partition(|entity: &EntityShape| entity.user_name.is_some());
        Ok(EntitiesShape {
            policy_groups: Vec::new(),
            policy_users: users,
            policy_roles: roles,
            is_truncated: page.is_truncated,
            marker: page.marker,
        })
    }
}

impl Operation for CreatePolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreatePolicyVersion";
    const READ_ONLY: bool = false;
    type Input = CreateVersionInput;
    type Output = VersionAnswer;

    fn authorize(input: &CreateVersionInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![policy_check(Self::NAME, &input.policy_arn, call, world)?])
    }

    fn call(
        input: CreateVersionInput,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<VersionAnswer, AwsError> {
        let document = managed_document(&input.policy_document, &world.iam)?;
        let policy = find_policy_mut(&mut world.iam, &input.policy_arn)?;
        if policy.versions.len() >= MOST_VERSIONS {
            return Err(too_many_versions());
        }
        let version = PolicyVersion { number: policy.next_version, document, created: call.now };
        policy.next_version += 1;
        if input.set_as_default {
            policy.default_version = version.number;
        }
        policy.updated = call.now;
        let shape = VersionShape::brief(&version, policy);
        policy.versions.push(version);
        Ok(VersionAnswer { policy_version: shape })
    }
}

impl Operation for GetPolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetPolicyVersion";
    const READ_ONLY: bool = true;
    type Input = VersionInput;
    type Output = VersionAnswer;

    fn authorize(input: &VersionInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![policy_check(Self::NAME, &input.policy_arn, call, world)?])
    }

    fn call(
        input: VersionInput,
        _: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<VersionAnswer, AwsError> {
        let policy = any(&world.iam, &input.policy_arn)?;
        let number = existing_version(&policy, &input.version_id)?;
        let version = policy.version(number).ok_or_else(|| no_version(&policy.arn, &input.version_id))?;
        Ok(VersionAnswer { policy_version: VersionShape::full(version, &policy, &world.iam) })
    }
}

impl Operation for DeletePolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeletePolicyVersion";
    const READ_ONLY: bool = false;
    type Input = VersionInput;
    type Output = ();

    fn authorize(input: &VersionInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![policy_check(Self::NAME, &input.policy_arn, call, world)?])
    }

    fn call(input: VersionInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let policy = find_policy_mut(&mut world.iam, &input.policy_arn)?;
        let number = existing_version(policy, &input.version_id)?;
        if policy.default_version == number {
            return Err(delete_conflict("Cannot delete the default version of a policy."));
        }
        policy.versions.retain(|version| version.number != number);
        policy.updated = call.now;
        Ok(())
    }
}

impl Operation for SetDefaultPolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "SetDefaultPolicyVersion";
    const READ_ONLY: bool = false;
    type Input = VersionInput;
    type Output = ();

    fn authorize(input: &VersionInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![policy_check(Self::NAME, &input.policy_arn, call, world)?])
    }

    fn call(input: VersionInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let policy = find_policy_mut(&mut world.iam, &input.policy_arn)?;
        policy.default_version = existing_version(policy, &input.version_id)?;
        policy.updated = call.now;
        Ok(())
    }
}

impl Operation for ListPolicyVersions {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListPolicyVersions";
    const READ_ONLY: bool = true;
    type Input = ListVersionsInput;
    type Output = VersionsShape;

    fn authorize(input: &ListVersionsInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![policy_check(Self::NAME, &input.policy_arn, call, world)?])
    }

    fn call(
        input: ListVersionsInput,
        _: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<VersionsShape, AwsError> {
        let policy = any(&world.iam, &input.policy_arn)?;
        // The newest comes first.
        let versions = policy.versions.iter().rev();
        let shapes = versions
            .map(|version| (format!("{:010}", u32::MAX - version.number), VersionShape::brief(version, &policy)));
        let page = page(shapes, input.marker.as_ref(), input.max_items)?;
        Ok(VersionsShape { versions: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

/// The ARN of a managed policy.
pub(super) fn policy_arn(written: &str) -> Result<Arn, AwsError> {
    let arn = Arn::parse(written).ok().filter(|arn| arn.service() == "iam" && arn.resource_of_kind("policy").is_some());
    arn.ok_or_else(|| invalid_input(format!("ARN {written} is not valid.")))
}

/// The check of an operation on a policy, whether or not it exists.
pub(super) fn policy_check(
    operation: &str,
    written: &str,
    call: &CallContext,
    world: &World,
) -> Result<Check, AwsError> {
    let arn = policy_arn(written)?;
    // Accounts of different partitions have nothing in common but perhaps their number.
    if arn.partition() != call.partition.as_str() {
        return Err(invalid_input(format!("ARN {written} is not valid.")));
    }
    let policy = world.iam.policy_by_arn(&arn);
    let mut check = Check::new(call, &format!("iam:{operation}"), arn);
    for (key, value) in policy.iter().flat_map(|policy| tag_pairs(&policy.tags)) {
        check = check.with(format!("iam:ResourceTag/{key}"), value).with(format!("aws:ResourceTag/{key}"), value);
    }
    Ok(check)
}

/// A customer managed policy.
pub(super) fn find_policy<'a>(state: &'a State, written: &str) -> Result<&'a ManagedPolicy, AwsError> {
    let arn = policy_arn(written)?;
    if arn.account() == "aws" && state.any_policy(&arn).is_some() {
        return Err(AwsError::new("AccessDenied", 403, format!("Policy {written} is managed by AWS.")));
    }
    state.policy_by_arn(&arn).ok_or_else(|| not_found(written))
}

/// As [`find_policy`], to be changed.
pub(super) fn find_policy_mut<'a>(state: &'a mut State, written: &str) -> Result<&'a mut ManagedPolicy, AwsError> {
    let key = record_key_of(&find_policy(state, written)?.arn, "policy").ok_or_else(AwsError::internal)?;
    state.policies.get_mut(&key).ok_or_else(AwsError::internal)
}

fn any<'a>(state: &'a State, written: &str) -> Result<Cow<'a, ManagedPolicy>, AwsError> {
    state.any_policy(&policy_arn(written)?).ok_or_else(|| not_found(written))
}

fn not_found(written: &str) -> AwsError {
    no_such_entity(format!("Policy {written} was not found."))
}

fn no_version(arn: &Arn, version_id: &str) -> AwsError {
    no_such_entity(format!("Policy {arn} version {version_id} does not exist or is not attachable."))
}

fn existing_version(policy: &ManagedPolicy, written: &str) -> Result<u32, AwsError> {
    let Some(number) = written.strip_prefix('v').and_then(|number| number.parse::<u32>().ok()) else {
        let pattern = "satisfy regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?";
        return Err(validation("versionId", written, pattern));
    };
    match policy.version(number).is_some() && version_id(number) == written {
        true => Ok(number),
        false => Err(no_version(&policy.arn, written)),
    }
}

fn managed_document(text: &str, state: &State) -> Result<crate::policy::StoredPolicy, AwsError> {
    identity_policy(text, "PolicySize", LONGEST_MANAGED_POLICY, state)
}

/// Whether a list is to hold the account's own policies, and AWS's.
fn scope(written: Option<&str>) -> Result<(bool, bool), AwsError> {
    match written {
        None | Some("All") => Ok((true, true)),
        Some("Local") => Ok((true, false)),
        Some("AWS") => Ok((false, true)),
        Some(other) => Err(validation("scope", other, "satisfy enum value set: [All, AWS, Local]")),
    }
}

fn usage_filter(written: Option<&str>) -> Result<fn(Usage) -> usize, AwsError> {
    match written {
        None => Ok(|usage| usage.attached + usage.boundaries),
        Some("PermissionsPolicy") => Ok(|usage| usage.attached),
        Some("PermissionsBoundary") => Ok(|usage| usage.boundaries),
        Some(other) => Err(validation(
            "policyUsageFilter",
            other,
            "satisfy enum value set: [PermissionsPolicy, PermissionsBoundary]",
        )),
    }
}

/// How often the account's users and roles use a policy.
fn usage(state: &State, call: &CallContext, arn: &Arn) -> Usage {
    let scope = format!("{}/", call.global_scope());
    let users = state.users.with_prefix(&scope).map(|(_, user)| &user.permissions);
    let holders = users.chain(state.roles.with_prefix(&scope).map(|(_, role)| &role.permissions));
    holders.fold(Usage::default(), |sum, permissions| Usage {
        attached: sum.attached + usize::from(permissions.attached.contains(arn)),
        boundaries: sum.boundaries + usize::from(permissions.boundary.as_ref() == Some(arn)),
    })
}

/// The users and roles that use a policy, each with the key that orders it.
fn entities(
    input: &EntitiesInput,
    arn: &Arn,
    call: &CallContext,
    state: &State,
) -> Result<Vec<(String, EntityShape)>, AwsError> {
    let counted = usage_filter(input.policy_usage_filter.as_deref())?;
    let (with_users, with_roles) = entity_filter(input.entity_filter.as_deref())?;
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let uses = |permissions: &Permissions, path: &str| {
        let attached = usize::from(permissions.attached.contains(arn));
        let boundaries = usize::from(permissions.boundary.as_ref() == Some(arn));
        path.starts_with(prefix) && counted(Usage { attached, boundaries }) > 0
    };
    let scope = format!("{}/", call.global_scope());
    let roles = state.roles.with_prefix(&scope).filter(|(_, role)| with_roles && uses(&role.permissions, &role.path));
    let roles = roles.map(|(key, role)| (format!("role/{key}"), EntityShape::role(&role.name, &role.id)));
    let users = state.users.with_prefix(&scope).filter(|(_, user)| with_users && uses(&user.permissions, &user.path));
    let users = users.map(|(key, user)| (format!("user/{key}"), EntityShape::user(&user.name, &user.id)));
    Ok(roles.chain(users).collect())
}

fn entity_filter(written: Option<&str>) -> Result<(bool, bool), AwsError> {
    match written {
        None => Ok((true, true)),
        Some("User") => Ok((true, false)),
        Some("Role") => Ok((false, true)),
        Some("Group" | "LocalManagedPolicy" | "AWSManagedPolicy") => Ok((false, false)),
        Some(other) => Err(validation(
            "entityFilter",
            other,
            "satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]",
        )),
    }
}

impl EntityShape {
    fn user(name: &str, id: &str) -> Self {
        Self { user_name: Some(name.to_owned()), user_id: Some(id.to_owned()), role_name: None, role_id: None }
    }

    fn role(name: &str, id: &str) -> Self {
        Self { user_name: None, user_id: None, role_name: Some(name.to_owned()), role_id: Some(id.to_owned()) }
    }
}

const MOST_VERSIONS: usize = 5;
