// SPDX-License-Identifier: Apache-2.0
// The filter's program against libseccomp's own, and against the meaning of a profile's operators.
#include <linux/audit.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <random>
#include <set>

#include <fmt/ranges.h>

#include "process/seccomp_calls.hpp"
#include "seccomp_support.hpp"

namespace caisson::process {

namespace {

using Action = config::SeccompAction;
using test::answer;
using test::compiled;
using test::evaluate;
using test::profile;

/// libseccomp's own filter of the plan's rules.
CompiledFilter libseccomp_filter(const plan::SeccompPlan& plan) {
  scmp_filter_ctx context = ::seccomp_init(plan.default_action);
  for (std::size_t i = 1; i < plan.architectures.size(); ++i)
    REQUIRE(::seccomp_arch_add(context, plan.architectures[i]) == 0);
  for (const auto& rule : plan.rules) {
    std::vector<scmp_arg_cmp> conditions;
    constexpr std::array kOps = {SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,       SCMP_CMP_EQ,
                                 SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
    for (const auto& argument : rule.arguments)
      conditions.push_back(
          {argument.index, kOps[static_cast<std::size_t>(argument.comparison)], argument.value, argument.value_two});
    for (const auto& call : rule.calls) {
      INFO(call);
      REQUIRE(::seccomp_rule_add_array(context, rule.action, ::seccomp_syscall_resolve_name(call.c_str()),
                                       static_cast<unsigned>(conditions.size()), conditions.data()) == 0);
    }
  }
  const FileDescriptor file(::memfd_create("seccomp-test", MFD_CLOEXEC));
  REQUIRE(::seccomp_export_bpf(context, file.get()) == 0);
  ::seccomp_release(context);
  CompiledFilter alone;
  alone.program.resize(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_CUR)));
  REQUIRE(::pread(file.get(), alone.program.data(), alone.program.size(), 0) > 0);
  return alone;
}

/// What the profile says of a call, by the definition of its operators.
bool holds(const plan::SeccompArgument& argument, const std::array<std::uint64_t, 6>& arguments) {
  const std::uint64_t given = arguments[argument.index];
  switch (argument.comparison) {
    case plan::Comparison::ne: return given != argument.value;
    case plan::Comparison::lt: return given < argument.value;
    case plan::Comparison::le: return given <= argument.value;
    case plan::Comparison::eq: return given == argument.value;
    case plan::Comparison::ge: return given >= argument.value;
    case plan::Comparison::gt: return given > argument.value;
    case plan::Comparison::masked_eq: return (given & argument.value) == (argument.value_two & argument.value);
  }
  return false;
}

/// The answer by the profile: the first rule without conditions decides, else the first whose conditions hold.
std::uint32_t expected(const plan::SeccompPlan& plan, const std::string& call,
                       const std::array<std::uint64_t, 6>& arguments) {
  const auto find = [&](auto applies) -> const plan::SeccompRule* {
    for (const auto& rule : plan.rules)
      if (std::ranges::find(rule.calls, call) != rule.calls.end() && applies(rule)) return &rule;
    return nullptr;
  };
  const auto* decides = find([](const auto& rule) { return rule.arguments.empty(); });
  if (decides == nullptr)
    decides = find([&](const auto& rule) {
      return std::ranges::all_of(rule.arguments, [&](const auto& argument) { return holds(argument, arguments); });
    });
  return decides != nullptr ? decides->action : plan.default_action;
}

/// Numbers around the edges of the halves that are compared.
std::uint64_t some_value(std::mt19937_64& random) {
  constexpr std::array<std::uint64_t, 14> kEdges = {0,           1,           2,           7,
                                                    8,           0x7fffffff,  0x80000000,  0xffffffff,
                                                    0x100000000, 0x100000001, 0x1ffffffff, 0x8000000000000000,
                                                    ~0ULL - 1,   ~0ULL};
  return kEdges[random() % kEdges.size()];
}

bool has_call(std::uint32_t number) {
  char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, static_cast<int>(number));
  ::free(name);
  return name != nullptr;
}

config::SeccompArg some_condition(std::mt19937_64& random, std::uint32_t index) {
  return {index, some_value(random), some_value(random), static_cast<config::SeccompOperator>(random() % 7)};
}

}  // namespace

