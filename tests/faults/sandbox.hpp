// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "faults/host.hpp"

namespace caisson::faults {

/// The program under test. crun and runc understand the same words for all but a few commands.
struct Runtime {
  std::string path;
  std::string name = "caisson";  ///< "caisson", "crun" or "runc"
  std::string probe;             ///< the guest of the tests
};

/// Which container a command works with.
enum class Shape {
  plain,   ///< no hooks: the runtime's shortest way
  hooked,  ///< a hook in each stage
  mapped,  ///< a user namespace of its own
};

/// Whether the guest stays after its report.
enum class Guest { ends, stays };

/// The directory, cgroups and bundle of one worker, and the one container in it.
class Sandbox {
 public:
  Sandbox(Runtime runtime, int number);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  const Runtime& runtime() const { return runtime_; }
  const std::string& dir() const { return watched_.dir; }
  std::string bundle() const { return dir() + "/bundle"; }
  std::string nsinit_dir() const { return dir() + "/old"; }
  const std::string& id() const { return id_; }
  const Watched& watched() const { return watched_; }

  void write_bundle(Shape shape, Guest guest);
  void write_nsinit_directory();

  /// argv of the runtime with its root.
  std::vector<std::string> words(const std::vector<std::string>& args) const;
  Ran call(const std::vector<std::string>& args, double seconds = 30) const;
  /// The same; a failure is an error of the sweep's own, or of the runtime without any fault.
  void must(const std::vector<std::string>& args) const;

  /// "" when there is no container.
  std::string status() const;
  pid_t init_pid() const;
  /// Waits for what the guest writes to a file of the shared directory, then gives it back in its plain form.
  std::string report(const std::string& name) const;
  /// Which hooks have run, in their order.
  std::string hooks() const;
  /// The container as the host sees it: state and the values of its cgroups.
  std::string seen_from_host() const;

  /// Removes all that a container could have left, by force and without the runtime.
  void clear() const;

 private:
  std::string config_text(Shape shape, Guest guest) const;

  Runtime runtime_;
  std::vector<std::string> mounts_;  ///< targets that were there before
  Watched watched_;
  std::string id_;
};

}  // namespace caisson::faults
