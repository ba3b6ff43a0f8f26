//! An AWS of canned answers, behind a [`Transport`].

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use keywright_engine::{Attributes, Creation, CreationToken, Provider, ProviderError};
use keywright_model::{Region, ResourceKind, Secret};
use serde_json::{Map, Value, json};

use crate::calls::lock;
use crate::{AwsProvider, Options, Patience, StaticCredentials, Transport, TransportError};

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const SECRET: &str = "a-very-secret-access-key";

/// A request as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// `kms:PutKeyPolicy`, by the service and in the Region that it was signed for.
    pub(crate) operation: String,
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) body: Value,
}

/// What is answered to the calls of one operation: one after the other, the last one again and again.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Result(Value),
    Error(&'static str, &'static str),
    Nothing,
}

/// The canned AWS.
#[derive(Clone, Default)]
pub(crate) struct Canned {
    answers: Arc<Mutex<HashMap<String, VecDeque<Answer>>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Canned {
    pub(crate) fn new() -> Self {
        let canned = Self::default();
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/operator");
        canned.ok("sts:GetCallerIdentity", json!({ "Account": ACCOUNT, "Arn": arn, "UserId": "AIDA" }))
    }

    pub(crate) fn ok(self, operation: &str, result: Value) -> Self {
        self.answer(operation, Answer::Result(result))
    }

    pub(crate) fn error(self, operation: &str, code: &'static str, message: &'static str) -> Self {
        self.answer(operation, Answer::Error(code, message))
    }

    pub(crate) fn answer(self, operation: &str, answer: Answer) -> Self {
        lock(&self.answers).entry(operation.to_owned()).or_default().push_back(answer);
        self
    }

    /// With the answers of another, behind its own.
    pub(crate) fn merged(self, other: Self) -> Self {
        for (operation, answers) in lock(&other.answers).drain() {
            lock(&self.answers).entry(operation).or_default().extend(answers);
        }
        self
    }

    /// The provider that speaks to it, and waits for a few milliseconds at most.
    pub(crate) async fn provider(&self) -> AwsProvider {
        AwsProvider::connect(self.options()).await.expect("a provider")
    }

    pub(crate) fn options(&self) -> Options {
        let credentials = StaticCredentials {
            access_key_id: "AKIACALLER".into(),
            secret_access_key: Secret::new(SECRET.into()),
            session_token: None,
        };
        let home = Region::parse("eu-west-1").expect("a Region");
        Options { patience: brief(), ..Options::in_process(home, credentials, self.transport()) }
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        lock(&self.sent).clone()
    }

    /// The operations that were sent, in order.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.sent().into_iter().map(|sent| sent.operation).collect()
    }

    /// The body of the only call of an operation.
    pub(crate) fn body(&self, operation: &str) -> Value {
        let mut found = self.sent().into_iter().filter(|sent| sent.operation == operation);
        let body = found.next().unwrap_or_else(|| panic!("no {operation} in {:?}", self.operations())).body;
        assert!(found.next().is_none(), "more than one {operation}");
        body
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        self.operations().iter().filter(|sent| *sent == operation).count()
    }

    fn transport(&self) -> Transport {
        let canned = self.clone();
        Arc::new(move |request| {
            let canned = canned.clone();
            async move {
                // Lets whoever else is reading catch up, as a network would.
                tokio::task::yield_now().await;
                canned.respond(&request)
            }
            .boxed()
        })
    }

    fn respond(&self, request: &http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let (sent, protocol) = read_request(request);
        let operation = sent.operation.clone();
        lock(&self.sent).push(sent);
        match self.next_answer(&operation) {
            Some(Answer::Result(result)) => Ok(protocol.success(&operation, &result)),
            Some(Answer::Error(code, message)) => Ok(protocol.failure(code, message)),
            Some(Answer::Nothing) => Err(TransportError { message: "the connection was cut".into() }),
            None => Err(TransportError { message: format!("no answer is canned for {operation}") }),
        }
    }

    fn next_answer(&self, operation: &str) -> Option<Answer> {
        let mut answers = lock(&self.answers);
        let queue = answers.get_mut(operation)?;
        if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() }
    }
}

/// The attributes in a JSON object.
pub(crate) fn attributes(value: Value) -> Attributes {
    match value {
        Value::Object(attributes) => attributes,
        other => panic!("{other} is no object"),
    }
}

/// Creates a resource from planned attributes, marked with `token-1`.
pub(crate) async fn create(canned: &Canned, kind: ResourceKind, planned: Value) -> Result<Value, ProviderError> {
    let (planned, token) = (attributes(planned), token());
    let creation = Creation { kind, planned: &planned, interim_policy: None, token: &token };
    canned.provider().await.create(&keywright_engine::Actor::Caller, &creation).await.map(Value::Object)
}

