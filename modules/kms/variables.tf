# The inputs and their rules. What a rule comes from stands beside it.

variable "aws_account_id" {
  description = "The AWS account, as 12 digits"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.aws_account_id))
    error_message = "`aws_account_id`: an account is 12 digits; write it in quotes."
  }
}

variable "aws_region" {
  description = "The primary key's Region; the partition follows from it"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso|us-isob|eu-isoe|us-isof|eusc-de)-[a-z]+-[0-9]+$", var.aws_region))
    error_message = "`aws_region`: write a Region such as `eu-west-1`."
  }
}

variable "replication_region" {
  description = "The replica's Region; needed when a replication bucket is enabled"
  type        = string
  default     = null

  validation {
    condition     = var.replication_region == null || var.replication_region == "" || can(regex("^(us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso|us-isob|eu-isoe|us-isof|eusc-de)-[a-z]+-[0-9]+$", var.replication_region))
    error_message = "`replication_region`: write a Region such as `eu-west-1`."
  }
  validation {
    condition     = var.replication_region == null || var.replication_region != var.aws_region
    error_message = "`replication_region` is `aws_region` too; choose another Region: a replica stands in a Region of its own."
  }
  validation {
    # The partition is told by what stands before the last two parts of a Region's name; in `aws` it has many values.
    condition = var.replication_region == null || var.replication_region == "" || (
      [for region in [var.aws_region, var.replication_region] : try(regex("^(cn|us-gov|us-iso|us-isob|eu-isoe|us-isof|eusc-de)-[a-z]+-[0-9]+$", region)[0], "aws")][0] ==
      [for region in [var.aws_region, var.replication_region] : try(regex("^(cn|us-gov|us-iso|us-isob|eu-isoe|us-isof|eusc-de)-[a-z]+-[0-9]+$", region)[0], "aws")][1]
    )
    error_message = "`replication_region` is in another partition than `aws_region`; choose a Region of the same partition."
  }
  validation {
    condition     = !anytrue([for bucket in values(var.replication_region_buckets) : bucket.enabled]) || (var.replication_region != null && var.replication_region != "")
    error_message = "`replication_region` is missing: an enabled replication bucket needs a replica key. Add it, or set `enabled = false` on each replication bucket."
  }
  validation {
    condition     = alltrue([for bucket in values(var.replication_region_buckets) : var.replication_region == null || var.replication_region == "" || bucket.region == var.replication_region])
    error_message = "`replication_region_buckets`: a bucket is not in `replication_region`; write the same Region in both places."
  }
}

variable "name_prefix" {
  description = "What the names of all resources begin with"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.=+@-]+$", var.name_prefix))
    error_message = "`name_prefix`: choose a short prefix, such as `acme`; allowed are letters, digits and `_ . = + - @`."
  }
  validation {
    condition     = !var.enable_kms_admin_role || length("${var.name_prefix}-kms-admin-role-${var.environment}") <= 64
    error_message = "`${var.name_prefix}-kms-admin-role-${var.environment}` is too long: an IAM role's name has up to 64 characters. Shorten `name_prefix` or `environment`."
  }
  validation {
    condition     = !anytrue([for bucket in values(var.replication_region_buckets) : bucket.enabled]) || (var.s3_replication_role_arn != null && var.s3_replication_role_arn != "") || length("${var.name_prefix}-s3-replication-role-${var.environment}") <= 64
    error_message = "`${var.name_prefix}-s3-replication-role-${var.environment}` is too long: an IAM role's name has up to 64 characters. Shorten `name_prefix` or `environment`."
  }
  validation {
    condition     = length("${var.name_prefix}-kms-replica-decrypt-usage-high-${var.environment}") <= 255
    error_message = "`name_prefix` is too long: an alarm's name has up to 255 characters."
  }
}

variable "environment" {
  description = "The environment, which ends the names: letters, digits and `-`, up to 32"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9-]{1,32}$", var.environment))
    error_message = "`environment`: choose a label of 1 to 32 letters, digits and `-`, such as `prod`."
  }
}

