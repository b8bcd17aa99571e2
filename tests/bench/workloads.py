# SPDX-License-Identifier: Apache-2.0
"""The workloads: each gives the driver's lanes, one for each contender that can do it."""
import copy
import json
import os
import subprocess

RUNTIMES = ("caisson", "crun", "runc")


class Bench:
    """Where everything is: programs, bundles, the runtimes' own root directories."""

    def __init__(self, work, programs, rootfs, base):
        self.work, self.programs, self.rootfs, self.base = work, programs, rootfs, base
        self.runtimes = [name for name in RUNTIMES if name in programs]

    def command(self, runtime, *arguments):
        return [self.programs[runtime], "--root", f"{self.work}/root-{runtime}", *arguments]

    def config(self, *args):
        config = copy.deepcopy(self.base)
        config["process"]["args"] = list(args)
        return config

    def bundle(self, name, config):
        path = f"{self.work}/bundle-{name}"
        os.makedirs(path, exist_ok=True)
        if not os.path.islink(f"{path}/rootfs"):
            config["root"]["path"] = self.rootfs
        with open(f"{path}/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        return path

    def call(self, runtime, *arguments, check=True):
        """Without a pipe: a container that stays would hold it open."""
        subprocess.run(self.command(runtime, *arguments), check=check, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=None if check else subprocess.DEVNULL)

    def pid_of(self, runtime, container):
        text = subprocess.run(self.command(runtime, "state", container), check=True, stdout=subprocess.PIPE).stdout
        return json.loads(text)["pid"]


def run_steps(bench, runtime, bundle, label="run", name="run"):
    return [["time", label, *bench.command(runtime, "run", "-b", bundle, f"bench-{name}-{runtime}-%r")]]


def default_run(bench):
    bundle = bench.bundle("true", bench.config("/bin/true"))
    lanes = {runtime: run_steps(bench, runtime, bundle) for runtime in bench.runtimes}
    lanes["floor"] = [["time", "run", bench.programs["floor"], bench.rootfs, "bench-floor-%r", "/bin/true"]]
    return lanes


class Running:
    """A container of each runtime that sleeps, for as long as the block lasts."""

    def __init__(self, bench, name="sleeper"):
        self.bench, self.name = bench, name

    def __enter__(self):
        bundle = self.bench.bundle("sleep", self.bench.config("/bin/sleep", "100000"))
        for runtime in self.bench.runtimes:
            self.bench.call(runtime, "run", "-d", "-b", bundle, f"bench-{self.name}-{runtime}")
        return self

    def __exit__(self, *_):
        for runtime in self.bench.runtimes:
            self.bench.call(runtime, "delete", "--force", f"bench-{self.name}-{runtime}", check=False)


def default_exec(bench):
    lanes = {runtime: [["time", "exec", *bench.command(runtime, "exec", f"bench-sleeper-{runtime}", "/bin/true")]]
             for runtime in bench.runtimes}
    pid = bench.pid_of("caisson", "bench-sleeper-caisson")
    lanes["nsenter"] = [["time", "exec", bench.programs["nsenter"], "-a", "-t", str(pid), "/bin/true"]]
    return lanes


def life(bench):
    bundle = bench.bundle("sleep", bench.config("/bin/sleep", "100000"))
    lanes = {}
    for runtime in bench.runtimes:
        name, pid_file = f"bench-life-{runtime}-%r", f"{bench.work}/pid-{runtime}-%r"
        steps = [["time", "create", *bench.command(runtime, "create", "-b", bundle, "--pid-file", pid_file, name)]]
        steps += [["time", word, *bench.command(runtime, word, name)] for word in ("start", "state")]
        steps += [["time", "kill", *bench.command(runtime, "kill", name, "KILL")], ["gone", pid_file]]
        lanes[runtime] = steps + [["time", "delete", *bench.command(runtime, "delete", name)]]
    return lanes


def rendered_profile(path, capabilities):
    """A profile of containers-common as an engine renders it for this architecture and these capabilities."""
    with open(path, encoding="utf-8") as file:
        profile = json.load(file)
    rendered = {"defaultAction": profile["defaultAction"], "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86",
                                                                             "SCMP_ARCH_X32"], "syscalls": []}
    if "defaultErrnoRet" in profile:
        rendered["defaultErrnoRet"] = profile["defaultErrnoRet"]
    for rule in profile["syscalls"]:
        wanted, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
        if wanted.get("arches") and "amd64" not in wanted["arches"]:
            continue
        if wanted.get("caps") and not set(wanted["caps"]) <= set(capabilities):
            continue
        if "amd64" in (unwanted.get("arches") or []) or set(unwanted.get("caps") or []) & set(capabilities):
            continue
        kept = {key: rule[key] for key in ("names", "action", "errnoRet", "args") if rule.get(key)}
        rendered["syscalls"].append(kept)
    return rendered


