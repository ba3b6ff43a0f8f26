"""Inputs of the module, right and wrong: each setting by itself, each pair of switches, the limits, awkward names."""

import itertools

ACCOUNT = "111122223333"
OPERATOR = f"arn:aws:iam::{ACCOUNT}:user/operator"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
USER = f"arn:aws:iam::{ACCOUNT}:user/team/ann"
STRANGER = "arn:aws:iam::999988887777:role/reader"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms"
BASE = {"aws_account_id": ACCOUNT, "aws_region": "eu-west-1", "name_prefix": "acme", "environment": "prod"}
REPLICA = {"replication_region": "us-east-1", "replication_region_buckets": {"copy": {"region": "us-east-1"}}}
LOGS = {"cloudtrail_log_group_name": "/aws/cloudtrail/management-events"}
# Whoever runs Terraform must be named by the final policy.
ROOT_OFF = {"kms_root_access": False, "key_administrators": [OPERATOR]}

# Each switch, away from its default, with what it needs.
SWITCHES = {
    "rotation off": {"enable_key_rotation": False},
    "root off": ROOT_OFF,
    "admin role": {"enable_kms_admin_role": True},
    "MFA": {"admin_role_require_mfa": True},
    "monitoring": {"enable_key_monitoring": True, "sns_topic_arn": TOPIC},
    "denied calls": {**LOGS, "sns_topic_arn": TOPIC},
    "no denied calls": {"enable_kms_access_denied_alarm": False},
    "lifecycle": {"enable_key_lifecycle_alarms": True, **LOGS, "sns_topic_arn": TOPIC},
    "replica": REPLICA,
    "DynamoDB": {"enable_dynamodb": True},
    "load balancers by Firehose": {"enable_alb_firehose": True},
    "load balancers' WAF": {"enable_alb_waf_logging": True},
    "image processor": {"enable_image_processor": True},
    "CloudFront by Firehose": {"enable_cloudfront_firehose": True},
    "CloudFront's WAF": {"enable_cloudfront_waf": True},
    "CloudFront's logs": {"enable_cloudfront_standard_logging_v2": True},
}

STATEMENT = {
    "sid": "AllowAuditors",
    "principals": [{"type": "AWS", "identifiers": [ROLE]}, {"type": "Service", "identifiers": ["backup.amazonaws.com"]}],
    "actions": ["kms:DescribeKey"],
    "conditions": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": [ACCOUNT]}],
}
GRANT = {"grantee_principal": ROLE, "operations": ["Decrypt", "GenerateDataKey"]}
AWKWARD = "a\"b\\c ${d} %{e} {{f}} é ÿ\t<>&'"

