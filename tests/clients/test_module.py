"""The module in Terraform's language beside keywright: the same inputs, and policies that mean the same."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

MODULE = pathlib.Path(__file__).resolve().parents[2] / "modules" / "kms"
ACCOUNT = "111122223333"
BASE = {"aws_account_id": ACCOUNT, "aws_region": "eu-west-1", "name_prefix": "acme", "environment": "prod"}
REPLICA = {"replication_region": "us-east-1", "replication_region_buckets": {"copy": {"region": "us-east-1"}}}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
SWITCHES = [
    "enable_dynamodb",
    "enable_alb_firehose",
    "enable_alb_waf_logging",
    "enable_image_processor",
    "enable_cloudfront_firehose",
    "enable_cloudfront_waf",
    "enable_cloudfront_standard_logging_v2",
]
STATEMENT = {
    "sid": "AllowAuditors",
    "principals": [{"type": "AWS", "identifiers": [ROLE]}, {"type": "Service", "identifiers": ["backup.amazonaws.com"]}],
    "actions": ["kms:DescribeKey"],
    "conditions": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": [ACCOUNT]}],
}

ALIKE = {
    "least": {},
    "replica": REPLICA,
    "admin role, root off": {"kms_root_access": False, "enable_kms_admin_role": True, **REPLICA},
    "every switch": {**{switch: True for switch in SWITCHES}, **REPLICA},
    "CloudTrail": {"default_region_buckets": {"cloudtrail": {}, "logs": {"versioning": True}}},
    "CloudTrail off": {"default_region_buckets": {"cloudtrail": {"enabled": False}}},
    "alarms": {"enable_key_monitoring": True, "sns_topic_arn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms"},
    "empty texts": {"sns_topic_arn": "", "replication_region": "", "s3_replication_role_arn": ""},
    "lists": {
        "key_administrators": [ACCOUNT, ROLE],
        "key_users": [ROLE, ROLE],
        "key_service_users": [ROLE],
        "service_usage_principals": [f"arn:aws:iam::{ACCOUNT}:user/team/ann"],
        "cross_account_principals": ["arn:aws:iam::999988887777:role/reader"],
        "enable_dynamodb": True,
    },
    "own statements": {"key_statements": [STATEMENT, {**STATEMENT, "sid": None, "effect": "Deny", "conditions": []}]},
    "GovCloud": {"aws_region": "us-gov-east-1", "enable_cloudfront_waf": True},
    "China": {"aws_region": "cn-north-1"},
    **{switch: {switch: True} for switch in SWITCHES},
}

REFUSED = {
    "an account of 11 digits": {"aws_account_id": "11112222333"},
    "no Region": {"aws_region": "europe"},
    "no prefix": {"name_prefix": ""},
    "a long role name": {"name_prefix": "p" * 60, "enable_kms_admin_role": True},
    "an environment of 33 letters": {"environment": "e" * 33},
    "a reserved tag": {"tags": {"Name": "mine"}},
    "a threshold of 0": {"key_decrypt_threshold": 0},
    "half a call": {"key_decrypt_threshold": 1.5},
    "no topic": {"enable_key_monitoring": True},
    "a topic elsewhere": {"sns_topic_arn": f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"},
    "a FIFO topic": {"sns_topic_arn": f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms.fifo"},
    "a replica at home": {"replication_region": "eu-west-1"},
    "a replica nowhere": {"replication_region_buckets": {"copy": {"region": "us-east-1"}}},
    "a bucket elsewhere": {**REPLICA, "replication_region_buckets": {"copy": {"region": "eu-north-1"}}},
    "a replica in another partition": {
        "replication_region": "cn-north-1",
        "replication_region_buckets": {"copy": {"region": "cn-north-1"}},
    },
    "rotation that is off, with a period": {"enable_key_rotation": False, "rotation_period_in_days": 180},
    "rotation every week": {"rotation_period_in_days": 7},
    "deletion tomorrow": {"deletion_window_in_days": 1},
    "an alias of AWS's": {"aliases": ["alias/aws/s3"]},
    "an alias twice": {"aliases": ["alias/a", "alias/a"]},
    "a principal with a wildcard": {"key_users": [f"arn:aws:iam::{ACCOUNT}:role/*"]},
    "a user of another account": {"key_users": ["arn:aws:iam::999988887777:user/ann"]},
    "an own user across accounts": {"cross_account_principals": [ROLE]},
    "a lifecycle alarm on nothing": {"enable_key_lifecycle_alarms": True},
    "an open statement": {"key_statements": [{**STATEMENT, "principals": [{"type": "AWS", "identifiers": ["*"]}]}]},
    "a statement with an own name": {"key_statements": [{**STATEMENT, "sid": "AllowKeyUsers"}]},
    "an action of another service": {"key_statements": [{**STATEMENT, "actions": ["s3:GetObject"]}]},
    "a grant to a service": {"grants": {"g": {"grantee_principal": "s3.amazonaws.com", "operations": ["Decrypt"]}}},
    "a grant of nothing": {"grants": {"g": {"grantee_principal": ROLE, "operations": []}}},
}


def test_its_inputs_are_those_of_keywright(program):
    schema = json.loads(subprocess.run([program, "schema"], check=True, capture_output=True, text=True).stdout)
    inputs = set(schema["properties"]) - {"$schema", "name"}
    text = (MODULE / "variables.tf").read_text()
    assert set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE)) == inputs
    required = {name for name, body in re.findall(r'^variable "(\w+)" \{(.*?)^\}', text, re.M | re.S) if " default " not in body}
    assert required == set(schema["required"])


@pytest.fixture(scope="session")
def terraform():
    if path := shutil.which("terraform"):
        return path
    pytest.skip("NOT RUN: no terraform on this machine")


@pytest.fixture(scope="session")
def evaluated(terraform, tmp_path_factory):
    """The part of the module that needs no provider, with its policies as an output."""
    folder = tmp_path_factory.mktemp("module")
    for name in ["variables.tf", "policy.tf"]:
        shutil.copy(MODULE / name, folder)
    (folder / "show.tf").write_text('output "policies" {\n  value = local.key_policies\n}\n')
    subprocess.run([terraform, "init", "-input=false"], cwd=folder, check=True, capture_output=True)
    return folder


def test_it_is_formatted(terraform):
    subprocess.run([terraform, "fmt", "-check", "-recursive", str(MODULE)], check=True)


@pytest.mark.parametrize("case", ALIKE)
def test_its_key_policies_are_those_of_keywright(program, terraform, evaluated, tmp_path, case):
    inputs = {**BASE, **ALIKE[case]}
    ours = keywright(program, tmp_path, inputs)
    assert ours.returncode == 0, ours.stderr
    theirs = evaluate(terraform, evaluated, inputs)
    assert theirs.returncode == 0, theirs.stderr
    state = json.loads((evaluated / "out.tfplan.json").read_text())
    policies = state["planned_values"]["outputs"]["policies"]["value"]
    changes = {it["address"]: it["change"]["after"] for it in json.loads(ours.stdout)["resource_changes"]}
    primary = changes["module.kms.aws_kms_key_policy.general_encryption_key_policy"]["policy"]
    assert meaning(policies["primary"]) == meaning(primary)
    replica = changes.get("module.kms.aws_kms_replica_key.replica_key[0]")
    assert ("replica" in policies) == (replica is not None)
    if replica:
        assert meaning(policies["replica"]) == meaning(replica["policy"])


@pytest.mark.parametrize("case", REFUSED)
def test_both_refuse(program, terraform, evaluated, tmp_path, case):
    inputs = {**BASE, **REFUSED[case]}
    assert keywright(program, tmp_path, inputs).returncode == 1
    refused = evaluate(terraform, evaluated, inputs)
    assert refused.returncode == 1 and "Invalid value for variable" in refused.stderr, refused.stderr + refused.stdout


def keywright(program, folder, inputs):
    (folder / "inputs.json").write_text(json.dumps({"name": "kms", **inputs}))
    return subprocess.run(
        [program, "plan", "inputs.json", "--local", "--json"], cwd=folder, capture_output=True, text=True
    )


def evaluate(terraform, folder, inputs):
    (folder / "case.tfvars.json").write_text(json.dumps(inputs))
    planned = subprocess.run(
        [terraform, "plan", "-no-color", "-input=false", "-var-file=case.tfvars.json", "-out=out.tfplan"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if planned.returncode == 0:
        shown = subprocess.run([terraform, "show", "-json", "out.tfplan"], cwd=folder, check=True, capture_output=True)
        (folder / "out.tfplan.json").write_bytes(shown.stdout)
    return planned


def meaning(policy):
    """A policy without the order of its lists, and without the ways to write one value."""

    def listed(value):
        return sorted(value) if isinstance(value, list) else [value]

    def statement(it):
        principal = it["Principal"] if isinstance(it["Principal"], dict) else {"AWS": it["Principal"]}
        conditions = it.get("Condition", {})
        return json.dumps(
            {
                "Sid": it.get("Sid"),
                "Effect": it["Effect"],
                "Principal": {kind: listed(names) for kind, names in principal.items()},
                "Action": listed(it["Action"]),
                "Resource": listed(it["Resource"]),
                "Condition": {
                    operator: {key: listed(values) for key, values in keys.items()}
                    for operator, keys in conditions.items()
                },
            },
            sort_keys=True,
        )

    document = json.loads(policy)
    return document["Version"], sorted(statement(it) for it in document["Statement"])
