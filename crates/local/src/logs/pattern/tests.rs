use serde::Deserialize;

use super::*;

/// One line of `conformance/local/logs-patterns.json`.
#[derive(Deserialize)]
struct Case {
    name: String,
    source: String,
    pattern: String,
    #[serde(default)]
    matches: Vec<serde_json::Value>,
    #[serde(default)]
    refuses: Vec<serde_json::Value>,
    /// Part of the error, for patterns that cannot be read.
    error: Option<String>,
}

#[test]
fn patterns_mean_what_aws_documents() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../../../conformance/local/logs-patterns.json")).expect("the cases");
    for case in cases {
        assert!(!case.source.is_empty(), "{}", case.name);
        match (Pattern::parse(&case.pattern), case.error) {
            (Ok(pattern), None) => check(&case.name, &pattern, &case.matches, &case.refuses),
            (Err(error), Some(wanted)) => assert!(error.to_string().contains(&wanted), "{}: {error}", case.name),
            (read, wanted) => panic!("{}: read {read:?}, wanted error {wanted:?}", case.name),
        }
    }
}

fn check(name: &str, pattern: &Pattern, matches: &[serde_json::Value], refuses: &[serde_json::Value]) {
    assert!(!matches.is_empty() || !refuses.is_empty(), "{name} checks nothing");
    for event in matches {
        assert!(pattern.matches(&message(event)), "{name} should match {event}");
    }
    for event in refuses {
        assert!(!pattern.matches(&message(event)), "{name} should not match {event}");
    }
}

/// A text stands for itself, an object for its JSON.
fn message(event: &serde_json::Value) -> String {
    event.as_str().map_or_else(|| event.to_string(), str::to_owned)
}

#[test]
fn gives_the_values_that_a_pattern_names() {
    let pattern = Pattern::parse("{ $.eventName = * && $.latency > 5 && $.gone NOT EXISTS }").expect("a pattern");
    let found = pattern.find(r#"{"eventName":"Decrypt","latency":7.5}"#).expect("a match");
    let found: Vec<_> = found.iter().map(|(selector, text)| (selector.as_str(), text.as_str())).collect();
    assert_eq!(found, [("$.eventName", "Decrypt"), ("$.latency", "7.5")]);

    let pattern = Pattern::parse("[ip, ..., status = 4*, size]").expect("a pattern");
    let found = pattern.find(r#"1.2.3.4 - [10/Oct/2000 x] "GET /a b" 404 12"#).expect("a match");
    assert_eq!(found.get("$status").map(String::as_str), Some("404"));
    assert_eq!(found.get("$size").map(String::as_str), Some("12"));
}

#[test]
fn deep_nesting_is_refused_and_never_overflows() {
    let nested = |depth: usize| format!("{{ {}$.a = 1{} }}", "(".repeat(depth), ")".repeat(depth));
    assert!(Pattern::parse(&nested(100)).is_ok());
    assert_eq!(Pattern::parse(&nested(100_000)), Err(PatternError::TooDeep));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\{\\[\"$.a-c*=<>&|() \\]\\}%?!0-9\\\\,ISNOTÄ-]{0,60}", message in ".{0,40}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            pattern.matches(&message);
        }
    }
}
