use keywright_model::{Arn, Tags};
use serde::{Deserialize, Serialize};

use super::error::{invalid_parameter, no_such_group, no_such_resource, too_many_tags};
use super::groups::GroupName;
use super::{existing_group, group_check, group_key, tag_check, validate};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::{TagRefusal, add_tags, tags_of};
use crate::world::World;

/// Adds tags to a log group.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html>.
pub(super) struct TagResource;

/// Takes tags off a log group. Keys that it does not have are passed over.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagResource.html>.
pub(super) struct UntagResource;

/// Lists the tags of a log group.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsForResource.html>.
pub(super) struct ListTagsForResource;

/// The older form of `TagResource`, by name.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagLogGroup.html>.
pub(super) struct TagLogGroup;

/// The older form of `UntagResource`, by name.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagLogGroup.html>.
pub(super) struct UntagLogGroup;

/// The older form of `ListTagsForResource`, by name.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsLogGroup.html>.
pub(super) struct ListTagsLogGroup;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagResourceInput {
    resource_arn: String,
    tags: Tags,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagResourceInput {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListTagsForResourceInput {
    resource_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagLogGroupInput {
    log_group_name: String,
    tags: Tags,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UntagLogGroupInput {
    log_group_name: String,
    /// The keys.
    tags: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TagsOutput {
    tags: Tags,
}

impl Operation for TagResource {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "TagResource";
    const READ_ONLY: bool = false;
    type Input = TagResourceInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let group = tagged_group(&input.resource_arn, call)?;
        Ok(vec![tag_check(call, world, "logs:TagResource", &group)?.request_tags(tags_of(&input.tags))])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let group = tagged_group(&input.resource_arn, call)?;
        tag(&group, &input.tags, call, world)
    }
}

impl Operation for UntagResource {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "UntagResource";
    const READ_ONLY: bool = false;
    type Input = UntagResourceInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let group = tagged_group(&input.resource_arn, call)?;
        let check = tag_check(call, world, "logs:UntagResource", &group)?;
        Ok(vec![check.with_many("aws:TagKeys", input.tag_keys.iter().cloned())])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let group = tagged_group(&input.resource_arn, call)?;
        untag(&group, &input.tag_keys, call, world)
    }
}

impl Operation for ListTagsForResource {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "ListTagsForResource";
    const READ_ONLY: bool = true;
    type Input = ListTagsForResourceInput;
    type Output = TagsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let group = tagged_group(&input.resource_arn, call)?;
        Ok(vec![tag_check(call, world, "logs:ListTagsForResource", &group)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<TagsOutput, AwsError> {
        let group = tagged_group(&input.resource_arn, call)?;
        Ok(TagsOutput { tags: existing_group(call, world, &group)?.tags.clone() })
    }
}

impl Operation for TagLogGroup {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "TagLogGroup";
    const READ_ONLY: bool = false;
    type Input = TagLogGroupInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        let check = group_check(call, world, "logs:TagLogGroup", &input.log_group_name)?;
        Ok(vec![check.request_tags(tags_of(&input.tags))])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        tag(&input.log_group_name, &input.tags, call, world)
    }
}

impl Operation for UntagLogGroup {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "UntagLogGroup";
    const READ_ONLY: bool = false;
    type Input = UntagLogGroupInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        let check = group_check(call, world, "logs:UntagLogGroup", &input.log_group_name)?;
        Ok(vec![check.with_many("aws:TagKeys", input.tags.iter().cloned())])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        untag(&input.log_group_name, &input.tags, call, world)
    }
}

impl Operation for ListTagsLogGroup {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "ListTagsLogGroup";
    const READ_ONLY: bool = true;
    type Input = GroupName;
    type Output = TagsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        Ok(vec![group_check(call, world, "logs:ListTagsLogGroup", &input.log_group_name)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<TagsOutput, AwsError> {
        Ok(TagsOutput { tags: existing_group(call, world, &input.log_group_name)?.tags.clone() })
    }
}

/// Adds tags, or says in the service's terms why not.
pub(super) fn add(tags: &mut Tags, added: &Tags) -> Result<(), AwsError> {
    add_tags(tags, tags_of(added)).map_err(|refusal| match refusal {
        TagRefusal::TooMany => too_many_tags(),
        refusal => invalid_parameter(refusal.to_string()),
    })
}

fn tag(group: &str, tags: &Tags, call: &CallContext, world: &mut World) -> Result<(), AwsError> {
    let group = world.logs.groups.get_mut(&group_key(call, group)).ok_or_else(no_such_group)?;
    add(&mut group.tags, tags)
}

fn untag(group: &str, keys: &[String], call: &CallContext, world: &mut World) -> Result<(), AwsError> {
    let group = world.logs.groups.get_mut(&group_key(call, group)).ok_or_else(no_such_group)?;
    group.tags.retain(|key, _| !keys.contains(key));
    Ok(())
}

/// The log group of an ARN of this account and Region; the form that ends with `:*` is not taken here.
fn tagged_group(arn: &str, call: &CallContext) -> Result<String, AwsError> {
    let parsed = Arn::parse(arn).map_err(|_| invalid_parameter(format!("Invalid ARN: {arn}")))?;
    let is_here = parsed.service() == "logs"
        && parsed.partition() == call.partition.as_str()
        && parsed.region() == call.region.as_str()
        && parsed.account() == call.account.as_str();
    if !is_here {
        return Err(no_such_resource(arn));
    }
    let name = parsed.resource().strip_prefix("log-group:").unwrap_or_default();
    validate::group_name_in("resourceArn", name)?;
    Ok(name.to_owned())
}
