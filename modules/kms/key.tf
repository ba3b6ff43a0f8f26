# The roles: the admin role with its policy, and the role that S3 replicates as.

locals {
  admin_role_trusted = length(local.principals.admin_role_trusted_principals) > 0 ? local.principals.admin_role_trusted_principals : [local.account_root]

  management_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "CreateAndListKeys"
        Effect   = "Allow"
        Action   = ["kms:CreateKey", "kms:ListAliases", "kms:ListKeys"]
        Resource = ["*"]
      },
      {
        # In every Region: a replica in another one is made with tags by this role.
        Sid      = "TagKeys"
        Effect   = "Allow"
        Action   = ["kms:TagResource"]
        Resource = ["arn:${local.partition}:kms:*:${var.aws_account_id}:key/*"]
      },
      {
        Sid    = "ManageAliases"
        Effect = "Allow"
        Action = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
        Resource = [
          for region in values(local.key_regions) : "arn:${local.partition}:kms:${region}:${var.aws_account_id}:alias/*"
        ]
      },
      {
        Sid      = "ManageKeys"
        Effect   = "Allow"
        Action   = local.management_actions
        Resource = concat([aws_kms_key.general_encryption_key.arn], aws_kms_replica_key.replica_key[*].arn)
      },
    ]
  }
}

# The role is made before an old one is destroyed: it may be the only administrator.
resource "aws_iam_role" "kms_admin_role" {
  count = var.enable_kms_admin_role ? 1 : 0

  name                 = local.admin_role_name
  description          = "Administers the KMS keys; cannot use them"
  max_session_duration = 3600
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      {
        Sid       = "AllowAssumeAdminRole"
        Effect    = "Allow"
        Principal = { AWS = local.admin_role_trusted }
        Action    = "sts:AssumeRole"
      },
      var.admin_role_require_mfa ? { Condition = { Bool = { "aws:MultiFactorAuthPresent" = "true" } } } : {},
    )]
  })

  lifecycle {
    create_before_destroy = true
  }
}

# What no key policy can give, and the management of both keys.
resource "aws_iam_policy" "kms_management_policy" {
  count = var.enable_kms_admin_role ? 1 : 0

  name        = "${var.name_prefix}-kms-management-policy-${var.environment}"
  description = "Manages the KMS keys, and makes keys and aliases"
  policy      = jsonencode(local.management_policy)
  tags        = var.tags

  lifecycle {
    create_before_destroy = true
    # AWS cannot change it, and it is not worth a new policy.
    ignore_changes = [description]
  }
}

resource "aws_iam_role_policy_attachment" "kms_management_attachment" {
  count = var.enable_kms_admin_role ? 1 : 0

  role       = aws_iam_role.kms_admin_role[0].name
  policy_arn = aws_iam_policy.kms_management_policy[0].arn

  lifecycle {
    create_before_destroy = true
  }
}

# What it may do in S3 is the business of who makes the buckets.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
resource "aws_iam_role" "s3_replication_role" {
  count = local.replica_enabled && local.s3_replication_role_arn == null ? 1 : 0

  name        = local.replication_role_name
  description = "S3 replicates objects that the KMS keys encrypt as this role"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AllowS3Replication"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.aws_account_id } }
    }]
  })

  lifecycle {
    create_before_destroy = true
  }
}

# The published module kept these under other keys. The only administrator must not be recreated: a role of the same name
# is another principal.
moved {
  from = aws_iam_role.kms_admin_role["kms_admin_role"]
  to   = aws_iam_role.kms_admin_role[0]
}

moved {
  from = aws_iam_policy.kms_management_policy["kms_policy"]
  to   = aws_iam_policy.kms_management_policy[0]
}

moved {
  from = aws_iam_role_policy_attachment.kms_management_attachment["kms_attachment"]
  to   = aws_iam_role_policy_attachment.kms_management_attachment[0]
}
