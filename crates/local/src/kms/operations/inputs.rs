use keywright_model::{Tags, check_tag_key, check_tag_value};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};

use super::super::error::KmsError;

/// An input that names nothing but a key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyInput {
    pub(super) key_id: String,
}

/// An input that asks for a page of what a key has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyPageInput {
    pub(super) key_id: String,
    pub(super) limit: Option<i64>,
    pub(super) marker: Option<String>,
}

/// `Tag` of the API.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) tag_key: String,
    pub(super) tag_value: String,
}

/// Checks the tags of a request.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_TagResource.html>.
///
/// # Errors
/// `TagException`.
pub(super) fn checked_tags(given: &[Tag]) -> Result<Tags, KmsError> {
    let mut tags = Tags::new();
    for Tag { tag_key, tag_value } in given {
        check_tag_key(tag_key)
            .and_then(|()| check_tag_value(tag_value))
            .map_err(|error| KmsError::Tag { message: error.to_string() })?;
        if tags.insert(tag_key.clone(), tag_value.clone()).is_some() {
            return Err(KmsError::Tag { message: format!("Duplicate tag key: {tag_key}") });
        }
    }
    refuse_too_many(&tags)?;
    Ok(tags)
}

/// One of the values of an enum of the API.
///
/// # Errors
/// `ValidationException`: a value that is none of them is not a mistake of the protocol.
pub(super) fn checked_value<T: DeserializeOwned>(member: &str, text: &str) -> Result<T, KmsError> {
    let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|_| KmsError::constraint(member, text, "Member must satisfy enum value set"))
}

/// # Errors
/// `LimitExceededException`.
pub(super) fn refuse_too_many(tags: &Tags) -> Result<(), KmsError> {
    match tags.len() > MAX_TAGS {
        true => Err(KmsError::LimitExceeded { message: format!("A key can have up to {MAX_TAGS} tags.") }),
        false => Ok(()),
    }
}

/// # Errors
/// `ValidationException`.
pub(super) fn check_description(description: &str) -> Result<(), KmsError> {
    match description.chars().count() > MAX_DESCRIPTION {
        true => Err(KmsError::validation(format!(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length \
             less than or equal to {MAX_DESCRIPTION}"
        ))),
        false => Ok(()),
    }
}

pub(super) fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { tag_key: key.clone(), tag_value: value.clone() }).collect()
}

const MAX_TAGS: usize = 50;
const MAX_DESCRIPTION: usize = 8192;
