# A key as in production, in one Region: the key policy alone decides, an admin role manages it.

module "kms" {
  source = "../../modules/kms"

  aws_account_id = var.aws_account_id
  aws_region     = var.aws_region
  environment    = "stage"
  name_prefix    = "acme"

  kms_root_access       = false
  enable_kms_admin_role = true

  key_users = [for name in ["app", "worker"] : "arn:aws:iam::${var.aws_account_id}:role/acme-stage-${name}"]

  enable_key_monitoring     = true
  key_decrypt_threshold     = 1000
  sns_topic_arn             = "arn:aws:sns:${var.aws_region}:${var.aws_account_id}:platform-alarms"
  cloudtrail_log_group_name = "/aws/cloudtrail/management-events"

  aliases = ["alias/acme-stage"]

  enable_dynamodb        = true
  enable_alb_waf_logging = true

  tags = local.tags
}

variable "aws_account_id" {
  type    = string
  default = "111122223333"
}

variable "aws_region" {
  type    = string
  default = "eu-west-1"
}

locals {
  tags = { Environment = "stage", CostCenter = "platform" }
}
