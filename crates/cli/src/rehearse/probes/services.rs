//! The path of each AWS service to the keys, and its neighbours that must not open.
//!
//! The table follows AWS's pages on how each service uses KMS. A service either passes its caller's request on
//! (`kms:ViaService`), or calls in its own name, for a resource of an account (`aws:SourceArn`, `aws:SourceAccount`).

use keywright_local::InsideCaller;
use keywright_model::{AccountId, Arn, Region};
use serde_json::{Value, json};

use crate::rehearse::promise::{Expected, Probe, Promise};
use crate::rehearse::scene::{Key, Scene};
use crate::rehearse::stage::Stage;

/// Tries the path of every service.
pub(super) fn promises(stage: &Stage, scene: &Scene) -> Vec<Promise> {
    PATHS.iter().map(|path| path.promise(stage, scene)).collect()
}

/// How one service reaches the keys.
struct Path {
    id: &'static str,
    /// The service as people know it.
    name: &'static str,
    /// Whether the inputs open the path.
    is_open: fn(&Scene) -> bool,
    way: Way,
    calls: &'static [Call],
}

/// Who calls KMS.
enum Way {
    /// The service passes on what its caller asked for, by each of these endpoints.
    Through { services: &'static [&'static str], in_any_region: bool },
    /// The service calls in its own name.
    Itself {
        principal: &'static str,
        /// Whether the principal's name holds the Region.
        is_regional: bool,
        /// `aws:SourceArn`, after `arn:PARTITION:`; `R` and `A` stand for the Region and the account.
        source: &'static str,
        /// Whether the key policy can bind it to a source at all.
        is_bound: Bound,
    },
}

/// What binds a service that calls in its own name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// To the account and the Region.
    AccountAndRegion,
    /// To the account: its resources of all Regions use the key.
    Account,
    /// To nothing: AWS gives no source with its calls.
    Nothing,
}

/// A call of KMS that services make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// GenerateDataKey, then Decrypt of what came of it.
    DataKey,
    /// GenerateDataKeyWithoutPlaintext, then Decrypt.
    DataKeyWithoutPlaintext,
    /// Encrypt, then Decrypt.
    Encrypt,
    /// CreateGrant for the service's own resource.
    Grant,
    Describe,
}

impl Path {
    fn promise(&self, stage: &Stage, scene: &Scene) -> Promise {
        let is_open = (self.is_open)(scene);
        let mut probes = Vec::new();
        for key in &scene.keys {
            for caller in self.callers(stage, scene, key) {
                for call in self.calls {
                    probes.extend(self.probe(stage, key, &caller, *call, Expected::allowed_if(is_open)));
                }
            }
            for caller in self.neighbours(stage, scene, key) {
                // The neighbour's first call stands for all of its calls: they are let through together or not at all.
                let calls = if is_open { self.calls } else { &[] };
                probes.extend(calls.iter().flat_map(|call| self.probe(stage, key, &caller, *call, Expected::Denied)));
            }
        }
        let text = match is_open {
            true => format!("{} works with the key, and only by its own path", self.name),
            false => format!("{} is switched off, and cannot use the key", self.name),
        };
        Promise::new(self.id, text, probes)
    }

    /// Those for whom the path is.
    fn callers(&self, stage: &Stage, scene: &Scene, key: &Key) -> Vec<Caller> {
        match &self.way {
            Way::Through { services, .. } => services
                .iter()
                .map(|service| {
                    let principal = self.forwarded_for(stage, scene);
                    let who = format!("{} through {service}.{}", short(principal.as_str()), key.region);
                    Caller::forwarded(who, principal, service, &key.region, &scene.account)
                })
                .collect(),
            Way::Itself { .. } => self.itself(scene, &key.region, &key.region, &scene.account).into_iter().collect(),
        }
    }

    /// Whose request the service passes on. That it is switched off, only somebody can show who may not use the keys by itself.
    fn forwarded_for(&self, stage: &Stage, scene: &Scene) -> Arn {
        let caller = stage.service_caller(scene);
        if !(self.is_open)(scene) && scene.users.contains(&caller) { stage.ordinary.arn.clone() } else { caller }
    }

