// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/validate.hpp"

using namespace caisson;

namespace {

/// The verdict on a sound process with these members, as JSON, in addition.
std::string of(std::string_view members) {
  const auto text = R"({"cwd":"/","args":["sh"])" + (members.empty() ? "" : "," + std::string(members)) + "}";
  const auto process = config::load_process(text);
  if (!process) return process.error().message();
  std::vector<std::string> warnings;
  const auto status = config::validate_process(*process, warnings);
  if (status && !warnings.empty()) return "warning: " + warnings.front();
  return status ? "ok" : status.error().what() + " [" + status.error().pointer() + "]";
}

std::string of_text(std::string_view text) {
  const auto process = config::load_process(text);
  std::vector<std::string> warnings;
  const auto status = config::validate_process(process.value(), warnings, "/p");
  return status ? "ok" : status.error().what() + " [" + status.error().pointer() + "]";
}

}  // namespace

TEST_CASE("a process has arguments and a directory", "[config][validate]") {
  CHECK(of("") == "ok");
  CHECK(of_text(R"({"args":["sh"]})") == "cwd property must not be empty [/p/cwd]");
  CHECK(of_text(R"({"args":["sh"],"cwd":"tmp"})") == "cwd must be an absolute path, not 'tmp' [/p/cwd]");
  CHECK(of_text(R"({"cwd":"/"})") == "args must not be empty [/p/args]");
  CHECK(of_text(R"({"cwd":"/","args":[]})") == "args must not be empty [/p/args]");
  CHECK(of(R"("commandLine":"sh")") ==
        "process.commandLine cannot be honoured on Linux, use args [/process/commandLine]");
}

TEST_CASE("environment variables", "[config][validate]") {
  CHECK(of(R"("env":["A=1","B=","C==","A=2"])") == "ok");
  CHECK(of(R"("env":["A=1","B"])") == "invalid environment variable: missing '=' in 'B' [/process/env/1]");
  CHECK(of(R"("env":["=x"])") == "invalid environment variable: no name in '=x' [/process/env/0]");
}

TEST_CASE("users", "[config][validate]") {
  CHECK(of(R"("user":{"uid":4294967294,"gid":1,"umask":511,"additionalGids":[1,1]})") == "ok");
  CHECK(of(R"("user":{"uid":4294967295})") == "4294967295 is not a user id [/process/user/uid]");
  CHECK(of(R"("user":{"gid":4294967295})") == "4294967295 is not a group id [/process/user/gid]");
  CHECK(of(R"("user":{"additionalGids":[0,4294967295]})") ==
        "4294967295 is not a group id [/process/user/additionalGids/1]");
  CHECK(of(R"("user":{"umask":512})") == "umask 01000 is above 0777 [/process/user/umask]");
  CHECK(of(R"("user":{"username":"x"})") ==
        "user.username cannot be honoured on Linux, use uid and gid [/process/user/username]");
}

TEST_CASE("limits", "[config][validate]") {
  CHECK(of(R"("rlimits":[{"type":"RLIMIT_CPU","soft":1,"hard":1},{"type":"RLIMIT_AS","soft":1,"hard":2}])") == "ok");
  CHECK(of(R"("rlimits":[{"type":"RLIMIT_CPU","soft":1,"hard":1},{"type":"RLIMIT_CPU","soft":1,"hard":2}])") ==
        "duplicate rlimit 'RLIMIT_CPU' [/process/rlimits/1/type]");
  CHECK(of(R"("rlimits":[{"type":"RLIMIT_CPU","soft":3,"hard":2}])") ==
        "soft limit 3 of 'RLIMIT_CPU' is above the hard limit 2 [/process/rlimits/0/soft]");
}

