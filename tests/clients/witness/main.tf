# One resource of each kind that both the real provider 3.39.0 and the stand-in know, with values as the module has them.

variable "names" {
  type = string
}

locals {
  account = "111122223333"
}

resource "aws_kms_key" "key" {
  description             = "General encryption key of acme (prod)"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  tags                    = { Name = "acme-general-encryption-key-prod" }

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "EnableIAMUserPermissions"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "AllowKMSAdminRoleKeyManagement"
        Effect    = "Allow"
        Principal = { AWS = [aws_iam_role.role.arn] }
        Action    = ["kms:PutKeyPolicy", "kms:DescribeKey"]
        Resource  = ["*"]
        Condition = { StringEquals = { "aws:PrincipalAccount" = [local.account] } }
      },
    ]
  })
}

resource "aws_kms_alias" "alias" {
  name          = "alias/${var.names}/main"
  target_key_id = aws_kms_key.key.key_id
}

resource "aws_kms_grant" "grant" {
  name              = "app"
  key_id            = aws_kms_key.key.arn
  grantee_principal = aws_iam_role.role.arn
  operations        = ["Decrypt", "GenerateDataKey"]

  constraints {
    encryption_context_subset = { app = "a\"b" }
  }
}

resource "aws_iam_role" "role" {
  name                 = "${var.names}-role"
  description          = "Administers the KMS keys; cannot use them"
  max_session_duration = 3600
  tags                 = { team = "payments" }

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = "sts:AssumeRole"
      Condition = { Bool = { "aws:MultiFactorAuthPresent" = "true" } }
    }]
  })
}

resource "aws_iam_policy" "policy" {
  name        = "${var.names}-policy"
  description = "Manages the KMS keys, and makes keys and aliases"
  tags        = { team = "payments" }

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["kms:CreateKey", "kms:ListKeys"], Resource = ["*"] }]
  })
}

resource "aws_iam_role_policy_attachment" "attachment" {
  role       = aws_iam_role.role.name
  policy_arn = aws_iam_policy.policy.arn
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  alarm_name          = "${var.names}-alarm"
  alarm_description   = "More decrypt calls with the key than its threshold allows"
  namespace           = "AWS/KMS"
  metric_name         = "SuccessfulRequest"
  dimensions          = { KeyArn = aws_kms_key.key.arn, Operation = "Decrypt" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0.5
  treat_missing_data  = "notBreaching"
  alarm_actions       = ["arn:aws:sns:eu-west-1:${local.account}:alarms"]
  ok_actions          = ["arn:aws:sns:eu-west-1:${local.account}:alarms"]
  tags                = { team = "payments" }
}

resource "aws_cloudwatch_log_metric_filter" "filter" {
  name           = "${var.names}-filter"
  log_group_name = "/aws/cloudtrail/management-events"
  pattern        = "{ ($.eventSource = \"kms.amazonaws.com\") && ($.errorCode = \"AccessDenied*\") }"

  metric_transformation {
    name          = "AccessDenied"
    namespace     = "Keywright/KMS"
    value         = "1"
    default_value = "0"
  }
}
