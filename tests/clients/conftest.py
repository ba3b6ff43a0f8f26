"""Starts `keywright local` once, and gives tests clients of it: boto3 and the AWS CLI."""

import json
import os
import pathlib
import re
import subprocess
import sys

import boto3
import botocore.config
import pytest

ACCOUNT = "111122223333"
REGION = "eu-west-1"
REPLICA_REGION = "us-east-1"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--keywright", required=True, help="the program under test")


@pytest.fixture(scope="session")
def program(request):
    return str(pathlib.Path(request.config.getoption("--keywright")).resolve())


@pytest.fixture(scope="session")
def server(program, tmp_path_factory):
    """The endpoint of a running `keywright local`, and the operator's credentials that it prints."""
    data = tmp_path_factory.mktemp("aws")
    process = subprocess.Popen(
        [program, "local", "--port", "0", "--data-dir", str(data), "--account", ACCOUNT, "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    started = json.loads(process.stdout.readline())
    yield started
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
    operator = server["operator"]
    return environment(endpoint, operator["access_key_id"], operator["secret_access_key"])


def environment(endpoint, key_id, secret):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
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
