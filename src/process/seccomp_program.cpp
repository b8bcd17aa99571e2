// SPDX-License-Identifier: Apache-2.0
#include "process/seccomp_program.hpp"

#include <linux/seccomp.h>

#include <algorithm>
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

  /// Branches that ask whether one argument is this or that number, see is_like().
  void write_values(std::span<const Branch> branches, bool narrow) {
    auto value_of = [&](const Branch& branch) {
      const std::uint64_t value = branch.conditions[0].value;
      return narrow ? narrowed(value) : value;
    };
    const unsigned index = branches[0].conditions[0].index;
    match_bits(index, ~0U, high_half(value_of(branches[0])), true);
    load(index, false);
    for (const auto& branch : branches.first(branches.size() - 1))
      test(BPF_JEQ, low_half(value_of(branch)), Goal::pass, Goal::next);
    test(BPF_JEQ, low_half(value_of(branches.back())), Goal::next, Goal::fail);
    land(passing_);
    program_.push_back(answer(branches[0].action));
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

/// Whether two branches answer alike to two numbers of one argument with the same upper half.
bool is_like(const Branch& one, const Branch& other, bool narrow) {
  if (one.action != other.action || one.conditions.size() != 1 || other.conditions.size() != 1) return false;
  const auto& a = one.conditions[0];
  const auto& b = other.conditions[0];
  const bool are_numbers = a.comparison == plan::Comparison::eq && b.comparison == plan::Comparison::eq;
  auto upper = [&](std::uint64_t value) { return high_half(narrow ? narrowed(value) : value); };
  return are_numbers && a.index == b.index && upper(a.value) == upper(b.value);
}

constexpr std::size_t kFarthest = 255;  // of a conditional jump

/// A tree whose jumps all reach its end, where each answer stands once. The kernel checks and translates the program
/// when the process loads it, which takes a third of a microsecond for each instruction.
class NearTree {
 public:
  NearTree(Program& program, std::vector<Link>& links) : program_(program), links_(links) {}

  /// Whether no jump can be too far: there is one between two segments at most, and one answer for each.
  static bool fits(std::span<const Segment> segments) {
    if (segments.size() > kFarthest) return false;
    std::vector<Answer> answers;
    for (const auto& segment : segments) {
      if (std::ranges::find(answers, segment.answer) != answers.end()) continue;
      answers.push_back(segment.answer);
      if (segments.size() - 1 + answers.size() > kFarthest) return false;
    }
    return true;
  }

  void write(std::span<const Segment> segments) {
    const std::vector<Unit> units = divide(segments);
    if (segments.size() == 1)
      place(segments[0].answer);
    else
      append(units);
    while (!open_.empty()) {
      const Answer wanted = open_.front().answer;
      const std::size_t at = program_.size();
      place(wanted);
      std::erase_if(open_, [&](const Open& jump) {
        if (jump.answer != wanted) return false;
        auto& instruction = program_[jump.at];
        (jump.if_true ? instruction.jt : instruction.jf) = static_cast<std::uint8_t>(at - jump.at - 1);
        return true;
      });
    }
  }

 private:
  /// A jump to an answer.
  struct Open {
    std::size_t at;
    Answer answer;
    bool if_true;
  };

  /// Segments that are asked for together: one, or single numbers within one answer, for each of which one question
  /// does what it takes two to find the ends of a range.
  using Unit = std::span<const Segment>;
  static constexpr std::size_t kMostNumbers = 3;

  static std::vector<Unit> divide(std::span<const Segment> segments) {
    std::vector<Unit> units;
    units.reserve(segments.size());
    while (!segments.empty()) {
      std::size_t size = 1;
      while (size / 2 < kMostNumbers && size + 1 < segments.size() && segments[size + 1].answer == segments[0].answer &&
             segments[size + 1].first == segments[size].first + 1)
        size += 2;
      units.push_back(segments.first(size));
      segments = segments.subspan(size);
    }
    return units;
  }

  void place(const Answer& wanted) {
    if (wanted.decision != nullptr) links_.push_back({program_.size(), wanted.decision});
    program_.push_back(wanted.decision != nullptr ? skip(0) : answer(wanted.action));
  }

  void append_numbers(Unit unit) {
    for (std::size_t i = 1; i < unit.size(); i += 2) {
      open_.push_back({program_.size(), unit[i].answer, true});
      if (i + 2 > unit.size() - 1) open_.push_back({program_.size(), unit[0].answer, false});
      program_.push_back(jump(BPF_JEQ, unit[i].first, 0, 0));
    }
  }

  void append(std::span<const Unit> units) {
    if (units.size() == 1) return append_numbers(units[0]);
    auto is_answer = [](std::span<const Unit> some) { return some.size() == 1 && some[0].size() == 1; };
    const auto below = units.first(units.size() / 2);
    const auto above = units.subspan(units.size() / 2);
    const std::size_t at = program_.size();
    program_.push_back(jump(BPF_JGE, above[0][0].first, 0, 0));
    if (is_answer(below))
      open_.push_back({at, below[0][0].answer, false});
    else
      append(below);
    if (is_answer(above)) {
      open_.push_back({at, above[0][0].answer, true});
    } else {
      program_[at].jt = static_cast<std::uint8_t>(program_.size() - at - 1);
      append(above);
    }
  }

  Program& program_;
  std::vector<Link>& links_;
  std::vector<Open> open_;
};

}  // namespace

Program make_decision(std::span<const Branch> branches, std::uint32_t otherwise, bool narrow) {
  const auto last = std::ranges::find_if(branches, [](const Branch& branch) { return branch.conditions.empty(); });
  if (last != branches.end()) otherwise = last->action;
  branches = branches.first(static_cast<std::size_t>(last - branches.begin()));
  while (!branches.empty() && branches.back().action == otherwise) branches = branches.first(branches.size() - 1);

  Program program;
  BranchWriter writer(program);
  while (!branches.empty()) {
    constexpr std::size_t kMost = 100;  // no jump may be too far
    std::size_t alike = 1;
    while (alike < std::min(branches.size(), kMost) && is_like(branches[0], branches[alike], narrow)) ++alike;
    if (alike > 1)
      writer.write_values(branches.first(alike), narrow);
    else
      writer.write(branches[0], narrow);
    branches = branches.subspan(alike);
  }
  program.push_back(answer(otherwise));
  return program;
}

void append_tree(std::span<const Segment> segments, Program& program, std::vector<Link>& links) {
  if (NearTree::fits(segments)) return NearTree(program, links).write(segments);
  const std::size_t middle = segments.size() / 2;
  program.push_back(jump(BPF_JGE, segments[middle].first, 0, 1));
  program.push_back(skip(0));
  const std::size_t below = program.size();
  append_tree(segments.first(middle), program, links);
  program[below - 1] = skip(program.size() - below);
  append_tree(segments.subspan(middle), program, links);
}

void append_decisions(std::span<const Link> links, Program& program) {
  std::vector<Link> placed;
  for (const auto& link : links) {
    auto known = std::ranges::find(placed, link.decision, &Link::decision);
    if (known == placed.end()) {
      known = placed.insert(known, {program.size(), link.decision});
      program.insert(program.end(), link.decision->begin(), link.decision->end());
    }
    program[link.at] = skip(known->at - link.at - 1);
  }
}

}  // namespace caisson::process
