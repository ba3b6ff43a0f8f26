use jiff::Timestamp;
use serde_json::Value;

use super::value::{Shape, shape};

/// Writes the XML of the Query protocol: structures as elements, lists as `member`, maps as `entry`.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn open_root(&mut self, name: &str, namespace: &str) {
        self.0.push_str(&format!("<{name} xmlns=\"{namespace}\">"));
    }

    pub(super) fn open(&mut self, name: &str) {
        self.0.push_str(&format!("<{name}>"));
    }

    pub(super) fn close(&mut self, name: &str) {
        self.0.push_str(&format!("</{name}>"));
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        text.chars().for_each(|character| self.character(character));
        self.close(name);
    }

    /// An element for the value; none for an absent one.
    pub(super) fn value(&mut self, name: &str, value: &Value) {
        match shape(value) {
            Shape::Null => {}
            Shape::Bool(flag) => self.text(name, if flag { "true" } else { "false" }),
            Shape::Number(number) => self.text(name, &number.to_string()),
            Shape::Text(text) => self.text(name, text),
            Shape::Time(time) => self.text(name, &iso_8601(time)),
            Shape::List(items) => self.wrap(name, |xml| items.iter().for_each(|item| xml.value("member", item))),
            Shape::Structure(members) => {
                self.wrap(name, |xml| members.iter().for_each(|(member, value)| xml.value(member, value)));
            }
            Shape::Map(entries) => self.wrap(name, |xml| entries.iter().for_each(|(key, value)| xml.entry(key, value))),
        }
    }

    /// The members as S3 writes them: a list as its items, one after the other, under the name of the member.
    pub(super) fn flat_members(&mut self, members: &Value) {
        match shape(members) {
            Shape::Structure(members) => members.iter().for_each(|(name, value)| self.flat(name, value)),
            Shape::Text(text) => text.chars().for_each(|character| self.character(character)),
            _ => {}
        }
    }

    fn flat(&mut self, name: &str, value: &Value) {
        match shape(value) {
            Shape::List(items) => items.iter().for_each(|item| self.flat(name, item)),
            Shape::Structure(_) => self.wrap(name, |xml| xml.flat_members(value)),
            Shape::Time(time) => self.text(name, &time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()),
            _ => self.value(name, value),
        }
    }

    pub(super) fn declaration(&mut self) {
        self.0.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    fn entry(&mut self, key: &str, value: &Value) {
        self.wrap("entry", |xml| {
            xml.text("key", key);
            xml.value("value", value);
        });
    }

    fn wrap(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.open(name);
        inside(self);
        self.close(name);
    }

    fn character(&mut self, character: char) {
        match character {
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '&' => self.0.push_str("&amp;"),
            '"' => self.0.push_str("&quot;"),
            '\r' => self.0.push_str("&#xD;"),
            '\t' | '\n' => self.0.push(character),
            // XML 1.0 has no way to write other control characters.
            _ if character.is_control() || character == '\u{fffe}' || character == '\u{ffff}' => {
                self.0.push('\u{fffd}')
            }
            _ => self.0.push(character),
        }
    }
}

/// `2026-11-24T22:05:27Z`, with milliseconds where there are any.
fn iso_8601(time: Timestamp) -> String {
    let format = if time.as_millisecond() % 1000 == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%3fZ" };
    time.strftime(format).to_string()
}
