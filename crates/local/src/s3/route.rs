//! Which operation a request asks for, and with what: S3 tells it by method, path, query and headers.

use bytes::Bytes;
use http::{Request, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::checksum::{self, Algorithm};
use super::error::{access_denied, invalid_argument, invalid_request, malformed_xml, unsupported};
use crate::error::AwsError;
use crate::service::Service;
use crate::sigv4::{Payload, Scope};
use crate::wire::Parameters;

/// What a request asks S3 for.
pub(crate) struct Route {
    pub(crate) operation: &'static str,
    /// `Bucket` and `Key`; parameters of the query and headers under their own names; `Metadata`.
    members: Map<String, Value>,
}

/// What the path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Service,
    Bucket,
    Object,
}

impl Route {
    /// Whether a request is one to S3: its signature says so, or its host.
    pub(crate) fn is_meant(request: &Request<Bytes>) -> bool {
        if let Some(scope) = Scope::of(request) {
            return scope.service == Service::S3.signing_name();
        }
        let host = host(request);
        let is_presigned = request.uri().query().is_some_and(|query| query.contains("%2Fs3%2Faws4_request"));
        is_presigned || host.starts_with("s3.") || host.contains(".s3.")
    }

    /// Reads what a request asks for.
    ///
    /// # Errors
    /// When S3 has nothing of that kind, or it cannot be read without guessing.
    pub(crate) fn read(request: &Request<Bytes>) -> Result<Self, AwsError> {
        let (bucket, key) = address(request)?;
        let level = match (&bucket, &key) {
            (None, _) => Level::Service,
            (Some(_), None) => Level::Bucket,
            (Some(_), Some(_)) => Level::Object,
        };
        let query = query(request.uri().query().unwrap_or_default())?;
        let (operation, sub_resource) = operation(request, level, &query)?;
        let mut route = Self { operation, members: Map::new() };
        route.put("Bucket", bucket)?;
        route.put("Key", key)?;
        for (name, value) in query.into_iter().filter(|(name, _)| name != sub_resource && name != "x-id") {
            route.put(&name, Some(value))?;
        }
        route.put_headers(request)?;
        Ok(route)
    }

    /// The operation's parameters, once the body is known to be the one that its checksums tell of.
    ///
    /// # Errors
    /// When it is not, or is no document where the operation takes one.
    pub(crate) fn into_parameters(
        mut self,
        payload: Payload,
        decode: impl Fn(&[u8]) -> Option<Value>,
    ) -> Result<Parameters, AwsError> {
        for (name, value) in payload.trailers {
            self.put(&name, Some(value))?;
        }
        self.verify(&payload.bytes)?;
        let longest = if self.operation == "PutObject" { usize::MAX } else { LONGEST_DOCUMENT };
        if payload.bytes.len() > longest {
            return Err(AwsError::new("MaxMessageLengthExceeded", 400, "Your request was too large."));
        }
        if !PAYLOADS.contains(&self.operation) && !payload.bytes.is_empty() {
            let document = decode(&payload.bytes).ok_or_else(malformed_xml)?;
            self.members.insert("Document".into(), document);
        }
        Ok(Parameters { members: Value::Object(self.members), payload: payload.bytes })
    }

    fn put_headers(&mut self, request: &Request<Bytes>) -> Result<(), AwsError> {
        let mut metadata = Map::new();
        for name in request.headers().keys() {
            let values: Vec<&[u8]> = request.headers().get_all(name).iter().map(|value| value.as_bytes()).collect();
            let value = String::from_utf8(values.join(&b","[..]))
                .map_err(|_| invalid_argument(format!("The header {name} is not UTF-8")))?;
            let name = name.as_str();
            if let Some(name) = name.strip_prefix("x-amz-meta-") {
                metadata.insert(name.to_owned(), Value::String(value));
            } else if self.means(name) || (name.starts_with("x-amz-") && !TRANSPORT.contains(&name)) {
                self.put(name, Some(value))?;
            }
        }
        if !metadata.is_empty() {
            self.members.insert("Metadata".into(), Value::Object(metadata));
        }
        Ok(())
    }

    /// Whether a header of HTTP means something to the operation.
    fn means(&self, header: &str) -> bool {
        CONDITIONS.contains(&header)
            || (DESCRIPTIONS.contains(&header) && matches!(self.operation, "PutObject" | "CopyObject"))
    }

