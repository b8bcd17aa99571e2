# SPDX-License-Identifier: Apache-2.0
"""What the lint checks share: the tree's files, and one line a check as tests/run counts them."""

import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
failures = 0


def files(*folders, suffixes=(".cpp", ".hpp")):
    """All files with these suffixes beneath folders of the tree, sorted, relative to it."""
    found = []
    for folder in folders:
        found += [p.relative_to(TOP) for p in (TOP / folder).rglob("*") if p.is_file() and p.suffix in suffixes]
    return sorted(found)


def text(path):
    return (TOP / path).read_text(encoding="utf-8", errors="replace")


def check(name, faults):
    """Prints the verdict; `faults` is a list of lines, empty when all is well."""
    global failures
    failures += bool(faults)
    print(f"{'FAILED  ' if faults else 'ok      '} lint: {name}")
    for fault in faults[:60]:
        print(f"    {fault}")
    if len(faults) > 60:
        print(f"    ... and {len(faults) - 60} more")
    sys.stdout.flush()


def skipped(name, reason):
    print(f"skipped  lint: {name}: {reason}")


def done():
    sys.exit(1 if failures else 0)
