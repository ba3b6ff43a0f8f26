use bytes::Bytes;
use http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::authorization::trimmed;
use super::refusal::Refusal;
use crate::service::Service;

/// The request as both sides write it down before they sign it.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#create-canonical-request>.
///
/// # Errors
/// When a header is signed that was not sent.
pub(super) fn request(
    request: &Request<Bytes>,
    service: Service,
    signed_headers: &[String],
    payload_hash: &str,
) -> Result<String, Refusal> {
    let mut headers = String::new();
    for name in signed_headers {
        headers.push_str(&format!("{name}:{}\n", header(request, name)?));
    }
    Ok(format!(
        "{}\n{}\n{}\n{headers}\n{}\n{payload_hash}",
        request.method(),
        if service == Service::S3 { object_path(request.uri().path()) } else { path(request.uri().path()) },
        query(request.uri().query().unwrap_or_default()),
        signed_headers.join(";"),
    ))
}

fn header(request: &Request<Bytes>, name: &str) -> Result<String, Refusal> {
    let values: Vec<String> = request.headers().get_all(name).iter().map(trimmed).collect();
    match (values.is_empty(), name) {
        (false, _) => Ok(values.join(",")),
        (true, "host") => host(request).ok_or(Refusal::Mismatch),
        (true, _) => Err(Refusal::Mismatch),
    }
}

/// HTTP/2 and requests that never saw a wire have the host in the URI.
fn host(request: &Request<Bytes>) -> Option<String> {
    let authority = request.uri().authority()?;
    let default_port = match request.uri().scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    match authority.port_u16() {
        Some(port) if Some(port) != default_port => Some(format!("{}:{port}", authority.host())),
        _ => Some(authority.host().to_owned()),
    }
}

/// Every service but S3 signs the path without dots and double slashes, encoded once more.
fn path(raw: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut path = String::new();
    for segment in &segments {
        path.push('/');
        path.push_str(&encode(segment.as_bytes()));
    }
    if path.is_empty() || raw.ends_with('/') || raw.ends_with("/.") || raw.ends_with("/..") {
        path.push('/');
    }
    path
}

/// S3 signs the path as it is, encoded once: dots and double slashes are part of an object's key.
fn object_path(raw: &str) -> String {
    raw.split('/').map(recode).collect::<Vec<_>>().join("/")
}

/// The parameters, encoded in one way and sorted.
fn query(raw: &str) -> String {
    let mut pairs: Vec<(String, String)> = raw
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (recode(name), recode(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn recode(text: &str) -> String {
    encode(&percent_decode_str(text).collect::<Vec<u8>>())
}

fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

/// All but letters, digits, `-`, `.`, `_` and `~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
