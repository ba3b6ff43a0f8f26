"""Real AWS clients against the embedded AWS: the README's commands, and the life of a ciphertext."""

import datetime
import json

import botocore.exceptions
import pytest

from conftest import ACCOUNT, REGION, REPLICA_REGION, aws, client, run


def admin_environment(environment, role):
    session = client(environment, "sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        **environment,
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }


@pytest.fixture(scope="session")
def admin(operator_environment, applied):
    return admin_environment(operator_environment, applied["kms_management_role_arn"])


# --- the commands of the module README, 15.12 ---------------------------------------------------


def test_list_keys_names_the_key(operator_environment, applied):
    keys = aws(operator_environment, "kms", "list-keys")["Keys"]
    assert {"KeyId": applied["kms_key_id"], "KeyArn": applied["kms_key_arn"]} in keys


def test_describe_key_shows_an_enabled_multi_region_primary(admin, applied):
    key = aws(admin, "kms", "describe-key", "--key-id", applied["kms_key_id"])["KeyMetadata"]
    assert key["Arn"] == applied["kms_key_arn"]
    assert key["KeyState"] == "Enabled" and key["Enabled"] is True
    assert key["MultiRegion"] is True
    configuration = key["MultiRegionConfiguration"]
    assert configuration["MultiRegionKeyType"] == "PRIMARY"
    assert [replica["Region"] for replica in configuration["ReplicaKeys"]] == [REPLICA_REGION]


def test_get_key_policy_shows_no_root_and_the_admin_role(admin, applied):
    answer = aws(admin, "kms", "get-key-policy", "--key-id", applied["kms_key_id"], "--policy-name", "default")
    policy = json.loads(answer["Policy"])
    sids = {statement["Sid"] for statement in policy["Statement"]}
    assert "EnableIAMUserPermissions" not in sids
    assert "AllowKMSAdminRoleKeyManagement" in sids
    assert f"arn:aws:iam::{ACCOUNT}:root" not in answer["Policy"]


def test_list_grants_shows_the_grant_of_the_replication_role(admin, applied):
    grants = aws(admin, "kms", "list-grants", "--key-id", applied["kms_key_id"])["Grants"]
    assert [sorted(grant["Operations"]) for grant in grants] == [["Decrypt", "DescribeKey"]]
    replica = aws(
        admin, "kms", "list-grants", "--key-id", applied["kms_replica_key_arn"], "--region", REPLICA_REGION
    )["Grants"]
    assert [grant["Name"] for grant in replica] == ["S3ReplicationGrant"]
    assert replica[0]["GranteePrincipal"] == applied["s3_replication_role_arn"]
    assert sorted(replica[0]["Operations"]) == ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"]


def test_describe_alarms_by_prefix_and_by_name(operator_environment, applied):
    name = applied["kms_decrypt_alarm_arn"].rsplit(":", 1)[1]
    by_name = aws(operator_environment, "cloudwatch", "describe-alarms", "--alarm-names", name)["MetricAlarms"]
    assert [alarm["AlarmArn"] for alarm in by_name] == [applied["kms_decrypt_alarm_arn"]]
    alarm = by_name[0]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/KMS", "SuccessfulRequest")
    assert {"Name": "KeyArn", "Value": applied["kms_key_arn"]} in alarm["Dimensions"]
    assert {"Name": "Operation", "Value": "Decrypt"} in alarm["Dimensions"]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (300, 3, 2)
    none = aws(operator_environment, "cloudwatch", "describe-alarms", "--alarm-name-prefix", "kms")["MetricAlarms"]
    prefix = name.split("-kms-")[0]
    some = aws(operator_environment, "cloudwatch", "describe-alarms", "--alarm-name-prefix", prefix)["MetricAlarms"]
    assert none == []
    assert name in [alarm["AlarmName"] for alarm in some]


def test_get_metric_statistics_of_what_kms_does_not_publish_is_empty(operator_environment, applied):
    answer = aws(
        operator_environment, "cloudwatch", "get-metric-statistics", "--namespace", "AWS/KMS",
        "--metric-name", "DecryptCount", "--dimensions", f"Name=KeyId,Value={applied['kms_key_id']}",
        "--statistics", "Sum", "--period", "300", "--start-time", "2026-01-01T00:00:00Z",
        "--end-time", "2026-01-02T00:00:00Z",
    )
    assert answer == {"Label": "DecryptCount", "Datapoints": []}


