/// A text that is not a valid value of the type it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}: {reason}")]
pub struct ParseError {
    /// The text as it was given.
    pub text: String,
    /// What was wanted, with its article: `an AWS account ID`.
    pub expected: &'static str,
    /// What is wrong with the text.
    pub reason: String,
}

impl ParseError {
    pub(crate) fn new(text: &str, expected: &'static str, reason: impl Into<String>) -> Self {
        Self { text: text.to_owned(), expected, reason: reason.into() }
    }
}

/// Implements the conversions that every newtype over a checked string has: display, `AsRef`,
/// `FromStr`, `TryFrom<String>` and, through serde, the string itself.
macro_rules! checked_string {
    ($name:ident) => {
        impl $name {
            /// The value as AWS writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::ParseError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
        impl TryFrom<String> for $name {
            type Error = $crate::ParseError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0.to_string()
            }
        }
    };
}
pub(crate) use checked_string;
