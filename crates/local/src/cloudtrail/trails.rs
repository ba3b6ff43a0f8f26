use keywright_model::Arn;
use keywright_policy::Resource;
use serde::{Deserialize, Serialize};

use super::delivery::check_target;
use super::error::{
    already_exists, invalid_arn, invalid_bucket, invalid_group, invalid_name, invalid_role, invalid_token,
    no_such_trail, too_many_trails, unsupported, wrong_home,
};
use super::tags::{GivenTag, add, pairs};
use super::{LogTarget, Trail};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::{Empty, tags_of};
use crate::world::World;

/// Makes a trail, which does not log before it is told to.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html>.
pub(super) struct CreateTrail;

/// Changes the settings of a trail that are given.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html>.
pub(super) struct UpdateTrail;

/// Removes a trail.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DeleteTrail.html>.
pub(super) struct DeleteTrail;

/// Tells the settings of trails.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html>.
pub(super) struct DescribeTrails;

/// Tells the settings of a trail.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrail.html>.
pub(super) struct GetTrail;

/// Lists the trails of the account.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTrails.html>.
pub(super) struct ListTrails;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateInput {
    name: String,
    s3_bucket_name: String,
    #[serde(flatten)]
    settings: Settings,
    #[serde(default)]
    tags_list: Vec<GivenTag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateInput {
    name: String,
    s3_bucket_name: Option<String>,
    #[serde(flatten)]
    settings: Settings,
}

/// What CreateTrail and UpdateTrail have in common.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    s3_key_prefix: Option<String>,
    sns_topic_name: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    is_organization_trail: Option<bool>,
    recursive_logging: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeInput {
    #[serde(default)]
    trail_name_list: Vec<String>,
    include_shadow_trails: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShownTrail {
    name: String,
    s3_bucket_name: String,
    s3_key_prefix: Option<String>,
    include_global_service_events: bool,
    is_multi_region_trail: bool,
    /// Not among what CreateTrail and UpdateTrail answer.
    home_region: Option<String>,
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    log_file_validation_enabled: bool,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    has_custom_event_selectors: Option<bool>,
    has_insight_selectors: Option<bool>,
    is_organization_trail: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneTrail {
    trail: ShownTrail,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeOutput {
    trail_list: Vec<ShownTrail>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListOutput {
    trails: Vec<TrailInfo>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TrailInfo {
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    name: String,
    home_region: String,
}

impl Operation for CreateTrail {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "CreateTrail";
    const READ_ONLY: bool = false;
    type Input = CreateInput;
    type Output = ShownTrail;

    fn authorize(input: &CreateInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        check_name(&input.name)?;
        let arn = call.arn("cloudtrail", &format!("trail/{}", input.name))?;
        let mut checks =
            vec![Check::new(call, "cloudtrail:CreateTrail", arn.clone()).request_tags(pairs(&input.tags_list))];
        if !input.tags_list.is_empty() {
            checks.push(Check::new(call, "cloudtrail:AddTags", arn).request_tags(pairs(&input.tags_list)));
        }
        checks.extend(input.settings.pass_role(call));
        Ok(checks)
    }

    fn call(input: CreateInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ShownTrail, AwsError> {
        let mut trail = Trail {
            arn: call.arn("cloudtrail", &format!("trail/{}", input.name))?,
            name: input.name,
            account: call.account.clone(),
            home: call.region.clone(),
            bucket: input.s3_bucket_name,
            prefix: None,
            includes_global: true,
            is_multi_region: false,
            validates_files: false,
            logs: None,
            selectors: Vec::new(),
            tags: keywright_model::Tags::new(),
            is_logging: false,
            started: None,
            stopped: None,
        };
        if world.cloudtrail.trails.contains(&trail.key()) {
            return Err(already_exists(&trail.name, call.account.as_str()));
        }
        let here = format!("{}/", call.regional_scope());
        if world.cloudtrail.trails.with_prefix(&here).count() >= MOST_TRAILS {
            return Err(too_many_trails(call.region.as_str()));
        }
        input.settings.apply(&mut trail)?;
        add(&mut trail.tags, &input.tags_list)?;
        check(&trail, call, world)?;
        let shown = answer(&trail);
        world.cloudtrail.trails.insert(trail.key(), trail);
        Ok(shown)
    }
}

impl Operation for UpdateTrail {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "UpdateTrail";
    const READ_ONLY: bool = false;
    type Input = UpdateInput;
    type Output = ShownTrail;

    fn authorize(input: &UpdateInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let mut checks = vec![trail_check(Self::NAME, &input.name, call, world)?];
        checks.extend(input.settings.pass_role(call));
        Ok(checks)
    }

    fn call(input: UpdateInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ShownTrail, AwsError> {
        let mut trail = changeable(&input.name, call, world)?.clone();
        if let Some(bucket) = input.s3_bucket_name {
            trail.bucket = bucket;
        }
        input.settings.apply(&mut trail)?;
        check(&trail, call, world)?;
        let shown = answer(&trail);
        world.cloudtrail.trails.insert(trail.key(), trail);
        Ok(shown)
    }
}

impl Operation for DeleteTrail {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "DeleteTrail";
    const READ_ONLY: bool = false;
    type Input = Named;
    type Output = Empty;

    fn authorize(input: &Named, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![trail_check(Self::NAME, &input.name, call, world)?])
    }

    fn call(input: Named, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let key = changeable(&input.name, call, world)?.key();
        world.cloudtrail.trails.remove(&key);
        world.cloudtrail.deliveries.remove(&key);
        Ok(Empty {})
    }
}

impl Operation for DescribeTrails {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "DescribeTrails";
    const READ_ONLY: bool = true;
    type Input = DescribeInput;
    type Output = DescribeOutput;

    fn authorize(_: &DescribeInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "cloudtrail:DescribeTrails", Resource::Any)])
    }

    /// Names that no trail has are passed over.
    fn call(
        input: DescribeInput,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<DescribeOutput, AwsError> {
        let with_shadows = input.include_shadow_trails.unwrap_or(true);
        if input.trail_name_list.is_empty() {
            let shown = of_account(call, world)
                .filter(|trail| trail.home == call.region || (with_shadows && trail.is_multi_region));
            return Ok(DescribeOutput { trail_list: shown.map(show).collect() });
        }
        let mut trail_list = Vec::new();
        for name in &input.trail_name_list {
            trail_list.extend(lookup(name, call, world)?.map(show));
        }
        Ok(DescribeOutput { trail_list })
    }
}

impl Operation for GetTrail {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "GetTrail";
    const READ_ONLY: bool = true;
    type Input = Named;
    type Output = OneTrail;

    fn authorize(input: &Named, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![trail_check(Self::NAME, &input.name, call, world)?])
    }

    fn call(input: Named, call: &CallContext, world: &mut World, _: &Authorized) -> Result<OneTrail, AwsError> {
        Ok(OneTrail { trail: show(found(&input.name, call, world)?) })
    }
}

impl Operation for ListTrails {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "ListTrails";
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = ListOutput;

    fn authorize(_: &ListInput, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![Check::new(call, "cloudtrail:ListTrails", Resource::Any)])
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ListOutput, AwsError> {
        let trails = of_account(call, world).map(|trail| (trail.key(), trail));
        let Page { items, next_token } =
            page(trails, input.next_token.as_deref(), MOST_LISTED).map_err(|_| invalid_token())?;
        let info = |trail: &Trail| TrailInfo {
            trail_arn: trail.arn.to_string(),
            name: trail.name.clone(),
            home_region: trail.home.to_string(),
        };
        Ok(ListOutput { trails: items.into_iter().map(info).collect(), next_token })
    }
}

impl Settings {
    /// Who lets CloudTrail use a role must be allowed to pass it.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>.
    fn pass_role(&self, call: &CallContext) -> Option<Check> {
        let role = Arn::parse(self.cloud_watch_logs_role_arn.as_deref()?).ok()?;
        Some(Check::new(call, "iam:PassRole", role).with("iam:PassedToService", SERVICE_PRINCIPAL))
    }

    fn apply(self, trail: &mut Trail) -> Result<(), AwsError> {
        self.refuse_unsupported()?;
        if let Some(prefix) = self.s3_key_prefix {
            if prefix.chars().count() > LONGEST_PREFIX {
                return Err(AwsError::new(
                    "InvalidS3PrefixException",
                    400,
                    "The prefix is longer than 200 characters.",
                ));
            }
            trail.prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        }
        trail.includes_global = self.include_global_service_events.unwrap_or(trail.includes_global);
        trail.is_multi_region = self.is_multi_region_trail.unwrap_or(trail.is_multi_region);
        trail.validates_files = self.enable_log_file_validation.unwrap_or(trail.validates_files);
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let is_cleared = self.cloud_watch_logs_log_group_arn.as_deref() == Some("");
        match (given(self.cloud_watch_logs_log_group_arn), given(self.cloud_watch_logs_role_arn)) {
            (None, None) if is_cleared => trail.logs = None,
            (None, None) => {}
            (Some(_), None) => return Err(invalid_role("You must specify a role ARN as well as a log group.")),
            (None, Some(_)) => return Err(invalid_group("You must specify a log group as well as a role ARN.")),
            (Some(group), Some(role)) => {
                let group = Arn::parse(&group).map_err(|_| invalid_group(INVALID_GROUP))?;
                let role = Arn::parse(&role).map_err(|_| invalid_role(INVALID_ROLE))?;
                trail.logs = Some(LogTarget { group, role });
            }
        }
        Ok(())
    }

    fn refuse_unsupported(&self) -> Result<(), AwsError> {
        if self.sns_topic_name.as_ref().is_some_and(|name| !name.is_empty()) {
            return Err(unsupported("Notifications of log files (SnsTopicName) are"));
        }
        if self.kms_key_id.as_ref().is_some_and(|key| !key.is_empty()) {
            return Err(unsupported("Encryption of log files (KmsKeyId) is"));
        }
        if self.is_organization_trail == Some(true) {
            return Err(unsupported("Organization trails (IsOrganizationTrail) are"));
        }
        if self.recursive_logging == Some(true) {
            return Err(unsupported("RecursiveLogging is"));
        }
        Ok(())
    }
}

/// The check of an action on a trail that is given by its name or ARN, which need not exist.
pub(super) fn trail_check(action: &str, name: &str, call: &CallContext, world: &World) -> Result<Check, AwsError> {
    let arn = match name.starts_with("arn:") {
        true => Arn::parse(name).map_err(|_| invalid_arn(name))?,
        false => {
            check_name(name)?;
            call.arn("cloudtrail", &format!("trail/{name}"))?
        }
    };
    let check = Check::new(call, &format!("cloudtrail:{action}"), arn);
    let trail = lookup(name, call, world)?;
    Ok(check.resource_tags(trail.iter().flat_map(|trail| tags_of(&trail.tags))))
}

/// The trail of that name in this Region, or of that ARN; none where the account has no such trail.
pub(super) fn lookup<'a>(name: &str, call: &CallContext, world: &'a World) -> Result<Option<&'a Trail>, AwsError> {
    if !name.starts_with("arn:") {
        check_name(name)?;
        return Ok(world.cloudtrail.trails.get(&format!("{}/{name}", call.regional_scope())));
    }
    let arn = Arn::parse(name).map_err(|_| invalid_arn(name))?;
    let of_trail = arn.resource_of_kind("trail").filter(|_| arn.service() == "cloudtrail");
    let of_trail = of_trail.ok_or_else(|| invalid_arn(name))?;
    if arn.account() != call.account.as_str() {
        return Ok(None);
    }
    let trail = world.cloudtrail.trails.get(&format!("{}/{}/{of_trail}", arn.account(), arn.region()));
    Ok(trail.filter(|trail| trail.arn == arn && (trail.home == call.region || trail.is_multi_region)))
}

/// The trail, which must exist.
pub(super) fn found<'a>(name: &str, call: &CallContext, world: &'a World) -> Result<&'a Trail, AwsError> {
    lookup(name, call, world)?.ok_or_else(|| no_such_trail(name, call.account.as_str()))
}

