// SPDX-License-Identifier: Apache-2.0
// Cgroups through systemd, on a host that runs it: what the config asks for is read back from systemd and from the
// cgroup's files.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "integration/support/mounts.hpp"
#include "integration/support/trace.hpp"
#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

constexpr uid_t kUser = 1000;

bool runs_systemd() { return exists("/run/systemd/system"); }
const char* const kNone = "this host does not run systemd";

/// What a shell command prints on stdout.
std::string shell(const std::string& command) {
  std::string text;
  FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer;
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    text.append(buffer.data(), got);
  ::pclose(pipe);
  return trimmed(text);
}

std::string show(const std::string& unit, const std::string& property) {
  return shell("systemctl show --value -p " + property + " " + unit);
}

/// The world's bundle, whose unit is <mark>-<name>.scope in system.slice.
Bundle bundle_in_unit(World& world, const std::string& name = "c") {
  Bundle bundle = world.bundle();
  bundle.config.set_string("/linux/cgroupsPath", "system.slice:" + world.mark() + ":" + name);
  return bundle;
}

Ran create(const World& world, const Bundle& bundle, const How& how = {}) {
  bundle.write();
  return world.call({"--systemd-cgroup", "create", "--bundle", bundle.dir, bundle.id}, how);
}

void start(const World& world, const Bundle& bundle) {
  const Ran created = create(world, bundle);
  INFO(created.err);
  REQUIRE(created.code == 0);
  REQUIRE(world.call({"start", bundle.id}).code == 0);
}

void nothing_left(const World& world, const std::string& unit) {
  // There always is a slice of any name.
  if (unit.ends_with(".slice")) {
    CHECK(show(unit, "ActiveState") == "inactive");
  } else {
    CHECK(show(unit, "LoadState") == "not-found");
  }
  CHECK(shell("find /sys/fs/cgroup -name '" + unit + "'").empty());
  world.nothing_left();
}

std::string cgroup_file(const std::string& path, const std::string& file) {
  return trimmed(slurp("/sys/fs/cgroup" + path + "/" + file));
}

}  // namespace

TEST_CASE("systemd: a container is a scope with the limits of its config", "[systemd][cgroup]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  bundle.set("/linux/resources/memory", R"({"limit":67108864,"reservation":33554432})");
  bundle.set("/linux/resources/cpu", R"({"shares":512,"quota":50000,"period":100000,"cpus":"0","mems":"0"})");
  bundle.set("/linux/resources/pids", R"({"limit":20})");
  // systemd knows nothing of huge pages, so that is in the files alone.
  bundle.set("/linux/resources/hugepageLimits", R"([{"pageSize":"2MB","limit":4194304}])");
  bundle.set("/annotations", R"({"org.systemd.property.TimeoutStopSec":"7",
                                 "org.systemd.property.Documentation":"['man:caisson(8)']",
                                 "org.systemd.property.SendSIGHUP":"true",
                                 "org.systemd.property.CollectMode":"'inactive-or-failed'",
                                 "org.systemd.property.KillSignal":"int32 12",
                                 "org.systemd.property.IOWeight":"uint64 321"})");
  bundle.without_namespace("cgroup").probe({"--quiet", "--hold"});
  start(world, bundle);
  const std::string unit = world.mark() + "-c.scope";
  const std::string path = "/system.slice/" + unit;
  const std::pair<const char*, const char*> properties[] = {
      {"ActiveState", "active"},
      {"Slice", "system.slice"},
      {"Delegate", "yes"},
      {"MemoryMax", "67108864"},
      {"MemoryLow", "33554432"},
      {"CPUWeight", "59"},
      {"CPUQuotaPerSecUSec", "500ms"},
      {"CPUQuotaPeriodUSec", "100ms"},
      {"AllowedCPUs", "0"},
      {"AllowedMemoryNodes", "0"},
      {"TasksMax", "20"},
      {"DevicePolicy", "strict"},
      {"TimeoutStopUSec", "7s"},
      {"Documentation", "\"man:caisson(8)\""},
      {"SendSIGHUP", "yes"},
      {"CollectMode", "inactive-or-failed"},
      {"KillSignal", "12"},
      {"IOWeight", "321"},
      {"ControlGroup", path.c_str()},
  };
  for (const auto& [name, value] : properties) {
    INFO(name);
    CHECK(show(unit, name) == value);
  }
  const std::pair<const char*, const char*> files[] = {
      {"memory.max", "67108864"}, {"memory.low", "33554432"}, {"cpu.weight", "59"}, {"cpu.max", "50000 100000"},
      {"cpuset.cpus", "0"},       {"cpuset.mems", "0"},       {"pids.max", "20"},   {"hugetlb.2MB.max", "4194304"},
  };
  for (const auto& [name, value] : files) {
    INFO(name);
    CHECK(cgroup_file(path, name) == value);
  }
  CHECK(cgroup_file(path, "cgroup.procs") == std::to_string(world.pid(bundle)));
  CHECK(world.exec_report(bundle).str("/cgroup") == "0::" + path + "\n");
  CHECK(world.call({"pause", bundle.id}).code == 0);
  CHECK(world.status(bundle) == "paused");
  CHECK(world.remove(bundle, true).code == 0);
  nothing_left(world, unit);
}

