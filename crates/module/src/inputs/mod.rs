//! Inputs: the table of them, their rules, and the module that comes out.

mod checker;
mod given;
pub(crate) mod grants;
mod limits;
mod module;
mod names;
mod rules;
mod statements;
mod table;

pub use given::GivenInput;
pub use module::{
    AdminRoleInputs, DecryptAlarmInputs, GrantConstraint, GrantInputs, Inputs, Module, Replication, Services,
};
pub use names::{
    DecryptThreshold, DeletionWindow, Environment, IamPrincipal, LogGroupName, NamePrefix, RotationPeriod, TopicArn,
};
pub(crate) use rules::check;
pub use table::{INPUTS, InputInfo, OUTPUTS, Origin, OutputInfo, json_schema};
