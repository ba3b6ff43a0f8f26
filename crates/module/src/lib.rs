//! From a person's inputs to the resources that should exist.
//!
//! The path of the data: [`load`] reads a folder of Terraform configuration, or one document of inputs
//! (`read`), checks every rule and reports all that is wrong at once (`inputs`), and gives
//! [`Module`]s, in which bad inputs cannot be represented. [`Module::desired`] composes from them what should
//! exist (`compose`), with the policies that `policy` renders: [`Desired`].
//!
//! The table of inputs is [`INPUTS`]: types, defaults, the JSON Schema and the README follow from it.
//!
//! Where to go next: `keywright-engine` compares [`Desired`] with what is there.
//!
//! **Invariant:** only `read` looks at files; all else is pure. No AWS SDK, no state of ours.

mod compose;
mod desired;
mod findings;
mod inputs;
mod load;
mod nearest;
mod policy;
mod read;
mod secrets;
mod value;

pub use desired::{AdminRole, Administration, Desired, DesiredResource, Output, Prerequisite};
pub use findings::{Acceptance, FINDINGS, FindingInfo, Found, finding, refusals, settle};
pub use inputs::{
    AdminRoleInputs, DecryptAlarmInputs, DecryptThreshold, DeletionWindow, Environment, GivenInput, GrantConstraint,
    GrantInputs, INPUTS, IamPrincipal, InputInfo, Inputs, LogGroupName, Module, NamePrefix, OUTPUTS, Origin,
    OutputInfo, Replication, RotationPeriod, Services, TopicArn, json_schema,
};
pub use load::load;
pub use nearest::nearest;
pub use policy::UNTIED_STATEMENTS;
pub use read::{
    Assignment, LeftAlone, ModuleOutput, OutputBlocks, OutputKind, RootOutput, Sources, WrittenOutput, WrittenPart,
    holds_configuration,
};
pub use secrets::Secrets;
pub use value::{Part, Reference, Resolved, Template, Value};
