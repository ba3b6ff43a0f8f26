//! One file a command.

mod apply;
mod can;
mod completions;
mod doctor;
mod drift;
mod export;
mod import;
mod local;
mod output;
mod permissions;
mod plan;
mod prove;
mod rehearse;
mod saved;
mod schema;
mod show;
mod state;
mod validate;
mod who_can;

use std::process::ExitCode;

use keywright_model::{Diagnostic, Diagnostics};

use crate::args::{Arguments, Command, StateCommand};

/// How a command ended, where nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Done.
    Fine,
    /// `plan --detailed-exitcode`, and something changes; `drift`, and something was changed outside.
    Changes,
    /// `doctor`, and something is wrong.
    Found,
    /// What failed was told already.
    Failed,
    /// `can --exit-code`, and an answer is no.
    Denied,
    /// Done, but standard output did not take what there was to tell.
    Untold,
}

impl End {
    /// The same end, where its result was not written. What failed stays what it is: it comes first.
    pub(crate) fn untold(self) -> Self {
        if self == Self::Failed { self } else { Self::Untold }
    }
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Fine => Self::SUCCESS,
            End::Failed => Self::from(1),
            End::Changes | End::Found => Self::from(2),
            // Not 2, with which wrong arguments end.
            End::Denied => Self::from(3),
            // Not 1: after an apply, that would say that it is incomplete.
            End::Untold => Self::from(4),
        }
    }
}

/// Runs the command that was typed.
///
/// # Errors
/// What went wrong, for the person.
pub(crate) fn run(arguments: Arguments) -> Result<End, Diagnostics> {
    match arguments.command {
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Plan(arguments) => run_async(plan::run(&arguments)),
        Command::Apply(arguments) => run_async(apply::run(&arguments)),
        Command::Destroy(arguments) => run_async(apply::destroy(&arguments)),
        Command::Rehearse(arguments) => run_async(rehearse::run(&arguments)),
        Command::Drift(arguments) => run_async(drift::run(&arguments)),
        Command::Import(arguments) => run_async(import::run(&arguments)),
        Command::Export(arguments) => export::run(&arguments),
        Command::Can(arguments) => run_async(can::run(&arguments)),
        Command::WhoCan(arguments) => run_async(who_can::run(&arguments)),
        Command::Prove(arguments) => run_async(prove::run(&arguments)),
        Command::Doctor(arguments) => run_async(doctor::run(&arguments)),
        Command::Output(arguments) => output::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::State(arguments) => match arguments.command {
            StateCommand::List { folder, local, json } => state::list(&folder, local, json),
        },
        Command::Permissions(arguments) => permissions::run(&arguments),
        Command::Schema => Ok(schema::run()),
        Command::Local(arguments) => run_async(local::run(&arguments)),
        Command::Completions { shell } => Ok(completions::run(shell)),
    }
}

/// Whether the command that was typed wants its answer, and so its errors, as data.
pub(crate) fn wants_json(arguments: &Arguments) -> bool {
    match &arguments.command {
        Command::Validate(arguments) => arguments.configuration.json,
        Command::Plan(arguments) => arguments.configuration.json,
        Command::Apply(arguments) => arguments.configuration.json,
        Command::Destroy(arguments) => arguments.configuration.json,
        Command::Rehearse(arguments) => arguments.configuration.json,
        Command::Drift(arguments) => arguments.configuration.json,
        Command::Import(arguments) => arguments.configuration.json,
        Command::Export(arguments) => arguments.configuration.json,
        Command::Can(arguments) => arguments.subject.configuration.0.json,
        Command::WhoCan(arguments) => arguments.subject.configuration.0.json,
        Command::Prove(arguments) => arguments.subject.configuration.0.json,
        Command::Permissions(arguments) => arguments.configuration.json,
        Command::Doctor(arguments) => arguments.configuration.json,
        Command::Output(arguments) => arguments.configuration.0.json,
        Command::Show(arguments) => arguments.json,
        Command::State(arguments) => matches!(arguments.command, StateCommand::List { json: true, .. }),
        Command::Schema | Command::Local(_) | Command::Completions { .. } => false,
    }
}

fn run_async(command: impl Future<Output = Result<End, Diagnostics>>) -> Result<End, Diagnostics> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Diagnostics::from(Diagnostic::error("runtime", "the program cannot start").because(error.to_string()))
    })?;
    runtime.block_on(command)
}
