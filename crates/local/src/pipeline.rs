//! The one path that every request takes: route, authenticate, decode, authorize, call, record, commit, encode.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use keywright_model::Region;
use serde_json::Value;

use crate::aws::Inner;
use crate::context::{CallContext, Caller, Via};
use crate::error::AwsError;
use crate::operation::{Entry, Operation, Ran};
use crate::record::{Observed, Watch};
use crate::service::Service;
use crate::sigv4::{self, Scope};
use crate::sns;
use crate::store::Ticket;
use crate::wire::{Answer, Envelope, InputError, Protocol, decode_input};
use crate::world::World;

/// The proof that every check of an operation was passed. Only this module makes one.
#[derive(Debug)]
pub(crate) struct Authorized(());

/// Answers a request.
pub(crate) async fn handle(inner: &Inner, request: Request<Bytes>) -> Response<Bytes> {
    let request_id = inner.ids.uuid().to_string();
    let now = inner.clock.now();
    let envelope = Envelope::read(&request);
    let scope = Scope::of(&request);
    let protocol = envelope.protocol;
    let operation = envelope.operation.clone();
    let service = match sns::linked(&request) {
        Some(_) => Some(Service::Sns),
        None => addressed_service(&envelope, scope.as_ref()),
    };
    let (mut outcome, ticket) = match service {
        Some(service) => answer(inner, &request, envelope, service, now, &request_id),
        None => (Err(unknown_service(scope.as_ref())), None),
    };
    if let Some(ticket) = ticket
        && ticket.durable().await.is_err()
    {
        outcome = Err(AwsError::internal());
    }
    let service = service.unwrap_or(Service::Sts);
    Answer { protocol, service, operation: &operation, request_id: &request_id, now, outcome }.into_response()
}

/// Answers a request whose body is too large, or broke off.
pub(crate) fn refuse_body(inner: &Inner, request: &Request<Bytes>) -> Response<Bytes> {
    let request_id = inner.ids.uuid().to_string();
    let envelope = Envelope::read(request);
    let service = addressed_service(&envelope, Scope::of(request).as_ref()).unwrap_or(Service::Sts);
    Answer {
        protocol: envelope.protocol,
        service,
        operation: &envelope.operation,
        request_id: &request_id,
        now: inner.clock.now(),
        outcome: Err(too_large()),
    }
    .into_response()
}

/// Decodes, authorizes and calls one operation. What it changed before an error is the caller's to take back.
pub(crate) fn run<O: Operation>(parameters: Value, protocol: Protocol, call: &CallContext, world: &mut World) -> Ran {
    let mut ran = Ran { outcome: Err(AwsError::internal()), resources: Vec::new(), authorized: false };
    ran.outcome = run_into::<O>(parameters, protocol, call, world, &mut ran.resources, &mut ran.authorized);
    ran
}

/// Runs an operation that is called inside, and notes what became of it.
pub(crate) fn run_recorded(
    service: Service,
    entry: &Entry,
    parameters: Value,
    protocol: Protocol,
    call: &CallContext,
    world: &mut World,
) -> Result<Value, AwsError> {
    let watch = Watch::begin(service, entry, Some(&parameters));
    let ran = (entry.run)(parameters, protocol, call, world);
    world.calls_inside.push(watch.end(service, entry, call, &ran));
    ran.outcome
}

fn run_into<O: Operation>(
    parameters: Value,
    protocol: Protocol,
    call: &CallContext,
    world: &mut World,
    resources: &mut Vec<String>,
    passed: &mut bool,
) -> Result<Value, AwsError> {
    let input = decode_input::<O::Input>(parameters, protocol.leaves_are_text())
        .map_err(|error| input_error(O::SERVICE, &error))?;
    let checks = O::authorize(&input, call, world)?;
    resources.extend(checks.iter().map(|check| check.request.resource.to_string()));
    for check in &checks {
        let decision = check.decide(&call.caller);
        if !decision.is_allowed() {
            return Err(AwsError::access_denied(O::SERVICE, check, &decision));
        }
    }
    *passed = true;
    let output = O::call(input, call, world, &Authorized(()))?;
    serde_json::to_value(output).map_err(|error| {
        tracing::error!(operation = O::NAME, %error, "an output cannot be written");
        AwsError::internal()
    })
}

/// The service in the signature's scope; else the one that the request's form points at.
fn addressed_service(envelope: &Envelope, scope: Option<&Scope>) -> Option<Service> {
    match scope {
        Some(scope) => Service::from_signing_name(&scope.service),
        None => Some(envelope.service.unwrap_or(Service::Sts)),
    }
}

fn unknown_service(scope: Option<&Scope>) -> AwsError {
    let name = scope.map(|scope| scope.service.as_str()).unwrap_or_default();
    let message = format!("The service {name} is not available here.");
    AwsError::new("UnknownOperationException", 400, message).with_query_code("InvalidAction")
}

/// What follows needs the world, and holds it: calls are short and do not wait.
fn answer(
    inner: &Inner,
    request: &Request<Bytes>,
    envelope: Envelope,
    service: Service,
    now: Timestamp,
    request_id: &str,
) -> (Result<Value, AwsError>, Option<Ticket>) {
    let entry = match route(service, &envelope, request) {
        Ok(entry) => entry,
        Err(error) => return (Err(error), None),
    };
    let mut shared = inner.lock();
    let shared = &mut *shared;
    let caught = catch_unwind(AssertUnwindSafe(|| {
        shared.world.settle(now, &inner.ids);
        if let Err(error) = shared.conclude_settling() {
            return (None, Err(error));
        }
        authenticate_and_run(inner, request, envelope, service, entry, now, request_id, &mut shared.world)
    }));
    let (observed, outcome) = caught.unwrap_or_else(|_| {
        tracing::error!(operation = entry.name, "an operation panicked");
        (None, Err(AwsError::internal()))
    });
    shared.observe_inside();
    if let Some(observed) = observed {
        shared.observe(observed);
    }
    match shared.conclude(outcome.is_ok()) {
        Ok(ticket) => (outcome, Some(ticket)),
        Err(error) => (Err(error), None),
    }
}