variable "tags" {
  description = "Tags for every resource that can carry tags"
  type        = map(string)
  default     = {}
  nullable    = false

  # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
  validation {
    condition     = alltrue([for key in keys(var.tags) : length(key) >= 1 && length(key) <= 128 && !startswith(lower(key), "aws:") && can(regex("^[\\p{L}\\p{N} _.:/=+@-]+$", key))])
    error_message = "`tags`: a tag key has 1 to 128 letters, digits, spaces and `_ . : / = + - @`, and does not begin with `aws:`."
  }
  validation {
    condition     = alltrue([for value in values(var.tags) : value != null && try(length(value) <= 256 && can(regex("^[\\p{L}\\p{N} _.:/=+@-]*$", value)), false)])
    error_message = "`tags`: a tag value has up to 256 letters, digits, spaces and `_ . : / = + - @`."
  }
  validation {
    condition     = !contains(keys(var.tags), "Name")
    error_message = "`tags`: each key gets a `Name` of its own, made of the prefix and the environment; leave `Name` out."
  }
  validation {
    condition     = length(distinct([for key in keys(var.tags) : lower(key)])) == length(var.tags)
    error_message = "`tags`: two keys differ in case alone, which IAM refuses; keep one of the two."
  }
  validation {
    condition     = length(var.tags) <= 48
    error_message = "`tags`: at most 48 tags fit; AWS takes 50 on a resource, one is `Name`, and one is set while a key is being made."
  }
}

variable "enable_key_rotation" {
  description = "Whether AWS rotates the key material"
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_root_access" {
  description = "Whether the key policies delegate to the account's IAM policies"
  type        = bool
  default     = true
  nullable    = false
}

variable "enable_kms_admin_role" {
  description = "Whether to make an IAM role that administers the keys"
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_key_monitoring" {
  description = "Whether to make the decrypt alarm; needs `sns_topic_arn`"
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_kms_access_denied_alarm" {
  description = "Whether to make the alarm on denied calls"
  type        = bool
  default     = true
  nullable    = false
}

variable "key_decrypt_threshold" {
  description = "How many decrypt calls in 5 minutes are too many"
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.key_decrypt_threshold > 0 && floor(var.key_decrypt_threshold) == var.key_decrypt_threshold
    error_message = "`key_decrypt_threshold` must be a whole number above 0."
  }
}

variable "sns_topic_arn" {
  description = "The SNS topic that alarms notify, in `aws_region`"
  type        = string
  default     = null

  validation {
    condition     = !var.enable_key_monitoring || (var.sns_topic_arn != null && var.sns_topic_arn != "")
    error_message = "`sns_topic_arn` is missing: `enable_key_monitoring` makes an alarm that notifies this topic. Add it, or set `enable_key_monitoring = false`."
  }
  validation {
    condition     = var.sns_topic_arn == null || var.sns_topic_arn == "" || can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.sns_topic_arn))
    error_message = "`sns_topic_arn`: write a standard topic's ARN: `arn:aws:sns:REGION:ACCOUNT:NAME`."
  }
  validation {
    condition     = var.sns_topic_arn == null || var.sns_topic_arn == "" || try(split(":", var.sns_topic_arn)[3] == var.aws_region, false)
    error_message = "`sns_topic_arn`: alarms notify topics of their own Region; name a topic in `aws_region`."
  }
}

variable "default_region_buckets" {
  description = "Buckets in `aws_region`; the key `cloudtrail`, enabled, admits CloudTrail"
  type = map(object({
    enabled     = optional(bool, true)
    versioning  = optional(bool, false)
    replication = optional(bool, false)
    logging     = optional(bool, false)
    region      = optional(string)
  }))
  default  = {}
  nullable = false
}

variable "replication_region_buckets" {
  description = "Buckets in `replication_region`; one enabled makes the replica and its grants"
  type = map(object({
    enabled     = optional(bool, true)
    versioning  = optional(bool, true)
    replication = optional(bool, false)
    logging     = optional(bool, false)
    region      = string
  }))
  default  = {}
  nullable = false
}

