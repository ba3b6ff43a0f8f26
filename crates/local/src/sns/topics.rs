use indexmap::IndexMap;
use keywright_model::{Arn, Tags};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::error::{invalid_parameter, unsupported};
use super::{Topic, attributes, new_topic, tags, topic_arn, topic_check, topic_key};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::{Tag, tag_pairs};
use crate::world::World;

/// Makes a topic; gives the one that is there, if it is the same.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>.
pub(super) struct CreateTopic;

/// Removes a topic and its subscriptions. That it does not exist is no error.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html>.
pub(super) struct DeleteTopic;

/// Lists the topics of the caller's account, a hundred at a time.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_ListTopics.html>.
pub(super) struct ListTopics;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateTopicInput {
    name: String,
    #[serde(default)]
    attributes: IndexMap<String, String>,
    #[serde(default)]
    tags: Vec<Tag>,
    data_protection_policy: Option<IgnoredAny>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateTopicOutput {
    topic_arn: Arn,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteTopicInput {
    topic_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTopicsInput {
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTopicsOutput {
    topics: Vec<ListedTopic>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedTopic {
    topic_arn: Arn,
}

impl Operation for CreateTopic {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "CreateTopic";
    const READ_ONLY: bool = false;
    type Input = CreateTopicInput;
    type Output = CreateTopicOutput;

    fn authorize(input: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        check_name(&input.name)?;
        let arn = call.arn("sns", &input.name)?;
        let check = Check::new(call, "SNS:CreateTopic", arn.clone()).request_tags(tag_pairs(&input.tags));
        if input.tags.is_empty() {
            return Ok(vec![check]);
        }
        let tagging = Check::new(call, "SNS:TagResource", arn).request_tags(tag_pairs(&input.tags));
        Ok(vec![check, tagging])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<CreateTopicOutput, AwsError> {
        if input.data_protection_policy.is_some() {
            return Err(unsupported("Data protection policies are"));
        }
        let topic_arn = call.arn("sns", &input.name)?;
        let topic = wanted_topic(&input, topic_arn.clone(), call, world)?;
        let key = topic_key(&topic_arn);
        match world.sns.topics.get(&key) {
            Some(existing) => check_same(existing, &topic, &input, world)?,
            None => world.sns.topics.insert(key, topic),
        }
        Ok(CreateTopicOutput { topic_arn })
    }
}

impl Operation for DeleteTopic {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "DeleteTopic";
    const READ_ONLY: bool = false;
    type Input = DeleteTopicInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.topic_arn, "TopicArn", call)?;
        Ok(vec![topic_check(call, world, "SNS:DeleteTopic", &arn)])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let key = topic_key(&topic_arn(&input.topic_arn, "TopicArn", call)?);
        world.sns.topics.remove(&key);
        let inside = format!("{key}:");
        world.sns.subscriptions.remove_with_prefix(&inside);
        world.sns.tokens.remove_with_prefix(&inside);
        world.sns.inboxes.remove_with_prefix(&inside);
        Ok(())
    }
}

impl Operation for ListTopics {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "ListTopics";
    const READ_ONLY: bool = true;
    type Input = ListTopicsInput;
    type Output = ListTopicsOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "SNS:ListTopics", call.arn("sns", "*")?)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<ListTopicsOutput, AwsError> {
        let scope = format!("{}/", call.regional_scope());
        let found = world.sns.topics.with_prefix(&scope);
        let Page { items, next_token } = page(found, input.next_token.as_deref(), PAGE).map_err(|_| invalid_token())?;
        let topics = items.into_iter().map(|topic| ListedTopic { topic_arn: topic.arn.clone() }).collect();
        Ok(ListTopicsOutput { topics, next_token })
    }
}

/// Checks a topic's name: 1 to 256 letters, digits, hyphens and underscores. FIFO topics are not supported.
pub(super) fn check_name(name: &str) -> Result<(), AwsError> {
    if name.ends_with(".fifo") {
        return Err(unsupported("FIFO topics are"));
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=256).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(invalid_parameter("Topic Name", "Topic names have 1 to 256 letters, digits, hyphens and underscores"))
}

pub(super) fn invalid_token() -> AwsError {
    invalid_parameter("NextToken", "The token is invalid")
}

fn wanted_topic(input: &CreateTopicInput, arn: Arn, call: &CallContext, world: &World) -> Result<Topic, AwsError> {
    let mut topic = new_topic(arn, call.now, world)?;
    for (name, value) in &input.attributes {
        attributes::set(&mut topic, name, value, world)?;
    }
    let mut kept = Tags::new();
    tags::add(&mut kept, &input.tags)?;
    topic.tags = kept;
    Ok(topic)
}

/// A topic that is there must have the attributes and tags that are asked for now.
fn check_same(existing: &Topic, wanted: &Topic, input: &CreateTopicInput, world: &World) -> Result<(), AwsError> {
    let (has, wants) = (attributes::shown(existing, world), attributes::shown(wanted, world));
    if input.attributes.keys().any(|name| has.get(name) != wants.get(name)) {
        return Err(invalid_parameter("Attributes", "Topic already exists with different attributes"));
    }
    if !input.tags.is_empty() && existing.tags != wanted.tags {
        return Err(invalid_parameter("Tags", "Topic already exists with different tags"));
    }
    Ok(())
}

/// Topics and subscriptions on a page.
pub(super) const PAGE: usize = 100;
