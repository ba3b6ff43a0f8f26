//! What an import's ID tells of a resource: as much as reading it takes.
//!
//! Source of the IDs: the pages of the resources, <https://registry.terraform.io/providers/hashicorp/aws/latest/docs>, "Import".

use keywright_engine::schema;
use keywright_model::{Region, ResourceKind};

use crate::trouble::Trouble;
use crate::value::{Fields, Value};

/// The attributes that the ID tells. A resource of another Region has `@REGION` at its end.
pub(crate) fn known(kind: ResourceKind, id: &str) -> Result<Fields, Trouble> {
    let (id, region) = match id.rsplit_once('@') {
        Some((id, region)) if kind.is_regional() => (id, Some(region)),
        _ => (id, None),
    };
    if let Some(error) = region.and_then(|region| Region::parse(region).err()) {
        return Err(Trouble::new(format!("`{id}` is in no Region"), error.to_string()));
    }
    let parts = parts(kind, id).ok_or_else(|| malformed(kind, id))?;
    let told = parts.into_iter().chain(region.map(|region| ("region", region))).chain([("id", id)]);
    let told = told.map(|(name, value)| (name.to_owned(), Value::Text(value.to_owned())));
    Ok(defaults(kind).chain(told).collect())
}

/// What AWS does not tell, and is what it is where nobody has set it.
fn defaults(kind: ResourceKind) -> impl Iterator<Item = (String, Value)> {
    let unread = schema(kind).attributes.iter().filter(|attribute| attribute.unread);
    unread.filter_map(|attribute| Some((attribute.name.to_owned(), attribute.absent()?.into())))
}

fn parts(kind: ResourceKind, id: &str) -> Option<Vec<(&'static str, &str)>> {
    use ResourceKind as Kind;
    Some(match kind {
        Kind::KmsKey | Kind::KmsReplicaKey | Kind::KmsKeyPolicy => vec![("key_id", id)],
        Kind::KmsAlias => vec![("name", id)],
        Kind::KmsGrant => two(id.rsplit_once(':')?, "key_id", "grant_id")?,
        Kind::IamRole => vec![("name", id)],
        Kind::IamPolicy => vec![("arn", id)],
        Kind::IamRolePolicyAttachment => two(id.split_once('/')?, "role", "policy_arn")?,
        Kind::MetricAlarm => vec![("alarm_name", id)],
        Kind::LogMetricFilter => two(id.rsplit_once(':')?, "log_group_name", "name")?,
    })
}

fn two<'a>(
    (left, right): (&'a str, &'a str),
    first: &'static str,
    second: &'static str,
) -> Option<Vec<(&'static str, &'a str)>> {
    (!left.is_empty() && !right.is_empty()).then(|| vec![(first, left), (second, right)])
}

fn malformed(kind: ResourceKind, id: &str) -> Trouble {
    let form = match kind {
        ResourceKind::KmsGrant => "KEY-ID:GRANT-ID",
        ResourceKind::IamRolePolicyAttachment => "ROLE/POLICY-ARN",
        _ => "LOG-GROUP:NAME",
    };
    Trouble::new(format!("`{id}` names no {kind}"), format!("its ID has the form {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_what_is_needed_to_read() {
        let cases = [
            (
                ResourceKind::KmsKey,
                "mrk-1@us-east-1",
                &[("key_id", "mrk-1"), ("region", "us-east-1"), ("id", "mrk-1")][..],
            ),
            (ResourceKind::KmsGrant, "mrk-1:abc", &[("key_id", "mrk-1"), ("grant_id", "abc"), ("id", "mrk-1:abc")]),
            (ResourceKind::IamRole, "a@b", &[("name", "a@b"), ("id", "a@b")]),
            (
                ResourceKind::IamRolePolicyAttachment,
                "r/arn:aws:iam::1:policy/p/q",
                &[("role", "r"), ("policy_arn", "arn:aws:iam::1:policy/p/q"), ("id", "r/arn:aws:iam::1:policy/p/q")],
            ),
            (ResourceKind::LogMetricFilter, "/a/b:f", &[("log_group_name", "/a/b"), ("name", "f"), ("id", "/a/b:f")]),
        ];
        for (kind, id, expected) in cases {
            let expected: Fields =
                expected.iter().map(|(name, value)| ((*name).to_owned(), Value::Text((*value).to_owned()))).collect();
            let mut known = known(kind, id).unwrap();
            assert!(defaults(kind).all(|(name, value)| known.remove(&name) == Some(value)));
            assert_eq!(known, expected, "{id}");
        }
    }

    #[test]
    fn an_id_of_another_form_is_refused() {
        for (kind, id) in [
            (ResourceKind::KmsGrant, "mrk-1"),
            (ResourceKind::KmsGrant, ":abc"),
            (ResourceKind::IamRolePolicyAttachment, "role"),
            (ResourceKind::LogMetricFilter, "/group:"),
            (ResourceKind::KmsKey, "mrk-1@mars"),
        ] {
            assert!(known(kind, id).is_err(), "{id}");
        }
    }
}
