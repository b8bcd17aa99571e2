// SPDX-License-Identifier: Apache-2.0
#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

constexpr std::uint32_t kMinWeight = 10;
constexpr std::uint32_t kMaxWeight = 1000;

/// Absent and 0 both mean: as it is.
Result<std::uint32_t> read_weight(const std::optional<std::uint16_t>& weight, const std::string& pointer) {
  const std::uint32_t value = weight.value_or(0);
  if (value != 0 && (value < kMinWeight || value > kMaxWeight))
    return fail_config(pointer, "block I/O weight {} is out of range ({}-{})", value, kMinWeight, kMaxWeight);
  return value;
}

Status refuse_leaf_weight(const std::optional<std::uint16_t>& weight, const std::string& pointer) {
  if (weight.value_or(0) == 0) return {};
  return fail_config(pointer, "leaf weights went with the CFQ scheduler in Linux 5.0");
}

template <class Device>
std::string device_number(const Device& device) {
  return std::to_string(device.major) + ':' + std::to_string(device.minor) + ' ';
}

struct ThrottleFile {
  std::string_view key;
  std::vector<config::ThrottleDevice> config::BlockIo::*list;
  std::string_view v1;
  std::string_view v2;
};

constexpr ThrottleFile kThrottles[] = {
    {"/blockIO/throttleReadBpsDevice/", &config::BlockIo::throttle_read_bps_device, "blkio.throttle.read_bps_device",
     "rbps="},
    {"/blockIO/throttleWriteBpsDevice/", &config::BlockIo::throttle_write_bps_device, "blkio.throttle.write_bps_device",
     "wbps="},
    {"/blockIO/throttleReadIOPSDevice/", &config::BlockIo::throttle_read_iops_device, "blkio.throttle.read_iops_device",
     "riops="},
    {"/blockIO/throttleWriteIOPSDevice/", &config::BlockIo::throttle_write_iops_device,
     "blkio.throttle.write_iops_device", "wiops="},
};

/// What both tongues share; `weights` are the files of the BFQ scheduler.
Status write_device_weights(const config::BlockIo& io, std::string_view file, WriteList& out) {
  CAISSON_TRY(refuse_leaf_weight(io.leaf_weight, out.at("/blockIO/leafWeight")));
  for (std::size_t i = 0; i < io.weight_device.size(); ++i) {
    const auto& device = io.weight_device[i];
    const std::string key = "/blockIO/weightDevice/" + std::to_string(i);
    CAISSON_TRY(refuse_leaf_weight(device.leaf_weight, out.at(key + "/leafWeight")));
    const auto weight = CAISSON_TRY(read_weight(device.weight, out.at(key + "/weight")));
    if (weight != 0) out.add(key, file, device_number(device) + std::to_string(weight));
  }
  return {};
}

Status write_v1(const config::Resources& resources, WriteList& out) {
  if (!resources.block_io) return {};
  const auto& io = *resources.block_io;
  if (auto weight = CAISSON_TRY(read_weight(io.weight, out.at("/blockIO/weight"))); weight != 0) {
    auto& write = out.add("/blockIO/weight", "blkio.bfq.weight", std::to_string(weight));
    write.other_file = "blkio.weight";
    write.other_value = write.value;
  }
  CAISSON_TRY(write_device_weights(io, "blkio.bfq.weight_device", out));
  for (const auto& throttle : kThrottles) {
    const auto& list = io.*throttle.list;
    for (std::size_t i = 0; i < list.size(); ++i)
      out.add(std::string(throttle.key) + std::to_string(i), throttle.v1,
              device_number(list[i]) + std::to_string(list[i].rate));
  }
  return {};
}

Status write_v2(const config::Resources& resources, WriteList& out) {
  if (!resources.block_io) return {};
  const auto& io = *resources.block_io;
  if (auto weight = CAISSON_TRY(read_weight(io.weight, out.at("/blockIO/weight"))); weight != 0) {
    auto& write = out.add("/blockIO/weight", "io.bfq.weight", std::to_string(weight));
    write.other_file = "io.weight";
    write.other_value = std::to_string(1 + (weight - kMinWeight) * 9999 / (kMaxWeight - kMinWeight));
  }
  CAISSON_TRY(write_device_weights(io, "io.bfq.weight", out));
  for (const auto& throttle : kThrottles) {
    const auto& list = io.*throttle.list;
    for (std::size_t i = 0; i < list.size(); ++i) {
      // On v1 a rate of 0 takes a limit away; v2 says that by a word.
      const std::string rate = list[i].rate == 0 ? "max" : std::to_string(list[i].rate);
      out.add(std::string(throttle.key) + std::to_string(i), "io.max",
              device_number(list[i]) + std::string(throttle.v2) + rate);
    }
  }
  return {};
}

}  // namespace

const Controller kIo{"blkio", "io", write_v1, write_v2};

}  // namespace caisson::plan::controllers
