use std::collections::BTreeMap;

use keywright_policy::{ContextConstraint, Grant, Grantee};
use serde_json::{Map, Value};

/// A grant on the key.
#[derive(Debug, Clone)]
pub(crate) struct GrantOnKey {
    /// Its ID; before it exists, its address.
    pub(crate) id: String,
    /// Its name, if it has one.
    pub(crate) name: Option<String>,
    /// Who may use the key: an ARN, or a service principal.
    pub(crate) grantee: String,
    /// Who may retire it.
    pub(crate) retiring: Option<String>,
    /// The operations, as KMS names them.
    pub(crate) operations: Vec<String>,
    /// What the encryption context must be.
    pub(crate) constraint: Constraint,
    /// The only `aws:SourceArn` that a service may use it for.
    pub(crate) source_arn: Option<String>,
}

/// What the encryption context must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Constraint {
    /// Anything.
    Any,
    /// Exactly these pairs.
    Equals(BTreeMap<String, String>),
    /// At least these pairs.
    Subset(BTreeMap<String, String>),
}

impl GrantOnKey {
    /// The grant that the attributes of an `aws_kms_grant` describe, by the names of the `hashicorp/aws` provider. None
    /// where it cannot be told to whom it is, for what, or under which constraints.
    pub(crate) fn of_attributes(id: &str, attributes: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            id: text("grant_id").unwrap_or_else(|| id.to_owned()),
            name: text("name"),
            grantee: text("grantee_principal")?,
            retiring: text("retiring_principal"),
            operations: texts(attributes.get("operations")?)?,
            constraint: constraint(attributes.get("constraints"))?,
            source_arn: text("source_arn"),
        })
    }

    /// The same, as the evaluator takes it.
    pub(crate) fn grant(&self) -> Grant<'_> {
        Grant {
            id: &self.id,
            grantee: grantee(&self.grantee),
            retiring: self.retiring.as_deref().map(grantee),
            operations: &self.operations,
            encryption_context: match &self.constraint {
                Constraint::Any => ContextConstraint::Any,
                Constraint::Equals(pairs) => ContextConstraint::Equals(pairs),
                Constraint::Subset(pairs) => ContextConstraint::Subset(pairs),
            },
            source_arn: self.source_arn.as_deref(),
        }
    }
}

fn grantee(name: &str) -> Grantee<'_> {
    if name.starts_with("arn:") { Grantee::Arn(name) } else { Grantee::Service(name) }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|it| it.as_str().map(str::to_owned)).collect()
}

/// The provider keeps constraints as a set of at most one block; AWS takes one of the two maps. None where a value is not
/// known: without it the grant would give more.
fn constraint(value: Option<&Value>) -> Option<Constraint> {
    let blocks = value.and_then(Value::as_array);
    let pairs = |name: &str| -> Option<BTreeMap<String, String>> {
        let maps = blocks.into_iter().flatten().filter_map(|block| block.get(name)?.as_object());
        maps.flatten().map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    };
    let (equals, subset) = (pairs("encryption_context_equals")?, pairs("encryption_context_subset")?);
    Some(match (equals.is_empty(), subset.is_empty()) {
        (false, _) => Constraint::Equals(equals),
        (true, false) => Constraint::Subset(subset),
        (true, true) => Constraint::Any,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(attributes: &Value) -> Option<GrantOnKey> {
        GrantOnKey::of_attributes("aws_kms_grant.g", attributes.as_object().expect("an object"))
    }

    #[test]
    fn a_grant_is_read_from_the_attributes_that_terraform_knows_it_by() {
        let grant = read(&json!({
            "grantee_principal": "arn:aws:iam::111122223333:role/r", "operations": ["Decrypt"],
            "constraints": [{"encryption_context_equals": {"a": "b"}}],
        }))
        .expect("a grant");
        assert_eq!(grant.id, "aws_kms_grant.g");
        assert_eq!(grant.constraint, Constraint::Equals(BTreeMap::from([("a".into(), "b".into())])));
    }

    #[test]
    fn a_grant_to_nobody_that_is_known_is_none() {
        assert!(read(&json!({"operations": ["Decrypt"]})).is_none());
        assert!(read(&json!({"grantee_principal": "arn:aws:iam::111122223333:role/r"})).is_none());
        let constraints = json!([{"encryption_context_equals": {"a": null}}]);
        let grantee = "arn:aws:iam::111122223333:role/r";
        let open = json!({"grantee_principal": grantee, "operations": ["Decrypt"], "constraints": constraints});
        assert!(read(&open).is_none(), "a constraint that is not known is not none");
    }
}
