// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>

#include "fuzz/targets.hpp"

namespace caisson::fuzz {

void require(bool holds, const char* text) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", text);
  std::abort();
}

namespace {

plan::CgroupMount mount_v1(const char* controller) {
  return {.controllers = {controller}, .mountpoint = std::string("/sys/fs/cgroup/") + controller, .own_path = "/"};
}

plan::HostFacts with_v1(plan::CgroupFlavour flavour) {
  plan::HostFacts facts;
  facts.bounding_capabilities = ~0ULL >> 23;
  facts.cgroup_flavour = flavour;
  for (const char* controller :
       {"cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "blkio", "freezer", "hugetlb"})
    facts.cgroup_mounts.push_back(mount_v1(controller));
  if (flavour == plan::CgroupFlavour::hybrid)
    facts.cgroup_mounts.push_back(
        {.controllers = {}, .mountpoint = "/sys/fs/cgroup/unified", .own_path = "/", .v2 = true});
  return facts;
}

plan::HostFacts with_v2() {
  plan::HostFacts facts;
  facts.bounding_capabilities = ~0ULL >> 23;
  facts.cgroup_mounts = {{.controllers = {"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"},
                          .mountpoint = "/sys/fs/cgroup",
                          .own_path = "/user.slice",
                          .v2 = true}};
  return facts;
}

}  // namespace

const std::array<plan::HostFacts, 5>& hosts() {
  static const std::array<plan::HostFacts, 5> all = [] {
    plan::HostFacts rootless = with_v2(), nested = with_v2();
    rootless.euid = rootless.egid = 1000;
    rootless.privileged = false;
    nested.in_user_namespace = true;
    return std::array{with_v1(plan::CgroupFlavour::v1), with_v1(plan::CgroupFlavour::hybrid), with_v2(), rootless,
                      nested};
  }();
  return all;
}

}  // namespace caisson::fuzz
