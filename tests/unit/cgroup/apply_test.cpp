// SPDX-License-Identifier: Apache-2.0
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include "fixture.hpp"

using namespace caisson;
using namespace caisson::test;

namespace {

bool has(const plan::HostFacts& facts, const std::string& controller) {
  for (const auto& mount : facts.cgroup_mounts)
    if (std::ranges::find(mount.controllers, controller) != mount.controllers.end()) return true;
  return false;
}

bool is_v2(const plan::HostFacts& facts) { return facts.cgroup_flavour == plan::CgroupFlavour::v2; }

config::Resources& resources(config::Spec& spec) { return spec.linux.emplace().resources.emplace(); }

/// errno of opening a device in the cgroup, 0 = it opened.
int try_device(Cgroup& group, const char* path, int flags) {
  int channel[2];
  REQUIRE(::pipe2(channel, O_CLOEXEC) == 0);
  Child child([&] {
    char go;
    if (::read(channel[0], &go, 1) != 1) ::_exit(255);
    const int fd = ::open(path, flags | O_CLOEXEC);
    ::_exit(fd < 0 ? errno : 0);
  });
  ok(group->attach(child.pid()));
  REQUIRE(::write(channel[1], "g", 1) == 1);
  int status = 0;
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT) == 0);
  status = info.si_status;
  ::close(channel[0]);
  ::close(channel[1]);
  return status;
}

}  // namespace

TEST_CASE("limits are what the kernel says they are", "[cgroup]") {
  for (const auto& facts : hosts()) {
    if (is_v2(facts) && !has(facts, "memory")) continue;
    config::Spec spec;
    auto& asked = resources(spec);
    asked.pids = config::Pids{77};
    asked.memory = config::Memory{.limit = 64 << 20, .reservation = 32 << 20, .swap = 128 << 20};
    asked.cpu = config::Cpu{.shares = 512, .quota = 20000, .burst = 4000, .period = 50000};
    asked.cpu->cpus = "0";
    asked.cpu->mems = "0";
    Cgroup group(facts, spec);
    ok(group->create());
    ok(group->apply(group.plan()));
    CHECK(read(group.dir("pids") + "/pids.max") == "77");
    CHECK(read(group.dir("cpuset") + "/cpuset.cpus") == "0");
    if (is_v2(facts)) {
      CHECK(read(group.dir() + "/memory.max") == std::to_string(64 << 20));
      CHECK(read(group.dir() + "/memory.swap.max") == std::to_string(64 << 20));
      CHECK(read(group.dir() + "/memory.low") == std::to_string(32 << 20));
      CHECK(read(group.dir() + "/cpu.weight") == "59");
      CHECK(read(group.dir() + "/cpu.max") == "20000 50000");
      CHECK(read(group.dir() + "/cpu.max.burst") == "4000");
    } else {
      CHECK(read(group.dir("memory") + "/memory.limit_in_bytes") == std::to_string(64 << 20));
      CHECK(read(group.dir("memory") + "/memory.memsw.limit_in_bytes") == std::to_string(128 << 20));
      CHECK(read(group.dir("memory") + "/memory.soft_limit_in_bytes") == std::to_string(32 << 20));
      CHECK(read(group.dir("cpu") + "/cpu.shares") == "512");
      CHECK(read(group.dir("cpu") + "/cpu.cfs_quota_us") == "20000");
      CHECK(read(group.dir("cpu") + "/cpu.cfs_period_us") == "50000");
      CHECK(read(group.dir("cpu") + "/cpu.cfs_burst_us") == "4000");
    }
    auto stats = ok(group->stats());
    CHECK(stats.memory_limit_bytes == 64u << 20);
    CHECK(stats.processes == 0u);

    // Raising and lowering both at once, which needs the one order or the other on v1.
    for (std::int64_t factor : {4, 1}) {
      asked.memory->limit = factor * (64 << 20);
      asked.memory->swap = factor * (128 << 20);
      plan::CgroupPlan changed = group.plan();
      changed.writes = ok(plan::make_writes(asked, facts, "/linux/resources", changed.warnings));
      ok(group->apply(changed));
      CHECK(ok(group->stats()).memory_limit_bytes == std::uint64_t(factor) * (64 << 20));
    }
  }
}

TEST_CASE("a value that the kernel refuses names its place in the config", "[cgroup]") {
  for (const auto& facts : hosts()) {
    if (is_v2(facts) && !has(facts, "cpuset")) continue;
    config::Spec spec;
    resources(spec).cpu.emplace().cpus = "4000";
    Cgroup group(facts, spec);
    ok(group->create());
    auto applied = group->apply(group.plan());
    REQUIRE_FALSE(applied);
    CHECK(applied.error().pointer() == "/linux/resources/cpu/cpus");
    CHECK(applied.error().sys_errno() != 0);
  }
}

