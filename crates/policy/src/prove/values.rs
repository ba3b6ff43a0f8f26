//! What a condition key may hold: absent, and one of each kind of value that the policies tell apart.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::answer::Unknown;
use super::region::Work;
use super::text::{self, Base, Pattern};
use crate::condition::{self, Truth};
use crate::document::{Condition, Version};
use crate::glob;
use crate::operator::{Comparison, Operator, Quantifier};
use crate::request::Context;
use crate::variables;

/// A condition key that the caller does not decide.
#[derive(Debug)]
pub(super) struct Key {
    /// As it was first written.
    pub(super) name: String,
    /// What it may hold; nothing means that it is absent. What is absent stands first, if it may be.
    pub(super) contents: Vec<Vec<String>>,
    /// Whether all kinds of comparisons that are made on it are told apart together.
    is_uniform: bool,
}

impl Key {
    /// A key that is the same in every request.
    pub(super) fn constant(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), contents: vec![vec![value.to_owned()]], is_uniform: true }
    }

    /// The key as these conditions see it.
    pub(super) fn new(name: &str, conditions: &[&Condition], work: &mut Work) -> Result<Self, Unknown> {
        let operators: Vec<(Operator, &Condition)> =
            conditions.iter().filter_map(|it| Some((Operator::parse(&it.operator)?, *it))).collect();
        let families: BTreeSet<Family> = operators.iter().filter_map(|(it, _)| family(it.comparison)).collect();
        let is_bool = families.contains(&Family::Bool);
        // Texts beside Booleans are Booleans written as text; anything else beside something else is not told apart.
        let is_uniform =
            families.len() <= 1 || (is_bool && families.iter().all(|it| matches!(it, Family::Bool | Family::Text)));
        let mut values = if is_bool { vec!["true".to_owned(), "false".to_owned()] } else { Vec::new() };
        if !is_bool {
            for family in &families {
                values.extend(family.values(&operators, work)?);
            }
        }
        if values.is_empty() {
            values.push("something".to_owned());
        }
        let quantified = operators.iter().filter(|(it, _)| it.quantifier != Quantifier::Single).count();
        let contents = contents(&values, quantified, work)?;
        Ok(Self { name: name.to_owned(), contents, is_uniform })
    }

    /// Whether the condition holds, for each of the contents.
    pub(super) fn truths(&self, condition: &Condition, version: Version) -> Vec<Truth> {
        let has_variable = condition.values.iter().any(|it| variables::has_variable(it, version));
        let is_presence = Operator::parse(&condition.operator).is_some_and(|it| it.comparison == Comparison::Null);
        let is_modelled = !has_variable && (self.is_uniform || is_presence);
        self.contents
            .iter()
            .map(|values| {
                if !is_modelled && !values.is_empty() {
                    return Truth::Unknown;
                }
                let mut context = Context::new();
                context.set_many(condition.key.as_str(), values.iter().cloned());
                condition::holds(condition, version, &context)
            })
            .collect()
    }
}

/// Which comparisons are told apart together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Text,
    Number,
    Date,
    Bool,
    Bytes,
    Address,
}

fn family(comparison: Comparison) -> Option<Family> {
    Some(match comparison {
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase | Comparison::StringLike | Comparison::Arn => {
            Family::Text
        }
        Comparison::Numeric(_) => Family::Number,
        Comparison::Date(_) => Family::Date,
        Comparison::Bool => Family::Bool,
        Comparison::BinaryEquals => Family::Bytes,
        Comparison::IpAddress => Family::Address,
        Comparison::Null => return None,
    })
}

impl Family {
    /// One value of each kind that the conditions tell apart.
    fn values(self, conditions: &[(Operator, &Condition)], work: &mut Work) -> Result<Vec<String>, Unknown> {
        let written = conditions
            .iter()
            .filter(|(operator, _)| family(operator.comparison) == Some(self))
            .flat_map(|(_, condition)| condition.values.iter().map(String::as_str));
        Ok(match self {
            Self::Text => return texts(conditions, work),
            Self::Number => numbers(written),
            Self::Date => dates(written),
            Self::Bool => Vec::new(),
            Self::Bytes => written.map(str::to_owned).chain(["a2V5d3JpZ2h0".to_owned()]).collect(),
            Self::Address => addresses(written),
        })
    }
}