SETTINGS = {
    "least": {},
    "everything on": {
        **{name: value for switch in SWITCHES.values() for name, value in switch.items() if value is not False},
        "kms_root_access": False,
        "replica_sns_topic_arn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms",
        "aliases": ["alias/acme/main"],
        "grants": {"app": GRANT},
    },
    "replica with monitoring": {
        **REPLICA,
        **SWITCHES["lifecycle"],
        "enable_key_monitoring": True,
        "replica_sns_topic_arn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms",
    },
    "a Region without buckets": {"replication_region": "us-east-1"},
    "a bucket that is off": {**REPLICA, "replication_region_buckets": {"copy": {"region": "us-east-1", "enabled": False}}},
    "an own replication role": {**REPLICA, "s3_replication_role_arn": f"arn:aws:iam::{ACCOUNT}:role/copies"},
    "CloudTrail": {"default_region_buckets": {"cloudtrail": {}, "logs": {"versioning": True}}},
    "CloudTrail off": {"default_region_buckets": {"cloudtrail": {"enabled": False}}},
    "empty texts": {"sns_topic_arn": "", "replication_region": "", "s3_replication_role_arn": "", "cloudtrail_log_group_name": ""},
    "nulls": {"tags": None, "aliases": None, "grants": None, "key_users": None, "kms_root_access": None, "deletion_window_in_days": None},
    "tags": {"tags": {"team": "payments", "cost centre": "a/b:c=d+e-f@g.h_i", "empty": ""}},
    "fifty tags": {"tags": {f"tag-{number:02}": "x" * 256 for number in range(44)}},
    "lists": {
        "key_administrators": [ACCOUNT, ROLE],
        "key_users": [ROLE, ROLE],
        "key_service_users": [ROLE],
        "service_usage_principals": [USER],
        "cross_account_principals": [STRANGER],
        "enable_dynamodb": True,
    },
    "administrators": {"key_administrators": [ROLE, USER]},
    "users": {"key_users": [ROLE, USER]},
    "service users": {"key_service_users": [ROLE]},
    "service usage": {"service_usage_principals": [ROLE]},
    "other accounts": {"cross_account_principals": [STRANGER, "555566667777"]},
    "trusted by the admin role": {"enable_kms_admin_role": True, "admin_role_trusted_principals": [ROLE, USER], "admin_role_require_mfa": True},
    "own statements": {"key_statements": [STATEMENT, {**STATEMENT, "sid": None, "effect": "Deny", "conditions": []}]},
    "a statement for an account": {"key_statements": [{"principals": [{"type": "AWS", "identifiers": [ACCOUNT]}], "actions": ["kms:Decrypt", "kms:Encrypt"]}]},
    "awkward conditions": {"key_statements": [{**STATEMENT, "conditions": [{"test": "StringLike", "variable": "kms:EncryptionContext:app", "values": [AWKWARD, "${aws:PrincipalTag/team}"]}]}]},
    "grants": {**REPLICA, "grants": {"a/b:c_d-e": GRANT, "there": {**GRANT, "region": "us-east-1", "retiring_principal": USER}, "root": {**GRANT, "grantee_principal": f"arn:aws:iam::{ACCOUNT}:root"}}},
    "a grant with all of a context": {"grants": {"app": {**GRANT, "constraints": {"encryption_context_equals": {"app": AWKWARD, "stage": "1"}}}}},
    "a grant with some of a context": {"grants": {"app": {**GRANT, "constraints": {"encryption_context_subset": {"app": "x" * 384}}}}},
    "aliases": {"aliases": ["alias/a", "alias/a/b_c-d", "alias/" + "x" * 250]},
    "deletion in a week": {"deletion_window_in_days": 7},
    "deletion in a month": {"deletion_window_in_days": 30},
    "rotation in 90 days": {"rotation_period_in_days": 90},
    "rotation in 2560 days": {"rotation_period_in_days": 2560},
    "a threshold of 1": {**SWITCHES["monitoring"], "key_decrypt_threshold": 1},
    "a large threshold": {**SWITCHES["monitoring"], "key_decrypt_threshold": 2000000000},
    "a number as a text": {**SWITCHES["monitoring"], "key_decrypt_threshold": "250"},
    "a switch as a text": {"enable_dynamodb": "true"},
    "a statement with blanks in its name": {"key_statements": [{**STATEMENT, "sid": "Allow the auditors"}]},
    "a short prefix": {"name_prefix": "a"},
    "a long prefix": {"name_prefix": "p" * 64},
    "GovCloud": {"aws_region": "us-gov-east-1", "enable_cloudfront_waf": True},
    "China": {"aws_region": "cn-north-1", "enable_dynamodb": True},
    "an awkward prefix": {"name_prefix": "A-1_b.c", "enable_kms_admin_role": True, **REPLICA},
    "a long environment": {"environment": "e" * 32},
    "no service-linked role": {"create_autoscaling_service_linked_role": False},
    "an accepted finding": {"accepted_findings": {"loose-deputy": "EventBridge sets no source"}},
}

RIGHT = {
    **SETTINGS,
    **SWITCHES,
    **{f"{left} + {right}": {**SWITCHES[left], **SWITCHES[right]} for left, right in itertools.combinations(SWITCHES, 2)},
}

