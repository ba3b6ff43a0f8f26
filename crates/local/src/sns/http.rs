use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::delivery::{Post, Transport};

/// Brings messages over plain HTTP/1.1: one connection a message, no redirects, 15 seconds to answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpTransport;

impl Transport for HttpTransport {
    async fn send(&self, post: &Post) -> Result<u16, String> {
        match tokio::time::timeout(PATIENCE, exchange(post)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("there was no answer in time".to_owned()),
        }
    }
}

async fn exchange(post: &Post) -> Result<u16, Box<dyn Error + Send + Sync>> {
    let uri: Uri = post.url.parse()?;
    let authority = uri.authority().ok_or("the URL names no host")?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this call, however that ends.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path).header(header::HOST, authority.as_str());
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    let answer = sender.send_request(request.body(Full::new(Bytes::from(post.body.clone())))?).await?;
    Ok(answer.status().as_u16())
}

/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>.
const PATIENCE: Duration = Duration::from_secs(15);
