//! REST with XML, as Amazon S3 speaks it: what is asked for stands in the method, the path, the query and the headers;
//! the body is an XML document, or bytes that are no one's business but the operation's.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use serde_json::{Map, Value};

use super::reply::{Reply, ReplyBody};
use super::xml::Xml;
use crate::error::AwsError;
use crate::service::Service;

/// Reads an XML document: an element without others inside is a text, one with others an object, and where a name
/// comes again, a list. Attributes do not count. None where it is not well formed, is nested too deeply, or declares
/// entities.
pub(super) fn decode(document: &[u8]) -> Option<Value> {
    let mut reader = Reader::from_str(std::str::from_utf8(document).ok()?);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() > DEEPEST {
                    return None;
                }
                let name = start.local_name().as_ref().to_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(empty) => {
                let name = empty.local_name().as_ref().to_owned();
                open.last_mut()?.add(name, Value::String(String::new()));
            }
            Event::End(_) => {
                let (name, value) = open.pop()?.finish()?;
                open.last_mut()?.add(name, value);
            }
            Event::Text(text) => open.last_mut()?.text.push_str(&text),
            Event::CData(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(reference) => open.last_mut()?.text.push(referred(&reference)?),
            Event::DocType(_) => return None,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    let [document] = <[Element; 1]>::try_from(open).ok()?;
    root(document)
}

/// The answer of an operation.
pub(super) fn encode(service: Service, reply: &Reply) -> Vec<u8> {
    match &reply.body {
        ReplyBody::Bytes(_) | ReplyBody::Members(_) => Vec::new(),
        ReplyBody::Document { root, members } => {
            let mut xml = Xml::new();
            xml.declaration();
            xml.open_root(root, service.xml_namespace());
            xml.flat_members(members);
            xml.close(root);
            xml.into_bytes()
        }
    }
}

/// An error, in the one shape that S3 has for them.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses>.
pub(super) fn encode_error(error: &AwsError, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.declaration();
    xml.open("Error");
    xml.text("Code", error.code);
    xml.text("Message", &error.message);
    for (name, value) in &error.details {
        xml.text(name, value);
    }
    xml.text("RequestId", request_id);
    xml.close("Error");
    xml.into_bytes()
}

#[derive(Default)]
struct Element {
    name: String,
    text: String,
    members: Map<String, Value>,
}

impl Element {
    fn add(&mut self, name: String, value: Value) {
        match self.members.get_mut(&name) {
            None => drop(self.members.insert(name, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => {
                let first_value = first.take();
                *first = Value::Array(vec![first_value, value]);
            }
        }
    }

    /// Its name and value; none where texts and elements are mixed.
    fn finish(self) -> Option<(String, Value)> {
        if self.members.is_empty() {
            return Some((self.name, Value::String(self.text)));
        }
        self.text.trim().is_empty().then_some((self.name, Value::Object(self.members)))
    }
}

/// The one element of the document.
fn root(document: Element) -> Option<Value> {
    if document.members.len() != 1 || !document.text.trim().is_empty() {
        return None;
    }
    document.members.into_iter().next().map(|(_, value)| value).filter(|value| !value.is_array())
}

fn referred(reference: &BytesRef<'_>) -> Option<char> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character);
    }
    match &**reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

const DEEPEST: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_become_texts_objects_and_lists() {
        let document = br#"<?xml version="1.0"?><A xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><B>1 &lt; 2&#33;</B><C><D/></C><E>x</E><E>y</E></A>"#;
        assert_eq!(decode(document), Some(json!({"B": "1 < 2!", "C": {"D": ""}, "E": ["x", "y"]})));
    }

    #[test]
    fn what_is_no_document_is_not_read() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        let bad = ["", "text", "<a>", "<a></b>", "<a/><b/>", "<a/><a/>", "<a>x<b/></a>", "<a>&x;</a>", deep.as_str()];
        for bad in bad {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(decode(br#"<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>"#), None);
    }
}
