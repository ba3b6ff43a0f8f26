//! What CloudTrail writes of a call.
//!
//! Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
//! and <https://docs.aws.amazon.com/kms/latest/developerguide/understanding-kms-entries.html>.

use jiff::Timestamp;
use keywright_model::{AccountId, Arn};
use keywright_policy::Principal;
use serde_json::{Map, Value, json};

use super::parameters::{answered, requested_kms_defaults};
use crate::context::{CallContext, Caller, Via, service_principal};
use crate::error::AwsError;
use crate::ids::Ids;
use crate::operation::{Entry, Ran};
use crate::service::Service;

/// An event before it is given to the accounts that it is for.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(super) time: Timestamp,
    pub(super) region: String,
    pub(super) service: Service,
    pub(super) read_only: bool,
    pub(super) ids: Ids,
    /// The account that called, and the event as it sees it; a service's own call is for the owners alone.
    pub(super) recipients: Vec<(AccountId, Value)>,
}

impl Draft {
    /// The event of a call, from what is logged of its parameters and what came of it.
    pub(crate) fn new(service: Service, entry: &Entry, call: &CallContext, requested: Value, ran: &Ran) -> Self {
        let event = event(service, entry, call, requested, ran);
        Self {
            time: call.now,
            region: call.region.to_string(),
            service,
            read_only: entry.read_only,
            ids: call.ids.clone(),
            recipients: recipients(event, call, ran),
        }
    }
}

/// The accounts that are told, each with its own view.
///
/// Whom a policy refuses is told in the caller's account only.
fn recipients(event: Map<String, Value>, call: &CallContext, ran: &Ran) -> Vec<(AccountId, Value)> {
    let owners = owners(call, ran);
    let mut told = Vec::new();
    let is_service = matches!(call.caller.principal, Principal::Service { .. });
    if !is_service || owners.is_empty() {
        told.push(call.caller.account.clone());
    }
    told.extend(owners);
    let shared = (told.len() > 1).then(|| call.ids.uuid().to_string());
    told.into_iter()
        .map(|account| {
            let view = view(event.clone(), &account, shared.as_deref(), call);
            (account, Value::Object(view))
        })
        .collect()
}

/// The other accounts whose resources a call that went well was about.
fn owners(call: &CallContext, ran: &Ran) -> Vec<AccountId> {
    let is_service = matches!(call.caller.principal, Principal::Service { .. });
    let mut owners: Vec<AccountId> = Vec::new();
    for arn in ran.resources.iter().filter(|_| ran.outcome.is_ok()).filter_map(|text| Arn::parse(text).ok()) {
        let Ok(account) = AccountId::parse(arn.account()) else { continue };
        if (is_service || account != call.caller.account) && !owners.contains(&account) {
            owners.push(account);
        }
    }
    owners
}

fn view(
    mut event: Map<String, Value>,
    account: &AccountId,
    shared: Option<&str>,
    call: &CallContext,
) -> Map<String, Value> {
    event.insert("eventID".into(), json!(call.ids.uuid()));
    event.insert("recipientAccountId".into(), json!(account));
    if let Some(shared) = shared {
        event.insert("sharedEventID".into(), json!(shared));
    }
    let is_own = *account == call.caller.account;
    if !is_own && !matches!(call.caller.principal, Principal::Service { .. }) {
        event.insert("userIdentity".into(), other_account(call));
        event.insert("responseElements".into(), Value::Null);
    }
    event
}

