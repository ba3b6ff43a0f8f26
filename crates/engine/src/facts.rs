//! All that was read from AWS, and a fingerprint of it.

use std::collections::BTreeMap;

use keywright_model::{Address, Arn};
use serde_json::json;

use crate::address::InstanceKey;
use crate::provider::{Actor, CallerIdentity, KeyGrant, Observed};
use crate::schema::schema;

/// All that a refresh read.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) caller: CallerIdentity,
    /// What each instance of the state is; none where it is gone.
    pub(crate) observed: BTreeMap<InstanceKey, Option<Observed>>,
    /// Whether these roles exist.
    pub(crate) roles: BTreeMap<Arn, bool>,
    /// Replicas that are wanted and not in the state, but there: on their way out, or of a run that was cut.
    pub(crate) pending: BTreeMap<Address, Observed>,
    /// Who makes the calls on each key.
    pub(crate) actors: BTreeMap<InstanceKey, Actor>,
    /// All grants of each key, where they were asked for; why not, where they may not be listed. Services make some at any
    /// time, so no plan stands on them.
    pub(crate) grants: BTreeMap<InstanceKey, Result<Vec<KeyGrant>, String>>,
}

impl Facts {
    /// Each fact and a number that changes with it. Attributes that follow from other resources are left out.
    pub(crate) fn fingerprint(&self) -> BTreeMap<String, String> {
        let mut prints = BTreeMap::new();
        for (key, observed) in &self.observed {
            let text = observed.as_ref().map_or_else(|| "gone".to_owned(), |observed| canonical(key, observed));
            prints.insert(key.to_string(), digest(&text));
        }
        for (address, observed) in &self.pending {
            prints.insert(
                format!("{address} (not in the state)"),
                digest(&canonical(&InstanceKey::current(address), observed)),
            );
        }
        for (role, exists) in &self.roles {
            prints.insert(role.to_string(), digest(&exists.to_string()));
        }
        prints.insert("the account".to_owned(), digest(self.caller.account.as_str()));
        prints
    }
}

fn canonical(key: &InstanceKey, observed: &Observed) -> String {
    let schema = schema(key.address.kind);
    let told = observed.attributes.iter().filter(|(name, _)| {
        schema.attribute(name).is_some_and(|attribute| !attribute.volatile && !attribute.unread && !attribute.sensitive)
    });
    let attributes: BTreeMap<_, _> = told.collect();
    json!([attributes, observed.standing]).to_string()
}

/// FNV-1a of 64 bits: it tells changes apart, and guards against nobody.
fn digest(text: &str) -> String {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}
