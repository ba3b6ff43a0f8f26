use crate::parse::{ParseError, checked_string};

/// The ID of a KMS key: a UUID, or `mrk-` and 32 hexadecimal digits for a multi-Region key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(Box<str>);

impl KeyId {
    /// Reads a key ID.
    ///
    /// # Errors
    /// When the text has neither of the two shapes.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if is_multi_region(text) || is_uuid(text) {
            return Ok(Self(text.into()));
        }
        Err(ParseError::new(text, "a KMS key ID", "it must be a UUID, or `mrk-` and 32 hexadecimal digits"))
    }

    /// Whether this is the ID of a multi-Region key, which is the same in every Region.
    pub fn is_multi_region(&self) -> bool {
        is_multi_region(&self.0)
    }
}

checked_string!(KeyId);

fn is_multi_region(text: &str) -> bool {
    text.strip_prefix("mrk-").is_some_and(|digits| digits.len() == 32 && digits.bytes().all(is_lower_hex))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_lower_hex(byte),
        })
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// The name of a KMS alias with its `alias/` prefix, 1 to 256 characters of `[a-zA-Z0-9/_-]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AliasName(Box<str>);

/// Aliases under this prefix belong to AWS managed keys.
pub const RESERVED_ALIAS_PREFIX: &str = "alias/aws/";

impl AliasName {
    /// Reads an alias name. Names under `alias/aws/` are read: who makes aliases refuses them.
    ///
    /// # Errors
    /// When the prefix is missing, nothing follows it, or a character is not allowed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = |reason: &str| ParseError::new(text, "a KMS alias name", reason);
        let Some(name) = text.strip_prefix("alias/") else {
            return Err(wrong("it must begin with `alias/`"));
        };
        if name.is_empty() || text.len() > 256 {
            return Err(wrong("it must have 1 to 250 characters after `alias/`"));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte)) {
            return Err(wrong("only letters, digits, `/`, `_` and `-` are allowed"));
        }
        Ok(Self(text.into()))
    }

    /// Whether the alias belongs to an AWS managed key.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with(RESERVED_ALIAS_PREFIX)
    }
}

checked_string!(AliasName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_shapes_of_key_ids() {
        let multi = KeyId::parse("mrk-1234abcd12ab34cd56ef1234567890ab").expect("a multi-Region key ID");
        assert!(multi.is_multi_region());
        let single = KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").expect("a key ID");
        assert!(!single.is_multi_region());
        for wrong in ["", "mrk-1234", "1234abcd-12ab-34cd-56ef-1234567890aZ", "alias/x"] {
            assert!(KeyId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keeps_the_rules_of_alias_names() {
        assert!(AliasName::parse("alias/app/prod_1").is_ok());
        assert!(AliasName::parse("alias/aws/s3").expect("readable").is_reserved());
        for wrong in ["app", "alias/", "alias/a b", "alias/ä"] {
            assert!(AliasName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