/// Looks for what a creation has made, marked with `token-1`.
pub(crate) async fn find_created(canned: &Canned, kind: ResourceKind, planned: Value) -> Option<Value> {
    let (planned, token) = (attributes(planned), token());
    let creation = Creation { kind, planned: &planned, interim_policy: None, token: &token };
    let found = canned.provider().await.find_created(&keywright_engine::Actor::Caller, &creation).await;
    found.expect("an answer").map(Value::Object)
}

/// Reads a resource that is there to stay.
pub(crate) async fn read(canned: &Canned, kind: ResourceKind, known: Value) -> Option<Value> {
    let read = canned.provider().await.read(&keywright_engine::Actor::Caller, kind, &attributes(known)).await;
    read.expect("an answer").map(|observed| Value::Object(observed.attributes))
}

/// Changes a resource.
pub(crate) async fn update(canned: &Canned, kind: ResourceKind, prior: Value, planned: Value) -> Value {
    let provider = canned.provider().await;
    let (prior, planned) = (attributes(prior), attributes(planned));
    Value::Object(provider.update(&keywright_engine::Actor::Caller, kind, &prior, &planned).await.expect("an update"))
}

/// Deletes a resource.
pub(crate) async fn delete(canned: &Canned, kind: ResourceKind, prior: Value) -> Result<(), ProviderError> {
    canned.provider().await.delete(&keywright_engine::Actor::Caller, kind, &attributes(prior)).await
}

pub(crate) fn token() -> CreationToken {
    CreationToken("token-1".into())
}

fn brief() -> Patience {
    Patience {
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
        settling: Duration::from_millis(8),
        replication: Duration::from_millis(8),
    }
}

#[derive(Clone, Copy)]
enum Protocol {
    Json,
    Cbor,
    Query,
}

fn read_request(request: &http::Request<Bytes>) -> (Sent, Protocol) {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(!header("host").is_empty(), "a Host header is sent");
    let scope: Vec<&str> = header("authorization").split("Credential=").nth(1).unwrap_or_default().split('/').collect();
    let (protocol, name, body) = if header("x-amz-target").contains('.') {
        let name = header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
        (Protocol::Json, name, serde_json::from_slice(request.body()).expect("JSON"))
    } else if header("smithy-protocol") == "rpc-v2-cbor" {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        (Protocol::Cbor, name, ciborium::from_reader(request.body().as_ref()).expect("CBOR"))
    } else {
        let form = form_urlencoded::parse(request.body());
        let body: Map<String, Value> = form.map(|(key, value)| (key.into_owned(), value.into())).collect();
        (Protocol::Query, body["Action"].as_str().unwrap_or_default().to_owned(), Value::Object(body))
    };
    let service = match scope[3] {
        "monitoring" => "cloudwatch",
        other => other,
    };
    let operation = format!("{service}:{name}");
    (Sent { operation, region: scope[2].into(), access_key_id: scope[0].into(), body }, protocol)
}

impl Protocol {
    fn success(self, operation: &str, result: &Value) -> http::Response<Bytes> {
        let name = operation.rsplit(':').next().unwrap_or_default();
        match self {
            Self::Query => {
                let result = xml(result);
                let body = format!("<{name}Response><{name}Result>{result}</{name}Result></{name}Response>");
                self.response(200, body.into())
            }
            _ => self.response(200, self.encoded(result)),
        }
    }

    fn failure(self, code: &str, message: &str) -> http::Response<Bytes> {
        let body = match self {
            Self::Query => {
                let error = xml(&json!({ "Code": code, "Message": message }));
                format!("<ErrorResponse><Error>{error}</Error><RequestId>r-1</RequestId></ErrorResponse>").into()
            }
            _ => self.encoded(&json!({ "__type": format!("com.amazonaws#{code}"), "message": message })),
        };
        self.response(400, body)
    }

    fn encoded(self, value: &Value) -> Vec<u8> {
        match self {
            Self::Cbor => {
                let mut bytes = Vec::new();
                ciborium::into_writer(value, &mut bytes).expect("CBOR");
                bytes
            }
            _ => value.to_string().into_bytes(),
        }
    }

    fn response(self, status: u16, body: Vec<u8>) -> http::Response<Bytes> {
        let content_type = match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/cbor",
            Self::Query => "text/xml",
        };
        let response = http::Response::builder().status(status).header("content-type", content_type);
        let response = response.header("x-amzn-requestid", "r-1").header("smithy-protocol", "rpc-v2-cbor");
        response.body(Bytes::from(body)).expect("a response")
    }
}

/// A value as the query protocol answers it: lists of `member`s.
fn xml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                write!(text, "<{name}>{}</{name}>", xml(value)).expect("a String takes all");
            }
        }
        Value::Array(items) => {
            for item in items {
                write!(text, "<member>{}</member>", xml(item)).expect("a String takes all");
            }
        }
        Value::String(content) => {
            text = content.replace('&', "&amp;").replace('<', "&lt;");
        }
        other => text = other.to_string(),
    }
    text
}
