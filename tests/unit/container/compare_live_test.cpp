// SPDX-License-Identifier: Apache-2.0
#include "container/watch/compare_live.hpp"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

using namespace caisson;
using container::Difference;
using container::LivePath;

namespace {

/// A small plan, and a container that is exactly so.
struct Pair {
  config::Spec spec;
  plan::Plan plan;
  container::LiveView view;

  Pair() {
    spec.linux.emplace().namespaces = {{.type = config::NamespaceType::pid, .path = {}},
                                       {.type = config::NamespaceType::network, .path = "/run/netns/n"}};
    plan.init.namespaces.create = CLONE_NEWPID;
    plan.init.namespaces.join = {{.kind = CLONE_NEWNET, .path = "/run/netns/n", .origin = "/linux/namespaces/1/path"}};
    view.namespaces = {{CLONE_NEWPID, {false, false}}, {CLONE_NEWNET, {false, true}}, {CLONE_NEWUTS, {true, false}}};
    plan.init.identity.pointer = "/process";
    plan.init.identity.uid = 1000;
    view.process.uid = 1000;
  }
  void attach(const std::string& target, plan::MountAttributes attributes, const std::string& origin) {
    plan.init.rootfs.mounts.emplace_back(plan::Attach{.target = target,
                                                      .what = plan::NewFilesystem{.type = "tmpfs"},
                                                      .attributes = attributes,
                                                      .recursive = {},
                                                      .propagation = {},
                                                      .origin = origin});
    view.paths[target] = {.mount_root = true, .filesystem = "tmpfs", .attributes = attributes.set, .mode = S_IFDIR};
  }
  std::vector<Difference> differences() const { return container::compare(spec, plan, view); }
  /// The only difference.
  Difference only() const {
    const auto found = differences();
    REQUIRE(found.size() == 1);
    return found.front();
  }
};

}  // namespace

TEST_CASE("verify: a container that is as its plan differs in nothing", "[container][verify]") {
  Pair pair;
  pair.attach("/tmp", {.set = MOUNT_ATTR_NOSUID, .clear = 0}, "/mounts/0");
  CHECK(pair.differences().empty());
}

TEST_CASE("verify: a mount that is gone, of another type or with other options is named by its pointer",
          "[container][verify]") {
  Pair pair;
  pair.attach("/tmp", {.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, .clear = MOUNT_ATTR_NODEV}, "/mounts/3");
  LivePath& live = pair.view.paths["/tmp"];
  SECTION("gone") {
    live.mount_root = false;
    CHECK(pair.only() == Difference{"/mounts/3", "mount at '/tmp'", "mounted", "nothing mounted"});
  }
  SECTION("of another type") {
    live.filesystem = "ext4";
    CHECK(pair.only() == Difference{"/mounts/3", "type of '/tmp'", "tmpfs", "ext4"});
  }
  SECTION("writable") {
    live.attributes = MOUNT_ATTR_NOSUID;
    CHECK(pair.only() == Difference{"/mounts/3", "options of '/tmp'", "ro,nosuid", "nosuid"});
  }
  SECTION("with an option that was to be cleared") {
    live.attributes |= MOUNT_ATTR_NODEV;
    CHECK(pair.only() == Difference{"/mounts/3", "options of '/tmp'", "ro,nosuid", "ro,nosuid,nodev"});
  }
  SECTION("with an option of which the config does not speak") {
    live.attributes |= MOUNT_ATTR_NOEXEC;
    CHECK(pair.differences().empty());
  }
}

TEST_CASE("verify: access times are compared where an option names them", "[container][verify]") {
  Pair pair;
  pair.attach("/a", {.set = MOUNT_ATTR_NOATIME, .clear = MOUNT_ATTR__ATIME}, "/mounts/0");
  CHECK(pair.differences().empty());
  pair.view.paths["/a"].attributes = 0;
  CHECK(pair.only() == Difference{"/mounts/0", "access times of '/a'", "noatime", "relatime"});
}

TEST_CASE("verify: of two mounts at one place the later counts, and it hides what is below", "[container][verify]") {
  Pair pair;
  pair.attach("/a/b", {.set = MOUNT_ATTR_RDONLY, .clear = 0}, "/mounts/0");
  pair.attach("/a", {}, "/mounts/1");
  pair.view.paths.erase("/a/b");
  CHECK(pair.differences().empty());
  pair.view.paths.erase("/a");
  CHECK(pair.only().pointer == "/mounts/1");
}

