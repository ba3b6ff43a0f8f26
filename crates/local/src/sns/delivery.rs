//! What is on its way to endpoints: a queue that outlives the process, and the retries.
//!
//! Nothing is sent by itself: [`Aws::deliver_pending`] sends what is due through a [`Transport`]. `serve` calls it
//! again and again; a test calls it when it wants to.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use keywright_model::Arn;
use serde::{Deserialize, Serialize};

use super::envelope;
use super::message::{Message, MessageAttribute};
use super::signer::{self, Signer};
use super::{Subscription, subscription_key};
use crate::aws::{Aws, EnsureError, Inner};
use crate::context::CallContext;
use crate::secret::StoredSecret;
use crate::world::World;

/// Brings messages to endpoints.
pub trait Transport {
    /// Sends one message, and waits for its answer. Gives the status of the answer.
    ///
    /// # Errors
    /// With why there is no answer.
    fn send(&self, post: &Post) -> impl Future<Output = Result<u16, String>> + Send;
}

/// A message as it is sent to an endpoint, by HTTP POST. It has no `Debug`: it can hold a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Post {
    /// The endpoint.
    pub url: String,
    /// `x-amz-sns-message-type` and its kin, and `content-type`.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON document, or with raw message delivery the message itself.
    pub body: String,
}

/// A message that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingDelivery {
    /// `Notification`, `SubscriptionConfirmation` or `UnsubscribeConfirmation`.
    pub kind: &'static str,
    /// Where it goes.
    pub endpoint: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried next.
    pub due: Timestamp,
}

/// What came of sending what was due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Messages that their endpoint took.
    pub delivered: u32,
    /// Messages that will be tried again.
    pub postponed: u32,
    /// Messages that are lost.
    pub given_up: u32,
}

/// One message on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    id: String,
    pub(super) topic: Arn,
    pub(super) endpoint: String,
    /// The subscription's ARN.
    pub(super) subscription: Arn,
    pub(super) content: Content,
    attempts: u32,
    due: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Content {
    Notification {
        message_id: String,
        subject: Option<String>,
        text: String,
        attributes: BTreeMap<String, MessageAttribute>,
        published: Timestamp,
        raw: bool,
    },
    /// The endpoint is asked whether it wants messages.
    SubscriptionConfirmation { message_id: String, token: StoredSecret, sent: Timestamp },
    /// The endpoint is told that it gets no more, and how to take that back.
    UnsubscribeConfirmation { message_id: String, token: StoredSecret, sent: Timestamp },
}

impl Content {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Notification { .. } => "Notification",
            Self::SubscriptionConfirmation { .. } => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation { .. } => "UnsubscribeConfirmation",
        }
    }
}

#[cfg(test)]
impl Delivery {
    /// The token that it carries.
    pub(crate) fn token(&self) -> Option<&str> {
        match &self.content {
            Content::Notification { .. } => None,
            Content::SubscriptionConfirmation { token, .. } | Content::UnsubscribeConfirmation { token, .. } => {
                Some(token.expose_text())
            }
        }
    }
}

/// The ids of what is being sent in this moment. A restart forgets them, and sends again.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashSet<String>>);

/// What is due, taken by one sender. Whatever is not concluded can be taken again once this is dropped.
struct Batch<'a> {
    posts: Vec<(String, Post)>,
    in_flight: &'a InFlight,
}

impl Aws {
    /// What waits to be sent, oldest first.
    pub fn pending_deliveries(&self) -> Vec<PendingDelivery> {
        let shown = |delivery: &Delivery| PendingDelivery {
            kind: delivery.content.kind(),
            endpoint: delivery.endpoint.clone(),
            attempts: delivery.attempts,
            due: delivery.due,
        };
        self.with_world(|world| world.sns.deliveries.values().map(shown).collect())
    }

    /// Whether anything waits to be sent.
    pub(crate) fn has_mail(&self) -> bool {
        self.with_world(|world| world.sns.deliveries.len() > 0)
    }

    /// Sends what is due by the clock, and waits for the answers.
    ///
    /// A message is tried once, and three times more, 20 seconds apart, unless the endpoint takes it with a status of
    /// 200 to 299, or refuses it for good with one of 400 to 499 other than 429.
    ///
    /// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>.
    ///
    /// # Errors
    /// When what came of it cannot be stored.
    pub async fn deliver_pending<T: Transport>(&self, transport: &T) -> Result<Deliveries, EnsureError> {
        let mut done = Deliveries::default();
        loop {
            let batch = self.change_and_wait(take_due).await?;
            let batch = Batch { posts: batch, in_flight: &self.inner().in_flight };
            if batch.posts.is_empty() {
                return Ok(done);
            }
            let answers = join_all(batch.posts.iter().map(|(_, post)| transport.send(post))).await;
            let outcomes: Vec<_> = batch.posts.iter().map(|(id, _)| id.as_str()).zip(answers).collect();
            self.change_and_wait(|world, inner| {
                conclude(world, inner.clock.now(), &outcomes, &mut done);
                Ok(())
            })
            .await?;
        }
    }
}

