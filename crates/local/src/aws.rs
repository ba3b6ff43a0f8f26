use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use keywright_model::{AccountId, Arn, Partition, Secret};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::error::AwsError;
use crate::ids::Ids;
use crate::record::{CallRecord, Observed};
use crate::store::{Change, Store, StoreError, Ticket};
use crate::world::World;
use crate::{cloudtrail, iam, kms, pipeline, sns};

/// An AWS of one's own, which enforces policies. Clones share the same world.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

/// How an [`Aws`] is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder that it keeps everything in; none to forget it all at the end.
    pub data_dir: Option<PathBuf>,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where ids, secrets and key material come from.
    pub ids: Ids,
}

impl Default for Options {
    fn default() -> Self {
        Self { data_dir: None, clock: Clock::system(), ids: Ids::random() }
    }
}

/// Why something could not be made from inside.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// The ARN is not one of that kind of resource.
    #[error("`{arn}` is not the ARN of {expected}")]
    Arn {
        /// The ARN.
        arn: Arn,
        /// What is wanted, with its article.
        expected: &'static str,
    },
    /// The service refuses it.
    #[error("{message}")]
    Refused {
        /// The service's message.
        message: String,
    },
    /// It could not be stored.
    #[error("it could not be stored")]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
}

impl From<AwsError> for EnsureError {
    fn from(error: AwsError) -> Self {
        Self::Refused { message: error.to_string() }
    }
}

/// The keys of an IAM user that may do everything that IAM policies can give.
#[derive(Debug, Clone)]
pub struct OperatorCredentials {
    /// The user's ARN.
    pub arn: Arn,
    /// The access key's id.
    pub access_key_id: String,
    /// The access key's secret.
    pub secret_access_key: Secret<String>,
}

impl Aws {
    /// Opens an AWS; what was answered before the last end is there again.
    ///
    /// # Errors
    /// When the folder cannot be used, is in use by another process, or holds what this version cannot read.
    pub fn open(options: Options) -> Result<Self, StoreError> {
        let mut world = World::default();
        let store = match &options.data_dir {
            Some(folder) => Store::open(folder, world.tables())?,
            None => Store::in_memory(),
        };
        let shared = Shared { world, store: Some(store), calls: VecDeque::new(), unwritten: Vec::new() };
        Ok(Self(Arc::new(Inner {
            clock: options.clock,
            ids: options.ids,
            in_flight: sns::InFlight::default(),
            mail: Notify::new(),
            endpoint: Mutex::new(None),
            shared: Mutex::new(shared),
        })))
    }

