use keywright_aws::{Alarm, Topic};
use keywright_model::Arn;
use keywright_policy::{Document, Policies, PolicyKind, Principal, Request, ResourcePolicy, decide};

use super::Examination;
use super::facts::{Facts, TopicFacts, TopicKey, WantedAlarm};

/// An alarm rings and nobody hears: it has no topic, its actions are off or fail, or the topic passes nothing on.
pub(super) fn examine(facts: &Facts) -> Examination {
    let wanted = facts.wanted_alarms();
    if wanted.is_empty() {
        return Examination::fine("the inputs want no alarm");
    }
    let mut examination = Examination::default();
    for alarm in &wanted {
        examine_alarm(facts, alarm, &mut examination);
    }
    for topic in &facts.topics {
        examine_topic(facts, topic, &wanted, &mut examination);
    }
    if examination.troubles.is_empty() && examination.open.is_empty() {
        examination.saw("each alarm is there, and its notifications reach a confirmed subscription");
    }
    examination
}

fn examine_alarm(facts: &Facts, wanted: &WantedAlarm, examination: &mut Examination) {
    let WantedAlarm { name, region, .. } = wanted;
    let alarms = match facts.alarms.get(region) {
        Some(Ok(alarms)) => alarms,
        Some(Err(unread)) => return examination.unread(unread),
        None => return,
    };
    let Some(alarm) = alarms.iter().find(|it| it.name == *name) else {
        return examination.found(
            format!("the alarm `{name}` is not in {region}"),
            "the inputs want it, and it was deleted or never made",
            facts.apply(),
        );
    };
    if !alarm.actions_enabled {
        examination.found(
            format!("the actions of the alarm `{name}` are disabled"),
            "somebody switched them off: it changes its state and tells nobody",
            format!(
                "run `keywright apply`, or `aws cloudwatch enable-alarm-actions --alarm-names {name} --region {region}`"
            ),
        );
    }
    examine_actions(facts, alarm, examination);
    match facts.histories.get(&(region.clone(), name.clone())) {
        Some(Ok(history)) => {
            if let Some(failure) = &history.failure {
                examination.found(
                    format!("the latest notification of the alarm `{name}` failed at {}: {}", failure.at, failure.reason),
                    "CloudWatch could not publish to the topic: the topic is gone, its policy does not admit CloudWatch, or its key does not",
                    "follow what is found about the topic here; where nothing is, the cause is gone since: the next notification goes through",
                );
            }
        }
        Some(Err(unread)) => examination.unread(unread),
        None => {}
    }
}

fn examine_actions(facts: &Facts, alarm: &Alarm, examination: &mut Examination) {
    let topics: Vec<&str> = facts.topics.iter().map(|it| it.arn.as_str()).collect();
    let is_known = |action: &String| topics.contains(&action.as_str());
    if alarm.alarm_actions.iter().any(is_known) {
        return;
    }
    let (cause, cure) = match topics.is_empty() {
        true => (
            "no topic is named in the inputs",
            "set `sns_topic_arn` to a topic that people read, and run `keywright apply`".to_owned(),
        ),
        false => ("its actions were changed outside", facts.apply()),
    };
    let evidence = match alarm.alarm_actions.as_slice() {
        [] => format!("the alarm `{}` has no action", alarm.name),
        others => format!("the alarm `{}` notifies {} alone", alarm.name, others.join(", ")),
    };
    examination.found(evidence, cause, cure);
}

fn examine_topic(facts: &Facts, of: &TopicFacts, wanted: &[WantedAlarm], examination: &mut Examination) {
    let topic = match &of.topic {
        Ok(Some(topic)) => topic,
        Ok(None) => {
            let name = of.arn.resource();
            return examination.found(
                format!("the topic `{}` is not there", of.arn),
                "`sns_topic_arn` names a topic that was deleted, or never made",
                format!("make it (`aws sns create-topic --name {name} --region {}`), or name another one in `sns_topic_arn`", of.arn.region()),
            );
        }
        Err(unread) => return examination.unread(unread),
    };
    if topic.confirmed == 0 {
        let (cause, cure) = match topic.pending {
            0 => ("nobody subscribed to it", format!("subscribe (`aws sns subscribe --topic-arn {} --protocol email --notification-endpoint ADDRESS`), and confirm by the link that is mailed", of.arn)),
            _ => ("its subscriptions wait to be confirmed", "follow the link in the mail that SNS sent to each subscriber; it is good for three days, then subscribe again".to_owned()),
        };
        examination.found(
            format!("the topic `{}` has no confirmed subscription ({} pending)", of.arn, topic.pending),
            cause,
            cure,
        );
    }
    examine_topic_policy(facts, of, topic, wanted, examination);
    if let Some(key) = &of.key {
        examine_topic_key(facts, of, key, topic, examination);
    }
}

