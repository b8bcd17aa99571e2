// SPDX-License-Identifier: Apache-2.0
#include "process/apply_identity.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "in_child.hpp"
#include "seccomp_support.hpp"
#include "sys/credential.hpp"

namespace caisson::process {

namespace {

using test::in_child;
using test::status_of;
using test::text_of;
using test::then;

constexpr std::uint64_t bit(int number) { return std::uint64_t{1} << number; }

std::string mask(std::uint64_t set) { return fmt::format("{:016x}", set); }

/// What this process itself may hand on.
std::uint64_t own_bounding() { return sys::bounding_set().value_or(sys::BoundingSet()).set; }

plan::IdentityPlan user_plan(std::uint32_t uid, std::uint32_t gid) {
  plan::IdentityPlan plan;
  plan.pointer = "/process";
  plan.uid = uid;
  plan.gid = gid;
  plan.cwd = "/";
  return plan;
}

}  // namespace

TEST_CASE("a user is become, with its groups and umask", "[process][user]") {
  CAISSON_NEEDS_ROOT();
  auto plan = user_plan(1234, 2345);
  plan.groups = {7, 8};
  plan.umask = 027;
  CHECK(in_child([&]() -> std::string {
          if (auto done = become_user(plan); !done) return done.error().message();
          return status_of("Uid") + "|" + status_of("Gid") + "|" + status_of("Groups") + "|" + status_of("Umask") +
                 "|" + status_of("CapEff");
        }) == "1234\t1234\t1234\t1234|2345\t2345\t2345\t2345|7 8 |0027|0000000000000000");
  plan.groups.clear();
  CHECK(in_child([&]() -> std::string {
          const gid_t before[] = {1, 2};
          if (::setgroups(2, before) != 0) return "setgroups";
          return then(become_user(plan), [] { return status_of("Groups"); });
        }) == "");
  plan.set_groups = false;
  CHECK(in_child([&]() -> std::string {
          const gid_t before[] = {1, 2};
          if (::setgroups(2, before) != 0) return "setgroups";
          return then(become_user(plan), [] { return status_of("Groups"); });
        }) == "1 2 ");
}

TEST_CASE("only pipes and files that are written change their owner", "[process][user]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  test::write_text(directory / "read", "x", 0644);
  test::write_text(directory / "written", "", 0600);
  REQUIRE(::mknod((directory / "zero").c_str(), S_IFCHR | 0666, makedev(1, 5)) == 0);
  const auto owner = [&](const char* name) {
    struct stat status {};
    ::stat((directory / name).c_str(), &status);
    return status.st_uid;
  };
  const auto plan = user_plan(1234, 2345);
  CHECK(in_child([&]() -> std::string {
          if (::dup2(::open((directory / "read").c_str(), O_RDONLY), 0) != 0) return "dup2";
          if (::dup2(::open((directory / "written").c_str(), O_WRONLY), 1) != 1) return "dup2";
          if (::dup2(::open((directory / "zero").c_str(), O_RDWR), 2) != 2) return "dup2";
          return text_of(become_user(plan));
        }) == "");
  // The owner of a file may write it, however it was opened.
  CHECK(owner("read") == 0);
  CHECK(owner("written") == 1234);
  CHECK(owner("zero") == 0);
}

TEST_CASE("a file system that refuses a new owner does not stop the process", "[process][user]") {
  CAISSON_NEEDS_ROOT();
  const auto plan = user_plan(1234, 2345);
  CHECK(in_child([&]() -> std::string {
          // procfs has no owners to give away.
          const int file = ::open("/proc/self/comm", O_RDWR);
          if (file < 0 || ::dup2(file, 1) != 1) return "open";
          return text_of(become_user(plan));
        }) == "");
}

TEST_CASE("the standard streams change their owner, but not /dev/null", "[process][user]") {
  CAISSON_NEEDS_ROOT();
  const auto plan = user_plan(1234, 2345);
  const auto null_owner = [] {
    struct stat status {};
    ::stat("/dev/null", &status);
    return status.st_uid;
  };
  const auto before = null_owner();
  CHECK(in_child([&]() -> std::string {
          int ends[2];
          if (::pipe(ends) != 0 || ::dup2(ends[0], 0) != 0) return "pipe";
          const int null = ::open("/dev/null", O_RDWR);
          if (::dup2(null, 1) != 1) return "dup2";
          ::close(2);
          if (auto done = become_user(plan); !done) return done.error().message();
          struct stat status {};
          ::fstat(0, &status);
          return fmt::format("{}:{}", status.st_uid, status.st_gid);
        }) == "1234:0");
  CHECK(null_owner() == before);
}

TEST_CASE("capabilities survive the change of user and are what was asked for", "[process][capabilities]") {
  CAISSON_NEEDS_ROOT();
  auto plan = user_plan(1234, 2345);
  plan::Capabilities sets;
  sets.bounding = bit(CAP_KILL) | bit(CAP_NET_RAW) | bit(CAP_CHOWN);
  sets.permitted = bit(CAP_KILL) | bit(CAP_NET_RAW);
  sets.effective = bit(CAP_KILL);
  sets.inheritable = bit(CAP_NET_RAW);
  sets.ambient = bit(CAP_NET_RAW);
  sets.drop_bounding = own_bounding() & ~sets.bounding;
  plan.capabilities = sets;
  const std::string wanted =
      mask(sets.bounding) + mask(sets.permitted) + mask(sets.effective) + mask(sets.inheritable) + mask(sets.ambient);
  const auto apply = [&]() -> std::string {
    if (auto done = drop_bounding(plan); !done) return done.error().message();
    if (auto done = become_user(plan); !done) return done.error().message();
    if (auto done = apply_capabilities(plan); !done) return done.error().message();
    return status_of("CapBnd") + status_of("CapPrm") + status_of("CapEff") + status_of("CapInh") + status_of("CapAmb");
  };
  CHECK(in_child(apply) == wanted);
  plan.uid = plan.gid = 0;
  CHECK(in_child(apply) == wanted);
}

TEST_CASE("no capabilities is none, in the bounding set too", "[process][capabilities]") {
  CAISSON_NEEDS_ROOT();
  auto plan = user_plan(0, 0);
  const auto apply = [&]() -> std::string {
    if (auto done = drop_bounding(plan); !done) return done.error().message();
    if (auto done = become_user(plan); !done) return done.error().message();
    if (auto done = apply_capabilities(plan); !done) return done.error().message();
    return status_of("CapBnd") + status_of("CapPrm");
  };
  plan.capabilities = plan::Capabilities{.drop_bounding = own_bounding()};
  CHECK(in_child(apply) == mask(0) + mask(0));
}

TEST_CASE("the privilege to load a filter is kept aside and given up", "[process][capabilities]") {
  CAISSON_NEEDS_ROOT();
  const auto sets_with = [](const plan::IdentityPlan& plan, bool raise) {
    return in_child([&]() -> std::string {
      if (auto done = become_user(plan); !done) return done.error().message();
      if (auto done = apply_capabilities(plan, FilterPrivilege::keep); !done) return done.error().message();
      if (!raise) return status_of("CapPrm") + status_of("CapEff");
      const auto lasting = raise_filter_privilege(plan);
      if (!lasting) return lasting.error().message();
      std::string text = status_of("CapEff");
      if (auto done = sys::set_capabilities(*lasting); !done) return done.error().message();
      return text + status_of("CapPrm") + status_of("CapEff") + status_of("CapInh");
    });
  };
  const std::uint64_t admin = bit(CAP_SYS_ADMIN);
  auto plan = user_plan(1000, 1000);
  CHECK(sets_with(plan, false) == mask(admin) + mask(0));
  CHECK(sets_with(plan, true) == mask(admin) + mask(0) + mask(0) + mask(0));
  plan.capabilities = plan::Capabilities{.effective = bit(CAP_KILL), .permitted = bit(CAP_KILL)};
  CHECK(sets_with(plan, false) == mask(admin | bit(CAP_KILL)) + mask(bit(CAP_KILL)));
  CHECK(sets_with(plan, true) == mask(admin | bit(CAP_KILL)) + mask(bit(CAP_KILL)) + mask(bit(CAP_KILL)) + mask(0));
}

TEST_CASE("a capability that the runtime does not have names the config", "[process][capabilities]") {
  CAISSON_NEEDS_ROOT();
  auto plan = user_plan(0, 0);
  plan.capabilities =
      plan::Capabilities{.effective = bit(CAP_KILL), .permitted = bit(CAP_KILL), .origin = "/process/capabilities"};
  CHECK(in_child([&]() -> std::string {
          if (!sys::set_capabilities({})) return "capset";
          const auto done = apply_capabilities(plan);
          return done ? "granted" : done.error().pointer();
        }) == "/process/capabilities");
}

TEST_CASE("limits are set, on oneself and on another", "[process][limits]") {
  auto plan = user_plan(0, 0);
  plan.rlimits = {{RLIMIT_NOFILE, 100, 200, "RLIMIT_NOFILE", "/process/rlimits/0"},
                  {RLIMIT_CORE, 0, 0, "RLIMIT_CORE", "/process/rlimits/1"}};
  CHECK(in_child([&]() -> std::string {
          if (auto done = apply_limits(plan); !done) return done.error().message();
          rlimit files{};
          rlimit core{};
          ::getrlimit(RLIMIT_NOFILE, &files);
          ::getrlimit(RLIMIT_CORE, &core);
          return fmt::format("{} {} {}", files.rlim_cur, files.rlim_max, core.rlim_max);
        }) == "100 200 0");
  CHECK(in_child([&]() -> std::string { return text_of(apply_limits(plan, ::getpid())); }) == "");
  plan.rlimits = {{RLIMIT_NOFILE, 200, 100, "RLIMIT_NOFILE", "/process/rlimits/0"}};
  const auto refused = apply_limits(plan);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().pointer() == "/process/rlimits/0");
  CHECK(refused.error().message().contains("set RLIMIT_NOFILE"));
}

