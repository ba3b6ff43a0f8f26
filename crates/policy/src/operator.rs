use std::fmt;

/// What a condition compares, and how: the meaning of an operator's name.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    /// How the values of the request are taken together.
    pub quantifier: Quantifier,
    /// What is compared.
    pub comparison: Comparison,
    /// Whether the comparison must fail for every value of the policy.
    pub negated: bool,
    /// Whether an absent key satisfies the condition.
    pub if_exists: bool,
}

/// How the values of the request are taken together.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantifier {
    /// The key has one value.
    Single,
    /// `ForAllValues:`: each value of the request must pass; true if there is none.
    ForAllValues,
    /// `ForAnyValue:`: one value of the request must pass; false if there is none.
    ForAnyValue,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// The same text.
    StringEquals,
    /// The same text but for case.
    StringEqualsIgnoreCase,
    /// Text that fits a pattern.
    StringLike,
    /// An ARN of which each of the six parts fits its pattern. `ArnEquals` means the same as `ArnLike`.
    Arn,
    /// Numbers.
    Numeric(Order),
    /// Points in time.
    Date(Order),
    /// `true` or `false`.
    Bool,
    /// Bytes, in base64.
    BinaryEquals,
    /// An address in a network.
    IpAddress,
    /// Whether the key is absent.
    Null,
}

/// How the request's value must stand to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Equal.
    Equals,
    /// Less.
    LessThan,
    /// Less or equal.
    LessThanEquals,
    /// Greater.
    GreaterThan,
    /// Greater or equal.
    GreaterThanEquals,
}

impl Operator {
    /// Reads an operator as policies write it; none if there is no such operator.
    pub fn parse(text: &str) -> Option<Self> {
        let (quantifier, rest) = match text.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
            Some(_) => return None,
            None => (Quantifier::Single, text),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let (comparison, negated) = comparison_of(name)?;
        // Whether a key exists is not a question about its values, and `NullIfExists` would be none at all.
        if comparison == Comparison::Null && (if_exists || quantifier != Quantifier::Single) {
            return None;
        }
        Some(Self { quantifier, comparison, negated, if_exists })
    }

    /// The names of all operators, without quantifier and ending.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, ..)| *name)
    }

    /// Whether an absent key satisfies the condition; none where AWS does not say. `Null` is not asked here: it
    /// compares nothing.
    pub fn holds_when_absent(self) -> Option<bool> {
        match (self.quantifier, self.if_exists) {
            // One page says that an absent key fails `ForAnyValue`, another that it passes `IfExists`.
            (Quantifier::ForAnyValue, true) => None,
            (Quantifier::ForAnyValue, false) => Some(false),
            (Quantifier::ForAllValues, _) | (Quantifier::Single, true) => Some(true),
            (Quantifier::Single, false) => Some(self.negated),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.quantifier {
            Quantifier::Single => "",
            Quantifier::ForAllValues => "ForAllValues:",
            Quantifier::ForAnyValue => "ForAnyValue:",
        })?;
        let known = NAMES
            .iter()
            .rev()
            .find(|(_, comparison, negated)| (*comparison, *negated) == (self.comparison, self.negated));
        f.write_str(known.map_or("", |(name, ..)| name))?;
        f.write_str(if self.if_exists { "IfExists" } else { "" })
    }
}

fn comparison_of(name: &str) -> Option<(Comparison, bool)> {
    NAMES.iter().find(|(known, ..)| *known == name).map(|(_, comparison, negated)| (*comparison, *negated))
}

/// Every operator; of two that mean the same, the one that prints stands last.
const NAMES: [(&str, Comparison, bool); 27] = [
    ("StringEquals", Comparison::StringEquals, false),
    ("StringNotEquals", Comparison::StringEquals, true),
    ("StringLike", Comparison::StringLike, false),
    ("StringNotLike", Comparison::StringLike, true),
    ("ArnEquals", Comparison::Arn, false),
    ("ArnNotEquals", Comparison::Arn, true),
    ("ArnLike", Comparison::Arn, false),
    ("ArnNotLike", Comparison::Arn, true),
    ("Bool", Comparison::Bool, false),
    ("Null", Comparison::Null, false),
    ("StringEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Comparison::StringEqualsIgnoreCase, true),
    ("NumericEquals", Comparison::Numeric(Order::Equals), false),
    ("NumericNotEquals", Comparison::Numeric(Order::Equals), true),
    ("NumericLessThan", Comparison::Numeric(Order::LessThan), false),
    ("NumericLessThanEquals", Comparison::Numeric(Order::LessThanEquals), false),
    ("NumericGreaterThan", Comparison::Numeric(Order::GreaterThan), false),
    ("NumericGreaterThanEquals", Comparison::Numeric(Order::GreaterThanEquals), false),
    ("DateEquals", Comparison::Date(Order::Equals), false),
    ("DateNotEquals", Comparison::Date(Order::Equals), true),
    ("DateLessThan", Comparison::Date(Order::LessThan), false),
    ("DateLessThanEquals", Comparison::Date(Order::LessThanEquals), false),
    ("DateGreaterThan", Comparison::Date(Order::GreaterThan), false),
    ("DateGreaterThanEquals", Comparison::Date(Order::GreaterThanEquals), false),
    ("BinaryEquals", Comparison::BinaryEquals, false),
    ("IpAddress", Comparison::IpAddress, false),
    ("NotIpAddress", Comparison::IpAddress, true),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_and_prints_as_one_that_means_the_same() {
        for (name, ..) in NAMES.iter().filter(|(name, ..)| *name != "Null") {
            for text in [name.to_string(), format!("ForAllValues:{name}"), format!("ForAnyValue:{name}IfExists")] {
                let operator = Operator::parse(&text).expect("an operator");
                assert_eq!(Operator::parse(&operator.to_string()), Some(operator), "{text}");
            }
        }
        assert_eq!(Operator::parse("ArnEquals").map(|it| it.to_string()).as_deref(), Some("ArnLike"));
    }

    #[test]
    fn refuses_what_is_no_operator() {
        for wrong in [
            "",
            "stringequals",
            "StringEqual",
            "NullIfExists",
            "ForAllValues:Null",
            "ForSomeValues:StringEquals",
            "IfExists",
            "StringEqualsIfExistsIfExists",
            "ForAnyValue:",
            "BoolNotEquals",
            "BinaryNotEquals",
        ] {
            assert_eq!(Operator::parse(wrong), None, "{wrong}");
        }
    }
}
