//! The JSON documents that endpoints get, and how they are signed.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html> and
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>.

use jiff::Timestamp;
use keywright_model::Arn;
use serde_json::{Map, Value};

use super::delivery::{Content, Delivery, Post};
use super::signer::Signer;
use crate::error::AwsError;
use crate::secret::StoredSecret;

/// What is sent for a delivery.
///
/// # Errors
/// When it cannot be signed.
pub(super) fn post(delivery: &Delivery, signer: &Signer, endpoint: Option<&str>) -> Result<Post, AwsError> {
    let links = Links::of(endpoint, delivery.topic.region());
    let (message_id, body) = match &delivery.content {
        Content::Notification { message_id, text, raw: true, .. } => (message_id, text.clone()),
        Content::Notification { message_id, .. } => (message_id, notification(delivery, signer, &links)?),
        Content::SubscriptionConfirmation { message_id, token, sent } => {
            let message = format!(
                "You have chosen to subscribe to the topic {}.\nTo confirm the subscription, visit the SubscribeURL \
                 included in this message.",
                delivery.topic
            );
            (message_id, confirmation(delivery, signer, &links, message_id, token, *sent, message)?)
        }
        Content::UnsubscribeConfirmation { message_id, token, sent } => {
            let message = format!(
                "You have chosen to deactivate subscription {}.\nTo cancel this operation and restore the \
                 subscription, visit the SubscribeURL included in this message.",
                delivery.subscription
            );
            (message_id, confirmation(delivery, signer, &links, message_id, token, *sent, message)?)
        }
    };
    Ok(Post { url: delivery.endpoint.clone(), headers: headers(delivery, message_id), body })
}

/// Where the AWS is reached that sends.
struct Links {
    base: String,
}

impl Links {
    fn of(endpoint: Option<&str>, region: &str) -> Self {
        let base = endpoint.map_or_else(|| format!("https://sns.{region}.amazonaws.com"), str::to_owned);
        Self { base }
    }

    fn confirm(&self, topic: &Arn, token: &StoredSecret) -> String {
        self.action(&[("Action", "ConfirmSubscription"), ("TopicArn", topic.as_str()), ("Token", token.expose_text())])
    }

    fn unsubscribe(&self, subscription: &Arn) -> String {
        self.action(&[("Action", "Unsubscribe"), ("SubscriptionArn", subscription.as_str())])
    }

    fn certificate(&self, signer: &Signer) -> String {
        format!("{}{}", self.base, signer.certificate_path())
    }

    fn action(&self, parameters: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        format!("{}/?{query}", self.base)
    }
}

fn headers(delivery: &Delivery, message_id: &str) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("x-amz-sns-message-type", delivery.content.kind().to_owned()),
        ("x-amz-sns-message-id", message_id.to_owned()),
        ("x-amz-sns-topic-arn", delivery.topic.to_string()),
        ("content-type", "text/plain; charset=UTF-8".to_owned()),
        ("user-agent", "Amazon Simple Notification Service Agent".to_owned()),
    ];
    if let Content::Notification { raw, .. } = delivery.content {
        headers.push(("x-amz-sns-subscription-arn", delivery.subscription.to_string()));
        if raw {
            headers.push(("x-amz-sns-rawdelivery", "true".to_owned()));
        }
    }
    headers
}

fn notification(delivery: &Delivery, signer: &Signer, links: &Links) -> Result<String, AwsError> {
    let Content::Notification { message_id, subject, text, attributes, published, .. } = &delivery.content else {
        return Err(AwsError::internal());
    };
    let mut document = Document::new(delivery, message_id);
    if let Some(subject) = subject {
        document.signed("Subject", subject);
    }
    document.signed("Message", text);
    document.signed("Timestamp", &written(*published));
    document.sign(signer, links)?;
    document.unsigned("UnsubscribeURL", links.unsubscribe(&delivery.subscription));
    if !attributes.is_empty() {
        let shown: Map<String, Value> =
            attributes.iter().map(|(name, attribute)| (name.clone(), attribute.shown())).collect();
        document.unsigned("MessageAttributes", shown);
    }
    Ok(document.into_text())
}

fn confirmation(
    delivery: &Delivery,
    signer: &Signer,
    links: &Links,
    message_id: &str,
    token: &StoredSecret,
    sent: Timestamp,
    message: String,
) -> Result<String, AwsError> {
    let mut document = Document::new(delivery, message_id);
    document.signed("Token", token.expose_text());
    document.signed("Message", &message);
    document.signed("SubscribeURL", &links.confirm(&delivery.topic, token));
    document.signed("Timestamp", &written(sent));
    document.sign(signer, links)?;
    Ok(document.into_text())
}

/// A document in the making.
struct Document {
    members: Map<String, Value>,
    signed: Vec<&'static str>,
}

impl Document {
    fn new(delivery: &Delivery, message_id: &str) -> Self {
        let mut document = Self { members: Map::new(), signed: Vec::new() };
        document.signed("Type", delivery.content.kind());
        document.signed("MessageId", message_id);
        document.signed("TopicArn", delivery.topic.as_str());
        document
    }

    /// A member that the signature covers.
    fn signed(&mut self, name: &'static str, value: &str) {
        self.signed.push(name);
        self.members.insert(name.to_owned(), Value::from(value));
    }

    fn unsigned(&mut self, name: &'static str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }

    /// Signs the members so far: each name and value on a line of its own, in the order of the names.
    fn sign(&mut self, signer: &Signer, links: &Links) -> Result<(), AwsError> {
        let mut names = self.signed.clone();
        names.sort_unstable();
        let mut text = String::new();
        for name in names {
            let value = self.members.get(name).and_then(Value::as_str).unwrap_or_default();
            text.extend([name, "\n", value, "\n"]);
        }
        let signature = signer.sign(text.as_bytes())?;
        self.unsigned("SignatureVersion", "2");
        self.unsigned("Signature", signature);
        self.unsigned("SigningCertURL", links.certificate(signer));
        Ok(())
    }

    fn into_text(self) -> String {
        Value::Object(self.members).to_string()
    }
}

fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
