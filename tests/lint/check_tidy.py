#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over the sources, by the build's own compile commands. usage: check_tidy.py BUILD_DIR

What passed once is not looked at again until it, a header or .clang-tidy changes: the marks stand in BUILD_DIR/tidy."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import report

build = pathlib.Path(sys.argv[1])
tidy = next((t for t in ("clang-tidy-19", "clang-tidy-20", "clang-tidy-22", "clang-tidy") if shutil.which(t)), None)
NAME = "clang-tidy finds nothing"
if tidy is None:
    report.skipped(NAME, "no clang-tidy")
    report.done()
if tidy == "clang-tidy":
    version = subprocess.run([tidy, "--version"], capture_output=True, text=True, check=False).stdout
    if any(f"version {n}." in version for n in range(10, 19)):
        report.skipped(NAME, "this clang-tidy is older than 19 and cannot read <expected>")
        report.done()

commands = json.loads((build / "compile_commands.json").read_text())
wanted = {}
for entry in commands:
    path = pathlib.Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
    if path.is_relative_to(report.TOP / "src") or path.is_relative_to(report.TOP / "tests" / "guest"):
        wanted[path] = entry

shared = hashlib.sha256((report.TOP / ".clang-tidy").read_bytes())
for header in report.files("src", "include", suffixes=(".hpp",)):
    shared.update((report.TOP / header).read_bytes())
marks = build / "tidy"
marks.mkdir(exist_ok=True)


def look_at(path):
    key = hashlib.sha256(shared.digest() + path.read_bytes()).hexdigest()
    mark = marks / key
    if mark.exists():
        return ""
    ran = subprocess.run([tidy, "--quiet", "-p", str(build), str(path)], capture_output=True, text=True, check=False)
    found = [line for line in ran.stdout.splitlines() if ": error:" in line or ": warning:" in line]
    # clang holds against RapidJSON 1.1 what GCC lets pass; a system's header is not ours to mend.
    faults = "\n".join(line for line in found if not line.startswith("/usr/"))
    if not faults and (ran.returncode == 0 or found):
        mark.touch()
        return ""
    return faults or ran.stdout[-2000:] + ran.stderr[-2000:]


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    texts = list(pool.map(look_at, sorted(wanted)))
# Compile commands name the sources as seen from the build directory.
seen_from_build = os.path.relpath(report.TOP, build.resolve()) + "/"
found = [line.replace(seen_from_build, "").replace(str(report.TOP) + "/", "") for text in texts for line in text.splitlines()]
report.check(NAME, sorted(set(found)))
report.done()
