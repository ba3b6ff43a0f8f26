use keywright_model::ResourceKind;

use super::{Attribute, Compare, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::KmsAlias,
    version: 0,
    private: None,
    identity: &["name", "region"],
    attributes: &[
        Attribute::computed("arn"),
        Attribute::computed("id"),
        Attribute::optional_computed("name").force_new(),
        Attribute::optional_computed("name_prefix").force_new(),
        Attribute::optional_computed("region").force_new(),
        Attribute::computed("target_key_arn"),
        Attribute::required("target_key_id").compare(Compare::KeyReference),
    ],
};
