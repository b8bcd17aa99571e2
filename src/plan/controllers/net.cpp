// SPDX-License-Identifier: Apache-2.0
#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

Status write_class(const config::Resources& resources, WriteList& out) {
  if (!resources.network || !resources.network->class_id) return {};
  out.add("/network/classID", "net_cls.classid", std::to_string(*resources.network->class_id));
  return {};
}

Status write_priorities(const config::Resources& resources, WriteList& out) {
  if (!resources.network) return {};
  const auto& priorities = resources.network->priorities;
  for (std::size_t i = 0; i < priorities.size(); ++i)
    out.add("/network/priorities/" + std::to_string(i), "net_prio.ifpriomap",
            priorities[i].name + ' ' + std::to_string(priorities[i].priority));
  return {};
}

Status refuse_class(const config::Resources& resources, WriteList& out) {
  if (!resources.network || resources.network->class_id.value_or(0) == 0) return {};
  return fail_config(out.at("/network/classID"), "cannot set a network class with cgroup v2");
}

Status refuse_priorities(const config::Resources& resources, WriteList& out) {
  if (!resources.network || resources.network->priorities.empty()) return {};
  return fail_config(out.at("/network/priorities"), "cannot set network priorities with cgroup v2");
}

}  // namespace

const Controller kNetCls{"net_cls", "", write_class, refuse_class};
const Controller kNetPrio{"net_prio", "", write_priorities, refuse_priorities};

}  // namespace caisson::plan::controllers
