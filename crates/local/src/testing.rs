//! What the tests of every service share: a signing client over an `Aws` in memory.
//!
//! Requests are signed by the AWS SDK's own signer, so that every test is one of the verification too.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use keywright_model::{AccountId, Partition};
use serde_json::Value;

use crate::{Aws, Clock, Ids, Options, Service};

/// The account of most tests.
pub(crate) const ACCOUNT: &str = "111122223333";

/// The time at which tests begin: 2026-01-02T03:04:05Z.
pub(crate) fn start() -> Timestamp {
    Timestamp::from_second(1_767_323_045).expect("a time")
}

/// Runs what does not wait for anything outside.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// An AWS in memory whose clock stands still.
pub(crate) fn aws() -> (Aws, Clock) {
    let clock = Clock::manual(start());
    let options = Options { data_dir: None, clock: clock.clone(), ids: Ids::seeded(1) };
    (Aws::open(options).expect("opens"), clock)
}

/// Somebody with an access key who calls in one region.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) aws: Aws,
    pub(crate) clock: Clock,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) region: String,
}

/// An answer: its status and body.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Client {
    /// The root user of an account, in a new AWS, calling in `eu-west-1`.
    pub(crate) fn root() -> Self {
        let (aws, clock) = aws();
        Self::of(&aws, &clock, ACCOUNT, "test")
    }

    /// The administrator that `ensure_operator` makes, in a new AWS, calling in `eu-west-1`.
    pub(crate) fn operator() -> Self {
        let (aws, clock) = aws();
        let account = AccountId::parse(ACCOUNT).expect("an account");
        let keys = aws.ensure_operator(&account, Partition::Aws).expect("an operator");
        Self::of(&aws, &clock, &keys.access_key_id, keys.secret_access_key.expose())
    }

    /// Whoever has that access key.
    pub(crate) fn of(aws: &Aws, clock: &Clock, access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            aws: aws.clone(),
            clock: clock.clone(),
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            region: "eu-west-1".into(),
        }
    }

    /// The same caller in another region.
    pub(crate) fn in_region(&self, region: &str) -> Self {
        Self { region: region.into(), ..self.clone() }
    }

    /// Another account's root user in the same AWS.
    pub(crate) fn root_of(&self, account: &str) -> Self {
        let (access_key_id, secret_access_key) = (account.to_owned(), "test".to_owned());
        Self { access_key_id, secret_access_key, session_token: None, ..self.clone() }
    }

    /// A new user of the caller's account with this inline policy; the caller must be allowed to make it.
    pub(crate) fn new_user(&self, name: &str, policy: Option<&Value>) -> Self {
        self.query(Service::Iam, "CreateUser", &[("UserName", name)]).ok();
        if let Some(policy) = policy {
            let document = policy.to_string();
            let parameters = [("UserName", name), ("PolicyName", "inline"), ("PolicyDocument", document.as_str())];
            self.query(Service::Iam, "PutUserPolicy", &parameters).ok();
        }
        let keys = self.query(Service::Iam, "CreateAccessKey", &[("UserName", name)]).ok();
        let (access_key_id, secret_access_key) = (keys.element("AccessKeyId"), keys.element("SecretAccessKey"));
        Self { access_key_id, secret_access_key, session_token: None, ..self.clone() }
    }

    /// A session of a role.
    pub(crate) fn assume(&self, role_arn: &str, session_name: &str) -> Self {
        let parameters = [("RoleArn", role_arn), ("RoleSessionName", session_name)];
        let answer = self.query(Service::Sts, "AssumeRole", &parameters).ok();
        Self {
            access_key_id: answer.element("AccessKeyId"),
            secret_access_key: answer.element("SecretAccessKey"),
            session_token: Some(answer.element("SessionToken")),
            ..self.clone()
        }
    }

    /// Calls a service that speaks JSON.
    pub(crate) fn json(&self, service: Service, operation: &str, input: &Value) -> Answered {
        let target = format!("{}.{operation}", service.target_prefix().expect("it speaks JSON"));
        let version = if service == Service::CloudWatch { "1.0" } else { "1.1" };
        let content_type = format!("application/x-amz-json-{version}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", &content_type)];
        self.send(service, "/", &headers, input.to_string().into_bytes())
    }

    /// Calls a service that speaks Query.
    pub(crate) fn query(&self, service: Service, action: &str, parameters: &[(&str, &str)]) -> Answered {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", service.api_version())
            .extend_pairs(parameters)
            .finish();
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        self.send(service, "/", &headers, body.into_bytes())
    }

    /// Calls CloudWatch as the Rust SDK does; the answer's body is given as JSON.
    pub(crate) fn cbor(&self, operation: &str, input: &Value) -> Answered {
        let mut body = Vec::new();
        ciborium::into_writer(input, &mut body).expect("written");
        let path = format!("/service/GraniteServiceVersion20100801/operation/{operation}");
        let headers = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
        let response = self.exchange(Service::CloudWatch, &path, &headers, body);
        let status = response.status().as_u16();
        let text = match response.body().is_empty() {
            true => String::new(),
            false => {
                let value: ciborium::Value = ciborium::from_reader(response.body().as_ref()).expect("CBOR");
                serde_json::to_string(&untagged(value)).expect("JSON")
            }
        };
        Answered { status, text }
    }

    /// Signs and sends.
    pub(crate) fn send(&self, service: Service, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answered {
        let response = self.exchange(service, path, headers, body);
        let text = String::from_utf8(response.body().to_vec()).expect("text");
        Answered { status: response.status().as_u16(), text }
    }

    fn exchange(&self, service: Service, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response<Bytes> {
        let request = self.signed(service, path, headers, body);
        block_on(self.aws.handle(request))
    }

    /// A signed request.
    pub(crate) fn signed(
        &self,
        service: Service,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Request<Bytes> {
        self.signed_by("POST", service, path, headers, body)
    }

    /// Calls S3, whose operations are told apart by their methods and paths.
    pub(crate) fn s3(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response<Bytes> {
        let request = self.signed_by(method, Service::S3, path, headers, body.to_vec());
        block_on(self.aws.handle(request))
    }

    /// A signed request of some method.
    pub(crate) fn signed_by(
        &self,
        method: &str,
        service: Service,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Request<Bytes> {
        let region = self.region.clone();
        let uri = format!("https://{}.{region}.amazonaws.com{path}", service.signing_name());
        let mut request = Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Bytes::from(body)).expect("a request");
        let token = self.session_token.clone();
        let identity = Credentials::new(&self.access_key_id, &self.secret_access_key, token, None, "test").into();
        let seconds = u64::try_from(self.clock.now().as_second()).expect("after 1970");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name(service.signing_name())
            .time(time)
            .settings(signing_settings(service))
            .build()
            .expect("parameters")
            .into();
        let is_chunked = headers.iter().any(|(name, _)| *name == "x-amz-trailer");
        let signed_body = match is_chunked {
            true => SignableBody::StreamingUnsignedPayloadTrailer,
            false => SignableBody::Bytes(request.body()),
        };
        let headers = headers.iter().copied();
        let signable = SignableRequest::new(method, &uri, headers, signed_body).expect("signable");
        let (instructions, _) = sign(signable, &parameters).expect("signed").into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}

impl Answered {
    /// The same, once it is known to have gone well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status / 100, 2, "{} {}", self.status, self.text);
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        match self.text.is_empty() {
            true => Value::Null,
            false => serde_json::from_str(&self.text).expect("JSON"),
        }
    }

    /// The text of the first element of that name.
    #[track_caller]
    pub(crate) fn element(&self, name: &str) -> String {
        self.elements(name).into_iter().next().unwrap_or_else(|| panic!("no <{name}> in {}", self.text))
    }

    /// The texts of all elements of that name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let inside = self.text.split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
        inside.map(|(text, _)| unescape(text)).collect()
    }

    /// The code of an error, whatever the protocol.
    pub(crate) fn code(&self) -> String {
        match self.text.starts_with('<') {
            true => self.elements("Code").into_iter().next().unwrap_or_default(),
            false => self.value()["__type"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// The message of an error, whatever the protocol.
    pub(crate) fn message(&self) -> String {
        match self.text.starts_with('<') {
            true => self.elements("Message").into_iter().next().unwrap_or_default(),
            false => self.value()["message"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Fails unless it is this error.
    #[track_caller]
    pub(crate) fn is_error(&self, code: &str) -> &Self {
        assert_eq!(self.code(), code, "{} {}", self.status, self.text);
        self
    }
}

/// S3 signs its path as it is, and the hash of the body in a header.
fn signing_settings(service: Service) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == Service::S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

fn unescape(text: &str) -> String {
    quick_xml::escape::unescape(text).expect("escaped well").into_owned()
}

fn untagged(value: ciborium::Value) -> Value {
    match value {
        ciborium::Value::Tag(_, inner) => untagged(*inner),
        ciborium::Value::Array(items) => items.into_iter().map(untagged).collect(),
        ciborium::Value::Map(entries) => Value::Object(
            entries.into_iter().map(|(key, value)| (key.into_text().expect("text"), untagged(value))).collect(),
        ),
        other => other.deserialized().expect("a plain value"),
    }
}