/// Puts a notification for a subscription into the queue.
pub(super) fn notify(
    world: &mut World,
    call: &CallContext,
    message_id: &str,
    subscription: &Subscription,
    message: &Message,
) {
    let content = Content::Notification {
        message_id: message_id.to_owned(),
        subject: message.subject.clone(),
        text: message.text_for(&subscription.protocol).to_owned(),
        attributes: message.attributes.clone(),
        published: call.now,
        raw: subscription.raw_message_delivery,
    };
    enqueue(world, call, subscription, content);
}

/// Puts something for a subscription's endpoint into the queue. Of too much that nobody sends, the oldest is lost.
pub(super) fn enqueue(world: &mut World, call: &CallContext, subscription: &Subscription, content: Content) {
    let deliveries = &mut world.sns.deliveries;
    if deliveries.len() >= MOST_WAITING
        && let Some(oldest) = deliveries.iter().next().map(|(key, _)| key.clone())
    {
        tracing::warn!("too many messages wait to be sent: the oldest is lost");
        deliveries.remove(&oldest);
    }
    deliveries.append(Delivery {
        id: call.ids.uuid().to_string(),
        topic: subscription.topic.clone(),
        endpoint: subscription.endpoint.clone(),
        subscription: subscription.arn.clone(),
        content,
        attempts: 0,
        due: call.now,
    });
}

/// Takes what is due, ready to be sent. The first time, this makes the key that messages are signed with.
fn take_due(world: &mut World, inner: &Inner) -> Result<Vec<(String, Post)>, EnsureError> {
    let now = inner.clock.now();
    drop_overtaken(world);
    let mut in_flight = inner.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner);
    let due: Vec<Delivery> = world
        .sns
        .deliveries
        .values()
        .filter(|delivery| delivery.due <= now && !in_flight.contains(&delivery.id))
        .take(MOST_AT_ONCE)
        .cloned()
        .collect();
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let signer: Signer = signer::ensure(world)?;
    let endpoint = inner.endpoint();
    let mut posts = Vec::with_capacity(due.len());
    for delivery in due {
        let post = envelope::post(&delivery, &signer, endpoint.as_deref())?;
        posts.push((delivery.id, post));
    }
    in_flight.extend(posts.iter().map(|(id, _)| id.clone()));
    Ok(posts)
}

/// A subscription that is gone gets nothing any more but the word that it is.
fn drop_overtaken(world: &mut World) {
    let subscriptions = &world.sns.subscriptions;
    let is_overtaken = |delivery: &Delivery| match delivery.content {
        Content::UnsubscribeConfirmation { .. } => false,
        _ => !subscriptions.contains(&subscription_key(&delivery.subscription)),
    };
    let overtaken: Vec<String> = world
        .sns
        .deliveries
        .iter()
        .filter(|(_, delivery)| is_overtaken(delivery))
        .map(|(key, _)| key.clone())
        .collect();
    for key in overtaken {
        world.sns.deliveries.remove(&key);
    }
}

/// Notes what came of each: taken, to be tried again, or lost.
fn conclude(world: &mut World, now: Timestamp, outcomes: &[(&str, Result<u16, String>)], done: &mut Deliveries) {
    for (id, outcome) in outcomes {
        let found = world.sns.deliveries.iter().find(|(_, delivery)| delivery.id == *id);
        let Some((key, delivery)) = found.map(|(key, delivery)| (key.clone(), delivery.clone())) else { continue };
        match next(&delivery, now, outcome) {
            Next::Delivered => {
                done.delivered += 1;
                world.sns.deliveries.remove(&key);
            }
            Next::TryAgain(due) => {
                done.postponed += 1;
                let attempts = delivery.attempts + 1;
                world.sns.deliveries.insert(key, Delivery { attempts, due, ..delivery });
            }
            Next::GiveUp => {
                done.given_up += 1;
                // The endpoint can hold a secret of its owner's.
                tracing::warn!(subscription = %delivery.subscription, ?outcome, "a message is lost");
                world.sns.deliveries.remove(&key);
            }
        }
    }
}

enum Next {
    Delivered,
    TryAgain(Timestamp),
    GiveUp,
}

fn next(delivery: &Delivery, now: Timestamp, outcome: &Result<u16, String>) -> Next {
    match outcome {
        Ok(200..=299) => Next::Delivered,
        Ok(429) | Err(_) => later(delivery, now),
        Ok(400..=499) => Next::GiveUp,
        Ok(_) => later(delivery, now),
    }
}

fn later(delivery: &Delivery, now: Timestamp) -> Next {
    match now.checked_add(RETRY_DELAY) {
        Ok(due) if delivery.attempts < RETRIES => Next::TryAgain(due),
        _ => Next::GiveUp,
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut in_flight = self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, _) in &self.posts {
            in_flight.remove(id);
        }
    }
}

/// As `EffectiveDeliveryPolicy` says.
const RETRIES: u32 = 3;
const RETRY_DELAY: SignedDuration = SignedDuration::from_secs(20);
const MOST_AT_ONCE: usize = 64;
pub(super) const MOST_WAITING: usize = 10_000;
