use async_trait::async_trait;
use aws_sdk_iam::types::Role;
use keywright_engine::{Actor, Attributes, CREATION_TAG, Creation, Observed, ProviderError};
use serde_json::json;

use super::{Kind, live};
use crate::attributes::{Draft, any_differs, differs, flag, policy_differs, required, text, text_map, whole};
use crate::cloud::Cloud;
use crate::error::{
    already_exists, failed, fine_if_gone, has_code, is_already_exists, is_not_found, is_unseen_principal, own_error,
};
use crate::iam::{self, RoleFacts};
use crate::needed::{Needed, On, deleting, making, reading};
use crate::tags::{self, TagChanges};

/// `aws_iam_role`. Inline policies are not read: none of ours has one.
pub(super) struct IamRole;

#[async_trait]
impl Kind for IamRole {
    fn needed(&self) -> &'static [Needed] {
        NEEDED
    }

    async fn read(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<Option<Observed>, ProviderError> {
        let name = name_of(cloud, known)?;
        let (facts, policies) = tokio::try_join!(iam::role(cloud, actor, name), iam::attachments(cloud, actor, name))?;
        let (Some(facts), Some(policies)) = (facts, policies) else {
            return Ok(None);
        };
        Ok(Some(live(observed(known, &facts, &policies))))
    }

    async fn create(&self, cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let name = name_of(cloud, creation.planned)?;
        let role = match send_create(cloud, actor, creation).await {
            Ok(role) => role,
            Err(error) if is_already_exists(&error) => {
                let found = self.find_created(cloud, actor, creation).await?;
                let message = format!("there is a role `{name}` that this run has not made");
                return found.ok_or_else(|| already_exists("iam:CreateRole", cloud.global(), message));
            }
            Err(error) => return Err(error),
        };
        cloud.remember_made(name);
        let trust_policy = text(creation.planned, "assume_role_policy").unwrap_or_default();
        let draft = described(creation.planned, &role).policy("assume_role_policy", trust_policy);
        Ok(draft.with("managed_policy_arns", json!([])).observed_tags(&text_map(creation.planned, "tags")).done())
    }

    async fn find_created(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        creation: &Creation<'_>,
    ) -> Result<Option<Attributes>, ProviderError> {
        let name = name_of(cloud, creation.planned)?;
        cloud.facts.forget_role(name);
        let facts = iam::role(cloud, actor, name).await?;
        let Some(facts) = facts.filter(|facts| tags::are_marked(&facts.tags, creation.token)) else {
            return Ok(None);
        };
        cloud.remember_made(name);
        let policies = iam::attachments(cloud, actor, name).await?.unwrap_or_default();
        Ok(Some(observed(creation.planned, &facts, &policies)))
    }

    async fn settle(&self, cloud: &Cloud, actor: &Actor, known: &Attributes) -> Result<(), ProviderError> {
        fine_if_gone(untag(cloud, actor, name_of(cloud, known)?, &[CREATION_TAG.to_owned()]).await)
    }

    async fn update(
        &self,
        cloud: &Cloud,
        actor: &Actor,
        prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        let name = name_of(cloud, prior)?;
        if policy_differs(prior, planned, "assume_role_policy") {
            put_trust_policy(cloud, actor, name, planned).await?;
        }
        if any_differs(prior, planned, &["description", "max_session_duration"]) {
            update_role(cloud, actor, name, planned).await?;
        }
        if differs(prior, planned, "permissions_boundary") {
            put_boundary(cloud, actor, name, text(planned, "permissions_boundary")).await?;
        }
        change_tags(cloud, actor, name, &tags::changes(prior, planned)).await?;
        let trust_policy = text(planned, "assume_role_policy").unwrap_or_default().to_owned();
        let draft = Draft::updated(prior, planned, COMPUTED).policy("assume_role_policy", &trust_policy);
        Ok(draft.observed_tags(&text_map(planned, "tags")).done())
    }

    async fn delete(&self, cloud: &Cloud, actor: &Actor, prior: &Attributes) -> Result<(), ProviderError> {
        let name = name_of(cloud, prior)?;
        if flag(prior, "force_detach_policies") == Some(true) {
            detach_all(cloud, actor, name).await?;
        }
        let delete = || async { delete_role(cloud, actor, name).await };
        fine_if_gone(cloud.patience.while_settling(|error| has_code(error, NOT_SETTLED), delete).await)
    }
}

