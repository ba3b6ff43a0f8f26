//! What a diagnosis asks AWS beside the resources themselves: alarms with what they did, the use of a key, topics,
//! refused calls, the replication of buckets. Only reads.

mod alarms;
mod buckets;
mod keys;
mod topics;
mod trail;

use crate::access;

pub use alarms::{ActionFailure, ActionHistory, Alarm, Usage};
pub use buckets::BucketReplication;
pub use keys::KeyStanding;
pub use topics::Topic;
pub use trail::RefusedCall;

/// A permission that a diagnosis needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookNeeded {
    /// The IAM action.
    pub action: &'static str,
    /// What it is asked on.
    pub on: LookOn,
}

/// What a diagnosis looks at.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookOn {
    /// Each key.
    Key,
    /// All alarms of each Region: they are asked for by the begin of their names.
    Alarms,
    /// Each alarm that is wanted.
    Alarm,
    /// How much a key is used: IAM takes `*` alone.
    Usage,
    /// The calls of each Region: IAM takes `*` alone.
    Calls,
    /// Each topic that is named.
    Topic,
    /// The key that such a topic is encrypted with.
    TopicKey,
    /// Each bucket that is named.
    Bucket,
}

/// What the calls of a diagnosis need: the tables stand beside the calls.
pub fn needed_to_look() -> Vec<LookNeeded> {
    [access::NEEDED, alarms::NEEDED, buckets::NEEDED, keys::NEEDED, topics::NEEDED, trail::NEEDED].concat()
}

pub(crate) const fn look(action: &'static str, on: LookOn) -> LookNeeded {
    LookNeeded { action, on }
}
