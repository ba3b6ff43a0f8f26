use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use keywright_model::{Diagnostic, Label, Position, Severity, Span};
use serde_json::{Value, json};

/// A diagnostic as people read it: what, where with the line, why, and what to do. One that was accepted is one line.
pub(crate) fn text(diagnostic: &Diagnostic, color: bool) -> String {
    if let Some(reason) = &diagnostic.accepted {
        return accepted(diagnostic, reason);
    }
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.summary.as_str()).id(diagnostic.code));
    for (at, label) in diagnostic.labels.iter().enumerate() {
        group = group.element(snippet(label, at == 0));
    }
    if let Some(detail) = &diagnostic.detail {
        group = group.element(Level::NOTE.message(&**detail));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(&**help));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The line for a diagnostic that was accepted for that reason.
pub(crate) fn accepted(diagnostic: &Diagnostic, reason: &str) -> String {
    format!("accepted[{}]: {} ({reason})", diagnostic.code, diagnostic.summary)
}

/// Diagnostics as data: the same facts, places counted from 1.
pub(crate) fn data<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> Value {
    diagnostics.into_iter().map(one).collect()
}

/// One diagnostic as data.
pub(crate) fn one(diagnostic: &Diagnostic) -> Value {
    json!({
        "severity": diagnostic.severity.as_str(),
        "code": diagnostic.code,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "help": diagnostic.help,
        "accepted": diagnostic.accepted,
        "locations": diagnostic.labels.iter().map(location).collect::<Vec<_>>(),
    })
}

fn location(label: &Label) -> Value {
    let mut location = place(&label.span);
    if let Some(fields) = location.as_object_mut() {
        fields.insert("source_line".to_owned(), json!(label.span.file.line(label.span.start().line)));
        fields.insert("message".to_owned(), json!(label.message));
    }
    location
}

/// A place as data: the file, and where it begins and ends.
pub(crate) fn place(span: &Span) -> Value {
    json!({ "file": span.file.name, "start": position(span.start()), "end": position(span.end()) })
}

fn position(position: Position) -> Value {
    json!({ "line": position.line, "column": position.column })
}

fn snippet(label: &Label, primary: bool) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    let file = &label.span.file;
    let end = label.span.range.end.min(file.text.len());
    let mut annotation = kind.span(label.span.range.start.min(end)..end);
    if !label.message.is_empty() {
        annotation = annotation.label(label.message.as_str());
    }
    Snippet::source(file.text.as_str()).path(file.name.as_str()).annotation(annotation)
}

#[cfg(test)]
mod tests {
    use keywright_model::SourceFile;

    use super::*;

    fn example() -> Diagnostic {
        let file = SourceFile::new("main.tf", "module \"kms\" {\n  enable_firehose = true\n}\n");
        Diagnostic::error("unknown-input", "unknown input `enable_firehose`")
            .at(Span::new(&file, 17..32), "no such input")
            .help("did you mean `enable_alb_firehose`?")
    }

    #[test]
    fn text_shows_what_where_and_what_to_do() {
        insta::assert_snapshot!(text(&example(), false), @r"
        error[unknown-input]: unknown input `enable_firehose`
         --> main.tf:2:3
          |
        2 |   enable_firehose = true
          |   ^^^^^^^^^^^^^^^ no such input
          |
          = help: did you mean `enable_alb_firehose`?
        ");
    }

    #[test]
    fn what_was_accepted_is_one_quiet_line_and_tells_its_reason() {
        let accepted = example().accept("moves in March");
        let expect = "accepted[unknown-input]: unknown input `enable_firehose` (moves in March)";
        assert_eq!(text(&accepted, false), expect);
        assert_eq!(data([&accepted])[0]["accepted"], "moves in March");
        assert_eq!(data([&example()])[0]["accepted"], Value::Null);
    }

    #[test]
    fn data_holds_the_place_and_its_line() {
        let data = data([&example()]);
        assert_eq!(data[0]["locations"][0]["start"], json!({ "line": 2, "column": 3 }));
        assert_eq!(data[0]["locations"][0]["source_line"], "  enable_firehose = true");
    }
}
