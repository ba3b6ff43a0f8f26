use bytes::Bytes;
use http::{HeaderValue, Request};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::testing::{ACCOUNT, Client, block_on};

#[derive(Deserialize)]
struct Suite {
    secret_access_key: String,
    date: String,
    region: String,
    service: String,
    cases: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    signed_headers: Vec<String>,
    signature: String,
}

#[test]
fn signs_as_the_published_vectors_do() {
    let suite: Suite =
        serde_json::from_str(include_str!("../../../../conformance/sigv4/vectors.json")).expect("the vectors");
    let scope = Scope {
        access_key_id: "AKIDEXAMPLE".into(),
        date: suite.date.chars().take(8).collect(),
        region: suite.region,
        service: suite.service,
    };
    assert!(suite.cases.len() >= 25);
    for vector in suite.cases {
        let mut request = Request::builder().method(vector.method.as_str()).uri(&vector.target);
        for (name, value) in &vector.headers {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(vector.body)).expect("a request");
        let hash = signature::sha256_hex(request.body());
        let canonical = canonical::request(&request, Service::Kms, &vector.signed_headers, &hash).expect("canonical");
        let signed = signature::sign(&suite.secret_access_key, &scope, &suite.date, &canonical);
        assert_eq!(signed.signature, vector.signature, "{}\n{canonical}", vector.name);
    }
}

fn request(client: &Client, service: Service) -> Request<Bytes> {
    match service {
        Service::Kms => {
            let headers = [("x-amz-target", "TrentService.ListKeys"), ("content-type", "application/x-amz-json-1.1")];
            client.signed(service, "/", &headers, b"{}".to_vec())
        }
        _ => {
            let headers = [("content-type", "application/x-www-form-urlencoded")];
            client.signed(service, "/", &headers, b"Action=GetCallerIdentity&Version=2011-06-15".to_vec())
        }
    }
}

fn answer(client: &Client, request: Request<Bytes>) -> (u16, String) {
    let response = block_on(client.aws.handle(request));
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}

/// Spoils a signed request, and checks both families of error codes.
#[track_caller]
fn check(spoil: impl Fn(&mut Request<Bytes>), json_code: &str, query_code: &str) {
    let client = Client::root();
    for (service, code) in [(Service::Kms, json_code), (Service::Sts, query_code)] {
        let mut spoilt = request(&client, service);
        spoil(&mut spoilt);
        let error = authenticate(&spoilt, service, client.clock.now(), &World::default()).expect_err("it is spoilt");
        assert_eq!(error.code, code, "{service:?}: {error}");
    }
    let mut spoilt = request(&client, Service::Sts);
    spoil(&mut spoilt);
    let (status, body) = answer(&client, spoilt);
    assert!(status >= 400 && body.contains(&format!("<Code>{query_code}</Code>")), "{status} {body}");
}

fn edit(request: &mut Request<Bytes>, name: &'static str, change: impl Fn(&str) -> String) {
    let old = request.headers()[name].to_str().expect("text").to_owned();
    request.headers_mut().insert(name, HeaderValue::from_str(&change(&old)).expect("a value"));
}

#[test]
fn takes_what_the_sdk_signs() {
    let client = Client::root();
    assert_eq!(answer(&client, request(&client, Service::Sts)).0, 200);
}

#[test]
fn refuses_a_request_without_a_signature() {
    check(
        |request| drop(request.headers_mut().remove("authorization")),
        "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",
    );
}

#[test]
fn refuses_a_signature_that_lacks_a_part() {
    for part in ["Credential", "SignedHeaders", "Signature", "AWS4-HMAC-SHA256"] {
        check(
            |request| edit(request, "authorization", |old| old.replacen(part, "X", 1)),
            "IncompleteSignatureException",
            "IncompleteSignature",
        );
    }
    check(
        |request| drop(request.headers_mut().remove("x-amz-date")),
        "IncompleteSignatureException",
        "IncompleteSignature",
    );
    check(
        |request| edit(request, "x-amz-date", |_| "yesterday".into()),
        "IncompleteSignatureException",
        "IncompleteSignature",
    );
    check(
        |request| edit(request, "authorization", |old| old.replace("aws4_request", "x")),
        "IncompleteSignatureException",
        "IncompleteSignature",
    );
}

