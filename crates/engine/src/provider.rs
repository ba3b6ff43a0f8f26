use std::collections::BTreeMap;

use async_trait::async_trait;
use keywright_model::{AccountId, Arn, Region, ResourceKind};
use serde_json::{Map, Value};

/// The attributes of a resource, by the names and in the shapes of the `hashicorp/aws` provider (6.x).
pub type Attributes = Map<String, Value>;

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The credentials that the run was started with.
    Caller,
    /// A session of this role, assumed with the caller's credentials.
    Role(Arn),
}

/// Who the credentials belong to, as `sts:GetCallerIdentity` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account.
    pub account: AccountId,
    /// The user, the session or the root user.
    pub arn: Arn,
}

/// What marks a resource as made by one very call: a tag while the call's answer is not yet in the
/// state. It is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct CreationToken(pub String);

/// The key of the tag that holds a [`CreationToken`].
pub const CREATION_TAG: &str = "keywright:creation-token";

/// A resource as AWS has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// All attributes of its schema.
    pub attributes: Attributes,
    /// Whether it is on its way out.
    pub standing: Standing,
}

/// Whether a resource is there to stay.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Standing {
    /// There.
    Live,
    /// A key whose deletion is scheduled (`PendingDeletion` or `PendingReplicaDeletion`), which can be cancelled.
    PendingDeletion {
        /// When it goes, as RFC 3339; none while a primary waits for its replicas.
        deletion_date: Option<String>,
    },
}

/// What the engine asks of AWS. One call of a method may be several calls of AWS.
///
/// The provider retries what the SDK retries, and waits for what is eventually consistent: a
/// principal that KMS does not see yet, a replica that is `Creating`. It never decides what should be.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Whose credentials these are.
    async fn caller(&self) -> Result<CallerIdentity, ProviderError>;

    /// Assumes a role, and keeps the session for [`Actor::Role`]. Retries while IAM settles.
    async fn assume(&self, role: &Arn) -> Result<(), ProviderError>;

    /// Forgets facts that were read: a refresh begins. Within one refresh each fact is read once.
    fn begin_refresh(&self);

    /// Reads a resource that is known by its attributes. None when it is gone.
    async fn read(
        &self,
        actor: &Actor,
        kind: ResourceKind,
        known: &Attributes,
    ) -> Result<Option<Observed>, ProviderError>;

    /// Creates a resource from its planned attributes, and marks it with the token where the kind can
    /// carry tags. Gives all attributes; the token's tag is not among them.
    async fn create(&self, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError>;

    /// Looks for what an earlier [`Provider::create`] of this very creation has made, whose answer was never read.
    async fn find_created(&self, actor: &Actor, creation: &Creation<'_>) -> Result<Option<Attributes>, ProviderError>;

    /// Takes the token's tag off again. Fine if it is not there.
    async fn settle(&self, actor: &Actor, kind: ResourceKind, known: &Attributes) -> Result<(), ProviderError>;

    /// Changes a resource in place, from what it is to what is planned. Only what differs is called for.
    async fn update(
        &self,
        actor: &Actor,
        kind: ResourceKind,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError>;

    /// Deletes a resource; for a key: schedules its deletion. Fine if it is gone, or going, already.
    /// The policy of a key (`aws_kms_key_policy`) is left as it is.
    async fn delete(&self, actor: &Actor, kind: ResourceKind, prior: &Attributes) -> Result<(), ProviderError>;

    /// Cancels the deletion of a key (`aws_kms_key`, `aws_kms_replica_key`) and enables it again.
    async fn rescue(&self, actor: &Actor, kind: ResourceKind, known: &Attributes) -> Result<Observed, ProviderError>;

    /// Puts a key policy on the key of that ARN, in its Region, without bypassing the lock-out check.
    async fn put_key_policy(&self, actor: &Actor, key: &Arn, policy: &str) -> Result<(), ProviderError>;

    /// The key policy of the key of that ARN.
    async fn key_policy(&self, actor: &Actor, key: &Arn) -> Result<String, ProviderError>;

    /// Every grant on the key of that ARN, whoever made it; none where the key is gone.
    async fn grants(&self, actor: &Actor, key: &Arn) -> Result<Vec<KeyGrant>, ProviderError>;

    /// Whether a role exists.
    async fn role_exists(&self, role: &Arn) -> Result<bool, ProviderError>;

    /// Makes the service-linked role of a service. Fine if it is there already.
    async fn create_service_linked_role(&self, service: &str) -> Result<(), ProviderError>;

    /// How many calls were sent to AWS so far, by `service:Operation`.
    fn calls(&self) -> BTreeMap<String, u64>;
}

/// A grant on a key, as KMS lists it. Its token is not known to anybody but who made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct KeyGrant {
    /// Its ID.
    pub grant_id: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Who may use the key: an ARN, or a service principal.
    pub grantee: String,
    /// Who may retire it.
    pub retiring: Option<String>,
    /// The operations, as KMS names them.
    pub operations: Vec<String>,
    /// The account under which it was made.
    pub issuing_account: Option<String>,
    /// When it was made, as RFC 3339.
    pub creation_date: Option<String>,
    /// What the encryption context must be, exactly.
    pub encryption_context_equals: BTreeMap<String, String>,
    /// What the encryption context must hold.
    pub encryption_context_subset: BTreeMap<String, String>,
    /// The only `aws:SourceArn` that a service may use it for.
    pub source_arn: Option<String>,
}

/// A resource that is to be created.
#[derive(Debug, Clone, Copy)]
pub struct Creation<'a> {
    /// Its kind.
    pub kind: ResourceKind,
    /// All planned attributes, every argument known; computed attributes are missing or null.
    pub planned: &'a Attributes,
    /// The policy that a key is created with, where it is not the planned one.
    pub interim_policy: Option<&'a str>,
    /// What marks it.
    pub token: &'a CreationToken,
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub struct ProviderError {
    /// What went wrong.
    pub failure: Failure,
    /// The AWS operation, such as `kms:PutKeyPolicy`.
    pub operation: String,
    /// The Region that was asked.
    pub region: Option<Region>,
    /// AWS's request ID.
    pub request_id: Option<String>,
}

/// The ways in which a call fails that the engine tells apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// AWS refused the caller.
    #[error("access denied: {message}")]
    AccessDenied {
        /// AWS's message, which names the principal, the action and the resource.
        message: String,
    },
    /// The new policy would lock out who puts it. Retrying does not help.
    #[error("AWS refuses the policy, for it would lock out its author: {message}")]
    LockOut {
        /// AWS's message.
        message: String,
    },
    /// A policy names a principal that AWS does not see (still, after waiting).
    #[error("a principal in the policy does not exist: {message}")]
    InvalidPrincipal {
        /// AWS's message.
        message: String,
    },
    /// What was addressed is not there.
    #[error("not found: {message}")]
    NotFound {
        /// AWS's message.
        message: String,
    },
    /// What was to be created is there already, and was not made by this run.
    #[error("already exists: {message}")]
    AlreadyExists {
        /// AWS's message.
        message: String,
    },
    /// No credentials, or credentials that AWS does not take.
    #[error("no usable AWS credentials: {message}")]
    Credentials {
        /// What the credential chain or AWS says.
        message: String,
    },
    /// The endpoint did not answer.
    #[error("no answer from AWS: {message}")]
    Unreachable {
        /// What the connection says.
        message: String,
    },
    /// Anything else that AWS answers.
    #[error("{code}: {message}")]
    Other {
        /// AWS's error code.
        code: String,
        /// AWS's message.
        message: String,
    },
}
