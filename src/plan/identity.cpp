// SPDX-License-Identifier: Apache-2.0
#include "plan/identity.hpp"

#include <fmt/ranges.h>
#include <linux/mempolicy.h>
#include <linux/personality.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "base/text.hpp"

namespace caisson::plan {

namespace {

constexpr std::uint64_t bit(int number) { return std::uint64_t{1} << number; }

std::string names_of(std::uint64_t set) {
  std::string text = "[";
  for (int number = 0; number < 64; ++number) {
    if ((set & bit(number)) == 0) continue;
    if (text.size() > 1) text += ' ';
    text += capability_name(number);
  }
  return text + "]";
}

/// Names that are none are added to `unknown`, once.
std::uint64_t read_set(const std::vector<std::string>& names, std::vector<std::string>& unknown) {
  std::uint64_t set = 0;
  for (const auto& name : names) {
    if (const auto number = capability_number(name))
      set |= bit(*number);
    else if (std::ranges::find(unknown, name) == unknown.end())
      unknown.push_back(name);
  }
  return set;
}

// runtime-spec 1.3 config.md: "any value which cannot be mapped to a relevant kernel interface, or cannot be granted
// otherwise, MUST be logged as a warning by the runtime".
Capabilities make_capabilities(const config::Capabilities& wanted, const HostFacts& facts, bool in_user_namespace,
                               std::string origin, std::vector<std::string>& warnings) {
  Capabilities sets;
  std::vector<std::string> unknown;
  sets.bounding = read_set(wanted.bounding, unknown);
  sets.effective = read_set(wanted.effective, unknown);
  sets.inheritable = read_set(wanted.inheritable, unknown);
  sets.permitted = read_set(wanted.permitted, unknown);
  sets.ambient = read_set(wanted.ambient, unknown);
  if (!unknown.empty()) warnings.push_back(fmt::format("ignoring unknown capabilities: [{}]", fmt::join(unknown, " ")));
  sets.origin = std::move(origin);

  // Whoever enters a user namespace has all capabilities in it, and all in the bounding set: user_namespaces(7).
  const std::uint64_t known = bit(facts.last_capability + 1) - 1;
  const std::uint64_t available = in_user_namespace ? known : facts.bounding_capabilities & known;
  const std::uint64_t asked = sets.bounding | sets.effective | sets.inheritable | sets.permitted | sets.ambient;
  if ((asked & ~available) != 0)
    warnings.push_back("ignoring unavailable capabilities: " + names_of(asked & ~available));

  auto keep = [&](std::uint64_t& set, std::uint64_t within, std::string_view name, std::string_view of) {
    const std::uint64_t lost = set & available & ~within;
    if (lost != 0)
      warnings.push_back(fmt::format("ignoring {} capabilities that are not {}: {}", name, of, names_of(lost)));
    set &= within;
  };
  sets.bounding &= available;
  // capset(2) takes these, but execve(2) takes them away again: P'(permitted) lies within the bounding set.
  keep(sets.permitted, sets.bounding, "permitted", "in the bounding set");
  keep(sets.effective, sets.bounding, "effective", "in the bounding set");
  keep(sets.effective, sets.permitted, "effective", "permitted");
  keep(sets.inheritable, sets.bounding, "inheritable", "in the bounding set");
  // Configs made for runtimes before CVE-2022-29162 was mended list ambient capabilities beside an inheritable set that
  // is empty since: not one can be raised, and a warning at every start would be of no use.
  if (wanted.inheritable.empty() && sets.ambient != 0) {
    sets.note = "ambient capabilities are not raised, for the inheritable set is empty: " + names_of(sets.ambient);
    sets.ambient = 0;
  }
  keep(sets.ambient, sets.permitted & sets.inheritable, "ambient", "both permitted and inheritable");
  sets.drop_bounding = available & ~sets.bounding;
  return sets;
}

int resource_of(config::RlimitType type) {
  using enum config::RlimitType;
  switch (type) {
    case as: return RLIMIT_AS;
    case core: return RLIMIT_CORE;
    case cpu: return RLIMIT_CPU;
    case data: return RLIMIT_DATA;
    case fsize: return RLIMIT_FSIZE;
    case locks: return RLIMIT_LOCKS;
    case memlock: return RLIMIT_MEMLOCK;
    case msgqueue: return RLIMIT_MSGQUEUE;
    case nice: return RLIMIT_NICE;
    case nofile: return RLIMIT_NOFILE;
    case nproc: return RLIMIT_NPROC;
    case rss: return RLIMIT_RSS;
    case rtprio: return RLIMIT_RTPRIO;
    case rttime: return RLIMIT_RTTIME;
    case sigpending: return RLIMIT_SIGPENDING;
    case stack: return RLIMIT_STACK;
  }
  std::unreachable();
}

// The enumerators of the next four stand in the order of the kernel's numbers or are mapped one by one; <linux/sched.h>
// cannot be included beside glibc's <sched.h>.
std::uint32_t policy_of(config::SchedulerPolicy policy) {
  using enum config::SchedulerPolicy;
  switch (policy) {
    case other: return 0;
    case fifo: return 1;
    case rr: return 2;
    case batch: return 3;
    case iso: return 4;
    case idle: return 5;
    case deadline: return 6;
  }
  std::unreachable();
}

std::uint64_t flag_of(config::SchedulerFlag flag) {
  using enum config::SchedulerFlag;
  switch (flag) {
    case reset_on_fork: return 0x01;
    case reclaim: return 0x02;
    case dl_overrun: return 0x04;
    case keep_policy: return 0x08;
    case keep_params: return 0x10;
    case util_clamp_min: return 0x20;
    case util_clamp_max: return 0x40;
  }
  std::unreachable();
}

Scheduling make_scheduling(const config::Scheduler& wanted, std::string origin) {
  Scheduling plan;
  plan.policy = policy_of(wanted.policy);
  for (auto flag : wanted.flags) plan.flags |= flag_of(flag);
  plan.nice = wanted.nice.value_or(0);
  plan.priority = static_cast<std::uint32_t>(wanted.priority.value_or(0));
  plan.runtime = wanted.runtime.value_or(0);
  plan.deadline = wanted.deadline.value_or(0);
  plan.period = wanted.period.value_or(0);
  plan.origin = std::move(origin);
  return plan;
}

IoPriority make_io_priority(const config::IoPriority& wanted, std::string origin) {
  using enum config::IoPriorityClass;
  // IOPRIO_CLASS_RT, _BE and _IDLE above IOPRIO_CLASS_SHIFT: <linux/ioprio.h> is not C++ in all kernels' headers.
  const int io_class = wanted.io_class == rt ? 1 : wanted.io_class == be ? 2 : 3;
  return {io_class << 13 | wanted.priority, std::move(origin)};
}

/// "0-3,7" -> a mask; `limit` = what the kernel can count to.
Result<std::vector<unsigned long>> read_mask(const std::string& list, std::size_t limit, const std::string& pointer) {
  constexpr std::size_t kWord = 8 * sizeof(unsigned long);
  const auto ranges = text::parse_id_list(list);
  if (!ranges) return fail_config(pointer, "'{}' is not a list like '0-3,7'", list);
  std::vector<unsigned long> mask;
  for (const auto& [first, last] : *ranges) {
    if (last >= limit) return fail_config(pointer, "'{}': {} is more than the kernel knows", list, last);
    mask.resize(std::max<std::size_t>(mask.size(), last / kWord + 1));
    for (std::size_t id = first; id <= last; ++id) mask[id / kWord] |= 1UL << id % kWord;
  }
  return mask;
}

Result<std::optional<Affinity>> make_affinity(const std::optional<std::string>& list, std::string origin) {
  if (!list || list->empty()) return std::optional<Affinity>();
  auto mask = CAISSON_TRY(read_mask(*list, 8192, origin));
  return std::optional(Affinity{std::move(mask), std::move(origin)});
}

Result<MemoryPolicy> make_memory_policy(const config::MemoryPolicy& wanted) {
  using enum config::MemoryPolicyMode;
  const std::string origin = "/linux/memoryPolicy";
  if (!wanted.mode) return fail_config(origin + "/mode", "memory policy mode is required");
  MemoryPolicy plan;
  switch (*wanted.mode) {
    case standard: plan.mode = MPOL_DEFAULT; break;
    case preferred: plan.mode = MPOL_PREFERRED; break;
    case bind: plan.mode = MPOL_BIND; break;
    case interleave: plan.mode = MPOL_INTERLEAVE; break;
    case local: plan.mode = MPOL_LOCAL; break;
    case preferred_many: plan.mode = 5; break;       // MPOL_PREFERRED_MANY, Linux 5.15
    case weighted_interleave: plan.mode = 6; break;  // MPOL_WEIGHTED_INTERLEAVE, Linux 6.9
  }
  for (auto flag : wanted.flags) {
    using enum config::MemoryPolicyFlag;
    plan.mode |= flag == static_nodes ? MPOL_F_STATIC_NODES : flag == relative_nodes ? MPOL_F_RELATIVE_NODES : 1 << 13;
  }
  plan.nodes = CAISSON_TRY(read_mask(wanted.nodes, 1024, origin + "/nodes"));
  plan.origin = origin;
  return plan;
}

Result<Personality> make_personality(const config::Personality& wanted) {
  if (!wanted.domain) return fail_config("/linux/personality/domain", "personality domain is required");
  if (!wanted.flags.empty())
    return fail_config("/linux/personality/flags/0", "personality flag '{}' is not supported: the spec defines none",
                       wanted.flags.front());
  const bool is_32 = *wanted.domain == config::PersonalityDomain::linux32;
  return Personality{static_cast<unsigned long>(is_32 ? PER_LINUX32 : PER_LINUX), "/linux/personality"};
}

/// The last of each name stays, where it stands.
void make_env(const std::vector<std::string>& wanted, IdentityPlan& plan) {
  std::unordered_set<std::string_view> seen;
  seen.reserve(wanted.size());
  plan.env.reserve(wanted.size() + 1);
  plan.add_home = true;
  for (auto entry = wanted.rbegin(); entry != wanted.rend(); ++entry) {
    const auto name = std::string_view(*entry).substr(0, entry->find('='));
    if (!seen.insert(name).second) continue;
    if (name == "HOME") {
      if (entry->size() <= name.size() + 1) continue;  // an empty HOME counts as none
      plan.add_home = false;
    }
    plan.env.push_back(*entry);
  }
  std::ranges::reverse(plan.env);
}

bool maps(const std::vector<config::IdMapping>& mappings, std::uint32_t id) {
  return mappings.empty() || std::ranges::any_of(mappings, [id](const config::IdMapping& mapping) {
           return id >= mapping.container_id && id - mapping.container_id < mapping.size;
         });
}

Status make_user(const config::User& user, const config::Linux* linux, const HostFacts& facts, bool in_user_namespace,
                 Groups groups, IdentityPlan& plan) {
  const std::string pointer = plan.pointer + "/user";
  // podman lists the groups that the image's /etc/group has for the user beside the annotation that keeps the caller's.
  if (groups == Groups::set) plan.groups = user.additional_gids;
  if (facts.rootless() && !plan.groups.empty())
    return fail_config(pointer + "/additionalGids", "cannot set any additional groups in a rootless container");
  if (linux && in_user_namespace) {
    if (!maps(linux->uid_mappings, user.uid))
      return fail_config(pointer + "/uid", "cannot setuid to unmapped uid {} in user namespace", user.uid);
    if (!maps(linux->gid_mappings, user.gid))
      return fail_config(pointer + "/gid", "cannot setgid to unmapped gid {} in user namespace", user.gid);
    for (std::size_t i = 0; i < plan.groups.size(); ++i)
      if (!maps(linux->gid_mappings, plan.groups[i]))
        return fail_config(fmt::format("{}/additionalGids/{}", pointer, i),
                           "cannot add unmapped gid {} in user namespace", plan.groups[i]);
  }
  plan.uid = user.uid;
  plan.gid = user.gid;
  plan.set_groups = groups == Groups::set;
  plan.umask = user.umask.value_or(0022);
  if (plan.umask > 0777) return fail_config(pointer + "/umask", "umask {:#o} is larger than 0777", plan.umask);
  return {};
}

Status make_labels(const config::Process& process, const HostFacts& facts, IdentityPlan& plan) {
  // Without AppArmor every process is unconfined.
  if (!facts.apparmor && !process.apparmor_profile.empty() && process.apparmor_profile != "unconfined")
    return fail_config(plan.pointer + "/apparmorProfile", "apparmor: config provided but apparmor not supported");
  if (facts.apparmor) plan.apparmor_profile = process.apparmor_profile;
  if (!facts.selinux && !process.selinux_label.empty())
    return fail_config(plan.pointer + "/selinuxLabel",
                       "selinux label is specified in config, but selinux is disabled or not supported");
  plan.selinux_label = process.selinux_label;
  return {};
}

Status make_terminal(const config::Process& process, IdentityPlan& plan) {
  plan.terminal = process.terminal;
  if (!process.terminal || !process.console_size) return {};
  const auto [height, width] = *process.console_size;
  constexpr std::uint64_t kLargest = std::numeric_limits<std::uint16_t>::max();
  if (height > kLargest)
    return fail_config(plan.pointer + "/consoleSize/height", "{} is larger than {}", height, kLargest);
  if (width > kLargest)
    return fail_config(plan.pointer + "/consoleSize/width", "{} is larger than {}", width, kLargest);
  plan.console_rows = static_cast<std::uint16_t>(height);
  plan.console_columns = static_cast<std::uint16_t>(width);
  return {};
}

}  // namespace

Result<Groups> read_groups_annotation(const std::map<std::string, std::string>& annotations) {
  constexpr const char* kKey = "run.oci.keep_original_groups";
  const auto found = annotations.find(kKey);
  if (found == annotations.end()) return Groups::set;
  const std::string& value = found->second;
  if (value == "1" || value == "true") return Groups::keep;
  if (value.empty() || value == "0" || value == "false") return Groups::set;
  return fail_config(fmt::format("/annotations/{}", kKey), "'{}' is neither 1 nor 0", value);
}

Result<IdentityPlan> make_identity(const config::Process& process, const config::Linux* linux, const HostFacts& facts,
                                   bool in_user_namespace, const std::string& pointer,
                                   std::vector<std::string>& warnings, Groups groups) {
  IdentityPlan plan;
  plan.pointer = pointer;
  CAISSON_TRY(make_user(process.user, linux, facts, in_user_namespace, groups, plan));
  plan.cwd = process.cwd;
  plan.args = process.args;
  make_env(process.env.value_or(std::vector<std::string>()), plan);
  // Without `capabilities` a process has none at all, its bounding set is empty: as with other runtimes.
  plan.capabilities = make_capabilities(process.capabilities.value_or(config::Capabilities()), facts, in_user_namespace,
                                        pointer + "/capabilities", warnings);
  for (std::size_t i = 0; i < process.rlimits.size(); ++i) {
    const auto& limit = process.rlimits[i];
    plan.rlimits.push_back({resource_of(limit.type), limit.soft, limit.hard, std::string(json::word_of(limit.type)),
                            fmt::format("{}/rlimits/{}", pointer, i)});
  }
  plan.no_new_privileges = process.no_new_privileges;
  plan.oom_score_adj = process.oom_score_adj;
  if (process.scheduler) plan.scheduler = make_scheduling(*process.scheduler, pointer + "/scheduler");
  if (process.io_priority) plan.io_priority = make_io_priority(*process.io_priority, pointer + "/ioPriority");
  if (const auto& affinity = process.exec_cpu_affinity) {
    const std::string origin = pointer + "/execCPUAffinity";
    plan.initial_affinity = CAISSON_TRY(make_affinity(affinity->initial, origin + "/initial"));
    plan.final_affinity = CAISSON_TRY(make_affinity(affinity->final_cpus, origin + "/final"));
  }
  if (linux && linux->memory_policy) plan.memory_policy = CAISSON_TRY(make_memory_policy(*linux->memory_policy));
  if (linux && linux->personality) plan.personality = CAISSON_TRY(make_personality(*linux->personality));
  CAISSON_TRY(make_labels(process, facts, plan));
  CAISSON_TRY(make_terminal(process, plan));
  return plan;
}

std::string describe(const IdentityPlan& plan) {
  std::string text;
  auto line = [&text]<class... A>(fmt::format_string<A...> format, A&&... args) {
    text += fmt::format(format, std::forward<A>(args)...);
    text += '\n';
  };
  line("user {}:{} groups [{}]{} umask {:04o}", plan.uid, plan.gid, fmt::join(plan.groups, " "),
       plan.set_groups ? "" : " (kept)", plan.umask);
  line("cwd {}", plan.cwd);
  for (const auto& arg : plan.args) line("arg {}", arg);
  for (const auto& entry : plan.env) line("env {}", entry);
  if (plan.add_home) line("env HOME by /etc/passwd");
  const auto& sets = plan.capabilities;
  line("bounding {} drop {}", names_of(sets.bounding), names_of(sets.drop_bounding));
  line("effective {}", names_of(sets.effective));
  line("permitted {}", names_of(sets.permitted));
  line("inheritable {}", names_of(sets.inheritable));
  line("ambient {}", names_of(sets.ambient));
  for (const auto& limit : plan.rlimits) line("limit {} {} {}", limit.name, limit.soft, limit.hard);
  if (plan.no_new_privileges) line("no new privileges");
  if (plan.oom_score_adj) line("oom score {}", *plan.oom_score_adj);
  if (const auto& s = plan.scheduler)
    line("scheduler policy {} flags {:#x} nice {} priority {} runtime {} deadline {} period {}", s->policy, s->flags,
         s->nice, s->priority, s->runtime, s->deadline, s->period);
  if (plan.io_priority) line("io priority {:#x}", plan.io_priority->level);
  if (plan.personality) line("personality {:#x}", plan.personality->persona);
  if (plan.memory_policy)
    line("memory policy {:#x} nodes [{:#x}]", plan.memory_policy->mode, fmt::join(plan.memory_policy->nodes, " "));
  if (plan.initial_affinity) line("initial affinity [{:#x}]", fmt::join(plan.initial_affinity->processors, " "));
  if (plan.final_affinity) line("final affinity [{:#x}]", fmt::join(plan.final_affinity->processors, " "));
  if (!plan.apparmor_profile.empty()) line("apparmor {}", plan.apparmor_profile);
  if (!plan.selinux_label.empty()) line("selinux {}", plan.selinux_label);
  if (plan.terminal) line("terminal {}x{}", plan.console_rows, plan.console_columns);
  return text;
}

}  // namespace caisson::plan
