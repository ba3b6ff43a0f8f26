use aws_lc_rs::{constant_time, digest, hmac};
use zeroize::Zeroizing;

use super::authorization::{ALGORITHM, Scope, TERMINATOR};

/// A signature, and what signs further parts of the same request.
pub(super) struct Signed<'a> {
    /// In hexadecimal digits.
    pub(super) signature: String,
    key: Zeroizing<Vec<u8>>,
    scope: &'a Scope,
    stamp: &'a str,
}

/// The signature of a canonical request.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#calculate-signature>.
pub(super) fn sign<'a>(secret: &str, scope: &'a Scope, stamp: &'a str, canonical_request: &str) -> Signed<'a> {
    let Scope { date, region, service, .. } = scope;
    let key = [date, region, service, TERMINATOR]
        .into_iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()));
    let mut signed = Signed { signature: String::new(), key: Zeroizing::new(key), scope, stamp };
    signed.signature = signed.sign(ALGORITHM, &sha256_hex(canonical_request.as_bytes()));
    signed
}

impl Signed<'_> {
    /// The signature of a chunk or a trailer, which builds on the one before.
    pub(super) fn sign_next(&self, algorithm: &str, last: &str, hashes: &str) -> String {
        self.sign(algorithm, &format!("{last}\n{hashes}"))
    }

    fn sign(&self, algorithm: &str, text: &str) -> String {
        let Scope { date, region, service, .. } = self.scope;
        let stamp = self.stamp;
        let text = format!("{algorithm}\n{stamp}\n{date}/{region}/{service}/{TERMINATOR}\n{text}");
        hex(&hmac_sha256(&self.key, text.as_bytes()))
    }
}

/// Whether two signatures are the same, in a time that does not tell where they differ.
pub(super) fn is_equal(left: &str, right: &str) -> bool {
    is_equal_bytes(left.as_bytes(), right.as_bytes())
}

/// As [`is_equal`].
pub(super) fn is_equal_bytes(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