def test_list_subscriptions_by_topic(operator_environment, applied):
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:cloudwatch-alarms"
    sns = client(operator_environment, "sns")
    made = sns.subscribe(
        TopicArn=topic, Protocol="email", Endpoint="oncall@example.com", ReturnSubscriptionArn=True
    )
    answer = aws(operator_environment, "sns", "list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"]
    assert [(each["Protocol"], each["Endpoint"], each["TopicArn"]) for each in answer] == [
        ("email", "oncall@example.com", topic)
    ]
    assert made["SubscriptionArn"].startswith(topic)


# --- metrics and alarms ---------------------------------------------------------------------------


def test_metrics_are_published_listed_and_read_back(operator_environment):
    cloudwatch = client(operator_environment, "cloudwatch")
    now = datetime.datetime.now(datetime.timezone.utc)
    dimensions = [{"Name": "Operation", "Value": "Decrypt"}]
    cloudwatch.put_metric_data(Namespace="Clients", MetricData=[
        {"MetricName": "Requests", "Dimensions": dimensions, "Timestamp": now, "Values": [1.0, 3.0], "Counts": [2.0, 1.0]},
        {"MetricName": "Requests", "Dimensions": dimensions, "Timestamp": now, "Value": 5.0},
    ])
    listed = cloudwatch.list_metrics(Namespace="Clients")["Metrics"]
    assert listed == [{"Namespace": "Clients", "MetricName": "Requests", "Dimensions": dimensions}]
    since, until = now - datetime.timedelta(minutes=5), now + datetime.timedelta(minutes=5)
    points = cloudwatch.get_metric_statistics(
        Namespace="Clients", MetricName="Requests", Dimensions=dimensions, Period=60, Statistics=["Sum", "SampleCount"],
        StartTime=since, EndTime=until,
    )["Datapoints"]
    assert [(point["Sum"], point["SampleCount"]) for point in points] == [(10.0, 4.0)]
    stat = {"Metric": {"Namespace": "Clients", "MetricName": "Requests", "Dimensions": dimensions}, "Period": 60, "Stat": "p50"}
    results = cloudwatch.get_metric_data(
        StartTime=since, EndTime=until, MetricDataQueries=[{"Id": "middle", "MetricStat": stat}]
    )["MetricDataResults"]
    assert [(result["Id"], result["Values"]) for result in results] == [("middle", [1.0])]
    said = aws(
        operator_environment, "cloudwatch", "get-metric-statistics", "--namespace", "Clients", "--metric-name", "Requests",
        "--dimensions", "Name=Operation,Value=Decrypt", "--statistics", "Maximum", "--period", "60",
        "--start-time", since.isoformat(), "--end-time", until.isoformat(),
    )
    assert [point["Maximum"] for point in said["Datapoints"]] == [5.0]
    refused("InvalidParameterValue", cloudwatch.put_metric_data, Namespace="AWS/KMS", MetricData=[
        {"MetricName": "SuccessfulRequest", "Value": 1.0}
    ])


def test_a_state_that_is_set_stands_in_the_history(operator_environment):
    cloudwatch = client(operator_environment, "cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="clients", Namespace="Clients", MetricName="Nothing", Statistic="Sum", Period=300, EvaluationPeriods=1,
        Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
    )
    aws(operator_environment, "cloudwatch", "set-alarm-state", "--alarm-name", "clients", "--state-value", "ALARM",
        "--state-reason", "trying")
    items = cloudwatch.describe_alarm_history(AlarmName="clients", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in items][:2] == [
        'Alarm "clients" created', "Alarm updated from INSUFFICIENT_DATA to ALARM",
    ]
    assert json.loads(items[1]["HistoryData"])["newState"]["stateReason"] == "trying"
    refused("ResourceNotFound", cloudwatch.set_alarm_state, AlarmName="gone", StateValue="OK", StateReason="x")


