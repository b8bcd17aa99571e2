#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Messages of the commits that this branch adds to main: "area: imperative", at most 72 characters, then a body.

usage: check_commits.py [--message FILE]   FILE: one message, as git's commit-msg hook has it
"""

import pathlib
import re
import sys

import branch
import report

SUBJECT = re.compile(r"^(?:[a-z0-9][a-z0-9_./+-]*(?:, [a-z0-9][a-z0-9_./+-]*)*): \S")
PAST_OR_THIRD = re.compile(r"^[^:]+: (?:\w+ed|adds|fixes|makes|uses|removes|changes|moves|lets|keeps) ", re.I)
SUBJECT_LENGTH = 72
BODY_LENGTH = 100


def faults_of(message):
    lines = [line for line in message.rstrip().splitlines() if not line.startswith("#")]
    if not lines:
        return ["it is empty"]
    subject, faults = lines[0], []
    if subject.startswith(("fixup! ", "squash! ", "Merge ", "Revert ")):
        return [] if subject.startswith("Revert ") else [f"'{subject.split()[0]}' is for work in progress: rebase before it lands"]
    if not SUBJECT.match(subject):
        faults.append(f"'{subject}': is not 'area: what to do', the area in lower case (a folder or a topic)")
    elif PAST_OR_THIRD.match(subject):
        faults.append(f"'{subject}': say it as a command: 'add', 'fix', 'make'")
    if len(subject) > SUBJECT_LENGTH:
        faults.append(f"'{subject}': {len(subject)} characters, {SUBJECT_LENGTH} at most")
    if subject.endswith("."):
        faults.append(f"'{subject}': ends with a full stop")
    if len(lines) > 1 and lines[1]:
        faults.append(f"'{subject}': the second line must be empty")
    if not any(line.strip() for line in lines[1:]):
        faults.append(f"'{subject}': has no body: the problem, its cause, the cure, the figures")
    faults += [f"'{subject}': a line of {len(line)} characters, {BODY_LENGTH} at most: '{line[:40]}...'"
               for line in lines[1:] if len(line) > BODY_LENGTH and "://" not in line]
    return faults


NAME = "commits say 'area: what to do', and why"
if len(sys.argv) == 3 and sys.argv[1] == "--message":
    report.check(NAME, faults_of(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")))
    report.done()

start = branch.base()
if not start:
    report.skipped(NAME, "no git repository with a branch main")
    report.done()
messages = branch.git("log", "--no-merges", "--format=%B%x00", f"{start}..HEAD").split("\0")
report.check(NAME, [fault for message in messages if message.strip() for fault in faults_of(message.strip("\n"))])
report.done()
