//! What becomes of a message once it is known to be in order: may its sender publish, does the topic's key admit the
//! sender, and to whom does it go.

use keywright_model::{AccountId, Arn, Region};
use serde_json::{Value, json};

use super::error::{invalid_parameter, kms_refusal, no_key_for_service, not_authorized_to_publish};
use super::inbox;
use super::message::{Message, cut_subject};
use super::{Subscription, Topic, delivery, existing_topic, topic_check, topic_key};
use crate::aws::{Aws, EnsureError};
use crate::context::CallContext;
use crate::error::AwsError;
use crate::ids::Ids;
use crate::inside::{self, InsideCaller, InsideError};
use crate::service::Service;
use crate::world::World;

/// A service that publishes in its own name, for one of its resources.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServiceSender<'a> {
    /// The service principal: `cloudwatch.amazonaws.com`.
    pub(crate) service: &'a str,
    /// The resource that it publishes for: `aws:SourceArn`.
    pub(crate) source_arn: &'a Arn,
    /// That resource's account: `aws:SourceAccount`, and the `aws:SourceOwner` of default topic policies.
    pub(crate) source_account: &'a AccountId,
}

impl Aws {
    /// Publishes as a service does in its own name, for one of its resources: `cloudwatch.amazonaws.com` for an alarm.
    /// Gives the message's id.
    ///
    /// # Errors
    /// With SNS's own error, as where an alarm rings.
    pub fn publish_as_service(
        &self,
        service: &str,
        source_arn: &Arn,
        topic: &Arn,
        subject: Option<&str>,
        message: &str,
    ) -> Result<String, InsideError> {
        let mut answer = Err(AwsError::internal());
        let changed = self.settle_and_block().and_then(|()| {
            self.change(|world, inner| {
                answer = AccountId::parse(source_arn.account())
                    .map_err(|error| invalid_parameter("SourceArn", &error.reason))
                    .and_then(|source_account| {
                        let sender = ServiceSender { service, source_arn, source_account: &source_account };
                        publish_from_service(world, inner.clock.now(), &inner.ids, &sender, topic, subject, message)
                    });
                answer.as_ref().map(drop).map_err(|error| EnsureError::from(error.clone()))
            })
        });
        match (answer, changed) {
            (Ok(_), Err(_)) => Err(AwsError::internal().into()),
            (answer, _) => answer.map_err(InsideError::from),
        }
    }
}

/// A service publishes to a topic of its Region. Gives the message's id.
///
/// The topic's policy must admit it, and the key of an encrypted topic too; a message that is refused is lost, as with
/// AWS. A subject is cut where it is too long.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html> and
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services>.
///
/// # Errors
/// `NotFound` without such a topic, `AuthorizationError` when its policy does not admit the service, `KMSAccessDenied`
/// and its kin when its key does not, `InvalidParameter` when the message is not one.
pub(crate) fn publish_from_service(
    world: &mut World,
    now: jiff::Timestamp,
    ids: &Ids,
    sender: &ServiceSender<'_>,
    topic: &Arn,
    subject: Option<&str>,
    message: &str,
) -> Result<String, AwsError> {
    let message = Message::plain(subject.map(cut_subject), message)?;
    if topic.region() != sender.source_arn.region() {
        return Err(invalid_parameter("TopicArn", "The topic is in another Region"));
    }
    let topic = existing_topic(topic, world)?.clone();
    let call = service_context(world, now, ids, sender, &topic.arn)?;
    let check =
        topic_check(&call, world, "SNS:Publish", &topic.arn).with("aws:SourceOwner", sender.source_account.as_str());
    if !check.decide(&call.caller).is_allowed() {
        return Err(not_authorized_to_publish(sender.source_arn, &topic.arn));
    }
    if let Some(key) = &topic.kms_master_key_id {
        // The policy of this key is AWS's own, and names nobody but the account's callers through SNS.
        if is_aws_managed(key) {
            return Err(no_key_for_service(sender.service));
        }
        use_key(&topic, key, |operation, parameters| inside::run(Service::Kms, operation, parameters, &call, world))
            .map_err(|error| match error.is_denial() {
                true => no_key_for_service(sender.service),
                false => kms_refusal(&error),
            })?;
    }
    Ok(accept(world, &call, &topic, &message))
}

