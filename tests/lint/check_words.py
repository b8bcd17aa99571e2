#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SPDX lines, no unfinished marks, and a text that speaks of the project alone."""

import re
import subprocess

import report

# Written in parts, so that this file does not find itself.
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", r"\bXX" + r"X\b", "not imple" + "mented", "unimple" + "mented"]), re.I)
WORKPLACE = re.compile("|".join([r"/wo" + "rk/", "sub" + "agent", "this sess" + "ion", r"shared/(design|reference|tools)",
                                 r"\bprom" + r"pt\b.*\bmodel\b", r"\bissue" + r" #?\d"]), re.I)
BINARY = {".png", ".gz", ".xz", ".o"}

listed = subprocess.run(["git", "-C", str(report.TOP), "ls-files", "--cached", "--others", "--exclude-standard"],
                        capture_output=True, text=True, check=False)
paths = [report.pathlib.Path(line) for line in listed.stdout.splitlines() if line]
if not paths:  # a tree without git: an unpacked tarball
    paths = [p.relative_to(report.TOP) for p in report.TOP.rglob("*")
             if p.is_file() and p.relative_to(report.TOP).parts[0] not in {"build", ".cache", ".git"}]
paths = [p for p in paths if p.suffix not in BINARY and (report.TOP / p).is_file()]

spdx, unfinished, workplace, whitespace = [], [], [], []
for path in paths:
    source = report.text(path)
    lines = source.splitlines()
    if path.suffix in {".cpp", ".hpp", ".py", ".sh", ".build", ".wrap"} or path.name in {"meson.build", "quickstart", "run"}:
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
            spdx.append(str(path))
    if path.parts[0] in {"src", "include", "tests", "man", "quickstart"}:
        unfinished += [f"{path}:{n}: {line.strip()[:100]}" for n, line in enumerate(lines, 1) if UNFINISHED.search(line)]
    workplace += [f"{path}:{n}: {line.strip()[:100]}" for n, line in enumerate(lines, 1) if WORKPLACE.search(line)]
    if path.name != "LICENSE" and path.parts[:2] != ("tests", "schema") and path.parts[:3] != ("tests", "fuzz", "corpus"):
        whitespace += [f"{path}:{n}: white space at the end" for n, line in enumerate(lines, 1) if line != line.rstrip()]
        if source and not source.endswith("\n"):
            whitespace.append(f"{path}: no newline at the end")
        if "\t" in source and path.suffix in {".cpp", ".hpp", ".py", ".build"}:
            whitespace.append(f"{path}: a tab")

report.check("each source bears its SPDX line", spdx)
report.check("nothing is marked as unfinished", unfinished)
report.check("the text speaks of the project alone", workplace)
report.check("no stray white space", whitespace)
report.done()