def with_profile(bench, path):
    config = bench.config("/bin/true")
    plain = bench.bundle("true", bench.config("/bin/true"))
    config["linux"]["seccomp"] = rendered_profile(path, config["process"]["capabilities"]["bounding"])
    bundle = bench.bundle("profile", config)
    lanes = {runtime: run_steps(bench, runtime, bundle, name="profile") for runtime in bench.runtimes}
    lanes["caisson, no profile"] = run_steps(bench, "caisson", plain, name="plain")
    return lanes


def with_binds(bench, count):
    config = bench.config("/bin/true")
    config["process"]["rlimits"] = []  # crun takes a descriptor for each, within the container's own limit
    source = f"{bench.work}/source"
    os.makedirs(source, exist_ok=True)
    config["mounts"] += [{"destination": f"/tmp/bind/{i}", "source": source, "type": "bind", "options": ["rbind", "ro"]}
                         for i in range(count)]
    for i in range(count):
        os.makedirs(f"{bench.rootfs}/tmp/bind/{i}", exist_ok=True)
    bundle = bench.bundle(f"binds-{count}", config)
    return {runtime: run_steps(bench, runtime, bundle, name="binds") for runtime in bench.runtimes}


def with_environment(bench, count):
    config = bench.config("/bin/true")
    config["process"]["env"] += [f"VARIABLE_{i}=value number {i}" for i in range(count)]
    bundle = bench.bundle(f"env-{count}", config)
    return {runtime: run_steps(bench, runtime, bundle, name="env") for runtime in bench.runtimes}


def parallel(bench, count):
    bundle = bench.bundle("sleep", bench.config("/bin/sleep", "100000"))
    lanes = {}
    for runtime in bench.runtimes:
        name = f"bench-many-{runtime}-%r-%p"
        lanes[runtime] = [["many", "create", count, *bench.command(runtime, "create", "-b", bundle, name)],
                          ["every", count, *bench.command(runtime, "delete", "--force", name)]]
    return lanes


class Crowd:
    """Containers of one runtime that are alive for as long as the block lasts; grows by add()."""

    def __init__(self, bench, runtime="caisson"):
        self.bench, self.runtime, self.count = bench, runtime, 0

    def add(self, up_to):
        bundle = self.bench.bundle("sleep", self.bench.config("/bin/sleep", "100000"))
        for i in range(self.count, up_to):
            self.bench.call(self.runtime, "run", "-d", "-b", bundle, f"bench-crowd-{self.runtime}-{i}")
        self.count = max(self.count, up_to)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for i in range(self.count):
            self.bench.call(self.runtime, "delete", "--force", f"bench-crowd-{self.runtime}-{i}", check=False)


def listing(bench, runtimes):
    return {runtime: [["time", "list", *bench.command(runtime, "list", "-f", "json")]] for runtime in runtimes}


def created_memory(bench):
    """Private memory of an init that waits in `created`, by runtime."""
    bundle = bench.bundle("sleep", bench.config("/bin/sleep", "100000"))
    found = {}
    from measure import private_memory
    for runtime in bench.runtimes:
        bench.call(runtime, "create", "-b", bundle, f"bench-memory-{runtime}")
        found[runtime] = private_memory(bench.pid_of(runtime, f"bench-memory-{runtime}"))
        bench.call(runtime, "delete", "--force", f"bench-memory-{runtime}")
    return found