#[test]
fn refuses_keys_and_tokens_that_nobody_has() {
    let unknown = ["AKIAAAAAAAAAAAAAAAAA", "ASIAAAAAAAAAAAAAAAAA", "1234", "x"];
    for key in unknown {
        check(
            |request| edit(request, "authorization", |old| old.replacen(ACCOUNT, key, 1)),
            "UnrecognizedClientException",
            "InvalidClientTokenId",
        );
    }
}

#[test]
fn refuses_whatever_was_changed_after_signing() {
    let codes = ("InvalidSignatureException", "SignatureDoesNotMatch");
    let flip = |old: &str| {
        let (rest, last) = old.split_at(old.len() - 1);
        format!("{rest}{}", if last == "0" { "1" } else { "0" })
    };
    check(|request| edit(request, "authorization", flip), codes.0, codes.1);
    check(
        |request| {
            *request.uri_mut() = request.uri().to_string().replace("amazonaws", "example").parse().expect("a URI")
        },
        codes.0,
        codes.1,
    );
    check(
        |request| drop(request.headers_mut().insert("host", HeaderValue::from_static("other.example"))),
        codes.0,
        codes.1,
    );
    check(|request| edit(request, "content-type", |old| format!("{old};x")), codes.0, codes.1);
    check(|request| *request.uri_mut() = format!("{}?x=1", request.uri()).parse().expect("a URI"), codes.0, codes.1);
    check(
        |request| {
            let mut body = request.body().to_vec();
            body.push(b' ');
            *request.body_mut() = body.into();
        },
        codes.0,
        codes.1,
    );
    check(
        |request| {
            drop(request.headers_mut().insert("x-amz-content-sha256", HeaderValue::from_static("UNSIGNED-PAYLOAD")))
        },
        codes.0,
        codes.1,
    );
    check(|request| drop(request.headers_mut().insert("x-amz-extra", HeaderValue::from_static("1"))), codes.0, codes.1);
    check(
        |request| {
            edit(request, "authorization", |old| old.replace("SignedHeaders=", "SignedHeaders=x-not-sent;"));
        },
        codes.0,
        codes.1,
    );
}

#[test]
fn refuses_another_secret_region_or_day() {
    let codes = ("InvalidSignatureException", "SignatureDoesNotMatch");
    let client = Client::root();
    let liar = Client { secret_access_key: "Test".into(), ..client.clone() };
    assert!(answer(&client, request(&liar, Service::Sts)).1.contains(codes.1));
    check(|request| edit(request, "authorization", |old| old.replace("eu-west-1", "eu-west-2")), codes.0, codes.1);
    check(|request| edit(request, "authorization", |old| old.replace("eu-west-1", "moon")), codes.0, codes.1);
    check(|request| edit(request, "authorization", |old| old.replace("/20260102/", "/20260103/")), codes.0, codes.1);
}

#[test]
fn iam_takes_any_region_and_stands_in_the_global_one() {
    let client = Client::root();
    for region in ["eu-west-1", "us-east-1"] {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let request = client.in_region(region).signed(
            Service::Iam,
            "/",
            &headers,
            b"Action=ListUsers&Version=2010-05-08".to_vec(),
        );
        assert_eq!(answer(&client, request).0, 200, "{region}");
    }
    assert!(client.aws.calls().iter().all(|call| call.region == "us-east-1"));
}

#[test]
fn refuses_signatures_of_another_time() {
    for (seconds, word) in
        [(901, Some("Signature expired")), (-901, Some("Signature not yet current")), (900, None), (-900, None)]
    {
        let client = Client::root();
        let signed = request(&client, Service::Sts);
        client.clock.advance(SignedDuration::from_secs(seconds));
        let (status, body) = answer(&client, signed);
        match word {
            Some(word) => assert!(status == 403 && body.contains(word), "{seconds}: {body}"),
            None => assert_eq!(status, 200, "{seconds}: {body}"),
        }
    }
}

