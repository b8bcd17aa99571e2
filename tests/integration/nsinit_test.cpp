// SPDX-License-Identifier: Apache-2.0
// nsinit as one knows it from 2014: what its own tests looked at, on today's kernels.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "integration/support/nsinit.hpp"
#include "integration/support/terminal.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

std::string link_of(const std::string& path) {
  char target[256];
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  return size < 0 ? "" : std::string(target, static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("ps in a new container shows itself alone", "[nsinit]") {
  World world;
  const NsinitBox box(world);
  const Ran ran = box.exec({"ps"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.err.empty());
  std::size_t lines = 0;
  for (const char c : ran.out) lines += c == '\n';
  CHECK(lines == 2);
  CHECK(contains(ran.out, "1 root     ps"));
  box.nothing_left();
}

TEST_CASE("an IPC namespace: of its own, the host's, or one by path", "[nsinit]") {
  World world;
  NsinitBox box(world);
  const std::string path = "/proc/" + std::to_string(::getpid()) + "/ns/ipc";
  const std::string host = link_of(path);
  SECTION("its own") { CHECK(box.report().str("/namespaces/ipc") != host); }
  SECTION("the host's") {
    box.namespaces({"NEWNS", "NEWUTS", "NEWPID", "NEWNET"});
    CHECK(box.report().str("/namespaces/ipc") == host);
  }
  SECTION("by path") {
    box.set("/namespaces/2/path", quoted(path));
    CHECK(box.report().str("/namespaces/ipc") == host);
  }
  SECTION("by a path that is not there") {
    box.set("/namespaces/2/path", quoted(path + "c"));
    const Ran ran = box.exec({"true"});
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, path + "c"));
    CHECK(contains(ran.err, "[config: /namespaces/2]"));
  }
  box.nothing_left();
}

TEST_CASE("resource limits by number", "[nsinit]") {
  World world;
  NsinitBox box(world);
  box.set("/rlimits", R"([{"type": 7, "hard": 1024, "soft": 1024}])");
  const Ran ran = box.exec({"sh", "-c", "ulimit -n"});
  INFO(ran.err);
  CHECK(ran.out == "1024\n");
  box.nothing_left();
}

TEST_CASE("what a container.json asks for is what its process sees", "[nsinit]") {
  World world;
  NsinitBox box(world);
  make_dirs(world.dir() + "/shared");
  spit(world.dir() + "/shared/file", "text\n");
  box.set("/user", "\"daemon\"").set("/working_dir", "\"/etc\"").set("/restrict_sys", "true");
  box.set("/mount_config/readonly_fs", "true");
  for (const char* flags :
       {R"("destination": "/ro")", R"("destination": "/rw", "writable": true)",
        R"("destination": "/slave", "slave": true)", R"("destination": "/private", "private": true)"})
    box.set("/mount_config/mounts/-",
            std::string(R"({"type": "bind", "source": ")") + world.dir() + "/shared\", " + flags + "}");
  box.set(
      "/mount_config/device_nodes",
      R"([{"type": 99, "path": "/dev/fuse", "major_number": 10, "minor_number": 229, "file_mode": 384, "uid": 2}])");
  box.set("/rlimits", R"([{"type": 4, "hard": 0, "soft": 0}])");
  const Json report = box.report({"--try-create", "/ro/x", "--try-create", "/tmp/x", "--try-create", "/etc/x",
                                  "--try-write", "/proc/sys/kernel/domainname", "--read", "/proc/kcore"});
  CHECK(report.num("/pid") == 1);
  CHECK(report.str("/hostname") == "koye");
  CHECK(report.str("/cwd") == "/etc");
  CHECK(report.num("/ids/uid/0") == 2);
  CHECK(report.num("/ids/gid/0") == 3);
  CHECK(report.text("/ids/groups") == "[4,10]");
  CHECK(report.text("/rlimits/RLIMIT_CORE") == "[0,0]");
  CHECK(contains(report.text("/env"), "HOME=/sbin"));
  CHECK(report.str("/create/~1ro~1x") == "EROFS");
  CHECK(report.str("/create/~1etc~1x") == "EROFS");
  CHECK(report.str("/create/~1tmp~1x") == "ok");
  CHECK(report.str("/write/~1proc~1sys~1kernel~1domainname") != "ok");
  CHECK(report.str("/devices/~1dev~1fuse/rdev") == "10:229");
  CHECK(report.num("/devices/~1dev~1fuse/mode") == 0600);
  CHECK(report.num("/devices/~1dev~1fuse/uid") == 2);
  CHECK(report.str("/interfaces/lo") == "up");
  bool sys_is_readonly = false, slave = false, shared = false;
  for (std::size_t i = 0; i < report.size("/mounts"); ++i) {
    const std::string at = "/mounts/" + std::to_string(i);
    const std::string target = report.str(at + "/target");
    if (target == "/sys") sys_is_readonly = report.str(at + "/options").starts_with("ro");
    if (target == "/slave") slave = true;
    shared = shared || contains(report.str(at + "/propagation"), "shared:");
  }
  CHECK(sys_is_readonly);
  CHECK(slave);
  CHECK_FALSE(shared);
  box.nothing_left();
}

TEST_CASE("capabilities: the ones that are named, and no other", "[nsinit]") {
  World world;
  NsinitBox box(world);
  box.set("/capabilities", R"(["KILL", "MKNOD", "NOTHING"])");
  const Ran ran = box.exec({"/probe"});
  REQUIRE(ran.code == 0);
  const Json report(ran.out.substr(0, ran.out.find('\n')));
  const std::string mask = "0000000008000020";
  for (const char* set : {"permitted", "effective", "bounding"})
    CHECK(report.str(std::string("/capabilities/") + set) == mask);
  // CVE-2022-24769
  CHECK(report.str("/capabilities/inheritable") == "0000000000000000");
  CHECK(report.str("/capabilities/ambient") == "0000000000000000");
  CHECK(contains(ran.err, "unknown capability 'NOTHING' [config: /capabilities/2]"));
  box.nothing_left();
}

TEST_CASE("users that container.json names", "[nsinit]") {
  World world;
  NsinitBox box(world);
  const auto ids = [&](const char* user) {
    box.set("/user", quoted(user)).write();
    const Json report = box.report();
    return report.text("/ids/uid") + report.text("/ids/gid") + report.text("/ids/groups");
  };
  CHECK(ids("") == "[0,0,0,0][0,0,0,0][0]");
  CHECK(ids("2:adm") == "[2,2,2,2][4,4,4,4][]");
  CHECK(ids("77:88") == "[77,77,77,77][88,88,88,88][]");
  const auto fault = [&](const char* user) {
    box.set("/user", quoted(user)).write();
    const Ran ran = box.exec({"true"});
    CHECK(ran.code == 1);
    return ran.err;
  };
  CHECK(contains(fault("ghost"), "Unable to find user ghost [config: /user]"));
  CHECK(contains(fault("daemon:ghosts"), "Unable to find group ghosts [config: /user]"));
  CHECK(contains(fault("2147483648"), "Uids and gids must be in range 0-2147483647 [config: /user]"));
  box.nothing_left();
}

TEST_CASE("cgroups by name and parent, with their limits", "[nsinit][cgroup]") {
  World world;
  NsinitBox box(world);
  box.set("/cgroups/memory", "67108864").set("/cgroups/memory_swap", "100663296").set("/cgroups/cpu_shares", "512");
  box.set("/cgroups/cpu_period", "50000").set("/cgroups/cpu_quota", "25000").set("/cgroups/cpuset_cpus", "\"0\"");
  Ran files;
  const pid_t pid = box.started(files);
  if (cgroup_v2()) {
    CHECK(cgroup_value("memory", box.cgroup(), "memory.max") == "67108864");
    CHECK(cgroup_value("memory", box.cgroup(), "memory.swap.max") == "33554432");
    CHECK(cgroup_value("cpu", box.cgroup(), "cpu.max") == "25000 50000");
    CHECK(cgroup_value("cpuset", box.cgroup(), "cpuset.cpus") == "0");
  } else {
    CHECK(cgroup_value("memory", box.cgroup(), "memory.limit_in_bytes") == "67108864");
    CHECK(cgroup_value("memory", box.cgroup(), "memory.memsw.limit_in_bytes") == "100663296");
    CHECK(cgroup_value("cpu", box.cgroup(), "cpu.shares") == "512");
    CHECK(cgroup_value("cpu", box.cgroup(), "cpu.cfs_period_us") == "50000");
    CHECK(cgroup_value("cpu", box.cgroup(), "cpu.cfs_quota_us") == "25000");
    CHECK(cgroup_value("cpuset", box.cgroup(), "cpuset.cpus") == "0");
    CHECK_FALSE(contains(cgroup_value("devices", box.cgroup(), "devices.list"), "a *:* rwm"));
  }
  ::kill(pid, SIGTERM);
  CHECK(world.finish_call(pid, files, 10).code == 0);
  box.nothing_left();
}

TEST_CASE("a slice is where systemd would put it", "[nsinit][cgroup]") {
  World world;
  NsinitBox box(world);
  box.set("/cgroups/slice", quoted(world.mark() + ".slice")).set("/cgroups/parent", "\"docker\"");
  const Ran ran = box.exec({"cat", "/proc/self/cgroup"});
  INFO(ran.err);
  // The dashes of the mark are slices above.
  CHECK(contains(ran.out, "caisson.slice/caisson-test.slice/"));
  CHECK(contains(ran.out, "/" + world.mark() + ".slice/docker-box.scope\n"));
  box.nothing_left();
}

TEST_CASE("pause, unpause, and a container that begins frozen", "[nsinit][cgroup]") {
  World world;
  NsinitBox box(world);
  SECTION("pause") {
    Ran files;
    const pid_t pid = box.started(files);
    CHECK(box.call({"pause"}).code == 0);
    const Ran again = box.exec({"true"});
    CHECK(again.code == 1);
    CHECK(contains(again.err, "paused"));
    CHECK(box.call({"unpause"}).code == 0);
    CHECK(box.exec({"true"}).code == 0);
    CHECK(box.call({"unpause"}).code == 1);
    ::kill(pid, SIGTERM);
    CHECK(world.finish_call(pid, files, 10).code == 0);
  }
  SECTION("FROZEN") {
    box.set("/cgroups/freezer", "\"FROZEN\"");
    Ran files;
    // It must not end by itself before it is frozen, however slow the machine.
    const pid_t pid = box.start({"/probe", "--quiet", "--print", "up", "--hold"}, files);
    REQUIRE(eventually([&] { return box.call({"unpause"}).code == 0; }));
    CHECK(eventually([&] { return contains(slurp(files.out_path), "up"); }));
    CHECK(box.exec({"true"}).code == 0);
    ::kill(pid, SIGTERM);
    const Ran ran = world.finish_call(pid, files, 10);
    CHECK(ran.code == 0);
    CHECK(ran.out == "up\n");
  }
  box.nothing_left();
}

TEST_CASE("stats counts what the container uses, under the names of 2014", "[nsinit][cgroup]") {
  World world;
  const NsinitBox box(world);
  const Ran none = box.call({"stats"});
  CHECK(none.code == 1);
  CHECK(contains(none.err, "no container runs in '" + box.dir() + "'"));
  Ran files;
  const pid_t pid = box.started(files);
  const Ran ran = box.call({"stats"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const Json stats(ran.out);
  CHECK(stats.num("/cgroup_stats/cpu_stats/cpu_usage/total_usage") > 0);
  CHECK(stats.num("/cgroup_stats/memory_stats/usage") > 0);
  CHECK(stats.num("/network_stats/rx_bytes") == 0);
  using Keys = std::vector<std::string>;
  CHECK(stats.keys("/network_stats") ==
        Keys{"rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped"});
  CHECK(stats.keys("/cgroup_stats") == Keys{"cpu_stats", "memory_stats", "blkio_stats"});
  CHECK(stats.keys("/cgroup_stats/cpu_stats/cpu_usage") ==
        Keys{"total_usage", "percpu_usage", "usage_in_kernelmode", "usage_in_usermode"});
  CHECK(stats.keys("/cgroup_stats/cpu_stats/throttling_data") ==
        Keys{"periods", "throttled_periods", "throttled_time"});
  CHECK(stats.keys("/cgroup_stats/memory_stats") == Keys{"usage", "max_usage", "stats", "failcnt"});
  CHECK(stats.has("/cgroup_stats/memory_stats/stats/pgfault"));
  CHECK(stats.keys("/cgroup_stats/blkio_stats") ==
        Keys{"io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
             "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive"});
  ::kill(pid, SIGTERM);
  CHECK(world.finish_call(pid, files, 10).code == 0);
  box.nothing_left();
}

TEST_CASE("samples that need no network", "[nsinit][samples]") {
  World world;
  NsinitBox box(world);
  for (const char* name : {"minimal", "apparmor", "selinux"}) {
    box.sample(name).write();
    const Ran ran = box.exec({"sh", "-c", "id -un; grep -o '/tmp tmpfs' /proc/mounts; hostname"});
    INFO(name << ": " << ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "daemon\n/tmp tmpfs\nbox\n");
    box.nothing_left();
  }
}

TEST_CASE("the minimal sample's user has a /tmp to work in", "[nsinit][samples]") {
  World world;
  NsinitBox box(world);
  box.sample("minimal").write();
  Ran files;
  const pid_t pid = box.started(files);
  const Ran made = box.exec({"sh", "-c", "id -un; umask; echo mine > /tmp/file; stat -c '%a %U %n' /tmp /tmp/file"});
  INFO(made.err);
  CHECK(made.out == "daemon\n0022\n1777 root /tmp\n644 daemon /tmp/file\n");
  // Whoever comes later finds it; on the host it never was.
  CHECK(box.exec({"cat", "/tmp/file"}).out == "mine\n");
  CHECK_FALSE(exists(box.dir() + "/tmp/file"));
  ::kill(pid, SIGTERM);
  CHECK(world.finish_call(pid, files, 10).code == 0);
  box.nothing_left();
}

TEST_CASE("config prints container.json again; pause and unpause need a container", "[nsinit]") {
  World world;
  NsinitBox box(world);
  const Ran config = box.call({"config"});
  CHECK(config.code == 0);
  CHECK(Json(config.out).str("/hostname") == "koye");
  CHECK(contains(config.out, "\n\t\"hostname\": \"koye\",\n"));
  for (const char* command : {"pause", "unpause"}) {
    const Ran ran = box.call({command});
    INFO(command << ": " << ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "container does not exist"));
  }
  CHECK(box.call({"--version"}).out == "nsinit version 0.1\n");
  CHECK(contains(box.call({"exec", "--list"}).out, "mknod a device inside an existing container"));
  box.nothing_left();
}

TEST_CASE("keys match in any case, unknown ones are ignored, and null is what is not given", "[nsinit]") {
  World world;
  const NsinitBox box(world);
  spit(box.dir() + "/container.json", R"({"HostName": "Koye", "ENVIRONMENT": ["PATH=/bin", "A=1", "A=2"],
    "Namespaces": [{"Name": "NEWNS"}, {"NAME": "NEWUTS"}, {"name": "NEWPID", "path": null}], "routes": null,
    "cgroups": {"Name": "box", "PARENT": ")" +
                                          world.mark() + R"(", "allow_all_devices": true, "allowed_devices": null},
    "capabilities": null, "networks": null, "standard": {"of": "later"}, "mount_config": null, "user": null})");
  const Ran ran = box.exec({"sh", "-c", "hostname; echo $A $HOME $$; cat /dev/null && echo read"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.out == "Koye\n2 /root 1\nread\n");
  CHECK(ran.err.empty());
  CHECK_FALSE(exists(box.state_path()));
  for (const auto& name : names_in(world.root())) CHECK(name.empty());
}

TEST_CASE("without pivot_root the container's root is its own all the same", "[nsinit]") {
  World world;
  NsinitBox box(world);
  box.set("/mount_config/no_pivot_root", "true").set("/mount_config/readonly_fs", "true");
  const Json report = box.report({"--try-create", "/etc/x", "--try-create", "/tmp/x", "--list", "/"});
  CHECK(report.str("/create/~1etc~1x") == "EROFS");
  CHECK(report.str("/create/~1tmp~1x") == "ok");
  CHECK(contains(report.text("/list/~1"), "probe"));
  for (std::size_t i = 0; i < report.size("/mounts"); ++i)
    CHECK_FALSE(contains(report.str("/mounts/" + std::to_string(i) + "/propagation"), "shared:"));
  box.nothing_left();
}

TEST_CASE("a terminal of its own for each shell, whose size follows", "[nsinit][terminal]") {
  World world;
  NsinitBox box(world);
  box.set("/tty", "true").write();
  const auto shell = [&] {
    return std::vector<std::string>{"nsinit", "exec", "sh", "-c", "tty; exec /probe --quiet --wait-winch"};
  };
  // What is started on a terminal stands where the test does.
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(box.dir());
  Terminal first(world, shell(), 30, 100);
  CHECK(first.appears("/dev/pts/0"));
  REQUIRE(first.appears("waiting"));
  Terminal second(world, shell(), 30, 100);
  CHECK(second.appears("/dev/pts/1"));
  REQUIRE(second.appears("waiting"));
  std::filesystem::current_path(before);
  second.resize(11, 22);
  CHECK(second.appears("11 22"));
  CHECK(second.wait() == 0);
  first.resize(44, 55);
  CHECK(first.appears("44 55"));
  CHECK(first.wait() == 0);
  box.nothing_left();
}

TEST_CASE("a container cannot rewrite the container.json that it is started by", "[nsinit][security]") {
  World world;
  NsinitBox box(world);
  box.set("/capabilities", R"(["CHOWN", "DAC_OVERRIDE", "FOWNER", "MKNOD", "SETUID", "SETGID"])");
  box.write();
  const std::string before = slurp(box.dir() + "/container.json");
  const std::string attack =
      "echo x >/container.json; /bin/busybox rm -f /container.json; /bin/busybox mv /container.json /moved; "
      "echo x >/new; /bin/busybox mv -f /new /container.json; /bin/busybox umount /container.json; "
      "/bin/busybox mount -o remount,rw /container.json; /bin/busybox chmod 777 /container.json; exit 0";
  const Ran ran = box.call({"exec", "/bin/sh", "-c", attack});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(slurp(box.dir() + "/container.json") == before);
  struct stat info {};
  REQUIRE(::stat((box.dir() + "/container.json").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) != 0777);
  box.nothing_left();
}

TEST_CASE("data_path without root_fs: the root file system is the working directory", "[nsinit]") {
  World world;
  NsinitBox box(world);
  const std::string data = world.dir() + "/data";
  make_dirs(data);
  spit(data + "/container.json", box.config.text());
  How how;
  how.env = {"data_path=" + data};
  how.cwd = box.dir();
  Ran files;
  const pid_t pid = box.started(files, {"/probe", "--quiet", "--print", "up", "--hold"}, how);
  CHECK(exists(data + "/state.json"));
  CHECK_FALSE(exists(box.state_path()));
  // Joined from anywhere.
  how.cwd = "/";
  CHECK(world.call({"nsinit", "exec", "hostname"}, how).out == "koye\n");
  ::kill(pid, SIGTERM);
  CHECK(world.finish_call(pid, files, 10).code == 0);
  CHECK_FALSE(exists(data + "/state.json"));
  box.nothing_left();
}

TEST_CASE("called as nsinit, with data_path and log", "[nsinit]") {
  World world;
  NsinitBox box(world, "box", true);
  box.write();
  How how;
  how.cwd = "/";
  how.env = {"data_path=" + box.dir(), "log=" + world.dir() + "/log"};
  const std::string name = world.dir() + "/nsinit";
  REQUIRE(::symlink(Places::get().caisson.c_str(), name.c_str()) == 0);
  // By its own name it takes no option of ours, so that the container is recorded in the usual place.
  const std::string command = "cd / && data_path=" + box.dir() + " log=" + world.dir() + "/log " + name +
                              " exec /bin/sh -c 'echo hello from $HOSTNAME'; " + "cd / && data_path=" + box.dir() +
                              " " + name + " --version";
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe);
  char text[256] = "";
  const auto got = ::fread(text, 1, sizeof text - 1, pipe);
  CHECK(::pclose(pipe) == 0);
  CHECK(std::string(text, got) == "hello from koye\nnsinit version 0.1\n");
  how.env.push_back("extra=1");
  CHECK(contains(box.call({"exec", "ghost"}, how).err, "ghost"));
  CHECK(contains(slurp(world.dir() + "/log"), "ghost"));
  box.nothing_left();
}

TEST_CASE("wrong input is refused with its place, and nothing is left", "[nsinit][errors]") {
  World world;
  NsinitBox box(world);
  const auto fault = [&](const std::string& pointer, const std::string& json) {
    NsinitBox wrong = box;
    wrong.set(pointer, json).write();
    const Ran ran = wrong.exec({"true"});
    INFO(pointer << " " << json);
    CHECK(ran.code == 1);
    wrong.nothing_left();
    return ran.err;
  };
  CHECK(
      contains(fault("/networks/0/type", "\"bond\""), "not a valid network strategy type [config: /networks/0/type]"));
  CHECK(contains(fault("/networks/-", R"({"type": "veth", "veth_prefix": "v"})"),
                 "bridge is not specified [config: /networks/1/bridge]"));
  CHECK(contains(fault("/networks/-", R"({"type": "veth", "bridge": "nsi-none", "veth_prefix": "v"})"),
                 "bridge 'nsi-none' does not exist"));
  CHECK(contains(fault("/networks/-", R"({"type": "veth", "bridge": "b", "veth_prefix": "v", "address": "1.2.3"})"),
                 "invalid CIDR address: 1.2.3 [config: /networks/1/address]"));
  CHECK(contains(fault("/networks/-", R"({"type": "veth", "bridge": "b"})"),
                 "veth prefix is not specified [config: /networks/1/veth_prefix]"));
  CHECK(contains(fault("/networks/-", R"({"type": "veth", "bridge": "b", "veth_prefix": "v", "mac_address": "02"})"),
                 "invalid MAC address: 02 [config: /networks/1/mac_address]"));
  CHECK(contains(fault("/routes", R"([{"interface_name": "eth0"}])"),
                 "a route needs a destination, a source or a gateway [config: /routes/0]"));
  CHECK(contains(fault("/routes", R"([{"gateway": "10.0.0.1", "interface_name": "eth7"}])"),
                 "the container has no interface 'eth7' [config: /routes/0/interface_name]"));
  CHECK(contains(fault("/namespaces", R"([{"name": "NEWNS"}, {"name": "NEWPID"}])"), "[config: /hostname]"));
  CHECK(contains(fault("/cgroups/memory", "\"much\""), "[config: /cgroups/memory]"));
  CHECK(contains(fault("/cgroups/freezer", "\"COLD\""), "'COLD' is neither 'FROZEN' nor 'THAWED'"));
  CHECK(contains(fault("/mount_config/device_nodes", R"([{"type": 7, "path": "/dev/x"}])"),
                 "[config: /mount_config/device_nodes/0/type]"));
  CHECK(contains(fault("/namespaces/0/name", "\"NEWMOON\""), "unknown namespace 'NEWMOON'"));
  CHECK(contains(fault("/environment/0", "\"PATH\""), "invalid environment 'PATH' [config: /environment/0]"));
  CHECK(contains(fault("/mount_config/mounts/0/type", "\"nfs\""),
                 "unsupported mount type nfs for /tmp [config: /mount_config/mounts/0/type]"));
  CHECK(contains(fault("/mount_config/mounts/-", R"({"type": "bind", "source": "/nowhere", "destination": "/x"})"),
                 "[config: /mount_config/mounts/1]"));
  CHECK(contains(fault("/root_fs", "\"/nowhere\""), "[config: /root_fs]"));
  CHECK(contains(fault("/cgroups/cpuset_cpus", "\"4095\""), "[config: /cgroups/cpuset_cpus]"));
  CHECK(contains(fault("/rlimits", R"([{"type": 7, "hard": 1, "soft": 2}])"), "[config: /rlimits/0]"));
  spit(box.dir() + "/container.json", "{\n\"tty\": true,\n}");
  CHECK(contains(box.exec({"true"}).err, "invalid JSON at line 3, column 1"));
  ::unlink((box.dir() + "/container.json").c_str());
  How elsewhere;
  elsewhere.cwd = world.dir();
  CHECK(contains(world.call({"nsinit", "exec", "true"}, elsewhere).err, "container.json' is not there"));
  box.write();
  const Ran ghost = box.exec({"/bin/ghost"});
  CHECK(ghost.code == 1);
  CHECK(contains(ghost.err, "/bin/ghost"));
  box.nothing_left();
}

TEST_CASE("labels of modules that the host has not: one warning, and on it goes", "[nsinit][lsm]") {
  if (slurp("/sys/module/apparmor/parameters/enabled") == "Y\n" || exists("/sys/fs/selinux/enforce"))
    CAISSON_SKIP("this host has AppArmor or SELinux");
  World world;
  NsinitBox box(world);
  box.set("/apparmor_profile", "\"docker-default\"");
  const Ran ran = box.exec({"echo", "on"});
  CHECK(ran.code == 0);
  CHECK(ran.out == "on\n");
  CHECK(contains(ran.err, "this host has no AppArmor [config: /apparmor_profile]"));
  box.nothing_left();
}

TEST_CASE("spec --from writes the config.json that gives the same container", "[nsinit][spec]") {
  World world;
  NsinitBox box(world, "box", true);
  box.set("/user", "\"daemon\"").set("/restrict_sys", "true").set("/working_dir", "\"/etc\"");
  box.set("/rlimits", R"([{"type": 7, "hard": 512, "soft": 256}])").set("/cgroups/memory", "67108864");
  box.set("/mount_config/readonly_fs", "true");
  box.set("/mount_config/device_nodes", R"([{"type": 99, "path": "/dev/fuse", "major_number": 10,
    "minor_number": 229, "file_mode": 438}])");
  Json first = box.report();
  const std::string bundle = world.dir() + "/bundle";
  make_dirs(bundle);
  const Ran spec = world.call({"spec", "--from", box.dir() + "/container.json", "--bundle", bundle});
  INFO(spec.err);
  REQUIRE(spec.code == 0);
  Json config(slurp(bundle + "/config.json"));
  config.set_strings("/process/args", {"/probe"});
  spit(bundle + "/config.json", config.text());
  const Ran ran = world.call({"run", "--bundle", bundle, world.mark() + "-spec"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  Json second(ran.out.substr(0, ran.out.find('\n')));
  // What differs from one container to the next, whatever made it.
  for (Json* report : {&first, &second}) {
    for (const char* each : {"/clocks", "/namespaces", "/keyring", "/fds"}) report->remove(each);
    for (std::size_t i = 0; i < report->size("/mounts"); ++i)
      for (const char* each : {"/id", "/parent", "/device", "/super"})
        report->remove("/mounts/" + std::to_string(i) + each);
    for (const auto& device : report->keys("/devices")) report->remove("/devices/" + step(device) + "/inode");
  }
  for (const auto& key : first.keys()) {
    INFO(key);
    if (key == "env") {
      auto left = first.strings("/env"), right = second.strings("/env");
      std::sort(left.begin(), left.end());
      std::sort(right.begin(), right.end());
      CHECK(left == right);
    } else {
      CHECK(first.text("/" + step(key)) == second.text("/" + step(key)));
    }
  }
  const Ran veth = [&] {
    NsinitBox networked = box;
    networked.set("/networks/-", R"({"type": "veth", "bridge": "b", "veth_prefix": "v"})").write();
    return world.call({"spec", "--from", box.dir() + "/container.json", "--bundle", world.dir()});
  }();
  CHECK(veth.code == 1);
  CHECK(contains(veth.err, "[config: /networks/1]"));
  CHECK_FALSE(exists(world.dir() + "/config.json"));
  box.nothing_left();
}

TEST_CASE("a config.json cannot use the extension", "[nsinit][security]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/caisson", R"({"namedUser": true, "user": "daemon", "endsWithCaller": true})");
  make_dirs(bundle.rootfs + "/etc");
  spit(bundle.rootfs + "/etc/passwd", "daemon:x:2:3:daemon:/sbin:/bin/false\n");
  CHECK(world.report(bundle).num("/ids/uid/0") == 0);
  world.nothing_left();
}

TEST_CASE("nsinit refuses what it could not read again", "[nsinit][errors]") {
  World world;
  NsinitBox box(world);
  const Ran ran = box.exec({"/probe", "--quiet", "--print", "a\xff"});
  CHECK(ran.code != 0);
  CHECK(contains(ran.err, "argument 4 of the command is not UTF-8"));
  box.nothing_left();
}