async fn send_create(cloud: &Cloud, actor: &Actor, creation: &Creation<'_>) -> Result<Role, ProviderError> {
    let planned = creation.planned;
    let request = cloud
        .iam(actor)
        .create_role()
        .role_name(name_of(cloud, planned)?)
        .assume_role_policy_document(required(planned, "assume_role_policy", cloud.global())?)
        .set_path(text(planned, "path").map(str::to_owned))
        .set_description(text(planned, "description").map(str::to_owned))
        .set_max_session_duration(whole(planned, "max_session_duration"))
        .set_permissions_boundary(text(planned, "permissions_boundary").map(str::to_owned))
        .set_tags(Some(iam::role_tags(&tags::at_creation(creation), cloud)?));
    let create = || async {
        let answer = request.clone().send().await;
        answer.map_err(|error| failed("iam:CreateRole", cloud.global(), error))
    };
    let result = cloud.patience.while_settling(is_unseen_principal, create).await;
    cloud.facts.forget_role(name_of(cloud, planned)?);
    let missing = || own_error("iam:CreateRole", cloud.global(), "IncompleteAnswer", "the role is missing");
    result?.role.ok_or_else(missing)
}

async fn put_trust_policy(cloud: &Cloud, actor: &Actor, name: &str, planned: &Attributes) -> Result<(), ProviderError> {
    let policy = required(planned, "assume_role_policy", cloud.global())?;
    let put = || async {
        let request = cloud.iam(actor).update_assume_role_policy().role_name(name).policy_document(policy);
        let answer = request.send().await;
        answer.map(|_| ()).map_err(|error| failed("iam:UpdateAssumeRolePolicy", cloud.global(), error))
    };
    let result = cloud.patience.while_settling(is_unseen_principal, put).await;
    cloud.remember_made(name);
    cloud.facts.forget_role(name);
    result
}

/// UpdateRole takes what is missing for its default, so it is given both.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html>.
async fn update_role(cloud: &Cloud, actor: &Actor, name: &str, planned: &Attributes) -> Result<(), ProviderError> {
    let request = cloud
        .iam(actor)
        .update_role()
        .role_name(name)
        .description(text(planned, "description").unwrap_or_default())
        .set_max_session_duration(whole(planned, "max_session_duration"));
    let answer = request.send().await;
    cloud.facts.forget_role(name);
    answer.map(|_| ()).map_err(|error| failed("iam:UpdateRole", cloud.global(), error))
}

async fn put_boundary(cloud: &Cloud, actor: &Actor, name: &str, boundary: Option<&str>) -> Result<(), ProviderError> {
    let client = cloud.iam(actor);
    cloud.facts.forget_role(name);
    let Some(boundary) = boundary else {
        let answer = client.delete_role_permissions_boundary().role_name(name).send().await;
        let result = answer.map_err(|error| failed("iam:DeleteRolePermissionsBoundary", cloud.global(), error));
        return fine_if_gone(result);
    };
    let answer = client.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary).send().await;
    answer.map(|_| ()).map_err(|error| failed("iam:PutRolePermissionsBoundary", cloud.global(), error))
}

async fn change_tags(cloud: &Cloud, actor: &Actor, name: &str, changes: &TagChanges) -> Result<(), ProviderError> {
    if !changes.removed.is_empty() {
        untag(cloud, actor, name, &changes.removed).await?;
    }
    if changes.set.is_empty() {
        return Ok(());
    }
    let tags = iam::role_tags(&changes.set, cloud)?;
    let answer = cloud.iam(actor).tag_role().role_name(name).set_tags(Some(tags)).send().await;
    cloud.facts.forget_role(name);
    answer.map(|_| ()).map_err(|error| failed("iam:TagRole", cloud.global(), error))
}

async fn untag(cloud: &Cloud, actor: &Actor, name: &str, keys: &[String]) -> Result<(), ProviderError> {
    let answer = cloud.iam(actor).untag_role().role_name(name).set_tag_keys(Some(keys.to_vec())).send().await;
    cloud.facts.forget_role(name);
    answer.map(|_| ()).map_err(|error| failed("iam:UntagRole", cloud.global(), error))
}

/// DeleteRole. IAM refuses as long as something is attached, and for a moment after it was detached:
/// only in the second case it is worth to try again.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>.
async fn delete_role(cloud: &Cloud, actor: &Actor, name: &str) -> Result<(), ProviderError> {
    let answer = cloud.iam(actor).delete_role().role_name(name).send().await;
    cloud.facts.forget_role(name);
    let result = answer.map(|_| ()).map_err(|error| failed("iam:DeleteRole", cloud.global(), error));
    let Err(error) = result else {
        return Ok(());
    };
    if !has_code(&error, "DeleteConflict") {
        return Err(error);
    }
    match iam::attachments(cloud, actor, name).await? {
        Some(policies) if policies.is_empty() => {
            cloud.facts.forget_role(name);
            Err(own_error("iam:DeleteRole", cloud.global(), NOT_SETTLED, error.to_string()))
        }
        _ => Err(error),
    }
}

