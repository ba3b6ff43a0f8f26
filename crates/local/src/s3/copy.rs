use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::checks::{existing, find, find_object};
use super::checksum::{Algorithm, Checksum};
use super::conditions::{ReadConditions, WriteConditions};
use super::encryption::Asked;
use super::error::{invalid_argument, invalid_request, unsupported};
use super::object::{Content, Description};
use super::put::{Said, Write, given, kept_encoding, writes};
use super::read::{bytes, locate, may_read};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::{Reply, Time};
use crate::world::World;

/// Copies an object within a Region: read, and written anew, in the name of whoever calls.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>.
pub(super) struct CopyObject;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CopyObjectInput {
    #[serde(rename = "Bucket")]
    bucket: String,
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Metadata", default)]
    metadata: BTreeMap<String, String>,
    #[serde(rename = "x-amz-copy-source")]
    source: String,
    #[serde(rename = "x-amz-copy-source-if-match")]
    source_if_match: Option<String>,
    #[serde(rename = "x-amz-copy-source-if-none-match")]
    source_if_none_match: Option<String>,
    #[serde(rename = "x-amz-metadata-directive")]
    metadata_directive: Option<String>,
    #[serde(rename = "x-amz-checksum-algorithm")]
    checksum_algorithm: Option<Algorithm>,
    #[serde(rename = "x-amz-expected-bucket-owner")]
    expected_owner: Option<String>,
    #[serde(rename = "x-amz-source-expected-bucket-owner")]
    expected_source_owner: Option<String>,
    #[serde(rename = "x-amz-acl")]
    acl: Option<String>,
    #[serde(rename = "x-amz-storage-class")]
    storage_class: Option<String>,
    #[serde(rename = "x-amz-server-side-encryption")]
    encryption: Option<String>,
    #[serde(rename = "x-amz-server-side-encryption-aws-kms-key-id")]
    kms_key: Option<String>,
    #[serde(rename = "x-amz-server-side-encryption-context")]
    encryption_context: Option<String>,
    #[serde(rename = "x-amz-server-side-encryption-bucket-key-enabled")]
    bucket_key: Option<bool>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_type: Option<String>,
    expires: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CopyObjectResult {
    last_modified: Time,
    #[serde(rename = "ETag")]
    etag: String,
    checksum_type: &'static str,
    #[serde(flatten)]
    checksum: BTreeMap<&'static str, String>,
}

/// Where a copy comes from.
struct Source {
    bucket: String,
    key: String,
    version_id: Option<String>,
}

impl Operation for CopyObject {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "CopyObject";
    const READ_ONLY: bool = false;
    type Input = CopyObjectInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let source = input.source()?;
        let from = find(&source.bucket, input.expected_source_owner.as_deref(), call, world).map_err(cross_region)?;
        let place = (source.bucket.as_str(), source.key.as_str());
        let reading = may_read(place, source.version_id.as_deref(), from, call, world)?;
        let to = find(&input.bucket, input.expected_owner.as_deref(), call, world)?;
        let mut writing = input.said().checks((&input.bucket, &input.key), to, call, world)?.into_iter();
        let mut put = writing.next().ok_or_else(AwsError::internal)?.with("s3:x-amz-copy-source", source.written());
        if let Some(directive) = &input.metadata_directive {
            put = put.with("s3:x-amz-metadata-directive", directive);
        }
        Ok([reading, put].into_iter().chain(writing).collect())
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        input.said().check_supported()?;
        let source = input.source()?;
        let description = input.replaced_description()?;
        if description.is_none() && input.encryption.is_none() && source.is(&input.bucket, &input.key) {
            return Err(invalid_request(
                "This copy request is illegal because it is trying to copy an object to itself without changing the \
                 object's metadata, storage class, website redirect location or encryption attributes.",
            ));
        }
        let from = existing(&source.bucket, call, world)?;
        let found = locate(from, &source.key, source.version_id.as_deref(), call, world)?;
        input.source_conditions().check(&found.version, &found.content).map_err(unmet)?;
        let bucket = existing(&input.bucket, call, world)?.clone();
        input.said().conditions.check(&input.key, find_object(&input.bucket, &input.key, call, world))?;
        let wanted = input.asked().wanted(&bucket)?;
        let plaintext = bytes(&found.content, (&source.bucket, &source.key), call, world)?;
        let checksum = input.checksum(&found.content, &plaintext);
        let description = description.unwrap_or(found.content.description);
        let write = Write { bucket: &bucket, key: &input.key, plaintext, wanted, description, checksum };
        let version = write.carry_out(call, world)?;
        let content = version.content.as_ref().ok_or_else(AwsError::internal)?;
        let checksum = content.checksum.iter().map(|known| (known.algorithm.element(), known.value.clone())).collect();
        let result = CopyObjectResult {
            last_modified: super::buckets::seconds(version.modified),
            etag: content.quoted_etag(),
            checksum_type: "FULL_OBJECT",
            checksum,
        };
        let reply = Reply::document("CopyObjectResult", &result).map_err(|_| AwsError::internal())?;
        let reply = content.encryption.tell(reply);
        let is_versioned = bucket.versioning != super::bucket::Versioning::Unversioned;
        Ok(reply
            .maybe_header("x-amz-version-id", is_versioned.then_some(version.id.as_str()))
            .maybe_header("x-amz-copy-source-version-id", source.version_id))
    }
}