/// A caller's message goes to a topic that it may publish to. Gives the message's id.
///
/// # Errors
/// `KMSAccessDenied` and its kin when the topic's key does not admit the caller through SNS.
pub(super) fn publish(
    world: &mut World,
    call: &CallContext,
    topic: &Topic,
    message: &Message,
) -> Result<String, AwsError> {
    check_key(world, call, topic)?;
    Ok(accept(world, call, topic, message))
}

/// Refuses callers that the key of an encrypted topic does not admit.
fn check_key(world: &mut World, call: &CallContext, topic: &Topic) -> Result<(), AwsError> {
    let Some(key) = &topic.kms_master_key_id else { return Ok(()) };
    if is_aws_managed(key) {
        return match call.account.as_str() == topic.arn.account() {
            true => Ok(()),
            false => Err(kms_refusal(&AwsError::new("AccessDeniedException", 400, OTHERS_MANAGED_KEY))),
        };
    }
    let endpoint = format!("sns.{}.amazonaws.com", topic.arn.region());
    use_key(topic, key, |operation, parameters| {
        inside::forward(&endpoint, false, Service::Kms, operation, parameters, call, world)
    })
    .map_err(|error| kms_refusal(&error))
}

/// Has a data key made and opened, as SNS does for who publishes to an encrypted topic.
fn use_key(
    topic: &Topic,
    key: &str,
    mut ask: impl FnMut(&str, Value) -> Result<Value, AwsError>,
) -> Result<(), AwsError> {
    let context = json!({ "aws:sns:topicArn": topic.arn });
    let parameters = json!({ "KeyId": key_of(topic, key), "KeySpec": "AES_256", "EncryptionContext": context });
    let made = ask("GenerateDataKey", parameters)?;
    let ciphertext = made.get("CiphertextBlob").ok_or_else(AwsError::internal)?;
    ask("Decrypt", json!({ "CiphertextBlob": ciphertext, "EncryptionContext": context }))?;
    Ok(())
}

/// The key as its ARN: a topic names one of its own account and Region, whoever publishes.
fn key_of(topic: &Topic, key: &str) -> String {
    let (partition, region, account) = (topic.arn.partition(), topic.arn.region(), topic.arn.account());
    match key {
        arn if arn.starts_with("arn:") => arn.to_owned(),
        alias if alias.starts_with("alias/") => format!("arn:{partition}:kms:{region}:{account}:{alias}"),
        id => format!("arn:{partition}:kms:{region}:{account}:key/{id}"),
    }
}

/// Whether the key is the one that AWS keeps for SNS.
fn is_aws_managed(key: &str) -> bool {
    key == "alias/aws/sns" || key.ends_with(":alias/aws/sns")
}

/// Sends the message on to each confirmed subscription, and to the inboxes.
fn accept(world: &mut World, call: &CallContext, topic: &Topic, message: &Message) -> String {
    let id = call.ids.uuid().to_string();
    let inside = format!("{}:", topic_key(&topic.arn));
    let subscriptions = world.sns.subscriptions.with_prefix(&inside).map(|(_, subscription)| subscription);
    let reached: Vec<Subscription> =
        subscriptions.filter(|found| found.confirmed && found.is_reached()).cloned().collect();
    for subscription in reached {
        delivery::notify(world, call, &id, &subscription, message);
    }
    inbox::put(world, call.now, &id, topic, message);
    id
}

fn service_context(
    world: &World,
    now: jiff::Timestamp,
    ids: &Ids,
    sender: &ServiceSender<'_>,
    topic: &Arn,
) -> Result<CallContext, AwsError> {
    let region = Region::parse(topic.region()).map_err(|_| AwsError::internal())?;
    let caller = InsideCaller::Service {
        name: sender.service.to_owned(),
        account: sender.source_account.clone(),
        source_arn: Some(sender.source_arn.to_string()),
        source_account: Some(sender.source_account.clone()),
    };
    inside::context(&caller, &region, world, now, ids)
}

const OTHERS_MANAGED_KEY: &str = "The key alias/aws/sns admits callers of its own account only.";
