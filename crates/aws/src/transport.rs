use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderValue;
use http::header::HOST;

/// Takes signed requests in place of the network: the same bytes, without a socket.
pub type Transport = Arc<
    dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Bytes>, TransportError>> + Send + Sync,
>;

/// A request that got no answer from a [`Transport`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// What went wrong.
    pub message: String,
}

/// The SDK's HTTP client over a transport.
pub(crate) fn http_client(transport: &Transport) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(InProcess(Arc::clone(transport)));
    http_client_fn(move |_, _| connector.clone())
}

struct InProcess(Transport);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transport = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let answer = (transport)(outgoing(request)?).await.map_err(refused)?;
            HttpResponse::try_from(answer.map(SdkBody::from)).map_err(refused)
        })
    }
}

/// The request as it would stand on the wire: with the `Host` header that an HTTP client adds.
fn outgoing(request: HttpRequest) -> Result<http::Request<Bytes>, ConnectorError> {
    let (mut parts, body) = request.try_into_http1x().map_err(refused)?.into_parts();
    if !parts.headers.contains_key(HOST)
        && let Some(authority) = parts.uri.authority()
    {
        let host = HeaderValue::from_str(authority.as_str()).map_err(refused)?;
        parts.headers.insert(HOST, host);
    }
    let bytes = body.bytes().ok_or_else(|| refused("the body of the request is a stream"))?;
    Ok(http::Request::from_parts(parts, Bytes::copy_from_slice(bytes)))
}

/// An error that the SDK does not try again: the other side is in this very process.
fn refused(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::other(error.into(), None)
}
