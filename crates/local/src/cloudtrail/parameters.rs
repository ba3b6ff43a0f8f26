//! Which operations are logged, and what of their parameters and answers.
//!
//! Members are named that may be logged, service by service: what is not named here, or is secret at any depth, is
//! left out. Source: the CloudTrail page of each service's guide.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::service::Service;
use crate::wire::{Parameters, Shape, shape};

/// What is logged of a request; none for an operation that is no management event.
pub(crate) fn requested(service: Service, operation: &str, parameters: Option<&Parameters>) -> Option<Value> {
    if is_unlogged(service, operation) {
        return None;
    }
    let Some(parameters) = parameters else { return Some(Value::Null) };
    let Value::Object(members) = &parameters.members else { return Some(Value::Null) };
    Some(or_null(match service {
        Service::S3 => bucket_parameters(operation, members, &parameters.payload),
        _ => logged(members, facts(service).requests),
    }))
}

/// What is logged of an answer.
pub(super) fn answered(service: Service, output: &Value) -> Value {
    let Value::Object(members) = output else { return Value::Null };
    or_null(logged(members, facts(service).answers))
}

/// KMS logs the algorithm whether or not it was given.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/ct-decrypt.html>.
pub(super) fn requested_kms_defaults(service: Service, operation: &str, requested: Value) -> Value {
    let names: &[&str] = match (service, operation) {
        (Service::Kms, "Encrypt" | "Decrypt") => &["encryptionAlgorithm"],
        (Service::Kms, "ReEncrypt") => &["sourceEncryptionAlgorithm", "destinationEncryptionAlgorithm"],
        _ => return requested,
    };
    let Value::Object(mut members) = requested else { return requested };
    for name in names {
        members.entry(*name).or_insert(json!("SYMMETRIC_DEFAULT"));
    }
    Value::Object(members)
}

/// Data events, which no trail logs unless asked to, and those that CloudTrail does not know.
fn is_unlogged(service: Service, operation: &str) -> bool {
    UNLOGGED.iter().any(|(unlogged, operations)| *unlogged == service && operations.contains(&operation))
}

fn logged(members: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let named = members.iter().filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null());
    named.filter_map(|(name, value)| member(name, value)).collect()
}

/// S3's events have names of their own, and a document as it was sent, without its attributes.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html>.
fn bucket_parameters(operation: &str, members: &Map<String, Value>, payload: &[u8]) -> Map<String, Value> {
    let document = DOCUMENTS.iter().find(|(named, _)| *named == operation).map(|(_, root)| *root);
    let named = [("Bucket", Some("bucketName")), ("Document", document)];
    let mut logged: Map<String, Value> =
        named.into_iter().filter_map(|(member, name)| Some((name?.to_owned(), members.get(member)?.clone()))).collect();
    if let Some(policy) = bucket_policy(operation, payload) {
        logged.insert("bucketPolicy".to_owned(), policy);
    }
    logged
}

fn bucket_policy(operation: &str, payload: &[u8]) -> Option<Value> {
    let is_policy = operation == "PutBucketPolicy" && payload.len() <= LARGEST;
    is_policy.then(|| serde_json::from_slice(payload).ok()).flatten()
}

/// A member under the name that CloudTrail gives it, unless it is secret.
fn member(name: &str, value: &Value) -> Option<(String, Value)> {
    let name = lower_first(name);
    if SECRETS.contains(&name.as_str()) {
        return None;
    }
    if HIDDEN.contains(&name.as_str()) {
        return Some((name, json!("HIDDEN_DUE_TO_SECURITY_REASONS")));
    }
    let plain = match value {
        Value::Object(_) if MAPS.contains(&name.as_str()) => value.clone(),
        Value::String(text) if NUMBERS.contains(&name.as_str()) => number(text),
        other => plain(other),
    };
    Some((name, plain))
}

fn plain(value: &Value) -> Value {
    match shape(value) {
        Shape::Time(time) => json!(date(time)),
        Shape::Map(entries) => Value::Object(entries.clone()),
        Shape::List(items) => items.iter().map(plain).collect(),
        Shape::Structure(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(members.filter_map(|(name, value)| member(name, value)).collect())
        }
        Shape::Null | Shape::Bool(_) | Shape::Number(_) | Shape::Text(_) => value.clone(),
    }
}

/// Query has texts only; CloudTrail knows better.
fn number(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
}

/// `Jan 2, 2026, 3:04:05 AM`.
fn date(time: Timestamp) -> String {
    time.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string()
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// None as null, and too many as a note that they are left out.
fn or_null(members: Map<String, Value>) -> Value {
    if members.is_empty() {
        return Value::Null;
    }
    let members = Value::Object(members);
    let size = members.to_string().len();
    if size <= LARGEST { members } else { json!({ "omitted": true, "originalSize": size, "reason": "too large" }) }
}

fn facts(service: Service) -> &'static Facts {
    match service {
        Service::Kms => &KMS,
        Service::Iam => &IAM,
        Service::Sts => &STS,
        Service::CloudWatch => &CLOUDWATCH,
        Service::Logs => &LOGS,
        Service::Sns => &SNS,
        Service::CloudTrail => &CLOUDTRAIL,
        Service::S3 => &S3,
    }
}

