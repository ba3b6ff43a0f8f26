use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::Response;
use keywright_model::{AccountId, Partition};
use serde_json::{Value, json};

use super::checksum::{Algorithm, md5};
use crate::testing::{ACCOUNT, Answered, Client, aws, block_on};
use crate::{Aws, Clock, Ids, Options, Service};

const LOCATION: &str =
    "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";

/// The answer as one of S3's.
fn answered(response: &Response<Bytes>) -> Answered {
    let text = String::from_utf8_lossy(response.body()).into_owned();
    Answered { status: response.status().as_u16(), text }
}

#[track_caller]
fn ok(response: Response<Bytes>) -> Response<Bytes> {
    answered(&response).ok();
    response
}

#[track_caller]
fn refused(response: &Response<Bytes>, status: u16, code: &str) {
    assert_eq!((response.status().as_u16(), answered(response).code()), (status, code.to_owned()), "{response:?}");
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().expect("ASCII")).unwrap_or_default()
}

impl Client {
    fn put(&self, path: &str, body: &str) -> Response<Bytes> {
        self.s3("PUT", path, &[], body.as_bytes())
    }

    fn get(&self, path: &str) -> Response<Bytes> {
        self.s3("GET", path, &[], b"")
    }

    fn delete(&self, path: &str) -> Response<Bytes> {
        self.s3("DELETE", path, &[], b"")
    }

    fn with_bucket(self, name: &str) -> Self {
        ok(self.put(&format!("/{name}"), LOCATION));
        self
    }

    fn versioned(&self, name: &str) {
        let document = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        ok(self.put(&format!("/{name}?versioning"), document));
    }

    fn policy(&self, bucket: &str, statements: &Value) {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        ok(self.put(&format!("/{bucket}?policy"), &policy));
    }

    /// A key with this policy, or the one that AWS gives.
    fn kms_key(&self, policy: Option<&Value>) -> String {
        let input = match policy {
            Some(policy) => json!({ "Policy": policy.to_string() }),
            None => json!({}),
        };
        let made = self.json(Service::Kms, "CreateKey", &input).ok().value();
        made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
    }

    fn encrypts(&self, bucket: &str, key: &str, bucket_key: bool) {
        let document = format!(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms\
             </SSEAlgorithm><KMSMasterKeyID>{key}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>\
             <BucketKeyEnabled>{bucket_key}</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
        );
        ok(self.put(&format!("/{bucket}?encryption"), &document));
    }
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resource }] })
}

// --- buckets -------------------------------------------------------------------------------------

#[test]
fn a_bucket_is_where_its_location_constraint_says_and_its_name_is_taken_once() {
    let client = Client::operator().with_bucket("bucket-a");
    refused(&client.put("/bucket-a", LOCATION), 409, "BucketAlreadyOwnedByYou");
    refused(&client.root_of("444455556666").put("/bucket-a", LOCATION), 409, "BucketAlreadyExists");
    refused(&client.put("/bucket-b", ""), 400, "IllegalLocationConstraintException");
    let elsewhere = client.in_region("eu-central-1");
    refused(&elsewhere.put("/bucket-b", LOCATION), 400, "IllegalLocationConstraintException");
    let oldest = client.in_region("us-east-1");
    ok(oldest.put("/bucket-b", LOCATION));
    ok(oldest.put("/bucket-c", ""));
    refused(&oldest.put("/bucket-d", &LOCATION.replace("eu-west-1", "us-east-1")), 400, "InvalidLocationConstraint");
    refused(&oldest.put("/Bucket", ""), 400, "InvalidBucketName");
    assert_eq!(answered(&client.get("/?prefix=bucket")).elements("Name"), ["bucket-a", "bucket-b", "bucket-c"]);
    let location = |name: &str| String::from_utf8_lossy(oldest.get(name).body()).into_owned();
    assert!(location("/bucket-b?location").ends_with("\">eu-west-1</LocationConstraint>"));
    assert!(location("/bucket-c?location").ends_with("\"></LocationConstraint>"));
}

#[test]
fn a_bucket_of_another_region_tells_where_it_is() {
    let client = Client::operator().with_bucket("bucket-a");
    let answer = client.in_region("us-east-1").get("/bucket-a?list-type=2");
    refused(&answer, 301, "PermanentRedirect");
    assert_eq!(header(&answer, "x-amz-bucket-region"), "eu-west-1");
}

#[test]
fn a_document_has_not_the_length_of_an_object() {
    let client = Client::operator().with_bucket("bucket-a");
    let long = " ".repeat(1024 * 1024 + 1);
    for path in ["/bucket-a?versioning", "/bucket-a?policy", "/bucket-a?replication"] {
        refused(&client.put(path, &long), 400, "MaxMessageLengthExceeded");
    }
    refused(&client.put("/bucket-a?policy", &long[..1024 * 1024]), 400, "PolicyTooLarge");
    ok(client.put("/bucket-a/k", &long));
}

#[test]
fn only_an_empty_bucket_is_deleted() {
    let client = Client::operator().with_bucket("bucket-a");
    ok(client.put("/bucket-a/k", "x"));
    refused(&client.delete("/bucket-a"), 409, "BucketNotEmpty");
    ok(client.delete("/bucket-a/k"));
    ok(client.delete("/bucket-a"));
    refused(&client.get("/bucket-a?list-type=2"), 404, "NoSuchBucket");
}

