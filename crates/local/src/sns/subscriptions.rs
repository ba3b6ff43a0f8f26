use indexmap::IndexMap;
use keywright_model::{AccountId, Arn};
use keywright_policy::{Principal, Resource};
use serde::{Deserialize, Serialize};

use super::error::{invalid_parameter, needs_signature, no_such_subscription, unsupported};
use super::topics::{PAGE, invalid_token};
use super::{Subscription, confirmation, existing_topic, topic_arn, topic_check, topic_key};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Map;
use crate::world::World;

/// Subscribes an endpoint to a topic; gives the subscription that is there, if there is one.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>.
pub(super) struct Subscribe;

/// Takes a subscription away.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html>.
pub(super) struct Unsubscribe;

/// Lists what the caller's account has subscribed, a hundred at a time.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptions.html>.
pub(super) struct ListSubscriptions;

/// Lists the subscriptions of a topic, a hundred at a time.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html>.
pub(super) struct ListSubscriptionsByTopic;

/// Shows a subscription.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_GetSubscriptionAttributes.html>.
pub(super) struct GetSubscriptionAttributes;

/// Sets one attribute of a subscription: whether messages come as they are.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html>.
pub(super) struct SetSubscriptionAttributes;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetSubscriptionAttributesInput {
    subscription_arn: String,
    attribute_name: String,
    #[serde(default)]
    attribute_value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SubscribeInput {
    topic_arn: String,
    protocol: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    attributes: IndexMap<String, String>,
    return_subscription_arn: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SubscribeOutput {
    subscription_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SubscriptionReference {
    subscription_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListSubscriptionsInput {
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListSubscriptionsByTopicInput {
    topic_arn: String,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListSubscriptionsOutput {
    subscriptions: Vec<ListedSubscription>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedSubscription {
    /// `PendingConfirmation` until it is confirmed.
    subscription_arn: String,
    owner: AccountId,
    protocol: String,
    endpoint: String,
    topic_arn: Arn,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetSubscriptionAttributesOutput {
    attributes: Map,
}

impl From<&Subscription> for ListedSubscription {
    fn from(subscription: &Subscription) -> Self {
        let arn = if subscription.confirmed { subscription.arn.as_str() } else { "PendingConfirmation" };
        Self {
            subscription_arn: arn.to_owned(),
            owner: subscription.owner.clone(),
            protocol: subscription.protocol.clone(),
            endpoint: subscription.endpoint.clone(),
            topic_arn: subscription.topic.clone(),
        }
    }
}

impl Operation for Subscribe {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "Subscribe";
    const READ_ONLY: bool = false;
    type Input = SubscribeInput;
    type Output = SubscribeOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.topic_arn, "TopicArn", call)?;
        let check = topic_check(call, world, "SNS:Subscribe", &arn);
        Ok(vec![check.with("sns:Protocol", &input.protocol).with("sns:Endpoint", &input.endpoint)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<SubscribeOutput, AwsError> {
        let topic = topic_arn(&input.topic_arn, "TopicArn", call)?;
        check_endpoint(&input.protocol, &input.endpoint)?;
        let raw_message_delivery = raw_message_delivery(&input.attributes)?;
        existing_topic(&topic, world)?;
        let inside = format!("{}:", topic_key(&topic));
        let is_same = |found: &&Subscription| found.protocol == input.protocol && found.endpoint == input.endpoint;
        let existing = world.sns.subscriptions.with_prefix(&inside).map(|(_, found)| found).find(is_same);
        if let Some(existing) = existing.cloned() {
            if !existing.confirmed {
                confirmation::ask(world, call, &existing);
            }
            return Ok(answer(&existing, &input));
        }
        let id = call.ids.uuid();
        let subscription = Subscription {
            arn: Arn::parse(&format!("{topic}:{id}")).map_err(|_| AwsError::internal())?,
            confirmed: is_confirmed_at_once(&input, call),
            topic,
            owner: call.account.clone(),
            principal: call.caller.arn(call.partition).map(String::from).unwrap_or_default(),
            protocol: input.protocol.clone(),
            endpoint: input.endpoint.clone(),
            raw_message_delivery,
            // Who subscribes a queue of the own account is signed in.
            authenticated: is_confirmed_at_once(&input, call),
            authenticate_on_unsubscribe: false,
        };
        if !subscription.confirmed {
            confirmation::ask(world, call, &subscription);
        }
        let output = answer(&subscription, &input);
        world.sns.subscriptions.insert(format!("{inside}{id}"), subscription);
        Ok(output)
    }
}

impl Operation for Unsubscribe {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "Unsubscribe";
    const READ_ONLY: bool = false;
    type Input = SubscriptionReference;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        subscription_key(&input.subscription_arn, call)?;
        if call.caller.principal == Principal::Anonymous {
            return Ok(Vec::new());
        }
        Ok(vec![Check::new(call, "SNS:Unsubscribe", Resource::Any)])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let key = subscription_key(&input.subscription_arn, call)?;
        let subscription = existing(&key, call, world)?.clone();
        if !subscription.confirmed {
            return Err(invalid_parameter("SubscriptionArn", "The subscription is pending confirmation"));
        }
        let is_signed = call.caller.principal != Principal::Anonymous;
        if subscription.authenticate_on_unsubscribe && !is_signed {
            return Err(needs_signature());
        }
        confirmation::forget(world, &subscription);
        if !is_signed || subscription.owner != call.account {
            confirmation::tell_of_end(world, call, &subscription);
        }
        let topic = topic_key(&subscription.topic);
        world.sns.subscriptions.remove(&key);
        if let Some(topic) = world.sns.topics.get_mut(&topic) {
            topic.subscriptions_deleted += 1;
        }
        Ok(())
    }
}

impl Operation for ListSubscriptions {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "ListSubscriptions";
    const READ_ONLY: bool = true;
    type Input = ListSubscriptionsInput;
    type Output = ListSubscriptionsOutput;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "SNS:ListSubscriptions", call.arn("sns", "*")?)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<ListSubscriptionsOutput, AwsError> {
        let is_ours = |subscription: &Subscription| {
            subscription.owner == call.account && subscription.topic.region() == call.region.as_str()
        };
        let found = world.sns.subscriptions.iter().filter(|(_, subscription)| is_ours(subscription));
        list(found, input.next_token.as_deref())
    }
}

impl Operation for ListSubscriptionsByTopic {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "ListSubscriptionsByTopic";
    const READ_ONLY: bool = true;
    type Input = ListSubscriptionsByTopicInput;
    type Output = ListSubscriptionsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.topic_arn, "TopicArn", call)?;
        Ok(vec![topic_check(call, world, "SNS:ListSubscriptionsByTopic", &arn)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<ListSubscriptionsOutput, AwsError> {
        let topic = topic_arn(&input.topic_arn, "TopicArn", call)?;
        existing_topic(&topic, world)?;
        let inside = format!("{}:", topic_key(&topic));
        list(world.sns.subscriptions.with_prefix(&inside), input.next_token.as_deref())
    }
}

impl Operation for GetSubscriptionAttributes {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "GetSubscriptionAttributes";
    const READ_ONLY: bool = true;
    type Input = SubscriptionReference;
    type Output = GetSubscriptionAttributesOutput;

    fn authorize(input: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        subscription_key(&input.subscription_arn, call)?;
        Ok(vec![Check::new(call, "SNS:GetSubscriptionAttributes", Resource::Any)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<GetSubscriptionAttributesOutput, AwsError> {
        let subscription = existing(&subscription_key(&input.subscription_arn, call)?, call, world)?;
        Ok(GetSubscriptionAttributesOutput { attributes: Map(shown(subscription)) })
    }
}

impl Operation for SetSubscriptionAttributes {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "SetSubscriptionAttributes";
    const READ_ONLY: bool = false;
    type Input = SetSubscriptionAttributesInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        subscription_key(&input.subscription_arn, call)?;
        Ok(vec![Check::new(call, "SNS:SetSubscriptionAttributes", Resource::Any)])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let raw_message_delivery = read_attribute(&input.attribute_name, &input.attribute_value)?;
        let key = subscription_key(&input.subscription_arn, call)?;
        let subscription = Subscription { raw_message_delivery, ..existing(&key, call, world)?.clone() };
        world.sns.subscriptions.insert(key, subscription);
        Ok(())
    }
}

fn list<'a>(
    found: impl Iterator<Item = (&'a String, &'a Subscription)>,
    token: Option<&str>,
) -> Result<ListSubscriptionsOutput, AwsError> {
    let Page { items, next_token } = page(found, token, PAGE).map_err(|_| invalid_token())?;
    let subscriptions = items.into_iter().map(ListedSubscription::from).collect();
    Ok(ListSubscriptionsOutput { subscriptions, next_token })
}

fn answer(subscription: &Subscription, input: &SubscribeInput) -> SubscribeOutput {
    let tells = subscription.confirmed || input.return_subscription_arn == Some(true);
    let arn = if tells { subscription.arn.as_str() } else { "pending confirmation" };
    SubscribeOutput { subscription_arn: arn.to_owned() }
}

/// Queues and functions of the subscriber's own account need not say that they want messages.
fn is_confirmed_at_once(input: &SubscribeInput, call: &CallContext) -> bool {
    let is_own = Arn::parse(&input.endpoint).is_ok_and(|arn| arn.account() == call.account.as_str());
    is_own && matches!(input.protocol.as_str(), "sqs" | "lambda")
}

fn check_endpoint(protocol: &str, endpoint: &str) -> Result<(), AwsError> {
    let is_arn_of = |service| Arn::parse(endpoint).is_ok_and(|arn| arn.service() == service);
    let is_url_of = |scheme| endpoint.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty());
    let fits = match protocol {
        "email" | "email-json" => is_email(endpoint),
        "http" => is_url_of("http://") && is_url(endpoint),
        "https" if is_url_of("https://") => return Err(unsupported("Delivery over TLS is")),
        "https" => false,
        "sqs" => is_arn_of("sqs"),
        "lambda" => is_arn_of("lambda"),
        "sms" | "application" | "firehose" => return Err(unsupported(&format!("The protocol {protocol} is"))),
        _ => return Err(invalid_parameter("Protocol", &format!("Does not support this protocol string: {protocol}"))),
    };
    if fits && endpoint.len() <= MOST_ENDPOINT_BYTES {
        return Ok(());
    }
    Err(invalid_parameter("Endpoint", "Endpoint must match the specified protocol"))
}

/// A URL that can be posted to. User names and passwords in it are not supported.
fn is_url(endpoint: &str) -> bool {
    let uri: Option<http::Uri> = endpoint.parse().ok();
    let authority = uri.as_ref().and_then(http::Uri::authority);
    authority.is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
}

fn is_email(endpoint: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && !part.contains(|at: char| at.is_whitespace() || at == '@');
    endpoint.split_once('@').is_some_and(|(name, host)| is_part(name) && is_part(host))
}

fn raw_message_delivery(attributes: &IndexMap<String, String>) -> Result<bool, AwsError> {
    attributes.iter().try_fold(false, |_, (name, value)| read_attribute(name, value))
}

/// Reads the one attribute that can be set: `RawMessageDelivery`.
fn read_attribute(name: &str, value: &str) -> Result<bool, AwsError> {
    match (name, value) {
        ("RawMessageDelivery", "true") => Ok(true),
        ("RawMessageDelivery", "false") => Ok(false),
        ("RawMessageDelivery", _) => Err(invalid_parameter(name, "The value must be true or false")),
        ("DeliveryPolicy" | "FilterPolicy" | "FilterPolicyScope" | "RedrivePolicy" | "ReplayPolicy", _) => {
            Err(unsupported(&format!("The attribute {name} is")))
        }
        _ => Err(invalid_parameter("AttributeName", "There is no such attribute")),
    }
}

/// The key of a subscription by its ARN, which is its topic's with an id behind it.
fn subscription_key(arn: &str, call: &CallContext) -> Result<String, AwsError> {
    let wrong = || invalid_parameter("SubscriptionArn", "An ARN must be the ARN of a subscription");
    let (topic, id) = arn.rsplit_once(':').ok_or_else(wrong)?;
    let topic = topic_arn(topic, "SubscriptionArn", call)?;
    if id.is_empty() {
        return Err(wrong());
    }
    Ok(format!("{}:{id}", topic_key(&topic)))
}

/// A subscription that the caller's account owns, or whose topic it owns; of others it learns nothing.
fn existing<'a>(key: &str, call: &CallContext, world: &'a World) -> Result<&'a Subscription, AwsError> {
    let found = world.sns.subscriptions.get(key).filter(|subscription| {
        subscription.owner == call.account || subscription.topic.account() == call.account.as_str()
    });
    found.ok_or_else(no_such_subscription)
}

fn shown(subscription: &Subscription) -> IndexMap<String, String> {
    let attributes = [
        ("SubscriptionPrincipal", subscription.principal.clone()),
        ("RawMessageDelivery", subscription.raw_message_delivery.to_string()),
        ("TopicArn", subscription.topic.to_string()),
        ("Endpoint", subscription.endpoint.clone()),
        ("Protocol", subscription.protocol.clone()),
        ("PendingConfirmation", (!subscription.confirmed).to_string()),
        ("ConfirmationWasAuthenticated", subscription.authenticated.to_string()),
        ("SubscriptionArn", subscription.arn.to_string()),
        ("Owner", subscription.owner.to_string()),
    ];
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

const MOST_ENDPOINT_BYTES: usize = 2048;
