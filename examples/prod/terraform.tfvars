aws_account_id     = "111122223333"
aws_region         = "eu-west-1"
replication_region = "eu-central-1"

administrators = ["arn:aws:iam::111122223333:user/operator"]

application_roles = [
  "arn:aws:iam::111122223333:role/acme-prod-app",
  "arn:aws:iam::111122223333:role/acme-prod-worker",
]