TEST_CASE("the out-of-memory score is written", "[process]") {
  auto plan = user_plan(0, 0);
  plan.oom_score_adj = 321;
  CHECK(in_child([&] {
          return then(apply_oom_score(plan), [] { return test::read_text("/proc/self/oom_score_adj"); });
        }) == "321\n");
  plan.oom_score_adj = 5000;
  CHECK(in_child([&] { return text_of(apply_oom_score(plan)); }).contains("[config: /process/oomScoreAdj]"));
}

TEST_CASE("no_new_privs is set when asked for", "[process]") {
  auto plan = user_plan(0, 0);
  CHECK(in_child([&] { return then(apply_no_new_privileges(plan), [] { return status_of("NoNewPrivs"); }); }) == "0");
  plan.no_new_privileges = true;
  CHECK(in_child([&] { return then(apply_no_new_privileges(plan), [] { return status_of("NoNewPrivs"); }); }) == "1");
}

TEST_CASE("scheduler, I/O priority, personality, memory policy", "[process]") {
  auto plan = user_plan(0, 0);
  plan.scheduler = plan::Scheduling{.policy = 3, .flags = 1, .nice = 7};
  plan.io_priority = plan::IoPriority{2 << 13 | 6, {}};
  plan.personality = plan::Personality{PER_LINUX32, {}};
  plan.memory_policy = plan::MemoryPolicy{MPOL_BIND, {1}, "/linux/memoryPolicy"};
  const std::string said = in_child([&]() -> std::string {
    if (auto done = apply_scheduling(plan); !done) return done.error().message();
    int mode = -1;
    ::syscall(SYS_get_mempolicy, &mode, nullptr, 0, nullptr, 0);
    return fmt::format("{} {} {} {} {}", ::sched_getscheduler(0), ::getpriority(PRIO_PROCESS, 0),
                       ::syscall(SYS_ioprio_get, 1, 0), ::personality(0xffffffff), mode);
  });
  // A kernel without NUMA has no memory policies at all.
  if (said.contains(::strerror(ENOSYS))) {
    WARN("memory policy skipped: " << said);
    return;
  }
  CHECK(said == fmt::format("{} 7 {} 8 {}", SCHED_BATCH | 0x40000000, 2 << 13 | 6, MPOL_BIND));
}

