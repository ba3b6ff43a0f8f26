use crate::parse::{ParseError, checked_string};

/// An AWS account ID: exactly twelve digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(Box<str>);

impl AccountId {
    /// Reads an account ID.
    ///
    /// # Errors
    /// When the text is not twelve ASCII digits.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(text.into()));
        }
        Err(ParseError::new(text, "an AWS account ID", "it must be exactly 12 digits"))
    }
}

checked_string!(AccountId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_twelve_digits_and_nothing_else() {
        assert!(AccountId::parse("012345678901").is_ok());
        for wrong in ["", "12345678901", "1234567890123", "12345678901a", "１２３４５６７８９０１２"] {
            assert!(AccountId::parse(wrong).is_err(), "{wrong}");
        }
    }
}
