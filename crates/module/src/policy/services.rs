//! Statements on AWS services that reach the key for their callers, or by a role of their own.

use keywright_policy::{PrincipalPattern, Statement};

use super::build::{KeyIn, USE_ACTIONS, When, allow, arn, named};

/// Lets EC2 Auto Scaling use encrypted volumes, as its service-linked role.
///
/// Source: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html>.
pub(crate) fn allow_auto_scaling_usage(key: KeyIn<'_>) -> Statement {
    allow("AllowAutoScalingServiceRoleUsage", vec![auto_scaling_role(key)], USE_ACTIONS)
}

/// Lets EC2 Auto Scaling hand encrypted volumes to its instances.
///
/// Source: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html>.
pub(crate) fn allow_auto_scaling_create_grant(key: KeyIn<'_>) -> Statement {
    allow("AllowAutoScalingServiceRoleCreateGrant", vec![auto_scaling_role(key)], &["kms:CreateGrant"]).when_is(
        "Bool",
        "kms:GrantIsForAWSResource",
        "true",
    )
}

/// Lets who launches an instance hand its encrypted volumes to it, through EC2.
///
/// Source: <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html>.
pub(crate) fn allow_ec2_launch_grant(key: KeyIn<'_>) -> Statement {
    through(key, "AllowEC2LaunchGrant", &["kms:CreateGrant"], vec![key.via("ec2")]).when_is(
        "Bool",
        "kms:GrantIsForAWSResource",
        "true",
    )
}

/// Lets callers of these services use the key, through the service only: S3, RDS, EBS, ElastiCache, SSM, Secrets
/// Manager and CloudWatch Logs; Firehose and SQS when they are switched on.
///
/// Sources: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>,
/// ElastiCache's two names <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/at-rest-encryption.html>, SQS
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>.
pub(crate) fn allow_aws_services_usage(key: KeyIn<'_>) -> Statement {
    let mut services = vec!["s3", "rds", "ec2", "elasticache", "dax", "ssm", "secretsmanager", "logs"];
    if key.inputs.services.firehose() {
        services.push("firehose");
    }
    if key.inputs.services.image_processor {
        services.push("sqs");
    }
    through(key, "AllowAWSServicesUsage", USE_ACTIONS, services.into_iter().map(|name| key.via(name)).collect())
}

/// Lets RDS, ElastiCache and Firehose make the grants that they work by, for their callers.
///
/// Sources: <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html>, Firehose
/// <https://docs.aws.amazon.com/firehose/latest/dev/encryption.html>.
pub(crate) fn allow_aws_services_create_grant(key: KeyIn<'_>) -> Statement {
    let mut services = vec!["rds", "elasticache", "dax"];
    if key.inputs.services.firehose() {
        services.push("firehose");
    }
    let services = services.into_iter().map(|name| key.via(name)).collect();
    through(key, "AllowAWSServicesCreateGrant", &["kms:CreateGrant"], services).when_is(
        "Bool",
        "kms:GrantIsForAWSResource",
        "true",
    )
}

/// Lets callers of DynamoDB use the key through it, in any Region, and DynamoDB make its grants.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html>.
pub(crate) fn allow_dynamodb(key: KeyIn<'_>) -> Option<Statement> {
    let actions: Vec<&str> = USE_ACTIONS.iter().copied().chain(["kms:CreateGrant"]).collect();
    key.inputs.services.dynamodb.then(|| {
        allow("AllowDynamoDBUsage", callers(key), &actions)
            .when_is("StringEquals", "kms:CallerAccount", key.account().as_str())
            .when_is("StringLike", "kms:ViaService", "dynamodb.*.amazonaws.com")
    })
}

/// The path and name of the service-linked role of EC2 Auto Scaling.
pub(crate) const AUTO_SCALING_ROLE: &str =
    "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";

fn auto_scaling_role(key: KeyIn<'_>) -> PrincipalPattern {
    arn(format!("arn:{}:iam::{}:{AUTO_SCALING_ROLE}", key.partition(), key.account()))
}

/// A statement that works through services alone.
///
/// INVARIANT: `*` stands in a statement only together with `kms:CallerAccount` and `kms:ViaService`. The account alone
/// would let every identity of it in, without any IAM policy.
fn through(key: KeyIn<'_>, sid: &str, actions: &[&str], services: Vec<String>) -> Statement {
    allow(sid, callers(key), actions).when_is("StringEquals", "kms:CallerAccount", key.account().as_str()).when(
        "StringEquals",
        "kms:ViaService",
        services,
    )
}

/// `service_usage_principals`, or everybody; the account stands in a condition.
fn callers(key: KeyIn<'_>) -> Vec<PrincipalPattern> {
    match key.inputs.service_usage_principals.as_slice() {
        [] => vec![PrincipalPattern::Everyone],
        principals => named(principals),
    }
}
