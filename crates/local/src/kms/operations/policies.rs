use serde::{Deserialize, Serialize};

use super::super::checks::on_key;
use super::super::error::KmsError;
use super::super::key::Need;
use super::super::key_policy::{self, POLICY_NAME};
use super::super::page::{POLICIES, page};
use super::super::state::Forms;
use super::inputs::KeyPageInput;
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct GetKeyPolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyPolicyInput {
    key_id: String,
    policy_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetKeyPolicyOutput {
    policy: String,
    policy_name: &'static str,
}

impl Operation for GetKeyPolicy {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GetKeyPolicy";
    const READ_ONLY: bool = true;
    type Input = GetKeyPolicyInput;
    type Output = GetKeyPolicyOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let check = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        Ok(vec![check.with("kms:PolicyName", input.policy_name.as_deref().unwrap_or(POLICY_NAME))])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        check_name(input.policy_name.as_deref())?;
        let target = world.kms.target(&input.key_id, Forms::Key, call, "kms:GetKeyPolicy")?;
        let policy = target.key.policy.text(&world.iam).into_owned();
        Ok(GetKeyPolicyOutput { policy, policy_name: POLICY_NAME })
    }
}

pub(super) struct PutKeyPolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutKeyPolicyInput {
    key_id: String,
    policy_name: Option<String>,
    policy: String,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
}

impl Operation for PutKeyPolicy {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "PutKeyPolicy";
    const READ_ONLY: bool = false;
    type Input = PutKeyPolicyInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let check = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        Ok(vec![
            check
                .with("kms:BypassPolicyLockoutSafetyCheck", input.bypass_policy_lockout_safety_check.to_string())
                .with("kms:PolicyName", input.policy_name.as_deref().unwrap_or(POLICY_NAME)),
        ])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        check_name(input.policy_name.as_deref())?;
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::Any, call, world)?;
        let policy = key_policy::take(&input.policy, &world.iam)?;
        let target = world.kms.target(&input.key_id, Forms::Key, call, "kms:PutKeyPolicy")?;
        if !input.bypass_policy_lockout_safety_check {
            key_policy::refuse_lockout(&policy, &target.key.facts(target.backing), call, &world.iam)?;
        }
        world.kms.key_mut(&place)?.policy = policy;
        Ok(())
    }
}

pub(super) struct ListKeyPolicies;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyPoliciesOutput {
    policy_names: Vec<String>,
    truncated: bool,
    next_marker: Option<String>,
}

impl Operation for ListKeyPolicies {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListKeyPolicies";
    const READ_ONLY: bool = true;
    type Input = KeyPageInput;
    type Output = ListKeyPoliciesOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    fn call(input: Self::Input, _: &CallContext, _: &mut World, _: &Authorized) -> Result<Self::Output, AwsError> {
        let names = vec![POLICY_NAME.to_owned()];
        let page = page(names, String::clone, input.limit, input.marker.as_deref(), POLICIES)?;
        Ok(ListKeyPoliciesOutput {
            policy_names: page.items,
            truncated: page.next_marker.is_some(),
            next_marker: page.next_marker,
        })
    }
}

fn check_name(name: Option<&str>) -> Result<(), KmsError> {
    match name.is_none_or(|name| name == POLICY_NAME) {
        true => Ok(()),
        false => Err(KmsError::NotFound { message: "No such policy exists".to_owned() }),
    }
}
