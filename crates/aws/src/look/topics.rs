use keywright_engine::ProviderError;
use keywright_model::{Arn, Region};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{LookNeeded, LookOn, look};
use crate::AwsProvider;
use crate::error::{own_error, unless_gone};
use crate::signed::{Call, Service, xml};
use crate::xml::Element;

/// A topic of SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its policy.
    pub policy: String,
    /// The key that it is encrypted with, as its owner named it: ID, ARN or alias.
    pub key: Option<String>,
    /// How many of its subscriptions are confirmed.
    pub confirmed: u64,
    /// How many wait for their confirmation.
    pub pending: u64,
}

impl AwsProvider {
    /// A topic and its subscriptions. None when it is not there.
    ///
    /// The counts that GetTopicAttributes gives are late by some minutes: the subscriptions themselves are counted.
    ///
    /// # Errors
    /// When SNS refuses the caller or does not answer.
    pub async fn topic(&self, topic: &Arn) -> Result<Option<Topic>, ProviderError> {
        let region = Region::parse(topic.region()).map_err(|error| ProviderError {
            failure: keywright_engine::Failure::Other { code: "InvalidArn".into(), message: error.to_string() },
            operation: "sns:GetTopicAttributes".into(),
            region: None,
            request_id: None,
        })?;
        let (attributes, subscriptions) =
            tokio::join!(self.topic_attributes(topic, &region), self.subscriptions(topic, &region));
        let Some(attributes) = unless_gone(attributes)? else { return Ok(None) };
        let Some(subscriptions) = unless_gone(subscriptions)? else { return Ok(None) };
        let value = |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let is_waiting = |arn: &&String| !arn.starts_with("arn:");
        let pending = subscriptions.iter().filter(is_waiting).count();
        Ok(Some(Topic {
            policy: value("Policy").unwrap_or_default(),
            key: value("KmsMasterKeyId").filter(|key| !key.is_empty()),
            confirmed: number(subscriptions.len().saturating_sub(pending)),
            pending: number(pending),
        }))
    }

    async fn topic_attributes(&self, topic: &Arn, region: &Region) -> Result<Vec<(String, String)>, ProviderError> {
        let answer = self.ask_sns("sns:GetTopicAttributes", region, topic, None).await?;
        let entries = answer.all(&["GetTopicAttributesResult", "Attributes", "entry"]);
        let pairs = entries.iter().filter_map(|it| Some((it.text_at(&["key"])?, it.text_at(&["value"])?)));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The ARN of each subscription; a word in its place until it is confirmed.
    async fn subscriptions(&self, topic: &Arn, region: &Region) -> Result<Vec<String>, ProviderError> {
        const OPERATION: &str = "sns:ListSubscriptionsByTopic";
        let (mut found, mut token) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let answer = self.ask_sns(OPERATION, region, topic, token.as_deref()).await?;
            let result = answer.all(&["ListSubscriptionsByTopicResult"]);
            let result =
                result.first().ok_or_else(|| own_error(OPERATION, region, "IncompleteAnswer", "it is empty"))?;
            let members = result.all(&["Subscriptions", "member", "SubscriptionArn"]);
            found.extend(members.iter().filter_map(|it| it.text_at(&[])).map(str::to_owned));
            token = result.text_at(&["NextToken"]).filter(|it| !it.is_empty()).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn ask_sns(
        &self,
        operation: &'static str,
        region: &Region,
        topic: &Arn,
        token: Option<&str>,
    ) -> Result<Element, ProviderError> {
        let name = operation.trim_start_matches("sns:");
        let mut body = format!("Action={name}&Version=2010-03-31&TopicArn={}", encoded(topic.as_str()));
        if let Some(token) = token {
            body.push_str(&format!("&NextToken={}", encoded(token)));
        }
        let call = Call { service: SNS, operation, region, method: "POST", path: "/".to_owned(), headers: FORM, body };
        xml(&call, &self.cloud.signed().send(&call).await?)
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

pub(super) const NEEDED: &[LookNeeded] =
    &[look("sns:GetTopicAttributes", LookOn::Topic), look("sns:ListSubscriptionsByTopic", LookOn::Topic)];
const SNS: Service = Service { name: "sns", id: "SNS", endpoint_variable: "AWS_ENDPOINT_URL_SNS" };
const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
/// Of a hundred subscriptions each.
const MOST_PAGES: usize = 10;
