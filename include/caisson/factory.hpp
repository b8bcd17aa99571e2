// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "caisson/container.hpp"
#include "caisson/error.hpp"

namespace caisson::v1 {

struct FactoryOptions {
  std::string root = "/run/caisson";  ///< absolute directory of the containers' records; made when needed
  bool systemd_cgroup = false;        ///< make cgroups as systemd scopes
};

/// A directory with a config.json. A relative root.path starts there.
struct Bundle {
  std::string path = ".";
};

/// The text of a config.json. A relative root.path starts at `bundle`, which hooks get as the bundle's path.
struct ConfigText {
  std::string text = {};
  std::string bundle = ".";
};

struct CreateOptions {
  Streams streams = {};         ///< standard streams of init, unless its config asks for a terminal
  bool no_pivot = false;        ///< MS_MOVE and chroot instead of pivot_root, for a rootfs on a ramdisk
  bool no_new_keyring = false;  ///< stay in this program's session keyring
};

/// Makes and finds the containers of one root directory. ConfigInvalid from every call: the root is not absolute.
class Factory {
 public:
  explicit Factory(FactoryOptions options = {}) : options_(std::move(options)) {}

  /// Makes a container from a config of the OCI runtime-spec 1.3. Init is a child of this program, is set up completely
  /// and waits for Container::start(). If process.terminal is set, init().console() is the terminal's master. On
  /// failure nothing is left. The program must neither ignore SIGCHLD nor reap unknown children: init's exit status
  /// would be lost. IdInUse, InvalidIdFormat; ConfigInvalid: the config, or a bundle without one; SystemError.
  Result<Container> create(const std::string& id, const Bundle& bundle, const CreateOptions& options = {}) const;
  Result<Container> create(const std::string& id, const ConfigText& config, const CreateOptions& options = {}) const;

  /// Finds a container, whichever program made it. InvalidIdFormat; ContainerDestroyed: it does not exist.
  Result<Container> load(const std::string& id) const;

  /// All containers of the root, sorted by id. Containers that are being removed may be missing.
  Result<std::vector<Container>> list() const;

 private:
  FactoryOptions options_;
};

}  // namespace caisson::v1
