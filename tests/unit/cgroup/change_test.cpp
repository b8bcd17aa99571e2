// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "fixture.hpp"

using namespace caisson;
using namespace caisson::test;

namespace {

/// What the kernel has, for one resource in v1's and v2's words.
struct Place {
  const char* controller;
  const char* v1;
  const char* v2;
};

/// A cgroup with limits, and what the next change makes of them.
struct Limited {
  explicit Limited(const plan::HostFacts& host, config::Resources resources)
      : facts(host), before(std::move(resources)), group(host, with(before)) {
    ok(group->create());
    ok(group->apply(group.plan()));
  }
  static config::Spec with(const config::Resources& resources) {
    config::Spec spec;
    spec.linux.emplace().resources = resources;
    return spec;
  }
  Status change(const config::Resources& wanted) {
    std::vector<std::string> warnings;
    const auto change = ok(plan::make_change(before, plan::merge(before, wanted), facts, "/linux/resources", warnings));
    return group->change(change, {group->keep(change)});
  }
  std::string operator[](const Place& place) const {
    return read(group.dir(place.controller) + '/' +
                (facts.cgroup_flavour == plan::CgroupFlavour::v2 ? place.v2 : place.v1));
  }
  const plan::HostFacts& facts;
  config::Resources before;
  Cgroup group;
};

bool has(const plan::HostFacts& facts, std::initializer_list<const char*> controllers) {
  return std::ranges::all_of(controllers, [&](const char* controller) {
    return std::ranges::any_of(facts.cgroup_mounts, [&](const plan::CgroupMount& mount) {
      return std::ranges::find(mount.controllers, controller) != mount.controllers.end();
    });
  });
}

constexpr Place kPids{"pids", "pids.max", "pids.max"};
constexpr Place kMemory{"memory", "memory.limit_in_bytes", "memory.max"};
constexpr Place kShares{"cpu", "cpu.shares", "cpu.weight"};
constexpr Place kIdle{"cpu", "cpu.idle", "cpu.idle"};
constexpr Place kQuota{"cpu", "cpu.cfs_quota_us", "cpu.max"};
constexpr Place kPeriod{"cpu", "cpu.cfs_period_us", "cpu.max"};

}  // namespace

TEST_CASE("a value that the kernel refuses takes the others back with it", "[cgroup][update]") {
  for (const auto& facts : hosts()) {
    if (!has(facts, {"pids", "memory", "cpu", "cpuset"})) continue;
    Limited limited(facts, {.memory = config::Memory{.limit = 64 << 20},
                            .cpu = config::Cpu{.shares = 512, .quota = 20000, .period = 50000},
                            .pids = config::Pids{20}});
    const Place places[] = {kPids, kMemory, kShares, kIdle, kQuota, kPeriod};
    std::vector<std::string> before;
    for (const auto& place : places) before.push_back(limited[place]);

    auto refused = limited.change({.memory = config::Memory{.limit = 128 << 20},
                                   .cpu = config::Cpu{.quota = 30000, .period = 60000, .cpus = "4000", .idle = 1},
                                   .pids = config::Pids{30}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().pointer() == "/linux/resources/cpu/cpus");
    for (std::size_t i = 0; i < before.size(); ++i) {
      INFO(places[i].v1);
      CHECK(limited[places[i]] == before[i]);
    }
    ok(limited.change({.memory = config::Memory{.limit = 128 << 20},
                       .cpu = config::Cpu{.quota = 30000, .period = 60000},
                       .pids = config::Pids{30}}));
    CHECK(limited[kPids] == "30");
    CHECK(limited[kMemory] == std::to_string(128 << 20));
    CHECK(limited[kQuota].starts_with("30000"));
    CHECK(limited[kPeriod].ends_with("60000"));
  }
}

TEST_CASE("memory and swap rise and fall together, and fall back together", "[cgroup][update]") {
  for (const auto& facts : hosts()) {
    if (!has(facts, {"memory", "cpuset"}) || facts.cgroup_flavour == plan::CgroupFlavour::v2) continue;
    constexpr Place swap{"memory", "memory.memsw.limit_in_bytes", "memory.swap.max"};
    Limited limited(facts, {.memory = config::Memory{.limit = 64 << 20, .swap = 128 << 20}});
    for (const std::int64_t factor : {4, 1, 8}) {
      ok(limited.change({.memory = config::Memory{.limit = factor * (64 << 20), .swap = factor * (128 << 20)}}));
      CHECK(limited[kMemory] == std::to_string(factor * (64 << 20)));
      CHECK(limited[swap] == std::to_string(factor * (128 << 20)));
    }
    // Whichever way they went, a refusal brings them back; swappiness is written after both.
    for (const std::int64_t factor : {1, 16}) {
      plan::CgroupChange change;
      std::vector<std::string> warnings;
      change.writes = ok(plan::make_writes(
          {.memory = config::Memory{.limit = factor * (64 << 20), .swap = factor * (128 << 20), .swappiness = 10}},
          facts, "", warnings));
      change.writes.back().value = "1000";
      auto refused = limited.group->change(change, {limited.group->keep(change)});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().pointer() == "/memory/swappiness");
      CHECK(limited[kMemory] == std::to_string(8 * (64 << 20)));
      CHECK(limited[swap] == std::to_string(8L * (128 << 20)));
    }
  }
}
