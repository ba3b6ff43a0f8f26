use std::fmt::Write as _;

use super::{Act, Report, removal};
use crate::rehearse::promise::{Probe, Promise, Verdict};

/// The report as people read it: a line for each promise; beneath it the probes that came out otherwise, or all.
pub(crate) fn text(report: &Report, all_probes: bool) -> String {
    let mut text = String::new();
    for act in &report.acts {
        write_act(&mut text, act, all_probes);
    }
    let probes: usize = report.promises().map(|promise| promise.probes.len()).sum();
    let broken = report.promises().filter(|promise| promise.verdict() == Verdict::Broken).count();
    let promises = report.promises().count();
    let _ = match broken {
        0 => write!(text, "All {promises} promises held; {probes} things were tried."),
        _ => write!(text, "{broken} of {promises} promises are broken; {probes} things were tried."),
    };
    text
}

fn write_act(text: &mut String, act: &Act, all_probes: bool) {
    let _ = writeln!(text, "module `{}`\n", act.module);
    for promise in &act.promises {
        write_promise(text, promise, all_probes);
    }
    if let Some(removal) = &act.root_removal {
        let _ = writeln!(text, "\n  {}:", removal::TITLE);
        for line in removal::text(removal).lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    for note in &act.notes {
        let _ = writeln!(text, "\n  note: {note}");
    }
    text.push('\n');
}

fn write_promise(text: &mut String, promise: &Promise, all_probes: bool) {
    let _ = writeln!(text, "  {:<6}  {}", promise.verdict().as_str(), promise.text);
    for probe in promise.probes.iter().filter(|probe| all_probes || !probe.holds()) {
        write_probe(text, probe);
    }
}

fn write_probe(text: &mut String, probe: &Probe) {
    let mark = if probe.holds() { "+" } else { "!" };
    let _ = writeln!(text, "          {mark} {}: expected {}, seen {}", probe.tried, probe.expected, probe.seen);
}
