//! The words that resources are put together from.

use indexmap::IndexMap;
use keywright_model::{Address, Index, ModuleName, ResourceKind, Tags};
use keywright_policy::Document;

use crate::desired::DesiredResource;
use crate::inputs::{Inputs, Module};
use crate::value::{Part, Reference, Template, Value};

use super::names::Names;

/// What composing looks at.
pub(crate) struct Composition<'a> {
    pub(crate) module: &'a ModuleName,
    pub(crate) inputs: &'a Inputs,
    pub(crate) names: Names<'a>,
}

impl<'a> Composition<'a> {
    pub(crate) fn new(module: &'a Module) -> Self {
        Self { module: &module.name, inputs: &module.inputs, names: Names::new(&module.inputs) }
    }

    /// The address of a resource that there is one of.
    pub(crate) fn single(&self, kind: ResourceKind, name: &str) -> Address {
        Address { module: Some(self.module.clone()), kind, name: name.to_owned(), index: None }
    }

    /// The address of a resource that there is none or one of.
    pub(crate) fn optional(&self, kind: ResourceKind, name: &str) -> Address {
        Address { index: Some(Index::Count(0)), ..self.single(kind, name) }
    }

    /// The address of one of several resources.
    pub(crate) fn each(&self, kind: ResourceKind, name: &str, key: &str) -> Address {
        Address { index: Some(Index::Each(key.to_owned())), ..self.single(kind, name) }
    }

    pub(crate) fn key(&self) -> Address {
        self.single(ResourceKind::KmsKey, "general_encryption_key")
    }

    pub(crate) fn replica(&self) -> Address {
        self.optional(ResourceKind::KmsReplicaKey, "replica_key")
    }

    pub(crate) fn admin_role(&self) -> Address {
        self.optional(ResourceKind::IamRole, "kms_admin_role")
    }

    pub(crate) fn replication_role(&self) -> Address {
        self.optional(ResourceKind::IamRole, "s3_replication_role")
    }

    /// The admin role, where it is made: key policies name it, so that it must exist before them.
    pub(crate) fn named_in_policies(&self) -> Vec<Address> {
        self.inputs.admin_role.iter().map(|_| self.admin_role()).collect()
    }

    pub(crate) fn tags(&self) -> Value {
        tags(&self.inputs.tags)
    }

    pub(crate) fn tags_and_name(&self, name: String) -> Value {
        let mut tags = self.inputs.tags.clone();
        tags.insert("Name".to_owned(), name);
        self::tags(&tags)
    }

    pub(crate) fn region(&self) -> Value {
        self.inputs.region.as_str().into()
    }
}

/// A resource with these arguments.
pub(crate) fn resource<const N: usize>(address: Address, arguments: [(&'static str, Value); N]) -> DesiredResource {
    DesiredResource { address, arguments: IndexMap::from(arguments), interim_policy: None, depends_on: Vec::new() }
}

pub(crate) fn reference(address: Address, attribute: &'static str) -> Reference {
    Reference { address, attribute }
}

pub(crate) fn refer(address: Address, attribute: &'static str) -> Value {
    reference(address, attribute).into()
}

pub(crate) fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::List(values.into_iter().collect())
}

pub(crate) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Value {
    list(texts.into_iter().map(Value::from))
}

pub(crate) fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(crate) fn tags(tags: &Tags) -> Value {
    Value::Map(tags.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect())
}

pub(crate) fn policy(document: &Document) -> Value {
    document.to_json().into()
}

/// A text that holds `${0}`, `${1}`, … for references.
pub(crate) fn template(text: &str, references: &[Reference]) -> Template {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, at, after)) = first_reference(rest, references.len()) {
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        parts.extend(references.get(at).cloned().map(Part::Reference));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Template(parts)
}

/// The place holder of a reference in a text.
pub(crate) fn placeholder(at: usize) -> String {
    format!("${{{at}}}")
}

fn first_reference(text: &str, count: usize) -> Option<(&str, usize, &str)> {
    let found = (0..count).filter_map(|at| text.find(&placeholder(at)).map(|start| (start, at)));
    let (start, at) = found.min()?;
    Some((text.get(..start)?, at, text.get(start + placeholder(at).len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_hold_references_where_their_places_are() {
        let address = Address { module: None, kind: ResourceKind::KmsKey, name: "k".to_owned(), index: None };
        let arn = reference(address.clone(), "arn");
        let id = reference(address, "key_id");
        let literal = |text: &str| Part::Literal(text.to_owned());
        let made = template("a ${1}${0} b ${0}", &[arn.clone(), id.clone()]);
        assert_eq!(
            made.0,
            [literal("a "), Part::Reference(id), Part::Reference(arn.clone()), literal(" b "), Part::Reference(arn)]
        );
        assert_eq!(template("${2}", &[]).0, [literal("${2}")]);
    }
}
