//! Who has access to a key: its policy, its grants, and the IAM policies of principals. Only reads.

use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use keywright_engine::{Actor, Attributes, ProviderError};
use keywright_model::Arn;

use crate::AwsProvider;
use crate::cloud::Cloud;
use crate::error::{failed, unless_gone};
use crate::iam;
use crate::kind::{iam_policy, kms_grant};
use crate::kms::{self, Key};
use crate::look::{LookNeeded, LookOn, look};

/// What a key itself says about access.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyAccess {
    /// Its policy.
    pub policy: String,
    /// Its grants, as the attributes of an `aws_kms_grant`; `source_arn` beside them where a grant is bound to one.
    pub grants: Vec<Attributes>,
}

/// All IAM policies of a user or role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalPolicies {
    /// Its ARN, with its path.
    pub arn: Arn,
    /// Its own, attached ones, and those of its groups.
    pub policies: Vec<PolicyOf>,
    /// Its permissions boundary.
    pub boundary: Option<PolicyOf>,
}

/// A policy as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyOf {
    /// Its name; its ARN, if it is a managed one.
    pub name: String,
    /// Its text.
    pub document: String,
}

impl AwsProvider {
    /// The policy and the grants of the key of that ARN.
    ///
    /// # Errors
    /// When the key is not there, or the actor may not read it.
    pub async fn key_access(&self, actor: &Actor, key: &Arn) -> Result<KeyAccess, ProviderError> {
        let key = Key::of_arn(key)?;
        let policy =
            async { kms::policy(&self.cloud, actor, &key).await?.ok_or_else(|| key.not_found("kms:GetKeyPolicy")) };
        let (policy, grants) = tokio::try_join!(policy, kms_grant::all(&self.cloud, actor, &key))?;
        Ok(KeyAccess { policy, grants })
    }

    /// The IAM policies of a user or role of the caller's account. None when it is not there.
    ///
    /// # Errors
    /// When one of the reads is refused: then it is not known what the principal may do.
    pub async fn principal_policies(&self, principal: &Arn) -> Result<Option<PrincipalPolicies>, ProviderError> {
        match (principal.resource_of_kind("user"), principal.resource_of_kind("role")) {
            (Some(_), _) => unless_gone(Box::pin(User { cloud: &self.cloud, arn: principal }.policies()).await),
            (None, Some(_)) => unless_gone(Box::pin(Role { cloud: &self.cloud, arn: principal }.policies()).await),
            (None, None) => Ok(None),
        }
    }

    /// The ARNs of all users and roles of the caller's account.
    ///
    /// # Errors
    /// When they may not be listed.
    pub async fn principals(&self) -> Result<Vec<Arn>, ProviderError> {
        let (users, roles) = tokio::try_join!(users(&self.cloud), roles(&self.cloud))?;
        let mut all: Vec<Arn> = users.into_iter().chain(roles).filter_map(|it| Arn::parse(&it).ok()).collect();
        all.sort();
        Ok(all)
    }
}

struct User<'a> {
    cloud: &'a Cloud,
    arn: &'a Arn,
}

struct Role<'a> {
    cloud: &'a Cloud,
    arn: &'a Arn,
}

/// Sends a request and names its operation where that fails.
macro_rules! sent {
    ($cloud:expr, $operation:literal, $request:expr) => {
        $request.send().await.map_err(|error| failed($operation, $cloud.global(), error))
    };
}

/// All that a paged request gives.
macro_rules! paged {
    ($cloud:expr, $operation:literal, $request:expr) => {{
        let mut pages = $request.into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(item) = pages.next().await {
            all.push(item.map_err(|error| failed($operation, $cloud.global(), error))?);
        }
        all
    }};
}

