//! Filter patterns: what a metric filter, or a search, looks for in log events.
//!
//! Three kinds, told apart by their first character: `{ … }` for events that are JSON objects, `[ … ]` for events of
//! fields separated by spaces, and terms for everything else.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>.

mod expression;
mod fields;
mod glob;
mod terms;

use indexmap::IndexMap;

use self::expression::{Expression, Reading};
use self::fields::Fields;
use self::terms::Terms;

/// A filter pattern that has been read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    /// `{ … }`: a condition on the members of a JSON object.
    Json(Expression),
    /// `[ … ]`: conditions on fields separated by spaces.
    Fields(Fields),
    /// Words and phrases; none match every event.
    Terms(Terms),
}

/// The values that a pattern names, as it found them in an event: selector (`$.eventName`, `$2`) and text.
pub(crate) type Extracted = IndexMap<String, String>;

/// A filter pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("expected {expected} at `{found}`")]
    Expected { expected: &'static str, found: String },
    #[error("unexpected `{found}` after the end of the pattern")]
    Trailing { found: String },
    #[error("a quotation mark is never closed")]
    UnclosedQuote,
    #[error("`{operator}` needs a number, not `{value}`")]
    NotANumber { operator: &'static str, value: String },
    #[error("the selector `{selector}` has more than one wildcard")]
    TwoWildcards { selector: String },
    #[error("parentheses nest too deeply")]
    TooDeep,
    #[error("a pattern can have one `...`")]
    TwoEllipses,
    #[error("invalid character(s) in term `{term}`")]
    TermCharacter { term: String },
    #[error("regular expressions (`%…%`) are not supported here")]
    RegularExpression,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When the text breaks the grammar, or uses a regular expression, which this AWS does not evaluate.
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        if text.starts_with('{') {
            return expression::parse_json(text).map(Self::Json);
        }
        if text.starts_with('[') {
            return fields::parse(text).map(Self::Fields);
        }
        terms::parse(text).map(Self::Terms)
    }

    /// Whether the pattern matches an event's message; then with the values that the pattern names.
    pub(crate) fn find(&self, message: &str) -> Option<Extracted> {
        match self {
            Self::Json(expression) => {
                let event: serde_json::Value = serde_json::from_str(message).ok()?;
                // A JSON pattern is about objects; a message that is a bare number or text is none.
                let matched = event.is_object() && expression.holds(&event, Reading::Json);
                matched.then(|| expression.extract(&event))
            }
            Self::Fields(fields) => fields.find(message),
            Self::Terms(terms) => terms.matches(message).then(Extracted::new),
        }
    }

    /// Whether the pattern matches an event's message.
    pub(crate) fn matches(&self, message: &str) -> bool {
        self.find(message).is_some()
    }
}

/// The value of a field of an event: one that the pattern named, or any member of a JSON event.
pub(crate) fn value_at(selector: &str, message: &str, extracted: &Extracted) -> Option<String> {
    if let Some(value) = extracted.get(selector) {
        return Some(value.clone());
    }
    let event: serde_json::Value = serde_json::from_str(message).ok()?;
    expression::value_at(selector, &event)
}

#[cfg(test)]
mod tests;
