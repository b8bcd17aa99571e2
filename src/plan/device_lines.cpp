// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <vector>

#include "plan/devices.hpp"

namespace caisson::plan {

namespace {

/// The numbers that both rules are about; absent when there are none.
std::optional<DeviceRule> intersect(const DeviceRule& a, const DeviceRule& b) {
  if (a.kind != b.kind) return {};
  if (a.major && b.major && *a.major != *b.major) return {};
  if (a.minor && b.minor && *a.minor != *b.minor) return {};
  DeviceRule both = a;
  if (!both.major) both.major = b.major;
  if (!both.minor) both.minor = b.minor;
  return both;
}

bool same_numbers(const DeviceRule& a, const DeviceRule& b) {
  return a.kind == b.kind && a.major == b.major && a.minor == b.minor;
}

/// What a v1 cgroup holds: a default for everything, and exceptions to it.
class Exceptions {
 public:
  explicit Exceptions(bool allowed) : allowed_(allowed) {}

  /// The kernel wants one exception to cover all bits of an access, so where two overlap the narrower one gets the bits
  /// of both.
  void add(DeviceRule rule) {
    std::vector<DeviceRule> crossings;
    for (auto& known : list_) {
      auto both = intersect(known, rule);
      if (!both) continue;
      if (same_numbers(*both, known)) {
        known.access |= rule.access;
        if (same_numbers(known, rule)) rule.access = known.access;
      } else if (same_numbers(*both, rule)) {
        if ((rule.access & ~known.access) == 0) return;
        rule.access |= known.access;
      } else if (known.access != rule.access) {
        both->access = known.access | rule.access;
        both->origin = rule.origin;
        crossings.push_back(std::move(*both));
      }
    }
    bool is_known = false;
    for (const auto& known : list_) is_known = is_known || same_numbers(known, rule);
    if (!is_known) list_.push_back(std::move(rule));
    for (auto& crossing : crossings) add(std::move(crossing));
  }

  Status take_away(const DeviceRule& rule) {
    for (auto& known : list_) {
      if ((known.access & rule.access) == 0) continue;
      auto both = intersect(known, rule);
      if (!both) continue;
      if (!same_numbers(*both, known)) {
        return fail_config(rule.origin.empty() ? known.origin : rule.origin,
                           "cgroup v1 cannot make '{}' an exception to '{}'", describe(rule), describe(known));
      }
      known.access &= ~rule.access;
    }
    std::erase_if(list_, [](const DeviceRule& known) { return known.access == 0; });
    return {};
  }

  Status apply(const DeviceRule& rule) {
    if (rule.allow == allowed_) return take_away(rule);
    add(rule);
    return {};
  }

  const std::vector<DeviceRule>& list() const { return list_; }

 private:
  bool allowed_;
  std::vector<DeviceRule> list_;
};

}  // namespace

Result<std::vector<DeviceLine>> device_lines(const DevicePlan& plan) {
  const bool allowed = !plan.rules.empty() && plan.rules.front().total() && plan.rules.front().allow;
  Exceptions exceptions(allowed);
  for (std::size_t i = allowed ? 1 : 0; i < plan.rules.size(); ++i) {
    DeviceRule rule = plan.rules[i];
    if (rule.kind != DeviceKind::all) {
      CAISSON_TRY(exceptions.apply(rule));
      continue;
    }
    // The kernel reads "a" as all devices, whatever follows it.
    for (DeviceKind kind : {DeviceKind::character, DeviceKind::block}) {
      rule.kind = kind;
      CAISSON_TRY(exceptions.apply(rule));
    }
  }
  std::vector<DeviceLine> lines;
  lines.reserve(exceptions.list().size() + 1);
  lines.push_back({allowed, "a", allowed ? plan.rules.front().origin : std::string()});
  for (const auto& exception : exceptions.list()) {
    const std::string text = describe(exception);
    lines.push_back({!allowed, text.substr(text.find(' ') + 1), exception.origin});
  }
  return lines;
}

}  // namespace caisson::plan
