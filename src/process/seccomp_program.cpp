// SPDX-License-Identifier: Apache-2.0
#include "process/seccomp_program.hpp"

#include <linux/seccomp.h>

#include <bit>

namespace caisson::process {

namespace {

constexpr std::uint32_t high_half(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }
constexpr std::uint32_t low_half(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

/// -1 is written as 2^64 - 1 for every architecture at once.
constexpr std::uint64_t narrowed(std::uint64_t value) {
  const bool is_negative = high_half(value) == ~0U && (low_half(value) & 0x8000'0000U) != 0;
  return is_negative ? low_half(value) : value;
}

/// Writes one branch. Jumps to a condition's or the branch's end are set once that is reached: a branch is far shorter
/// than the 255 instructions that a conditional jump can pass.
class BranchWriter {
 public:
  explicit BranchWriter(Program& program) : program_(program) {}

  void write(const Branch& branch, bool narrow) {
    for (const auto& argument : branch.conditions) {
      write_condition(argument, narrow);
      land(passing_);
    }
    program_.push_back(answer(branch.action));
    land(failing_);
  }

 private:
  enum class Goal { next, pass, fail };
  struct Jump {
    std::size_t at;
    bool if_true;
  };

  void load(unsigned index, bool high) {
    constexpr bool kLittle = std::endian::native == std::endian::little;
    const std::size_t at = offsetof(seccomp_data, args) + index * sizeof(std::uint64_t) + (high == kLittle ? 4 : 0);
    program_.push_back(statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at)));
  }

  void test(unsigned code, std::uint32_t value, Goal if_true, Goal if_false) {
    note(if_true, true);
    note(if_false, false);
    program_.push_back(jump(code, value, 0, 0));
  }

  void note(Goal goal, bool if_true) {
    if (goal == Goal::next) return;
    (goal == Goal::pass ? passing_ : failing_).push_back({program_.size(), if_true});
  }

  void land(std::vector<Jump>& jumps) {
    for (const auto& [at, if_true] : jumps) {
      auto& instruction = program_[at];
      (if_true ? instruction.jt : instruction.jf) = static_cast<std::uint8_t>(program_.size() - at - 1);
    }
    jumps.clear();
  }

  /// Greater than `value`, or not less with BPF_JGE; `above` is where to go then.
  void compare(unsigned index, std::uint64_t value, unsigned code, Goal above, Goal below) {
    load(index, true);
    test(BPF_JGT, high_half(value), above, Goal::next);
    test(BPF_JEQ, high_half(value), Goal::next, below);
    load(index, false);
    // The condition ends here, so that passing is going on.
    test(code, low_half(value), above, below);
  }

  void match_bits(unsigned index, std::uint32_t mask, std::uint32_t value, bool high) {
    if (mask == 0) return;
    load(index, high);
    if (mask != ~0U) program_.push_back(statement(BPF_ALU | BPF_AND | BPF_K, mask));
    test(BPF_JEQ, value & mask, Goal::next, Goal::fail);
  }

  void write_condition(const plan::SeccompArgument& argument, bool narrow) {
    const unsigned index = argument.index;
    const std::uint64_t value = narrow ? narrowed(argument.value) : argument.value;
    using enum plan::Comparison;
    switch (argument.comparison) {
      case eq:
        match_bits(index, ~0U, high_half(value), true);
        match_bits(index, ~0U, low_half(value), false);
        return;
      case ne:
        load(index, true);
        test(BPF_JEQ, high_half(value), Goal::next, Goal::pass);
        load(index, false);
        test(BPF_JEQ, low_half(value), Goal::fail, Goal::next);
        return;
      case gt: return compare(index, value, BPF_JGT, Goal::pass, Goal::fail);
      case ge: return compare(index, value, BPF_JGE, Goal::pass, Goal::fail);
      case le: return compare(index, value, BPF_JGT, Goal::fail, Goal::pass);
      case lt: return compare(index, value, BPF_JGE, Goal::fail, Goal::pass);
      case masked_eq: {
        const std::uint64_t wanted = narrow ? narrowed(argument.value_two) : argument.value_two;
        match_bits(index, high_half(argument.value), high_half(wanted), true);
        match_bits(index, low_half(argument.value), low_half(wanted), false);
        return;
      }
    }
  }

  Program& program_;
  std::vector<Jump> passing_;
  std::vector<Jump> failing_;
};

constexpr std::size_t kFarthest = 255;  // of a conditional jump

std::size_t size_of(const Segment& segment) { return segment.decision ? segment.decision->size() : 1; }

/// No less than what the tree takes.
std::size_t bound(std::span<const Segment> segments) {
  std::size_t size = 0;
  for (const auto& segment : segments) size += size_of(segment) + 2;
  return size;
}

}  // namespace

Program make_decision(std::span<const Branch> branches, std::uint32_t otherwise, bool narrow) {
  Program program;
  BranchWriter writer(program);
  for (const auto& branch : branches) {
    writer.write(branch, narrow);
    if (branch.conditions.empty()) return program;
  }
  program.push_back(answer(otherwise));
  return program;
}

void append_tree(std::span<const Segment> segments, Program& program) {
  if (segments.size() == 1) {
    if (const Program* decision = segments[0].decision)
      program.insert(program.end(), decision->begin(), decision->end());
    else
      program.push_back(answer(segments[0].action));
    return;
  }
  const std::size_t middle = segments.size() / 2;
  const std::size_t at = program.size();
  const bool far = bound(segments.first(middle)) > kFarthest;
  program.push_back(jump(BPF_JGE, segments[middle].first, 0, far ? 1 : 0));
  if (far) program.push_back(skip(0));
  const std::size_t below = program.size();
  append_tree(segments.first(middle), program);
  const std::size_t length = program.size() - below;
  if (far)
    program[at + 1] = skip(length);
  else
    program[at].jt = static_cast<std::uint8_t>(length);
  append_tree(segments.subspan(middle), program);
}

}  // namespace caisson::process
