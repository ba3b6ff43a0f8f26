use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a request or an answer, written in base64. They may be secret: `Debug` shows nothing, and memory is wiped.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Blob(Zeroizing<Vec<u8>>);

impl Blob {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

impl serde::Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(self.as_slice())))
    }
}

impl<'de> serde::Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let decoded = STANDARD.decode(&text);
        text.zeroize();
        decoded.map(Self::new).map_err(|_| serde::de::Error::custom("it is not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64_on_the_wire_and_nothing_in_debug() {
        let blob = Blob::new(b"secret".to_vec());
        assert_eq!(serde_json::to_value(&blob).expect("writes"), "c2VjcmV0");
        assert_eq!(serde_json::from_str::<Blob>("\"c2VjcmV0\"").expect("reads"), blob);
        assert_eq!(format!("{blob:?}"), "Blob(6 bytes)");
        assert!(serde_json::from_str::<Blob>("\"not base64!\"").is_err());
    }
}
