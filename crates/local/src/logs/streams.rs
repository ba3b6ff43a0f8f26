use serde::{Deserialize, Serialize};

use super::error::{already_exists, constraint, invalid_parameter, invalid_token, no_such_group, no_such_stream};
use super::{
    LogStream, existing_group, group_check, group_key, group_of_identifier, key_in_group, remove_prefix, stream_check,
    validate,
};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// Makes a log stream.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html>.
pub(super) struct CreateLogStream;

/// Removes a log stream with its events.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html>.
pub(super) struct DeleteLogStream;

/// Lists the streams of a log group.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html>.
pub(super) struct DescribeLogStreams;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StreamName {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogStreamsInput {
    #[serde(flatten)]
    group: GroupReference,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<u32>,
}

/// A log group by its name, or by its name or ARN.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupReference {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogStreamsOutput {
    log_streams: Vec<ShownStream>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownStream {
    log_stream_name: String,
    creation_time: i64,
    first_event_timestamp: Option<i64>,
    last_event_timestamp: Option<i64>,
    last_ingestion_time: Option<i64>,
    upload_sequence_token: String,
    arn: String,
    /// AWS has long since stopped to count the bytes of streams.
    stored_bytes: u64,
}

impl GroupReference {
    /// The name, checked.
    pub(super) fn name(&self, call: &CallContext) -> Result<&str, AwsError> {
        let name = match (&self.log_group_name, &self.log_group_identifier) {
            (Some(name), None) => name,
            (None, Some(identifier)) => group_of_identifier(identifier, call).ok_or_else(no_such_group)?,
            (None, None) => {
                return Err(invalid_parameter("Either logGroupName or logGroupIdentifier must be specified."));
            }
            (Some(_), Some(_)) => {
                return Err(invalid_parameter("logGroupName and logGroupIdentifier cannot be specified together."));
            }
        };
        validate::group_name(name)?;
        Ok(name)
    }
}

impl Operation for CreateLogStream {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "CreateLogStream";
    const READ_ONLY: bool = false;
    type Input = StreamName;
    type Output = ();

    fn authorize(input: &StreamName, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.check()?;
        let (group, stream) = (&input.log_group_name, &input.log_stream_name);
        Ok(vec![stream_check(call, world, "logs:CreateLogStream", group, stream)?])
    }

    fn call(input: StreamName, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        existing_group(call, world, &input.log_group_name)?;
        let key = key_in_group(call, &input.log_group_name, &input.log_stream_name);
        if world.logs.streams.contains(&key) {
            return Err(already_exists("log stream"));
        }
        let stream = LogStream {
            name: input.log_stream_name,
            group: input.log_group_name,
            created: call.now,
            last_ingestion: None,
            taken: 0,
        };
        world.logs.streams.insert(key, stream);
        Ok(())
    }
}

impl StreamName {
    fn check(&self) -> Result<(), AwsError> {
        validate::group_name(&self.log_group_name)?;
        validate::stream_name("logStreamName", &self.log_stream_name)
    }
}

impl Operation for DeleteLogStream {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "DeleteLogStream";
    const READ_ONLY: bool = false;
    type Input = StreamName;
    type Output = ();

    fn authorize(input: &StreamName, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.check()?;
        let (group, stream) = (&input.log_group_name, &input.log_stream_name);
        Ok(vec![stream_check(call, world, "logs:DeleteLogStream", group, stream)?])
    }

