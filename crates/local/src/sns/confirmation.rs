use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use keywright_policy::Principal;
use serde::{Deserialize, Serialize};

use super::delivery::{self, Content};
use super::error::{invalid_parameter, no_such_topic};
use super::{Subscription, subscription_key, topic_arn, topic_check, topic_key};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::secret::{GivenSecret, StoredSecret};
use crate::service::Service;
use crate::world::World;

/// Confirms that an endpoint wants messages, with the token that was sent to it.
///
/// The link that an endpoint gets calls it without a signature: the token is proof enough.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html>.
pub(super) struct ConfirmSubscription;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConfirmSubscriptionInput {
    topic_arn: String,
    token: GivenSecret,
    authenticate_on_unsubscribe: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConfirmSubscriptionOutput {
    subscription_arn: String,
}

/// What a token confirms. The token itself is not kept: what is kept stands under its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirmable {
    /// As it was when the token was made: one that a link took away since comes back.
    subscription: Subscription,
    expires: Timestamp,
}

impl Operation for ConfirmSubscription {
    const SERVICE: Service = Service::Sns;
    const NAME: &'static str = "ConfirmSubscription";
    const READ_ONLY: bool = false;
    type Input = ConfirmSubscriptionInput;
    type Output = ConfirmSubscriptionOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let arn = topic_arn(&input.topic_arn, "TopicArn", call)?;
        if call.caller.principal == Principal::Anonymous {
            return Ok(Vec::new());
        }
        Ok(vec![topic_check(call, world, "SNS:ConfirmSubscription", &arn)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<ConfirmSubscriptionOutput, AwsError> {
        let is_signed = call.caller.principal != Principal::Anonymous;
        let wants_authentication = input.authenticate_on_unsubscribe == Some(true);
        if wants_authentication && !is_signed {
            return Err(invalid_parameter("AuthenticateOnUnsubscribe", "Only a signed request may ask for that"));
        }
        let topic = topic_key(&topic_arn(&input.topic_arn, "TopicArn", call)?);
        if !world.sns.topics.contains(&topic) {
            return Err(no_such_topic());
        }
        let token = token_key(&topic, input.token.expose().as_bytes());
        let known = world.sns.tokens.get(&token).filter(|known| known.expires > call.now);
        let mut subscription =
            known.ok_or_else(|| invalid_parameter("Token", "The token is invalid"))?.subscription.clone();
        let key = subscription_key(&subscription.arn);
        if let Some(current) = world.sns.subscriptions.get(&key) {
            subscription = current.clone();
        }
        if !subscription.confirmed {
            subscription.confirmed = true;
            subscription.authenticated = is_signed;
        }
        subscription.authenticate_on_unsubscribe |= wants_authentication;
        let subscription_arn = subscription.arn.to_string();
        world.sns.subscriptions.insert(key, subscription);
        Ok(ConfirmSubscriptionOutput { subscription_arn })
    }
}

/// Asks the endpoint of a subscription whether it wants messages.
pub(super) fn ask(world: &mut World, call: &CallContext, subscription: &Subscription) {
    let token = new_token(world, call, subscription);
    if subscription.is_reached() {
        let message_id = call.ids.uuid().to_string();
        let content = Content::SubscriptionConfirmation { message_id, token, sent: call.now };
        delivery::enqueue(world, call, subscription, content);
    }
}

/// Tells the endpoint of a subscription that it gets no more, and how to take that back.
pub(super) fn tell_of_end(world: &mut World, call: &CallContext, subscription: &Subscription) {
    if subscription.is_reached() {
        let pending = Subscription { confirmed: false, ..subscription.clone() };
        let token = new_token(world, call, &pending);
        let message_id = call.ids.uuid().to_string();
        let content = Content::UnsubscribeConfirmation { message_id, token, sent: call.now };
        delivery::enqueue(world, call, subscription, content);
    }
}

/// Makes the tokens of a subscription worthless: whoever took it away has the last word.
pub(super) fn forget(world: &mut World, subscription: &Subscription) {
    let inside = format!("{}:", topic_key(&subscription.topic));
    let tokens = world.sns.tokens.with_prefix(&inside);
    let its: Vec<String> =
        tokens.filter(|(_, known)| known.subscription.arn == subscription.arn).map(|(key, _)| key.clone()).collect();
    for token in its {
        world.sns.tokens.remove(&token);
    }
}

/// Forgets tokens that are too old, and the subscriptions that nobody has confirmed with them.
pub(super) fn forget_unconfirmed(world: &mut World, now: Timestamp) {
    let expired: Vec<(String, String)> = world
        .sns
        .tokens
        .iter()
        .filter(|(_, known)| known.expires <= now)
        .map(|(key, known)| (key.clone(), subscription_key(&known.subscription.arn)))
        .collect();
    for (token, subscription) in expired {
        world.sns.tokens.remove(&token);
        let has_other = world.sns.tokens.values().any(|it| subscription_key(&it.subscription.arn) == subscription);
        let is_pending = world.sns.subscriptions.get(&subscription).is_some_and(|found| !found.confirmed);
        if is_pending && !has_other {
            world.sns.subscriptions.remove(&subscription);
        }
    }
}

fn new_token(world: &mut World, call: &CallContext, subscription: &Subscription) -> StoredSecret {
    let token = StoredSecret::new(call.ids.alphanumeric(TOKEN_CHARACTERS));
    let key = token_key(&topic_key(&subscription.topic), token.expose());
    let expires = call.now.checked_add(TOKEN_LIFE).unwrap_or(Timestamp::MAX);
    world.sns.tokens.insert(key, Confirmable { subscription: subscription.clone(), expires });
    token
}

fn token_key(topic: &str, token: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, token);
    let digits: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{topic}:{digits}")
}

/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>: "valid for two days".
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(48);
const TOKEN_CHARACTERS: usize = 64;