    /// Those who are like them, and for whom the path is not.
    fn neighbours(&self, stage: &Stage, scene: &Scene, key: &Key) -> Vec<Caller> {
        let stranger = AccountId::parse(stage.stranger.arn.account()).unwrap_or_else(|_| scene.account.clone());
        match &self.way {
            Way::Through { services, in_any_region } => {
                let Some(service) = services.first() else { return Vec::new() };
                let principal = stage.stranger.arn.clone();
                let who = format!("an administrator of account {stranger} through {service}.{}", key.region);
                let mut neighbours = vec![Caller::forwarded(who, principal, service, &key.region, &stranger)];
                let principal = stage.service_caller(scene);
                if !in_any_region && !scene.users.contains(&principal) {
                    let who = format!("{} through {service}.{}", short(principal.as_str()), stage.elsewhere);
                    neighbours.push(Caller::forwarded(who, principal, service, &stage.elsewhere, &scene.account));
                }
                if !scene.service_callers.is_empty() {
                    let principal = stage.ordinary.arn.clone();
                    let who = format!("a user who is not named through {service}.{}", key.region);
                    neighbours.push(Caller::forwarded(who, principal, service, &key.region, &scene.account));
                }
                neighbours
            }
            Way::Itself { is_bound, .. } => {
                let foreign = self.itself(scene, &key.region, &key.region, &stranger);
                let elsewhere = self.itself(scene, &stage.elsewhere, &stage.elsewhere, &scene.account);
                match is_bound {
                    Bound::Nothing => Vec::new(),
                    Bound::Account => foreign.into_iter().collect(),
                    Bound::AccountAndRegion => foreign.into_iter().chain(elsewhere).collect(),
                }
            }
        }
    }

    /// The service in its own name, for a resource of an account in a Region.
    fn itself(&self, scene: &Scene, at: &Region, source_region: &Region, account: &AccountId) -> Option<Caller> {
        let Way::Itself { principal, is_regional, source, .. } = &self.way else { return None };
        let name = match is_regional {
            true => format!("{principal}.{at}.amazonaws.com"),
            false => format!("{principal}.amazonaws.com"),
        };
        let filled: Vec<&str> = source
            .split(':')
            .map(|part| match part {
                "R" => source_region.as_str(),
                "A" => account.as_str(),
                other => other,
            })
            .collect();
        let source_arn = format!("arn:{}:{}", scene.partition(), filled.join(":"));
        Some(Caller {
            who: format!("{name} for {source_arn} of account {account}"),
            inside: InsideCaller::Service {
                name,
                account: scene.account.clone(),
                source_arn: Some(source_arn.clone()),
                source_account: Some(account.clone()),
            },
            resource: source_arn,
        })
    }

    /// One call, and what follows from it.
    fn probe(&self, stage: &Stage, key: &Key, caller: &Caller, call: Call, expected: Expected) -> Vec<Probe> {
        let context = self.context(caller);
        let id = key.arn.as_str();
        let (operation, input) = match call {
            Call::DataKey => {
                ("GenerateDataKey", json!({ "KeyId": id, "KeySpec": "AES_256", "EncryptionContext": context }))
            }
            Call::DataKeyWithoutPlaintext => (
                "GenerateDataKeyWithoutPlaintext",
                json!({ "KeyId": id, "KeySpec": "AES_256", "EncryptionContext": context }),
            ),
            Call::Encrypt => ("Encrypt", json!({ "KeyId": id, "Plaintext": PLAINTEXT, "EncryptionContext": context })),
            Call::Grant => (
                "CreateGrant",
                json!({ "KeyId": id, "GranteePrincipal": stage.grantee.as_str(), "Operations": ["DescribeKey"] }),
            ),
            Call::Describe => ("DescribeKey", json!({ "KeyId": id })),
        };
        let outcome = stage.inside(&caller.for_call(call), &key.region, operation, input);
        let mut probes = vec![Probe::of_call(tried(caller, operation, key), expected, &outcome)];
        if let Some(sealed) = outcome.text("CiphertextBlob") {
            let input = json!({ "KeyId": id, "CiphertextBlob": sealed, "EncryptionContext": context });
            let opened = stage.inside(&caller.inside, &key.region, "Decrypt", input);
            probes.push(Probe::of_call(tried(caller, "Decrypt", key), expected, &opened));
        }
        probes
    }

    /// The encryption context that the service gives with its calls.
    fn context(&self, caller: &Caller) -> Value {
        match self.id {
            "cloudwatch-logs" => json!({ "aws:logs:arn": caller.resource }),
            "cloudtrail" => json!({ "aws:cloudtrail:arn": caller.resource }),
            "s3" => json!({ "aws:s3:arn": "arn:aws:s3:::rehearsal/object" }),
            "ssm-parameters" => json!({ "PARAMETER_ARN": caller.resource }),
            "secrets-manager" => json!({ "SecretARN": caller.resource, "SecretVersionId": "1" }),
            "dynamodb" => json!({ "aws:dynamodb:tableName": "rehearsal" }),
            "rds" => json!({ "aws:rds:db-id": "db-REHEARSAL" }),
            _ => json!({}),
        }
    }
}

/// Somebody who calls from inside.
struct Caller {
    who: String,
    inside: InsideCaller,
    /// The resource that the service works for.
    resource: String,
}

impl Caller {
    fn forwarded(who: String, principal: Arn, service: &str, region: &Region, account: &AccountId) -> Self {
        let endpoint = format!("{service}.{region}.amazonaws.com");
        let resource = format!("arn:{}:{service}:{region}:{account}:rehearsal", region.partition());
        Self {
            who,
            inside: InsideCaller::Forwarded { principal, service: endpoint, for_aws_resource: false },
            resource,
        }
    }

