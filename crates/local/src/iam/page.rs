use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use super::error::{invalid_value, validation};
use crate::error::AwsError;

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) is_truncated: bool,
    /// Where the next page begins.
    pub(super) marker: Option<String>,
}

/// Cuts a page out of items, each with the key that orders it.
///
/// A marker holds the key of the last item that was given, so that pages neither repeat nor skip what stays.
pub(super) fn page<T>(
    items: impl Iterator<Item = (String, T)>,
    marker: Option<&String>,
    max_items: Option<u32>,
) -> Result<Page<T>, AwsError> {
    let most = size(max_items)?;
    let after = marker.map(|marker| decode(marker)).transpose()?;
    let mut rest = items.skip_while(|(key, _)| after.as_ref().is_some_and(|after| key <= after));
    let taken: Vec<(String, T)> = rest.by_ref().take(most).collect();
    let is_truncated = rest.next().is_some();
    let marker = taken.last().filter(|_| is_truncated).map(|(key, _)| BASE64.encode(key));
    Ok(Page { items: taken.into_iter().map(|(_, item)| item).collect(), is_truncated, marker })
}

/// A page of items that are ordered by their place.
pub(super) fn page_in_order<T>(
    items: impl Iterator<Item = T>,
    marker: Option<&String>,
    max_items: Option<u32>,
) -> Result<Page<T>, AwsError> {
    page(items.enumerate().map(|(at, item)| (format!("{at:08}"), item)), marker, max_items)
}

fn size(max_items: Option<u32>) -> Result<usize, AwsError> {
    match max_items {
        None => Ok(100),
        Some(most @ 1..=1000) => Ok(most as usize),
        Some(0) => Err(validation("maxItems", "0", "have value greater than or equal to 1")),
        Some(many) => Err(validation("maxItems", &many.to_string(), "have value less than or equal to 1000")),
    }
}

fn decode(marker: &str) -> Result<String, AwsError> {
    let bytes = BASE64.decode(marker).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| invalid_value("Invalid Marker."))
}
