use serde::{Deserialize, Serialize};

use super::super::checks::on_key;
use super::super::error::KmsError;
use super::super::key::Need;
use super::super::page::{TAGS, page};
use super::super::state::Forms;
use super::inputs::{KeyPageInput, Tag, checked_tags, refuse_too_many, tag_list};
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct TagResource;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResourceInput {
    key_id: String,
    tags: Vec<Tag>,
}

impl Operation for TagResource {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "TagResource";
    const READ_ONLY: bool = false;
    type Input = TagResourceInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let tags = checked_tags(&input.tags)?;
        let check = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        Ok(vec![check.request_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::Alive, call, world)?;
        let tags = &mut world.kms.key_mut(&place)?.tags;
        tags.extend(checked_tags(&input.tags)?);
        Ok(refuse_too_many(tags)?)
    }
}

pub(super) struct UntagResource;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResourceInput {
    key_id: String,
    tag_keys: Vec<String>,
}

impl Operation for UntagResource {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "UntagResource";
    const READ_ONLY: bool = false;
    type Input = UntagResourceInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        if let Some(key) = input.tag_keys.iter().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
            return Err(KmsError::Tag { message: format!("The tag key {key} is reserved.") }.into());
        }
        let check = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        Ok(vec![check.with_many("aws:TagKeys", input.tag_keys.iter().map(String::as_str))])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::Alive, call, world)?;
        world.kms.key_mut(&place)?.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    }
}

pub(super) struct ListResourceTags;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListResourceTagsOutput {
    tags: Vec<Tag>,
    truncated: bool,
    next_marker: Option<String>,
}

impl Operation for ListResourceTags {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListResourceTags";
    const READ_ONLY: bool = true;
    type Input = KeyPageInput;
    type Output = ListResourceTagsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let target = world.kms.target(&input.key_id, Forms::Key, call, "kms:ListResourceTags")?;
        let mut tags = tag_list(&target.key.tags);
        tags.sort_by(|one, other| one.tag_key.cmp(&other.tag_key));
        let page = page(tags, |tag: &Tag| tag.tag_key.clone(), input.limit, input.marker.as_deref(), TAGS)?;
        Ok(ListResourceTagsOutput {
            tags: page.items,
            truncated: page.next_marker.is_some(),
            next_marker: page.next_marker,
        })
    }
}
