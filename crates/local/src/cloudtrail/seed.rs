use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Region, Tags};
use keywright_policy::PolicyKind;

use super::trails::SERVICE_PRINCIPAL;
use super::{LogTarget, Trail};
use crate::aws::{Aws, EnsureError};
use crate::iam;
use crate::ids::Ids;
use crate::logs;
use crate::policy::StoredPolicy;
use crate::world::World;

impl Aws {
    /// Makes a trail of all Regions that delivers to the log group of that ARN, with the log group and a role that
    /// may write there, unless a trail of the account delivers there. Tells whether it was made.
    ///
    /// # Errors
    /// When the ARN is not a log group's, or it cannot be stored.
    pub fn ensure_trail(&self, log_group: &Arn) -> Result<bool, EnsureError> {
        self.change(|world, inner| ensure(world, log_group, inner.clock.now(), &inner.ids))
    }
}

fn ensure(world: &mut World, log_group: &Arn, now: Timestamp, ids: &Ids) -> Result<bool, EnsureError> {
    let wrong = || EnsureError::Arn { arn: log_group.clone(), expected: "a log group" };
    logs::ensure(world, log_group, now)?;
    let account = AccountId::parse(log_group.account()).map_err(|_| wrong())?;
    let home = Region::parse(log_group.region()).map_err(|_| wrong())?;
    let group = format!("{}:*", log_group.as_str().trim_end_matches(":*"));
    let group = Arn::parse(&group).map_err(|_| wrong())?;
    if is_fed(&account, &group, world) {
        return Ok(false);
    }
    let name = free_name(&account, &home, world);
    let role = ensure_role(world, &account, &home, (&name, &group), now, ids)?;
    let arn = Arn::new(home.partition(), "cloudtrail", Some(&home), Some(&account), &format!("trail/{name}"));
    let trail = Trail {
        name,
        arn: arn.map_err(|error| EnsureError::Refused { message: error.to_string() })?,
        bucket: format!("cloudtrail-{account}-{home}"),
        prefix: None,
        includes_global: true,
        is_multi_region: true,
        validates_files: false,
        logs: Some(LogTarget { group, role }),
        selectors: Vec::new(),
        tags: Tags::new(),
        is_logging: true,
        started: Some(now),
        stopped: None,
        account,
        home,
    };
    world.cloudtrail.trails.insert(trail.key(), trail);
    Ok(true)
}

/// Whether a trail that logs delivers to the log group.
fn is_fed(account: &AccountId, group: &Arn, world: &World) -> bool {
    let mut trails = world.cloudtrail.trails.with_prefix(&format!("{account}/"));
    trails.any(|(_, trail)| trail.is_logging && trail.logs.as_ref().is_some_and(|logs| logs.group == *group))
}

/// A name that no trail of the account has in the Region.
fn free_name(account: &AccountId, home: &Region, world: &World) -> String {
    let names = std::iter::once(NAME.to_owned()).chain((2_u32..).map(|number| format!("{NAME}-{number}")));
    let mut free = names.filter(|name| !world.cloudtrail.trails.contains(&format!("{account}/{home}/{name}")));
    free.next().unwrap_or_else(|| NAME.to_owned())
}

/// The role that AWS's page has, trusted by CloudTrail for the account, with leave to write to the log group alone.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-required-policy-for-cloudwatch-logs.html>.
fn ensure_role(
    world: &mut World,
    account: &AccountId,
    home: &Region,
    (trail, group): (&str, &Arn),
    now: Timestamp,
    ids: &Ids,
) -> Result<Arn, EnsureError> {
    let refused = |message: String| EnsureError::Refused { message };
    let arn = Arn::new(home.partition(), "iam", None, Some(account), &format!("role/service-role/{ROLE}-{home}"))
        .map_err(|error| refused(error.to_string()))?;
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": SERVICE_PRINCIPAL },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": account } },
        }],
    });
    let streams = group.as_str().trim_end_matches('*');
    let permissions = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": format!("{streams}log-stream:{account}_CloudTrail_*"),
        }],
    });
    let stored = |text: &serde_json::Value, kind| {
        StoredPolicy::new(&text.to_string(), kind, &world.iam).map_err(|refusal| refused(refusal.to_string()))
    };
    let (trust, permissions) = (stored(&trust, PolicyKind::Trust)?, stored(&permissions, PolicyKind::Identity)?);
    iam::ensure_role(world, &arn, now, ids)?;
    iam::furnish_role(world, &arn, trust, (trail, permissions));
    Ok(arn)
}

const NAME: &str = "keywright-local";
const ROLE: &str = "CloudTrailToCloudWatchLogs";