/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>.
fn examine_topic_policy(
    facts: &Facts,
    of: &TopicFacts,
    topic: &Topic,
    wanted: &[WantedAlarm],
    examination: &mut Examination,
) {
    let Ok(policy) = Document::parse(&topic.policy, PolicyKind::Resource) else {
        return examination.undecided(
            format!("whether the policy of `{}` lets CloudWatch publish: it cannot be read", of.arn),
            "a topic policy that this program can read",
        );
    };
    let mut policies = Policies::new(&facts.desired.account);
    policies.resource_policy = ResourcePolicy::Optional(&policy);
    let refused = wanted.iter().find(|alarm| {
        let request = publish(facts, &of.arn, alarm);
        alarm.region.as_str() == of.arn.region() && !decide(&request, &policies).is_allowed()
    });
    if let Some(alarm) = refused {
        examination.found(
            format!("the policy of the topic `{}` does not let CloudWatch publish for the alarm `{}`", of.arn, alarm.name),
            "no statement allows `sns:Publish` to `cloudwatch.amazonaws.com` for this account, or one denies it",
            format!(
                "add a statement to the topic's policy: Allow, principal `{CLOUDWATCH}`, action `sns:Publish`, resource `{}`, condition `StringEquals aws:SourceAccount {}`",
                of.arn, facts.desired.account
            ),
        );
    }
}

fn publish(facts: &Facts, topic: &Arn, alarm: &WantedAlarm) -> Request {
    let account = facts.desired.account.as_str();
    let source = format!("arn:{}:cloudwatch:{}:{account}:alarm:{}", topic.partition(), alarm.region, alarm.name);
    cloudwatch("sns:Publish", topic)
        .with("aws:SourceArn", source)
        .with("aws:SourceAccount", account)
        .with("aws:SourceOwner", account)
}

fn cloudwatch(action: &str, resource: &Arn) -> Request {
    Request::new(Principal::Service { name: CLOUDWATCH.to_owned() }, action, resource.clone())
}

/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services>.
fn examine_topic_key(facts: &Facts, of: &TopicFacts, key: &TopicKey, topic: &Topic, examination: &mut Examination) {
    let name = topic.key.as_deref().unwrap_or_default();
    let evidence = format!("the topic `{}` is encrypted with `{name}`", of.arn);
    let standing = match &key.standing {
        Ok(Some(standing)) => standing,
        Ok(None) => {
            return examination.found(
                evidence,
                "there is no such key",
                "set the topic's `KmsMasterKeyId` to a key that exists",
            );
        }
        Err(unread) => return examination.unread(unread),
    };
    if standing.is_aws_managed {
        return examination.found(
            evidence,
            "AWS manages this key, and its policy does not admit CloudWatch",
            format!("encrypt the topic with the module's key: `aws sns set-topic-attributes --topic-arn {} --attribute-name KmsMasterKeyId --attribute-value KEY_ID`", of.arn),
        );
    }
    let policy = match &key.policy {
        Ok(policy) => policy,
        Err(unread) => return examination.unread(unread),
    };
    let account = facts.desired.account.as_str();
    let is_refused = |action: &&&str| {
        let request = cloudwatch(action, &standing.arn).with("aws:SourceAccount", account).with(
            "aws:SourceArn",
            format!("arn:{}:cloudwatch:{}:{account}:alarm:any", of.arn.partition(), of.arn.region()),
        );
        !facts.allows(policy, &request)
    };
    let refused: Vec<&str> = ["kms:GenerateDataKey", "kms:Decrypt"].iter().filter(is_refused).copied().collect();
    if !refused.is_empty() {
        let is_own = facts.keys.iter().any(|it| it.arn == standing.arn);
        let cure = if is_own {
            facts.apply()
        } else {
            format!(
                "allow `kms:GenerateDataKey*` and `kms:Decrypt` to `{CLOUDWATCH}` in that key's policy, or encrypt the topic with the module's key"
            )
        };
        examination.found(evidence, format!("that key's policy refuses {} to CloudWatch", refused.join(" and ")), cure);
    }
}

const CLOUDWATCH: &str = "cloudwatch.amazonaws.com";
