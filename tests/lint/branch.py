# SPDX-License-Identifier: Apache-2.0
"""What the branch that is checked out adds to the main one."""

import os
import subprocess

import report


def git(*words):
    """Standard output of git in this tree; empty when git fails (a tarball has no repository)."""
    ran = subprocess.run(["git", "-C", str(report.TOP), *words], capture_output=True, text=True, check=False)
    return ran.stdout if ran.returncode == 0 else ""


def base():
    """The commit that the branch left main at, or an empty text. LINT_BASE names another branch than main."""
    for name in filter(None, [os.environ.get("LINT_BASE"), "origin/main", "main"]):
        commit = git("merge-base", "HEAD", name).strip()
        if commit:
            return commit
    return ""


def added_lines():
    """(path, line number, text) of each line that the branch and the work tree add to files that git knows."""
    start = base()
    if not start:
        return
    path, number = None, 0
    for line in git("diff", "--unified=0", "--no-color", start, "--").splitlines():
        if line.startswith("+++ "):
            path = line[6:] if line.startswith("+++ b/") else None
        elif line.startswith("@@"):
            number = int(line.split("+")[1].split(" ")[0].split(",")[0])
        elif line.startswith("+") and path:
            yield report.pathlib.Path(path), number, line[1:]
            number += 1
