// SPDX-License-Identifier: Apache-2.0
#include "cgroup/manager.hpp"

#include <algorithm>

#include "fixture.hpp"

using namespace caisson;
using namespace caisson::test;

TEST_CASE("a cgroup is made in every hierarchy, entered and removed", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts);
    const FileDescriptor dir = ok(group->create());
    CHECK(static_cast<bool>(dir) == (facts.cgroup_flavour == plan::CgroupFlavour::v2));
    for (const auto& one : group.plan().dirs) CHECK(exists(one.path));
    CHECK(ok(group->pids()).empty());
    Child child;
    ok(group->attach(child.pid()));
    CHECK(ok(group->pids()) == std::vector<pid_t>{child.pid()});
    for (const auto& one : group.plan().dirs) CHECK(read(one.path + "/cgroup.procs") == std::to_string(child.pid()));
    CHECK(group->paths() == plan::paths(group.plan()));
    ok(group->destroy());
    CHECK(child.wait_for_signal() == SIGKILL);
    for (const auto& one : group.plan().dirs) CHECK_FALSE(exists(one.path));
    ok(group->destroy());
  }
}

TEST_CASE("parents are made where they are missing, and go with the cgroup when they are empty", "[cgroup]") {
  for (const auto& facts : hosts()) {
    const std::string top = '/' + unique_name();
    Cgroup group(facts, {}, top + "/a/b");
    ok(group->create());
    CHECK(group->made_parents().size() == 2 * group.plan().dirs.size());
    {
      Cgroup neighbour(facts, {}, top + "/a/c");
      ok(neighbour->create());
      CHECK(neighbour->made_parents().empty());
      ok(group->destroy());
      CHECK(exists(neighbour.dir("memory")));
    }
    for (const auto& one : group.plan().dirs) {
      ::rmdir((one.mountpoint + top + "/a").c_str());
      ::rmdir((one.mountpoint + top).c_str());
      CHECK_FALSE(exists(one.mountpoint + top));
    }
  }
}

TEST_CASE("a later command finds the cgroup by its recorded paths", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts, {}, '/' + unique_name() + "/inner");
    ok(group->create());
    Child child;
    ok(group->attach(child.pid()));
    auto later = ok(cgroup::open(group->paths(), group->made_parents()));
    CHECK(ok(later->pids()) == std::vector<pid_t>{child.pid()});
    CHECK(later->paths() == group->paths());
    ok(later->destroy());
    CHECK(child.wait_for_signal() == SIGKILL);
    for (const auto& one : group.plan().dirs) CHECK_FALSE(exists(one.mountpoint + '/' + unique_name()));
  }
}

TEST_CASE("an existing cgroup with a process in it is refused and left alone", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup first(facts);
    ok(first->create());
    Child child;
    ok(first->attach(child.pid()));
    Cgroup second(facts);
    auto refused = second->create();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what().starts_with("container's cgroup is not empty: 1 process(es) found"));
    ok(second->destroy());
    CHECK(ok(first->pids()).size() == 1);
    // The same by paths, as the undoing of a create whose outcome is not known does it.
    ok(ok(cgroup::open(first->paths()))->destroy(cgroup::Processes::spare));
    CHECK(ok(first->pids()).size() == 1);
  }
}

TEST_CASE("an existing empty cgroup is taken over", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup first(facts);
    ok(first->create());
    Cgroup second(facts);
    ok(second->create());
    Child child;
    ok(second->attach(child.pid()));
    ok(second->destroy());
    for (const auto& one : second.plan().dirs) CHECK_FALSE(exists(one.path));
  }
}

TEST_CASE("a frozen cgroup is refused", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup first(facts);
    ok(first->create());
    ok(first->freeze(true));
    Cgroup second(facts);
    auto refused = second->create();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what() == "container's cgroup unexpectedly frozen");
    // And so is a new one in a frozen one.
    Cgroup below(facts, {}, '/' + unique_name() + "/below");
    refused = below->create();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what() == "container's cgroup unexpectedly frozen");
    CHECK_FALSE(exists(below.dir("freezer")));
    ok(first->freeze(false));
  }
}

TEST_CASE("freezing stops processes and thawing lets them go on", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts);
    ok(group->create());
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) == 0);
    Child busy([&] {
      for (;;)
        if (::write(pipe[1], "x", 1) < 0) ::usleep(100);
    });
    ok(group->attach(busy.pid()));
    CHECK_FALSE(ok(group->frozen()));
    ok(group->freeze(true));
    CHECK(ok(group->frozen()));
    char buffer[65536];
    while (::read(pipe[0], buffer, sizeof buffer) > 0) {
    }
    pollfd wanted{.fd = pipe[0], .events = POLLIN, .revents = 0};
    CHECK(::poll(&wanted, 1, 50) == 0);
    ok(group->freeze(false));
    CHECK(::poll(&wanted, 1, 2000) == 1);
    CHECK_FALSE(ok(group->frozen()));
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
}

TEST_CASE("signals reach every process, and a paused cgroup stays paused unless they kill", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts);
    ok(group->create());
    ok(group->kill(SIGTERM));
    Child one, two, killed;
    for (auto* child : {&one, &two, &killed}) ok(group->attach(child->pid()));
    ok(group->kill(0));
    CHECK(ok(group->pids()).size() == 3);
    ok(group->freeze(true));
    ok(group->kill(SIGCONT));
    CHECK(ok(group->frozen()));
    ok(group->kill(SIGKILL));
    for (auto* child : {&one, &two, &killed}) CHECK(child->wait_for_signal() == SIGKILL);
  }
}

