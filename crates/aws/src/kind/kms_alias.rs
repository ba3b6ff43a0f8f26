use async_trait::async_trait;
use aws_sdk_kms::types::AliasListEntry;
use keywright_engine::{Actor, Attributes, Creation, Observed, ProviderError};
use keywright_model::Region;

use super::{Kind, live};
use crate::attributes::{Draft, required, text};
use crate::cloud::Cloud;
use crate::error::{already_exists, failed, fine_if_gone, is_already_exists};
use crate::kms::{self, Key, key_id};

/// `aws_kms_alias`.
pub(super) struct KmsAlias;

#[async_trait]
impl Kind for KmsAlias {
    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let region = cloud.region(known);
        let Some(alias) = find(cloud, actor, &region, known).await? else {
            return Ok(None);
        };
        let target = alias.target_key_id().unwrap_or_default();
        Ok(Some(live(attributes(cloud, known, &region, target).await?)))
    }

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let region = cloud.region(creation.planned);
        let target = Key::named_by(cloud, creation.planned, "target_key_id")?;
        match send_create(cloud, actor, name_of(creation.planned, &region)?, &target).await {
            Err(error) if is_already_exists(&error) => {
                let found = self.find_created(cloud, actor, creation).await?;
                let message = format!("the alias `{}` is another key's", name_of(creation.planned, &region)?);
                return found.ok_or_else(|| already_exists("kms:CreateAlias", &region, message));
            }
            result => result?,
        }
        attributes(cloud, creation.planned, &region, &target.id).await
    }

    /// An alias carries no tag: one of that name, of that very key, is as good as made by us.
    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let region = cloud.region(creation.planned);
        let target = Key::named_by(cloud, creation.planned, "target_key_id")?;
        cloud.facts.aliases.clear();
        let found = find(cloud, actor, &region, creation.planned).await?;
        match found.filter(|alias| alias.target_key_id() == Some(&target.id)) {
            Some(_) => attributes(cloud, creation.planned, &region, &target.id).await.map(Some),
            None => Ok(None),
        }
    }

    async fn update(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        let region = cloud.region(prior);
        let (before, after) =
            (Key::named_by(cloud, prior, "target_key_id")?, Key::named_by(cloud, planned, "target_key_id")?);
        if before != after {
            let request = cloud.kms(actor, &region).update_alias().alias_name(name_of(prior, &region)?);
            let answer = request.target_key_id(&after.id).send().await;
            cloud.facts.aliases.clear();
            answer.map_err(|error| failed("kms:UpdateAlias", &region, error))?;
        }
        attributes(cloud, planned, &region, &after.id).await
    }

    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError> {
        let region = cloud.region(prior);
        let answer = cloud.kms(actor, &region).delete_alias().alias_name(name_of(prior, &region)?).send().await;
        cloud.facts.aliases.clear();
        fine_if_gone(answer.map_err(|error| failed("kms:DeleteAlias", &region, error)))
    }
}

/// Asks for the aliases of the key first, which it has in common with its other aliases; then for all,
/// for the alias may have been given to another key.
async fn find(
    cloud: &Cloud,
    actor: &Actor,
    region: &Region,
    known: &Attributes,
) -> Result<Option<AliasListEntry>, ProviderError> {
    let name = name_of(known, region)?;
    if let Some(target) = text(known, "target_key_id") {
        let key = Key::new(region, target);
        let of_key = kms::aliases(cloud, actor, region, Some(&key)).await?;
        if let Some(found) = of_key.iter().find(|alias| alias.alias_name() == Some(name)) {
            return Ok(Some(found.clone()));
        }
    }
    let all = kms::aliases(cloud, actor, region, None).await?;
    Ok(all.iter().find(|alias| alias.alias_name() == Some(name)).cloned())
}

async fn send_create(cloud: &Cloud, actor: &Actor, name: &str, target: &Key) -> Result<(), ProviderError> {
    let create = || async {
        let request = cloud.kms(actor, &target.region).create_alias().alias_name(name).target_key_id(&target.id);
        let answer = request.send().await;
        answer.map(|_| ()).map_err(|error| failed("kms:CreateAlias", &target.region, error))
    };
    let result = cloud.patience.while_settling(|error| kms::needs_time(cloud, target, error), create).await;
    cloud.facts.aliases.clear();
    result
}

/// An import knows the alias by `id` alone.
fn name_of<'a>(known: &'a Attributes, region: &Region) -> Result<&'a str, ProviderError> {
    text(known, "name").map_or_else(|| required(known, "id", region), Ok)
}

async fn attributes(
    cloud: &Cloud,
    known: &Attributes,
    region: &Region,
    target: &str,
) -> Result<Attributes, ProviderError> {
    let name = name_of(known, region)?;
    // The key can be named by its ID or its ARN; the known way stays while it is the same key.
    let known_target = text(known, "target_key_id").filter(|known| key_id(known) == target).unwrap_or(target);
    Ok(Draft::of(known)
        .with("arn", cloud.own_arn("kms", region, name).await?)
        .with("id", name)
        .with("name", name)
        .or("name_prefix", "")
        .with("region", region.as_str())
        .with("target_key_arn", cloud.own_arn("kms", region, &format!("key/{target}")).await?)
        .with("target_key_id", known_target)
        .done())
}
