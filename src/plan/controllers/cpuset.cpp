// SPDX-License-Identifier: Apache-2.0
#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

// The kernel checks the lists ("0-3,7") against what the machine and the parent have.
Status write(const config::Resources& resources, WriteList& out) {
  if (!resources.cpu) return {};
  if (!resources.cpu->cpus.empty()) out.add("/cpu/cpus", "cpuset.cpus", resources.cpu->cpus);
  if (!resources.cpu->mems.empty()) out.add("/cpu/mems", "cpuset.mems", resources.cpu->mems);
  return {};
}

}  // namespace

const Controller kCpuset{"cpuset", "cpuset", write, write};

}  // namespace caisson::plan::controllers
