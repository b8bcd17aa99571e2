#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Config samples and the schema's own examples validate against the runtime-spec's JSON schema."""

import json
import pathlib
import warnings

import report

SCHEMA = report.TOP / "tests" / "schema"

try:
    import jsonschema
except ImportError:
    report.skipped("samples against the schema", "no python3-jsonschema")
    report.done()


def validator(name):
    store = {}
    for path in SCHEMA.glob("*.json"):
        document = json.loads(path.read_text())
        store[path.as_uri()] = document
        # "id" is relative in the schema's files: references go by file name.
        document.pop("id", None)
    schema = store[(SCHEMA / name).as_uri()]
    warnings.simplefilter("ignore", DeprecationWarning)  # Debian 12 has no other way than RefResolver
    resolver = jsonschema.RefResolver((SCHEMA / name).as_uri(), schema, store=store)
    return jsonschema.Draft4Validator(schema, resolver=resolver)


check = validator("config-schema.json")
paths = sorted((report.TOP / "config-samples").glob("*.json")) + sorted((SCHEMA / "examples").glob("*.json"))
for path in paths:
    document = json.loads(path.read_text())
    if "ociVersion" not in document:  # a container.json, which is not of the runtime-spec
        continue
    faults = [f"/{'/'.join(str(p) for p in e.absolute_path)}: {e.message[:200]}" for e in check.iter_errors(document)]
    report.check(f"{pathlib.Path(path).relative_to(report.TOP)} validates against the schema", faults)

# A check that cannot fail shows nothing.
wrong = [e for e in check.iter_errors({"ociVersion": "1.3.0", "process": {"cwd": 7, "args": "sh"}})]
report.check("the schema refuses a wrong config", [] if len(wrong) >= 2 else ["it was accepted"])
report.done()
