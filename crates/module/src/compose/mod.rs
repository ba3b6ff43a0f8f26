//! From checked inputs to the resources that should exist. Pure.

mod alarms;
mod build;
mod findings;
mod keys;
pub(crate) mod names;
mod outputs;
mod roles;

use std::sync::Arc;

use keywright_model::Arn;

use crate::desired::{AdminRole, Administration, Desired, DesiredResource, Prerequisite};
use crate::inputs::{IamPrincipal, Inputs, Module};
use crate::policy;
use build::Composition;

impl Module {
    /// What should exist for this module.
    pub fn desired(&self) -> Desired {
        let of = Composition::new(self);
        let resources = resources(&of);
        Desired {
            module: self.name.clone(),
            account: self.inputs.account.clone(),
            region: self.inputs.region.clone(),
            replication_region: self.inputs.replication.as_ref().map(|replication| replication.region.clone()),
            outputs: outputs::outputs(&of, &resources, &self.secrets),
            resources,
            output_blocks: Arc::clone(&self.output_blocks),
            prerequisites: prerequisites(&self.inputs),
            administration: administration(&of),
            findings: findings::findings(self),
            accepted: self.inputs.accepted_findings.clone(),
            secrets: self.secrets.clone(),
        }
    }
}

fn resources(of: &Composition<'_>) -> Vec<DesiredResource> {
    let inputs = of.inputs;
    let mut resources = vec![keys::key(of), keys::key_policy(of)];
    resources.extend(keys::aliases(of));
    if let Some(replication) = &inputs.replication {
        resources.push(keys::replica(of, replication));
        resources.extend(keys::replication_grants(of, replication));
        resources.extend(replication.role.is_none().then(|| roles::replication_role(of)));
    }
    resources.extend(keys::grants(of));
    resources.extend(inputs.admin_role.iter().flat_map(|role| roles::administration(of, role)));
    resources.extend(inputs.decrypt_alarm.as_ref().map(|alarm| alarms::decrypt(of, alarm)));
    resources.extend(alarms::access_denied(of));
    if let Some(replication) = &inputs.replication {
        resources.extend(alarms::replica_decrypt(of, replication));
        resources.extend(alarms::replica_access_denied(of, replication));
    }
    resources.extend(inputs.lifecycle_alarm.iter().flat_map(|group| alarms::lifecycle(of, group)));
    resources
}

/// Key policies name the service-linked role of EC2 Auto Scaling, and KMS refuses names of what does not exist.
///
/// Source: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/autoscaling-service-linked-role.html>.
fn prerequisites(inputs: &Inputs) -> Vec<Prerequisite> {
    // INVARIANT: the parts are checked, so that the ARN reads.
    let role = Arn::new(inputs.partition(), "iam", None, Some(&inputs.account), policy::AUTO_SCALING_ROLE).ok();
    let service = "autoscaling.amazonaws.com";
    role.map(|role| Prerequisite { service, role, create: inputs.create_autoscaling_role }).into_iter().collect()
}

fn administration(of: &Composition<'_>) -> Administration {
    let inputs = of.inputs;
    let replica = inputs.replication.as_ref();
    Administration {
        root_access: inputs.root_access,
        admin_role: admin_role(of),
        key_administrators: inputs.key_administrators.iter().map(IamPrincipal::arn).cloned().collect(),
        primary_policy: policy::key_policy(inputs, &inputs.region),
        replica_policy: replica.map(|replication| policy::key_policy(inputs, &replication.region)),
    }
}

fn admin_role(of: &Composition<'_>) -> Option<AdminRole> {
    let role = of.inputs.admin_role.as_ref()?;
    Some(AdminRole {
        address: of.admin_role(),
        arn: names::admin_role_arn(of.inputs)?,
        trust_policy: policy::admin_role_trust(role),
        requires_mfa: role.require_mfa,
    })
}
