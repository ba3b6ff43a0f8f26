use async_trait::async_trait;
use aws_sdk_iam::types::{Policy, PolicyVersion};
use keywright_engine::{Actor, Attributes, CREATION_TAG, Creation, Observed, ProviderError};
use keywright_model::Arn;

use super::{Kind, live};
use crate::attributes::{Draft, Texts, policy_differs, required, text, text_map};
use crate::cloud::Cloud;
use crate::error::{already_exists, failed, fine_if_gone, has_code, is_already_exists, own_error, unless_gone};
use crate::iam;
use crate::needed::{Needed, On, deleting, making, reading};
use crate::tags::{self, TagChanges};

/// `aws_iam_policy`: a customer managed policy.
pub(super) struct IamPolicy;

#[async_trait]
impl Kind for IamPolicy {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let arn = arn_of(cloud, known)?;
        let Some(policy) = find(cloud, actor, arn).await? else {
            return Ok(None);
        };
        let document = document(cloud, actor, arn, policy.default_version_id().unwrap_or_default()).await?;
        Ok(document.map(|document| live(observed(known, &policy, &document))))
    }

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let policy = match send_create(cloud, actor, creation).await {
            Ok(policy) => policy,
            Err(error) if is_already_exists(&error) => {
                let found = self.find_created(cloud, actor, creation).await?;
                let name = text(creation.planned, "name").unwrap_or_default();
                let message = format!("there is a policy `{name}` that this run has not made");
                return found.ok_or_else(|| already_exists("iam:CreatePolicy", cloud.global(), message));
            }
            Err(error) => return Err(error),
        };
        let document = text(creation.planned, "policy").unwrap_or_default();
        cloud.remember_made(policy.arn().unwrap_or_default());
        Ok(described(creation.planned, &policy)
            .observed("description", text(creation.planned, "description"))
            .policy("policy", document)
            .observed_tags(&text_map(creation.planned, "tags"))
            .done())
    }

    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let arn = future_arn(cloud, creation.planned).await?;
        let Some(policy) = find(cloud, actor, &arn).await? else {
            return Ok(None);
        };
        if !tags::are_marked(&iam::tag_texts(policy.tags()), creation.token) {
            return Ok(None);
        }
        let document = document(cloud, actor, &arn, policy.default_version_id().unwrap_or_default()).await?;
        Ok(document.map(|document| observed(creation.planned, &policy, &document)))
    }

    async fn settle(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<(), ProviderError> {
        fine_if_gone(untag(cloud, actor, arn_of(cloud, known)?, &[CREATION_TAG.to_owned()]).await)
    }

    async fn update(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        let arn = arn_of(cloud, prior)?;
        let document = required(planned, "policy", cloud.global())?;
        if policy_differs(prior, planned, "policy") {
            put_version(cloud, actor, arn, document).await?;
        }
        change_tags(cloud, actor, arn, &tags::changes(prior, planned)).await?;
        let draft = Draft::updated(prior, planned, COMPUTED).policy("policy", document);
        Ok(draft.observed_tags(&text_map(planned, "tags")).done())
    }

    /// A policy can be deleted once only its default version is left.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html>.
    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError> {
        let arn = arn_of(cloud, prior)?;
        let Some(versions) = unless_gone(other_versions(cloud, actor, arn).await)? else {
            return Ok(());
        };
        for version in versions {
            fine_if_gone(delete_version(cloud, actor, arn, version.version_id().unwrap_or_default()).await)?;
        }
        let delete = || async {
            let answer = cloud.iam(actor).delete_policy().policy_arn(arn).send().await;
            answer.map_err(|error| failed("iam:DeletePolicy", cloud.global(), error))
        };
        // A policy that was detached a moment ago may still seem attached.
        let was_detached = cloud.is_made_now(&detached(arn));
        let needs_time = |error: &ProviderError| was_detached && has_code(error, "DeleteConflict");
        fine_if_gone(cloud.patience.while_settling(needs_time, delete).await)
    }
}

