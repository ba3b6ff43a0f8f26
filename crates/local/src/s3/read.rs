use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use super::bucket::{Bucket, Versioning};
use super::checks::{existing, find, find_object, may_list, on_bucket, on_object};
use super::conditions::ReadConditions;
use super::encryption::open;
use super::error::{no_such_key, no_such_version};
use super::object::{Content, Version};
use super::put::tell_checksum;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Reply;
use crate::world::World;

/// Reads an object.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
pub(super) struct GetObject;

/// Tells what is known of an object.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>.
pub(super) struct HeadObject;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ReadInput {
    #[serde(rename = "Bucket")]
    bucket: String,
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "versionId")]
    version_id: Option<String>,
    #[serde(rename = "x-amz-expected-bucket-owner")]
    expected_owner: Option<String>,
    #[serde(rename = "x-amz-checksum-mode")]
    checksum_mode: Option<String>,
    range: Option<String>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
    if_unmodified_since: Option<String>,
}

/// Part of an object: from a byte to one behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: usize,
    end: usize,
}

/// An object that a read asks for.
pub(super) struct Found {
    pub(super) version: Version,
    pub(super) content: Content,
    is_versioned: bool,
}

impl Operation for GetObject {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "GetObject";
    const READ_ONLY: bool = true;
    type Input = ReadInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.checks(call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let found = input.found(call, world)?;
        let range = input.range(&found)?;
        let bytes = bytes(&found.content, (&input.bucket, &input.key), call, world)?;
        let part = match range {
            Some(range) => bytes.slice(range.start..range.end),
            None => bytes,
        };
        Ok(input.told(Reply::bytes(200, part), &found, range))
    }
}

impl Operation for HeadObject {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "HeadObject";
    const READ_ONLY: bool = true;
    type Input = ReadInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.checks(call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let found = input.found(call, world)?;
        let range = input.range(&found)?;
        // A checksum tells of what the object holds: who asks for it must be able to decrypt it.
        if input.wants_checksum() {
            bytes(&found.content, (&input.bucket, &input.key), call, world)?;
        }
        let length = range.map_or(found.content.size, |range| range.end - range.start);
        Ok(input.told(Reply::empty(200), &found, range).header("content-length", length.to_string()))
    }
}

impl ReadInput {
    fn checks(&self, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let bucket = find(&self.bucket, self.expected_owner.as_deref(), call, world)?;
        let place = (self.bucket.as_str(), self.key.as_str());
        Ok(vec![may_read(place, self.version_id.as_deref(), bucket, call, world)?])
    }

    fn found(&self, call: &CallContext, world: &World) -> Result<Found, AwsError> {
        let bucket = existing(&self.bucket, call, world)?;
        let found = locate(bucket, &self.key, self.version_id.as_deref(), call, world)?;
        let conditions = ReadConditions {
            if_match: self.if_match.as_deref(),
            if_none_match: self.if_none_match.as_deref(),
            if_modified_since: self.if_modified_since.as_deref(),
            if_unmodified_since: self.if_unmodified_since.as_deref(),
        };
        conditions.check(&found.version, &found.content)?;
        Ok(found)
    }

    fn range(&self, found: &Found) -> Result<Option<Range>, AwsError> {
        self.range.as_deref().map_or(Ok(None), |text| range(text, found.content.size))
    }

    fn wants_checksum(&self) -> bool {
        self.checksum_mode.as_deref() == Some("ENABLED")
    }

    fn told(&self, reply: Reply, found: &Found, range: Option<Range>) -> Reply {
        let Found { version, content, is_versioned } = found;
        let mut reply = content
            .encryption
            .tell(reply)
            .header("accept-ranges", "bytes")
            .header("etag", content.quoted_etag())
            .header("last-modified", http_date(version.modified))
            .maybe_header("x-amz-version-id", is_versioned.then_some(version.id.as_str()))
            .maybe_header("x-amz-replication-status", content.replication.map(|status| status.as_str()));
        if !content.description.headers.contains_key("content-type") {
            reply = reply.header("content-type", "binary/octet-stream");
        }
        for (name, value) in &content.description.headers {
            reply = reply.header(name.clone(), value);
        }
        for (name, value) in &content.description.metadata {
            reply = reply.header(format!("x-amz-meta-{name}"), value);
        }
        if let Some(Range { start, end }) = range {
            reply.status = 206;
            let last = end.saturating_sub(1);
            return reply.header("content-range", format!("bytes {start}-{last}/{}", content.size));
        }
        if self.wants_checksum() { tell_checksum(reply, content) } else { reply }
    }
}

