"""Starts `keywright local` once, and gives tests clients of it: boto3, the AWS CLI and Terraform."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import boto3
import botocore.config
import pytest

ACCOUNT = "111122223333"
REGION = "eu-west-1"
REPLICA_REGION = "us-east-1"
ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = ROOT / "modules" / "kms"


def pytest_addoption(parser):
    parser.addoption("--keywright", required=True, help="the program under test")
    parser.addoption("--provider", help="the provider that Terraform uses in place of hashicorp/aws")


def pytest_terminal_summary(terminalreporter, config):
    if terraform := Terraform.found(config):
        terminalreporter.write_line(f"Terraform: {terraform.version()} was run")
    else:
        terminalreporter.write_line("Terraform: NOT RUN, there is none on this machine; its recorded answers were checked")


@pytest.fixture(scope="session")
def program(request):
    return str(pathlib.Path(request.config.getoption("--keywright")).resolve())


@pytest.fixture(scope="session")
def server(program, tmp_path_factory):
    """The endpoint of a running `keywright local`, and the operator's credentials that it prints."""
    with serving(program, tmp_path_factory.mktemp("aws")) as started:
        yield started


@contextlib.contextmanager
def serving(program, data):
    """A running `keywright local`: what it says of itself."""
    process = subprocess.Popen(
        [program, "local", "--port", "0", "--data-dir", str(data), "--account", ACCOUNT, "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    started = json.loads(process.stdout.readline())
    started["operator"] = {name: started["operator"][name] for name in ("access_key_id", "secret_access_key")}
    try:
        yield started
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


@pytest.fixture(scope="session")
def endpoint(server):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server["endpoint"])
    return server["endpoint"]


@pytest.fixture(scope="session")
def root_environment(endpoint):
    """The environment of a person who is the root user of the account."""
    return environment(endpoint, ACCOUNT, "test")


@pytest.fixture(scope="session")
def operator_environment(server, endpoint):
    return environment(endpoint, **server["operator"])


def environment(endpoint, access_key_id, secret_access_key):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_PAGER": "",
    }


def client(environment, service, region=REGION):
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        config=botocore.config.Config(retries={"max_attempts": 1}),
    )


def aws(environment, *arguments):
    """Runs the AWS CLI and gives its answer; fails with what the CLI said."""
    done = subprocess.run(
        [sys.executable, "-m", "awscli", *arguments, "--output", "json"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="session")
def applied(program, operator_environment, tmp_path_factory):
    """The README's example, applied by `keywright` to the server over HTTP. Gives its outputs."""
    import shutil

    folder = tmp_path_factory.mktemp("complete")
    shutil.copytree(ROOT / "examples" / "complete", folder, dirs_exist_ok=True)
    make_what_the_example_names(operator_environment)
    run(program, operator_environment, "apply", str(folder), "--auto-approve")
    outputs = json.loads(run(program, operator_environment, "output", str(folder), "--module", "kms", "--json"))
    return {"folder": str(folder), **{name: output["value"] for name, output in outputs.items()}}


def make_what_the_example_names(environment):
    client(environment, "sns").create_topic(Name="cloudwatch-alarms")
    client(environment, "logs").create_log_group(logGroupName="/aws/cloudtrail/management-events")


def run(program, environment, *arguments):
    done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def terraform(request):
    return Terraform.found(request.config) or Terraform(None, None)


class Terraform:
    """The program, with our provider in place of `hashicorp/aws`. Without a program: nothing can be run."""

    def __init__(self, program, provider):
        self.program = program
        self.provider = provider

    @classmethod
    def found(cls, config):
        program, provider = shutil.which("terraform"), config.getoption("--provider")
        return cls(program, pathlib.Path(provider).resolve()) if program and provider else None

    def required(self):
        if not self.program:
            pytest.skip("NOT RUN: no terraform on this machine")

    def version(self):
        told = subprocess.run([self.program, "version", "-json"], check=True, capture_output=True, text=True)
        return json.loads(told.stdout)["terraform_version"]

    def run(self, folder, environment, *arguments, check=True):
        configuration = folder / "dev.tfrc"
        configuration.write_text(
            f'provider_installation {{\n  dev_overrides {{ "hashicorp/aws" = "{self.provider.parent}" }}\n  direct {{}}\n}}\n'
        )
        done = subprocess.run(
            [self.program, *arguments],
            cwd=folder,
            env={**environment, "TF_CLI_CONFIG_FILE": str(configuration), "CHECKPOINT_DISABLE": "1"},
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def shown(self, folder, environment, plan):
        return json.loads(self.run(folder, environment, "show", "-json", plan).stdout)


class Record:
    """Answers by case, kept in a file: what occurs more than once stands there once, under its hash."""

    def __init__(self, path):
        self.path = path
        self.renewed = {} if os.environ.get("KEYWRIGHT_RECORD") else None
        self.kept = json.loads(path.read_text()) if path.exists() else {"cases": {}, "parts": {}}

    def checked(self, case, answer):
        if self.renewed is not None:
            self.renewed[case] = answer
        else:
            assert answer == self.recalled(case), "the record is not what Terraform says: record anew with KEYWRIGHT_RECORD=1"
        return answer

    def recalled(self, case):
        return (self.renewed or {}).get(case) or self._unpacked(self.kept["cases"][case])

    def close(self):
        if self.renewed:
            parts = {}
            answers = {case: self.recalled(case) for case in self.kept["cases"]} | self.renewed
            cases = {case: self._packed(answer, parts) for case, answer in sorted(answers.items())}
            self.path.parent.mkdir(exist_ok=True)
            kept = {"cases": cases, "parts": dict(sorted(parts.items()))}
            self.path.write_text(json.dumps(kept, ensure_ascii=False, indent=0) + "\n")

    def _packed(self, value, parts):
        if isinstance(value, dict):
            value = {key: self._packed(member, parts) for key, member in value.items()}
        elif isinstance(value, list):
            value = [self._packed(member, parts) for member in value]
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, (dict, list)) and len(text) > 60:
            name = hashlib.sha256(text.encode()).hexdigest()[:12]
            parts[name] = value
            return {"@": name}
        return value

    def _unpacked(self, value):
        if isinstance(value, dict):
            if set(value) == {"@"}:
                return self._unpacked(self.kept["parts"][value["@"]])
            return {key: self._unpacked(member) for key, member in value.items()}
        return [self._unpacked(member) for member in value] if isinstance(value, list) else value
