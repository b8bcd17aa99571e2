// SPDX-License-Identifier: Apache-2.0
#include "container/record/state.hpp"

#include <catch2/catch.hpp>

using namespace caisson;
using container::ContainerStatus;
using container::derive_status;
using container::Sight;
using container::State;

namespace {

State recorded() {
  State state;
  state.id = "c1";
  state.bundle = "/b";
  state.rootfs = "/b/rootfs";
  state.init_process_pid = 42;
  state.init_process_start = 123456789;
  state.created = "2026-01-02T15:04:05.000000001Z";
  state.cgroup_paths = {{"memory", "/sys/fs/cgroup/memory/c1"}, {"", "/sys/fs/cgroup/unified/c1"}};
  state.cgroup_made_parents = {"/sys/fs/cgroup/memory/a"};
  state.namespaces = 0x6c020000;
  state.intent = false;
  state.runs_at_once = true;
  state.init_name = "caisson";
  state.annotations = {{"k", "v/w"}};
  return state;
}

}  // namespace

TEST_CASE("a record comes back as it was written", "[container]") {
  const State state = recorded();
  const auto read = container::read_state(container::write_state(state));
  REQUIRE(read);
  CHECK(*read == state);
}

TEST_CASE("a record of an update that is under way comes back as it was written", "[container][update]") {
  State state = recorded();
  container::UnfinishedUpdate update;
  update.change.memory = config::Memory{.limit = -1, .check_before_update = true};
  update.change.unified = {{"pids.max", "7"}};
  update.pointer = "/linux/resources";
  update.mem_bw_schema = "MB:0=20";
  update.resources_before.emplace().pids = config::Pids{20};
  update.intel_rdt_before = config::IntelRdt{.l3_cache_schema = "L3:0=f"};
  update.values_before = {{"/sys/fs/cgroup/c1", "io.max", "8:0 rbps=max wbps=max riops=max wiops=max"}};
  update.schemata_before = {"MB:0=100"};
  state.update = update;
  const auto read = container::read_state(container::write_state(state));
  REQUIRE(read);
  CHECK(*read == state);
}

TEST_CASE("init has not come to its execve before its process has another name", "[container]") {
  State state = recorded();
  CHECK(container::precedes_execve(state, "caisson"));
  CHECK_FALSE(container::precedes_execve(state, "sleep"));
  CHECK_FALSE(container::precedes_execve(state, "caisson2"));
  CHECK_FALSE(container::precedes_execve(state, ""));
  // A record of before there was this word says nothing by it.
  state.init_name.clear();
  const std::string text = container::write_state(state);
  CHECK(text.find("init_name") == std::string::npos);
  const auto read = container::read_state(text);
  REQUIRE(read);
  CHECK(container::precedes_execve(*read, "sleep"));
  CHECK(container::precedes_execve(*read, ""));
}

TEST_CASE("a name of any bytes comes back as it was written", "[container]") {
  State state = recorded();
  state.init_name = "\xff\xfe\"\n) R (\x7f";
  const auto read = container::read_state(container::write_state(state));
  REQUIRE(read);
  CHECK(read->init_name == state.init_name);
}

TEST_CASE("status is derived from what is seen", "[container]") {
  const State state = recorded();
  CHECK(derive_status(state, Sight{.alive = true, .waiting = true}) == ContainerStatus::created);
  CHECK(derive_status(state, Sight{.alive = true}) == ContainerStatus::running);
  CHECK(derive_status(state, Sight{.alive = true, .waiting = true, .frozen = true}) == ContainerStatus::paused);
  CHECK(derive_status(state, Sight{.alive = true, .becoming = true}) == ContainerStatus::creating);
  CHECK(derive_status(state, Sight{}) == ContainerStatus::stopped);
  // A frozen cgroup without its process is not a paused container.
  CHECK(derive_status(state, Sight{.frozen = true}) == ContainerStatus::stopped);
}

TEST_CASE("an intent is a container in the making only while its creator lives", "[container]") {
  State state = recorded();
  state.intent = true;
  CHECK(derive_status(state, Sight{.creator_alive = true}) == ContainerStatus::creating);
  CHECK(derive_status(state, Sight{.creator_alive = false, .alive = true}) == ContainerStatus::stopped);
}

TEST_CASE("the time of creation is RFC 3339 with nanoseconds", "[container]") {
  const std::string now = container::timestamp_now();
  CHECK(now.size() == std::string("2026-01-02T15:04:05.123456789Z").size());
  CHECK(now[10] == 'T');
  CHECK(now.back() == 'Z');
}
