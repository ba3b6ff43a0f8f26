//! Amazon SNS: topics with their policies, subscriptions, and messages on their way.
//!
//! A message takes one path: `messages` or `publish_from_service` takes it, `publish` asks the topic's policy and key,
//! `delivery` keeps it until [`Aws::deliver_pending`] has brought it to each endpoint, as `envelope` writes it and
//! `signer` signs it.

mod attributes;
mod confirmation;
mod delivery;
mod envelope;
mod error;
mod http;
mod inbox;
mod links;
mod message;
mod messages;
pub(crate) mod publish;
mod signer;
mod subscriptions;
mod tags;
mod topics;

pub(crate) use self::delivery::InFlight;
pub use self::delivery::{Deliveries, PendingDelivery, Post, Transport};
pub use self::http::HttpTransport;
pub use self::inbox::InboxMessage;
pub(crate) use self::links::linked;

use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Tags};
use keywright_policy::PolicyKind;
use serde::{Deserialize, Serialize};

use self::error::{invalid_parameter, no_such_topic};
use crate::aws::{Aws, EnsureError};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::operations;
use crate::policy::{OwnedResourcePolicy, StoredPolicy};
use crate::service::Service;
use crate::store::tables;
use crate::tagging::tags_of;
use crate::unsupported::unsupported;
use crate::world::World;

operations![
    topics::CreateTopic,
    topics::DeleteTopic,
    topics::ListTopics,
    attributes::GetTopicAttributes,
    attributes::SetTopicAttributes,
    tags::TagResource,
    tags::UntagResource,
    tags::ListTagsForResource,
    subscriptions::Subscribe,
    subscriptions::Unsubscribe,
    subscriptions::ListSubscriptions,
    subscriptions::ListSubscriptionsByTopic,
    subscriptions::GetSubscriptionAttributes,
    subscriptions::SetSubscriptionAttributes,
    confirmation::ConfirmSubscription,
    messages::Publish,
    messages::PublishBatch,
    AddPermission,
    RemovePermission,
];

unsupported! {
    Service::Sns, error::unsupported:
    AddPermission false,
    RemovePermission false,
}

tables! {
    /// What SNS keeps.
    pub(crate) struct State in "sns" {
        /// Topics, by `account/region/topic`.
        topics: Topic,
        /// Subscriptions, by `account/region/topic:id`, where the account is the topic's.
        subscriptions: Subscription,
        /// What tokens confirm, by `account/region/topic:digest of the token`.
        tokens: confirmation::Confirmable,
        /// Messages on their way, by number.
        deliveries: delivery::Delivery,
        /// Who takes messages inside, by `account/region/topic:name`.
        inboxes: inbox::Inbox,
        /// What came to them, by number.
        inbox_messages: inbox::InboxMessage,
        /// The key that messages are signed with, by `signer`.
        signers: signer::Signer,
    }
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Topic {
    pub(crate) arn: Arn,
    pub(crate) created: Timestamp,
    pub(crate) policy: StoredPolicy,
    pub(crate) display_name: String,
    /// The key that messages are encrypted with.
    pub(crate) kms_master_key_id: Option<String>,
    pub(crate) signature_version: Option<String>,
    pub(crate) tracing_config: Option<String>,
    /// How many subscriptions were taken away.
    pub(crate) subscriptions_deleted: u64,
    pub(crate) tags: Tags,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) arn: Arn,
    pub(crate) topic: Arn,
    /// The account that subscribed.
    pub(crate) owner: AccountId,
    /// The ARN of who subscribed.
    pub(crate) principal: String,
    pub(crate) protocol: String,
    pub(crate) endpoint: String,
    /// False while the endpoint has not said that it wants messages.
    pub(crate) confirmed: bool,
    pub(crate) raw_message_delivery: bool,
    /// Whether it was a signed request that confirmed it.
    #[serde(default)]
    pub(crate) authenticated: bool,
    /// Whether only a signed request may take it away.
    #[serde(default)]
    pub(crate) authenticate_on_unsubscribe: bool,
}

