use serde_json::Value;

use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::pipeline::{Authorized, run};
use crate::service::Service;
use crate::wire::{IntoReply, Parameters, Protocol, ReadInput, Reply};
use crate::world::World;

/// One operation of one service.
///
/// `authorize` has no default: an operation that forgets it does not compile. Only the pipeline can call `call`,
/// because only it can make an [`Authorized`].
pub(crate) trait Operation: Sized + 'static {
    /// The service.
    const SERVICE: Service;
    /// The operation's name, as AWS has it.
    const NAME: &'static str;
    /// Whether AWS counts it among the reads.
    const READ_ONLY: bool;
    /// Its input, with AWS's member names.
    type Input: ReadInput;
    /// Its output, with AWS's member names; `()` where it has none. A null member counts as absent.
    type Output: IntoReply;

    /// What must be allowed. Nothing, where any signed caller may.
    ///
    /// # Errors
    /// When the input names what does not exist, so that nothing could be asked about it.
    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError>;

    /// Carries it out.
    ///
    /// # Errors
    /// In the service's own terms. The pipeline takes back whatever was changed before the error.
    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        authorized: &Authorized,
    ) -> Result<Self::Output, AwsError>;
}

/// An operation in the table of its service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) read_only: bool,
    pub(crate) run: Run,
}

/// Decodes, authorizes, calls.
pub(crate) type Run = fn(Parameters, Protocol, &CallContext, &mut World) -> Ran;

/// What came of an operation, and what it was about. It has no `Debug`: an output can hold secrets.
pub(crate) struct Ran {
    pub(crate) outcome: Result<Reply, AwsError>,
    /// The resources of its checks.
    pub(crate) resources: Vec<String>,
    /// Whether every check was passed; an operation that did not come so far has not been authorized.
    pub(crate) authorized: bool,
}

impl Ran {
    /// The members of its output, if it went well and has any.
    pub(crate) fn output(&self) -> Option<&Value> {
        self.outcome.as_ref().ok().and_then(Reply::members)
    }
}

impl Entry {
    pub(crate) const fn of<O: Operation>() -> Self {
        Self { name: O::NAME, read_only: O::READ_ONLY, run: run::<O> }
    }
}

/// The operations of a service: `operations![CreateKey, DescribeKey]`.
macro_rules! operations {
    ($($operation:ty),* $(,)?) => {
        /// The operations of the service.
        pub(crate) const OPERATIONS: &[$crate::operation::Entry] = &[$($crate::operation::Entry::of::<$operation>(),)*];
    };
}
pub(crate) use operations;
