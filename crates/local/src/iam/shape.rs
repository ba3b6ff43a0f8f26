use keywright_model::{Arn, Tags};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::rules::{Tag, tag_list};
use super::state::{AccessKey, ManagedPolicy, PolicyVersion, Role, State, User};
use crate::secret::ShownSecret;
use crate::wire::Time;

/// A user as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UserShape {
    path: String,
    user_name: String,
    user_id: String,
    arn: String,
    create_date: Time,
    permissions_boundary: Option<BoundaryShape>,
    tags: Option<Vec<Tag>>,
}

/// A role as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleShape {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    create_date: Time,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
    permissions_boundary: Option<BoundaryShape>,
    tags: Option<Vec<Tag>>,
    role_last_used: Option<Empty>,
}

/// A structure without members.
#[derive(Debug, Serialize)]
pub(super) struct Empty {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BoundaryShape {
    permissions_boundary_type: &'static str,
    permissions_boundary_arn: String,
}

/// A managed policy as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyShape {
    policy_name: String,
    policy_id: String,
    arn: String,
    path: String,
    default_version_id: String,
    attachment_count: usize,
    permissions_boundary_usage_count: usize,
    is_attachable: bool,
    description: Option<String>,
    create_date: Time,
    update_date: Time,
    tags: Option<Vec<Tag>>,
}

/// A version of a policy as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VersionShape {
    document: Option<String>,
    version_id: String,
    is_default_version: bool,
    create_date: Time,
}

/// An access key; the secret is shown once.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccessKeyShape {
    user_name: String,
    access_key_id: String,
    status: &'static str,
    secret_access_key: Option<ShownSecret>,
    create_date: Time,
}

impl UserShape {
    /// As lists show it: without tags and boundary.
    pub(super) fn brief(user: &User) -> Self {
        Self {
            path: user.path.clone(),
            user_name: user.name.clone(),
            user_id: user.id.clone(),
            arn: user.arn.to_string(),
            create_date: Time::in_whole_seconds(user.created),
            permissions_boundary: None,
            tags: None,
        }
    }

    pub(super) fn full(user: &User) -> Self {
        Self {
            permissions_boundary: boundary(user.permissions.boundary.as_ref()),
            tags: some_tags(&user.tags),
            ..Self::brief(user)
        }
    }

    /// The account's root user, as it sees itself.
    pub(super) fn root(account: &str, arn: &Arn, created: Time) -> Self {
        Self {
            path: "/".into(),
            user_name: "root".into(),
            user_id: account.into(),
            arn: arn.to_string(),
            create_date: created,
            permissions_boundary: None,
            tags: None,
        }
    }
}

impl RoleShape {
    /// As lists show it: without tags and boundary.
    pub(super) fn brief(role: &Role, state: &State) -> Self {
        Self {
            path: role.path.clone(),
            role_name: role.name.clone(),
            role_id: role.id.clone(),
            arn: role.arn.to_string(),
            create_date: Time::in_whole_seconds(role.created),
            assume_role_policy_document: encoded(&role.trust.text(state)),
            description: role.description.clone(),
            max_session_duration: Some(role.max_session_seconds),
            permissions_boundary: None,
            tags: None,
            role_last_used: None,
        }
    }

    pub(super) fn full(role: &Role, state: &State) -> Self {
        Self {
            permissions_boundary: boundary(role.permissions.boundary.as_ref()),
            tags: some_tags(&role.tags),
            role_last_used: Some(Empty {}),
            ..Self::brief(role, state)
        }
    }
}

impl PolicyShape {
    /// As lists show it: without description and tags.
    pub(super) fn brief(policy: &ManagedPolicy, usage: Usage) -> Self {
        Self {
            policy_name: policy.name.clone(),
            policy_id: policy.id.clone(),
            arn: policy.arn.to_string(),
            path: policy.path.clone(),
            default_version_id: version_id(policy.default_version),
            attachment_count: usage.attached,
            permissions_boundary_usage_count: usage.boundaries,
            is_attachable: true,
            description: None,
            create_date: Time::in_whole_seconds(policy.created),
            update_date: Time::in_whole_seconds(policy.updated),
            tags: None,
        }
    }

    pub(super) fn full(policy: &ManagedPolicy, usage: Usage) -> Self {
        Self { description: policy.description.clone(), tags: some_tags(&policy.tags), ..Self::brief(policy, usage) }
    }
}

/// How often a policy is used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) attached: usize,
    pub(super) boundaries: usize,
}

impl VersionShape {
    pub(super) fn brief(version: &PolicyVersion, policy: &ManagedPolicy) -> Self {
        Self {
            document: None,
            version_id: version_id(version.number),
            is_default_version: version.number == policy.default_version,
            create_date: Time::in_whole_seconds(version.created),
        }
    }

    pub(super) fn full(version: &PolicyVersion, policy: &ManagedPolicy, state: &State) -> Self {
        Self { document: Some(encoded(&version.document.text(state))), ..Self::brief(version, policy) }
    }
}

impl AccessKeyShape {
    pub(super) fn brief(key: &AccessKey, user_name: &str) -> Self {
        Self {
            user_name: user_name.to_owned(),
            access_key_id: key.id.clone(),
            status: if key.active { "Active" } else { "Inactive" },
            secret_access_key: None,
            create_date: Time::in_whole_seconds(key.created),
        }
    }

    pub(super) fn with_secret(key: &AccessKey, user_name: &str) -> Self {
        Self { secret_access_key: Some(ShownSecret::from(&key.secret)), ..Self::brief(key, user_name) }
    }
}

/// `v3`.
pub(super) fn version_id(number: u32) -> String {
    format!("v{number}")
}

/// A policy document as IAM's answers carry it: URL-encoded by RFC 3986.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

fn boundary(arn: Option<&Arn>) -> Option<BoundaryShape> {
    arn.map(|arn| BoundaryShape { permissions_boundary_type: "Policy", permissions_boundary_arn: arn.to_string() })
}

fn some_tags(tags: &Tags) -> Option<Vec<Tag>> {
    (!tags.is_empty()).then(|| tag_list(tags))
}

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
