//! What IAM admits as a name, a path, a description, tags and a policy.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html> and the service model.

use keywright_model::{Tags, check_tag_key, check_tag_value};
use keywright_policy::PolicyKind;
use serde::{Deserialize, Serialize};

use super::error::{invalid_input, invalid_value, limit_exceeded, malformed_policy, validation};
use super::state::State;
use crate::error::AwsError;
use crate::policy::StoredPolicy;

/// A tag on the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// Checks the name of a user or role (up to 64 characters) or of a policy (up to 128).
pub(super) fn check_name(member: &str, name: &str, longest: usize) -> Result<(), AwsError> {
    check_length(member, name, longest)?;
    if name.chars().all(is_name_character) {
        return Ok(());
    }
    Err(invalid_value(format!(
        "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
    )))
}

/// Checks a path, which begins and ends with `/`.
pub(super) fn check_path(path: &str) -> Result<(), AwsError> {
    check_length("path", path, LONGEST_PATH)?;
    let is_fine = path.starts_with('/') && path.ends_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_fine && !path.contains("//") {
        return Ok(());
    }
    Err(invalid_value(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
    ))
}

pub(super) fn check_description(description: Option<&String>) -> Result<(), AwsError> {
    let Some(description) = description else { return Ok(()) };
    if description.chars().count() > LONGEST_DESCRIPTION {
        return Err(validation("description", description, "have length less than or equal to 1000"));
    }
    match description.chars().all(is_description_character) {
        true => Ok(()),
        false => Err(validation(
            "description",
            description,
            "satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*",
        )),
    }
}

/// Checks how long a session of a role may be: an hour to twelve.
pub(super) fn check_session_seconds(seconds: u32) -> Result<(), AwsError> {
    let written = seconds.to_string();
    if seconds < 3600 {
        return Err(validation("maxSessionDuration", &written, "have value greater than or equal to 3600"));
    }
    if seconds > 43_200 {
        return Err(validation("maxSessionDuration", &written, "have value less than or equal to 43200"));
    }
    Ok(())
}

/// Merges tags into those that are there. Keys that differ in case only are the same key.
pub(super) fn merge_tags(into: &mut Tags, tags: &[Tag]) -> Result<(), AwsError> {
    if tags.len() > MOST_TAGS {
        return Err(limit_exceeded("TagsPerResource", MOST_TAGS));
    }
    check_tags(tags)?;
    let mut merged = into.clone();
    for tag in tags {
        merged.retain(|known, _| *known == tag.key || !known.eq_ignore_ascii_case(&tag.key));
        merged.insert(tag.key.clone(), tag.value.clone());
    }
    if merged.len() > MOST_TAGS {
        return Err(limit_exceeded("TagsPerResource", MOST_TAGS));
    }
    *into = merged;
    Ok(())
}

pub(super) fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

pub(super) fn tag_pairs(tags: &Tags) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

pub(super) fn wire_tag_pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

/// Takes an identity-based policy of up to so many characters, white space not counted.
pub(super) fn identity_policy(
    text: &str,
    quota: &str,
    longest: usize,
    state: &State,
) -> Result<StoredPolicy, AwsError> {
    take_policy(text, PolicyKind::Identity, quota, longest, state)
}

/// Takes a trust policy, whose principals must exist.
pub(super) fn trust_policy(text: &str, state: &State) -> Result<StoredPolicy, AwsError> {
    take_policy(text, PolicyKind::Trust, "ACLSizePerRole", LONGEST_TRUST_POLICY, state)
}

/// How much of a quota the text takes: white space is not counted.
pub(super) fn policy_size(text: &str) -> usize {
    text.chars().filter(|character| !character.is_whitespace()).count()
}

fn take_policy(
    text: &str,
    kind: PolicyKind,
    quota: &str,
    longest: usize,
    state: &State,
) -> Result<StoredPolicy, AwsError> {
    if policy_size(text) > longest {
        return Err(limit_exceeded(quota, longest));
    }
    StoredPolicy::new(text, kind, state).map_err(|refusal| malformed_policy(&refusal))
}

fn check_tags(tags: &[Tag]) -> Result<(), AwsError> {
    for (at, tag) in tags.iter().enumerate() {
        check_tag_key(&tag.key).map_err(|error| invalid_input(error.to_string()))?;
        check_tag_value(&tag.value).map_err(|error| invalid_input(error.to_string()))?;
        if tags.iter().take(at).any(|other| other.key.eq_ignore_ascii_case(&tag.key)) {
            return Err(invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
        }
    }
    Ok(())
}

fn check_length(member: &str, value: &str, longest: usize) -> Result<(), AwsError> {
    if value.is_empty() {
        return Err(validation(member, value, "have length greater than or equal to 1"));
    }
    if value.chars().count() > longest {
        return Err(validation(member, value, &format!("have length less than or equal to {longest}")));
    }
    Ok(())
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+=,.@_-".contains(character)
}

fn is_description_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}')
}

pub(super) const LONGEST_NAME: usize = 64;
pub(super) const LONGEST_POLICY_NAME: usize = 128;
pub(super) const LONGEST_MANAGED_POLICY: usize = 6144;
const LONGEST_TRUST_POLICY: usize = 2048;
const LONGEST_PATH: usize = 512;
const LONGEST_DESCRIPTION: usize = 1000;
const MOST_TAGS: usize = 50;
