use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::bucket::{canonical_id, object_key};
use super::buckets::{Owner, seconds};
use super::checks::{existing, find, on_bucket};
use super::error::invalid_argument;
use super::object::{Content, Object, Version};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::{Reply, Time};
use crate::world::World;

/// Lists objects in the order of their keys, those that a delimiter groups as one.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>.
pub(super) struct ListObjectsV2;

/// Lists all versions of objects, delete markers among them.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>.
pub(super) struct ListObjectVersions;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ListObjectsInput {
    #[serde(rename = "Bucket")]
    bucket: String,
    #[serde(rename = "x-amz-expected-bucket-owner")]
    expected_owner: Option<String>,
    prefix: Option<String>,
    delimiter: Option<String>,
    max_keys: Option<usize>,
    encoding_type: Option<String>,
    continuation_token: Option<String>,
    start_after: Option<String>,
    #[serde(default)]
    fetch_owner: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ListVersionsInput {
    #[serde(rename = "Bucket")]
    bucket: String,
    #[serde(rename = "x-amz-expected-bucket-owner")]
    expected_owner: Option<String>,
    prefix: Option<String>,
    delimiter: Option<String>,
    max_keys: Option<usize>,
    encoding_type: Option<String>,
    key_marker: Option<String>,
    version_id_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListObjectsOutput {
    is_truncated: bool,
    contents: Vec<ListedObject>,
    name: String,
    prefix: String,
    delimiter: Option<String>,
    max_keys: usize,
    common_prefixes: Vec<CommonPrefix>,
    encoding_type: Option<String>,
    key_count: usize,
    continuation_token: Option<String>,
    next_continuation_token: Option<String>,
    start_after: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListVersionsOutput {
    is_truncated: bool,
    key_marker: String,
    version_id_marker: String,
    next_key_marker: Option<String>,
    next_version_id_marker: Option<String>,
    version: Vec<ListedVersion>,
    delete_marker: Vec<ListedMarker>,
    name: String,
    prefix: String,
    delimiter: Option<String>,
    max_keys: usize,
    common_prefixes: Vec<CommonPrefix>,
    encoding_type: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedObject {
    key: String,
    last_modified: Time,
    #[serde(rename = "ETag")]
    etag: String,
    checksum_algorithm: Option<super::checksum::Algorithm>,
    checksum_type: Option<&'static str>,
    size: usize,
    owner: Option<Owner>,
    storage_class: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedVersion {
    #[serde(flatten)]
    object: ListedObject,
    version_id: String,
    is_latest: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedMarker {
    key: String,
    version_id: String,
    is_latest: bool,
    last_modified: Time,
    owner: Owner,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

/// How keys are chosen, grouped and written.
struct Choice<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    most: usize,
    is_encoded: bool,
}

/// A key of its own, or what many have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item<'a> {
    Key(&'a str),
    Group(&'a str),
}

impl Operation for ListObjectsV2 {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "ListObjectsV2";
    const READ_ONLY: bool = true;
    type Input = ListObjectsInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let bucket = find(&input.bucket, input.expected_owner.as_deref(), call, world)?;
        let check = on_bucket("s3:ListBucket", &input.bucket, bucket, call, world)?;
        Ok(vec![asked(check, input.prefix.as_deref(), input.delimiter.as_deref(), input.max_keys)])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let bucket = existing(&input.bucket, call, world)?;
        let choice = choice(&input.prefix, &input.delimiter, input.max_keys, &input.encoding_type)?;
        let owner = input.fetch_owner.then(|| Owner { id: canonical_id(&bucket.owner) });
        let reached = input.continuation_token.as_deref().map(read_token).transpose()?;
        let start_after = input.start_after.as_deref().unwrap_or_default();
        let mut page = Page::new(choice.most);
        let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
        for (key, object) in choice.objects(&input.bucket, call, world) {
            let Some((version, content)) = object.current() else { continue };
            let item = choice.item(key);
            let is_behind = reached.as_deref().is_some_and(|reached| item.text() <= reached);
            if is_behind || (reached.is_none() && key <= start_after) || !page.takes(item) {
                continue;
            }
            match item {
                Item::Key(key) => contents.push(choice.listed(key, version, content, owner.clone())),
                Item::Group(group) => choice.add_group(&mut common_prefixes, group),
            }
        }
        let output = ListObjectsOutput {
            is_truncated: page.is_truncated,
            key_count: contents.len() + common_prefixes.len(),
            contents,
            name: input.bucket,
            prefix: choice.written(choice.prefix),
            delimiter: choice.delimiter.map(|delimiter| choice.written(delimiter)),
            max_keys: choice.most,
            common_prefixes,
            next_continuation_token: page.next().map(|last| URL_SAFE_NO_PAD.encode(last)),
            start_after: input.start_after.as_deref().map(|after| choice.written(after)),
            encoding_type: input.encoding_type.clone(),
            continuation_token: input.continuation_token,
        };
        Reply::document("ListBucketResult", &output).map_err(|_| AwsError::internal())
    }
}

impl Operation for ListObjectVersions {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "ListObjectVersions";
    const READ_ONLY: bool = true;
    type Input = ListVersionsInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let bucket = find(&input.bucket, input.expected_owner.as_deref(), call, world)?;
        let check = on_bucket("s3:ListBucketVersions", &input.bucket, bucket, call, world)?;
        Ok(vec![asked(check, input.prefix.as_deref(), input.delimiter.as_deref(), input.max_keys)])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let bucket = existing(&input.bucket, call, world)?;
        let choice = choice(&input.prefix, &input.delimiter, input.max_keys, &input.encoding_type)?;
        let owner = Owner { id: canonical_id(&bucket.owner) };
        let mut page = Page::new(choice.most);
        let (mut versions, mut markers, mut common_prefixes) = (Vec::new(), Vec::new(), Vec::new());
        let mut last_version = None;
        for (key, object) in choice.objects(&input.bucket, call, world) {
            let item = choice.item(key);
            for (at, version) in input.remaining(item, object) {
                if !page.takes_version(item) {
                    break;
                }
                last_version = Some(version.id.clone());
                let is_latest = at == 0;
                match (item, &version.content) {
                    (Item::Group(group), _) => choice.add_group(&mut common_prefixes, group),
                    (Item::Key(key), Some(content)) => versions.push(ListedVersion {
                        object: choice.listed(key, version, content, Some(owner.clone())),
                        version_id: version.id.clone(),
                        is_latest,
                    }),
                    (Item::Key(key), None) => markers.push(ListedMarker {
                        key: choice.written(key),
                        version_id: version.id.clone(),
                        is_latest,
                        last_modified: seconds(version.modified),
                        owner: owner.clone(),
                    }),
                }
            }
        }
        let next = page.next();
        let is_group =
            next.is_some_and(|next| common_prefixes.iter().any(|known| known.prefix == choice.written(next)));
        let output = ListVersionsOutput {
            is_truncated: page.is_truncated,
            key_marker: choice.written(input.key_marker.as_deref().unwrap_or_default()),
            version_id_marker: input.version_id_marker.clone().unwrap_or_default(),
            next_key_marker: next.map(|next| choice.written(next)),
            next_version_id_marker: next.and(last_version).filter(|_| !is_group),
            version: versions,
            delete_marker: markers,
            name: input.bucket.clone(),
            prefix: choice.written(choice.prefix),
            delimiter: choice.delimiter.map(|delimiter| choice.written(delimiter)),
            max_keys: choice.most,
            common_prefixes,
            encoding_type: input.encoding_type.clone(),
        };
        Reply::document("ListVersionsResult", &output).map_err(|_| AwsError::internal())
    }
}

impl ListVersionsInput {
    /// The versions behind the markers, each with its place: all of later keys, and of the marked key those that come
    /// after the marked version.
    fn remaining<'a>(&self, item: Item<'_>, object: &'a Object) -> impl Iterator<Item = (usize, &'a Version)> {
        let marker = self.key_marker.as_deref().unwrap_or_default();
        let skipped = match item.text().cmp(marker) {
            std::cmp::Ordering::Greater => 0,
            std::cmp::Ordering::Less => object.versions.len(),
            std::cmp::Ordering::Equal => self.version_id_marker.as_deref().map_or(object.versions.len(), |id| {
                object.versions.iter().position(|version| version.id == id).map_or(object.versions.len(), |at| at + 1)
            }),
        };
        object.versions.iter().enumerate().skip(skipped)
    }
}

impl<'a> Choice<'a> {
    /// The objects whose keys begin with the prefix, by their keys.
    fn objects<'w>(
        &self,
        bucket: &str,
        call: &CallContext,
        world: &'w World,
    ) -> impl Iterator<Item = (&'w str, &'w Object)> + use<'w> {
        let scope = object_key(call.partition, bucket, "");
        let length = scope.len();
        let found = world.s3.objects.with_prefix(&format!("{scope}{}", self.prefix));
        found.map(move |(place, object)| (place.get(length..).unwrap_or_default(), object))
    }

    fn item<'k>(&self, key: &'k str) -> Item<'k> {
        let Some(delimiter) = self.delimiter else { return Item::Key(key) };
        let rest = key.get(self.prefix.len()..).unwrap_or_default();
        match rest.find(delimiter) {
            Some(at) => Item::Group(key.get(..self.prefix.len() + at + delimiter.len()).unwrap_or(key)),
            None => Item::Key(key),
        }
    }

