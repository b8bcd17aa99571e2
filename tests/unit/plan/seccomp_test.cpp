// SPDX-License-Identifier: Apache-2.0
#include "plan/seccomp_plan.hpp"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cerrno>

#include <catch2/catch.hpp>

namespace caisson::plan {

namespace {

using Action = config::SeccompAction;

config::Seccomp profile(Action fallback) {
  config::Seccomp made;
  made.default_action = fallback;
  return made;
}

std::string fault(const config::Seccomp& wanted, const HostFacts& facts = {}) {
  const auto plan = make_seccomp(wanted, facts);
  return plan ? std::string() : plan.error().pointer();
}

SeccompPlan plan_of(const config::Seccomp& wanted) {
  auto plan = make_seccomp(wanted, {});
  REQUIRE(plan);
  REQUIRE(*plan);
  return **plan;
}

}  // namespace

TEST_CASE("an empty profile is no filter", "[plan][seccomp]") {
  config::Seccomp rules;
  const auto plan = make_seccomp(rules, {});
  REQUIRE(plan);
  CHECK_FALSE(*plan);
  rules.syscalls = {{.names = {"mkdir"}, .action = Action::allow}};
  CHECK(fault(rules) == "/linux/seccomp/defaultAction");
}

TEST_CASE("actions with their errno", "[plan][seccomp]") {
  auto wanted = profile(Action::errno_return);
  CHECK(plan_of(wanted).default_action == (SECCOMP_RET_ERRNO | EPERM));
  wanted.default_errno_ret = ENOSYS;
  CHECK(plan_of(wanted).default_action == (SECCOMP_RET_ERRNO | ENOSYS));
  CHECK_FALSE(plan_of(wanted).answer_unknown_with_enosys);
  wanted.default_errno_ret = 5000;
  CHECK(fault(wanted) == "/linux/seccomp/defaultErrnoRet");
  wanted = profile(Action::kill);
  CHECK(plan_of(wanted).default_action == SECCOMP_RET_KILL_THREAD);
  CHECK(plan_of(wanted).answer_unknown_with_enosys);
  wanted = profile(Action::allow);
  CHECK_FALSE(plan_of(wanted).answer_unknown_with_enosys);
  wanted.syscalls = {{.names = {"mkdir"}, .action = Action::kill_process, .errno_ret = 1}};
  CHECK(fault(wanted) == "/linux/seccomp/syscalls/0/errnoRet");
}

TEST_CASE("rules that say the default action are left out but remembered", "[plan][seccomp]") {
  auto wanted = profile(Action::errno_return);
  wanted.syscalls = {{.names = {"mkdir", "rmdir"}, .action = Action::errno_return},
                     {.names = {"unlink"}, .action = Action::errno_return, .errno_ret = EACCES}};
  const auto plan = plan_of(wanted);
  REQUIRE(plan.rules.size() == 1);
  CHECK(plan.rules[0].calls.data() == wanted.syscalls[1].names.data());
  CHECK(plan.rules[0].action == (SECCOMP_RET_ERRNO | EACCES));
  CHECK(plan.rules[0].arguments.empty());
  REQUIRE(plan.default_calls.size() == 1);
  CHECK(plan.default_calls[0].data() == wanted.syscalls[0].names.data());
  // With conditions it may be an exception to another.
  wanted.syscalls[0].args = {{0, 1, 0, config::SeccompOperator::eq}};
  CHECK(plan_of(wanted).rules.size() == 2);
  CHECK(plan_of(wanted).default_calls.empty());
}

TEST_CASE("conditions on one argument are alternatives", "[plan][seccomp]") {
  auto wanted = profile(Action::allow);
  wanted.syscalls = {{.names = {"socket"},
                      .action = Action::errno_return,
                      .errno_ret = {},
                      .args = {{0, 1, 0, config::SeccompOperator::eq}, {1, 2, 0, config::SeccompOperator::ne}}}};
  CHECK(plan_of(wanted).rules.size() == 1);
  CHECK(plan_of(wanted).rules[0].arguments.size() == 2);
  wanted.syscalls[0].args[1].index = 0;
  CHECK(plan_of(wanted).rules.size() == 2);
  CHECK(plan_of(wanted).rules[1].arguments == std::vector<SeccompArgument>{{0, Comparison::ne, 2, 0}});
  wanted.syscalls[0].args[1].index = 6;
  CHECK(fault(wanted) == "/linux/seccomp/syscalls/0/args/1/index");
}

TEST_CASE("the machine's own architecture is always there, and first", "[plan][seccomp]") {
  auto wanted = profile(Action::allow);
  CHECK(plan_of(wanted).architectures == std::vector<std::uint32_t>{native_architecture()});
  wanted.architectures = {config::SeccompArch::arm, config::SeccompArch::x32, config::SeccompArch::arm};
  CHECK(plan_of(wanted).architectures == std::vector<std::uint32_t>{native_architecture(), AUDIT_ARCH_ARM, kArchX32});
  CHECK(plan_of(wanted).asked.at(kArchX32) == AskedArchitecture{"SCMP_ARCH_X32", "/linux/seccomp/architectures/1"});
}

TEST_CASE("flags", "[plan][seccomp]") {
  auto wanted = profile(Action::allow);
  CHECK(plan_of(wanted).flags == SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  wanted.flags.emplace();
  CHECK(plan_of(wanted).flags == 0);
  wanted.flags = {config::SeccompFlag::tsync, config::SeccompFlag::log};
  CHECK(plan_of(wanted).flags == SECCOMP_FILTER_FLAG_LOG);

  HostFacts old;
  old.kernel_major = 5;
  old.kernel_minor = 18;
  wanted.flags = {config::SeccompFlag::wait_killable_recv};
  CHECK(fault(wanted, old) == "/linux/seccomp/flags/0");
  CHECK(plan_of(wanted).flags == 0);
  wanted.syscalls = {{.names = {"mkdir"}, .action = Action::notify}};
  wanted.listener_path = "/run/agent";
  CHECK(plan_of(wanted).flags == (SECCOMP_FILTER_FLAG_NEW_LISTENER | 1U << 5));
}

TEST_CASE("notification needs an agent and is not for everything", "[plan][seccomp]") {
  CHECK(fault(profile(Action::notify)) == "/linux/seccomp/defaultAction");
  auto wanted = profile(Action::allow);
  wanted.syscalls = {{.names = {"mkdir"}, .action = Action::notify}};
  CHECK(fault(wanted) == "/linux/seccomp/listenerPath");
  wanted.listener_path = "/run/agent";
  CHECK(plan_of(wanted).notify);
  wanted.syscalls[0].names = {"mkdir", "write"};
  CHECK(fault(wanted) == "/linux/seccomp/syscalls/0/names/1");
  wanted.syscalls[0].names = {"read"};
  CHECK(plan_of(wanted).notify);
  wanted.syscalls[0].names = {"write"};
  wanted.syscalls[0].action = Action::errno_return;
  CHECK(fault(wanted).empty());
  wanted = profile(Action::allow);
  wanted.listener_metadata = "x";
  CHECK(fault(wanted) == "/linux/seccomp/listenerMetadata");
}

TEST_CASE("what speaks of a listener that nothing notifies is warned of", "[plan][seccomp]") {
  auto wanted = profile(Action::allow);
  CHECK(plan_of(wanted).warnings.empty());
  wanted.flags = {config::SeccompFlag::wait_killable_recv};
  wanted.listener_path = "/run/agent";
  const auto warnings = plan_of(wanted).warnings;
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].find("the agent at listenerPath '/run/agent' is not called") != std::string::npos);
  CHECK(warnings[1].find("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV means nothing") != std::string::npos);
  wanted.syscalls = {{.names = {"mkdir"}, .action = Action::notify}};
  CHECK(plan_of(wanted).warnings.empty());
}

TEST_CASE("names are checked", "[plan][seccomp]") {
  auto wanted = profile(Action::allow);
  wanted.syscalls = {{.names = {}, .action = Action::trap}};
  CHECK(fault(wanted) == "/linux/seccomp/syscalls/0/names");
  wanted.syscalls[0].names = {"mkdir", ""};
  CHECK(fault(wanted) == "/linux/seccomp/syscalls/0/names/1");
}

}  // namespace caisson::plan