#[test]
fn what_this_aws_does_not_do_is_said() {
    let client = Client::operator().with_bucket("bucket-a");
    refused(&client.s3("POST", "/bucket-a/k?uploads", &[], b""), 501, "NotImplemented");
    refused(&client.get("/bucket-a?acl"), 501, "NotImplemented");
    refused(&client.get("/bucket-a"), 501, "NotImplemented");
    refused(&client.s3("PUT", "/bucket-a/k", &[("x-amz-tagging", "a=b")], b"x"), 501, "NotImplemented");
    let customer = [("x-amz-server-side-encryption-customer-algorithm", "AES256")];
    refused(&client.s3("PUT", "/bucket-a/k", &customer, b"x"), 501, "NotImplemented");
    refused(
        &client.s3("PUT", "/bucket-a/k", &[("x-amz-acl", "public-read")], b"x"),
        400,
        "AccessControlListNotSupported",
    );
    refused(
        &client.s3("PUT", "/bucket-a/k", &[("x-amz-server-side-encryption", "aws:kms")], b"x"),
        501,
        "NotImplemented",
    );
    let large = vec![b'x'; super::LARGEST_OBJECT + 1];
    refused(&client.s3("PUT", "/bucket-a/k", &[], &large), 400, "EntityTooLarge");
    refused(&client.get("/bucket-a/k"), 404, "NoSuchKey");
}

// --- objects -------------------------------------------------------------------------------------

