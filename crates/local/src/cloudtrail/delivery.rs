//! The way of events to a trail's log group.
//!
//! Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/send-cloudtrail-events-to-cloudwatch-logs.html>.

use jiff::Timestamp;
use keywright_model::Arn;
use serde_json::Value;

use super::error::{invalid_group, invalid_role};
use super::event::Draft;
use super::trails::{INVALID_GROUP, INVALID_ROLE, SERVICE_PRINCIPAL};
use super::{Delivery, LogTarget, Trail};
use crate::check::Check;
use crate::context::{CallContext, Caller, Via};
use crate::error::AwsError;
use crate::iam::{self, Role};
use crate::ids::Ids;
use crate::logs;
use crate::world::World;

/// Brings an event to the trail's log group, if it has one and its role still may.
///
/// AWS does this within minutes; here it is done at once.
pub(super) fn deliver(trail: &Trail, record: &Value, draft: &Draft, world: &mut World) {
    let Some(target) = &trail.logs else { return };
    let message = record.to_string();
    // Source: the page above, on the size of events.
    if message.len() > LONGEST_EVENT {
        return;
    }
    let tried = check_target(trail, draft.time, &draft.ids, world).map(|()| {
        let group = group_name(&target.group).unwrap_or_default();
        let place = logs::Place { account: &trail.account, region: &trail.home, group, stream: &stream_name(trail) };
        logs::put(&place, draft.time, message, world);
    });
    let known = world.cloudtrail.deliveries.get(&trail.key()).cloned().unwrap_or_default();
    let delivery = match tried {
        Ok(()) => Delivery { latest: Some(draft.time), error: None },
        Err(error) => Delivery { error: Some(error.message), ..known },
    };
    world.cloudtrail.deliveries.insert(trail.key(), delivery);
}

/// Refuses a log group that is not there, and a role that is not there, does not trust CloudTrail, or may not write.
///
/// # Errors
/// `InvalidCloudWatchLogsLogGroupArnException`, `InvalidCloudWatchLogsRoleArnException`.
pub(super) fn check_target(trail: &Trail, now: Timestamp, ids: &Ids, world: &World) -> Result<(), AwsError> {
    let Some(target) = &trail.logs else { return Ok(()) };
    check_group(trail, target, world)?;
    let role = world.iam.role_by_arn(&target.role).filter(|role| role.arn.account() == trail.account.as_str());
    let role = role.ok_or_else(|| invalid_role(INVALID_ROLE))?;
    if !trusts_cloudtrail(trail, role, now, ids, world) {
        return Err(invalid_role("Access denied. Check the trust relationships for your role."));
    }
    let arn = stream_arn(trail, &target.group).ok_or_else(|| invalid_group(INVALID_GROUP))?;
    let may_write = WRITES.iter().all(|action| may(action, &arn, trail, role, now, ids, world));
    if !may_write {
        return Err(invalid_group("Access denied. Check the permissions for your role."));
    }
    Ok(())
}

/// The log group is one of the trail's account and home Region, by the ARN that ends with `:*`.
fn check_group(trail: &Trail, target: &LogTarget, world: &World) -> Result<(), AwsError> {
    let group = &target.group;
    let is_here = group.service() == "logs"
        && group.partition() == trail.arn.partition()
        && group.account() == trail.account.as_str()
        && group.region() == trail.home.as_str();
    let exists = group_name(group).is_some_and(|name| {
        let key = format!("{}/{}/{name}", trail.account, trail.home);
        world.logs.groups.contains(&key)
    });
    if is_here && exists { Ok(()) } else { Err(invalid_group(INVALID_GROUP)) }
}

fn trusts_cloudtrail(trail: &Trail, role: &Role, now: Timestamp, ids: &Ids, world: &World) -> bool {
    let caller = Caller::service(SERVICE_PRINCIPAL, trail.account.clone());
    let call = context(caller, trail, now, ids);
    let check =
        Check::new(&call, "sts:AssumeRole", role.arn.clone()).resource_policy(role.trust.as_mandatory(&world.iam));
    check.decide(&call.caller).is_allowed()
}

fn may(action: &str, arn: &Arn, trail: &Trail, role: &Role, now: Timestamp, ids: &Ids, world: &World) -> bool {
    let session = format!("arn:{}:sts::{}:assumed-role/{}/{SESSION}", role.arn.partition(), trail.account, role.name);
    let caller =
        Arn::parse(&session).ok().and_then(|session| iam::role_as_caller(&world.iam, role, session, SESSION, &role.id));
    caller.is_some_and(|caller| {
        let call = context(caller, trail, now, ids);
        Check::new(&call, action, arn.clone()).decide(&call.caller).is_allowed()
    })
}

/// CloudTrail calls for the trail.
fn context(caller: Caller, trail: &Trail, now: Timestamp, ids: &Ids) -> CallContext {
    CallContext {
        account: trail.account.clone(),
        caller,
        region: trail.home.clone(),
        partition: trail.home.partition(),
        now,
        request_id: String::new(),
        ids: ids.clone(),
        user_agent: None,
        via: Via::Service { source_arn: Some(trail.arn.to_string()), source_account: Some(trail.account.clone()) },
    }
}

fn stream_arn(trail: &Trail, group: &Arn) -> Option<Arn> {
    let resource = format!("log-group:{}:log-stream:{}", group_name(group)?, stream_name(trail));
    Arn::new(trail.home.partition(), "logs", Some(&trail.home), Some(&trail.account), &resource).ok()
}

/// The name in `…:log-group:NAME:*`.
fn group_name(group: &Arn) -> Option<&str> {
    group.resource().strip_prefix("log-group:")?.strip_suffix(":*")
}

fn stream_name(trail: &Trail) -> String {
    format!("{}_CloudTrail_{}", trail.account, trail.home)
}

const SESSION: &str = "CLOUDWATCH_LOGS_DELIVERY_SESSION";
const WRITES: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
const LONGEST_EVENT: usize = 262_144;
