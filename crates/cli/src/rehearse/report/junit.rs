use std::fmt::Write as _;

use super::escape::escaped;
use super::{Act, Report};
use crate::rehearse::promise::{Probe, Promise, Verdict};

/// The report as JUnit XML: a suite for each module, a case for each promise.
pub(crate) fn junit(report: &Report) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (tests, failures) = counts(report.promises());
    let _ = writeln!(text, "<testsuites name=\"keywright rehearse\" tests=\"{tests}\" failures=\"{failures}\">");
    for act in &report.acts {
        write_suite(&mut text, act);
    }
    text.push_str("</testsuites>\n");
    text
}

fn write_suite(text: &mut String, act: &Act) {
    let (tests, failures) = counts(act.promises.iter());
    let name = escaped(&act.module);
    let _ = writeln!(text, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">");
    for promise in &act.promises {
        write_case(text, &act.module, promise);
    }
    text.push_str("  </testsuite>\n");
}

fn write_case(text: &mut String, module: &str, promise: &Promise) {
    let (class, name) = (escaped(module), escaped(&format!("{}: {}", promise.id, promise.text)));
    let _ = write!(text, "    <testcase classname=\"{class}\" name=\"{name}\"");
    if promise.verdict() == Verdict::Held {
        text.push_str("/>\n");
        return;
    }
    let broken: Vec<&Probe> = promise.probes.iter().filter(|probe| !probe.holds()).collect();
    let message = format!("{} of {} probes came out otherwise", broken.len(), promise.probes.len());
    let _ = writeln!(text, ">\n      <failure message=\"{}\">", escaped(&message));
    for probe in broken {
        let line = format!("{}: expected {}, seen {}", probe.tried, probe.expected, probe.seen);
        let _ = writeln!(text, "{}", escaped(&line));
    }
    text.push_str("      </failure>\n    </testcase>\n");
}

fn counts<'a>(promises: impl Iterator<Item = &'a Promise>) -> (usize, usize) {
    promises
        .fold((0, 0), |(all, broken), promise| (all + 1, broken + usize::from(promise.verdict() == Verdict::Broken)))
}