#[test]
fn an_object_comes_back_as_it_was_written_whatever_its_key() {
    let client = Client::operator().with_bucket("bucket-a");
    let path = "/bucket-a/a//b/../c%20d%2Be/%C3%A9%2A";
    let headers = [("content-type", "text/plain"), ("x-amz-meta-who", "me"), ("content-encoding", "aws-chunked,gzip")];
    let put = ok(client.s3("PUT", path, &headers, b"hello"));
    assert_eq!(header(&put, "etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(header(&put, "x-amz-server-side-encryption"), "AES256");
    let got = ok(client.get(path));
    assert_eq!(got.body(), "hello");
    let told = ["content-type", "x-amz-meta-who", "content-encoding", "last-modified"].map(|name| header(&got, name));
    assert_eq!(told, ["text/plain", "me", "gzip", "Fri, 02 Jan 2026 03:04:05 GMT"]);
    let part = ok(client.s3("GET", path, &[("range", "bytes=1-3")], b""));
    assert_eq!((part.status().as_u16(), &part.body()[..]), (206, &b"ell"[..]));
    assert_eq!(header(&part, "content-range"), "bytes 1-3/5");
    let head = client.s3("HEAD", path, &[("x-amz-checksum-mode", "ENABLED")], b"");
    assert_eq!((header(&head, "content-length"), head.body().len()), ("5", 0));
    assert_eq!(header(&head, "x-amz-checksum-crc64nvme"), Algorithm::Crc64Nvme.of(b"hello"));
    refused(&client.get("/bucket-a/b/c%20d%2Be/%C3%A9%2A"), 404, "NoSuchKey");
    refused(&client.s3("GET", path, &[("range", "bytes=5-")], b""), 416, "InvalidRange");
}

#[test]
fn checksums_are_compared_and_kept() {
    let client = Client::operator().with_bucket("bucket-a");
    let crc = Algorithm::Crc32c.of(b"hello");
    let put = ok(client.s3("PUT", "/bucket-a/k", &[("x-amz-checksum-crc32c", &crc)], b"hello"));
    assert_eq!(header(&put, "x-amz-checksum-crc32c"), crc);
    refused(&client.s3("PUT", "/bucket-a/k", &[("x-amz-checksum-crc32c", &crc)], b"other"), 400, "BadDigest");
    refused(&client.s3("PUT", "/bucket-a/k", &[("content-md5", "kAFQmDzST7DWlj99KOF/cg==")], b"x"), 400, "BadDigest");
    refused(&client.s3("PUT", "/bucket-a/k", &[("x-amz-checksum-xxhash64", "x")], b"x"), 501, "NotImplemented");
    refused(
        &client.s3("PUT", "/bucket-a/k", &[("x-amz-sdk-checksum-algorithm", "SHA256")], b"x"),
        400,
        "InvalidRequest",
    );
    assert_eq!(ok(client.get("/bucket-a/k")).body(), "hello");
}

#[test]
fn a_body_in_chunks_is_taken_with_its_trailer_and_no_other_body_is() {
    let client = Client::operator().with_bucket("bucket-a");
    let headers = [
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-decoded-content-length", "9"),
        ("content-encoding", "aws-chunked"),
    ];
    let send = |checksum: &str| {
        let body = format!("4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n");
        client.s3("PUT", "/bucket-a/k", &headers, body.as_bytes())
    };
    assert_eq!(header(&ok(send("y/Q5Jg==")), "x-amz-checksum-crc32"), "y/Q5Jg==");
    refused(&send("y/Q5Jw=="), 400, "BadDigest");
    let got = ok(client.get("/bucket-a/k"));
    assert_eq!((got.body().as_ref(), header(&got, "content-encoding")), (&b"123456789"[..], ""));
    let mut altered = client.signed_by("PUT", Service::S3, "/bucket-a/k", &[], b"right".to_vec());
    *altered.body_mut() = Bytes::from_static(b"wrong");
    refused(&block_on(client.aws.handle(altered)), 400, "XAmzContentSHA256Mismatch");
    let mut moved = client.signed_by("PUT", Service::S3, "/bucket-a/k", &[], b"right".to_vec());
    *moved.uri_mut() = "https://s3.eu-west-1.amazonaws.com/bucket-a/./k".parse().expect("a URI");
    refused(&block_on(client.aws.handle(moved)), 403, "SignatureDoesNotMatch");
    let mut unsigned = client.signed_by("GET", Service::S3, "/bucket-a/k", &[], Vec::new());
    unsigned.headers_mut().remove("authorization");
    refused(&block_on(client.aws.handle(unsigned)), 403, "AccessDenied");
}

#[test]
fn a_copy_is_read_and_written_anew() {
    let client = Client::operator().with_bucket("bucket-a").with_bucket("bucket-b");
    ok(client.s3("PUT", "/bucket-a/a%20b", &[("x-amz-meta-who", "me")], b"hello"));
    let copy = |headers: &[(&str, &str)]| client.s3("PUT", "/bucket-b/copy", headers, b"");
    let made = ok(copy(&[("x-amz-copy-source", "/bucket-a/a%20b")]));
    assert_eq!(answered(&made).element("ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(header(&ok(client.get("/bucket-b/copy")), "x-amz-meta-who"), "me");
    ok(copy(&[("x-amz-copy-source", "bucket-a/a%20b"), ("x-amz-metadata-directive", "REPLACE")]));
    assert_eq!(header(&ok(client.get("/bucket-b/copy")), "x-amz-meta-who"), "");
    refused(&copy(&[("x-amz-copy-source", "bucket-b/copy")]), 400, "InvalidRequest");
    refused(&copy(&[("x-amz-copy-source", "bucket-a/none")]), 404, "NoSuchKey");
    refused(&copy(&[("x-amz-copy-source", "bucket-a/a%20b"), ("if-none-match", "*")]), 412, "PreconditionFailed");
    let unmet = [("x-amz-copy-source", "bucket-a/a%20b"), ("x-amz-copy-source-if-match", "\"x\"")];
    refused(&copy(&unmet), 412, "PreconditionFailed");
}

#[test]
fn listings_go_on_where_they_ended_and_group_by_the_delimiter() {
    let client = Client::operator().with_bucket("bucket-a");
    for key in ["a", "b/1", "b/2", "c%2B", "d/1"] {
        ok(client.put(&format!("/bucket-a/{key}"), "x"));
    }
    let list = |query: &str| answered(&ok(client.get(&format!("/bucket-a?list-type=2&{query}"))));
    assert_eq!(list("").elements("Key"), ["a", "b/1", "b/2", "c+", "d/1"]);
    assert_eq!(list("prefix=b/&encoding-type=url").elements("Key"), ["b/1", "b/2"]);
    assert_eq!(list("start-after=b/1&encoding-type=url").elements("Key"), ["b/2", "c%2B", "d/1"]);
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = list(&format!("delimiter=/&max-keys=1{token}"));
        seen.extend(page.elements("Key"));
        seen.extend(
            page.elements("CommonPrefixes").iter().map(|group| group.replace("<Prefix>", "").replace("</Prefix>", "")),
        );
        match page.elements("NextContinuationToken").pop() {
            Some(next) => token = format!("&continuation-token={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b/", "c+", "d/"]);
    refused(&client.get("/bucket-a?list-type=2&continuation-token=!"), 400, "InvalidArgument");
}

// --- conditions ----------------------------------------------------------------------------------

#[test]
fn of_two_that_want_to_be_first_exactly_one_is() {
    let client = Client::operator().with_bucket("bucket-a");
    for round in 0..8 {
        let path = format!("/bucket-a/state-{round}.tflock");
        let contenders = (0..4).map(|contender| {
            let (client, path) = (client.clone(), path.clone());
            thread::spawn(move || client.s3("PUT", &path, &[("if-none-match", "*")], format!("{contender}").as_bytes()))
        });
        let handles: Vec<_> = contenders.collect();
        let answers: Vec<_> = handles.into_iter().map(|handle| handle.join().expect("an answer")).collect();
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 200);
        assert_eq!((won.len(), lost.len()), (1, 3));
        lost.iter().for_each(|answer| refused(answer, 412, "PreconditionFailed"));
    }
}

#[test]
fn writes_and_deletions_hold_to_their_conditions() {
    let client = Client::operator().with_bucket("bucket-a");
    let put = |name: &str, value: &str| client.s3("PUT", "/bucket-a/k", &[(name, value)], b"x");
    refused(&put("if-match", "\"a\""), 404, "NoSuchKey");
    let etag = header(&ok(put("if-none-match", "*")), "etag").to_owned();
    refused(&put("if-none-match", "*"), 412, "PreconditionFailed");
    refused(&put("if-none-match", &etag), 501, "NotImplemented");
    refused(&put("if-match", "\"a\""), 412, "PreconditionFailed");
    ok(put("if-match", &etag));
    let delete = |value: &str| client.s3("DELETE", "/bucket-a/k", &[("if-match", value)], b"");
    refused(&delete("\"a\""), 412, "PreconditionFailed");
    ok(delete(&etag));
    refused(&delete("*"), 404, "NoSuchKey");
    ok(put("if-none-match", "*"));
}

#[test]
fn reads_hold_to_their_conditions() {
    let client = Client::operator().with_bucket("bucket-a");
    let etag = header(&ok(client.put("/bucket-a/k", "x")), "etag").to_owned();
    for (name, value, status) in [
        ("if-match", etag.as_str(), 200),
        ("if-match", "\"a\"", 412),
        ("if-none-match", etag.as_str(), 304),
        ("if-none-match", "\"a\"", 200),
        ("if-modified-since", "Fri, 02 Jan 2026 03:04:05 GMT", 304),
        ("if-modified-since", "Fri, 02 Jan 2026 03:04:04 GMT", 200),
        ("if-unmodified-since", "Fri, 02 Jan 2026 03:04:04 GMT", 412),
        ("if-unmodified-since", "Fri, 02 Jan 2026 03:04:05 GMT", 200),
    ] {
        let answer = client.s3("GET", "/bucket-a/k", &[(name, value)], b"");
        assert_eq!(answer.status(), status, "{name}: {value}");
        assert_eq!(answer.body().is_empty(), status == 304, "{name}: {value}");
    }
}

// --- who may -------------------------------------------------------------------------------------

#[test]
fn a_missing_object_shows_only_to_who_may_list() {
    let client = Client::operator().with_bucket("bucket-a");
    let reader = client.new_user("reader", Some(&allow(&["s3:GetObject"], "arn:aws:s3:::bucket-a/*")));
    refused(&reader.get("/bucket-a/none"), 403, "AccessDenied");
    let lister = client.new_user("lister", Some(&allow(&["s3:GetObject", "s3:ListBucket"], "arn:aws:s3:::bucket-a*")));
    refused(&lister.get("/bucket-a/none"), 404, "NoSuchKey");
}

#[test]
fn another_account_needs_the_policy_of_the_bucket_and_its_own() {
    let client = Client::operator().with_bucket("bucket-a");
    ok(client.put("/bucket-a/k", "x"));
    let other = client.root_of("444455556666");
    let reader = other.new_user("reader", Some(&allow(&["s3:*"], "*")));
    let bystander = other.new_user("bystander", None);
    refused(&reader.get("/bucket-a/k"), 403, "AccessDenied");
    let statement = json!({ "Effect": "Allow", "Principal": { "AWS": "444455556666" },
        "Action": ["s3:GetObject", "s3:PutObject", "s3:GetBucketPolicy"], "Resource": ["arn:aws:s3:::bucket-a", "arn:aws:s3:::bucket-a/*"] });
    client.policy("bucket-a", &json!([statement]));
    ok(reader.get("/bucket-a/k"));
    refused(&bystander.get("/bucket-a/k"), 403, "AccessDenied");
    refused(&reader.delete("/bucket-a/k"), 403, "AccessDenied");
    refused(&reader.get("/bucket-a?policy"), 405, "MethodNotAllowed");
    // What another account writes is the owner's of the bucket.
    ok(reader.put("/bucket-a/theirs", "y"));
    ok(client.get("/bucket-a/theirs"));
    let expected = |owner: &str| client.s3("GET", "/bucket-a/k", &[("x-amz-expected-bucket-owner", owner)], b"");
    ok(expected(ACCOUNT));
    refused(&expected("444455556666"), 403, "AccessDenied");
}

#[test]
fn a_policy_decides_on_prefixes_transport_and_encryption_as_they_are_asked_for() {
    let client = Client::operator().with_bucket("bucket-a");
    let deny = |action: &str, condition: Value| {
        json!({ "Effect": "Deny", "Principal": "*", "Action": action, "Condition": condition,
            "Resource": ["arn:aws:s3:::bucket-a", "arn:aws:s3:::bucket-a/*"] })
    };
    client.policy(
        "bucket-a",
        &json!([
            deny("s3:*", json!({ "Bool": { "aws:SecureTransport": "false" } })),
            deny("s3:ListBucket", json!({ "StringNotEquals": { "s3:prefix": "home/" } })),
            deny("s3:PutObject", json!({ "StringNotEqualsIfExists": { "s3:x-amz-server-side-encryption": "AES256" } })),
            deny(
                "s3:PutObject",
                json!({ "Null": { "s3:if-none-match": "true" }, "StringLike": { "aws:userid": "AIDA*" } })
            ),
        ]),
    );
    ok(client.get("/bucket-a?list-type=2&prefix=home/"));
    refused(&client.get("/bucket-a?list-type=2&prefix=other/"), 403, "AccessDenied");
    refused(&client.get("/bucket-a?list-type=2"), 403, "AccessDenied");
    let first = ("if-none-match", "*");
    ok(client.s3("PUT", "/bucket-a/k", &[first, ("x-amz-server-side-encryption", "AES256")], b"x"));
    refused(&client.put("/bucket-a/k2", "x"), 403, "AccessDenied");
    refused(
        &client.s3("PUT", "/bucket-a/k2", &[first, ("x-amz-server-side-encryption", "aws:kms")], b"x"),
        403,
        "AccessDenied",
    );
}

#[test]
fn a_policy_that_shuts_everyone_out_can_be_removed_by_the_root_user_alone() {
    let root = Client::root().with_bucket("bucket-a");
    let account = AccountId::parse(ACCOUNT).expect("an account");
    let keys = root.aws.ensure_operator(&account, Partition::Aws).expect("an operator");
    let operator = Client::of(&root.aws, &root.clock, &keys.access_key_id, keys.secret_access_key.expose());
    root.policy(
        "bucket-a",
        &json!([{ "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket-a" }]),
    );
    refused(&root.get("/bucket-a?list-type=2"), 403, "AccessDenied");
    refused(&operator.delete("/bucket-a?policy"), 403, "AccessDenied");
    ok(root.delete("/bucket-a?policy"));
    refused(&operator.get("/bucket-a?policy"), 404, "NoSuchBucketPolicy");
}

#[test]
fn a_policy_speaks_of_its_own_bucket_and_of_s3() {
    let client = Client::operator().with_bucket("bucket-a");
    let put = |action: &str, resource: &str| {
        let statement = json!({ "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource });
        client.put("/bucket-a?policy", &json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string())
    };
    refused(&put("s3:GetObject", "arn:aws:s3:::bucket-b/*"), 400, "MalformedPolicy");
    refused(&put("s3:GetObject", "arn:aws:s3:::bucket-abc/*"), 400, "MalformedPolicy");
    refused(&put("kms:Decrypt", "arn:aws:s3:::bucket-a/*"), 400, "MalformedPolicy");
    refused(&client.put("/bucket-a?policy", "{"), 400, "MalformedPolicy");
    ok(put("s3:GetObject", "arn:aws:s3:::bucket-a/*"));
}

// --- KMS -----------------------------------------------------------------------------------------

/// A key that users of the account reach through S3 alone, for what the condition says.
fn through_s3(condition: &str, value: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:user/operator") },
          "Action": ["kms:PutKeyPolicy", "kms:DisableKey", "kms:DescribeKey"], "Resource": "*" },
        { "Effect": "Allow", "Principal": { "AWS": "*" }, "Resource": "*",
          "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
          "Condition": { "StringEquals": { "kms:CallerAccount": ACCOUNT,
              "kms:ViaService": "s3.eu-west-1.amazonaws.com", condition: value } } },
    ] })
}

#[test]
fn an_object_is_encrypted_and_decrypted_in_the_name_of_the_caller_through_s3() {
    let client = Client::operator().with_bucket("bucket-a");
    let policy = through_s3("kms:EncryptionContext:aws:s3:arn", "arn:aws:s3:::bucket-a/k");
    let key = client.kms_key(Some(&policy));
    client.encrypts("bucket-a", &key, false);
    let put = ok(client.put("/bucket-a/k", "plain words"));
    assert_eq!(header(&put, "x-amz-server-side-encryption-aws-kms-key-id"), key);
    let digest: String = md5(b"plain words").iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!header(&put, "etag").contains(&digest));
    client
        .aws
        .change(|world, _| {
            let kept: Vec<Bytes> = world.s3.bodies.values().map(|body| body.0.clone()).collect();
            assert_eq!(kept.len(), 1);
            assert!(kept.iter().all(|body| !body.windows(5).any(|part| part == b"plain") && body.len() == 11 + 16));
            let objects = format!("{:?}", world.s3.objects);
            assert!(objects.contains("data_key") && !objects.contains("plain words"));
            Ok(())
        })
        .expect("looked at");
    assert_eq!(ok(client.get("/bucket-a/k")).body(), "plain words");
    let calls = client.aws.calls();
    let inside: Vec<&str> =
        calls.iter().filter(|call| call.service == Service::Kms).map(|call| call.operation).collect();
    assert_eq!(inside, ["CreateKey", "GenerateDataKey", "Decrypt"]);
    // Another key of the bucket has another context, and the key is not for direct use.
    refused(&client.put("/bucket-a/other", "x"), 403, "AccessDenied");
    let direct =
        json!({ "KeyId": key, "KeySpec": "AES_256", "EncryptionContext": { "aws:s3:arn": "arn:aws:s3:::bucket-a/k" } });
    client.json(Service::Kms, "GenerateDataKey", &direct).is_error("AccessDeniedException");
    client.json(Service::Kms, "DisableKey", &json!({ "KeyId": key })).ok();
    refused(&client.get("/bucket-a/k"), 400, "KMS.DisabledException");
    ok(client.s3("HEAD", "/bucket-a/k", &[], b""));
}

