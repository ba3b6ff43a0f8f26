use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::{digest, rand};

/// Where ids, secrets, nonces and key material come from.
///
/// A seeded source repeats a run to the byte. It is for tests: nothing that it makes is secret.
#[derive(Clone)]
pub struct Ids(Source);

#[derive(Clone)]
enum Source {
    Random,
    Seeded { seed: u64, drawn: Arc<AtomicU64> },
}

impl Ids {
    /// The operating system's random numbers.
    pub fn random() -> Self {
        Self(Source::Random)
    }

    /// A sequence that follows from the seed alone.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded { seed, drawn: Arc::new(AtomicU64::new(0)) })
    }

    /// Fills the buffer.
    pub(crate) fn fill(&self, buffer: &mut [u8]) {
        match &self.0 {
            Source::Random => fill_random(buffer),
            Source::Seeded { seed, drawn } => {
                for chunk in buffer.chunks_mut(digest::SHA256_OUTPUT_LEN) {
                    let mut hash = digest::Context::new(&digest::SHA256);
                    hash.update(&seed.to_be_bytes());
                    hash.update(&drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                    let block = hash.finish();
                    chunk.iter_mut().zip(block.as_ref()).for_each(|(to, from)| *to = *from);
                }
            }
        }
    }

    /// So many bytes.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A UUID of version 4.
    pub(crate) fn uuid(&self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// An id as IAM makes them: the prefix that tells the kind (`AROA`, `AKIA`, …), then 16 characters.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.
    pub(crate) fn unique_id(&self, prefix: &str) -> String {
        format!(
            "{prefix}{}",
            self.text(UNIQUE_ID_ALPHABET, if prefix.starts_with("AK") || prefix.starts_with("AS") { 16 } else { 17 })
        )
    }

    /// A text of so many letters and digits.
    pub(crate) fn alphanumeric(&self, length: usize) -> String {
        self.text(ALPHANUMERIC, length)
    }

    fn text(&self, alphabet: &[u8], length: usize) -> String {
        let mut bytes = vec![0; length * 2];
        self.fill(&mut bytes);
        bytes
            .chunks(2)
            .map(|pair| pair.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)))
            .filter_map(|number| alphabet.get(number % alphabet.len()))
            .map(|byte| char::from(*byte))
            .collect()
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Random => "Ids::random()",
            Source::Seeded { .. } => "Ids::seeded(..)",
        })
    }
}

#[expect(clippy::expect_used, reason = "without random numbers no answer would be safe")]
fn fill_random(buffer: &mut [u8]) {
    rand::fill(buffer).expect("the operating system gives random numbers");
}

const UNIQUE_ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_never_draws_twice_the_same() {
        let (left, right) = (Ids::seeded(7), Ids::seeded(7));
        let first: [u8; 40] = left.bytes();
        assert_eq!(first, right.bytes());
        assert_ne!(first, left.bytes());
        assert_ne!(Ids::seeded(8).bytes::<40>(), first);
    }

    #[test]
    fn unique_ids_have_the_shape_of_iam() {
        let ids = Ids::random();
        assert_eq!(ids.unique_id("AROA").len(), 21);
        assert_eq!(ids.unique_id("AKIA").len(), 20);
        assert!(ids.unique_id("AIDA").bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
    }
}
