use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::aws::Aws;
use crate::control;
use crate::pipeline::MAX_BODY;
use crate::sigv4::ComputerTime;
use crate::sns::HttpTransport;

/// Answers HTTP/1 and HTTP/2 on a port until the shutdown comes; calls in flight are answered before it returns.
///
/// Meanwhile time brings about what it does, and SNS's messages are brought to their endpoints. Where the clock is
/// moved by hand, `/_keywright/clock` moves it.
///
/// # Errors
/// When the listener fails for good. Trouble with a single connection ends that connection only.
pub async fn serve(aws: Aws, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let server = auto::Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    if let Ok(address) = listener.local_addr() {
        aws.reachable_at(&format!("http://{address}"));
    }
    let mut by_itself = JoinSet::new();
    by_itself.spawn(happen(aws.clone()));
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => attend(&aws, &server, &graceful, stream, peer),
                Err(error) if is_transient(&error) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error),
            },
        }
    }
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(PATIENCE) => {}
    }
    Ok(())
}

/// What happens without being asked for: what time brings about, and deliveries. A slow endpoint holds up nobody.
async fn happen(aws: Aws) {
    let mut deliveries = JoinSet::new();
    loop {
        if let Err(error) = aws.settle().await {
            tracing::error!(%error, "what time brought about could not be kept");
        }
        let sender = aws.clone();
        deliveries.spawn(async move { sender.deliver_pending(&HttpTransport).await });
        while let Some(ended) = deliveries.try_join_next() {
            if let Ok(Err(error)) = ended {
                tracing::error!(%error, "what came of a delivery could not be kept");
            }
        }
        tokio::select! {
            () = aws.inner().called.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

fn attend(
    aws: &Aws,
    server: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    stream: TcpStream,
    peer: SocketAddr,
) {
    // Small answers must not wait for more to send.
    let _ = stream.set_nodelay(true);
    let aws = aws.clone();
    let service = service_fn(move |request| answer(aws.clone(), request, peer));
    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

async fn answer(aws: Aws, request: Request<Incoming>, peer: SocketAddr) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let response = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => answer_whole(&aws, Request::from_parts(head, body.to_bytes()), peer).await,
        Err(error) => {
            tracing::debug!(%error, "a body was too large or broke off");
            aws.refuse_body(Request::from_parts(head, Bytes::new()))
        }
    };
    Ok(response.map(Full::new))
}

async fn answer_whole(aws: &Aws, request: Request<Bytes>, peer: SocketAddr) -> Response<Bytes> {
    let response = match control::answer(aws, request, Some(peer)).await {
        Ok(response) => response,
        Err(mut request) => {
            if aws.inner().clock.is_manual() {
                request.extensions_mut().insert(ComputerTime(Timestamp::now()));
            }
            aws.handle(request).await
        }
    };
    aws.inner().called.notify_one();
    response
}

/// Too many open files, a peer that was gone before it was greeted.
fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    ) || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
const TICK: std::time::Duration = std::time::Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use hyper_util::rt::TokioIo;
    use tokio::sync::oneshot;

    use super::*;
    use crate::Options;

    #[tokio::test]
    async fn answers_on_a_port_and_ends_when_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let aws = Aws::open(Options::default()).expect("opens");
        let server = tokio::spawn(serve(aws, listener, async { drop(stopped.await) }));

        let stream = TcpStream::connect(address).await.expect("connects");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        for (size, status, code) in [
            (0, StatusCode::BAD_REQUEST, "<Code>MissingAction</Code>"),
            (MAX_BODY + 1, StatusCode::PAYLOAD_TOO_LARGE, "<Code>RequestEntityTooLarge</Code>"),
        ] {
            let body = Full::new(Bytes::from(vec![b'x'; size]));
            let request = Request::get("/").header("host", "localhost").body(body).expect("a request");
            let response = sender.send_request(request).await.expect("an answer");
            assert_eq!(response.status(), status);
            assert!(response.headers().contains_key("x-amzn-requestid"));
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            assert!(String::from_utf8_lossy(&body).contains(code), "{body:?}");
        }

        drop(sender);
        stop.send(()).expect("it still runs");
        server.await.expect("it ends").expect("well");
    }
}
