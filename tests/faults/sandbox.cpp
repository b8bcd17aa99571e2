// SPDX-License-Identifier: Apache-2.0
#include "faults/sandbox.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "faults/report.hpp"

namespace caisson::faults {

namespace fs = std::filesystem;

namespace {

// Something of everything that a config can ask for and this kind of host can give.
constexpr const char* kConfig = R"({
  "ociVersion": "1.0.2",
  "process": {
    "user": {"uid": 1000, "gid": 1000, "additionalGids": [5, 20]},
    "args": [@ARGS@],
    "env": ["PATH=/", "HOME=/"],
    "cwd": "/",
    "capabilities": {
      "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"]
    },
    "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 500, "hard": 1000}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
    "oomScoreAdj": 100,
    "noNewPrivileges": true
  },
  "root": {"path": "rootfs", "readonly": true},
  "hostname": "box",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
    {"destination": "/out", "type": "bind", "source": "@DIR@/out", "options": ["bind", "rw", "nosuid"]},
    {"destination": "/fixed", "type": "bind", "source": "@DIR@/fixed", "options": ["rbind", "ro", "nodev", "noexec"]}
  ],
  "hooks": {@HOOKS@},
  "linux": {
    "cgroupsPath": "/@CGROUP@/c",
    "namespaces": [
      {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}@USER@
    ],
    @MAPS@
    "sysctl": {"net.ipv4.ip_unprivileged_port_start": "80"},
    "resources": {
      "devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
      "memory": {"limit": 67108864}, "pids": {"limit": 32}, "cpu": {"shares": 512}
    },
    "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 432, "uid": 1000, "gid": 5}],
    "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
    "readonlyPaths": ["/proc/sys", "/proc/bus"],
    "seccomp": {
      "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]
    }
  }
})";

constexpr const char* kMaps = R"("uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
    "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],)";

constexpr const char* kOldConfig = R"({
  "hostname": "koye",
  "environment": ["PATH=/"],
  "namespaces": [{"name": "NEWNS"}, {"name": "NEWUTS"}, {"name": "NEWIPC"}, {"name": "NEWPID"}, {"name": "NEWNET"}],
  "capabilities": ["CHOWN", "KILL", "SETUID", "SETGID"],
  "networks": [{"type": "loopback", "address": "127.0.0.1/0", "gateway": "localhost", "mtu": 1500}],
  "cgroups": {"name": "c", "parent": "@CGROUP@",
    "allowed_devices": [{"type": 99, "major_number": -1, "minor_number": -1, "cgroup_permissions": "m"}]},
  "mount_config": {"mounts": [{"type": "tmpfs", "destination": "/tmp"},
    {"type": "bind", "source": "@DIR@/out", "destination": "/out", "writable": true}]}
})";

// Which values of a cgroup's files tell whether it is as it was asked for.
constexpr const char* kCgroupFiles[] = {"memory.limit_in_bytes",
                                        "memory.soft_limit_in_bytes",
                                        "memory.memsw.limit_in_bytes",
                                        "memory.swappiness",
                                        "pids.max",
                                        "cpu.shares",
                                        "cpu.cfs_quota_us",
                                        "cpu.cfs_period_us",
                                        "cpuset.cpus",
                                        "cpuset.mems",
                                        "devices.list",
                                        "freezer.state",
                                        "blkio.weight",
                                        "memory.max",
                                        "memory.low",
                                        "memory.swap.max",
                                        "cpu.max",
                                        "cpu.weight",
                                        "cgroup.freeze",
                                        "io.weight"};

std::string hook(const std::string& program, const std::string& file, const std::string& stage) {
  return "\"" + stage + "\": [{\"path\": \"" + program + "\", \"args\": [\"probe\", \"--quiet\", \"--append\", \"" +
         file + "\", \"" + stage + "\"]}]";
}

std::vector<std::string> mount_targets() {
  std::vector<std::string> targets;
  for (const auto& line : lines_of(read_text("/proc/self/mountinfo"))) {
    std::istringstream words(line);
    std::string skip, target;
    words >> skip >> skip >> skip >> skip >> target;
    targets.push_back(target);
  }
  return targets;
}

}  // namespace

Sandbox::Sandbox(Runtime runtime, int number) : runtime_(std::move(runtime)), mounts_(mount_targets()) {
  watched_.cgroup = "caisson-faults-" + std::to_string(::getpid()) + "-" + std::to_string(number);
  watched_.dir = "/tmp/" + watched_.cgroup;
  id_ = "c";
  for (const char* part : {"", "/state", "/bundle", "/bundle/rootfs", "/out", "/fixed", "/scratch", "/old"})
    fs::create_directories(dir() + part);
  for (const char* part : {"/bundle/rootfs/probe", "/old/probe"}) fs::copy_file(runtime_.probe, dir() + part);
  // Mount points, so that a container leaves none behind.
  for (const char* root : {"/bundle/rootfs", "/old"})
    for (const char* part : {"/proc", "/dev", "/sys", "/out", "/fixed", "/tmp"})
      fs::create_directories(dir() + root + part);
  ::chmod(dir().c_str(), 0755);
  ::chmod((dir() + "/out").c_str(), 0777);
  make_cgroups(watched_.cgroup);
}

Sandbox::~Sandbox() {
  clear();
  clear_cgroups(watched_.cgroup, true);
  std::error_code error;
  fs::remove_all(dir(), error);
}