#[test]
fn a_bucket_key_has_the_context_of_the_bucket() {
    let client = Client::operator().with_bucket("bucket-a");
    let key = client.kms_key(Some(&through_s3("kms:EncryptionContext:aws:s3:arn", "arn:aws:s3:::bucket-a")));
    client.encrypts("bucket-a", &key, true);
    ok(client.put("/bucket-a/one", "1"));
    let two = ok(client.put("/bucket-a/two", "2"));
    assert_eq!(header(&two, "x-amz-server-side-encryption-bucket-key-enabled"), "true");
    assert_eq!(ok(client.get("/bucket-a/one")).body(), "1");
    let without = [("x-amz-server-side-encryption-bucket-key-enabled", "false")];
    refused(&client.s3("PUT", "/bucket-a/three", &without, b"3"), 403, "AccessDenied");
}

#[test]
fn who_may_not_use_the_key_gets_the_refusal_of_kms() {
    let client = Client::operator().with_bucket("bucket-a");
    let key = client.kms_key(None);
    let headers =
        [("x-amz-server-side-encryption", "aws:kms"), ("x-amz-server-side-encryption-aws-kms-key-id", key.as_str())];
    ok(client.s3("PUT", "/bucket-a/k", &headers, b"x"));
    let user = client.new_user("user", Some(&allow(&["s3:*"], "*")));
    for (answer, action) in [
        (user.get("/bucket-a/k"), "kms:Decrypt"),
        (user.s3("PUT", "/bucket-a/k2", &headers, b"x"), "kms:GenerateDataKey"),
    ] {
        refused(&answer, 403, "AccessDenied");
        let message = answered(&answer).message();
        assert!(message.contains(action) && message.contains("user/user"), "{message}");
    }
    assert_eq!(ok(client.get("/bucket-a/k")).body(), "x");
    let missing = [headers[0], ("x-amz-server-side-encryption-aws-kms-key-id", "1234abcd-12ab-34cd-56ef-1234567890ab")];
    refused(&client.s3("PUT", "/bucket-a/k3", &missing, b"x"), 400, "KMS.NotFoundException");
    refused(&client.s3("PUT", "/bucket-a/k3", &headers[1..], b"x"), 400, "InvalidArgument");
}

