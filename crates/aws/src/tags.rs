use keywright_engine::{Attributes, CREATION_TAG, Creation, CreationToken};

use crate::attributes::{Texts, text_map};

/// The tags that a resource is created with: the planned ones, and what marks it.
pub(crate) fn at_creation(creation: &Creation<'_>) -> Texts {
    let mut tags = text_map(creation.planned, "tags");
    tags.insert(CREATION_TAG.into(), creation.token.0.clone());
    tags
}

/// Whether this creation has made it.
pub(crate) fn are_marked(tags: &Texts, token: &CreationToken) -> bool {
    tags.get(CREATION_TAG) == Some(&token.0)
}

/// What must be called for to get from some tags to others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TagChanges {
    pub(crate) set: Texts,
    pub(crate) removed: Vec<String>,
}

/// From prior to planned attributes.
pub(crate) fn changes(prior: &Attributes, planned: &Attributes) -> TagChanges {
    // AWS's view, which holds the default tags of a Terraform provider, too.
    let all = Some(text_map(prior, "tags_all")).filter(|tags| !tags.is_empty());
    between(&all.unwrap_or_else(|| text_map(prior, "tags")), &text_map(planned, "tags"))
}

/// From tags to tags. The mark of a creation is not touched.
pub(crate) fn between(prior: &Texts, planned: &Texts) -> TagChanges {
    let set = planned.iter().filter(|(key, value)| prior.get(*key) != Some(value));
    let removed = prior.keys().filter(|key| !planned.contains_key(*key) && *key != CREATION_TAG);
    TagChanges {
        set: set.map(|(key, value)| (key.clone(), value.clone())).collect(),
        removed: removed.cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_what_differs_is_set_or_removed() {
        let found = between(
            &tags(&[("same", "1"), ("changed", "1"), ("gone", "1"), (CREATION_TAG, "t")]),
            &tags(&[("same", "1"), ("changed", "2"), ("new", "1")]),
        );
        assert_eq!(found, TagChanges { set: tags(&[("changed", "2"), ("new", "1")]), removed: vec!["gone".into()] });
    }
}
