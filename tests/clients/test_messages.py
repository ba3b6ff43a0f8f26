"""SNS's messages over HTTP, as a subscriber in Python takes and verifies them, and the clock that is moved."""

import base64
import contextlib
import http.server
import json
import queue
import subprocess
import threading
import urllib.request

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from conftest import ACCOUNT, REGION, client, environment


def test_an_endpoint_confirms_and_gets_signed_messages_and_the_clock_is_moved(program):
    """A server of its own, whose clock stands in 2026 until it is moved."""
    with moved_server(program) as server, subscriber() as (url, taken):
        endpoint = server["endpoint"]
        sns = client(environment(endpoint, ACCOUNT, "test"), "sns")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)["SubscriptionArn"] == "pending confirmation"
        kind, asked = taken.get(timeout=30)
        assert (kind, asked["TopicArn"]) == ("SubscriptionConfirmation", topic)
        assert is_signed(asked, endpoint)
        assert TOPIC_SUBSCRIPTION in fetch(asked["SubscribeURL"])

        assert move_clock(endpoint, {"advance": "1d"}) == "2026-01-02T00:00:00Z"
        attributes = {"team": {"DataType": "String", "StringValue": "red"}}
        published = sns.publish(TopicArn=topic, Subject="Hello", Message="it rings", MessageAttributes=attributes)
        kind, notified = taken.get(timeout=30)
        assert (kind, notified["MessageId"]) == ("Notification", published["MessageId"])
        assert (notified["Subject"], notified["Message"]) == ("Hello", "it rings")
        assert notified["Timestamp"] == "2026-01-02T00:00:00.000Z"
        assert notified["MessageAttributes"] == {"team": {"Type": "String", "Value": "red"}}
        assert is_signed(notified, endpoint)
        assert not is_signed({**notified, "Message": "it does not"}, endpoint)

        entries = [{"Id": "a", "Message": "one"}, {"Id": "b", "Message": "two"}]
        batch = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        assert [entry["Id"] for entry in batch["Successful"]] == ["a", "b"]
        assert {taken.get(timeout=30)[1]["Message"] for _ in entries} == {"one", "two"}


TOPIC_SUBSCRIPTION = f"<SubscriptionArn>arn:aws:sns:{REGION}:{ACCOUNT}:alarms:"


@contextlib.contextmanager
def moved_server(program):
    arguments = [program, "local", "--port", "0", "--clock", "2026-01-01T00:00:00Z", "--json"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0


@contextlib.contextmanager
def subscriber():
    """An HTTP server that takes every message: its URL, and a queue of kinds and documents."""
    taken = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
            taken.put((self.headers["x-amz-sns-message-type"], json.loads(body)))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        server.server_close()


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def move_clock(endpoint, move):
    request = urllib.request.Request(
        f"{endpoint}/_keywright/clock", json.dumps(move).encode(), {"content-type": "application/json"}
    )
    return json.loads(fetch(request))["now"]


def is_signed(document, endpoint):
    """As the guide of SNS says, with the certificate that the document names, which must be the server's."""
    assert document["SigningCertURL"].startswith(f"{endpoint}/")
    certificate = x509.load_pem_x509_certificate(fetch(document["SigningCertURL"]).encode())
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
    signature = base64.b64decode(document["Signature"])
    try:
        certificate.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