/// The caller may read an object, or one version of it.
///
/// # Errors
/// When there can be no such object.
pub(super) fn may_read(
    place: (&str, &str),
    version_id: Option<&str>,
    bucket: Option<&Bucket>,
    call: &CallContext,
    world: &World,
) -> Result<Check, AwsError> {
    match version_id {
        None => on_object("s3:GetObject", place, bucket, call, world),
        Some(id) => Ok(on_object("s3:GetObjectVersion", place, bucket, call, world)?.with("s3:VersionId", id)),
    }
}

/// Finds an object, or one version of it. Who may not list the bucket does not learn what is missing.
///
/// # Errors
/// When it is not there, or is a delete marker.
pub(super) fn locate(
    bucket: &Bucket,
    key: &str,
    version_id: Option<&str>,
    call: &CallContext,
    world: &World,
) -> Result<Found, AwsError> {
    let object = find_object(&bucket.name, key, call, world);
    let version = object.and_then(|object| match version_id {
        Some(id) => object.version(id),
        None => object.versions.first(),
    });
    match version {
        Some(Version { content: Some(content), .. }) => Ok(Found {
            content: content.clone(),
            version: version.cloned().ok_or_else(AwsError::internal)?,
            is_versioned: bucket.versioning != Versioning::Unversioned,
        }),
        missing => Err(not_there(bucket, key, version_id, missing, call, world)),
    }
}

/// The bytes of an object, decrypted in the name of whoever calls.
///
/// # Errors
/// With KMS's refusal, in S3's words.
pub(super) fn bytes(
    content: &Content,
    place: (&str, &str),
    call: &CallContext,
    world: &mut World,
) -> Result<Bytes, AwsError> {
    let kept = world.s3.bodies.get(&content.body).ok_or_else(AwsError::internal)?.0.clone();
    open(kept, &content.encryption, place, call, world)
}

/// `Tue, 24 Nov 2026 22:05:27 GMT`.
pub(super) fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn not_there(
    bucket: &Bucket,
    key: &str,
    version_id: Option<&str>,
    marker: Option<&Version>,
    call: &CallContext,
    world: &World,
) -> AwsError {
    if !may_list(bucket, call, world) {
        return hidden(bucket, call, world);
    }
    let error = match (version_id, marker) {
        (Some(_), Some(_)) => {
            let message = "The specified method is not allowed against this resource.";
            AwsError::new("MethodNotAllowed", 405, message)
        }
        (Some(id), None) => no_such_version(key, id),
        (None, _) => no_such_key(key),
    };
    match marker {
        Some(marker) => error.header("x-amz-delete-marker", "true").header("x-amz-version-id", marker.id.as_str()),
        None => error,
    }
}

/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax>, the
/// permissions.
fn hidden(bucket: &Bucket, call: &CallContext, world: &World) -> AwsError {
    match on_bucket("s3:ListBucket", &bucket.name, Some(bucket), call, world) {
        Ok(check) => AwsError::access_denied(Service::S3, &check, &check.decide(&call.caller)),
        Err(error) => error,
    }
}

/// Reads `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-LENGTH`. Another form, or several ranges, means the whole object.
///
/// # Errors
/// When the range begins behind the end.
fn range(text: &str, size: usize) -> Result<Option<Range>, AwsError> {
    let parts = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let Some((first, last)) = parts.filter(|(first, last)| !(first.is_empty() && last.is_empty())) else {
        return Ok(None);
    };
    let (start, end) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => (first, size),
        (Err(_), Ok(length)) if first.is_empty() => {
            (if length == 0 { size } else { size.saturating_sub(length) }, size)
        }
        _ => return Ok(None),
    };
    if start < size {
        return Ok(Some(Range { start, end }));
    }
    let error = AwsError::new("InvalidRange", 416, "The requested range is not satisfiable");
    let error = error.detail("RangeRequested", text).detail("ActualObjectSize", size.to_string());
    Err(error.header("content-range", format!("bytes */{size}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        for (text, expect) in [
            ("bytes=0-0", Some((0, 1))),
            ("bytes=2-5", Some((2, 6))),
            ("bytes=8-99", Some((8, 10))),
            ("bytes=3-", Some((3, 10))),
            ("bytes=-4", Some((6, 10))),
            ("bytes=-40", Some((0, 10))),
            ("bytes=5-2", None),
            ("bytes=-", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
        ] {
            let expect = expect.map(|(start, end)| Range { start, end });
            assert_eq!(range(text, 10), Ok(expect), "{text}");
        }
        for text in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
            assert_eq!(range(text, 10).expect_err(text).code, "InvalidRange");
        }
        assert_eq!(range("bytes=0-", 0).expect_err("nothing there").status, 416);
    }
}