TEST_CASE("systemd: run, in slices in slices, without cgroupsPath, and a slice for a unit", "[systemd][cgroup]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = world.bundle();
  bundle.without_namespace("cgroup");
  std::string path, unit;
  SECTION("slices") {
    unit = "pre-" + world.mark() + ".scope";
    path = "/caisson.slice/caisson-test.slice/" + unit;
    bundle.config.set_string("/linux/cgroupsPath", "caisson-test.slice:pre:" + world.mark());
  }
  SECTION("none") {
    bundle.remove("/linux/cgroupsPath");
    unit = "caisson-" + bundle.id + ".scope";
    path = "/system.slice/" + unit;
  }
  SECTION("a slice") {
    unit = "caissontest.slice";
    path = "/" + unit;
    bundle.config.set_string("/linux/cgroupsPath", "system.slice::" + unit);
    bundle.set("/linux/resources/pids", R"({"limit":21})");
  }
  bundle.probe({}).write();
  const Ran ran = world.call({"--systemd-cgroup", "run", "--bundle", bundle.dir, bundle.id});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(Json(ran.out.substr(0, ran.out.find('\n'))).str("/cgroup") == "0::" + path + "\n");
  nothing_left(world, unit);
}

TEST_CASE("systemd: the runtime is not charged for its own work", "[systemd][cgroup][tight]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  install(Places::get().nothing, bundle.rootfs + "/nothing");
  REQUIRE_FALSE(slurp(bundle.rootfs + "/nothing").empty());
  bundle.args({"/nothing"}).set("/linux/resources/memory", R"({"limit":524288})");
  if (GENERATE(false, true)) bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "ro"});
  bundle.write();
  for (int i = 0; i < 3; ++i) {
    const Ran ran = world.call({"--systemd-cgroup", "run", "--bundle", bundle.dir, bundle.id});
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    CHECK(ran.err.empty());
  }
  nothing_left(world, world.mark() + "-c.scope");
}

TEST_CASE("systemd: what the OOM killer did is told, though systemd removes the scope at once", "[systemd][oom]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  bundle.set("/linux/resources/memory", R"({"limit":33554432,"swap":33554432})");
  bundle.probe({"--quiet", "--allocate", "200"}).write();
  // Whether the counters are gone already when they are read is systemd's haste.
  for (int i = 0; i < 5; ++i) {
    const Ran ran = world.call({"--systemd-cgroup", "run", "--bundle", bundle.dir, bundle.id});
    INFO(ran.err);
    CHECK(ran.code == 137);
    CHECK(contains(ran.err, "the OOM killer"));
    CHECK(contains(ran.err, "limit"));
    CHECK(contains(ran.err, "32.0MiB (33554432 bytes)"));
    CHECK(contains(ran.err, world.mark() + "-c.scope"));
    CHECK(contains(ran.err, "[config: /linux/resources/memory/limit]"));
  }
  nothing_left(world, world.mark() + "-c.scope");
}

