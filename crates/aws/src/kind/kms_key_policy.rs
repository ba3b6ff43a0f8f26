use async_trait::async_trait;
use keywright_engine::{Actor, Attributes, Creation, Observed, ProviderError};

use super::Kind;
use crate::attributes::{Draft, policy_differs, required, text};
use crate::cloud::Cloud;
use crate::kms::{self, Key};
use crate::needed::{Needed, On, making, reading};
use crate::policy_text;

/// `aws_kms_key_policy`: the policy that its key has anyway.
pub(super) struct KmsKeyPolicy;

#[async_trait]
impl Kind for KmsKeyPolicy {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let key = key_of(cloud, known)?;
        let (metadata, policy) = tokio::try_join!(kms::describe(cloud, actor, &key), kms::policy(cloud, actor, &key))?;
        let (Some(metadata), Some(policy)) = (metadata, policy) else {
            return Ok(None);
        };
        let attributes = attributes(known, &key).policy("policy", &policy).done();
        Ok(Some(Observed { attributes, standing: kms::standing(&metadata) }))
    }

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        put(cloud, actor, creation.planned).await
    }

    /// The policy is on the key, or it is not: no other creation can have made it.
    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let key = key_of(cloud, creation.planned)?;
        let policy = kms::policy(cloud, actor, &key).await?;
        let is_put = policy.is_some_and(|policy| policy_text::same(Some(&policy), text(creation.planned, "policy")));
        Ok(is_put.then(|| normalized(creation.planned, &key)))
    }

    async fn update(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        let is_same_key = key_of(cloud, prior)? == key_of(cloud, planned)?;
        if is_same_key && !policy_differs(prior, planned, "policy") {
            return Ok(normalized(planned, &key_of(cloud, planned)?));
        }
        put(cloud, actor, planned).await
    }

    /// A key is never without a policy. Who deletes this resource keeps the policy, or puts another first.
    async fn delete(&self, _cloud: &Cloud, _actor: &Actor, _prior: &Attributes) -> Result<(), ProviderError> {
        Ok(())
    }
}

async fn put(cloud: &Cloud, actor: &Actor, planned: &Attributes) -> Result<Attributes, ProviderError> {
    let key = key_of(cloud, planned)?;
    kms::put_policy(cloud, actor, &key, required(planned, "policy", &key.region)?).await?;
    Ok(normalized(planned, &key))
}

fn normalized(planned: &Attributes, key: &Key) -> Attributes {
    attributes(planned, key).policy("policy", text(planned, "policy").unwrap_or_default()).done()
}

fn attributes(known: &Attributes, key: &Key) -> Draft {
    Draft::of(known)
        .or("bypass_policy_lockout_safety_check", false)
        .or("key_id", key.id.as_str())
        .with("id", key.id.as_str())
        .with("region", key.region.as_str())
}

/// An import knows the key by `id` alone.
fn key_of(cloud: &Cloud, known: &Attributes) -> Result<Key, ProviderError> {
    let name = if text(known, "key_id").is_some() { "key_id" } else { "id" };
    Key::named_by(cloud, known, name)
}

const NEEDED: &[Needed] =
    &[reading("kms:DescribeKey", On::Key), reading("kms:GetKeyPolicy", On::Key), making("kms:PutKeyPolicy", On::Key)];

#[cfg(test)]
mod tests {
    use keywright_model::ResourceKind::KmsKeyPolicy as Kind;
    use serde_json::{Value, json};

    use crate::testing::{Canned, create, delete, find_created, update};

    fn planned(policy: &str) -> Value {
        json!({ "key_id": "mrk-1", "region": "eu-west-1", "policy": policy })
    }

    #[tokio::test]
    async fn puts_the_policy_and_never_bypasses_the_lock_out_check() {
        let canned = Canned::new().ok("kms:PutKeyPolicy", json!({}));
        let created = create(&canned, Kind, planned("{ \"b\": 1, \"a\": 2 }")).await.expect("put");
        let sent = canned.body("kms:PutKeyPolicy");
        assert_eq!(sent, json!({ "KeyId": "mrk-1", "PolicyName": "default", "Policy": "{ \"b\": 1, \"a\": 2 }" }));
        assert_eq!((&created["policy"], &created["id"]), (&json!("{\"a\":2,\"b\":1}"), &json!("mrk-1")));
    }

    #[tokio::test]
    async fn is_made_once_the_key_has_that_very_policy() {
        let canned = Canned::new().ok("kms:GetKeyPolicy", json!({ "Policy": "{\"a\" : 1}" }));
        assert!(find_created(&canned, Kind, planned("{\"a\":1}")).await.is_some());
        assert!(find_created(&canned, Kind, planned("{\"a\":2}")).await.is_none());
    }

    #[tokio::test]
    async fn a_policy_that_says_the_same_is_not_put_and_deleting_it_calls_nothing() {
        let canned = Canned::new();
        update(&canned, Kind, planned("{\"a\":1}"), planned("{ \"a\": 1 }")).await;
        delete(&canned, Kind, planned("{}")).await.expect("nothing to do");
        assert!(canned.operations().is_empty());
    }
}
