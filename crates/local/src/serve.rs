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
use tokio::time::MissedTickBehavior;

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
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = aws.inner().mail.notified() => {}
            _ = ticks.tick() => settle(&aws).await,
        }
        let sender = aws.clone();
        deliveries.spawn(async move { sender.deliver_pending(&HttpTransport).await });
        while let Some(ended) = deliveries.try_join_next() {
            if let Ok(Err(error)) = ended {
                tracing::error!(%error, "what came of a delivery could not be kept");
            }
        }
    }
}

async fn settle(aws: &Aws) {
    if let Err(error) = aws.settle().await {
        tracing::error!(%error, "what time brought about could not be kept");
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
    if aws.has_mail() {
        aws.inner().mail.notify_one();
    }
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
    use serde_json::Value;
    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::testing::Client;
    use crate::{Options, Service};

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

    /// A subscriber that answers every request with 200 and hands on the bodies.
    async fn subscriber() -> (String, mpsc::UnboundedReceiver<Value>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (taken, bodies) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = taken.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let taken = taken.clone();
                    async move {
                        let body = request.into_body().collect().await.expect("a body").to_bytes();
                        let _ = taken.send(serde_json::from_slice(&body).expect("JSON"));
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        (format!("http://{address}/hook"), bodies)
    }

    async fn send(address: SocketAddr, request: Request<Bytes>) -> (u16, String) {
        let stream = TcpStream::connect(address).await.expect("connects");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        let response = sender.send_request(request.map(Full::new)).await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    async fn call(address: SocketAddr, client: &Client, action: &str, parameters: &[(&str, &str)]) -> (u16, String) {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", action), ("Version", "2010-03-31")])
            .extend_pairs(parameters)
            .finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let mut request = client.signed(Service::Sns, "/", &headers, body.into_bytes());
        let host = request.uri().host().expect("a host").to_owned();
        request.headers_mut().insert("host", host.parse().expect("a host"));
        *request.uri_mut() = "/".parse().expect("a path");
        send(address, request).await
    }

    /// The world's clock stands in 2026; clients sign by the computer's time, and later by the world's.
    #[tokio::test]
    async fn an_endpoint_confirms_and_is_notified_over_http_while_the_clock_is_moved() {
        const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alarms";
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let (aws, clock) = crate::testing::aws();
        let server = tokio::spawn(serve(aws.clone(), listener, async { drop(stopped.await) }));
        let (endpoint, mut bodies) = subscriber().await;

        let by_computer = Client::of(&aws, &crate::Clock::system(), "111122223333", "test");
        let by_world = Client::of(&aws, &clock, "111122223333", "test");
        let ancient = Client::of(&aws, &crate::Clock::manual(Timestamp::UNIX_EPOCH), "111122223333", "test");
        assert_eq!(call(address, &by_computer, "CreateTopic", &[("Name", "alarms")]).await.0, 200);
        let (status, refusal) = call(address, &ancient, "ListTopics", &[]).await;
        assert!(status == 403 && refusal.contains("Signature expired"), "{refusal}");
        let parameters = [("TopicArn", TOPIC), ("Protocol", "http"), ("Endpoint", endpoint.as_str())];
        assert_eq!(call(address, &by_world, "Subscribe", &parameters).await.0, 200);

        let asked = bodies.recv().await.expect("it is asked");
        let link = asked["SubscribeURL"].as_str().expect("a link").to_owned();
        assert!(link.starts_with(&format!("http://{address}/?")), "{link}");
        let get = |link: &str| {
            let path = link.strip_prefix(&format!("http://{address}")).expect("a link to here").to_owned();
            Request::get(path).header("host", address.to_string()).body(Bytes::new()).expect("a request")
        };
        assert_eq!(send(address, get(&link)).await.0, 200);
        let certificate = asked["SigningCertURL"].as_str().expect("a link");
        let (status, text) = send(address, get(certificate)).await;
        assert!(status == 200 && text.starts_with("-----BEGIN CERTIFICATE-----"), "{text}");

        let clock_link = format!("http://{address}/_keywright/clock");
        let advance = Request::post("/_keywright/clock")
            .header("host", address.to_string())
            .header("content-type", "application/json")
            .body(Bytes::from_static(br#"{"advance":"1h"}"#))
            .expect("a request");
        assert_eq!(send(address, advance).await, (200, r#"{"now":"2026-01-02T04:04:05Z"}"#.to_owned()));
        assert_eq!(send(address, get(&clock_link)).await.1, r#"{"now":"2026-01-02T04:04:05Z"}"#);

        let message = [("TopicArn", TOPIC), ("Message", "x")];
        assert_eq!(call(address, &by_computer, "Publish", &message).await.0, 200);
        let notified = bodies.recv().await.expect("it is notified");
        assert_eq!((&notified["Type"], &notified["Message"]), (&"Notification".into(), &"x".into()));
        assert_eq!(notified["Timestamp"], "2026-01-02T04:04:05.000Z");

        stop.send(()).expect("it still runs");
        server.await.expect("it ends").expect("well");
    }
}
