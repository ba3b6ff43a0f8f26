//! What KMS says about the bytes of a policy.
//!
//! Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>.

use super::Finding;
use super::rules::{POLICY_CHARACTERS, POLICY_NEARLY_TOO_LARGE, POLICY_TOO_LARGE, Rule};

pub(super) fn check(text: &str) -> Vec<Finding> {
    size(text).into_iter().chain(characters(text)).collect()
}

fn size(text: &str) -> Option<Finding> {
    let size = text.len();
    let of = |rule: &'static Rule, help: &str| Finding {
        rule,
        summary: format!("the policy has {size} bytes, of {LARGEST} that KMS takes"),
        span: 0..size,
        statement: None,
        help: help.to_owned(),
        witness: None,
    };
    if size > LARGEST {
        return Some(of(
            &POLICY_TOO_LARGE,
            "drop spaces and line breaks, merge statements, or use grants for some principals",
        ));
    }
    let help = "merge statements, or drop spaces, before it grows further";
    (size > LARGE).then(|| of(&POLICY_NEARLY_TOO_LARGE, help))
}

fn characters(text: &str) -> Option<Finding> {
    let mut strange = text.char_indices().filter(|(_, it)| !is_taken(*it));
    let (at, first) = strange.next()?;
    let more = match strange.count() {
        0 => String::new(),
        count => format!(", and {count} more like it"),
    };
    Some(Finding {
        rule: &POLICY_CHARACTERS,
        summary: format!("the policy holds U+{:04X}{more}, which KMS does not take", u32::from(first)),
        span: at..at + first.len_utf8(),
        statement: None,
        help:
            "leave the character out; in a JSON string it can also be written as an escape, `\\u` and four hex digits"
                .to_owned(),
        witness: None,
    })
}

fn is_taken(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}')
}

const LARGEST: usize = 32_768;
const LARGE: usize = LARGEST * 9 / 10;
