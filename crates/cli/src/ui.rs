//! The only place that prints. Results go to standard output, everything about them to standard error.

use std::io::{self, BufRead, IsTerminal, Write};

use keywright_model::{Diagnostic, Diagnostics};
use serde_json::Value;

use crate::render::diagnostics;

/// Prints a result, in colour where the terminal has it.
pub(crate) fn result(text: &str) {
    // A reader that went away (`| head`) is no failure of ours.
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Prints a text as it is, without a line break after it.
pub(crate) fn raw(text: &str) {
    let _ = write!(io::stdout(), "{text}");
}

/// Prints data.
pub(crate) fn data(value: &Value) {
    let _ = writeln!(io::stdout(), "{value:#}");
}

/// Prints data on one line, and sends it off at once.
pub(crate) fn data_line(value: &Value) {
    let mut stdout = io::stdout();
    let _ = writeln!(stdout, "{value}");
    let _ = stdout.flush();
}

/// Says something about the run.
pub(crate) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Shows diagnostics to a person.
pub(crate) fn diagnose<'a>(all: impl IntoIterator<Item = &'a Diagnostic>) {
    for diagnostic in all {
        say(&diagnostics::text(diagnostic, io::stderr().is_terminal()));
        if diagnostic.accepted.is_none() {
            say("");
        }
    }
}

/// Shows diagnostics as the person asked for: as text, or as one JSON object on standard output.
pub(crate) fn fail(all: &Diagnostics, json: bool) {
    if json {
        data(&serde_json::json!({ "valid": false, "diagnostics": diagnostics::data(all) }));
    } else {
        diagnose(all);
    }
}

/// Asks for a `yes`. None when nobody can answer.
pub(crate) fn confirm(question: &str) -> Option<bool> {
    if !io::stdin().is_terminal() {
        return None;
    }
    say(question);
    let _ = write!(anstream::stderr(), "  Enter a value: ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).ok()?;
    Some(answer.trim() == "yes")
}
