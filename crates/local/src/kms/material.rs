use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use keywright_model::Region;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::error::KmsError;

/// What related keys share: all of a multi-Region key's Regions have one, a single-Region key has its own.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html>.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Backing {
    /// Oldest first; the last one is current. Never empty.
    materials: Vec<KeyMaterial>,
    automatic: Option<AutomaticRotation>,
    on_demand_rotations: u32,
    /// The Region of the primary key, or of the only key.
    pub(crate) primary_region: Region,
    /// Every Region in which there is a key, also one that is pending deletion.
    pub(crate) regions: BTreeSet<Region>,
}

/// Automatic rotation: how often, and when next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct AutomaticRotation {
    pub(crate) period_in_days: u16,
    pub(crate) next: Timestamp,
}

/// One generation of key material.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct KeyMaterial {
    /// 64 hexadecimal digits.
    pub(crate) id: MaterialId,
    pub(crate) bytes: MaterialBytes,
    /// How and when it came to be current; none for the first.
    pub(crate) rotation: Option<Rotation>,
}

/// How and when a rotation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Rotation {
    pub(crate) date: Timestamp,
    pub(crate) kind: RotationKind,
}

/// `RotationType` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum RotationKind {
    #[serde(rename = "AUTOMATIC")]
    Automatic,
    #[serde(rename = "ON_DEMAND")]
    OnDemand,
}

impl Backing {
    pub(crate) fn new(bytes: MaterialBytes, region: Region) -> Self {
        Self {
            materials: vec![KeyMaterial::new(bytes, None)],
            automatic: None,
            on_demand_rotations: 0,
            primary_region: region.clone(),
            regions: BTreeSet::from([region]),
        }
    }

    /// The material that encrypts.
    pub(crate) fn current(&self) -> Result<&KeyMaterial, KmsError> {
        self.materials.last().ok_or_else(|| KmsError::internal("the key has no material"))
    }

    /// The material that a ciphertext names, however old.
    pub(crate) fn material(&self, id: &MaterialId) -> Option<&KeyMaterial> {
        self.materials.iter().find(|material| material.id == *id)
    }

    /// Every generation, oldest first.
    pub(crate) fn materials(&self) -> &[KeyMaterial] {
        &self.materials
    }

    pub(crate) fn automatic(&self) -> Option<AutomaticRotation> {
        self.automatic
    }

    /// Turns automatic rotation on, or changes its period; the first rotation comes one period from now. The same
    /// period again changes nothing.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>.
    pub(crate) fn rotate_every(&mut self, period_in_days: u16, now: Timestamp) {
        if self.automatic.is_some_and(|automatic| automatic.period_in_days == period_in_days) {
            return;
        }
        self.automatic = Some(AutomaticRotation { period_in_days, next: later(now, period_in_days) });
    }

    pub(crate) fn stop_rotating(&mut self) {
        self.automatic = None;
    }

    /// Puts off a rotation that fell due while the key could not be rotated, until now.
    pub(crate) fn resume_rotating(&mut self, now: Timestamp) {
        if let Some(automatic) = &mut self.automatic {
            automatic.next = automatic.next.max(now);
        }
    }

    /// Makes the automatic rotation that is due.
    pub(crate) fn rotate_automatically(&mut self, bytes: MaterialBytes) {
        if let Some(automatic) = &mut self.automatic {
            let date = automatic.next;
            automatic.next = later(date, automatic.period_in_days);
            self.materials.push(KeyMaterial::new(bytes, Some(Rotation { date, kind: RotationKind::Automatic })));
        }
    }

    /// Rotates now; the schedule of automatic rotation stays.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_RotateKeyOnDemand.html>.
    pub(crate) fn rotate_on_demand(&mut self, bytes: MaterialBytes, now: Timestamp) -> Result<(), KmsError> {
        if self.on_demand_rotations >= MAX_ON_DEMAND_ROTATIONS {
            return Err(KmsError::LimitExceeded {
                message: format!(
                    "The key has been rotated on demand {MAX_ON_DEMAND_ROTATIONS} times, the most allowed."
                ),
            });
        }
        if self.automatic.is_some_and(|automatic| automatic.next <= now + ABOUT_TO_ROTATE) {
            return Err(KmsError::Conflict {
                message: "An automatic rotation of this key is in progress or begins within the next 20 minutes."
                    .to_owned(),
            });
        }
        self.on_demand_rotations += 1;
        self.materials.push(KeyMaterial::new(bytes, Some(Rotation { date: now, kind: RotationKind::OnDemand })));
        Ok(())
    }
}

impl KeyMaterial {
    fn new(bytes: MaterialBytes, rotation: Option<Rotation>) -> Self {
        Self { id: MaterialId::of(&bytes), bytes, rotation }
    }
}

/// The ID of one generation of key material: 32 bytes, written as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct MaterialId(String);

impl MaterialId {
    fn of(bytes: &MaterialBytes) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes.expose());
        Self::from_bytes(hmac::sign(&key, b"keywright key material id").as_ref())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(hex(bytes))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The 32 bytes, as they stand in a ciphertext.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let digits: Vec<u8> = self
            .0
            .chars()
            .filter_map(|digit| digit.to_digit(16))
            .filter_map(|digit| u8::try_from(digit).ok())
            .collect();
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect()
    }
}

