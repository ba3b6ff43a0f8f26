//! The protocols that AWS clients speak, read into one value and written from one.
//!
//! KMS, Logs and CloudTrail speak JSON 1.1; IAM, STS and SNS speak Query; CloudWatch speaks JSON 1.0, Query and rpcv2Cbor.

mod cbor;
mod input;
mod json;
mod query;
mod value;
mod xml;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

pub(crate) use input::{InputError, decode_input};
pub(crate) use value::{Map, Shape, Time, shape};

use crate::error::AwsError;
use crate::service::Service;

/// How a request is written, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json10,
    Json11,
    Query,
    Cbor,
}

impl Protocol {
    /// Whether every leaf of an input is a text.
    pub(crate) fn leaves_are_text(self) -> bool {
        self == Self::Query
    }
}

/// What a request says about itself before its signature is looked at.
pub(crate) struct Envelope {
    pub(crate) protocol: Protocol,
    /// The service that the request's form points at; the signature has the last word.
    pub(crate) service: Option<Service>,
    /// The operation's name; empty where the request names none.
    pub(crate) operation: String,
    parameters: Option<query::Parameters>,
}

impl Envelope {
    pub(crate) fn read(request: &Request<Bytes>) -> Self {
        if let Some((prefix, operation)) = cbor_path(request.uri().path()) {
            return Self::by_prefix(Protocol::Cbor, prefix, operation);
        }
        match request.headers().get("x-amz-target").map(HeaderValue::to_str) {
            Some(target) => {
                let (prefix, operation) = target.unwrap_or_default().rsplit_once('.').unwrap_or_default();
                Self::by_prefix(json_version(request.headers()), prefix, operation)
            }
            None => Self::by_parameters(query::Parameters::read(request.uri().query(), request.body())),
        }
    }

    /// The operation's parameters; none where the body is not what the protocol says.
    pub(crate) fn into_parameters(self, body: &[u8]) -> Option<Value> {
        match self.protocol {
            Protocol::Json10 | Protocol::Json11 => json::decode(body),
            Protocol::Cbor => cbor::decode(body),
            Protocol::Query => self.parameters.and_then(query::Parameters::into_value),
        }
    }

    fn by_prefix(protocol: Protocol, prefix: &str, operation: &str) -> Self {
        let service = Service::ALL.into_iter().find(|service| service.has_target_prefix(prefix));
        Self { protocol, service, operation: operation.to_owned(), parameters: None }
    }

    fn by_parameters(parameters: query::Parameters) -> Self {
        let version = parameters.version.as_deref().unwrap_or_default();
        let service = QUERY_SERVICES.into_iter().find(|service| service.api_version() == version);
        let operation = parameters.action.clone().unwrap_or_default();
        Self { protocol: Protocol::Query, service, operation, parameters: Some(parameters) }
    }
}

/// An answer, ready to be written. It has no `Debug`: an output can hold secrets.
pub(crate) struct Answer<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) service: Service,
    pub(crate) operation: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) outcome: Result<Value, AwsError>,
}

impl Answer<'_> {
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let body = match &self.outcome {
            Ok(output) => self.encode(output),
            Err(error) => self.encode_error(error),
        };
        let mut response = Response::new(Bytes::from(body));
        let status = self.outcome.as_ref().map_or_else(|error| error.status, |_| 200);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.set_headers(response.headers_mut());
        response
    }

    fn encode(&self, output: &Value) -> Vec<u8> {
        match self.protocol {
            Protocol::Json10 | Protocol::Json11 => json::encode(output),
            Protocol::Cbor => cbor::encode(output),
            Protocol::Query => query::encode(self.service, self.operation, output, self.request_id),
        }
    }

    fn encode_error(&self, error: &AwsError) -> Vec<u8> {
        match self.protocol {
            Protocol::Json10 | Protocol::Json11 => json::encode_error(error),
            Protocol::Cbor => cbor::encode_error(error),
            Protocol::Query => query::encode_error(self.service, error, self.request_id),
        }
    }

    fn set_headers(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(self.protocol)));
        // SDKs correct their clocks by this.
        set(headers, "date", &self.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        set(headers, "x-amzn-requestid", self.request_id);
        if self.protocol == Protocol::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        if let Err(error) = &self.outcome {
            self.set_error_headers(headers, error);
        }
    }

    fn set_error_headers(&self, headers: &mut HeaderMap, error: &AwsError) {
        if self.protocol == Protocol::Query {
            return;
        }
        set(headers, "x-amzn-errortype", error.code);
        // A service that spoke Query before tells its old code too.
        if self.service == Service::CloudWatch {
            let fault = if error.is_senders_fault() { "Sender" } else { "Receiver" };
            set(headers, "x-amzn-query-error", &format!("{};{fault}", error.query_code()));
        }
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::Query => "text/xml",
        Protocol::Cbor => "application/cbor",
    }
}

fn json_version(headers: &HeaderMap) -> Protocol {
    match headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) {
        Some(content_type) if content_type.starts_with(b"application/x-amz-json-1.0") => Protocol::Json10,
        _ => Protocol::Json11,
    }
}

/// The service's prefix and the operation of `/service/{prefix}/operation/{operation}`.
fn cbor_path(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/service/")?.split_once("/operation/")
}

const QUERY_SERVICES: [Service; 4] = [Service::Iam, Service::Sts, Service::CloudWatch, Service::Sns];
