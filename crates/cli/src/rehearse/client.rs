//! Somebody with an access key, who signs requests and hands them to the embedded AWS as HTTP would bring them.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Method, Request, Response};
use keywright_local::{Aws, Clock, Service};
use keywright_model::{Region, Secret};
use serde_json::{Map, Value};

use super::promise::Outcome;

/// A caller with credentials.
#[derive(Clone)]
pub(crate) struct Client {
    aws: Aws,
    clock: Clock,
    credentials: Keys,
}

/// An access key.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: Secret<String>,
    pub(crate) token: Option<Secret<String>>,
}

impl Client {
    pub(crate) fn new(aws: &Aws, clock: &Clock, credentials: Keys) -> Self {
        Self { aws: aws.clone(), clock: clock.clone(), credentials }
    }

    /// Calls a service that speaks JSON.
    pub(crate) async fn json(&self, region: &Region, service: JsonService, operation: &str, input: Value) -> Outcome {
        let target = format!("{}.{operation}", service.target_prefix());
        let headers = [("x-amz-target", target.as_str()), ("content-type", service.content_type())];
        let call = Call::post(service.service(), &headers, input.to_string());
        outcome(&self.send(region, call).await)
    }

    /// Calls KMS.
    pub(crate) async fn kms(&self, region: &Region, operation: &str, input: Value) -> Outcome {
        self.json(region, JsonService::Kms, operation, input).await
    }

    /// Calls a service that speaks Query; the answer is the text of each element that was asked for.
    pub(crate) async fn query(
        &self,
        region: &Region,
        service: QueryService,
        action: &str,
        parameters: &[(&str, &str)],
        wanted: &[&str],
    ) -> Outcome {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", service.version())
            .extend_pairs(parameters)
            .finish();
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        query_outcome(&self.send(region, Call::post(service.service(), &headers, body)).await, wanted)
    }

    /// Calls S3; the answer is its headers, by their names in lower case, and its `Body`.
    pub(crate) async fn s3(
        &self,
        region: &Region,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Outcome {
        let call = Call { service: Service::S3, method, path, headers, body: body.into() };
        s3_outcome(&self.send(region, call).await)
    }

    /// The same place, with the access key that was answered.
    pub(crate) fn with_keys_of(&self, answer: Outcome) -> Result<Self, Outcome> {
        match (answer.text("AccessKeyId"), answer.text("SecretAccessKey")) {
            (Some(id), Some(secret)) => {
                let token = answer.text("SessionToken").map(Secret::new);
                Ok(Self { credentials: Keys { id, secret: Secret::new(secret), token }, ..self.clone() })
            }
            _ => Err(answer),
        }
    }

    async fn send(&self, region: &Region, call: Call<'_>) -> Response<Bytes> {
        match self.signed(region, call) {
            Ok(request) => self.aws.handle(request).await,
            Err(why) => unsent(&why.to_string()),
        }
    }

    fn signed(&self, region: &Region, call: Call<'_>) -> Result<Request<Bytes>, Box<dyn std::error::Error>> {
        let name = call.service.signing_name();
        let uri = format!("https://{name}.{region}.amazonaws.com{}", call.path);
        let mut request = Request::builder().method(&call.method).uri(&uri);
        for (header, value) in call.headers {
            request = request.header(*header, *value);
        }
        let mut request = request.body(call.body)?;
        let Keys { id, secret, token } = &self.credentials;
        let token = token.as_ref().map(|token| token.expose().clone());
        let identity = Credentials::new(id, secret.expose(), token, None, "rehearsal").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region.as_str())
            .name(name)
            .time(system_time(&self.clock))
            .settings(signing_settings(call.service))
            .build()?
            .into();
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new(call.method.as_str(), &uri, call.headers.iter().copied(), body)?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// A request before it is signed.
struct Call<'a> {
    service: Service,
    method: Method,
    /// With the query.
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Bytes,
}

impl<'a> Call<'a> {
    fn post(service: Service, headers: &'a [(&'a str, &'a str)], body: String) -> Self {
        Self { service, method: Method::POST, path: "/", headers, body: body.into() }
    }
}

/// S3 signs paths as they are, and has the payload's hash in a header.
fn signing_settings(service: Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == Service::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

/// The time of the embedded AWS's clock.
pub(crate) fn system_time(clock: &Clock) -> SystemTime {
    let seconds = u64::try_from(clock.now().as_second()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The services that speak JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum JsonService {
    Kms,
    CloudWatch,
}

impl JsonService {
    fn service(self) -> Service {
        match self {
            Self::Kms => Service::Kms,
            Self::CloudWatch => Service::CloudWatch,
        }
    }

    fn target_prefix(self) -> &'static str {
        match self {
            Self::Kms => "TrentService",
            Self::CloudWatch => "GraniteServiceVersion20100801",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Kms => "application/x-amz-json-1.1",
            Self::CloudWatch => "application/x-amz-json-1.0",
        }
    }
}

/// The services that speak Query.
#[derive(Debug, Clone, Copy)]
pub(crate) enum QueryService {
    Iam,
    Sts,
}

impl QueryService {
    fn service(self) -> Service {
        match self {
            Self::Iam => Service::Iam,
            Self::Sts => Service::Sts,
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }
}

/// What a JSON service answered.
fn outcome(response: &Response<Bytes>) -> Outcome {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    if response.status().is_success() {
        return Outcome::Allowed(body);
    }
    let member = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    refused(member("__type"), member("message"))
}

fn query_outcome(response: &Response<Bytes>, wanted: &[&str]) -> Outcome {
    let text = String::from_utf8_lossy(response.body());
    if response.status().is_success() {
        let found = wanted.iter().filter_map(|name| Some(((*name).to_owned(), element(&text, name)?.into())));
        return Outcome::Allowed(Value::Object(found.collect()));
    }
    let member = |name| element(&text, name).unwrap_or_default();
    refused(member("Code"), member("Message"))
}

/// What S3 answered; a refusal of `HEAD` has no body, and is told by its status.
fn s3_outcome(response: &Response<Bytes>) -> Outcome {
    let text = String::from_utf8_lossy(response.body());
    if response.status().is_success() {
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some((name.to_string(), value.to_str().ok()?.into()))
        };
        let mut answer: Map<String, Value> = response.headers().iter().filter_map(header).collect();
        answer.insert("Body".to_owned(), text.into());
        return Outcome::Allowed(Value::Object(answer));
    }
    let code = element(&text, "Code").unwrap_or_else(|| response.status().to_string());
    refused(code, element(&text, "Message").unwrap_or_default())
}

fn refused(code: String, message: String) -> Outcome {
    match code.as_str() {
        "AccessDeniedException" | "AccessDenied" | "AuthorizationError" => Outcome::Denied { message },
        _ => Outcome::Failed { code, message },
    }
}

/// The text of the first element of that name, of those whose text is plain.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    quick_xml::escape::unescape(inside).ok().map(String::from)
}

fn unsent(why: &str) -> Response<Bytes> {
    let body = serde_json::json!({ "__type": "Unsent", "message": why }).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = http::StatusCode::BAD_REQUEST;
    response
}