fn event(service: Service, entry: &Entry, call: &CallContext, requested: Value, ran: &Ran) -> Map<String, Value> {
    let denial = ran.outcome.as_ref().err().filter(|error| error.is_denial());
    let host = format!("{}.{}.amazonaws.com{}", service.signing_name(), call.region, suffix(call));
    let mut event = Map::new();
    let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
    set("eventVersion", json!(EVENT_VERSION));
    set("userIdentity", user_identity(call));
    set("eventTime", json!(iso(call.now)));
    set("eventSource", json!(service.event_source()));
    set("eventName", json!(entry.name));
    set("awsRegion", json!(call.region.as_str()));
    set("sourceIPAddress", json!(source_address(call)));
    set("userAgent", json!(user_agent(call).as_deref().map(shortened)));
    if let Err(error) = &ran.outcome {
        set("errorCode", json!(error_code(service, error)));
        set("errorMessage", json!(shortened(&error.message)));
    }
    set(
        "requestParameters",
        if denial.is_some() { Value::Null } else { requested_kms_defaults(service, entry.name, requested) },
    );
    set("responseElements", response_elements(service, entry, ran));
    if let Some(additional) = additional_data(service, ran) {
        set("additionalEventData", additional);
    }
    set("requestID", json!(call.request_id));
    set("eventID", Value::Null);
    set("readOnly", json!(entry.read_only));
    let resources = resources(service, ran);
    if denial.is_none() && !resources.is_empty() {
        set("resources", Value::Array(resources));
    }
    set("eventType", json!("AwsApiCall"));
    set("managementEvent", json!(true));
    set("recipientAccountId", Value::Null);
    set("eventCategory", json!("Management"));
    if matches!(call.via, Via::Direct) {
        set(
            "tlsDetails",
            json!({ "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host }),
        );
    }
    event
}

/// Who called.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.
fn user_identity(call: &CallContext) -> Value {
    let caller = &call.caller;
    let arn = caller.arn(call.partition).map(String::from).unwrap_or_default();
    let (kind, user_name) = match &caller.principal {
        Principal::Service { name } => return json!({ "type": "AWSService", "invokedBy": name }),
        Principal::Root(_) => ("Root", None),
        Principal::User { arn } => ("IAMUser", Some(last_segment(arn))),
        Principal::Session { .. } => ("AssumedRole", None),
        Principal::FederatedUser { .. } => ("FederatedUser", None),
        Principal::Anonymous => ("Unknown", None),
    };
    let mut identity = Map::new();
    let mut set = |name: &str, value: Value| identity.insert(name.to_owned(), value);
    set("type", json!(kind));
    set("principalId", json!(caller.user_id));
    set("arn", json!(arn));
    set("accountId", json!(caller.account));
    set("accessKeyId", json!(caller.access_key_id));
    if let Some(name) = user_name {
        set("userName", json!(name));
    }
    if let Some(context) = session_context(caller) {
        set("sessionContext", context);
    }
    if let Via::Forwarded { service, .. } = &call.via {
        set("invokedBy", json!(service_principal(service)));
    }
    Value::Object(identity)
}

/// As the owner of a resource sees a caller of another account.
fn other_account(call: &CallContext) -> Value {
    json!({ "type": "AWSAccount", "principalId": call.caller.user_id, "accountId": call.caller.account })
}

fn session_context(caller: &Caller) -> Option<Value> {
    let mut context = Map::new();
    if let Principal::Session { role, .. } = &caller.principal {
        let id = caller.user_id.split(':').next().unwrap_or_default();
        let issuer = json!({
            "type": "Role",
            "principalId": id,
            "arn": role,
            "accountId": role.account(),
            "userName": last_segment(role),
        });
        context.insert("sessionIssuer".into(), issuer);
    }
    if let Some(session) = caller.session {
        let attributes = json!({ "creationDate": iso(session.issued), "mfaAuthenticated": session.mfa.to_string() });
        context.insert("attributes".into(), attributes);
    }
    (!context.is_empty()).then_some(Value::Object(context))
}

/// A service that calls, or passes a call on, stands where the caller's address would.
fn source_address(call: &CallContext) -> String {
    match (&call.caller.principal, &call.via) {
        (Principal::Service { name }, _) => name.clone(),
        (_, Via::Forwarded { service, .. }) => service_principal(service),
        _ => "127.0.0.1".to_owned(),
    }
}

fn user_agent(call: &CallContext) -> Option<String> {
    match (&call.caller.principal, &call.via) {
        (Principal::Service { .. }, _) | (_, Via::Forwarded { .. }) => Some(source_address(call)),
        _ => call.user_agent.clone(),
    }
}

/// The code as CloudTrail has it: `AccessDenied` whatever the service's own, and IAM's exceptions by their full name.
fn error_code(service: Service, error: &AwsError) -> String {
    if error.is_denial() {
        return "AccessDenied".to_owned();
    }
    match service {
        Service::Iam if IAM_EXCEPTIONS.contains(&error.code) => format!("{}Exception", error.code),
        _ => error.code.to_owned(),
    }
}

/// What a write answered; reads and cryptography have none, but for the credentials that STS gives out.
fn response_elements(service: Service, entry: &Entry, ran: &Ran) -> Value {
    let gives_credentials = service == Service::Sts && entry.name != "GetCallerIdentity";
    let Ok(output) = &ran.outcome else { return Value::Null };
    if entry.read_only && !gives_credentials {
        return Value::Null;
    }
    let mut elements = answered(service, output);
    // Source: <https://docs.aws.amazon.com/kms/latest/developerguide/ct-disablekey.html>: since December 2022 the
    // ARN stands there though the operation does not return it.
    if service == Service::Kms
        && let Some(arn) = key_arns(ran).first()
    {
        match &mut elements {
            Value::Object(members)
                if members.contains_key("keyMetadata") || members.contains_key("replicaKeyMetadata") => {}
            Value::Object(members) => drop(members.insert("keyId".to_owned(), json!(arn))),
            _ => elements = json!({ "keyId": arn }),
        }
    }
    elements
}

/// Which key material a cryptographic operation used.
fn additional_data(service: Service, ran: &Ran) -> Option<Value> {
    let output = ran.outcome.as_ref().ok().filter(|_| service == Service::Kms)?;
    let members = [
        ("KeyMaterialId", "keyMaterialId"),
        ("SourceKeyMaterialId", "sourceKeyMaterialId"),
        ("DestinationKeyMaterialId", "destinationKeyMaterialId"),
    ];
    let found = members.iter().filter_map(|(member, name)| Some(((*name).to_owned(), output.get(member)?.clone())));
    let found: Map<String, Value> = found.filter(|(_, value)| value.is_string()).collect();
    (!found.is_empty()).then_some(Value::Object(found))
}

/// The resources of KMS and of AssumeRole; the other services log none.
fn resources(service: Service, ran: &Ran) -> Vec<Value> {
    match service {
        Service::Kms => {
            let made = ["KeyMetadata", "ReplicaKeyMetadata"]
                .iter()
                .filter_map(|member| ran.outcome.as_ref().ok()?.get(member)?.get("Arn")?.as_str().map(str::to_owned));
            let mut arns: Vec<String> = ran.resources.clone();
            arns.extend(made);
            arns.iter().filter_map(|arn| kms_resource(arn)).collect()
        }
        Service::Sts => ran.resources.iter().filter_map(|arn| resource(arn, "AWS::IAM::Role")).collect(),
        _ => Vec::new(),
    }
}

fn kms_resource(arn: &str) -> Option<Value> {
    let kind = match arn.rsplit(':').next()? {
        resource if resource.starts_with("alias/") => "AWS::KMS::Alias",
        resource if resource.starts_with("key/") && resource != "key/*" => "AWS::KMS::Key",
        _ => return None,
    };
    resource(arn, kind)
}

fn resource(text: &str, kind: &str) -> Option<Value> {
    let arn = Arn::parse(text).ok()?;
    Some(json!({ "accountId": arn.account(), "type": kind, "ARN": text }))
}

/// The ARNs of the keys that a call was about.
fn key_arns(ran: &Ran) -> Vec<&str> {
    let is_key = |arn: &&str| arn.rsplit(':').next().is_some_and(|name| name.starts_with("key/") && name != "key/*");
    ran.resources.iter().map(String::as_str).filter(is_key).collect()
}

fn suffix(call: &CallContext) -> &'static str {
    if call.partition.as_str() == "aws-cn" { ".cn" } else { "" }
}

/// The texts of callers are cut at a kilobyte.
fn shortened(text: &str) -> &str {
    text.char_indices().nth(LONGEST_TEXT).map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

fn last_segment(arn: &Arn) -> &str {
    arn.resource().rsplit('/').next().unwrap_or_default()
}

fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

const EVENT_VERSION: &str = "1.11";
const LONGEST_TEXT: usize = 1024;
/// The codes whose shapes have longer names. Source: the IAM API model.
const IAM_EXCEPTIONS: [&str; 9] = [
    "DeleteConflict",
    "EntityAlreadyExists",
    "EntityTemporarilyUnmodifiable",
    "InvalidInput",
    "LimitExceeded",
    "MalformedPolicyDocument",
    "NoSuchEntity",
    "PolicyNotAttachable",
    "UnmodifiableEntity",
];