/// The trail, to be changed: in its home Region only.
pub(super) fn changeable<'a>(name: &str, call: &CallContext, world: &'a mut World) -> Result<&'a mut Trail, AwsError> {
    let trail = found(name, call, world)?;
    if trail.home != call.region {
        return Err(wrong_home(trail.home.as_str()));
    }
    let key = trail.key();
    world.cloudtrail.trails.get_mut(&key).ok_or_else(|| no_such_trail(name, call.account.as_str()))
}

/// The account's trails of the caller's partition.
fn of_account<'a>(call: &CallContext, world: &'a World) -> impl Iterator<Item = &'a Trail> + use<'a> {
    let partition = call.partition;
    let trails = world.cloudtrail.trails.with_prefix(&format!("{}/", call.account));
    trails.map(|(_, trail)| trail).filter(move |trail| trail.home.partition() == partition)
}

/// What must be in order before a trail is kept.
fn check(trail: &Trail, call: &CallContext, world: &World) -> Result<(), AwsError> {
    check_bucket(&trail.bucket)?;
    if trail.is_multi_region && !trail.includes_global {
        return Err(AwsError::new(
            "InvalidParameterCombinationException",
            400,
            "Multi-Region trails must include global service events.",
        ));
    }
    check_target(trail, call.now, &call.ids, world)
}