    /// Answers a request as AWS would. Never panics; what was answered is on the disk.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        match self.certificate(&request) {
            Some(certificate) => certificate,
            None => pipeline::handle(&self.0, request).await,
        }
    }

    /// Answers a request whose body could not be taken.
    pub(crate) fn refuse_body(&self, request: Request<Bytes>) -> Response<Bytes> {
        pipeline::refuse_body(&self.0, &request)
    }

    /// The latest calls, oldest first.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.0.lock().calls.iter().cloned().collect()
    }

    /// Makes the IAM user `operator` with an administrator's policy and an access key, unless they are there.
    ///
    /// # Errors
    /// When they cannot be stored.
    pub fn ensure_operator(
        &self,
        account: &AccountId,
        partition: Partition,
    ) -> Result<OperatorCredentials, EnsureError> {
        self.change(|world, inner| iam::ensure_operator(world, account, partition, inner.clock.now(), &inner.ids))
    }

    /// Makes a role that the account trusts, unless there is one of that ARN. Tells whether it was made.
    ///
    /// # Errors
    /// When the ARN is not a role's, or it cannot be stored.
    pub fn ensure_role(&self, arn: &Arn) -> Result<bool, EnsureError> {
        self.change(|world, inner| iam::ensure_role(world, arn, inner.clock.now(), &inner.ids))
    }

    /// Makes a user, unless there is one of that ARN. Tells whether it was made.
    ///
    /// # Errors
    /// When the ARN is not a user's, or it cannot be stored.
    pub fn ensure_user(&self, arn: &Arn) -> Result<bool, EnsureError> {
        self.change(|world, inner| iam::ensure_user(world, arn, inner.clock.now(), &inner.ids))
    }

    /// Says where this AWS is reached, for the links in what it sends. Until then they name AWS's own endpoints.
    pub fn reachable_at(&self, endpoint: &str) {
        *self.0.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(endpoint.trim_end_matches('/').into());
    }

    /// Lets happen what time alone has brought about since the last call.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn settle(&self) -> Result<(), EnsureError> {
        self.change_and_wait(|world, inner| {
            world.settle(inner.clock.now(), &inner.ids);
            Ok(())
        })
        .await
    }

    /// As [`Aws::settle`], blocking. What comes of it stays, whatever becomes of the call behind it.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(crate) fn settle_and_block(&self) -> Result<(), EnsureError> {
        self.change(|world, inner| {
            world.settle(inner.clock.now(), &inner.ids);
            Ok(())
        })
    }

    /// Writes what waits and lets go of the folder. Clones answer every later call with an error.
    pub fn close(self) {
        let store = self.0.lock().store.take();
        if let Some(store) = store {
            store.close();
        }
    }

    /// Changes the world from inside, durably; an error takes everything back.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut World, &Inner) -> Result<T, EnsureError>,
    ) -> Result<T, EnsureError> {
        let (outcome, ticket) = self.begin(change)?;
        ticket.durable_blocking()?;
        Ok(outcome)
    }

    /// As [`Aws::change`], without blocking the thread.
    pub(crate) async fn change_and_wait<T>(
        &self,
        change: impl FnOnce(&mut World, &Inner) -> Result<T, EnsureError>,
    ) -> Result<T, EnsureError> {
        let (outcome, ticket) = self.begin(change)?;
        ticket.durable().await?;
        Ok(outcome)
    }

    fn begin<T>(
        &self,
        change: impl FnOnce(&mut World, &Inner) -> Result<T, EnsureError>,
    ) -> Result<(T, Ticket), EnsureError> {
        let mut shared = self.0.lock();
        let outcome = catch_unwind(AssertUnwindSafe(|| change(&mut shared.world, &self.0))).unwrap_or_else(|_| {
            tracing::error!("a change from inside panicked");
            Err(AwsError::internal().into())
        });
        shared.observe_inside();
        let ticket = shared.conclude(outcome.is_ok())?;
        Ok((outcome?, ticket))
    }

    /// Looks at the world.
    pub(crate) fn with_world<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.0.lock().world)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").finish_non_exhaustive()
    }
}

/// What the clones of an [`Aws`] share.
pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) in_flight: sns::InFlight,
    /// Told when there may be something to deliver.
    pub(crate) mail: Notify,
    endpoint: Mutex<Option<String>>,
    shared: Mutex<Shared>,
}

impl Inner {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic inside is caught and rolled back before the lock is let go.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where this AWS is reached, if that was said.
    pub(crate) fn endpoint(&self) -> Option<String> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What one call at a time may look at.
pub(crate) struct Shared {
    pub(crate) world: World,
    /// None once it is closed.
    store: Option<Store>,
    calls: VecDeque<CallRecord>,
    /// What was observed since the last conclusion.
    unwritten: Vec<Observed>,
}

impl Shared {
    /// Keeps the record of a call, and drops the oldest of too many.
    pub(crate) fn observe(&mut self, observed: Observed) {
        if self.calls.len() == MAX_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(observed.record.clone());
        self.unwritten.push(observed);
    }

    /// Keeps the records of calls that were made inside.
    pub(crate) fn observe_inside(&mut self) {
        for observed in std::mem::take(&mut self.world.calls_inside) {
            self.observe(observed);
        }
    }