TEST_CASE("console, memory killer, I/O", "[config][validate]") {
  CHECK(of(R"("consoleSize":{"height":65535,"width":0},"oomScoreAdj":-1000,
              "ioPriority":{"class":"IOPRIO_CLASS_RT","priority":7})") == "ok");
  CHECK(of(R"("consoleSize":{"height":65536,"width":1})") ==
        "a terminal has at most 65535 lines [/process/consoleSize/height]");
  CHECK(of(R"("consoleSize":{"height":1,"width":65536})") ==
        "a terminal has at most 65535 columns [/process/consoleSize/width]");
  CHECK(of(R"("oomScoreAdj":1001)") == "oomScoreAdj 1001 is outside -1000 ... 1000 [/process/oomScoreAdj]");
  CHECK(of(R"("oomScoreAdj":-1001)") == "oomScoreAdj -1001 is outside -1000 ... 1000 [/process/oomScoreAdj]");
  CHECK(of(R"("ioPriority":{"class":"IOPRIO_CLASS_BE","priority":8})") ==
        "invalid ioPriority.Priority: 8 [/process/ioPriority/priority]");
  CHECK(of(R"("ioPriority":{"class":"IOPRIO_CLASS_BE","priority":-1})") ==
        "invalid ioPriority.Priority: -1 [/process/ioPriority/priority]");
}

TEST_CASE("schedulers", "[config][validate]") {
  const auto with = [](std::string_view members) { return of(R"("scheduler":{)" + std::string(members) + "}"); };
  CHECK(with(R"("policy":"SCHED_OTHER","nice":-20)") == "ok");
  CHECK(with(R"("policy":"SCHED_BATCH","nice":19,"flags":["SCHED_FLAG_RESET_ON_FORK"])") == "ok");
  CHECK(with(R"("policy":"SCHED_FIFO","priority":99)") == "ok");
  CHECK(with(R"("policy":"SCHED_IDLE","nice":0,"priority":0,"runtime":0)") == "ok");
  CHECK(with(R"("policy":"SCHED_DEADLINE","runtime":1,"deadline":2,"period":2)") == "ok");
  CHECK(with(R"("policy":"SCHED_FIFO","priority":1,"nice":1)") ==
        "warning: scheduler.nice 1 means nothing to SCHED_FIFO");
  CHECK(with(R"("policy":"SCHED_DEADLINE","runtime":1,"deadline":2,"period":2,"nice":5)") ==
        "warning: scheduler.nice 5 means nothing to SCHED_DEADLINE");
  CHECK(with(R"("policy":"SCHED_RR","priority":1,"nice":20)") ==
        "invalid scheduler.nice: 20 when scheduler.policy is SCHED_RR [/process/scheduler/nice]");
  CHECK(with(R"("policy":"SCHED_OTHER","nice":20)") ==
        "invalid scheduler.nice: 20 when scheduler.policy is SCHED_OTHER [/process/scheduler/nice]");
  CHECK(with(R"("policy":"SCHED_OTHER","nice":-21)") ==
        "invalid scheduler.nice: -21 when scheduler.policy is SCHED_OTHER [/process/scheduler/nice]");
  CHECK(with(R"("policy":"SCHED_OTHER","priority":1)") ==
        "invalid scheduler.priority: 1 when scheduler.policy is SCHED_OTHER [/process/scheduler/priority]");
  CHECK(with(R"("policy":"SCHED_RR")") ==
        "invalid scheduler.priority: 0 when scheduler.policy is SCHED_RR [/process/scheduler/priority]");
  CHECK(with(R"("policy":"SCHED_RR","priority":100)") ==
        "invalid scheduler.priority: 100 when scheduler.policy is SCHED_RR [/process/scheduler/priority]");
  CHECK(with(R"("policy":"SCHED_RR","priority":1,"period":5)") ==
        "scheduler.period is only for SCHED_DEADLINE, not SCHED_RR [/process/scheduler/period]");
  CHECK(with(R"("policy":"SCHED_OTHER","runtime":5)") ==
        "scheduler.runtime is only for SCHED_DEADLINE, not SCHED_OTHER [/process/scheduler/runtime]");
  CHECK(with(R"("policy":"SCHED_DEADLINE")") ==
        "scheduler.runtime is required for SCHED_DEADLINE [/process/scheduler/runtime]");
  CHECK(with(R"("policy":"SCHED_DEADLINE","runtime":3,"deadline":2)") ==
        "scheduler.deadline 2 is below scheduler.runtime 3 [/process/scheduler/deadline]");
  CHECK(with(R"("policy":"SCHED_DEADLINE","runtime":1,"deadline":3,"period":2)") ==
        "scheduler.period 2 is below scheduler.deadline 3 [/process/scheduler/period]");
}

TEST_CASE("CPU lists of exec", "[config][validate]") {
  CHECK(of(R"("execCPUAffinity":{"initial":"0-3,7","final":""})") == "ok");
  CHECK(of(R"("execCPUAffinity":{"initial":"3-1"})") ==
        "bad CPUAffinity.Initial: '3-1' is not a list of CPUs [/process/execCPUAffinity/initial]");
  CHECK(of(R"("execCPUAffinity":{"final":"x"})") ==
        "bad CPUAffinity.Final: 'x' is not a list of CPUs [/process/execCPUAffinity/final]");
}
