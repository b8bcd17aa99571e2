#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that the sources may not make, each with its reason and the places that may."""

import re

import report

# Calls that make a descriptor -> the flag each must have. A descriptor without it stays open in the container's
# process, and one of a host directory lets it leave the container (CVE-2024-21626, CVE-2016-9962).
CLOSE_ON_EXEC = {
    "open": "O_CLOEXEC", "openat": "O_CLOEXEC", "openat2": "O_CLOEXEC", "socket": "SOCK_CLOEXEC",
    "socketpair": "SOCK_CLOEXEC", "accept4": "SOCK_CLOEXEC", "pipe2": "O_CLOEXEC", "memfd_create": "MFD_CLOEXEC",
    "timerfd_create": "TFD_CLOEXEC", "signalfd": "SFD_CLOEXEC", "eventfd": "EFD_CLOEXEC",
    "epoll_create1": "EPOLL_CLOEXEC", "inotify_init1": "IN_CLOEXEC", "open_tree": "OPEN_TREE_CLOEXEC",
    "fsopen": "FSOPEN_CLOEXEC", "fsmount": "FSMOUNT_CLOEXEC",
}
# (file, part of the call): the flag is set otherwise, or the descriptor is meant to be inherited.
INHERITED = {
    ("src/cli/app.cpp", '"/dev/null"'),  # becomes a standard stream that was closed
}

# pattern, reason, the files that may (with the reason of each beside them)
FORBIDDEN = [
    (r"::(pipe|dup|accept|creat|epoll_create|inotify_init)\(", "has no close-on-exec form: pipe2, F_DUPFD_CLOEXEC, "
     "accept4, open, epoll_create1, inotify_init1 (CVE-2024-21626)", set()),
    (r"std::filesystem", "throws, and this code is built without exceptions", set()),
    (r"\b(popen|system|getpwnam|getpwuid|getgrnam|getgrgid|getaddrinfo|gethostbyname)(_r)?\(",
     "runs a shell or needs NSS, which a static program does not have", {
        "src/link/no_resolver.cpp",  # defines it, so that glibc's own is not linked
    }),
    (r"(?<![\w:.>])(sprintf|strcpy|strcat|gets|atoi|atol|mktemp|tmpnam)\(", "has no bound or reports no error", set()),
    (r"\b(sleep|usleep|nanosleep|clock_nanosleep)\(|this_thread::sleep", "waits for time, not for what it needs: "
     "poll(2) on a descriptor, with a limit and a way to interrupt it", {
        "src/cgroup/common.cpp",  # no event says that the kernel has let go of an empty cgroup; the wait has a limit
    }),
    (r"(?<![\w:.>])std::(cout|cerr|clog)|(?<![\w:.>])f?printf\(", "bypasses cli/output and the log", set()),
    (r"::write\(", "is a second write loop: sys::write_all", {
        "src/sys/file.cpp",                      # the loop itself
        "src/base/log.cpp",                      # one record, one write: base knows no sys
        "src/cli/output.cpp",                    # one line, one write: conmon reads once
        "src/container/foreground/relay.cpp",    # non-blocking: what is left waits for poll(2)
        "src/wire/channel.cpp",                  # one packet, one write
        "src/cgroup/common.cpp", "src/process/procfs.cpp", "src/sys/namespace.cpp",  # kernel files take a value at once
        "src/init/init.cpp", "src/link/no_demangler.cpp",  # last words before the end
    }),
]

# A path below the root file system may be replaced by a symbolic link between two calls (CVE-2021-30465): RootDir.
BY_PATH = re.compile(r"::(open|creat|mkdir|mknod|symlink|link|chown|lchown|chmod|lstat|stat|unlink|rmdir|rename|mount|"
                     r"umount2?|access|readlink|truncate|chdir|utimensat|statfs|setxattr|getxattr)\(")
BY_PATH_ALLOWED = {
    ("src/rootfs/device_nodes.cpp", 'access("/proc/kcore"'),  # the host's own proc, before the root is entered
    ("src/rootfs/mounter.cpp", "readlink(tree.source"),       # a source on the host
    ("src/rootfs/switch_root.cpp", 'chdir("/")'),             # the new root itself
    ("src/rootfs/switch_root.cpp", "readlink(link"),          # /proc/self/fd/N of a descriptor of ours
    ("src/rootfs/switch_root.cpp", "umount2(path"),           # mount points of the root that is left behind
    ("src/rootfs/copy_up.cpp", "AT_SYMLINK_NOFOLLOW"),        # one name in a directory that is open
}


def without_comments(source):
    """The code with comments blanked and lines kept."""
    return re.sub(r"//[^\n]*", "", source)


def calls(source, names):
    """(line number, name, text of the call up to its closing parenthesis)"""
    for match in re.finditer(r"::(" + "|".join(names) + r")\(", source):
        if match.start() > 0 and (source[match.start() - 1].isalnum() or source[match.start() - 1] in "_>"):
            continue
        depth, end = 1, match.end()
        while depth and end < len(source):
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        yield source.count("\n", 0, match.start()) + 1, match.group(1), source[match.start():end]


def is_allowed(table, path, text):
    return any(str(path) == file and part in text for file, part in table)


inherit_faults, path_faults, faults = [], [], {pattern: [] for pattern, _, _ in FORBIDDEN}
for path in report.files("src"):
    source = without_comments(report.text(path))
    for number, name, text in calls(source, CLOSE_ON_EXEC):
        # A variable of flags is looked up in the function above it.
        above = "\n".join(source.splitlines()[max(0, number - 25):number])
        flag = CLOSE_ON_EXEC[name]
        if flag not in text and flag not in above and not is_allowed(INHERITED, path, text):
            inherit_faults.append(f"{path}:{number}: {name}() without {flag}")
    if path.parts[1] == "rootfs":
        path_faults += [f"{path}:{number}: {text[:60]}" for number, _, text in calls(source, BY_PATH.pattern[3:-3].split("|"))
                        if not is_allowed(BY_PATH_ALLOWED, path, text)]
    for pattern, reason, allowed in FORBIDDEN:
        if str(path) in allowed:
            continue
        for number, line in enumerate(source.splitlines(), 1):
            for match in re.finditer(pattern, line):
                if match.start() > 0 and line[match.start() - 1].isalnum():
                    continue  # json::write(
                faults[pattern].append(f"{path}:{number}: {match.group(0)} {reason}")

report.check("each descriptor is closed by execve", inherit_faults)
report.check("below the root file system nothing goes by path", path_faults)
report.check("no call is made that the sources may not make", [fault for list_ in faults.values() for fault in list_])

# A reader that goes away must not end the runtime between two steps of a container's life.
main = report.text(report.pathlib.Path("src/main.cpp"))
report.check("main() ignores SIGPIPE", [] if re.search(r"signal\(SIGPIPE, SIG_IGN\)", main) else ["src/main.cpp"])
report.done()