#[test]
fn an_unknown_service_or_operation_is_never_a_success() {
    let client = Client::root();
    client.json(Service::Kms, "NoSuchOperation", &json!({})).is_error("UnknownOperationException");
    client.json(Service::Logs, "NoSuchOperation", &json!({})).is_error("UnknownOperationException");
    client.query(Service::Sts, "ListRoles", &[]).is_error("InvalidAction");
    client.cbor("NoSuchOperation", &json!({})).is_error("InvalidAction");
    for target in ["ListKeys", ".ListKeys", "Other.ListKeys", "Logs_20140328.ListKeys", "TrentService.x.ListKeys"] {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.1")];
        let answer = client.send(Service::Kms, "/", &headers, b"{}".to_vec());
        answer.is_error("UnknownOperationException");
    }
    let mut foreign = request(&client, Service::Sts);
    edit(&mut foreign, "authorization", |old| old.replace("/sts/", "/dynamodb/"));
    let (status, body) = answer(&client, foreign);
    assert_eq!(status, 400);
    assert!(body.contains("<Code>InvalidAction</Code>"), "{body}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_it_fall_over(
        path in "/[ -~]{0,20}",
        query in "[!-~]{0,20}",
        authorization in "(AWS4-HMAC-SHA256 Credential=111122223333/20260102/[a-z0-9-]{0,12}/(kms|iam|sts|logs|monitoring|sns|x)/aws4_request, SignedHeaders=[a-z;-]{0,20}, Signature=[0-9a-f]{0,64}|[ -~]{0,40})",
        target in "(TrentService|Logs_20140328|GraniteServiceVersion20100801|x)?[.]?[A-Za-z]{0,12}",
        date in "(20260102T030405Z|[ -~]{0,20})",
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let client = Client::root();
        let uri = format!("{}?{query}", path.replace([' ', '?', '#'], "/"));
        let built = Request::post(uri)
            .header("host", "localhost")
            .header("authorization", authorization)
            .header("x-amz-target", target)
            .header("x-amz-date", date)
            .body(Bytes::from(body));
        if let Ok(request) = built {
            let response = block_on(client.aws.handle(request));
            prop_assert!((400..500).contains(&response.status().as_u16()), "{response:?}");
        }
    }

    #[test]
    fn no_signed_bytes_make_an_operation_fall_over(
        body in proptest::collection::vec(any::<u8>(), 0..120),
        at in any::<prop::sample::Index>(),
        is_form in any::<bool>(),
        form in "[A-Za-z.]{1,20}(=[ -~]{0,20})?(&(RoleName|UserName|PolicyName|Tags[.]member[.][0-9]{1,30}[.]Key|PolicyDocument)=[ -~]{0,30}){0,4}",
    ) {
        let client = Client::root();
        for service in Service::ALL {
            let operations = World::operations(service);
            if operations.is_empty() {
                continue;
            }
            let operation = operations[at.index(operations.len())].name;
            let answered = match service.target_prefix() {
                Some(prefix) => {
                    let target = format!("{prefix}.{operation}");
                    let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
                    client.send(service, "/", &headers, body.clone()).status
                }
                None => {
                    let mut sent = format!("Action={operation}&Version={}&", service.api_version()).into_bytes();
                    sent.extend(if is_form { form.replace("Action", "").into_bytes() } else { body.clone() });
                    client.send(service, "/", &[], sent).status
                }
            };
            prop_assert!(answered < 500, "{service:?} {operation}: {answered}");
            if service == Service::CloudWatch {
                let path = format!("/service/GraniteServiceVersion20100801/operation/{operation}");
                let request = client.signed(service, &path, &[("smithy-protocol", "rpc-v2-cbor")], body.clone());
                let answered = block_on(client.aws.handle(request)).status();
                prop_assert!(answered.as_u16() < 500, "{operation} by CBOR: {answered}");
            }
        }
    }
}
