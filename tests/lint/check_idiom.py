#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Words of the old idiom (tests/lint/idiom): none in lines that a branch adds; those that are left are counted.

usage: check_idiom.py [--list]   --list: every place that is left, as "path:line: word -> plain word"
"""

import re
import sys

import branch
import report

LIST = report.TOP / "tests" / "lint" / "idiom"
WORDS = [tuple(line.split(" -> ", 1)) for line in LIST.read_text(encoding="utf-8").splitlines()
         if line and not line.startswith("#")]
PATTERNS = [(re.compile(pattern, re.I), plain) for pattern, plain in WORDS]
FOLDERS = ("src", "include", "tests", "tools", "man")
SUFFIXES = (".cpp", ".hpp", ".py", ".sh", ".md", ".8", ".5", ".build")
OWN = {report.pathlib.Path("tests/lint/idiom"), report.pathlib.Path("tests/lint/check_idiom.py")}


def counts(path):
    return path not in OWN and (path.parts[0] in FOLDERS or path.suffix == ".md") and path.parts[:2] != ("tests", "schema")


def found(line):
    return [(match.group(0), plain) for pattern, plain in PATTERNS for match in [pattern.search(line)] if match]


left = [f"{path}:{number}: '{word}' -> {plain}"
        for path in report.files(*FOLDERS, suffixes=SUFFIXES) + [report.pathlib.Path("README.md")]
        if counts(path) and (report.TOP / path).is_file()
        for number, line in enumerate(report.text(path).splitlines(), 1)
        for word, plain in found(line)]
if sys.argv[1:] == ["--list"]:
    print("\n".join(left))
    sys.exit(0)

added = [f"{path}:{number}: '{word}' -> {plain}" for path, number, line in branch.added_lines() if counts(path)
         for word, plain in found(line)]
report.check(f"added lines are in plain words ({len(left)} old ones are left: check_idiom.py --list)", added)
report.done()
