//! Statements on AWS services that write and read as themselves.

use keywright_policy::Statement;

use super::build::{KeyIn, USE_ACTIONS, When, allow, service};

/// Lets CloudWatch Logs encrypt this account's log groups.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>.
pub(crate) fn allow_cloudwatch_logs(key: KeyIn<'_>) -> Statement {
    let actions = &["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"];
    let groups = format!("arn:{}:logs:{}:{}:*", key.partition(), key.region, key.account());
    allow("AllowCloudWatchLogs", service(key.via("logs")), actions).when_is(
        "ArnLike",
        "kms:EncryptionContext:aws:logs:arn",
        groups,
    )
}

/// Lets the delivery of VPC flow logs, WAF logs and CloudFront's logs write to encrypted buckets.
///
/// Sources: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3.html>,
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-cmk-policy.html>,
/// <https://docs.aws.amazon.com/waf/latest/developerguide/logging-s3.html>.
pub(crate) fn allow_log_delivery(key: KeyIn<'_>) -> Statement {
    let source = |region: &str| format!("arn:{}:logs:{region}:{}:*", key.partition(), key.account());
    let mut sources = vec![source(key.region.as_str())];
    let global = key.partition().global_region();
    if key.inputs.services.global_log_delivery() && global != key.region.as_str() {
        sources.push(source(global));
    }
    allow("AllowLogDelivery", service("delivery.logs.amazonaws.com"), USE_ACTIONS)
        .when_is("StringEquals", "aws:SourceAccount", key.account().as_str())
        .when("ArnLike", "aws:SourceArn", sources)
}

/// Lets CloudTrail encrypt and read the files of this account's trails.
///
/// No input names a trail, so a pattern stands for all of them.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html>.
pub(crate) fn allow_cloudtrail(key: KeyIn<'_>) -> Vec<Statement> {
    if !key.inputs.cloudtrail {
        return Vec::new();
    }
    let trails = format!("arn:{}:cloudtrail:*:{}:trail/*", key.partition(), key.account());
    let statement = |sid, actions| {
        allow(sid, service("cloudtrail.amazonaws.com"), actions).when_is("ArnLike", "aws:SourceArn", trails.clone())
    };
    vec![
        statement("AllowCloudTrailEncryptLogs", &["kms:GenerateDataKey*"]).when_is(
            "StringLike",
            "kms:EncryptionContext:aws:cloudtrail:arn",
            trails.clone(),
        ),
        statement("AllowCloudTrailDescribeKey", &["kms:DescribeKey"]),
        statement("AllowCloudTrailDecrypt", &["kms:Decrypt"]),
    ]
}

/// Lets CloudWatch alarms notify a topic that this key encrypts.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services>.
pub(crate) fn allow_cloudwatch_alarms(key: KeyIn<'_>) -> Option<Statement> {
    let replica_topic = key.inputs.replication.as_ref().and_then(|replication| replication.topic.as_ref());
    let notified = key.inputs.topic.as_ref().or(replica_topic);
    notified.map(|_| {
        allow("AllowCloudWatchAlarms", service("cloudwatch.amazonaws.com"), SENDER_ACTIONS).when_is(
            "StringEquals",
            "aws:SourceAccount",
            key.account().as_str(),
        )
    })
}

/// Lets S3, SNS and EventBridge send to a queue that this key encrypts.
///
/// EventBridge gives no source account and no source ARN with its calls to encrypted targets.
///
/// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services>,
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services>.
pub(crate) fn allow_event_sources(key: KeyIn<'_>) -> Vec<Statement> {
    if !key.inputs.services.image_processor {
        return Vec::new();
    }
    let (partition, account) = (key.partition(), key.account());
    let from_account = |statement: Statement| statement.when_is("StringEquals", "aws:SourceAccount", account.as_str());
    let topics = format!("arn:{partition}:sns:{}:{account}:*", key.region);
    vec![
        from_account(allow("AllowS3EventSources", service("s3.amazonaws.com"), SENDER_ACTIONS)).when_is(
            "ArnLike",
            "aws:SourceArn",
            format!("arn:{partition}:s3:::*"),
        ),
        allow("AllowSNSEventSources", service("sns.amazonaws.com"), SENDER_ACTIONS).when_is(
            "ArnLike",
            "aws:SourceArn",
            topics,
        ),
        allow(EVENT_BRIDGE, service("events.amazonaws.com"), SENDER_ACTIONS),
    ]
}

/// Lets this account's CloudFront distributions read encrypted buckets.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html>.
pub(crate) fn allow_cloudfront(key: KeyIn<'_>) -> Option<Statement> {
    let distributions = format!("arn:{}:cloudfront::{}:distribution/*", key.partition(), key.account());
    let actions = &["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*"];
    key.inputs.services.cloudfront().then(|| {
        allow("AllowCloudFrontDistributions", service("cloudfront.amazonaws.com"), actions).when_is(
            "ArnLike",
            "aws:SourceArn",
            distributions,
        )
    })
}

/// What a sender to an encrypted topic or queue needs.
const SENDER_ACTIONS: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey*"];

const EVENT_BRIDGE: &str = "AllowEventBridgeEventSources";

/// The statements whose service AWS gives no means to tie to an account.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services>.
pub const UNTIED_STATEMENTS: &[&str] = &[EVENT_BRIDGE];