#[test]
fn the_writers_own_context_is_part_of_it() {
    let client = Client::operator().with_bucket("bucket-a");
    let key = client.kms_key(Some(&through_s3("kms:EncryptionContext:team", "blue")));
    let send = |context: &Value| {
        let context = BASE64.encode(context.to_string());
        let headers = [
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", key.as_str()),
            ("x-amz-server-side-encryption-context", context.as_str()),
        ];
        client.s3("PUT", "/bucket-a/k", &headers, b"x")
    };
    ok(send(&json!({ "team": "blue" })));
    assert_eq!(ok(client.get("/bucket-a/k")).body(), "x");
    refused(&send(&json!({ "team": "red" })), 403, "AccessDenied");
    refused(&send(&json!({ "team": "blue", "aws:s3:arn": "arn:aws:s3:::bucket-b" })), 400, "InvalidArgument");
    refused(&send(&json!(["blue"])), 400, "InvalidArgument");
}

// --- versions ------------------------------------------------------------------------------------

#[test]
fn a_versioned_object_is_hidden_by_a_marker_and_shows_again_without_it() {
    let client = Client::operator().with_bucket("bucket-a");
    ok(client.put("/bucket-a/k", "null"));
    client.versioned("bucket-a");
    let one = header(&ok(client.put("/bucket-a/k", "one")), "x-amz-version-id").to_owned();
    let marker = ok(client.delete("/bucket-a/k"));
    let marker_id = header(&marker, "x-amz-version-id").to_owned();
    assert_eq!(header(&marker, "x-amz-delete-marker"), "true");
    let gone = client.get("/bucket-a/k");
    refused(&gone, 404, "NoSuchKey");
    assert_eq!(header(&gone, "x-amz-delete-marker"), "true");
    refused(&client.get(&format!("/bucket-a/k?versionId={marker_id}")), 405, "MethodNotAllowed");
    ok(client.s3("PUT", "/bucket-a/k", &[("if-none-match", "*")], b"two"));
    let listed = answered(&ok(client.get("/bucket-a?versions")));
    assert_eq!(listed.elements("IsLatest"), ["true", "false", "false", "false"]);
    assert_eq!(listed.elements("VersionId").len(), 4);
    assert_eq!(ok(client.get("/bucket-a/k?versionId=null")).body(), "null");
    assert_eq!(ok(client.get(&format!("/bucket-a/k?versionId={one}"))).body(), "one");
    refused(&client.get("/bucket-a/k?versionId=none"), 404, "NoSuchVersion");
    let two = listed.elements("VersionId").remove(0);
    ok(client.delete(&format!("/bucket-a/k?versionId={two}")));
    refused(&client.get("/bucket-a/k"), 404, "NoSuchKey");
    ok(client.delete(&format!("/bucket-a/k?versionId={marker_id}")));
    assert_eq!(ok(client.get("/bucket-a/k")).body(), "one");
}

