// SPDX-License-Identifier: Apache-2.0
// Whole plans as text: tests/golden/HOST-NAME/config.json on a host of that kind gives plan.txt. With
// CAISSON_WRITE_GOLDEN set, the files are written anew: look at the difference before it is committed.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/validate.hpp"
#include "plan/plan.hpp"
#include "support/source_root.hpp"

using namespace caisson;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kAllCapabilities = (1ULL << 41) - 1;

plan::HostFacts v2_host() {
  plan::HostFacts facts;
  facts.bounding_capabilities = kAllCapabilities;
  facts.cgroup_flavour = plan::CgroupFlavour::v2;
  facts.cgroup_mounts = {
      {{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"}, "/sys/fs/cgroup", "/user.slice", true}};
  return facts;
}

plan::HostFacts hybrid_host() {
  plan::HostFacts facts;
  facts.bounding_capabilities = kAllCapabilities;
  facts.cgroup_flavour = plan::CgroupFlavour::hybrid;
  facts.cgroup_mounts = {
      {{"cpu", "cpuacct"}, "/sys/fs/cgroup/cpu,cpuacct", "/", false},
      {{"cpuset"}, "/sys/fs/cgroup/cpuset", "/", false},
      {{"memory"}, "/sys/fs/cgroup/memory", "/init", false},
      {{"devices"}, "/sys/fs/cgroup/devices", "/", false},
      {{"freezer"}, "/sys/fs/cgroup/freezer", "/", false},
      {{"pids"}, "/sys/fs/cgroup/pids", "/", false},
      {{"name=systemd"}, "/sys/fs/cgroup/systemd", "/", false},
      {{}, "/sys/fs/cgroup/unified", "/", true},
  };
  return facts;
}

plan::HostFacts rootless_host() {
  plan::HostFacts facts = v2_host();
  facts.euid = facts.egid = 1000;
  facts.privileged = false;
  return facts;
}

plan::HostFacts host_of(const std::string& name) {
  if (name.starts_with("hybrid-")) return hybrid_host();
  if (name.starts_with("rootless-")) return rootless_host();
  REQUIRE(name.starts_with("v2-"));
  return v2_host();
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string plan_of(const std::string& name, const std::string& text) {
  const auto spec = config::load(text);
  if (!spec) return "error: " + spec.error().message() + "\n";
  std::vector<std::string> warnings;
  if (auto valid = config::validate(*spec, warnings); !valid) return "error: " + valid.error().message() + "\n";
  const auto plan =
      plan::make(*spec, host_of(name), {.id = "c1", .bundle = "/bundle", .no_pivot = false, .cgroup = {}}, warnings);
  if (!plan) return "error: " + plan.error().message() + "\n";
  std::string out;
  for (const auto& warning : warnings) out += "warning: " + warning + "\n";
  return out + plan::describe(*plan);
}

}  // namespace

TEST_CASE("golden plans", "[plan][golden]") {
  const fs::path folder = fs::path(kSourceRoot) / "tests/golden";
  std::size_t count = 0;
  for (const auto& each : fs::directory_iterator(folder)) {
    const std::string name = each.path().filename();
    CAPTURE(name);
    const std::string made = plan_of(name, read(each.path() / "config.json"));
    if (std::getenv("CAISSON_WRITE_GOLDEN") != nullptr) std::ofstream(each.path() / "plan.txt") << made;
    CHECK(made == read(each.path() / "plan.txt"));
    ++count;
  }
  CHECK(count >= 6);
}
