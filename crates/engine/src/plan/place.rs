//! An address and its Region as JSON.

use keywright_model::{Address, Region};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::address;

pub(super) fn serialize<S: Serializer>(place: &Option<(Address, Region)>, serializer: S) -> Result<S::Ok, S::Error> {
    place.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(Address, Region)>, D::Error> {
    let place = Option::<(String, Region)>::deserialize(deserializer)?;
    let read = |(text, region): (String, Region)| {
        let address = address::parse(&text).ok_or_else(|| D::Error::custom("not an address"))?;
        Ok((address, region))
    };
    place.map(read).transpose()
}