TEST_CASE("a scheduler that the kernel refuses names the config", "[process]") {
  auto plan = user_plan(0, 0);
  plan.scheduler = plan::Scheduling{.policy = 4, .origin = "/process/scheduler"};  // SCHED_ISO was never merged
  const auto refused = apply_scheduling(plan);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().pointer() == "/process/scheduler");
}

TEST_CASE("affinity is set and reset", "[process]") {
  auto plan = user_plan(0, 0);
  plan.initial_affinity = plan::Affinity{{1}, "/process/execCPUAffinity/initial"};
  const auto allowed = [] { return status_of("Cpus_allowed_list"); };
  CHECK(in_child([&] { return then(apply_initial_affinity(plan), allowed); }) == "0");
  CHECK(in_child([&]() -> std::string {
          if (auto done = apply_initial_affinity(plan); !done) return done.error().message();
          return then(apply_final_affinity(plan), allowed);
        }) == allowed());
  plan.final_affinity = plan::Affinity{{1}, "/process/execCPUAffinity/final"};
  CHECK(in_child([&] { return then(apply_final_affinity(plan), allowed); }) == "0");
  CHECK(in_child([&] { return then(reset_affinity(), allowed); }) == allowed());
}

TEST_CASE("the working directory is entered, at once or as the user", "[process][cwd]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  ::mkdir((directory / "mine").c_str(), 0700);
  auto plan = user_plan(1234, 1234);
  plan.cwd = directory / "mine";
  CHECK(in_child([&]() -> std::string {
          const auto entered = enter_directory(plan);
          return !entered ? entered.error().message() : *entered ? text_of(check_directory()) : "later";
        }) == "");
  CHECK(in_child([&]() -> std::string {
          if (auto done = become_user(plan); !done) return done.error().message();
          const auto entered = enter_directory(plan);
          return !entered ? entered.error().message() : *entered ? "now" : "later";
        }) == "later");
  plan.cwd = directory / "none";
  const auto missing = enter_directory(plan);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().pointer() == "/process/cwd");
}

