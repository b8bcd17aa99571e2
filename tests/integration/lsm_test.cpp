// SPDX-License-Identifier: Apache-2.0
// Profiles and labels, on a host whose security module knows them.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "integration/support/mounts.hpp"
#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

bool has_apparmor() { return slurp("/sys/module/apparmor/parameters/enabled") == "Y\n"; }
bool has_selinux() { return exists("/sys/fs/selinux/enforce"); }

constexpr const char* kProfile = R"(profile caisson-test flags=(attach_disconnected) {
  file, network, capability, mount, umount, pivot_root, signal, ptrace, unix,
  deny /forbidden rw,
}
)";
constexpr const char* kLabel = "system_u:system_r:container_t:s0:c1,c2";
constexpr const char* kFileLabel = "system_u:object_r:container_file_t:s0:c1,c2";

std::string read_of(const Json& report, const std::string& path) { return report.str("/read/" + step(path)); }

}  // namespace

TEST_CASE("AppArmor: the process runs under the profile, exec'd ones too", "[apparmor]") {
  if (!has_apparmor()) CAISSON_SKIP("this host's kernel does not use AppArmor");
  if (std::system("command -v apparmor_parser >/dev/null") != 0) CAISSON_SKIP("no apparmor_parser to load a profile");
  World world;
  spit(world.dir() + "/profile", kProfile);
  REQUIRE(std::system(("apparmor_parser -r -K " + world.dir() + "/profile").c_str()) == 0);
  Bundle bundle = world.bundle();
  spit(bundle.rootfs + "/forbidden", "");
  spit(bundle.rootfs + "/open", "");
  bundle.set("/process/apparmorProfile", "\"caisson-test\"");
  const std::vector<std::string> questions{
      "--read", "/proc/self/attr/current", "--try-write", "/forbidden", "--try-write", "/open"};
  auto check = [](const Json& report) {
    CHECK(read_of(report, "/proc/self/attr/current") == "caisson-test (enforce)\n");
    CHECK(report.str("/write/" + step("/forbidden")) == "EACCES");
    CHECK(report.str("/write/" + step("/open")) == "ok");
  };
  check(world.report(bundle, questions));
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(slurp("/proc/" + std::to_string(world.pid(bundle)) + "/attr/current") == "caisson-test (enforce)\n");
  check(world.exec_report(bundle, {}, questions));
  CHECK(read_of(world.exec_report(bundle, {"--apparmor", "unconfined"}, questions), "/proc/self/attr/current") ==
        "unconfined\n");
  CHECK(world.remove(bundle, true).code == 0);

  bundle.set("/process/apparmorProfile", "\"caisson-no-such-profile\"");
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "caisson-no-such-profile"));
  CHECK(contains(ran.err, "/process/apparmorProfile"));
  world.nothing_left();
}

TEST_CASE("SELinux: the process has its label and its mounts theirs, exec'd ones too", "[selinux]") {
  if (!has_selinux()) CAISSON_SKIP("this host's kernel does not use SELinux");
  World world;
  Bundle bundle = world.bundle();
  const auto quote = [](const char* text) { return '"' + std::string(text) + '"'; };
  bundle.set("/process/selinuxLabel", quote(kLabel)).set("/linux/mountLabel", quote(kFileLabel));
  bundle.probe({"--read", "/proc/self/attr/current"});
  const Json report = world.report(bundle, {"--read", "/proc/self/attr/current"});
  CHECK(report.str("/read/" + step("/proc/self/attr/current")).starts_with(kLabel));
  for (const char* target : {"/dev", "/dev/shm", "/dev/pts"}) {
    INFO(target);
    CHECK(contains(mount_at(report, target).str("/super"), kFileLabel));
  }
  bundle.probe({"--quiet", "--hold"});
  world.started(bundle);
  CHECK(slurp("/proc/" + std::to_string(world.pid(bundle)) + "/attr/current").starts_with(kLabel));
  const Json inside = world.exec_report(bundle, {}, {"--read", "/proc/self/attr/current"});
  CHECK(read_of(inside, "/proc/self/attr/current").starts_with(kLabel));
  CHECK(world.remove(bundle, true).code == 0);

  bundle.set("/process/selinuxLabel", "\"system_u:system_r:no_such_type_t:s0\"");
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "/process/selinuxLabel"));
  world.nothing_left();
}
