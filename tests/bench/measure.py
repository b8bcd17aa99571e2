# SPDX-License-Identifier: Apache-2.0
"""Drives tests/bench/driver and holds what it measured."""
import json
import os
import re
import statistics
import subprocess

FIELDS = ("wall", "user", "system", "peak", "faults")


class Sample(tuple):
    """wall in ms, CPU in ms, peak memory in KiB, minor page faults."""


def run_driver(driver, lanes, rounds, warmup=2):
    """lanes: {name: [step, ...]}, a step being a list of fields. -> {(lane, label): [Sample, ...]}"""
    script = [f"rounds\t{rounds}", f"warmup\t{warmup}"]
    for name, steps in lanes.items():
        script.append(f"lane\t{name}")
        script += ["\t".join(str(field) for field in step) for step in steps]
    done = subprocess.run([driver], input="\n".join(script) + "\n", stdout=subprocess.PIPE, text=True)
    found = {}
    for line in done.stdout.splitlines():
        lane, label, wall, user, system, peak, faults = line.split("\t")
        sample = Sample((int(wall) / 1e6, (int(user) + int(system)) / 1e3, int(peak), int(faults)))
        found.setdefault((lane, label), []).append(sample)
    if done.returncode != 0:
        raise SystemExit("bench: the driver could not go on")
    return found


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def summary(samples):
    """The numbers of one lane that go into the table and the JSON."""
    walls = [s[0] for s in samples]
    return {
        "rounds": len(samples),
        "wall_ms_min": round(min(walls), 3),
        "wall_ms_median": round(statistics.median(walls), 3),
        "wall_ms_p99": round(percentile(walls, 0.99), 3),
        "cpu_ms_median": round(statistics.median(s[1] for s in samples), 3),
        "peak_kib": max(s[2] for s in samples),
        "page_faults": int(statistics.median(s[3] for s in samples)),
    }


def ratio(samples, other, column=0):
    """Median of the rounds' own ratios: lanes take turns, so that what disturbs one round disturbs both of its lanes."""
    pairs = [a[column] / b[column] for a, b in zip(samples, other) if b[column] > 0]
    return round(statistics.median(pairs), 3) if pairs else None


def count_syscalls(command):
    """All system calls of a command and its children, by strace -c."""
    try:
        done = subprocess.run(["strace", "-f", "-c", "-o", "/dev/stderr", *command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return None
    total = re.search(r"^100\.00\s.*?(\d+)(?:\s+\d+)?\s+total$", done.stderr, re.M)
    return int(total.group(1)) if total else None


def private_memory(pid):
    """KiB of memory that is no file: what a process has for itself alone."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(n) for n in re.findall(r"^Anonymous:\s+(\d+) kB", file.read(), re.M))


def machine():
    """What the numbers were measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        hierarchies = len(file.read().splitlines())
    return {"kernel": os.uname().release, "processors": os.cpu_count(), "model": model.group(1) if model else "",
            "cgroup_hierarchies": hierarchies, "load_average": os.getloadavg()[0]}


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
