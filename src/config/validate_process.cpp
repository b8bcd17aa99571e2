// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "config/checks.hpp"
#include "config/validate.hpp"

namespace caisson::config {
namespace {

std::string below(std::string_view pointer, std::string_view rest) { return fmt::format("{}{}", pointer, rest); }

Status check_user(const User& user, std::string_view pointer) {
  constexpr std::uint32_t kWholeMask = 0777;
  if (user.uid == kNoId) return fail_config(below(pointer, "/user/uid"), "{} is not a user id", user.uid);
  if (user.gid == kNoId) return fail_config(below(pointer, "/user/gid"), "{} is not a group id", user.gid);
  for (std::size_t i = 0; i < user.additional_gids.size(); ++i)
    if (user.additional_gids[i] == kNoId)
      return fail_config(fmt::format("{}/user/additionalGids/{}", pointer, i), "{} is not a group id", kNoId);
  if (user.umask && *user.umask > kWholeMask)
    return fail_config(below(pointer, "/user/umask"), "umask 0{:o} is above 0777", *user.umask);
  if (!user.username.empty())
    return fail_config(below(pointer, "/user/username"), "user.username cannot be honoured on Linux, use uid and gid");
  return {};
}

Status check_rlimits(const std::vector<Rlimit>& limits, std::string_view pointer) {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const auto& limit = limits[i];
    const auto bit = std::uint64_t{1} << static_cast<unsigned>(limit.type);
    if ((seen & bit) != 0)
      return fail_config(fmt::format("{}/rlimits/{}/type", pointer, i), "duplicate rlimit '{}'",
                         json::word_of(limit.type));
    seen |= bit;
    if (limit.soft > limit.hard)
      return fail_config(fmt::format("{}/rlimits/{}/soft", pointer, i),
                         "soft limit {} of '{}' is above the hard limit {}", limit.soft, json::word_of(limit.type),
                         limit.hard);
  }
  return {};
}

/// Checks what sched_setattr(2) answers with EINVAL or ignores. It also ignores a nice value with some policies, which
/// other runtimes accept.
Status check_scheduler(const Scheduler& scheduler, Warnings& warnings, std::string_view pointer) {
  using enum SchedulerPolicy;
  const auto policy = scheduler.policy;
  const auto word = json::word_of(policy);
  const bool timeshared = policy == other || policy == batch;
  const bool realtime = policy == fifo || policy == rr;
  const auto nice = scheduler.nice.value_or(0);
  const auto priority = scheduler.priority.value_or(0);
  if (nice < -20 || nice > 19)
    return fail_config(below(pointer, "/nice"), "invalid scheduler.nice: {} when scheduler.policy is {}", nice, word);
  if (nice != 0 && !timeshared) warnings.push_back(fmt::format("scheduler.nice {} means nothing to {}", nice, word));
  if (realtime ? priority < 1 || priority > 99 : priority != 0)
    return fail_config(below(pointer, "/priority"), "invalid scheduler.priority: {} when scheduler.policy is {}",
                       priority, word);
  const auto runtime = scheduler.runtime.value_or(0);
  const auto deadline_time = scheduler.deadline.value_or(0);
  const auto period = scheduler.period.value_or(0);
  if (policy != deadline) {
    const std::pair<const char*, std::uint64_t> times[] = {
        {"runtime", runtime}, {"deadline", deadline_time}, {"period", period}};
    for (const auto& [key, value] : times)
      if (value != 0)
        return fail_config(fmt::format("{}/{}", pointer, key), "scheduler.{} is only for SCHED_DEADLINE, not {}", key,
                           word);
    return {};
  }
  if (runtime == 0) return fail_config(below(pointer, "/runtime"), "scheduler.runtime is required for {}", word);
  if (deadline_time < runtime)
    return fail_config(below(pointer, "/deadline"), "scheduler.deadline {} is below scheduler.runtime {}",
                       deadline_time, runtime);
  if (period != 0 && period < deadline_time)
    return fail_config(below(pointer, "/period"), "scheduler.period {} is below scheduler.deadline {}", period,
                       deadline_time);
  return {};
}

Status check_affinity(const CpuAffinity& affinity, std::string_view pointer) {
  if (affinity.initial && !text::parse_id_list(*affinity.initial))
    return fail_config(below(pointer, "/execCPUAffinity/initial"),
                       "bad CPUAffinity.Initial: '{}' is not a list of CPUs", *affinity.initial);
  if (affinity.final_cpus && !text::parse_id_list(*affinity.final_cpus))
    return fail_config(below(pointer, "/execCPUAffinity/final"), "bad CPUAffinity.Final: '{}' is not a list of CPUs",
                       *affinity.final_cpus);
  return {};
}

Status check_console(const ConsoleSize& size, std::string_view pointer) {
  constexpr std::uint64_t kMost = 65535;  // struct winsize
  if (size.height > kMost)
    return fail_config(below(pointer, "/consoleSize/height"), "a terminal has at most {} lines", kMost);
  if (size.width > kMost)
    return fail_config(below(pointer, "/consoleSize/width"), "a terminal has at most {} columns", kMost);
  return {};
}

}  // namespace

Status validate_process(const Process& process, Warnings& warnings, std::string_view pointer) {
  if (process.cwd.empty()) return fail_config(below(pointer, "/cwd"), "cwd property must not be empty");
  if (process.cwd[0] != '/')
    return fail_config(below(pointer, "/cwd"), "cwd must be an absolute path, not '{}'", process.cwd);
  if (!process.command_line.empty())
    return fail_config(below(pointer, "/commandLine"), "process.commandLine cannot be honoured on Linux, use args");
  if (process.args.empty()) return fail_config(below(pointer, "/args"), "args must not be empty");
  if (process.env) CAISSON_TRY(check_environment(*process.env, below(pointer, "/env")));
  CAISSON_TRY(check_user(process.user, pointer));
  CAISSON_TRY(check_rlimits(process.rlimits, pointer));
  if (process.console_size) CAISSON_TRY(check_console(*process.console_size, pointer));
  // Source: proc_pid_oom_score_adj(5).
  if (process.oom_score_adj && (*process.oom_score_adj < -1000 || *process.oom_score_adj > 1000))
    return fail_config(below(pointer, "/oomScoreAdj"), "oomScoreAdj {} is outside -1000 ... 1000",
                       *process.oom_score_adj);
  if (process.scheduler) CAISSON_TRY(check_scheduler(*process.scheduler, warnings, below(pointer, "/scheduler")));
  if (process.io_priority && (process.io_priority->priority < 0 || process.io_priority->priority > 7))
    return fail_config(below(pointer, "/ioPriority/priority"), "invalid ioPriority.Priority: {}",
                       process.io_priority->priority);
  if (process.exec_cpu_affinity) CAISSON_TRY(check_affinity(*process.exec_cpu_affinity, pointer));
  return {};
}

}  // namespace caisson::config