/// By what this run remembers that it has detached a policy.
pub(super) fn detached(policy: &str) -> String {
    format!("detached {policy}")
}

async fn find(cloud: &Cloud, actor: &Actor, arn: &str) -> Result<Option<Policy>, ProviderError> {
    let answer = cloud.iam(actor).get_policy().policy_arn(arn).send().await;
    let answer = unless_gone(answer.map_err(|error| failed("iam:GetPolicy", cloud.global(), error)))?;
    Ok(answer.and_then(|answer| answer.policy))
}

/// What a managed policy says in its default version. None when it is gone.
pub(crate) async fn default_document(cloud: &Cloud, actor: &Actor, arn: &str) -> Result<Option<String>, ProviderError> {
    let Some(policy) = find(cloud, actor, arn).await? else { return Ok(None) };
    let Some(version) = policy.default_version_id() else { return Ok(None) };
    document(cloud, actor, arn, version).await
}

async fn document(cloud: &Cloud, actor: &Actor, arn: &str, version: &str) -> Result<Option<String>, ProviderError> {
    let answer = cloud.iam(actor).get_policy_version().policy_arn(arn).version_id(version).send().await;
    let answer = unless_gone(answer.map_err(|error| failed("iam:GetPolicyVersion", cloud.global(), error)))?;
    let version = answer.and_then(|answer| answer.policy_version);
    Ok(version.map(|version| iam::document(version.document())))
}

