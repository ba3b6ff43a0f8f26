//! The kinds of resources, one file each. A new kind is a file, and a line in [`kind_of`].

pub(crate) mod iam_policy;
mod iam_role;
mod iam_role_policy_attachment;
mod kms_alias;
pub(crate) mod kms_grant;
mod kms_key;
mod kms_key_policy;
mod kms_replica_key;
mod log_metric_filter;
mod metric_alarm;

use async_trait::async_trait;
use keywright_engine::{Actor, Attributes, Creation, Observed, ProviderError, Standing};
use keywright_model::ResourceKind;

use crate::cloud::Cloud;
use crate::error::own_error;
use crate::needed::Needed;

/// The reads and writes of one kind of resource; each method as the one of the same name of
/// [`Provider`](keywright_engine::Provider).
#[async_trait]
pub(crate) trait Kind: Send + Sync {
    /// What its calls need to be allowed, but for changes in place.
    fn needed(&self) -> &'static [Needed];

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError>;

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError>;

    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError>;

    /// Nothing to do for what carries no tags.
    async fn settle(&self, _cloud: &Cloud, _actor: &Actor, _known: &Attributes) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn update(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError>;

    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError>;

    /// Only keys can be rescued.
    async fn rescue(&self, cloud: &Cloud, _actor: &Actor, known: &Attributes) -> Result<Observed, ProviderError> {
        Err(own_error("rescue", &cloud.region(known), "NotSupported", "only the deletion of a key can be cancelled"))
    }
}

/// Where each kind is found.
pub(crate) fn kind_of(kind: ResourceKind) -> &'static dyn Kind {
    match kind {
        ResourceKind::LogMetricFilter => &log_metric_filter::LogMetricFilter,
        ResourceKind::MetricAlarm => &metric_alarm::MetricAlarm,
        ResourceKind::IamPolicy => &iam_policy::IamPolicy,
        ResourceKind::IamRole => &iam_role::IamRole,
        ResourceKind::IamRolePolicyAttachment => &iam_role_policy_attachment::IamRolePolicyAttachment,
        ResourceKind::KmsAlias => &kms_alias::KmsAlias,
        ResourceKind::KmsGrant => &kms_grant::KmsGrant,
        ResourceKind::KmsKey => &kms_key::KmsKey,
        ResourceKind::KmsKeyPolicy => &kms_key_policy::KmsKeyPolicy,
        ResourceKind::KmsReplicaKey => &kms_replica_key::KmsReplicaKey,
    }
}

/// Something that is there to stay.
fn live(attributes: Attributes) -> Observed {
    Observed { attributes, standing: Standing::Live }
}

/// A kind whose every argument makes a new one when it changes.
fn cannot_change(cloud: &Cloud, kind: ResourceKind, prior: &Attributes) -> ProviderError {
    let message = format!("an {kind} cannot be changed in place");
    own_error("update", &cloud.region(prior), "NotSupported", message)
}
