//! Findings as SARIF, the format that code hosts and editors show beside the lines of a file.
//!
//! Source: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::path::Path;

use keywright_model::{Diagnostic, Severity, Span};
use keywright_policy::lint::{RULES, Rule};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// One run of the program, as SARIF.
#[derive(Debug, Default)]
pub(crate) struct Run {
    rules: Vec<RuleEntry>,
    results: Vec<Value>,
}

/// A rule that results follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleEntry {
    /// The stable code.
    pub(crate) code: String,
    /// How grave it is by itself.
    pub(crate) severity: Severity,
    /// What it is about, in one sentence.
    pub(crate) meaning: String,
    /// Why it matters.
    pub(crate) why: Option<String>,
    /// The page that it comes from.
    pub(crate) source: Option<String>,
}

/// What was found of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The rule's code.
    pub(crate) code: String,
    /// How grave it is; none where it could not be told whether anything is wrong.
    pub(crate) severity: Option<Severity>,
    /// What is found, and what to do about it.
    pub(crate) message: String,
    /// Where.
    pub(crate) place: Option<Span>,
    /// What it is about where there is no place, and beside it: a resource, a statement.
    pub(crate) subject: Option<String>,
    /// Why somebody has accepted it.
    pub(crate) accepted: Option<String>,
}

impl Run {
    /// A run that found nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a result; the rule is kept once.
    pub(crate) fn push(&mut self, rule: RuleEntry, entry: &Entry) {
        let at = self.rules.iter().position(|it| it.code == rule.code).unwrap_or_else(|| {
            self.rules.push(rule);
            self.rules.len() - 1
        });
        self.results.push(result(entry, at));
    }

    /// Adds what a diagnostic tells, under a rule of its code.
    pub(crate) fn push_diagnostic(&mut self, diagnostic: &Diagnostic) {
        self.push(RuleEntry::of_diagnostic(diagnostic), &Entry::of_diagnostic(diagnostic));
    }

    /// The same, about a resource or statement, and perhaps accepted for a reason.
    pub(crate) fn push_diagnostic_of(&mut self, diagnostic: &Diagnostic, subject: String, accepted: Option<String>) {
        let entry = Entry { subject: Some(subject), accepted, ..Entry::of_diagnostic(diagnostic) };
        self.push(RuleEntry::of_diagnostic(diagnostic), &entry);
    }

    /// The whole log.
    pub(crate) fn log(&self) -> Value {
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "keywright",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": self.rules.iter().map(rule).collect::<Vec<_>>(),
                } },
                "columnKind": "unicodeCodePoints",
                "results": self.results,
            }],
        })
    }
}

impl RuleEntry {
    /// The rule of a lint.
    pub(crate) fn of_lint(rule: &Rule) -> Self {
        Self {
            code: rule.code.to_owned(),
            severity: rule.severity,
            meaning: rule.meaning.to_owned(),
            why: Some(rule.why.to_owned()),
            source: Some(rule.source.to_owned()),
        }
    }

    fn of_diagnostic(diagnostic: &Diagnostic) -> Self {
        if let Some(rule) = RULES.iter().find(|it| it.code == diagnostic.code) {
            return Self::of_lint(rule);
        }
        Self {
            code: diagnostic.code.to_owned(),
            severity: diagnostic.severity,
            meaning: diagnostic.code.replace('-', " "),
            why: None,
            source: None,
        }
    }
}

impl Entry {
    /// What a diagnostic tells: its first label is the place.
    pub(crate) fn of_diagnostic(diagnostic: &Diagnostic) -> Self {
        let parts = [Some(diagnostic.summary.as_str()), diagnostic.detail.as_deref(), diagnostic.help.as_deref()];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        Self {
            code: diagnostic.code.to_owned(),
            severity: Some(diagnostic.severity),
            message: parts.join("\n"),
            place: diagnostic.labels.first().map(|it| it.span.clone()),
            subject: None,
            accepted: None,
        }
    }
}

fn rule(rule: &RuleEntry) -> Value {
    let text: Vec<&str> = [Some(rule.meaning.as_str()), rule.why.as_deref()].into_iter().flatten().collect();
    let mut entry = json!({
        "id": rule.code,
        "shortDescription": { "text": rule.meaning },
        "fullDescription": { "text": text.join(" ") },
        "help": { "text": text.join("\n\n") },
        "defaultConfiguration": { "level": rule.severity.as_str() },
    });
    if let Some(source) = &rule.source {
        set(&mut entry, "helpUri", source.as_str().into());
    }
    entry
}