    fn put(&mut self, name: &str, value: Option<String>) -> Result<(), AwsError> {
        let Some(value) = value else { return Ok(()) };
        match self.members.insert(name.to_owned(), Value::String(value)) {
            None => Ok(()),
            Some(_) => Err(invalid_argument(format!("{name} is given more than once"))),
        }
    }

    /// Compares the body with each checksum that is sent, and keeps the one of S3's own as the member `Checksum`.
    fn verify(&mut self, body: &[u8]) -> Result<(), AwsError> {
        if let Some(digest) = self.take("content-md5") {
            checksum::verify_md5(&digest, body)?;
        }
        let mut sent = Vec::new();
        for algorithm in Algorithm::ALL {
            if let Some(value) = self.take(algorithm.header()) {
                checksum::verify(algorithm, &value, body)?;
                sent.push(json!({ "Algorithm": algorithm, "Value": value }));
            }
        }
        if sent.len() > 1 {
            return Err(invalid_request("Expecting a single x-amz-checksum- header."));
        }
        self.check_promised(&sent)?;
        if let (Some(sent), "PutObject") = (sent.pop(), self.operation) {
            self.members.insert("Checksum".into(), sent);
        }
        Ok(())
    }

    fn check_promised(&mut self, sent: &[Value]) -> Result<(), AwsError> {
        let Some(promised) = self.take("x-amz-sdk-checksum-algorithm") else { return Ok(()) };
        let is_kept = sent.iter().any(|sent| sent.get("Algorithm").and_then(Value::as_str) == Some(&promised));
        if is_kept {
            return Ok(());
        }
        Err(invalid_request(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers \
             were found.",
        ))
    }

    fn take(&mut self, name: &str) -> Option<String> {
        match self.members.shift_remove(name) {
            Some(Value::String(value)) => Some(value),
            _ => None,
        }
    }
}

/// The bucket and the key: of the host and the path, or of the path alone.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>.
fn address(request: &Request<Bytes>) -> Result<(Option<String>, Option<String>), AwsError> {
    let path = request.uri().path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = match bucket_of_host(&host(request)) {
        Some(bucket) => (bucket, path),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (decoded(bucket)?, key)
        }
    };
    let present = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok((present(bucket), present(decoded(key)?)))
}

/// The host without its port.
fn host(request: &Request<Bytes>) -> String {
    let header = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let host = header.or_else(|| request.uri().authority().map(|authority| authority.as_str())).unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let has_port = port.bytes().all(|byte| byte.is_ascii_digit());
    if has_port { name.to_ascii_lowercase() } else { host.to_ascii_lowercase() }
}

fn bucket_of_host(host: &str) -> Option<String> {
    if host.starts_with("s3.") {
        return None;
    }
    let bucket = match host.rfind(".s3.") {
        Some(end) => host.get(..end),
        // What clients make of an endpoint on this machine.
        None => host.strip_suffix(".localhost"),
    };
    bucket.map(str::to_owned)
}

/// The parameters of the query. A `+` is a plus: signatures do not tell it from `%2B`.
fn query(raw: &str) -> Result<Vec<(String, String)>, AwsError> {
    let pairs = raw.split('&').filter(|pair| !pair.is_empty());
    let query: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| Ok((decoded(name)?, decoded(value)?)))
        .collect::<Result<_, AwsError>>()?;
    // Signatures in the query, of version 4 and 2; and no parameter can pass for a member that is ours.
    match query.iter().find(|(name, _)| name.starts_with(|first: char| first.is_ascii_uppercase())) {
        Some((name, _)) if name.starts_with("X-Amz-") || name == "AWSAccessKeyId" => {
            Err(unsupported("Presigned URLs are"))
        }
        Some((name, _)) => Err(unsupported(&format!("The parameter {name} is"))),
        None => Ok(query),
    }
}

fn decoded(text: &str) -> Result<String, AwsError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| AwsError::new("InvalidURI", 400, "Couldn't parse the specified URI."))
}

