//! Access keys of users.

use serde::{Deserialize, Serialize};

use super::error::{invalid_value, limit_exceeded, no_such_entity, validation};
use super::holder::{find, holder_check, key_of};
use super::page::page;
use super::seed::new_access_key;
use super::shape::AccessKeyShape;
use super::state::{State, User};
use super::users::{Named, named_or_caller};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct CreateAccessKey;
pub(super) struct UpdateAccessKey;
pub(super) struct DeleteAccessKey;
pub(super) struct ListAccessKeys;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateInput {
    user_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateInput {
    user_name: Option<String>,
    access_key_id: String,
    status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteInput {
    user_name: Option<String>,
    access_key_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    user_name: Option<String>,
    marker: Option<String>,
    max_items: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateShape {
    access_key: AccessKeyShape,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShape {
    access_key_metadata: Vec<AccessKeyShape>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for CreateAccessKey {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateAccessKey";
    const READ_ONLY: bool = false;
    type Input = CreateInput;
    type Output = CreateShape;

    fn authorize(input: &CreateInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<User>(Self::NAME, &user_name(input.user_name.as_ref(), call)?, call, world)?])
    }

    fn call(
        input: CreateInput,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<CreateShape, AwsError> {
        let name = user_name(input.user_name.as_ref(), call)?;
        find::<User>(&world.iam, call, &name)?;
        let user_key = key_of(call, &name);
        let existing = world.iam.access_keys.values().filter(|key| key.user_key == user_key).count();
        if existing >= MOST_KEYS {
            return Err(limit_exceeded("AccessKeysPerUser", MOST_KEYS));
        }
        let key = new_access_key(call.partition, &call.account, user_key, call.now, &call.ids);
        let shape = AccessKeyShape::with_secret(&key, &name);
        world.iam.access_keys.insert(key.id.clone(), key);
        Ok(CreateShape { access_key: shape })
    }
}

impl Operation for UpdateAccessKey {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateAccessKey";
    const READ_ONLY: bool = false;
    type Input = UpdateInput;
    type Output = ();

    fn authorize(input: &UpdateInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<User>(Self::NAME, &user_name(input.user_name.as_ref(), call)?, call, world)?])
    }

    fn call(input: UpdateInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let active = match input.status.as_str() {
            "Active" => true,
            "Inactive" => false,
            other => return Err(validation("status", other, "satisfy enum value set: [Active, Inactive, Expired]")),
        };
        let name = user_name(input.user_name.as_ref(), call)?;
        check_owner(&world.iam, &input.access_key_id, call, &name)?;
        if let Some(key) = world.iam.access_keys.get_mut(&input.access_key_id) {
            key.active = active;
        }
        Ok(())
    }
}

impl Operation for DeleteAccessKey {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteAccessKey";
    const READ_ONLY: bool = false;
    type Input = DeleteInput;
    type Output = ();

    fn authorize(input: &DeleteInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<User>(Self::NAME, &user_name(input.user_name.as_ref(), call)?, call, world)?])
    }

    fn call(input: DeleteInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let name = user_name(input.user_name.as_ref(), call)?;
        check_owner(&world.iam, &input.access_key_id, call, &name)?;
        world.iam.access_keys.remove(&input.access_key_id);
        Ok(())
    }
}

impl Operation for ListAccessKeys {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListAccessKeys";
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = ListShape;

    fn authorize(input: &ListInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![holder_check::<User>(Self::NAME, &user_name(input.user_name.as_ref(), call)?, call, world)?])
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ListShape, AwsError> {
        let name = user_name(input.user_name.as_ref(), call)?;
        find::<User>(&world.iam, call, &name)?;
        let user_key = key_of(call, &name);
        let keys = world.iam.access_keys.iter().filter(|(_, key)| key.user_key == user_key);
        let shapes = keys.map(|(id, key)| (id.clone(), AccessKeyShape::brief(key, &name)));
        let page = page(shapes, input.marker.as_ref(), input.max_items)?;
        Ok(ListShape { access_key_metadata: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

/// The user that is named, or the caller. The root user's own keys are not kept here.
fn user_name(name: Option<&String>, call: &CallContext) -> Result<String, AwsError> {
    match named_or_caller(name, call)? {
        Named::User(name) => Ok(name),
        Named::Root => Err(invalid_value("Access keys of the root user are not supported here; name a user.")),
    }
}

fn check_owner(state: &State, access_key_id: &str, call: &CallContext, name: &str) -> Result<(), AwsError> {
    find::<User>(state, call, name)?;
    let owned = state.access_keys.get(access_key_id).filter(|key| key.user_key == key_of(call, name));
    match owned {
        Some(_) => Ok(()),
        None => Err(no_such_entity(format!("The Access Key with id {access_key_id} cannot be found."))),
    }
}

const MOST_KEYS: usize = 2;
