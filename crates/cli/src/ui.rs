//! The only place that prints. Results go to standard output, everything about them to standard error.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::sync::Mutex;

use keywright_model::{Diagnostic, Diagnostics};
use serde::Serialize;

use crate::render::diagnostics;

/// Why a result, or a part of one, did not reach standard output.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a result, in colour where the terminal has it.
pub(crate) fn result(text: &str) {
    let mut stdout = anstream::stdout();
    put(writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
}

/// Prints a text as it is, without a line break after it.
pub(crate) fn raw(text: &str) {
    let mut stdout = io::stdout();
    put(write!(stdout, "{text}").and_then(|()| stdout.flush()));
}

/// Prints data.
pub(crate) fn data(value: &impl Serialize) {
    line(serde_json::to_string_pretty(value));
}

/// Prints data on one line.
pub(crate) fn data_line(value: &impl Serialize) {
    line(serde_json::to_string(value));
}

fn line(text: serde_json::Result<String>) {
    let mut stdout = io::stdout();
    let written = text.map_err(io::Error::from).and_then(|text| writeln!(stdout, "{text}"));
    put(written.and_then(|()| stdout.flush()));
}

/// Keeps in mind that something was not written. A reader that went away (`| head`) is no failure of ours.
fn put(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
        && let Ok(mut lost) = LOST.lock()
    {
        lost.get_or_insert(error);
    }
}

/// Tells, once, that standard output did not take all that was printed.
///
/// # Errors
/// When it did not.
pub(crate) fn check() -> Result<(), Diagnostic> {
    let lost = LOST.lock().ok().and_then(|mut lost| lost.take());
    let problem = |error: io::Error| {
        Diagnostic::error("output-lost", "standard output does not take what is to be printed")
            .because(error.to_string())
            .help("make room there, or send it elsewhere")
    };
    lost.map(problem).map_or(Ok(()), Err)
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

/// Shows diagnostics as the person asked for: as text, or as one JSON object on standard output; as text, too, if that
/// takes nothing.
pub(crate) fn fail(all: &Diagnostics, json: bool) {
    if json {
        data(&serde_json::json!({ "valid": false, "diagnostics": diagnostics::data(all) }));
    }
    if !json || LOST.lock().is_ok_and(|lost| lost.is_some()) {
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
