//! The rules for names and numbers, from the bounds of the service model.

use super::error::{constraint, unsupported};
use crate::error::AwsError;

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>.
pub(super) fn group_name(name: &str) -> Result<(), AwsError> {
    group_name_in("logGroupName", name)
}

/// A prefix of a log group's name has the same alphabet.
pub(super) fn group_name_in(member: &str, name: &str) -> Result<(), AwsError> {
    length(member, name, 1, 512)?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
    if name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(constraint(member, name, r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"))
}

pub(super) fn filter_name(member: &str, name: &str) -> Result<(), AwsError> {
    length(member, name, 1, 512)?;
    without(member, name, ":*")
}

pub(super) fn stream_name(member: &str, name: &str) -> Result<(), AwsError> {
    length(member, name, 1, 512)?;
    without(member, name, ":*")?;
    if name.chars().any(|character| character.is_whitespace() || character.is_control()) {
        // An ARN with a space in it has no form that policies here could name.
        return Err(unsupported("Log stream names with spaces are"));
    }
    Ok(())
}

/// Refuses names with one of these characters.
pub(super) fn without(member: &str, name: &str, forbidden: &str) -> Result<(), AwsError> {
    if name.contains(|character| forbidden.contains(character)) {
        return Err(constraint(member, name, &format!("satisfy regular expression pattern: [^{forbidden}]*")));
    }
    Ok(())
}

pub(super) fn length(member: &str, value: &str, least: usize, most: usize) -> Result<(), AwsError> {
    let length = value.chars().count();
    if length < least {
        return Err(constraint(member, value, &format!("have length greater than or equal to {least}")));
    }
    if length > most {
        return Err(constraint(member, value, &format!("have length less than or equal to {most}")));
    }
    Ok(())
}

/// How many items to answer with: what is asked for, from one to the most; the most where nothing is asked.
pub(super) fn limit(asked: Option<u32>, most: u32) -> Result<usize, AwsError> {
    match asked {
        Some(0) => Err(constraint("limit", 0, "have value greater than or equal to 1")),
        Some(asked) if asked > most => {
            Err(constraint("limit", asked, &format!("have value less than or equal to {most}")))
        }
        asked => Ok(asked.unwrap_or(most) as usize),
    }
}
