#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The smallest memory limit, pids.max and RLIMIT_NOFILE with which a static program starts, for each runtime given.

    tests/bench/tiny_limits.py build/caisson crun runc      (as root)

A limit counts when five runs in a row succeed. crun 1.8 wants a hugetlb hierarchy on cgroup v1: on a host without one
it is mounted in a mount namespace of this script's own.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

RUNS = 5
PAGE = 4096
CGROUP = f"/tiny-limits-{os.getpid()}"


def config(runtime, limits):
    # crun 1.8 takes no newer version.
    spec = {
        "ociVersion": "1.0.2",
        "process": {"args": ["/nothing"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["HOME=/"]},
        "root": {"path": "rootfs"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k"]}],
        "linux": {
            "cgroupsPath": CGROUP,
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network", "cgroup")],
            "resources": {},
        },
    }
    spec["linux"]["resources"].update(limits.get("resources", {}))
    spec["process"].update(limits.get("process", {}))
    return spec


def run(runtime, bundle, limits):
    (bundle / "config.json").write_text(json.dumps(config(runtime, limits)))
    command = [runtime, "--root", bundle / f"state-{runtime.name}"]
    done = subprocess.run([*command, "run", "--bundle", bundle, "tiny"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)
    if done.returncode != 0:
        subprocess.run([*command, "delete", "--force", "tiny"], capture_output=True, check=False)
        # What a runtime leaves behind is not to fail the next run.
        for left in pathlib.Path("/sys/fs/cgroup").glob(f"*{CGROUP}"):
            left.rmdir()
    return done


def smallest(runtime, bundle, limits_of, most):
    """By bisection: `most` steps must be enough."""
    def works(steps):
        return all(run(runtime, bundle, limits_of(steps)).returncode == 0 for _ in range(RUNS))

    if not works(most):
        return None, run(runtime, bundle, limits_of(most)).stderr.strip()
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    failures = (run(runtime, bundle, limits_of(low)) for _ in range(RUNS if low else 0))
    return high, next((failure.stderr.strip() for failure in failures if failure.returncode != 0), "")


SEARCHES = {
    "memory": (lambda n: {"resources": {"memory": {"limit": n * PAGE}}}, 4096, PAGE),
    "pids": (lambda n: {"resources": {"pids": {"limit": n}}}, 64, 1),
    "RLIMIT_NOFILE": (lambda n: {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": n, "hard": n}]}}, 256, 1),
}


def take_own_mounts():
    """Begins this script again in a mount namespace of its own with a hugetlb hierarchy, where there is none."""
    place = pathlib.Path("/sys/fs/cgroup/hugetlb")
    if not pathlib.Path("/sys/fs/cgroup/memory").is_dir() or (place / "tasks").exists():
        return
    setup = ('mount -t tmpfs cgroup /mnt && for d in /sys/fs/cgroup/*; do mkdir -p "/mnt/${d##*/}" && '
             '{ mountpoint -q "$d" && mount --bind "$d" "/mnt/${d##*/}" || true; }; done && mkdir -p /mnt/hugetlb && '
             'mount -t cgroup -o hugetlb hugetlb /mnt/hugetlb && mount --move /mnt /sys/fs/cgroup && exec "$@"')
    os.execvp("unshare", ["unshare", "--mount", "sh", "-c", setup, "sh", sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/tests/guest/nothing", help="a static program that ends with 0")
    parser.add_argument("runtime", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    take_own_mounts()
    for runtime in options.runtime:
        path = runtime.resolve() if "/" in str(runtime) else runtime
        with tempfile.TemporaryDirectory(prefix="tiny-limits-") as place:
            bundle = pathlib.Path(place)
            (bundle / "rootfs").mkdir()
            (bundle / "rootfs/nothing").write_bytes(pathlib.Path(options.program).read_bytes())
            (bundle / "rootfs/nothing").chmod(0o755)
            for name, (limits_of, most, unit) in SEARCHES.items():
                steps, below = smallest(path, bundle, limits_of, most)
                shown = "does not start" if steps is None else f"{steps * unit}"
                print(f"{path.name:10} {name:14} {shown:>10}   below: {below.splitlines()[-1] if below else '-'}",
                      flush=True)


if __name__ == "__main__":
    main()
