//! Tags as CloudWatch and SNS take and give them: lists of `Key` and `Value`.

use keywright_model::{ParseError, Tags, check_tag_key, check_tag_value};
use serde::{Deserialize, Serialize};

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// An answer without members, which is still an answer.
#[derive(Debug, Serialize)]
pub(crate) struct Empty {}

/// Why tags are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagRefusal {
    /// A key or value breaks AWS's rules.
    #[error(transparent)]
    Text(ParseError),
    /// A key is given twice.
    #[error("the tag key `{key}` is given more than once")]
    Twice {
        /// The key.
        key: String,
    },
    /// The resource would have more tags than it can.
    #[error("a resource can have at most 50 tags")]
    TooMany,
}

/// Adds tags to those that a resource has; a key that is there takes the new value.
///
/// # Errors
/// When a key or value breaks the rules of tags, a key is given twice, or there would be more than 50.
pub(crate) fn add_tags<'a>(
    tags: &mut Tags,
    added: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), TagRefusal> {
    let mut new = Tags::new();
    for (key, value) in added {
        check_tag_key(key).map_err(TagRefusal::Text)?;
        check_tag_value(value).map_err(TagRefusal::Text)?;
        if new.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(TagRefusal::Twice { key: key.to_owned() });
        }
    }
    let kept = tags.keys().filter(|key| !new.contains_key(*key)).count();
    if kept + new.len() > MOST_TAGS {
        return Err(TagRefusal::TooMany);
    }
    tags.extend(new);
    Ok(())
}

/// Tags in the shape of requests and answers.
pub(crate) fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// Keys and values, as checks take them.
pub(crate) fn tag_pairs(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

/// Keys and values, as checks take them.
pub(crate) fn tags_of(tags: &Tags) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

const MOST_TAGS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_key_takes_the_new_value_and_the_bound_counts_both() {
        let mut tags = Tags::from_iter((0..50).map(|number| (format!("k{number}"), String::new())));
        assert_eq!(add_tags(&mut tags, [("k1", "new")]), Ok(()));
        assert_eq!(tags.get("k1").map(String::as_str), Some("new"));
        assert_eq!(add_tags(&mut tags, [("one-more", "")]), Err(TagRefusal::TooMany));
        assert_eq!(tags.len(), 50);
    }

    #[test]
    fn refuses_keys_that_are_reserved_or_twice() {
        let mut tags = Tags::new();
        assert!(matches!(add_tags(&mut tags, [("aws:x", "")]), Err(TagRefusal::Text(_))));
        assert!(matches!(add_tags(&mut tags, [("a", "1"), ("a", "2")]), Err(TagRefusal::Twice { .. })));
        assert!(tags.is_empty());
    }
}
