// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "container/commands.hpp"
#include "nsinit/container_json.hpp"
#include "nsinit/lower.hpp"
#include "nsinit/state_json.hpp"

namespace caisson::nsinit {

/// The directory of container.json and state.json. It may be the container's own root file system, so that what stands
/// in it is never trusted to say which processes and cgroups are the container's: the runtime's own record does.
class Directory {
 public:
  /// $data_path, else the working directory.
  static Result<Directory> open();

  /// The one that `file`, a container.json, stands in.
  static Result<Directory> of_file(const std::string& file);

  /// Absolute, without symlinks.
  const std::string& path() const { return path_; }
  /// Of the container that belongs to this directory, in the runtime's records.
  const std::string& id() const { return id_; }
  std::string config_path() const { return path_ + "/" + config_name_; }
  std::string state_path() const { return path_ + "/state.json"; }

  Result<std::string> read_config() const;
  /// Nothing when there is no state.json; one that cannot be read names no process.
  Result<std::optional<State>> read_state() const;
  /// Replaces it at once.
  Status write_state(const State& state) const;
  Status remove_state() const;
  /// Removes it unless it is somebody else's by now.
  void remove_state_of(int pid) const;

  /// The root file system, absolute and without symlinks: root_fs by the working directory, else the working directory
  /// itself; of a file, the directory that it stands in.
  Result<std::string> rootfs_of(const Container& config) const;

 private:
  static Result<Directory> at(const std::string& path);
  Directory(FileDescriptor dir, std::string path, std::string id)
      : dir_(std::move(dir)), path_(std::move(path)), id_(std::move(id)) {}
  FileDescriptor dir_;
  std::string path_;
  std::string id_;
  std::string default_rootfs_ = path_;
  std::string config_name_ = "container.json";
};

/// The security modules of this host.
struct Facts {
  std::string no_apparmor;  ///< why the profile cannot be had as in 2014; empty = it can
  bool selinux = false;
  std::string mcs;  ///< a level for a container that names none, where SELinux enforces
  std::string
      process_label;  ///< without a level, as the next: the policy's own for containers, for one that names none
  std::string mount_label;
  std::string note;  ///< to be told to the user
};
/// What of them matters to this container.
Result<Facts> look_at_host(const Container& config, const std::string& rootfs);

/// What a container's labels need of the host: the default profile of AppArmor, and the labels of what it mounts.
Status prepare_labels(const Lowered& lowered);

}  // namespace caisson::nsinit
