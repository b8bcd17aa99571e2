#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No file above 600 lines, no function above 80, no line above 120 columns (but for JSON and scripts in tests)."""

import re

import report

FILE_LINES = 600
FUNCTION_LINES = 80
COLUMNS = 120

NO_FUNCTION = re.compile(r"^\s*(namespace|class|struct|enum|union|extern \"C\"|if|for|while|switch|do|else)\b")


def functions(lines):
    """(first line, length) of each function body, by the indentation that clang-format gives it."""
    starts = {}
    for number, line in enumerate(lines):
        body = line.rstrip()
        indent = len(line) - len(line.lstrip())
        if indent <= 2 and body.endswith("{") and not NO_FUNCTION.match(line):
            # A signature may be broken over lines: what matters is that a parenthesis closed before the brace.
            joined = " ".join(lines[max(0, number - 4) : number + 1])
            if ")" in joined and "= {" not in body and not body.endswith("({") and "=" not in body.split("(")[0]:
                starts[indent] = number
        elif indent in starts and body.strip() in {"}", "};"}:
            yield starts[indent], number - starts.pop(indent) + 1


long_files, long_functions, long_lines = [], [], []
for path in report.files("src", "include", "tests", suffixes=(".cpp", ".hpp", ".py", ".sh")):
    lines = report.text(path).splitlines()
    if len(lines) > FILE_LINES:
        long_files.append(f"{path}: {len(lines)} lines")
    long_lines += [f"{path}:{n}: {len(line)} columns" for n, line in enumerate(lines, 1)
                   if len(line) > COLUMNS and "://" not in line and not (path.parts[0] == "tests" and '"' in line)]
    if path.suffix in (".cpp", ".hpp"):
        long_functions += [f"{path}:{first + 1}: {length} lines: {lines[first].strip()}"
                           for first, length in functions(lines) if length > FUNCTION_LINES]

report.check(f"no file is longer than {FILE_LINES} lines", long_files)
report.check(f"no function is longer than {FUNCTION_LINES} lines", long_functions)
report.check(f"no line is longer than {COLUMNS} columns", long_lines)
report.done()
