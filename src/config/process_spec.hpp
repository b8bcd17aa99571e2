// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json/fields.hpp"

namespace caisson::config {

/// Terminal size in characters.
struct ConsoleSize {
  std::uint64_t height = 0;
  std::uint64_t width = 0;
  bool operator==(const ConsoleSize&) const = default;
};

/// /process/user. Ids of the container's user namespace.
struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask;  ///< absent = 0022
  std::vector<std::uint32_t> additional_gids;
  std::string username;  ///< Windows only
  bool operator==(const User&) const = default;
};

/// Names as in capabilities(7), "CAP_KILL".
struct Capabilities {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> inheritable;
  std::vector<std::string> permitted;
  std::vector<std::string> ambient;
  bool operator==(const Capabilities&) const = default;
};

/// Source: getrlimit(2).
enum class RlimitType {
  as,
  core,
  cpu,
  data,
  fsize,
  locks,
  memlock,
  msgqueue,
  nice,
  nofile,
  nproc,
  rss,
  rtprio,
  rttime,
  sigpending,
  stack,
};

struct Rlimit {
  RlimitType type{};
  std::uint64_t soft = 0;  ///< 2^64-1 = unlimited
  std::uint64_t hard = 0;
  bool operator==(const Rlimit&) const = default;
};

/// Source: sched_setattr(2).
enum class SchedulerPolicy { other, fifo, rr, batch, iso, idle, deadline };
enum class SchedulerFlag {
  reset_on_fork,
  reclaim,
  dl_overrun,
  keep_policy,
  keep_params,
  util_clamp_min,
  util_clamp_max,
};

struct Scheduler {
  SchedulerPolicy policy{};
  std::optional<std::int32_t> nice;      ///< -20 ... 19, other and batch only
  std::optional<std::int32_t> priority;  ///< 1 ... 99, fifo and rr only
  std::vector<SchedulerFlag> flags;
  std::optional<std::uint64_t> runtime;   ///< ns, deadline only
  std::optional<std::uint64_t> deadline;  ///< ns, deadline only
  std::optional<std::uint64_t> period;    ///< ns, deadline only
  bool operator==(const Scheduler&) const = default;
};

/// Source: ioprio_set(2).
enum class IoPriorityClass { rt, be, idle };

struct IoPriority {
  IoPriorityClass io_class{};
  std::int32_t priority = 0;  ///< 0 (highest) ... 7
  bool operator==(const IoPriority&) const = default;
};

/// CPU lists of `exec`, "0-3,7".
struct CpuAffinity {
  std::optional<std::string> initial;     ///< until the process is in the cgroup
  std::optional<std::string> final_cpus;  ///< key "final": from then on
  bool operator==(const CpuAffinity&) const = default;
};

/// /process. Source: runtime-spec 1.3 config.md, "Process".
struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size;
  User user;
  std::vector<std::string> args;                ///< argv; never empty for create and run
  std::string command_line;                     ///< Windows only
  std::optional<std::vector<std::string>> env;  ///< "NAME=VALUE"
  std::string cwd;                              ///< absolute path in the container
  std::optional<Capabilities> capabilities;     ///< absent = none, as an empty one
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::string apparmor_profile;
  std::optional<std::int32_t> oom_score_adj;  ///< -1000 ... 1000; absent = inherited
  std::optional<Scheduler> scheduler;
  std::string selinux_label;
  std::optional<IoPriority> io_priority;
  std::optional<CpuAffinity> exec_cpu_affinity;
  bool operator==(const Process&) const = default;
};

}  // namespace caisson::config

