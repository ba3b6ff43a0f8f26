"""The schemas that the test provider serves, beside those of the real provider.

A package of the npm registry was generated from the schemas of hashicorp/aws 6.66.0, and says of each attribute and block its
name, its type, and whether it is required, optional or computed. It does not tell what is sensitive, nor a schema's version.
"""

import base64
import copy
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import tarfile
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "crates" / "terraform-provider" / "schema" / "aws.json").read_text())
AWS = SCHEMA["provider_schemas"]["registry.terraform.io/hashicorp/aws"]
PROVIDER_VERSION = "6.66.0"
PACKAGE = "https://registry.npmjs.org/@cdktn/provider-aws/-/provider-aws-25.7.0.tgz"
SHA512 = "E/nhu0yVZE4mXMgIPuI8tEFt1BExLkA7ARjihdG+/HmfDfzLr+OEF3dkFRvI6glRt30lrrBWQLwXqCJBxcmyUg=="

BLOCKS = {
    "provider": AWS["provider"]["block"],
    **{name: it["block"] for name, it in AWS["resource_schemas"].items()},
    **{f"data.{name}": it["block"] for name, it in AWS["data_source_schemas"].items()},
}


@pytest.mark.parametrize("name", BLOCKS)
def test_it_is_that_of_the_provider(sources, name):
    assert differences(name, BLOCKS[name], sources[name]) == []


