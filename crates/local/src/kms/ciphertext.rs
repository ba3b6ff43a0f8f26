use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hmac};
use keywright_model::{AccountId, KeyId};
use zeroize::Zeroize;

use super::context::EncryptionContext;
use super::error::KmsError;
use super::material::{KeyMaterial, MaterialId};

/// A ciphertext blob, taken apart: which key and which generation of its material opens it.
///
/// The format is ours; AWS documents that its own is opaque. In order: the version (1 byte); the account (12
/// digits); the length of the key ID (1 byte) and the key ID; the ID of the key material (32 bytes); a salt
/// (16 bytes); the nonce (12 bytes); a checksum of all that (8 bytes); then what AES-256-GCM made.
///
/// Each blob has a key of its own, `HMAC-SHA256(material, label ‖ salt)`, and a random nonce, so that no
/// number of encryptions under one KMS key brings the collision of nonces near. The header and the encryption context are
/// authenticated by GCM; the checksum only tells a damaged header from that of an unknown key.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/cryptographic-details/crypto-primitives.html> (derived data
/// encryption keys).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ciphertext {
    pub(crate) account: AccountId,
    pub(crate) key: KeyId,
    pub(crate) material: MaterialId,
    salt: [u8; SALT],
    nonce: [u8; NONCE],
    header: Vec<u8>,
    sealed: Vec<u8>,
}

/// The fresh random bytes of one encryption.
#[derive(Clone, Copy)]
pub(crate) struct Freshness {
    salt: [u8; SALT],
    nonce: [u8; NONCE],
}

impl Freshness {
    /// Draws fresh bytes; `random` fills what it is given.
    pub(crate) fn draw(mut random: impl FnMut(&mut [u8])) -> Self {
        let mut fresh = Self { salt: [0; SALT], nonce: [0; NONCE] };
        random(&mut fresh.salt);
        random(&mut fresh.nonce);
        fresh
    }
}

/// Encrypts `plaintext`, and gives the blob.
pub(crate) fn seal(
    account: &AccountId,
    key: &KeyId,
    material: &KeyMaterial,
    context: &EncryptionContext,
    plaintext: &[u8],
    fresh: Freshness,
) -> Result<Vec<u8>, KmsError> {
    let mut blob = header(account, key, &material.id, fresh);
    let mut sealed = plaintext.to_vec();
    let result = cipher(material, &fresh.salt)?.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(fresh.nonce),
        Aad::from(associated_data(&blob, context)),
        &mut sealed,
    );
    if result.is_err() {
        sealed.zeroize();
        return Err(KmsError::internal("encryption failed"));
    }
    blob.append(&mut sealed);
    Ok(blob)
}

impl Ciphertext {
    /// Takes a blob apart.
    ///
    /// # Errors
    /// `InvalidCiphertextException` for what no key of this KMS has made, or was damaged since.
    pub(crate) fn parse(blob: &[u8]) -> Result<Self, KmsError> {
        Self::read(blob).ok_or(KmsError::InvalidCiphertext)
    }

    fn read(blob: &[u8]) -> Option<Self> {
        let mut rest = blob;
        if take(&mut rest, 1)? != [VERSION] {
            return None;
        }
        let account = AccountId::parse(std::str::from_utf8(take(&mut rest, 12)?).ok()?).ok()?;
        let key_length = usize::from(*take(&mut rest, 1)?.first()?);
        let key = KeyId::parse(std::str::from_utf8(take(&mut rest, key_length)?).ok()?).ok()?;
        let material = MaterialId::from_bytes(take(&mut rest, MATERIAL)?);
        let salt = take(&mut rest, SALT)?.try_into().ok()?;
        let nonce = take(&mut rest, NONCE)?.try_into().ok()?;
        let named = blob.get(..blob.len() - rest.len())?;
        if take(&mut rest, CHECKSUM)? != checksum(named) {
            return None;
        }
        let header = blob.get(..blob.len() - rest.len())?.to_vec();
        Some(Self { account, key, material, salt, nonce, header, sealed: rest.to_vec() })
    }

    /// Decrypts with the material that the blob names.
    ///
    /// # Errors
    /// `InvalidCiphertextException` when anything was changed, or the encryption context is another one.
    pub(crate) fn open(mut self, material: &KeyMaterial, context: &EncryptionContext) -> Result<Vec<u8>, KmsError> {
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let associated = Aad::from(associated_data(&self.header, context));
        let opened = cipher(material, &self.salt)?
            .open_in_place(nonce, associated, &mut self.sealed)
            .map(|plaintext| plaintext.len())
            .map_err(|_| KmsError::InvalidCiphertext)?;
        self.sealed.truncate(opened);
        Ok(self.sealed)
    }
}

fn header(account: &AccountId, key: &KeyId, material: &MaterialId, fresh: Freshness) -> Vec<u8> {
    let key = key.as_str().as_bytes();
    let mut header = vec![VERSION];
    header.extend_from_slice(account.as_str().as_bytes());
    // A key ID has 36 bytes at most.
    header.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
    header.extend_from_slice(key);
    header.extend_from_slice(&material.to_bytes());
    header.extend_from_slice(&fresh.salt);
    header.extend_from_slice(&fresh.nonce);
    let sum = checksum(&header);
    header.extend_from_slice(&sum);
    header
}

