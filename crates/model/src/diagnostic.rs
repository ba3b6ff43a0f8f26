use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that was read, with the name under which people know it.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the person gave it, or a name such as `--var` or `TF_VAR_tags`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Keeps a text and its name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// The line and column of a byte offset. An offset past the end gives the end.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = self.text.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }

    /// The text of a line, counted from 1, without its line break.
    pub fn line(&self, line: usize) -> Option<&str> {
        self.text.lines().nth(line.checked_sub(1)?)
    }
}

/// A place in a text, counted from 1, in lines and characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

/// A stretch of a text that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub file: Arc<SourceFile>,
    /// The bytes of it.
    pub range: Range<usize>,
}

impl Span {
    /// A stretch of a file.
    pub fn new(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        Self { file: Arc::clone(file), range }
    }

    /// Where the stretch begins.
    pub fn start(&self) -> Position {
        self.file.position(self.range.start)
    }

    /// Where the stretch ends (the place after its last character).
    pub fn end(&self) -> Position {
        self.file.position(self.range.end)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.start();
        write!(f, "{}:{}:{}", self.file.name, start.line, start.column)
    }
}

/// How grave a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The run cannot go on.
    Error,
    /// Something that will probably hurt.
    Warning,
    /// Something worth knowing.
    Note,
}

impl Severity {
    /// The word for it, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A place that a diagnostic points at, with a word about that place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; may be empty.
    pub message: String,
}

/// Something to tell a person: what, where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How grave it is.
    pub severity: Severity,
    /// A stable code in kebab-case, such as `unknown-input`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub summary: String,
    /// Why it is wrong, where one line does not say it.
    pub detail: Option<Box<str>>,
    /// Where: the first label is the main one.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<Box<str>>,
    /// Why somebody has accepted it: then it is told in one line, and refuses nothing.
    pub accepted: Option<Box<str>>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, summary: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, summary)
    }

    /// A warning.
    pub fn warning(code: &'static str, summary: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, summary)
    }

    /// A note.
    pub fn note(code: &'static str, summary: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, summary)
    }

    /// Points at a place.
    #[must_use]
    pub fn at(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    /// Points at a place, if it is known.
    #[must_use]
    pub fn at_opt(self, span: Option<Span>, message: impl Into<String>) -> Self {
        match span {
            Some(span) => self.at(span, message),
            None => self,
        }
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into().into());
        self
    }

    /// Marks it as accepted, for that reason. What was an error is a warning from then on.
    #[must_use]
    pub fn accept(mut self, reason: impl Into<String>) -> Self {
        self.severity = self.severity.max(Severity::Warning);
        self.accepted = Some(reason.into().into());
        self
    }

    fn new(severity: Severity, code: &'static str, summary: impl Into<String>) -> Self {
        Self { severity, code, summary: summary.into(), detail: None, labels: Vec::new(), help: None, accepted: None }
    }
}

/// Diagnostics gathered while reading on, so that a person sees all of them at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of another gathering.
    pub fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(others);
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Each of them, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let file = SourceFile::new("a.tf", "ä = 1\nbc = 2\n");
        assert_eq!(file.position(0), Position { line: 1, column: 1 });
        assert_eq!(file.position(1), Position { line: 1, column: 1 }, "inside of a character");
        assert_eq!(file.position(2), Position { line: 1, column: 2 });
        assert_eq!(file.position(8), Position { line: 2, column: 2 });
        assert_eq!(file.position(999), Position { line: 3, column: 1 });
        assert_eq!(file.line(2), Some("bc = 2"));
        assert_eq!(file.line(0), None);
    }

    #[test]
    fn only_errors_count_as_errors() {
        let mut all = Diagnostics::new();
        all.push(Diagnostic::warning("w", "a warning"));
        assert!(!all.has_errors());
        all.push(Diagnostic::error("e", "an error"));
        assert!(all.has_errors());
    }
}