writes!(CopyObjectInput);

impl CopyObjectInput {
    /// Reads `bucket/key` with what may follow it, encoded as in a path.
    fn source(&self) -> Result<Source, AwsError> {
        let wrong = || invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
        let written = self.source.strip_prefix('/').unwrap_or(&self.source);
        if written.starts_with("arn:") {
            return Err(unsupported("Access points are"));
        }
        let (path, version_id) = match written.split_once("?versionId=") {
            Some((path, version_id)) => (path, Some(version_id.to_owned())),
            None => (written, None),
        };
        let path = percent_decode_str(path).decode_utf8().map_err(|_| wrong())?;
        let (bucket, key) = path.split_once('/').filter(|(_, key)| !key.is_empty()).ok_or_else(wrong)?;
        Ok(Source { bucket: bucket.to_owned(), key: key.to_owned(), version_id })
    }

    fn source_conditions(&self) -> ReadConditions<'_> {
        ReadConditions {
            if_match: self.source_if_match.as_deref(),
            if_none_match: self.source_if_none_match.as_deref(),
            ..ReadConditions::default()
        }
    }

    /// The description of the copy; none where the source's is kept.
    fn replaced_description(&self) -> Result<Option<Description>, AwsError> {
        match self.metadata_directive.as_deref() {
            None | Some("COPY") => Ok(None),
            Some("REPLACE") => Ok(Some(self.description())),
            Some(_) => Err(invalid_argument("Unknown metadata directive.")),
        }
    }

    fn checksum(&self, source: &Content, plaintext: &[u8]) -> Option<Checksum> {
        match self.checksum_algorithm {
            Some(algorithm) => Some(Checksum { algorithm, value: algorithm.of(plaintext) }),
            None => source.checksum.clone(),
        }
    }
}

impl Source {
    fn is(&self, bucket: &str, key: &str) -> bool {
        self.version_id.is_none() && self.bucket == bucket && self.key == key
    }

    fn written(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }
}

/// AWS copies from Region to Region.
fn cross_region(error: AwsError) -> AwsError {
    if error.code == "PermanentRedirect" { unsupported("Copies from another Region are") } else { error }
}

/// A copy whose source has not changed fails, where a read would be told so.
fn unmet(error: AwsError) -> AwsError {
    if error.status == 304 { super::error::precondition_failed("x-amz-copy-source-If-None-Match") } else { error }
}
