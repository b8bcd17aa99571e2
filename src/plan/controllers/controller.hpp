// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/resources.hpp"
#include "plan/cgroup.hpp"

namespace caisson::plan::controllers {

/// Where a controller puts what it wants written. Keys are JSON pointers below the resources: "/memory/limit".
class WriteList {
 public:
  WriteList(const HostFacts& facts, const std::string& pointer, std::vector<CgroupWrite>& writes,
            std::vector<std::string>& warnings)
      : facts_(facts), pointer_(pointer), writes_(writes), warnings_(warnings) {}

  const HostFacts& facts() const { return facts_; }

  /// The name that writes get from here on.
  void begin(std::string_view controller) { controller_ = controller; }
  CgroupWrite& add(std::string_view key, std::string_view file, std::string value, Refusal refusal = Refusal::fail) {
    return writes_.emplace_back(
        CgroupWrite{std::string(controller_), std::string(file), std::move(value), at(key), refusal, {}, {}});
  }
  void warn(std::string text) { warnings_.push_back(std::move(text)); }
  std::string at(std::string_view key) const { return pointer_ + std::string(key); }

 private:
  const HostFacts& facts_;
  const std::string& pointer_;
  std::vector<CgroupWrite>& writes_;
  std::vector<std::string>& warnings_;
  std::string_view controller_;
};

/// One controller in both tongues: config values -> file contents. Pure; a value that the tongue cannot say is an
/// error, an absent one writes nothing.
struct Controller {
  std::string_view v1;  ///< name of its v1 hierarchy
  std::string_view v2;  ///< name in cgroup.controllers; empty = v2 has none
  Status (*write_v1)(const config::Resources&, WriteList&);
  Status (*write_v2)(const config::Resources&, WriteList&);
};

extern const Controller kPids, kMemory, kIo, kCpu, kCpuset, kHugetlb, kRdma, kNetCls, kNetPrio;

/// cpu.shares (2 ... 262144) as cpu.weight (1 ... 10000), on the curve that has 1024 at 100, the default of both.
std::uint64_t weight_from_shares(std::uint64_t shares);

}  // namespace caisson::plan::controllers