#[test]
fn while_versioning_is_suspended_the_version_null_is_replaced() {
    let client = Client::operator().with_bucket("bucket-a");
    client.versioned("bucket-a");
    ok(client.put("/bucket-a/k", "one"));
    ok(client
        .put("/bucket-a?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"));
    for body in ["two", "three"] {
        assert_eq!(header(&ok(client.put("/bucket-a/k", body)), "x-amz-version-id"), "null");
    }
    assert_eq!(ok(client.get("/bucket-a/k?versionId=null")).body(), "three");
    assert_eq!(header(&ok(client.delete("/bucket-a/k")), "x-amz-version-id"), "null");
    refused(&client.get("/bucket-a/k?versionId=null"), 405, "MethodNotAllowed");
    let mut seen = Vec::new();
    let mut marker = String::new();
    loop {
        let page = answered(&ok(client.get(&format!("/bucket-a?versions&max-keys=1{marker}"))));
        seen.extend(page.elements("VersionId"));
        let (Some(key), Some(id)) = (page.elements("NextKeyMarker").pop(), page.elements("NextVersionIdMarker").pop())
        else {
            break;
        };
        marker = format!("&key-marker={key}&version-id-marker={id}");
    }
    assert_eq!((seen.len(), seen[0].as_str()), (2, "null"));
}

