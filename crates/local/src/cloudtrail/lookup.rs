use jiff::{SignedDuration, Timestamp};
use keywright_policy::Resource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Event;
use super::error::{
    invalid_attributes, invalid_category, invalid_page_size, invalid_times, invalid_token, unsupported,
};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

/// Looks for management events of the last 90 days in the account and Region, newest first.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>.
pub(super) struct LookupEvents;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(default)]
    lookup_attributes: Vec<Attribute>,
    start_time: Option<Time>,
    end_time: Option<Time>,
    event_category: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_key: String,
    attribute_value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    events: Vec<ShownEvent>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownEvent {
    event_id: String,
    event_name: String,
    read_only: String,
    access_key_id: Option<String>,
    event_time: Time,
    event_source: String,
    username: Option<String>,
    resources: Vec<ShownResource>,
    cloud_trail_event: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownResource {
    resource_type: String,
    resource_name: String,
}

impl Operation for LookupEvents {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "LookupEvents";
    const READ_ONLY: bool = true;
    type Input = Input;
    type Output = Output;

    fn authorize(_: &Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "cloudtrail:LookupEvents", Resource::Any)])
    }

    fn call(input: Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Output, AwsError> {
        let most = input.page_size()?;
        input.check()?;
        let remembered = call.now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
        let from = input.start_time.map_or(remembered, |Time(start)| start.max(remembered));
        let scope = format!("{}/", call.regional_scope());
        let found = world
            .cloudtrail
            .events
            .with_prefix(&scope)
            .filter(|(_, event)| event.time >= from && input.end_time.is_none_or(|Time(end)| event.time <= end))
            .filter(|(_, event)| input.lookup_attributes.iter().all(|attribute| attribute.matches(event)));
        let Page { items, next_token } = page(found, input.next_token.as_deref(), most).map_err(|_| invalid_token())?;
        Ok(Output { events: items.into_iter().map(show).collect(), next_token })
    }
}

impl Input {
    fn page_size(&self) -> Result<usize, AwsError> {
        let asked = self.max_results.unwrap_or(MOST_EVENTS);
        usize::try_from(asked).ok().filter(|_| (1..=MOST_EVENTS).contains(&asked)).ok_or_else(invalid_page_size)
    }

    fn check(&self) -> Result<(), AwsError> {
        match self.event_category.as_deref() {
            None => {}
            Some("insight") => return Err(unsupported("Insights events are")),
            Some(other) => return Err(invalid_category(other)),
        }
        if self.lookup_attributes.len() > 1 {
            return Err(invalid_attributes("You can specify only one lookup attribute."));
        }
        if let (Some(start), Some(end)) = (self.start_time, self.end_time)
            && start > end
        {
            return Err(invalid_times());
        }
        self.lookup_attributes.iter().try_for_each(Attribute::check)
    }
}

impl Attribute {
    fn check(&self) -> Result<(), AwsError> {
        if !ATTRIBUTES.contains(&self.attribute_key.as_str()) {
            return Err(invalid_attributes(format!("{} is not a lookup attribute.", self.attribute_key)));
        }
        if !(1..=LONGEST_VALUE).contains(&self.attribute_value.chars().count()) {
            return Err(invalid_attributes("An attribute value has 1 to 2000 characters."));
        }
        Ok(())
    }

    fn matches(&self, event: &Event) -> bool {
        let record = &event.record;
        let value = self.attribute_value.as_str();
        match self.attribute_key.as_str() {
            "EventId" => text(record, "eventID") == value,
            "EventName" => text(record, "eventName") == value,
            "EventSource" => text(record, "eventSource") == value,
            "ReadOnly" => is_read_only(record).to_string() == value,
            "Username" => user_name(record).as_deref() == Some(value),
            "AccessKeyId" => access_key(record) == Some(value),
            "ResourceType" => resources(record).iter().any(|resource| resource.resource_type == value),
            "ResourceName" => resources(record).iter().any(|resource| resource.resource_name == value),
            _ => false,
        }
    }
}

fn show(event: &Event) -> ShownEvent {
    let record = &event.record;
    ShownEvent {
        event_id: text(record, "eventID").to_owned(),
        event_name: text(record, "eventName").to_owned(),
        read_only: is_read_only(record).to_string(),
        access_key_id: access_key(record).map(str::to_owned),
        event_time: Time::in_whole_seconds(event.time),
        event_source: text(record, "eventSource").to_owned(),
        username: user_name(record),
        resources: resources(record),
        cloud_trail_event: record.to_string(),
    }
}

/// A user's name, a session's, or `root`.
fn user_name(record: &Value) -> Option<String> {
    let identity = record.get("userIdentity")?;
    let name = match text(identity, "type") {
        "Root" => "root",
        "AssumedRole" => text(identity, "principalId").split_once(':')?.1,
        _ => identity.get("userName")?.as_str()?,
    };
    Some(name.to_owned())
}

fn access_key(record: &Value) -> Option<&str> {
    record.get("userIdentity")?.get("accessKeyId")?.as_str()
}

fn is_read_only(record: &Value) -> bool {
    record.get("readOnly").and_then(Value::as_bool).unwrap_or_default()
}

/// Those that the event lists, else those that its parameters name.
fn resources(record: &Value) -> Vec<ShownResource> {
    if let Some(listed) = record.get("resources").and_then(Value::as_array) {
        let shown = |resource: &Value| ShownResource {
            resource_type: text(resource, "type").to_owned(),
            resource_name: text(resource, "ARN").to_owned(),
        };
        return listed.iter().map(shown).collect();
    }
    let parameters = record.get("requestParameters");
    let named = NAMED.iter().filter(|(source, _, _)| text(record, "eventSource") == *source);
    named
        .filter_map(|(_, member, kind)| {
            let name = parameters?.get(member)?.as_str()?;
            Some(ShownResource { resource_type: (*kind).to_owned(), resource_name: name.to_owned() })
        })
        .collect()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 90);
const MOST_EVENTS: i64 = 50;
const LONGEST_VALUE: usize = 2000;
const ATTRIBUTES: [&str; 8] =
    ["EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"];
/// Parameters that name a resource. Source:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events-supported-resource-types.html>.
const NAMED: &[(&str, &str, &str)] = &[
    ("iam.amazonaws.com", "userName", "AWS::IAM::User"),
    ("iam.amazonaws.com", "roleName", "AWS::IAM::Role"),
    ("iam.amazonaws.com", "policyArn", "AWS::IAM::Policy"),
    ("iam.amazonaws.com", "accessKeyId", "AWS::IAM::AccessKey"),
    ("monitoring.amazonaws.com", "alarmName", "AWS::CloudWatch::Alarm"),
    ("cloudtrail.amazonaws.com", "name", "AWS::CloudTrail::Trail"),
    ("cloudtrail.amazonaws.com", "trailName", "AWS::CloudTrail::Trail"),
];