async fn send_create(cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Policy, ProviderError> {
    let planned = creation.planned;
    let request = cloud
        .iam(actor)
        .create_policy()
        .policy_name(required(planned, "name", cloud.global())?)
        .policy_document(required(planned, "policy", cloud.global())?)
        .set_path(text(planned, "path").map(str::to_owned))
        .set_description(text(planned, "description").map(str::to_owned))
        .set_tags(Some(iam::role_tags(&tags::at_creation(creation), cloud)?));
    let answer = request.send().await.map_err(|error| failed("iam:CreatePolicy", cloud.global(), error))?;
    let missing = || own_error("iam:CreatePolicy", cloud.global(), "IncompleteAnswer", "the policy is missing");
    answer.policy.ok_or_else(missing)
}

/// A policy has five versions at most: where there is no room, the oldest that is not the default goes.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>.
async fn put_version(cloud: &Cloud, actor: &Actor, arn: &str, document: &str) -> Result<(), ProviderError> {
    match create_version(cloud, actor, arn, document).await {
        Err(error) if has_code(&error, "LimitExceeded") => {
            let versions = other_versions(cloud, actor, arn).await?;
            let oldest = versions.iter().min_by_key(|version| age(version)).and_then(PolicyVersion::version_id);
            let oldest = oldest.ok_or(error)?;
            fine_if_gone(delete_version(cloud, actor, arn, oldest).await)?;
            create_version(cloud, actor, arn, document).await
        }
        result => result,
    }
}

async fn create_version(cloud: &Cloud, actor: &Actor, arn: &str, document: &str) -> Result<(), ProviderError> {
    let request = cloud.iam(actor).create_policy_version().policy_arn(arn).policy_document(document);
    let answer = request.set_as_default(true).send().await;
    answer.map(|_| ()).map_err(|error| failed("iam:CreatePolicyVersion", cloud.global(), error))
}

async fn delete_version(cloud: &Cloud, actor: &Actor, arn: &str, version: &str) -> Result<(), ProviderError> {
    let answer = cloud.iam(actor).delete_policy_version().policy_arn(arn).version_id(version).send().await;
    answer.map(|_| ()).map_err(|error| failed("iam:DeletePolicyVersion", cloud.global(), error))
}

/// All versions but the default.
async fn other_versions(cloud: &Cloud, actor: &Actor, arn: &str) -> Result<Vec<PolicyVersion>, ProviderError> {
    let mut pages = cloud.iam(actor).list_policy_versions().policy_arn(arn).into_paginator().items().send();
    let mut versions = Vec::new();
    while let Some(version) = pages.next().await {
        let version = version.map_err(|error| failed("iam:ListPolicyVersions", cloud.global(), error))?;
        versions.extend(Some(version).filter(|version| !version.is_default_version()));
    }
    Ok(versions)
}

/// The number behind the `v`: versions count up.
fn age(version: &PolicyVersion) -> u64 {
    let number = version.version_id().and_then(|id| id.strip_prefix('v')).and_then(|number| number.parse().ok());
    number.unwrap_or(u64::MAX)
}

async fn change_tags(cloud: &Cloud, actor: &Actor, arn: &str, changes: &TagChanges) -> Result<(), ProviderError> {
    if !changes.removed.is_empty() {
        untag(cloud, actor, arn, &changes.removed).await?;
    }
    if changes.set.is_empty() {
        return Ok(());
    }
    let tags = iam::role_tags(&changes.set, cloud)?;
    let answer = cloud.iam(actor).tag_policy().policy_arn(arn).set_tags(Some(tags)).send().await;
    answer.map(|_| ()).map_err(|error| failed("iam:TagPolicy", cloud.global(), error))
}

async fn untag(cloud: &Cloud, actor: &Actor, arn: &str, keys: &[String]) -> Result<(), ProviderError> {
    let answer = cloud.iam(actor).untag_policy().policy_arn(arn).set_tag_keys(Some(keys.to_vec())).send().await;
    answer.map(|_| ()).map_err(|error| failed("iam:UntagPolicy", cloud.global(), error))
}

fn observed(known: &Attributes, policy: &Policy, document: &str) -> Attributes {
    let tags: Texts = iam::tag_texts(policy.tags());
    described(known, policy)
        .observed("description", policy.description())
        .policy("policy", document)
        .observed_tags(&tags)
        .done()
}

fn described(known: &Attributes, policy: &Policy) -> Draft {
    Draft::of(known)
        .observed("arn", policy.arn())
        .with("attachment_count", policy.attachment_count().unwrap_or(0))
        .observed("id", policy.arn())
        .observed("name", policy.policy_name())
        .or("name_prefix", "")
        .with("path", policy.path().unwrap_or("/"))
        .observed("policy_id", policy.policy_id())
}

/// The ARN that a policy of that path and name has.
async fn future_arn(cloud: &Cloud, planned: &Attributes) -> Result<String, ProviderError> {
    let account = cloud.caller().await?.account;
    let (path, name) = (text(planned, "path").unwrap_or("/"), required(planned, "name", cloud.global())?);
    let arn = Arn::new(cloud.global().partition(), "iam", None, Some(&account), &format!("policy{path}{name}"));
    let arn = arn.map_err(|error| own_error("iam:GetPolicy", cloud.global(), "InvalidName", error.to_string()))?;
    Ok(arn.as_str().to_owned())
}

/// An import knows the policy by `id` alone.
fn arn_of<'a>(cloud: &Cloud, known: &'a Attributes) -> Result<&'a str, ProviderError> {
    text(known, "arn").map_or_else(|| required(known, "id", cloud.global()), Ok)
}

const COMPUTED: &[&str] = &["arn", "attachment_count", "id", "name", "name_prefix", "path", "policy_id"];

const NEEDED: &[Needed] = &[
    reading("iam:GetPolicy", On::Policy),
    reading("iam:GetPolicyVersion", On::Policy),
    making("iam:CreatePolicy", On::Policy),
    making("iam:TagPolicy", On::Policy),
    making("iam:UntagPolicy", On::Policy),
    deleting("iam:ListPolicyVersions", On::Policy),
    deleting("iam:DeletePolicyVersion", On::Policy),
    deleting("iam:DeletePolicy", On::Policy),
];

