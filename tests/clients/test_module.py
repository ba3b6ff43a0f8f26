"""The module in Terraform's language beside keywright: the same inputs give the same plan, and both refuse the same.

Where `terraform` is installed, it is asked, with the provider of `crates/terraform-provider` against the embedded AWS; what it answers must
also be what is recorded. Elsewhere its recorded answers are taken. `KEYWRIGHT_RECORD=1` records them anew.
"""

import json
import re
import shutil
import subprocess

import pytest

from conftest import MODULE, REGION, ROOT, Record, client, environment, serving
from module_inputs import BASE, OPERATOR, RIGHT, WRONG, configuration
from terraform_plans import differences, told


def test_its_inputs_are_those_of_keywright(program):
    schema = json.loads(subprocess.run([program, "schema"], check=True, capture_output=True, text=True).stdout)
    inputs = set(schema["properties"]) - {"$schema", "name"}
    text = (MODULE / "variables.tf").read_text()
    assert set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE)) == inputs
    required = {name for name, body in re.findall(r'^variable "(\w+)" \{(.*?)^\}', text, re.M | re.S) if " default " not in body}
    assert required == set(schema["required"])


def test_it_is_formatted(terraform):
    terraform.required()
    for folder in [MODULE, ROOT / "examples"]:
        subprocess.run([terraform.program, "fmt", "-check", "-recursive", str(folder)], check=True)


@pytest.fixture(scope="module")
def record():
    record = Record(ROOT / "conformance" / "terraform" / "answers.json")
    yield record
    record.close()


@pytest.fixture(scope="module")
def folder(program, terraform, tmp_path_factory):
    """A folder in which one case after the other is planned, and the environment of whoever plans there."""
    folder = tmp_path_factory.mktemp("module")
    with serving(program, tmp_path_factory.mktemp("module-aws")) as started:
        operator = environment(started["endpoint"], **started["operator"])
        # The module checks that it is there, and does not make it.
        client(operator, "iam").create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
        (folder / "main.tf").write_text(configuration({}, MODULE))
        if terraform.program:
            terraform.run(folder, operator, "get")
        yield folder, operator


def answer(terraform, record, folder, operator, case):
    """What Terraform says to the inputs, run or recorded."""
    if not terraform.program:
        return record.recalled(case)
    planned = terraform.run(folder, operator, "plan", "-json", "-input=false", "-out=tfplan", check=False)
    said = refusals(planned.stdout) if planned.returncode else told(terraform.shown(folder, operator, "tfplan"))
    return record.checked(case, said)


def refusals(lines):
    """The inputs that are called wrong, by name."""
    diagnostics = [json.loads(line).get("diagnostic") for line in lines.splitlines()]
    text = " ".join(it["summary"] + it["detail"] for it in diagnostics if it and it["severity"] == "error")
    names = {name for inputs in [BASE, *RIGHT.values(), *WRONG.values()] for name in inputs}
    return {"refused": sorted(names & set(re.findall(r"\w+", text)))}


@pytest.mark.parametrize("case", RIGHT)
def test_both_plan_the_same(program, terraform, record, folder, case):
    folder, operator = folder
    (folder / "main.tf").write_text(configuration(RIGHT[case], MODULE))
    theirs = answer(terraform, record, folder, operator, case)
    ours = keywright(program, folder, operator, RIGHT[case])
    assert ours.returncode == 0, ours.stderr + ours.stdout
    assert list(differences(theirs, told(json.loads(ours.stdout)))) == []


@pytest.mark.parametrize("case", WRONG)
def test_both_refuse(program, terraform, record, folder, case):
    folder, operator = folder
    (folder / "main.tf").write_text(configuration(WRONG[case], MODULE))
    theirs = answer(terraform, record, folder, operator, case)
    assert "refused" in theirs, "Terraform plans it"
    ours = keywright(program, folder, operator, WRONG[case])
    assert ours.returncode == 1, "keywright plans it"
    errors = [it for it in json.loads(ours.stdout)["diagnostics"] if it["severity"] == "error"]
    # What is the matter with them is worded at more length there.
    assert set(theirs["refused"]) & set(re.findall(r"\w+", json.dumps(errors))), (theirs, errors)


@pytest.mark.parametrize("example", ["complete", "dev", "stage", "prod"])
def test_both_read_the_examples(program, terraform, folder, tmp_path, example):
    """With root off the module asks that whoever runs Terraform be named, which the examples leave to keywright."""
    terraform.required()
    _, operator = folder
    (tmp_path / "modules").symlink_to(MODULE.parent)
    (tmp_path / "examples").mkdir()
    ours = tmp_path / "examples" / example
    shutil.copytree(ROOT / "examples" / example, ours, ignore=shutil.ignore_patterns(".*"))
    terraform.run(ours, operator, "get")
    terraform.run(ours, operator, "validate")
    text = (ours / "main.tf").read_text()
    if re.search(r"kms_root_access += false", text):
        refused = terraform.run(ours, operator, "plan", "-input=false", "-no-color", check=False)
        assert refused.returncode == 1 and refused.stderr.count("Error:") == 1 and "must be named by the" in refused.stderr
        named = re.sub(r"(kms_root_access += false\n)", rf'\1  key_administrators = ["{OPERATOR}"]\n', text)
        (ours / "main.tf").write_text(named)
    terraform.run(ours, operator, "plan", "-input=false", "-out=tfplan")
    mine = keywright(program, ours, operator, {})
    assert mine.returncode == 0, mine.stdout
    assert list(differences(told(terraform.shown(ours, operator, "tfplan")), told(json.loads(mine.stdout)))) == []


def test_a_plan_that_differs_is_found(record):
    """That the two above can fail."""
    for case in ["least", "everything on"]:
        plan = record.recalled(case)
        changed = json.loads(json.dumps(plan).replace('"kms:Decrypt"', '"kms:Encrypt"', 1))
        assert list(differences(plan, plan)) == []
        assert len(list(differences(plan, changed))) == 1
        fewer = {**plan, "resources": dict(list(plan["resources"].items())[1:])}
        assert list(differences(plan, fewer))


def keywright(program, folder, operator, inputs):
    """Its plan. The operator is of one partition: elsewhere the embedded AWS in the folder takes the caller for its own."""
    elsewhere = [] if inputs.get("aws_region", REGION) == REGION else ["--local"]
    return subprocess.run(
        [program, "plan", ".", "--json", *elsewhere], cwd=folder, env=operator, capture_output=True, text=True
    )
