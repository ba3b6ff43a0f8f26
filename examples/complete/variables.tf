variable "aws_region" {
  description = "The primary key's Region"
  type        = string
  default     = "eu-west-1"
}

variable "aws_account_id" {
  description = "The AWS account, as 12 digits"
  type        = string
}

variable "environment" {
  description = "The environment, which ends all names"
  type        = string

  validation {
    condition     = contains(["dev", "stage", "prod"], var.environment)
    error_message = "The environment is dev, stage or prod."
  }
}

variable "name_prefix" {
  description = "What all names begin with"
  type        = string
}

variable "alarm_topic_name" {
  description = "The SNS topic that alarms notify"
  type        = string
  default     = "cloudwatch-alarms"
}

variable "cloudtrail_log_group_name" {
  description = "The log group that receives CloudTrail"
  type        = string
}

locals {
  alarm_topic_arn = "arn:aws:sns:${var.aws_region}:${var.aws_account_id}:${var.alarm_topic_name}"
}