TEST_CASE("SIGTERM to all", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts);
    ok(group->create());
    Child one, two;
    for (auto* child : {&one, &two}) ok(group->attach(child->pid()));
    ok(group->kill(SIGTERM));
    for (auto* child : {&one, &two}) CHECK(child->wait_for_signal() == SIGTERM);
    CHECK_FALSE(ok(group->frozen()));
  }
}

TEST_CASE("children of the cgroup are listed, killed and removed, a fork bomb too", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts);
    ok(group->create());
    for (const auto& one : group.plan().dirs) {
      REQUIRE(::mkdir((one.path + "/x").c_str(), 0755) == 0);
      REQUIRE(::mkdir((one.path + "/x/y").c_str(), 0755) == 0);
      REQUIRE(::mkdir((one.path + "/z").c_str(), 0755) == 0);
    }
    Child child;
    Child deep;
    ok(group->attach(child.pid()));
    for (const auto& one : group.plan().dirs) {
      if (one.controllers == std::vector<std::string>{"cpuset"}) {
        ok(group->attach(deep.pid()));
        continue;
      }
      ok(sys::write_file(FdView::cwd(), one.path + "/x/y/cgroup.procs", std::to_string(deep.pid())));
    }
    auto pids = std::vector<pid_t>{child.pid(), deep.pid()};
    std::ranges::sort(pids);
    CHECK(ok(group->pids()) == pids);
    Child bomb([] {
      ::usleep(10000);
      for (int i = 0; i < 40; ++i)
        if (::fork() == 0) {
          for (;;)
            if (pid_t grandchild = ::fork(); grandchild == 0) {
              ::usleep(200);
              ::_exit(0);
            } else if (grandchild > 0) {
              ::waitpid(grandchild, nullptr, 0);
            }
        }
    });
    ok(group->attach(bomb.pid()));
    while (ok(group->pids()).size() < 20) ::usleep(1000);
    ok(group->destroy());
    for (const auto& one : group.plan().dirs) CHECK_FALSE(exists(one.path));
    CHECK(child.wait_for_signal() == SIGKILL);
    CHECK(deep.wait_for_signal() == SIGKILL);
    CHECK(bomb.wait_for_signal() == SIGKILL);
  }
}

TEST_CASE("cgroups nested deeper than a path is long are listed and removed", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts);
    ok(group->create());
    const std::string top = group.dir(facts.cgroup_flavour == plan::CgroupFlavour::v2 ? "" : "freezer");
    const std::string name(200, 'n');
    FileDescriptor here = ok(sys::open_at(FdView::cwd(), top, O_RDONLY | O_DIRECTORY));
    for (int depth = 0; depth < 40; ++depth) {
      REQUIRE(::mkdirat(here.get(), name.c_str(), 0755) == 0);
      here = ok(sys::open_at(here, name, O_RDONLY | O_DIRECTORY));
    }
    Child child;
    ok(group->attach(child.pid()));
    ok(sys::write_file(here, "cgroup.procs", std::to_string(child.pid())));
    CHECK(ok(group->pids()) == std::vector<pid_t>{child.pid()});
    ok(group->destroy());
    CHECK_FALSE(exists(top));
    CHECK(child.wait_for_signal() == SIGKILL);
  }
}

TEST_CASE("attaching a process that is gone is ESRCH", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts);
    ok(group->create());
    pid_t gone = ::fork();
    if (gone == 0) ::_exit(0);
    ::waitpid(gone, nullptr, 0);
    auto attached = group->attach(gone);
    REQUIRE_FALSE(attached);
    CHECK(attached.error().sys_errno() == ESRCH);
  }
}

TEST_CASE("a process enters every hierarchy by itself", "[cgroup]") {
  for (const auto& facts : hosts()) {
    Cgroup group(facts);
    ok(group->create());
    const auto entrance = ok(group->entrance());
    CHECK(static_cast<bool>(entrance.clone_cgroup) == (facts.cgroup_flavour != plan::CgroupFlavour::v1));
    const pid_t pid = clone_into(entrance.clone_cgroup);
    if (pid == 0) {
      for (const auto& file : entrance.files)
        if (::write(file.get(), "0", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    for (const auto& one : group.plan().dirs) {
      for (int i = 0; i < 1000 && read(one.path + "/cgroup.procs").empty(); ++i) ::usleep(1000);
      CHECK(read(one.path + "/cgroup.procs") == std::to_string(pid));
    }
    ok(group->destroy());
    ::waitpid(pid, nullptr, 0);
  }
}

TEST_CASE("without any hierarchy a manager has nothing to do", "[cgroup]") {
  plan::CgroupPlan plan;
  plan.optional = true;
  auto manager = ok(cgroup::make(plan));
  CHECK_FALSE(ok(manager->create()));
  ok(manager->attach(::getpid()));
  ok(manager->apply(plan));
  CHECK_FALSE(ok(manager->frozen()));
  CHECK(ok(manager->pids()).empty());
  CHECK_FALSE(manager->freeze(true));
  CHECK(manager->paths().empty());
  ok(manager->destroy());
}