/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-naming-requirements.html>.
fn check_name(name: &str) -> Result<(), AwsError> {
    let is_edge = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if !(3..=128).contains(&name.chars().count()) {
        return Err(invalid_name("Trail name must have between 3 and 128 characters."));
    }
    if !name.chars().all(is_allowed) {
        return Err(invalid_name(
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens \
             (-), and underscores (_).",
        ));
    }
    if !is_edge(name.chars().next()) || !is_edge(name.chars().next_back()) {
        return Err(invalid_name("Trail name must start and end with a letter or number."));
    }
    let letters: Vec<char> = name.chars().collect();
    if letters.windows(2).any(|pair| pair.iter().all(|letter| "._-".contains(*letter))) {
        return Err(invalid_name("Trail name must not have adjacent periods, underscores or hyphens."));
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(invalid_name("Trail name must not be in the form of an IP address."));
    }
    Ok(())
}

/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
fn check_bucket(name: &str) -> Result<(), AwsError> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_good = (3..=63).contains(&name.len())
        && name.bytes().all(is_allowed)
        && is_edge(name.bytes().next())
        && is_edge(name.bytes().next_back())
        && !name.contains("..");
    if is_good { Ok(()) } else { Err(invalid_bucket(name)) }
}

fn show(trail: &Trail) -> ShownTrail {
    ShownTrail {
        home_region: Some(trail.home.to_string()),
        has_custom_event_selectors: Some(!trail.selectors.is_empty()),
        has_insight_selectors: Some(false),
        ..answer(trail)
    }
}

