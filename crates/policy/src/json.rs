//! A reader of JSON that knows where each value stands, which `serde_json` does not tell.
//!
//! Stricter than the standard where a policy would be ambiguous: an object may not hold a name twice.

use std::ops::Range;

use crate::error::{PolicyError, Problem};

/// A value and the bytes of the text that it was read from.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number as it is written: policies compare it as text or read it when a condition needs it.
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) name_span: Range<usize>,
    pub(crate) value: Node,
}

impl Node {
    /// What the value is, in words for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

/// Reads one JSON value that takes up the whole text.
pub(crate) fn read(text: &str) -> Result<Node, PolicyError> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.wrong("nothing may follow the document")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, PolicyError> {
        if depth > DEPTH_LIMIT {
            return Err(self.wrong("it is nested too deeply for a policy"));
        }
        self.skip_space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => self.word()?,
            None => return Err(self.wrong("it ends where a value should stand")),
        };
        Ok(Node { value, span: start..self.at })
    }

    fn object(&mut self, depth: usize) -> Result<Value, PolicyError> {
        let mut members: Vec<Member> = Vec::new();
        self.at += 1;
        if self.next_is(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            let member = self.member(depth)?;
            if members.iter().any(|known| known.name == member.name) {
                return Err(PolicyError::new(Problem::DuplicateName { name: member.name }, Some(member.name_span)));
            }
            members.push(member);
            if self.next_is(b'}') {
                return Ok(Value::Object(members));
            }
            self.expect(b',', "`,` or `}` should stand here")?;
        }
    }

    fn member(&mut self, depth: usize) -> Result<Member, PolicyError> {
        self.skip_space();
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a name in double quotes should stand here"));
        }
        let name = self.string()?;
        let name_span = start..self.at;
        self.expect(b':', "`:` should stand after a name")?;
        Ok(Member { name, name_span, value: self.value(depth + 1)? })
    }

    fn array(&mut self, depth: usize) -> Result<Value, PolicyError> {
        let mut nodes = Vec::new();
        self.at += 1;
        if self.next_is(b']') {
            return Ok(Value::Array(nodes));
        }
        loop {
            nodes.push(self.value(depth + 1)?);
            if self.next_is(b']') {
                return Ok(Value::Array(nodes));
            }
            self.expect(b',', "`,` or `]` should stand here")?;
        }
    }

    fn string(&mut self) -> Result<String, PolicyError> {
        let mut read = String::new();
        self.at += 1;
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            // The bytes that end a run are ASCII, so the run ends at the border of a character.
            read.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(read);
                }
                Some(b'\\') => read.push(self.escape()?),
                Some(_) => return Err(self.wrong("control characters in a string must be escaped")),
                None => return Err(self.wrong("a string is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, PolicyError> {
        self.at += 1;
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.wrong("there is no such escape in JSON")),
        };
        self.at += 1;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char, PolicyError> {
        let first = self.code_unit()?;
        let code = match first {
            0xD800..=0xDBFF if self.peek() == Some(b'\\') => {
                self.at += 1;
                match self.code_unit()? {
                    second @ 0xDC00..=0xDFFF => 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00),
                    _ => return Err(self.wrong("half of a surrogate pair is missing")),
                }
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.wrong("half of a surrogate pair is missing"))
    }

    /// Reads `uXXXX`, where the reader stands at the `u`.
    fn code_unit(&mut self) -> Result<u32, PolicyError> {
        let digits = self.text.get(self.at..self.at + 5).and_then(|text| text.strip_prefix('u'));
        let hexadecimal = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = hexadecimal.and_then(|text| u32::from_str_radix(text, 16).ok());
        let code = code.ok_or_else(|| self.wrong("`\\u` must be followed by four hexadecimal digits"))?;
        self.at += 5;
        Ok(code)
    }

    fn number(&mut self) -> Result<Value, PolicyError> {
        let start = self.at;
        self.skip(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        Ok(Value::Number(self.text.get(start..self.at).unwrap_or_default().to_owned()))
    }

    fn digits(&mut self) -> Result<(), PolicyError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.wrong("a digit should stand here")) } else { Ok(()) }
    }

    fn word(&mut self) -> Result<Value, PolicyError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.wrong("a value should stand here"))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.skip_space();
        self.skip(byte)
    }

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), PolicyError> {
        if self.next_is(byte) { Ok(()) } else { Err(self.wrong(otherwise)) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, reason: &'static str) -> PolicyError {
        let character = self.text.get(self.at..).and_then(|rest| rest.chars().next());
        let end = self.at + character.map_or(0, char::len_utf8);
        PolicyError::new(Problem::NotJson { reason }, Some(self.at..end))
    }
}

/// How deep values may be nested. The deepest of a policy is a value in a condition: six.
const DEPTH_LIMIT: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_serde(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text).expect("a number"),
            Value::String(text) => text.as_str().into(),
            Value::Array(nodes) => nodes.iter().map(as_serde).collect(),
            Value::Object(members) => members.iter().map(|it| (it.name.clone(), as_serde(&it.value))).collect(),
        }
    }

    #[test]
    fn refuses_what_is_no_json() {
        for wrong in [
            "",
            "{",
            "}",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "01",
            "1.",
            "1e",
            "-",
            "+1",
            "tru",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\u{1}\"",
            "1 2",
            "'a'",
            "// a\n1",
            "\u{feff}1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn refuses_a_name_given_twice_and_deep_nesting() {
        assert!(read(r#"{"a":1,"b":{"a":1}}"#).is_ok());
        let error = read(r#"{"a":1,"\u0061":2}"#).expect_err("a duplicate");
        assert_eq!(error.span, Some(7..15));
        assert!(read(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_any_text(text in r#"[\[\]{}:,"\\ua-f0-9eE.+ \-truefalsn]{0,24}"#) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            match (read(&text), theirs) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(as_serde(&ours), theirs),
                (Err(_), Err(_)) => {}
                (Err(error), Ok(_)) => prop_assert!(matches!(error.problem, Problem::DuplicateName { .. }), "{}: {}", text, error),
                // serde_json refuses numbers that no `f64` holds; here they stay text.
                (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range"), "{}: {}", text, error),
            }
        }

        #[test]
        fn reads_what_serde_json_prints(text in ".{0,40}") {
            let printed = serde_json::to_string(&text).expect("a string");
            let node = read(&printed).expect("JSON");
            prop_assert_eq!(as_serde(&node), serde_json::Value::from(text));
            prop_assert_eq!(node.span, 0..printed.len());
        }
    }
}
