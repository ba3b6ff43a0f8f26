use keywright_model::ResourceKind;

use super::{Attribute, Compare, DefaultValue, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::KmsGrant,
    version: 0,
    private: None,
    identity: &[],
    attributes: &[
        Attribute::optional("constraints").force_new().compare(Compare::Blocks(CONSTRAINTS)),
        Attribute::optional("grant_creation_tokens").force_new().compare(Compare::Set).unread(),
        Attribute::computed("grant_id"),
        Attribute::computed("grant_token").sensitive(),
        Attribute::required("grantee_principal").force_new(),
        Attribute::computed("id"),
        Attribute::required("key_id").force_new().compare(Compare::KeyReference),
        Attribute::optional("name").force_new(),
        Attribute::required("operations").force_new().compare(Compare::Set),
        Attribute::optional_computed("region").force_new(),
        Attribute::optional("retire_on_delete").force_new().default(DefaultValue::Bool(false)).unread(),
        Attribute::optional("retiring_principal").force_new(),
    ],
};

const CONSTRAINTS: &[Attribute] =
    &[Attribute::optional("encryption_context_equals"), Attribute::optional("encryption_context_subset")];
