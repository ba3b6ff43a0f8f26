use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_sdk_kms::types::{AliasListEntry, GrantListEntry, KeyMetadata};
use keywright_engine::ProviderError;
use tokio::sync::OnceCell;

use crate::access::PolicyOf;
use crate::attributes::Texts;
use crate::calls::lock;
use crate::iam::RoleFacts;
use crate::kms::Rotation;

/// What was read since the refresh began, each fact once, however many resources need it and at the same time.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) keys: Memo<Option<Arc<KeyMetadata>>>,
    pub(crate) key_policies: Memo<Option<String>>,
    pub(crate) key_rotations: Memo<Option<Rotation>>,
    pub(crate) key_tags: Memo<Option<Texts>>,
    /// All of a key: one list tells each of them, and those that others made.
    pub(crate) key_grants: Memo<Arc<Vec<GrantListEntry>>>,
    /// By Region and key; by Region alone, all of them.
    pub(crate) aliases: Memo<Arc<Vec<AliasListEntry>>>,
    pub(crate) roles: Memo<Option<Arc<RoleFacts>>>,
    /// The ARNs of the managed policies of a role; none where there is no role.
    pub(crate) attachments: Memo<Option<Arc<Vec<String>>>>,
    /// What managed policies say, by ARN.
    pub(crate) policy_documents: Memo<Option<String>>,
    /// The policies of groups, by name.
    pub(crate) group_policies: Memo<Arc<Vec<PolicyOf>>>,
}

impl Facts {
    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.keys.clear();
        self.key_policies.clear();
        self.key_rotations.clear();
        self.key_tags.clear();
        self.key_grants.clear();
        self.aliases.clear();
        self.roles.clear();
        self.attachments.clear();
        self.policy_documents.clear();
        self.group_policies.clear();
    }

    /// Forgets a key, for it was written to.
    pub(crate) fn forget_key(&self, name: &str) {
        self.keys.forget(name);
        self.key_policies.forget(name);
        self.key_rotations.forget(name);
        self.key_tags.forget(name);
        self.key_grants.forget(name);
    }

    /// Forgets a role, for it was written to.
    pub(crate) fn forget_role(&self, name: &str) {
        self.roles.forget(name);
        self.attachments.forget(name);
    }
}

/// Facts of one sort by the name of what they are about. A failure is not kept.
pub(crate) struct Memo<T>(Mutex<HashMap<String, Arc<OnceCell<T>>>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Memo<T> {
    /// The fact of that name: reads it, unless it was read, or waits for who is reading it.
    pub(crate) async fn once(
        &self,
        name: &str,
        read: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let cell = Arc::clone(lock(&self.0).entry(name.to_owned()).or_default());
        cell.get_or_try_init(|| read).await.cloned()
    }

    /// Forgets it. Who is reading it now still gets what it reads, and nobody else does.
    pub(crate) fn forget(&self, name: &str) {
        lock(&self.0).remove(name);
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}
