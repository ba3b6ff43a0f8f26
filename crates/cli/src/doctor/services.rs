use std::collections::BTreeMap;

use keywright_aws::RefusedCall;
use keywright_module::Inputs;

use super::Examination;
use super::facts::{Facts, KeyFacts};

/// A service is refused because its switch is off.
pub(super) fn examine(facts: &Facts) -> Examination {
    let mut examination = Examination::default();
    let mut by_service: BTreeMap<String, Vec<(&KeyFacts, &RefusedCall)>> = BTreeMap::new();
    let (mut direct, mut all) = (0_usize, true);
    for (region, read) in &facts.refused {
        let (calls, complete) = match read {
            Ok((calls, complete)) => (calls, *complete),
            Err(unread) => {
                examination.unread(unread);
                continue;
            }
        };
        all &= complete;
        for call in calls {
            let Some(key) = facts.keys.iter().find(|it| it.region == *region && is_about(call, it)) else { continue };
            match &call.service {
                Some(service) => by_service.entry(service.clone()).or_default().push((key, call)),
                None => direct = direct.saturating_add(1),
            }
        }
    }
    for (service, calls) in &by_service {
        examine_service(facts, service, calls, &mut examination);
    }
    if direct > 0 {
        examination.saw(format!(
            "{direct} refused calls came from users and roles themselves, through no service: `keywright can PRINCIPAL ACTION --live` explains each"
        ));
    }
    if by_service.is_empty() && examination.open.is_empty() {
        examination.saw("CloudTrail knows of no service that was refused in the last seven days");
    }
    if !all {
        examination.undecided(
            "older refusals of the last seven days",
            "a search of the trail's own log: only the latest calls to KMS of each Region were looked at",
        );
    }
    examination
}

/// What KMS says of a refusal names the key.
fn is_about(call: &RefusedCall, key: &KeyFacts) -> bool {
    call.message.contains(key.arn.as_str())
}

fn examine_service(facts: &Facts, service: &str, calls: &[(&KeyFacts, &RefusedCall)], examination: &mut Examination) {
    let Some((key, latest)) = calls.iter().max_by_key(|(_, call)| call.at) else { return };
    let caller = latest.caller.as_ref().map_or_else(|| "in its own name".to_owned(), |it| format!("for `{it}`"));
    let evidence = format!(
        "`{service}` was refused {} times in the last seven days, latest at {}: `kms:{}` with the {} key, {caller}",
        calls.len(),
        latest.at,
        latest.operation,
        key.part
    );
    let inputs = facts.module.inputs();
    let name = service.split('.').next().unwrap_or_default();
    match SWITCHES.iter().find(|it| it.service == name) {
        Some(switch) if !(switch.is_on)(inputs) => examination.found(
            evidence,
            format!("{} is off: the key policy opens no way for the service", switch.input),
            format!("set {} and run `keywright apply`", switch.cure),
        ),
        Some(switch) => examination.saw(format!(
            "{evidence}. {} is on: either that was before, or it is the caller who is refused (`keywright can PRINCIPAL {} --live` tells)",
            switch.input, latest.operation
        )),
        None if OPEN.contains(&name) => examination.saw(format!(
            "{evidence}. The key policy lets this service in: it is the caller who is refused (`keywright can PRINCIPAL {} --live` tells)",
            latest.operation
        )),
        None => examination.found(
            evidence,
            "no input of the module is about this service",
            format!("allow what it needs in `key_statements` (a statement with `kms:ViaService` or the service principal `{service}`), and run `keywright apply`"),
        ),
    }
}

/// An input that lets a service in.
struct Switch {
    service: &'static str,
    input: &'static str,
    cure: &'static str,
    is_on: fn(&Inputs) -> bool,
}

const SWITCHES: &[Switch] = &[
    Switch {
        service: "dynamodb",
        input: "`enable_dynamodb`",
        cure: "`enable_dynamodb = true`",
        is_on: |it| it.services.dynamodb,
    },
    Switch {
        service: "firehose",
        input: "`enable_alb_firehose` (and `enable_cloudfront_firehose`)",
        cure: "`enable_alb_firehose = true`, or `enable_cloudfront_firehose = true` where CloudFront feeds it",
        is_on: |it| it.services.firehose(),
    },
    Switch {
        service: "sqs",
        input: IMAGE_PROCESSOR,
        cure: IMAGE_PROCESSOR_ON,
        is_on: |it| it.services.image_processor,
    },
    Switch {
        service: "sns",
        input: IMAGE_PROCESSOR,
        cure: IMAGE_PROCESSOR_ON,
        is_on: |it| it.services.image_processor,
    },
    Switch {
        service: "events",
        input: IMAGE_PROCESSOR,
        cure: IMAGE_PROCESSOR_ON,
        is_on: |it| it.services.image_processor,
    },
    Switch {
        service: "cloudfront",
        input: "each `enable_cloudfront_…`",
        cure: "the one that you use of `enable_cloudfront_firehose`, `enable_cloudfront_waf` and `enable_cloudfront_standard_logging_v2` to true",
        is_on: |it| it.services.cloudfront(),
    },
    Switch {
        service: "cloudtrail",
        input: "the bucket `cloudtrail` of `default_region_buckets`",
        cure: "`default_region_buckets = { cloudtrail = { enabled = true } }`",
        is_on: |it| it.cloudtrail,
    },
    Switch { service: "cloudwatch", input: "`sns_topic_arn`", cure: "`sns_topic_arn`", is_on: |it| it.topic.is_some() },
];

const IMAGE_PROCESSOR: &str = "`enable_image_processor`";
const IMAGE_PROCESSOR_ON: &str = "`enable_image_processor = true`";

/// The services that every key policy of the module lets in.
const OPEN: &[&str] =
    &["s3", "rds", "ec2", "elasticache", "dax", "ssm", "secretsmanager", "logs", "delivery", "autoscaling"];
