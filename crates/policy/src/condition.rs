//! Whether a condition holds for a request.
//!
//! Three answers: a condition that cannot be understood is [`Truth::Unknown`], which lets an `Allow` never apply
//! and a `Deny` always.

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use jiff::Timestamp;

use crate::document::{Condition, Effect, Version};
use crate::operator::{Comparison, Operator, Order, Quantifier};
use crate::request::Context;
use crate::{glob, variables};

/// The answer to a question that a policy asks about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    /// Whether a statement of this effect goes on: what is not known never opens, and always closes.
    pub(crate) fn applies(self, effect: Effect) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
            Self::Unknown => effect == Effect::Deny,
        }
    }

    pub(crate) fn negate(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    /// `Yes` if one is, else `Unknown` if one is.
    pub(crate) fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut found = Self::No;
        for answer in answers {
            match answer {
                Self::Yes => return Self::Yes,
                Self::Unknown => found = Self::Unknown,
                Self::No => {}
            }
        }
        found
    }

    /// `No` if one is, else `Unknown` if one is.
    pub(crate) fn all(answers: impl IntoIterator<Item = Self>) -> Self {
        Self::any(answers.into_iter().map(Self::negate)).negate()
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

/// Whether the condition holds in the context.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>.
pub(crate) fn holds(condition: &Condition, version: Version, context: &Context) -> Truth {
    let Some(operator) = Operator::parse(&condition.operator) else {
        return Truth::Unknown;
    };
    let found = context.get(&condition.key).unwrap_or_default();
    if operator.comparison == Comparison::Null {
        return absence(condition, found.is_empty());
    }
    if found.is_empty() {
        return operator.holds_when_absent().map_or(Truth::Unknown, Truth::from);
    }
    if condition.values.is_empty() {
        return Truth::Unknown;
    }
    let passes = |value: &String| {
        let matched = Truth::any(
            condition.values.iter().map(|wanted| compare(operator.comparison, wanted, value, version, context)),
        );
        if operator.negated { matched.negate() } else { matched }
    };
    match (operator.quantifier, found) {
        (Quantifier::ForAllValues, values) => Truth::all(values.iter().map(passes)),
        (Quantifier::ForAnyValue, values) => Truth::any(values.iter().map(passes)),
        (Quantifier::Single, [value]) => passes(value),
        // AWS does not say what a single-valued operator means for a key with several values.
        (Quantifier::Single, _) => Truth::Unknown,
    }
}

fn absence(condition: &Condition, is_absent: bool) -> Truth {
    match condition.values.as_slice() {
        [] => Truth::Unknown,
        values => Truth::any(values.iter().map(|value| match boolean(value) {
            Some(wanted) => (wanted == is_absent).into(),
            None => Truth::Unknown,
        })),
    }
}

fn compare(comparison: Comparison, wanted: &str, value: &str, version: Version, context: &Context) -> Truth {
    if takes_variables(comparison) && variables::has_variable(wanted, version) {
        return compare_with_variables(comparison, wanted, value, context);
    }
    match comparison {
        Comparison::StringLike => glob::matches(wanted, value).into(),
        Comparison::Arn => arn_matches(wanted, value),
        other => compare_plain(other, wanted, value),
    }
}

fn compare_with_variables(comparison: Comparison, wanted: &str, value: &str, context: &Context) -> Truth {
    match comparison {
        Comparison::StringLike => match variables::substitute_pattern(wanted, context) {
            Some(pattern) => pattern.matches(value).into(),
            None => Truth::Unknown,
        },
        Comparison::Arn => match variables::substitute_pattern(wanted, context) {
            Some(pattern) => {
                let parts = pattern.split(b':', ARN_PARTS);
                match_parts(&parts, value, |part, text| part.matches(text))
            }
            None => Truth::Unknown,
        },
        other => match variables::substitute(wanted, context) {
            Some(text) => compare_plain(other, &text, value),
            None => Truth::Unknown,
        },
    }
}

fn compare_plain(comparison: Comparison, wanted: &str, value: &str) -> Truth {
    match comparison {
        Comparison::StringEquals => (wanted == value).into(),
        Comparison::StringEqualsIgnoreCase => equal_ignoring_case(wanted, value).into(),
        Comparison::Numeric(order) => ordered(number(value), number(wanted), order),
        Comparison::Date(order) => ordered(instant(value), instant(wanted), order),
        Comparison::Bool => both(boolean(wanted), boolean(value), |wanted, value| wanted == value),
        Comparison::BinaryEquals => both(bytes(wanted), bytes(value), |wanted, value| wanted == value),
        Comparison::IpAddress => both(network(wanted), address(value), |network, address| network.contains(&address)),
        Comparison::StringLike | Comparison::Arn | Comparison::Null => Truth::Unknown,
    }
}

/// Which comparisons replace variables in the policy's values; the page of the operators says so at each.
fn takes_variables(comparison: Comparison) -> bool {
    matches!(
        comparison,
        Comparison::StringEquals
            | Comparison::StringEqualsIgnoreCase
            | Comparison::StringLike
            | Comparison::Arn
            | Comparison::Bool
    )
}

/// Each of the six parts is matched apart, so that a wildcard never reaches into the next.
///
/// A lone `*` fits every ARN; any other pattern, and any value, of fewer than six parts is not understood.
fn arn_matches(wanted: &str, value: &str) -> Truth {
    let wanted = if wanted == "*" { "*:*:*:*:*:*" } else { wanted };
    let parts: Vec<&str> = wanted.splitn(ARN_PARTS, ':').collect();
    match_parts(&parts, value, |part, text| glob::matches(part, text))
}

fn match_parts<P>(parts: &[P], value: &str, matches: impl Fn(&P, &str) -> bool) -> Truth {
    let texts = || value.splitn(ARN_PARTS, ':');
    if parts.len() != ARN_PARTS || texts().count() != ARN_PARTS {
        return Truth::Unknown;
    }
    parts.iter().zip(texts()).all(|(part, text)| matches(part, text)).into()
}

fn both<L, R>(left: Option<L>, right: Option<R>, test: impl FnOnce(L, R) -> bool) -> Truth {
    match (left, right) {
        (Some(left), Some(right)) => test(left, right).into(),
        _ => Truth::Unknown,
    }
}

fn ordered<T: PartialOrd>(value: Option<T>, wanted: Option<T>, order: Order) -> Truth {
    let Some(found) = value.zip(wanted).and_then(|(value, wanted)| value.partial_cmp(&wanted)) else {
        return Truth::Unknown;
    };
    match order {
        Order::Equals => found == Ordering::Equal,
        Order::LessThan => found == Ordering::Less,
        Order::LessThanEquals => found != Ordering::Greater,
        Order::GreaterThan => found == Ordering::Greater,
        Order::GreaterThanEquals => found != Ordering::Less,
    }
    .into()
}

fn equal_ignoring_case(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right) || left.to_lowercase() == right.to_lowercase()
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A number. Whole numbers are exact: account IDs and times in milliseconds do not fit a double's mantissa once
/// they are long enough.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Whole(i128),
    Fraction(f64),
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => Some(left.cmp(right)),
            (left, right) => left.approximate().partial_cmp(&right.approximate()),
        }
    }
}

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "only compared with a fraction, which is no more exact")]
    fn approximate(self) -> f64 {
        match self {
            Self::Whole(value) => value as f64,
            Self::Fraction(value) => value,
        }
    }
}

fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i128>() {
        return Some(Number::Whole(whole));
    }
    // Rust also reads `inf` and `nan`, which are no numbers here.
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    let fraction = text.parse::<f64>().ok().filter(|value| is_decimal && value.is_finite())?;
    Some(Number::Fraction(fraction))
}

/// A time in ISO 8601, as the W3C's note narrows it, or in seconds since 1970.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok().filter(|_| !is_year(text));
    }
    if text.contains('[') {
        return None;
    }
    if text.len() == DATE_LENGTH {
        return format!("{text}T00:00:00Z").parse().ok();
    }
    text.parse().ok()
}

/// Four digits are a year in the W3C's note and a moment of 1970 as seconds: nobody can tell which is meant.
fn is_year(text: &str) -> bool {
    text.len() == 4
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A network in CIDR notation, or one address.
fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| address(text).map(IpNet::from))
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

const ARN_PARTS: usize = 6;
const DATE_LENGTH: usize = "2026-01-01".len();

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(operator: &str, values: &[&str]) -> Condition {
        Condition {
            operator: operator.into(),
            key: "k".into(),
            values: values.iter().map(ToString::to_string).collect(),
        }
    }

    #[track_caller]
    fn check(operator: &str, wanted: &[&str], found: Option<&[&str]>, expected: Truth) {
        let mut context = Context::new();
        if let Some(values) = found {
            context.set_many("k", values.iter().copied());
        }
        let answer = holds(&condition(operator, wanted), Version::V2012, &context);
        assert_eq!(answer, expected, "{operator} {wanted:?} {found:?}");
    }

    #[test]
    fn what_cannot_be_understood_is_unknown() {
        check("StringSounds", &["a"], Some(&["a"]), Truth::Unknown);
        check("NumericLessThan", &["ten"], Some(&["5"]), Truth::Unknown);
        check("NumericLessThan", &["10"], Some(&["inf"]), Truth::Unknown);
        check("NotIpAddress", &["10.0.0.0/33"], Some(&["10.0.0.1"]), Truth::Unknown);
        check("DateLessThan", &["tomorrow"], Some(&["2026-01-01"]), Truth::Unknown);
        check("BinaryEquals", &["%"], Some(&["QQ=="]), Truth::Unknown);
        check("Bool", &["yes"], Some(&["true"]), Truth::Unknown);
        check("Null", &["maybe"], None, Truth::Unknown);
        check("ArnLike", &["arn:aws:s3"], Some(&["arn:aws:s3:::b"]), Truth::Unknown);
        check("StringEquals", &[], Some(&["a"]), Truth::Unknown);
        check("StringEquals", &["${nobody}"], Some(&["a"]), Truth::Unknown);
        check("StringNotEquals", &["${nobody}"], Some(&["a"]), Truth::Unknown);
        check("StringEquals", &["a"], Some(&["a", "b"]), Truth::Unknown);
    }

    #[test]
    fn a_known_match_outweighs_what_is_unknown_beside_it() {
        check("NumericEquals", &["x", "5"], Some(&["5"]), Truth::Yes);
        check("NumericNotEquals", &["x", "5"], Some(&["5"]), Truth::No);
        check("NumericNotEquals", &["x", "6"], Some(&["5"]), Truth::Unknown);
    }

    #[test]
    fn long_whole_numbers_are_exact() {
        check("NumericEquals", &["9007199254740993"], Some(&["9007199254740992"]), Truth::No);
        check("NumericEquals", &["5.0"], Some(&["5"]), Truth::Yes);
    }

    #[test]
    fn no_operator_panics_on_odd_values() {
        for name in
            ["NumericEquals", "DateEquals", "IpAddress", "BinaryEquals", "ArnLike", "StringLike", "Bool", "Null"]
        {
            for odd in ["", ":", ":::::", "-", "99999999999999999999", "é", "${", "${}", "1e999", "+"] {
                let mut context = Context::new();
                context.set("k", odd);
                let _ = holds(&condition(name, &[odd]), Version::V2012, &context);
            }
        }
    }
}
