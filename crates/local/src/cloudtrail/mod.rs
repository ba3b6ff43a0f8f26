//! AWS CloudTrail: an event of every call, the history of them, and trails that bring them to a log group.
//!
//! `event.rs` writes the event of a call, `parameters.rs` says what of its parameters and answers is logged,
//! `history.rs` keeps events and hands them to the trails, `delivery.rs` brings them to CloudWatch Logs. The rest is the
//! API. No log files come to S3.
//!
//! **Invariant:** an event holds no key material, plaintext, ciphertext, token or secret: members are logged because
//! they are named in `parameters.rs`, never because they are there.

mod delivery;
mod error;
mod event;
mod history;
mod lookup;
mod parameters;
mod seed;
mod selectors;
mod status;
mod tags;
#[cfg(test)]
mod tests;
mod trails;

use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Region, Tags};
use serde::{Deserialize, Serialize};

pub(crate) use self::event::Draft;
pub(crate) use self::history::keep;
pub(crate) use self::parameters::requested;
use self::selectors::Selector;
use crate::operation::operations;
use crate::service::Service;
use crate::store::tables;
use crate::unsupported::unsupported;

operations![
    lookup::LookupEvents,
    trails::CreateTrail,
    trails::UpdateTrail,
    trails::DeleteTrail,
    trails::DescribeTrails,
    trails::GetTrail,
    trails::ListTrails,
    status::StartLogging,
    status::StopLogging,
    status::GetTrailStatus,
    selectors::PutEventSelectors,
    selectors::GetEventSelectors,
    tags::AddTags,
    tags::RemoveTags,
    tags::ListTags,
    CancelQuery,
    CreateEventDataStore,
    DescribeQuery,
    GetInsightSelectors,
    ListEventDataStores,
    ListPublicKeys,
    ListQueries,
    PutInsightSelectors,
    StartQuery,
];

unsupported! {
    Service::CloudTrail, error::unsupported:
    CancelQuery false,
    CreateEventDataStore false,
    DescribeQuery true,
    GetInsightSelectors true,
    ListEventDataStores true,
    ListPublicKeys true,
    ListQueries true,
    PutInsightSelectors false,
    StartQuery false,
}

tables! {
    /// What CloudTrail keeps.
    pub(crate) struct State in "cloudtrail" {
        /// Trails, by `account/region/name`, the Region being their home.
        trails: Trail,
        /// What became of the latest deliveries, by the key of the trail.
        deliveries: Delivery,
        /// Events, newest first, by `account/region/…`.
        events: Event,
    }
}

/// A trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trail {
    pub(crate) name: String,
    pub(crate) arn: Arn,
    pub(crate) account: AccountId,
    pub(crate) home: Region,
    /// Where AWS would bring log files to.
    pub(crate) bucket: String,
    pub(crate) prefix: Option<String>,
    pub(crate) includes_global: bool,
    pub(crate) is_multi_region: bool,
    pub(crate) validates_files: bool,
    pub(crate) logs: Option<LogTarget>,
    /// Empty for the one that logs all management events.
    pub(crate) selectors: Vec<Selector>,
    pub(crate) tags: Tags,
    pub(crate) is_logging: bool,
    pub(crate) started: Option<Timestamp>,
    pub(crate) stopped: Option<Timestamp>,
}

/// The log group that a trail delivers to, and the role that it does so with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogTarget {
    /// With `:*` at its end.
    pub(crate) group: Arn,
    pub(crate) role: Arn,
}

/// How a trail's deliveries to its log group go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) latest: Option<Timestamp>,
    /// Why the latest one failed; none if it went well.
    pub(crate) error: Option<String>,
}

/// An event as an account sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) time: Timestamp,
    /// Which event of its account and Region it is.
    pub(crate) number: u64,
    pub(crate) record: serde_json::Value,
}

impl Trail {
    pub(crate) fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.home, self.name)
    }
}
