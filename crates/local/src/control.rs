//! The clock, moved over the port: `GET` and `POST /_keywright/clock`, of an AWS whose clock is moved by hand.
//!
//! This is no part of AWS, and nothing signs it. So that no web page can reach it through somebody's browser, it takes
//! requests from this computer only, that name this computer as their host, that no page sends (`Origin`), and whose
//! body says that it is JSON, which a page may not send elsewhere without being let.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::Aws;

/// Answers a request for the clock; gives one that is for something else back.
pub(crate) async fn answer(
    aws: &Aws,
    request: Request<Bytes>,
    peer: Option<SocketAddr>,
) -> Result<Response<Bytes>, Request<Bytes>> {
    // What is signed may be for an object of S3 that has such a name.
    let is_signed = request.headers().contains_key(header::AUTHORIZATION);
    if request.uri().path() != PATH || is_signed || !aws.inner().clock.is_manual() {
        return Err(request);
    }
    let (status, body) = match attend(aws, &request, peer).await {
        Ok(body) => (StatusCode::OK, body),
        Err((status, message)) => (status, json!({ "message": message })),
    };
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(JSON));
    Ok(response)
}

/// How the clock is to be moved: by a span, or to a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Move {
    /// Such as `15m`, `2h 30m`, `30d`; a day has 24 hours.
    Advance(Span),
    /// Such as `2026-01-01T00:00:00Z`.
    AdvanceTo(Timestamp),
}

type Refusal = (StatusCode, String);

async fn attend(aws: &Aws, request: &Request<Bytes>, peer: Option<SocketAddr>) -> Result<Value, Refusal> {
    check_origin(request, peer)?;
    let clock = &aws.inner().clock;
    match *request.method() {
        Method::GET => {}
        Method::POST => {
            check_content_type(request.headers())?;
            clock.advance(wanted(request.body(), clock.now())?);
            aws.settle().await.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        }
        _ => return Err((StatusCode::METHOD_NOT_ALLOWED, "the clock is read with GET and moved with POST".to_owned())),
    }
    Ok(json!({ "now": clock.now().to_string() }))
}

fn check_origin(request: &Request<Bytes>, peer: Option<SocketAddr>) -> Result<(), Refusal> {
    let is_near = peer.is_some_and(|peer| peer.ip().is_loopback());
    let is_a_page = request.headers().contains_key(header::ORIGIN);
    match is_near && !is_a_page && is_local_host(request) {
        true => Ok(()),
        false => Err((StatusCode::FORBIDDEN, "the clock is moved from this computer only".to_owned())),
    }
}

/// Whether the request names this computer. A name of somebody else's that resolves to it does not count.
fn is_local_host(request: &Request<Bytes>) -> bool {
    let header = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    let named: Vec<&str> =
        request.uri().authority().map(|authority| authority.as_str()).into_iter().chain(header).collect();
    let is_local = |named: &&str| {
        let host = named.parse::<http::uri::Authority>().map(|authority| authority.host().to_owned());
        host.is_ok_and(|host| matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"))
    };
    !named.is_empty() && named.iter().all(is_local)
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case(JSON) {
        true => Ok(()),
        false => Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("the body must be {JSON}"))),
    }
}

/// How far the clock is to be moved on.
fn wanted(body: &[u8], now: Timestamp) -> Result<SignedDuration, Refusal> {
    let bad = |message: String| (StatusCode::BAD_REQUEST, message);
    let by = match serde_json::from_slice(body).map_err(|error| bad(format!("{error}; write {EXAMPLE}")))? {
        Move::Advance(span) => span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|error| bad(format!("{error}; write {EXAMPLE}")))?,
        Move::AdvanceTo(time) => time.duration_since(now),
    };
    if by.is_negative() {
        return Err(bad("the clock does not go back".to_owned()));
    }
    match now.checked_add(by) {
        Ok(_) => Ok(by),
        Err(_) => Err(bad("that is beyond the year 9999".to_owned())),
    }
}

const PATH: &str = "/_keywright/clock";
const JSON: &str = "application/json";
const EXAMPLE: &str = r#"{"advance":"15m"} or {"advance_to":"2026-01-01T00:00:00Z"}"#;

#[cfg(test)]
mod tests {
    use http::request::Builder;

    use super::*;
    use crate::testing::{aws, block_on};

    const NEAR: &str = "127.0.0.1:50000";

