// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/spec.hpp"

struct bpf_insn;  // <linux/bpf.h>

namespace caisson::plan {

/// Which kinds of device node a rule is about.
enum class DeviceKind : std::uint8_t { all, character, block };

/// The bits of DeviceRule::access; the kernel's BPF_DEVCG_ACC_*.
inline constexpr unsigned kDeviceMknod = 1;
inline constexpr unsigned kDeviceRead = 2;
inline constexpr unsigned kDeviceWrite = 4;
inline constexpr unsigned kDeviceAccessAll = kDeviceMknod | kDeviceRead | kDeviceWrite;

/// One rule. An absent number means every number.
struct DeviceRule {
  bool allow = false;
  DeviceKind kind = DeviceKind::all;
  std::optional<std::uint32_t> major;
  std::optional<std::uint32_t> minor;
  unsigned access = kDeviceAccessAll;
  std::string origin;  ///< "/linux/resources/devices/0"; empty for a rule that every container has
  /// About every device and every access.
  bool total() const { return kind == DeviceKind::all && !major && !minor && access == kDeviceAccessAll; }
  bool operator==(const DeviceRule&) const = default;
};

/// The device rules of a container, in order: of the rules that are about one access to one device, the last decides,
/// and with none the access is refused. Rules that a later one about everything makes moot are left out.
struct DevicePlan {
  std::vector<DeviceRule> rules;
  bool may_fail = false;  ///< a runtime without privilege on the host: its container cannot make device nodes either
  /// Everything is allowed: nothing to install in a cgroup that has no rules yet.
  bool allows_all() const { return rules.size() == 1 && rules.front().allow && rules.front().total(); }
  bool operator==(const DevicePlan&) const = default;
};

/// The rules of `resources`, then those every container has (mknod of anything; null zero full random urandom tty,
/// pts, ptmx, tun). That a node is in linux.devices allows nothing: an engine that passes a device read-only gives the
/// node and a rule. Errors name `pointer`/N and its members.
/// Source: runtime-spec 1.3 config-linux.md, "Allowed Device list".
Result<DevicePlan> make_devices(const std::vector<config::DeviceRule>& rules, const std::string& pointer);

/// One write to a file of the v1 devices controller.
struct DeviceLine {
  bool allow = false;  ///< devices.allow, else devices.deny
  std::string text;    ///< "c 1:3 rwm", or "a"
  std::string origin;
  bool operator==(const DeviceLine&) const = default;
};

/// The writes that give an empty v1 cgroup these rules, whatever it inherited. A v1 cgroup knows a default and
/// exceptions to it, so a rule that takes away a part of an exception is an error that names the rule.
/// Source: kernel Documentation/admin-guide/cgroup-v1/devices.rst.
Result<std::vector<DeviceLine>> device_lines(const DevicePlan& plan);

/// The same rules as a BPF_PROG_TYPE_CGROUP_DEVICE program: returns 1 when every bit of the access is allowed, else 0.
std::vector<bpf_insn> device_program(const DevicePlan& plan);

/// "allow c 1:3 rwm": for plan texts and errors.
std::string describe(const DeviceRule& rule);

}  // namespace caisson::plan
