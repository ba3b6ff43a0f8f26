//! Calls that HTTP cannot bring: those of a service in its own name, and those that a service passes on.
//!
//! They take the path of every other call from its decoding on: only who calls is put in from inside.

use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Partition, Region};
use serde_json::Value;

use crate::aws::{Aws, EnsureError};
use crate::context::{CallContext, Caller, Via};
use crate::error::AwsError;
use crate::iam;
use crate::ids::Ids;
use crate::pipeline;
use crate::service::Service;
use crate::wire::Protocol;
use crate::world::World;

/// Who calls from inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsideCaller {
    /// A service in its own name, such as `logs.eu-west-1.amazonaws.com`.
    Service {
        /// The service principal.
        name: String,
        /// The account that it works for.
        account: AccountId,
        /// `aws:SourceArn`: the resource that it works for.
        source_arn: Option<String>,
        /// `aws:SourceAccount`: the account of that resource.
        source_account: Option<AccountId>,
    },
    /// A service that passes on what a user or role asked it for.
    Forwarded {
        /// The user, the role, or the account's root user.
        principal: Arn,
        /// The service's endpoint, such as `s3.eu-west-1.amazonaws.com`: `kms:ViaService`.
        service: String,
        /// `kms:GrantIsForAWSResource`.
        for_aws_resource: bool,
    },
    /// A user or role itself.
    Direct {
        /// The user, the role, or the account's root user.
        principal: Arn,
    },
}

/// What a service answered instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct InsideError {
    /// The error's code, such as `AccessDeniedException`.
    pub code: &'static str,
    /// The service's message.
    pub message: String,
    /// Whether it was a refusal by policy.
    pub denied: bool,
}

impl Aws {
    /// Carries out an operation for somebody that HTTP cannot bring. The parameters and the answer are those of the
    /// service's JSON, blobs in Base64.
    ///
    /// # Errors
    /// With the service's own error; `NoSuchEntity` when there is no such caller.
    pub fn call_from_inside(
        &self,
        caller: &InsideCaller,
        region: &Region,
        service: Service,
        operation: &str,
        parameters: Value,
    ) -> Result<Value, InsideError> {
        let mut answer = Err(AwsError::internal());
        let changed = self.settle_and_block().and_then(|()| {
            self.change(|world, inner| {
                answer = context(caller, region, world, inner.clock.now(), &inner.ids)
                    .and_then(|call| run(service, operation, parameters, &call, world));
                answer.as_ref().map(drop).map_err(|error| EnsureError::from(error.clone()))
            })
        });
        match (answer, changed) {
            (Err(error), _) => Err(error.into()),
            (Ok(_), Err(_)) => Err(AwsError::internal().into()),
            (Ok(value), Ok(())) => Ok(value),
        }
    }
}

impl From<AwsError> for InsideError {
    fn from(error: AwsError) -> Self {
        Self { code: error.code, denied: error.is_denial(), message: error.message }
    }
}

/// A service passes a call of its caller on to another, in the same account and Region.
///
/// # Errors
/// With the other service's own error.
pub(crate) fn forward(
    endpoint: &str,
    for_aws_resource: bool,
    to: Service,
    operation: &str,
    parameters: Value,
    call: &CallContext,
    world: &mut World,
) -> Result<Value, AwsError> {
    let via = Via::Forwarded { service: endpoint.to_owned(), for_aws_resource };
    let call = CallContext { via, request_id: call.ids.uuid().to_string(), user_agent: None, ..call.clone() };
    run(to, operation, parameters, &call, world)
}

/// Decodes, authorizes, calls and records one operation.
///
/// # Errors
/// With the service's own error.
pub(crate) fn run(
    service: Service,
    operation: &str,
    parameters: Value,
    call: &CallContext,
    world: &mut World,
) -> Result<Value, AwsError> {
    let entry = World::operations(service)
        .iter()
        .find(|entry| entry.name == operation)
        .ok_or_else(|| AwsError::unknown_operation(service, operation))?;
    pipeline::run_recorded(service, entry, parameters, Protocol::Json11, call, world)
}

/// Who calls, where and when.
///
/// # Errors
/// When there is no such user or role.
pub(crate) fn context(
    caller: &InsideCaller,
    region: &Region,
    world: &World,
    now: Timestamp,
    ids: &Ids,
) -> Result<CallContext, AwsError> {
    let (caller, via) = match caller {
        InsideCaller::Service { name, account, source_arn, source_account } => (
            Caller::service(name, account.clone()),
            Via::Service { source_arn: source_arn.clone(), source_account: source_account.clone() },
        ),
        InsideCaller::Forwarded { principal, service, for_aws_resource } => (
            holder(principal, world)?,
            Via::Forwarded { service: service.clone(), for_aws_resource: *for_aws_resource },
        ),
        InsideCaller::Direct { principal } => (holder(principal, world)?, Via::Direct),
    };
    Ok(CallContext {
        account: caller.account.clone(),
        caller,
        region: region.clone(),
        partition: region.partition(),
        now,
        request_id: ids.uuid().to_string(),
        ids: ids.clone(),
        user_agent: None,
        via,
    })
}

/// A user, a session of a role, or a root user, with its policies as they are now.
fn holder(principal: &Arn, world: &World) -> Result<Caller, AwsError> {
    let missing = || AwsError::new("NoSuchEntity", 404, format!("There is no principal {principal}."));
    let account = AccountId::parse(principal.account()).map_err(|_| missing())?;
    if principal.service() == "iam" && principal.resource() == "root" {
        return Ok(Caller::root(account));
    }
    if let Some(user) = world.iam.user_by_arn(principal) {
        return Ok(iam::user_as_caller(&world.iam, user, &account, &user.id));
    }
    let role = world.iam.role_by_arn(principal).ok_or_else(missing)?;
    let partition = Partition::from_name(principal.partition()).ok_or_else(missing)?;
    let resource = format!("assumed-role/{}/{SESSION}", role.name);
    let session = Arn::new(partition, "sts", None, Some(&account), &resource).map_err(|_| missing())?;
    iam::role_as_caller(&world.iam, role, session, SESSION, &role.id).ok_or_else(missing)
}

/// What sessions are called that are made inside.
const SESSION: &str = "inside";

#[cfg(test)]
mod tests;
