// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cgroup/find.hpp"
#include "cgroup/manager.hpp"
#include "sys/file.hpp"

/// Cgroups of the tests' own, on whatever hierarchies this host has, and processes to put into them.
namespace caisson::test {

/// A child that waits for signals. `behave` runs in it first.
class Child {
 public:
  template <class F>
  explicit Child(F behave) {
    // The test program's own handler for SIGTERM must not run in the child.
    sigset_t term, before;
    ::sigemptyset(&term);
    ::sigaddset(&term, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &term, &before);
    pid_ = ::fork();
    if (pid_ == 0) ::signal(SIGTERM, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    if (pid_ != 0) return;
    behave();
    for (;;) ::pause();
  }
  Child() : Child([] {}) {}
  Child(const Child&) = delete;
  ~Child() {
    if (reaped_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  /// The signal that ended it within two seconds, else 0.
  int wait_for_signal() {
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    pollfd wanted{.fd = pidfd, .events = POLLIN, .revents = 0};
    const bool ended = ::poll(&wanted, 1, 2000) == 1;
    ::close(pidfd);
    int status = 0;
    if (!ended || ::waitpid(pid_, &status, 0) != pid_) return 0;
    reaped_ = true;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

 private:
  pid_t pid_ = -1;
  bool reaped_ = false;
};

/// fork(2) into a cgroup2, or a plain one when there is none.
inline pid_t clone_into(const FileDescriptor& cgroup) {
  struct clone_args arguments {};
  arguments.flags = cgroup ? CLONE_INTO_CGROUP : 0;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = cgroup ? static_cast<std::uint64_t>(cgroup.get()) : 0;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  REQUIRE(pid >= 0);
  return static_cast<pid_t>(pid);
}

template <class T>
T ok(Result<T> result) {
  if (!result) FAIL(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

inline std::string read(const std::string& path) {
  auto text = ok(sys::read_file(FdView::cwd(), path));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

inline std::string unique_name(const char* what = "") { return "caisson-unit-" + std::to_string(::getpid()) + what; }

/// Facts of this host.
inline plan::HostFacts host() {
  plan::HostFacts facts;
  ok(cgroup::find_mounts(facts));
  facts.euid = ::geteuid();
  return facts;
}

/// Why nothing can be tested here; empty when it can.
inline std::string obstacle(const plan::HostFacts& facts) {
  if (facts.cgroup_mounts.empty()) return "no cgroup hierarchy is mounted";
  if (::geteuid() != 0) return "making cgroups needs root";
  if (::access(facts.cgroup_mounts.front().mountpoint.c_str(), W_OK) != 0)
    return "the cgroup hierarchies are read-only";
  return {};
}

/// The hosts that can be tested here: this one and, when it is a hybrid, its two halves as hosts of their own.
inline std::vector<plan::HostFacts> hosts() {
  std::vector<plan::HostFacts> all{host()};
  if (auto why = obstacle(all.front()); !why.empty()) {
    WARN("skipped: " << why);
    return {};
  }
  if (all.front().cgroup_flavour != plan::CgroupFlavour::hybrid) return all;
  all.resize(3, all.front());
  all[1].cgroup_flavour = plan::CgroupFlavour::v1;
  all[1].cgroup_mounts.pop_back();
  all[2].cgroup_flavour = plan::CgroupFlavour::v2;
  all[2].cgroup_mounts = {all.front().cgroup_mounts.back()};
  return all;
}

/// Plan and manager of one cgroup, which is removed at the end whatever happens.
class Cgroup {
 public:
  explicit Cgroup(const plan::HostFacts& facts, config::Spec spec = {}, const std::string& path = '/' + unique_name()) {
    if (!spec.linux) spec.linux.emplace();
    spec.linux->cgroups_path = path;
    plan_ = ok(plan::make_cgroup(spec, facts, "unit", {}));
    manager_ = ok(cgroup::make(plan_));
  }
  Cgroup(const Cgroup&) = delete;
  ~Cgroup() { (void)manager_->destroy(); }
  plan::CgroupPlan& plan() { return plan_; }
  cgroup::CgroupManager& operator*() { return *manager_; }
  cgroup::CgroupManager* operator->() { return manager_.get(); }
  /// The directory in the hierarchy of `controller`; on v2 the one there is.
  std::string dir(const std::string& controller = "") const {
    for (const auto& dir : plan_.dirs) {
      if (dir.v2 && plan_.flavour == plan::CgroupFlavour::v2) return dir.path;
      for (const auto& name : dir.controllers)
        if (name == controller) return dir.path;
    }
    return {};
  }

 private:
  plan::CgroupPlan plan_;
  std::unique_ptr<cgroup::CgroupManager> manager_;
};

}  // namespace caisson::test
