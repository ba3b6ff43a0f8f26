variable "aws_account_id" {
  type = string
}

variable "aws_region" {
  type = string
}

variable "replication_region" {
  type = string
}

variable "administrators" {
  description = "Who may assume the admin role"
  type        = list(string)
}

variable "application_roles" {
  description = "The roles of applications that use the key"
  type        = list(string)
}
