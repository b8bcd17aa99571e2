#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: the layers, and the libraries that stay in one folder."""

import re

import report

BASE = {"base"}
SIBLINGS = {"plan", "config", "json", "sys", "base"}
BELOW_RUNTIME = {"selfexe", "cgroup", "network", "process", "rootfs", "wire", "plan", "config", "json", "sys", "base"}
FRONT = {"container", "config", "plan", "json", "base"}

MAY_INCLUDE = {
    "base": set(),
    "json": BASE,
    "sys": BASE,
    "selfexe": {"sys", "base"},
    "config": {"json", "base"},
    "plan": {"config", "json", "base"},
    "cgroup": {"plan", "config", "sys", "base"},
    "network": {"plan", "config", "sys", "base"},
    "process": {"plan", "config", "sys", "base"},
    "rootfs": {"plan", "config", "sys", "base"},
    "wire": {"plan", "config", "json", "sys", "base"},
    "container": BELOW_RUNTIME,
    "init": BELOW_RUNTIME - {"cgroup", "selfexe"},
    "cli": FRONT,
    "nsinit": FRONT,
    "api": FRONT | {"init"},  # run_init_if_asked() is init's door
    "main": {"cli", "nsinit", "init", "base"},
}

# Front ends read and write files and run programs too: without these, each had loops of its own for it.
FRONTS = {"cli", "nsinit", "api"}
FRONTS_MAY_INCLUDE = {"sys/file.hpp", "sys/lock.hpp", "sys/process.hpp"}
# A file below a root file system that is not entered has one safe way in; its lock file must not outlive a signal.
NSINIT_MAY_INCLUDE = {"rootfs/root_dir.hpp", "sys/interrupt.hpp"}

# header pattern -> folders (or files) that may see it
LIBRARIES = {
    r"rapidjson/": {"json"},
    r"CLI/": {"cli", "nsinit"},
    r"spdlog/": {"base/log.cpp"},
    r"seccomp\.h": {"process"},
    r"selinux/": {"process"},
    r"netlink/": {"network"},
    r"dbus/": {"cgroup"},
    r"(iostream|regex|format|print)$": set(),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.M)


def room(path):
    parts = path.parts[1:]
    return "main" if len(parts) == 1 else parts[0]


def without_comments(source):
    source = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', source)
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", source, flags=re.S)


layer_faults, library_faults, exception_faults, form_faults = [], [], [], []
for path in report.files("src"):
    source = report.text(path)
    here = room(path)
    for own, system in INCLUDE.findall(source):
        if own:
            there = own.split("/")[0] if "/" in own else None
            if there == "caisson" and here in {"api", "main"}:
                continue
            if there is None:
                layer_faults.append(f"{path}: '{own}' is not of the form \"room/file.hpp\"")
            elif here in FRONTS and own in FRONTS_MAY_INCLUDE or here == "nsinit" and own in NSINIT_MAY_INCLUDE:
                continue
            elif there != here and there not in MAY_INCLUDE.get(here, set()):
                layer_faults.append(f"{path}: {here} may not include '{own}'")
        for pattern, allowed in LIBRARIES.items():
            name = system or own
            if re.match(pattern, name) and here not in allowed and "/".join(path.parts[1:]) not in allowed:
                library_faults.append(f"{path}: <{name}> stands elsewhere")
    if "/".join(path.parts[1:]) not in {"cli/app.cpp", "nsinit/nsinit_app.cpp"}:
        for word in ("try", "throw", "catch"):
            if re.search(rf"\b{word}\b\s*[({{;a-zA-Z]", without_comments(source)):
                exception_faults.append(f"{path}: '{word}'")
    if path.suffix == ".hpp" and "#pragma once" not in source:
        form_faults.append(f"{path}: no #pragma once")

# A name may come by a header that another header includes: what a file names, it may also include.
ROOMS = "|".join(sorted(set(MAY_INCLUDE) - {"base", "main", "api"}))
NAMED = re.compile(r"(?<![\w:])(?:caisson::)?(" + ROOMS + r")::(?=\w)")
# Values that container/ hands to a front end: it uses them by name and includes nothing of their folders.
NAMES_OF_VALUES = {"nsinit": {"cgroup", "network"}, "api": {"sys"}}
name_faults = []
for path in report.files("src"):
    here = room(path)
    source = report.text(path)
    by_header = {own.split("/")[0] for own in FRONTS_MAY_INCLUDE | NSINIT_MAY_INCLUDE if f'"{own}"' in source}
    allowed = MAY_INCLUDE.get(here, set()) | by_header | NAMES_OF_VALUES.get(here, set()) | {here}
    for number, line in enumerate(without_comments(source).splitlines(), 1):
        for there in NAMED.findall(line):
            if there not in allowed:
                name_faults.append(f"{path}:{number}: {here} may not use {there}::")

report.check("includes follow the layers", layer_faults)
report.check("names follow the layers too", name_faults)
report.check("each library is seen by its folder alone", library_faults)
report.check("exceptions stay in cli/app.cpp and nsinit/nsinit_app.cpp", exception_faults)
report.check("each header has #pragma once", form_faults)

# What a program that embeds libcaisson includes may need nothing of ours but itself.
public_faults = [
    f"{path}: '{own}'"
    for path in report.files("include")
    for own, _ in INCLUDE.findall(report.text(path))
    if own and not own.startswith("caisson/")
]
report.check("public headers include public headers alone", public_faults)
report.done()
