use std::path::Path;

use keywright_model::{Diagnostic, Diagnostics};

use super::{End, who_can};
use crate::args::RehearseArguments;
use crate::rehearse::{self, report};
use crate::{session, ui};

/// Plays the life of the folder's keys in an AWS of their own, and tells which promises hold.
pub(super) async fn run(arguments: &RehearseArguments) -> Result<End, Diagnostics> {
    let modules = session::modules(&arguments.configuration)?;
    let mut report = rehearse::play(&modules).await?;
    // The text does not tell it.
    if arguments.configuration.json || arguments.html.is_some() {
        report.access = who_can::of_folder(&arguments.configuration).await?;
    }
    if let Some(file) = &arguments.html {
        write(file, &report::html(&report))?;
    }
    if let Some(file) = &arguments.junit {
        write(file, &report::junit(&report))?;
    }
    if arguments.configuration.json {
        ui::data(&report::data(&report));
    } else {
        ui::result(&report::text(&report, arguments.verbose));
    }
    Ok(if report.holds() { End::Fine } else { End::Failed })
}

fn write(file: &Path, text: &str) -> Result<(), Diagnostics> {
    std::fs::write(file, text).map_err(|error| {
        let summary = format!("`{}` cannot be written", file.display());
        Diagnostic::error("unwritable-report", summary).because(error.to_string()).help("choose another place").into()
    })
}