fn associated_data(header: &[u8], context: &EncryptionContext) -> Vec<u8> {
    // The header gives its own length by its key ID's length, so the two cannot run into each other.
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(&context.to_bytes());
    bytes
}

fn cipher(material: &KeyMaterial, salt: &[u8]) -> Result<LessSafeKey, KmsError> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, material.bytes.expose());
    let mut derivation = hmac::Context::with_key(&key);
    derivation.update(b"keywright ciphertext 1");
    derivation.update(salt);
    let key = UnboundKey::new(&AES_256_GCM, derivation.sign().as_ref())
        .map_err(|_| KmsError::internal("the key material has the wrong length"))?;
    Ok(LessSafeKey::new(key))
}

fn checksum(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().copied().take(CHECKSUM).collect()
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

const VERSION: u8 = 1;
const MATERIAL: usize = 32;
const SALT: usize = 16;
const NONCE: usize = 12;
const CHECKSUM: usize = 8;

#[cfg(test)]
mod tests {
    use keywright_model::Region;
    use proptest::prelude::*;

    use super::super::material::{Backing, MaterialBytes};
    use super::*;

    fn account() -> AccountId {
        AccountId::parse("111122223333").expect("an account")
    }

    fn key() -> KeyId {
        KeyId::parse("mrk-1234abcd12ab34cd56ef1234567890ab").expect("a key ID")
    }

    fn backing(seed: u8) -> Backing {
        Backing::new(MaterialBytes::draw(|bytes| bytes.fill(seed)), Region::parse("eu-west-1").expect("a Region"))
    }

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        pairs.iter().copied().collect()
    }

    fn sealed(plaintext: &[u8], context: &EncryptionContext, seed: u8) -> Vec<u8> {
        let fresh = Freshness::draw(|bytes| bytes.fill(seed));
        seal(&account(), &key(), backing(1).current().expect("current"), context, plaintext, fresh).expect("sealed")
    }

    fn opened(blob: &[u8], context: &EncryptionContext) -> Result<Vec<u8>, KmsError> {
        let parsed = Ciphertext::parse(blob)?;
        let backing = backing(1);
        let material = backing.material(&parsed.material).ok_or(KmsError::InvalidCiphertext)?;
        parsed.open(material, context)
    }

    #[test]
    fn a_blob_names_its_account_key_and_material() {
        let blob = Ciphertext::parse(&sealed(b"x", &context(&[]), 0)).expect("parses");
        assert_eq!((blob.account, blob.key), (account(), key()));
        assert_eq!(blob.material, backing(1).current().expect("current").id);
    }

    #[test]
    fn refuses_a_blob_with_any_one_byte_changed_left_out_or_added() {
        let context = context(&[("purpose", "test")]);
        let blob = sealed(b"a secret of some length", &context, 3);
        for at in 0..blob.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = blob.clone();
                changed[at] ^= flip;
                assert_eq!(opened(&changed, &context), Err(KmsError::InvalidCiphertext), "byte {at} ^ {flip}");
            }
            assert_eq!(opened(&blob[..at], &context), Err(KmsError::InvalidCiphertext), "cut at {at}");
        }
        let longer = [blob.as_slice(), &[0]].concat();
        assert_eq!(opened(&longer, &context), Err(KmsError::InvalidCiphertext));
    }

    #[test]
    fn refuses_another_encryption_context() {
        let blob = sealed(b"secret", &context(&[("ab", "c")]), 0);
        assert_eq!(opened(&blob, &context(&[("ab", "c")])).as_deref(), Ok(b"secret".as_slice()));
        for other in [&[][..], &[("a", "bc")], &[("AB", "c")], &[("ab", "C")], &[("ab", "c"), ("d", "")]] {
            assert_eq!(opened(&blob, &context(other)), Err(KmsError::InvalidCiphertext), "{other:?}");
        }
    }

    #[test]
    fn other_material_of_the_same_name_does_not_open_it() {
        let blob = Ciphertext::parse(&sealed(b"secret", &context(&[]), 0)).expect("parses");
        let other = backing(2);
        assert_eq!(blob.open(other.current().expect("current"), &context(&[])), Err(KmsError::InvalidCiphertext));
    }

    #[test]
    fn the_same_plaintext_gives_another_blob_each_time() {
        let (one, other) = (sealed(b"secret", &context(&[]), 1), sealed(b"secret", &context(&[]), 2));
        assert_ne!(one[one.len() - 22..], other[other.len() - 22..]);
    }

    #[test]
    fn the_largest_plaintext_gives_a_blob_within_the_limit_of_the_api() {
        assert!(sealed(&[7; 4096], &context(&[]), 0).len() <= 6144);
    }

    proptest! {
        #[test]
        fn what_was_encrypted_is_decrypted(
            plaintext in proptest::collection::vec(any::<u8>(), 1..200),
            pairs in proptest::collection::btree_map(".{0,6}", ".{0,6}", 0..4),
        ) {
            let context: EncryptionContext = pairs.into_iter().collect();
            prop_assert_eq!(opened(&sealed(&plaintext, &context, 5), &context), Ok(plaintext));
        }

        #[test]
        fn no_bytes_make_the_parser_fall_over(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Ciphertext::parse(&bytes), Err(KmsError::InvalidCiphertext));
        }
    }
}
