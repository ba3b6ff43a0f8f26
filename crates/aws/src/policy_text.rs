use serde_json::Value;

/// A policy as Terraform keeps it in states: without spaces, keys in order, and `<`, `>`, `&`
/// escaped, for that is how Go writes JSON. What is no JSON stays as it is.
pub(crate) fn normalized(text: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    value.sort_all_objects();
    GO_ESCAPES.iter().fold(value.to_string(), |text, (character, escape)| text.replace(*character, escape))
}

/// Whether two texts are the same JSON.
pub(crate) fn same(left: Option<&str>, right: Option<&str>) -> bool {
    left.map(normalized) == right.map(normalized)
}

/// None of these characters can stand in JSON outside of a string.
const GO_ESCAPES: &[(char, &str)] =
    &[('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_json_as_terraform_does() {
        assert_eq!(
            normalized("{\"b\": [1, {\"z\":1,\"a\":\"<&>\"}], \"a\":null}"),
            r#"{"a":null,"b":[1,{"a":"\u003c\u0026\u003e","z":1}]}"#
        );
        assert_eq!(normalized("not json"), "not json");
    }

    #[test]
    fn tells_apart_what_json_says_and_not_how() {
        assert!(same(Some("{\"b\":1, \"a\":2}"), Some("{\"a\":2,\"b\":1}")));
        assert!(!same(Some("{\"b\":1}"), Some("{\"b\":2}")));
        assert!(!same(Some("{}"), None));
    }
}
