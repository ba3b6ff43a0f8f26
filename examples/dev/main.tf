# A key for a development account: IAM policies decide who may use it, and nothing wakes anybody.

module "kms" {
  source = "../../modules/kms"

  aws_account_id = var.aws_account_id
  aws_region     = "eu-west-1"
  environment    = "dev"
  name_prefix    = "acme"

  kms_root_access                = true
  enable_kms_access_denied_alarm = false

  # A mistake is cheap here: keys need not wait long for their deletion.
  deletion_window_in_days = 7

  aliases = ["alias/acme-dev"]

  enable_dynamodb = true

  tags = {
    Environment = "dev"
    CostCenter  = "platform"
  }
}

variable "aws_account_id" {
  type    = string
  default = "111122223333"
}
