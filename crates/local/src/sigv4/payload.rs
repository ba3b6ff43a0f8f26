//! The body, and how it is bound to the signature.
//!
//! Every service but S3 signs the hash of its body. S3 may leave it unsigned, or sign it chunk by chunk, with a trailer.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>.

use bytes::{Buf, Bytes};
use http::Request;

use super::refusal::Refusal;
use super::signature::{Signed, is_equal, sha256_hex};
use crate::service::Service;

/// The body of a request, out of its chunks, and what came behind it.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    /// Headers that came behind the body, by their names in lower case.
    pub(crate) trailers: Vec<(String, String)>,
}

/// How the body is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Binding {
    /// The signature holds the hash of the body.
    Hash(String),
    /// The body is not signed.
    Unsigned,
    /// The body comes in chunks.
    Chunks { are_signed: bool, has_trailer: bool },
}

impl Binding {
    /// What a request says about its body, which is compared with the body where that can be done at once.
    ///
    /// # Errors
    /// When the body is not the one that was signed, or S3 is not told how it is.
    pub(super) fn read(request: &Request<Bytes>, service: Service) -> Result<Self, Refusal> {
        let claimed = request.headers().get("x-amz-content-sha256").map(|value| value.as_bytes());
        if service == Service::S3 {
            return Self::of_s3(request, claimed.ok_or(Refusal::MissingContentHash)?);
        }
        let actual = sha256_hex(request.body());
        match claimed {
            Some(claimed) if claimed != actual.as_bytes() => Err(Refusal::Mismatch),
            _ => Ok(Self::Hash(actual)),
        }
    }

    fn of_s3(request: &Request<Bytes>, claimed: &[u8]) -> Result<Self, Refusal> {
        match claimed {
            b"UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            b"STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::Chunks { are_signed: false, has_trailer: true }),
            b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::Chunks { are_signed: true, has_trailer: false }),
            b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::Chunks { are_signed: true, has_trailer: true }),
            _ if claimed.starts_with(b"STREAMING-") => {
                Err(Refusal::Unsupported { reason: "Signature Version 4A is not supported by this local AWS.".into() })
            }
            _ => {
                let actual = sha256_hex(request.body());
                if claimed == actual.as_bytes() { Ok(Self::Hash(actual)) } else { Err(Refusal::ContentHash) }
            }
        }
    }

    /// What stands for the body in the canonical request.
    pub(super) fn canonical(&self) -> &str {
        match self {
            Self::Hash(hash) => hash,
            Self::Unsigned => "UNSIGNED-PAYLOAD",
            Self::Chunks { are_signed: false, .. } => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            Self::Chunks { has_trailer: false, .. } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::Chunks { has_trailer: true, .. } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        }
    }

    /// The body, once the signature of the headers is known to be right; each chunk's own is checked.
    ///
    /// # Errors
    /// When the chunks are not well formed, are not those that were signed, or are not as long as was said.
    pub(super) fn open(&self, request: &Request<Bytes>, seed: &Signed<'_>) -> Result<Payload, Refusal> {
        let body = request.body().clone();
        let Self::Chunks { are_signed, has_trailer } = *self else {
            return Ok(Payload { bytes: body, trailers: Vec::new() });
        };
        let mut chunks = Chunks { rest: body, seed, last: seed.signature.clone(), are_signed };
        let bytes = chunks.bytes()?;
        let trailers = if has_trailer { chunks.trailers()? } else { Vec::new() };
        check_length(request, bytes.len())?;
        check_trailer_names(request, &trailers)?;
        Ok(Payload { bytes, trailers })
    }
}

/// A body in chunks, read from its front.
struct Chunks<'a> {
    rest: Bytes,
    seed: &'a Signed<'a>,
    /// The signature that the next one builds on.
    last: String,
    are_signed: bool,
}

