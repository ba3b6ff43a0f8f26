//! Checksums that come with a body, and go out with it.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::error::invalid_request;
use crate::error::AwsError;

/// How a checksum is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// A checksum that an object has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    /// In Base64.
    pub(crate) value: String,
}

impl Algorithm {
    pub(super) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The header that carries it.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The element that carries it.
    pub(super) fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// The checksum of a body, in Base64.
    pub(super) fn of(self, body: &[u8]) -> String {
        match self {
            Self::Crc32 => BASE64.encode(CRC_32.checksum(body).to_be_bytes()),
            Self::Crc32c => BASE64.encode(CRC_32C.checksum(body).to_be_bytes()),
            Self::Crc64Nvme => BASE64.encode(CRC_64.checksum(body).to_be_bytes()),
            Self::Sha1 => BASE64.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, body)),
            Self::Sha256 => BASE64.encode(digest::digest(&digest::SHA256, body)),
        }
    }
}

/// Checks a body against the checksum that came with it.
///
/// # Errors
/// When it is another.
pub(super) fn verify(algorithm: Algorithm, value: &str, body: &[u8]) -> Result<(), AwsError> {
    if algorithm.of(body) == value {
        return Ok(());
    }
    let header = algorithm.header();
    let length = BASE64.decode(value).map(|bytes| bytes.len()).ok();
    if length != BASE64.decode(algorithm.of(&[])).map(|bytes| bytes.len()).ok() {
        return Err(invalid_request(format!("Value for {header} header is invalid.")));
    }
    let name = header.trim_start_matches("x-amz-checksum-").to_ascii_uppercase();
    Err(AwsError::new("BadDigest", 400, format!("The {name} you specified did not match the calculated checksum.")))
}

/// Checks a body against the digest of `Content-MD5`.
///
/// # Errors
/// When it is another.
pub(super) fn verify_md5(digest: &str, body: &[u8]) -> Result<(), AwsError> {
    match BASE64.decode(digest) {
        Ok(bytes) if bytes.len() == 16 && bytes == md5(body) => Ok(()),
        Ok(bytes) if bytes.len() == 16 => {
            Err(AwsError::new("BadDigest", 400, "The Content-MD5 you specified did not match what we received."))
        }
        _ => Err(AwsError::new("InvalidDigest", 400, "The Content-MD5 you specified was invalid.")),
    }
}

/// The MD5 of a body, which is the ETag of an object that KMS has no part in.
pub(super) fn md5(body: &[u8]) -> [u8; 16] {
    Md5::digest(body).into()
}

const CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const CRC_32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
const CRC_64: Crc<u64> = Crc::<u64>::new(&CRC_64_NVME);

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: the check values (of `123456789`) of the catalogue of CRC algorithms, and RFC 3174 and FIPS 180 for `abc`.
    #[test]
    fn checksums_are_those_of_their_standards() {
        for (algorithm, body, expect) in [
            (Algorithm::Crc32, "123456789", "y/Q5Jg=="),
            (Algorithm::Crc32c, "123456789", "4waSgw=="),
            (Algorithm::Crc64Nvme, "123456789", "rosUhgp5mIg="),
            (Algorithm::Sha1, "abc", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
            (Algorithm::Sha256, "abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
        ] {
            assert_eq!(algorithm.of(body.as_bytes()), expect, "{algorithm:?}");
            assert_eq!(verify(algorithm, expect, body.as_bytes()), Ok(()));
            assert_eq!(verify(algorithm, expect, b"other").expect_err("another body").code, "BadDigest");
            assert_eq!(verify(algorithm, "AAAA", b"other").expect_err("too short").code, "InvalidRequest");
        }
        assert_eq!(verify_md5("kAFQmDzST7DWlj99KOF/cg==", b"abc"), Ok(()));
        assert_eq!(verify_md5("kAFQmDzST7DWlj99KOF/cg==", b"abd").expect_err("another").code, "BadDigest");
        assert_eq!(verify_md5("AA==", b"abc").expect_err("too short").code, "InvalidDigest");
    }
}