WRONG = {
    "nobody who could change the policy": {"kms_root_access": False},
    "another account": {"aws_account_id": "999988887777"},
    "a policy that is too long": {"key_users": [f"arn:aws:iam::{ACCOUNT}:role/{number:03}{'x' * 61}" for number in range(400)]},
    "a replica's policy that is too long": {**REPLICA, "key_users": [f"arn:aws:iam::{ACCOUNT}:role/{number:03}{'x' * 61}" for number in range(400)]},
    "an account of 11 digits": {"aws_account_id": "11112222333"},
    "an account of letters": {"aws_account_id": "11112222333a"},
    "no Region": {"aws_region": "europe"},
    "no prefix": {"name_prefix": ""},
    "a prefix with a blank": {"name_prefix": "a b"},
    "a long role name": {"name_prefix": "p" * 60, "enable_kms_admin_role": True},
    "no environment": {"environment": ""},
    "an environment of 33 letters": {"environment": "e" * 33},
    "a reserved tag": {"tags": {"Name": "mine"}},
    "a tag of AWS's": {"tags": {"aws:team": "a"}},
    "a long tag key": {"tags": {"k" * 129: "a"}},
    "a long tag value": {"tags": {"team": "x" * 257}},
    "an awkward tag": {"tags": {"team": "a{b}"}},
    "too many tags": {"tags": {f"tag-{number:02}": "x" for number in range(51)}},
    "a threshold of 0": {"key_decrypt_threshold": 0},
    "a threshold below 0": {"key_decrypt_threshold": -1},
    "half a call": {"key_decrypt_threshold": 1.5},
    "no topic": {"enable_key_monitoring": True},
    "a topic elsewhere": {"sns_topic_arn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"},
    "a FIFO topic": {"sns_topic_arn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms.fifo"},
    "no ARN for a topic": {"sns_topic_arn": "alarms"},
    "a replica's topic at home": {**REPLICA, "replica_sns_topic_arn": TOPIC},
    "a replica at home": {"replication_region": "eu-west-1"},
    "a replica nowhere": {"replication_region_buckets": {"copy": {"region": "us-east-1"}}},
    "a bucket elsewhere": {**REPLICA, "replication_region_buckets": {"copy": {"region": "eu-north-1"}}},
    "a replica in another partition": {"replication_region": "cn-north-1", "replication_region_buckets": {"copy": {"region": "cn-north-1"}}},
    "rotation that is off, with a period": {"enable_key_rotation": False, "rotation_period_in_days": 180},
    "rotation every week": {"rotation_period_in_days": 7},
    "rotation in 2561 days": {"rotation_period_in_days": 2561},
    "deletion in 6 days": {"deletion_window_in_days": 6},
    "deletion in 31 days": {"deletion_window_in_days": 31},
    "an alias of AWS's": {"aliases": ["alias/aws/s3"]},
    "an alias without its prefix": {"aliases": ["main"]},
    "an alias twice": {"aliases": ["alias/a", "alias/a"]},
    "an alias with a blank": {"aliases": ["alias/a b"]},
    "a long alias": {"aliases": ["alias/" + "x" * 251]},
    "a principal with a wildcard": {"key_users": [f"arn:aws:iam::{ACCOUNT}:role/*"]},
    "everybody": {"key_users": ["*"]},
    "a user of another account": {"key_users": ["arn:aws:iam::999988887777:user/ann"]},
    "an own user across accounts": {"cross_account_principals": [ROLE]},
    "a service as an administrator": {"key_administrators": ["s3.amazonaws.com"]},
    "a session as an administrator": {"key_administrators": [f"arn:aws:sts::{ACCOUNT}:assumed-role/app/ann"]},
    "a stranger who assumes the admin role": {"enable_kms_admin_role": True, "admin_role_trusted_principals": ["*"]},
    "a lifecycle alarm on nothing": {"enable_key_lifecycle_alarms": True},
    "a log group with a blank": {"cloudtrail_log_group_name": "a b"},
    "a user as the replication role": {**REPLICA, "s3_replication_role_arn": USER},
    "an open statement": {"key_statements": [{**STATEMENT, "principals": [{"type": "AWS", "identifiers": ["*"]}]}]},
    "a statement with an own name": {"key_statements": [{**STATEMENT, "sid": "AllowKeyUsers"}]},
    "one name twice": {"key_statements": [STATEMENT, STATEMENT]},
    "a statement for nobody": {"key_statements": [{**STATEMENT, "principals": []}]},
    "a statement about nothing": {"key_statements": [{**STATEMENT, "actions": []}]},
    "an effect of no kind": {"key_statements": [{**STATEMENT, "effect": "Maybe"}]},
    "an action of another service": {"key_statements": [{**STATEMENT, "actions": ["s3:GetObject"]}]},
    "a character that KMS does not take": {"key_statements": [{**STATEMENT, "conditions": [{"test": "StringEquals", "variable": "aws:PrincipalTag/team", "values": ["日本"]}]}]},
    "an operator of no kind": {"key_statements": [{**STATEMENT, "conditions": [{"test": "Equals", "variable": "aws:SourceAccount", "values": [ACCOUNT]}]}]},
    "a grant to a service": {"grants": {"app": {**GRANT, "grantee_principal": "s3.amazonaws.com"}}},
    "a grant of nothing": {"grants": {"app": {**GRANT, "operations": []}}},
    "a grant of no operation": {"grants": {"app": {**GRANT, "operations": ["Sign"]}}},
    "a grant nowhere": {"grants": {"app": {**GRANT, "region": "us-east-1"}}},
    "a grant with an awkward name": {"grants": {"a b": GRANT}},
    "a grant of S3 replication's name": {"grants": {"S3ReplicationGrant": GRANT}},
    "a grant with two contexts": {"grants": {"app": {**GRANT, "constraints": {"encryption_context_equals": {"a": "b"}, "encryption_context_subset": {"a": "b"}}}}},
    "a grant with a long context": {"grants": {"app": {**GRANT, "constraints": {"encryption_context_subset": {"a": "x" * 385}}}}},
    "an acceptance without a reason": {"accepted_findings": {"loose-deputy": " "}},
    "a list for a text": {"name_prefix": ["acme"]},
    "a word for a switch": {"enable_dynamodb": "yes"},
    "a word for a number": {"deletion_window_in_days": "week"},
    "an input that is not there": {"enable_magic": True},
}


def hcl(value):
    """A value as an expression of Terraform's language: JSON is one, but for what a template would take."""
    import json

    text = json.dumps(value, ensure_ascii=False)
    return text.replace("${", "$${").replace("%{", "%%{")


def configuration(inputs, source):
    """A folder's text that calls the module with these inputs."""
    lines = [f"  {name} = {hcl(value)}" for name, value in {**BASE, **inputs}.items()]
    return "\n".join(['module "kms" {', f"  source = {hcl(str(source))}", *lines, "}", "", PROVIDER])


PROVIDER = 'provider "aws" {\n  region = "eu-west-1"\n}\n\noutput "kms" {\n  value = module.kms\n}\n'
