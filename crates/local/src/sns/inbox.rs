use jiff::Timestamp;
use keywright_model::Arn;
use serde::{Deserialize, Serialize};

use super::message::Message;
use super::{Topic, existing_topic, topic_key};
use crate::aws::{Aws, EnsureError};
use crate::world::World;

/// Who takes a topic's messages inside: it is no subscription of AWS, and no operation shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inbox {
    pub(crate) name: String,
}

/// A message that came to an inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// The inbox.
    pub inbox: String,
    /// The topic that it was published to.
    pub topic: Arn,
    /// The message's id.
    pub message_id: String,
    /// Its subject.
    pub subject: Option<String>,
    /// Its text.
    pub message: String,
    /// When it was published.
    pub published: Timestamp,
}

impl Aws {
    /// Puts a topic's messages into an inbox, from now on. Tells whether it did not do so before.
    ///
    /// The inbox stands for a confirmed subscriber in the same process: no operation of SNS shows it.
    ///
    /// # Errors
    /// When there is no such topic, or it cannot be stored.
    pub fn subscribe_inside(&self, topic: &Arn, inbox: &str) -> Result<bool, EnsureError> {
        self.change(|world, _| {
            let topic = topic_key(&existing_topic(topic, world)?.arn);
            let key = format!("{topic}:{inbox}");
            let is_new = !world.sns.inboxes.contains(&key);
            world.sns.inboxes.insert(key, Inbox { name: inbox.to_owned() });
            Ok(is_new)
        })
    }

    /// What came to an inbox, oldest first; the latest 10,000 messages of all inboxes are kept.
    pub fn inbox(&self, inbox: &str) -> Vec<InboxMessage> {
        self.with_world(|world| {
            world.sns.inbox_messages.values().filter(|message| message.inbox == inbox).cloned().collect()
        })
    }
}

/// Puts a message into the inboxes of its topic.
pub(super) fn put(world: &mut World, now: Timestamp, id: &str, topic: &Topic, message: &Message) {
    let inboxes = world.sns.inboxes.with_prefix(&format!("{}:", topic_key(&topic.arn)));
    let names: Vec<String> = inboxes.map(|(_, inbox)| inbox.name.clone()).collect();
    for inbox in names {
        let kept = InboxMessage {
            inbox,
            topic: topic.arn.clone(),
            message_id: id.to_owned(),
            subject: message.subject.clone(),
            message: message.text_for("inside").to_owned(),
            published: now,
        };
        if world.sns.inbox_messages.len() >= MOST_MESSAGES
            && let Some(oldest) = world.sns.inbox_messages.iter().next().map(|(key, _)| key.clone())
        {
            world.sns.inbox_messages.remove(&oldest);
        }
        world.sns.inbox_messages.append(kept);
    }
}

const MOST_MESSAGES: usize = 10_000;