#[cfg(test)]
mod tests {
    use keywright_engine::Failure;
    use keywright_model::ResourceKind::IamPolicy as Kind;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Canned, create, delete, read, update};

    const ARN: &str = "arn:aws:iam::111122223333:policy/management";

    fn policy(tags: &Value) -> Value {
        json!({ "Policy": {
            "PolicyName": "management", "PolicyId": "ANPA", "Arn": ARN, "Path": "/", "DefaultVersionId": "v3",
            "AttachmentCount": 0, "Tags": tags,
        } })
    }

    fn planned() -> Value {
        json!({ "name": "management", "path": "/", "policy": "{\"a\":1}", "tags": {} })
    }

    fn versions() -> Value {
        let version = |id: &str| json!({ "VersionId": id, "IsDefaultVersion": id == "v12" });
        json!({ "Versions": [version("v12"), version("v11"), version("v10"), version("v9"), version("v8")] })
    }

    #[tokio::test]
    async fn what_was_created_reads_back_as_the_same() {
        let canned = Canned::new()
            .ok("iam:CreatePolicy", policy(&json!([])))
            .ok("iam:GetPolicy", policy(&json!([])))
            .ok("iam:GetPolicyVersion", json!({ "PolicyVersion": { "Document": "%7B%22a%22%3A%201%7D" } }));
        let created = create(&canned, Kind, planned()).await.expect("a policy");
        assert_eq!((&created["id"], &created["policy_id"]), (&json!(ARN), &json!("ANPA")));
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created));
        assert_eq!(canned.body("iam:GetPolicyVersion")["VersionId"], "v3");
    }

    #[tokio::test]
    async fn a_policy_of_that_name_is_ours_only_with_our_mark() {
        let clash = |tags: Value| {
            Canned::new()
                .error("iam:CreatePolicy", "EntityAlreadyExists", "there is one")
                .ok("iam:GetPolicy", policy(&tags))
                .ok("iam:GetPolicyVersion", json!({ "PolicyVersion": { "Document": "%7B%7D" } }))
        };
        let marked = clash(json!([{ "Key": CREATION_TAG, "Value": "token-1" }]));
        create(&marked, Kind, planned()).await.expect("ours");
        assert_eq!(marked.body("iam:GetPolicy")["PolicyArn"], ARN);
        let error = create(&clash(json!([])), Kind, planned()).await.expect_err("taken");
        assert!(matches!(error.failure, Failure::AlreadyExists { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_sixth_version_takes_the_place_of_the_oldest_that_is_not_the_default() {
        let canned = Canned::new()
            .error("iam:CreatePolicyVersion", "LimitExceeded", "five versions")
            .ok("iam:CreatePolicyVersion", json!({}))
            .ok("iam:ListPolicyVersions", versions())
            .ok("iam:DeletePolicyVersion", json!({}));
        let mut prior = planned();
        prior["arn"] = json!(ARN);
        let mut next = prior.clone();
        next["policy"] = json!("{\"a\":2}");
        update(&canned, Kind, prior, next).await;
        assert_eq!(canned.body("iam:DeletePolicyVersion")["VersionId"], "v8");
        assert_eq!(canned.count("iam:CreatePolicyVersion"), 2);
    }

    #[tokio::test]
    async fn all_other_versions_go_before_the_policy_does() {
        let prior = json!({ "id": ARN });
        let canned = Canned::new()
            .ok("iam:ListPolicyVersions", versions())
            .ok("iam:DeletePolicyVersion", json!({}))
            .ok("iam:DeletePolicy", json!({}));
        delete(&canned, Kind, prior.clone()).await.expect("deleted");
        assert_eq!(canned.count("iam:DeletePolicyVersion"), 4);
        assert_eq!(canned.operations().last().map(String::as_str), Some("iam:DeletePolicy"));
        let gone = Canned::new().error("iam:ListPolicyVersions", "NoSuchEntity", "no such policy");
        delete(&gone, Kind, prior).await.expect("gone");
    }
}