# --- a round trip, with each neighbour that is refused -------------------------------------------


@pytest.fixture(scope="session")
def own_key(operator_environment):
    return client(operator_environment, "kms").create_key(MultiRegion=True)["KeyMetadata"]


def refused(code, call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"]["Message"]


def test_a_ciphertext_opens_with_its_context_and_with_no_other(operator_environment, own_key):
    kms = client(operator_environment, "kms")
    sealed = kms.encrypt(KeyId=own_key["KeyId"], Plaintext=b"attack at dawn", EncryptionContext={"ab": "c"})
    opened = kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"ab": "c"})
    assert opened["Plaintext"] == b"attack at dawn"
    assert opened["KeyId"] == own_key["Arn"]
    blob = sealed["CiphertextBlob"]
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob, EncryptionContext={"a": "bc"})
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1]), EncryptionContext={"ab": "c"})


def test_a_multi_region_ciphertext_opens_in_the_other_region(operator_environment, own_key):
    kms = client(operator_environment, "kms")
    kms.replicate_key(KeyId=own_key["KeyId"], ReplicaRegion=REPLICA_REGION)
    blob = kms.encrypt(KeyId=own_key["KeyId"], Plaintext=b"twice")["CiphertextBlob"]
    there = client(operator_environment, "kms", REPLICA_REGION)
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"twice"
    elsewhere = client(operator_environment, "kms", "eu-north-1")
    refused("AccessDeniedException", elsewhere.decrypt, CiphertextBlob=blob)


def test_a_data_key_is_what_its_ciphertext_holds(operator_environment, own_key):
    kms = client(operator_environment, "kms")
    data_key = kms.generate_data_key(KeyId=own_key["KeyId"], KeySpec="AES_256")
    assert len(data_key["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]


def test_a_policy_that_locks_its_author_out_is_refused_and_a_good_one_is_kept(operator_environment, own_key):
    kms = client(operator_environment, "kms")
    policy = json.loads(kms.get_key_policy(KeyId=own_key["KeyId"])["Policy"])
    locked = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:Decrypt", "Resource": "*"}
    ]})
    message = refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=own_key["KeyId"], Policy=locked)
    assert "will not allow you to update the key policy" in message
    policy["Statement"].append(
        {"Sid": "More", "Effect": "Deny", "Principal": "*", "Action": "kms:GenerateRandom", "Resource": "*"}
    )
    kms.put_key_policy(KeyId=own_key["KeyId"], Policy=json.dumps(policy))
    kept = json.loads(kms.get_key_policy(KeyId=own_key["KeyId"])["Policy"])
    assert [statement.get("Sid") for statement in kept["Statement"]][-1] == "More"


# --- root is gone --------------------------------------------------------------------------------


@pytest.mark.parametrize("region", [REGION, REPLICA_REGION])
def test_root_and_operator_are_denied_and_the_admin_role_is_not(
    region, root_environment, operator_environment, admin, applied
):
    key = applied["kms_key_id"]
    for environment in (root_environment, operator_environment):
        kms = client(environment, "kms", region)
        refused("AccessDeniedException", kms.describe_key, KeyId=key)
        refused("AccessDeniedException", kms.get_key_policy, KeyId=key)
        refused("AccessDeniedException", kms.put_key_policy, KeyId=key, Policy="{}")
        refused("AccessDeniedException", kms.encrypt, KeyId=key, Plaintext=b"x")
    kms = client(admin, "kms", region)
    policy = kms.get_key_policy(KeyId=key)["Policy"]
    kms.put_key_policy(KeyId=key, Policy=policy)
    refused("AccessDeniedException", kms.encrypt, KeyId=key, Plaintext=b"x")
    refused("AccessDeniedException", kms.generate_data_key, KeyId=key, KeySpec="AES_256")


def test_a_second_run_changes_nothing(program, operator_environment, applied):
    said = run(program, operator_environment, "plan", applied["folder"], "--detailed-exitcode")
    assert "No changes" in said


# --- who is not who they say they are ------------------------------------------------------------


