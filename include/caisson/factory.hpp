// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "caisson/container.hpp"
#include "caisson/error.hpp"

namespace caisson::v1 {

struct FactoryOptions {
  std::string root = "/run/caisson";  ///< absolute directory of the containers' records; made when it is first needed
  bool systemd_cgroup = false;        ///< cgroups as units of systemd
};

/// A directory with a config.json, from which a relative root.path starts.
struct Bundle {
  std::string path = ".";
};

/// The text of a config.json itself. Its relative root.path starts from `bundle`, which hooks are told of too.
struct ConfigText {
  std::string text = {};
  std::string bundle = ".";
};

struct CreateOptions {
  Streams streams = {};         ///< of the container's first process, unless its config asks for a terminal
  bool no_pivot = false;        ///< MS_MOVE and chroot in place of pivot_root: for a rootfs on a ramdisk
  bool no_new_keyring = false;  ///< stay in this program's session keyring
};

/// Makes and finds the containers of one root directory. One that is not absolute is ConfigInvalid, of every call.
class Factory {
 public:
  explicit Factory(FactoryOptions options = {}) : options_(std::move(options)) {}

  /// Makes a container from a config of the OCI runtime-spec 1.3. Its process, a child of this program, stands with
  /// all that was asked for and waits for Container::start(). When process.terminal is set, init()'s console() is its
  /// other side. On failure nothing is left. The program must not ignore SIGCHLD, nor reap children that it does not
  /// know: how init ends would be lost.
  /// IdInUse, InvalidIdFormat; ConfigInvalid: the config, or a bundle without one; SystemError.
  Result<Container> create(const std::string& id, const Bundle& bundle, const CreateOptions& options = {}) const;
  Result<Container> create(const std::string& id, const ConfigText& config, const CreateOptions& options = {}) const;

  /// Finds a container that anybody has made. InvalidIdFormat; ContainerDestroyed: there is none.
  Result<Container> load(const std::string& id) const;

  /// All containers of the root, by id; those that are just being removed may be missing.
  Result<std::vector<Container>> list() const;

 private:
  FactoryOptions options_;
};

}  // namespace caisson::v1