impl Chunks<'_> {
    fn bytes(&mut self) -> Result<Bytes, Refusal> {
        let mut whole = Vec::new();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Ok(Bytes::from(whole));
            }
            whole.extend_from_slice(&chunk);
        }
    }

    /// `SIZE;chunk-signature=SIGNATURE`, the chunk, and an end of line, which the last, empty chunk does not have.
    fn chunk(&mut self) -> Result<Bytes, Refusal> {
        let line = self.line().ok_or_else(|| malformed("a chunk does not tell its size"))?;
        let (size, extension) = line.split_once(';').unwrap_or((&line, ""));
        let size = usize::from_str_radix(size, 16).map_err(|_| malformed("the size of a chunk is no number"))?;
        if size > self.rest.len() {
            return Err(malformed("the body ends within a chunk"));
        }
        let chunk = self.rest.split_to(size);
        if self.are_signed {
            let hashes = format!("{}\n{}", sha256_hex(b""), sha256_hex(&chunk));
            self.check(CHUNK, &hashes, extension.strip_prefix("chunk-signature=").unwrap_or_default())?;
        }
        if size > 0 {
            if !self.rest.starts_with(b"\r\n") {
                return Err(malformed("a chunk is longer than it says"));
            }
            self.rest.advance(2);
        }
        Ok(chunk)
    }

    fn trailers(&mut self) -> Result<Vec<(String, String)>, Refusal> {
        let mut trailers = Vec::new();
        let mut signature = None;
        while let Some(line) = self.line() {
            if line.is_empty() {
                continue;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed("a trailer has no value"))?;
            if trailers.len() == MOST_TRAILERS {
                return Err(malformed("it has too many trailers"));
            }
            match name.trim().to_ascii_lowercase().as_str() {
                "x-amz-trailer-signature" => signature = Some(value.trim().to_owned()),
                name => trailers.push((name.to_owned(), value.trim().to_owned())),
            }
        }
        if self.are_signed {
            let lines: String = trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
            self.check(TRAILER, &sha256_hex(lines.as_bytes()), &signature.unwrap_or_default())?;
        }
        Ok(trailers)
    }

    /// Checks the next signature, which builds on the one before.
    fn check(&mut self, algorithm: &str, hashes: &str, signature: &str) -> Result<(), Refusal> {
        let expected = self.seed.sign_next(algorithm, &self.last, hashes);
        if !is_equal(&expected, signature) {
            return Err(Refusal::Mismatch);
        }
        self.last = expected;
        Ok(())
    }

    fn line(&mut self) -> Option<String> {
        let end = self.rest.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n')?;
        let line = self.rest.split_to(end);
        self.rest.advance(1);
        std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(&line)).ok().map(str::to_owned)
    }
}

fn check_length(request: &Request<Bytes>, actual: usize) -> Result<(), Refusal> {
    let told = request.headers().get("x-amz-decoded-content-length").and_then(|value| value.to_str().ok());
    match told.map(str::parse::<usize>) {
        Some(Ok(told)) if told == actual => Ok(()),
        _ => Err(Refusal::IncompleteBody),
    }
}

/// What comes behind the body must have been announced before it: the announcement is signed.
fn check_trailer_names(request: &Request<Bytes>, trailers: &[(String, String)]) -> Result<(), Refusal> {
    let announced = request.headers().get("x-amz-trailer").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut announced: Vec<String> =
        announced.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()).collect();
    let mut sent: Vec<&str> = trailers.iter().map(|(name, _)| name.as_str()).collect();
    announced.sort();
    sent.sort_unstable();
    if announced.iter().map(String::as_str).eq(sent) {
        return Ok(());
    }
    Err(malformed("the trailer is not the one that x-amz-trailer announces"))
}

fn malformed(reason: &str) -> Refusal {
    Refusal::Chunks { reason: format!("The aws-chunked body is malformed: {reason}.") }
}

