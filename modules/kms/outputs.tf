output "kms_key_arn" {
  description = "The primary key's ARN"
  value       = aws_kms_key.general_encryption_key.arn
}

output "kms_key_id" {
  description = "The primary key's ID"
  value       = aws_kms_key.general_encryption_key.key_id
}

output "kms_replica_key_arn" {
  description = "The replica's ARN, if there is one"
  value       = one(aws_kms_replica_key.replica_key[*].arn)
}

output "enable_kms_admin_role" {
  description = "Whether the admin role is made"
  value       = var.enable_kms_admin_role
}

output "kms_management_role_arn" {
  description = "The admin role's ARN, if it is made"
  value       = one(aws_iam_role.kms_admin_role[*].arn)
}

output "kms_management_policy_arn" {
  description = "The ARN of the admin role's IAM policy, if it is made"
  value       = one(aws_iam_policy.kms_management_policy[*].arn)
}

output "kms_decrypt_alarm_arn" {
  description = "The decrypt alarm's ARN, if it is made"
  value       = one(aws_cloudwatch_metric_alarm.kms_decrypt_alarm[*].arn)
}

output "kms_replica_key_id" {
  description = "The replica's ID, if there is one"
  value       = one(aws_kms_replica_key.replica_key[*].key_id)
}

output "kms_alias_names" {
  description = "The names of the primary key's aliases"
  value       = var.aliases
}

output "kms_access_denied_alarm_arn" {
  description = "The ARN of the alarm on denied calls, if it is made"
  value       = one(aws_cloudwatch_metric_alarm.kms_access_denied_alarm[*].arn)
}

output "s3_replication_grant_id" {
  description = "The ID of S3 replication's grant on the replica, if there is one"
  value       = one(aws_kms_grant.s3_replication_grant[*].grant_id)
}

output "s3_replication_role_arn" {
  description = "The ARN of the role that S3 replicates as, if there is one"
  value       = local.replica_enabled ? local.replication_grantee : null
}

output "kms_key_policy" {
  description = "The primary key's policy, as JSON"
  value       = aws_kms_key_policy.general_encryption_key_policy.policy
}