variable "enable_dynamodb" {
  description = "Whether DynamoDB may use the key"
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_alb_firehose" {
  description = "Whether Firehose may use the key for the logs of load balancers"
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_alb_waf_logging" {
  description = "Whether Firehose may use the key for the WAF logs of load balancers"
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_image_processor" {
  description = "Whether SQS, and the senders to its queues, may use the key"
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_cloudfront_firehose" {
  description = "Whether Firehose may use the key for CloudFront's logs"
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_cloudfront_waf" {
  description = "Whether the WAF logs of CloudFront may use the key"
  type        = bool
  default     = false
  nullable    = false
}

variable "enable_cloudfront_standard_logging_v2" {
  description = "Whether CloudFront's standard logging (v2) may use the key"
  type        = bool
  default     = false
  nullable    = false
}

variable "rotation_period_in_days" {
  description = "Days between rotations, 90 to 2560; null means 365"
  type        = number
  default     = null

  # https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html
  validation {
    condition     = var.rotation_period_in_days == null ? true : var.rotation_period_in_days >= 90 && var.rotation_period_in_days <= 2560 && floor(var.rotation_period_in_days) == var.rotation_period_in_days
    error_message = "`rotation_period_in_days` must be a whole number from 90 to 2560; leave it out for 365 days."
  }
  validation {
    condition     = var.rotation_period_in_days == null || var.enable_key_rotation
    error_message = "`rotation_period_in_days` is given, and `enable_key_rotation` is false; leave one of the two out."
  }
}

variable "deletion_window_in_days" {
  description = "Days that a key waits for its deletion, 7 to 30"
  type        = number
  default     = 30
  nullable    = false

  # https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
  validation {
    condition     = var.deletion_window_in_days >= 7 && var.deletion_window_in_days <= 30 && floor(var.deletion_window_in_days) == var.deletion_window_in_days
    error_message = "`deletion_window_in_days` must be a whole number from 7 to 30; leave it out for 30 days."
  }
}

variable "aliases" {
  description = "Aliases of the primary key: `alias/…`"
  type        = list(string)
  default     = []
  nullable    = false

  # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
  validation {
    condition     = alltrue([for alias in var.aliases : can(regex("^alias/[A-Za-z0-9/_-]{1,250}$", alias))])
    error_message = "`aliases`: write each as `alias/name`, with letters, digits and `/ _ -`."
  }
  validation {
    condition     = alltrue([for alias in var.aliases : !startswith(coalesce(alias, "-"), "alias/aws/")])
    error_message = "`aliases`: `alias/aws/` is kept for keys that AWS manages; choose another name."
  }
  validation {
    condition     = length(distinct(var.aliases)) == length(var.aliases)
    error_message = "`aliases`: one stands here twice; keep one of the two."
  }
  validation {
    condition     = length(var.aliases) <= 50
    error_message = "`aliases`: a key takes 50."
  }
}

variable "admin_role_trusted_principals" {
  description = "Who may assume the admin role; empty means the account"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for principal in var.admin_role_trusted_principals : can(regex("^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]))$", principal)) && !can(regex("//|(user|role)//", principal))])
    error_message = "`admin_role_trusted_principals`: name accounts, IAM users and IAM roles in full, such as `arn:aws:iam::111122223333:role/app`; wildcards are not allowed."
  }
}

variable "admin_role_require_mfa" {
  description = "Whether assuming the admin role needs MFA"
  type        = bool
  default     = false
  nullable    = false
}

variable "key_administrators" {
  description = "IAM principals that manage the keys"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for principal in var.key_administrators : can(regex("^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]))$", principal)) && !can(regex("//", principal))])
    error_message = "`key_administrators`: name accounts, IAM users and IAM roles in full, such as `arn:aws:iam::111122223333:role/app`; wildcards are not allowed."
  }
  validation {
    condition     = alltrue([for principal in var.key_administrators : principal == var.aws_account_id || try(split(":", principal)[4] == var.aws_account_id, false)])
    error_message = "`key_administrators`: principals of other accounts belong in `cross_account_principals`, and can only use the keys."
  }
}

variable "key_users" {
  description = "IAM principals that use the keys"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for principal in var.key_users : can(regex("^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]))$", principal)) && !can(regex("//", principal))])
    error_message = "`key_users`: name accounts, IAM users and IAM roles in full, such as `arn:aws:iam::111122223333:role/app`; wildcards are not allowed."
  }
  validation {
    condition     = alltrue([for principal in var.key_users : principal == var.aws_account_id || try(split(":", principal)[4] == var.aws_account_id, false)])
    error_message = "`key_users`: principals of other accounts belong in `cross_account_principals`, and can only use the keys."
  }
}

