use keywright_model::Diagnostics;

use super::End;
use crate::args::PermissionsArguments;
use crate::{permissions, session, ui};

/// Prints the IAM policy that whoever runs keywright on this folder needs.
pub(super) fn run(arguments: &PermissionsArguments) -> Result<End, Diagnostics> {
    let desired = session::desired(&arguments.configuration)?;
    ui::data(&permissions::policy(&desired, arguments.phase).to_value());
    Ok(End::Fine)
}
