"""One state, two programs: what Terraform has applied with the module, keywright finds as it wants it, and the other way round."""

import json
import re
import subprocess

import pytest

from conftest import MODULE, REGION, REPLICA_REGION, client, environment, run, serving
from terraform_plans import differences, told
from module_inputs import ACCOUNT, BASE, GRANT, OPERATOR, REPLICA, ROOT_OFF, SETTINGS, SWITCHES, configuration

EXCHANGED = {
    "least": {},
    "everything on": {**SETTINGS["everything on"], "grants": {"app": {**GRANT, "grantee_principal": OPERATOR}}},
    "grants": {**REPLICA, "grants": {"app": {**GRANT, "grantee_principal": OPERATOR, "constraints": {"encryption_context_subset": {"app": "a\"b ${c}"}}}}},
    "rotation off": {"enable_key_rotation": False, "tags": {"team": "payments"}},
    "lifecycle": SWITCHES["lifecycle"],
}
NOTHING_CHANGES, SOMETHING_CHANGES = 0, 2


@pytest.fixture(scope="module")
def operator(program, terraform, tmp_path_factory):
    """The environment of an operator of an account that has what the inputs name."""
    terraform.required()
    with serving(program, tmp_path_factory.mktemp("exchange-aws")) as started:
        operator = environment(started["endpoint"], **started["operator"])
        client(operator, "iam").create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
        for region in [REGION, REPLICA_REGION]:
            client(operator, "sns", region).create_topic(Name="alarms")
        for name in ["/aws/cloudtrail/management-events", "/aws/other"]:
            client(operator, "logs").create_log_group(logGroupName=name)
        yield operator


class Folder:
    """A folder that both programs work in. Its names are its own, for the account is everybody's."""

    made = 0

    def __init__(self, path, program, terraform, operator):
        self.path, self.program, self.terraform_program, self.operator = path, program, terraform, operator
        Folder.made += 1
        self.names = {"name_prefix": f"own{Folder.made}"}

    def write(self, inputs, more=""):
        named = {**inputs, **self.names}
        if "aliases" in named:
            named["aliases"] = [f"{alias}-{Folder.made}" for alias in named["aliases"]]
        (self.path / "main.tf").write_text(configuration(named, MODULE) + more)

    def terraform(self, *arguments):
        if not (self.path / ".terraform").exists():
            self.terraform_program.run(self.path, self.operator, "get")
        return self.terraform_program.run(self.path, self.operator, *arguments)

    def terraform_applies(self):
        self.terraform("apply", "-auto-approve", "-input=false", "-no-color")

    def terraform_finds(self, expected, *arguments):
        planned = self.terraform_program.run(
            self.path, self.operator, "plan", "-detailed-exitcode", "-input=false", "-no-color", *arguments, check=False
        )
        assert planned.returncode == expected, planned.stdout + planned.stderr
        return planned.stdout

    def keywright_applies(self):
        run(self.program, self.operator, "apply", str(self.path), "--auto-approve")

    def keywright_finds(self, expected):
        planned = subprocess.run(
            [self.program, "plan", str(self.path), "--detailed-exitcode"], env=self.operator, capture_output=True, text=True
        )
        assert planned.returncode == expected, planned.stdout + planned.stderr
        return planned.stdout

    @property
    def state(self):
        return json.loads((self.path / "terraform.tfstate").read_text())


@pytest.fixture
def folder(program, terraform, operator, tmp_path):
    return Folder(tmp_path, program, terraform, operator)


@pytest.mark.parametrize("case", EXCHANGED)
def test_keywright_finds_what_terraform_has_applied(folder, case):
    folder.write(EXCHANGED[case])
    folder.terraform_applies()
    folder.terraform_finds(NOTHING_CHANGES)
    folder.keywright_finds(NOTHING_CHANGES)


@pytest.mark.parametrize("case", EXCHANGED)
def test_terraform_finds_what_keywright_has_applied(folder, case):
    folder.write(EXCHANGED[case])
    folder.keywright_applies()
    folder.terraform("get")
    folder.terraform_finds(NOTHING_CHANGES)
    folder.keywright_finds(NOTHING_CHANGES)


