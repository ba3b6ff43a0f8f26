use std::collections::BTreeMap;

use keywright_engine::{Attributes, CREATION_TAG, ProviderError};
use keywright_model::{Arn, Region};
use serde_json::{Map, Number, Value};

use crate::error::own_error;
use crate::policy_text;

/// Texts by name, in order: tags, dimensions, an encryption context.
pub(crate) type Texts = BTreeMap<String, String>;

/// The text of that name; none when it is null, missing or empty.
pub(crate) fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

pub(crate) fn flag(attributes: &Attributes, name: &str) -> Option<bool> {
    attributes.get(name).and_then(Value::as_bool)
}

/// The number of that name; Terraform writes some as texts.
pub(crate) fn number(attributes: &Attributes, name: &str) -> Option<f64> {
    match attributes.get(name)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The whole number of that name, if AWS's 32 bits hold it.
pub(crate) fn whole(attributes: &Attributes, name: &str) -> Option<i32> {
    let number = number(attributes, name)?;
    let fits = number.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "checked in the line above")]
    fits.then_some(number as i32)
}

/// The texts of that name; none of them when it is null or missing.
pub(crate) fn texts(attributes: &Attributes, name: &str) -> Vec<String> {
    let items = attributes.get(name).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The map of texts of that name; empty when it is null or missing.
pub(crate) fn text_map(attributes: &Attributes, name: &str) -> Texts {
    let entries = attributes.get(name).and_then(Value::as_object);
    entries.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// The one block of that name, which states keep as a list.
pub(crate) fn block<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a Attributes> {
    attributes.get(name)?.as_array()?.first()?.as_object()
}

/// A text without which nothing can be called.
pub(crate) fn required<'a>(attributes: &'a Attributes, name: &str, region: &Region) -> Result<&'a str, ProviderError> {
    text(attributes, name).ok_or_else(|| {
        own_error("state", region, "IncompleteState", format!("the attribute `{name}` is missing from the resource"))
    })
}

/// The Region that a resource lives in: its `region`, or that of its ARN in states of older providers.
pub(crate) fn region_of(attributes: &Attributes, home: &Region) -> Region {
    let of_arn = |name| Arn::parse(text(attributes, name)?).ok().map(|arn| arn.region().to_owned());
    let named = text(attributes, "region").map(str::to_owned);
    let name = named.or_else(|| of_arn("arn")).or_else(|| of_arn("key_id"));
    name.and_then(|name| Region::parse(&name).ok()).unwrap_or_else(|| home.clone())
}

/// Whether an argument differs; null, missing and empty are one.
pub(crate) fn differs(prior: &Attributes, planned: &Attributes, name: &str) -> bool {
    let filled = |attributes: &'_ Attributes| attributes.get(name).filter(|value| !is_empty(value)).map(comparable);
    filled(prior) != filled(planned)
}

pub(crate) fn any_differs(prior: &Attributes, planned: &Attributes, names: &[&str]) -> bool {
    names.iter().any(|name| differs(prior, planned, name))
}

pub(crate) fn policy_differs(prior: &Attributes, planned: &Attributes, name: &str) -> bool {
    !policy_text::same(text(prior, name), text(planned, name))
}