/// As CreateTrail and UpdateTrail answer.
fn answer(trail: &Trail) -> ShownTrail {
    ShownTrail {
        name: trail.name.clone(),
        s3_bucket_name: trail.bucket.clone(),
        s3_key_prefix: trail.prefix.clone(),
        include_global_service_events: trail.includes_global,
        is_multi_region_trail: trail.is_multi_region,
        home_region: None,
        trail_arn: trail.arn.to_string(),
        log_file_validation_enabled: trail.validates_files,
        cloud_watch_logs_log_group_arn: trail.logs.as_ref().map(|logs| logs.group.to_string()),
        cloud_watch_logs_role_arn: trail.logs.as_ref().map(|logs| logs.role.to_string()),
        has_custom_event_selectors: None,
        has_insight_selectors: None,
        is_organization_trail: false,
    }
}

pub(super) const SERVICE_PRINCIPAL: &str = "cloudtrail.amazonaws.com";
pub(super) const INVALID_GROUP: &str = "CloudTrail cannot validate the specified log group ARN.";
pub(super) const INVALID_ROLE: &str = "CloudTrail cannot validate the specified role ARN.";
const MOST_TRAILS: usize = 5;
const MOST_LISTED: usize = 100;
const LONGEST_PREFIX: usize = 200;