impl User<'_> {
    async fn policies(&self) -> Result<PrincipalPolicies, ProviderError> {
        let (name, cloud) = (iam::role_name(self.arn), self.cloud);
        let user = sent!(cloud, "iam:GetUser", client(cloud).get_user().user_name(name))?.user;
        let boundary = user.as_ref().and_then(|it| it.permissions_boundary()?.permissions_boundary_arn());
        let (mut policies, attached, groups, boundary) =
            tokio::try_join!(self.inline(name), self.attached(name), self.groups(name), managed(cloud, boundary))?;
        policies.extend(attached);
        policies.extend(groups);
        let arn = user.and_then(|it| Arn::parse(it.arn()).ok()).unwrap_or_else(|| self.arn.clone());
        Ok(PrincipalPolicies { arn, policies, boundary })
    }

    async fn inline(&self, name: &str) -> Result<Vec<PolicyOf>, ProviderError> {
        let cloud = self.cloud;
        let names = paged!(cloud, "iam:ListUserPolicies", client(cloud).list_user_policies().user_name(name));
        let mut policies = Vec::new();
        for policy in names {
            let request = client(cloud).get_user_policy().user_name(name).policy_name(&policy);
            let found = sent!(cloud, "iam:GetUserPolicy", request)?;
            policies.push(PolicyOf { document: iam::document(Some(found.policy_document())), name: policy });
        }
        Ok(policies)
    }

    async fn attached(&self, name: &str) -> Result<Vec<PolicyOf>, ProviderError> {
        let cloud = self.cloud;
        let request = client(cloud).list_attached_user_policies().user_name(name);
        let attached = paged!(cloud, "iam:ListAttachedUserPolicies", request);
        managed_all(cloud, attached.into_iter().filter_map(|it| it.policy_arn)).await
    }

    async fn groups(&self, name: &str) -> Result<Vec<PolicyOf>, ProviderError> {
        let cloud = self.cloud;
        let groups = paged!(cloud, "iam:ListGroupsForUser", client(cloud).list_groups_for_user().user_name(name));
        let mut policies = Vec::new();
        for group in groups {
            let group = group.group_name();
            let read = async { group_policies(cloud, group).await.map(Arc::new) };
            policies.extend(cloud.facts.group_policies.once(group, read).await?.iter().cloned());
        }
        Ok(policies)
    }
}

impl Role<'_> {
    async fn policies(&self) -> Result<PrincipalPolicies, ProviderError> {
        let (name, cloud) = (iam::role_name(self.arn), self.cloud);
        let role = sent!(cloud, "iam:GetRole", client(cloud).get_role().role_name(name))?.role;
        let boundary = role.as_ref().and_then(|it| it.permissions_boundary()?.permissions_boundary_arn());
        let (mut policies, attached, boundary) =
            tokio::try_join!(self.inline(name), self.attached(name), managed(cloud, boundary))?;
        policies.extend(attached);
        let arn = role.and_then(|it| Arn::parse(it.arn()).ok()).unwrap_or_else(|| self.arn.clone());
        Ok(PrincipalPolicies { arn, policies, boundary })
    }

    async fn inline(&self, name: &str) -> Result<Vec<PolicyOf>, ProviderError> {
        let cloud = self.cloud;
        let names = paged!(cloud, "iam:ListRolePolicies", client(cloud).list_role_policies().role_name(name));
        let mut policies = Vec::new();
        for policy in names {
            let request = client(cloud).get_role_policy().role_name(name).policy_name(&policy);
            let found = sent!(cloud, "iam:GetRolePolicy", request)?;
            policies.push(PolicyOf { document: iam::document(Some(found.policy_document())), name: policy });
        }
        Ok(policies)
    }

    async fn attached(&self, name: &str) -> Result<Vec<PolicyOf>, ProviderError> {
        let attached = iam::attachments(self.cloud, &Actor::Caller, name).await?;
        managed_all(self.cloud, attached.iter().flat_map(|it| it.iter().cloned())).await
    }
}

async fn group_policies(cloud: &Cloud, group: &str) -> Result<Vec<PolicyOf>, ProviderError> {
    let request = client(cloud).list_attached_group_policies().group_name(group);
    let attached = paged!(cloud, "iam:ListAttachedGroupPolicies", request);
    let mut policies = managed_all(cloud, attached.into_iter().filter_map(|it| it.policy_arn)).await?;
    for policy in paged!(cloud, "iam:ListGroupPolicies", client(cloud).list_group_policies().group_name(group)) {
        let request = client(cloud).get_group_policy().group_name(group).policy_name(&policy);
        let found = sent!(cloud, "iam:GetGroupPolicy", request)?;
        let name = format!("{group}/{policy}");
        policies.push(PolicyOf { document: iam::document(Some(found.policy_document())), name });
    }
    Ok(policies)
}

