use indexmap::IndexMap;
use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Partition, Tags};
use serde::{Deserialize, Serialize};

use crate::policy::StoredPolicy;
use crate::secret::StoredSecret;
use crate::store::tables;

tables! {
    /// What exists in IAM.
    pub(crate) struct State in "iam" {
        /// By [`record_key`].
        users: User,
        /// By the key's id.
        access_keys: AccessKey,
        /// By [`record_key`].
        roles: Role,
        /// By [`record_key`].
        policies: ManagedPolicy,
        /// When each deletion of a service-linked role was asked for, by scope and task.
        deletion_tasks: Timestamp,
    }
}

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) path: String,
    /// `AIDA…`.
    pub(crate) id: String,
    pub(crate) arn: Arn,
    pub(crate) created: Timestamp,
    pub(crate) tags: Tags,
    pub(crate) permissions: Permissions,
}

/// An access key of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    /// `AKIA…`.
    pub(crate) id: String,
    /// The [`record_key`] of the user.
    pub(crate) user_key: String,
    pub(crate) partition: String,
    pub(crate) account: AccountId,
    pub(crate) secret: StoredSecret,
    pub(crate) active: bool,
    pub(crate) created: Timestamp,
}

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) path: String,
    /// `AROA…`.
    pub(crate) id: String,
    pub(crate) arn: Arn,
    pub(crate) created: Timestamp,
    pub(crate) description: Option<String>,
    pub(crate) max_session_seconds: u32,
    pub(crate) trust: StoredPolicy,
    pub(crate) tags: Tags,
    pub(crate) permissions: Permissions,
    /// The service that a service-linked role belongs to.
    pub(crate) linked_service: Option<String>,
}

/// The policies of a user or role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Permissions {
    /// Inline policies by name.
    pub(crate) inline: IndexMap<String, StoredPolicy>,
    /// ARNs of managed policies, in the order of their attachment.
    pub(crate) attached: Vec<Arn>,
    pub(crate) boundary: Option<Arn>,
}

/// A customer managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    pub(crate) name: String,
    pub(crate) path: String,
    /// `ANPA…`.
    pub(crate) id: String,
    pub(crate) arn: Arn,
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) tags: Tags,
    /// Oldest first.
    pub(crate) versions: Vec<PolicyVersion>,
    pub(crate) default_version: u32,
    /// Numbers are not used twice.
    pub(crate) next_version: u32,
}

/// A version of a managed policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PolicyVersion {
    pub(crate) number: u32,
    pub(crate) document: StoredPolicy,
    pub(crate) created: Timestamp,
}

impl ManagedPolicy {
    /// The version that is in force.
    pub(crate) fn default_document(&self) -> Option<&StoredPolicy> {
        self.version(self.default_version).map(|version| &version.document)
    }

    pub(crate) fn version(&self, number: u32) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.number == number)
    }
}

/// The key of a user, a role or a policy in its table.
pub(crate) fn record_key(partition: Partition, account: &AccountId, name: &str) -> String {
    format!("{partition}/{account}/{}", name.to_lowercase())
}

/// The key of the entity that an IAM ARN names: its kind must be `role`, `user` or `policy`.
pub(super) fn record_key_of(arn: &Arn, kind: &str) -> Option<String> {
    let name = arn.resource_of_kind(kind)?.rsplit('/').next()?;
    if arn.service() != "iam" {
        return None;
    }
    Some(record_key(Partition::from_name(arn.partition())?, &AccountId::parse(arn.account()).ok()?, name))
}

impl State {
    /// All roles, of all accounts.
    pub(crate) fn all_roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// The role of exactly this ARN.
    pub(crate) fn role_by_arn(&self, arn: &Arn) -> Option<&Role> {
        self.roles.get(&record_key_of(arn, "role")?).filter(|role| role.arn == *arn)
    }

    /// The user of exactly this ARN.
    pub(crate) fn user_by_arn(&self, arn: &Arn) -> Option<&User> {
        self.users.get(&record_key_of(arn, "user")?).filter(|user| user.arn == *arn)
    }

    /// The customer managed policy of exactly this ARN.
    pub(crate) fn policy_by_arn(&self, arn: &Arn) -> Option<&ManagedPolicy> {
        self.policies.get(&record_key_of(arn, "policy")?).filter(|policy| policy.arn == *arn)
    }
}
