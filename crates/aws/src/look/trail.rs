use jiff::Timestamp;
use keywright_engine::ProviderError;
use keywright_model::Region;
use serde_json::{Value, json};

use super::{LookNeeded, LookOn, look};
use crate::AwsProvider;
use crate::error::has_code;
use crate::signed::{self, Call, Service};

/// A call to KMS that was refused, as CloudTrail has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// When.
    pub at: Timestamp,
    /// The operation, such as `Decrypt`.
    pub operation: String,
    /// The service that called, or passed on what somebody asked it for: `dynamodb.amazonaws.com`.
    pub service: Option<String>,
    /// Who called, where it was no service in its own name.
    pub caller: Option<String>,
    /// What KMS said: it names the key.
    pub message: String,
}

impl AwsProvider {
    /// The latest calls to KMS that were refused since then, newest first; CloudTrail gives all calls, and of these the
    /// latest 1,000 are looked at. Tells besides whether these were all.
    ///
    /// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>.
    ///
    /// # Errors
    /// When CloudTrail refuses the caller or does not answer.
    pub async fn refused_calls(
        &self,
        region: &Region,
        since: Timestamp,
    ) -> Result<(Vec<RefusedCall>, bool), ProviderError> {
        let (mut refused, mut token) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let page = || self.lookup(region, since, token.as_deref());
            let answer = match self.cloud.patience.while_settling(is_throttled, page).await {
                Ok(answer) => answer,
                Err(error) if is_throttled(&error) && token.is_some() => return Ok((refused, false)),
                Err(error) => return Err(error),
            };
            let events = answer.get("Events").and_then(Value::as_array).into_iter().flatten();
            refused.extend(events.filter_map(refused_call));
            token = answer.get("NextToken").and_then(Value::as_str).map(str::to_owned);
            if token.is_none() {
                return Ok((refused, true));
            }
        }
        Ok((refused, false))
    }

    async fn lookup(&self, region: &Region, since: Timestamp, token: Option<&str>) -> Result<Value, ProviderError> {
        let mut input = json!({
            "LookupAttributes": [{ "AttributeKey": "EventSource", "AttributeValue": "kms.amazonaws.com" }],
            "StartTime": since.as_second(),
            "MaxResults": 50,
        });
        if let (Some(token), Some(members)) = (token, input.as_object_mut()) {
            members.insert("NextToken".to_owned(), json!(token));
        }
        let call = Call {
            service: CLOUDTRAIL,
            operation: "cloudtrail:LookupEvents",
            region,
            method: "POST",
            path: "/".to_owned(),
            headers: JSON,
            body: input.to_string(),
        };
        signed::json(&call, &self.cloud.signed().send(&call).await?)
    }
}

/// CloudTrail takes two such calls a second.
fn is_throttled(error: &ProviderError) -> bool {
    has_code(error, "Throttling")
}

/// The event, if KMS refused it by policy.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>.
fn refused_call(event: &Value) -> Option<RefusedCall> {
    let record: Value = serde_json::from_str(event.get("CloudTrailEvent")?.as_str()?).ok()?;
    let text = |path: &str| record.pointer(path).and_then(Value::as_str);
    let is_refused = text("/errorCode").is_some_and(|code| code.starts_with("AccessDenied"));
    let service = text("/userIdentity/invokedBy").or_else(|| text("/sourceIPAddress").filter(|it| is_service(it)));
    is_refused.then_some(())?;
    Some(RefusedCall {
        at: text("/eventTime")?.parse().ok()?,
        operation: text("/eventName")?.to_owned(),
        service: service.filter(|it| is_service(it)).map(str::to_owned),
        caller: text("/userIdentity/arn").map(str::to_owned),
        message: text("/errorMessage").unwrap_or_default().to_owned(),
    })
}

/// A service, and not an address or `AWS Internal`.
fn is_service(name: &str) -> bool {
    name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn")
}

pub(super) const NEEDED: &[LookNeeded] = &[look("cloudtrail:LookupEvents", LookOn::Calls)];
const CLOUDTRAIL: Service =
    Service { name: "cloudtrail", id: "CloudTrail", endpoint_variable: "AWS_ENDPOINT_URL_CLOUDTRAIL" };
const JSON: &[(&str, &str)] = &[
    ("content-type", "application/x-amz-json-1.1"),
    ("x-amz-target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"),
];
/// Of 50 events each.
const MOST_PAGES: usize = 20;

#[cfg(test)]
mod tests {
    use keywright_engine::Failure;

    use super::*;

    fn call(record: &Value) -> Option<RefusedCall> {
        refused_call(&json!({ "CloudTrailEvent": record.to_string() }))
    }

    fn record(code: &str, identity: Value, source: &str) -> Value {
        json!({
            "eventTime": "2026-01-02T03:04:05Z", "eventName": "Decrypt", "errorCode": code, "errorMessage": "no",
            "userIdentity": identity, "sourceIPAddress": source,
        })
    }

    #[test]
    fn a_forwarded_call_tells_its_service() {
        let identity = json!({ "arn": "arn:aws:iam::1:user/a", "invokedBy": "dynamodb.amazonaws.com" });
        let call = call(&record("AccessDenied", identity, "dynamodb.amazonaws.com")).expect("refused");
        assert_eq!(call.service.as_deref(), Some("dynamodb.amazonaws.com"));
    }

    #[test]
    fn a_direct_call_tells_none_and_other_errors_are_no_refusals() {
        let identity = || json!({ "arn": "arn:aws:iam::1:user/a" });
        let direct = call(&record("AccessDenied", identity(), "192.0.2.1")).expect("refused");
        assert_eq!(direct.service, None);
        let internal = json!({ "arn": "arn:aws:iam::1:user/a", "invokedBy": "AWS Internal" });
        assert_eq!(call(&record("AccessDenied", internal, "AWS Internal")).expect("refused").service, None);
        assert_eq!(call(&record("NotFoundException", identity(), "192.0.2.1")), None);
    }

    #[test]
    fn only_throttling_is_waited_for() {
        let error = |code: &str| ProviderError {
            failure: Failure::Other { code: code.to_owned(), message: String::new() },
            operation: "cloudtrail:LookupEvents".to_owned(),
            region: None,
            request_id: None,
        };
        assert!(is_throttled(&error("ThrottlingException")));
        assert!(!is_throttled(&error("InvalidNextTokenException")));
    }
}
