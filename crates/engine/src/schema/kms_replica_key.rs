use keywright_model::ResourceKind;

use super::{Attribute, Compare, DefaultValue, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::KmsReplicaKey,
    version: 0,
    private: None,
    identity: &[],
    attributes: &[
        Attribute::computed("arn"),
        Attribute::optional("bypass_policy_lockout_safety_check").default(DefaultValue::Bool(false)).unread(),
        Attribute::optional("deletion_window_in_days").default(DefaultValue::Integer(30)).unread(),
        Attribute::optional("description"),
        Attribute::optional("enabled").default(DefaultValue::Bool(true)),
        Attribute::computed("id"),
        Attribute::computed("key_id"),
        Attribute::computed("key_rotation_enabled").volatile(),
        Attribute::computed("key_spec"),
        Attribute::computed("key_usage"),
        Attribute::optional_computed("policy").compare(Compare::Policy),
        Attribute::required("primary_key_arn").force_new(),
        Attribute::optional_computed("region").force_new(),
        Attribute::optional("tags"),
        Attribute::optional_computed("tags_all"),
    ],
};
