//! How long the proofs of a plan take on the complete module's policy, and how they grow with the statements.
#![expect(clippy::expect_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use keywright_model::{AccountId, Arn};
use keywright_policy::prove::{
    KeyAccess, Scope, Who, confused_deputies, gives_nothing_new, no_public_access, nobody_can, principals_by_arn,
    root_is_gone, somebody_keeps_control, standings,
};
use keywright_policy::{ContextConstraint, Document, Grant, Grantee, PolicyKind};

const ADMIN: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-prod";
const REPLICATION: &str = "arn:aws:iam::111122223333:role/acme-s3-replication-role-prod";
const COMPLETE: &str = include_str!("../../../conformance/prove/complete-primary.json");
const REPLICA: &str = include_str!("../../../conformance/prove/complete-replica.json");

/// A policy with so many statements of the shapes that real policies have.
fn policy(count: usize) -> Document {
    let statement = |at: usize| match at % 4 {
        0 => format!(
            r#"{{"Sid":"S{at}","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111122223333:role/role-{at}"}},"Action":["kms:Decrypt","kms:Encrypt"],"Resource":"*"}}"#
        ),
        1 => format!(
            r#"{{"Sid":"S{at}","Effect":"Allow","Principal":{{"Service":"service-{at}.amazonaws.com"}},"Action":"kms:GenerateDataKey*","Resource":"*","Condition":{{"ArnLike":{{"aws:SourceArn":"arn:aws:logs:eu-west-1:111122223333:source-{at}:*"}}}}}}"#
        ),
        2 => format!(
            r#"{{"Sid":"S{at}","Effect":"Allow","Principal":{{"AWS":"*"}},"Action":"kms:Decrypt","Resource":"*","Condition":{{"StringEquals":{{"kms:CallerAccount":"111122223333"}},"StringLike":{{"kms:ViaService":"service-{at}.*.amazonaws.com"}}}}}}"#
        ),
        _ => format!(
            r#"{{"Sid":"S{at}","Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{{"StringEquals":{{"aws:SourceVpc":"vpc-{at}"}}}}}}"#
        ),
    };
    let statements: Vec<String> = (0..count).map(statement).collect();
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    Document::parse(&text, PolicyKind::Key).expect("a key policy")
}

/// All that a plan asks of one key.
fn all_proofs(access: &KeyAccess<'_>) {
    black_box(root_is_gone(access));
    black_box(somebody_keeps_control(access, &[ADMIN]));
    black_box(no_public_access(access));
    black_box(nobody_can(access, &Who::Outside(vec![access.account.clone()]), &["kms:*"], Scope::default()));
    black_box(nobody_can(access, &Who::These(vec![ADMIN.to_owned()]), &["kms:Decrypt"], Scope::DIRECT));
    black_box(gives_nothing_new(access, access));
    black_box(standings(access));
    black_box(confused_deputies(access));
}

/// What the engine's plan asks of a key that stands: see `crates/engine/src/plan/prove.rs`.
fn proofs_of_a_plan(before: &KeyAccess<'_>, after: &KeyAccess<'_>) {
    let names = principals_by_arn(after);
    let users = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"];
    black_box(somebody_keeps_control(after, &[ADMIN]));
    black_box(nobody_can(after, &Who::AllBut(names), &["kms:*"], Scope::DIRECT));
    black_box(no_public_access(after));
    black_box(nobody_can(after, &Who::These(vec![ADMIN.to_owned()]), &users, Scope::DIRECT));
    black_box(confused_deputies(after));
    black_box(gives_nothing_new(before, after));
    black_box(gives_nothing_new(after, before));
}

/// The complete module with a grant, and the same policy without its last statement.
fn plan_of_the_complete_module(criterion: &mut Criterion) {
    let key = |region: &str| {
        Arn::parse(&format!("arn:aws:kms:{region}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"))
            .expect("an ARN")
    };
    let account = AccountId::parse("111122223333").expect("an account");
    let operations = ["Decrypt".to_owned(), "DescribeKey".to_owned()];
    let grant = Grant {
        id: "g",
        grantee: Grantee::Arn(REPLICATION),
        retiring: None,
        operations: &operations,
        encryption_context: ContextConstraint::Any,
        source_arn: None,
    };
    let keys = [(key("eu-west-1"), COMPLETE), (key("us-east-1"), REPLICA)].map(|(key, text)| {
        let after = Document::parse(text, PolicyKind::Key).expect("a key policy");
        let mut before = after.clone();
        before.statements.pop();
        (key, before, after)
    });
    criterion.bench_function("the proofs of a plan of the complete module, both keys", |it| {
        it.iter(|| {
            for (key, before, after) in &keys {
                let access = |policy| KeyAccess { grants: vec![grant], ..KeyAccess::new(key, &account, policy) };
                proofs_of_a_plan(&access(before), &access(after));
            }
        });
    });
}

fn benchmark(criterion: &mut Criterion) {
    let key =
        Arn::parse("arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab").expect("an ARN");
    let account = AccountId::parse("111122223333").expect("an account");
    let complete = Document::parse(COMPLETE, PolicyKind::Key).expect("a key policy");
    let access = KeyAccess::new(&key, &account, &complete);

    criterion.bench_function("all proofs of the complete module", |it| it.iter(|| all_proofs(&access)));
    criterion.bench_function("root is gone on the complete module", |it| it.iter(|| root_is_gone(&access)));
    criterion.bench_function("somebody keeps control of the complete module", |it| {
        it.iter(|| somebody_keeps_control(&access, &[ADMIN]))
    });

    let mut group = criterion.benchmark_group("statements");
    group.sample_size(10);
    for count in [10, 25, 50, 100, 200] {
        let policy = policy(count);
        let access = KeyAccess::new(&key, &account, &policy);
        group.bench_with_input(BenchmarkId::new("nobody outside can", count), &access, |it, access| {
            it.iter(|| nobody_can(access, &Who::Outside(vec![account.clone()]), &["kms:*"], Scope::default()));
        });
        group.bench_with_input(BenchmarkId::new("all proofs", count), &access, |it, access| {
            it.iter(|| all_proofs(access));
        });
    }
    group.finish();
}

criterion_group!(benches, plan_of_the_complete_module, benchmark);
criterion_main!(benches);