    fn listed(&self, key: &str, version: &Version, content: &Content, owner: Option<Owner>) -> ListedObject {
        ListedObject {
            key: self.written(key),
            last_modified: seconds(version.modified),
            etag: content.quoted_etag(),
            checksum_algorithm: content.checksum.as_ref().map(|checksum| checksum.algorithm),
            checksum_type: content.checksum.as_ref().map(|_| "FULL_OBJECT"),
            size: content.size,
            owner,
            storage_class: "STANDARD",
        }
    }

    fn add_group(&self, groups: &mut Vec<CommonPrefix>, group: &str) {
        let prefix = self.written(group);
        if groups.last().is_none_or(|last| last.prefix != prefix) {
            groups.push(CommonPrefix { prefix });
        }
    }

    fn written(&self, text: &str) -> String {
        if self.is_encoded { utf8_percent_encode(text, ENCODED).to_string() } else { text.to_owned() }
    }
}

impl<'a> Item<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::Key(text) | Self::Group(text) => text,
        }
    }
}

/// What has room in an answer. A group counts once, however many keys are in it.
struct Page<'a> {
    room: usize,
    last: Option<Item<'a>>,
    is_truncated: bool,
}

impl<'a> Page<'a> {
    fn new(most: usize) -> Self {
        Self { room: most, last: None, is_truncated: false }
    }

