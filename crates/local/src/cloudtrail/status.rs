use serde::{Deserialize, Serialize};

use super::trails::{changeable, found, trail_check};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::tagging::Empty;
use crate::wire::Time;
use crate::world::World;

/// Lets a trail log.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html>.
pub(super) struct StartLogging;

/// Stops a trail from logging.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html>.
pub(super) struct StopLogging;

/// Tells whether a trail logs, and how its deliveries go.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html>.
pub(super) struct GetTrailStatus;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Status {
    is_logging: bool,
    latest_delivery_error: Option<&'static str>,
    start_logging_time: Option<Time>,
    stop_logging_time: Option<Time>,
    latest_cloud_watch_logs_delivery_error: Option<String>,
    latest_cloud_watch_logs_delivery_time: Option<Time>,
}

impl Operation for StartLogging {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "StartLogging";
    const READ_ONLY: bool = false;
    type Input = Named;
    type Output = Empty;

    fn authorize(input: &Named, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![trail_check(Self::NAME, &input.name, call, world)?])
    }

    fn call(input: Named, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let trail = changeable(&input.name, call, world)?;
        (trail.is_logging, trail.started) = (true, Some(call.now));
        Ok(Empty {})
    }
}

impl Operation for StopLogging {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "StopLogging";
    const READ_ONLY: bool = false;
    type Input = Named;
    type Output = Empty;

    fn authorize(input: &Named, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![trail_check(Self::NAME, &input.name, call, world)?])
    }

    fn call(input: Named, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Empty, AwsError> {
        let trail = changeable(&input.name, call, world)?;
        (trail.is_logging, trail.stopped) = (false, Some(call.now));
        Ok(Empty {})
    }
}

impl Operation for GetTrailStatus {
    const SERVICE: Service = Service::CloudTrail;
    const NAME: &'static str = "GetTrailStatus";
    const READ_ONLY: bool = true;
    type Input = Named;
    type Output = Status;

    fn authorize(input: &Named, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![trail_check(Self::NAME, &input.name, call, world)?])
    }

    fn call(input: Named, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Status, AwsError> {
        let trail = found(&input.name, call, world)?;
        let delivery = world.cloudtrail.deliveries.get(&trail.key()).cloned().unwrap_or_default();
        Ok(Status {
            is_logging: trail.is_logging,
            latest_delivery_error: trail.started.map(|_| NO_FILES),
            start_logging_time: trail.started.map(Time),
            stop_logging_time: trail.stopped.map(Time),
            latest_cloud_watch_logs_delivery_error: delivery.error,
            latest_cloud_watch_logs_delivery_time: delivery.latest.map(Time),
        })
    }
}

const NO_FILES: &str = "This local AWS delivers no log files to S3.";
