# What the inputs mean: names, and the key policies. No resource stands here, so that it can be evaluated without a provider.

locals {
  # The partition follows from the Region's name.
  region_prefix = join("-", slice(split("-", var.aws_region), 0, max(length(split("-", var.aws_region)) - 2, 1)))
  partition = lookup({
    "cn"      = "aws-cn"
    "us-gov"  = "aws-us-gov"
    "us-iso"  = "aws-iso"
    "us-isob" = "aws-iso-b"
    "eu-isoe" = "aws-iso-e"
    "us-isof" = "aws-iso-f"
    "eusc-de" = "aws-eusc"
  }, local.region_prefix, "aws")

  # Where global services such as WAF for CloudFront log from.
  global_region = {
    "aws"        = "us-east-1"
    "aws-cn"     = "cn-northwest-1"
    "aws-us-gov" = "us-gov-west-1"
    "aws-iso"    = "us-iso-east-1"
    "aws-iso-b"  = "us-isob-east-1"
    "aws-iso-e"  = "eu-isoe-west-1"
    "aws-iso-f"  = "us-isof-south-1"
    "aws-eusc"   = "eusc-de-east-1"
  }[local.partition]

  # An empty text counts as none.
  sns_topic_arn             = var.sns_topic_arn == "" ? null : var.sns_topic_arn
  replica_sns_topic_arn     = var.replica_sns_topic_arn == "" ? null : var.replica_sns_topic_arn
  replication_region        = var.replication_region == "" ? null : var.replication_region
  s3_replication_role_arn   = var.s3_replication_role_arn == "" ? null : var.s3_replication_role_arn
  cloudtrail_log_group_name = var.cloudtrail_log_group_name == "" ? null : var.cloudtrail_log_group_name

  replica_enabled    = anytrue([for bucket in values(var.replication_region_buckets) : bucket.enabled])
  cloudtrail_enabled = try(var.default_region_buckets["cloudtrail"].enabled, false)

  account_root          = "arn:${local.partition}:iam::${var.aws_account_id}:root"
  admin_role_name       = "${var.name_prefix}-kms-admin-role-${var.environment}"
  admin_role_arn        = "arn:${local.partition}:iam::${var.aws_account_id}:role/${local.admin_role_name}"
  replication_role_name = "${var.name_prefix}-s3-replication-role-${var.environment}"
  auto_scaling_role_arn = "arn:${local.partition}:iam::${var.aws_account_id}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"

  # Twelve digits stand for an account, as they do in policies.
  principals = {
    for name, list in {
      key_administrators            = var.key_administrators
      key_users                     = var.key_users
      key_service_users             = var.key_service_users
      service_usage_principals      = var.service_usage_principals
      cross_account_principals      = var.cross_account_principals
      admin_role_trusted_principals = var.admin_role_trusted_principals
    } :
    name => distinct([
      for principal in list :
      can(regex("^[0-9]{12}$", principal)) ? "arn:${local.partition}:iam::${principal}:root" : principal
    ])
  }
}

