// SPDX-License-Identifier: Apache-2.0
#include "plan/devices.hpp"

#include <linux/bpf.h>

#include <array>
#include <cstddef>
#include <limits>
#include <string_view>

namespace caisson::plan {

static_assert(kDeviceMknod == BPF_DEVCG_ACC_MKNOD && kDeviceRead == BPF_DEVCG_ACC_READ &&
              kDeviceWrite == BPF_DEVCG_ACC_WRITE);

namespace {

struct DefaultRule {
  DeviceKind kind;
  int major;  // -1 = every one
  int minor;
  unsigned access;
};

// Nodes may be made of anything, because using them needs a rule of its own; then the devices that each container has.
constexpr std::array kDefaultRules = {
    DefaultRule{DeviceKind::character, -1, -1, kDeviceMknod},      DefaultRule{DeviceKind::block, -1, -1, kDeviceMknod},
    DefaultRule{DeviceKind::character, 1, 3, kDeviceAccessAll},     // null
    DefaultRule{DeviceKind::character, 1, 5, kDeviceAccessAll},     // zero
    DefaultRule{DeviceKind::character, 1, 7, kDeviceAccessAll},     // full
    DefaultRule{DeviceKind::character, 1, 8, kDeviceAccessAll},     // random
    DefaultRule{DeviceKind::character, 1, 9, kDeviceAccessAll},     // urandom
    DefaultRule{DeviceKind::character, 5, 0, kDeviceAccessAll},     // tty
    DefaultRule{DeviceKind::character, 5, 2, kDeviceAccessAll},     // ptmx
    DefaultRule{DeviceKind::character, 136, -1, kDeviceAccessAll},  // pts/*
    DefaultRule{DeviceKind::character, 10, 200, kDeviceAccessAll},  // net/tun
};

DeviceKind kind_of(const std::optional<config::DeviceRuleType>& type) {
  if (type == config::DeviceRuleType::b) return DeviceKind::block;
  return type == config::DeviceRuleType::c ? DeviceKind::character : DeviceKind::all;
}

Result<unsigned> read_access(const std::string& access, std::size_t index, const std::string& pointer) {
  if (access.empty()) return fail_config(pointer + "/access", "device access at {} field cannot be empty", index);
  unsigned bits = 0;
  for (char c : access) {
    if (c == 'm')
      bits |= kDeviceMknod;
    else if (c == 'r')
      bits |= kDeviceRead;
    else if (c == 'w')
      bits |= kDeviceWrite;
    else
      return fail_config(pointer + "/access", "invalid device access '{}' (expected letters of rwm)", access);
  }
  return bits;
}

Result<std::optional<std::uint32_t>> read_number(std::optional<std::int64_t> number, const std::string& pointer) {
  if (!number || *number == -1) return std::optional<std::uint32_t>();  // -1 is how engines write "every one"
  if (*number < 0 || *number > std::numeric_limits<std::uint32_t>::max())
    return fail_config(pointer, "invalid device number {}", *number);
  return std::optional(static_cast<std::uint32_t>(*number));
}

/// Every device that `b` is about, `a` is about too.
bool covers(const DeviceRule& a, const DeviceRule& b) {
  return (a.kind == DeviceKind::all || a.kind == b.kind) && (!a.major || a.major == b.major) &&
         (!a.minor || a.minor == b.minor);
}

/// Drops what has no effect: all before the last rule about everything, bits that a later rule decides anyway, and what
/// only repeats the default. It matters to v1, which cannot say everything: engines forbid single nodes that a later
/// rule about all of their kind allows again.
void simplify(std::vector<DeviceRule>& rules) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (rules[i].total()) first = rules[i].allow ? i : i + 1;
  rules.erase(rules.begin(), rules.begin() + static_cast<std::ptrdiff_t>(first));
  const bool allowed = !rules.empty() && rules.front().total();
  const std::size_t begin = allowed ? 1 : 0;
  for (std::size_t i = begin; i < rules.size(); ++i)
    for (std::size_t later = i + 1; later < rules.size(); ++later)
      if (covers(rules[later], rules[i])) rules[i].access &= ~rules[later].access;
  std::erase_if(rules, [](const DeviceRule& rule) { return rule.access == 0; });
  std::size_t end = begin;
  while (end < rules.size() && rules[end].allow == allowed) ++end;
  rules.erase(rules.begin() + static_cast<std::ptrdiff_t>(begin), rules.begin() + static_cast<std::ptrdiff_t>(end));
}

std::string number_text(const std::optional<std::uint32_t>& number) { return number ? std::to_string(*number) : "*"; }

std::string rule_text(const DeviceRule& rule) {
  std::string text = rule.kind == DeviceKind::all ? "a " : rule.kind == DeviceKind::block ? "b " : "c ";
  text += number_text(rule.major) + ':' + number_text(rule.minor) + ' ';
  if (rule.access & kDeviceRead) text += 'r';
  if (rule.access & kDeviceWrite) text += 'w';
  if (rule.access & kDeviceMknod) text += 'm';
  return text;
}

}  // namespace

std::string describe(const DeviceRule& rule) { return (rule.allow ? "allow " : "deny ") + rule_text(rule); }

Result<DevicePlan> make_devices(const std::vector<config::DeviceRule>& rules, const std::string& pointer) {
  DevicePlan plan;
  plan.rules.reserve(rules.size() + kDefaultRules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    DeviceRule made{.allow = rule.allow, .origin = pointer + '/' + std::to_string(i)};
    made.kind = kind_of(rule.type);
    made.major = CAISSON_TRY(read_number(rule.major, made.origin + "/major"));
    made.minor = CAISSON_TRY(read_number(rule.minor, made.origin + "/minor"));
    made.access = CAISSON_TRY(read_access(rule.access, i, made.origin));
    plan.rules.push_back(std::move(made));
  }
  auto number = [](int n) { return n < 0 ? std::optional<std::uint32_t>() : std::optional(std::uint32_t(n)); };
  for (const auto& rule : kDefaultRules)
    plan.rules.push_back({.allow = true,
                          .kind = rule.kind,
                          .major = number(rule.major),
                          .minor = number(rule.minor),
                          .access = rule.access,
                          .origin = {}});
  simplify(plan.rules);
  return plan;
}

}  // namespace caisson::plan
