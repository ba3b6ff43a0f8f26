//! Inline policies of users and roles.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::error::no_such_entity;
use super::holder::{Holder, find, find_mut, holder_check, required};
use super::page::page_in_order;
use super::rules::{LONGEST_POLICY_NAME, check_name, identity_policy, policy_size};
use super::shape::encoded;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct PutInline<H>(PhantomData<H>);
pub(super) struct GetInline<H>(PhantomData<H>);
pub(super) struct DeleteInline<H>(PhantomData<H>);
pub(super) struct ListInline<H>(PhantomData<H>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutInput {
    #[serde(alias = "RoleName", alias = "UserName")]
    name: Option<String>,
    policy_name: String,
    policy_document: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneInput {
    #[serde(alias = "RoleName", alias = "UserName")]
    name: Option<String>,
    policy_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    #[serde(alias = "RoleName", alias = "UserName")]
    name: Option<String>,
    marker: Option<String>,
    max_items: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InlineShape {
    role_name: Option<String>,
    user_name: Option<String>,
    policy_name: String,
    policy_document: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NamesShape {
    policy_names: Vec<String>,
    is_truncated: bool,
    marker: Option<String>,
}

impl<H: Holder> Operation for PutInline<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.put_inline;
    const READ_ONLY: bool = false;
    type Input = PutInput;
    type Output = ();

    fn authorize(input: &PutInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        check_name("policyName", &input.policy_name, LONGEST_POLICY_NAME)?;
        Ok(vec![holder_check::<H>(Self::NAME, required::<H>(input.name.as_ref())?, call, world)?])
    }

    fn call(input: PutInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let quota = format!("MaximumInlinePolicySizeFor{}", if H::KIND == "role" { "Role" } else { "User" });
        let name = required::<H>(input.name.as_ref())?;
        let holder = find::<H>(&world.iam, call, name)?;
        let others = holder.permissions().inline.iter().filter(|(other, _)| **other != input.policy_name);
        let used: usize = others.map(|(_, policy)| policy_size(&policy.text(&world.iam))).sum();
        let policy = identity_policy(&input.policy_document, &quota, H::MOST_INLINE.saturating_sub(used), &world.iam)?;
        let holder = find_mut::<H>(&mut world.iam, call, name)?;
        holder.permissions_mut().inline.insert(input.policy_name, policy);
        Ok(())
    }
}

impl<H: Holder> Operation for GetInline<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.inline;
    const READ_ONLY: bool = true;
    type Input = OneInput;
    type Output = InlineShape;

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        check_name("policyName", &input.policy_name, LONGEST_POLICY_NAME)?;
        Ok(vec![holder_check::<H>(Self::NAME, required::<H>(input.name.as_ref())?, call, world)?])
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<InlineShape, AwsError> {
        let holder = find::<H>(&world.iam, call, required::<H>(input.name.as_ref())?)?;
        let policy = holder.permissions().inline.get(&input.policy_name);
        let policy = policy.ok_or_else(|| not_found::<H>(&input.policy_name))?;
        let is_role = H::KIND == "role";
        Ok(InlineShape {
            role_name: is_role.then(|| holder.name().to_owned()),
            user_name: (!is_role).then(|| holder.name().to_owned()),
            policy_document: encoded(&policy.text(&world.iam)),
            policy_name: input.policy_name,
        })
    }
}

impl<H: Holder> Operation for DeleteInline<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.delete_inline;
    const READ_ONLY: bool = false;
    type Input = OneInput;
    type Output = ();

    fn authorize(input: &OneInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        check_name("policyName", &input.policy_name, LONGEST_POLICY_NAME)?;
        Ok(vec![holder_check::<H>(Self::NAME, required::<H>(input.name.as_ref())?, call, world)?])
    }

    fn call(input: OneInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let holder = find_mut::<H>(&mut world.iam, call, required::<H>(input.name.as_ref())?)?;
        let removed = holder.permissions_mut().inline.shift_remove(&input.policy_name);
        removed.map(drop).ok_or_else(|| not_found::<H>(&input.policy_name))
    }
}

impl<H: Holder> Operation for ListInline<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.list_inline;
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = NamesShape;

    fn authorize(input: &ListInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<H>(Self::NAME, required::<H>(input.name.as_ref())?, call, world)?])
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<NamesShape, AwsError> {
        let holder = find::<H>(&world.iam, call, required::<H>(input.name.as_ref())?)?;
        let names = holder.permissions().inline.keys().cloned();
        let page = page_in_order(names, input.marker.as_ref(), input.max_items)?;
        Ok(NamesShape { policy_names: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

fn not_found<H: Holder>(policy_name: &str) -> AwsError {
    no_such_entity(format!("The {} policy with name {policy_name} cannot be found.", H::KIND))
}
