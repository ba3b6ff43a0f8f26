# The module's whole README example, with every value it needs: it plans and applies without a flag.

module "kms" {
  source = "../../modules/kms"

  aws_region     = var.aws_region
  aws_account_id = var.aws_account_id
  environment    = var.environment
  name_prefix    = var.name_prefix

  enable_key_rotation            = true
  kms_root_access                = false
  enable_kms_admin_role          = true
  enable_key_monitoring          = true
  enable_kms_access_denied_alarm = true
  key_decrypt_threshold          = 100
  sns_topic_arn                  = local.alarm_topic_arn

  # Denied calls are counted in the log group that receives CloudTrail.
  cloudtrail_log_group_name = var.cloudtrail_log_group_name

  enable_dynamodb        = true
  enable_alb_firehose    = false
  enable_alb_waf_logging = true
  enable_image_processor = true

  default_region_buckets = {
    cloudtrail = { enabled = true },
    logs = {
      enabled    = true,
      versioning = true
    }
  }

  replication_region = "us-east-1"
  replication_region_buckets = {
    logs_replica = {
      enabled = true,
      region  = "us-east-1"
    }
  }
}