    /// Services make grants for their own resources only.
    fn for_call(&self, call: Call) -> InsideCaller {
        match (&self.inside, call) {
            (InsideCaller::Forwarded { principal, service, .. }, Call::Grant) => InsideCaller::Forwarded {
                principal: principal.clone(),
                service: service.clone(),
                for_aws_resource: true,
            },
            (caller, _) => caller.clone(),
        }
    }
}

fn tried(caller: &Caller, operation: &str, key: &Key) -> String {
    format!("{operation} by {} on the {}", caller.who, key.label)
}

/// What stands after the account in an ARN.
fn short(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// `rehearsal`, in Base64.
const PLAINTEXT: &str = "cmVoZWFyc2Fs";

const fn through(
    id: &'static str,
    name: &'static str,
    services: &'static [&'static str],
    is_open: fn(&Scene) -> bool,
    calls: &'static [Call],
) -> Path {
    Path { id, name, is_open, way: Way::Through { services, in_any_region: false }, calls }
}

const fn itself(
    id: &'static str,
    name: &'static str,
    principal: &'static str,
    source: &'static str,
    is_bound: Bound,
    is_open: fn(&Scene) -> bool,
    calls: &'static [Call],
) -> Path {
    Path { id, name, is_open, way: Way::Itself { principal, is_regional: false, source, is_bound }, calls }
}

fn always(_: &Scene) -> bool {
    true
}

/// Sources stand at the statements of the key policy that open each path, in `keywright-module`.
const PATHS: &[Path] = &[
    Path {
        id: "cloudwatch-logs",
        name: "CloudWatch Logs",
        is_open: always,
        way: Way::Itself {
            principal: "logs",
            is_regional: true,
            source: "logs:R:A:log-group:rehearsal",
            is_bound: Bound::AccountAndRegion,
        },
        // Its statement asks for the encryption context, which DescribeKey does not carry.
        calls: &[Call::DataKey, Call::Encrypt],
    },
    through("s3", "S3 (SSE-KMS)", &["s3"], always, &[Call::DataKey]),
    through("rds", "RDS", &["rds"], always, &[Call::Grant, Call::Describe]),
    through("elasticache", "ElastiCache", &["elasticache", "dax"], always, &[Call::Grant, Call::Describe]),
    through(
        "ebs",
        "EC2 with encrypted EBS volumes",
        &["ec2"],
        always,
        &[Call::Grant, Call::DataKeyWithoutPlaintext, Call::Describe],
    ),
    through("ssm-parameters", "SSM Parameter Store", &["ssm"], always, &[Call::Encrypt, Call::DataKey]),
    through("secrets-manager", "Secrets Manager", &["secretsmanager"], always, &[Call::DataKey]),
    itself(
        "log-delivery",
        "Delivery of VPC flow logs and WAF logs to S3",
        "delivery.logs",
        "logs:R:A:delivery-source:rehearsal",
        Bound::AccountAndRegion,
        always,
        &[Call::DataKey, Call::Describe],
    ),
    itself(
        "cloudtrail",
        "CloudTrail",
        "cloudtrail",
        "cloudtrail:R:A:trail/rehearsal",
        Bound::Account,
        |scene| scene.cloudtrail,
        &[Call::DataKey, Call::Describe],
    ),
    Path {
        id: "dynamodb",
        name: "DynamoDB",
        is_open: |scene| scene.services.dynamodb,
        way: Way::Through { services: &["dynamodb"], in_any_region: true },
        calls: &[Call::DataKey, Call::Grant, Call::Describe],
    },
    through("firehose", "Firehose", &["firehose"], |scene| scene.services.firehose(), &[Call::DataKey, Call::Grant]),
    through("sqs", "SQS", &["sqs"], |scene| scene.services.image_processor, &[Call::DataKey]),
    itself(
        "s3-events",
        "S3 event notifications to an encrypted queue",
        "s3",
        "s3:::rehearsal",
        Bound::Account,
        |scene| scene.services.image_processor,
        &[Call::DataKey],
    ),
    itself(
        "sns-to-sqs",
        "SNS messages to an encrypted queue",
        "sns",
        "sns:R:A:rehearsal",
        Bound::AccountAndRegion,
        |scene| scene.services.image_processor,
        &[Call::DataKey],
    ),
    itself(
        "eventbridge",
        "EventBridge events to an encrypted queue (which AWS lets no policy bind to a source)",
        "events",
        "events:R:A:rule/rehearsal",
        Bound::Nothing,
        |scene| scene.services.image_processor,
        &[Call::DataKey],
    ),
    itself(
        "cloudfront",
        "CloudFront",
        "cloudfront",
        "cloudfront::A:distribution/REHEARSAL",
        Bound::Account,
        |scene| scene.services.cloudfront(),
        &[Call::DataKey],
    ),
    itself(
        "cloudwatch-alarms",
        "CloudWatch alarms to an encrypted topic",
        "cloudwatch",
        "cloudwatch:R:A:alarm:rehearsal",
        Bound::Account,
        |scene| scene.notifies,
        &[Call::DataKey],
    ),
];