/// A number as Terraform writes it: `100` and not `100.0`.
pub(crate) fn number_value(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within what an f64 holds exactly")]
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// Attributes in the making: those that are known, which the answer of AWS replaces one by one.
/// What AWS does not hold (`deletion_window_in_days`) stays as it is.
pub(crate) struct Draft(Attributes);

impl Draft {
    pub(crate) fn of(known: &Attributes) -> Self {
        Self(known.clone())
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A value for what is null or missing.
    pub(crate) fn or(self, name: &str, value: impl Into<Value>) -> Self {
        match self.0.get(name) {
            None | Some(Value::Null) => self.with(name, value),
            Some(_) => self,
        }
    }

    /// What AWS says. Where it says nothing, the empty text or null, whichever is known.
    pub(crate) fn observed(self, name: &str, value: Option<&str>) -> Self {
        match value.filter(|text| !text.is_empty()) {
            Some(text) => self.with(name, text),
            None if self.0.get(name).and_then(Value::as_str) == Some("") => self,
            None => self.with(name, Value::Null),
        }
    }

    /// A set of texts, in order. None of them is null where null is known.
    pub(crate) fn observed_set(self, name: &str, items: &[String]) -> Self {
        let mut items = items.to_vec();
        items.sort();
        if items.is_empty() && self.0.get(name) == Some(&Value::Null) { self } else { self.with(name, items) }
    }

    /// A map of texts. An empty one is null where null is known.
    pub(crate) fn observed_map(self, name: &str, entries: &Texts) -> Self {
        let known_null = self.0.get(name) == Some(&Value::Null);
        if entries.is_empty() && known_null { self } else { self.with(name, map_value(entries)) }
    }

    /// A policy, in the one form that Terraform keeps.
    pub(crate) fn policy(self, name: &str, policy: &str) -> Self {
        self.with(name, policy_text::normalized(policy))
    }

    /// `tags` and `tags_all`, without the tag that marks a creation.
    pub(crate) fn observed_tags(self, tags: &Texts) -> Self {
        let tags: Texts = tags.iter().filter(|(key, _)| *key != CREATION_TAG).map(owned).collect();
        self.observed_map("tags", &tags).with("tags_all", map_value(&tags))
    }

    /// The arguments as planned, the computed attributes as they were where the plan does not know them.
    pub(crate) fn updated(prior: &Attributes, planned: &Attributes, computed: &[&str]) -> Self {
        computed.iter().fold(Self::of(planned), |draft, name| match prior.get(*name) {
            Some(value) => draft.or(name, value.clone()),
            None => draft,
        })
    }

    /// Done: in the order in which states list attributes.
    pub(crate) fn done(mut self) -> Attributes {
        self.0.sort_keys();
        self.0
    }
}

pub(crate) fn map_value(entries: &Texts) -> Value {
    Value::Object(entries.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>())
}

fn owned((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whole floats as integers, texts of a set in order, nothing empty in a block.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, number_value),
        Value::Array(items) => sorted(items.iter().map(comparable).collect()),
        Value::Object(entries) => {
            let filled = entries.iter().filter(|(_, value)| !is_empty(value));
            let mut entries: Map<_, _> = filled.map(|(key, value)| (key.clone(), comparable(value))).collect();
            entries.sort_keys();
            Value::Object(entries)
        }
        other => other.clone(),
    }
}

fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(Value::to_string);
    Value::Array(items)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(value: Value) -> Attributes {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn tells_arguments_apart_by_what_they_mean_to_aws() {
        let cases = [
            (json!(null), json!(""), false),
            (json!({}), json!(null), false),
            (json!(100), json!(100.0), false),
            (json!(["b", "a"]), json!(["a", "b"]), false),
            (json!([{"unit": "", "name": "x"}]), json!([{"name": "x"}]), false),
            (json!(false), json!(null), true),
            (json!(["a"]), json!(["a", "b"]), true),
            (json!("a"), json!("b"), true),
        ];
        for (prior, planned, expect) in cases {
            let found = differs(&attributes(json!({ "x": prior })), &attributes(json!({ "x": planned })), "x");
            assert_eq!(found, expect, "{prior} and {planned}");
        }
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        assert_eq!(number_value(100.0).to_string(), "100");
        assert_eq!(number_value(0.5).to_string(), "0.5");
        assert_eq!(whole(&attributes(json!({ "x": 0.5 })), "x"), None);
        assert_eq!(whole(&attributes(json!({ "x": 365.0 })), "x"), Some(365));
    }

    #[test]
    fn the_creation_tag_is_invisible() {
        let tags = Texts::from([(CREATION_TAG.to_owned(), "t".to_owned()), ("a".to_owned(), "b".to_owned())]);
        let attributes = Draft::of(&Attributes::new()).observed_tags(&tags).done();
        assert_eq!(Value::Object(attributes), json!({ "tags": { "a": "b" }, "tags_all": { "a": "b" } }));
    }

    #[test]
    fn the_region_follows_from_an_arn_where_the_state_is_older() {
        let home = Region::parse("us-east-1").expect("a Region");
        let known = attributes(json!({ "arn": "arn:aws:kms:eu-west-1:111122223333:key/x" }));
        assert_eq!(region_of(&known, &home).as_str(), "eu-west-1");
        assert_eq!(region_of(&Attributes::new(), &home), home);
    }
}
