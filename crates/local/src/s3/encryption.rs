//! How objects are encrypted: KMS gives a data key to whoever writes, and opens it for whoever reads.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use keywright_model::{Arn, Partition, Region};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bucket::{Bucket, bucket_arn, object_arn};
use super::error::{invalid_argument, of_kms, unsupported};
use crate::context::CallContext;
use crate::error::AwsError;
use crate::inside;
use crate::service::Service;
use crate::wire::Reply;
use crate::world::World;

/// How a version is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encryption {
    /// By S3's own key: the bytes are kept as they are, as a key beside them would protect nothing.
    S3Managed,
    /// By a data key of KMS.
    Kms(KmsEncryption),
}

/// What is kept of a data key: enough to ask KMS for it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KmsEncryption {
    /// The ARN of the KMS key.
    pub(crate) key: String,
    pub(crate) bucket_key: bool,
    /// The encryption context.
    context: BTreeMap<String, String>,
    /// As KMS encrypted it, in Base64.
    data_key: String,
    /// Of AES-256-GCM, in Base64.
    nonce: String,
}

/// How a writer wants an object to be encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    S3Managed,
    Kms { key: String, bucket_key: bool, context: BTreeMap<String, String> },
}

/// What a request says of encryption, in its headers.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) algorithm: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) context: Option<&'a str>,
    pub(super) bucket_key: Option<bool>,
}

/// The bytes of an object and how they are kept.
pub(super) struct Sealed {
    pub(super) bytes: Bytes,
    pub(super) encryption: Encryption,
}

impl Encryption {
    /// The headers that tell of it.
    pub(super) fn tell(&self, reply: Reply) -> Reply {
        match self {
            Self::S3Managed => reply.header(HEADER, AES256),
            Self::Kms(kms) => reply
                .header(HEADER, AWS_KMS)
                .header("x-amz-server-side-encryption-aws-kms-key-id", kms.key.as_str())
                .maybe_header("x-amz-server-side-encryption-bucket-key-enabled", kms.bucket_key.then_some("true")),
        }
    }
}

impl Asked<'_> {
    /// What is to be done: as the request says, else as the bucket does.
    ///
    /// # Errors
    /// When the headers contradict each other, or ask for what this AWS does not have.
    pub(super) fn wanted(&self, bucket: &Bucket) -> Result<Wanted, AwsError> {
        let bucket_key = self.bucket_key.unwrap_or(bucket.encryption.bucket_key);
        let context = self.context.map(read_context).transpose()?;
        let key = match (self.algorithm, &bucket.encryption.kms_key) {
            (Some(AWS_KMS), _) => check_key_name(self.key.map(str::to_owned))?,
            (None, Some(key)) if self.key.is_none() => key.clone(),
            (None | Some(AES256), _) if self.key.is_some() || context.is_some() => {
                let message = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                               x-amz-server-side-encryption : aws:kms";
                return Err(invalid_argument(message));
            }
            (None | Some(AES256), _) => return Ok(Wanted::S3Managed),
            (Some(_), _) => return Err(unsupported("Encryption other than AES256 and aws:kms is")),
        };
        Ok(Wanted::Kms { key, bucket_key, context: context.unwrap_or_default() })
    }
}

/// The name of a KMS key that S3 is to use: it must be given.
///
/// # Errors
/// When it is not, since the key `aws/s3`, which AWS makes and keeps, is not there.
pub(super) fn check_key_name(key: Option<String>) -> Result<String, AwsError> {
    match key.filter(|key| !key.is_empty()) {
        Some(key) if key.len() <= LONGEST_KEY_NAME && !key.chars().any(char::is_control) => Ok(key),
        Some(_) => Err(invalid_argument("The name of a KMS key has at most 2,048 characters")),
        None => Err(unsupported("aws:kms without a key, and so the AWS managed key aws/s3, is")),
    }
}

/// Encrypts what an object will hold, with a new data key from KMS.
///
/// # Errors
/// With KMS's refusal, in S3's words.
pub(super) fn seal(
    plaintext: Bytes,
    wanted: Wanted,
    (bucket, key): (&str, &str),
    call: &CallContext,
    world: &mut World,
) -> Result<Sealed, AwsError> {
    let Wanted::Kms { key: kms_key, bucket_key, context } = wanted else {
        return Ok(Sealed { bytes: plaintext, encryption: Encryption::S3Managed });
    };
    let context = full_context(context, (bucket, key), bucket_key, call)?;
    let input = json!({ "KeyId": kms_key, "KeySpec": "AES_256", "EncryptionContext": context });
    let answer = ask_kms("GenerateDataKey", input, call, world)?;
    let data_key = DataKey {
        plaintext: secret(&answer)?,
        encrypted: text(&answer, "CiphertextBlob")?,
        key: text(&answer, "KeyId")?,
    };
    data_key.seal(&plaintext, bucket_key, context, (bucket, key), call)
}

/// As [`seal`], with a data key that S3 makes itself and has KMS encrypt: so are replicas made.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html>.
///
/// # Errors
/// With KMS's refusal, in S3's words.
pub(super) fn seal_replica(
    plaintext: &[u8],
    (kms_key, bucket_key): (&str, bool),
    (bucket, key): (&str, &str),
    call: &CallContext,
    world: &mut World,
) -> Result<Sealed, AwsError> {
    let context = full_context(BTreeMap::new(), (bucket, key), bucket_key, call)?;
    let mut plain_key = Zeroizing::new(vec![0; AES_256_GCM.key_len()]);
    call.ids.fill(&mut plain_key);
    let encoded = Zeroizing::new(BASE64.encode(&plain_key));
    let input = json!({ "KeyId": kms_key, "Plaintext": encoded.as_str(), "EncryptionContext": context });
    let answer = ask_kms("Encrypt", input, call, world)?;
    let encrypted = text(&answer, "CiphertextBlob")?;
    let data_key = DataKey { plaintext: plain_key, encrypted, key: text(&answer, "KeyId")? };
    data_key.seal(plaintext, bucket_key, context, (bucket, key), call)
}

