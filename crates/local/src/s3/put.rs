use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::bucket::{Bucket, Versioning, object_key};
use super::checks::{existing, find, find_object, on_object};
use super::checksum::{Algorithm, Checksum, md5};
use super::conditions::WriteConditions;
use super::encryption::{Asked, Encryption, Sealed, Wanted, seal};
use super::object::{Content, Description, ReplicationStatus, Version, version_id};
use super::replicate::{self, Pending};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::store::RawBytes;
use crate::wire::{Reply, WithPayload};
use crate::world::World;

/// Writes an object.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
pub(super) struct PutObject;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PutObjectInput {
    #[serde(rename = "Bucket")]
    bucket: String,
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Metadata", default)]
    metadata: BTreeMap<String, String>,
    #[serde(rename = "Checksum")]
    checksum: Option<Checksum>,
    #[serde(rename = "x-amz-expected-bucket-owner")]
    expected_owner: Option<String>,
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

/// What is written under a key.
pub(super) struct Write<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) key: &'a str,
    pub(super) plaintext: Bytes,
    pub(super) wanted: Wanted,
    pub(super) description: Description,
    pub(super) checksum: Option<Checksum>,
}

/// What a writer says that policies can ask for.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) acl: Option<&'a str>,
    pub(super) storage_class: Option<&'a str>,
    pub(super) encryption: Option<&'a str>,
    pub(super) kms_key: Option<&'a str>,
    pub(super) conditions: WriteConditions<'a>,
}

impl Operation for PutObject {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "PutObject";
    const READ_ONLY: bool = false;
    type Input = WithPayload<PutObjectInput>;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let input = &input.members;
        let bucket = find(&input.bucket, input.expected_owner.as_deref(), call, world)?;
        let place = (input.bucket.as_str(), input.key.as_str());
        input.said().checks(place, bucket, call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let WithPayload { members: input, payload } = input;
        input.said().check_supported()?;
        check_size(&payload)?;
        let bucket = existing(&input.bucket, call, world)?.clone();
        let object = find_object(&input.bucket, &input.key, call, world);
        input.said().conditions.check(&input.key, object)?;
        let wanted = input.asked().wanted(&bucket)?;
        let write = Write {
            bucket: &bucket,
            key: &input.key,
            plaintext: payload,
            wanted,
            checksum: input.checksum.clone(),
            description: input.description(),
        };
        let version = write.carry_out(call, world)?;
        Ok(told(Reply::empty(200), &bucket, &version))
    }
}

/// What a request that writes an object says, whichever of them it is. Their members cannot be one struct: flattened,
/// it would let in members that the operation does not know.
macro_rules! writes {
    ($input:ty) => {
        impl $input {
            fn said(&self) -> Said<'_> {
                Said {
                    acl: self.acl.as_deref(),
                    storage_class: self.storage_class.as_deref(),
                    encryption: self.encryption.as_deref(),
                    kms_key: self.kms_key.as_deref(),
                    conditions: WriteConditions {
                        if_match: self.if_match.as_deref(),
                        if_none_match: self.if_none_match.as_deref(),
                    },
                }
            }

            fn asked(&self) -> Asked<'_> {
                Asked {
                    algorithm: self.encryption.as_deref(),
                    key: self.kms_key.as_deref(),
                    context: self.encryption_context.as_deref(),
                    bucket_key: self.bucket_key,
                }
            }

            fn description(&self) -> Description {
                let headers = [
                    ("cache-control", self.cache_control.clone()),
                    ("content-disposition", self.content_disposition.clone()),
                    ("content-encoding", self.content_encoding.as_deref().and_then(kept_encoding)),
                    ("content-language", self.content_language.clone()),
                    ("content-type", self.content_type.clone()),
                    ("expires", self.expires.clone()),
                ];
                Description { headers: given(headers), metadata: self.metadata.clone() }
            }
        }
    };
}
pub(super) use writes;

writes!(PutObjectInput);

impl Said<'_> {
    /// The caller may write the object, and read it where its writing tells what is there.
    ///
    /// # Errors
    /// When there can be no such object.
    pub(super) fn checks(
        &self,
        place: (&str, &str),
        bucket: Option<&Bucket>,
        call: &CallContext,
        world: &World,
    ) -> Result<Vec<Check>, AwsError> {
        let said = [
            ("s3:x-amz-acl", self.acl),
            ("s3:x-amz-storage-class", self.storage_class),
            ("s3:x-amz-server-side-encryption", self.encryption),
            ("s3:x-amz-server-side-encryption-aws-kms-key-id", self.kms_key),
            ("s3:if-match", self.conditions.if_match),
            ("s3:if-none-match", self.conditions.if_none_match),
        ];
        let mut check = on_object("s3:PutObject", place, bucket, call, world)?;
        for (key, value) in said {
            if let Some(value) = value {
                check = check.with(key, value);
            }
        }
        let mut checks = vec![check];
        if self.conditions.if_match.is_some() {
            checks.push(on_object("s3:GetObject", place, bucket, call, world)?);
        }
        Ok(checks)
    }

    /// # Errors
    /// When the writer asks for access lists, or a storage class other than the one there is.
    pub(super) fn check_supported(&self) -> Result<(), AwsError> {
        if self.acl.is_some_and(|acl| acl != "bucket-owner-full-control") {
            return Err(AwsError::new("AccessControlListNotSupported", 400, "The bucket does not allow ACLs"));
        }
        if self.storage_class.is_some_and(|class| class != "STANDARD") {
            return Err(super::error::unsupported("Storage classes other than STANDARD are"));
        }
        Ok(())
    }
}

