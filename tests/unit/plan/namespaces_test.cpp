// SPDX-License-Identifier: Apache-2.0
#include "plan/namespaces.hpp"

#include <linux/sched.h>
#include <sched.h>

#include <catch2/catch.hpp>

using namespace caisson;
using config::NamespaceType;

namespace {

config::Spec with(std::vector<config::Namespace> namespaces) {
  config::Spec spec;
  spec.linux.emplace();
  spec.linux->namespaces = std::move(namespaces);
  return spec;
}

}  // namespace

TEST_CASE("an entry without a path is a new namespace", "[plan][namespaces]") {
  const auto plan = plan::make_namespaces(with({{NamespaceType::pid, ""}, {NamespaceType::time, ""}}), {});
  REQUIRE(plan);
  CHECK(plan->create == (CLONE_NEWPID | static_cast<std::uint64_t>(CLONE_NEWTIME)));
  CHECK(plan->makes(CLONE_NEWPID));
  CHECK(plan->shares_host(CLONE_NEWNET));
  CHECK_FALSE(plan->needs_stage);
}

TEST_CASE("a second clone is made only where one cannot do", "[plan][namespaces]") {
  const auto stage = [](std::vector<config::Namespace> namespaces) {
    auto spec = with(std::move(namespaces));
    spec.linux->uid_mappings = spec.linux->gid_mappings = {{0, 100000, 65536}};
    const auto plan = plan::make_namespaces(spec, {});
    REQUIRE(plan);
    return plan->needs_stage;
  };
  CHECK_FALSE(stage({{NamespaceType::network, "/n"}, {NamespaceType::pid, ""}}));
  CHECK_FALSE(stage({{NamespaceType::user, ""}, {NamespaceType::network, ""}}));
  CHECK(stage({{NamespaceType::pid, "/n"}}));
  CHECK(stage({{NamespaceType::user, ""}, {NamespaceType::network, "/n"}}));
  CHECK(stage({{NamespaceType::user, "/n"}, {NamespaceType::pid, ""}}));
}

TEST_CASE("what is joined names its place", "[plan][namespaces]") {
  const auto plan = plan::make_namespaces(with({{NamespaceType::pid, ""}, {NamespaceType::ipc, "/proc/1/ns/ipc"}}), {});
  REQUIRE(plan);
  REQUIRE(plan->join.size() == 1);
  CHECK(plan->join[0] == plan::JoinNamespace{CLONE_NEWIPC, "/proc/1/ns/ipc", "/linux/namespaces/1/path"});
}

TEST_CASE("a new user namespace maps some id, which need not be 0", "[plan][namespaces]") {
  auto spec = with({{NamespaceType::user, ""}});
  spec.linux->uid_mappings = {{1000, 1000, 1}};
  spec.linux->gid_mappings = {{1, 1000, 1}};
  CHECK(plan::make_namespaces(spec, {}));
  spec.linux->gid_mappings = {};
  const auto plan = plan::make_namespaces(spec, {});
  REQUIRE_FALSE(plan);
  CHECK(plan.error().pointer() == "/linux/gidMappings");
  spec.linux->gid_mappings = {{0, 1000, 1}, {1, 100000, 10}};
  const auto good = plan::make_namespaces(spec, {});
  REQUIRE(good);
  CHECK(good->gid_map == "0 1000 1\n1 100000 10\n");
}

TEST_CASE("without privilege a user namespace is needed", "[plan][namespaces]") {
  plan::HostFacts facts;
  facts.euid = 1000;
  const auto plan = plan::make_namespaces(with({{NamespaceType::pid, ""}}), facts);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().what() == "rootless container requires user namespaces");
}

TEST_CASE("time offsets become the kernel's lines", "[plan][namespaces]") {
  auto spec = with({{NamespaceType::time, ""}});
  spec.linux->time_offsets = {{"boottime", {-5, 7}}, {"monotonic", {3600, 0}}};
  CHECK(plan::make_namespaces(spec, {})->time_offsets == "boottime -5 7\nmonotonic 3600 0\n");
}