impl Subscription {
    /// Whether messages are really brought to its endpoint.
    fn is_reached(&self) -> bool {
        self.protocol == "http"
    }
}

impl Aws {
    /// Makes a topic with AWS's default policy, unless there is one of that ARN. Tells whether it was made.
    ///
    /// # Errors
    /// When the ARN is not a topic's, or it cannot be stored.
    pub fn ensure_sns_topic(&self, arn: &Arn) -> Result<bool, EnsureError> {
        self.change(|world, inner| ensure(world, arn, inner.clock.now()))
    }
}

/// Lets happen what time alone brings about: tokens lose their force.
pub(crate) fn settle(world: &mut World, now: Timestamp) {
    confirmation::forget_unconfirmed(world, now);
}

fn ensure(world: &mut World, arn: &Arn, now: Timestamp) -> Result<bool, EnsureError> {
    let is_topic = arn.service() == "sns" && !arn.region().is_empty() && !arn.account().is_empty();
    if !is_topic || topics::check_name(arn.resource()).is_err() {
        return Err(EnsureError::Arn { arn: arn.clone(), expected: "an SNS topic" });
    }
    let key = topic_key(arn);
    if world.sns.topics.contains(&key) {
        return Ok(false);
    }
    let topic = new_topic(arn.clone(), now, world)?;
    world.sns.topics.insert(key, topic);
    Ok(true)
}

/// A topic as it is without any attributes.
fn new_topic(arn: Arn, now: Timestamp, world: &World) -> Result<Topic, AwsError> {
    let policy =
        StoredPolicy::new(&default_policy(&arn), PolicyKind::Resource, &world.iam).map_err(|_| AwsError::internal())?;
    Ok(Topic {
        arn,
        created: now,
        policy,
        display_name: String::new(),
        kms_master_key_id: None,
        signature_version: None,
        tracing_config: None,
        subscriptions_deleted: 0,
        tags: Tags::new(),
    })
}

/// The policy that a topic has until somebody sets another: for the services that act for its owner.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>.
fn default_policy(topic: &Arn) -> String {
    serde_json::json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": { "AWS": "*" },
            "Action": [
                "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
                "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
            ],
            "Resource": topic.as_str(),
            "Condition": { "StringEquals": { "AWS:SourceOwner": topic.account() } },
        }],
    })
    .to_string()
}

fn topic_key(topic: &Arn) -> String {
    format!("{}/{}/{}", topic.account(), topic.region(), topic.resource())
}

/// A subscription's ARN is its topic's with an id behind it.
fn subscription_key(subscription: &Arn) -> String {
    topic_key(subscription)
}

/// Reads the ARN of a topic in the Region that is called; it may be another account's.
fn topic_arn(text: &str, member: &str, call: &CallContext) -> Result<Arn, AwsError> {
    let arn = Arn::parse(text).map_err(|error| invalid_parameter(member, &error.reason))?;
    let is_topic = arn.service() == "sns"
        && arn.partition() == call.partition.as_str()
        && AccountId::parse(arn.account()).is_ok()
        && topics::check_name(arn.resource()).is_ok();
    if !is_topic {
        return Err(invalid_parameter(member, "An ARN must be the ARN of a topic"));
    }
    if arn.region() != call.region.as_str() {
        return Err(invalid_parameter(member, "The topic is in another Region"));
    }
    Ok(arn)
}

fn existing_topic<'a>(arn: &Arn, world: &'a World) -> Result<&'a Topic, AwsError> {
    world.sns.topics.get(&topic_key(arn)).ok_or_else(no_such_topic)
}

/// The caller may do this to the topic, by its own policies or the topic's.
fn topic_check(call: &CallContext, world: &World, action: &str, arn: &Arn) -> Check {
    let topic = world.sns.topics.get(&topic_key(arn));
    let policy = topic.map_or(OwnedResourcePolicy::None, |topic| topic.policy.as_optional(&world.iam));
    Check::new(call, action, arn.clone())
        .resource_policy(policy)
        .resource_tags(topic.iter().flat_map(|topic| tags_of(&topic.tags)))
}

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod tests;