# What the statements of the key policies are put together from.
locals {
  # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-users-crypto
  use_actions = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]

  # Everything that manages a key; nothing that uses it.
  # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-administrators
  management_actions = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
  ]

  # What a sender to an encrypted topic or queue needs.
  sender_actions = ["kms:Decrypt", "kms:GenerateDataKey*"]

  firehose = anytrue([
    var.enable_alb_firehose,
    var.enable_alb_waf_logging,
    var.enable_cloudfront_firehose,
    var.enable_cloudfront_waf,
  ])
  cloudfront = anytrue([
    var.enable_cloudfront_firehose,
    var.enable_cloudfront_waf,
    var.enable_cloudfront_standard_logging_v2,
  ])
  global_log_delivery = var.enable_cloudfront_waf || var.enable_cloudfront_standard_logging_v2
  alarms_notify       = local.sns_topic_arn != null || (local.replica_enabled && local.replica_sns_topic_arn != null)

  # `*` stands in a statement only together with `kms:CallerAccount` and `kms:ViaService`: the account alone would let
  # every identity of it in, without any IAM policy.
  service_callers         = length(local.principals.service_usage_principals) == 0 ? ["*"] : local.principals.service_usage_principals
  session_manager_callers = distinct(concat(local.principals.key_users, local.principals.service_usage_principals))

  via_usage = concat(
    ["s3", "rds", "ec2", "elasticache", "dax", "ssm", "secretsmanager", "logs"],
    local.firehose ? ["firehose"] : [],
    var.enable_image_processor ? ["sqs"] : [],
  )
  via_create_grant = concat(["rds", "elasticache", "dax"], local.firehose ? ["firehose"] : [])

  key_regions = local.replica_enabled && local.replication_region != null ? {
    primary = var.aws_region
    replica = local.replication_region
    } : {
    primary = var.aws_region
  }

  # Statements that are the same in every Region. Each names the AWS page that it follows.
  administration_statements = concat(
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-root-enable-iam
    var.kms_root_access ? [{
      Sid       = "EnableIAMUserPermissions"
      Effect    = "Allow"
      Principal = { AWS = [local.account_root] }
      Action    = ["kms:*"]
      Resource  = "*"
      Condition = {}
    }] : [],
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-default-allow-administrators
    [for enabled in var.enable_kms_admin_role ? [true] : [] : {
      Sid       = "AllowKMSAdminRoleKeyManagement"
      Effect    = "Allow"
      Principal = { AWS = [local.admin_role_arn] }
      Action    = local.management_actions
      Resource  = "*"
      Condition = {}
    }],
    [for principals in length(local.principals.key_administrators) > 0 ? [local.principals.key_administrators] : [] : {
      Sid       = "AllowKeyAdministrators"
      Effect    = "Allow"
      Principal = { AWS = principals }
      Action    = local.management_actions
      Resource  = "*"
      Condition = {}
    }],
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-users-crypto
    [for principals in length(local.principals.key_users) > 0 ? [local.principals.key_users] : [] : {
      Sid       = "AllowKeyUsers"
      Effect    = "Allow"
      Principal = { AWS = principals }
      Action    = local.use_actions
      Resource  = "*"
      Condition = {}
    }],
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-service-integration
    [for principals in length(local.principals.key_service_users) > 0 ? [local.principals.key_service_users] : [] : {
      Sid       = "AllowKeyServiceUsers"
      Effect    = "Allow"
      Principal = { AWS = principals }
      Action    = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]
      Resource  = "*"
      Condition = { Bool = { "kms:GrantIsForAWSResource" = ["true"] } }
    }],
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
    [for principals in length(local.principals.cross_account_principals) > 0 ? [local.principals.cross_account_principals] : [] : {
      Sid       = "AllowCrossAccountUse"
      Effect    = "Allow"
      Principal = { AWS = principals }
      Action    = local.use_actions
      Resource  = "*"
      Condition = {}
    }],
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
    [
      {
        Sid       = "AllowAutoScalingServiceRoleUsage"
        Effect    = "Allow"
        Principal = { AWS = [local.auto_scaling_role_arn] }
        Action    = local.use_actions
        Resource  = "*"
        Condition = {}
      },
      {
        Sid       = "AllowAutoScalingServiceRoleCreateGrant"
        Effect    = "Allow"
        Principal = { AWS = [local.auto_scaling_role_arn] }
        Action    = ["kms:CreateGrant"]
        Resource  = "*"
        Condition = { Bool = { "kms:GrantIsForAWSResource" = ["true"] } }
      },
    ],
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    [for enabled in var.enable_dynamodb ? [true] : [] : {
      Sid       = "AllowDynamoDBUsage"
      Effect    = "Allow"
      Principal = { AWS = local.service_callers }
      Action    = concat(local.use_actions, ["kms:CreateGrant"])
      Resource  = "*"
      Condition = {
        StringEquals = { "kms:CallerAccount" = [var.aws_account_id] }
        StringLike   = { "kms:ViaService" = ["dynamodb.*.amazonaws.com"] }
      }
    }],
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-enable-encryption.html
    [for principals in length(local.session_manager_callers) > 0 ? [local.session_manager_callers] : [] : {
      Sid       = "AllowSessionManager"
      Effect    = "Allow"
      Principal = { AWS = principals }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = {}
    }],
    # https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
    # No input names a trail, so a pattern stands for all of this account's.
    [for statement in local.cloudtrail_enabled ? local.cloudtrail_statements : [] : {
      Sid       = statement.sid
      Effect    = "Allow"
      Principal = { Service = ["cloudtrail.amazonaws.com"] }
      Action    = [statement.action]
      Resource  = "*"
      Condition = merge(
        { ArnLike = { "aws:SourceArn" = [local.trails] } },
        statement.action == "kms:GenerateDataKey*" ? { StringLike = { "kms:EncryptionContext:aws:cloudtrail:arn" = [local.trails] } } : {},
      )
    }],
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    [for enabled in local.alarms_notify ? [true] : [] : {
      Sid       = "AllowCloudWatchAlarms"
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com"] }
      Action    = local.sender_actions
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = [var.aws_account_id] } }
    }],
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services
    [for enabled in var.enable_image_processor ? [true] : [] : {
      Sid       = "AllowS3EventSources"
      Effect    = "Allow"
      Principal = { Service = ["s3.amazonaws.com"] }
      Action    = local.sender_actions
      Resource  = "*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = [var.aws_account_id] }
        ArnLike      = { "aws:SourceArn" = ["arn:${local.partition}:s3:::*"] }
      }
    }],
    # EventBridge gives no source account and no source ARN with its calls to encrypted targets.
    [for enabled in var.enable_image_processor ? [true] : [] : {
      Sid       = "AllowEventBridgeEventSources"
      Effect    = "Allow"
      Principal = { Service = ["events.amazonaws.com"] }
      Action    = local.sender_actions
      Resource  = "*"
      Condition = {}
    }],
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    [for enabled in local.cloudfront ? [true] : [] : {
      Sid       = "AllowCloudFrontDistributions"
      Effect    = "Allow"
      Principal = { Service = ["cloudfront.amazonaws.com"] }
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = { ArnLike = { "aws:SourceArn" = ["arn:${local.partition}:cloudfront::${var.aws_account_id}:distribution/*"] } }
    }],
  )

  trails = "arn:${local.partition}:cloudtrail:*:${var.aws_account_id}:trail/*"
  cloudtrail_statements = [
    { sid = "AllowCloudTrailEncryptLogs", action = "kms:GenerateDataKey*" },
    { sid = "AllowCloudTrailDescribeKey", action = "kms:DescribeKey" },
    { sid = "AllowCloudTrailDecrypt", action = "kms:Decrypt" },
  ]

  # Statements that name the key's own Region.
  regional_statements = {
    for key, region in local.key_regions : key => concat(
      # https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
      [{
        Sid       = "AllowEC2LaunchGrant"
        Effect    = "Allow"
        Principal = { AWS = local.service_callers }
        Action    = ["kms:CreateGrant"]
        Resource  = "*"
        Condition = {
          StringEquals = {
            "kms:CallerAccount" = [var.aws_account_id]
            "kms:ViaService"    = ["ec2.${region}.amazonaws.com"]
          }
          Bool = { "kms:GrantIsForAWSResource" = ["true"] }
        }
      }],
      # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
      [{
        Sid       = "AllowAWSServicesUsage"
        Effect    = "Allow"
        Principal = { AWS = local.service_callers }
        Action    = local.use_actions
        Resource  = "*"
        Condition = {
          StringEquals = {
            "kms:CallerAccount" = [var.aws_account_id]
            "kms:ViaService"    = [for service in local.via_usage : "${service}.${region}.amazonaws.com"]
          }
        }
      }],
      # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
      [{
        Sid       = "AllowAWSServicesCreateGrant"
        Effect    = "Allow"
        Principal = { AWS = local.service_callers }
        Action    = ["kms:CreateGrant"]
        Resource  = "*"
        Condition = {
          StringEquals = {
            "kms:CallerAccount" = [var.aws_account_id]
            "kms:ViaService"    = [for service in local.via_create_grant : "${service}.${region}.amazonaws.com"]
          }
          Bool = { "kms:GrantIsForAWSResource" = ["true"] }
        }
      }],
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
      [{
        Sid       = "AllowCloudWatchLogs"
        Effect    = "Allow"
        Principal = { Service = ["logs.${region}.amazonaws.com"] }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = ["arn:${local.partition}:logs:${region}:${var.aws_account_id}:*"] }
        }
      }],
      # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3.html
      [{
        Sid       = "AllowLogDelivery"
        Effect    = "Allow"
        Principal = { Service = ["delivery.logs.amazonaws.com"] }
        Action    = local.use_actions
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = [var.aws_account_id] }
          ArnLike = {
            "aws:SourceArn" = [
              for source in distinct(concat([region], local.global_log_delivery ? [local.global_region] : [])) :
              "arn:${local.partition}:logs:${source}:${var.aws_account_id}:*"
            ]
          }
        }
      }],
      [for enabled in var.enable_image_processor ? [true] : [] : {
        Sid       = "AllowSNSEventSources"
        Effect    = "Allow"
        Principal = { Service = ["sns.amazonaws.com"] }
        Action    = local.sender_actions
        Resource  = "*"
        Condition = { ArnLike = { "aws:SourceArn" = ["arn:${local.partition}:sns:${region}:${var.aws_account_id}:*"] } }
      }],
    )
  }

  # `key_statements`, each with its principals by type and its conditions by operator.
  further_statements = [
    for statement in var.key_statements : merge(
      statement.sid == null ? {} : { Sid = statement.sid },
      {
        Effect = statement.effect
        Principal = {
          for type in distinct([for principal in statement.principals : principal.type]) :
          type => flatten([for principal in statement.principals : principal.identifiers if principal.type == type])
        }
        Action   = statement.actions
        Resource = "*"
        Condition = {
          for test in distinct([for condition in statement.conditions : condition.test]) :
          test => { for condition in statement.conditions : condition.variable => condition.values if condition.test == test }
        }
      },
    )
  ]

  # Texts: the statements differ in shape, and Terraform wants the elements of a list alike.
  key_policies = {
    for key, region in local.key_regions : key => jsonencode({
      Version = "2012-10-17"
      Statement = [
        for statement in concat(
          [for each in local.administration_statements : jsonencode(each)],
          [for each in local.regional_statements[key] : jsonencode(each)],
          [for each in local.further_statements : jsonencode(each)],
        ) :
        { for name, value in jsondecode(statement) : name => value if !(name == "Condition" && length(value) == 0) }
      ]
    })
  }
}
