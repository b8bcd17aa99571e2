#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The config's field tables against the spec's schema. usage: check_fields.py ECHO_CONFIG

A document with every property of the schema goes through the reader and the writer (echo_config); what does not come
back, or comes back changed, is a key that some field table lacks."""

import json
import subprocess
import sys

import report

SCHEMA = report.TOP / "tests" / "schema"
# Sections of other platforms: refused by name, not read.
OTHER_PLATFORMS = {"windows", "solaris", "vm", "zos", "freebsd"}
OTHER_FIELDS = {"/process/commandLine", "/process/user/username"}
# What a pattern or the meaning of a value asks for, by the property's name or its place.
VALUES = {
    "ociVersion": "1.3.0",
    "/process/rlimits/0/type": "RLIMIT_NOFILE",
    "/linux/devices/0/type": "c",
    "/linux/resources/devices/0/type": "c",
    "destination": "/data",
    "path": "/some/path",
    "env": ["A=B"],
    "cpus": "0-1",
    "mems": "0",
    "nodes": "0",
    "initial": "0",
    "final": "0",
    "pageSize": "2MB",
    "access": "rwm",
    "id": "0x100001",
    "listenerPath": "/run/agent.sock",
    "timeout": 5,
}
# In an example of the spec, but in no schema: an unknown member, and those are ignored.
UNKNOWN = {"/linux/resources/oomScoreAdj"}
# Absent means the same as this value.
DEFAULTS = {"nanosecs": 0, "secs": 0}
cache = {}


def load(name):
    if name not in cache:
        cache[name] = json.loads((SCHEMA / name).read_text())
    return cache[name]


def resolve(schema, file):
    while "$ref" in schema:
        name, _, pointer = schema["$ref"].partition("#")
        file = name or file
        target = load(file)
        for part in pointer.strip("/").split("/"):
            target = target[part] if part else target
        schema = target
    return schema, file


def example(schema, file, at):
    """A value of this schema with every property it names."""
    schema, file = resolve(schema, file)
    name = at.rsplit("/", 1)[-1]
    for key in (at, name):
        if key in VALUES:
            return VALUES[key]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema or "oneOf" in schema:
        return example((schema.get("anyOf") or schema["oneOf"])[0], file, at)
    merged = dict(schema)
    for part in schema.get("allOf", []):
        part, part_file = resolve(part, file)
        merged["properties"] = {**merged.get("properties", {}), **part.get("properties", {})}
        merged.setdefault("type", part.get("type"))
        file = part_file if part.get("properties") else file
    kind = merged.get("type")
    kind = next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object" or "properties" in merged:
        out = {key: example(value, file, f"{at}/{key}") for key, value in merged.get("properties", {}).items()
               if not (at == "" and key in OTHER_PLATFORMS) and f"{at}/{key}" not in OTHER_FIELDS}
        if not out and "patternProperties" in merged:
            out = {"1": example(next(iter(merged["patternProperties"].values())), file, f"{at}/1")}
        if not out and isinstance(merged.get("additionalProperties"), dict):
            out = {"any": example(merged["additionalProperties"], file, f"{at}/any")}
        return out
    if kind == "array":
        return [example(merged.get("items", {"type": "string"}), file, f"{at}/0")]
    if kind in ("integer", "number"):
        return max(1, merged.get("minimum", 1))
    if kind == "boolean":
        return True
    return "text"


def compare(sent, got, at, faults):
    if isinstance(sent, dict) and isinstance(got, dict):
        for key, value in sent.items():
            if f"{at}/{key}" in UNKNOWN or (key not in got and DEFAULTS.get(key) == value):
                continue
            if key not in got:
                faults.append(f"{at}/{key}: lost")
            else:
                compare(value, got[key], f"{at}/{key}", faults)
        faults += [f"{at}/{key}: made up" for key in got if key not in sent]
    elif isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        for index, (one, other) in enumerate(zip(sent, got)):
            compare(one, other, f"{at}/{index}", faults)
    elif sent != got:
        faults.append(f"{at}: {sent!r} became {got!r}")


def through(document):
    return subprocess.run([sys.argv[1]], input=json.dumps(document), capture_output=True, text=True, check=False)


sent = example(load("config-schema.json"), "config-schema.json", "")
ran = through(sent)
faults = []
if ran.returncode != 0:
    faults.append(f"the reader refuses a document with every field: {ran.stderr.strip()}")
else:
    compare(sent, json.loads(ran.stdout), "", faults)
report.check("every field of the schema is read and written", faults)

for path in sorted((SCHEMA / "examples").glob("*.json")):
    document = json.loads(path.read_text())
    ran = through(document)
    faults = []
    if ran.returncode != 0:
        faults.append(ran.stderr.strip())
    else:
        compare(document, json.loads(ran.stdout), "", faults)
    report.check(f"the schema's example {path.name} comes back as it went in", faults)
report.done()
