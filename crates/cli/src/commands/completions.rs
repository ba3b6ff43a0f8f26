use clap::CommandFactory;
use clap_complete::Shell;

use super::End;
use crate::args::Arguments;
use crate::ui;

/// Prints a completion script.
pub(super) fn run(shell: Shell) -> End {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "keywright", &mut script);
    ui::raw(&String::from_utf8_lossy(&script));
    End::Fine
}
