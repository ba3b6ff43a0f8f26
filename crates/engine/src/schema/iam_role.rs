use keywright_model::ResourceKind;

use super::{Attribute, Compare, DefaultValue, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::IamRole,
    version: 0,
    private: None,
    identity: &["name"],
    attributes: &[
        Attribute::computed("arn"),
        Attribute::required("assume_role_policy").compare(Compare::Policy),
        Attribute::computed("create_date"),
        Attribute::optional("description"),
        Attribute::optional("force_detach_policies").default(DefaultValue::Bool(false)).unread(),
        Attribute::computed("id"),
        Attribute::optional_computed("inline_policy").compare(Compare::Set),
        Attribute::optional_computed("managed_policy_arns").compare(Compare::Set).volatile(),
        Attribute::optional("max_session_duration").default(DefaultValue::Integer(3600)),
        Attribute::optional_computed("name").force_new(),
        Attribute::optional_computed("name_prefix").force_new(),
        Attribute::optional("path").force_new().default(DefaultValue::Text("/")),
        Attribute::optional("permissions_boundary"),
        Attribute::optional("tags"),
        Attribute::optional_computed("tags_all"),
        Attribute::computed("unique_id"),
    ],
};
