//! Service-linked roles.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html>.

use keywright_model::Tags;
use keywright_policy::PolicyKind;
use serde::{Deserialize, Serialize};

use super::error::{invalid_input, malformed_policy, no_such_entity};
use super::holder::{find, holder_check, iam_arn, key_of, required};
use super::roles::OneShape;
use super::rules::{LONGEST_NAME, check_description, check_name};
use super::shape::RoleShape;
use super::state::{Permissions, Role, State};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::policy::StoredPolicy;
use crate::service::Service;
use crate::world::World;

pub(super) struct CreateServiceLinkedRole;
pub(super) struct DeleteServiceLinkedRole;
pub(super) struct GetServiceLinkedRoleDeletionStatus;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateInput {
    #[serde(rename = "AWSServiceName")]
    service_name: String,
    description: Option<String>,
    custom_suffix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteInput {
    role_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StatusInput {
    deletion_task_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteShape {
    deletion_task_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StatusShape {
    status: &'static str,
}

impl Operation for CreateServiceLinkedRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateServiceLinkedRole";
    const READ_ONLY: bool = false;
    type Input = CreateInput;
    type Output = OneShape;

    fn authorize(input: &CreateInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        check_service_name(&input.service_name)?;
        let name = role_name(&input.service_name, input.custom_suffix.as_deref())?;
        let arn = iam_arn(call, &format!("role{}{name}", path(&input.service_name)))?;
        let check = Check::new(call, "iam:CreateServiceLinkedRole", arn);
        Ok(vec![check.with("iam:AWSServiceName", input.service_name.as_str())])
    }

    fn call(input: CreateInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<OneShape, AwsError> {
        let name = role_name(&input.service_name, input.custom_suffix.as_deref())?;
        let key = key_of(call, &name);
        if world.iam.roles.contains(&key) {
            return Err(invalid_input(format!(
                "Service role name {name} has been taken in this account, please try a different suffix."
            )));
        }
        check_description(input.description.as_ref())?;
        let role = new_role(&input, name, call, &world.iam)?;
        let shape = RoleShape::full(&role, &world.iam);
        world.iam.roles.insert(key, role);
        Ok(OneShape { role: shape })
    }
}

impl Operation for DeleteServiceLinkedRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteServiceLinkedRole";
    const READ_ONLY: bool = false;
    type Input = DeleteInput;
    type Output = DeleteShape;

    fn authorize(input: &DeleteInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let name = required::<Role>(Some(&input.role_name))?;
        Ok(vec![holder_check::<Role>(Self::NAME, name, call, world)?])
    }

    /// No service here holds on to its role, so that the deletion is done at once; the task only tells so.
    fn call(
        input: DeleteInput,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<DeleteShape, AwsError> {
        let role = find::<Role>(&world.iam, call, &input.role_name)?;
        let Some(service) = &role.linked_service else {
            return Err(invalid_input(format!("{} is not a service-linked role.", role.name)));
        };
        let task = format!("task/aws-service-role/{service}/{}/{}", role.name, call.ids.uuid());
        world.iam.roles.remove(&key_of(call, &input.role_name));
        world.iam.deletion_tasks.insert(format!("{}/{task}", call.global_scope()), call.now);
        Ok(DeleteShape { deletion_task_id: task })
    }
}

impl Operation for GetServiceLinkedRoleDeletionStatus {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetServiceLinkedRoleDeletionStatus";
    const READ_ONLY: bool = true;
    type Input = StatusInput;
    type Output = StatusShape;

    fn authorize(input: &StatusInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        let role = input.deletion_task_id.strip_prefix("task/").and_then(|rest| rest.rsplit_once('/'));
        let role = role.map_or("", |(role, _)| role);
        let arn = iam_arn(call, &format!("role/{role}")).map_err(|_| no_task(&input.deletion_task_id))?;
        Ok(vec![Check::new(call, "iam:GetServiceLinkedRoleDeletionStatus", arn)])
    }

    fn call(
        input: StatusInput,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<StatusShape, AwsError> {
        match world.iam.deletion_tasks.contains(&format!("{}/{}", call.global_scope(), input.deletion_task_id)) {
            true => Ok(StatusShape { status: "SUCCEEDED" }),
            false => Err(no_task(&input.deletion_task_id)),
        }
    }
}

fn new_role(input: &CreateInput, name: String, call: &CallContext, state: &State) -> Result<Role, AwsError> {
    let path = path(&input.service_name);
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": input.service_name },
            "Action": "sts:AssumeRole",
        }],
    });
    let trust = StoredPolicy::new(&trust.to_string(), PolicyKind::Trust, state)
        .map_err(|refusal| malformed_policy(&refusal))?;
    Ok(Role {
        arn: iam_arn(call, &format!("role{path}{name}"))?,
        name,
        path,
        id: call.ids.unique_id("AROA"),
        created: call.now,
        description: input.description.clone().filter(|description| !description.is_empty()),
        max_session_seconds: 3600,
        trust,
        tags: Tags::new(),
        permissions: Permissions::default(),
        linked_service: Some(input.service_name.clone()),
    })
}

fn path(service_name: &str) -> String {
    format!("/aws-service-role/{service_name}/")
}

fn check_service_name(service_name: &str) -> Result<(), AwsError> {
    check_name("aWSServiceName", service_name, 128)?;
    let label = service_name.strip_suffix(".amazonaws.com.cn").or_else(|| service_name.strip_suffix(".amazonaws.com"));
    match label.is_some_and(|label| !label.is_empty() && !label.starts_with('.')) {
        true => Ok(()),
        false => Err(invalid_input(format!("{service_name} is not the name of a service."))),
    }
}

/// The role's name: one that AWS documents, or the service's name after `AWSServiceRoleFor`.
fn role_name(service_name: &str, suffix: Option<&str>) -> Result<String, AwsError> {
    let known = KNOWN_ROLES.iter().find(|(service, _)| *service == service_name);
    let name = match known {
        Some((_, name)) => (*name).to_owned(),
        None => format!("AWSServiceRoleFor{}", capitalized(service_name.split('.').next().unwrap_or_default())),
    };
    match suffix {
        None => Ok(name),
        Some(suffix) if service_name == "autoscaling.amazonaws.com" => {
            let name = format!("{name}_{suffix}");
            check_name("customSuffix", suffix, LONGEST_NAME)?;
            check_name("roleName", &name, LONGEST_NAME)?;
            Ok(name)
        }
        Some(_) => Err(invalid_input(format!("Custom suffix is not allowed for {service_name}"))),
    }
}

fn capitalized(label: &str) -> String {
    let mut letters = label.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn no_task(id: &str) -> AwsError {
    no_such_entity(format!("Deletion task {id} cannot be found."))
}

/// The roles that are called otherwise than their services.
///
/// Source: the services' pages on their service-linked roles, named in
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>.
const KNOWN_ROLES: [(&str, &str); 10] = [
    ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling"),
    ("cks.kms.amazonaws.com", "AWSServiceRoleForKeyManagementServiceCustomKeyStores"),
    ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    ("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS"),
    ("elasticache.amazonaws.com", "AWSServiceRoleForElastiCache"),
    ("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"),
    ("mrk.kms.amazonaws.com", "AWSServiceRoleForKeyManagementServiceMultiRegionKeys"),
    ("rds.amazonaws.com", "AWSServiceRoleForRDS"),
    ("replication.dynamodb.amazonaws.com", "AWSServiceRoleForDynamoDBReplication"),
    ("spot.amazonaws.com", "AWSServiceRoleForEC2Spot"),
];
