use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::{AccountId, Address, Arn, Diagnostic, ModuleName, Region};
use keywright_policy::Document;

use crate::findings::Acceptance;
use crate::read::{OutputBlocks, OutputKind};
use crate::secrets::Secrets;
use crate::value::Value;

/// What should exist for one module, and what it will mean.
///
/// Pure data: nothing in it comes from AWS or from a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The module's name: resources stand under `module.NAME.`.
    pub module: ModuleName,
    /// The account that all of it lives in.
    pub account: AccountId,
    /// The primary key's Region.
    pub region: Region,
    /// The replica's Region, where there is a replica.
    pub replication_region: Option<Region>,
    /// The resources, in the order in which they are shown.
    pub resources: Vec<DesiredResource>,
    /// The module's outputs, in the order of the README.
    pub outputs: IndexMap<&'static str, Output>,
    /// The root outputs of all that was read with the module, which is the same for each of its modules.
    pub output_blocks: Arc<OutputBlocks>,
    /// What must exist before a policy can name it, and is no resource of ours.
    pub prerequisites: Vec<Prerequisite>,
    /// Who administers the keys, and how.
    pub administration: Administration,
    /// Warnings and notes about what the inputs mean.
    pub findings: Vec<Diagnostic>,
    /// What of these, and of what a plan finds, was accepted.
    pub accepted: Vec<Acceptance>,
    /// What must not be shown.
    pub secrets: Secrets,
}

/// A resource as it should be.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredResource {
    /// Where it stands.
    pub address: Address,
    /// Its arguments, by the names of the `hashicorp/aws` provider (6.x). `region` is among them for
    /// regional kinds. An argument that is not here is left to its default.
    pub arguments: IndexMap<&'static str, Value>,
    /// The key policy that a key is *created* with, where it differs from the one it ends with: the
    /// final policy and a statement that delegates to the account's IAM policies. Only for
    /// `aws_kms_key` and `aws_kms_replica_key`.
    pub interim_policy: Option<Document>,
    /// Resources that must exist before this one, beside those that its arguments refer to.
    pub depends_on: Vec<Address>,
}

/// An output of the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its value; null when what it describes is not made.
    pub value: Value,
    /// Of which type it is.
    pub kind: OutputKind,
    /// What it is, for people.
    pub description: &'static str,
    /// Whether a sensitive input is in it.
    pub sensitive: bool,
}

/// A role that AWS makes for a service, which key policies name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prerequisite {
    /// The service it belongs to: `autoscaling.amazonaws.com`.
    pub service: &'static str,
    /// The role: `arn:aws:iam::A:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`.
    pub role: Arn,
    /// Whether to make it when it is not there.
    pub create: bool,
}

/// Who administers the keys once the policies are final.
#[derive(Debug, Clone, PartialEq)]
pub struct Administration {
    /// Whether the final policies delegate to the account's IAM policies (`kms_root_access`).
    pub root_access: bool,
    /// The admin role, where one is made: its ARN is known before it exists.
    pub admin_role: Option<AdminRole>,
    /// `key_administrators`.
    pub key_administrators: Vec<Arn>,
    /// The final policy of the primary.
    pub primary_policy: Document,
    /// The final policy of the replica, where there is one.
    pub replica_policy: Option<Document>,
}

/// The admin role that the module makes.
#[derive(Debug, Clone, PartialEq)]
pub struct AdminRole {
    /// Its resource.
    pub address: Address,
    /// Its ARN.
    pub arn: Arn,
    /// Who may assume it.
    pub trust_policy: Document,
    /// Whether assuming it needs MFA (`admin_role_require_mfa`).
    pub requires_mfa: bool,
}