fn result(entry: &Entry, rule_index: usize) -> Value {
    let mut result = json!({
        "ruleId": entry.code,
        "ruleIndex": rule_index,
        "message": { "text": entry.message },
        "locations": location(entry).into_iter().collect::<Vec<_>>(),
        "partialFingerprints": { "finding/v1": fingerprint(entry) },
    });
    match entry.severity {
        Some(severity) => set(&mut result, "level", severity.as_str().into()),
        // "There is insufficient information to decide whether a problem exists": such a result has no level.
        None => set(&mut result, "kind", "open".into()),
    }
    if let Some(reason) = &entry.accepted {
        set(&mut result, "suppressions", json!([{ "kind": "external", "justification": reason }]));
    }
    result
}

fn location(entry: &Entry) -> Option<Value> {
    let mut location = json!({});
    if let Some(span) = entry.place.as_ref().filter(|it| is_file(&it.file.name)) {
        let (start, end) = (span.start(), span.end());
        let place = json!({
            "artifactLocation": { "uri": uri(&span.file.name) },
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        });
        set(&mut location, "physicalLocation", place);
    }
    if let Some(subject) = &entry.subject {
        set(&mut location, "logicalLocations", json!([{ "fullyQualifiedName": subject }]));
    }
    Some(location).filter(|it| it.as_object().is_some_and(|it| !it.is_empty()))
}

/// Standard input and values of the command line have no place that another program could open.
fn is_file(name: &str) -> bool {
    !name.starts_with(['<', '-']) && !name.starts_with("TF_VAR_")
}

/// A path as a URI reference: relative as it was given, absolute as `file:`.
fn uri(name: &str) -> String {
    let path = utf8_percent_encode(name.strip_prefix("./").unwrap_or(name), KEPT).to_string();
    if Path::new(name).is_absolute() { format!("file://{path}") } else { path }
}

/// The same from run to run, wherever in the file the finding moves.
fn fingerprint(entry: &Entry) -> String {
    let of = entry.subject.as_deref().or(entry.place.as_ref().map(|it| it.file.name.as_str()));
    format!("{}@{}", entry.code, of.unwrap_or_default())
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), value);
    }
}

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use keywright_model::SourceFile;

    use super::*;

    fn example() -> Diagnostic {
        let file = SourceFile::new("./a folder/mäin.tf", "é\n  enable_firehose = true\n}\n");
        Diagnostic::error("unknown-input", "unknown input `enable_firehose`")
            .at(Span::new(&file, 5..20), "no such input")
            .help("did you mean `enable_alb_firehose`?")
    }

    #[test]
    fn a_diagnostic_points_at_its_lines_and_columns() {
        let mut run = Run::new();
        run.push_diagnostic(&example());
        let result = &run.log()["runs"][0]["results"][0];
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20folder/m%C3%A4in.tf");
        let region = json!({ "startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 18 });
        assert_eq!(place["region"], region);
        assert_eq!(result["level"], "error");
        assert!(result["message"]["text"].as_str().is_some_and(|it| it.ends_with("`enable_alb_firehose`?")));
    }

    #[test]
    fn a_rule_stands_once_however_often_it_is_broken() {
        let mut run = Run::new();
        run.push_diagnostic(&example());
        run.push_diagnostic(&Diagnostic::warning("other", "another"));
        run.push_diagnostic(&example());
        let log = run.log();
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(2));
        let indices: Vec<u64> = log["runs"][0]["results"]
            .as_array()
            .expect("results")
            .iter()
            .filter_map(|it| it["ruleIndex"].as_u64())
            .collect();
        assert_eq!(indices, [0, 1, 0]);
    }

    #[test]
    fn what_could_not_be_told_is_open_and_what_was_accepted_is_suppressed() {
        let mut run = Run::new();
        let rule = RuleEntry::of_diagnostic(&example());
        let entry =
            Entry { severity: None, accepted: Some("moves in March".to_owned()), ..Entry::of_diagnostic(&example()) };
        run.push(rule, &entry);
        let result = &run.log()["runs"][0]["results"][0];
        assert_eq!((&result["kind"], &result["level"]), (&json!("open"), &Value::Null));
        assert_eq!(result["suppressions"][0]["justification"], "moves in March");
    }

    #[test]
    fn standard_input_is_no_file_and_an_absolute_path_is_a_file_uri() {
        assert!(!is_file("<stdin>") && !is_file("--var") && is_file("main.tf"));
        assert_eq!(uri("/tmp/a b.json"), "file:///tmp/a%20b.json");
    }
}
