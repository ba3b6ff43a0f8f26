use keywright_model::Tags;
use serde::{Deserialize, Serialize};

use super::error::{invalid_parameter, no_such_resource, too_many_tags};
use super::{topic_arn, topic_check, topic_key};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::{Empty, Tag, TagRefusal, add_tags, tag_list, tag_pairs};
use crate::world::World;

/// Adds tags to a topic.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_TagResource.html>.
pub(super) struct TagResource;

/// Takes tags off a topic. Keys that it does not have are passed over.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_UntagResource.html>.
pub(super) struct UntagResource;

/// Lists the tags of a topic.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_ListTagsForResource.html>.
pub(super) struct ListTagsForResource;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResourceInput {
    resource_arn: String,
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResourceInput {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsForResourceInput {
    resource_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsForResourceOutput {
    tags: Vec<Tag>,
}

impl Operation for TagResource {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "TagResource";
    const READ_ONLY: bool = false;
    type Input = TagResourceInput;
    type Output = Empty;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.resource_arn, "ResourceArn", call)?;
        Ok(vec![topic_check(call, world, "SNS:TagResource", &arn).request_tags(tag_pairs(&input.tags))])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let key = topic_key(&topic_arn(&input.resource_arn, "ResourceArn", call)?);
        let topic = world.sns.topics.get_mut(&key).ok_or_else(no_such_resource)?;
        add(&mut topic.tags, &input.tags)?;
        Ok(Empty {})
    }
}

impl Operation for UntagResource {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "UntagResource";
    const READ_ONLY: bool = false;
    type Input = UntagResourceInput;
    type Output = Empty;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.resource_arn, "ResourceArn", call)?;
        let check = topic_check(call, world, "SNS:UntagResource", &arn);
        Ok(vec![check.with_many("aws:TagKeys", input.tag_keys.iter().cloned())])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let key = topic_key(&topic_arn(&input.resource_arn, "ResourceArn", call)?);
        let topic = world.sns.topics.get_mut(&key).ok_or_else(no_such_resource)?;
        topic.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(Empty {})
    }
}

impl Operation for ListTagsForResource {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "ListTagsForResource";
    const READ_ONLY: bool = true;
    type Input = ListTagsForResourceInput;
    type Output = ListTagsForResourceOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.resource_arn, "ResourceArn", call)?;
        Ok(vec![topic_check(call, world, "SNS:ListTagsForResource", &arn)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<ListTagsForResourceOutput, AwsError> {
        let key = topic_key(&topic_arn(&input.resource_arn, "ResourceArn", call)?);
        let topic = world.sns.topics.get(&key).ok_or_else(no_such_resource)?;
        Ok(ListTagsForResourceOutput { tags: tag_list(&topic.tags) })
    }
}

/// Adds tags, or says in the service's terms why not.
pub(super) fn add(tags: &mut Tags, added: &[Tag]) -> Result<(), AwsError> {
    add_tags(tags, tag_pairs(added)).map_err(|refusal| match refusal {
        TagRefusal::TooMany => too_many_tags(),
        refusal => invalid_parameter("Tags", &refusal.to_string()),
    })
}
