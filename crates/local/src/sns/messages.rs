use std::collections::BTreeSet;

use keywright_model::Arn;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::error::{
    batch_too_long, empty_batch, invalid_entry_id, invalid_message, same_entry_ids, too_many_entries, unsupported,
};
use super::message::{MOST_BYTES, Message, MessageAttributes, MessageInput};
use super::{existing_topic, publish, topic_arn, topic_check};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// Sends a message to all who have subscribed to a topic.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
pub(super) struct Publish;

/// Sends up to ten messages to all who have subscribed to a topic.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html>.
pub(super) struct PublishBatch;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PublishInput {
    topic_arn: Option<String>,
    target_arn: Option<IgnoredAny>,
    phone_number: Option<IgnoredAny>,
    message: String,
    subject: Option<String>,
    message_structure: Option<String>,
    #[serde(default)]
    message_attributes: MessageAttributes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PublishOutput {
    message_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PublishBatchInput {
    topic_arn: String,
    publish_batch_request_entries: Vec<BatchEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchEntry {
    id: String,
    message: String,
    subject: Option<String>,
    message_structure: Option<String>,
    #[serde(default)]
    message_attributes: MessageAttributes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PublishBatchOutput {
    successful: Vec<Accepted>,
    failed: Vec<Refused>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Accepted {
    id: String,
    message_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refused {
    id: String,
    code: &'static str,
    message: String,
    sender_fault: bool,
}

impl Operation for Publish {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "Publish";
    const READ_ONLY: bool = false;
    type Input = PublishInput;
    type Output = PublishOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![topic_check(call, world, "SNS:Publish", &target(input, call)?)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<PublishOutput, AwsError> {
        let topic = existing_topic(&target(&input, call)?, world)?.clone();
        let message = Message::read(MessageInput {
            message: input.message,
            subject: input.subject,
            message_structure: input.message_structure,
            message_attributes: input.message_attributes,
        })?;
        Ok(PublishOutput { message_id: publish::publish(world, call, &topic, &message)? })
    }
}

impl Operation for PublishBatch {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "PublishBatch";
    const READ_ONLY: bool = false;
    type Input = PublishBatchInput;
    type Output = PublishBatchOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.topic_arn, "TopicArn", call)?;
        Ok(vec![topic_check(call, world, "SNS:Publish", &arn)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<PublishBatchOutput, AwsError> {
        let topic = existing_topic(&topic_arn(&input.topic_arn, "TopicArn", call)?, world)?.clone();
        check_batch(&input.publish_batch_request_entries)?;
        let mut output = PublishBatchOutput { successful: Vec::new(), failed: Vec::new() };
        let entries = input.publish_batch_request_entries.into_iter();
        let messages: Vec<_> = entries.map(BatchEntry::read).collect();
        let size: usize = messages.iter().flat_map(|(_, message)| message).map(|message| message.size).sum();
        if size > MOST_BYTES {
            return Err(batch_too_long());
        }
        for (id, message) in messages {
            match message.and_then(|message| publish::publish(world, call, &topic, &message)) {
                Ok(message_id) => output.successful.push(Accepted { id, message_id }),
                Err(error) => output.failed.push(Refused::new(id, error)),
            }
        }
        Ok(output)
    }
}

impl BatchEntry {
    fn read(self) -> (String, Result<Message, AwsError>) {
        let message = Message::read(MessageInput {
            message: self.message,
            subject: self.subject,
            message_structure: self.message_structure,
            message_attributes: self.message_attributes,
        });
        (self.id, message)
    }
}

impl Refused {
    fn new(id: String, error: AwsError) -> Self {
        Self { id, code: error.query_code(), sender_fault: error.is_senders_fault(), message: error.message }
    }
}

/// The topic that a message is for.
fn target(input: &PublishInput, call: &CallContext) -> Result<Arn, AwsError> {
    if input.target_arn.is_some() || input.phone_number.is_some() {
        return Err(unsupported("Publishing to a device or a phone is"));
    }
    match &input.topic_arn {
        Some(arn) => topic_arn(arn, "TopicArn", call),
        None => Err(invalid_message("TopicArn or TargetArn Reason: no value for required parameter")),
    }
}

fn check_batch(entries: &[BatchEntry]) -> Result<(), AwsError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_id = |id: &str| (1..=80).contains(&id.len()) && id.bytes().all(is_allowed);
    let distinct: BTreeSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    match entries.len() {
        0 => Err(empty_batch()),
        1..=MOST_ENTRIES if !entries.iter().all(|entry| is_id(&entry.id)) => Err(invalid_entry_id()),
        1..=MOST_ENTRIES if distinct.len() < entries.len() => Err(same_entry_ids()),
        1..=MOST_ENTRIES => Ok(()),
        _ => Err(too_many_entries()),
    }
}

const MOST_ENTRIES: usize = 10;
