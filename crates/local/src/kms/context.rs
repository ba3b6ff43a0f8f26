use std::collections::BTreeMap;

/// The encryption context of a request: pairs that are not secret and must be the same when decrypting.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(crate) fn into_pairs(self) -> BTreeMap<String, String> {
        self.0
    }

    /// The pairs as one sequence of bytes: sorted by key, each key and value behind its length, so that no two
    /// contexts have the same bytes (`{"ab": "c"}` is not `{"a": "bc"}`).
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = length(self.0.len()).to_vec();
        for text in self.0.iter().flat_map(|(key, value)| [key, value]) {
            bytes.extend_from_slice(&length(text.len()));
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// Whether every pair of `other` is a pair of this one.
    pub(crate) fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|(key, value)| self.0.get(key) == Some(value))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for EncryptionContext {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

fn length(count: usize) -> [u8; 8] {
    // A `usize` fits in 64 bits wherever Rust has a standard library.
    (count as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contexts_that_join_to_the_same_text_have_different_bytes() {
        let one: EncryptionContext = [("ab", "c")].into_iter().collect();
        let other: EncryptionContext = [("a", "bc")].into_iter().collect();
        assert_ne!(one.to_bytes(), other.to_bytes());
    }

    proptest! {
        #[test]
        fn different_contexts_have_different_bytes(
            one in proptest::collection::btree_map("[ab]{0,2}", "[ab]{0,2}", 0..4),
            other in proptest::collection::btree_map("[ab]{0,2}", "[ab]{0,2}", 0..4),
        ) {
            let (one, other) = (EncryptionContext(one), EncryptionContext(other));
            prop_assert_eq!(one == other, one.to_bytes() == other.to_bytes());
        }
    }
}