/// The operation, and the parameter of the query that tells it from others.
fn operation(
    request: &Request<Bytes>,
    level: Level,
    query: &[(String, String)],
) -> Result<(&'static str, &'static str), AwsError> {
    let method = request.method().as_str();
    let is_copy = request.headers().contains_key("x-amz-copy-source");
    let found = ROUTES.iter().find(|(wanted, at, sub_resource, _)| {
        let (name, value) = sub_resource.split_once('=').unwrap_or((sub_resource, ""));
        let is_asked =
            |(asked, asked_value): &(String, String)| asked == name && (value.is_empty() || asked_value == value);
        *wanted == method && *at == level && (name.is_empty() || query.iter().any(is_asked))
    });
    match found {
        Some((_, _, "", "PutObject")) if is_copy => Ok(("CopyObject", "")),
        Some((_, _, sub_resource, operation)) => {
            Ok((operation, sub_resource.split_once('=').map_or(*sub_resource, |(name, _)| name)))
        }
        None if !request.headers().contains_key(header::AUTHORIZATION) => Err(access_denied("Access Denied")),
        None => {
            let message = "The specified method is not allowed against this resource.";
            Err(AwsError::new("MethodNotAllowed", 405, message).detail("Method", method))
        }
    }
}

/// Operations that take the body as it is; the others take a document, or none.
const PAYLOADS: [&str; 2] = ["PutObject", "PutBucketPolicy"];

/// In bytes. What is read takes many times the room that it has on the wire.
const LONGEST_DOCUMENT: usize = 1024 * 1024;

/// Headers of HTTP that mean something to every operation: what does not know them refuses.
const CONDITIONS: [&str; 6] =
    ["content-md5", "if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "range"];

/// Headers of HTTP that are kept with an object.
pub(super) const DESCRIPTIONS: [&str; 6] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];

/// Headers that tell how a request is sent, and are read with its signature.
const TRANSPORT: [&str; 7] = [
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-te",
    "x-amz-trailer",
    "x-amz-user-agent",
];

