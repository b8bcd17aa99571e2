#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One place for each name: file stems are unique in src/, and a header declares what the source of its name defines."""

import collections
import re

import report

# A command's file bears the command's name, whatever other files are called.
COMMANDS = report.pathlib.Path("src/cli")
# Headers that are the one door to several sources, so that none of these needs a header of its own.
DOORS = {
    "src/container/commands.hpp",  # what can be done with containers: the front ends include it alone
    "src/cgroup/manager.hpp",      # one interface, an implementation for each kind of host
}
# Older headers that declare for several sources. The list may only get shorter.
LEFT = set("""
    src/api/inside.hpp src/cgroup/common.hpp src/cgroup/stats.hpp src/config/checks.hpp src/config/spec.hpp
    src/config/validate.hpp src/container/watch/status.hpp src/init/context.hpp src/nsinit/nsinit_app.hpp
    src/plan/controllers/controller.hpp src/plan/devices.hpp src/plan/identity.hpp src/plan/rootfs.hpp src/plan/unit.hpp
    src/process/apply_identity.hpp src/rootfs/trees.hpp
""".split())

FUNCTION = re.compile(r"^(?!\s|using|template|friend|constexpr|inline|static|struct|class|enum|namespace|extern|typedef|#|//)"
                      r"[\w:<>,&*\[\]\s.]*?[\s&*>](~?\w+)\(", re.M)


def code(path):
    source = re.sub(r"//[^\n]*", "", report.text(path))
    return re.sub(r"^template\s*<[^\n]*>\n[^\n]*", "", source, flags=re.M)


def declared(source):
    """Names of the free functions that a header declares and does not define."""
    for match in FUNCTION.finditer(source):
        depth, end = 1, match.end()
        while depth and end < len(source):
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        tail = re.match(r"[\s\w]*;", source[end:])
        if tail and "operator" not in match.group(0):
            yield match.group(1)


def defined(source):
    """Names of the functions that a source defines, members aside."""
    names = set()
    for match in FUNCTION.finditer(source):
        depth, end = 1, match.end()
        while depth and end < len(source):
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        if re.match(r"[\s\w]*\{", source[end:]):
            names.add(match.group(1))
    return names


stems = collections.defaultdict(set)
for path in report.files("src", suffixes=(".cpp", ".hpp", ".cpp.in")):
    if path.parent != COMMANDS:
        stems[path.name.split(".")[0]].add(path.parent)
report.check("file stems are unique in src", [f"{stem}: {', '.join(sorted(map(str, folders)))}"
                                              for stem, folders in sorted(stems.items()) if len(folders) > 1])

sources = {path: defined(code(path)) for path in report.files("src", suffixes=(".cpp",))}
faults = []
for path in report.files("src", suffixes=(".hpp",)):
    if str(path) in DOORS | LEFT:
        continue
    own = path.with_suffix(".cpp")
    for name in declared(code(path)):
        elsewhere = [str(source) for source, names in sources.items() if name in names and source != own
                     and source.parent == path.parent]
        if name not in sources.get(own, set()) and elsewhere:
            faults.append(f"{path}: {name}() is defined in {elsewhere[0]}")
report.check("a header declares what the source of its name defines", faults)
report.done()
