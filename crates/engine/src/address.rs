//! Addresses as texts, where they are read back: from states, journals and saved plans.

use keywright_model::{Address, Index, ModuleName, ResourceKind};
use serde::{Deserialize, Deserializer};

/// A resource instance, or one that was replaced and is still to go (Terraform calls it deposed).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, Deserialize)]
pub(crate) struct InstanceKey {
    #[serde(deserialize_with = "deserialize")]
    pub(crate) address: Address,
    pub(crate) deposed: Option<String>,
}

impl InstanceKey {
    pub(crate) fn current(address: &Address) -> Self {
        Self { address: address.clone(), deposed: None }
    }
}

impl std::fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.deposed {
            Some(deposed) => write!(f, "{} (deposed {deposed})", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// Reads `module.kms.aws_kms_alias.alias["alias/a"]`. None if it is no address of a kind that we know.
pub(crate) fn parse(text: &str) -> Option<Address> {
    let (module, rest) = match text.strip_prefix("module.") {
        Some(rest) => {
            let (name, rest) = rest.split_once('.')?;
            (Some(ModuleName::parse(name).ok()?), rest)
        }
        None => (None, text),
    };
    let (kind, rest) = rest.split_once('.')?;
    let (name, index) = match rest.split_once('[') {
        Some((name, index)) => (name, Some(parse_index(index.strip_suffix(']')?)?)),
        None => (rest, None),
    };
    Some(Address { module, kind: ResourceKind::from_type_name(kind)?, name: name.to_owned(), index })
}

fn parse_index(text: &str) -> Option<Index> {
    match text.strip_prefix('"') {
        Some(quoted) => Some(Index::Each(unescape(quoted.strip_suffix('"')?))),
        None => text.parse().ok().map(Index::Count),
    }
}

fn unescape(text: &str) -> String {
    let mut unescaped = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => unescaped.extend(characters.next()),
            other => unescaped.push(other),
        }
    }
    unescaped
}

/// For `#[serde(deserialize_with)]`: an address from its text.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not the address of a resource")))
}

/// For `#[serde(deserialize_with)]`: addresses from their texts.
pub(crate) fn deserialize_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not the address of a resource")))
    };
    texts.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "aws_kms_key.general_encryption_key",
            "module.kms.aws_kms_replica_key.replica_key[0]",
            r#"module.kms.aws_kms_alias.alias["alias/a.b[c]\"d\\"]"#,
        ] {
            assert_eq!(parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn strange_addresses_are_not_ours() {
        for text in ["", "module.a.module.b.aws_kms_key.k", "aws_s3_bucket.b", "data.aws_kms_key.k", "aws_kms_key.k[x]"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