// --- replication ---------------------------------------------------------------------------------

const ROLE: &str = "arn:aws:iam::111122223333:role/replicator";

/// Two buckets in two Regions, each with a key, and a role that S3 replicates as.
struct Replication {
    client: Client,
    there: Client,
    source_key: String,
    replica_key: String,
}

impl Replication {
    fn new() -> Self {
        let client = Client::operator().with_bucket("source-bucket");
        let there = client.in_region("us-east-1");
        ok(there.put("/replica-bucket", ""));
        client.versioned("source-bucket");
        there.versioned("replica-bucket");
        let (source_key, replica_key) = (client.kms_key(None), there.kms_key(None));
        let replication = Self { client, there, source_key, replica_key };
        replication.role("s3.amazonaws.com", &replication.permissions());
        ok(replication.client.put("/source-bucket?replication", &replication.configuration(true)));
        replication
    }

    /// The permissions of the page on objects encrypted with KMS keys, each statement under its own name.
    fn permissions(&self) -> Vec<Value> {
        let via = |region: &str, object: &str| json!({ "StringLike": { "kms:ViaService": format!("s3.{region}.amazonaws.com"), "kms:EncryptionContext:aws:s3:arn": object } });
        vec![
            json!({ "Sid": "Bucket", "Effect": "Allow", "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"], "Resource": "arn:aws:s3:::source-bucket" }),
            json!({ "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObjectVersionForReplication", "Resource": "arn:aws:s3:::source-bucket/*" }),
            json!({ "Sid": "Write", "Effect": "Allow", "Action": "s3:ReplicateObject", "Resource": "arn:aws:s3:::replica-bucket/*" }),
            json!({ "Sid": "Decrypt", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": self.source_key,
                "Condition": via("eu-west-1", "arn:aws:s3:::source-bucket/*") }),
            json!({ "Sid": "Encrypt", "Effect": "Allow", "Action": "kms:Encrypt", "Resource": self.replica_key,
                "Condition": via("us-east-1", "arn:aws:s3:::replica-bucket/*") }),
        ]
    }

    fn role(&self, trusted: &str, permissions: &[Value]) {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "Service": trusted },
            "Action": "sts:AssumeRole", "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT } } }] });
        let (trust, policy) =
            (trust.to_string(), json!({ "Version": "2012-10-17", "Statement": permissions }).to_string());
        let name = ("RoleName", "replicator");
        let made = self.client.query(Service::Iam, "CreateRole", &[name, ("AssumeRolePolicyDocument", &trust)]);
        if made.status != 200 {
            self.client.query(Service::Iam, "UpdateAssumeRolePolicy", &[name, ("PolicyDocument", &trust)]).ok();
        }
        let parameters = [name, ("PolicyName", "p"), ("PolicyDocument", policy.as_str())];
        self.client.query(Service::Iam, "PutRolePolicy", &parameters).ok();
    }

    fn configuration(&self, kms_objects: bool) -> String {
        let (criteria, encryption) = match kms_objects {
            true => (
                "<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects></SourceSelectionCriteria>",
                format!(
                    "<EncryptionConfiguration><ReplicaKmsKeyID>{}</ReplicaKmsKeyID></EncryptionConfiguration>",
                    self.replica_key
                ),
            ),
            false => ("", String::new()),
        };
        format!(
            "<ReplicationConfiguration><Role>{ROLE}</Role><Rule><ID>r</ID><Priority>1</Priority><Filter><Prefix>in/</Prefix></Filter>\
             <Status>Enabled</Status>{criteria}<Destination><Bucket>arn:aws:s3:::replica-bucket</Bucket>{encryption}</Destination>\
             <DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication></Rule></ReplicationConfiguration>"
        )
    }

    /// Writes an object with the source's key; its status after that.
    fn status(&self, key: &str) -> String {
        let headers = [
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", self.source_key.as_str()),
        ];
        ok(self.client.s3("PUT", &format!("/source-bucket/{key}"), &headers, b"words"));
        let head = ok(self.client.s3("HEAD", &format!("/source-bucket/{key}"), &[], b""));
        header(&head, "x-amz-replication-status").to_owned()
    }
}

