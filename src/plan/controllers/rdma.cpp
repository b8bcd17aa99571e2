// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

Status write(const config::Resources& resources, WriteList& out) {
  for (const auto& [device, limits] : resources.rdma) {
    const std::string key = "/rdma/" + text::pointer_token(device);
    if (device.empty() || device.find_first_of(" \t\n") != device.npos)
      return fail_config(out.at(key), "invalid RDMA device name '{}'", device);
    std::string value = device;
    if (limits.hca_handles) value += " hca_handle=" + std::to_string(*limits.hca_handles);
    if (limits.hca_objects) value += " hca_object=" + std::to_string(*limits.hca_objects);
    if (value != device) out.add(key, "rdma.max", std::move(value));
  }
  return {};
}

}  // namespace

const Controller kRdma{"rdma", "rdma", write, write};

}  // namespace caisson::plan::controllers