fn texts(conditions: &[(Operator, &Condition)], work: &mut Work) -> Result<Vec<String>, Unknown> {
    let (mut literals, mut patterns) = (BTreeSet::new(), Vec::new());
    let mut is_arn = false;
    for (operator, condition) in conditions {
        is_arn |= operator.comparison == Comparison::Arn;
        for value in &condition.values {
            let pattern = match operator.comparison {
                Comparison::StringEquals => None,
                Comparison::StringLike => glob::has_wildcard(value).then(|| Pattern::Like(value.clone())),
                Comparison::StringEqualsIgnoreCase => Some(Pattern::IgnoringCase(value.clone())),
                Comparison::Arn => glob::has_wildcard(value).then(|| Pattern::Arn(value.clone())),
                _ => continue,
            };
            match pattern {
                None => drop(literals.insert(value.clone())),
                Some(pattern) if !patterns.contains(&pattern) => patterns.push(pattern),
                Some(_) => {}
            }
        }
    }
    let base = if is_arn { Base::Arn } else { Base::Text };
    text::representatives(&base, &literals, &patterns, work)
}

/// Each number, and those right before, right after and beside it.
fn numbers<'a>(written: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for value in written {
        if let Ok(whole) = value.parse::<i128>() {
            found.extend(
                [Some(whole), whole.checked_sub(1), whole.checked_add(1)]
                    .into_iter()
                    .flatten()
                    .map(|it| it.to_string()),
            );
            // Halves are exact in a double up to here.
            if let Ok(small) = i32::try_from(whole) {
                found.extend([f64::from(small) + 0.5, f64::from(small) - 0.5].map(|it| it.to_string()));
            }
        } else if let Ok(fraction) = value.parse::<f64>() {
            found.extend([value.to_owned(), (fraction - 1e-6).to_string(), (fraction + 1e-6).to_string()]);
        }
    }
    found.into_iter().collect()
}

/// Each time, and those right before and after.
fn dates<'a>(written: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for time in written.filter_map(condition::instant) {
        for by in [-1, 0, 1] {
            found.extend(time.checked_add(SignedDuration::from_nanos(by)).ok().as_ref().map(Timestamp::to_string));
        }
    }
    found.into_iter().collect()
}

/// The first and last address of each network, those right outside, and some that nobody names.
fn addresses<'a>(written: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: BTreeSet<IpAddr> = ["192.0.2.1", "2001:db8::1"].iter().filter_map(|it| it.parse().ok()).collect();
    for value in written {
        let Some(network) = value.parse::<IpNet>().ok().or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from))
        else {
            continue;
        };
        let (first, last) = (network.network(), network.broadcast());
        found.extend([first, last]);
        found.extend(beside(first, -1));
        found.extend(beside(last, 1));
    }
    found.iter().map(ToString::to_string).collect()
}

fn beside(address: IpAddr, by: i8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(it) => it.to_bits().checked_add_signed(by.into()).map(|it| IpAddr::V4(it.into())),
        IpAddr::V6(it) => it.to_bits().checked_add_signed(by.into()).map(|it| IpAddr::V6(it.into())),
    }
}

/// Absent, each value alone, and as many together as there are conditions that look at many: each can ask for no
/// more than one value that is there.
fn contents(values: &[String], quantified: usize, work: &mut Work) -> Result<Vec<Vec<String>>, Unknown> {
    let mut contents: Vec<Vec<String>> = vec![Vec::new()];
    let mut last: Vec<Vec<usize>> = (0..values.len()).map(|it| vec![it]).collect();
    for size in 1..=quantified.max(1) {
        contents.extend(last.iter().map(|set| set.iter().filter_map(|it| values.get(*it)).cloned().collect()));
        if size == quantified.max(1) {
            break;
        }
        last = last
            .iter()
            .flat_map(|set| {
                let after = set.last().map_or(0, |it| it + 1);
                (after..values.len()).map(|it| set.iter().copied().chain([it]).collect::<Vec<_>>())
            })
            .collect();
        work.spend(last.len())?;
        if contents.len() + last.len() > MOST_CONTENTS {
            return Err(Unknown::TooMuchWork);
        }
    }
    Ok(contents)
}

const MOST_CONTENTS: usize = 4096;
