//! YAML, and so JSON, with the place of every value, and with tags such as `!Sub`.

use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marked};
use keywright_model::{Diagnostic, SourceFile, Span};

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The short form of a function, without its `!`: `Sub`, `GetAtt`.
    pub(super) tag: Option<String>,
    /// The bytes of the text.
    pub(super) place: Range<usize>,
}

/// What a value is. Numbers stay as they are written: `012345678901` is an account.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Field>),
}

/// A field of a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    /// Where the name stands.
    pub(super) place: Range<usize>,
    pub(super) value: Node,
}

impl Node {
    /// The field of that name; none where this is no map.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields().iter().find(|it| it.name == name)
    }

    /// The fields; none where this is no map.
    pub(super) fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Map(fields) => fields,
            _ => &[],
        }
    }

    /// The text; none where this is none.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; where this is no list, itself.
    pub(super) fn items_or_itself(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }
}

/// Reads a text with one document.
///
/// # Errors
/// Where the text stops being YAML, or is nested too deeply; for aliases, which CloudFormation does not take, and names
/// that stand twice.
pub(super) fn read(file: &Arc<SourceFile>) -> Result<Node, Diagnostic> {
    let mut reader = Reader { events: Parser::new_from_str(&file.text), file };
    loop {
        let (event, place) = reader.next()?;
        if event.is_node() {
            return reader.node(event, place, 0);
        }
        if matches!(event, Event::StreamEnd) {
            return Err(reader.wrong("the file is empty", 0..0));
        }
    }
}

struct Reader<'a, I: Iterator<Item = Result<(Event<'a>, Marked), ScanError>>> {
    events: I,
    file: &'a Arc<SourceFile>,
}

impl<'a, I: Iterator<Item = Result<(Event<'a>, Marked), ScanError>>> Reader<'a, I> {
    /// The next event that is no comment.
    fn next(&mut self) -> Result<(Event<'a>, Range<usize>), Diagnostic> {
        match self.events.next() {
            Some(Ok((event, marked))) => Ok((event, self.range(&marked))),
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or_default();
                Err(self.wrong(&error.info(), at..at))
            }
            None => Err(self.wrong("the text ends too early", self.file.text.len()..self.file.text.len())),
        }
    }

    fn node(&mut self, event: Event<'a>, place: Range<usize>, depth: usize) -> Result<Node, Diagnostic> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("it is nested too deeply", place));
        }
        let tag = event.tag().filter(|it| it.is_custom()).map(|it| it.suffix().trim_start_matches('!').to_owned());
        let is_text = event.tag().is_some_and(|it| it.core_suffix() == Some("str"));
        let (kind, place) = match event {
            Event::Scalar(text, style, ..) => (scalar(&text, style, is_text || tag.is_some()), place),
            Event::SequenceStart(..) => self.list(place, depth)?,
            Event::MappingStart(..) => self.map(place, depth)?,
            _ => return Err(self.wrong("CloudFormation takes no YAML aliases", place)),
        };
        Ok(Node { kind, tag, place })
    }

    fn list(&mut self, mut place: Range<usize>, depth: usize) -> Result<(Kind, Range<usize>), Diagnostic> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::SequenceEnd => {
                    place.end = items.last().map_or(at.end, |it: &Node| it.place.end.max(at.end.min(it.place.end + 1)));
                    return Ok((Kind::List(items), place));
                }
                event if event.is_node() => items.push(self.node(event, at, depth + 1)?),
                _ => {}
            }
        }
    }

    fn map(&mut self, mut place: Range<usize>, depth: usize) -> Result<(Kind, Range<usize>), Diagnostic> {
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::MappingEnd => {
                    place.end = fields.last().map_or(at.end, |it| it.value.place.end.max(it.place.end));
                    return Ok((Kind::Map(fields), place));
                }
                Event::Scalar(name, ..) => {
                    if fields.iter().any(|it| it.name == name.as_ref()) {
                        return Err(self.wrong(&format!("`{name}` stands twice"), at));
                    }
                    let value = self.value(depth)?;
                    fields.push(Field { name: name.into_owned(), place: at, value });
                }
                event if event.is_node() => return Err(self.wrong("a name must be a text", at)),
                _ => {}
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Diagnostic> {
        loop {
            let (event, at) = self.next()?;
            if event.is_node() {
                return self.node(event, at, depth + 1);
            }
        }
    }

    fn range(&self, marked: &Marked) -> Range<usize> {
        let length = self.file.text.len();
        let range = marked.byte_range().unwrap_or(length..length);
        range.start.min(length)..range.end.min(length)
    }

    fn wrong(&self, what: &str, at: Range<usize>) -> Diagnostic {
        Diagnostic::error("invalid-template", format!("`{}` cannot be read as YAML or JSON: {what}", self.file.name))
            .at(Span::new(self.file, at), "reading stops here")
    }
}

fn scalar(text: &str, style: ScalarStyle, is_text: bool) -> Kind {
    if is_text || style != ScalarStyle::Plain {
        return Kind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        text => Kind::Text(text.to_owned()),
    }
}

/// Policies have some eight levels, functions a few more.
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Node, Diagnostic> {
        read(&SourceFile::new("t.yaml", text))
    }

    #[test]
    fn tags_and_places_are_kept_and_numbers_stay_as_they_are_written() {
        let text = "a: !Sub 'x-${y}'\nb:\n  - 012345678901\n  - true\n";
        let node = parsed(text).expect("a node");
        let a = &node.field("a").expect("a field").value;
        assert_eq!((a.tag.as_deref(), a.text()), (Some("Sub"), Some("x-${y}")));
        let items = node.field("b").expect("a field").value.items_or_itself();
        assert_eq!(items[0].text(), Some("012345678901"));
        assert_eq!(&text[items[0].place.clone()], "012345678901");
        assert_eq!(items[1].kind, Kind::Bool(true));
    }

    #[test]
    fn json_is_read_too_and_what_is_neither_is_an_error() {
        assert_eq!(
            parsed(r#"{"a": {"Ref": "b"}}"#).expect("a node").field("a").expect("a").value.fields()[0].name,
            "Ref"
        );
        for wrong in ["a: [", "a: &x 1\nb: *x\n", "a: 1\na: 2\n", "", "? [a]\n: b\n"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(parsed(&deep).is_err());
    }
}
