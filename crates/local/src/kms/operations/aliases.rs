use keywright_model::{AliasName, KeyId};
use serde::{Deserialize, Serialize};

use super::super::alias::{Alias, alias_arn, custom_alias_name};
use super::super::checks::{on_key, on_nothing, on_target};
use super::super::error::KmsError;
use super::super::key::Need;
use super::super::page::{ALIASES, page};
use super::super::state::{Forms, Place, State, hidden};
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasTargetInput {
    alias_name: String,
    target_key_id: String,
}

pub(super) struct CreateAlias;

/// Both the alias and the key must be allowed.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/alias-access.html>.
impl Operation for CreateAlias {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CreateAlias";
    const READ_ONLY: bool = false;
    type Input = AliasTargetInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let name = custom_alias_name(&input.alias_name)?;
        Ok(vec![on_alias(Self::NAME, &name, call)?, on_key(Self::NAME, &input.target_key_id, Forms::Key, call, world)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let name = custom_alias_name(&input.alias_name)?;
        let place = place(Self::NAME, &input.target_key_id, Forms::Key, Need::Alive, call, world)?;
        let arn = alias_arn(&call.account, &call.region, &name)?;
        let path = alias_path(&name, call);
        if world.kms.aliases.contains(&path) {
            return Err(
                KmsError::AlreadyExists { message: format!("An alias with the name {arn} already exists") }.into()
            );
        }
        refuse_too_many(&place, &world.kms)?;
        let alias = Alias { name, arn, key: place.key, created: call.now, updated: call.now };
        world.kms.aliases.insert(path, alias);
        Ok(())
    }
}

pub(super) struct UpdateAlias;

impl Operation for UpdateAlias {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UpdateAlias";
    const READ_ONLY: bool = false;
    type Input = AliasTargetInput;
    type Output = ();

    /// The alias, the key that it has and the key that it gets must be allowed.
    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let name = custom_alias_name(&input.alias_name)?;
        let mut checks = alias_and_its_key(Self::NAME, &name, call, world)?;
        checks.push(on_key(Self::NAME, &input.target_key_id, Forms::Key, call, world)?);
        Ok(checks)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let name = custom_alias_name(&input.alias_name)?;
        let place = place(Self::NAME, &input.target_key_id, Forms::Key, Need::Alive, call, world)?;
        if existing(&name, call, world)?.key != place.key {
            refuse_too_many(&place, &world.kms)?;
        }
        if let Some(alias) = world.kms.aliases.get_mut(&alias_path(&name, call)) {
            alias.key = place.key;
            alias.updated = call.now;
        }
        Ok(())
    }
}

pub(super) struct DeleteAlias;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteAliasInput {
    alias_name: String,
}

impl Operation for DeleteAlias {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "DeleteAlias";
    const READ_ONLY: bool = false;
    type Input = DeleteAliasInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        alias_and_its_key(Self::NAME, &custom_alias_name(&input.alias_name)?, call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        world.kms.aliases.remove(&alias_path(&custom_alias_name(&input.alias_name)?, call));
        Ok(())
    }
}

pub(super) struct ListAliases;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAliasesInput {
    key_id: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListAliasesOutput {
    aliases: Vec<AliasListEntry>,
    truncated: bool,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AliasListEntry {
    alias_name: String,
    alias_arn: String,
    target_key_id: String,
    creation_date: Time,
    last_updated_date: Time,
}

impl Operation for ListAliases {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListAliases";
    const READ_ONLY: bool = true;
    type Input = ListAliasesInput;
    type Output = ListAliasesOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_nothing(Self::NAME, call)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let key = match &input.key_id {
            Some(key_id) => Some(own_key(key_id, call, world)?),
            None => None,
        };
        let aliases = world.kms.aliases_in(&call.account, &call.region);
        let wanted = aliases.filter(|alias| key.as_ref().is_none_or(|key| alias.key == *key)).map(entry).collect();
        let name = |alias: &AliasListEntry| alias.alias_name.clone();
        let page = page(wanted, name, input.limit, input.marker.as_deref(), ALIASES)?;
        Ok(ListAliasesOutput {
            aliases: page.items,
            truncated: page.next_marker.is_some(),
            next_marker: page.next_marker,
        })
    }
}

/// A key of the caller's account; of others it is not told whether they exist.
fn own_key(key_id: &str, call: &CallContext, world: &World) -> Result<KeyId, KmsError> {
    let key = world.kms.target(key_id, Forms::Key, call, "kms:ListAliases")?.key;
    match key.account == call.account {
        true => Ok(key.id.clone()),
        false => Err(hidden(&key.arn, call, "kms:ListAliases")),
    }
}

fn entry(alias: &Alias) -> AliasListEntry {
    AliasListEntry {
        alias_name: alias.name.to_string(),
        alias_arn: alias.arn.to_string(),
        target_key_id: alias.key.to_string(),
        creation_date: Time(alias.created),
        last_updated_date: Time(alias.updated),
    }
}

fn on_alias(operation: &str, name: &AliasName, call: &CallContext) -> Result<Check, AwsError> {
    let arn = alias_arn(&call.account, &call.region, name)?;
    Ok(Check::new(call, &format!("kms:{operation}"), arn))
}

fn alias_and_its_key(
    operation: &str,
    name: &AliasName,
    call: &CallContext,
    world: &World,
) -> Result<Vec<Check>, AwsError> {
    let key = existing(name, call, world)?.key.clone();
    let place = Place { account: call.account.clone(), region: call.region.clone(), key };
    let target = world.kms.at(&place).ok_or_else(|| KmsError::internal("an alias without its key"))?;
    Ok(vec![on_alias(operation, name, call)?, on_target(&format!("kms:{operation}"), &target, call, world)])
}

fn existing<'a>(name: &AliasName, call: &CallContext, world: &'a World) -> Result<&'a Alias, AwsError> {
    let arn = alias_arn(&call.account, &call.region, name)?;
    let found = world.kms.aliases.get(&alias_path(name, call));
    Ok(found.ok_or_else(|| KmsError::NotFound { message: format!("Alias {arn} is not found.") })?)
}

fn alias_path(name: &AliasName, call: &CallContext) -> String {
    format!("{}/{}/{name}", call.account, call.region)
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html>.
fn refuse_too_many(place: &Place, state: &State) -> Result<(), KmsError> {
    let count = state.keys.get(&place.path()).map_or(0, |key| state.aliases_of(key).count());
    match count >= MAX_ALIASES {
        true => Err(KmsError::LimitExceeded { message: format!("A key can have up to {MAX_ALIASES} aliases.") }),
        false => Ok(()),
    }
}

const MAX_ALIASES: usize = 50;
