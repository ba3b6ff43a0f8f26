//! What time alone brings about: replicas become ready, keys are rotated, deletion windows end.
//!
//! An entry says when to look at what; what then happens follows from what is found there. An entry that was
//! overtaken (a deletion cancelled, a rotation turned off) finds nothing to do, so nothing needs to be taken off.

use jiff::Timestamp;
use keywright_model::{AccountId, KeyId, Region};

use super::error::KmsError;
use super::key::Status;
use super::material::{MaterialBytes, later};
use super::state::{Place, State};
use crate::ids::Ids;
use crate::world::World;

/// Lets happen what is due, in the order in which it fell due.
pub(crate) fn settle(world: &mut World, now: Timestamp, ids: &Ids) {
    let state = &mut world.kms;
    while let Some(entry) = state.agenda.iter().next().map(|(entry, ())| entry.clone()) {
        let Some(due) = Due::read(&entry) else {
            state.agenda.remove(&entry);
            continue;
        };
        if due.at > now {
            return;
        }
        state.agenda.remove(&entry);
        state.come_about(&due, ids);
    }
}

impl State {
    /// Notes that the key's state changes by itself, if it does.
    pub(crate) fn note_status(&mut self, place: &Place) {
        if let Some(at) = self.keys.get(&place.path()).and_then(|key| key.status.changes_at()) {
            self.note(at, What::Status, place);
        }
    }

    /// Notes the next automatic rotation, if there is one.
    pub(crate) fn note_rotation(&mut self, place: &Place) {
        let next = self.backings.get(&place.backing_path()).and_then(|backing| backing.automatic());
        if let Some(automatic) = next {
            self.note(automatic.next, What::Rotation, place);
        }
    }

    fn note(&mut self, at: Timestamp, what: What, place: &Place) {
        // The digits of the time are as many for every time, so that the order of the texts is that of the times.
        let nanoseconds = at.as_nanosecond().max(0);
        self.agenda.insert(format!("{nanoseconds:021}/{}/{}", what.as_str(), place.path()), ());
    }

    fn come_about(&mut self, due: &Due, ids: &Ids) {
        match due.what {
            What::Rotation => self.rotate_if_due(due, ids),
            What::Status => self.change_status_if_due(due),
        }
    }

    /// A key is rotated while its primary is enabled; else the rotation waits until it is enabled again.
    fn rotate_if_due(&mut self, due: &Due, ids: &Ids) {
        let Some(backing) = self.backings.get(&due.place.backing_path()) else { return };
        let is_due = backing.automatic().is_some_and(|automatic| automatic.next <= due.at);
        let primary = self.keys.get(&due.place.in_region(&backing.primary_region).path());
        let is_enabled = primary.is_some_and(|key| matches!(key.status, Status::Enabled | Status::Updating { .. }));
        if !is_due || !is_enabled {
            return;
        }
        if let Ok(backing) = self.backing_mut(&due.place) {
            backing.rotate_automatically(MaterialBytes::draw(|bytes| ids.fill(bytes)));
        }
        self.note_rotation(&due.place);
    }

    fn change_status_if_due(&mut self, due: &Due) {
        let status = self.keys.get(&due.place.path()).map(|key| key.status);
        match status {
            Some(Status::Creating { until } | Status::Updating { until }) if until <= due.at => {
                if let Ok(key) = self.key_mut(&due.place) {
                    key.status = Status::Enabled;
                }
            }
            Some(Status::PendingDeletion { deletion_date }) if deletion_date <= due.at => {
                self.delete(&due.place, due.at)
            }
            _ => {}
        }
    }

    /// Deletes a key with its aliases and grants; with the last of related keys, their material.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html>.
    fn delete(&mut self, place: &Place, at: Timestamp) {
        let Some(key) = self.keys.remove(&place.path()) else { return };
        let aliases: Vec<String> = self.aliases_of(&key).map(|alias| alias.name.to_string()).collect();
        for alias in aliases {
            self.aliases.remove(&format!("{}/{}/{alias}", place.account, place.region));
        }
        let grants: Vec<String> = self.grants_on(&key).map(super::grant::Grant::path).collect();
        for grant in grants {
            self.grants.remove(&grant);
        }
        if self.forget_region(place).is_ok_and(|left| left == 0) {
            // Dropping the record wipes the material.
            self.backings.remove(&place.backing_path());
        } else {
            self.begin_window_of_lone_primary(place, at);
        }
    }

    /// Takes the Region off the related keys, and tells how many are left.
    fn forget_region(&mut self, place: &Place) -> Result<usize, KmsError> {
        let backing = self.backing_mut(place)?;
        backing.regions.remove(&place.region);
        Ok(backing.regions.len())
    }

    /// The waiting period of a primary begins when its last replica is deleted.
    fn begin_window_of_lone_primary(&mut self, place: &Place, at: Timestamp) {
        let Some(backing) = self.backings.get(&place.backing_path()) else { return };
        if backing.regions.len() != 1 {
            return;
        }
        let primary = place.in_region(&backing.primary_region);
        if let Ok(key) = self.key_mut(&primary)
            && let Status::PendingReplicaDeletion { window_in_days } = key.status
        {
            key.status = Status::PendingDeletion { deletion_date: later(at, window_in_days) };
        }
        self.note_status(&primary);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Rotation,
    Status,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rotation => "rotation",
            Self::Status => "status",
        }
    }
}

/// An entry of the agenda, read.
struct Due {
    at: Timestamp,
    what: What,
    place: Place,
}

impl Due {
    fn read(entry: &str) -> Option<Self> {
        let mut parts = entry.split('/');
        let at = Timestamp::from_nanosecond(parts.next()?.parse().ok()?).ok()?;
        let what = [What::Rotation, What::Status].into_iter().find(|what| Some(what.as_str()) == parts.clone().next());
        parts.next();
        let account = AccountId::parse(parts.next()?).ok()?;
        let region = Region::parse(parts.next()?).ok()?;
        let key = KeyId::parse(parts.next()?).ok()?;
        Some(Self { at, what: what?, place: Place { account, region, key } })
    }
}