std::string Sandbox::config_text(Shape shape, Guest guest) const {
  std::string args = R"("/probe", "--report-to", "/out/report", "--syscall", "170,0,0", "--read", "/proc/kcore",
      "--try-write", "/proc/sys/kernel/domainname", "--try-create", "/made", "--sysctl", "net.ipv4.ip_unprivileged_port_start",
      "--read", "/sys/fs/cgroup/pids/pids.max", "--read", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
      "--read", "/sys/fs/cgroup/pids.max", "--read", "/sys/fs/cgroup/memory.max")";
  if (guest == Guest::stays) args += R"(, "--hold")";
  std::string hooks;
  if (shape == Shape::hooked) {
    const std::string host_file = dir() + "/out/hooks";
    for (const char* stage : {"prestart", "createRuntime", "createContainer", "poststart", "poststop"})
      hooks += hook(dir() + "/bundle/rootfs/probe", host_file, stage) + ", ";
    hooks += hook("/probe", "/out/hooks", "startContainer");
  }
  std::string text = replaced(kConfig, "@ARGS@", args);
  text = replaced(text, "@HOOKS@", hooks);
  text = replaced(text, "@USER@", shape == Shape::mapped ? R"(, {"type": "user"})" : "");
  text = replaced(text, "@MAPS@", shape == Shape::mapped ? kMaps : "");
  text = replaced(text, "@CGROUP@", watched_.cgroup);
  return replaced(text, "@DIR@", dir());
}

void Sandbox::write_bundle(Shape shape, Guest guest) {
  // Some hooks are root's, others the container's user's.
  write_text(dir() + "/out/hooks", "", 0666);
  write_text(bundle() + "/config.json", config_text(shape, guest));
}

void Sandbox::write_nsinit_directory() {
  std::string text = replaced(kOldConfig, "@CGROUP@", watched_.cgroup);
  write_text(nsinit_dir() + "/container.json", replaced(text, "@DIR@", dir()));
}

std::vector<std::string> Sandbox::words(const std::vector<std::string>& args) const {
  std::vector<std::string> all{runtime_.path, "--root", dir() + "/state"};
  all.insert(all.end(), args.begin(), args.end());
  return all;
}

Ran Sandbox::call(const std::vector<std::string>& args, double seconds) const {
  return call_program(words(args), dir(), dir() + "/scratch", seconds);
}

void Sandbox::must(const std::vector<std::string>& args) const {
  const Ran ran = call(args);
  if (ran.code == 0) return;
  std::string text;
  for (const auto& arg : args) text += " " + arg;
  std::fprintf(stderr, "without any fault:%s: code %d: %s\n", text.c_str(), ran.code, ran.err.c_str());
  throw std::runtime_error("a command failed that nothing disturbed:" + text + ": " + ran.err);
}

namespace {

/// The value of a line "/status running" of a flat JSON.
std::string value_of(const std::string& flat, const std::string& pointer) {
  for (const auto& line : lines_of(flat))
    if (line.starts_with(pointer + " ")) return line.substr(pointer.size() + 1);
  return "";
}

}  // namespace

std::string Sandbox::status() const {
  const Ran ran = call({"state", id_});
  return ran.code == 0 ? value_of(flat_json(ran.out, ""), "/status") : "";
}

pid_t Sandbox::init_pid() const {
  const Ran ran = call({"state", id_});
  return ran.code == 0 ? std::atoi(value_of(flat_json(ran.out, ""), "/pid").c_str()) : 0;
}

std::string Sandbox::report(const std::string& name) const {
  const std::string path = dir() + "/out/" + name;
  std::string text;
  eventually(5, [&] {
    text = read_text(path);
    return text.ends_with('\n');
  });
  return replaced(replaced(plain_report(text), dir(), "@DIR@"), watched_.cgroup, "@CGROUP@");
}

std::string Sandbox::hooks() const {
  // Which of two stages is first is not always the runtime's to say.
  auto lines = lines_of(read_text(dir() + "/out/hooks"));
  std::ranges::sort(lines);
  std::string text;
  for (const auto& line : lines) text += "hook " + line + "\n";
  return text;
}

std::string Sandbox::seen_from_host() const {
  const Ran ran = call({"state", id_});
  std::string text = "state: code " + std::to_string(ran.code) + "\n" + flat_json(ran.out, "pid created");
  if (ran.code != 0) text += replaced(ran.err, "\n", " ") + "\n";
  for (const auto& cgroup : cgroup_dirs(watched_.cgroup + "/c"))
    for (const char* file : kCgroupFiles)
      if (exists(cgroup + "/" + file))
        text += cgroup + "/" + file + " " + replaced(read_text(cgroup + "/" + file), "\n", " ") + "\n";
  return replaced(replaced(text, dir(), "@DIR@"), watched_.cgroup, "@CGROUP@");
}

void Sandbox::clear() const {
  kill_descendants();
  clear_cgroups(watched_.cgroup, false);
  for (const auto& target : mount_targets())
    if (std::ranges::find(mounts_, target) == mounts_.end()) ::umount2(target.c_str(), MNT_DETACH);
  std::error_code error;
  for (const char* part : {"/state", "/out"})
    for (const auto& name : names_in(dir() + part)) fs::remove_all(dir() + part + "/" + name, error);
  for (const char* file : {"/old/state.json", "/bundle/pid"}) fs::remove(dir() + file, error);
  // crun 1.8 gives the standard streams to a container's user, and /dev/null is the whole host's.
  struct stat null {};
  if (::stat("/dev/null", &null) == 0 && null.st_uid != 0) [[maybe_unused]]
    const int given_back = ::chown("/dev/null", 0, 0);
}

}  // namespace caisson::faults