async fn detach_all(cloud: &Cloud, actor: &Actor, name: &str) -> Result<(), ProviderError> {
    cloud.facts.forget_role(name);
    for policy in iam::attachments(cloud, actor, name).await?.iter().flat_map(|policies| policies.iter()) {
        let answer = cloud.iam(actor).detach_role_policy().role_name(name).policy_arn(policy).send().await;
        let result = answer.map_err(|error| failed("iam:DetachRolePolicy", cloud.global(), error));
        match result {
            Err(error) if !is_not_found(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn observed(known: &Attributes, facts: &RoleFacts, policies: &[String]) -> Attributes {
    described(known, &facts.role)
        .policy("assume_role_policy", &facts.trust_policy)
        .observed_set("managed_policy_arns", policies)
        .observed_tags(&facts.tags)
        .done()
}

fn described(known: &Attributes, role: &Role) -> Draft {
    let created = role.create_date().fmt(aws_smithy_types::date_time::Format::DateTime).ok();
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    let draft = Draft::of(known)
        .with("arn", role.arn())
        .observed("create_date", created.as_deref())
        .or("force_detach_policies", false)
        .with("id", role.role_name())
        .or("inline_policy", json!([]))
        .with("name", role.role_name())
        .or("name_prefix", "")
        .with("path", role.path())
        .with("unique_id", role.role_id());
    // CreateRole answers without these.
    let draft = match role.description() {
        Some(description) => draft.observed("description", Some(description)),
        None => draft.observed("description", text(known, "description").filter(|_| is_new(known))),
    };
    draft.with("max_session_duration", session_seconds(known, role)).observed(
        "permissions_boundary",
        boundary.or_else(|| text(known, "permissions_boundary").filter(|_| is_new(known))),
    )
}

/// Whether these are planned attributes: only AWS gives the ID.
fn is_new(known: &Attributes) -> bool {
    text(known, "unique_id").is_none()
}

fn session_seconds(known: &Attributes, role: &Role) -> i32 {
    let planned = || whole(known, "max_session_duration").filter(|_| is_new(known));
    role.max_session_duration().or_else(planned).unwrap_or(DEFAULT_SESSION_SECONDS)
}

/// An import knows the role by `id` alone.
fn name_of<'a>(cloud: &Cloud, known: &'a Attributes) -> Result<&'a str, ProviderError> {
    text(known, "name").map_or_else(|| required(known, "id", cloud.global()), Ok)
}

const COMPUTED: &[&str] =
    &["arn", "create_date", "id", "inline_policy", "managed_policy_arns", "name", "name_prefix", "path", "unique_id"];

/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>.
const DEFAULT_SESSION_SECONDS: i32 = 3600;

/// Our own code for a DeleteConflict that will pass.
const NOT_SETTLED: &str = "DeleteConflictNotSettled";

const NEEDED: &[Needed] = &[
    reading("iam:GetRole", On::Role),
    reading("iam:ListAttachedRolePolicies", On::Role),
    making("iam:CreateRole", On::Role),
    making("iam:TagRole", On::Role),
    making("iam:UntagRole", On::Role),
    deleting("iam:DeleteRole", On::Role),
];

#[cfg(test)]
mod tests {
    use keywright_engine::Failure;
    use keywright_model::ResourceKind::IamRole as Kind;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Canned, create, delete, read, update};

    const TRUST: &str = "{\"Statement\":[],\"Version\":\"2012-10-17\"}";

    fn role(tags: &Value) -> Value {
        json!({ "Role": {
            "Path": "/", "RoleName": "admin", "RoleId": "AROAADMIN", "CreateDate": "2026-11-24T12:00:00Z",
            "Arn": "arn:aws:iam::111122223333:role/admin", "MaxSessionDuration": 3600,
            "AssumeRolePolicyDocument": "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D",
            "Tags": tags,
        } })
    }

    fn planned() -> Value {
        json!({ "name": "admin", "assume_role_policy": TRUST, "path": "/", "max_session_duration": 3600, "tags": { "a": "b" } })
    }

    fn mark(token: &str) -> Value {
        json!([{ "Key": "a", "Value": "b" }, { "Key": CREATION_TAG, "Value": token }])
    }

    fn attached(policies: &Value) -> Value {
        json!({ "AttachedPolicies": policies, "IsTruncated": false })
    }

    #[tokio::test]
    async fn what_was_created_reads_back_as_the_same() {
        let canned = Canned::new()
            .ok("iam:CreateRole", role(&json!([])))
            .ok("iam:GetRole", role(&mark("token-1")))
            .ok("iam:ListAttachedRolePolicies", attached(&json!([])));
        let created = create(&canned, Kind, planned()).await.expect("a role");
        let expect = json!({
            "arn": "arn:aws:iam::111122223333:role/admin", "assume_role_policy": TRUST,
            "create_date": "2026-11-24T12:00:00Z", "description": null, "force_detach_policies": false, "id": "admin",
            "inline_policy": [], "managed_policy_arns": [], "max_session_duration": 3600, "name": "admin",
            "name_prefix": "", "path": "/", "permissions_boundary": null, "tags": { "a": "b" },
            "tags_all": { "a": "b" }, "unique_id": "AROAADMIN",
        });
        assert_eq!(created, expect);
        assert_eq!(read(&canned, Kind, created.clone()).await, Some(created));
        assert_eq!(canned.sent()[0].region, "us-east-1", "IAM is asked in the partition's own Region");
        let sent = canned.body("iam:CreateRole");
        assert_eq!(sent["Tags.member.2.Key"], CREATION_TAG);
    }

    #[tokio::test]
    async fn a_role_of_that_name_is_ours_only_with_our_mark() {
        let clash = || {
            let canned = Canned::new().error("iam:CreateRole", "EntityAlreadyExists", "there is one");
            canned.ok("iam:ListAttachedRolePolicies", attached(&json!([])))
        };
        create(&clash().ok("iam:GetRole", role(&mark("token-1"))), Kind, planned()).await.expect("ours");
        for other in [mark("another"), json!([])] {
            let canned = clash().ok("iam:GetRole", role(&other));
            let error = create(&canned, Kind, planned()).await.expect_err("taken");
            assert!(matches!(error.failure, Failure::AlreadyExists { .. }), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_trusted_principal_that_iam_does_not_see_yet_is_waited_for() {
        let canned = Canned::new()
            .error("iam:CreateRole", "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"arn:x\"")
            .ok("iam:CreateRole", role(&json!([])));
        create(&canned, Kind, planned()).await.expect("a role");
        assert_eq!(canned.count("iam:CreateRole"), 2);
        let malformed =
            Canned::new().error("iam:CreateRole", "MalformedPolicyDocument", "This policy contains invalid Json");
        create(&malformed, Kind, planned()).await.expect_err("malformed");
        assert_eq!(malformed.count("iam:CreateRole"), 1);
    }

    #[tokio::test]
    async fn only_what_differs_is_called_for() {
        let cases: &[(&str, Value, &[&str])] = &[
            ("assume_role_policy", json!("{ \"Version\":\"2012-10-17\", \"Statement\":[] }"), &[]),
            ("assume_role_policy", json!("{}"), &["iam:UpdateAssumeRolePolicy"]),
            ("description", json!("x"), &["iam:UpdateRole"]),
            ("max_session_duration", json!(7200), &["iam:UpdateRole"]),
            ("permissions_boundary", json!("arn:aws:iam::aws:policy/B"), &["iam:PutRolePermissionsBoundary"]),
            ("tags", json!({ "c": "d" }), &["iam:UntagRole", "iam:TagRole"]),
        ];
        let everything = ["UpdateAssumeRolePolicy", "UpdateRole", "PutRolePermissionsBoundary", "UntagRole", "TagRole"];
        for (name, value, expect) in cases {
            let canned =
                everything.iter().fold(Canned::new(), |canned, name| canned.ok(&format!("iam:{name}"), json!({})));
            let mut prior = planned();
            prior["tags_all"] = json!({ "a": "b" });
            let mut next = prior.clone();
            next[*name] = value.clone();
            update(&canned, Kind, prior, next).await;
            assert_eq!(canned.operations(), *expect, "{name}: {value}");
        }
    }

    #[tokio::test]
    async fn what_is_attached_by_others_keeps_the_role_and_is_not_waited_for() {
        let conflict = || Canned::new().error("iam:DeleteRole", "DeleteConflict", "must detach all policies first");
        let theirs = json!([{ "PolicyName": "p", "PolicyArn": "arn:aws:iam::aws:policy/P" }]);
        let canned = conflict().ok("iam:ListAttachedRolePolicies", attached(&theirs));
        delete(&canned, Kind, planned()).await.expect_err("attached");
        assert_eq!(canned.count("iam:DeleteRole"), 1);

        let settling =
            conflict().ok("iam:DeleteRole", json!({})).ok("iam:ListAttachedRolePolicies", attached(&json!([])));
        delete(&settling, Kind, planned()).await.expect("detached a moment ago");
        let gone = Canned::new().error("iam:DeleteRole", "NoSuchEntity", "no such role");
        delete(&gone, Kind, planned()).await.expect("gone");
    }
}
