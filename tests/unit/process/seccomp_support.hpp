// SPDX-License-Identifier: Apache-2.0
// Profiles, compiled and asked: what the tests of seccomp share.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "in_child.hpp"
#include "plan/seccomp_plan.hpp"
#include "process/load_filter.hpp"

namespace caisson::test {

using Action = config::SeccompAction;

inline config::Seccomp profile(Action fallback, std::vector<config::SeccompRule> rules = {}) {
  config::Seccomp made;
  made.default_action = fallback;
  made.syscalls = std::move(rules);
  return made;
}

inline process::CompiledFilter compiled(const config::Seccomp& wanted) {
  auto plan = plan::make_seccomp(wanted, {});
  REQUIRE(plan);
  auto filter = process::compile(plan->value());
  INFO(text_of(filter));
  REQUIRE(filter);
  return *std::move(filter);
}

/// errno of a system call, 0 when it succeeded.
template <class... A>
int try_call(long number, A... arguments) {
  errno = 0;
  return ::syscall(number, arguments...) < 0 ? errno : 0;
}

/// Runs `body` behind the filter and says what it returned.
template <class F>
std::string behind(const config::Seccomp& wanted, F body) {
  const process::CompiledFilter filter = compiled(wanted);
  return in_child([&]() -> std::string {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const auto loaded = process::load(filter.program, filter.flags);
    if (!loaded) return loaded.error().message();
    return body();
  });
}

/// What a filter answers, by interpreting its program as the kernel does.
inline std::uint32_t evaluate(const process::CompiledFilter& filter, const seccomp_data& data) {
  std::vector<sock_filter> code(filter.program.size() / sizeof(sock_filter));
  std::memcpy(code.data(), filter.program.data(), filter.program.size());
  std::uint32_t a = 0;
  for (std::size_t pc = 0; pc < code.size(); ++pc) {
    const auto& at = code[pc];
    switch (at.code) {
      case BPF_LD | BPF_W | BPF_ABS: std::memcpy(&a, reinterpret_cast<const char*>(&data) + at.k, sizeof(a)); break;
      case BPF_RET | BPF_K: return at.k;
      case BPF_JMP | BPF_JA: pc += at.k; break;
      case BPF_JMP | BPF_JEQ | BPF_K: pc += a == at.k ? at.jt : at.jf; break;
      case BPF_JMP | BPF_JGT | BPF_K: pc += a > at.k ? at.jt : at.jf; break;
      case BPF_JMP | BPF_JGE | BPF_K: pc += a >= at.k ? at.jt : at.jf; break;
      case BPF_JMP | BPF_JSET | BPF_K: pc += (a & at.k) != 0 ? at.jt : at.jf; break;
      case BPF_ALU | BPF_AND | BPF_K: a &= at.k; break;
      default: FAIL("instruction " << at.code << " is not known");
    }
  }
  FAIL("the program ends without an answer");
  return 0;
}

inline std::uint32_t answer(const process::CompiledFilter& filter, std::uint32_t architecture, std::uint32_t number,
                            std::array<std::uint64_t, 6> arguments = {}) {
  seccomp_data data{};
  std::ranges::copy(arguments, data.args);
  data.nr = static_cast<int>(number);
  data.arch = architecture;
  return evaluate(filter, data);
}

}  // namespace caisson::test
