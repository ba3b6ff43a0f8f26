use keywright_model::ResourceKind;

use super::{Attribute, Compare, DefaultValue, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::KmsKey,
    version: 0,
    private: None,
    identity: &[],
    attributes: &[
        Attribute::computed("arn"),
        Attribute::optional("bypass_policy_lockout_safety_check").default(DefaultValue::Bool(false)).unread(),
        Attribute::optional("custom_key_store_id").force_new(),
        Attribute::optional("customer_master_key_spec").force_new().default(DefaultValue::Text("SYMMETRIC_DEFAULT")),
        Attribute::optional("deletion_window_in_days").unread(),
        Attribute::optional_computed("description"),
        Attribute::optional("enable_key_rotation").default(DefaultValue::Bool(false)),
        Attribute::computed("id"),
        Attribute::optional("is_enabled").default(DefaultValue::Bool(true)),
        Attribute::computed("key_id"),
        Attribute::optional("key_usage").force_new().default(DefaultValue::Text("ENCRYPT_DECRYPT")),
        Attribute::optional_computed("multi_region").force_new(),
        Attribute::optional_computed("policy").compare(Compare::Policy),
        Attribute::optional_computed("region").force_new(),
        Attribute::optional_computed("rotation_period_in_days"),
        Attribute::optional("tags"),
        Attribute::optional_computed("tags_all"),
        Attribute::optional("timeouts").unread(),
        Attribute::optional("xks_key_id").force_new(),
    ],
};
