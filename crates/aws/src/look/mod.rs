//! What a diagnosis asks AWS beside the resources themselves: alarms with what they did, the use of a key, topics,
//! refused calls, the replication of buckets. Only reads.

mod alarms;
mod buckets;
mod keys;
mod topics;
mod trail;

pub use alarms::{ActionFailure, ActionHistory, Alarm, Usage};
pub use buckets::BucketReplication;
pub use keys::KeyStanding;
pub use topics::Topic;
pub use trail::RefusedCall;