const CHUNK: &str = "AWS4-HMAC-SHA256-PAYLOAD";
const TRAILER: &str = "AWS4-HMAC-SHA256-TRAILER";
const LONGEST_LINE: usize = 8 * 1024;
/// A checksum and its kin; each takes far more room than its bytes on the wire.
const MOST_TRAILERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::authorization::Scope;
    use super::super::signature::sign;
    use super::*;

    const CHUNKS: Binding = Binding::Chunks { are_signed: true, has_trailer: false };

    /// The example of AWS's page: a chunk of 64 KiB, one of 1 KiB, and the empty one.
    fn example(body: Vec<u8>) -> Result<Payload, Refusal> {
        let scope = Scope {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            date: "20130524".into(),
            region: "us-east-1".into(),
            service: "s3".into(),
        };
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let mut seed = sign(secret, &scope, "20130524T000000Z", "");
        seed.signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9".into();
        let request = Request::put("https://s3.amazonaws.com/examplebucket/chunkObject.txt")
            .header("x-amz-decoded-content-length", "66560")
            .body(Bytes::from(body))
            .expect("a request");
        CHUNKS.open(&request, &seed)
    }

    fn body(second: &str, fill: u8) -> Vec<u8> {
        let mut body = Vec::new();
        let first = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
        let last = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";
        for (size, signature) in [(65536, first), (1024, second), (0, last)] {
            body.extend(format!("{size:x};chunk-signature={signature}\r\n").into_bytes());
            body.extend(vec![fill; size]);
            body.extend(b"\r\n");
        }
        body
    }

    #[test]
    fn the_chunks_of_the_example_of_aws_are_taken_and_no_others() {
        let signature = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497";
        let payload = example(body(signature, b'a')).expect("AWS's own signatures");
        assert_eq!(payload.bytes, vec![b'a'; 66560]);
        assert_eq!(example(body(signature, b'b')).expect_err("other bytes"), Refusal::Mismatch);
        assert_eq!(example(body(&signature.replace('0', "1"), b'a')).expect_err("forged"), Refusal::Mismatch);
        let mut cut = body(signature, b'a');
        cut.truncate(70_000 - 5_000);
        assert!(matches!(example(cut).expect_err("cut"), Refusal::Chunks { .. }));
    }

    #[test]
    fn a_trailer_must_be_announced_and_a_length_true() {
        let scope = Scope { access_key_id: "A".into(), date: "1".into(), region: "r".into(), service: "s3".into() };
        let seed = sign("x", &scope, "1", "");
        let open = |length: &str, trailer: &str, body: &'static str| {
            let request = Request::put("https://s3.amazonaws.com/b/k")
                .header("x-amz-decoded-content-length", length)
                .header("x-amz-trailer", trailer)
                .body(Bytes::from_static(body.as_bytes()))
                .expect("a request");
            Binding::Chunks { are_signed: false, has_trailer: true }.open(&request, &seed)
        };
        let body = "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n";
        let payload = open("3", "x-amz-checksum-crc32", body).expect("well formed");
        assert_eq!(payload.bytes, "abc");
        assert_eq!(payload.trailers, [("x-amz-checksum-crc32".to_owned(), "NSRBwg==".to_owned())]);
        assert_eq!(open("4", "x-amz-checksum-crc32", body).expect_err("too short"), Refusal::IncompleteBody);
        assert!(matches!(open("3", "x-amz-checksum-sha1", body), Err(Refusal::Chunks { .. })));
        assert!(matches!(open("3", "", "4\r\nabc\r\n0\r\n\r\n"), Err(Refusal::Chunks { .. })));
        assert!(matches!(open("3", "", "ffffffffffffffff\r\nabc\r\n0\r\n\r\n"), Err(Refusal::Chunks { .. })));
        let many = |count: usize| -> &'static str {
            let trailers: String = (0..count).map(|at| format!("t{at:02}:x\r\n")).collect();
            format!("3\r\nabc\r\n0\r\n{trailers}\r\n").leak()
        };
        let names = |count: usize| (0..count).map(|at| format!("t{at:02}")).collect::<Vec<_>>().join(",");
        assert_eq!(open("3", &names(16), many(16)).expect("as many as there may be").trailers.len(), 16);
        assert!(matches!(open("3", &names(17), many(17)), Err(Refusal::Chunks { .. })));
    }
}
