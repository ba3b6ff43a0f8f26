use indexmap::IndexMap;
use keywright_policy::{Match, PolicyKind};
use serde::{Deserialize, Serialize};

use super::error::{action_out_of_scope, invalid_parameter, invalid_policy, no_such_topic, unsupported};
use super::{Topic, existing_topic, topic_arn, topic_check, topic_key};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::policy::{PolicyRefusal, StoredPolicy};
use crate::service::Service;
use crate::wire::Map;
use crate::world::World;

/// Shows a topic.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html>.
pub(super) struct GetTopicAttributes;

/// Sets one attribute of a topic.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>.
pub(super) struct SetTopicAttributes;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTopicAttributesInput {
    topic_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTopicAttributesOutput {
    attributes: Map,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetTopicAttributesInput {
    topic_arn: String,
    attribute_name: String,
    #[serde(default)]
    attribute_value: String,
}

impl Operation for GetTopicAttributes {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "GetTopicAttributes";
    const READ_ONLY: bool = true;
    type Input = GetTopicAttributesInput;
    type Output = GetTopicAttributesOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.topic_arn, "TopicArn", call)?;
        Ok(vec![topic_check(call, world, "SNS:GetTopicAttributes", &arn)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<GetTopicAttributesOutput, AwsError> {
        let topic = existing_topic(&topic_arn(&input.topic_arn, "TopicArn", call)?, world)?;
        Ok(GetTopicAttributesOutput { attributes: Map(shown(topic, world)) })
    }
}

impl Operation for SetTopicAttributes {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "SetTopicAttributes";
    const READ_ONLY: bool = false;
    type Input = SetTopicAttributesInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.topic_arn, "TopicArn", call)?;
        Ok(vec![topic_check(call, world, "SNS:SetTopicAttributes", &arn)])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let key = topic_key(&topic_arn(&input.topic_arn, "TopicArn", call)?);
        let mut topic = world.sns.topics.get(&key).cloned().ok_or_else(no_such_topic)?;
        set(&mut topic, &input.attribute_name, &input.attribute_value, world)?;
        world.sns.topics.insert(key, topic);
        Ok(())
    }
}

/// Sets an attribute, as both operations that set some do.
pub(super) fn set(topic: &mut Topic, name: &str, value: &str, world: &World) -> Result<(), AwsError> {
    match name {
        "Policy" => topic.policy = read_policy(value, world)?,
        "DisplayName" => topic.display_name = checked_display_name(value)?.to_owned(),
        "KmsMasterKeyId" => topic.kms_master_key_id = Some(value.to_owned()).filter(|key| !key.is_empty()),
        "SignatureVersion" if value == "1" => {
            return Err(unsupported("Signatures with SHA-1 (SignatureVersion 1) are"));
        }
        "SignatureVersion" => topic.signature_version = Some(one_of(name, value, &["1", "2"])?),
        "TracingConfig" => topic.tracing_config = Some(one_of(name, value, &["PassThrough", "Active"])?),
        "FifoTopic" if value == "false" => {}
        _ if UNSUPPORTED.contains(&name) || name.contains("Feedback") => {
            return Err(unsupported(&format!("The attribute {name} is")));
        }
        _ => return Err(invalid_parameter("AttributeName", "There is no such attribute")),
    }
    Ok(())
}

/// The attributes as they are shown.
pub(super) fn shown(topic: &Topic, world: &World) -> IndexMap<String, String> {
    let inside = format!("{}:", topic_key(&topic.arn));
    let subscriptions = || world.sns.subscriptions.with_prefix(&inside).map(|(_, subscription)| subscription);
    let confirmed = subscriptions().filter(|subscription| subscription.confirmed).count();
    let pending = subscriptions().count() - confirmed;
    let attributes = [
        ("Policy", Some(topic.policy.text(&world.iam).into_owned())),
        ("Owner", Some(topic.arn.account().to_owned())),
        ("SubscriptionsPending", Some(pending.to_string())),
        ("TopicArn", Some(topic.arn.to_string())),
        ("EffectiveDeliveryPolicy", Some(EFFECTIVE_DELIVERY_POLICY.to_owned())),
        ("SubscriptionsConfirmed", Some(confirmed.to_string())),
        ("DisplayName", Some(topic.display_name.clone())),
        ("SubscriptionsDeleted", Some(topic.subscriptions_deleted.to_string())),
        ("KmsMasterKeyId", topic.kms_master_key_id.clone()),
        ("SignatureVersion", topic.signature_version.clone()),
        ("TracingConfig", topic.tracing_config.clone()),
    ];
    attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn read_policy(text: &str, world: &World) -> Result<StoredPolicy, AwsError> {
    // Before it is read, for reading takes longer the longer it is.
    if text.len() > LONGEST_POLICY {
        return Err(invalid_policy("Policy is too large"));
    }
    let policy = StoredPolicy::new(text, PolicyKind::Resource, &world.iam).map_err(|refusal| match refusal {
        PolicyRefusal::UnknownPrincipal { .. } => invalid_policy("PrincipalNotFound"),
        refusal => invalid_policy(&refusal.to_string()),
    })?;
    let document = policy.document(&world.iam).ok_or_else(|| invalid_policy("null"))?;
    let mut actions = document.statements.iter().filter_map(|statement| statement.action.as_ref());
    let is_in_scope = |action: &String| action.to_ascii_lowercase().starts_with("sns:");
    if !actions.all(|actions| matches!(actions, Match::Is(actions) if actions.iter().all(is_in_scope))) {
        return Err(action_out_of_scope());
    }
    Ok(policy)
}

fn checked_display_name(name: &str) -> Result<&str, AwsError> {
    if name.chars().count() <= 100 && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    Err(invalid_parameter("DisplayName", "A display name has at most 100 printable characters"))
}

fn one_of(name: &str, value: &str, known: &[&str]) -> Result<String, AwsError> {
    if known.contains(&value) {
        return Ok(value.to_owned());
    }
    Err(invalid_parameter(name, &format!("The value must be one of {}", known.join(", "))))
}

const UNSUPPORTED: [&str; 6] = [
    "DeliveryPolicy",
    "FifoTopic",
    "ArchivePolicy",
    "BeginningArchiveTime",
    "ContentBasedDeduplication",
    "FifoThroughputScope",
];

/// How deliveries are tried again where the topic has no policy of its own for that.
const EFFECTIVE_DELIVERY_POLICY: &str = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#;

/// Source: <https://docs.aws.amazon.com/general/latest/gr/sns.html>, the quota of 30 KB.
const LONGEST_POLICY: usize = 30 * 1024;
