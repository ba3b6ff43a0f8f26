//! The program `keywright`: one AWS KMS key done right, from a dozen inputs.
//!
//! `args` is what can be typed, `commands` has a file for each command, `session` puts together what they work with
//! (the modules of a folder, a state, an AWS), `export` writes a folder down for other tools, `subject` reads what a question is about, `caller` who asks, `rehearse` plays
//! a key's life, `doctor` finds known troubles, `render` is how things are shown, and `ui` alone prints.
//!
//! **Invariant:** this crate alone reads the environment and prints; it decides nothing about keys.

mod args;
mod caller;
mod commands;
mod doctor;
mod export;
mod failure;
mod permissions;
mod rehearsal;
mod rehearse;
mod render;
mod session;
mod subject;
mod ui;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let json = commands::wants_json(&arguments);
    let end = commands::run(arguments).unwrap_or_else(|problems| {
        ui::fail(&problems, json);
        commands::End::Failed
    });
    match ui::check() {
        Ok(()) => end,
        Err(lost) => {
            ui::diagnose(&[lost]);
            end.untold()
        }
    }
    .into()
}
