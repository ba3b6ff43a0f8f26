use keywright_model::ResourceKind;

use super::{Attribute, Compare, DefaultValue, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::KmsKeyPolicy,
    version: 0,
    private: None,
    identity: &[],
    attributes: &[
        Attribute::optional("bypass_policy_lockout_safety_check").default(DefaultValue::Bool(false)).unread(),
        Attribute::computed("id"),
        Attribute::required("key_id").force_new().compare(Compare::KeyReference),
        Attribute::required("policy").compare(Compare::Policy),
        Attribute::optional_computed("region").force_new(),
    ],
};
