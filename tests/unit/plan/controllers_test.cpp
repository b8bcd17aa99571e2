// SPDX-License-Identifier: Apache-2.0
#include "plan/controllers/controller.hpp"

#include <catch2/catch.hpp>
#include <utility>

#include "plan/cgroup.hpp"

using namespace caisson;
using plan::CgroupFlavour;
using plan::HostFacts;

namespace {

HostFacts host(CgroupFlavour flavour) {
  HostFacts facts;
  facts.cgroup_flavour = flavour;
  if (flavour == CgroupFlavour::v2) {
    facts.cgroup_mounts = {{{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"}, "/sys/fs/cgroup", "/", true}};
  } else {
    for (const char* name :
         {"cpu", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "rdma", "net_cls", "net_prio"})
      facts.cgroup_mounts.push_back({{name}, std::string("/sys/fs/cgroup/") + name, "/", false});
  }
  return facts;
}

using Lines = std::vector<std::string>;

Lines lines(const config::Resources& resources, CgroupFlavour flavour) {
  std::vector<std::string> warnings;
  auto writes = plan::make_writes(resources, host(flavour), "/linux/resources", warnings);
  if (!writes) FAIL(writes.error().message());
  Lines out;
  for (const auto& write : *writes) {
    out.push_back(write.file + '=' + write.value);
    if (!write.other_file.empty()) out.back() += " or " + write.other_file + '=' + write.other_value;
  }
  return out;
}

std::string fault(const config::Resources& resources, CgroupFlavour flavour) {
  std::vector<std::string> warnings;
  auto writes = plan::make_writes(resources, host(flavour), "/linux/resources", warnings);
  return writes ? "no fault" : writes.error().message();
}

constexpr auto kV1 = CgroupFlavour::v1;
constexpr auto kV2 = CgroupFlavour::v2;

config::Resources with_memory(config::Memory memory) { return {.memory = memory}; }
config::Resources with_cpu(config::Cpu cpu) { return {.cpu = std::move(cpu)}; }

}  // namespace

TEST_CASE("cpu shares become weights on the curve that keeps both defaults", "[plan][controllers]") {
  const std::pair<std::uint64_t, std::uint64_t> known[] = {
      {1, 1},      {2, 1},      {3, 2},      {10, 4},      {100, 17},      {256, 35},       {512, 59},
      {1024, 100}, {2048, 174}, {4096, 303}, {10000, 627}, {100000, 4340}, {262144, 10000}, {1u << 20, 10000}};
  for (auto [shares, weight] : known) CHECK(plan::controllers::weight_from_shares(shares) == weight);
}

TEST_CASE("absent resources and empty objects write nothing", "[plan][controllers]") {
  const config::Resources empty{.memory = config::Memory{},
                                .cpu = config::Cpu{},
                                .pids = config::Pids{},
                                .block_io = config::BlockIo{},
                                .network = config::NetworkResources{}};
  for (auto flavour : {kV1, kV2, CgroupFlavour::hybrid, CgroupFlavour::none}) {
    CHECK(lines({}, flavour).empty());
    CHECK(lines(empty, flavour).empty());
  }
}

TEST_CASE("pids", "[plan][controllers]") {
  for (auto flavour : {kV1, kV2}) {
    CHECK(lines({.pids = config::Pids{20}}, flavour) == Lines{"pids.max=20"});
    CHECK(lines({.pids = config::Pids{-1}}, flavour) == Lines{"pids.max=max"});
    CHECK(lines({.pids = config::Pids{0}}, flavour) == Lines{"pids.max=1"});
  }
  // No limit needs no controller.
  for (auto flavour : {kV1, kV2, CgroupFlavour::none}) {
    HostFacts facts = host(flavour);
    facts.cgroup_mounts.clear();
    std::vector<std::string> warnings;
    CHECK(plan::make_writes({.pids = config::Pids{-1}}, facts, "", warnings)->empty());
    CHECK_FALSE(plan::make_writes({.pids = config::Pids{0}}, facts, "", warnings));
  }
}

TEST_CASE("memory on v1", "[plan][controllers]") {
  CHECK(lines(with_memory({.limit = 1 << 20}), kV1) == Lines{"memory.limit_in_bytes=1048576"});
  CHECK(lines(with_memory({.limit = 100, .reservation = 50, .swap = 300}), kV1) ==
        Lines{"memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=300", "memory.soft_limit_in_bytes=50"});
  CHECK(lines(with_memory({.limit = -1}), kV1) == Lines{"memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"});
  CHECK(lines(with_memory({.limit = 0, .swap = 0}), kV1).empty());
  CHECK(lines(with_memory({.kernel_tcp = 8, .swappiness = 60, .disable_oom_killer = true, .use_hierarchy = true}),
              kV1) == Lines{"memory.kmem.tcp.limit_in_bytes=8", "memory.use_hierarchy=1", "memory.oom_control=1",
                            "memory.swappiness=60"});
  CHECK(fault(with_memory({.swappiness = 101}), kV1) ==
        "invalid memory swappiness value 101 (valid range is 0-100) [config: /linux/resources/memory/swappiness]");
}

TEST_CASE("memory on v2", "[plan][controllers]") {
  CHECK(lines(with_memory({.limit = 1 << 20}), kV2) == Lines{"memory.max=1048576"});
  CHECK(lines(with_memory({.limit = 100, .reservation = 50, .swap = 300}), kV2) ==
        Lines{"memory.swap.max=200", "memory.max=100", "memory.low=50"});
  CHECK(lines(with_memory({.limit = 100, .swap = 100}), kV2) == Lines{"memory.swap.max=0", "memory.max=100"});
  CHECK(lines(with_memory({.limit = 100, .swap = -1}), kV2) == Lines{"memory.swap.max=max", "memory.max=100"});
  CHECK(lines(with_memory({.limit = -1, .reservation = -1}), kV2) ==
        Lines{"memory.swap.max=max", "memory.max=max", "memory.low=max"});
  CHECK(lines(with_memory({.disable_oom_killer = false, .use_hierarchy = true}), kV2).empty());
  CHECK(fault(with_memory({.disable_oom_killer = true}), kV2) ==
        "cannot disable the OOM killer with cgroup v2 [config: /linux/resources/memory/disableOOMKiller]");
  CHECK(fault(with_memory({.swappiness = 60}), kV2) ==
        "cannot set memory swappiness with cgroup v2 [config: /linux/resources/memory/swappiness]");
  CHECK(fault(with_memory({.use_hierarchy = false}), kV2).ends_with("/linux/resources/memory/useHierarchy]"));
}

TEST_CASE("kernel memory limits that the host does not have are ignored with a warning", "[plan][controllers]") {
  const auto said = [](const config::Memory& memory, HostFacts facts) {
    Lines warnings;
    const auto writes = plan::make_writes(with_memory(memory), facts, "/linux/resources", warnings);
    REQUIRE(writes);
    for (const auto& write : *writes) warnings.push_back(write.file + '=' + write.value);
    return warnings;
  };
  HostFacts old = host(kV1);
  old.kernel_major = 5;
  old.kernel_minor = 15;
  HostFacts young = host(kV1);
  young.kernel_major = 5;
  young.kernel_minor = 16;
  CHECK(said({.kernel = 7}, old) == Lines{"memory.kmem.limit_in_bytes=7"});
  CHECK(said({.kernel = -1}, old) == Lines{"memory.kmem.limit_in_bytes=-1"});
  CHECK(said({.kernel = 7}, young) ==
        Lines{"the kernel memory limit is ignored: Linux 5.16 and newer have no such limit"});
  CHECK(said({.kernel = -1}, young).empty());
  CHECK(said({.kernel = 0}, young).empty());
  CHECK(said({.kernel = 7, .kernel_tcp = 8}, host(kV2)) ==
        Lines{"the kernel memory limit is ignored: cgroup v2 has no such limit",
              "the kernel TCP memory limit is ignored: cgroup v2 has no such limit"});
  CHECK(said({.kernel = -1, .kernel_tcp = -1}, host(kV2)).empty());
  CHECK(said({.kernel = 0, .kernel_tcp = 0}, host(kV2)).empty());
  for (auto flavour : {kV1, kV2})
    CHECK(fault(with_memory({.kernel = -2}), flavour) ==
          "invalid memory value -2 [config: /linux/resources/memory/kernel]");
}

TEST_CASE("swap needs a memory limit that is not above it", "[plan][controllers]") {
  for (auto flavour : {kV1, kV2}) {
    CHECK(fault(with_memory({.swap = 100}), flavour) ==
          "unable to set swap limit without memory limit [config: /linux/resources/memory/swap]");
    CHECK(fault(with_memory({.limit = 200, .swap = 100}), flavour) ==
          "memory+swap limit should be >= memory limit [config: /linux/resources/memory/swap]");
    CHECK(fault(with_memory({.limit = -2}), flavour) ==
          "invalid memory value -2 [config: /linux/resources/memory/limit]");
  }
}

TEST_CASE("cpu", "[plan][controllers]") {
  const auto full = with_cpu({.shares = 512, .quota = 20000, .burst = 5000, .period = 50000});
  CHECK(lines(full, kV1) ==
        Lines{"cpu.shares=512", "cpu.cfs_period_us=50000", "cpu.cfs_quota_us=20000", "cpu.cfs_burst_us=5000"});
  CHECK(lines(full, kV2) == Lines{"cpu.weight=59", "cpu.max=20000 50000", "cpu.max.burst=5000"});
  CHECK(lines(with_cpu({.quota = 20000}), kV2) == Lines{"cpu.max=20000 100000"});
  CHECK(lines(with_cpu({.quota = -1}), kV2) == Lines{"cpu.max=max 100000"});
  CHECK(lines(with_cpu({.quota = -1}), kV1) == Lines{"cpu.cfs_quota_us=-1"});
  CHECK(lines(with_cpu({.period = 50000}), kV2) == Lines{"cpu.max=max 50000"});
  CHECK(lines(with_cpu({.shares = 0, .quota = 0, .period = 0}), kV2).empty());
  CHECK(lines(with_cpu({.realtime_runtime = 900, .realtime_period = 1000}), kV1) ==
        Lines{"cpu.rt_period_us=1000", "cpu.rt_runtime_us=900"});
  CHECK(fault(with_cpu({.realtime_runtime = 900}), kV2) ==
        "realtime runtime not supported on cgroup v2 [config: /linux/resources/cpu/realtimeRuntime]");
  CHECK(fault(with_cpu({.realtime_period = 900}), kV2).starts_with("realtime period not supported"));
  CHECK(fault(with_cpu({.shares = 1}), kV1).starts_with("the minimum allowed cpu-shares is 2"));
  CHECK(fault(with_cpu({.shares = 262145}), kV1).starts_with("the maximum allowed cpu-shares is 262144"));
  CHECK(fault(with_cpu({.idle = 2}), kV2).ends_with("/linux/resources/cpu/idle]"));
}

TEST_CASE("an idle cgroup has no weight of its own, and that is said", "[plan][controllers]") {
  std::vector<std::string> warnings;
  auto writes = plan::make_writes(with_cpu({.shares = 512, .idle = 1}), host(kV2), "/linux/resources", warnings);
  REQUIRE(writes);
  REQUIRE(writes->size() == 1);
  CHECK(writes->front().file == "cpu.idle");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.front().contains("/linux/resources/cpu/shares"));
}

TEST_CASE("cpuset", "[plan][controllers]") {
  for (auto flavour : {kV1, kV2})
    CHECK(lines(with_cpu({.cpus = "0-1", .mems = "0"}), flavour) == Lines{"cpuset.cpus=0-1", "cpuset.mems=0"});
}

TEST_CASE("block I/O", "[plan][controllers]") {
  config::BlockIo io{.weight = 500,
                     .weight_device = {{.major = 8, .minor = 0, .weight = 300}},
                     .throttle_read_bps_device = {{8, 0, 1000}},
                     .throttle_write_iops_device = {{8, 16, 20}, {8, 32, 0}}};
  CHECK(lines({.block_io = io}, kV1) ==
        Lines{"blkio.bfq.weight=500 or blkio.weight=500", "blkio.bfq.weight_device=8:0 300",
              "blkio.throttle.read_bps_device=8:0 1000", "blkio.throttle.write_iops_device=8:16 20",
              "blkio.throttle.write_iops_device=8:32 0"});
  CHECK(lines({.block_io = io}, kV2) == Lines{"io.bfq.weight=500 or io.weight=4950", "io.bfq.weight=8:0 300",
                                              "io.max=8:0 rbps=1000", "io.max=8:16 wiops=20", "io.max=8:32 wiops=max"});
  CHECK(lines({.block_io = config::BlockIo{.weight = 10}}, kV2) == Lines{"io.bfq.weight=10 or io.weight=1"});
  CHECK(lines({.block_io = config::BlockIo{.weight = 1000}}, kV2) == Lines{"io.bfq.weight=1000 or io.weight=10000"});
  CHECK(fault({.block_io = config::BlockIo{.weight = 9}}, kV2).ends_with("/linux/resources/blockIO/weight]"));
  CHECK(fault({.block_io = config::BlockIo{.leaf_weight = 9}}, kV1).ends_with("/linux/resources/blockIO/leafWeight]"));
}

TEST_CASE("huge pages, RDMA and network", "[plan][controllers]") {
  config::Resources pages{.hugepage_limits = {{"2MB", 4194304}}};
  CHECK(lines(pages, kV1) == Lines{"hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304"});
  CHECK(lines(pages, kV2) == Lines{"hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304"});
  for (const char* bad : {"", "MB", "2", "02MB", "2MiB", "2TB", "../x"})
    CHECK(fault({.hugepage_limits = {{bad, 1}}}, kV2).ends_with("/linux/resources/hugepageLimits/0/pageSize]"));

  config::Resources rdma{.rdma = {{"mlx5_1", {3, 10000}}, {"mlx4_0", {{}, 1000}}, {"rxe3", {}}}};
  CHECK(lines(rdma, kV2) == Lines{"rdma.max=mlx4_0 hca_object=1000", "rdma.max=mlx5_1 hca_handle=3 hca_object=10000"});

  config::Resources network{.network = config::NetworkResources{1048577, {{"eth0", 500}, {"lo", 1}}}};
  CHECK(lines(network, kV1) ==
        Lines{"net_cls.classid=1048577", "net_prio.ifpriomap=eth0 500", "net_prio.ifpriomap=lo 1"});
  CHECK(fault(network, kV2) == "cannot set a network class with cgroup v2 [config: /linux/resources/network/classID]");
}

TEST_CASE("unified", "[plan][controllers]") {
  config::Resources unified{.unified = {{"io.max", "8:0 rbps=1\n8:16 rbps=2\n"}, {"memory.high", "1000"}}};
  CHECK(lines(unified, kV2) == Lines{"io.max=8:0 rbps=1", "io.max=8:16 rbps=2", "memory.high=1000"});
  for (auto flavour : {kV1, CgroupFlavour::hybrid})
    CHECK(fault(unified, flavour) ==
          "invalid configuration: cannot use unified on cgroup v1 [config: /linux/resources/unified]");
  CHECK(fault({.unified = {{"../cgroup.procs", "1"}}}, kV2) ==
        "unified resource '../cgroup.procs' must be a file name (no slashes) "
        "[config: /linux/resources/unified/..~1cgroup.procs]");
}

TEST_CASE("a controller that the host lacks is named with the value that needs it", "[plan][controllers]") {
  auto facts = host(kV2);
  facts.cgroup_mounts[0].controllers = {"cpu"};
  std::vector<std::string> warnings;
  auto writes = plan::make_writes({.pids = config::Pids{5}}, facts, "/linux/resources", warnings);
  REQUIRE_FALSE(writes);
  CHECK(writes.error().message() ==
        "the pids controller is not available in cgroup v2 on this host [config: /linux/resources/pids/limit]");
  facts = host(kV1);
  std::erase_if(facts.cgroup_mounts, [](const auto& mount) { return mount.controllers.front() == "hugetlb"; });
  writes = plan::make_writes({.hugepage_limits = {{"2MB", 1}}}, facts, "", warnings);
  REQUIRE_FALSE(writes);
  CHECK(writes.error().pointer() == "/hugepageLimits/0");
}
