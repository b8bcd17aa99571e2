// SPDX-License-Identifier: Apache-2.0
#include "plan/update_plan.hpp"

#include <catch2/catch.hpp>

using namespace caisson;
using plan::CgroupFlavour;
using plan::HostFacts;
using Lines = std::vector<std::string>;

namespace {

HostFacts host(CgroupFlavour flavour) {
  HostFacts facts;
  facts.cgroup_flavour = flavour;
  if (flavour == CgroupFlavour::v2) {
    facts.cgroup_mounts = {{{"cpuset", "cpu", "io", "memory", "pids"}, "/sys/fs/cgroup", "/", true}};
  } else {
    for (const char* name : {"cpu", "cpuset", "memory", "blkio", "pids"})
      facts.cgroup_mounts.push_back({{name}, std::string("/sys/fs/cgroup/") + name, "/", false});
  }
  return facts;
}

/// The writes of a change, "file=value", or its error.
Lines writes(const config::Resources& before, const config::Resources& change, CgroupFlavour flavour) {
  std::vector<std::string> warnings;
  auto made = plan::make_change(before, plan::merge(before, change), host(flavour), "", warnings);
  if (!made) return {made.error().message()};
  Lines out;
  for (const auto& write : made->writes) out.push_back(write.file + '=' + write.value);
  return out;
}

constexpr auto kV1 = CgroupFlavour::v1;
constexpr auto kV2 = CgroupFlavour::v2;

config::Resources memory(config::Memory values) { return {.memory = values}; }
config::Resources cpu(config::Cpu values) { return {.cpu = std::move(values)}; }

}  // namespace

TEST_CASE("a change is laid over what the container has", "[plan][update]") {
  const config::Resources before{.memory = config::Memory{.limit = 100, .reservation = 50, .swap = 300},
                                 .cpu = config::Cpu{.shares = 512, .cpus = "0"},
                                 .pids = config::Pids{20}};
  const auto merged = plan::merge(before, {.memory = config::Memory{.limit = 200, .swap = 0},
                                           .cpu = config::Cpu{.quota = 1000, .period = 0},
                                           .unified = {{"memory.high", "5"}}});
  CHECK(merged.resources.memory == config::Memory{.limit = 200, .reservation = 50, .swap = 300});
  CHECK(merged.resources.cpu == config::Cpu{.shares = 512, .quota = 1000, .cpus = "0"});
  CHECK(merged.resources.pids == config::Pids{20});
  CHECK(merged.named == Lines{"/memory/limit", "/cpu/quota", "/unified/memory.high"});
  CHECK(plan::merge(before, {}) == plan::MergedResources{before, {}});
}

TEST_CASE("entries of lists stay beside those for others", "[plan][update]") {
  const config::Resources before{.block_io = config::BlockIo{.throttle_read_bps_device = {{8, 0, 100}, {8, 16, 200}}},
                                 .hugepage_limits = {{"2MB", 1}}};
  const auto merged =
      plan::merge(before, {.block_io = config::BlockIo{.throttle_read_bps_device = {{8, 16, 300}, {8, 32, 400}}},
                           .hugepage_limits = {{"1GB", 2}}});
  CHECK(merged.resources.block_io->throttle_read_bps_device ==
        std::vector<config::ThrottleDevice>{{8, 0, 100}, {8, 16, 300}, {8, 32, 400}});
  CHECK(merged.resources.hugepage_limits == std::vector<config::HugepageLimit>{{"2MB", 1}, {"1GB", 2}});
  CHECK(merged.named ==
        Lines{"/blockIO/throttleReadBpsDevice/1", "/blockIO/throttleReadBpsDevice/2", "/hugepageLimits/1"});
}

TEST_CASE("only what differs and what is named is written", "[plan][update]") {
  const config::Resources before{.memory = config::Memory{.limit = 100, .swap = 300},
                                 .cpu = config::Cpu{.quota = 5000, .period = 10000},
                                 .pids = config::Pids{20}};
  CHECK(writes(before, {.pids = config::Pids{20}}, kV1) == Lines{"pids.max=20"});
  CHECK(writes(before, {.pids = config::Pids{-1}}, kV2) == Lines{"pids.max=max"});
  // An update has no version that could say whether 0 is a limit: it leaves the limit as it is.
  CHECK(writes(before, {.pids = config::Pids{0}}, kV2).empty());
  CHECK(writes(before, {}, kV1).empty());
  // The file that holds both is written for either.
  CHECK(writes(before, cpu({.period = 20000}), kV2) == Lines{"cpu.max=5000 20000"});
  CHECK(writes(before, cpu({.period = 20000}), kV1) == Lines{"cpu.cfs_period_us=20000"});
  CHECK(writes(before, memory({.limit = 200}), kV1) == Lines{"memory.limit_in_bytes=200"});
  // v2 counts swap by itself: the limit of both together stays, so that of swap changes.
  CHECK(writes(before, memory({.limit = 200}), kV2) == Lines{"memory.swap.max=100", "memory.max=200"});
  CHECK(writes(before, memory({.swap = 400}), kV2) == Lines{"memory.swap.max=300"});
  CHECK(writes(before, memory({.limit = -1}), kV1) ==
        Lines{"memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"});
  CHECK(writes(before, memory({.limit = 301}), kV1) ==
        Lines{"memory+swap limit should be >= memory limit [config: /memory/swap]"});
}

TEST_CASE("a container that is idle no more gets its weight back", "[plan][update]") {
  const auto before = cpu({.shares = 512, .idle = 1});
  CHECK(writes(before, cpu({.idle = 0}), kV1) == Lines{"cpu.idle=0", "cpu.shares=512"});
  CHECK(writes(cpu({.shares = 512}), cpu({.idle = 1}), kV2) == Lines{"cpu.idle=1"});
}

