// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/log.hpp"
#include "nsinit/container_json.hpp"
#include "nsinit/data_dir.hpp"
#include "nsinit/lower.hpp"
#include "nsinit/nsinit_app.hpp"
#include "nsinit/regular_file.hpp"
#include "plan/users.hpp"

namespace caisson::nsinit {

namespace {

/// config.json knows numbers alone: the names are looked up now, in the root file system as it lies there.
Status number_user(config::Spec& spec) {
  const std::string passwd = CAISSON_TRY(read_file_below(spec.root->path, "/etc/passwd"));
  const std::string group = CAISSON_TRY(read_file_below(spec.root->path, "/etc/group"));
  auto& process = *spec.process;
  auto found = plan::find_user(spec.extension->user, passwd, group, process.user.uid, process.user.gid);
  if (!found) return std::unexpected(std::move(found).error().at("/user"));
  process.user.uid = found->uid;
  process.user.gid = found->gid;
  process.user.additional_gids = std::move(found->groups);
  const auto is_home = [](const std::string& entry) { return entry.starts_with("HOME=") && entry != "HOME="; };
  if (std::ranges::none_of(*process.env, is_home)) process.env->push_back("HOME=" + found->home);
  return {};
}

Status refuse_networks(const config::Extension& extension) {
  if (!extension.veths.empty())
    return fail_config(extension.veths.front().origin, "config.json has no words for a veth network");
  if (!extension.routes.empty())
    return fail_config(extension.routes.front().origin, "config.json has no words for a route");
  return {};
}

}  // namespace

Result<config::Spec> import(const std::string& path) {
  const Directory directory = CAISSON_TRY(Directory::of_file(path));
  const std::string text = CAISSON_TRY(directory.read_config());
  const Container config = CAISSON_TRY(read(text), "parse '{}'", directory.config_path());
  // Whether the host where it runs has the security modules shows there.
  const Surroundings around{.rootfs = CAISSON_TRY(directory.rootfs_of(config)),
                            .config_file = {},
                            .id = directory.id(),
                            .args = {"/bin/sh"},
                            .no_apparmor = {},
                            .selinux = true,
                            .mcs = {},
                            .process_label = {},
                            .mount_label = {}};
  Lowered lowered = CAISSON_TRY(lower(config, around), "'{}'", directory.config_path());
  for (const auto& warning : lowered.warnings) log::warn("'{}': {}", directory.config_path(), warning);
  CAISSON_TRY(refuse_networks(*lowered.spec.extension), "'{}'", directory.config_path());
  CAISSON_TRY(number_user(lowered.spec), "'{}'", directory.config_path());
  if (lowered.no_pivot)
    log::warn("config.json has no words for it: run with --no-pivot [config: /mount_config/no_pivot_root]");
  if (lowered.starts_frozen)
    log::warn("config.json has no words for it: pause the container [config: /cgroups/freezer]");
  lowered.spec.extension.reset();
  return std::move(lowered.spec);
}

}  // namespace caisson::nsinit
