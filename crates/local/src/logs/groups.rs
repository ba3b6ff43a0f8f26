use keywright_model::Tags;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::error::{already_exists, constraint, invalid_parameter, invalid_token, unsupported};
use super::{LogGroup, existing_group, group_check, group_key, remove_prefix, tag_check, tags, validate};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::tags_of;
use crate::world::World;

/// Makes a log group.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>.
pub(super) struct CreateLogGroup;

/// Removes a log group with all that is in it.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html>.
pub(super) struct DeleteLogGroup;

/// Lists log groups in the order of their names.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>.
pub(super) struct DescribeLogGroups;

/// Sets how long events are kept.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.
pub(super) struct PutRetentionPolicy;

/// Lets events be kept for ever.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteRetentionPolicy.html>.
pub(super) struct DeleteRetentionPolicy;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateLogGroupInput {
    log_group_name: String,
    kms_key_id: Option<String>,
    #[serde(default)]
    tags: Tags,
    log_group_class: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupName {
    pub(super) log_group_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutRetentionPolicyInput {
    log_group_name: String,
    retention_in_days: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogGroupsInput {
    account_identifiers: Option<IgnoredAny>,
    include_linked_accounts: Option<bool>,
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    log_group_class: Option<String>,
    next_token: Option<String>,
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogGroupsOutput {
    log_groups: Vec<ShownGroup>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownGroup {
    log_group_name: String,
    creation_time: i64,
    retention_in_days: Option<u32>,
    metric_filter_count: usize,
    /// Ends with `:*`, as policies name it.
    arn: String,
    log_group_arn: String,
    stored_bytes: u64,
    log_group_class: &'static str,
}

impl Operation for CreateLogGroup {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "CreateLogGroup";
    const READ_ONLY: bool = false;
    type Input = CreateLogGroupInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let name = &input.log_group_name;
        validate::group_name(name)?;
        let check = group_check(call, world, "logs:CreateLogGroup", name)?.request_tags(tags_of(&input.tags));
        if input.tags.is_empty() {
            return Ok(vec![check]);
        }
        let tagging = tag_check(call, world, "logs:TagResource", name)?.request_tags(tags_of(&input.tags));
        Ok(vec![check, tagging])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        input.check_supported()?;
        let mut kept = Tags::new();
        tags::add(&mut kept, &input.tags)?;
        let key = group_key(call, &input.log_group_name);
        if world.logs.groups.contains(&key) {
            return Err(already_exists("log group"));
        }
        let group = LogGroup { name: input.log_group_name, created: call.now, retention: None, tags: kept };
        world.logs.groups.insert(key, group);
        Ok(())
    }
}

impl CreateLogGroupInput {
    fn check_supported(&self) -> Result<(), AwsError> {
        if self.kms_key_id.is_some() {
            return Err(unsupported("Log groups encrypted with a KMS key are"));
        }
        if self.deletion_protection_enabled == Some(true) {
            return Err(unsupported("Deletion protection of log groups is"));
        }
        match self.log_group_class.as_deref() {
            None | Some(STANDARD) => Ok(()),
            Some(class) if CLASSES.contains(&class) => Err(unsupported("Log group classes other than STANDARD are")),
            Some(class) => Err(unknown_class(class)),
        }
    }
}

impl Operation for DeleteLogGroup {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "DeleteLogGroup";
    const READ_ONLY: bool = false;
    type Input = GroupName;
    type Output = ();

    fn authorize(input: &GroupName, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        Ok(vec![group_check(call, world, "logs:DeleteLogGroup", &input.log_group_name)?])
    }

    fn call(input: GroupName, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        existing_group(call, world, &input.log_group_name)?;
        let key = group_key(call, &input.log_group_name);
        let inside = format!("{key}:");
        let logs = &mut world.logs;
        logs.groups.remove(&key);
        remove_prefix(&mut logs.filters, &inside);
        remove_prefix(&mut logs.streams, &inside);
        remove_prefix(&mut logs.events, &inside);
        Ok(())
    }
}

impl Operation for DescribeLogGroups {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "DescribeLogGroups";
    const READ_ONLY: bool = true;
    type Input = DescribeLogGroupsInput;
    type Output = DescribeLogGroupsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.check()?;
        // Whoever lists must be allowed to see every log group: the name is left empty.
        Ok(vec![group_check(call, world, "logs:DescribeLogGroups", "")?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<DescribeLogGroupsOutput, AwsError> {
        let most = validate::limit(input.limit, MOST_DESCRIBED)?;
        let scope = format!("{}/", call.regional_scope());
        let found = world.logs.groups.with_prefix(&scope).filter(|(_, group)| input.wants(group, call));
        let Page { items, next_token } = page(found, input.next_token.as_deref(), most).map_err(|_| invalid_token())?;
        let shown = items.into_iter().map(|group| show(group, call, world));
        Ok(DescribeLogGroupsOutput { log_groups: shown.collect::<Result<_, _>>()?, next_token })
    }
}

impl DescribeLogGroupsInput {
    fn check(&self) -> Result<(), AwsError> {
        if self.account_identifiers.is_some() || self.include_linked_accounts == Some(true) {
            return Err(unsupported("Log groups of linked accounts are"));
        }
        if let Some(prefix) = &self.log_group_name_prefix {
            validate::group_name_in("logGroupNamePrefix", prefix)?;
            if self.log_group_name_pattern.is_some() {
                return Err(invalid_parameter(
                    "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
                ));
            }
        }
        match self.log_group_class.as_deref() {
            Some(class) if !CLASSES.contains(&class) => Err(unknown_class(class)),
            _ => Ok(()),
        }
    }

    fn wants(&self, group: &LogGroup, call: &CallContext) -> bool {
        let is_identified = |identifiers: &Vec<String>| {
            identifiers.iter().any(|identifier| super::group_of_identifier(identifier, call) == Some(&group.name))
        };
        self.log_group_name_prefix.as_ref().is_none_or(|prefix| group.name.starts_with(prefix))
            && self.log_group_name_pattern.as_ref().is_none_or(|part| group.name.contains(part))
            && self.log_group_identifiers.as_ref().is_none_or(is_identified)
            && self.log_group_class.as_deref().is_none_or(|class| class == STANDARD)
    }
}

impl Operation for PutRetentionPolicy {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "PutRetentionPolicy";
    const READ_ONLY: bool = false;
    type Input = PutRetentionPolicyInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        Ok(vec![group_check(call, world, "logs:PutRetentionPolicy", &input.log_group_name)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let days = input.retention_in_days;
        if !RETENTIONS.contains(&days) {
            let known: Vec<_> = RETENTIONS.iter().map(ToString::to_string).collect();
            return Err(constraint(
                "retentionInDays",
                days,
                &format!("satisfy enum value set: [{}]", known.join(", ")),
            ));
        }
        set_retention(&input.log_group_name, Some(days), call, world)
    }
}

impl Operation for DeleteRetentionPolicy {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "DeleteRetentionPolicy";
    const READ_ONLY: bool = false;
    type Input = GroupName;
    type Output = ();

    fn authorize(input: &GroupName, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        Ok(vec![group_check(call, world, "logs:DeleteRetentionPolicy", &input.log_group_name)?])
    }

    fn call(input: GroupName, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        set_retention(&input.log_group_name, None, call, world)
    }
}

fn set_retention(group: &str, days: Option<u32>, call: &CallContext, world: &mut World) -> Result<(), AwsError> {
    existing_group(call, world, group)?;
    if let Some(group) = world.logs.groups.get_mut(&group_key(call, group)) {
        group.retention = days;
    }
    Ok(())
}

fn show(group: &LogGroup, call: &CallContext, world: &World) -> Result<ShownGroup, AwsError> {
    let arn = call.arn("logs", &format!("log-group:{}", group.name))?;
    let inside = format!("{}:", group_key(call, &group.name));
    let stored = world.logs.events.with_prefix(&inside).map(|(_, event)| super::events::size(&event.message));
    Ok(ShownGroup {
        log_group_name: group.name.clone(),
        creation_time: group.created.as_millisecond(),
        retention_in_days: group.retention,
        metric_filter_count: world.logs.filters.with_prefix(&inside).count(),
        arn: format!("{arn}:*"),
        log_group_arn: arn.to_string(),
        stored_bytes: stored.sum(),
        log_group_class: STANDARD,
    })
}

fn unknown_class(class: &str) -> AwsError {
    constraint("logGroupClass", class, &format!("satisfy enum value set: [{}]", CLASSES.join(", ")))
}

const STANDARD: &str = "STANDARD";
const CLASSES: [&str; 4] = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"];
const MOST_DESCRIBED: u32 = 50;
/// Days. Source: the page of `PutRetentionPolicy`.
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
