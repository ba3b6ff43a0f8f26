use keywright_model::ResourceKind;

use super::{Attribute, Compare, DefaultValue, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::IamPolicy,
    version: 0,
    private: None,
    identity: &["name"],
    attributes: &[
        Attribute::computed("arn"),
        Attribute::computed("attachment_count").volatile(),
        Attribute::optional("delay_after_policy_creation_in_ms").unread(),
        // AWS cannot change it.
        Attribute::optional("description").force_new().kept(),
        Attribute::computed("id"),
        Attribute::optional_computed("name").force_new(),
        Attribute::optional_computed("name_prefix").force_new(),
        Attribute::optional("path").force_new().default(DefaultValue::Text("/")),
        Attribute::required("policy").compare(Compare::Policy),
        Attribute::computed("policy_id"),
        Attribute::optional("tags"),
        Attribute::optional_computed("tags_all"),
    ],
};
