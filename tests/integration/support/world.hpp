// SPDX-License-Identifier: Apache-2.0
// The world of one test case: a directory with the runtime's state, bundles and output, and the ways to call caisson
// in it. Whatever a test makes is gone after it, whether it passes or not.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "integration/support/json.hpp"

namespace caisson::testing {

/// Where the things under test are: by environment (CAISSON_TEST_BINARY, ...), else beside this test program's build.
struct Places {
  std::string caisson;   ///< CAISSON_TEST_BINARY
  std::string probe;     ///< CAISSON_TEST_PROBE
  std::string nothing;   ///< CAISSON_TEST_NOTHING: a static program that ends at once
  std::string attacker;  ///< CAISSON_TEST_ATTACKER: tests/guest/attacker.cpp
  std::string busybox;   ///< CAISSON_TEST_BUSYBOX: static, from Debian's busybox-static
  std::string debian;    ///< CAISSON_TEST_DEBIAN: a debootstrap tree with gcc and redis-server; empty = not made
  std::string source;    ///< the source tree
  static const Places& get();
};

/// How one call of caisson ended.
struct Ran {
  int code = -1;  ///< exit code; 128 + n when a signal ended it; -1: it did not end in time and was killed
  std::string out;
  std::string err;
  std::string out_path;  ///< a detached container goes on writing here
  std::string err_path;
};

/// How to call it.
struct How {
  std::string input;               ///< stdin's text; a file. Empty: /dev/null
  std::vector<std::string> env;    ///< added to PATH; "LISTEN_PID=self" has the new process's own pid
  std::string cwd;                 ///< default: the world's directory
  uid_t uid = 0;                   ///< not 0: as this user and group, without any other group
  double seconds = 30;             ///< after that (times patience()) it is killed and the code is -1
  std::map<int, int> descriptors;  ///< child's number -> ours; all else is closed
  bool closed_stdio = false;       ///< 0, 1 and 2 closed
  bool odd_signals = false;        ///< SIGCHLD, SIGPIPE and SIGUSR1 ignored, SIGTERM and SIGUSR2 blocked
  bool traced = false;             ///< stands at its first instruction, for kill_at_change()
  bool same_image = false;         ///< a seccomp filter keeps it from changing what the kernel calls its program
  bool global_root = true;         ///< pass --root
};

/// A bundle: its directory, its rootfs with /probe in it, its config.
class Bundle {
 public:
  std::string dir;
  std::string rootfs;
  std::string id;
  Json config;

  /// process.args = ["/probe", args...]
  Bundle& probe(const std::vector<std::string>& args);
  Bundle& args(const std::vector<std::string>& args);
  Bundle& set(const std::string& pointer, const std::string& json);
  Bundle& remove(const std::string& pointer);
  Bundle& set_cwd(const std::string& cwd);
  Bundle& without_namespace(const std::string& type);
  Bundle& add_namespace(const std::string& type, const std::string& path = "");
  Bundle& mount(const std::string& destination, const std::string& type, const std::string& source,
                const std::vector<std::string>& options);
  /// Writes config.json.
  void write() const;
  /// The value of `name` in process.env is `value`.
  Bundle& env(const std::string& name, const std::string& value);
};

class World {
 public:
  World();
  ~World();
  World(const World&) = delete;

  const std::string& dir() const { return dir_; }
  const std::string& root() const { return root_; }
  /// Unique on this machine: in the name of the directory, the cgroups and each process's environment.
  const std::string& mark() const { return mark_; }

  /// A bundle whose id is unique and whose cgroup is /<mark>/<id>. It runs `/probe` and has its own pid, mount, ipc,
  /// uts, network and cgroup namespaces.
  Bundle bundle(const std::string& name = "c");
  /// A bundle with busybox in its rootfs.
  Bundle busybox_bundle(const std::string& name = "c");
  /// May be run by `uid` alone: its tree and state belong to that user.
  void give_to(uid_t uid) const;

  /// caisson --root <root> ARGS
  Ran call(const std::vector<std::string>& args, const How& how = {}) const;
  /// The same, started and not waited for.
  pid_t start_call(const std::vector<std::string>& args, const How& how, Ran& files) const;
  Ran finish_call(pid_t pid, Ran files, double seconds) const;

  /// `run` in the foreground. Writes the bundle.
  Ran run(const Bundle& bundle, const std::vector<std::string>& flags = {}, const How& how = {}) const;
  /// `create`, then `start` for started().
  Ran create(const Bundle& bundle, const std::vector<std::string>& flags = {}, const How& how = {}) const;
  /// create + start, both of which must succeed; gives back create's files.
  Ran started(const Bundle& bundle, const std::vector<std::string>& flags = {}, const How& how = {}) const;
  /// `run` of the probe with these questions, which must end with 0: its report.
  Json report(Bundle bundle, const std::vector<std::string>& questions = {}, const How& how = {}) const;
  /// `exec` of the probe with these flags and questions: its report.
  Json exec_report(const Bundle& bundle, const std::vector<std::string>& flags = {},
                   const std::vector<std::string>& questions = {}) const;

  std::string status(const Bundle& bundle) const;
  int pid(const Bundle& bundle) const;
  Ran kill(const Bundle& bundle, const std::string& signal) const;
  Ran remove(const Bundle& bundle, bool force = false) const;

  /// Checks that no process, cgroup, mount or state directory of this world is there.
  void nothing_left() const;
  /// What nothing_left() would complain of.
  std::vector<std::string> leftovers() const;

 private:
  void sweep() const;

  std::string mark_, dir_, root_;
  mutable int calls_ = 0;
  int bundles_ = 0;
};

// Files and processes

std::string slurp(const std::string& path);
void spit(const std::string& path, const std::string& text, mode_t mode = 0644);
void make_dirs(const std::string& path);
bool exists(const std::string& path);
std::vector<std::string> names_in(const std::string& path);
/// Hard link, or copy across file systems.
void install(const std::string& from, const std::string& to);
/// How many times longer than on a machine of its own everything may take (CAISSON_TEST_PATIENCE): an emulated
/// processor is slow.
double patience();
/// Looks again every few milliseconds, because the other side is not caisson's to wait on.
bool eventually(const std::function<bool()>& condition, double seconds = 10);
bool alive(pid_t pid);
std::string trimmed(std::string text);
bool contains(const std::string& text, const std::string& part);
/// The host directory of a container's cgroup in the hierarchy that has `controller`; empty when there is none.
std::string cgroup_dir(const std::string& controller, const std::string& cgroups_path);
/// A file of that directory, trimmed.
std::string cgroup_value(const std::string& controller, const std::string& cgroups_path, const std::string& file);
bool cgroup_v2();

}  // namespace caisson::testing
