use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid_parameter, invalid_token, no_such_stream};
use super::filters::read_pattern;
use super::ingest::{Place, ingest};
use super::streams::{GroupReference, sequence_token};
use super::{LogEvent, existing_group, group_check, group_key, key_in_group, stream_check, validate};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// Takes events into a stream.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.
pub(super) struct PutLogEvents;

/// Reads the events of a stream.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>.
pub(super) struct GetLogEvents;

/// Looks for events in the streams of a log group.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.
pub(super) struct FilterLogEvents;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogEventsInput {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputLogEvent>,
}

#[derive(Debug, Deserialize)]
struct InputLogEvent {
    timestamp: i64,
    message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogEventsOutput {
    next_sequence_token: String,
    rejected_log_events_info: Option<Rejected>,
}

/// Which events of a batch were not taken.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rejected {
    too_new_log_event_start_index: Option<usize>,
    too_old_log_event_end_index: Option<usize>,
    expired_log_event_end_index: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEventsInput {
    #[serde(flatten)]
    group: GroupReference,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<u32>,
    start_from_head: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEventsOutput {
    events: Vec<ShownEvent>,
    next_forward_token: String,
    next_backward_token: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownEvent {
    timestamp: i64,
    message: String,
    ingestion_time: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEventsInput {
    #[serde(flatten)]
    group: GroupReference,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<u32>,
    start_from_head: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEventsOutput {
    events: Vec<FilteredEvent>,
    /// AWS has stopped to fill this.
    searched_log_streams: Vec<()>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FilteredEvent {
    log_stream_name: String,
    timestamp: i64,
    message: String,
    ingestion_time: i64,
    event_id: String,
}

impl Operation for PutLogEvents {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "PutLogEvents";
    const READ_ONLY: bool = false;
    type Input = PutLogEventsInput;
    type Output = PutLogEventsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::group_name(&input.log_group_name)?;
        validate::stream_name("logStreamName", &input.log_stream_name)?;
        let (group, stream) = (&input.log_group_name, &input.log_stream_name);
        Ok(vec![stream_check(call, world, "logs:PutLogEvents", group, stream)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<PutLogEventsOutput, AwsError> {
        check_batch(&input.log_events)?;
        let retention = existing_group(call, world, &input.log_group_name)?.retention;
        let place = Place {
            account: &call.account,
            region: &call.region,
            group: &input.log_group_name,
            stream: &input.log_stream_name,
        };
        if !world.logs.streams.contains(&place.stream_key()) {
            return Err(no_such_stream());
        }
        let bounds = Bounds::at(call, retention);
        let rejected = bounds.rejected(&input.log_events);
        let taken = input.log_events.into_iter().filter(|event| bounds.takes(event.timestamp));
        let taken = taken.map(|event| (event.timestamp, event.message)).collect();
        ingest(&place, call.now, taken, world);
        let stream = world.logs.streams.get(&place.stream_key()).ok_or_else(no_such_stream)?;
        let next_sequence_token = sequence_token(stream);
        Ok(PutLogEventsOutput { next_sequence_token, rejected_log_events_info: rejected })
    }
}

impl Operation for GetLogEvents {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "GetLogEvents";
    const READ_ONLY: bool = true;
    type Input = GetLogEventsInput;
    type Output = GetLogEventsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        validate::stream_name("logStreamName", &input.log_stream_name)?;
        let group = input.group.name(call)?;
        Ok(vec![stream_check(call, world, "logs:GetLogEvents", group, &input.log_stream_name)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<GetLogEventsOutput, AwsError> {
        let most = validate::limit(input.limit, MOST_EVENTS)?;
        let group = input.group.name(call)?;
        existing_group(call, world, group)?;
        let stream = key_in_group(call, group, &input.log_stream_name);
        if !world.logs.streams.contains(&stream) {
            return Err(no_such_stream());
        }
        let inside = format!("{stream}:");
        let found: Vec<(&str, &LogEvent)> = world
            .logs
            .events
            .with_prefix(&inside)
            .filter(|(_, event)| input.start_time.is_none_or(|start| event.timestamp >= start))
            .filter(|(_, event)| input.end_time.is_none_or(|end| event.timestamp < end))
            .map(|(key, event)| (key.get(inside.len()..).unwrap_or_default(), event))
            .collect();
        let position = match &input.next_token {
            Some(token) => Position::read(token).ok_or_else(invalid_token)?,
            None if input.start_from_head == Some(true) => Position::After(String::new()),
            None => Position::Before(END.to_owned()),
        };
        Ok(position.read_events(&found, most))
    }
}

impl Operation for FilterLogEvents {
    const SERVICE: Service = Service::Logs;
    const NAME: &'static str = "FilterLogEvents";
    const READ_ONLY: bool = true;
    type Input = FilterLogEventsInput;
    type Output = FilterLogEventsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![group_check(call, world, "logs:FilterLogEvents", input.group.name(call)?)?])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<FilterLogEventsOutput, AwsError> {
        let most = validate::limit(input.limit, MOST_EVENTS)?;
        if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
            return Err(invalid_parameter("logStreamNamePrefix and logStreamNames cannot be specified together."));
        }
        if input.start_from_head == Some(false) {
            return Err(super::error::unsupported("Searching from the newest event (startFromHead = false) is"));
        }
        let pattern = read_pattern(input.filter_pattern.as_deref().unwrap_or_default())?;
        let group = input.group.name(call)?;
        existing_group(call, world, group)?;
        let inside = format!("{}:", group_key(call, group));
        let mut found: Vec<(String, (&str, &LogEvent))> = world
            .logs
            .events
            .with_prefix(&inside)
            .filter_map(|(key, event)| Some((key.get(inside.len()..)?.split_once(':')?.0, event)))
            .filter(|(stream, event)| input.wants(stream, event) && pattern.matches(&event.message))
            .map(|(stream, event)| (event_id(stream, event), (stream, event)))
            .collect();
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        let found = found.into_iter().map(|(id, (stream, event))| (id.clone(), (id, stream, event)));
        let Page { items, next_token } = page(found, input.next_token.as_deref(), most).map_err(|_| invalid_token())?;
        let events = items.into_iter().map(|(id, stream, event)| filtered(id, stream, event)).collect();
        Ok(FilterLogEventsOutput { events, searched_log_streams: Vec::new(), next_token })
    }
}

impl FilterLogEventsInput {
    /// Here the end of the time is part of it.
    fn wants(&self, stream: &str, event: &LogEvent) -> bool {
        self.start_time.is_none_or(|start| event.timestamp >= start)
            && self.end_time.is_none_or(|end| event.timestamp <= end)
            && self.log_stream_name_prefix.as_ref().is_none_or(|prefix| stream.starts_with(prefix))
            && self.log_stream_names.as_ref().is_none_or(|names| names.iter().any(|name| name == stream))
    }
}

/// The size of an event as AWS counts it.
pub(super) fn size(message: &str) -> u64 {
    message.len() as u64 + EVENT_OVERHEAD
}

/// Where to read on in a stream.
enum Position {
    After(String),
    Before(String),
}

impl Position {
    fn read(token: &str) -> Option<Self> {
        let (direction, place) = token.split_once('/')?;
        let place = String::from_utf8(URL_SAFE_NO_PAD.decode(place).ok()?).ok()?;
        match direction {
            "f" => Some(Self::After(place)),
            "b" => Some(Self::Before(place)),
            _ => None,
        }
    }

    /// The events at the position, oldest first. At an end both tokens stay where they are.
    fn read_events(&self, events: &[(&str, &LogEvent)], most: usize) -> GetLogEventsOutput {
        let read = match self {
            Self::After(place) => {
                let from = events.partition_point(|(key, _)| *key <= place.as_str());
                events.iter().skip(from).take(most)
            }
            Self::Before(place) => {
                let until = events.partition_point(|(key, _)| *key < place.as_str());
                let from = until.saturating_sub(most);
                events.iter().skip(from).take(until - from)
            }
        };
        let read: Vec<_> = read.collect();
        let (Self::After(here) | Self::Before(here)) = self;
        let first = read.first().map_or(here.as_str(), |(key, _)| key);
        let last = read.last().map_or(here.as_str(), |(key, _)| key);
        GetLogEventsOutput {
            next_forward_token: format!("f/{}", URL_SAFE_NO_PAD.encode(last)),
            next_backward_token: format!("b/{}", URL_SAFE_NO_PAD.encode(first)),
            events: read.into_iter().map(|(_, event)| shown(event)).collect(),
        }
    }
}

/// The times between which events are taken, in milliseconds.
struct Bounds {
    newest: i64,
    oldest: i64,
    /// Where the retention of the log group ends.
    kept_from: i64,
}

impl Bounds {
    fn at(call: &CallContext, retention: Option<u32>) -> Self {
        let now = call.now.as_millisecond();
        let oldest = now - milliseconds(MOST_BEHIND);
        let kept_from = retention.map_or(i64::MIN, |days| now - i64::from(days) * milliseconds(DAY));
        Self { newest: now + milliseconds(MOST_AHEAD), oldest, kept_from }
    }

    fn takes(&self, timestamp: i64) -> bool {
        timestamp <= self.newest && timestamp >= self.oldest && timestamp >= self.kept_from
    }

    fn rejected(&self, events: &[InputLogEvent]) -> Option<Rejected> {
        // INVARIANT: the batch is in the order of time, so that each reason holds for one end of it.
        let before = |bound: i64| Some(events.partition_point(|event| event.timestamp < bound)).filter(|end| *end > 0);
        let too_new = events.partition_point(|event| event.timestamp <= self.newest);
        let rejected = Rejected {
            too_new_log_event_start_index: Some(too_new).filter(|start| *start < events.len()),
            too_old_log_event_end_index: before(self.oldest),
            expired_log_event_end_index: before(self.kept_from),
        };
        (rejected != Rejected::default()).then_some(rejected)
    }
}

fn check_batch(events: &[InputLogEvent]) -> Result<(), AwsError> {
    if !(1..=MOST_EVENTS as usize).contains(&events.len()) {
        return Err(constraint("logEvents", events.len(), "have length from 1 to 10000"));
    }
    for event in events {
        validate::length("logEvents.member.message", &event.message, 1, usize::MAX)?;
        if event.timestamp < 0 {
            return Err(constraint(
                "logEvents.member.timestamp",
                event.timestamp,
                "have value greater than or equal to 0",
            ));
        }
    }
    if events.iter().map(|event| size(&event.message)).sum::<u64>() > MOST_BATCH_BYTES {
        return Err(invalid_parameter(format!("Upload too large: the most is {MOST_BATCH_BYTES} bytes.")));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid_parameter("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let (first, last) = (events.first(), events.last());
    let span = first.zip(last).map_or(0, |(first, last)| last.timestamp.saturating_sub(first.timestamp));
    if span > milliseconds(DAY) {
        return Err(invalid_parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}

/// Sorts by time, then by stream.
fn event_id(stream: &str, event: &LogEvent) -> String {
    format!("{:020}:{stream}:{:020}", event.timestamp, event.number)
}

fn shown(event: &LogEvent) -> ShownEvent {
    ShownEvent { timestamp: event.timestamp, message: event.message.clone(), ingestion_time: event.ingested }
}

fn filtered(event_id: String, stream: &str, event: &LogEvent) -> FilteredEvent {
    FilteredEvent {
        log_stream_name: stream.to_owned(),
        timestamp: event.timestamp,
        message: event.message.clone(),
        ingestion_time: event.ingested,
        event_id,
    }
}

fn milliseconds(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

const MOST_EVENTS: u32 = 10_000;
const MOST_BATCH_BYTES: u64 = 1_048_576;
const EVENT_OVERHEAD: u64 = 26;
const DAY: SignedDuration = SignedDuration::from_hours(24);
const MOST_AHEAD: SignedDuration = SignedDuration::from_hours(2);
const MOST_BEHIND: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Comes after every key of an event, which are digits.
const END: &str = "~";
