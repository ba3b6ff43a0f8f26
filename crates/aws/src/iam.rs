//! What the kinds of IAM share: the facts of a role, tags, and documents.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_iam::types::{Role, Tag};
use keywright_engine::{Actor, Failure, ProviderError};
use keywright_model::Arn;
use percent_encoding::percent_decode_str;

use crate::attributes::Texts;
use crate::cloud::Cloud;
use crate::error::{failed, has_code, own_error, unless_gone};

/// What is read of a role.
#[derive(Debug)]
pub(crate) struct RoleFacts {
    pub(crate) role: Role,
    /// Who may assume it, as JSON.
    pub(crate) trust_policy: String,
    pub(crate) tags: Texts,
}

/// The role of that name.
pub(crate) async fn role(cloud: &Cloud, actor: &Actor, name: &str) -> Result<Option<Arc<RoleFacts>>, ProviderError> {
    let read = async {
        let answer = cloud.iam(actor).get_role().role_name(name).send().await;
        let answer = unless_gone(answer.map_err(|error| failed("iam:GetRole", cloud.global(), error)))?;
        Ok(answer.and_then(|answer| answer.role).map(|role| Arc::new(role_facts(role))))
    };
    cloud.facts.roles.once(name, read).await
}

/// The ARNs of the managed policies of a role; none where there is no such role.
pub(crate) async fn attachments(
    cloud: &Cloud,
    actor: &Actor,
    role: &str,
) -> Result<Option<Arc<Vec<String>>>, ProviderError> {
    let read = async { Ok(unless_gone(read_attachments(cloud, actor, role).await)?.map(Arc::new)) };
    cloud.facts.attachments.once(role, read).await
}

pub(crate) async fn role_exists(cloud: &Cloud, arn: &Arn) -> Result<bool, ProviderError> {
    let found = role(cloud, &Actor::Caller, role_name(arn)).await?;
    Ok(found.is_some_and(|facts| facts.role.arn() == arn.as_str()))
}

/// Whether IAM may not have told all of AWS about the role yet.
pub(crate) async fn is_new_role(cloud: &Cloud, arn: &Arn) -> bool {
    if cloud.is_made_now(role_name(arn)) {
        return true;
    }
    let found = role(cloud, &Actor::Caller, role_name(arn)).await;
    let created = found.ok().flatten().and_then(|facts| SystemTime::try_from(*facts.role.create_date()).ok());
    created.is_some_and(|created| SystemTime::now().duration_since(created).is_ok_and(|age| age < SETTLED_AFTER))
}

/// Makes the service-linked role of a service. IAM says `InvalidInput` where there is one.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceLinkedRole.html>.
pub(crate) async fn create_service_linked_role(cloud: &Cloud, service: &str) -> Result<(), ProviderError> {
    let answer = cloud.iam(&Actor::Caller).create_service_linked_role().aws_service_name(service).send().await;
    cloud.facts.roles.clear();
    match answer.map_err(|error| failed("iam:CreateServiceLinkedRole", cloud.global(), error)) {
        Err(error) if !is_taken(&error) => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn role_tags(tags: &Texts, cloud: &Cloud) -> Result<Vec<Tag>, ProviderError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<Tag>, _> = tags.iter().map(tag).collect();
    tags.map_err(|error| own_error("iam:TagRole", cloud.global(), "InvalidTag", error.to_string()))
}

pub(crate) fn tag_texts(tags: &[Tag]) -> Texts {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// A policy document as IAM gives it: URL-encoded JSON.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html>.
pub(crate) fn document(encoded: Option<&str>) -> String {
    percent_decode_str(encoded.unwrap_or_default()).decode_utf8_lossy().into_owned()
}

/// The name at the end of a role's ARN, behind its path.
pub(crate) fn role_name(arn: &Arn) -> &str {
    arn.resource().rsplit('/').next().unwrap_or_default()
}

async fn read_attachments(cloud: &Cloud, actor: &Actor, role: &str) -> Result<Vec<String>, ProviderError> {
    let request = cloud.iam(actor).list_attached_role_policies().role_name(role);
    let mut pages = request.into_paginator().items().send();
    let mut policies = Vec::new();
    while let Some(policy) = pages.next().await {
        let policy = policy.map_err(|error| failed("iam:ListAttachedRolePolicies", cloud.global(), error))?;
        policies.extend(policy.policy_arn);
    }
    Ok(policies)
}

fn role_facts(role: Role) -> RoleFacts {
    let trust_policy = document(role.assume_role_policy_document());
    let tags = tag_texts(role.tags());
    RoleFacts { role, trust_policy, tags }
}

fn is_taken(error: &ProviderError) -> bool {
    let says_taken = matches!(&error.failure, Failure::Other { message, .. } if message.contains("has been taken"));
    says_taken && has_code(error, "InvalidInput")
}

/// IAM is eventually consistent, "usually" within seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(60);
