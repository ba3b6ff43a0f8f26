//! The schemas that are served: `schema/aws.json`, in the form of `terraform providers schema -json`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::protocol as wire;
use crate::value::{Fields, Value};

/// All schemas.
#[derive(Debug, Deserialize)]
pub(crate) struct Schemas {
    pub(crate) provider: Schema,
    #[serde(rename = "resource_schemas")]
    pub(crate) resources: BTreeMap<String, Schema>,
    #[serde(rename = "data_source_schemas")]
    pub(crate) data_sources: BTreeMap<String, Schema>,
}

/// What one resource, data source or the provider's configuration consists of.
#[derive(Debug, Deserialize)]
pub(crate) struct Schema {
    pub(crate) version: i64,
    pub(crate) block: Block,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Block {
    #[serde(default)]
    attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    block_types: BTreeMap<String, NestedBlock>,
}

#[derive(Debug, Deserialize)]
struct Attribute {
    #[serde(rename = "type")]
    kind: serde_json::Value,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    computed: bool,
    #[serde(default)]
    sensitive: bool,
}

#[derive(Debug, Deserialize)]
struct NestedBlock {
    nesting_mode: Nesting,
    block: Block,
    #[serde(default)]
    min_items: i64,
    #[serde(default)]
    max_items: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Nesting {
    Single,
    List,
    Set,
}

impl Schemas {
    /// Reads the schemas that this program carries.
    ///
    /// # Errors
    /// When the file has not the form, which is an error of this program.
    pub(crate) fn load() -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct File {
            provider_schemas: BTreeMap<String, Schemas>,
        }
        let file: File = serde_json::from_str(include_str!("../schema/aws.json"))?;
        let schemas = file.provider_schemas.into_values().next();
        schemas.ok_or_else(|| serde::de::Error::custom("there is no provider in it"))
    }
}

impl Schema {
    /// The schema as the protocol tells it.
    pub(crate) fn to_wire(&self) -> wire::Schema {
        wire::Schema { version: self.version, block: Some(self.block.to_wire()) }
    }
}

impl Block {
    /// Exactly the attributes and blocks of the schema: what is missing is null, or no block; what is strange is left out.
    pub(crate) fn complete(&self, mut fields: Fields) -> Fields {
        let mut whole = Fields::new();
        for name in self.attributes.keys() {
            whole.insert(name.clone(), fields.remove(name).unwrap_or(Value::Null));
        }
        for (name, nested) in &self.block_types {
            whole.insert(name.clone(), nested.complete(fields.remove(name)));
        }
        whole
    }

    fn to_wire(&self) -> wire::schema::Block {
        wire::schema::Block {
            version: 0,
            attributes: self.attributes.iter().map(|(name, attribute)| attribute.to_wire(name)).collect(),
            block_types: self.block_types.iter().map(|(name, nested)| nested.to_wire(name)).collect(),
        }
    }
}

impl Attribute {
    fn to_wire(&self, name: &str) -> wire::schema::Attribute {
        wire::schema::Attribute {
            name: name.to_owned(),
            r#type: self.kind.to_string().into_bytes(),
            required: self.required,
            optional: self.optional,
            computed: self.computed,
            sensitive: self.sensitive,
        }
    }
}

impl NestedBlock {
    fn complete(&self, value: Option<Value>) -> Value {
        let inner = |value: Value| match value {
            Value::Map(fields) => Value::Map(self.block.complete(fields)),
            other => other,
        };
        match (value, self.nesting_mode) {
            (None | Some(Value::Null), Nesting::Single) => Value::Null,
            (None | Some(Value::Null), Nesting::List | Nesting::Set) => Value::List(Vec::new()),
            (Some(Value::List(items)), _) => Value::List(items.into_iter().map(inner).collect()),
            (Some(value), _) => inner(value),
        }
    }

    fn to_wire(&self, name: &str) -> wire::schema::NestedBlock {
        use wire::schema::nested_block::NestingMode;
        let nesting = match self.nesting_mode {
            Nesting::Single => NestingMode::Single,
            Nesting::List => NestingMode::List,
            Nesting::Set => NestingMode::Set,
        };
        wire::schema::NestedBlock {
            type_name: name.to_owned(),
            block: Some(self.block.to_wire()),
            nesting: nesting.into(),
            min_items: self.min_items,
            max_items: self.max_items,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use keywright_engine::{Presence, schema};
    use keywright_model::ResourceKind;

    use super::*;

    #[test]
    fn every_kind_is_served_with_the_attributes_that_the_state_holds() {
        let schemas = Schemas::load().unwrap();
        let served: BTreeSet<&str> = schemas.resources.keys().map(String::as_str).collect();
        assert_eq!(served, ResourceKind::ALL.iter().map(|kind| kind.type_name()).collect());
        for kind in ResourceKind::ALL {
            let block = &schemas.resources[kind.type_name()].block;
            let served: BTreeSet<&str> =
                block.attributes.keys().chain(block.block_types.keys()).map(String::as_str).collect();
            let held = schema(*kind);
            assert_eq!(served, held.attributes.iter().map(|attribute| attribute.name).collect(), "{kind}");
            assert_eq!(schemas.resources[kind.type_name()].version, i64::try_from(held.version).unwrap(), "{kind}");
            for attribute in held.attributes {
                let Some(served) = block.attributes.get(attribute.name) else { continue };
                let presence = match (served.required, served.optional, served.computed) {
                    (true, false, false) => Presence::Required,
                    (false, true, false) => Presence::Optional,
                    (false, true, true) => Presence::OptionalComputed,
                    (false, false, true) => Presence::Computed,
                    other => panic!("{kind}.{}: {other:?}", attribute.name),
                };
                // The real provider lets core put `id` in; nobody may configure it to an end.
                if attribute.name != "id" {
                    assert_eq!(presence, attribute.presence, "{kind}.{}", attribute.name);
                }
                assert_eq!(served.sensitive, attribute.sensitive, "{kind}.{}", attribute.name);
            }
        }
    }

    #[test]
    fn an_object_is_completed_block_by_block() {
        let schemas = Schemas::load().unwrap();
        let grant = &schemas.resources["aws_kms_grant"].block;
        let given =
            serde_json::json!({"name": "n", "strange": 1, "constraints": [{"encryption_context_equals": {"a": "b"}}]});
        let Value::Map(given) = Value::from(given) else { panic!("an object") };
        let whole = grant.complete(given);
        assert!(!whole.contains_key("strange"));
        assert_eq!(whole["grant_id"], Value::Null);
        let constraints = Value::from(serde_json::json!([
            {"encryption_context_equals": {"a": "b"}, "encryption_context_subset": null}
        ]));
        assert_eq!(whole["constraints"], constraints);
        assert_eq!(grant.complete(Fields::new())["constraints"], Value::List(Vec::new()));
    }
}
