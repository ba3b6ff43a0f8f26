use keywright_model::{Arn, Tags};
use serde::{Deserialize, Serialize};

use super::error::{invalid_arn, invalid_tags, no_such_resource, too_many_tags};
use super::{Trail, trails};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::{Empty, Tag, TagRefusal, add_tags, tag_list, tags_of};
use crate::world::World;

/// Adds tags to a trail.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AddTags.html>.
pub(super) struct AddTags;

/// Takes tags off a trail.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_RemoveTags.html>.
pub(super) struct RemoveTags;

/// Lists the tags of trails.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTags.html>.
pub(super) struct ListTags;

/// A tag as CloudTrail takes it: the value may be left out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GivenTag {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    resource_id: String,
    tags_list: Vec<GivenTag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    resource_id_list: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListOutput {
    resource_tag_list: Vec<ResourceTags>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceTags {
    resource_id: String,
    tags_list: Vec<Tag>,
}

impl Operation for AddTags {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "AddTags";
    const READ_ONLY: bool = false;
    type Input = TagInput;
    type Output = Empty;

    fn authorize(input: &TagInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![tag_check(Self::NAME, &input.resource_id, call, world)?.request_tags(pairs(&input.tags_list))])
    }

    fn call(input: TagInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let key = existing(&input.resource_id, call, world)?.key();
        let trail = world.cloudtrail.trails.get_mut(&key).ok_or_else(|| no_such_resource(&input.resource_id))?;
        add(&mut trail.tags, &input.tags_list)?;
        Ok(Empty {})
    }
}

impl Operation for RemoveTags {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "RemoveTags";
    const READ_ONLY: bool = false;
    type Input = TagInput;
    type Output = Empty;

    fn authorize(input: &TagInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let keys = input.tags_list.iter().map(|tag| tag.key.clone());
        Ok(vec![tag_check(Self::NAME, &input.resource_id, call, world)?.with_many("aws:TagKeys", keys)])
    }

    fn call(input: TagInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let key = existing(&input.resource_id, call, world)?.key();
        let trail = world.cloudtrail.trails.get_mut(&key).ok_or_else(|| no_such_resource(&input.resource_id))?;
        trail.tags.retain(|key, _| !input.tags_list.iter().any(|tag| tag.key == *key));
        Ok(Empty {})
    }
}

impl Operation for ListTags {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "ListTags";
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = ListOutput;

    fn authorize(input: &ListInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.resource_id_list.iter().map(|id| tag_check(Self::NAME, id, call, world)).collect()
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ListOutput, AwsError> {
        let tags = input.resource_id_list.into_iter().map(|resource_id| {
            let tags_list = tag_list(&existing(&resource_id, call, world)?.tags);
            Ok(ResourceTags { resource_id, tags_list })
        });
        Ok(ListOutput { resource_tag_list: tags.collect::<Result<_, AwsError>>()? })
    }
}

/// Adds tags, or says in the service's terms why not.
pub(super) fn add(tags: &mut Tags, added: &[GivenTag]) -> Result<(), AwsError> {
    add_tags(tags, pairs(added)).map_err(|refusal| match refusal {
        TagRefusal::TooMany => too_many_tags(),
        refusal => invalid_tags(refusal),
    })
}

pub(super) fn pairs(tags: &[GivenTag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))
}

/// The actions on tags are asked about an ARN that is given, which need not be a trail's that exists.
fn tag_check(action: &str, id: &str, call: &CallContext, world: &World) -> Result<Check, AwsError> {
    let arn = Arn::parse(id).map_err(|_| invalid_arn(id))?;
    let check = Check::new(call, &format!("cloudtrail:{action}"), arn);
    let trail = trails::lookup(id, call, world)?;
    Ok(check.resource_tags(trail.iter().flat_map(|trail| tags_of(&trail.tags))))
}

fn existing<'a>(id: &str, call: &CallContext, world: &'a World) -> Result<&'a Trail, AwsError> {
    trails::lookup(id, call, world)?.ok_or_else(|| no_such_resource(id))
}