TEST_CASE("the filter answers as libseccomp's would", "[process][seccomp]") {
  using enum config::SeccompOperator;
  auto wanted = profile(Action::errno_return);
  wanted.architectures = {config::SeccompArch::x86_64, config::SeccompArch::x86, config::SeccompArch::x32,
                          config::SeccompArch::aarch64};
  // Every third call is allowed and some of the others are killed or logged; with them calls of socketcall and ipc.
  for (int number = 0; number < 450; ++number) {
    char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
    if (!name) continue;
    const auto action = number % 7 == 0 ? Action::kill_process : number % 11 == 0 ? Action::log : Action::allow;
    if ((number % 3 == 0 || number % 7 == 0 || number % 11 == 0) && number != 42)
      wanted.syscalls.push_back({.names = {name}, .action = action});
    ::free(name);
  }
  wanted.syscalls.push_back({.names = {"connect", "semop", "socketcall", "_newselect"}, .action = Action::allow});
  wanted.syscalls.push_back({.names = {"personality"}, .action = Action::allow, .args = {{0, 8, 0, le}}});
  wanted.syscalls.push_back({.names = {"clone"}, .action = Action::allow, .args = {{0, 0x7e020000, 0, masked_eq}}});
  const std::array with_arguments = {"dup", "getpgid", "fchdir", "msync", "prctl", "ptrace", "fsync"};
  for (std::size_t i = 0; i < with_arguments.size(); ++i) {
    constexpr std::array kOps = {ne, lt, le, eq, ge, gt, masked_eq};
    std::erase_if(wanted.syscalls, [&](const auto& rule) { return rule.names[0] == with_arguments[i]; });
    wanted.syscalls.push_back(
        {.names = {with_arguments[i]}, .action = Action::log, .args = {{1, 9, 1, kOps[i]}, {2, 2, 2, kOps[6 - i]}}});
  }
  const auto plan = plan::make_seccomp(wanted, {})->value();
  const auto filter = compiled(wanted);
  const CompiledFilter alone = libseccomp_filter(plan);

  int differences = 0;
  int newer = 0;
  bool saw_bind = false;
  for (std::uint32_t arch :
       std::initializer_list<std::uint32_t>{AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM})
    for (std::uint32_t base : {0U, 0x40000000U, ~0U - 699})
      for (std::uint32_t number = 0; number < 700; ++number)
        for (std::uint64_t argument : {0ULL, 1ULL, 2ULL, 8ULL, 9ULL, 0x100000001ULL, 0x100000009ULL, 0x20000ULL}) {
          if (arch == AUDIT_ARCH_I386 && argument > 0xffffffff) continue;
          // libseccomp looks at the low halves of x32's arguments alone; the kernel shows both, and both are compared.
          if (arch == AUDIT_ARCH_X86_64 && base == 0x40000000U && argument > 0xffffffff) continue;
          // The profile kills bind and allows socketcall as a whole. The first that it says holds, so that bind is
          // killed through socketcall too; libseccomp forgets it.
          if (arch == AUDIT_ARCH_I386 && base + number == 102 && argument == 2) {
            saw_bind = true;
            continue;
          }
          seccomp_data data{};
          data.arch = arch;
          data.nr = static_cast<int>(base + number);
          for (auto& value : data.args) value = argument;
          const auto mine = evaluate(filter, data);
          const auto theirs = evaluate(alone, data);
          const bool is_newer = mine == (SECCOMP_RET_ERRNO | ENOSYS) && theirs == plan.default_action;
          newer += is_newer;
          if (mine != theirs && !is_newer && ++differences < 5)
            UNSCOPED_INFO(
                fmt::format("{:#x} {} arg {:#x}: {:#x}, not {:#x}", arch, base + number, argument, mine, theirs));
        }
  CHECK(differences == 0);
  CHECK(newer > 0);
  CHECK(saw_bind);
  seccomp_data bind{};
  bind.arch = AUDIT_ARCH_I386;
  bind.nr = 102;
  bind.args[0] = 2;
  CHECK(evaluate(filter, bind) == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("rules that look at arguments hold in the profile's order", "[process][seccomp]") {
  std::mt19937_64 random(20240229);
  constexpr std::array kActions = {Action::allow, Action::log, Action::trap, Action::kill_process,
                                   Action::errno_return};
  const std::uint32_t native = plan::native_architecture();
  const auto number = static_cast<std::uint32_t>(SYS_prctl);
  int differences = 0;
  std::set<std::uint32_t> answers;
  for (int round = 0; round < 300; ++round) {
    auto wanted =
        profile(round % 2 == 0 ? Action::allow : Action::errno_return, {{.names = {"openat2"}, .action = Action::log}});
    for (auto rules = 1 + random() % 4; rules > 0; --rules) {
      config::SeccompRule rule{.names = {"prctl"}, .action = kActions[random() % kActions.size()]};
      for (std::uint32_t index = 0; index < 6; ++index)
        if (random() % 4 == 0) rule.args.push_back(some_condition(random, index));
      if (!rule.args.empty() && random() % 4 == 0) rule.args.push_back(some_condition(random, rule.args[0].index));
      wanted.syscalls.push_back(std::move(rule));
    }
    const auto plan = plan::make_seccomp(wanted, {})->value();
    const auto filter = compiled(wanted);
    for (int probe = 0; probe < 200; ++probe) {
      std::array<std::uint64_t, 6> arguments;
      for (auto& argument : arguments) argument = some_value(random);
      const auto mine = answer(filter, native, number, arguments);
      const auto right = expected(plan, "prctl", arguments);
      answers.insert(mine);
      if (mine != right && ++differences < 3)
        UNSCOPED_INFO(
            fmt::format("{}\n{:#x}: {:#x}, not {:#x}", plan::describe(plan), fmt::join(arguments, " "), mine, right));
    }
  }
  CHECK(differences == 0);
  CHECK(answers.size() == 5);
}

TEST_CASE("a rule without conditions decides before and behind others, as in libseccomp", "[process][seccomp]") {
  std::mt19937_64 random(1789);
  constexpr std::array kActions = {Action::allow, Action::log, Action::trap, Action::kill_process};
  int differences = 0;
  std::string first;
  for (int round = 0; round < 200; ++round) {
    auto wanted = profile(Action::errno_return);
    wanted.architectures = {config::SeccompArch::aarch64};
    const std::size_t count = 2 + random() % 3;
    const std::size_t plain = random() % count;  // where the rule without conditions stands
    for (std::size_t i = 0; i < count; ++i) {
      config::SeccompRule rule{.names = {"prctl"}, .action = kActions[(round + i) % kActions.size()]};
      // On another argument each, so that libseccomp takes them all.
      if (i != plain) rule.args = {some_condition(random, static_cast<std::uint32_t>(i))};
      wanted.syscalls.push_back(std::move(rule));
    }
    const auto filter = compiled(wanted);
    const auto plan = plan::make_seccomp(wanted, {})->value();
    const auto alone = libseccomp_filter(plan);
    for (int probe = 0; probe < 50; ++probe) {
      std::array<std::uint64_t, 6> arguments;
      for (auto& argument : arguments) argument = some_value(random);
      const auto mine = answer(filter, AUDIT_ARCH_AARCH64, 167, arguments);
      const auto theirs = answer(alone, AUDIT_ARCH_AARCH64, 167, arguments);
      if (mine != theirs && ++differences == 1)
        first = fmt::format("{}{:#x}, not {:#x}", plan::describe(plan), mine, theirs);
    }
  }
  INFO(first);
  CHECK(differences == 0);
}

TEST_CASE("one rule with conditions answers as libseccomp's would", "[process][seccomp]") {
  std::mt19937_64 random(4);
  int differences = 0;
  for (int round = 0; round < 200; ++round) {
    auto wanted = profile(Action::allow);
    wanted.architectures = {config::SeccompArch::aarch64};
    config::SeccompRule rule{.names = {"prctl"}, .action = Action::errno_return};
    for (std::uint32_t index = 0; index < 6; ++index)
      if (random() % 3 == 0) rule.args.push_back(some_condition(random, index));
    wanted.syscalls.push_back(std::move(rule));
    const auto filter = compiled(wanted);
    const auto alone = libseccomp_filter(plan::make_seccomp(wanted, {})->value());
    for (int probe = 0; probe < 200; ++probe) {
      std::array<std::uint64_t, 6> arguments;
      for (auto& argument : arguments) argument = some_value(random);
      differences +=
          answer(filter, AUDIT_ARCH_AARCH64, 167, arguments) != answer(alone, AUDIT_ARCH_AARCH64, 167, arguments);
    }
  }
  CHECK(differences == 0);
}

TEST_CASE("a name means the number that libseccomp knows by it", "[process][seccomp]") {
  for (const auto& [architecture, first] : std::initializer_list<std::pair<std::uint32_t, int>>{
           {AUDIT_ARCH_X86_64, 0}, {AUDIT_ARCH_I386, 0}, {plan::kArchX32, 0x40000000}, {AUDIT_ARCH_AARCH64, 0}}) {
    int compared = 0;
    for (int number = first; number < first + 600; ++number) {
      char* name = ::seccomp_syscall_resolve_num_arch(architecture, number);
      if (!name) continue;
      ++compared;
      INFO(fmt::format("{:#x} {}", architecture, name));
      CHECK(find_call(name, architecture).direct == static_cast<std::uint32_t>(number));
      ::free(name);
    }
    CHECK(compared > 250);
  }
  CHECK_FALSE(find_call("", AUDIT_ARCH_X86_64).known);
  CHECK_FALSE(find_call("rea", AUDIT_ARCH_X86_64).known);
  CHECK(find_call("breakpoint", AUDIT_ARCH_X86_64).known);
}

TEST_CASE("more answers than one jump can reach", "[process][seccomp]") {
  auto wanted = profile(Action::allow);
  for (int number = 0; number < 335; ++number) {
    char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, number);
    if (!name) continue;
    config::SeccompRule rule{.names = {name}, .action = Action::errno_return, .errno_ret = 1000 + number};
    if (number % 5 == 0) rule.args = {{0, static_cast<std::uint64_t>(number), 0, config::SeccompOperator::eq}};
    wanted.syscalls.push_back(rule);
    ::free(name);
  }
  wanted.architectures = {config::SeccompArch::x86_64, config::SeccompArch::aarch64};
  const auto filter = compiled(wanted);
  int wrong = 0;
  for (std::uint32_t number = 0; number < 340; ++number) {
    const bool is_named = number < 335 && has_call(number);
    const std::uint32_t denied = SECCOMP_RET_ERRNO | (1000 + number);
    wrong += answer(filter, AUDIT_ARCH_X86_64, number, {number}) != (is_named ? denied : SECCOMP_RET_ALLOW);
    wrong += answer(filter, AUDIT_ARCH_X86_64, number, {number + 1}) !=
             (is_named && number % 5 != 0 ? denied : SECCOMP_RET_ALLOW);
  }
  CHECK(wrong == 0);
}

TEST_CASE("many numbers for one argument", "[process][seccomp]") {
  using enum config::SeccompOperator;
  auto wanted = profile(Action::log);
  std::set<std::uint64_t> allowed;
  for (std::uint64_t value = 0; value < 330; ++value) {
    const std::uint64_t number = (value % 40 < 3 ? std::uint64_t{7} << 32 : 0) | (value * 3);
    allowed.insert(number);
    wanted.syscalls.push_back({.names = {"prctl"}, .action = Action::allow, .args = {{2, number, 0, eq}}});
    // One that is not like the others, and says what is said at the end anyway.
    if (value == 200) wanted.syscalls.push_back({.names = {"prctl"}, .action = Action::log, .args = {{1, 5, 0, eq}}});
  }
  wanted.syscalls.push_back({.names = {"prctl"}, .action = Action::log, .args = {{3, 1, 0, gt}}});
  const auto filter = compiled(wanted);
  int wrong = 0;
  for (std::uint64_t value = 0; value < 1000; ++value)
    for (const std::uint64_t high : {0, 7, 8}) {
      const std::uint64_t asked = high << 32 | value;
      wrong += answer(filter, plan::native_architecture(), SYS_prctl, {0, 0, asked, 2}) !=
               (allowed.contains(asked) ? SECCOMP_RET_ALLOW : SECCOMP_RET_LOG);
    }
  CHECK(wrong == 0);
  // The last rule answers what is answered anyway.
  wanted.syscalls.pop_back();
  CHECK(compiled(wanted).program == filter.program);
}

}  // namespace caisson::process