#[test]
fn an_object_is_replicated_in_the_name_of_the_role_and_encrypted_anew() {
    let replication = Replication::new();
    assert_eq!(replication.status("in/a"), "COMPLETED");
    assert_eq!(replication.status("out/a"), "");
    let replica = ok(replication.there.get("/replica-bucket/in/a"));
    assert_eq!(replica.body(), "words");
    assert_eq!(header(&replica, "x-amz-replication-status"), "REPLICA");
    assert_eq!(header(&replica, "x-amz-server-side-encryption-aws-kms-key-id"), replication.replica_key);
    let source = ok(replication.client.s3("HEAD", "/source-bucket/in/a", &[], b""));
    assert_eq!(header(&source, "x-amz-version-id"), header(&replica, "x-amz-version-id"));
    refused(&replication.there.get("/replica-bucket/out/a"), 404, "NoSuchKey");
    let session = "arn:aws:sts::111122223333:assumed-role/replicator/s3-replication";
    let calls = replication.client.aws.calls();
    let of_role: Vec<(&str, &str)> = calls
        .iter()
        .filter(|call| call.principal == session)
        .map(|call| (call.operation, call.region.as_str()))
        .collect();
    assert!(of_role.ends_with(&[("Decrypt", "eu-west-1"), ("Encrypt", "us-east-1")]), "{of_role:?}");
}

#[test]
fn a_replication_without_one_of_its_permissions_has_failed() {
    let replication = Replication::new();
    let all = replication.permissions();
    for missing in 0..all.len() {
        let mut some = all.clone();
        let without = some.remove(missing);
        replication.role("s3.amazonaws.com", &some);
        assert_eq!(replication.status("in/a"), "FAILED", "{}", without["Sid"]);
        refused(&replication.there.get("/replica-bucket/in/a"), 404, "NoSuchKey");
    }
    replication.role("ec2.amazonaws.com", &all);
    assert_eq!(replication.status("in/a"), "FAILED", "the role does not trust S3");
    replication.role("s3.amazonaws.com", &all);
    assert_eq!(replication.status("in/a"), "COMPLETED");
}

#[test]
fn without_the_criterion_only_objects_that_kms_has_no_part_in_are_replicated() {
    let replication = Replication::new();
    ok(replication.client.put("/source-bucket?replication", &replication.configuration(false)));
    assert_eq!(replication.status("in/a"), "");
    ok(replication.client.put("/source-bucket/in/plain", "words"));
    let replica = ok(replication.there.get("/replica-bucket/in/plain"));
    assert_eq!((replica.body().as_ref(), header(&replica, "x-amz-server-side-encryption")), (&b"words"[..], "AES256"));
    let shown = answered(&ok(replication.client.get("/source-bucket?replication")));
    assert_eq!((shown.element("Role"), shown.element("ID")), (ROLE.to_owned(), "r".to_owned()));
}

#[test]
fn a_replication_that_could_not_work_is_refused() {
    let replication = Replication::new();
    let put = |document: &str| replication.client.put("/source-bucket?replication", document);
    let good = replication.configuration(true);
    refused(&put(&good.replace("replica-bucket", "source-bucket")), 400, "InvalidRequest");
    refused(&put(&good.replace("replica-bucket", "nowhere")), 400, "InvalidRequest");
    refused(
        &put(&good.replace("<SourceSelectionCriteria>", "<X>").replace("</SourceSelectionCriteria>", "</X>")),
        400,
        "InvalidArgument",
    );
    refused(&put(&good.replace("<Status>Disabled", "<Status>Enabled")), 501, "NotImplemented");
    refused(&put(&good.replace("role/replicator", "user/replicator")), 400, "InvalidArgument");
    let suspended = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    refused(&replication.client.put("/source-bucket?versioning", suspended), 409, "InvalidBucketState");
    ok(replication.client.delete("/source-bucket?replication"));
    refused(&replication.client.get("/source-bucket?replication"), 404, "ReplicationConfigurationNotFoundError");
    ok(replication.client.put("/source-bucket?versioning", suspended));
    refused(&put(&good), 400, "InvalidRequest");
}

// --- what stays ----------------------------------------------------------------------------------

#[test]
fn objects_are_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, clock) = aws();
    let open = |clock: &Clock| {
        let options = Options { data_dir: Some(folder.path().to_owned()), clock: clock.clone(), ids: Ids::random() };
        Client::of(&Aws::open(options).expect("opens"), clock, ACCOUNT, "test")
    };
    let client = open(&clock).with_bucket("bucket-a");
    let key = client.kms_key(None);
    client.encrypts("bucket-a", &key, false);
    ok(client.put("/bucket-a/k", "kept"));
    let put = ok(client.s3("PUT", "/bucket-a/bytes", &[("x-amz-server-side-encryption", "AES256")], &[0, 255, 1]));
    assert_eq!(header(&put, "x-amz-server-side-encryption"), "AES256");
    client.aws.close();
    let again = open(&clock);
    assert_eq!(ok(again.get("/bucket-a/k")).body(), "kept");
    assert_eq!(ok(again.get("/bucket-a/bytes")).body().as_ref(), [0, 255, 1]);
}