    fn call(input: StreamName, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        existing_group(call, world, &input.log_group_name)?;
        let key = key_in_group(call, &input.log_group_name, &input.log_stream_name);
        world.logs.streams.remove(&key).ok_or_else(no_such_stream)?;
        remove_prefix(&mut world.logs.events, &format!("{key}:"));
        Ok(())
    }
}

impl Operation for DescribeLogStreams {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "DescribeLogStreams";
    const READ_ONLY: bool = true;
    type Input = DescribeLogStreamsInput;
    type Output = DescribeLogStreamsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.check()?;
        Ok(vec![group_check(call, world, "logs:DescribeLogStreams", input.group.name(call)?)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<DescribeLogStreamsOutput, AwsError> {
        let most = validate::limit(input.limit, MOST_DESCRIBED)?;
        let group = input.group.name(call)?;
        existing_group(call, world, group)?;
        let scope = format!("{}:", group_key(call, group));
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        let found = world.logs.streams.with_prefix(&scope).filter(|(_, stream)| stream.name.starts_with(prefix));
        let mut ordered = found
            .map(|(key, stream)| {
                let shown = show(key, stream, call, world)?;
                Ok((input.sort_key(&shown), shown))
            })
            .collect::<Result<Vec<_>, AwsError>>()?;
        ordered.sort_by(|(left, _), (right, _)| left.cmp(right));
        let Page { items, next_token } =
            page(ordered, input.next_token.as_deref(), most).map_err(|_| invalid_token())?;
        Ok(DescribeLogStreamsOutput { log_streams: items, next_token })
    }
}

impl DescribeLogStreamsInput {
    fn check(&self) -> Result<(), AwsError> {
        if let Some(prefix) = &self.log_stream_name_prefix {
            validate::stream_name("logStreamNamePrefix", prefix)?;
        }
        match self.order_by.as_deref() {
            None | Some("LogStreamName") => Ok(()),
            Some("LastEventTime") if self.log_stream_name_prefix.is_some() => {
                Err(invalid_parameter("Cannot order by LastEventTime with a logStreamNamePrefix."))
            }
            Some("LastEventTime") => Ok(()),
            Some(other) => Err(constraint("orderBy", other, "satisfy enum value set: [LogStreamName, LastEventTime]")),
        }
    }

    /// A text whose order is the one that is asked for.
    fn sort_key(&self, stream: &ShownStream) -> String {
        let key = match self.order_by.as_deref() {
            Some("LastEventTime") => {
                format!("{:020}:{}", stream.last_event_timestamp.unwrap_or_default(), stream.log_stream_name)
            }
            _ => stream.log_stream_name.clone(),
        };
        if self.descending == Some(true) { reversed(&key) } else { key }
    }
}

/// A text that sorts the other way round: each character mirrored, and an end that comes after all of them.
fn reversed(key: &str) -> String {
    let last = u32::from(char::MAX);
    let surrogates = 0xd800..=0xdfff;
    let mirrored = key.chars().map(|character| {
        // The mirror image of a character may fall into the gap of the surrogates, which is stepped over.
        let mirror = last - u32::from(character);
        let mirror = if surrogates.contains(&mirror) { mirror - 0x800 } else { mirror };
        char::from_u32(mirror).unwrap_or(char::MAX)
    });
    mirrored.chain([char::MAX]).collect()
}

fn show(key: &str, stream: &LogStream, call: &CallContext, world: &World) -> Result<ShownStream, AwsError> {
    let inside = format!("{key}:");
    let mut events = world.logs.events.with_prefix(&inside).map(|(_, event)| event.timestamp);
    let first = events.next();
    let arn = call.arn("logs", &format!("log-group:{}:log-stream:{}", stream.group, stream.name))?;
    Ok(ShownStream {
        log_stream_name: stream.name.clone(),
        creation_time: stream.created.as_millisecond(),
        first_event_timestamp: first,
        last_event_timestamp: events.last().or(first),
        last_ingestion_time: stream.last_ingestion.map(|time| time.as_millisecond()),
        upload_sequence_token: sequence_token(stream),
        arn: arn.to_string(),
        stored_bytes: 0,
    })
}

/// AWS ignores the token and still gives one.
pub(super) fn sequence_token(stream: &LogStream) -> String {
    format!("{:056}", stream.taken)
}

const MOST_DESCRIBED: u32 = 50;
