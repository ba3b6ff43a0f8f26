//! Signed requests to services whose SDK client would cost far more than the few reads that are asked of them.
//!
//! Credentials, endpoint, time limits and transport are those of the SDK's clients. See
//! `docs/decisions/0005-reads-without-a-client.md`.

use std::convert::Infallible;
use std::error::Error;
use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::sdk_config::StalledStreamProtectionConfig;
use aws_types::service_config::ServiceConfigKey;
use keywright_engine::{Failure, ProviderError};
use keywright_model::{Partition, Region};

use crate::calls::CallCounter;
use crate::error::{own_error, told_failure, unanswered};
use crate::xml::Element;

/// A service that is asked without a client of the SDK.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// The service's name in endpoints and signatures.
    pub(crate) name: &'static str,
    /// Its name in the AWS configuration.
    pub(crate) id: &'static str,
    /// The variable that overrides its endpoint.
    pub(crate) endpoint_variable: &'static str,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    /// The operation's name, such as `sns:GetTopicAttributes`.
    pub(crate) operation: &'static str,
    pub(crate) region: &'a Region,
    pub(crate) method: &'static str,
    /// The path and the query; what stands in them is encoded already.
    pub(crate) path: String,
    pub(crate) headers: &'a [(&'static str, &'static str)],
    pub(crate) body: String,
}

/// What sends such requests.
pub(crate) struct Signed {
    configuration: SdkConfig,
    calls: CallCounter,
}

type Cause = Box<dyn Error + Send + Sync>;

impl Signed {
    pub(crate) fn new(configuration: SdkConfig, calls: CallCounter) -> Self {
        Self { configuration, calls }
    }

    /// Sends a request as the caller, and gives the body of the answer.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<String, ProviderError> {
        let failed = |failure| ProviderError {
            failure,
            operation: call.operation.to_owned(),
            region: Some(call.region.clone()),
            request_id: None,
        };
        let request = self.request(call).await.map_err(failed)?;
        self.calls.count(call.operation);
        let answer = self.exchange(call, request).await.map_err(failed)?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        let (code, message) = told(&answer.body);
        Err(failed(told_failure(code.as_deref(), message.as_deref(), answer.status)))
    }

    async fn request(&self, call: &Call<'_>) -> Result<http::Request<SdkBody>, Failure> {
        let provider = self.configuration.credentials_provider();
        let provider = provider.ok_or_else(|| Failure::Credentials { message: "none were found".to_owned() })?;
        let credentials = provider.provide_credentials().await.map_err(|error| unanswered(call.region, &error))?;
        let identity = credentials.into();
        let url = format!("{}{}", self.endpoint(call).trim_end_matches('/'), call.path);
        signed(call, &url, &identity).map_err(|error| {
            let message = format!("the request cannot be signed: {error}");
            Failure::Other { code: "InvalidRequest".to_owned(), message }
        })
    }

    async fn exchange(&self, call: &Call<'_>, request: http::Request<SdkBody>) -> Result<Answer, Failure> {
        let (service, name) = call.operation.split_once(':').unwrap_or((call.service.name, call.operation));
        let mut operation = Operation::builder()
            .service_name(service.to_owned())
            .operation_name(name.to_owned())
            .behavior_version(self.configuration.behavior_version().unwrap_or_else(BehaviorVersion::latest))
            .endpoint_url(&origin(request.uri()))
            .no_auth()
            .no_retry()
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(client) = self.configuration.http_client() {
            operation = operation.http_client(client);
        }
        if let Some(timeouts) = self.configuration.timeout_config() {
            operation = operation.timeout_config(timeouts.clone());
        }
        let operation = operation
            .serializer(|request: http::Request<SdkBody>| Ok(HttpRequest::try_from(request)?))
            .deserializer(answer)
            .build();
        operation.invoke(request).await.map_err(|error| unanswered(call.region, &error))
    }

    fn endpoint(&self, call: &Call<'_>) -> String {
        let Service { name, id, endpoint_variable } = call.service;
        let key = ServiceConfigKey::builder().service_id(id).profile("endpoint_url").env(endpoint_variable).build();
        let own = self.configuration.service_config().zip(key.ok()).and_then(|(all, key)| all.load_config(key));
        let all = || self.configuration.endpoint_url().map(str::to_owned);
        own.or_else(all).unwrap_or_else(|| format!("https://{name}.{}.{}", call.region, suffix(call.region)))
    }
}

/// A body that is JSON.
pub(crate) fn json(call: &Call<'_>, body: &str) -> Result<serde_json::Value, ProviderError> {
    serde_json::from_str(body)
        .map_err(|error| own_error(call.operation, call.region, "IncompleteAnswer", error.to_string()))
}

/// A body that is XML.
pub(crate) fn xml(call: &Call<'_>, body: &str) -> Result<Element, ProviderError> {
    Element::parse(body)
        .ok_or_else(|| own_error(call.operation, call.region, "IncompleteAnswer", "the answer is not XML"))
}

#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
}

fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<Infallible>> {
    let body = response.body().bytes().unwrap_or_default();
    Ok(Answer { status: response.status().as_u16(), body: String::from_utf8_lossy(body).into_owned() })
}

fn signed(
    call: &Call<'_>,
    url: &str,
    identity: &aws_smithy_runtime_api::client::identity::Identity,
) -> Result<http::Request<SdkBody>, Cause> {
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(call.region.as_str())
        .name(call.service.name)
        .time(SystemTime::now())
        .settings(settings(call))
        .build()?;
    let headers = call.headers.iter().copied();
    let body = SignableBody::Bytes(call.body.as_bytes());
    let signable = SignableRequest::new(call.method, url, headers, body)?;
    let (instructions, _) = sign(signable, &parameters.into())?.into_parts();
    let mut request = http::Request::builder().method(call.method).uri(url);
    for (name, value) in call.headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(SdkBody::from(call.body.as_str()))?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}

/// S3 signs paths as they are, and wants the digest of the body in a header.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
fn settings(call: &Call<'_>) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if call.service.name == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}

/// The code and the message of an error, in JSON or in XML.
fn told(body: &str) -> (Option<String>, Option<String>) {
    if let Ok(error) = serde_json::from_str::<serde_json::Value>(body) {
        let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        let code = text("__type").map(|it| it.rsplit('#').next().unwrap_or_default().to_owned());
        return (code, text("message").or_else(|| text("Message")));
    }
    let Some(error) = Element::parse(body) else { return (None, None) };
    let text = |name| error.text_at(&["Error", name]).or_else(|| error.text_at(&[name])).map(str::to_owned);
    (text("Code"), text("Message"))
}

fn origin(uri: &http::Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    format!("{scheme}://{}", uri.authority().map_or("", http::uri::Authority::as_str))
}

/// What ends the names of a partition's hosts.
///
/// Source: <https://docs.aws.amazon.com/general/latest/gr/rande.html>.
fn suffix(region: &Region) -> &'static str {
    match region.partition() {
        Partition::AwsCn => "amazonaws.com.cn",
        Partition::AwsIso => "c2s.ic.gov",
        Partition::AwsIsoB => "sc2s.sgov.gov",
        Partition::AwsIsoE => "cloud.adc-e.uk",
        Partition::AwsIsoF => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}
