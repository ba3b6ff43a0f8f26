use aws_smithy_types::retry::RetryConfig;
use keywright_engine::{Actor, ProviderError};
use keywright_model::{Arn, Region};

use super::{LookNeeded, LookOn, look};
use crate::AwsProvider;
use crate::error::{failed, own_error, unless_gone};
use crate::kms::Key;

/// A key as KMS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStanding {
    /// Its ARN.
    pub arn: Arn,
    /// Its state: `Enabled`, `PendingDeletion`, ….
    pub state: String,
    /// Whether AWS manages it: `alias/aws/sns` and its like.
    pub is_aws_managed: bool,
}

impl AwsProvider {
    /// Describes a key, asking once: who finds nobody at the other end learns so without a wait. None when it is not
    /// there. `name` is the key's ID, ARN or alias.
    ///
    /// # Errors
    /// When the Region's KMS does not answer, or refuses the actor.
    pub async fn key_standing(
        &self,
        actor: &Actor,
        region: &Region,
        name: &str,
    ) -> Result<Option<KeyStanding>, ProviderError> {
        const OPERATION: &str = "kms:DescribeKey";
        let once = aws_sdk_kms::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.cloud.kms(actor, region).describe_key().key_id(name);
        let answer = request.customize().config_override(once).send().await;
        let answer = unless_gone(answer.map_err(|error| failed(OPERATION, region, error)))?;
        let Some(key) = answer.and_then(|answer| answer.key_metadata) else { return Ok(None) };
        let arn = key.arn().and_then(|arn| Arn::parse(arn).ok());
        let arn = arn.ok_or_else(|| own_error(OPERATION, region, "IncompleteAnswer", "the ARN is missing"))?;
        Ok(Some(KeyStanding {
            arn,
            state: key.key_state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
            is_aws_managed: key.key_manager() == Some(&aws_sdk_kms::types::KeyManagerType::Aws),
        }))
    }

    /// The key policy of the key of that ARN, without the rest of what has a say.
    ///
    /// # Errors
    /// When it cannot be read, or there is no such key.
    pub async fn policy_of_key(&self, actor: &Actor, key: &Arn) -> Result<String, ProviderError> {
        let key = Key::of_arn(key)?;
        crate::kms::policy(&self.cloud, actor, &key).await?.ok_or_else(|| key.not_found("kms:GetKeyPolicy"))
    }
}

pub(super) const NEEDED: &[LookNeeded] = &[
    look("kms:DescribeKey", LookOn::Key),
    look("kms:DescribeKey", LookOn::TopicKey),
    look("kms:GetKeyPolicy", LookOn::TopicKey),
];
