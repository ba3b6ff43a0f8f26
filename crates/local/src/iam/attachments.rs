//! Managed policies attached to users and roles, and their permissions boundaries.

use std::marker::PhantomData;

use keywright_model::Arn;
use serde::{Deserialize, Serialize};

use super::error::{limit_exceeded, no_such_entity};
use super::holder::{Holder, find, find_mut, holder_check, required};
use super::page::page_in_order;
use super::policies::policy_arn;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct Attach<H>(PhantomData<H>);
pub(super) struct Detach<H>(PhantomData<H>);
pub(super) struct ListAttached<H>(PhantomData<H>);
pub(super) struct PutBoundary<H>(PhantomData<H>);
pub(super) struct DeleteBoundary<H>(PhantomData<H>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachInput {
    #[serde(alias = "RoleName", alias = "UserName")]
    name: Option<String>,
    policy_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    #[serde(alias = "RoleName", alias = "UserName")]
    name: Option<String>,
    path_prefix: Option<String>,
    marker: Option<String>,
    max_items: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutBoundaryInput {
    #[serde(alias = "RoleName", alias = "UserName")]
    name: Option<String>,
    permissions_boundary: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteBoundaryInput {
    #[serde(alias = "RoleName", alias = "UserName")]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachedShape {
    policy_name: String,
    policy_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShape {
    attached_policies: Vec<AttachedShape>,
    is_truncated: bool,
    marker: Option<String>,
}

impl<H: Holder> Operation for Attach<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.attach;
    const READ_ONLY: bool = false;
    type Input = AttachInput;
    type Output = ();

    fn authorize(input: &AttachInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        attachment_check::<H>(Self::NAME, input, call, world)
    }

    fn call(input: AttachInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let arn = attachable(&input.policy_arn, call, world)?;
        let holder = find_mut::<H>(&mut world.iam, call, required::<H>(input.name.as_ref())?)?;
        let attached = &mut holder.permissions_mut().attached;
        if attached.contains(&arn) {
            return Ok(());
        }
        if attached.len() >= MOST_ATTACHED {
            return Err(limit_exceeded(H::ATTACHMENT_QUOTA, MOST_ATTACHED));
        }
        attached.push(arn);
        Ok(())
    }
}

impl<H: Holder> Operation for Detach<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.detach;
    const READ_ONLY: bool = false;
    type Input = AttachInput;
    type Output = ();

    fn authorize(input: &AttachInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        attachment_check::<H>(Self::NAME, input, call, world)
    }

    fn call(input: AttachInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let holder = find_mut::<H>(&mut world.iam, call, required::<H>(input.name.as_ref())?)?;
        let attached = &mut holder.permissions_mut().attached;
        let before = attached.len();
        attached.retain(|arn| arn.as_str() != input.policy_arn);
        if attached.len() == before {
            return Err(no_such_entity(format!("Policy {} was not found.", input.policy_arn)));
        }
        Ok(())
    }
}

impl<H: Holder> Operation for ListAttached<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.list_attached;
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = ListShape;

    fn authorize(input: &ListInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<H>(Self::NAME, required::<H>(input.name.as_ref())?, call, world)?])
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ListShape, AwsError> {
        let holder = find::<H>(&world.iam, call, required::<H>(input.name.as_ref())?)?;
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let attached = holder.permissions().attached.iter().filter_map(|arn| {
            let policy = world.iam.any_policy(arn)?;
            policy
                .path
                .starts_with(prefix)
                .then(|| AttachedShape { policy_name: policy.name.clone(), policy_arn: arn.to_string() })
        });
        let page = page_in_order(attached, input.marker.as_ref(), input.max_items)?;
        Ok(ListShape { attached_policies: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

impl<H: Holder> Operation for PutBoundary<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.put_boundary;
    const READ_ONLY: bool = false;
    type Input = PutBoundaryInput;
    type Output = ();

    fn authorize(input: &PutBoundaryInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let check = holder_check::<H>(Self::NAME, required::<H>(input.name.as_ref())?, call, world)?;
        Ok(vec![check.with("iam:PermissionsBoundary", input.permissions_boundary.as_str())])
    }

    fn call(input: PutBoundaryInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let arn = boundary_arn(&input.permissions_boundary, call, world)?;
        let holder = find_mut::<H>(&mut world.iam, call, required::<H>(input.name.as_ref())?)?;
        holder.permissions_mut().boundary = Some(arn);
        Ok(())
    }
}

impl<H: Holder> Operation for DeleteBoundary<H> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = H::NAMES.delete_boundary;
    const READ_ONLY: bool = false;
    type Input = DeleteBoundaryInput;
    type Output = ();

    fn authorize(input: &DeleteBoundaryInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<H>(Self::NAME, required::<H>(input.name.as_ref())?, call, world)?])
    }

    fn call(input: DeleteBoundaryInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let name = required::<H>(input.name.as_ref())?;
        let holder = find_mut::<H>(&mut world.iam, call, name)?;
        match holder.permissions_mut().boundary.take() {
            Some(_) => Ok(()),
            None => Err(no_such_entity(format!("Permissions boundary not found for {} {name}.", H::KIND))),
        }
    }
}

/// The policy that is to become a boundary.
pub(super) fn boundary_arn(written: &str, call: &CallContext, world: &World) -> Result<Arn, AwsError> {
    attachable(written, call, world)
        .map_err(|_| no_such_entity(format!("Scope ARN: {written} does not exist or is not attachable.")))
}

fn attachment_check<H: Holder>(
    operation: &str,
    input: &AttachInput,
    call: &CallContext,
    world: &World,
) -> Result<Vec<Check>, AwsError> {
    policy_arn(&input.policy_arn)?;
    let check = holder_check::<H>(operation, required::<H>(input.name.as_ref())?, call, world)?;
    Ok(vec![check.with("iam:PolicyARN", input.policy_arn.as_str())])
}

/// A policy of the caller's account or of AWS.
fn attachable(written: &str, call: &CallContext, world: &World) -> Result<Arn, AwsError> {
    let arn = policy_arn(written)?;
    let is_ours = arn.partition() == call.partition.as_str() && [call.account.as_str(), "aws"].contains(&arn.account());
    match is_ours && world.iam.any_policy(&arn).is_some() {
        true => Ok(arn),
        false => Err(no_such_entity(format!("Policy {written} does not exist or is not attachable."))),
    }
}

const MOST_ATTACHED: usize = 10;