/// Each operation by its method, what its path names, and the parameter that tells it from the plain one, which
/// stands last. Source: the `http` traits of the S3 API model.
const ROUTES: &[(&str, Level, &str, &str)] = &[
    ("DELETE", Level::Object, "uploadId", "AbortMultipartUpload"),
    ("POST", Level::Object, "uploadId", "CompleteMultipartUpload"),
    ("GET", Level::Bucket, "session", "CreateSession"),
    ("POST", Level::Bucket, "metadataConfiguration", "CreateBucketMetadataConfiguration"),
    ("POST", Level::Bucket, "metadataTable", "CreateBucketMetadataTableConfiguration"),
    ("POST", Level::Object, "uploads", "CreateMultipartUpload"),
    ("DELETE", Level::Bucket, "analytics", "DeleteBucketAnalyticsConfiguration"),
    ("DELETE", Level::Bucket, "cors", "DeleteBucketCors"),
    ("DELETE", Level::Bucket, "encryption", "DeleteBucketEncryption"),
    ("DELETE", Level::Bucket, "intelligent-tiering", "DeleteBucketIntelligentTieringConfiguration"),
    ("DELETE", Level::Bucket, "inventory", "DeleteBucketInventoryConfiguration"),
    ("DELETE", Level::Bucket, "lifecycle", "DeleteBucketLifecycle"),
    ("DELETE", Level::Bucket, "metadataConfiguration", "DeleteBucketMetadataConfiguration"),
    ("DELETE", Level::Bucket, "metadataTable", "DeleteBucketMetadataTableConfiguration"),
    ("DELETE", Level::Bucket, "metrics", "DeleteBucketMetricsConfiguration"),
    ("DELETE", Level::Bucket, "ownershipControls", "DeleteBucketOwnershipControls"),
    ("DELETE", Level::Bucket, "policy", "DeleteBucketPolicy"),
    ("DELETE", Level::Bucket, "replication", "DeleteBucketReplication"),
    ("DELETE", Level::Bucket, "tagging", "DeleteBucketTagging"),
    ("DELETE", Level::Bucket, "website", "DeleteBucketWebsite"),
    ("DELETE", Level::Object, "annotation", "DeleteObjectAnnotation"),
    ("DELETE", Level::Object, "tagging", "DeleteObjectTagging"),
    ("POST", Level::Bucket, "delete", "DeleteObjects"),
    ("DELETE", Level::Bucket, "publicAccessBlock", "DeletePublicAccessBlock"),
    ("GET", Level::Bucket, "abac", "GetBucketAbac"),
    ("GET", Level::Bucket, "accelerate", "GetBucketAccelerateConfiguration"),
    ("GET", Level::Bucket, "acl", "GetBucketAcl"),
    ("GET", Level::Bucket, "analytics", "GetBucketAnalyticsConfiguration"),
    ("GET", Level::Bucket, "cors", "GetBucketCors"),
    ("GET", Level::Bucket, "encryption", "GetBucketEncryption"),
    ("GET", Level::Bucket, "intelligent-tiering", "GetBucketIntelligentTieringConfiguration"),
    ("GET", Level::Bucket, "inventory", "GetBucketInventoryConfiguration"),
    ("GET", Level::Bucket, "lifecycle", "GetBucketLifecycleConfiguration"),
    ("GET", Level::Bucket, "location", "GetBucketLocation"),
    ("GET", Level::Bucket, "logging", "GetBucketLogging"),
    ("GET", Level::Bucket, "metadataConfiguration", "GetBucketMetadataConfiguration"),
    ("GET", Level::Bucket, "metadataTable", "GetBucketMetadataTableConfiguration"),
    ("GET", Level::Bucket, "metrics", "GetBucketMetricsConfiguration"),
    ("GET", Level::Bucket, "notification", "GetBucketNotificationConfiguration"),
    ("GET", Level::Bucket, "ownershipControls", "GetBucketOwnershipControls"),
    ("GET", Level::Bucket, "policy", "GetBucketPolicy"),
    ("GET", Level::Bucket, "policyStatus", "GetBucketPolicyStatus"),
    ("GET", Level::Bucket, "replication", "GetBucketReplication"),
    ("GET", Level::Bucket, "requestPayment", "GetBucketRequestPayment"),
    ("GET", Level::Bucket, "tagging", "GetBucketTagging"),
    ("GET", Level::Bucket, "versioning", "GetBucketVersioning"),
    ("GET", Level::Bucket, "website", "GetBucketWebsite"),
    ("GET", Level::Object, "acl", "GetObjectAcl"),
    ("GET", Level::Object, "annotation", "GetObjectAnnotation"),
    ("GET", Level::Object, "attributes", "GetObjectAttributes"),
    ("GET", Level::Object, "legal-hold", "GetObjectLegalHold"),
    ("GET", Level::Bucket, "object-lock", "GetObjectLockConfiguration"),
    ("GET", Level::Object, "retention", "GetObjectRetention"),
    ("GET", Level::Object, "tagging", "GetObjectTagging"),
    ("GET", Level::Object, "torrent", "GetObjectTorrent"),
    ("GET", Level::Bucket, "publicAccessBlock", "GetPublicAccessBlock"),
    ("GET", Level::Bucket, "uploads", "ListMultipartUploads"),
    ("GET", Level::Bucket, "versions", "ListObjectVersions"),
    ("GET", Level::Bucket, "list-type=2", "ListObjectsV2"),
    ("GET", Level::Object, "uploadId", "ListParts"),
    ("PUT", Level::Bucket, "abac", "PutBucketAbac"),
    ("PUT", Level::Bucket, "accelerate", "PutBucketAccelerateConfiguration"),
    ("PUT", Level::Bucket, "acl", "PutBucketAcl"),
    ("PUT", Level::Bucket, "analytics", "PutBucketAnalyticsConfiguration"),
    ("PUT", Level::Bucket, "cors", "PutBucketCors"),
    ("PUT", Level::Bucket, "encryption", "PutBucketEncryption"),
    ("PUT", Level::Bucket, "intelligent-tiering", "PutBucketIntelligentTieringConfiguration"),
    ("PUT", Level::Bucket, "inventory", "PutBucketInventoryConfiguration"),
    ("PUT", Level::Bucket, "lifecycle", "PutBucketLifecycleConfiguration"),
    ("PUT", Level::Bucket, "logging", "PutBucketLogging"),
    ("PUT", Level::Bucket, "metrics", "PutBucketMetricsConfiguration"),
    ("PUT", Level::Bucket, "notification", "PutBucketNotificationConfiguration"),
    ("PUT", Level::Bucket, "ownershipControls", "PutBucketOwnershipControls"),
    ("PUT", Level::Bucket, "policy", "PutBucketPolicy"),
    ("PUT", Level::Bucket, "replication", "PutBucketReplication"),
    ("PUT", Level::Bucket, "requestPayment", "PutBucketRequestPayment"),
    ("PUT", Level::Bucket, "tagging", "PutBucketTagging"),
    ("PUT", Level::Bucket, "versioning", "PutBucketVersioning"),
    ("PUT", Level::Bucket, "website", "PutBucketWebsite"),
    ("PUT", Level::Object, "acl", "PutObjectAcl"),
    ("PUT", Level::Object, "annotation", "PutObjectAnnotation"),
    ("PUT", Level::Object, "legal-hold", "PutObjectLegalHold"),
    ("PUT", Level::Bucket, "object-lock", "PutObjectLockConfiguration"),
    ("PUT", Level::Object, "retention", "PutObjectRetention"),
    ("PUT", Level::Object, "tagging", "PutObjectTagging"),
    ("PUT", Level::Bucket, "publicAccessBlock", "PutPublicAccessBlock"),
    ("PUT", Level::Object, "renameObject", "RenameObject"),
    ("POST", Level::Object, "restore", "RestoreObject"),
    ("POST", Level::Object, "select", "SelectObjectContent"),
    ("PUT", Level::Bucket, "metadataAnnotationTable", "UpdateBucketMetadataAnnotationTableConfiguration"),
    ("PUT", Level::Bucket, "metadataInventoryTable", "UpdateBucketMetadataInventoryTableConfiguration"),
    ("PUT", Level::Bucket, "metadataJournalTable", "UpdateBucketMetadataJournalTableConfiguration"),
    ("PUT", Level::Object, "encryption", "UpdateObjectEncryption"),
    ("PUT", Level::Object, "uploadId", "UploadPart"),
    ("PUT", Level::Bucket, "", "CreateBucket"),
    ("DELETE", Level::Bucket, "", "DeleteBucket"),
    ("DELETE", Level::Object, "", "DeleteObject"),
    ("GET", Level::Object, "", "GetObject"),
    ("HEAD", Level::Bucket, "", "HeadBucket"),
    ("HEAD", Level::Object, "", "HeadObject"),
    ("GET", Level::Service, "", "ListBuckets"),
    ("GET", Level::Bucket, "", "ListObjects"),
    ("PUT", Level::Object, "", "PutObject"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str) -> Result<Route, AwsError> {
        let request = Request::builder().method(method).uri(uri).header("authorization", "x");
        Route::read(&request.body(Bytes::new()).expect("a request"))
    }

    fn told(method: &str, uri: &str) -> (String, Value, Value) {
        let route = read(method, uri).expect("a route");
        let member = |name| route.members.get(name).cloned().unwrap_or_default();
        (route.operation.to_owned(), member("Bucket"), member("Key"))
    }

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_host() {
        let expect = ("GetObject".to_owned(), json!("b"), json!("a//b/../c d"));
        for host in
            ["127.0.0.1:4566/b", "s3.eu-west-1.amazonaws.com/b", "b.s3.eu-west-1.amazonaws.com", "b.localhost:1"]
        {
            assert_eq!(told("GET", &format!("http://{host}/a//b/../c%20d")), expect, "{host}");
        }
        assert_eq!(told("GET", "http://x.s3.b.s3.amazonaws.com/").1, json!("x.s3.b"));
        assert_eq!(told("GET", "http://localhost/").0, "ListBuckets");
    }

    #[test]
    fn the_operation_follows_from_method_level_and_parameter() {
        for (method, uri, operation) in [
            ("GET", "http://localhost/b?list-type=2&prefix=a", "ListObjectsV2"),
            ("GET", "http://localhost/b", "ListObjects"),
            ("GET", "http://localhost/b?versions", "ListObjectVersions"),
            ("PUT", "http://localhost/b?policy=", "PutBucketPolicy"),
            ("PUT", "http://localhost/b/k?x-id=PutObject", "PutObject"),
            ("PUT", "http://localhost/b/k?partNumber=1&uploadId=x", "UploadPart"),
            ("HEAD", "http://localhost/b/k", "HeadObject"),
        ] {
            assert_eq!(told(method, uri).0, operation, "{uri}");
        }
        assert_eq!(read("PATCH", "http://localhost/b").err().map(|error| error.code), Some("MethodNotAllowed"));
    }

    #[test]
    fn what_cannot_be_read_without_guessing_is_refused() {
        for (uri, code) in [
            ("http://localhost/b?prefix=a&prefix=b", "InvalidArgument"),
            ("http://localhost/b/%ff", "InvalidURI"),
            ("http://localhost/b/k?X-Amz-Signature=1", "NotImplemented"),
            ("http://localhost/b/k?Bucket=other", "NotImplemented"),
        ] {
            assert_eq!(read("GET", uri).err().map(|error| error.code), Some(code), "{uri}");
        }
    }
}
