use jiff::Timestamp;
use keywright_model::{AccountId, Arn, KeyId, Region, Tags};

use super::error::KmsError;
use super::material::{Backing, later};
use crate::policy::StoredPolicy;

/// One KMS key: what each Region has of its own. What related keys share is their [`Backing`].
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Key {
    pub(crate) arn: Arn,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) id: KeyId,
    pub(crate) created: Timestamp,
    pub(crate) description: String,
    pub(crate) status: Status,
    pub(crate) policy: StoredPolicy,
    pub(crate) tags: Tags,
}

/// The state of a key, with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Status {
    /// A replica that is being made, ready at that time.
    Creating {
        until: Timestamp,
    },
    Enabled,
    Disabled,
    /// One of two keys that change places as primary, until that time. Both were enabled.
    Updating {
        until: Timestamp,
    },
    /// Deleted at that time, unless cancelled.
    PendingDeletion {
        deletion_date: Timestamp,
    },
    /// A primary that waits for its replicas to be deleted; then its waiting period begins.
    PendingReplicaDeletion {
        window_in_days: u16,
    },
}

/// What an operation asks of the state of its key.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>, the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Any state will do: reads, policies, revoking and retiring grants, deleting aliases.
    Any,
    /// Cryptographic operations: enabled, or changing places.
    Usable,
    /// `CreateGrant`, rotation: enabled.
    Enabled,
    /// `EnableKey`, `DisableKey`, `ScheduleKeyDeletion`: neither on its way in nor out.
    Settled,
    /// Aliases, tags, description: not on its way out, and not just being made.
    Alive,
    /// `CancelKeyDeletion`.
    PendingDeletion,
}

impl Key {
    pub(crate) fn is_multi_region(&self) -> bool {
        self.id.is_multi_region()
    }

    /// Whether it is the primary of a multi-Region key, or a single-Region key.
    pub(crate) fn is_primary(&self, backing: &Backing) -> bool {
        backing.primary_region == self.region
    }

    /// Refuses what the state does not allow.
    ///
    /// # Errors
    /// `DisabledException`, `KMSInvalidStateException`.
    pub(crate) fn require(&self, need: Need) -> Result<(), KmsError> {
        let invalid = |why| Err(KmsError::InvalidState { arn: self.arn.clone(), why });
        match (need, self.status) {
            (Need::Any, _)
            | (Need::Usable, Status::Enabled | Status::Updating { .. })
            | (Need::Enabled, Status::Enabled)
            | (Need::Settled, Status::Enabled | Status::Disabled)
            | (Need::Alive, Status::Enabled | Status::Disabled | Status::Updating { .. })
            | (Need::PendingDeletion, Status::PendingDeletion { .. } | Status::PendingReplicaDeletion { .. }) => Ok(()),
            (Need::PendingDeletion, _) => invalid("is not pending deletion"),
            (_, Status::Disabled) => Err(KmsError::Disabled { arn: self.arn.clone() }),
            (_, Status::Creating { .. }) => invalid("is creating"),
            (_, Status::Updating { .. }) => invalid("is updating"),
            (_, Status::PendingDeletion { .. }) => invalid("is pending deletion"),
            (_, Status::PendingReplicaDeletion { .. }) => invalid("is pending replica deletion"),
        }
    }

    /// Sets the key on its way to deletion; the primary of other keys waits for them first.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html>.
    pub(crate) fn schedule_deletion(&mut self, has_replicas: bool, window_in_days: u16, now: Timestamp) {
        self.status = match has_replicas {
            true => Status::PendingReplicaDeletion { window_in_days },
            false => Status::PendingDeletion { deletion_date: later(now, window_in_days) },
        };
    }
}

impl Status {
    /// `KeyState` of the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Creating { .. } => "Creating",
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::Updating { .. } => "Updating",
            Self::PendingDeletion { .. } => "PendingDeletion",
            Self::PendingReplicaDeletion { .. } => "PendingReplicaDeletion",
        }
    }

    pub(crate) fn is_pending_deletion(self) -> bool {
        matches!(self, Self::PendingDeletion { .. } | Self::PendingReplicaDeletion { .. })
    }

    /// When the state changes by itself.
    pub(crate) fn changes_at(self) -> Option<Timestamp> {
        match self {
            Self::Creating { until } | Self::Updating { until } => Some(until),
            Self::PendingDeletion { deletion_date } => Some(deletion_date),
            Self::Enabled | Self::Disabled | Self::PendingReplicaDeletion { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use keywright_policy::PolicyKind;

    use super::*;
    use crate::iam;

    const DENY_ALL: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;

    fn key(status: Status) -> Key {
        Key {
            arn: Arn::parse("arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")
                .expect("ARN"),
            account: AccountId::parse("111122223333").expect("account"),
            region: Region::parse("eu-west-1").expect("Region"),
            id: KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").expect("ID"),
            created: Timestamp::UNIX_EPOCH,
            description: String::new(),
            status,
            policy: StoredPolicy::new(DENY_ALL, PolicyKind::Key, &iam::State::default()).expect("a policy"),
            tags: Tags::new(),
        }
    }

    /// The table of <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>, by what operations need.
    #[test]
    fn each_state_allows_what_the_table_says() {
        let at = Timestamp::UNIX_EPOCH;
        let states = [
            Status::Creating { until: at },
            Status::Enabled,
            Status::Disabled,
            Status::Updating { until: at },
            Status::PendingDeletion { deletion_date: at },
            Status::PendingReplicaDeletion { window_in_days: 7 },
        ];
        // One letter a state: `.` allowed, `D` DisabledException, `S` KMSInvalidStateException.
        for (need, expected) in [
            (Need::Any, "......"),
            (Need::Usable, "S.D.SS"),
            (Need::Enabled, "S.DSSS"),
            (Need::Settled, "S..SSS"),
            (Need::Alive, "S...SS"),
            (Need::PendingDeletion, "SSSS.."),
        ] {
            let found: String = states
                .iter()
                .map(|status| match key(*status).require(need) {
                    Ok(()) => '.',
                    Err(KmsError::Disabled { .. }) => 'D',
                    Err(KmsError::InvalidState { .. }) => 'S',
                    Err(other) => panic!("{other}"),
                })
                .collect();
            assert_eq!(found, expected, "{need:?}");
        }
    }

    #[test]
    fn the_errors_name_the_key_as_aws_does() {
        let pending = key(Status::PendingDeletion { deletion_date: Timestamp::UNIX_EPOCH });
        let message = pending.require(Need::Usable).expect_err("refused").to_string();
        assert_eq!(message, format!("{} is pending deletion.", pending.arn));
        let message = key(Status::Disabled).require(Need::Usable).expect_err("refused").to_string();
        assert_eq!(message, format!("{} is disabled.", pending.arn));
    }

    #[test]
    fn a_primary_with_replicas_waits_for_them() {
        let mut key = key(Status::Enabled);
        key.schedule_deletion(true, 7, Timestamp::UNIX_EPOCH);
        assert_eq!((key.status.as_str(), key.status.changes_at()), ("PendingReplicaDeletion", None));
        key.schedule_deletion(false, 7, Timestamp::UNIX_EPOCH);
        assert_eq!(key.status.changes_at(), Some("1970-01-08T00:00:00Z".parse().expect("a time")));
    }
}