TEST_CASE("a weight of all disks takes those of single ones with it, so they are written again", "[plan][update]") {
  config::BlockIo io;
  io.weight = 500;
  io.weight_device = {{.major = 8, .minor = 0, .weight = 300}};
  const config::Resources before{.block_io = io};
  config::BlockIo other;
  other.weight = 200;
  CHECK(writes(before, {.block_io = other}, kV1) == Lines{"blkio.bfq.weight=200", "blkio.bfq.weight_device=8:0 300"});
  CHECK(writes(before, {.block_io = other}, kV2) == Lines{"io.bfq.weight=200", "io.bfq.weight=8:0 300"});
  CHECK(writes(before, {.pids = config::Pids{1}}, kV1) == Lines{"pids.max=1"});
}

TEST_CASE("memory goes last, because nothing undoes what it may cost", "[plan][update]") {
  CHECK(writes({}, {.memory = config::Memory{.limit = 5}, .cpu = config::Cpu{.shares = 2}, .pids = config::Pids{1}},
               kV2) == Lines{"pids.max=1", "cpu.weight=1", "memory.max=5"});
}

TEST_CASE("unified has the last word on a file, in an update of the rest and in one of memory", "[plan][update]") {
  const config::Resources before{.cpu = config::Cpu{.shares = 512},
                                 .unified = {{"cpu.weight", "77"}, {"memory.high", "9"}, {"memory.max", "8"}}};
  CHECK(writes(before, cpu({.shares = 2}), kV2) == Lines{"cpu.weight=1", "cpu.weight=77"});
  CHECK(writes(before, memory({.limit = 5}), kV2) == Lines{"memory.max=5", "memory.max=8"});
  CHECK(writes({}, {.memory = config::Memory{.limit = 5}, .unified = {{"memory.max", "4"}}}, kV2) ==
        Lines{"memory.max=5", "memory.max=4"});
  CHECK(writes(before, {.unified = {{"cpu.weight", "78"}}}, kV2) == Lines{"cpu.weight=78"});
  std::vector<std::string> warnings;
  REQUIRE(plan::make_change(before, plan::merge(before, cpu({.shares = 2})), host(kV2), "", warnings));
  CHECK(warnings == Lines{"unified has the last word on cpu.weight [config: /unified/cpu.weight]"});
}

TEST_CASE("usage is looked at only when a limit changes", "[plan][update]") {
  const auto before = memory({.limit = 100, .check_before_update = true});
  std::vector<std::string> warnings;
  auto change = [&](const config::Resources& wanted) {
    return plan::make_change(before, plan::merge(before, wanted), host(kV1), "", warnings)->memory_check;
  };
  CHECK(change(memory({.limit = 50})) == plan::MemoryCheck{50, 0});
  CHECK_FALSE(change({.pids = config::Pids{1}}));
}

TEST_CASE("device rules change as one list", "[plan][update]") {
  const config::DeviceRule none{.allow = false, .type = {}, .major = {}, .minor = {}, .access = "rwm"};
  const config::Resources before{.devices = {none}};
  std::vector<std::string> warnings;
  CHECK_FALSE(plan::make_change(before, plan::merge(before, before), host(kV1), "", warnings)->devices);
  const config::Resources wanted{
      .devices = {none, {.allow = true, .type = config::DeviceRuleType::c, .major = 9, .minor = 9, .access = "r"}}};
  const auto changed = plan::make_change(before, plan::merge(before, wanted), host(kV1), "", warnings);
  REQUIRE(changed);
  REQUIRE(changed->devices);
  CHECK(changed->devices->rules.size() == changed->devices_before->rules.size() + 1);
}

TEST_CASE("what is written to undo a write", "[plan][update]") {
  struct Row {
    const char *file, *value, *present, *restore;
  };
  const Row rows[] = {
      {"pids.max", "5", "max", "max"},
      {"cpu.max", "1000 2000", "max 100000", "max 100000"},
      {"memory.limit_in_bytes", "5", "9223372036854771712", "9223372036854771712"},
      {"memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3", "0"},
      {"io.weight", "4950", "default 100\n8:0 200", "default 100"},
      {"io.bfq.weight", "8:0 300", "default 100\n8:0 200", "8:0 200"},
      {"io.bfq.weight", "8:16 300", "default 100\n8:0 200", "8:16 default"},
      {"io.max", "8:0 rbps=1", "8:0 rbps=5 wbps=max riops=max wiops=max", "8:0 rbps=5 wbps=max riops=max wiops=max"},
      {"io.max", "8:0 rbps=1", "", "8:0 rbps=max wbps=max riops=max wiops=max"},
      {"blkio.throttle.read_bps_device", "8:0 5", "8:16 7", "8:0 0"},
      {"blkio.throttle.read_bps_device", "8:16 5", "8:0 1\n8:16 7", "8:16 7"},
      {"rdma.max", "mlx5_1 hca_handle=1", "mlx5_1 hca_handle=max hca_object=3", "mlx5_1 hca_handle=max hca_object=3"},
      {"io.latency", "8:0 target=100", "", "8:0 target=max"},
      {"dmem.max", "drm/card0 4096", "drm/card1 8192", "drm/card0 max"},
      {"net_prio.ifpriomap", "eth0 5", "lo 0\neth0 2", "eth0 2"},
      {"net_prio.ifpriomap", "eth9 5", "lo 0\neth0 2", nullptr},
      {"cpuset.cpus", "0", "0-1", "0-1"},
  };
  for (const auto& row : rows) {
    INFO(row.file << " " << row.value);
    const auto restore = plan::value_to_restore(row.file, row.value, row.present);
    CHECK(restore == (row.restore ? std::optional<std::string>(row.restore) : std::nullopt));
  }
}