namespace caisson {

template <>
inline constexpr auto json::fields<config::ConsoleSize> = table(required("height", &config::ConsoleSize::height),
                                                                required("width", &config::ConsoleSize::width));

template <>
inline constexpr auto json::fields<config::User> = table(always("uid", &config::User::uid),
                                                         always("gid", &config::User::gid),
                                                         optional("umask", &config::User::umask),
                                                         optional("additionalGids", &config::User::additional_gids),
                                                         optional("username", &config::User::username));

template <>
inline constexpr auto json::fields<config::Capabilities> = table(
    optional("bounding", &config::Capabilities::bounding), optional("effective", &config::Capabilities::effective),
    optional("inheritable", &config::Capabilities::inheritable),
    optional("permitted", &config::Capabilities::permitted), optional("ambient", &config::Capabilities::ambient));

template <>
inline constexpr auto json::spellings<config::RlimitType> = std::to_array<json::Spelling<config::RlimitType>>({
    {"RLIMIT_AS", config::RlimitType::as},
    {"RLIMIT_CORE", config::RlimitType::core},
    {"RLIMIT_CPU", config::RlimitType::cpu},
    {"RLIMIT_DATA", config::RlimitType::data},
    {"RLIMIT_FSIZE", config::RlimitType::fsize},
    {"RLIMIT_LOCKS", config::RlimitType::locks},
    {"RLIMIT_MEMLOCK", config::RlimitType::memlock},
    {"RLIMIT_MSGQUEUE", config::RlimitType::msgqueue},
    {"RLIMIT_NICE", config::RlimitType::nice},
    {"RLIMIT_NOFILE", config::RlimitType::nofile},
    {"RLIMIT_NPROC", config::RlimitType::nproc},
    {"RLIMIT_RSS", config::RlimitType::rss},
    {"RLIMIT_RTPRIO", config::RlimitType::rtprio},
    {"RLIMIT_RTTIME", config::RlimitType::rttime},
    {"RLIMIT_SIGPENDING", config::RlimitType::sigpending},
    {"RLIMIT_STACK", config::RlimitType::stack},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<config::RlimitType>{"wrong rlimit value: "};

template <>
inline constexpr auto json::fields<config::Rlimit> = table(required("type", &config::Rlimit::type),
                                                           required("hard", &config::Rlimit::hard),
                                                           required("soft", &config::Rlimit::soft));

template <>
inline constexpr auto json::spellings<config::SchedulerPolicy> =
    std::to_array<json::Spelling<config::SchedulerPolicy>>({
        {"SCHED_OTHER", config::SchedulerPolicy::other},
        {"SCHED_FIFO", config::SchedulerPolicy::fifo},
        {"SCHED_RR", config::SchedulerPolicy::rr},
        {"SCHED_BATCH", config::SchedulerPolicy::batch},
        {"SCHED_ISO", config::SchedulerPolicy::iso},
        {"SCHED_IDLE", config::SchedulerPolicy::idle},
        {"SCHED_DEADLINE", config::SchedulerPolicy::deadline},
    });
template <>
inline constexpr json::UnknownWord json::unknown_word<config::SchedulerPolicy>{"invalid scheduler policy: "};

template <>
inline constexpr auto json::spellings<config::SchedulerFlag> = std::to_array<json::Spelling<config::SchedulerFlag>>({
    {"SCHED_FLAG_RESET_ON_FORK", config::SchedulerFlag::reset_on_fork},
    {"SCHED_FLAG_RECLAIM", config::SchedulerFlag::reclaim},
    {"SCHED_FLAG_DL_OVERRUN", config::SchedulerFlag::dl_overrun},
    {"SCHED_FLAG_KEEP_POLICY", config::SchedulerFlag::keep_policy},
    {"SCHED_FLAG_KEEP_PARAMS", config::SchedulerFlag::keep_params},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", config::SchedulerFlag::util_clamp_min},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", config::SchedulerFlag::util_clamp_max},
});
template <>
inline constexpr json::UnknownWord json::unknown_word<config::SchedulerFlag>{"invalid scheduler flag: "};

template <>
inline constexpr auto json::fields<config::Scheduler> = table(required("policy", &config::Scheduler::policy),
                                                              optional("nice", &config::Scheduler::nice),
                                                              optional("priority", &config::Scheduler::priority),
                                                              optional("flags", &config::Scheduler::flags),
                                                              optional("runtime", &config::Scheduler::runtime),
                                                              optional("deadline", &config::Scheduler::deadline),
                                                              optional("period", &config::Scheduler::period));

template <>
inline constexpr auto json::spellings<config::IoPriorityClass> =
    std::to_array<json::Spelling<config::IoPriorityClass>>({
        {"IOPRIO_CLASS_RT", config::IoPriorityClass::rt},
        {"IOPRIO_CLASS_BE", config::IoPriorityClass::be},
        {"IOPRIO_CLASS_IDLE", config::IoPriorityClass::idle},
    });
template <>
inline constexpr json::UnknownWord json::unknown_word<config::IoPriorityClass>{"invalid ioPriority.Class: "};

template <>
inline constexpr auto json::fields<config::IoPriority> = table(required("class", &config::IoPriority::io_class),
                                                               always("priority", &config::IoPriority::priority));

template <>
inline constexpr auto json::fields<config::CpuAffinity> = table(optional("initial", &config::CpuAffinity::initial),
                                                                optional("final", &config::CpuAffinity::final_cpus));

template <>
inline constexpr auto json::fields<config::Process> = table(
    optional("terminal", &config::Process::terminal), optional("consoleSize", &config::Process::console_size),
    always("user", &config::Process::user), optional("args", &config::Process::args),
    optional("commandLine", &config::Process::command_line), optional("env", &config::Process::env),
    always("cwd", &config::Process::cwd), optional("capabilities", &config::Process::capabilities),
    optional("rlimits", &config::Process::rlimits), optional("noNewPrivileges", &config::Process::no_new_privileges),
    optional("apparmorProfile", &config::Process::apparmor_profile),
    optional("oomScoreAdj", &config::Process::oom_score_adj), optional("scheduler", &config::Process::scheduler),
    optional("selinuxLabel", &config::Process::selinux_label), optional("ioPriority", &config::Process::io_priority),
    optional("execCPUAffinity", &config::Process::exec_cpu_affinity));

}  // namespace caisson
