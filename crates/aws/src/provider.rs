use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use keywright_engine::{
    Actor, Attributes, CallerIdentity, Creation, Failure, KeyGrant, Observed, Provider, ProviderError,
};
use keywright_model::{Arn, ResourceKind};

use crate::cloud::Cloud;
use crate::error::is_access_denied;
use crate::kind::{kind_of, kms_grant};
use crate::kms::Key;
use crate::{Options, clients, iam, kms};

/// The engine's provider, over the AWS SDK.
pub struct AwsProvider {
    pub(crate) cloud: Cloud,
}

impl AwsProvider {
    /// Gets ready to call AWS. Nothing is sent yet: credentials are looked for with the first call.
    ///
    /// # Errors
    /// When the home Region's partition has no Region for IAM, which is an error of this program.
    pub async fn connect(options: Options) -> Result<Self, ProviderError> {
        let configuration = clients::configuration(&options).await;
        Ok(Self { cloud: Cloud::new(&options, configuration)? })
    }

    /// Who an actor is: the caller, or its session of a role.
    ///
    /// # Errors
    /// When STS does not answer, or does not let the role be assumed.
    pub async fn identity(&self, actor: &Actor) -> Result<CallerIdentity, ProviderError> {
        match actor {
            Actor::Caller => self.cloud.caller().await,
            Actor::Role(role) => self.cloud.sessions.session(role).await,
        }
    }
}

impl fmt::Debug for AwsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsProvider").finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for AwsProvider {
    async fn caller(&self) -> Result<CallerIdentity, ProviderError> {
        self.cloud.caller().await
    }

    async fn assume(&self, role: &Arn) -> Result<(), ProviderError> {
        let first = match self.cloud.sessions.credentials(role).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if !may_settle(&first) || !iam::is_new_role(&self.cloud, role).await {
            return Err(first);
        }
        let again = || self.cloud.sessions.credentials(role);
        self.cloud.patience.while_settling(may_settle, again).await.map(|_| ())
    }

    fn begin_refresh(&self) {
        self.cloud.facts.clear();
    }

    async fn read(
        &self,
        actor: &Actor,
        kind: ResourceKind,
        known: &Attributes,
    ) -> Result<Option<Observed>, ProviderError> {
        kind_of(kind).read(&self.cloud, actor, known).await
    }

    async fn create(&self, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        kind_of(creation.kind).create(&self.cloud, actor, creation).await
    }

    async fn find_created(&self, actor: &Actor, creation: &Creation<'_>) -> Result<Option<Attributes>, ProviderError> {
        kind_of(creation.kind).find_created(&self.cloud, actor, creation).await
    }

    async fn settle(&self, actor: &Actor, kind: ResourceKind, known: &Attributes) -> Result<(), ProviderError> {
        kind_of(kind).settle(&self.cloud, actor, known).await
    }

    async fn update(
        &self,
        actor: &Actor,
        kind: ResourceKind,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        kind_of(kind).update(&self.cloud, actor, prior, planned).await
    }

    async fn delete(&self, actor: &Actor, kind: ResourceKind, prior: &Attributes) -> Result<(), ProviderError> {
        kind_of(kind).delete(&self.cloud, actor, prior).await
    }

    async fn rescue(&self, actor: &Actor, kind: ResourceKind, known: &Attributes) -> Result<Observed, ProviderError> {
        kind_of(kind).rescue(&self.cloud, actor, known).await
    }

    async fn put_key_policy(&self, actor: &Actor, key: &Arn, policy: &str) -> Result<(), ProviderError> {
        let key = Key::of_arn(key)?;
        kms::put_policy(&self.cloud, actor, &key, policy).await
    }

    async fn key_policy(&self, actor: &Actor, key: &Arn) -> Result<String, ProviderError> {
        let key = Key::of_arn(key)?;
        kms::policy(&self.cloud, actor, &key).await?.ok_or_else(|| key.not_found("kms:GetKeyPolicy"))
    }

    async fn grants(&self, actor: &Actor, key: &Arn) -> Result<Vec<KeyGrant>, ProviderError> {
        kms_grant::listed(&self.cloud, actor, &Key::of_arn(key)?).await
    }

    async fn role_exists(&self, role: &Arn) -> Result<bool, ProviderError> {
        iam::role_exists(&self.cloud, role).await
    }

    async fn create_service_linked_role(&self, service: &str) -> Result<(), ProviderError> {
        iam::create_service_linked_role(&self.cloud, service).await
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.cloud.calls.counts()
    }
}

/// Whether STS may say otherwise soon. A wrong code of a device stays wrong.
fn may_settle(error: &ProviderError) -> bool {
    let about_mfa =
        matches!(&error.failure, Failure::AccessDenied { message } if message.contains("MultiFactorAuthentication"));
    is_access_denied(error) && !about_mfa
}
