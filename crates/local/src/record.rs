use jiff::Timestamp;
use keywright_policy::Principal;
use serde_json::Value;

use crate::cloudtrail::{self, Draft};
use crate::context::CallContext;
use crate::operation::{Entry, Ran};
use crate::service::Service;

/// What became of one authenticated call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// When it came.
    pub time: Timestamp,
    /// The service.
    pub service: Service,
    /// The operation's name.
    pub operation: &'static str,
    /// Whether AWS counts the operation among the reads.
    pub read_only: bool,
    /// The region that it went to.
    pub region: String,
    /// The caller's ARN; a service's principal.
    pub principal: String,
    /// The access key that signed it.
    pub access_key_id: String,
    /// The resources that it was authorized against.
    pub resources: Vec<String>,
    /// Whether it passed authorization.
    pub authorized: bool,
    /// The code of the error that it was answered with; none if it went well.
    pub error_code: Option<&'static str>,
    /// The id of the request, as the answer carried it.
    pub request_id: String,
}

impl CallRecord {
    pub(crate) fn new(service: Service, entry: &Entry, call: &CallContext, ran: &Ran) -> Self {
        Self {
            time: call.now,
            service,
            operation: entry.name,
            read_only: entry.read_only,
            region: call.region.to_string(),
            principal: call.caller.name(call.partition),
            access_key_id: call.caller.access_key_id.clone(),
            resources: ran.resources.clone(),
            authorized: ran.authorized,
            error_code: ran.outcome.as_ref().err().map(|error| error.code),
            request_id: call.request_id.clone(),
        }
    }
}

/// A call as those see it who watch: its record, and CloudTrail's event of it.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) record: CallRecord,
    /// None where CloudTrail does not log the operation.
    pub(crate) event: Option<Draft>,
}

/// A call that is being watched: what is logged of its parameters, taken before they are used up.
pub(crate) struct Watch {
    requested: Option<Value>,
}

impl Watch {
    pub(crate) fn begin(service: Service, entry: &Entry, parameters: Option<&Value>) -> Self {
        Self { requested: cloudtrail::requested(service, entry.name, parameters) }
    }

    pub(crate) fn end(self, service: Service, entry: &Entry, call: &CallContext, ran: &Ran) -> Observed {
        // Links in messages are followed by nobody in particular, and are no calls of an account.
        let requested = self.requested.filter(|_| call.caller.principal != Principal::Anonymous);
        let event = requested.map(|requested| Draft::new(service, entry, call, requested, ran));
        Observed { record: CallRecord::new(service, entry, call, ran), event }
    }
}
