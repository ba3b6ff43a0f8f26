"""What a plan says, in a form in which two plans can be compared, and kept."""

import json

POLICIES = {"policy", "assume_role_policy", "kms_key_policy"}
# Terraform's sets: their order says nothing.
SETS = {"alarm_actions", "ok_actions", "insufficient_data_actions", "operations", "managed_policy_arns", "kms_alias_names"}


def told(plan):
    """Each managed resource, and each output, with its actions, its values and what is not known."""
    changes = [it for it in plan["resource_changes"] if it["mode"] == "managed"]
    return {
        "resources": {it["address"]: change(it["change"]) for it in changes},
        "outputs": {name: change(it) for name, it in plan.get("output_changes", {}).items()},
    }


def change(it):
    return {
        "actions": it["actions"],
        "after": plain(it.get("after")),
        "unknown": shape(it.get("after_unknown")),
    }


def plain(value, name=None):
    """Without what is written in several ways and means one thing."""
    if isinstance(value, dict):
        members = {key: plain(member, key) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in (None, [], {}) or member is False}
    if isinstance(value, list):
        members = [plain(member) for member in value]
        return sorted(members, key=json.dumps) if name in SETS else members
    if isinstance(value, str) and name in POLICIES:
        return meaning(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def shape(value):
    """What of `after_unknown` is not known: the rest of it only tells how values nest."""
    if isinstance(value, dict):
        members = {key: shape(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member}
    if isinstance(value, list):
        members = [shape(member) for member in value]
        return members if any(members) else []
    return value is True


def meaning(policy):
    """A policy without the order of its lists, and without the ways to write one value."""
    document = json.loads(policy)
    statements = [statement(it) for it in listed(document["Statement"])]
    return {"Version": document["Version"], "Statement": sorted(statements, key=json.dumps)}


def statement(it):
    principal = it.get("Principal", {})
    principal = principal if isinstance(principal, dict) else {"AWS": principal}
    return {
        "Sid": it.get("Sid"),
        "Effect": it["Effect"],
        "Principal": {kind: listed(names) for kind, names in sorted(principal.items())},
        "Action": listed(it["Action"]),
        "Resource": listed(it["Resource"]) if "Resource" in it else None,
        "Condition": {
            operator: {key: listed(values) for key, values in sorted(keys.items())}
            for operator, keys in sorted(it.get("Condition", {}).items())
        },
    }


def listed(value):
    return sorted(value, key=json.dumps) if isinstance(value, list) else [value]


def differences(left, right, path=""):
    """Where two plans differ, a line each."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from differences(left.get(key), right.get(key), f"{path}/{key}")
    elif left != right:
        yield f"{path}: {json.dumps(left, ensure_ascii=False)} / {json.dumps(right, ensure_ascii=False)}"
