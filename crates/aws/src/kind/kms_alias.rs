use async_trait::async_trait;
use aws_sdk_kms::types::AliasListEntry;
use keywright_engine::{Actor, Attributes, Creation, Observed, ProviderError};
use keywright_model::Region;

use super::{Kind, live};
use crate::attributes::{Draft, required, text};
use crate::cloud::Cloud;
use crate::error::{already_exists, failed, fine_if_gone, is_already_exists};
use crate::kms::{self, Key, key_id};
use crate::needed::{Needed, On, deleting, making, reading, taking_up};

/// `aws_kms_alias`.
pub(super) struct KmsAlias;

#[async_trait]
impl Kind for KmsAlias {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

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

/// An alias and its key must both be let be joined.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/alias-access.html>.
const NEEDED: &[Needed] = &[
    reading("kms:ListAliases", On::Anything),
    making("kms:CreateAlias", On::Alias),
    making("kms:CreateAlias", On::Key),
    taking_up("kms:ListAliases", On::Anything),
    deleting("kms:DeleteAlias", On::Alias),
    deleting("kms:DeleteAlias", On::Key),
];

#[cfg(test)]
mod tests {
    use keywright_engine::Failure;
    use keywright_model::ResourceKind::KmsAlias as Kind;
    use serde_json::{Value, json};

    use crate::testing::{Canned, create, delete, read, update};

    fn planned() -> Value {
        json!({ "name": "alias/app", "target_key_id": "mrk-1", "region": "eu-west-1" })
    }

    fn listed(target: &str) -> Value {
        json!({ "Aliases": [{ "AliasName": "alias/app", "TargetKeyId": target }], "Truncated": false })
    }

    #[tokio::test]
    async fn what_was_created_reads_back_as_the_same() {
        let canned = Canned::new().ok("kms:CreateAlias", json!({})).ok("kms:ListAliases", listed("mrk-1"));
        let created = create(&canned, Kind, planned()).await.expect("an alias");
        let expect = json!({
            "arn": "arn:aws:kms:eu-west-1:111122223333:alias/app", "id": "alias/app", "name": "alias/app",
            "name_prefix": "", "region": "eu-west-1", "target_key_id": "mrk-1",
            "target_key_arn": "arn:aws:kms:eu-west-1:111122223333:key/mrk-1",
        });
        assert_eq!(created, expect);
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created));
        assert_eq!(canned.body("kms:ListAliases")["KeyId"], "mrk-1", "only this key's aliases are listed");
    }

    #[tokio::test]
    async fn an_alias_that_was_given_to_another_key_is_seen() {
        let canned =
            Canned::new().ok("kms:ListAliases", json!({ "Aliases": [] })).ok("kms:ListAliases", listed("other"));
        let found = read(&canned, Kind, planned()).await.expect("an alias");
        assert_eq!(found["target_key_id"], "other");
        let gone = Canned::new().ok("kms:ListAliases", json!({ "Aliases": [] }));
        assert_eq!(read(&gone, Kind, planned()).await, None);
    }

    #[tokio::test]
    async fn an_alias_that_is_there_is_ours_only_on_our_key() {
        let clash = || Canned::new().error("kms:CreateAlias", "AlreadyExistsException", "there is one");
        create(&clash().ok("kms:ListAliases", listed("mrk-1")), Kind, planned()).await.expect("ours");
        let error = create(&clash().ok("kms:ListAliases", listed("other")), Kind, planned()).await.expect_err("taken");
        assert!(matches!(error.failure, Failure::AlreadyExists { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn only_another_key_is_an_update() {
        let mut same_key = planned();
        same_key["target_key_id"] = json!("arn:aws:kms:eu-west-1:111122223333:key/mrk-1");
        let canned = Canned::new().ok("kms:UpdateAlias", json!({}));
        update(&canned, Kind, planned(), same_key.clone()).await;
        assert_eq!(canned.count("kms:UpdateAlias"), 0);
        same_key["target_key_id"] = json!("mrk-2");
        update(&canned, Kind, planned(), same_key).await;
        assert_eq!(canned.body("kms:UpdateAlias")["TargetKeyId"], "mrk-2");
    }

    #[tokio::test]
    async fn an_alias_that_is_gone_is_deleted() {
        let canned = Canned::new().error("kms:DeleteAlias", "NotFoundException", "no such alias");
        delete(&canned, Kind, planned()).await.expect("gone");
        let denied = Canned::new().error("kms:DeleteAlias", "AccessDeniedException", "no");
        delete(&denied, Kind, planned()).await.expect_err("denied");
    }
}