    /// Hands the changes of a call that succeeded to the store; takes those of a failed one back. What was observed of
    /// it is written either way.
    ///
    /// # Errors
    /// When the store is closed or a record cannot be written; then the changes are taken back.
    pub(crate) fn conclude(&mut self, succeeded: bool) -> Result<Ticket, AwsError> {
        if !succeeded {
            self.roll_back();
        }
        for observed in std::mem::take(&mut self.unwritten) {
            tell(observed, &mut self.world);
        }
        let (Ok(changes), Some(store)) = (changes(&mut self.world), &mut self.store) else {
            self.roll_back();
            return Err(AwsError::internal());
        };
        self.world.tables().into_iter().for_each(|table| table.accept());
        Ok(store.submit(changes))
    }

    /// Hands what time has brought about to the store, so that it stays whatever becomes of the call behind it.
    ///
    /// # Errors
    /// As [`Shared::conclude`].
    pub(crate) fn conclude_settling(&mut self) -> Result<(), AwsError> {
        self.observe_inside();
        if self.unwritten.is_empty() && self.world.tables().iter().all(|table| !table.is_changed()) {
            return Ok(());
        }
        self.conclude(true).map(drop)
    }

    fn roll_back(&mut self) {
        self.world.tables().into_iter().for_each(|table| table.roll_back());
    }
}

/// Tells the metrics and CloudTrail of a call.
fn tell(observed: Observed, world: &mut World) {
    kms::measure(&observed.record, world);
    if let Some(event) = observed.event {
        cloudtrail::keep(event, world);
    }
}

fn changes(world: &mut World) -> Result<Vec<Change>, serde_json::Error> {
    let mut changes = Vec::new();
    for table in world.tables() {
        table.changes(&mut changes)?;
    }
    Ok(changes)
}

const MAX_CALLS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Service;
    use crate::testing::{ACCOUNT, Client};

    fn user(name: &str) -> Arn {
        Arn::parse(&format!("arn:aws:iam::{ACCOUNT}:user/{name}")).expect("an ARN")
    }

    #[test]
    fn a_failed_change_leaves_nothing_behind() {
        let client = Client::root();
        let failed = client.aws.change(|world, inner| {
            iam::ensure_user(world, &user("ghost"), inner.clock.now(), &inner.ids)?;
            Err::<(), _>(EnsureError::Refused { message: "changed my mind".into() })
        });
        assert!(failed.is_err());
        client.query(Service::Iam, "GetUser", &[("UserName", "ghost")]).is_error("NoSuchEntity");
    }

    #[test]
    fn a_change_that_panics_halfway_leaves_nothing_behind() {
        let client = Client::root();
        let failed = client.aws.change::<()>(|world, inner| {
            iam::ensure_user(world, &user("ghost"), inner.clock.now(), &inner.ids)?;
            panic!("halfway")
        });
        assert!(failed.is_err());
        client.query(Service::Iam, "GetUser", &[("UserName", "ghost")]).is_error("NoSuchEntity");
    }

    #[test]
    fn calls_are_recorded_with_who_what_and_how_it_ended() {
        let client = Client::operator();
        client.query(Service::Iam, "GetUser", &[("UserName", "ghost")]).is_error("NoSuchEntity");
        let nobody = client.new_user("nobody", None);
        nobody.query(Service::Iam, "ListUsers", &[]).is_error("AccessDenied");
        let told = |operation| {
            let calls = client.aws.calls();
            let call = calls.iter().find(|call| call.operation == operation).expect("recorded");
            (call.principal.clone(), call.read_only, call.authorized, call.error_code)
        };
        assert_eq!(told("GetUser"), (user("operator").to_string(), true, true, Some("NoSuchEntity")));
        assert_eq!(told("CreateUser"), (user("operator").to_string(), false, true, None));
        assert_eq!(told("ListUsers"), (user("nobody").to_string(), true, false, Some("AccessDenied")));
        let root_calls = client.root_of("AKIAUNKNOWN").query(Service::Iam, "ListUsers", &[]);
        root_calls.is_error("InvalidClientTokenId");
        assert_eq!(client.aws.calls().iter().filter(|call| call.operation == "ListUsers").count(), 1);
    }
}