/// The members of a service's requests and answers that are logged.
struct Facts {
    requests: &'static [&'static str],
    answers: &'static [&'static str],
}

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/logging_cw_api_calls.html> and
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html> (SNS) and
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html> (S3).
const UNLOGGED: &[(Service, &[&str])] = &[
    (
        Service::CloudWatch,
        &["PutMetricData", "GetMetricData", "GetMetricStatistics", "GetMetricWidgetImage", "ListMetrics"],
    ),
    (Service::Logs, &["PutLogEvents", "GetLogEvents", "FilterLogEvents", "GetLogRecord"]),
    (Service::Sns, &["Publish", "PublishBatch"]),
    (
        Service::S3,
        &[
            "AbortMultipartUpload",
            "CompleteMultipartUpload",
            "CopyObject",
            "CreateMultipartUpload",
            "CreateSession",
            "DeleteObject",
            "DeleteObjectAnnotation",
            "DeleteObjectTagging",
            "DeleteObjects",
            "GetObject",
            "GetObjectAcl",
            "GetObjectAnnotation",
            "GetObjectAttributes",
            "GetObjectLegalHold",
            "GetObjectRetention",
            "GetObjectTagging",
            "GetObjectTorrent",
            "HeadBucket",
            "HeadObject",
            "ListMultipartUploads",
            "ListObjectVersions",
            "ListObjects",
            "ListObjectsV2",
            "ListParts",
            "PutObject",
            "PutObjectAcl",
            "PutObjectAnnotation",
            "PutObjectLegalHold",
            "PutObjectRetention",
            "PutObjectTagging",
            "RenameObject",
            "RestoreObject",
            "SelectObjectContent",
            "UpdateObjectEncryption",
            "UploadPart",
        ],
    ),
];

/// The documents of S3's management events, by the operation that takes them: the names of their roots.
const DOCUMENTS: &[(&str, &str)] = &[
    ("CreateBucket", "CreateBucketConfiguration"),
    ("PutBucketEncryption", "ServerSideEncryptionConfiguration"),
    ("PutBucketReplication", "ReplicationConfiguration"),
    ("PutBucketVersioning", "VersioningConfiguration"),
];

/// How large the parameters or the answer of an event can be, in bytes.
const LARGEST: usize = 100 * 1024;
/// What is left out wherever it stands.
const SECRETS: &[&str] = &[
    "ciphertextBlob",
    "grantToken",
    "grantTokens",
    "password",
    "plaintext",
    "privateKeyPlaintext",
    "secretAccessKey",
    "sessionToken",
    "token",
    "tokenCode",
];
/// Where a subscription is delivered: an address can hold a password.
const HIDDEN: &[&str] = &["endpoint"];
/// Members whose own members are the caller's texts, and keep their letters.
const MAPS: &[&str] = &[
    "attributes",
    "destinationEncryptionContext",
    "dimensions",
    "encryptionContext",
    "encryptionContextEquals",
    "encryptionContextSubset",
    "sourceEncryptionContext",
    "tags",
];
const NUMBERS: &[&str] = &["durationSeconds", "maxItems", "maxSessionDuration"];

