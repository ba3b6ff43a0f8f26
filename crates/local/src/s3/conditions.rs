//! What a request makes its success depend on.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::error::{no_such_key, precondition_failed, unsupported};
use super::object::{Content, Object, Version};
use crate::error::AwsError;

/// Conditions of a write. The current version counts; a delete marker counts as no object.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WriteConditions<'a> {
    pub(super) if_match: Option<&'a str>,
    pub(super) if_none_match: Option<&'a str>,
}

/// Conditions of a read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReadConditions<'a> {
    pub(super) if_match: Option<&'a str>,
    pub(super) if_none_match: Option<&'a str>,
    pub(super) if_modified_since: Option<&'a str>,
    pub(super) if_unmodified_since: Option<&'a str>,
}

impl WriteConditions<'_> {
    /// # Errors
    /// When a condition does not hold: 412, or 404 where something that is not there should match.
    pub(super) fn check(&self, key: &str, object: Option<&Object>) -> Result<(), AwsError> {
        let current = object.and_then(Object::current).map(|(_, content)| content);
        match self.if_none_match {
            None => {}
            Some("*") if current.is_none() => {}
            Some("*") => return Err(precondition_failed("If-None-Match")),
            Some(_) => return Err(unsupported("If-None-Match other than * in a write is")),
        }
        match (self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(no_such_key(key)),
            (Some(etags), Some(content)) if matches(etags, content) => Ok(()),
            (Some(_), Some(_)) => Err(precondition_failed("If-Match")),
        }
    }
}

impl ReadConditions<'_> {
    /// A condition on the ETag has more weight than one of the same kind on the time.
    ///
    /// # Errors
    /// When a condition does not hold: 412, or 304 where nothing has changed.
    pub(super) fn check(&self, version: &Version, content: &Content) -> Result<(), AwsError> {
        match (self.if_match, self.if_unmodified_since.and_then(moment)) {
            (Some(etags), _) if !matches(etags, content) => return Err(precondition_failed("If-Match")),
            (None, Some(since)) if seconds(version) > since.as_second() => {
                return Err(precondition_failed("If-Unmodified-Since"));
            }
            _ => {}
        }
        match (self.if_none_match, self.if_modified_since.and_then(moment)) {
            (Some(etags), _) if matches(etags, content) => Err(not_modified(content)),
            (None, Some(since)) if seconds(version) <= since.as_second() => Err(not_modified(content)),
            _ => Ok(()),
        }
    }
}

/// Whether one of the ETags is the object's; `*` is every object's.
fn matches(etags: &str, content: &Content) -> bool {
    etags.split(',').map(str::trim).any(|etag| etag == "*" || etag.trim_matches('"') == content.etag)
}

fn not_modified(content: &Content) -> AwsError {
    AwsError::new("NotModified", 304, "Not Modified").header("etag", content.quoted_etag())
}

/// The time of HTTP; one that cannot be read does not count, as HTTP has it.
fn moment(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

fn seconds(version: &Version) -> i64 {
    version.modified.as_second()
}
