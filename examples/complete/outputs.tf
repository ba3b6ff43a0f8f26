output "kms_key_arn" {
  description = "ARN of the primary KMS key"
  value       = module.kms.kms_key_arn
}

output "kms_replica_key_arn" {
  description = "ARN of the replica KMS key"
  value       = module.kms.kms_replica_key_arn
}

output "kms_management_role_arn" {
  description = "ARN of the role that administers the keys"
  value       = module.kms.kms_management_role_arn
}
