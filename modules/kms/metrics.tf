# The alarms, and the metric filters that feed them.

locals {
  metric_namespace = "Keywright/KMS"
  notified         = local.sns_topic_arn == null ? [] : [local.sns_topic_arn]
  has_log_group    = local.cloudtrail_log_group_name != null

  primary_id  = aws_kms_key.general_encryption_key.key_id
  primary_arn = aws_kms_key.general_encryption_key.arn
  replica_id  = one(aws_kms_replica_key.replica_key[*].key_id)
  replica_arn = one(aws_kms_replica_key.replica_key[*].arn)

  denied_metric         = "AccessDenied-${local.primary_id}-${var.aws_region}"
  replica_denied_metric = local.replica_enabled ? "AccessDenied-${local.replica_id}-${local.replication_region}" : null
  lifecycle_metric      = "Lifecycle-${local.primary_id}-${var.aws_region}"

  # A denied call names the key in its message alone, or among its resources, of which ReEncrypt has two. The whole ARN
  # tells the primary from the replica: their IDs are the same.
  denied_patterns = {
    for key, arn in merge({ primary = local.primary_arn }, local.replica_enabled ? { replica = local.replica_arn } : {}) :
    key => "{ ($.eventSource = \"kms.amazonaws.com\") && ($.errorCode = \"AccessDenied*\") && (($.errorMessage = \"*${arn}*\") || ($.resources[0].ARN = \"${arn}\") || ($.resources[1].ARN = \"${arn}\") || ($.requestParameters.keyId = \"${arn}\")) }"
  }

  lifecycle_keys = join(" || ", [
    for arn in concat([local.primary_arn], aws_kms_replica_key.replica_key[*].arn) :
    "($.resources[0].ARN = \"${arn}\") || ($.requestParameters.keyId = \"${arn}\")"
  ])
  lifecycle_pattern = "{ ($.eventSource = \"kms.amazonaws.com\") && (($.eventName = \"ScheduleKeyDeletion\") || ($.eventName = \"DisableKey\") || ($.eventName = \"PutKeyPolicy\")) && ($.errorCode NOT EXISTS) && (${local.lifecycle_keys}) }"
}

# AWS publishes no `DecryptCount`. `SuccessfulRequest` counts the calls that succeed, by key and operation.
# https://docs.aws.amazon.com/kms/latest/developerguide/monitoring-cloudwatch.html
resource "aws_cloudwatch_metric_alarm" "kms_decrypt_alarm" {
  count = var.enable_key_monitoring ? 1 : 0

  region              = var.aws_region
  alarm_name          = "${var.name_prefix}-kms-decrypt-usage-high-${var.environment}"
  alarm_description   = "More decrypt calls with the key than its threshold allows"
  namespace           = "AWS/KMS"
  metric_name         = "SuccessfulRequest"
  dimensions          = { KeyArn = local.primary_arn, Operation = "Decrypt" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.key_decrypt_threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.notified
  ok_actions          = local.notified
  tags                = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_metric_alarm" "kms_replica_decrypt_alarm" {
  count = var.enable_key_monitoring && local.replica_enabled && local.replica_sns_topic_arn != null ? 1 : 0

  region              = local.replication_region
  alarm_name          = "${var.name_prefix}-kms-replica-decrypt-usage-high-${var.environment}"
  alarm_description   = "More decrypt calls with the key than its threshold allows"
  namespace           = "AWS/KMS"
  metric_name         = "SuccessfulRequest"
  dimensions          = { KeyArn = local.replica_arn, Operation = "Decrypt" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.key_decrypt_threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.replica_sns_topic_arn]
  ok_actions          = [local.replica_sns_topic_arn]
  tags                = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

# AWS publishes no metric of denied calls: they are counted in the log group that receives CloudTrail.
resource "aws_cloudwatch_metric_alarm" "kms_access_denied_alarm" {
  count = var.enable_kms_access_denied_alarm ? 1 : 0

  region              = var.aws_region
  alarm_name          = "${var.name_prefix}-kms-access-denied-${var.environment}"
  alarm_description   = "Calls with the key were denied"
  namespace           = local.metric_namespace
  metric_name         = local.denied_metric
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.notified
  ok_actions          = local.notified
  tags                = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_metric_filter" "kms_access_denied" {
  count = var.enable_kms_access_denied_alarm && local.has_log_group ? 1 : 0

  region         = var.aws_region
  name           = "${var.name_prefix}-kms-access-denied-${var.environment}"
  log_group_name = local.cloudtrail_log_group_name
  pattern        = local.denied_patterns["primary"]

  metric_transformation {
    name          = local.denied_metric
    namespace     = local.metric_namespace
    value         = "1"
    default_value = "0"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# The replica's calls arrive where the trail's log group is.
resource "aws_cloudwatch_metric_alarm" "kms_replica_access_denied_alarm" {
  count = var.enable_kms_access_denied_alarm && local.replica_enabled && local.has_log_group ? 1 : 0

  region              = var.aws_region
  alarm_name          = "${var.name_prefix}-kms-replica-access-denied-${var.environment}"
  alarm_description   = "Calls with the replica key were denied"
  namespace           = local.metric_namespace
  metric_name         = local.replica_denied_metric
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.notified
  ok_actions          = local.notified
  tags                = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_metric_filter" "kms_replica_access_denied" {
  count = var.enable_kms_access_denied_alarm && local.replica_enabled && local.has_log_group ? 1 : 0

  region         = var.aws_region
  name           = "${var.name_prefix}-kms-replica-access-denied-${var.environment}"
  log_group_name = local.cloudtrail_log_group_name
  pattern        = local.denied_patterns["replica"]

  metric_transformation {
    name          = local.replica_denied_metric
    namespace     = local.metric_namespace
    value         = "1"
    default_value = "0"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_metric_alarm" "kms_lifecycle_alarm" {
  count = var.enable_key_lifecycle_alarms ? 1 : 0

  region              = var.aws_region
  alarm_name          = "${var.name_prefix}-kms-key-lifecycle-${var.environment}"
  alarm_description   = "A key's deletion was scheduled, or it was disabled, or its policy was put"
  namespace           = local.metric_namespace
  metric_name         = local.lifecycle_metric
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.notified
  ok_actions          = local.notified
  tags                = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_metric_filter" "kms_lifecycle" {
  count = var.enable_key_lifecycle_alarms ? 1 : 0

  region         = var.aws_region
  name           = "${var.name_prefix}-kms-key-lifecycle-${var.environment}"
  log_group_name = local.cloudtrail_log_group_name
  pattern        = local.lifecycle_pattern

  metric_transformation {
    name          = local.lifecycle_metric
    namespace     = local.metric_namespace
    value         = "1"
    default_value = "0"
  }

  lifecycle {
    create_before_destroy = true
  }
}
