use async_trait::async_trait;
use keywright_engine::{Actor, Attributes, Creation, Observed, ProviderError};
use keywright_model::ResourceKind;

use super::iam_policy::detached;
use super::{Kind, cannot_change, live};
use crate::attributes::{Draft, required, text};
use crate::cloud::Cloud;
use crate::error::{failed, fine_if_gone, is_not_found};
use crate::iam;
use crate::needed::{Needed, On, deleting, making, reading};

/// `aws_iam_role_policy_attachment`.
pub(super) struct IamRolePolicyAttachment;

#[async_trait]
impl Kind for IamRolePolicyAttachment {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let (role, policy) = names_of(cloud, known)?;
        let attached = iam::attachments(cloud, actor, role).await?;
        let is_attached = attached.is_some_and(|policies| policies.iter().any(|arn| arn == policy));
        Ok(is_attached.then(|| live(attributes(known, role, policy))))
    }

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let (role, policy) = names_of(cloud, creation.planned)?;
        let attach = || async {
            let answer = cloud.iam(actor).attach_role_policy().role_name(role).policy_arn(policy).send().await;
            answer.map_err(|error| failed("iam:AttachRolePolicy", cloud.global(), error))
        };
        let are_new = cloud.is_made_now(role) || cloud.is_made_now(policy);
        let result = cloud.patience.while_settling(|error| are_new && is_not_found(error), attach).await;
        cloud.facts.forget_role(role);
        result.map(|_| attributes(creation.planned, role, policy))
    }

    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let (role, _) = names_of(cloud, creation.planned)?;
        cloud.facts.forget_role(role);
        Ok(self.read(cloud, actor, creation.planned).await?.map(|found| found.attributes))
    }

    async fn update(
        &self,
        cloud: &Cloud,
        _actor: &Actor,
        prior: &Attributes,
        _planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        Err(cannot_change(cloud, ResourceKind::IamRolePolicyAttachment, prior))
    }

    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError> {
        let (role, policy) = names_of(cloud, prior)?;
        let answer = cloud.iam(actor).detach_role_policy().role_name(role).policy_arn(policy).send().await;
        cloud.facts.forget_role(role);
        cloud.remember_made(&detached(policy));
        fine_if_gone(answer.map_err(|error| failed("iam:DetachRolePolicy", cloud.global(), error)))
    }
}

/// The role and the policy. An import knows both by `id` alone: `ROLE/POLICY_ARN`.
fn names_of<'a>(cloud: &Cloud, known: &'a Attributes) -> Result<(&'a str, &'a str), ProviderError> {
    if let (Some(role), Some(policy)) = (text(known, "role"), text(known, "policy_arn")) {
        return Ok((role, policy));
    }
    let id = required(known, "id", cloud.global())?;
    Ok(id.split_once('/').unwrap_or((id, "")))
}

/// The ID of a state that Terraform has written stays: providers differ in it.
fn attributes(known: &Attributes, role: &str, policy: &str) -> Attributes {
    Draft::of(known).or("id", format!("{role}/{policy}")).with("policy_arn", policy).with("role", role).done()
}

const NEEDED: &[Needed] = &[
    reading("iam:ListAttachedRolePolicies", On::Role),
    making("iam:AttachRolePolicy", On::Attachment),
    deleting("iam:DetachRolePolicy", On::Attachment),
];

#[cfg(test)]
mod tests {
    use keywright_model::ResourceKind::IamRolePolicyAttachment as Kind;
    use serde_json::{Value, json};

    use crate::testing::{Canned, create, delete, read};

    const POLICY: &str = "arn:aws:iam::111122223333:policy/management";

    fn planned() -> Value {
        json!({ "role": "admin", "policy_arn": POLICY })
    }

    #[tokio::test]
    async fn what_was_attached_reads_back_as_the_same() {
        let attached = json!({ "AttachedPolicies": [{ "PolicyName": "management", "PolicyArn": POLICY }] });
        let canned = Canned::new().ok("iam:AttachRolePolicy", json!({})).ok("iam:ListAttachedRolePolicies", attached);
        let created = create(&canned, Kind, planned()).await.expect("attached");
        assert_eq!(created["id"], format!("admin/{POLICY}"));
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created.clone()));
        let imported = json!({ "id": format!("admin/{POLICY}") });
        assert_eq!(read(&canned, Kind, imported).await, Some(created));
    }

    #[tokio::test]
    async fn what_is_not_attached_is_gone() {
        let none = Canned::new().ok("iam:ListAttachedRolePolicies", json!({ "AttachedPolicies": [] }));
        assert_eq!(read(&none, Kind, planned()).await, None);
        let no_role = Canned::new().error("iam:ListAttachedRolePolicies", "NoSuchEntity", "no such role");
        assert_eq!(read(&no_role, Kind, planned()).await, None);
        let detached = Canned::new().error("iam:DetachRolePolicy", "NoSuchEntity", "not attached");
        delete(&detached, Kind, planned()).await.expect("gone");
    }
}
