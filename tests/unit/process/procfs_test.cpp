// SPDX-License-Identifier: Apache-2.0
#include "process/procfs.hpp"

#include <sys/mount.h>

#include "in_child.hpp"
#include "process/lsm.hpp"
#include "process/sysctl.hpp"

namespace caisson::process {

namespace {

using test::in_child;

/// Runs `body` with its own mounts, host name and network.
template <class F>
std::string in_namespaces(F body) {
  return in_child([&]() -> std::string {
    if (::unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWNET) != 0) return "unshare";
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "mount";
    return body();
  });
}

constexpr const char* kDomain = "/proc/sys/kernel/domainname";

}  // namespace

TEST_CASE("sysctls are written, in both spellings", "[process][sysctl]") {
  CAISSON_NEEDS_ROOT();
  CHECK(in_namespaces([]() -> std::string {
          Procfs proc;
          if (auto done = apply_sysctls(proc, {{"kernel.domainname", "caisson.test"}, {"net/ipv4/ip_forward", "1"}});
              !done)
            return done.error().message();
          return test::read_text(kDomain) + test::read_text("/proc/sys/net/ipv4/ip_forward");
        }) == "caisson.test\n1\n");
}

TEST_CASE("a sysctl that is not there, or refuses its value, names the key", "[process][sysctl]") {
  CAISSON_NEEDS_ROOT();
  const auto failure = [](const std::string& key, const std::string& value) {
    return in_namespaces([&] {
      Procfs proc;
      return test::text_of(apply_sysctls(proc, {{key, value}}));
    });
  };
  const auto absent = failure("net.ipv4.none", "1");
  CHECK(absent.contains("set sysctl 'net.ipv4.none' to '1'"));
  CHECK(absent.contains("No such file or directory [config: /linux/sysctl/net.ipv4.none]"));
  CHECK(failure("net/ipv4/ip_forward", "yes").contains("[config: /linux/sysctl/net~1ipv4~1ip_forward]"));
  CHECK(failure("net..x", "1").contains("[config: /linux/sysctl/net..x]"));
}

TEST_CASE("mounts over /proc do not catch what is written", "[process][procfs]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  test::write_text(directory / "trap", "");
  const auto set = [](Procfs& proc) { return proc.write("sys/kernel/domainname", "caisson.test"); };
  // A file in the sysctl's place, a tmpfs over /proc, another procfs' directory in its place, a read-only /proc.
  CHECK(in_namespaces([&]() -> std::string {
          if (::mount((directory / "trap").c_str(), kDomain, nullptr, MS_BIND, nullptr) != 0) return "mount";
          Procfs proc;
          if (auto done = set(proc); !done) return done.error().message();
          if (::umount(kDomain) != 0) return "umount";
          return test::read_text(kDomain);
        }) == "caisson.test\n");
  CHECK(in_namespaces([&]() -> std::string {
          if (::mount("tmpfs", "/proc", "tmpfs", 0, nullptr) != 0) return "mount";
          Procfs proc;
          if (auto done = set(proc); !done) return done.error().message();
          if (::umount("/proc") != 0) return "umount";
          return test::read_text(kDomain);
        }) == "caisson.test\n");
  CHECK(in_namespaces([&]() -> std::string {
          if (::mount("/proc/sys", "/proc", nullptr, MS_BIND, nullptr) != 0) return "mount";
          Procfs proc;
          if (auto done = set(proc); !done) return done.error().message();
          if (::umount("/proc") != 0) return "umount";
          return test::read_text(kDomain);
        }) == "caisson.test\n");
  CHECK(in_namespaces([&]() -> std::string {
          if (::mount(nullptr, "/proc", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) return "mount";
          Procfs proc;
          if (auto done = set(proc); !done) return done.error().message();
          return test::read_text(kDomain);
        }) == "caisson.test\n");
  CHECK(test::read_text(directory / "trap").empty());
}

TEST_CASE("one's own files are reached through self", "[process][procfs]") {
  CAISSON_NEEDS_ROOT();
  CHECK(in_namespaces([]() -> std::string {
          Procfs proc;
          if (auto done = proc.write("self/oom_score_adj", "77"); !done) return done.error().message();
          return test::read_text("/proc/self/oom_score_adj");
        }) == "77\n");
  // Magic links lead out of procfs.
  CHECK(in_namespaces([]() -> std::string {
          Procfs proc;
          return proc.open_file("self/exe", O_RDONLY) ? "opened" : "";
        }) == "");
}

TEST_CASE("SELinux contexts are checked by their form", "[process][lsm]") {
  CHECK(check_selinux_label("system_u:system_r:container_t:s0:c1,c2", "/process/selinuxLabel"));
  CHECK(check_selinux_label("u:r:t", "/process/selinuxLabel"));
  const auto refused = check_selinux_label("container_t", "/process/selinuxLabel");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().pointer() == "/process/selinuxLabel");
}

TEST_CASE("a label that the kernel does not take is an error", "[process][lsm]") {
  CAISSON_NEEDS_ROOT();
  plan::IdentityPlan plan;
  plan.pointer = "/process";
  Procfs proc;
  CHECK(apply_apparmor_profile(proc, plan));
  CHECK(apply_selinux_label(proc, plan));
  CHECK(apply_keyring_label(proc, plan));
  if (apparmor_is_enabled() || selinux_is_enabled()) {
    WARN("skipped: this host has a security module that takes labels");
    return;
  }
  plan.apparmor_profile = "some-profile";
  plan.selinux_label = "u:r:t";
  CHECK(apply_apparmor_profile(proc, plan).error().pointer() == "/process/apparmorProfile");
  CHECK(apply_selinux_label(proc, plan).error().pointer() == "/process/selinuxLabel");
}

}  // namespace caisson::process
