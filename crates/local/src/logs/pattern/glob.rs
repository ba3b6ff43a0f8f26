/// Whether a text matches a pattern in which `*` stands for any characters, also none. Case counts.
///
/// Linear in the text for each `*`: the last `*` alone is tried again, which is enough for one wildcard character.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text) in [
            ("*", ""),
            ("a*", "a"),
            ("*key/mrk-1*", "on resource: arn:aws:kms:r:a:key/mrk-1 because"),
            ("a*b*c", "a-b-b-c"),
            ("**", "x"),
            ("ab", "ab"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a*b", "ab-"), ("ab*b", "ab"), ("a*b*c", "a-c-b"), ("ab", "abc"), ("", "a"), ("A*", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