#[expect(clippy::too_many_arguments, reason = "this is the inside of `answer`, set apart to be guarded against panics")]
fn authenticate_and_run(
    inner: &Inner,
    request: &Request<Bytes>,
    envelope: Envelope,
    service: Service,
    entry: &Entry,
    now: Timestamp,
    request_id: &str,
    world: &mut World,
) -> (Option<Observed>, Result<Value, AwsError>) {
    let signer = match sns::linked(request) {
        Some(nobody) => nobody,
        None => match sigv4::authenticate(request, service, now, world) {
            Ok(signer) => signer,
            Err(error) => return (None, Err(error)),
        },
    };
    let call = call_context(inner, request, signer.caller, signer.region, now, request_id);
    let protocol = envelope.protocol;
    let parameters = envelope.into_parameters(request.body());
    let watch = Watch::begin(service, entry, parameters.as_ref());
    let ran = match parameters {
        Some(parameters) => (entry.run)(parameters, protocol, &call, world),
        None => Ran {
            outcome: Err(AwsError::unreadable(service, "The request body could not be parsed.")),
            resources: Vec::new(),
            authorized: false,
        },
    };
    (Some(watch.end(service, entry, &call, &ran)), ran.outcome)
}

/// The operation that is asked for.
fn route(service: Service, envelope: &Envelope, request: &Request<Bytes>) -> Result<&'static Entry, AwsError> {
    if request.body().len() > MAX_BODY {
        return Err(too_large());
    }
    // Only Query can leave the service to the signature: the others name it beside the operation.
    let is_meant = match envelope.protocol {
        Protocol::Query => envelope.service.is_none_or(|named| named == service),
        Protocol::Json10 | Protocol::Json11 | Protocol::Cbor => envelope.service == Some(service),
    };
    if !is_meant || !speaks(service, envelope.protocol) {
        return Err(AwsError::unknown_operation(service, &envelope.operation));
    }
    if envelope.operation.is_empty() {
        return Err(
            AwsError::new("MissingAction", 400, "The request is missing an action.").with_query_code("MissingAction")
        );
    }
    World::operations(service)
        .iter()
        .find(|entry| entry.name == envelope.operation)
        .ok_or_else(|| AwsError::unknown_operation(service, &envelope.operation))
}

fn too_large() -> AwsError {
    AwsError::new("RequestEntityTooLargeException", 413, "The request is too large.")
        .with_query_code("RequestEntityTooLarge")
}

fn speaks(service: Service, protocol: Protocol) -> bool {
    match service {
        Service::Kms | Service::Logs | Service::CloudTrail => matches!(protocol, Protocol::Json10 | Protocol::Json11),
        Service::Iam | Service::Sts | Service::Sns => protocol == Protocol::Query,
        Service::CloudWatch => true,
    }
}

fn call_context(
    inner: &Inner,
    request: &Request<Bytes>,
    caller: Caller,
    region: Region,
    now: Timestamp,
    request_id: &str,
) -> CallContext {
    let user_agent = request.headers().get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
    CallContext {
        account: caller.account.clone(),
        caller,
        partition: region.partition(),
        region,
        now,
        request_id: request_id.to_owned(),
        ids: inner.ids.clone(),
        user_agent: user_agent.map(str::to_owned),
        via: Via::Direct,
    }
}

/// A missing or mistyped member, in the service's own words.
fn input_error(service: Service, error: &InputError) -> AwsError {
    match (service, error) {
        (Service::Kms, InputError::Missing { member }) => {
            AwsError::new("ValidationException", 400, must_not_be_null(member))
        }
        (Service::Logs | Service::CloudTrail, InputError::Missing { member }) => {
            AwsError::new("InvalidParameterException", 400, must_not_be_null(member))
        }
        (Service::Iam | Service::Sts, InputError::Missing { member }) => {
            AwsError::new("ValidationError", 400, must_not_be_null(member))
        }
        (Service::CloudWatch, InputError::Missing { member }) => {
            AwsError::new("MissingRequiredParameterException", 400, format!("The parameter {member} is required."))
                .with_query_code("MissingParameter")
        }
        (Service::Sns, InputError::Missing { member }) => {
            AwsError::new("InvalidParameter", 400, format!("Invalid parameter: {member}"))
        }
        (Service::Kms | Service::Logs | Service::CloudTrail, InputError::Wrong { .. }) => {
            AwsError::new("SerializationException", 400, error.to_string())
        }
        (Service::CloudWatch, InputError::Wrong { .. }) => {
            AwsError::new("InvalidParameterValueException", 400, error.to_string())
                .with_query_code("InvalidParameterValue")
        }
        (Service::Sns, InputError::Wrong { .. }) => {
            AwsError::new("InvalidParameter", 400, format!("Invalid parameter: {error}"))
        }
        (Service::Iam | Service::Sts, InputError::Wrong { .. }) => {
            AwsError::new("MalformedInput", 400, error.to_string())
        }
    }
}

fn must_not_be_null(member: &str) -> String {
    let mut letters = member.chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    format!(
        "1 validation error detected: Value null at '{first}{}' failed to satisfy constraint: Member must not be null",
        letters.as_str()
    )
}

/// The longest body of any operation is one of CloudWatch's and Logs's, a mebibyte.
pub(crate) const MAX_BODY: usize = 2 * 1024 * 1024;
