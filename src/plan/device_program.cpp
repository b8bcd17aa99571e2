// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>

#include <cstddef>
#include <vector>

#include "plan/devices.hpp"

namespace caisson::plan {

namespace {

// What the program keeps where. r1 is the context that the kernel passes.
constexpr std::uint8_t kResult = BPF_REG_0;
constexpr std::uint8_t kContext = BPF_REG_1;
constexpr std::uint8_t kKind = BPF_REG_2;
constexpr std::uint8_t kLeft = BPF_REG_3;  // the bits of the access that no rule has allowed yet
constexpr std::uint8_t kMajor = BPF_REG_4;
constexpr std::uint8_t kMinor = BPF_REG_5;

bpf_insn instruction(unsigned code, std::uint8_t to, std::uint8_t from, std::size_t jump, std::uint32_t value) {
  bpf_insn made{};
  made.code = static_cast<std::uint8_t>(code);
  made.dst_reg = to & 0xf;
  made.src_reg = from & 0xf;
  made.off = static_cast<std::int16_t>(jump);
  made.imm = static_cast<std::int32_t>(value);
  return made;
}

bpf_insn load(std::uint8_t to, std::size_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, to, kContext, offset, 0);
}
bpf_insn copy(std::uint8_t to, std::uint8_t from) { return instruction(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0); }
bpf_insn set(std::uint8_t to, std::uint32_t value) { return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value); }
bpf_insn mask(std::uint8_t to, std::uint32_t bits) { return instruction(BPF_ALU | BPF_AND | BPF_K, to, 0, 0, bits); }
bpf_insn shift_right(std::uint8_t to, std::uint32_t n) { return instruction(BPF_ALU | BPF_RSH | BPF_K, to, 0, 0, n); }
bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }
/// Jumps over the next `n` instructions. 32-bit comparisons: Linux 5.1.
bpf_insn skip_unless_equal(std::uint8_t reg, std::uint32_t value, std::size_t n) {
  return instruction(BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, n, value);
}
bpf_insn skip_if_any(std::uint8_t reg, std::uint32_t bits, std::size_t n) {
  return instruction(BPF_JMP32 | BPF_JSET | BPF_K, reg, 0, n, bits);
}
bpf_insn skip(std::size_t n) { return instruction(BPF_JMP | BPF_JA, 0, 0, n, 0); }

/// Answers with 1 when nothing of the access is left to be allowed.
void add_allowed_when_done(std::vector<bpf_insn>& program) {
  program.push_back(skip_unless_equal(kLeft, 0, 2));
  program.push_back(set(kResult, 1));
  program.push_back(leave());
}

std::vector<bpf_insn> verdict_of(const DeviceRule& rule) {
  std::vector<bpf_insn> body;
  if (rule.access == kDeviceAccessAll) {
    body = {set(kResult, rule.allow), leave()};
  } else if (rule.allow) {
    body.push_back(mask(kLeft, ~rule.access));
    add_allowed_when_done(body);
  } else {
    body = {skip_if_any(kLeft, rule.access, 1), skip(2), set(kResult, 0), leave()};
  }
  return body;
}

}  // namespace

std::vector<bpf_insn> device_program(const DevicePlan& plan) {
  std::vector<bpf_insn> program;
  program.reserve(16 + plan.rules.size() * 7);
  program.push_back(load(kKind, offsetof(bpf_cgroup_dev_ctx, access_type)));
  program.push_back(copy(kLeft, kKind));
  program.push_back(mask(kKind, 0xffff));
  program.push_back(shift_right(kLeft, 16));
  program.push_back(load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)));
  program.push_back(load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)));
  add_allowed_when_done(program);
  // The last rule about an access decides, so the last one is asked first.
  for (auto rule = plan.rules.rbegin(); rule != plan.rules.rend(); ++rule) {
    const auto body = verdict_of(*rule);
    std::size_t rest =
        body.size() + (rule->kind != DeviceKind::all) + rule->major.has_value() + rule->minor.has_value();
    if (rule->kind != DeviceKind::all)
      program.push_back(
          skip_unless_equal(kKind, rule->kind == DeviceKind::block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR, --rest));
    if (rule->major) program.push_back(skip_unless_equal(kMajor, *rule->major, --rest));
    if (rule->minor) program.push_back(skip_unless_equal(kMinor, *rule->minor, --rest));
    program.insert(program.end(), body.begin(), body.end());
  }
  // The verifier refuses instructions that nothing reaches, such as those after a rule about everything.
  if (plan.rules.empty() || !plan.rules.front().total()) {
    program.push_back(set(kResult, 0));
    program.push_back(leave());
  }
  return program;
}

}  // namespace caisson::plan
