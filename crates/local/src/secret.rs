use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes that are kept in the store and shown nowhere: a secret access key, key material.
///
/// `Debug` prints nothing of them, and memory is wiped when they are dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredSecret(Zeroizing<Vec<u8>>);

impl StoredSecret {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes. Whoever calls this answers for where they go.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text, for those that were made from text.
    pub(crate) fn expose_text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredSecret(..)")
    }
}

impl Serialize for StoredSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64.encode(self.expose())))
    }
}

impl<'de> Deserialize<'de> for StoredSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        BASE64.decode(text.as_bytes()).map(Self::new).map_err(serde::de::Error::custom)
    }
}

/// A secret text in a request: `Debug` prints nothing of it, and memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct GivenSecret(Zeroizing<String>);

impl GivenSecret {
    /// The text. Whoever calls this answers for where it goes.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for GivenSecret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for GivenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GivenSecret(..)")
    }
}

/// A secret in an answer: it is written to whom it belongs, and `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ShownSecret(String);

impl From<String> for ShownSecret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&StoredSecret> for ShownSecret {
    fn from(secret: &StoredSecret) -> Self {
        Self(secret.expose_text().to_owned())
    }
}

impl fmt::Debug for ShownSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_and_storing_gives_it_back() {
        let secret = StoredSecret::new("hunter2");
        let given: GivenSecret = serde_json::from_str("\"hunter2\"").expect("read");
        assert_eq!(given.expose(), "hunter2");
        assert!(!format!("{secret:?} {:?} {given:?}", ShownSecret::from(&secret)).contains("hunter2"));
        let stored = serde_json::to_string(&secret).expect("stored");
        assert_eq!(serde_json::from_str::<StoredSecret>(&stored).expect("loaded"), secret);
    }
}