TEST_CASE("systemd: devices are as before after a daemon-reload", "[systemd][devices]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  bundle.set("/process/capabilities/bounding/-", "\"CAP_MKNOD\"");
  REQUIRE(::mknod((bundle.rootfs + "/kmsg").c_str(), S_IFCHR | 0666, 0x10b) == 0);
  bundle.probe({"--quiet", "--hold"});
  start(world, bundle);
  for (int reloads = 0; reloads < 2; ++reloads) {
    const Json report = world.exec_report(bundle, {}, {"--try-open", "/dev/null", "--try-open", "/kmsg"});
    CHECK(report.str("/open/" + step("/dev/null")) == "ok");
    CHECK(report.str("/open/" + step("/kmsg")) == "EPERM");
    shell("systemctl daemon-reload");
  }
  CHECK(world.exec_report(bundle, {"--tty"}, {}).text("/pid") != "");
  CHECK(world.remove(bundle, true).code == 0);
  nothing_left(world, world.mark() + "-c.scope");
}

TEST_CASE("systemd: what update changes stays after a daemon-reload", "[systemd][cgroup]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  bundle.set("/linux/resources/pids", R"({"limit":20})").probe({"--quiet", "--hold"});
  start(world, bundle);
  const std::string unit = world.mark() + "-c.scope";
  const Ran updated = world.call({"update", "--pids-limit", "31", bundle.id});
  INFO(updated.err);
  CHECK(updated.code == 0);
  CHECK(show(unit, "TasksMax") == "31");
  shell("systemctl daemon-reload");
  CHECK(cgroup_file("/system.slice/" + unit, "pids.max") == "31");
  CHECK(world.remove(bundle, true).code == 0);
  nothing_left(world, unit);
}

TEST_CASE("systemd: an update leaves exactly what the config says, whatever systemd rounds",
          "[systemd][cgroup][update]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  bundle.set("/linux/resources/cpu", R"({"quota":55555,"period":100000})").probe({"--quiet", "--hold"});
  start(world, bundle);
  const std::string path = "/system.slice/" + world.mark() + "-c.scope";
  const auto update = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "update");
    words.push_back(bundle.id);
    const Ran updated = world.call(words);
    INFO(updated.err);
    CHECK(updated.code == 0);
    shell("systemctl show " + world.mark() + "-c.scope");  // it has done by now what it was told
  };
  update({"--pids-limit", "31"});
  CHECK(cgroup_file(path, "cpu.max") == "55555 100000");
  update({"--cpu-quota", "33333"});
  CHECK(cgroup_file(path, "cpu.max") == "33333 100000");
  if (exists("/sys/fs/cgroup" + path + "/io.bfq.weight")) {
    update({"--blkio-weight", "500"});
    CHECK(contains(cgroup_file(path, "io.bfq.weight"), "default 500"));
    update({"--pids-limit", "32"});
    CHECK(contains(cgroup_file(path, "io.bfq.weight"), "default 500"));
  }
  update({"--cpu-idle", "1"});
  CHECK(cgroup_file(path, "cpu.idle") == "1");
  update({"--cpu-idle", "0"});
  update({"--pids-limit", "33"});
  CHECK(cgroup_file(path, "cpu.idle") == "0");
  shell("systemctl daemon-reload");
  CHECK(cgroup_file(path, "cpu.idle") == "0");
  CHECK(world.remove(bundle, true).code == 0);
  nothing_left(world, world.mark() + "-c.scope");
}

