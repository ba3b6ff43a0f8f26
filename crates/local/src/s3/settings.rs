use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, DefaultEncryption, Versioning, bucket_key};
use super::buckets::BucketInput;
use super::checks::{existing, on_named};
use super::encryption::{AES256, AWS_KMS, check_key_name};
use super::error::{malformed_xml, no_such_bucket, unsupported};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Reply;
use crate::world::World;

/// Says whether a bucket keeps what is written over.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html>.
pub(super) struct PutBucketVersioning;

/// Tells whether a bucket keeps what is written over.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>.
pub(super) struct GetBucketVersioning;

/// Says how objects are encrypted whose writer does not say.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html>.
pub(super) struct PutBucketEncryption;

/// Tells how objects are encrypted whose writer does not say.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html>.
pub(super) struct GetBucketEncryption;

/// Goes back to S3's own encryption.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketEncryption.html>.
pub(super) struct DeleteBucketEncryption;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingInput<T> {
    #[serde(rename = "Bucket")]
    pub(super) bucket: String,
    #[serde(rename = "x-amz-expected-bucket-owner")]
    pub(super) expected_owner: Option<String>,
    #[serde(rename = "Document")]
    pub(super) document: Option<T>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct VersioningConfiguration {
    status: Option<String>,
    mfa_delete: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EncryptionConfiguration {
    rule: EncryptionRule,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EncryptionRule {
    apply_server_side_encryption_by_default: Option<EncryptionByDefault>,
    bucket_key_enabled: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptionByDefault {
    #[serde(rename = "SSEAlgorithm")]
    algorithm: String,
    #[serde(rename = "KMSMasterKeyID")]
    key: Option<String>,
}

impl Operation for PutBucketVersioning {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "PutBucketVersioning";
    const READ_ONLY: bool = false;
    type Input = SettingInput<VersioningConfiguration>;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:PutBucketVersioning", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let wanted = input.document.ok_or_else(malformed_xml)?;
        if wanted.mfa_delete.is_some_and(|status| status != "Disabled") {
            return Err(unsupported("MFA Delete is"));
        }
        let versioning = match wanted.status.as_deref() {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => return Err(malformed_xml()),
        };
        let bucket = changed(&input.bucket, call, world)?;
        if bucket.replication.is_some() && versioning != Versioning::Enabled {
            let message = "A replication configuration is present on this bucket, so you cannot change the versioning state. To \
                           change the versioning state, first delete the replication configuration.";
            return Err(AwsError::new("InvalidBucketState", 409, message));
        }
        bucket.versioning = versioning;
        Ok(Reply::empty(200))
    }
}

impl Operation for GetBucketVersioning {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "GetBucketVersioning";
    const READ_ONLY: bool = true;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:GetBucketVersioning", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let status = match existing(&input.bucket, call, world)?.versioning {
            Versioning::Unversioned => None,
            Versioning::Enabled => Some("Enabled".to_owned()),
            Versioning::Suspended => Some("Suspended".to_owned()),
        };
        let shown = VersioningConfiguration { status, mfa_delete: None };
        Reply::document("VersioningConfiguration", &shown).map_err(|_| AwsError::internal())
    }
}

impl Operation for PutBucketEncryption {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "PutBucketEncryption";
    const READ_ONLY: bool = false;
    type Input = SettingInput<EncryptionConfiguration>;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:PutEncryptionConfiguration", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let encryption = input.document.ok_or_else(malformed_xml)?.rule.wanted()?;
        changed(&input.bucket, call, world)?.encryption = encryption;
        Ok(Reply::empty(200))
    }
}

impl Operation for GetBucketEncryption {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "GetBucketEncryption";
    const READ_ONLY: bool = true;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:GetEncryptionConfiguration", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let encryption = &existing(&input.bucket, call, world)?.encryption;
        let by_default = EncryptionByDefault {
            algorithm: if encryption.kms_key.is_some() { AWS_KMS } else { AES256 }.to_owned(),
            key: encryption.kms_key.clone(),
        };
        let rule = EncryptionRule {
            apply_server_side_encryption_by_default: Some(by_default),
            bucket_key_enabled: Some(encryption.bucket_key),
        };
        let shown = EncryptionConfiguration { rule };
        Reply::document("ServerSideEncryptionConfiguration", &shown).map_err(|_| AwsError::internal())
    }
}

impl Operation for DeleteBucketEncryption {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "DeleteBucketEncryption";
    const READ_ONLY: bool = false;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:PutEncryptionConfiguration", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        changed(&input.bucket, call, world)?.encryption = DefaultEncryption { kms_key: None, bucket_key: false };
        Ok(Reply::empty(204))
    }
}

impl EncryptionRule {
    fn wanted(self) -> Result<DefaultEncryption, AwsError> {
        let bucket_key = self.bucket_key_enabled.unwrap_or(false);
        let Some(by_default) = self.apply_server_side_encryption_by_default else {
            return Err(malformed_xml());
        };
        let kms_key = match (by_default.algorithm.as_str(), by_default.key) {
            (AES256, None) => None,
            (AES256, Some(_)) => {
                let message =
                    "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse";
                return Err(AwsError::new("InvalidArgument", 400, message));
            }
            (AWS_KMS, key) => Some(check_key_name(key)?),
            _ => return Err(unsupported("Encryption other than AES256 and aws:kms is")),
        };
        Ok(DefaultEncryption { kms_key, bucket_key })
    }
}

/// The bucket, to be changed.
///
/// # Errors
/// When there is none.
pub(super) fn changed<'a>(name: &str, call: &CallContext, world: &'a mut World) -> Result<&'a mut Bucket, AwsError> {
    world.s3.buckets.get_mut(&bucket_key(call.partition, name)).ok_or_else(|| no_such_bucket(name))
}