variable "key_service_users" {
  description = "IAM principals that create grants for AWS resources"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for principal in var.key_service_users : can(regex("^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]))$", principal)) && !can(regex("//", principal))])
    error_message = "`key_service_users`: name accounts, IAM users and IAM roles in full, such as `arn:aws:iam::111122223333:role/app`; wildcards are not allowed."
  }
  validation {
    condition     = alltrue([for principal in var.key_service_users : principal == var.aws_account_id || try(split(":", principal)[4] == var.aws_account_id, false)])
    error_message = "`key_service_users`: principals of other accounts belong in `cross_account_principals`, and can only use the keys."
  }
}

variable "service_usage_principals" {
  description = "Who reaches the keys through AWS services; empty means everybody in the account"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for principal in var.service_usage_principals : can(regex("^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]))$", principal)) && !can(regex("//", principal))])
    error_message = "`service_usage_principals`: name accounts, IAM users and IAM roles in full, such as `arn:aws:iam::111122223333:role/app`; wildcards are not allowed."
  }
  validation {
    condition     = alltrue([for principal in var.service_usage_principals : principal == var.aws_account_id || try(split(":", principal)[4] == var.aws_account_id, false)])
    error_message = "`service_usage_principals`: principals of other accounts belong in `cross_account_principals`, and can only use the keys."
  }
}

variable "cross_account_principals" {
  description = "IAM principals of other accounts that use the keys"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for principal in var.cross_account_principals : can(regex("^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role)/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]))$", principal)) && !can(regex("//", principal))])
    error_message = "`cross_account_principals`: name accounts, IAM users and IAM roles in full, such as `arn:aws:iam::111122223333:role/app`; wildcards are not allowed."
  }
  validation {
    condition     = alltrue([for principal in var.cross_account_principals : principal != var.aws_account_id && try(split(":", principal)[4] != var.aws_account_id, true)])
    error_message = "`cross_account_principals`: principals of this account belong in `key_users`."
  }
}

