// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "integration/support/world.hpp"

namespace caisson::testing {

/// A directory with a container.json and a root file system of busybox and the probe, and the ways to call nsinit in
/// it.
class NsinitBox {
 public:
  /// All namespaces but those of users, loopback, a cgroup of the world's, all capabilities a busybox needs. The root
  /// file system is the directory itself, as in 2014, unless `apart`.
  explicit NsinitBox(const World& world, const std::string& name = "box", bool apart = false);

  const std::string& dir() const { return dir_; }
  const std::string& rootfs() const { return rootfs_; }
  Json config;
  NsinitBox& set(const std::string& pointer, const std::string& json);
  NsinitBox& namespaces(const std::vector<std::string>& names);
  /// A file of config-samples/nsinit, but for a terminal and for a cgroup name that the tests can clean up.
  NsinitBox& sample(const std::string& name);
  void write() const;

  /// caisson --root ROOT nsinit WORD..., in the directory. The first writes container.json.
  Ran call(const std::vector<std::string>& words, How how = {}) const;
  Ran exec(const std::vector<std::string>& command, const How& how = {}) const;
  pid_t start(const std::vector<std::string>& command, Ran& files, How how = {}) const;
  /// start() of something that stays, until it runs. Value: the pid of the nsinit.
  pid_t started(Ran& files, const std::vector<std::string>& command = {"/probe", "--quiet", "--print", "up", "--hold"},
                const How& how = {}) const;
  /// exec of the probe with these questions: its report.
  Json report(const std::vector<std::string>& questions = {}) const;
  std::string state_path() const { return dir_ + "/state.json"; }
  /// The cgroup below a hierarchy's mount.
  std::string cgroup() const { return "/" + world_->mark() + "/" + name_; }
  /// Nothing of the container, and no state.json.
  void nothing_left() const;

 private:
  const World* world_;
  std::string name_, dir_, rootfs_;
};

}  // namespace caisson::testing
