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

/// "254:0" of a whole disk; empty when there is none. `scheduler`: of one that has it.
std::string some_disk(const std::string& scheduler = "") {
  for (const auto& name : names_in("/sys/block")) {
    const std::string number = trimmed(slurp("/sys/block/" + name + "/dev"));
    const bool right = contains(slurp("/sys/block/" + name + "/queue/scheduler"), "[" + scheduler);
    if (!number.empty() && right && !name.starts_with("loop") && !name.starts_with("ram")) return number;
  }
  return {};
}

/// Whether the host has the controller at all, and a container can be given it.
bool has_controller(const std::string& name) {
  if (!cgroup_v2()) return has_v1(name);
  return contains(" " + trimmed(slurp("/sys/fs/cgroup/cgroup.controllers")) + " ", " " + name + " ");
}

std::string some_rdma_device() {
  const auto names = names_in("/sys/class/infiniband");
  return names.empty() ? std::string() : names.front();
}

std::string throttle(const std::string& disk, int rate) {
  return "[{\"major\":" + disk.substr(0, disk.find(':')) + ",\"minor\":" + disk.substr(disk.find(':') + 1) +
         ",\"rate\":" + std::to_string(rate) + "}]";
}

/// A file of the container's cgroup, and what it reads.
struct Value {
  std::string file;
  std::string text;
};

/// One resource in the config's words, and what the kernel says of it: at first, and after an update.
struct Resource {
  std::string controller;
  std::string first, changed;  ///< members of linux.resources
  std::vector<Value> first_values, changed_values;
};

std::string line_of(const std::string& text, const std::string& key) {
  const std::string lines = "\n" + text + "\n";
  const auto at = lines.find("\n" + key);
  return at == std::string::npos ? "" : lines.substr(at + 1, lines.find('\n', at + 1) - at - 1);
}

void check_values(const World& world, const Bundle& bundle, const Resource& resource,
                  const std::vector<Value>& values) {
  for (const auto& value : values) {
    INFO(value.file);
    const std::string text = own(world, bundle, resource.controller, value.file);
    // A file for many devices has a line for each.
    const auto key = value.text.substr(0, value.text.find(' ') + 1);
    CHECK((key.empty() ? text : line_of(text, key)) == value.text);
  }
}