def test_each_sees_what_the_other_has_changed(folder):
    before = {**SWITCHES["monitoring"], "tags": {"team": "payments"}}
    after = {**before, "tags": {"team": "cards"}, "key_decrypt_threshold": 250, "enable_dynamodb": True}
    folder.write(before)
    folder.terraform_applies()

    folder.write(after)
    assert "tags" in folder.keywright_finds(SOMETHING_CHANGES)
    folder.keywright_applies()
    folder.terraform_finds(NOTHING_CHANGES)

    folder.write(before)
    told = folder.terraform_finds(SOMETHING_CHANGES)
    assert '"cards" -> "payments"' in told and "250 -> 100" in told and "AllowDynamoDBUsage" in told
    folder.terraform_applies()
    folder.keywright_finds(NOTHING_CHANGES)
    folder.write(after)
    assert "250" in folder.keywright_finds(SOMETHING_CHANGES)


def test_each_sees_what_was_changed_behind_the_other(folder):
    folder.write({"tags": {"team": "payments"}})
    folder.terraform_applies()
    kms = client(folder.operator, "kms")
    key = attributes(folder.state, "aws_kms_key")["key_id"]
    kms.disable_key(KeyId=key)
    assert "is_enabled" in folder.keywright_finds(SOMETHING_CHANGES)
    assert "is_enabled" in folder.terraform_finds(SOMETHING_CHANGES)
    folder.keywright_applies()
    folder.terraform_finds(NOTHING_CHANGES)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"]


MOVES = {
    "another prefix": ({**EXCHANGED["everything on"]}, {"name_prefix": "other"}),
    "another environment": ({**SWITCHES["monitoring"], "enable_kms_admin_role": True}, {"environment": "stage"}),
    "another grant": (EXCHANGED["grants"], {"grants": {"app": {**GRANT, "grantee_principal": OPERATOR}, "more": {**GRANT, "grantee_principal": OPERATOR}}}),
    "another alias": ({"aliases": ["alias/acme/a"]}, {"aliases": ["alias/acme/b"]}),
    "no replica any more": (EXCHANGED["everything on"], {"replication_region": None, "replication_region_buckets": {}, "replica_sns_topic_arn": None}),
    "no admin role any more": ({"enable_kms_admin_role": True}, {"enable_kms_admin_role": False}),
    "another log group": (SWITCHES["lifecycle"], {"cloudtrail_log_group_name": "/aws/other"}),
    "root comes back": ({**ROOT_OFF, "enable_kms_admin_role": True}, {"kms_root_access": True}),
    "root goes": ({"enable_kms_admin_role": True, "key_administrators": [OPERATOR]}, {"kms_root_access": False}),
    "rotation and deletion": ({}, {"enable_key_rotation": False, "deletion_window_in_days": 7}),
}


@pytest.mark.parametrize("move", MOVES)
def test_both_plan_the_same_move(folder, move):
    before, change = MOVES[move]
    folder.write(before)
    folder.terraform_applies()
    if "name_prefix" in change:
        folder.names = {"name_prefix": folder.names["name_prefix"] + "x"}
    folder.write({**before, **change})
    folder.terraform("plan", "-input=false", "-out=tfplan")
    theirs = told(folder.terraform_program.shown(folder.path, folder.operator, "tfplan"))
    ours = told(json.loads(run(folder.program, folder.operator, "plan", str(folder.path), "--json")))
    assert list(differences(theirs, ours)) == []
    folder.terraform("apply", "-input=false", "tfplan")
    folder.keywright_finds(NOTHING_CHANGES)


def test_the_other_can_destroy(folder):
    folder.write(EXCHANGED["grants"])
    folder.terraform_applies()
    key = attributes(folder.state, "aws_kms_key")["key_id"]
    run(folder.program, folder.operator, "destroy", str(folder.path), "--auto-approve")
    assert standing(folder, key).startswith("Pending")
    folder.terraform("get")
    assert "to add" in folder.terraform_finds(SOMETHING_CHANGES)

    folder.keywright_applies()
    key = attributes(folder.state, "aws_kms_key")["key_id"]
    assert standing(folder, key) == "Enabled"
    folder.terraform("destroy", "-auto-approve", "-input=false")
    assert standing(folder, key).startswith("Pending")
    assert folder.state["resources"] == []


def test_the_state_has_the_form_and_keeps_its_origin(folder):
    folder.write(EXCHANGED["everything on"])
    folder.keywright_applies()
    ours = folder.state
    listed = folder.terraform("state", "list").stdout.split()
    assert "module.kms.aws_kms_key.general_encryption_key" in listed and len(listed) == 19
    shown = folder.terraform("state", "show", "-no-color", "module.kms.aws_kms_replica_key.replica_key[0]").stdout
    assert re.search(r"primary_key_arn +=", shown)

    folder.write({**EXCHANGED["everything on"], "key_decrypt_threshold": 7})
    folder.terraform_applies()
    theirs = folder.state
    assert theirs["lineage"] == ours["lineage"] and theirs["serial"] > ours["serial"]
    assert forms(theirs) == forms(ours)

    folder.write({**EXCHANGED["everything on"], "key_decrypt_threshold": 8})
    folder.keywright_applies()
    assert folder.state["lineage"] == ours["lineage"] and folder.state["serial"] > theirs["serial"]


