// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "plan/seccomp_plan.hpp"

namespace caisson::process {

/// Classic BPF over struct seccomp_data. seccomp(2), Documentation/userspace-api/seccomp_filter.rst.
using Program = std::vector<sock_filter>;

constexpr sock_filter statement(unsigned code, std::uint32_t value) {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}
/// `code` is BPF_JEQ, BPF_JGT or BPF_JGE of the accumulator with `value`; the offsets count from the next instruction.
constexpr sock_filter jump(unsigned code, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
  return {static_cast<std::uint16_t>(BPF_JMP | code | BPF_K), if_true, if_false, value};
}
constexpr sock_filter skip(std::size_t instructions) {
  return statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(instructions));
}
constexpr sock_filter answer(std::uint32_t action) { return statement(BPF_RET | BPF_K, action); }

/// What is answered when all conditions hold.
struct Branch {
  std::vector<plan::SeccompArgument> conditions;
  std::uint32_t action = 0;  ///< SECCOMP_RET_* with its data
};

/// A call's answer by its arguments: that of the first branch whose conditions hold, else `otherwise`.
/// Arguments are compared as the unsigned 64-bit numbers that the kernel sees. On an architecture of 32 bits
/// (`narrow`) those are below 2^32, and a negative number that the profile extends to 64 bits means that of 32.
Program make_decision(std::span<const Branch> branches, std::uint32_t otherwise, bool narrow);

/// What is said to some numbers: an action, or a decision by arguments.
struct Answer {
  std::uint32_t action = 0;
  const Program* decision = nullptr;  ///< instead of `action`
  bool operator==(const Answer&) const = default;
};

/// The numbers from `first` to the next segment's.
struct Segment {
  std::uint32_t first = 0;
  Answer answer;
};

/// A BPF_JA that is to go to a decision, which stands once at the program's end whoever comes to it.
struct Link {
  std::size_t at = 0;
  const Program* decision = nullptr;
};

/// Appends a search tree over the segments, which are in order and begin with 0. The accumulator must hold the call's
/// number. Every path ends in an answer, or in one of the `links`.
void append_tree(std::span<const Segment> segments, Program& program, std::vector<Link>& links);

/// Appends the decisions that `links` go to.
void append_decisions(std::span<const Link> links, Program& program);

}  // namespace caisson::process
