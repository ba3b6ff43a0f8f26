use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::xml::Xml;
use crate::error::AwsError;
use crate::service::Service;

/// The parameters of a Query request: `Action`, `Version`, and what the operation takes.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) action: Option<String>,
    pub(super) version: Option<String>,
    root: Node,
    /// A name stood there twice, and which value counts would be anybody's guess; or there was no room for one.
    is_ambiguous: bool,
}

impl Parameters {
    /// Reads the form of the body, and the query string of the URI.
    ///
    /// A `+` is a space in a form only. In a URI it is a plus: signatures do not tell `+` from `%2B` there.
    pub(super) fn read(uri_query: Option<&str>, body: &[u8]) -> Self {
        let mut parameters = Self::default();
        let mut room = MOST_NODES;
        let uri_query = uri_query.unwrap_or_default().replace('+', "%2B");
        for (name, value) in form_urlencoded::parse(uri_query.as_bytes()).chain(form_urlencoded::parse(body)) {
            let value = value.into_owned();
            let earlier = match name.as_ref() {
                "Action" => parameters.action.replace(value),
                "Version" => parameters.version.replace(value),
                _ => parameters.root.put(name.split('.').take(DEPTH), value, &mut room),
            };
            parameters.is_ambiguous |= earlier.is_some();
        }
        parameters
    }

    /// The operation's input, every leaf a text; none where a name stands twice.
    pub(super) fn into_value(self) -> Option<Value> {
        if self.is_ambiguous {
            return None;
        }
        match self.root.into_value() {
            Value::Object(members) => Some(Value::Object(members)),
            _ => Some(Value::Object(Map::new())),
        }
    }
}

/// The answer of an operation.
pub(super) fn encode(service: Service, operation: &str, output: &Value, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    let response = format!("{operation}Response");
    xml.open_root(&response, service.xml_namespace());
    if !output.is_null() {
        xml.value(&format!("{operation}Result"), output);
    }
    xml.open("ResponseMetadata");
    xml.text("RequestId", request_id);
    xml.close("ResponseMetadata");
    xml.close(&response);
    xml.into_bytes()
}

pub(super) fn encode_error(service: Service, error: &AwsError, request_id: &str) -> Vec<u8> {
    let mut xml = Xml::new();
    xml.open_root("ErrorResponse", service.xml_namespace());
    xml.open("Error");
    xml.text("Type", if error.is_senders_fault() { "Sender" } else { "Receiver" });
    xml.text("Code", error.query_code());
    xml.text("Message", &error.message);
    xml.close("Error");
    xml.text("RequestId", request_id);
    xml.close("ErrorResponse");
    xml.into_bytes()
}

/// A parameter name is a path: `Tags.member.1.Key`.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    /// Gives what stood there before; the value itself where there is no room for it.
    fn put<'a>(&mut self, mut path: impl Iterator<Item = &'a str>, value: String, room: &mut usize) -> Option<String> {
        let Some(step) = path.next() else { return self.text.replace(value) };
        if !self.children.contains_key(step) {
            if *room == 0 {
                return Some(value);
            }
            *room -= 1;
        }
        self.children.entry(step.to_owned()).or_default().put(path, value, room)
    }

    fn into_value(mut self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text.unwrap_or_default());
        }
        if self.children.len() == 1 {
            if let Some(members) = self.children.remove("member") {
                return Value::Array(members.into_items());
            }
            if let Some(entries) = self.children.remove("entry") {
                return Value::Object(entries.into_items().into_iter().filter_map(into_entry).collect());
            }
        }
        Value::Object(self.children.into_iter().map(|(name, node)| (name, node.into_value())).collect())
    }

    /// The children in the order of their numbers.
    fn into_items(self) -> Vec<Value> {
        let mut items: Vec<(u64, Node)> =
            self.children.into_iter().filter_map(|(number, node)| Some((number.parse().ok()?, node))).collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, node)| node.into_value()).collect()
    }
}

/// `{"key": K, "value": V}` as an entry of a map; the attributes of SNS's messages have `Name` and `Value`.
fn into_entry(item: Value) -> Option<(String, Value)> {
    let Value::Object(mut members) = item else { return None };
    let (key, value) = if members.contains_key("key") { ("key", "value") } else { ("Name", "Value") };
    match (members.remove(key)?, members.remove(value)) {
        (Value::String(key), value) => Some((key, value.unwrap_or_default())),
        _ => None,
    }
}

/// No parameter of any operation is nested deeper.
const DEPTH: usize = 16;
/// Steps of all names together: more than any operation's parameters have. Each takes hundreds of bytes, and names are
/// read before it is known who sends them.
const MOST_NODES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(form: &str, expect: Value) {
        assert_eq!(Parameters::read(None, form.as_bytes()).into_value(), Some(expect), "{form}");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for (query, form) in [(None, "A=1&B=2&A=1"), (Some("A=1"), "A=2"), (Some("Action=X"), "Action=Y&Version=1")] {
            assert_eq!(Parameters::read(query, form.as_bytes()).into_value(), None, "{query:?} {form}");
        }
    }

    #[test]
    fn names_do_not_grow_into_a_forest_that_fills_the_memory() {
        let form =
            |names: usize| (0..names).map(|at| format!("{at}.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=&")).collect::<String>();
        assert!(Parameters::read(None, form(MOST_NODES / DEPTH).as_bytes()).into_value().is_some());
        assert_eq!(Parameters::read(None, form(MOST_NODES / DEPTH + 1).as_bytes()).into_value(), None);
    }

    /// The canonical request has `%2B` for both.
    #[test]
    fn a_plus_in_the_uri_is_a_plus_however_it_is_written() {
        for query in ["Name=a+b", "Name=a%2Bb"] {
            assert_eq!(Parameters::read(Some(query), b"").into_value(), Some(json!({"Name": "a+b"})), "{query}");
        }
        check("Name=a+b", json!({"Name": "a b"}));
    }

    #[test]
    fn names_are_paths_through_lists_and_maps() {
        check("Action=X&Version=1&RoleName=a%20b+c", json!({"RoleName": "a b c"}));
        check(
            "Tags.member.2.Key=b&Tags.member.10.Key=c&Tags.member.1.Key=a&Tags.member.1.Value=",
            json!({"Tags": [{"Key": "a", "Value": ""}, {"Key": "b"}, {"Key": "c"}]}),
        );
        check(
            "Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=x",
            json!({"Attributes": {"DisplayName": "x"}}),
        );
        check(
            "MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=String",
            json!({"MessageAttributes": {"a": {"DataType": "String"}}}),
        );
        check("Tags=", json!({"Tags": ""}));
        check("", json!({}));
    }

    #[test]
    fn answers_and_errors_have_their_envelopes() {
        let answer = encode(Service::Iam, "GetUser", &json!({"User": {"Path": "/", "Tags": []}}), "id-1");
        assert_eq!(
            String::from_utf8(answer).expect("text"),
            "<GetUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetUserResult><User><Path>/</Path>\
             <Tags></Tags></User></GetUserResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>\
             </GetUserResponse>"
        );
        let error = encode_error(Service::Sts, &AwsError::new("AccessDenied", 403, "a < b"), "id-2");
        assert_eq!(
            String::from_utf8(error).expect("text"),
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>AccessDenied</Code><Message>a &lt; b</Message></Error><RequestId>id-2</RequestId></ErrorResponse>"
        );
    }
}