TEST_CASE("systemd: an update is all or nothing, also in what systemd knows", "[systemd][cgroup][update]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  bundle.set("/linux/resources/memory", R"({"limit":67108864})").set("/linux/resources/pids", R"({"limit":20})");
  bundle.probe({"--quiet", "--hold"});
  start(world, bundle);
  const std::string unit = world.mark() + "-c.scope";
  const std::string path = "/system.slice/" + unit;
  const auto limits = [&] {
    return cgroup_file(path, "pids.max") + " " + show(unit, "TasksMax") + " " + cgroup_file(path, "memory.max") + " " +
           show(unit, "MemoryMax") + " " +
           std::to_string(
               Json(slurp(world.root() + "/" + bundle.id + "/config.json")).num("/linux/resources/pids/limit"));
  };
  const std::string before = "20 20 67108864 67108864 20", after = "33 33 134217728 134217728 33";
  REQUIRE(limits() == before);
  const auto set = [&](const char* pids, const char* memory, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"update", "--pids-limit", pids, "--memory", memory});
    more.push_back(bundle.id);
    return world.call(more);
  };
  SECTION("when the kernel refuses a value") {
    const Ran refused = set("33", "128m", {"--cpuset-cpus", "4000"});
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, "/linux/resources/cpu/cpus"));
    CHECK(limits() == before);
    shell("systemctl daemon-reload");
    CHECK(limits() == before);
  }
  SECTION("when systemd cannot be reached") {
    How how;
    how.env = {"DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere"};
    const Ran refused = world.call({"update", "--pids-limit", "33", "--memory", "128m", bundle.id}, how);
    INFO(refused.err);
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, unit));
    CHECK(limits() == before);
  }
  SECTION("when it is killed at any moment") {
    std::size_t undone = 0, finished = 0;
    for (int n = 1;; ++n) {
      REQUIRE(n < 200);
      How how;
      how.traced = true;
      Ran files;
      const pid_t pid = world.start_call({"update", "--pids-limit", "33", "--memory", "128m", bundle.id}, how, files);
      const bool killed = kill_at_change(pid, n);
      const Ran ran = world.finish_call(pid, files, 30);
      INFO("killed before change " << n << ": " << ran.err);
      CHECK(world.status(bundle) == "running");
      const std::string seen = limits();
      CHECK((seen == before || seen == after));
      (seen == before ? undone : finished) += 1;
      if (seen != before) CHECK(set("20", "64m").code == 0);
      REQUIRE(limits() == before);
      if (!killed) break;
    }
    CHECK(undone > 0);
    CHECK(finished > 0);
    shell("systemctl daemon-reload");
    CHECK(limits() == before);
  }
  CHECK(world.remove(bundle, true).code == 0);
  nothing_left(world, unit);
}

TEST_CASE("systemd: one call makes the unit, one ends it, and nothing else asks systemd", "[systemd]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  bundle.probe({"--quiet", "--hold"});
  const std::string log = world.dir() + "/bus";
  spit(log, "");
  const std::string monitor =
      shell("stdbuf -oL busctl monitor --json=short org.freedesktop.systemd1 >" + log + " 2>&1 & echo $!");
  CHECK(eventually([&] {
    shell("busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.DBus.Peer Ping");
    return contains(slurp(log), "Ping");
  }));
  start(world, bundle);
  CHECK(world.exec_report(bundle).num("/pid") > 1);
  CHECK(world.status(bundle) == "running");
  CHECK(world.kill(bundle, "KILL").code == 0);
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  CHECK(world.remove(bundle).code == 0);
  CHECK(eventually([&] { return contains(slurp(log), "StopUnit"); }));
  ::kill(std::atoi(monitor.c_str()), SIGTERM);
  std::vector<std::string> calls;
  std::istringstream lines(slurp(log));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('{')) continue;
    const Json message(line);
    if (message.str("/type") == "method_call" && message.str("/interface") == "org.freedesktop.systemd1.Manager")
      calls.push_back(message.str("/member"));
  }
  CHECK(calls == std::vector<std::string>{"StartTransientUnit", "StopUnit"});
  nothing_left(world, world.mark() + "-c.scope");
}

