use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_kms::types::{GrantConstraints, GrantListEntry};
use keywright_engine::{Actor, Attributes, Creation, KeyGrant, Observed, ProviderError};
use keywright_model::{Arn, ResourceKind};
use serde_json::{Value, json};

use super::{Kind, cannot_change, live};
use crate::attributes::{Draft, Texts, block, flag, map_value, required, text, text_map, texts};
use crate::cloud::Cloud;
use crate::error::{failed, fine_if_gone, has_code, is_not_found};
use crate::kms::{self, Key};
use crate::needed::{Needed, On, deleting, making, reading, taking_up};

/// `aws_kms_grant`. Its token is a secret, and never kept.
pub(super) struct KmsGrant;

#[async_trait]
impl Kind for KmsGrant {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let (key, grant_id) = names_of(cloud, known)?;
        let grants = on_key(cloud, actor, &key).await?;
        let found = grants.iter().find(|grant| grant.grant_id() == Some(&grant_id));
        Ok(found.map(|grant| live(attributes(known, &key, grant))))
    }

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let key = Key::named_by(cloud, creation.planned, "key_id")?;
        let created = send_create(cloud, actor, &key, creation.planned).await;
        let grant_id = kms::written(cloud, &key, created)?;
        Ok(named(creation.planned, &key, &grant_id).done())
    }

    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let key = Key::named_by(cloud, creation.planned, "key_id")?;
        let (name, grantee) = (text(creation.planned, "name"), text(creation.planned, "grantee_principal"));
        let Some(name) = name else {
            return Ok(None);
        };
        let grants = list(cloud, actor, &key, grantee).await?;
        let is_ours = |grant: &GrantListEntry| grant.name() == Some(name) && grant.grantee_principal() == grantee;
        let found = grants.into_iter().find(|grant| is_ours(grant) && has_operations(grant, creation.planned));
        Ok(found.map(|grant| attributes(creation.planned, &key, &grant)))
    }

    async fn update(
        &self,
        cloud: &Cloud,
        _actor: &Actor,
        prior: &Attributes,
        _planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        Err(cannot_change(cloud, ResourceKind::KmsGrant, prior))
    }

    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError> {
        let (key, grant_id) = names_of(cloud, prior)?;
        let client = cloud.kms(actor, &key.region);
        let result = if flag(prior, "retire_on_delete") == Some(true) {
            let answer =
                client.retire_grant().key_id(key_arn(cloud, prior, &key).await?).grant_id(grant_id).send().await;
            answer.map(|_| ()).map_err(|error| failed("kms:RetireGrant", &key.region, error))
        } else {
            let answer = client.revoke_grant().key_id(&key.id).grant_id(grant_id).send().await;
            answer.map(|_| ()).map_err(|error| failed("kms:RevokeGrant", &key.region, error))
        };
        match kms::written(cloud, &key, result) {
            Err(error) if has_code(&error, "InvalidGrantId") => Ok(()),
            result => fine_if_gone(result),
        }
    }
}