/// Reads the limit back from the kernel: as create has set it, as update has changed it, and once more after an update
/// of which the kernel refuses the last value.
void check_resource(const Resource& resource) {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources", "{" + resource.first + "}").probe({"--quiet", "--hold"});
  world.started(bundle);
  check_values(world, bundle, resource, resource.first_values);
  // cgroup v2: no number. v1: less memory than is in use.
  const std::string refused = cgroup_v2() ? R"("unified":{"pids.max":"many"})" : R"("memory":{"limit":4096})";
  const Ran failed =
      world.call({"update", "--resources", "-", bundle.id}, {.input = "{" + resource.changed + "," + refused + "}"});
  INFO(failed.err);
  CHECK(failed.code == 1);
  CHECK(contains(failed.err, cgroup_v2() ? "/unified/pids.max" : "/memory/limit"));
  check_values(world, bundle, resource, resource.first_values);
  const Ran done = world.call({"update", "--resources", "-", bundle.id}, {.input = "{" + resource.changed + "}"});
  INFO(done.err);
  CHECK(done.code == 0);
  check_values(world, bundle, resource, resource.changed_values);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
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

TEST_CASE("block I/O has weights, of the container and by device", "[cgroup][resources]") {
  const std::string disk = some_disk("bfq");
  if (disk.empty()) CAISSON_SKIP("there is no disk with the BFQ scheduler");
  const std::string device = R"({"major":)" + disk.substr(0, disk.find(':')) + R"(,"minor":)" +
                             disk.substr(disk.find(':') + 1) + R"(,"weight":)";
  const auto io = [&device](int weight, int of_disk) {
    return R"("blockIO":{"weight":)" + std::to_string(weight) + R"(,"weightDevice":[)" + device +
           std::to_string(of_disk) + "}]}";
  };
  const auto values = [&disk](const std::string& weight, const std::string& of_disk) {
    if (cgroup_v2())
      return std::vector<Value>{{"io.bfq.weight", "default " + weight}, {"io.bfq.weight", disk + " " + of_disk}};
    return std::vector<Value>{{"blkio.bfq.weight", weight}, {"blkio.bfq.weight_device", disk + " " + of_disk}};
  };
  // The one weight alone leaves the other as it is.
  check_resource({.controller = cgroup_v2() ? "io" : "blkio",
                  .first = io(500, 300),
                  .changed = R"("blockIO":{"weight":400})",
                  .first_values = values("500", "300"),
                  .changed_values = values("400", "300")});
  check_resource({.controller = cgroup_v2() ? "io" : "blkio",
                  .first = io(500, 300),
                  .changed = io(200, 700),
                  .first_values = values("500", "300"),
                  .changed_values = values("200", "700")});
}

TEST_CASE("huge pages are limited, those in use and those reserved", "[cgroup][resources]") {
  if (!has_controller("hugetlb")) CAISSON_SKIP("this host has no hugetlb controller");
  const std::string end = cgroup_v2() ? "max" : "limit_in_bytes";
  const auto limit = [](const std::string& bytes) {
    return R"("hugepageLimits":[{"pageSize":"2MB","limit":)" + bytes + "}]";
  };
  const auto values = [&end](const std::string& bytes) {
    return std::vector<Value>{{"hugetlb.2MB." + end, bytes}, {"hugetlb.2MB.rsvd." + end, bytes}};
  };
  check_resource({.controller = "hugetlb",
                  .first = limit("4194304"),
                  .changed = limit("8388608"),
                  .first_values = values("4194304"),
                  .changed_values = values("8388608")});
}

TEST_CASE("RDMA: handles and objects of a device", "[cgroup][resources]") {
  const std::string device = some_rdma_device();
  if (!has_controller("rdma")) CAISSON_SKIP("this host has no rdma controller");
  if (device.empty()) CAISSON_SKIP("this host has no RDMA device");
  check_resource({.controller = "rdma",
                  .first = R"("rdma":{")" + device + R"(":{"hcaHandles":3,"hcaObjects":10000}})",
                  .changed = R"("rdma":{")" + device + R"(":{"hcaHandles":5}})",
                  .first_values = {{"rdma.max", device + " hca_handle=3 hca_object=10000"}},
                  .changed_values = {{"rdma.max", device + " hca_handle=5 hca_object=10000"}}});
}

TEST_CASE("v1: the class of the network's packets", "[cgroup][resources]") {
  if (!has_v1("net_cls")) CAISSON_SKIP("this host has no net_cls controller");
  check_resource({.controller = "net_cls",
                  .first = R"("network":{"classID":1048577})",
                  .changed = R"("network":{"classID":1048578})",
                  .first_values = {{"net_cls.classid", "1048577"}},
                  .changed_values = {{"net_cls.classid", "1048578"}}});
}

TEST_CASE("v1: priorities by network interface", "[cgroup][resources]") {
  if (!has_v1("net_prio")) CAISSON_SKIP("this host has no net_prio controller");
  check_resource({.controller = "net_prio",
                  .first = R"("network":{"priorities":[{"name":"lo","priority":3}]})",
                  .changed = R"("network":{"priorities":[{"name":"lo","priority":5}]})",
                  .first_values = {{"net_prio.ifpriomap", "lo 3"}},
                  .changed_values = {{"net_prio.ifpriomap", "lo 5"}}});
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

TEST_CASE("a limit of kernel memory, which newer kernels do not have, is ignored with a warning",
          "[cgroup][resources]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"}).set("/linux/resources/memory", R"({"kernel":33554432})");
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.err, "the kernel memory limit is ignored"));
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

TEST_CASE("v2: a container in a user namespace manages the cgroup that is its own, and no limit of it",
          "[cgroup][resources]") {
  if (!cgroup_v2()) CAISSON_SKIP("cgroup v1 is not safe to hand over");
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime"});
  // The rootfs is the host root's, and so is the namespace's; the process is another user.
  bundle.add_namespace("user").set("/linux/uidMappings", R"([{"containerID":0,"hostID":0,"size":65536}])");
  bundle.set("/linux/gidMappings", R"([{"containerID":0,"hostID":0,"size":65536}])");
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})");
  bundle.set("/linux/resources/pids", R"({"limit":20})");
  bundle.args({"/bin/sh", "-c",
               "cd /sys/fs/cgroup && mkdir mine && echo $$ >mine/cgroup.procs && cat /proc/self/cgroup && "
               "echo +pids >cgroup.subtree_control && echo 7 >mine/pids.max && cat mine/pids.max; "
               "echo max >pids.max || cat pids.max"});
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.out == "0::/mine\n7\n20\n");
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
