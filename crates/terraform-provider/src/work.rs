//! Reads and writes resources: Terraform's values on one side, `keywright-aws` on the other.

use keywright_engine::{Attributes, Creation, CreationToken, Failure, Provider, ProviderError, Standing, schema};
use keywright_model::{AccountId, Arn, Region, ResourceKind};
use serde_json::json;

use crate::config::Configured;
use crate::plan::{known_attributes, merged};
use crate::trouble::Trouble;
use crate::value::Fields;

/// What became of a resource: what stands now, and what went wrong on the way.
pub(crate) type Outcome = (Option<Fields>, Option<Trouble>);

impl Configured {
    /// Reads a resource; none where it is gone, or a key on its way out.
    pub(crate) async fn read(&self, kind: ResourceKind, state: &Fields) -> Result<Option<Fields>, Trouble> {
        let known = known_attributes(kind, state);
        let observed = self.aws.read(&self.actor, kind, &known).await?;
        let live = observed.filter(|observed| observed.standing == Standing::Live);
        Ok(live.map(|observed| merged(schema(kind), &known, observed.attributes)))
    }

    /// Makes, changes or deletes a resource.
    pub(crate) async fn apply(&self, kind: ResourceKind, prior: Option<Fields>, planned: Option<Fields>) -> Outcome {
        match (prior, planned) {
            (None, None) => (None, None),
            (None, Some(planned)) => self.create(kind, &known_attributes(kind, &planned)).await,
            (Some(prior), None) => match self.delete(kind, &known_attributes(kind, &prior)).await {
                Ok(()) => (None, None),
                Err(trouble) => (Some(prior), Some(trouble)),
            },
            (Some(prior), Some(planned)) => {
                let planned = known_attributes(kind, &planned);
                match self.aws.update(&self.actor, kind, &known_attributes(kind, &prior), &planned).await {
                    Ok(made) => (Some(merged(schema(kind), &planned, made)), None),
                    Err(error) => (Some(prior), Some(error.into())),
                }
            }
        }
    }

    /// What was made in part is given back with the error, so that Terraform keeps it, tainted.
    async fn create(&self, kind: ResourceKind, planned: &Attributes) -> Outcome {
        let token = CreationToken(uuid::Uuid::new_v4().to_string());
        let creation = Creation { kind, planned, interim_policy: None, token: &token };
        let (made, trouble) = match self.aws.create(&self.actor, &creation).await {
            Ok(made) => (Some(made), None),
            Err(error) => (self.made_in_part(&creation, &error.failure).await, Some(error.into())),
        };
        let Some(made) = made else { return (None, trouble) };
        let settled = self.aws.settle(&self.actor, kind, &made).await;
        (Some(merged(schema(kind), planned, made)), trouble.or_else(|| settled.err().map(Trouble::from)))
    }

    /// A key is found by this creation's token; a replica by its primary, so that one that was there before is not its work.
    async fn made_in_part(&self, creation: &Creation<'_>, failure: &Failure) -> Option<Attributes> {
        let is_key = matches!(creation.kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey);
        if !is_key || matches!(failure, Failure::AlreadyExists { .. }) {
            return None;
        }
        self.aws.find_created(&self.actor, creation).await.ok().flatten()
    }

    async fn delete(&self, kind: ResourceKind, prior: &Attributes) -> Result<(), Trouble> {
        if kind == ResourceKind::KmsKeyPolicy {
            return Ok(self.put_default_policy(prior).await?);
        }
        Ok(self.aws.delete(&self.actor, kind, prior).await?)
    }

    /// A key is never without a policy. The real provider puts back the one that AWS gives by default.
    async fn put_default_policy(&self, prior: &Attributes) -> Result<(), ProviderError> {
        let text = |name| prior.get(name).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
        let region = text("region").and_then(|name| Region::parse(name).ok()).unwrap_or_else(|| self.home.clone());
        let account = self.aws.caller().await?.account;
        let id = text("key_id").unwrap_or_default();
        let id = id.rsplit('/').next().unwrap_or(id);
        let Ok(key) = Arn::new(region.partition(), "kms", Some(&region), Some(&account), &format!("key/{id}")) else {
            return Ok(());
        };
        let is_live = self.aws.read(&self.actor, ResourceKind::KmsKeyPolicy, prior).await?;
        if is_live.is_none_or(|observed| observed.standing != Standing::Live) {
            return Ok(());
        }
        self.aws.put_key_policy(&self.actor, &key, &default_policy(&region, &account)).await
    }
}

/// The key policy of a key that is made without one.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>.
fn default_policy(region: &Region, account: &AccountId) -> String {
    let root = format!("arn:{}:iam::{account}:root", region.partition().as_str());
    let statement = json!({
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": root},
        "Action": "kms:*",
        "Resource": "*",
    });
    json!({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}).to_string()
}