/// Every grant of a key, as the attributes of an `aws_kms_grant`. The provider knows no `source_arn`: it stands beside
/// them where a grant is bound to one.
pub(crate) async fn all(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<Vec<Attributes>, ProviderError> {
    let grants = on_key(cloud, actor, key).await?;
    let known = Attributes::new();
    let with_source = |grant: &GrantListEntry| {
        let mut all = attributes(&known, key, grant);
        if let Some(source) = grant.constraints().and_then(GrantConstraints::source_arn) {
            all.insert("source_arn".to_owned(), source.into());
        }
        all
    };
    Ok(grants.iter().map(with_source).collect())
}

/// Every grant of a key, whoever made it.
pub(crate) async fn listed(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<Vec<KeyGrant>, ProviderError> {
    Ok(on_key(cloud, actor, key).await?.iter().map(key_grant).collect())
}

/// Every grant of a key, listed once a refresh: the list tells each of ours, and those that others made.
async fn on_key(cloud: &Cloud, actor: &Actor, key: &Key) -> Result<Arc<Vec<GrantListEntry>>, ProviderError> {
    let read = async { list(cloud, actor, key, None).await.map(Arc::new) };
    cloud.facts.key_grants.once(key.name(), read).await
}

/// The grants of a key, to that grantee or to all; none where the key is gone.
async fn list(
    cloud: &Cloud,
    actor: &Actor,
    key: &Key,
    grantee: Option<&str>,
) -> Result<Vec<GrantListEntry>, ProviderError> {
    let request = cloud.kms(actor, &key.region).list_grants().key_id(&key.id);
    let request = request.set_grantee_principal(grantee.map(str::to_owned));
    let mut pages = request.into_paginator().items().send();
    let mut grants = Vec::new();
    while let Some(grant) = pages.next().await {
        match grant.map_err(|error| failed("kms:ListGrants", &key.region, error)) {
            Ok(grant) => grants.push(grant),
            Err(error) if is_not_found(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(grants)
}

/// CreateGrant. Its `Name` makes it idempotent; a grantee that KMS does not see yet is waited for.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html>.
async fn send_create(cloud: &Cloud, actor: &Actor, key: &Key, planned: &Attributes) -> Result<String, ProviderError> {
    let operations = texts(planned, "operations").iter().map(|name| name.as_str().into()).collect();
    let tokens = texts(planned, "grant_creation_tokens");
    let request = cloud
        .kms(actor, &key.region)
        .create_grant()
        .key_id(&key.id)
        .grantee_principal(required(planned, "grantee_principal", &key.region)?)
        .set_retiring_principal(text(planned, "retiring_principal").map(str::to_owned))
        .set_operations(Some(operations))
        .set_constraints(constraints(planned))
        .set_grant_tokens((!tokens.is_empty()).then_some(tokens))
        .set_name(text(planned, "name").map(str::to_owned));
    let create = || async {
        let answer = request.clone().send().await;
        answer.map_err(|error| failed("kms:CreateGrant", &key.region, error))
    };
    let answer = cloud.patience.while_settling(|error| kms::needs_time(cloud, key, error), create).await?;
    Ok(answer.grant_id.unwrap_or_default())
}

fn constraints(planned: &Attributes) -> Option<GrantConstraints> {
    let constraints = block(planned, "constraints")?;
    let filled = |name| Some(text_map(constraints, name)).filter(|pairs| !pairs.is_empty());
    let build = GrantConstraints::builder()
        .set_encryption_context_equals(filled(EQUALS).map(|pairs| pairs.into_iter().collect()))
        .set_encryption_context_subset(filled(SUBSET).map(|pairs| pairs.into_iter().collect()));
    Some(build.build())
}

fn attributes(known: &Attributes, key: &Key, grant: &GrantListEntry) -> Attributes {
    let operations: Vec<String> = grant.operations().iter().map(|operation| operation.as_str().to_owned()).collect();
    let grantee = grant.grantee_principal().or_else(|| grant.grantee_service_principal());
    let retiring = grant.retiring_principal().or_else(|| grant.retiring_service_principal());
    named(known, key, grant.grant_id().unwrap_or_default())
        .with("constraints", constraints_value(grant.constraints()))
        .observed("grantee_principal", grantee)
        .observed("name", grant.name())
        .observed_set("operations", &operations)
        .observed("retiring_principal", retiring)
        .done()
}

/// KMS tells who made a grant only by account, as the ARN of its root user or as an ID.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantListEntry.html>.
fn key_grant(grant: &GrantListEntry) -> KeyGrant {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let account = |issuer: &str| Arn::parse(issuer).map_or_else(|_| issuer.to_owned(), |arn| arn.account().to_owned());
    let constraints = grant.constraints();
    let pairs = |found: Option<&HashMap<String, String>>| -> Texts {
        found.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let mut operations: Vec<String> = grant.operations().iter().map(|it| it.as_str().to_owned()).collect();
    operations.sort();
    KeyGrant {
        grant_id: grant.grant_id().unwrap_or_default().to_owned(),
        name: owned(grant.name().filter(|name| !name.is_empty())),
        grantee: owned(grant.grantee_principal().or_else(|| grant.grantee_service_principal())).unwrap_or_default(),
        retiring: owned(grant.retiring_principal().or_else(|| grant.retiring_service_principal())),
        operations,
        issuing_account: grant.issuing_account().map(account),
        creation_date: grant.creation_date().and_then(kms::rfc_3339),
        encryption_context_equals: pairs(constraints.and_then(GrantConstraints::encryption_context_equals)),
        encryption_context_subset: pairs(constraints.and_then(GrantConstraints::encryption_context_subset)),
        source_arn: owned(constraints.and_then(GrantConstraints::source_arn)),
    }
}

fn named(known: &Attributes, key: &Key, grant_id: &str) -> Draft {
    let key_id = text(known, "key_id").unwrap_or(&key.id).to_owned();
    Draft::of(known)
        .or("constraints", json!([]))
        .or("grant_creation_tokens", Value::Null)
        .with("grant_id", grant_id)
        .with("grant_token", Value::Null)
        .with("id", format!("{key_id}:{grant_id}"))
        .with("key_id", key_id)
        .or("name", Value::Null)
        .observed_set("operations", &texts(known, "operations"))
        .with("region", key.region.as_str())
        .or("retire_on_delete", false)
        .or("retiring_principal", Value::Null)
}

fn constraints_value(constraints: Option<&GrantConstraints>) -> Value {
    let pairs = |found: Option<&HashMap<String, String>>| -> Texts {
        found.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let equals = pairs(constraints.and_then(GrantConstraints::encryption_context_equals));
    let subset = pairs(constraints.and_then(GrantConstraints::encryption_context_subset));
    if equals.is_empty() && subset.is_empty() {
        return json!([]);
    }
    json!([{ (EQUALS): map_value(&equals), (SUBSET): map_value(&subset) }])
}

fn has_operations(grant: &GrantListEntry, planned: &Attributes) -> bool {
    let mut wanted = texts(planned, "operations");
    let mut found: Vec<&str> = grant.operations().iter().map(|operation| operation.as_str()).collect();
    wanted.sort();
    found.sort_unstable();
    wanted == found
}

/// The key and the grant's ID. An import knows both by `id` alone: `KEY:GRANT`, where the key may be an ARN.
fn names_of(cloud: &Cloud, known: &Attributes) -> Result<(Key, String), ProviderError> {
    let region = cloud.region(known);
    if let (Some(key), Some(grant)) = (text(known, "key_id"), text(known, "grant_id")) {
        return Ok((Key::new(&region, key), grant.to_owned()));
    }
    let id = required(known, "id", &region)?;
    let (key, grant) = id.rsplit_once(':').unwrap_or((id, ""));
    Ok((Key::new(&region, key), grant.to_owned()))
}

/// RetireGrant takes no bare ID.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_RetireGrant.html>.
async fn key_arn(cloud: &Cloud, known: &Attributes, key: &Key) -> Result<String, ProviderError> {
    match text(known, "key_id").filter(|id| id.starts_with("arn:")) {
        Some(arn) => Ok(arn.to_owned()),
        None => cloud.own_arn("kms", &key.region, &format!("key/{}", key.id)).await,
    }
}

const EQUALS: &str = "encryption_context_equals";
const SUBSET: &str = "encryption_context_subset";

const NEEDED: &[Needed] = &[
    reading("kms:ListGrants", On::Key),
    making("kms:CreateGrant", On::Key),
    taking_up("kms:ListGrants", On::Key),
    deleting("kms:RevokeGrant", On::Key),
];

#[cfg(test)]
mod tests {
    use keywright_engine::{Actor, Creation, Provider as _};
    use keywright_model::Arn;
    use keywright_model::ResourceKind::KmsGrant as Kind;
    use serde_json::{Value, json};

    use crate::testing::{Canned, create, delete, find_created, read};

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1";
    const ROLE: &str = "arn:aws:iam::111122223333:role/replication";

    fn planned() -> Value {
        json!({
            "key_id": KEY, "region": "eu-central-1", "name": "S3ReplicationGrant", "grantee_principal": ROLE,
            "operations": ["Encrypt", "Decrypt"],
            "constraints": [{ "encryption_context_equals": { "a": "b" }, "encryption_context_subset": {} }],
        })
    }

    fn listed(operations: &Value) -> Value {
        json!({ "Grants": [{
            "KeyId": KEY, "GrantId": "g1", "Name": "S3ReplicationGrant", "GranteePrincipal": ROLE,
            "Operations": operations, "Constraints": { "EncryptionContextEquals": { "a": "b" } },
        }] })
    }

    #[tokio::test]
    async fn the_grant_is_made_where_the_key_is_and_its_token_is_not_kept() {
        let canned = Canned::new()
            .ok("kms:CreateGrant", json!({ "GrantId": "g1", "GrantToken": "hush" }))
            .ok("kms:ListGrants", listed(&json!(["Encrypt", "Decrypt"])));
        let created = create(&canned, Kind, planned()).await.expect("a grant");
        assert_eq!(canned.sent()[0].region, "eu-central-1");
        let sent = canned.body("kms:CreateGrant");
        assert_eq!((&sent["Name"], &sent["KeyId"]), (&json!("S3ReplicationGrant"), &json!("mrk-1")));
        assert_eq!(sent["Constraints"], json!({ "EncryptionContextEquals": { "a": "b" } }));
        assert_eq!((&created["grant_token"], &created["id"]), (&Value::Null, &json!(format!("{KEY}:g1"))));
        assert!(!created.to_string().contains("hush"));
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created));
    }

    #[tokio::test]
    async fn a_grantee_that_kms_does_not_see_yet_is_waited_for() {
        let canned = Canned::new()
            .error("kms:CreateGrant", "InvalidArnException", "ARN does not refer to a valid principal")
            .ok("kms:CreateGrant", json!({ "GrantId": "g1" }));
        create(&canned, Kind, planned()).await.expect("a grant");
        assert_eq!(canned.count("kms:CreateGrant"), 2);
    }

    #[tokio::test]
    async fn a_grant_of_other_operations_is_not_the_one_that_was_made() {
        let ours = Canned::new().ok("kms:ListGrants", listed(&json!(["Decrypt", "Encrypt"])));
        assert_eq!(find_created(&ours, Kind, planned()).await.expect("the grant")["grant_id"], "g1");
        let other = Canned::new().ok("kms:ListGrants", listed(&json!(["Decrypt"])));
        assert_eq!(find_created(&other, Kind, planned()).await, None);
    }

    #[tokio::test]
    async fn every_grant_is_listed_with_its_grantee_and_the_account_that_made_it() {
        let of_service = json!({
            "KeyId": KEY, "GrantId": "g2", "GranteePrincipal": "rds.eu-central-1.amazonaws.com", "Operations": ["Encrypt", "Decrypt"],
            "IssuingAccount": "arn:aws:iam::111122223333:root", "CreationDate": 1_767_225_600,
        });
        let mut all = listed(&json!(["Decrypt"]));
        all["Grants"].as_array_mut().expect("grants").push(of_service);
        let canned = Canned::new().ok("kms:ListGrants", all);
        let key = Arn::parse(KEY).expect("an ARN");
        let grants = canned.provider().await.grants(&Actor::Caller, &key).await.expect("grants");
        assert_eq!(canned.body("kms:ListGrants"), json!({ "KeyId": "mrk-1" }), "nothing narrows the list");
        let told: Vec<_> = grants.iter().map(|it| (it.grantee.as_str(), it.operations.join(","))).collect();
        let expect = [(ROLE, "Decrypt".to_owned()), ("rds.eu-central-1.amazonaws.com", "Decrypt,Encrypt".to_owned())];
        assert_eq!(told, expect);
        assert_eq!(grants[0].encryption_context_equals["a"], "b");
        assert_eq!(grants[1].issuing_account.as_deref(), Some("111122223333"));
        assert_eq!(grants[1].creation_date.as_deref(), Some("2026-01-01T00:00:00Z"));
    }

    #[tokio::test]
    async fn one_list_tells_each_grant_of_a_key_until_one_is_made() {
        let canned = Canned::new()
            .ok("kms:ListGrants", listed(&json!(["Encrypt", "Decrypt"])))
            .ok("kms:CreateGrant", json!({ "GrantId": "g2" }));
        let provider = canned.provider().await;
        let known = json!({ "id": format!("{KEY}:g1"), "key_id": KEY, "grant_id": "g1", "region": "eu-central-1" });
        let (known, key) = (known.as_object().expect("a map"), Arn::parse(KEY).expect("an ARN"));
        provider.read(&Actor::Caller, Kind, known).await.expect("an answer").expect("a grant");
        provider.grants(&Actor::Caller, &key).await.expect("grants");
        assert_eq!(canned.count("kms:ListGrants"), 1);
        let (planned, token) = (planned(), crate::testing::token());
        let planned = planned.as_object().expect("a map");
        let creation = Creation { kind: Kind, planned, interim_policy: None, token: &token };
        provider.create(&Actor::Caller, &creation).await.expect("a grant");
        provider.grants(&Actor::Caller, &key).await.expect("grants");
        assert_eq!(canned.count("kms:ListGrants"), 2, "what was listed before is old");
    }

    #[tokio::test]
    async fn a_grant_is_revoked_by_its_id_and_fine_if_gone() {
        let prior = json!({ "id": format!("{KEY}:g1"), "region": "eu-central-1" });
        let canned = Canned::new().ok("kms:RevokeGrant", json!({}));
        delete(&canned, Kind, prior.clone()).await.expect("revoked");
        assert_eq!(canned.body("kms:RevokeGrant"), json!({ "KeyId": "mrk-1", "GrantId": "g1" }));
        for code in ["NotFoundException", "InvalidGrantIdException"] {
            let gone = Canned::new().error("kms:RevokeGrant", code, "no such grant");
            delete(&gone, Kind, prior.clone()).await.expect("gone");
        }
    }
}