TEST_CASE("limits below the usage are refused when the config asks for the check", "[cgroup]") {
  for (const auto& facts : hosts()) {
    if (!has(facts, "memory")) continue;
    config::Spec spec;
    resources(spec).memory = config::Memory{.limit = 4096, .check_before_update = true};
    Cgroup group(facts, spec);
    ok(group->create());
    int channel[2];
    REQUIRE(::pipe2(channel, O_CLOEXEC) == 0);
    Child child([&] {
      char go;
      if (::read(channel[0], &go, 1) != 1) ::_exit(255);
      static char memory[4 << 20];
      for (std::size_t i = 0; i < sizeof memory; i += 4096) *const_cast<volatile char*>(memory + i) = 1;
    });
    ok(group->attach(child.pid()));
    REQUIRE(::write(channel[1], "g", 1) == 1);
    ::close(channel[0]);
    ::close(channel[1]);
    while (ok(group->stats()).memory_bytes.value_or(0) < 4 << 20) ::usleep(1000);
    auto applied = group->apply(group.plan());
    REQUIRE_FALSE(applied);
    CHECK(applied.error().message().starts_with("rejecting memory limit 4096 <= usage "));
    CHECK(applied.error().pointer() == "/linux/resources/memory/limit");
  }
}

TEST_CASE("device rules hold", "[cgroup]") {
  for (const auto& facts : hosts()) {
    config::Spec spec;
    resources(spec).devices = {
        {.allow = false, .type = {}, .major = {}, .minor = {}, .access = "rwm"},
        {.allow = true, .type = config::DeviceRuleType::c, .major = 1, .minor = 11, .access = "r"}};
    Cgroup group(facts, spec);
    ok(group->create());
    ok(group->apply(group.plan()));
    CHECK(try_device(group, "/dev/null", O_RDWR) == 0);
    CHECK(try_device(group, "/dev/urandom", O_RDONLY) == 0);
    const std::string node = "/tmp/" + unique_name("-node");
    // 1:11 kmsg may be read only, 1:4 port not at all.
    REQUIRE(::mknod(node.c_str(), S_IFCHR | 0666, makedev(1, 11)) == 0);
    const int plain = ::open(node.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (plain < 0) WARN("/dev/kmsg cannot be opened here at all: " << errno);
    if (plain >= 0) CHECK(try_device(group, node.c_str(), O_RDONLY | O_NONBLOCK) == 0);
    ::close(plain);
    CHECK(try_device(group, node.c_str(), O_RDWR | O_NONBLOCK) == EPERM);
    ::unlink(node.c_str());
    REQUIRE(::mknod(node.c_str(), S_IFCHR | 0666, makedev(1, 4)) == 0);
    CHECK(try_device(group, node.c_str(), O_RDONLY) == EPERM);
    ::unlink(node.c_str());
    if (is_v2(facts)) {
      // Rules for a cgroup that has some take their place.
      Cgroup again(facts, [] {
        config::Spec open;
        resources(open).devices = {{.allow = true, .type = {}, .major = {}, .minor = {}, .access = "rwm"}};
        return open;
      }());
      ok(again->create());
      ok(again->apply(again.plan()));
      CHECK(try_device(again, "/dev/null", O_RDWR) == 0);
      ok(again->apply(group.plan()));
      CHECK(try_device(again, "/dev/null", O_RDWR) == 0);
    }
  }
}

TEST_CASE("a process can be born into a v2 cgroup", "[cgroup]") {
  for (const auto& facts : hosts()) {
    if (!is_v2(facts)) continue;
    config::Spec spec;
    if (has(facts, "pids")) resources(spec).pids = config::Pids{0};
    Cgroup group(facts, spec);
    const FileDescriptor dir = ok(group->create());
    REQUIRE(dir);
    ok(group->apply(group.plan()));
    const pid_t pid = clone_into(dir);
    if (pid == 0) {
      for (;;) ::pause();
    }
    REQUIRE(pid > 0);
    CHECK(ok(group->pids()) == std::vector<pid_t>{pid});
    ok(group->destroy());
    ::waitpid(pid, nullptr, 0);
  }
}

TEST_CASE("delegation gives away the directory and the files the kernel names", "[cgroup]") {
  for (const auto& facts : hosts()) {
    if (!is_v2(facts)) continue;
    Cgroup group(facts);
    ok(group->create());
    group.plan().delegate_to = 12345;
    ok(group->apply(group.plan()));
    auto owner = [](const std::string& path) {
      struct stat status {};
      REQUIRE(::stat(path.c_str(), &status) == 0);
      return status.st_uid;
    };
    CHECK(owner(group.dir()) == 12345);
    CHECK(owner(group.dir() + "/cgroup.procs") == 12345);
    CHECK(owner(group.dir() + "/cgroup.subtree_control") == 12345);
    CHECK(owner(group.dir() + "/cgroup.freeze") == 0);
  }
}

TEST_CASE("files of linux.resources.unified are written on v2", "[cgroup]") {
  for (const auto& facts : hosts()) {
    if (!is_v2(facts)) continue;
    config::Spec spec;
    resources(spec).unified = {{"cgroup.max.depth", "5"}};
    Cgroup group(facts, spec);
    ok(group->create());
    ok(group->apply(group.plan()));
    CHECK(read(group.dir() + "/cgroup.max.depth") == "5");

    resources(spec).unified = {{"nonesuch.max", "5"}};
    Cgroup other(facts, spec, '/' + unique_name("-other"));
    ok(other->create());
    auto applied = other->apply(other.plan());
    REQUIRE_FALSE(applied);
    CHECK(applied.error().message() ==
          "unified resource 'nonesuch.max' can't be set: controller 'nonesuch' not available "
          "[config: /linux/resources/unified/nonesuch.max]");
  }
}

TEST_CASE("block I/O weights and huge page limits are what the kernel says they are", "[cgroup]") {
  for (const auto& facts : hosts()) {
    config::Spec spec;
    auto& asked = resources(spec);
    const std::string io = is_v2(facts) ? "io" : "blkio";
    if (has(facts, io)) asked.block_io = config::BlockIo{.weight = 500};
    if (has(facts, "hugetlb")) asked.hugepage_limits = {{"2MB", 4 << 20}};
    Cgroup group(facts, spec);
    ok(group->create());
    auto applied = group->apply(group.plan());
    if (!applied && applied.error().pointer() == "/linux/resources/blockIO/weight") {
      WARN("skipped: this kernel has no block I/O weights");
      continue;
    }
    ok(std::move(applied));
    if (has(facts, io)) {
      const std::string bfq = group.dir(io) + '/' + io + ".bfq.weight";
      const std::string expected = exists(bfq) || !is_v2(facts) ? "500" : "default 4950";
      const std::string value = read(exists(bfq) ? bfq : group.dir(io) + '/' + io + ".weight");
      CHECK((value == expected || value == "default " + expected));
    }
    if (!has(facts, "hugetlb")) continue;
    CHECK(read(group.dir("hugetlb") + (is_v2(facts) ? "/hugetlb.2MB.max" : "/hugetlb.2MB.limit_in_bytes")) ==
          "4194304");
  }
}

TEST_CASE("controllers that cannot be enabled are named with the value that needs them", "[cgroup]") {
  for (const auto& facts : hosts()) {
    if (!is_v2(facts) || !has(facts, "pids") || !has(facts, "memory")) continue;
    config::Spec plain, with_pids, with_memory;
    resources(with_pids).pids = config::Pids{5};
    resources(with_memory).memory = config::Memory{.limit = 64 << 20};
    {
      // A cgroup with processes in it cannot hand memory on.
      Cgroup parent(facts);
      ok(parent->create());
      Child child;
      ok(parent->attach(child.pid()));
      Cgroup below(facts, with_memory, '/' + unique_name() + "/below");
      auto refused = below->create();
      REQUIRE_FALSE(refused);
      CHECK(refused.error().pointer() == "/linux/resources/memory/limit");
      CHECK(refused.error().message().contains("the memory controller is not available in cgroup"));
      CHECK_FALSE(exists(below.dir()));
    }
    {
      // Nor can one whose children are threaded.
      Cgroup parent(facts), thread(facts, plain, '/' + unique_name() + "/thread");
      ok(parent->create());
      ok(thread->create());
      ok(sys::write_file(FdView::cwd(), parent.dir() + "/cgroup.subtree_control", "-memory -io -hugetlb -rdma -misc"));
      ok(sys::write_file(FdView::cwd(), thread.dir() + "/cgroup.type", "threaded"));
      Cgroup wants_memory(facts, with_memory, '/' + unique_name() + "/below");
      auto refused = wants_memory->create();
      REQUIRE_FALSE(refused);
      CHECK(refused.error().message().contains("with domain controllers -- it is in an invalid state"));
      Cgroup wants_pids(facts, with_pids, '/' + unique_name() + "/below");
      const FileDescriptor dir = ok(wants_pids->create());
      ok(wants_pids->apply(wants_pids.plan()));
      CHECK(read(wants_pids.dir() + "/cgroup.type") == "threaded");
      const pid_t pid = clone_into(dir);
      if (pid == 0) {
        for (;;) ::pause();
      }
      Child second;
      ok(wants_pids->attach(second.pid()));
      ok(wants_pids->destroy());
      ::waitpid(pid, nullptr, 0);
      CHECK_FALSE(exists(wants_pids.dir()));
    }
  }
}
