use serde::Deserialize;

use super::bucket::{Bucket, Versioning, object_key};
use super::checks::{existing, find, on_object};
use super::conditions::WriteConditions;
use super::object::{NULL, Object, Version, version_id};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Reply;
use crate::world::World;

/// Removes an object, or one version of it. In a bucket that keeps versions, an object is hidden by a delete marker.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html> and
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html>; for the condition,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-delete-enforce.html>.
pub(super) struct DeleteObject;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct DeleteObjectInput {
    #[serde(rename = "Bucket")]
    bucket: String,
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "versionId")]
    version_id: Option<String>,
    #[serde(rename = "x-amz-expected-bucket-owner")]
    expected_owner: Option<String>,
    if_match: Option<String>,
}

impl Operation for DeleteObject {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "DeleteObject";
    const READ_ONLY: bool = false;
    type Input = DeleteObjectInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let bucket = find(&input.bucket, input.expected_owner.as_deref(), call, world)?;
        let place = (input.bucket.as_str(), input.key.as_str());
        let mut check = match &input.version_id {
            None => on_object("s3:DeleteObject", place, bucket, call, world)?,
            Some(id) => on_object("s3:DeleteObjectVersion", place, bucket, call, world)?.with("s3:VersionId", id),
        };
        let Some(if_match) = &input.if_match else { return Ok(vec![check]) };
        check = check.with("s3:if-match", if_match);
        if if_match == "*" {
            return Ok(vec![check]);
        }
        Ok(vec![check, on_object("s3:GetObject", place, bucket, call, world)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let bucket = existing(&input.bucket, call, world)?.clone();
        let place = object_key(call.partition, &input.bucket, &input.key);
        let mut object = world.s3.objects.get(&place).cloned().unwrap_or_default();
        // Whichever version is deleted, the current one counts.
        WriteConditions { if_match: input.if_match.as_deref(), if_none_match: None }
            .check(&input.key, Some(&object))?;
        let (reply, removed) = match &input.version_id {
            Some(id) => without_version(&mut object, id),
            None => without_current(&mut object, &bucket, call),
        };
        if let Some(content) = removed.and_then(|version| version.content) {
            world.s3.bodies.remove(&content.body);
        }
        if object.versions.is_empty() {
            world.s3.objects.remove(&place);
        } else {
            world.s3.objects.insert(place, object);
        }
        Ok(reply)
    }
}

fn without_version(object: &mut Object, id: &str) -> (Reply, Option<Version>) {
    let removed = object.take(id);
    let was_marker = removed.as_ref().is_some_and(|version| version.content.is_none());
    let reply = Reply::empty(204).header("x-amz-version-id", id);
    (reply.maybe_header("x-amz-delete-marker", was_marker.then_some("true")), removed)
}

/// The object is gone, or hidden by a marker; without versioning, the version `null` is gone in any case.
fn without_current(object: &mut Object, bucket: &Bucket, call: &CallContext) -> (Reply, Option<Version>) {
    if bucket.versioning == Versioning::Unversioned {
        return (Reply::empty(204), object.take(NULL));
    }
    let id = version_id(bucket.versioning, &call.ids);
    let removed = object.take(&id);
    let reply = Reply::empty(204).header("x-amz-delete-marker", "true").header("x-amz-version-id", id.as_str());
    object.versions.insert(0, Version { id, modified: call.now, content: None });
    (reply, removed)
}
