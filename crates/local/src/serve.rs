use std::convert::Infallible;
use std::future::Future;
use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::aws::Aws;
use crate::pipeline::longest_body;

/// Answers HTTP/1 and HTTP/2 on a port until the shutdown comes; calls in flight are answered before it returns.
///
/// # Errors
/// When the listener fails for good. Trouble with a single connection ends that connection only.
pub async fn serve(aws: Aws, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let server = auto::Builder::new(TokioExecutor::new());
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => attend(&aws, &server, &graceful, stream),
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

fn attend(aws: &Aws, server: &auto::Builder<TokioExecutor>, graceful: &GracefulShutdown, stream: TcpStream) {
    // Small answers must not wait for more to send.
    let _ = stream.set_nodelay(true);
    let aws = aws.clone();
    let service = service_fn(move |request| answer(aws.clone(), request));
    let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

async fn answer(aws: Aws, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let longest = longest_body(&request);
    let (head, body) = request.into_parts();
    let response = match Limited::new(body, longest).collect().await {
        Ok(body) => aws.handle(Request::from_parts(head, body.to_bytes())).await,
        Err(error) => {
            tracing::debug!(%error, "a body was too large or broke off");
            aws.refuse_body(Request::from_parts(head, Bytes::new()))
        }
    };
    Ok(response.map(Full::new))
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

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use hyper_util::rt::TokioIo;
    use tokio::sync::oneshot;

    use super::*;
    use crate::Options;
    use crate::pipeline::MAX_BODY;

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