async fn managed_all(cloud: &Cloud, arns: impl Iterator<Item = String>) -> Result<Vec<PolicyOf>, ProviderError> {
    let reads = arns.map(|arn| async move { managed(cloud, Some(&arn)).await });
    let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// What a managed policy says in its default version.
async fn managed(cloud: &Cloud, arn: Option<&str>) -> Result<Option<PolicyOf>, ProviderError> {
    let Some(arn) = arn else { return Ok(None) };
    let read = iam_policy::default_document(cloud, &Actor::Caller, arn);
    let document = cloud.facts.policy_documents.once(arn, read).await?;
    Ok(document.map(|document| PolicyOf { name: arn.to_owned(), document }))
}

async fn users(cloud: &Cloud) -> Result<Vec<String>, ProviderError> {
    Ok(paged!(cloud, "iam:ListUsers", client(cloud).list_users()).into_iter().map(|it| it.arn).collect())
}

async fn roles(cloud: &Cloud) -> Result<Vec<String>, ProviderError> {
    Ok(paged!(cloud, "iam:ListRoles", client(cloud).list_roles()).into_iter().map(|it| it.arn).collect())
}

/// IAM is asked as the caller: the roles that administer keys need no say in IAM.
fn client(cloud: &Cloud) -> aws_sdk_iam::Client {
    cloud.iam(&Actor::Caller)
}

/// How many reads of one principal are in flight.
const AT_ONCE: usize = 4;

/// Of [`AwsProvider::key_access`].
pub(crate) const NEEDED: &[LookNeeded] = &[look("kms:GetKeyPolicy", LookOn::Key), look("kms:ListGrants", LookOn::Key)];

#[cfg(test)]
mod tests {
    use keywright_engine::Failure;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{ACCOUNT, Canned};

    fn arn(resource: &str) -> Arn {
        Arn::parse(&format!("arn:aws:iam::{ACCOUNT}:{resource}")).expect("an ARN")
    }

    fn user(boundary: Value) -> Value {
        json!({ "User": {
            "Path": "/", "UserName": "me", "UserId": "AIDA", "Arn": arn("user/team/me").as_str(),
            "CreateDate": "2020-01-01T00:00:00Z", "PermissionsBoundary": boundary,
        } })
    }

    fn cloud_of_a_user() -> Canned {
        let managed = "arn:aws:iam::aws:policy/Managed";
        Canned::new()
            .ok("iam:GetUser", user(json!({ "PermissionsBoundaryArn": managed, "PermissionsBoundaryType": "Policy" })))
            .ok("iam:ListUserPolicies", json!({ "PolicyNames": ["own"], "IsTruncated": false }))
            .ok(
                "iam:GetUserPolicy",
                json!({ "UserName": "me", "PolicyName": "own", "PolicyDocument": "%7B%22own%22%3A1%7D" }),
            )
            .ok(
                "iam:ListAttachedUserPolicies",
                json!({ "AttachedPolicies": [{ "PolicyArn": managed }], "IsTruncated": false }),
            )
            .ok(
                "iam:ListGroupsForUser",
                json!({ "Groups": [{
                "Path": "/", "GroupName": "team", "GroupId": "AGPA", "Arn": arn("group/team").as_str(),
                "CreateDate": "2020-01-01T00:00:00Z",
            }], "IsTruncated": false }),
            )
            .ok("iam:ListGroupPolicies", json!({ "PolicyNames": ["shared"], "IsTruncated": false }))
            .ok(
                "iam:GetGroupPolicy",
                json!({ "GroupName": "team", "PolicyName": "shared", "PolicyDocument": "%7B%7D" }),
            )
            .ok("iam:ListAttachedGroupPolicies", json!({ "AttachedPolicies": [], "IsTruncated": false }))
            .ok("iam:GetPolicy", json!({ "Policy": { "Arn": managed, "DefaultVersionId": "v3" } }))
            .ok(
                "iam:GetPolicyVersion",
                json!({ "PolicyVersion": { "VersionId": "v3", "Document": "%7B%22managed%22%3A1%7D" } }),
            )
    }

    #[tokio::test]
    async fn a_user_has_its_own_policies_its_groups_and_a_boundary_each_read_once() {
        let canned = cloud_of_a_user();
        let found =
            canned.provider().await.principal_policies(&arn("user/me")).await.expect("an answer").expect("a user");
        assert_eq!(found.arn, arn("user/team/me"), "IAM tells the path");
        let names: Vec<&str> = found.policies.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["own", "arn:aws:iam::aws:policy/Managed", "team/shared"]);
        assert_eq!(found.policies[0].document, "{\"own\":1}");
        assert_eq!(found.boundary.expect("a boundary").document, "{\"managed\":1}");
        assert_eq!(canned.body("iam:GetPolicyVersion")["VersionId"], "v3");
    }

    #[tokio::test]
    async fn a_read_that_is_denied_leaves_the_principal_unknown_and_one_that_is_gone_is_none() {
        let denied = cloud_of_a_user();
        let denied = Canned::new().error("iam:ListGroupsForUser", "AccessDenied", "no").merged(denied);
        let error = denied.provider().await.principal_policies(&arn("user/me")).await.expect_err("denied");
        assert!(matches!(error.failure, Failure::AccessDenied { .. }), "{error:?}");
        let gone = Canned::new().error("iam:GetUser", "NoSuchEntity", "gone");
        assert_eq!(gone.provider().await.principal_policies(&arn("user/me")).await.expect("an answer"), None);
    }
}