/// Decrypts what an object holds; KMS opens the data key if the caller may.
///
/// # Errors
/// With KMS's refusal, in S3's words.
pub(super) fn open(
    kept: Bytes,
    encryption: &Encryption,
    (bucket, key): (&str, &str),
    call: &CallContext,
    world: &mut World,
) -> Result<Bytes, AwsError> {
    let Encryption::Kms(kms) = encryption else { return Ok(kept) };
    let input = json!({ "KeyId": kms.key, "CiphertextBlob": kms.data_key, "EncryptionContext": kms.context });
    let plain_key = secret(&ask_kms("Decrypt", input, call, world)?)?;
    let mut sealed = kept.to_vec();
    let nonce = BASE64.decode(&kms.nonce).ok().and_then(|nonce| Nonce::try_assume_unique_for_key(&nonce).ok());
    let length = cipher(&plain_key)?
        .open_in_place(nonce.ok_or_else(AwsError::internal)?, associated(bucket, key, call.partition)?, &mut sealed)
        .map_err(|_| AwsError::internal())?
        .len();
    sealed.truncate(length);
    Ok(Bytes::from(sealed))
}

/// A data key while an object is encrypted with it.
struct DataKey {
    plaintext: Zeroizing<Vec<u8>>,
    /// In Base64.
    encrypted: String,
    /// The ARN of the KMS key.
    key: String,
}

impl DataKey {
    fn seal(
        self,
        plaintext: &[u8],
        bucket_key: bool,
        context: BTreeMap<String, String>,
        (bucket, key): (&str, &str),
        call: &CallContext,
    ) -> Result<Sealed, AwsError> {
        let nonce: [u8; NONCE_LEN] = call.ids.bytes();
        let mut bytes = plaintext.to_vec();
        cipher(&self.plaintext)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                associated(bucket, key, call.partition)?,
                &mut bytes,
            )
            .map_err(|_| AwsError::internal())?;
        let encryption = Encryption::Kms(KmsEncryption {
            key: self.key,
            bucket_key,
            context,
            data_key: self.encrypted,
            nonce: BASE64.encode(nonce),
        });
        Ok(Sealed { bytes: Bytes::from(bytes), encryption })
    }
}

/// S3 calls KMS as whoever calls S3.
fn ask_kms(operation: &str, input: Value, call: &CallContext, world: &mut World) -> Result<Value, AwsError> {
    let endpoint = endpoint(&call.region);
    inside::forward(&endpoint, false, Service::Kms, operation, input, call, world).map_err(of_kms)
}

/// What `kms:ViaService` is.
fn endpoint(region: &Region) -> String {
    let domain = match region.partition() {
        Partition::AwsCn => "amazonaws.com.cn",
        Partition::AwsIso => "c2s.ic.gov",
        Partition::AwsIsoB => "sc2s.sgov.gov",
        _ => "amazonaws.com",
    };
    format!("s3.{region}.{domain}")
}

/// The writer's encryption context with `aws:s3:arn`: of the object, or of the bucket where it has a bucket key.
fn full_context(
    mut context: BTreeMap<String, String>,
    (bucket, key): (&str, &str),
    bucket_key: bool,
    call: &CallContext,
) -> Result<BTreeMap<String, String>, AwsError> {
    let arn: Arn = match bucket_key {
        true => bucket_arn(call.partition, bucket)?,
        false => object_arn(call.partition, bucket, key)?,
    };
    match context.insert(ARN.to_owned(), arn.to_string()) {
        Some(written) if written != arn.as_str() => {
            Err(invalid_argument("The encryption context must not name another aws:s3:arn"))
        }
        _ => Ok(context),
    }
}

/// The header's encryption context: the Base64 of a JSON object of texts.
fn read_context(header: &str) -> Result<BTreeMap<String, String>, AwsError> {
    let json = BASE64.decode(header).ok();
    json.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(|| {
        invalid_argument("The header x-amz-server-side-encryption-context must be Base64 of a JSON object of texts")
    })
}

/// What is encrypted for one object opens for no other.
fn associated(bucket: &str, key: &str, partition: Partition) -> Result<Aad<Vec<u8>>, AwsError> {
    Ok(Aad::from(object_arn(partition, bucket, key)?.as_str().as_bytes().to_vec()))
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, AwsError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| AwsError::internal())
}

fn text(answer: &Value, member: &str) -> Result<String, AwsError> {
    answer.get(member).and_then(Value::as_str).map(str::to_owned).ok_or_else(AwsError::internal)
}

fn secret(answer: &Value) -> Result<Zeroizing<Vec<u8>>, AwsError> {
    let encoded = Zeroizing::new(text(answer, "Plaintext")?);
    BASE64.decode(encoded.as_bytes()).map(Zeroizing::new).map_err(|_| AwsError::internal())
}

pub(super) const AES256: &str = "AES256";
pub(super) const AWS_KMS: &str = "aws:kms";
const HEADER: &str = "x-amz-server-side-encryption";
const ARN: &str = "aws:s3:arn";
const LONGEST_KEY_NAME: usize = 2048;
