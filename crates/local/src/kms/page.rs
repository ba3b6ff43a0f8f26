use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::KmsError;

/// One page of a list: what it holds, and where the next one begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_marker: Option<String>,
}

/// The limits of one operation's pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize {
    pub(crate) default: usize,
    pub(crate) most: usize,
}

/// Cuts one page out of a list that is ordered by `key`. A marker names the last item of the page before, so that a
/// list which changes in between neither repeats nor skips what stayed.
///
/// # Errors
/// `ValidationException` for a limit out of bounds, `InvalidMarkerException` for a marker that is not ours.
pub(crate) fn page<T>(
    items: Vec<T>,
    key: impl Fn(&T) -> String,
    limit: Option<i64>,
    marker: Option<&str>,
    size: PageSize,
) -> Result<Page<T>, KmsError> {
    let limit = checked_limit(limit, size)?;
    let after = marker.map(last_of).transpose()?;
    let mut left = items.into_iter().filter(|item| after.as_ref().is_none_or(|after| key(item) > *after)).peekable();
    let items: Vec<T> = left.by_ref().take(limit).collect();
    let next_marker = match (left.peek(), items.last()) {
        (Some(_), Some(last)) => Some(URL_SAFE_NO_PAD.encode(key(last))),
        _ => None,
    };
    Ok(Page { items, next_marker })
}

fn checked_limit(limit: Option<i64>, size: PageSize) -> Result<usize, KmsError> {
    let Some(limit) = limit else {
        return Ok(size.default);
    };
    match usize::try_from(limit) {
        Ok(limit) if (1..=size.most).contains(&limit) => Ok(limit),
        _ => Err(KmsError::constraint(
            "limit",
            &limit.to_string(),
            &format!("Member must have value between 1 and {}", size.most),
        )),
    }
}

fn last_of(marker: &str) -> Result<String, KmsError> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).map_err(|_| KmsError::InvalidMarker)?;
    String::from_utf8(bytes).map_err(|_| KmsError::InvalidMarker)
}

pub(crate) const KEYS: PageSize = PageSize { default: 100, most: 1000 };
pub(crate) const ALIASES: PageSize = PageSize { default: 50, most: 100 };
pub(crate) const GRANTS: PageSize = PageSize { default: 50, most: 100 };
pub(crate) const TAGS: PageSize = PageSize { default: 50, most: 50 };
pub(crate) const POLICIES: PageSize = PageSize { default: 100, most: 1000 };
pub(crate) const ROTATIONS: PageSize = PageSize { default: 100, most: 1000 };

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> Vec<String> {
        ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec()
    }

    #[test]
    fn pages_together_are_the_list() {
        let mut marker = None;
        let mut all = Vec::new();
        for expected in [2, 2, 1] {
            let page = page(letters(), String::clone, Some(2), marker.as_deref(), KEYS).expect("a page");
            assert_eq!(page.items.len(), expected);
            all.extend(page.items);
            marker = page.next_marker;
        }
        assert_eq!((all, marker), (letters(), None));
    }

    #[test]
    fn a_full_last_page_has_no_marker() {
        let page = page(letters(), String::clone, Some(5), None, KEYS).expect("a page");
        assert_eq!((page.items.len(), page.next_marker), (5, None));
    }

    #[test]
    fn refuses_limits_out_of_bounds_and_foreign_markers() {
        for limit in [0, -1, 1001] {
            let refused = page(letters(), String::clone, Some(limit), None, KEYS).expect_err("refused");
            assert_eq!(refused.code(), "ValidationException");
        }
        let refused = page(letters(), String::clone, None, Some("no marker!"), KEYS).expect_err("refused");
        assert_eq!(refused, KmsError::InvalidMarker);
    }
}
