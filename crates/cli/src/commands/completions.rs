use clap::CommandFactory;
use clap_complete::Shell;

use super::End;
use crate::args::Arguments;

/// Prints a completion script.
pub(super) fn run(shell: Shell) -> End {
    clap_complete::generate(shell, &mut Arguments::command(), "keywright", &mut std::io::stdout());
    End::Fine
}
