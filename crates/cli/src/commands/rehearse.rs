use keywright_model::Diagnostics;

use super::End;
use crate::args::RehearseArguments;
use crate::rehearse::{self, report};
use crate::{session, ui};

/// Plays the life of the folder's keys in an AWS of their own, and tells which promises hold.
pub(super) async fn run(arguments: &RehearseArguments) -> Result<End, Diagnostics> {
    let modules = session::modules(&arguments.configuration)?;
    let report = rehearse::play(&modules).await?;
    if arguments.configuration.json {
        ui::data(&report::data(&report));
    } else {
        ui::result(&report::text(&report, arguments.verbose));
    }
    Ok(if report.holds() { End::Fine } else { End::Failed })
}
