"""What planning and applying cost, side by side on the same embedded AWS: by keywright, by Terraform with the stand-in provider, and by Terraform with
the real provider 3.39.0 on the resources that it knows.

    python tests/clients/side_by_side.py --keywright target/release/keywright --provider target/release/terraform-provider-aws [--runs 5]

A figure is the median of the runs, with the smallest and the largest beside it. Memory is the peak of the whole process tree, summed. Calls are counted by the embedded
AWS's CloudTrail. Compare within one run only.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

from conftest import MODULE, REGION, REPLICA_REGION, Terraform, client, environment, serving
from module_inputs import GRANT, OPERATOR, SETTINGS, configuration
from test_witness import Real, prepare_mirror

INPUTS = {**SETTINGS["everything on"], "grants": {"app": {**GRANT, "grantee_principal": OPERATOR}}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keywright", required=True)
    parser.add_argument("--provider", required=True)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    keywright = str(pathlib.Path(options.keywright).resolve())
    terraform = Terraform(shutil.which("terraform"), pathlib.Path(options.provider).resolve())
    if not terraform.program:
        raise SystemExit("NOT RUN: no terraform on this machine")
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.runs):
            for name, side in sides(keywright, terraform, prepare_mirror()).items():
                path = pathlib.Path(folder) / f"{name}-{number}"
                path.mkdir()
                with serving(keywright, path / "aws") as started:
                    operator = environment(started["endpoint"], **started["operator"])
                    make_what_is_named(operator)
                    for what, command in side(path, operator).items():
                        measured.setdefault((name, what), []).append(measure(command, operator))
    tell(measured)


def sides(keywright, terraform, mirror):
    """How each of them plans from nothing, applies, and plans again: its commands, in a folder that is ready."""

    def by_keywright(path, operator):
        (path / "main.tf").write_text(configuration(INPUTS, MODULE))
        return commands(path, {}, [keywright, "plan", str(path)], [keywright, "apply", str(path), "--auto-approve"])

    def by_stand_in(path, operator):
        (path / "main.tf").write_text(configuration(INPUTS, MODULE))
        terraform.run(path, operator, "get")
        return terraform_commands(path, path / "dev.tfrc")

    def by_real_provider(path, operator):
        Real(path, "acme", terraform.program, mirror, operator)
        return terraform_commands(path, path / "mirror.tfrc")

    def terraform_commands(path, configuration):
        more = {"TF_CLI_CONFIG_FILE": str(configuration), "CHECKPOINT_DISABLE": "1"}
        plan = [terraform.program, "plan", "-input=false"]
        return commands(path, more, plan, [terraform.program, "apply", "-input=false", "-auto-approve"])

    def commands(path, more, plan, apply):
        return {
            "plan of all": (plan, path, more),
            "apply of all": (apply, path, more),
            "plan without changes": (plan, path, more),
        }

    return {
        "keywright": by_keywright,
        "Terraform, stand-in": by_stand_in,
        "Terraform, 3.39.0 (8 resources)": by_real_provider,
    }


def make_what_is_named(operator):
    client(operator, "iam").create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    client(operator, "logs").create_log_group(logGroupName="/aws/cloudtrail/management-events")
    for region in [REGION, REPLICA_REGION]:
        client(operator, "sns", region).create_topic(Name="alarms")


def measure(command, operator):
    """Seconds, megabytes of the process tree, and calls."""
    arguments, path, more = command
    before = calls(operator)
    start = time.monotonic()
    process = subprocess.Popen(
        arguments, cwd=path, env={**operator, **more}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    peak = Peak(process.pid)
    _, complaint = process.communicate()
    seconds = time.monotonic() - start
    assert process.returncode == 0, complaint
    return seconds, peak.stop() / 2**20, calls(operator) - before


class Peak:
    """The most memory that a process and its descendants held at once, looked at every few milliseconds."""

    def __init__(self, pid):
        self.pid, self.most, self.over = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.over.wait(0.005):
            self.most = max(self.most, sum(resident(pid) for pid in tree(self.pid)))

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.most


def tree(pid):
    yield pid
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for task in os.listdir(f"/proc/{pid}/task"):
            if task != str(pid):
                children += pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield from tree(int(child))


def resident(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def calls(operator):
    """The calls so far in both Regions, but for the question itself."""
    count = 0
    for region in [REGION, REPLICA_REGION]:
        pages = client(operator, "cloudtrail", region).get_paginator("lookup_events").paginate()
        count += sum(event["EventName"] != "LookupEvents" for page in pages for event in page["Events"])
    return count


def tell(measured):
    print(f"{'':34}{'':24}{'seconds':>24}{'MiB':>20}{'AWS calls':>12}")
    for (name, what), runs in measured.items():
        seconds, memory, called = zip(*runs)
        spread = f"{statistics.median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})"
        memory = f"{statistics.median(memory):.0f} ({min(memory):.0f}–{max(memory):.0f})"
        print(f"{name:34}{what:24}{spread:>24}{memory:>20}{statistics.median(called):>12.0f}")


if __name__ == "__main__":
    main()