const KMS: Facts = Facts {
    requests: &[
        "AliasName",
        "BypassPolicyLockoutSafetyCheck",
        "Constraints",
        "CustomKeyStoreId",
        "CustomerMasterKeySpec",
        "Description",
        "DestinationEncryptionAlgorithm",
        "DestinationEncryptionContext",
        "DestinationKeyId",
        "DryRun",
        "DryRunModifiers",
        "EncryptionAlgorithm",
        "EncryptionContext",
        "GrantId",
        "GranteePrincipal",
        "GranteeServicePrincipal",
        "IncludeKeyMaterial",
        "KeyId",
        "KeyPairSpec",
        "KeySpec",
        "KeyUsage",
        "Limit",
        "MacAlgorithm",
        "MessageType",
        "MultiRegion",
        "Name",
        "NumberOfBytes",
        "Operations",
        "Origin",
        "PendingWindowInDays",
        "Policy",
        "PolicyName",
        "PrimaryRegion",
        "ReplicaRegion",
        "RetiringPrincipal",
        "RetiringServicePrincipal",
        "RotationPeriodInDays",
        "SigningAlgorithm",
        "SourceEncryptionAlgorithm",
        "SourceEncryptionContext",
        "SourceKeyId",
        "TagKeys",
        "Tags",
        "TargetKeyId",
    ],
    answers: &[
        "DeletionDate",
        "GrantId",
        "KeyId",
        "KeyMetadata",
        "KeyState",
        "PendingWindowInDays",
        "ReplicaKeyMetadata",
        "ReplicaPolicy",
        "ReplicaTags",
    ],
};
const IAM: Facts = Facts {
    requests: &[
        "AWSServiceName",
        "AccessKeyId",
        "AssumeRolePolicyDocument",
        "CustomSuffix",
        "DeletionTaskId",
        "Description",
        "EntityFilter",
        "GroupName",
        "InstanceProfileName",
        "MaxItems",
        "MaxSessionDuration",
        "NewPath",
        "NewUserName",
        "OnlyAttached",
        "Path",
        "PathPrefix",
        "PermissionsBoundary",
        "PolicyArn",
        "PolicyDocument",
        "PolicyName",
        "PolicyUsageFilter",
        "RoleName",
        "Scope",
        "SetAsDefault",
        "Status",
        "TagKeys",
        "Tags",
        "UserName",
        "VersionId",
    ],
    answers: &["AccessKey", "DeletionTaskId", "Policy", "PolicyVersion", "Role", "User"],
};
const STS: Facts = Facts {
    requests: &[
        "DurationSeconds",
        "ExternalId",
        "Policy",
        "PolicyArns",
        "RoleArn",
        "RoleSessionName",
        "SerialNumber",
        "SourceIdentity",
        "Tags",
        "TransitiveTagKeys",
    ],
    answers: &["AssumedRoleUser", "Credentials", "PackedPolicySize"],
};
const CLOUDWATCH: Facts = Facts {
    requests: &[
        "ActionPrefix",
        "ActionsEnabled",
        "AlarmActions",
        "AlarmDescription",
        "AlarmName",
        "AlarmNamePrefix",
        "AlarmNames",
        "AlarmTypes",
        "ComparisonOperator",
        "DatapointsToAlarm",
        "Dimensions",
        "EndDate",
        "EvaluateLowSampleCountPercentile",
        "EvaluationPeriods",
        "ExtendedStatistic",
        "HistoryItemType",
        "InsufficientDataActions",
        "MaxRecords",
        "MetricName",
        "Namespace",
        "OKActions",
        "Period",
        "ResourceARN",
        "StartDate",
        "StateReason",
        "StateValue",
        "Statistic",
        "TagKeys",
        "Tags",
        "Threshold",
        "TreatMissingData",
        "Unit",
    ],
    answers: &[],
};
const LOGS: Facts = Facts {
    requests: &[
        "descending",
        "filterName",
        "filterNamePrefix",
        "filterPattern",
        "kmsKeyId",
        "limit",
        "logGroupClass",
        "logGroupIdentifier",
        "logGroupIdentifiers",
        "logGroupName",
        "logGroupNamePattern",
        "logGroupNamePrefix",
        "logStreamName",
        "logStreamNamePrefix",
        "metricName",
        "metricNamespace",
        "metricTransformations",
        "orderBy",
        "resourceArn",
        "retentionInDays",
        "tagKeys",
        "tags",
    ],
    answers: &[],
};
const SNS: Facts = Facts {
    requests: &[
        "AttributeName",
        "AttributeValue",
        "Attributes",
        "Endpoint",
        "Name",
        "Protocol",
        "ResourceArn",
        "ReturnSubscriptionArn",
        "SubscriptionArn",
        "TagKeys",
        "Tags",
        "TopicArn",
    ],
    answers: &["SubscriptionArn", "TopicArn"],
};
/// The settings of a trail, which requests and answers have in common, and the rest.
const CLOUDTRAIL: Facts = Facts {
    requests: &[
        "AdvancedEventSelectors",
        "CloudWatchLogsLogGroupArn",
        "CloudWatchLogsRoleArn",
        "EnableLogFileValidation",
        "EndTime",
        "EventCategory",
        "EventSelectors",
        "IncludeGlobalServiceEvents",
        "IsMultiRegionTrail",
        "IsOrganizationTrail",
        "KmsKeyId",
        "LookupAttributes",
        "MaxResults",
        "Name",
        "ResourceId",
        "ResourceIdList",
        "S3BucketName",
        "S3KeyPrefix",
        "SnsTopicName",
        "StartTime",
        "TagsList",
        "TrailName",
        "includeShadowTrails",
        "trailNameList",
    ],
    answers: &[
        "CloudWatchLogsLogGroupArn",
        "CloudWatchLogsRoleArn",
        "EventSelectors",
        "IncludeGlobalServiceEvents",
        "IsMultiRegionTrail",
        "IsOrganizationTrail",
        "LogFileValidationEnabled",
        "Name",
        "S3BucketName",
        "S3KeyPrefix",
        "TrailARN",
    ],
};
/// Parameters are those of `bucket_parameters`; what S3 answers to a write is not logged.
const S3: Facts = Facts { requests: &[], answers: &[] };