def test_no_token_and_no_mark_is_left(folder):
    folder.write(EXCHANGED["everything on"])
    folder.keywright_applies()
    ours = (folder.path / "terraform.tfstate").read_text()
    folder.write({**EXCHANGED["everything on"], "key_decrypt_threshold": 7})
    folder.terraform_applies()
    for text in [ours, (folder.path / "terraform.tfstate").read_text()]:
        assert "creation-token" not in text
        grants = [it for it in json.loads(text)["resources"] if it["type"] == "aws_kms_grant"]
        assert len(grants) == 3 and all(it["instances"][0]["attributes"]["grant_token"] is None for it in grants)
    key = attributes(folder.state, "aws_kms_key")["key_id"]
    tags = client(folder.operator, "kms").list_resource_tags(KeyId=key)["Tags"]
    assert [tag["TagKey"] for tag in tags] == ["Name"]


def test_what_is_not_of_the_module_is_kept(folder):
    other = 'resource "terraform_data" "mine" {\n  input = { note = "kept" }\n}\n'
    folder.write({}, other)
    folder.terraform_applies()
    state = folder.state
    # A newer Terraform's field, and another provider's resource.
    state["resources"][0]["instances"][0]["identity_schema_version"] = 0
    state["checks_of_tomorrow"] = {"a": [1]}
    (folder.path / "terraform.tfstate").write_text(json.dumps(state))
    folder.write({"tags": {"team": "cards"}}, other)
    folder.keywright_applies()
    assert folder.state["checks_of_tomorrow"] == {"a": [1]}
    kept = [it for it in folder.state["resources"] if it["type"] == "terraform_data"]
    assert kept == [it for it in state["resources"] if it["type"] == "terraform_data"]
    assert folder.state["resources"][0]["instances"][0]["identity_schema_version"] == 0
    folder.terraform_finds(NOTHING_CHANGES)


def test_root_goes_when_whoever_runs_terraform_is_named(folder):
    folder.write({"kms_root_access": False, "enable_kms_admin_role": True})
    folder.terraform("get")
    refused = folder.terraform_program.run(folder.path, folder.operator, "apply", "-auto-approve", "-no-color", check=False)
    assert refused.returncode == 1 and "must be named by the" in refused.stderr
    assert not (folder.path / "terraform.tfstate").exists() or managed(folder.state) == []
    folder.write({"enable_kms_admin_role": True, **ROOT_OFF})
    folder.terraform_applies()
    folder.keywright_finds(NOTHING_CHANGES)


def test_root_goes_in_a_second_apply_as_the_admin_role(folder):
    folder.write({"enable_kms_admin_role": True})
    folder.terraform_applies()
    role = attributes(folder.state, "aws_iam_role")
    # Its own policy is about the keys alone.
    reads = {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*", "cloudwatch:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [reads]})
    client(folder.operator, "iam").put_role_policy(RoleName=role["name"], PolicyName="reads", PolicyDocument=policy)

    folder.write({"enable_kms_admin_role": True, "kms_root_access": False})
    as_role = f'provider "aws" {{\n  assume_role {{\n    role_arn = "{role["arn"]}"\n  }}\n'
    text = (folder.path / "main.tf").read_text().replace('provider "aws" {\n', as_role)
    (folder.path / "main.tf").write_text(text)
    folder.terraform_applies()
    policy = json.loads(attributes(folder.state, "aws_kms_key_policy")["policy"])
    assert "EnableIAMUserPermissions" not in [it["Sid"] for it in policy["Statement"]]
    folder.keywright_finds(NOTHING_CHANGES)

    # The way back: the role lets root in again, and then the operator may destroy.
    folder.write({"enable_kms_admin_role": True})
    as_operator = (folder.path / "main.tf").read_text()
    (folder.path / "main.tf").write_text(as_operator.replace('provider "aws" {\n', as_role))
    folder.terraform_applies()
    client(folder.operator, "iam").delete_role_policy(RoleName=role["name"], PolicyName="reads")
    (folder.path / "main.tf").write_text(as_operator)
    folder.terraform("destroy", "-auto-approve", "-input=false")
    assert managed(folder.state) == []


