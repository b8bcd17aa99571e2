// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/path.hpp"
#include "plan/rootfs.hpp"

namespace caisson::plan {

/// The mount option that gives a file system the config's mountLabel: "context=LABEL", or another of the kernel's four
/// SELinux mount options by the annotation run.oci.mount_context_type. Empty without a label.
std::string label_option(const config::Spec& spec);

/// What all mounts of one container have in common while they are planned.
struct MountContext {
  const config::Spec& spec;
  const HostFacts& facts;
  const NamespacePlan& namespaces;
  const RootfsOptions& options;
  Propagation default_bind;  ///< for bind mounts that name no propagation; kind 0: what they inherit
  bool in_user_namespace = false;
  bool cut_from_host = true;  ///< trees that the parent opens are made slaves before anything else
};

using text::clean_path;

/// Is `path` the same as `top` or below it? Both clean.
bool is_within(std::string_view path, std::string_view top);

/// Where the mount is made, clean and as the container sees it: a destination that begins with the path that the rootfs
/// has on the host (some tools write it so) loses that.
std::string target_of(const config::Mount& mount, const RootfsPlan& plan);

/// Adds the operations of /mounts/`index` to the plan.
Status add_mount(const MountContext& context, std::size_t index, RootfsPlan& plan);

}  // namespace caisson::plan
