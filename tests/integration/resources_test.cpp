// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

std::string own(const World& world, const Bundle& bundle, const std::string& controller, const std::string& file) {
  return cgroup_value(controller, "/" + world.mark() + "/" + bundle.id, file);
}

bool has_v1(const std::string& controller) { return exists("/sys/fs/cgroup/" + controller + "/cgroup.procs"); }

/// "254:0" of a whole disk; empty when there is none.
std::string some_disk() {
  for (const auto& name : names_in("/sys/block")) {
    const std::string number = trimmed(slurp("/sys/block/" + name + "/dev"));
    if (!number.empty() && !name.starts_with("loop") && !name.starts_with("ram")) return number;
  }
  return {};
}

std::string throttle(const std::string& disk, int rate) {
  return "[{\"major\":" + disk.substr(0, disk.find(':')) + ",\"minor\":" + disk.substr(disk.find(':') + 1) +
         ",\"rate\":" + std::to_string(rate) + "}]";
}

}  // namespace

TEST_CASE("v1: memory's other values", "[cgroup][resources]") {
  if (cgroup_v2()) CAISSON_SKIP("cgroup v2 has none of them; the unit tests have what is said then");
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/memory",
             R"({"limit":67108864,"swap":134217728,"swappiness":10,"disableOOMKiller":true,"useHierarchy":true,)"
             R"("kernelTCP":33554432})");
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(own(world, bundle, "memory", "memory.memsw.limit_in_bytes") == "134217728");
  CHECK(own(world, bundle, "memory", "memory.swappiness") == "10");
  CHECK(contains(own(world, bundle, "memory", "memory.oom_control"), "oom_kill_disable 1"));
  CHECK(own(world, bundle, "memory", "memory.use_hierarchy") == "1");
  CHECK(own(world, bundle, "memory", "memory.kmem.tcp.limit_in_bytes") == "33554432");
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("cpu: burst and idle", "[cgroup][resources]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  SECTION("burst") {
    bundle.set("/linux/resources/cpu", R"({"quota":50000,"period":100000,"burst":20000})");
    world.started(bundle);
    CHECK(own(world, bundle, "cpu", cgroup_v2() ? "cpu.max.burst" : "cpu.cfs_burst_us") == "20000");
  }
  SECTION("idle") {
    bundle.set("/linux/resources/cpu", R"({"idle":1})");
    world.started(bundle);
    CHECK(own(world, bundle, "cpu", "cpu.idle") == "1");
  }
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("v1: real-time", "[cgroup][resources]") {
  if (!exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us")) CAISSON_SKIP("this kernel has no real-time groups");
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/cpu", R"({"realtimeRuntime":1000,"realtimePeriod":500000})");
  bundle.probe({"--quiet", "--hold"});
  // The level above has no real-time of its own until it is given some.
  const std::string above = "/sys/fs/cgroup/cpu/" + world.mark();
  make_dirs(above);
  spit(above + "/cpu.rt_runtime_us", "2000");
  if (trimmed(slurp(above + "/cpu.rt_runtime_us")) != "2000") CAISSON_SKIP("the host gives no real-time away");
  world.started(bundle);
  CHECK(own(world, bundle, "cpu", "cpu.rt_runtime_us") == "1000");
  CHECK(own(world, bundle, "cpu", "cpu.rt_period_us") == "500000");
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("block I/O is throttled by device", "[cgroup][resources]") {
  const std::string disk = some_disk();
  if (disk.empty()) CAISSON_SKIP("there is no disk");
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/blockIO/throttleReadBpsDevice", throttle(disk, 1048576));
  bundle.set("/linux/resources/blockIO/throttleWriteIOPSDevice", throttle(disk, 200));
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  if (cgroup_v2()) {
    CHECK(own(world, bundle, "io", "io.max") == disk + " rbps=1048576 wbps=max riops=max wiops=200");
  } else {
    CHECK(own(world, bundle, "blkio", "blkio.throttle.read_bps_device") == disk + " 1048576");
    CHECK(own(world, bundle, "blkio", "blkio.throttle.write_iops_device") == disk + " 200");
  }
  // 0 takes the limit away.
  const Ran ran = world.call({"update", "--resources", "-", bundle.id},
                             {.input = R"({"blockIO":{"throttleReadBpsDevice":)" + throttle(disk, 0) + "}}"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  if (cgroup_v2())
    CHECK(own(world, bundle, "io", "io.max") == disk + " rbps=max wbps=max riops=max wiops=200");
  else
    CHECK(own(world, bundle, "blkio", "blkio.throttle.read_bps_device").empty());
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("what this host lacks is refused by the name of the field", "[cgroup][resources][errors]") {
  World world;
  Bundle bundle = world.bundle();
  std::string where;
  SECTION("huge pages") {
    if (cgroup_v2() || has_v1("hugetlb")) CAISSON_SKIP("this host has the hugetlb controller");
    bundle.set("/linux/resources/hugepageLimits", R"([{"pageSize":"2MB","limit":4194304}])");
    where = "/linux/resources/hugepageLimits/0";
  }
  SECTION("a page size that no kernel has") {
    bundle.set("/linux/resources/hugepageLimits", R"([{"pageSize":"3MB","limit":4194304}])");
    where = "/linux/resources/hugepageLimits/0";
  }
  SECTION("RDMA") {
    bundle.set("/linux/resources/rdma", R"({"no-such-device":{"hcaHandles":3}})");
    where = "/linux/resources/rdma/no-such-device";
  }
  SECTION("network class") {
    if (has_v1("net_cls")) CAISSON_SKIP("this host has the net_cls controller");
    bundle.set("/linux/resources/network", R"({"classID":1048577})");
    where = "/linux/resources/network/classID";
  }
  SECTION("network priorities") {
    if (has_v1("net_prio")) CAISSON_SKIP("this host has the net_prio controller");
    bundle.set("/linux/resources/network", R"({"priorities":[{"name":"lo","priority":3}]})");
    where = "/linux/resources/network/priorities";
  }
  SECTION("weights of a scheduler that is gone") {
    bundle.set("/linux/resources/blockIO", R"({"leafWeight":100})");
    where = "/linux/resources/blockIO/leafWeight";
  }
  SECTION("kernel memory, which newer kernels do not limit") {
    bundle.set("/linux/resources/memory", R"({"kernel":33554432})");
    where = "/linux/resources/memory/kernel";
  }
  SECTION("swappiness above 100") {
    bundle.set("/linux/resources/memory", R"({"swappiness":101})");
    where = "/linux/resources/memory/swappiness";
  }
  SECTION("Intel RDT") {
    if (exists("/sys/fs/resctrl/schemata")) CAISSON_SKIP("this host has resctrl");
    bundle.set("/linux/intelRdt", R"({"l3CacheSchema":"L3:0=f"})");
    where = "/linux/intelRdt";
  }
  SECTION("a disk that is not there") {
    bundle.set("/linux/resources/blockIO/throttleReadBpsDevice", throttle("999:999", 5));
    where = "/linux/resources/blockIO/throttleReadBpsDevice/0";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "[config: " + where));
  world.nothing_left();
}

TEST_CASE("cgroupsPath: relative to the runtime's own cgroup", "[cgroup][resources]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.config.set_string("/linux/cgroupsPath", world.mark() + "/x/../" + bundle.id);
  bundle.without_namespace("cgroup").probe({"--quiet", "--hold"});
  world.started(bundle);
  const std::string lines = slurp("/proc/" + std::to_string(world.pid(bundle)) + "/cgroup");
  INFO(lines);
  CHECK(contains(lines, "/" + world.mark() + "/" + bundle.id + "\n"));
  CHECK_FALSE(contains(lines, ".."));
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("cgroupsPath: one that is no cgroup of its own is refused", "[cgroup][resources][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.config.set_string("/linux/cgroupsPath", GENERATE("/", "..", "/a/..", "."));
  const Ran ran = world.run(bundle);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "[config: /linux/cgroupsPath]"));
}

TEST_CASE("a container with a cgroup namespace and a writable mount makes cgroups of its own", "[cgroup][resources]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime"});
  const std::string top = cgroup_v2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
  const std::string caps = R"(["CAP_DAC_OVERRIDE"])";
  for (const char* set : {"bounding", "effective", "permitted"})
    bundle.set(std::string("/process/capabilities/") + set, caps);
  bundle.probe({"--try-create", top + "/inner", "--hold"});
  const Ran ran = world.started(bundle);
  REQUIRE(eventually([&] { return contains(slurp(ran.out_path), "\n"); }));
  const Json report(slurp(ran.out_path));
  INFO(report.text());
  // A file cannot be made in a cgroup, and that is not because it is read-only.
  CHECK(report.str("/create/" + step(top + "/inner")) != "EROFS");
  REQUIRE(::mkdir((cgroup_dir("pids", "/" + world.mark() + "/" + bundle.id) + "/inner").c_str(), 0755) == 0);
  const Json inside = world.exec_report(bundle, {}, {"--list", top});
  const auto names = inside.strings("/list/" + step(top));
  CHECK(std::find(names.begin(), names.end(), "inner") != names.end());
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("memoryPolicy is the process' own, and that of a process that joins", "[process][resources]") {
  if (!exists("/proc/self/numa_maps")) CAISSON_SKIP("this kernel has no NUMA");
  World world;
  Bundle bundle = world.bundle();
  std::string policy;
  SECTION("bind") {
    bundle.set("/linux/memoryPolicy", R"({"mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES"]})");
    policy = " bind=static:0 ";
  }
  SECTION("interleave") {
    bundle.set("/linux/memoryPolicy", R"({"mode":"MPOL_INTERLEAVE","nodes":"0"})");
    policy = " interleave:0 ";
  }
  SECTION("preferred") {
    bundle.set("/linux/memoryPolicy", R"({"mode":"MPOL_PREFERRED","nodes":"0"})");
    policy = " prefer:0 ";
  }
  SECTION("local") {
    bundle.set("/linux/memoryPolicy", R"({"mode":"MPOL_LOCAL"})");
    policy = " local ";
  }
  SECTION("none asked for") { policy = " default "; }
  bundle.probe({"--read", "/proc/self/numa_maps", "--hold"});
  const Ran ran = world.started(bundle);
  REQUIRE(eventually([&] { return contains(slurp(ran.out_path), "\n"); }));
  CHECK(contains(Json(slurp(ran.out_path)).str("/read/" + step("/proc/self/numa_maps")), policy));
  const Json joined = world.exec_report(bundle, {}, {"--read", "/proc/self/numa_maps"});
  CHECK(contains(joined.str("/read/" + step("/proc/self/numa_maps")), policy));
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("memoryPolicy: a node that is not there is refused", "[process][resources][errors]") {
  if (!exists("/proc/self/numa_maps")) CAISSON_SKIP("this kernel has no NUMA");
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/memoryPolicy", R"({"mode":"MPOL_BIND","nodes":"900"})");
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "[config: /linux/memoryPolicy"));
}
