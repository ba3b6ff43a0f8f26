use keywright_model::Arn;
use serde::{Deserialize, Serialize};

use super::error::{invalid_value, no_such_resource};
use super::{alarm_check, alarm_key};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::{Empty, Tag, add_tags, tag_list, tag_pairs};
use crate::world::World;

/// Adds tags to an alarm.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html>.
pub(super) struct TagResource;

/// Takes tags off an alarm. Keys that it does not have are passed over.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_UntagResource.html>.
pub(super) struct UntagResource;

/// Lists the tags of an alarm.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListTagsForResource.html>.
pub(super) struct ListTagsForResource;

#[derive(Debug, Deserialize)]
pub(super) struct TagResourceInput {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    #[serde(rename = "Tags")]
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UntagResourceInput {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    #[serde(rename = "TagKeys")]
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListTagsForResourceInput {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTagsForResourceOutput {
    tags: Vec<Tag>,
}

impl Operation for TagResource {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "TagResource";
    const READ_ONLY: bool = false;
    type Input = TagResourceInput;
    type Output = Empty;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let name = alarm_name(&input.resource_arn, call)?;
        let check = alarm_check(call, world, "cloudwatch:TagResource", &name)?;
        Ok(vec![check.request_tags(tag_pairs(&input.tags))])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let key = alarm_key(call, &alarm_name(&input.resource_arn, call)?);
        let alarm = world.cloudwatch.alarms.get_mut(&key).ok_or_else(|| no_such_resource(&input.resource_arn))?;
        add_tags(&mut alarm.tags, tag_pairs(&input.tags)).map_err(|refusal| invalid_value(refusal.to_string()))?;
        Ok(Empty {})
    }
}

impl Operation for UntagResource {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "UntagResource";
    const READ_ONLY: bool = false;
    type Input = UntagResourceInput;
    type Output = Empty;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let name = alarm_name(&input.resource_arn, call)?;
        let check = alarm_check(call, world, "cloudwatch:UntagResource", &name)?;
        Ok(vec![check.with_many("aws:TagKeys", input.tag_keys.iter().cloned())])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let key = alarm_key(call, &alarm_name(&input.resource_arn, call)?);
        let alarm = world.cloudwatch.alarms.get_mut(&key).ok_or_else(|| no_such_resource(&input.resource_arn))?;
        alarm.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(Empty {})
    }
}

impl Operation for ListTagsForResource {
    const SERVICE: Service = Service::CloudWatch;
    const NAME: &'static str = "ListTagsForResource";
    const READ_ONLY: bool = true;
    type Input = ListTagsForResourceInput;
    type Output = ListTagsForResourceOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let name = alarm_name(&input.resource_arn, call)?;
        Ok(vec![alarm_check(call, world, "cloudwatch:ListTagsForResource", &name)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<ListTagsForResourceOutput, AwsError> {
        let key = alarm_key(call, &alarm_name(&input.resource_arn, call)?);
        let alarm = world.cloudwatch.alarms.get(&key).ok_or_else(|| no_such_resource(&input.resource_arn))?;
        Ok(ListTagsForResourceOutput { tags: tag_list(&alarm.tags) })
    }
}

/// The name of the alarm that an ARN of this account and Region is of.
fn alarm_name(arn: &str, call: &CallContext) -> Result<String, AwsError> {
    let parsed = Arn::parse(arn).map_err(|_| invalid_value(format!("Invalid arn syntax: {arn}")))?;
    let is_here = parsed.service() == "cloudwatch"
        && parsed.partition() == call.partition.as_str()
        && parsed.region() == call.region.as_str()
        && parsed.account() == call.account.as_str();
    let name = parsed.resource().strip_prefix("alarm:").filter(|_| is_here);
    name.map(str::to_owned).ok_or_else(|| no_such_resource(arn))
}
