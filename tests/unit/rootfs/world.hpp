// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/spec.hpp"
#include "plan/facts.hpp"
#include "plan/rootfs.hpp"
#include "rootfs/root_dir.hpp"

namespace caisson::test {

/// A bundle in a temporary directory, removed at the end. Paths given to it are relative to the bundle.
class World {
 public:
  World();
  World(const World&) = delete;
  ~World();

  const std::string& bundle() const { return bundle_; }
  std::string path(const std::string& name) const { return bundle_ + "/" + name; }
  void directory(const std::string& name, mode_t mode = 0755) const;
  void file(const std::string& name, const std::string& text, mode_t mode = 0644) const;
  void link(const std::string& name, const std::string& target) const;
  std::string read(const std::string& name) const;
  bool exists(const std::string& name) const;

 private:
  std::string bundle_;
};

/// Sends a word to the process that stands for the host and returns its answer.
using AskHost = std::function<std::string(const std::string&)>;

/// A container whose root file system is made by the code under test. Two processes are forked: one stands for the
/// host, in a mount namespace of its own, and one is the container's.
struct Scenario {
  config::Spec spec;
  plan::HostFacts facts;
  std::uint64_t namespaces = 0;  ///< CLONE_NEW*; the default is mount, pid, ipc, uts and network
  bool no_pivot = false;
  bool share_host = false;  ///< the host's mounts are shared, as systemd makes them; else private
  std::vector<plan::ContainerCgroup> cgroups;

  std::function<void()> host_setup;                        ///< on the host, before anything
  std::function<std::string(const std::string&)> on_host;  ///< answers AskHost
  std::function<void()> join_cgroups;                      ///< wait_for_cgroups of the environment, in the container
  std::function<void()> before_switch;                     ///< in the container, with its mounts made
  std::function<void(rootfs::RootDir&)> before_finish;     ///< after switch_root() and make_devices()
  std::string cwd = "/";
  std::function<std::string(const AskHost&)> inside;  ///< in the container, all done; its text is the outcome
  std::function<std::string()> host_check;            ///< on the host, at the end; its text is appended

  explicit Scenario(const World& world);
  Scenario& mount(config::Mount mount);
  /// Ids 0..65535 of the container are 100000.. of the host, and the rootfs is given to them.
  Scenario& user_namespace(const World& world);
};

struct Outcome {
  std::string error;  ///< whole message, or "" when all steps succeeded
  std::string text;   ///< what inside() and host_check() returned
};
Outcome run(const World& world, const Scenario& scenario);

/// One line of /proc/self/mountinfo. Source: proc(5).
struct MountLine {
  std::string id, root, point, options, tags, type, source, super;
  bool has(const std::string& option) const;        ///< among the mount's options
  bool super_has(const std::string& option) const;  ///< among the superblock's
};
/// The topmost mount at `point`; one with an empty type when there is none.
MountLine mount_at(const std::string& point);
std::vector<MountLine> all_mounts();
/// The options and tags, "rw,nosuid|master" with the numbers of peer groups left out.
std::string brief(const std::string& point);

/// "" on success, the name of the errno otherwise.
std::string try_create(const std::string& path);
std::string try_write(const std::string& path);
std::string errno_name(int error);
std::string text_of_file(const std::string& path);
/// "c 1:3 0666 0:0", "l target", "d 0755 0:0", "- 0644 0:0 size", or "none".
std::string look(const std::string& path);

}  // namespace caisson::test

/// Leaves a test that needs root, with its reason.
#define CAISSON_NEEDS_ROOT()     \
  if (::geteuid() != 0) {        \
    WARN("skipped: needs root"); \
    return;                      \
  }
