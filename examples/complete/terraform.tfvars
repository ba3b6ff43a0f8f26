aws_account_id            = "111122223333"
environment               = "prod"
name_prefix               = "acme"
cloudtrail_log_group_name = "/aws/cloudtrail/management-events"