ALARM = "aws_cloudwatch_metric_alarm"
COLOUR = {"colour": {"type": "string", "optional": True}}
CHANGES = {
    "a strange attribute": (ALARM, "colour", lambda it: it["attributes"].update(COLOUR)),
    "a missing attribute": (ALARM, "treat_missing_data", lambda it: it["attributes"].pop("treat_missing_data")),
    "a missing block": (ALARM, "warm_up_configuration", lambda it: it["block_types"].pop("warm_up_configuration")),
    "optional, not required": (
        "aws_kms_key_policy",
        "policy",
        lambda it: it["attributes"].update(policy={"type": "string", "optional": True}),
    ),
    "optional alone": ("aws_kms_key", "policy", lambda it: it["attributes"]["policy"].pop("computed")),
    "computed alone": ("aws_kms_key", "policy", lambda it: it["attributes"]["policy"].pop("optional")),
    "a text, not a number": (ALARM, "threshold", lambda it: it["attributes"]["threshold"].update(type="string")),
    "a list, not a set": (
        "aws_kms_grant",
        "operations",
        lambda it: it["attributes"]["operations"].update(type=["list", "string"]),
    ),
    "blocks in order": (ALARM, "metric_query", lambda it: it["block_types"]["metric_query"].update(nesting_mode="list")),
    "a block that must be": (
        "aws_iam_role",
        "inline_policy",
        lambda it: it["block_types"]["inline_policy"].update(min_items=1),
    ),
    "blocks, not one": (
        "aws_cloudwatch_log_metric_filter",
        "metric_transformation",
        lambda it: it["block_types"]["metric_transformation"].pop("max_items"),
    ),
    "a list of one block": (
        "aws_kms_key",
        "timeouts",
        lambda it: it["block_types"]["timeouts"].update(nesting_mode="list", max_items=1),
    ),
    "an attribute of a block of a block": (
        ALARM,
        "metric_query.metric.stat",
        lambda it: it["block_types"]["metric_query"]["block"]["block_types"]["metric"]["block"]["attributes"].pop("stat"),
    ),
    "a field of an object": (
        "data.aws_iam_role",
        "role_last_used.region",
        lambda it: it["attributes"]["role_last_used"]["type"][1][1].pop("region"),
    ),
    "a strange argument of the provider": ("provider", "colour", lambda it: it["attributes"].update(COLOUR)),
    "a strange endpoint": (
        "provider",
        "endpoints.colour",
        lambda it: it["block_types"]["endpoints"]["block"]["attributes"].update(COLOUR),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_schema_is_found(sources, change):
    name, path, make = CHANGES[change]
    changed = copy.deepcopy(BLOCKS[name])
    make(changed)
    found = differences(name, changed, sources[name])
    assert found and found[0].startswith(f"{name}.{path}: ")
    assert all(it.startswith(f"{name}.{path}") for it in found)


def test_there_is_one_for_each_type_of_the_module():
    module = "".join(file.read_text() for file in (ROOT / "modules" / "kms").glob("*.tf"))
    used = re.findall(r'^(resource|data) "(\w+)"', module, re.M)
    assert {f"data.{name}" if kind == "data" else name for kind, name in used} == set(BLOCKS) - {"provider"}


def test_another_package_is_refused_and_not_kept(tmp_path):
    (tmp_path / "other.tgz").write_bytes(b"other")
    with pytest.raises(ValueError, match="not the package"):
        package((tmp_path / "other.tgz").as_uri(), tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_without_the_package_it_says_that_it_did_not_run(tmp_path):
    (tmp_path / "provider-aws-25.7.0.tgz").write_bytes(b"cut off")
    with pytest.raises(pytest.skip.Exception, match="NOT RUN"):
        package((tmp_path / "none.tgz").as_uri(), tmp_path)


def differences(name, block, source):
    ours, theirs = dict(told(block)), dict(read(source))
    if name == "provider":
        # Of its many arguments the test provider takes some.
        theirs = {path: it for path, it in theirs.items() if path in ours}
    assert theirs, f"nothing of {name} was found in the package"
    return [
        f"{name}.{path}: ours is {ours.get(path, 'missing')}, the provider's is {theirs.get(path, 'missing')}"
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]


def told(block, above=""):
    """Each attribute and block of a schema of Terraform's: its path, and what it is."""
    for name, it in block.get("attributes", {}).items():
        presence = " ".join(word for word in ["required", "optional", "computed"] if it.get(word))
        yield from told_type(above + name, presence, it["type"])
    for name, it in block.get("block_types", {}).items():
        presence = "required" if it.get("min_items") else "optional"
        single = it["nesting_mode"] == "single" or it.get("max_items") == 1
        yield above + name, block_words(presence, it["nesting_mode"], single)
        yield from told(it["block"], f"{above}{name}.")


def told_type(path, presence, kind):
    if isinstance(kind, str):
        yield path, f"{presence} {kind}"
    elif isinstance(kind[1], str):
        yield path, f"{presence} {kind[0]} of {kind[1]}"
    else:
        yield path, f"{presence} {kind[0]} of objects"
        for name, field in kind[1][1].items():
            yield from told_type(f"{path}.{name}", presence, field)


def block_words(presence, nesting, single):
    return f"{presence} {nesting} of blocks, {'at most one' if single else 'any number'}"


def read(source):
    """The same, of a TypeScript source of the package."""
    assert f"/hashicorp/aws/{PROVIDER_VERSION}/docs" in source
    name = re.search(r"^export class (\w+) extends cdktn\.Terraform(?:Resource|DataSource|Provider) ", source, re.M)[1]
    body = body_of(source, f"class {name} ")
    yield from members(source, presences(body), arguments(body.split("synthesizeHclAttributes", 1)[1]))


def members(source, presences, arguments, above=""):
    for name, (presence, code) in presences.items():
        words, nested = member(presence, code, arguments.get(name))
        yield above + name, words
        if nested:
            yield from members(source, *struct(source, nested), f"{above}{name}.")


def member(presence, code, argument):
    """What it is, and the name of what is nested in it."""
    if argument is None:
        return computed(presence, code)
    is_block, collection, storage = argument
    if is_block == "true":
        nesting = "single" if collection == "struct" else collection
        return block_words(presence, nesting, "OutputReference(" in code), storage.removesuffix("List")
    return f"{presence} {'' if collection == 'simple' else f'{collection} of '}{SCALARS[storage]}", None


def computed(presence, code):
    """An attribute that AWS alone sets."""
    if objects := re.search(r"new (\w+)List\(this, \"\w+\", (true|false)\)", code):
        return f"{presence} {'set' if objects[2] == 'true' else 'list'} of objects", objects[1]
    getter = re.search(r"this\.get(\w+)Attribute\(", code)[1]
    return f"{presence} {SCALARS[getter.lower()]}", None


SCALARS = {"string": "string", "number": "number", "boolean": "bool", "stringMap": "string", "stringList": "string"}


def struct(source, name):
    """What a nested block has. Those of the provider's own block have no class, only an interface."""
    body = body_of(source, f"class {name}OutputReference ")
    found = presences(body) if body else interface(body_of(source, f"interface {name} "))
    return found, arguments(body_of(source, f"function {name[0].lower()}{name[1:]}ToHclTerraform("))


def body_of(source, start):
    found = re.search(rf"^export {re.escape(start)}.*?^\}}", source, re.M | re.S)
    return found[0] if found else ""


def presences(body):
    found = re.findall(
        r"^  // (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n(.*?)(?=^  // \w+ - computed|\Z)", body, re.M | re.S
    )
    words = ["required", "optional", "computed"]
    return {
        name: (" ".join(word for word, holds in zip(words, [required, optional, computed]) if holds == "true"), code)
        for name, computed, optional, required, code in found
    }


def interface(body):
    found = re.findall(r"#(\w+) \w+#\1\}(?:(?!\*/).)*\*/\s+readonly \w+(\??): (.*?);\n", body, re.S)
    return {name: ("optional" if mark else "required", code) for name, mark, code in found}


def arguments(code):
    """Of each argument: whether it is a block, the collection, and what that holds."""
    found = re.findall(
        r"^\s+(\w+): \{\s+value: [^\n]*\s+isBlock: (\w+),\s+type: \"(\w+)\",\s+storageClassType: \"(\w+)\",", code, re.M
    )
    return {name: rest for name, *rest in found}


@pytest.fixture(scope="session")
def sources():
    """The TypeScript sources of the types, out of the source maps of the package."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    folders = {f"package/lib/{folder(name)}/index.js": name for name in BLOCKS}
    found = {}
    with tarfile.open(fileobj=io.BytesIO(package(PACKAGE, target / "npm"))) as archive:
        for member in archive:
            if name := folders.get(member.name):
                source_map = archive.extractfile(member).read().rsplit(b"base64,", 1)[1]
                found[name] = json.loads(base64.b64decode(source_map))["sourcesContent"][0]
    return found


def folder(name):
    return name.replace("data.aws_", "data-aws-").removeprefix("aws_").replace("_", "-")


def package(url, kept_in):
    """The package as it was published, from the folder or else the registry."""
    kept = kept_in / "provider-aws-25.7.0.tgz"
    if kept.exists() and is_genuine(body := kept.read_bytes()):
        return body
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        pytest.skip(f"NOT RUN: the schemas of the real provider cannot be fetched from {url}: {error}")
    if not is_genuine(body):
        raise ValueError(f"what {url} gave is not the package of the known SHA-512: {len(body)} bytes")
    kept_in.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}")
    partial.write_bytes(body)
    partial.replace(kept)
    return body


def is_genuine(body):
    return base64.b64encode(hashlib.sha512(body).digest()).decode() == SHA512