variable "key_statements" {
  description = "Further statements of the key policies"
  type = list(object({
    sid        = optional(string)
    effect     = optional(string, "Allow")
    principals = list(object({ type = string, identifiers = list(string) }))
    actions    = list(string)
    resources  = optional(list(string), ["*"])
    conditions = optional(list(object({ test = string, variable = string, values = list(string) })), [])
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for statement in var.key_statements : contains(["Allow", "Deny"], statement.effect)])
    error_message = "`key_statements`: an effect is `Allow` or `Deny`."
  }
  validation {
    condition     = alltrue([for statement in var.key_statements : length(statement.actions) > 0 && length(flatten(statement.principals[*].identifiers)) > 0])
    error_message = "`key_statements`: a statement has no principals or no actions."
  }
  validation {
    condition     = alltrue(flatten([for statement in var.key_statements : [for principal in statement.principals : contains(["AWS", "Service", "Federated"], principal.type)]]))
    error_message = "`key_statements`: the type of a principal is `AWS`, `Service` or `Federated`."
  }
  validation {
    condition     = alltrue(flatten([for statement in var.key_statements : [for action in statement.actions : action == "*" || startswith(lower(action), "kms:")]]))
    error_message = "`key_statements`: a key policy decides on actions of KMS alone; write them as `kms:Decrypt`."
  }
  validation {
    condition     = alltrue(flatten([for statement in var.key_statements : [for resource in statement.resources : resource == "*"]]))
    error_message = "`key_statements`: in a key policy `*` means this key; leave `resources` out."
  }
  validation {
    condition = alltrue(flatten([for statement in var.key_statements : [for condition in statement.conditions :
      can(regex("^(For(All|Any)Values:)?(String(Not)?(Equals(IgnoreCase)?|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)(IfExists)?$", condition.test))
    ]]))
    error_message = "`key_statements`: a `test` is no condition operator; see the grammar of key policies."
  }
  validation {
    condition = alltrue([for text in flatten([for statement in var.key_statements : concat(
      statement.sid == null ? [] : [statement.sid], statement.principals[*].identifiers, statement.actions, statement.conditions[*].variable, statement.conditions[*].values,
    )]) : can(regex("^[\\t\\n\\r\\x{20}-\\x{FF}]*$", text))])
    error_message = "`key_statements`: key policies take tab, line breaks and the characters U+0020 to U+00FF."
  }
  validation {
    condition = length(distinct([for statement in var.key_statements : statement.sid if statement.sid != null])) == length([for statement in var.key_statements : statement.sid if statement.sid != null]) && length(setintersection([for statement in var.key_statements : statement.sid if statement.sid != null], [
      "AllowAWSServicesCreateGrant", "AllowAWSServicesUsage", "AllowAutoScalingServiceRoleCreateGrant",
      "AllowAutoScalingServiceRoleUsage", "AllowCloudFrontDistributions", "AllowCloudTrailDecrypt",
      "AllowCloudTrailDescribeKey", "AllowCloudTrailEncryptLogs", "AllowCloudWatchAlarms", "AllowCloudWatchLogs",
      "AllowCrossAccountUse", "AllowDynamoDBUsage", "AllowEC2LaunchGrant", "AllowEventBridgeEventSources",
      "AllowKMSAdminRoleKeyManagement", "AllowKeyAdministrators", "AllowKeyServiceUsers", "AllowKeyUsers",
      "AllowLogDelivery", "AllowS3EventSources", "AllowSNSEventSources", "AllowSessionManager",
      "EnableIAMUserPermissions",
    ])) == 0
    error_message = "`key_statements`: another statement has the same `sid`; choose another name."
  }
  validation {
    # `*` must be bound to the account, and to services or named principals.
    condition = alltrue([for statement in var.key_statements :
      statement.effect == "Deny" || !contains(flatten([for principal in statement.principals : principal.identifiers if principal.type == "AWS"]), "*") || (
        anytrue([for condition in statement.conditions :
          condition.test == "StringEquals" && contains(["kms:calleraccount", "aws:principalaccount"], lower(condition.variable)) && length(condition.values) > 0 && alltrue([for value in condition.values : value == var.aws_account_id])
        ]) &&
        anytrue([for condition in statement.conditions :
          contains(["StringEquals", "StringLike", "ArnEquals", "ArnLike"], condition.test) && contains(["kms:viaservice", "aws:principalarn"], lower(condition.variable)) && length(condition.values) > 0 && alltrue([for value in condition.values : !startswith(value, "*") && !endswith(value, ":*")])
        ])
      )
    ])
    error_message = "`key_statements`: a statement lets everybody in. Name the principals, or add the conditions StringEquals `kms:CallerAccount` = the account and StringEquals `kms:ViaService` = the services, or ArnLike `aws:PrincipalArn`."
  }
}

variable "cloudtrail_log_group_name" {
  description = "The log group that receives CloudTrail, in `aws_region`; it feeds the alarms on calls"
  type        = string
  default     = null

  validation {
    condition     = var.cloudtrail_log_group_name == null || var.cloudtrail_log_group_name == "" || can(regex("^[A-Za-z0-9_/.#-]{1,512}$", var.cloudtrail_log_group_name))
    error_message = "`cloudtrail_log_group_name`: write the name of the log group, such as `/aws/cloudtrail/trail`."
  }
}

variable "enable_key_lifecycle_alarms" {
  description = "Whether to alarm on ScheduleKeyDeletion, DisableKey and PutKeyPolicy; needs `cloudtrail_log_group_name`"
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.enable_key_lifecycle_alarms || (var.cloudtrail_log_group_name != null && var.cloudtrail_log_group_name != "")
    error_message = "`cloudtrail_log_group_name` is missing: the lifecycle alarm counts events of CloudTrail in that log group. Add it, or set `enable_key_lifecycle_alarms = false`."
  }
}

