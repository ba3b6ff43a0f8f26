//! The pure half of each resource kind: its attributes, as the `hashicorp/aws` provider (6.x) declares them.
//!
//! One file a kind. To add a kind: a file with its `SCHEMA`, and a line in [`schema`].

mod attribute;
mod compare;
mod iam_policy;
mod iam_role;
mod iam_role_policy_attachment;
mod kms_alias;
mod kms_grant;
mod kms_key;
mod kms_key_policy;
mod kms_replica_key;
mod log_metric_filter;
mod metric_alarm;

use keywright_model::ResourceKind;

pub use attribute::{Attribute, Compare, DefaultValue, Presence};
pub(crate) use compare::same_policy;

use crate::provider::Attributes;

/// What a kind of resource consists of.
#[derive(Debug)]
pub struct Schema {
    /// The kind.
    pub kind: ResourceKind,
    /// The version that stands beside the attributes in a state.
    pub version: u64,
    /// The attributes, by name.
    pub attributes: &'static [Attribute],
    /// What the provider keeps in a state for itself, in base64.
    pub private: Option<&'static str>,
    /// The attributes that tell two resources of the kind apart in AWS. None: AWS gives each an ID of its own.
    pub identity: &'static [&'static str],
}

/// The schema of a kind.
pub fn schema(kind: ResourceKind) -> &'static Schema {
    match kind {
        ResourceKind::IamPolicy => &iam_policy::SCHEMA,
        ResourceKind::IamRole => &iam_role::SCHEMA,
        ResourceKind::IamRolePolicyAttachment => &iam_role_policy_attachment::SCHEMA,
        ResourceKind::KmsAlias => &kms_alias::SCHEMA,
        ResourceKind::KmsGrant => &kms_grant::SCHEMA,
        ResourceKind::KmsKey => &kms_key::SCHEMA,
        ResourceKind::KmsKeyPolicy => &kms_key_policy::SCHEMA,
        ResourceKind::KmsReplicaKey => &kms_replica_key::SCHEMA,
        ResourceKind::LogMetricFilter => &log_metric_filter::SCHEMA,
        ResourceKind::MetricAlarm => &metric_alarm::SCHEMA,
    }
}

impl Schema {
    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Whether the kind carries tags, and so the one that marks a creation.
    pub(crate) fn carries_tags(&self) -> bool {
        self.attribute("tags").is_some()
    }

    /// Exactly the attributes of the schema, in its order: what is missing is null, what is strange is left out.
    pub fn complete(&self, mut attributes: Attributes) -> Attributes {
        let complete = |attribute: &Attribute| {
            let value = attributes.remove(attribute.name).unwrap_or_default();
            (attribute.name.to_owned(), if attribute.is_secret() { serde_json::Value::Null } else { value })
        };
        self.attributes.iter().map(complete).collect()
    }

    /// The paths of the attributes that must not be shown, as a state lists them.
    pub fn sensitive_paths(&self) -> Vec<serde_json::Value> {
        let sensitive = self.attributes.iter().filter(|attribute| attribute.sensitive);
        sensitive.map(|attribute| serde_json::json!([{"type": "get_attr", "value": attribute.name}])).collect()
    }

    /// What was read, over what was known: a policy of the same meaning keeps its text, and what AWS does not tell
    /// keeps its value.
    pub fn merge(&self, known: &Attributes, read: Attributes) -> Attributes {
        let mut merged = self.complete(read);
        for attribute in self.attributes {
            let (Some(old), Some(new)) = (known.get(attribute.name), merged.get_mut(attribute.name)) else { continue };
            if attribute.unread || attribute.equal(old, new) {
                new.clone_from(old);
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_has_its_schema_with_unique_names() {
        for kind in ResourceKind::ALL {
            let schema = schema(*kind);
            assert_eq!(schema.kind, *kind);
            let names: BTreeSet<_> = schema.attributes.iter().map(|attribute| attribute.name).collect();
            assert_eq!(names.len(), schema.attributes.len(), "{kind}");
            assert_eq!(schema.attribute("region").is_some(), kind.is_regional(), "{kind}");
            assert!(schema.attribute("id").is_some(), "{kind}");
            for identity in schema.identity {
                assert!(names.contains(identity), "{kind}.{identity}");
            }
        }
    }

    #[test]
    fn a_grant_token_never_gets_through() {
        let grant = schema(ResourceKind::KmsGrant);
        let read = json!({"grant_token": "hush", "grant_id": "g"}).as_object().cloned().unwrap_or_default();
        assert_eq!(grant.complete(read.clone()).get("grant_token"), Some(&json!(null)));
        assert_eq!(grant.merge(&read.clone(), read).get("grant_token"), Some(&json!(null)));
        assert_eq!(grant.sensitive_paths(), [json!([{"type": "get_attr", "value": "grant_token"}])]);
    }

    #[test]
    fn what_aws_does_not_tell_is_kept() {
        let key = schema(ResourceKind::KmsKey);
        let object = |value: serde_json::Value| value.as_object().cloned().unwrap_or_default();
        let merged = key.merge(
            &object(json!({"deletion_window_in_days": 30, "tags": null, "is_enabled": true})),
            object(json!({"deletion_window_in_days": null, "tags": {}, "is_enabled": false})),
        );
        assert_eq!(merged.get("deletion_window_in_days"), Some(&json!(30)));
        assert_eq!(merged.get("tags"), Some(&json!(null)), "empty and absent are one, and the text stays");
        assert_eq!(merged.get("is_enabled"), Some(&json!(false)));
    }
}
