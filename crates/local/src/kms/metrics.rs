//! What KMS publishes of itself to CloudWatch.
//!
//! Source: <https://docs.aws.amazon.com/kms/latest/developerguide/monitoring-cloudwatch.html>.

use keywright_model::{AccountId, Arn, Region};

use crate::cloudwatch::metrics::{Datapoint, record};
use crate::record::CallRecord;
use crate::service::Service;
use crate::world::World;

/// Counts a cryptographic operation that went well, for the account and Region of each key that it used.
pub(crate) fn measure(call: &CallRecord, world: &mut World) {
    let is_counted = call.service == Service::Kms && call.error_code.is_none() && COUNTED.contains(&call.operation);
    if !is_counted {
        return;
    }
    let keys: Vec<Arn> = call.resources.iter().filter_map(|arn| Arn::parse(arn).ok()).collect();
    let dimensions: Vec<(&str, &str)> = match keys.as_slice() {
        [key] => vec![("KeyArn", key.as_str()), ("Operation", call.operation)],
        [source, destination] => vec![
            ("SourceKeyArn", source.as_str()),
            ("DestinationKeyArn", destination.as_str()),
            ("Operation", call.operation),
        ],
        _ => return,
    };
    let mut places: Vec<(&str, &str)> = keys.iter().map(|key| (key.account(), key.region())).collect();
    places.dedup();
    for (account, region) in places {
        if let (Ok(account), Ok(region)) = (AccountId::parse(account), Region::parse(region)) {
            let datapoint = Datapoint::new("AWS/KMS", "SuccessfulRequest", &dimensions, call.time, 1.0);
            record(world, &account, &region, datapoint);
        }
    }
}

/// The cryptographic operations on a key; GenerateRandom uses none.
const COUNTED: &[&str] = &[
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
];