variable "replica_sns_topic_arn" {
  description = "The SNS topic that the replica's decrypt alarm notifies, in `replication_region`"
  type        = string
  default     = null

  validation {
    condition     = var.replica_sns_topic_arn == null || var.replica_sns_topic_arn == "" || can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.replica_sns_topic_arn))
    error_message = "`replica_sns_topic_arn`: write a standard topic's ARN: `arn:aws:sns:REGION:ACCOUNT:NAME`."
  }
  validation {
    condition     = var.replica_sns_topic_arn == null || var.replica_sns_topic_arn == "" || var.replication_region == null || var.replication_region == "" || try(split(":", var.replica_sns_topic_arn)[3] == var.replication_region, false)
    error_message = "`replica_sns_topic_arn`: alarms notify topics of their own Region; name a topic in `replication_region`."
  }
}

variable "s3_replication_role_arn" {
  description = "The role that S3 replicates as, where there is one already"
  type        = string
  default     = null

  validation {
    condition     = var.s3_replication_role_arn == null || var.s3_replication_role_arn == "" || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]*[A-Za-z0-9_+=,.@-]$", var.s3_replication_role_arn))
    error_message = "`s3_replication_role_arn`: S3 replicates as a role; write the role's ARN: `arn:aws:iam::ACCOUNT:role/NAME`."
  }
}

variable "create_autoscaling_service_linked_role" {
  description = "Whether keywright makes the service-linked role of EC2 Auto Scaling where it is missing; this module only checks that it is there"
  type        = bool
  default     = true
  nullable    = false
}

variable "grants" {
  description = "Further grants, by name"
  type = map(object({
    grantee_principal  = string
    operations         = list(string)
    retiring_principal = optional(string)
    region             = optional(string)
    constraints = optional(object({
      encryption_context_equals = optional(map(string))
      encryption_context_subset = optional(map(string))
    }))
  }))
  default  = {}
  nullable = false

  # https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html
  validation {
    condition     = alltrue([for name in keys(var.grants) : can(regex("^[A-Za-z0-9:/_-]{1,256}$", name)) && !contains(["S3ReplicationGrant", "S3ReplicationSourceGrant"], name)])
    error_message = "`grants`: a grant's name is 1 to 256 letters, digits, `:`, `/`, `_` and `-`, and not one of S3 replication's own."
  }
  validation {
    condition = alltrue(flatten([for grant in values(var.grants) : [for principal in compact([grant.grantee_principal, grant.retiring_principal]) :
      can(regex("^arn:aws[a-z-]*:(iam::[0-9]{12}:(root|(user|role)/.+)|sts::[0-9]{12}:(assumed-role|federated-user)/.+)$", principal)) && !can(regex("[*?]", principal))
    ]]))
    error_message = "`grants`: a principal must be an account's root, an IAM user, an IAM role or a session; a service gets its access through the key policy."
  }
  validation {
    condition = alltrue([for grant in values(var.grants) : length(grant.operations) > 0 && alltrue([for operation in grant.operations :
      contains(["Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "CreateGrant", "RetireGrant", "DescribeKey"], operation)
    ])])
    error_message = "`grants`: a grant needs operations of a symmetric key, such as `Decrypt`."
  }
  validation {
    condition     = alltrue([for grant in values(var.grants) : grant.region == null || grant.region == "" || grant.region == var.aws_region || (grant.region == var.replication_region && anytrue([for bucket in values(var.replication_region_buckets) : bucket.enabled]))])
    error_message = "`grants`: there is no key in this Region; name `aws_region`, or `replication_region` where there is a replica."
  }
  validation {
    condition = alltrue([for grant in values(var.grants) : grant.constraints == null ? true : (
      (grant.constraints.encryption_context_equals == null || grant.constraints.encryption_context_subset == null) &&
      alltrue([for context in [grant.constraints.encryption_context_equals, grant.constraints.encryption_context_subset] : context == null ? true : length(context) >= 1 && length(context) <= 8 && alltrue([for value in values(context) : length(value) <= 384])])
    )])
    error_message = "`grants`: a constraint has 1 to 8 pairs, whose values have up to 384 characters, and is either `encryption_context_equals` or `encryption_context_subset`."
  }
}

variable "accepted_findings" {
  description = "Findings of keywright that may stand, each with the reason; this module only takes them"
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for reason in values(var.accepted_findings) : try(length(trimspace(reason)) > 0, false)])
    error_message = "`accepted_findings`: say why each may stand."
  }
}
