//! Policy variables: `${aws:username}`, `${aws:PrincipalTag/team, 'default'}`, and `${*}`, `${?}`, `${$}` for
//! the characters themselves.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>.

use crate::document::Version;
use crate::glob::Pattern;
use crate::request::Context;

/// Whether the text holds what may be a variable in a document of that version.
pub(crate) fn has_variable(text: &str, version: Version) -> bool {
    version == Version::V2012 && text.contains("${")
}

/// The text with the values of its variables; none if one has no value.
pub(crate) fn substitute(text: &str, context: &Context) -> Option<String> {
    let mut whole = String::new();
    pieces(text, context, |piece| match piece {
        Piece::Written(text) | Piece::Value(text) => whole.push_str(text),
    })?;
    Some(whole)
}

/// The pattern with the values of its variables; wildcards in values are not wildcards.
pub(crate) fn substitute_pattern(text: &str, context: &Context) -> Option<Pattern> {
    let mut whole = Pattern::default();
    pieces(text, context, |piece| match piece {
        Piece::Written(text) => whole.push_pattern(text),
        Piece::Value(text) => whole.push_literal(text),
    })?;
    Some(whole)
}

enum Piece<'a> {
    Written(&'a str),
    Value(&'a str),
}

fn pieces(text: &str, context: &Context, mut push: impl FnMut(Piece<'_>)) -> Option<()> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, tail) = after.split_once('}')?;
        push(Piece::Written(before));
        push(Piece::Value(value(variable, context)?));
        rest = tail;
    }
    push(Piece::Written(rest));
    Some(())
}

fn value<'a>(variable: &'a str, context: &'a Context) -> Option<&'a str> {
    if matches!(variable, "*" | "?" | "$") {
        return Some(variable);
    }
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (key, quoted(default)),
        None => (variable, None),
    };
    match context.get(key.trim()) {
        Some([value]) => Some(value),
        // A key with several values cannot be a variable.
        Some([_, _, ..]) => None,
        Some([]) | None => default,
    }
}

fn quoted(text: &str) -> Option<&str> {
    text.trim().strip_prefix('\'')?.strip_suffix('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        let mut context = Context::new();
        context.set("aws:username", "a*b");
        context.set_many("aws:TagKeys", ["x", "y"]);
        context
    }

    #[test]
    fn gives_values_defaults_and_characters() {
        for (text, expected) in [
            ("home/${aws:username}/x", Some("home/a*b/x")),
            ("${AWS:UserName}", Some("a*b")),
            ("${aws:missing, 'none'}", Some("none")),
            ("${aws:username, 'none'}", Some("a*b")),
            ("${*}${?}${$}", Some("*?$")),
            ("${aws:missing}", None),
            ("${aws:missing, none}", None),
            ("${aws:TagKeys}", None),
            ("${aws:TagKeys, 'none'}", None),
            ("${aws:username", None),
            ("plain", Some("plain")),
        ] {
            assert_eq!(substitute(text, &context()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn wildcards_in_values_are_not_wildcards() {
        let pattern = substitute_pattern("${aws:username}-*-${*}", &context()).expect("values");
        assert!(pattern.matches("a*b-anything-*"));
        assert!(!pattern.matches("aXb-anything-*"));
        assert!(!pattern.matches("a*b-anything-X"));
    }
}