impl Write<'_> {
    /// Encrypts and keeps it.
    ///
    /// # Errors
    /// With KMS's refusal, in S3's words.
    pub(super) fn carry_out(self, call: &CallContext, world: &mut World) -> Result<Version, AwsError> {
        let Self { bucket, key, plaintext, wanted, description, checksum } = self;
        let sealed = seal(plaintext.clone(), wanted, (&bucket.name, key), call, world)?;
        let replication = replicate::is_wanted(bucket, key, &sealed.encryption).then_some(ReplicationStatus::Pending);
        let id = version_id(bucket.versioning, &call.ids);
        let content = content(&plaintext, &sealed, description, checksum, replication, call);
        let version = Version { id, modified: call.now, content: Some(content) };
        keep(version.clone(), sealed.bytes, bucket, key, call, world);
        Ok(version)
    }
}

/// What is known of bytes that were sealed just now.
pub(super) fn content(
    plaintext: &[u8],
    sealed: &Sealed,
    description: Description,
    checksum: Option<Checksum>,
    replication: Option<ReplicationStatus>,
    call: &CallContext,
) -> Content {
    Content {
        body: call.ids.uuid().to_string(),
        size: plaintext.len(),
        etag: etag(plaintext, &sealed.encryption, call),
        checksum: Some(checksum.unwrap_or_else(|| usual_checksum(plaintext))),
        encryption: sealed.encryption.clone(),
        description,
        replication,
    }
}

/// Puts a version, its bytes and the order to replicate it where they belong.
pub(super) fn keep(version: Version, bytes: Bytes, bucket: &Bucket, key: &str, call: &CallContext, world: &mut World) {
    if let Some(content) = &version.content {
        world.s3.bodies.insert(content.body.as_str(), RawBytes(bytes));
        if content.replication == Some(ReplicationStatus::Pending) {
            let pending = Pending::new(call.partition, &bucket.name, key, &version.id);
            world.s3.pending.insert(content.body.as_str(), pending);
        }
    }
    let place = object_key(call.partition, &bucket.name, key);
    let mut object = world.s3.objects.get(&place).cloned().unwrap_or_default();
    if let Some(replaced) = object.push(version) {
        world.s3.bodies.remove(&replaced);
    }
    world.s3.objects.insert(place, object);
}

/// What a writer is told of what was written.
pub(super) fn told(reply: Reply, bucket: &Bucket, version: &Version) -> Reply {
    let Some(content) = &version.content else { return reply };
    let mut reply = content.encryption.tell(reply).header("etag", content.quoted_etag());
    if bucket.versioning != Versioning::Unversioned {
        reply = reply.header("x-amz-version-id", version.id.as_str());
    }
    tell_checksum(reply, content)
}

/// The headers of an object's checksum.
pub(super) fn tell_checksum(reply: Reply, content: &Content) -> Reply {
    match &content.checksum {
        Some(checksum) => reply
            .header(checksum.algorithm.header(), checksum.value.as_str())
            .header("x-amz-checksum-type", "FULL_OBJECT"),
        None => reply,
    }
}

/// The headers that are given.
pub(super) fn given<const N: usize>(headers: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The encoding without `aws-chunked`, which says how a request was sent and not how the object is.
pub(super) fn kept_encoding(encoding: &str) -> Option<String> {
    let kept: Vec<&str> = encoding.split(',').map(str::trim).filter(|name| *name != "aws-chunked").collect();
    Some(kept.join(",")).filter(|kept| !kept.is_empty())
}

/// # Errors
/// When an object would be larger than this AWS keeps.
pub(super) fn check_size(body: &[u8]) -> Result<(), AwsError> {
    if body.len() <= super::LARGEST_OBJECT {
        return Ok(());
    }
    let message = "Your proposed upload exceeds the maximum allowed object size of this local AWS, 16 MiB.";
    Err(AwsError::new("EntityTooLarge", 400, message))
}

/// The MD5 of what was written; where KMS has a part in it, something that tells nothing of it.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>.
fn etag(plaintext: &[u8], encryption: &Encryption, call: &CallContext) -> String {
    let bytes: [u8; 16] = match encryption {
        Encryption::S3Managed => md5(plaintext),
        Encryption::Kms(_) => call.ids.bytes(),
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What S3 keeps where the writer sends no checksum.
fn usual_checksum(plaintext: &[u8]) -> Checksum {
    let algorithm = Algorithm::Crc64Nvme;
    Checksum { algorithm, value: algorithm.of(plaintext) }
}