    fn send(aws: &Aws, request: Builder, body: &str, peer: &str) -> (u16, Value) {
        let request = request.body(Bytes::from(body.to_owned())).expect("a request");
        let response = block_on(answer(aws, request, peer.parse().ok())).expect("the clock");
        (response.status().as_u16(), serde_json::from_slice(response.body()).expect("JSON"))
    }

    fn post() -> Builder {
        Request::post(PATH).header("host", "localhost:4566").header("content-type", "application/json; charset=utf-8")
    }

    #[test]
    fn the_clock_is_read_and_moved_on() {
        let (aws, clock) = aws();
        let get = || Request::get(PATH).header("host", "127.0.0.1:4566");
        assert_eq!(send(&aws, get(), "", NEAR), (200, json!({ "now": "2026-01-02T03:04:05Z" })));
        assert_eq!(send(&aws, post(), r#"{"advance":"15m"}"#, NEAR), (200, json!({ "now": "2026-01-02T03:19:05Z" })));
        let (_, told) = send(&aws, post(), r#"{"advance":"30d 1h"}"#, NEAR);
        assert_eq!(told, json!({ "now": "2026-02-01T04:19:05Z" }));
        let (_, told) = send(&aws, post(), r#"{"advance_to":"2026-03-01T00:00:00Z"}"#, NEAR);
        assert_eq!(told, json!({ "now": clock.now().to_string() }));
        assert_eq!(clock.now().to_string(), "2026-03-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_move_forward_is_refused_and_moves_nothing() {
        let (aws, clock) = aws();
        let before = clock.now();
        for body in [
            "",
            "{}",
            r#"{"advance":"-1m"}"#,
            r#"{"advance":"1y"}"#,
            r#"{"advance":15}"#,
            r#"{"advance":"99999999h"}"#,
            r#"{"advance_to":"2026-01-02T03:04:04Z"}"#,
            r#"{"advance":"1m","advance_to":"2027-01-01T00:00:00Z"}"#,
            r#"{"retreat":"1m"}"#,
        ] {
            assert_eq!(send(&aws, post(), body, NEAR).0, 400, "{body}");
        }
        assert_eq!(clock.now(), before);
    }

    #[test]
    fn only_this_computer_moves_the_clock() {
        let (aws, clock) = aws();
        let before = clock.now();
        let body = r#"{"advance":"15m"}"#;
        let json = |request: Builder| request.header("content-type", "application/json");
        let refused = [
            (json(Request::post(PATH).header("host", "rebound.example:4566")), NEAR, 403),
            (json(Request::post(PATH)), NEAR, 403),
            (json(Request::post(PATH).header("host", "localhost.rebound.example")), NEAR, 403),
            (json(Request::post("http://rebound.example/_keywright/clock").header("host", "localhost")), NEAR, 403),
            (post().header("origin", "http://localhost:4566"), NEAR, 403),
            (post(), "192.0.2.7:50000", 403),
            (post(), "nobody knows", 403),
            (Request::post(PATH).header("host", "localhost").header("content-type", "text/plain"), NEAR, 415),
            (Request::post(PATH).header("host", "localhost"), NEAR, 415),
            (Request::delete(PATH).header("host", "localhost"), NEAR, 405),
        ];
        for (request, peer, status) in refused {
            assert_eq!(send(&aws, request, body, peer).0, status);
        }
        assert_eq!(clock.now(), before);
        assert_eq!(send(&aws, post(), body, NEAR).0, 200);
    }

    #[test]
    fn an_object_that_is_called_like_the_clock_is_left_to_s3() {
        let (aws, clock) = aws();
        let before = clock.now();
        for (request, body) in [
            (Request::get("http://bucket-a.s3.eu-west-1.amazonaws.com/_keywright/clock"), ""),
            (Request::put("http://bucket-a.localhost:4566/_keywright/clock"), "x"),
            (post(), r#"{"advance":"15m"}"#),
        ] {
            let request = request.header("authorization", "AWS4-HMAC-SHA256 Credential=x");
            let request = request.body(Bytes::from(body)).expect("a request");
            assert!(block_on(answer(&aws, request, NEAR.parse().ok())).is_err(), "it is given back");
        }
        assert_eq!(clock.now(), before);
    }

    #[test]
    fn the_computers_clock_is_not_moved() {
        let aws = Aws::open(crate::Options::default()).expect("opens");
        let request = post().body(Bytes::from_static(br#"{"advance":"15m"}"#)).expect("a request");
        assert!(block_on(answer(&aws, request, NEAR.parse().ok())).is_err());
    }
}
