"""Real clients of S3 against the embedded AWS: boto3, the AWS CLI, and Terraform's lock on its state."""

import concurrent.futures
import json
import re
import shutil
import subprocess
import sys

import boto3
import botocore.config
import botocore.exceptions
import pytest

from conftest import REGION, REPLICA_REGION, aws, client


def s3(environment, region=REGION, style="path"):
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=botocore.config.Config(s3={"addressing_style": style}, retries={"max_attempts": 1}),
    )


def refused(code, call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response


def bucket(environment, name, region=REGION):
    at = s3(environment, region)
    constraint = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    at.create_bucket(Bucket=name, **constraint)
    return name


@pytest.fixture(scope="session")
def plain_bucket(operator_environment):
    return bucket(operator_environment, "plain-bucket")


@pytest.fixture(scope="session")
def key(operator_environment):
    return client(operator_environment, "kms").create_key()["KeyMetadata"]["Arn"]


# --- boto3 ---------------------------------------------------------------------------------------


def test_an_object_comes_back_with_what_was_said_of_it(operator_environment, plain_bucket):
    at = s3(operator_environment)
    name = "folder/ü +%&.txt"
    put = at.put_object(Bucket=plain_bucket, Key=name, Body=b"hello", ContentType="text/plain", Metadata={"who": "me"})
    assert put["ChecksumCRC32"], "boto3 sends a CRC32 of its own accord"
    got = at.get_object(Bucket=plain_bucket, Key=name)
    assert got["Body"].read() == b"hello"
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/plain", {"who": "me"}, put["ETag"])
    part = at.get_object(Bucket=plain_bucket, Key=name, Range="bytes=1-3")
    assert (part["Body"].read(), part["ContentRange"]) == (b"ell", "bytes 1-3/5")
    head = at.head_object(Bucket=plain_bucket, Key=name)
    assert (head["ContentLength"], head["ServerSideEncryption"]) == (5, "AES256")
    assert name in [each["Key"] for each in at.list_objects_v2(Bucket=plain_bucket)["Contents"]]
    refused("404", at.head_object, Bucket=plain_bucket, Key="missing")
    refused("NoSuchKey", at.get_object, Bucket=plain_bucket, Key="missing")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_a_checksum_goes_in_and_comes_out(operator_environment, plain_bucket, algorithm):
    at = s3(operator_environment)
    put = at.put_object(Bucket=plain_bucket, Key=algorithm, Body=b"x" * 100_000, ChecksumAlgorithm=algorithm)
    got = at.get_object(Bucket=plain_bucket, Key=algorithm, ChecksumMode="ENABLED")
    assert got["Body"].read() == b"x" * 100_000
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    wrong = {f"Checksum{algorithm}": put[f"Checksum{algorithm}"]}
    refused("BadDigest", at.put_object, Bucket=plain_bucket, Key=algorithm, Body=b"y", **wrong)


def test_the_bucket_may_stand_in_the_host(operator_environment, plain_bucket):
    local = {**operator_environment, "AWS_ENDPOINT_URL": operator_environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")}
    at = s3(local, style="virtual")
    try:
        at.put_object(Bucket=plain_bucket, Key="virtual", Body=b"x")
    except botocore.exceptions.EndpointConnectionError:
        pytest.skip("DID NOT RUN: this machine does not resolve names below localhost")
    assert s3(operator_environment).get_object(Bucket=plain_bucket, Key="virtual")["Body"].read() == b"x"


def test_a_bucket_of_another_region_is_found(operator_environment):
    bucket(operator_environment, "far-bucket", REPLICA_REGION)
    at = s3(operator_environment)
    at.put_object(Bucket="far-bucket", Key="k", Body=b"x")
    assert at.get_bucket_location(Bucket="far-bucket")["LocationConstraint"] is None
    assert s3(operator_environment, REPLICA_REGION).get_object(Bucket="far-bucket", Key="k")["Body"].read() == b"x"


def test_of_many_that_want_to_be_first_one_is(operator_environment, plain_bucket):
    def contend(number):
        try:
            s3(operator_environment).put_object(Bucket=plain_bucket, Key="lock", Body=str(number).encode(), IfNoneMatch="*")
            return number
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"
            return None

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = [number for number in pool.map(contend, range(8)) if number is not None]
    assert len(won) == 1
    at = s3(operator_environment)
    held = at.get_object(Bucket=plain_bucket, Key="lock")
    assert held["Body"].read() == str(won[0]).encode()
    refused("PreconditionFailed", at.delete_object, Bucket=plain_bucket, Key="lock", IfMatch='"0"')
    at.delete_object(Bucket=plain_bucket, Key="lock", IfMatch=held["ETag"])
    refused("NoSuchKey", at.delete_object, Bucket=plain_bucket, Key="lock", IfMatch="*")


def test_kms_has_a_part_in_what_the_bucket_encrypts(operator_environment, key):
    at = s3(operator_environment)
    name = bucket(operator_environment, "secret-bucket")
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    at.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    shown = at.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert shown == [rule]
    put = at.put_object(Bucket=name, Key="k", Body=b"secret")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == ("aws:kms", key, True)
    assert at.get_object(Bucket=name, Key="k")["Body"].read() == b"secret"
    client(operator_environment, "kms").disable_key(KeyId=key)
    refused("KMS.DisabledException", at.get_object, Bucket=name, Key="k")
    client(operator_environment, "kms").enable_key(KeyId=key)


def test_versions_policies_and_what_is_not_there(operator_environment):
    at = s3(operator_environment)
    name = bucket(operator_environment, "versioned-bucket")
    at.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    assert at.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    first = at.put_object(Bucket=name, Key="k", Body=b"1")["VersionId"]
    at.put_object(Bucket=name, Key="k", Body=b"2")
    assert at.delete_object(Bucket=name, Key="k")["DeleteMarker"] is True
    assert at.get_object(Bucket=name, Key="k", VersionId=first)["Body"].read() == b"1"
    versions = at.list_object_versions(Bucket=name)
    assert (len(versions["Versions"]), len(versions["DeleteMarkers"])) == (2, 1)
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObjectVersion", "Resource": f"arn:aws:s3:::{name}/*"}
    ]}
    at.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    assert json.loads(at.get_bucket_policy(Bucket=name)["Policy"]) == policy
    refused("AccessDenied", at.delete_object, Bucket=name, Key="k", VersionId=first)
    refused("NotImplemented", at.get_bucket_acl, Bucket=name)
    refused("NotImplemented", at.create_multipart_upload, Bucket=name, Key="k")
    refused("NotImplemented", at.put_object, Bucket=name, Key="k", Body=b"x", Tagging="a=b")


def test_a_replica_is_made_as_the_role(operator_environment, key):
    there = s3(operator_environment, REPLICA_REGION)
    here = s3(operator_environment)
    source = bucket(operator_environment, "origin-bucket")
    target = bucket(operator_environment, "replica-bucket", REPLICA_REGION)
    for at, name in ((here, source), (there, target)):
        at.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    replica_key = client(operator_environment, "kms", REPLICA_REGION).create_key()["KeyMetadata"]["Arn"]
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]}
    permissions = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"], "Resource": f"arn:aws:s3:::{source}"},
        {"Effect": "Allow", "Action": "s3:GetObjectVersionForReplication", "Resource": f"arn:aws:s3:::{source}/*"},
        {"Effect": "Allow", "Action": "s3:ReplicateObject", "Resource": f"arn:aws:s3:::{target}/*"},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key},
        {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": replica_key},
    ]}
    iam = client(operator_environment, "iam")
    role = iam.create_role(RoleName="replicator", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="replicator", PolicyName="p", PolicyDocument=json.dumps(permissions))
    here.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [{
        "ID": "all", "Priority": 1, "Filter": {"Prefix": ""}, "Status": "Enabled",
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{target}", "EncryptionConfiguration": {"ReplicaKmsKeyID": replica_key}},
    }]})
    here.put_object(Bucket=source, Key="k", Body=b"words", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    assert here.head_object(Bucket=source, Key="k")["ReplicationStatus"] == "COMPLETED"
    replica = there.get_object(Bucket=target, Key="k")
    assert (replica["Body"].read(), replica["ReplicationStatus"], replica["SSEKMSKeyId"]) == (b"words", "REPLICA", replica_key)


# --- the AWS CLI ---------------------------------------------------------------------------------


def test_the_cli_copies_lists_and_removes(operator_environment, tmp_path):
    name = bucket(operator_environment, "cli-bucket")
    there = tmp_path / "there.txt"
    there.write_text("from the shell\n")
    cli = lambda *arguments: subprocess.run(
        [sys.executable, "-m", "awscli", *arguments], env=operator_environment, capture_output=True, text=True, check=True
    ).stdout
    cli("s3", "cp", str(there), f"s3://{name}/folder/file.txt")
    assert re.search(r"15 folder/file\.txt", cli("s3", "ls", f"s3://{name}", "--recursive"))
    assert "PRE folder/" in cli("s3", "ls", f"s3://{name}")
    cli("s3", "cp", f"s3://{name}/folder/file.txt", f"s3://{name}/copy.txt")
    cli("s3", "cp", f"s3://{name}/copy.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_text() == "from the shell\n"
    put = aws(operator_environment, "s3api", "put-object", "--bucket", name, "--key", "k", "--body", str(there))
    assert put["ETag"] and put["ServerSideEncryption"] == "AES256"
    cli("s3", "rm", f"s3://{name}", "--recursive")
    cli("s3", "rb", f"s3://{name}")
    assert name not in cli("s3", "ls")


# --- Terraform -----------------------------------------------------------------------------------

BACKEND = """
terraform {{
  backend "s3" {{
    bucket                      = "{bucket}"
    key                         = "state"
    region                      = "{region}"
    use_lockfile                = true
    use_path_style              = true
    skip_requesting_account_id  = true
    endpoints                   = {{ s3 = "{endpoint}", sts = "{endpoint}" }}
  }}
}}
resource "terraform_data" "a" {{ input = "{value}" }}
"""


def test_terraform_keeps_its_state_and_holds_to_the_lock(operator_environment, tmp_path):
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("DID NOT RUN: terraform is not installed, so that its lock on S3 was not tested")
    name = bucket(operator_environment, "state-bucket")
    at = s3(operator_environment)

    def run(*arguments, value="one"):
        values = {"bucket": name, "region": REGION, "endpoint": operator_environment["AWS_ENDPOINT_URL"], "value": value}
        (tmp_path / "main.tf").write_text(BACKEND.format(**values))
        return subprocess.run(
            [terraform, f"-chdir={tmp_path}", *arguments, "-no-color"], env=operator_environment, capture_output=True, text=True
        )

    initialised = run("init", "-input=false")
    assert initialised.returncode == 0, initialised.stderr
    applied = run("apply", "-auto-approve", "-input=false")
    assert applied.returncode == 0, applied.stderr
    state = json.loads(at.get_object(Bucket=name, Key="state")["Body"].read())
    assert state["resources"][0]["type"] == "terraform_data"
    refused("404", at.head_object, Bucket=name, Key="state.tflock")

    lock = {"ID": "11111111-2222-3333-4444-555555555555", "Operation": "OperationTypeApply", "Info": "", "Who": "somebody@else",
            "Version": "1.11.4", "Created": "2026-01-02T03:04:05Z", "Path": f"{name}/state"}
    at.put_object(Bucket=name, Key="state.tflock", Body=json.dumps(lock).encode(), IfNoneMatch="*")
    locked = run("apply", "-auto-approve", "-input=false", "-lock-timeout=0s", value="two")
    assert locked.returncode != 0 and "somebody@else" in locked.stderr, locked.stderr
    assert at.get_object(Bucket=name, Key="state")["ETag"] and json.loads(
        at.get_object(Bucket=name, Key="state")["Body"].read()
    )["serial"] == state["serial"]
    unlocked = run("force-unlock", "-force", lock["ID"])
    assert unlocked.returncode == 0, unlocked.stderr
    again = run("apply", "-auto-approve", "-input=false", value="two")
    assert again.returncode == 0, again.stderr
