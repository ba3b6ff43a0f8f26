use keywright_model::{Diagnostic, Diagnostics};

use super::End;
use crate::args::PermissionsArguments;
use crate::permissions::Phase;
use crate::{permissions, session, ui};

/// Prints the IAM policy that whoever runs keywright on this folder needs.
pub(super) fn run(arguments: &PermissionsArguments) -> Result<End, Diagnostics> {
    if !arguments.buckets.is_empty() && arguments.phase != Phase::Doctor {
        return Err(Diagnostic::error("bucket-unread", "`--bucket` is about what `doctor` alone reads")
            .help("give `--for doctor` too, or leave `--bucket` out")
            .into());
    }
    let modules = session::modules(&arguments.configuration)?;
    ui::data(&permissions::policy(&modules, arguments.phase, &arguments.buckets).to_value());
    Ok(End::Fine)
}