TEST_CASE("systemd: what it refuses is told with its reason, the unit and the config's place", "[systemd][errors]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  const std::string unit = world.mark() + "-c.scope";
  std::string what, where;
  SECTION("a property that there is none of") {
    bundle.set("/annotations", R"({"org.systemd.property.NoSuchThing":"true"})");
    what = "NoSuchThing";
    where = "/annotations/org.systemd.property.NoSuchThing";
  }
  SECTION("a value of another type") {
    bundle.set("/annotations", R"({"org.systemd.property.MemoryHigh":"'much'"})");
    what = unit;
    where = "/annotations/org.systemd.property.MemoryHigh";
  }
  SECTION("a value that is none") {
    bundle.set("/annotations", R"({"org.systemd.property.MemoryHigh":"much"})");
    what = "GVariant";
    where = "/annotations/org.systemd.property.MemoryHigh";
  }
  SECTION("a path in the other driver's form") {
    bundle.set("/linux/cgroupsPath", "\"/a/b\"");
    what = "slice:prefix:name";
    where = "/linux/cgroupsPath";
  }
  SECTION("a unit that is there") {
    shell("systemd-run --quiet --unit=" + world.mark() + "-c.service sleep 1000");
    bundle.config.set_string("/linux/cgroupsPath", "system.slice:" + world.mark() + ":d");
    shell("systemd-run --quiet --scope --unit=" + world.mark() + "-d.scope sleep 1000 >/dev/null 2>&1 &");
    CHECK(eventually([&] { return show(world.mark() + "-d.scope", "ActiveState") == "active"; }));
    what = world.mark() + "-d.scope";
    where = "/linux/cgroupsPath";
  }
  const Ran ran = create(world, bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, what));
  if (!contains(ran.err, "not empty")) CHECK(contains(ran.err, where));
  // Somebody else's unit stays.
  if (contains(what, "-d.scope")) CHECK(show(world.mark() + "-d.scope", "ActiveState") == "active");
  shell("systemctl stop " + world.mark() + "-c.service " + world.mark() + "-d.scope 2>/dev/null");
  nothing_left(world, unit);
}

TEST_CASE("systemd: a container that failed leaves no failed unit", "[systemd]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  Bundle bundle = bundle_in_unit(world);
  bundle.set("/linux/resources/memory", R"({"limit":33554432})").probe({"--quiet", "--allocate", "200"});
  const std::string unit = world.mark() + "-c.scope";
  // Twice, for a unit that is left over would keep its name.
  for (int round = 0; round < 2; ++round) {
    start(world, bundle);
    CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
    CHECK(world.remove(bundle).code == 0);
    CHECK_FALSE(contains(shell("systemctl --failed --all --plain --no-legend"), world.mark()));
  }
  nothing_left(world, unit);
}

TEST_CASE("systemd: a user's own manager holds a rootless container", "[systemd][rootless]") {
  if (!runs_systemd()) CAISSON_SKIP(kNone);
  World world;
  shell("systemctl start user@1000.service");
  REQUIRE(eventually([] { return exists("/run/user/1000/bus"); }));
  Bundle bundle = world.bundle();
  bundle.remove("/linux/cgroupsPath").remove("/linux/resources/devices");
  bundle.add_namespace("user");
  bundle.set("/linux/uidMappings", R"([{"containerID":0,"hostID":1000,"size":1}])");
  bundle.set("/linux/gidMappings", R"([{"containerID":0,"hostID":1000,"size":1}])");
  bundle.set("/linux/resources/pids", R"({"limit":23})").set("/linux/resources/memory", R"({"limit":50331648})");
  bundle.probe({"--quiet", "--hold"}).write();
  world.give_to(kUser);
  How how;
  how.uid = kUser;
  how.env = {"XDG_RUNTIME_DIR=/run/user/1000"};
  const Ran created = create(world, bundle, how);
  INFO(created.err);
  REQUIRE(created.code == 0);
  CHECK(world.call({"start", bundle.id}, how).code == 0);
  const std::string unit = "caisson-" + bundle.id + ".scope";
  const std::string path = "/user.slice/user-1000.slice/user@1000.service/user.slice/" + unit;
  CHECK(cgroup_file(path, "pids.max") == "23");
  CHECK(cgroup_file(path, "memory.max") == "50331648");
  CHECK(cgroup_file(path, "cgroup.procs") != "");
  CHECK(world.call({"delete", "--force", bundle.id}, how).code == 0);
  CHECK(eventually([&] { return !exists("/sys/fs/cgroup" + path); }));
  shell("systemctl stop user@1000.service");
  world.nothing_left();
}
