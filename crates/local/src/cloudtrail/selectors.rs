use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{invalid_selectors, unsupported};
use super::trails::{changeable, found, trail_check};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// Says which events a trail logs.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html>.
pub(super) struct PutEventSelectors;

/// Tells which events a trail logs.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html>.
pub(super) struct GetEventSelectors;

/// A basic event selector. An event is logged if one of a trail's selectors admits it.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Selector {
    #[serde(default = "all")]
    read_write_type: String,
    #[serde(default = "yes")]
    include_management_events: bool,
    #[serde(default)]
    data_resources: Vec<Value>,
    #[serde(default)]
    exclude_management_event_sources: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutInput {
    trail_name: String,
    #[serde(default)]
    event_selectors: Vec<Selector>,
    #[serde(default)]
    advanced_event_selectors: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetInput {
    trail_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    event_selectors: Vec<Selector>,
}

impl Operation for PutEventSelectors {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "PutEventSelectors";
    const READ_ONLY: bool = false;
    type Input = PutInput;
    type Output = Output;

    fn authorize(input: &PutInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![trail_check(Self::NAME, &input.trail_name, call, world)?])
    }

    fn call(input: PutInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Output, AwsError> {
        if !input.advanced_event_selectors.is_empty() {
            return Err(unsupported("Advanced event selectors are"));
        }
        check_selectors(&input.event_selectors)?;
        let trail = changeable(&input.trail_name, call, world)?;
        trail.selectors.clone_from(&input.event_selectors);
        Ok(Output { trail_arn: trail.arn.to_string(), event_selectors: input.event_selectors })
    }
}

impl Operation for GetEventSelectors {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "GetEventSelectors";
    const READ_ONLY: bool = true;
    type Input = GetInput;
    type Output = Output;

    fn authorize(input: &GetInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![trail_check(Self::NAME, &input.trail_name, call, world)?])
    }

    fn call(input: GetInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Output, AwsError> {
        let trail = found(&input.trail_name, call, world)?;
        let event_selectors = match trail.selectors.is_empty() {
            true => vec![Selector::default()],
            false => trail.selectors.clone(),
        };
        Ok(Output { trail_arn: trail.arn.to_string(), event_selectors })
    }
}

impl Default for Selector {
    fn default() -> Self {
        Self {
            read_write_type: all(),
            include_management_events: true,
            data_resources: Vec::new(),
            exclude_management_event_sources: Vec::new(),
        }
    }
}

impl Selector {
    fn admits(&self, service: Service, read_only: bool) -> bool {
        let is_of_kind = match self.read_write_type.as_str() {
            "ReadOnly" => read_only,
            "WriteOnly" => !read_only,
            _ => true,
        };
        let is_excluded = self.exclude_management_event_sources.iter().any(|source| *source == service.event_source());
        self.include_management_events && is_of_kind && !is_excluded
    }
}

/// Whether a trail with these selectors logs a management event.
pub(super) fn is_selected(selectors: &[Selector], service: Service, read_only: bool) -> bool {
    selectors.is_empty() || selectors.iter().any(|selector| selector.admits(service, read_only))
}

fn check_selectors(selectors: &[Selector]) -> Result<(), AwsError> {
    if !(1..=MOST_SELECTORS).contains(&selectors.len()) {
        return Err(invalid_selectors("A trail has one to five event selectors."));
    }
    for selector in selectors {
        if !["All", "ReadOnly", "WriteOnly"].contains(&selector.read_write_type.as_str()) {
            let kind = &selector.read_write_type;
            return Err(invalid_selectors(format!("ReadWriteType is All, ReadOnly or WriteOnly, not {kind}.")));
        }
        if !selector.data_resources.is_empty() {
            return Err(unsupported("Data events (DataResources) are"));
        }
        let excluded = &selector.exclude_management_event_sources;
        if let Some(source) = excluded.iter().find(|source| !EXCLUDABLE.contains(&source.as_str())) {
            return Err(invalid_selectors(format!("{source} cannot be excluded: only {} can.", EXCLUDABLE.join(", "))));
        }
        if !selector.include_management_events && !excluded.is_empty() {
            return Err(invalid_selectors("Sources can be excluded only where management events are included."));
        }
    }
    Ok(())
}

fn all() -> String {
    "All".to_owned()
}

fn yes() -> bool {
    true
}

const MOST_SELECTORS: usize = 5;
const EXCLUDABLE: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];
