//! Wildcards: `*` stands for any run of characters, `?` for exactly one.

/// Whether the whole of `text` fits `pattern`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if !pattern.bytes().any(is_wildcard) {
        return pattern == text;
    }
    fits(&Written { pattern: pattern.as_bytes(), fold_case: false }, text.as_bytes())
}

/// As [`matches`], without regard to the case of ASCII letters, as action names are compared.
pub(crate) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    if !pattern.bytes().any(is_wildcard) {
        return pattern.eq_ignore_ascii_case(text);
    }
    fits(&Written { pattern: pattern.as_bytes(), fold_case: true }, text.as_bytes())
}

/// Whether `text` holds a wildcard.
pub(crate) fn has_wildcard(text: &str) -> bool {
    text.bytes().any(is_wildcard)
}

/// A pattern of which some parts are meant literally, because a policy variable stood there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Byte(u8),
    One,
    Many,
}

impl Pattern {
    /// Adds text in which wildcards are wildcards.
    pub(crate) fn push_pattern(&mut self, text: &str) {
        self.0.extend(text.bytes().map(token));
    }

    /// Adds text that is meant literally.
    pub(crate) fn push_literal(&mut self, text: &str) {
        self.0.extend(text.bytes().map(Token::Byte));
    }

    /// Whether the whole of `text` fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        fits(&Tokens(&self.0), text.as_bytes())
    }

    /// The parts between the first `count - 1` occurrences of `separator`; fewer if there are fewer.
    pub(crate) fn split(&self, separator: u8, count: usize) -> Vec<Self> {
        self.0.splitn(count, |token| *token == Token::Byte(separator)).map(|part| Self(part.to_vec())).collect()
    }
}

fn is_wildcard(byte: u8) -> bool {
    matches!(byte, b'*' | b'?')
}

fn token(byte: u8) -> Token {
    match byte {
        b'*' => Token::Many,
        b'?' => Token::One,
        _ => Token::Byte(byte),
    }
}

trait Tokenized {
    fn at(&self, index: usize) -> Option<Token>;
    fn same(&self, left: u8, right: u8) -> bool {
        left == right
    }
}

struct Written<'a> {
    pattern: &'a [u8],
    fold_case: bool,
}

impl Tokenized for Written<'_> {
    fn at(&self, index: usize) -> Option<Token> {
        self.pattern.get(index).copied().map(token)
    }

    fn same(&self, left: u8, right: u8) -> bool {
        left == right || (self.fold_case && left.eq_ignore_ascii_case(&right))
    }
}

struct Tokens<'a>(&'a [Token]);

impl Tokenized for Tokens<'_> {
    fn at(&self, index: usize) -> Option<Token> {
        self.0.get(index).copied()
    }
}

/// Goes back to the last `*` only: whatever an earlier one took can stay taken, so the work is at most the
/// product of the lengths, and linear where patterns have one `*`.
fn fits(pattern: &impl Tokenized, text: &[u8]) -> bool {
    let (mut pattern_at, mut text_at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(text_at) {
        match pattern.at(pattern_at) {
            Some(Token::Many) => {
                pattern_at += 1;
                retry = Some((pattern_at, text_at));
            }
            Some(Token::One) => {
                pattern_at += 1;
                text_at = next_character(text, text_at);
            }
            Some(Token::Byte(wanted)) if pattern.same(wanted, byte) => {
                pattern_at += 1;
                text_at += 1;
            }
            _ => match &mut retry {
                Some((after_star, taken)) => {
                    *taken = next_character(text, *taken);
                    (pattern_at, text_at) = (*after_star, *taken);
                }
                None => return false,
            },
        }
    }
    while pattern.at(pattern_at) == Some(Token::Many) {
        pattern_at += 1;
    }
    pattern.at(pattern_at).is_none()
}

/// The start of the character after the one that begins at `at`.
fn next_character(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while text.get(next).is_some_and(|byte| byte & 0xC0 == 0x80) {
        next += 1;
    }
    next
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_characters() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("**", "abc", true),
            ("?", "", false),
            ("?", "é", true),
            ("?", "ab", false),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("*.amazonaws.com", "s3.amazonaws.com", true),
            ("kms:Re*From", "kms:ReEncryptFrom", true),
            ("*a*b", "aXbXaXb", true),
            ("a?c*", "abc", true),
            ("abc", "abcd", false),
            ("abc*d", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn case_counts_unless_told_otherwise() {
        assert!(!matches("KMS:*", "kms:Decrypt"));
        assert!(matches_ignoring_case("KMS:dec*", "kms:Decrypt"));
        assert!(matches_ignoring_case("KMS:decrypt", "kms:Decrypt"));
    }

    #[test]
    fn a_hostile_pattern_does_not_explode() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(!matches(&format!("{}b", "*a".repeat(500)), &"a".repeat(5_000)));
    }

    /// The definition, slow and plain.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => by_definition(rest, text),
            (Some(('*', rest)), Some((_, shorter))) => by_definition(rest, text) || by_definition(pattern, shorter),
            (Some((wanted, rest)), Some((found, shorter))) => {
                (*wanted == '?' || wanted == found) && by_definition(rest, shorter)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[abé*?]{0,8}", text in "[abé]{0,8}") {
            let (chars, letters): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
            let expected = by_definition(&chars, &letters);
            prop_assert_eq!(matches(&pattern, &text), expected);
            let mut tokens = Pattern::default();
            tokens.push_pattern(&pattern);
            prop_assert_eq!(tokens.matches(&text), expected);
        }
    }
}
