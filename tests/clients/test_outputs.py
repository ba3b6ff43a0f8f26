"""Terraform writes the outputs of `conformance/inputs/outputs.json` as it stands there. The crate's tests hold keywright to it."""

import json
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GIVEN = json.loads((ROOT / "conformance" / "inputs" / "outputs.json").read_text())
CASES = GIVEN["cases"]
MARKS = GIVEN["marks"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The outputs of a state after one apply of all expressions."""
    terraform = shutil.which("terraform")
    if not terraform:
        pytest.skip("NOT RUN: no terraform on this machine")
    folder = tmp_path_factory.mktemp("outputs")
    blocks = [f'output "case{at}" {{\n  value = {case["expression"]}\n}}\n' for at, case in enumerate(CASES)]
    blocks += [f'output "mark{at}" {{\n  value = issensitive({mark["expression"]})\n}}\n' for at, mark in enumerate(MARKS)]
    blocks += [f'variable "{name}" {{\n  {body}\n}}\n' for name, body in GIVEN["variables"].items()]
    (folder / "main.tf").write_text("".join(blocks))
    for arguments in [["init", "-input=false"], ["apply", "-auto-approve", "-input=false", "-no-color"]]:
        done = subprocess.run([terraform, *arguments], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "terraform.tfstate").read_text())["outputs"]


@pytest.mark.parametrize("at", range(len(CASES)), ids=[case["expression"] for case in CASES])
def test_terraform_writes_it_so(written, at):
    case = CASES[at]
    # Terraform keeps no null among the root outputs.
    expected = None if case["value"] is None else {"value": case["value"], "type": case["type"]}
    assert written.get(f"case{at}") == expected


@pytest.mark.parametrize("at", range(len(MARKS)), ids=[mark["expression"] for mark in MARKS])
def test_terraform_marks_it_so(written, at):
    assert written[f"mark{at}"]["value"] == MARKS[at]["sensitive"]
