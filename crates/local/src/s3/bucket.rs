use std::net::Ipv4Addr;

use aws_lc_rs::digest;
use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Partition, Region};
use serde::{Deserialize, Serialize};

use super::replication::Configuration;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::policy::StoredPolicy;

/// A bucket. Its owner owns every object in it: access control lists have no say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) owner: AccountId,
    pub(crate) region: Region,
    pub(crate) created: Timestamp,
    pub(crate) policy: Option<StoredPolicy>,
    pub(crate) versioning: Versioning,
    pub(crate) encryption: DefaultEncryption,
    pub(crate) replication: Option<Configuration>,
}

/// Whether a bucket keeps what is written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    /// It was never asked to.
    Unversioned,
    /// Every write makes a version with an id of its own.
    Enabled,
    /// Every write replaces the version `null`; the others stay.
    Suspended,
}

/// How objects are encrypted whose writer does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultEncryption {
    /// The KMS key, as it was written; none for S3's own encryption.
    pub(crate) kms_key: Option<String>,
    /// One encryption context for the whole bucket.
    pub(crate) bucket_key: bool,
}

impl Bucket {
    pub(super) fn new(name: &str, region: Region, call: &CallContext) -> Self {
        Self {
            name: name.to_owned(),
            owner: call.account.clone(),
            region,
            created: call.now,
            policy: None,
            versioning: Versioning::Unversioned,
            encryption: DefaultEncryption { kms_key: None, bucket_key: false },
            replication: None,
        }
    }
}

/// Where a bucket stands in its table.
pub(super) fn bucket_key(partition: Partition, name: &str) -> String {
    format!("{partition}/{name}")
}

/// Where an object stands in its table; with an empty key, what those of a bucket begin with.
pub(super) fn object_key(partition: Partition, bucket: &str, key: &str) -> String {
    format!("{partition}/{bucket}/{key}")
}

/// The ARN of a bucket.
///
/// # Errors
/// When the name is no name of a bucket.
pub(super) fn bucket_arn(partition: Partition, name: &str) -> Result<Arn, AwsError> {
    check_name(name)?;
    Arn::parse(&format!("arn:{partition}:s3:::{name}")).map_err(|_| AwsError::internal())
}

/// The ARN of an object.
///
/// # Errors
/// When the key is longer than 1,024 bytes, or holds control characters, which this AWS does not take.
pub(super) fn object_arn(partition: Partition, bucket: &str, key: &str) -> Result<Arn, AwsError> {
    check_name(bucket)?;
    if key.len() > LONGEST_KEY {
        return Err(AwsError::new("KeyTooLongError", 400, "Your key is too long."));
    }
    Arn::parse(&format!("arn:{partition}:s3:::{bucket}/{key}"))
        .map_err(|_| super::error::unsupported("Control characters and spaces other than U+0020 in keys are"))
}

/// Checks a name: 3 to 63 lower-case letters, digits, dots and hyphens.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
///
/// # Errors
/// When it is no name of a bucket.
pub(super) fn check_name(name: &str) -> Result<(), AwsError> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = name.bytes().next().is_some_and(is_letter) && name.bytes().last().is_some_and(is_letter);
    let all = name.bytes().all(|byte| is_letter(byte) || byte == b'.' || byte == b'-');
    let is_reserved = name.starts_with("xn--")
        || name.starts_with("sthree-")
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|end| name.ends_with(end));
    let is_name = (3..=63).contains(&name.len()) && ends && all && !name.contains("..") && !is_reserved;
    if is_name && name.parse::<Ipv4Addr>().is_err() {
        return Ok(());
    }
    Err(AwsError::new("InvalidBucketName", 400, "The specified bucket is not valid.").detail("BucketName", name))
}

/// The canonical user id of an account. AWS makes them up; here they follow from the account's number.
pub(super) fn canonical_id(account: &AccountId) -> String {
    let hash = digest::digest(&digest::SHA256, format!("canonical user {account}").as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

const LONGEST_KEY: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for name in ["abc", "a.b-c", "my-bucket.1", &"a".repeat(63)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let long = "a".repeat(64);
        for name in ["ab", "Abc", "a_b", "-abc", "abc.", "a..b", "192.168.5.4", "xn--abc", "abc-s3alias", "a/b", &long]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
