# A production key with a replica: the key policy alone decides, few may assume the admin role, every alarm is on.

module "kms" {
  source = "../../modules/kms"

  aws_account_id     = var.aws_account_id
  aws_region         = var.aws_region
  replication_region = var.replication_region
  environment        = "prod"
  name_prefix        = "acme"

  kms_root_access               = false
  enable_kms_admin_role         = true
  admin_role_trusted_principals = var.administrators

  key_users                = var.application_roles
  service_usage_principals = var.application_roles

  enable_key_monitoring       = true
  enable_key_lifecycle_alarms = true
  key_decrypt_threshold       = 10000
  sns_topic_arn               = "arn:aws:sns:${var.aws_region}:${var.aws_account_id}:platform-alarms"
  replica_sns_topic_arn       = "arn:aws:sns:${var.replication_region}:${var.aws_account_id}:platform-alarms"
  cloudtrail_log_group_name   = "/aws/cloudtrail/management-events"

  rotation_period_in_days = 180
  aliases                 = ["alias/acme-prod", "alias/acme-prod/storage"]

  enable_dynamodb        = true
  enable_alb_firehose    = true
  enable_alb_waf_logging = true
  enable_image_processor = true

  default_region_buckets = {
    cloudtrail = { enabled = true }
    uploads    = {}
  }

  replication_region_buckets = {
    uploads_replica = { region = var.replication_region }
  }

  tags = {
    Environment = "prod"
    CostCenter  = "platform"
    DataClass   = "confidential"
  }
}
