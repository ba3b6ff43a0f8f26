//! JSON with the place of every value.

use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::{Diagnostic, SourceFile, Span};

use super::given::{Field, Given, Kind};

/// Reads a JSON text.
///
/// # Errors
/// Where the text stops being JSON; a name that stands twice in an object counts as that.
pub(crate) fn parse(file: &Arc<SourceFile>) -> Result<Given, Diagnostic> {
    let mut parser = Parser { file, text: file.text.trim_start_matches('\u{feff}'), at: 0, depth: 0 };
    parser.at = 0;
    let value = parser.value()?;
    parser.skip_blanks();
    match parser.rest().is_empty() {
        true => Ok(value),
        false => Err(parser.error("there is more after the end of the value")),
    }
}

struct Parser<'a> {
    file: &'a Arc<SourceFile>,
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Where the parser stands in the file, which may begin with a byte order mark.
    fn offset(&self, at: usize) -> usize {
        at + self.file.text.len() - self.text.len()
    }

    fn span(&self, start: usize) -> Span {
        Span::new(self.file, self.offset(start)..self.offset(self.at))
    }

    fn error(&self, message: &str) -> Diagnostic {
        let at = self.offset(self.at);
        Diagnostic::error("invalid-json", format!("this is not JSON: {message}"))
            .at(Span::new(self.file, at..at), "reading stops here")
            .help("JSON has no comments and no comma after the last item; texts stand in double quotes")
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn value(&mut self) -> Result<Given, Diagnostic> {
        self.skip_blanks();
        let start = self.at;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("it is nested too deeply"));
        }
        let kind = match self.peek() {
            Some('{') => self.object()?,
            Some('[') => self.array()?,
            Some('"') => Kind::String(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            _ => self.word()?,
        };
        self.depth -= 1;
        Ok(Given::new(kind, self.span(start)))
    }

    fn word(&mut self) -> Result<Kind, Diagnostic> {
        for (word, kind) in [("null", Kind::Null), ("true", Kind::Bool(true)), ("false", Kind::Bool(false))] {
            if self.take(word) {
                return Ok(kind);
            }
        }
        Err(self.error("a value is missing"))
    }

    fn number(&mut self) -> Result<Kind, Diagnostic> {
        let length = self.rest().find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c));
        let text = self.rest().get(..length.unwrap_or(self.rest().len())).unwrap_or_default().to_owned();
        match serde_json::from_str::<f64>(&text) {
            Ok(number) if number.is_finite() => {
                self.at += text.len();
                Ok(Kind::Number(number))
            }
            _ => Err(self.error("this is no number")),
        }
    }

    fn string(&mut self) -> Result<String, Diagnostic> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, character)| {
            let ends = *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            ends
        });
        let Some(text) = end.and_then(|(end, _)| rest.get(..=end)) else {
            return Err(self.error("a text does not end"));
        };
        let read = serde_json::from_str(text)
            .map_err(|_| self.error("a text holds a character or an escape that is not allowed"))?;
        self.at += text.len();
        Ok(read)
    }

    fn array(&mut self) -> Result<Kind, Diagnostic> {
        self.take("[");
        let mut items = Vec::new();
        self.skip_blanks();
        if self.take("]") {
            return Ok(Kind::List(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_blanks();
            if self.take("]") {
                return Ok(Kind::List(items));
            }
            if !self.take(",") {
                return Err(self.error("`,` or `]` is missing"));
            }
        }
    }

    fn object(&mut self) -> Result<Kind, Diagnostic> {
        self.take("{");
        let mut fields = IndexMap::new();
        self.skip_blanks();
        if self.take("}") {
            return Ok(Kind::Map(fields));
        }
        loop {
            self.field(&mut fields)?;
            self.skip_blanks();
            if self.take("}") {
                return Ok(Kind::Map(fields));
            }
            if !self.take(",") {
                return Err(self.error("`,` or `}` is missing"));
            }
        }
    }

    fn field(&mut self, fields: &mut IndexMap<String, Field>) -> Result<(), Diagnostic> {
        self.skip_blanks();
        let start = self.at;
        if self.peek() != Some('"') {
            return Err(self.error("a name in double quotes is missing"));
        }
        let name = self.string()?;
        let key = self.span(start);
        if fields.contains_key(&name) {
            return Err(Diagnostic::error("invalid-json", "this name stands twice in one object").at(key, "the second"));
        }
        self.skip_blanks();
        if !self.take(":") {
            return Err(self.error("`:` is missing"));
        }
        let value = self.value()?;
        fields.insert(name, Field { key, value });
        Ok(())
    }
}

const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Given, Diagnostic> {
        parse(&SourceFile::new("test.json", text))
    }

    #[test]
    fn reads_what_serde_reads() {
        for text in [r#" {"a": [1, -2.5e3, true, null, "x\"\u00e4\n"], "b": {}} "#, "[]", "\"\"", "0"] {
            let expect: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(
                read(text).expect("reads").to_json().to_string().replace(".0", ""),
                expect.to_string().replace(".0", "")
            );
        }
    }

    #[test]
    fn tells_where_each_value_stands() {
        let value = read("{\n  \"name\": \"x\"\n}").expect("reads");
        let (_, field) = value.fields().next().expect("a field");
        assert_eq!((field.key.start().line, field.value.span.start().column), (2, 11));
    }

    #[test]
    fn refuses_what_is_not_json() {
        for wrong in
            ["", "{", "[1,]", "{\"a\": 1, \"a\": 2}", "{'a': 1}", "01", "[1] x", "\"a", "nul", "1e999", "// c\n1"]
        {
            assert_eq!(read(wrong).expect_err(wrong).code, "invalid-json", "{wrong}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
