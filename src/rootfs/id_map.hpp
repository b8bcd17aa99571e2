// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "plan/rootfs.hpp"

namespace caisson::rootfs {

/// User namespaces that hold the mappings of mounts; each distinct mapping is made once.
class IdMaps {
 public:
  /// The namespace of that mapping; the view lives as long as this object.
  Result<FdView> find(const plan::MountIdMap& map);

 private:
  struct Entry {
    plan::MountIdMap map;
    FileDescriptor fd;
  };
  std::vector<Entry> entries_;
};

}  // namespace caisson::rootfs
