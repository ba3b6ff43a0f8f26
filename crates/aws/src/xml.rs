//! Answers in XML, of services that have no SDK client here.

use quick_xml::Reader;
use quick_xml::events::Event;

/// An element, without its attributes and without the prefixes of names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root element of a document. None where it is no XML, or far too deep.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) if open.len() < DEEPEST => open.push(Self::named(start.local_name().as_ref())),
                Event::Start(_) => return None,
                Event::Empty(empty) => {
                    let element = Self::named(empty.local_name().as_ref());
                    open.last_mut()?.children.push(element);
                }
                Event::End(_) => {
                    let element = open.pop()?;
                    open.last_mut()?.children.push(element);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text),
                Event::CData(text) => open.last_mut()?.text.push_str(&text),
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref().ok()? {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&reference)?.to_owned(),
                    };
                    open.last_mut()?.text.push_str(&resolved);
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        let document = open.pop().filter(|_| open.is_empty())?;
        document.children.into_iter().next()
    }

    /// The elements at a path below this one.
    pub(crate) fn all(&self, path: &[&str]) -> Vec<&Self> {
        let mut found = vec![self];
        for name in path {
            found = found.into_iter().flat_map(|it| &it.children).filter(|it| it.name == *name).collect();
        }
        found
    }

    /// The text of the first element at a path.
    pub(crate) fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.all(path).first().map(|it| it.text.trim())
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

const DEEPEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_path() {
        let text =
            "<?xml version=\"1.0\"?><a xmlns=\"x\"><b><c>1 &lt; 2&#33;</c></b><b><c><![CDATA[3]]></c><d/></b></a>";
        let root = Element::parse(text).expect("XML");
        assert_eq!(root.text_at(&["b", "c"]), Some("1 < 2!"));
        assert_eq!(root.all(&["b"]).len(), 2);
        assert_eq!(root.all(&["b"])[1].text_at(&["c"]), Some("3"));
        assert_eq!(root.text_at(&["c"]), None, "a path does not skip");
    }

    #[test]
    fn what_is_no_xml_is_none() {
        for text in ["", "{}", "<a><b></a>", "<a>", &"<a>".repeat(100)] {
            assert_eq!(Element::parse(text), None, "{text}");
        }
    }
}
