# The primary key and its replica, their policies, aliases and grants.

# Who runs this. With root access off KMS takes a policy only from somebody who could change it again.
data "aws_caller_identity" "current" {}

locals {
  caller_arn = data.aws_caller_identity.current.arn
  # A session is named by its role: `arn:…:sts::ACCOUNT:assumed-role/ROLE/SESSION`. It does not tell the role's path.
  caller_role = try(regex("^arn:[^:]+:sts::([0-9]{12}):assumed-role/([^/]+)/", local.caller_arn), null)
  administrators = concat(
    local.principals.key_administrators,
    var.enable_kms_admin_role ? [local.admin_role_arn] : [],
  )
  caller_administers = var.kms_root_access || contains(local.administrators, local.caller_arn) || anytrue([
    for administrator in local.administrators :
    local.caller_role != null && try(
      regex("^arn:[^:]+:iam::([0-9]{12}):role/(?:.*/)?([^/]+)$", administrator) == local.caller_role, false
    )
  ])
}

locals {
  # Four digits of base64 for every three bytes.
  policies_fit = { for key, policy in local.key_policies : key => length(base64encode(policy)) <= 43692 }
}

# KMS refuses a policy that names a role which does not exist. Its making is not the module's: it belongs to the account.
data "aws_iam_role" "auto_scaling" {
  name = "AWSServiceRoleForAutoScaling"
}

resource "aws_kms_key" "general_encryption_key" {
  region = var.aws_region

  description             = "General encryption key of ${var.name_prefix} (${var.environment})"
  multi_region            = true
  is_enabled              = true
  enable_key_rotation     = var.enable_key_rotation
  rotation_period_in_days = var.enable_key_rotation ? coalesce(var.rotation_period_in_days, 365) : null
  deletion_window_in_days = var.deletion_window_in_days
  tags                    = merge(var.tags, { Name = "${var.name_prefix}-general-encryption-key-${var.environment}" })

  depends_on = [aws_iam_role.kms_admin_role]

  lifecycle {
    precondition {
      condition     = data.aws_caller_identity.current.account_id == var.aws_account_id
      error_message = "`aws_account_id` is ${var.aws_account_id}, and the provider's credentials are of ${data.aws_caller_identity.current.account_id}."
    }
    precondition {
      condition     = var.kms_root_access || var.enable_kms_admin_role || length(var.key_administrators) > 0
      error_message = "Nobody could change the key policy afterwards: kms_root_access is false, and there is neither an admin role nor a key administrator. Set enable_kms_admin_role = true, or name key_administrators."
    }
    precondition {
      condition     = local.caller_administers
      error_message = "With kms_root_access = false whoever runs Terraform must be named by the final key policy: name yourself in key_administrators, or run as the admin role. See the module's README, \"Removing root\"."
    }
  }
}

resource "aws_kms_key_policy" "general_encryption_key_policy" {
  region = var.aws_region
  key_id = aws_kms_key.general_encryption_key.key_id
  policy = local.key_policies["primary"]

  depends_on = [aws_iam_role.kms_admin_role, data.aws_iam_role.auto_scaling]

  lifecycle {
    precondition {
      condition     = alltrue(values(local.policies_fit))
      error_message = "A key policy has more than the 32768 bytes that AWS takes. Shorten `key_users` and the other lists of principals, or `key_statements`."
    }
  }
}

resource "aws_kms_alias" "alias" {
  for_each = toset(var.aliases)

  region        = var.aws_region
  name          = each.value
  target_key_id = aws_kms_key.general_encryption_key.key_id

  lifecycle {
    create_before_destroy = true
  }
}

# The replica has a policy of its own: without one AWS attaches the default, which delegates to IAM.
resource "aws_kms_replica_key" "replica_key" {
  count = local.replica_enabled ? 1 : 0

  region = local.replication_region

  description             = "Replica of the general encryption key of ${var.name_prefix} (${var.environment})"
  primary_key_arn         = aws_kms_key.general_encryption_key.arn
  enabled                 = true
  deletion_window_in_days = var.deletion_window_in_days
  policy                  = try(local.key_policies["replica"], null)
  tags                    = merge(var.tags, { Name = "${var.name_prefix}-replica-key-${var.environment}" })

  depends_on = [aws_iam_role.kms_admin_role, data.aws_iam_role.auto_scaling]
}

# S3 replicates as a role: it writes with the replica, and reads with the primary. Grants stand in the key's Region, by
# its full ARN: the ID is the same in both, and would name the primary.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
resource "aws_kms_grant" "s3_replication_grant" {
  count = local.replica_enabled ? 1 : 0

  region            = local.replication_region
  name              = "S3ReplicationGrant"
  key_id            = aws_kms_replica_key.replica_key[0].arn
  grantee_principal = local.replication_grantee
  operations        = ["Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_kms_grant" "s3_replication_source_grant" {
  count = local.replica_enabled ? 1 : 0

  region            = var.aws_region
  name              = "S3ReplicationSourceGrant"
  key_id            = aws_kms_key.general_encryption_key.arn
  grantee_principal = local.replication_grantee
  operations        = ["Decrypt", "DescribeKey"]

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  replication_grantee = local.s3_replication_role_arn != null ? local.s3_replication_role_arn : one(aws_iam_role.s3_replication_role[*].arn)
}

resource "aws_kms_grant" "grant" {
  for_each = var.grants

  region            = local.grant_regions[each.key]
  name              = each.key
  key_id            = local.grant_regions[each.key] == var.aws_region ? aws_kms_key.general_encryption_key.arn : one(aws_kms_replica_key.replica_key[*].arn)
  grantee_principal = each.value.grantee_principal
  operations        = each.value.operations

  retiring_principal = each.value.retiring_principal

  dynamic "constraints" {
    for_each = each.value.constraints == null ? [] : [each.value.constraints]

    content {
      encryption_context_equals = constraints.value.encryption_context_equals
      encryption_context_subset = constraints.value.encryption_context_subset
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  grant_regions = {
    for name, grant in var.grants : name => grant.region == null || grant.region == "" ? var.aws_region : grant.region
  }
}