TEST_CASE("a working directory outside the root is found out", "[process][cwd]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  CHECK(in_child([&]() -> std::string {
          if (::chroot(directory.path().c_str()) != 0) return "chroot";
          return text_of(check_directory());
        }).contains("possible container breakout detected"));
}

TEST_CASE("HOME comes from the container's passwd", "[process][env]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  ::mkdir((directory / "etc").c_str(), 0755);
  const auto home = [&](std::uint32_t uid) {
    return in_child([&]() -> std::string {
      if (::chroot(directory.path().c_str()) != 0 || ::chdir("/") != 0) return "chroot";
      return find_home(uid).value_or("failed");
    });
  };
  CHECK(home(0) == "/");
  test::write_text(directory / "etc/passwd",
                   "root:x:0:0:root:/root:/bin/sh\nbroken\nnobody:x:x1:1::/no:\n:::\n" + std::string(9000, 'x') +
                       "\nempty:x:5:5:::\nme:x:1000:100:Me,,,:/home/me:/bin/sh\nlast:x:7:7::/home/last");
  CHECK(home(0) == "/root");
  CHECK(home(1000) == "/home/me");
  CHECK(home(7) == "/home/last");
  CHECK(home(5) == "/");
  CHECK(home(1) == "/");
  ::unlink((directory / "etc/passwd").c_str());
  ::mkfifo((directory / "etc/passwd").c_str(), 0644);
  CHECK(home(0) == "/");
  ::unlink((directory / "etc/passwd").c_str());
  ::mkdir((directory / "etc/passwd").c_str(), 0755);
  CHECK(home(0) == "/");
  ::rmdir((directory / "etc/passwd").c_str());
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  ::strcpy(address.sun_path, (directory / "etc/passwd").c_str());
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(home(0) == "/");
  ::unlink((directory / "etc/passwd").c_str());
  REQUIRE(::symlink("passwd", (directory / "etc/passwd").c_str()) == 0);
  CHECK(home(0) == "/");
  ::unlink((directory / "etc/passwd").c_str());
  // Only root may read it, and the process that looks is not root.
  test::write_text(directory / "etc/passwd", "me:x:1000:100::/home/me:\n", 0600);
  CHECK(in_child([&]() -> std::string {
          if (::chroot(directory.path().c_str()) != 0 || ::chdir("/") != 0) return "chroot";
          if (::setresuid(1000, 1000, 1000) != 0) return "setresuid";
          return find_home(1000).value_or("failed");
        }) == "/");

  auto plan = user_plan(0, 0);
  plan.env = {"A=1"};
  CHECK(make_environment(plan).value() == std::vector<std::string>{"A=1"});
  plan.add_home = true;
  CHECK(make_environment(plan)->size() == 2);
}