/// The secret bytes of a key. They are wiped from memory when dropped, and never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(crate) struct MaterialBytes([u8; 32]);

impl MaterialBytes {
    /// Draws new material; `random` fills what it is given.
    pub(crate) fn draw(random: impl FnOnce(&mut [u8])) -> Self {
        let mut bytes = Self([0; 32]);
        random(&mut bytes.0);
        bytes
    }

    /// The bytes themselves. Whoever calls this answers for where they go.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MaterialBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaterialBytes(..)")
    }
}

/// Only the store writes this: key material must survive a restart.
impl serde::Serialize for MaterialBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = STANDARD.encode(self.0);
        let result = serializer.serialize_str(&text);
        text.zeroize();
        result
    }
}

impl<'de> serde::Deserialize<'de> for MaterialBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let decoded = STANDARD.decode(&text);
        text.zeroize();
        let mut bytes = decoded.map_err(|_| serde::de::Error::custom("key material is not base64"))?;
        let result = <[u8; 32]>::try_from(bytes.as_slice()).map(Self);
        bytes.zeroize();
        result.map_err(|_| serde::de::Error::custom("key material does not have 32 bytes"))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// That many days later.
pub(crate) fn later(from: Timestamp, days: u16) -> Timestamp {
    from.saturating_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX)
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/rotating-keys-on-demand.html>.
pub(crate) const MAX_ON_DEMAND_ROTATIONS: u32 = 25;
pub(crate) const DEFAULT_ROTATION_PERIOD_IN_DAYS: u16 = 365;
const ABOUT_TO_ROTATE: SignedDuration = SignedDuration::from_mins(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(seed: u8) -> MaterialBytes {
        MaterialBytes::draw(|bytes| bytes.fill(seed))
    }

    fn backing() -> Backing {
        Backing::new(bytes(1), Region::parse("eu-west-1").expect("a Region"))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn key_material_is_never_in_debug() {
        let shown = format!("{:?}", backing());
        assert!(shown.contains("MaterialBytes(..)"), "{shown}");
        assert!(!shown.contains(&STANDARD.encode([1u8; 32])) && !shown.contains(&hex(&[1; 32])), "{shown}");
        assert!(!shown.contains("1, 1, 1"), "{shown}");
    }

    #[test]
    fn a_stored_backing_is_read_back_whole() {
        let text = serde_json::to_string(&backing()).expect("writes");
        let read: Backing = serde_json::from_str(&text).expect("reads");
        assert_eq!(read.current().expect("current").bytes, bytes(1));
        assert_eq!(read.current().expect("current").id, backing().current().expect("current").id);
    }

    #[test]
    fn material_ids_have_64_digits_and_go_to_bytes_and_back() {
        let id = MaterialId::of(&bytes(7));
        assert_eq!(id.as_str().len(), 64);
        assert_eq!(MaterialId::from_bytes(&id.to_bytes()), id);
        assert_ne!(id, MaterialId::of(&bytes(8)));
    }

    #[test]
    fn automatic_rotation_keeps_old_material_and_its_schedule() {
        let mut backing = backing();
        backing.rotate_every(90, at("2026-01-01T00:00:00Z"));
        assert_eq!(backing.automatic().map(|automatic| automatic.next), Some(at("2026-04-01T00:00:00Z")));
        let first = backing.current().expect("current").id.clone();
        backing.rotate_automatically(bytes(2));
        assert_ne!(backing.current().expect("current").id, first);
        assert!(backing.material(&first).is_some());
        assert_eq!(backing.automatic().map(|automatic| automatic.next), Some(at("2026-06-30T00:00:00Z")));
    }

    #[test]
    fn the_same_period_again_keeps_the_schedule_and_another_starts_anew() {
        let mut backing = backing();
        backing.rotate_every(365, at("2026-01-01T00:00:00Z"));
        backing.rotate_every(365, at("2026-02-01T00:00:00Z"));
        assert_eq!(backing.automatic().map(|automatic| automatic.next), Some(at("2027-01-01T00:00:00Z")));
        backing.rotate_every(100, at("2026-02-01T00:00:00Z"));
        assert_eq!(backing.automatic().map(|automatic| automatic.next), Some(at("2026-05-12T00:00:00Z")));
    }

    #[test]
    fn refuses_the_26th_rotation_on_demand() {
        let mut backing = backing();
        for seed in 0..25 {
            backing.rotate_on_demand(bytes(seed), at("2026-01-01T00:00:00Z")).expect("allowed");
        }
        let refused = backing.rotate_on_demand(bytes(99), at("2026-01-01T00:00:00Z"));
        assert_eq!(refused.map_err(|error| error.code()), Err("LimitExceededException"));
        assert_eq!(backing.materials().len(), 26);
    }

    #[test]
    fn refuses_rotation_on_demand_within_20_minutes_of_the_automatic_one() {
        let mut backing = backing();
        backing.rotate_every(90, at("2026-01-01T00:00:00Z"));
        let refused = backing.rotate_on_demand(bytes(2), at("2026-03-31T23:40:00Z"));
        assert_eq!(refused.map_err(|error| error.code()), Err("ConflictException"));
        backing.rotate_on_demand(bytes(2), at("2026-03-31T23:39:59Z")).expect("21 minutes ahead");
        assert_eq!(backing.automatic().map(|automatic| automatic.next), Some(at("2026-04-01T00:00:00Z")));
    }
}