    /// Whether the item has room.
    fn takes(&mut self, item: Item<'a>) -> bool {
        if !self.is_truncated && self.last == Some(item) {
            return true;
        }
        self.takes_version(item)
    }

    /// As [`Page::takes`], where one key can stand for many.
    fn takes_version(&mut self, item: Item<'a>) -> bool {
        if !self.is_truncated && self.last == Some(item) && matches!(item, Item::Group(_)) {
            return true;
        }
        if self.room == 0 {
            self.is_truncated = true;
        }
        if self.is_truncated {
            return false;
        }
        self.room -= 1;
        self.last = Some(item);
        true
    }

    /// Behind what the next page begins.
    fn next(&self) -> Option<&'a str> {
        self.last.filter(|_| self.is_truncated).map(Item::text)
    }
}

/// The condition keys of a listing; what is not asked for is not there.
fn asked(check: Check, prefix: Option<&str>, delimiter: Option<&str>, max_keys: Option<usize>) -> Check {
    let max_keys = max_keys.map(|most| most.to_string());
    let asked = [("s3:prefix", prefix), ("s3:delimiter", delimiter), ("s3:max-keys", max_keys.as_deref())];
    asked.into_iter().fold(check, |check, (key, value)| match value {
        Some(value) => check.with(key, value),
        None => check,
    })
}

fn choice<'a>(
    prefix: &'a Option<String>,
    delimiter: &'a Option<String>,
    max_keys: Option<usize>,
    encoding_type: &Option<String>,
) -> Result<Choice<'a>, AwsError> {
    let is_encoded = match encoding_type.as_deref() {
        None => false,
        Some("url") => true,
        Some(_) => return Err(invalid_argument("Invalid Encoding Method specified in Request")),
    };
    Ok(Choice {
        prefix: prefix.as_deref().unwrap_or_default(),
        delimiter: delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
        most: max_keys.unwrap_or(MOST_KEYS).min(MOST_KEYS),
        is_encoded,
    })
}

fn read_token(token: &str) -> Result<String, AwsError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| invalid_argument("The continuation token provided is incorrect"))
}

const MOST_KEYS: usize = 1000;

/// All but letters, digits, `-`, `.`, `_`, `~` and `/`.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'*');
