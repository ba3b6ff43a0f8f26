//! How long one decision takes on a key policy of 25 statements, and how long its text takes to read.
#![expect(clippy::expect_used, reason = "a benchmark")]

use criterion::{Criterion, criterion_group, criterion_main};
use keywright_model::{AccountId, Arn};
use keywright_policy::{Document, NamedPolicy, Policies, PolicyKind, Principal, Request, ResourcePolicy, decide};

/// A policy like the module's with every switch on: many statements by service, the caller's last.
fn key_policy() -> String {
    let use_actions = r#"["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"]"#;
    let by_service = |at: usize| {
        format!(
            r#"{{"Sid":"Service{at}","Effect":"Allow","Principal":{{"Service":"service{at}.amazonaws.com"}},"Action":{use_actions},"Resource":"*",
            "Condition":{{"StringEquals":{{"aws:SourceAccount":"111122223333"}},"ArnLike":{{"aws:SourceArn":"arn:aws:logs:eu-west-1:111122223333:*"}}}}}}"#
        )
    };
    let via_service = |at: usize| {
        format!(
            r#"{{"Sid":"Via{at}","Effect":"Allow","Principal":{{"AWS":"*"}},"Action":{use_actions},"Resource":"*",
            "Condition":{{"StringEquals":{{"kms:CallerAccount":"111122223333","kms:ViaService":["s3.eu-west-1.amazonaws.com","rds.eu-west-1.amazonaws.com",
            "ec2.eu-west-1.amazonaws.com","ssm.eu-west-1.amazonaws.com"]}}}}}}"#
        )
    };
    let mut statements: Vec<String> = (0..14).map(by_service).chain((0..9).map(via_service)).collect();
    statements.push(
        r#"{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#.to_owned(),
    );
    statements.push(
        r#"{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#.to_owned(),
    );
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

fn benchmark(criterion: &mut Criterion) {
    let text = key_policy();
    let document = Document::parse(&text, PolicyKind::Key).expect("a key policy");
    assert_eq!(document.statements.len(), 25);
    let own = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
    let own = Document::parse(own, PolicyKind::Identity).expect("an identity policy");
    let owner = AccountId::parse("111122223333").expect("an account");
    let mut policies = Policies { resource_policy: ResourcePolicy::Mandatory(&document), ..Policies::new(&owner) };
    policies.identity.push(NamedPolicy { name: "own", document: &own });

    let key = Arn::parse("arn:aws:kms:eu-west-1:111122223333:key/k").expect("an ARN");
    let user = Principal::User { arn: Arn::parse("arn:aws:iam::111122223333:user/alice").expect("an ARN") };
    let direct = Request::new(user.clone(), "kms:Decrypt", key.clone()).with("aws:SecureTransport", "true");
    let forwarded = direct.clone().with("kms:ViaService", "ssm.eu-west-1.amazonaws.com");
    let refused = Request::new(user.clone(), "kms:Decrypt", key.clone()).with("aws:SecureTransport", "false");
    assert!(decide(&direct, &policies).is_allowed() && decide(&forwarded, &policies).is_allowed());
    assert!(!decide(&refused, &policies).is_allowed());

    criterion.bench_function("decide by delegation", |it| it.iter(|| decide(&direct, &policies)));
    criterion.bench_function("decide through a service", |it| it.iter(|| decide(&forwarded, &policies)));
    criterion.bench_function("decide to deny", |it| it.iter(|| decide(&refused, &policies)));
    criterion.bench_function("make a request", |it| it.iter(|| Request::new(user.clone(), "kms:Decrypt", key.clone())));
    criterion.bench_function("read the policy", |it| it.iter(|| Document::parse(&text, PolicyKind::Key)));
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
