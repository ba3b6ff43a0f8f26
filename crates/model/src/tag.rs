use indexmap::IndexMap;

use crate::ParseError;

/// Tags in the order in which they were given. Keys are unique.
pub type Tags = IndexMap<String, String>;

/// Checks a tag key: 1 to 128 characters, not `aws:…`, of AWS's tag alphabet.
///
/// Source: <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>.
///
/// # Errors
/// When the key breaks one of these rules; the error says which.
pub fn check_tag_key(key: &str) -> Result<(), ParseError> {
    let length = key.chars().count();
    if !(1..=MAX_KEY_LENGTH).contains(&length) {
        return Err(ParseError::new(
            key,
            "a tag key",
            format!("it has {length} characters; AWS takes 1 to {MAX_KEY_LENGTH}"),
        ));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(ParseError::new(key, "a tag key", "keys that begin with `aws:` are reserved"));
    }
    check_alphabet(key, "a tag key")
}

/// Checks a tag value: up to 256 characters of AWS's tag alphabet.
///
/// # Errors
/// When the value is longer or holds another character.
pub fn check_tag_value(value: &str) -> Result<(), ParseError> {
    let length = value.chars().count();
    if length > MAX_VALUE_LENGTH {
        return Err(ParseError::new(
            value,
            "a tag value",
            format!("it has {length} characters; AWS takes up to {MAX_VALUE_LENGTH}"),
        ));
    }
    check_alphabet(value, "a tag value")
}

fn check_alphabet(text: &str, what: &'static str) -> Result<(), ParseError> {
    match text.chars().find(|&character| !is_tag_character(character)) {
        Some(character) => Err(ParseError::new(
            text,
            what,
            format!(
                "the character {character:?} is not allowed; AWS takes letters, digits, spaces and `_ . : / = + - @`"
            ),
        )),
        None => Ok(()),
    }
}

fn is_tag_character(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "_.:/=+-@".contains(character)
}

const MAX_KEY_LENGTH: usize = 128;
const MAX_VALUE_LENGTH: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_limits_of_aws() {
        assert!(check_tag_key("Cost Center/1").is_ok());
        assert!(check_tag_key("").is_err());
        assert!(check_tag_key(&"k".repeat(129)).is_err());
        assert!(check_tag_key("AWS:x").is_err());
        assert!(check_tag_key("a#b").is_err());
        assert!(check_tag_value("").is_ok());
        assert!(check_tag_value(&"v".repeat(257)).is_err());
        assert!(check_tag_value("tab\there").is_err());
    }
}