TEST_CASE("account files that cannot be read leave a numbered user without groups of theirs", "[process][user]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  ::mkdir((directory / "etc").c_str(), 0755);
  ::mkdir((directory / "etc/passwd").c_str(), 0755);
  REQUIRE(::mkfifo((directory / "etc/group").c_str(), 0644) == 0);
  const auto find = [&](const std::string& wanted) {
    return in_child([&]() -> std::string {
      if (::chroot(directory.path().c_str()) != 0 || ::chdir("/") != 0) return "chroot";
      auto plan = user_plan(0, 0);
      if (auto found = find_user(wanted, plan); !found) return found.error().message();
      return fmt::format("{}:{} {}", plan.uid, plan.gid, plan.home);
    });
  };
  CHECK(find("1000:100") == "1000:100 /");
  CHECK(find("") == "0:0 /");
  CHECK(find("me") ==
        "'/etc/group' is not a regular file: '/etc/passwd' is not a regular file: Unable to find user me "
        "[config: /process/user]");
}

TEST_CASE("a last capability that cannot be found is an error and not a smaller set", "[process][capabilities]") {
  CAISSON_NEEDS_ROOT();
  CHECK(in_child([]() -> std::string {
          const auto bounding = sys::bounding_set();
          return bounding ? fmt::format("{}", bounding->last_capability) : bounding.error().message();
        }) + "\n" ==
        test::read_text("/proc/sys/kernel/cap_last_cap"));
  for (const int refusal : {EPERM, ENOSYS}) {
    const config::Seccomp wanted = test::profile(
        test::Action::allow, {{.names = {"prctl"},
                               .action = test::Action::errno_return,
                               .errno_ret = static_cast<std::uint32_t>(refusal),
                               .args = {{.index = 0, .value = PR_CAPBSET_READ, .op = config::SeccompOperator::eq},
                                        {.index = 1, .value = 20, .op = config::SeccompOperator::eq}}}});
    CHECK(test::behind(wanted, []() -> std::string {
            const auto bounding = sys::bounding_set();
            return bounding ? "found" : bounding.error().message();
          }).starts_with("prctl(PR_CAPBSET_READ, 20): "));
  }
}

TEST_CASE("a session keyring of its own is joined", "[process][keyring]") {
  const std::string said = in_child([]() -> std::string {
    const std::string id = fmt::format("caisson-unit-{}", ::getpid());
    if (auto done = join_session_keyring(id); !done) return done.error().message();
    auto first = sys::describe_key(KEY_SPEC_SESSION_KEYRING);
    if (!first) return first.error().message();
    if (auto done = join_session_keyring(id); !done) return done.error().message();
    return first->ends_with("_ses." + id) && first->contains(";3f1b0000;") ? "" : *first;
  });
  if (said.contains(::strerror(ENOSYS))) {
    WARN("keyring skipped: " << said);
    return;
  }
  CHECK(said == "");
}

TEST_CASE("a user namespace without setgroups is no fault as long as no groups are asked for", "[process][user]") {
  auto plan = user_plan(0, 0);
  const auto enter = [] {
    const auto uid = ::geteuid();
    const auto gid = ::getegid();
    if (::unshare(CLONE_NEWUSER) != 0) return false;
    test::write_text("/proc/self/setgroups", "deny");
    test::write_text("/proc/self/uid_map", fmt::format("0 {} 1", uid));
    test::write_text("/proc/self/gid_map", fmt::format("0 {} 1", gid));
    return true;
  };
  CHECK(in_child([&]() -> std::string { return enter() ? text_of(become_user(plan)) : ""; }) == "");
  plan.groups = {0};
  CHECK(in_child([&]() -> std::string {
          return enter() ? text_of(become_user(plan)) : "[config: /process/user/additionalGids]";
        }).contains("[config: /process/user/additionalGids]"));
  plan.groups.clear();
  plan.uid = 5;
  CHECK(in_child([&]() -> std::string {
          return enter() ? text_of(become_user(plan)) : "cannot setuid to unmapped uid 5 in user namespace";
        }).contains("cannot setuid to unmapped uid 5 in user namespace"));
}

}  // namespace caisson::process
