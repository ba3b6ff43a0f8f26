use keywright_model::ResourceKind;

use super::{Attribute, Schema};

pub(super) const SCHEMA: Schema = Schema {
    kind: ResourceKind::IamRolePolicyAttachment,
    version: 0,
    private: None,
    identity: &["role", "policy_arn"],
    attributes: &[
        Attribute::computed("id"),
        Attribute::required("policy_arn").force_new(),
        Attribute::required("role").force_new(),
    ],
};
