//! Answers in pages: so many items, and a token that says where the next page begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// One page of items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// None on the last page.
    pub(crate) next_token: Option<String>,
}

/// A token that no page ever ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadToken;

/// Takes the page that begins after the token, out of items in the order of their keys.
///
/// # Errors
/// When the token is not one of ours.
pub(crate) fn page<K: AsRef<str>, T>(
    items: impl IntoIterator<Item = (K, T)>,
    token: Option<&str>,
    most: usize,
) -> Result<Page<T>, BadToken> {
    let after = token.map(last_key).transpose()?;
    let mut rest = items.into_iter().skip_while(|(key, _)| after.as_deref().is_some_and(|after| key.as_ref() <= after));
    let mut page = Page { items: Vec::new(), next_token: None };
    let mut last = None;
    for (key, item) in rest.by_ref().take(most) {
        page.items.push(item);
        last = Some(key);
    }
    if rest.next().is_some() {
        page.next_token = last.map(|key| URL_SAFE_NO_PAD.encode(key.as_ref()));
    }
    Ok(page)
}

fn last_key(token: &str) -> Result<String, BadToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadToken)?;
    String::from_utf8(bytes).map_err(|_| BadToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_and_the_last_has_no_token() {
        let items = || ["a", "b", "c", "d"].map(|key| (key, key));
        let first = page(items(), None, 2).expect("a page");
        assert_eq!(first.items, ["a", "b"]);
        let second = page(items(), first.next_token.as_deref(), 2).expect("a page");
        assert_eq!(second, Page { items: vec!["c", "d"], next_token: None });
    }

    #[test]
    fn a_page_goes_on_where_its_last_item_was_even_if_that_is_gone() {
        let first = page([("a", 1), ("b", 2), ("c", 3)], None, 2).expect("a page");
        let second = page([("a", 1), ("c", 3)], first.next_token.as_deref(), 2).expect("a page");
        assert_eq!(second.items, [3]);
    }

    #[test]
    fn refuses_a_token_of_another_kind() {
        assert_eq!(page([("a", 1)], Some("!"), 2), Err(BadToken));
        assert_eq!(page([("a", 1)], Some("_w"), 2), Err(BadToken));
    }
}