TEST_CASE("verify: paths that are visible or writable against the config", "[container][verify]") {
  Pair pair;
  pair.plan.init.rootfs.readonly_root = true;
  pair.plan.init.rootfs.readonly_paths = {{"/proc/sys", "/linux/readonlyPaths/0"}};
  pair.plan.init.rootfs.masked_paths = {{"/proc/kcore", "/linux/maskedPaths/0"},
                                        {"/sys/firmware", "/linux/maskedPaths/1"}};
  SECTION("as the config asks") {
    pair.view.paths = {{"/", {.attributes = MOUNT_ATTR_RDONLY, .mode = S_IFDIR}},
                       {"/proc/sys", {.attributes = MOUNT_ATTR_RDONLY, .mode = S_IFDIR}},
                       {"/proc/kcore", {.mode = S_IFCHR, .major = 1, .minor = 3}},
                       {"/sys/firmware", {.filesystem = "tmpfs", .attributes = MOUNT_ATTR_RDONLY, .mode = S_IFDIR}}};
    CHECK(pair.differences().empty());
  }
  SECTION("a path that is not there needs nothing") { CHECK(pair.differences().empty()); }
  SECTION("none of it") {
    pair.view.paths = {{"/", {.mode = S_IFDIR}},
                       {"/proc/sys", {.mode = S_IFDIR}},
                       {"/proc/kcore", {.mode = S_IFREG}},
                       {"/sys/firmware", {.filesystem = "sysfs", .mode = S_IFDIR}}};
    const auto found = pair.differences();
    REQUIRE(found.size() == 4);
    CHECK(found[0].pointer == "/root/readonly");
    CHECK(found[1] == Difference{"/linux/readonlyPaths/0", "'/proc/sys'", "read-only", "writable"});
    CHECK(found[2] == Difference{"/linux/maskedPaths/0", "'/proc/kcore'", "masked", "visible"});
    CHECK(found[3].pointer == "/linux/maskedPaths/1");
  }
}

TEST_CASE("verify: namespaces that are the host's, another one or not shared", "[container][verify]") {
  Pair pair;
  SECTION("the host's instead of its own") {
    pair.view.namespaces[CLONE_NEWPID] = {true, false};
    CHECK(pair.only() == Difference{"/linux/namespaces/0", "PID namespace", "its own", "the host's"});
  }
  SECTION("another one than the path names") {
    pair.view.namespaces[CLONE_NEWNET] = {false, false};
    CHECK(pair.only() == Difference{"/linux/namespaces/1/path", "network namespace", "/run/netns/n", "another one"});
  }
  SECTION("its own instead of the host's") {
    pair.view.namespaces[CLONE_NEWUTS] = {false, false};
    CHECK(pair.only() == Difference{"/linux/namespaces", "UTS namespace", "the host's", "another one"});
  }
}

TEST_CASE("verify: what the first process is", "[container][verify]") {
  Pair pair;
  plan::IdentityPlan& wanted = pair.plan.init.identity;
  container::LiveProcess& live = pair.view.process;
  SECTION("another user") {
    live.uid = 0;
    CHECK(pair.only() == Difference{"/process/user/uid", "user", "1000", "0"});
  }
  SECTION("groups in another order, one of them twice, are the same") {
    wanted.groups = {5, 20, 5};
    live.groups = {20, 5};
    CHECK(pair.differences().empty());
  }
  SECTION("a capability too many in the bounding set") {
    wanted.capabilities = plan::Capabilities{.bounding = 1 << 5, .origin = "/process/capabilities"};
    live.bounding = 1 << 5 | 1 << 21;
    CHECK(pair.only() ==
          Difference{"/process/capabilities/bounding", "capabilities", "CAP_KILL", "CAP_KILL,CAP_SYS_ADMIN"});
  }
  SECTION("no filter") {
    pair.spec.linux->seccomp.emplace();
    pair.plan.seccomp.emplace();
    CHECK(pair.only() == Difference{"/linux/seccomp", "seccomp", "a filter", "none"});
  }
  SECTION("another limit") {
    wanted.rlimits = {
        {.resource = 7, .soft = 10, .hard = ~0ULL, .name = "RLIMIT_NOFILE", .origin = "/process/rlimits/0"}};
    live.limits[7] = {.resource = 7, .soft = 20, .hard = ~0ULL, .name = {}, .origin = {}};
    CHECK(pair.only() == Difference{"/process/rlimits/0", "RLIMIT_NOFILE", "10 unlimited", "20 unlimited"});
  }
}

TEST_CASE("verify: a cgroup's value is found as the kernel shows it", "[container][verify]") {
  Pair pair;
  const auto write = [&](const char* value, const char* content) {
    pair.plan.cgroup.writes = {{.controller = "memory",
                                .file = "f",
                                .value = value,
                                .origin = "/o",
                                .refusal = {},
                                .other_file = {},
                                .other_value = {}}};
    pair.view.cgroup_files = {{"memory/f", content}};
    return pair.differences().empty();
  };
  CHECK(write("64", "64\n"));
  CHECK(write("5000", "4096\n"));                             // whole pages
  CHECK(write("-1", "9223372036854771712\n"));                // no limit
  CHECK(write("8:0 1024", "8:16 5\n8:0 1024\n"));             // one device of several
  CHECK(write("8:0 rbps=1024", "8:0 rbps=1024 wbps=max\n"));  // some keys of several
  CHECK_FALSE(write("64", "65\n"));
  CHECK_FALSE(write("8:0 1024", "8:0 1025\n"));
}