def published_role(folder):
    """What the published module makes of the admin role, under its addresses; the role's unique ID."""
    published = folder.path / "published"
    published.mkdir()
    names = {kind: f"{folder.names['name_prefix']}-kms-{kind}-prod" for kind in ["admin-role", "management-policy"]}
    (published / "main.tf").write_text(PUBLISHED % (names["admin-role"], ACCOUNT, names["management-policy"]))
    (folder.path / "main.tf").write_text(f'provider "aws" {{\n  region = "{REGION}"\n}}\nmodule "kms" {{\n  source = "./published"\n}}\n')
    folder.terraform_applies()
    return attributes(folder.state, "aws_iam_role")["unique_id"]


def test_the_published_module_s_role_is_taken_over(folder):
    unique = published_role(folder)
    folder.write({"enable_kms_admin_role": True})
    folder.terraform("get")
    told = folder.terraform_finds(SOMETHING_CHANGES)
    assert '(moved from module.kms.aws_iam_role.kms_admin_role["kms_admin_role"])' in told
    assert "0 to destroy" in told
    state = folder.state
    folder.terraform_applies()
    assert attributes(folder.state, "aws_iam_role")["unique_id"] == unique
    folder.keywright_finds(NOTHING_CHANGES)
    assert len(managed(state)) == 3


def test_keywright_takes_over_the_published_module_s_role(folder):
    unique = published_role(folder)
    folder.write({"enable_kms_admin_role": True})
    folder.keywright_applies()
    assert attributes(folder.state, "aws_iam_role")["unique_id"] == unique
    folder.terraform("get")
    folder.terraform_finds(NOTHING_CHANGES)


def test_nothing_is_made_without_the_auto_scaling_role(program, terraform, tmp_path):
    terraform.required()
    with serving(program, tmp_path / "aws") as started:
        folder = Folder(tmp_path, program, terraform, environment(started["endpoint"], **started["operator"]))
        folder.write({})
        folder.terraform("get")
        refused = terraform.run(folder.path, folder.operator, "apply", "-auto-approve", "-no-color", check=False)
        assert refused.returncode == 1 and "AWSServiceRoleForAutoScaling" in refused.stderr
        assert client(folder.operator, "kms").list_keys()["Keys"] == []


PUBLISHED = """
resource "aws_iam_role" "kms_admin_role" {
  for_each           = toset(["kms_admin_role"])
  name               = "%s"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { AWS = "arn:aws:iam::%s:root" }, Action = "sts:AssumeRole" }] })
}

resource "aws_iam_policy" "kms_management_policy" {
  for_each = toset(["kms_policy"])
  name     = "%s"
  policy   = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "kms:*", Resource = "*" }] })
}

resource "aws_iam_role_policy_attachment" "kms_management_attachment" {
  for_each   = toset(["kms_attachment"])
  role       = aws_iam_role.kms_admin_role["kms_admin_role"].name
  policy_arn = aws_iam_policy.kms_management_policy["kms_policy"].arn
}
"""


@pytest.mark.parametrize("case", ["least", "everything on", "grants"])
def test_what_is_exported_is_imported(folder, case):
    folder.write(EXCHANGED[case])
    folder.keywright_applies()
    count = len(managed(folder.state))
    exported = Folder(folder.path / "exported", folder.program, folder.terraform_program, folder.operator)
    run(folder.program, folder.operator, "export", "terraform", str(folder.path), "--out", str(exported.path))
    exported.terraform("get")
    told = exported.terraform_finds(SOMETHING_CHANGES)
    assert f"Plan: {count} to import, 0 to add, " in told and ", 0 to destroy." in told, told
    exported.terraform_applies()
    exported.terraform_finds(NOTHING_CHANGES)
    exported.keywright_finds(NOTHING_CHANGES)
    assert forms(exported.state) == forms(folder.state)


def managed(state):
    return [it for it in state["resources"] if it["mode"] == "managed"]


def attributes(state, kind):
    """The attributes of the first resource of that kind."""
    return next(it for it in managed(state) if it["type"] == kind)["instances"][0]["attributes"]


def forms(state):
    """What a state tells of each instance but the values: where it stands, and the names and versions of its attributes."""
    return {
        (it["type"], it["name"], instance.get("index_key")): (
            it["provider"],
            instance["schema_version"],
            sorted(instance["attributes"]),
            instance.get("sensitive_attributes", []),
        )
        for it in managed(state)
        for instance in it["instances"]
    }


def standing(folder, key):
    return client(folder.operator, "kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
