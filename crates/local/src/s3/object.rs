use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bucket::Versioning;
use super::checksum::Checksum;
use super::encryption::Encryption;
use crate::ids::Ids;

/// What a key names: its versions, the newest first. One without versions is not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) versions: Vec<Version>,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// `null` for what was written while the bucket did not keep versions.
    pub(crate) id: String,
    pub(crate) modified: Timestamp,
    /// None for a delete marker.
    pub(crate) content: Option<Content>,
}

/// What a version holds, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Where its bytes are.
    pub(crate) body: String,
    pub(crate) size: usize,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) encryption: Encryption,
    pub(crate) description: Description,
    pub(crate) replication: Option<ReplicationStatus>,
}

/// What a writer says of an object, and readers are told again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    /// Headers of HTTP such as `content-type`.
    pub(crate) headers: BTreeMap<String, String>,
    /// Without `x-amz-meta-`.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// How far the replication of a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ReplicationStatus {
    Pending,
    Completed,
    Failed,
    Replica,
}

impl ReplicationStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Replica => "REPLICA",
        }
    }
}

impl Object {
    /// The newest version, unless it is a delete marker.
    pub(super) fn current(&self) -> Option<(&Version, &Content)> {
        let newest = self.versions.first()?;
        Some((newest, newest.content.as_ref()?))
    }

    pub(super) fn version(&self, id: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.id == id)
    }

    /// Puts a version before the others. Gives the body that nothing holds any more.
    pub(super) fn push(&mut self, version: Version) -> Option<String> {
        let replaced = self.take(&version.id);
        self.versions.insert(0, version);
        replaced.and_then(|version| version.content).map(|content| content.body)
    }

    /// Takes a version away.
    pub(super) fn take(&mut self, id: &str) -> Option<Version> {
        let at = self.versions.iter().position(|version| version.id == id)?;
        Some(self.versions.remove(at))
    }
}

impl Content {
    /// As HTTP and S3's documents have it.
    pub(super) fn quoted_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }
}

/// The id of the next version in a bucket.
pub(super) fn version_id(versioning: Versioning, ids: &Ids) -> String {
    match versioning {
        Versioning::Enabled => ids.alphanumeric(32),
        Versioning::Unversioned | Versioning::Suspended => NULL.to_owned(),
    }
}

/// The version of what is written without versioning.
pub(super) const NULL: &str = "null";
