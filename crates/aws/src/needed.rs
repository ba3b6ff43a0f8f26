//! What the calls of each kind of resource need to be allowed: the tables stand beside the calls, in `kind/`.

use keywright_model::ResourceKind;

use crate::kind::kind_of;

/// A permission that a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// The IAM action.
    pub action: &'static str,
    /// What it is asked on.
    pub on: On,
    /// When the call is made.
    pub when: When,
}

/// What an action is asked on.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// Nothing in particular: IAM takes `*` alone.
    Anything,
    /// The key that the resource is, or stands on.
    Key,
    /// The primary of a replica, in its own Region.
    Primary,
    /// The alias.
    Alias,
    /// The role.
    Role,
    /// The role, for the policy of an attachment alone.
    Attachment,
    /// The policy.
    Policy,
    /// The alarm.
    Alarm,
    /// The log group.
    LogGroup,
    /// The role by which KMS keeps multi-Region keys alike.
    MultiRegionRole,
}

/// When a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Whenever the resource is read.
    Reading,
    /// When it is made.
    Making,
    /// When it is made, if it is a key with rotation.
    MakingRotated,
    /// When it is taken up from a run that was cut while making it.
    TakingUp,
    /// When it goes.
    Deleting,
}

/// What the calls of a kind need, but for changes in place.
pub fn needed(kind: ResourceKind) -> &'static [Needed] {
    kind_of(kind).needed()
}

pub(crate) const fn reading(action: &'static str, on: On) -> Needed {
    Needed { action, on, when: When::Reading }
}

pub(crate) const fn making(action: &'static str, on: On) -> Needed {
    Needed { action, on, when: When::Making }
}

pub(crate) const fn taking_up(action: &'static str, on: On) -> Needed {
    Needed { action, on, when: When::TakingUp }
}

pub(crate) const fn deleting(action: &'static str, on: On) -> Needed {
    Needed { action, on, when: When::Deleting }
}
