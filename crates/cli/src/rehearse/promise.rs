//! What was promised, what was tried, and what came of it.

use std::fmt;

use serde_json::{Value, json};

/// Something that the key's documentation promises, and every probe that tried it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promise {
    /// A stable name in kebab-case.
    pub(crate) id: &'static str,
    /// The promise in one line.
    pub(crate) text: String,
    pub(crate) probes: Vec<Probe>,
}

impl Promise {
    pub(crate) fn new(id: &'static str, text: impl Into<String>, probes: Vec<Probe>) -> Self {
        Self { id, text: text.into(), probes }
    }

    /// A promise that nothing tried is not held.
    pub(crate) fn verdict(&self) -> Verdict {
        let holds = !self.probes.is_empty() && self.probes.iter().all(Probe::holds);
        if holds { Verdict::Held } else { Verdict::Broken }
    }

    pub(crate) fn data(&self) -> Value {
        json!({
            "id": self.id,
            "promise": self.text,
            "verdict": self.verdict().as_str(),
            "probes": self.probes.iter().map(Probe::data).collect::<Vec<_>>(),
        })
    }
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) tried: String,
    pub(crate) expected: String,
    pub(crate) seen: String,
    held: bool,
}

impl Probe {
    /// A call that was to be allowed, or denied.
    pub(crate) fn of_call(tried: impl Into<String>, expected: Expected, outcome: &Outcome) -> Self {
        Self {
            tried: tried.into(),
            expected: expected.to_string(),
            seen: outcome.to_string(),
            held: expected.is_met_by(outcome),
        }
    }

    /// Something that was to be so.
    pub(crate) fn of_fact<T: PartialEq + fmt::Display>(tried: impl Into<String>, expected: &T, seen: &T) -> Self {
        Self { tried: tried.into(), expected: expected.to_string(), seen: seen.to_string(), held: expected == seen }
    }

    /// Something that could not even be tried.
    pub(crate) fn failed(tried: impl Into<String>, expected: impl Into<String>, why: impl Into<String>) -> Self {
        Self { tried: tried.into(), expected: expected.into(), seen: why.into(), held: false }
    }

    pub(crate) fn holds(&self) -> bool {
        self.held
    }

    fn data(&self) -> Value {
        json!({
            "tried": self.tried,
            "expected": self.expected,
            "seen": self.seen,
            "verdict": if self.held { Verdict::Held.as_str() } else { Verdict::Broken.as_str() },
        })
    }
}

/// Whether a promise holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Held,
    Broken,
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
        }
    }
}

/// What a call is to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Allowed,
    Denied,
}

impl Expected {
    /// A call that fails for another reason than a policy meets neither.
    fn is_met_by(self, outcome: &Outcome) -> bool {
        match self {
            Self::Allowed => matches!(outcome, Outcome::Allowed(_)),
            Self::Denied => matches!(outcome, Outcome::Denied { .. }),
        }
    }

    pub(crate) fn allowed_if(condition: bool) -> Self {
        if condition { Self::Allowed } else { Self::Denied }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        })
    }
}

/// What came of a call. What it answered is for the probes; it is not shown, as it can hold secrets.
#[derive(Clone, PartialEq)]
pub(crate) enum Outcome {
    Allowed(Value),
    Denied { message: String },
    Failed { code: String, message: String },
}

impl Outcome {
    /// What was answered, where it went well.
    pub(crate) fn answer(&self) -> Option<&Value> {
        match self {
            Self::Allowed(answer) => Some(answer),
            Self::Denied { .. } | Self::Failed { .. } => None,
        }
    }

    /// The text of a member of the answer.
    pub(crate) fn text(&self, member: &str) -> Option<String> {
        self.answer()?.get(member)?.as_str().map(str::to_owned)
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(_) => f.write_str("allowed"),
            Self::Denied { .. } => f.write_str("denied"),
            Self::Failed { code, message } => write!(f, "failed: {code}: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied() -> Outcome {
        Outcome::Denied { message: "no".into() }
    }

    #[test]
    fn a_promise_holds_only_where_something_was_tried_and_all_of_it_came_out_as_expected() {
        let allowed = Outcome::Allowed(json!({}));
        let failed = Outcome::Failed { code: "NotFoundException".into(), message: "gone".into() };
        let verdict = |probes| Promise::new("p", "a promise", probes).verdict();
        assert_eq!(verdict(vec![]), Verdict::Broken);
        assert_eq!(verdict(vec![Probe::of_call("a", Expected::Allowed, &allowed)]), Verdict::Held);
        assert_eq!(verdict(vec![Probe::of_call("a", Expected::Denied, &denied())]), Verdict::Held);
        for (expected, outcome) in [
            (Expected::Allowed, &denied()),
            (Expected::Denied, &allowed),
            (Expected::Denied, &failed),
            (Expected::Allowed, &failed),
        ] {
            let probes = vec![Probe::of_call("a", Expected::Denied, &denied()), Probe::of_call("b", expected, outcome)];
            assert_eq!(verdict(probes), Verdict::Broken, "{expected} {outcome}");
        }
    }

    #[test]
    fn what_a_call_answered_is_not_shown() {
        let answer = Outcome::Allowed(json!({ "Plaintext": "c2VjcmV0" }));
        assert_eq!(format!("{answer:?} {answer}"), "allowed allowed");
    }
}