def test_a_wrong_secret_and_an_unknown_key_are_refused(operator_environment):
    wrong = {**operator_environment, "AWS_SECRET_ACCESS_KEY": "wrong"}
    refused("InvalidSignatureException", client(wrong, "kms").list_keys)
    unknown = {**operator_environment, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
    refused("UnrecognizedClientException", client(unknown, "kms").list_keys)
    refused("InvalidClientTokenId", client(unknown, "sts").get_caller_identity)


def test_the_account_number_is_its_root_user(root_environment, operator_environment):
    root = client(root_environment, "sts").get_caller_identity()
    assert root["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    operator = client(operator_environment, "sts").get_caller_identity()
    assert operator["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/operator"


# --- CloudTrail ---------------------------------------------------------------------------------


def test_lookup_events_shows_a_decryption_with_its_key(operator_environment, own_key):
    kms = client(operator_environment, "kms")
    blob = kms.encrypt(KeyId=own_key["KeyId"], Plaintext=b"a secret", EncryptionContext={"App": "a"})["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob, EncryptionContext={"App": "a"})
    arn = own_key["Arn"]
    attribute = {"AttributeKey": "ResourceName", "AttributeValue": arn}
    pages = client(operator_environment, "cloudtrail").get_paginator("lookup_events")
    events = [event for page in pages.paginate(LookupAttributes=[attribute]) for event in page["Events"]]
    event = next(event for event in events if event["EventName"] == "Decrypt")
    assert (event["EventSource"], event["Username"], event["ReadOnly"]) == ("kms.amazonaws.com", "operator", "true")
    record = json.loads(event["CloudTrailEvent"])
    assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}]
    assert record["requestParameters"]["encryptionContext"] == {"App": "a"}
    assert record["userAgent"].startswith("Boto3/")
    by_cli = aws(
        operator_environment,
        *["cloudtrail", "lookup-events", "--lookup-attributes"],
        f"AttributeKey=EventId,AttributeValue={event['EventId']}",
    )["Events"]
    assert [found["EventId"] for found in by_cli] == [event["EventId"]]


def test_a_trail_brings_a_denied_call_to_its_log_group(operator_environment, own_key):
    iam, logs = client(operator_environment, "iam"), client(operator_environment, "logs")
    group = "/clients/trail"
    logs.create_log_group(logGroupName=group)
    statement = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = iam.create_role(RoleName="trail-to-logs", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    group_arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
    arguments = ["--name", "clients", "--s3-bucket-name", "a-bucket", "--is-multi-region-trail"]
    arguments += ["--cloud-watch-logs-log-group-arn", group_arn, "--cloud-watch-logs-role-arn", role]
    trail = client(operator_environment, "cloudtrail")
    refused(
        "InvalidCloudWatchLogsLogGroupArnException",
        trail.create_trail,
        Name="clients",
        S3BucketName="a-bucket",
        CloudWatchLogsLogGroupArn=group_arn,
        CloudWatchLogsRoleArn=role,
    )
    writes = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group_arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [writes]})
    iam.put_role_policy(RoleName="trail-to-logs", PolicyName="write", PolicyDocument=policy)
    made = aws(operator_environment, "cloudtrail", "create-trail", *arguments)
    assert made["TrailARN"] == f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/clients"
    aws(operator_environment, "cloudtrail", "start-logging", "--name", "clients")
    iam.create_user(UserName="nobody-at-all")
    key = iam.create_access_key(UserName="nobody-at-all")["AccessKey"]
    nobody = {
        **operator_environment,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    refused("AccessDeniedException", client(nobody, "kms").encrypt, KeyId=own_key["KeyId"], Plaintext=b"x")
    pattern = '{ ($.errorCode = "AccessDenied*") && ($.errorMessage = "*' + own_key["Arn"] + '*") }'
    found = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
    assert [json.loads(event["message"])["eventName"] for event in found] == ["Encrypt"]
    assert found[0]["logStreamName"] == f"{ACCOUNT}_CloudTrail_{REGION}"
    status = aws(operator_environment, "cloudtrail", "get-trail-status", "--name", "clients")
    assert status["IsLogging"] is True and "LatestCloudWatchLogsDeliveryTime" in status
    trail.delete_trail(Name="clients")
